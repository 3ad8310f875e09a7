package gateway

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"slices"
	"time"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/config"
)

const (
	pruneEach   = time.Minute
	lettersEach = 10 * time.Minute // between two looks at the dead letters
	lettersPage = 20               // dead letters that are read at once
)

// tidy removes what was kept long enough, until ctx ends.
func (g *Gateway) tidy(ctx context.Context) {
	g.prune(ctx)
	looked := time.Now()
	every(ctx, pruneEach, func() {
		g.prune(ctx)
		if time.Since(looked) < lettersEach || !g.keeper.isHere() {
			return
		}
		looked = time.Now()
		if err := g.tidyLetters(ctx); err != nil && ctx.Err() == nil {
			g.cfg.Logger.Warn("old dead letters cannot be removed", slog.Any("error", err))
		}
	})
}

// prune shortens the history. If the configuration has none, prune removes what an earlier one has
// left.
func (g *Gateway) prune(ctx context.Context) {
	keep := g.cfg.File.History.Retention
	if !g.cfg.File.History.On {
		keep = config.Retention{Age: time.Nanosecond}
	}
	if err := g.cfg.Storage.Prune(ctx, keep); err != nil && ctx.Err() == nil {
		g.cfg.Logger.Warn("the history cannot be shortened", slog.Any("error", err))
	}
}

// letter is a dead letter without its contents.
type letter struct {
	key    tghook.Key
	size   int64
	buried time.Time
}

// tidyLetters removes dead letters that are too old. If those of all bots take too much room
// together, it removes the oldest ones.
func (g *Gateway) tidyLetters(ctx context.Context) error {
	g.changing.Lock()
	keep := g.file.DeadLetters
	g.changing.Unlock()
	if keep.Age == 0 && keep.MaxSize == 0 {
		return nil
	}
	all, err := g.letters(ctx)
	if err != nil {
		return err
	}
	size := int64(0)
	for _, l := range all {
		size += l.size
	}
	for _, l := range all {
		old := keep.Age != 0 && time.Since(l.buried) > keep.Age
		large := keep.MaxSize != 0 && size > keep.MaxSize
		if !old && !large {
			break
		}
		if err := g.cfg.Storage.Queue().Discard(ctx, l.key); err != nil && !errors.Is(err, tghook.ErrNoDeadLetter) {
			return err
		}
		size -= l.size
	}
	return nil
}

// letters returns the dead letters of all bots, from the oldest on.
func (g *Gateway) letters(ctx context.Context) (all []letter, err error) {
	for _, b := range g.all() {
		for _, t := range b.targets {
			if all, err = t.appendLetters(ctx, all); err != nil {
				return nil, err
			}
		}
	}
	slices.SortFunc(all, func(a, b letter) int { return a.buried.Compare(b.buried) })
	return all, nil
}

// appendLetters adds the dead letters of a target.
func (t *target) appendLetters(ctx context.Context, all []letter) ([]letter, error) {
	after := int64(math.MinInt64)
	for {
		some, err := t.bot.gateway.cfg.Storage.Queue().DeadLetters(ctx, t.id, after, lettersPage)
		if err != nil {
			return nil, err
		}
		for _, l := range some {
			all = append(all, letter{l.Key, int64(len(l.Raw)), l.Buried})
			after = l.Key.ID
		}
		if len(some) < lettersPage {
			return all, nil
		}
	}
}
