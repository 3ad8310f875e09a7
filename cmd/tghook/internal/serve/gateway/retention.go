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
	pruneEach = time.Minute
	buryEach  = 10 * time.Minute // between two looks at the dead letters
	fewer     = 100              // dead letters that are read at once
)

// tidy removes what was kept long enough, until ctx ends.
func (g *Gateway) tidy(ctx context.Context) {
	var looked time.Time
	every(ctx, pruneEach, func() {
		if g.cfg.File.History.On {
			if err := g.cfg.Storage.Prune(ctx, g.cfg.File.History.Retention); err != nil && ctx.Err() == nil {
				g.cfg.Logger.Warn("the history cannot be shortened", slog.Any("error", err))
			}
		}
		if time.Since(looked) < buryEach || !g.keeper.isHere() {
			return
		}
		looked = time.Now()
		for _, b := range g.all() {
			for _, t := range b.targets {
				if err := t.tidy(ctx, g.keepLetters()); err != nil && ctx.Err() == nil {
					b.log.Warn("old dead letters cannot be removed", slog.Any("error", err))
				}
			}
		}
	})
}

func (g *Gateway) keepLetters() config.Retention {
	g.changing.Lock()
	defer g.changing.Unlock()
	return g.file.DeadLetters
}

// tidy removes dead letters that are too old, and the oldest ones if all take too much room.
func (t *target) tidy(ctx context.Context, keep config.Retention) error {
	if keep.Age == 0 && keep.MaxSize == 0 {
		return nil
	}
	all, size, err := t.letters(ctx)
	if err != nil {
		return err
	}
	for _, l := range all {
		old := keep.Age != 0 && time.Since(l.buried) > keep.Age
		large := keep.MaxSize != 0 && size > keep.MaxSize
		if !old && !large {
			break
		}
		err := t.bot.gateway.cfg.Storage.Queue().Discard(ctx, tghook.Key{Bot: t.id, ID: l.id})
		if err != nil && !errors.Is(err, tghook.ErrNoDeadLetter) {
			return err
		}
		size -= l.size
	}
	return nil
}

// letter is a dead letter without its contents.
type letter struct {
	id, size int64
	buried   time.Time
}

// letters returns the dead letters of a target, from the oldest on, and their size together.
func (t *target) letters(ctx context.Context) (all []letter, size int64, err error) {
	after := int64(math.MinInt64)
	for {
		some, err := t.bot.gateway.cfg.Storage.Queue().DeadLetters(ctx, t.id, after, fewer)
		if err != nil {
			return nil, 0, err
		}
		for _, l := range some {
			all = append(all, letter{l.Key.ID, int64(len(l.Raw)), l.Buried})
			size += int64(len(l.Raw))
			after = l.Key.ID
		}
		if len(some) < fewer {
			slices.SortFunc(all, func(a, b letter) int { return a.buried.Compare(b.buried) })
			return all, size, nil
		}
	}
}
