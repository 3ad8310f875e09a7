package gateway

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/storage"
	"github.com/tghook/tghook/internal/guard"
)

// inlet is the handler by which a bot's updates go into the queue. It succeeds when all targets
// that take the update have it in the storage.
type inlet struct {
	tghook.Handler // the publisher

	bot   *bot
	queue tghook.Queue
}

// publishTime is how long the queue may take to keep an update. A publisher has the same time.
const publishTime = 5 * time.Second

func newInlet(b *bot) (*inlet, error) {
	i := &inlet{bot: b, queue: b.gateway.cfg.Storage.Queue()}
	publisher, err := tghook.NewPublisher(&fanOut{i.queue, b}, tghook.DispatchConfig{Bot: b.cfg.ID})
	i.Handler = publisher
	return i, err
}

// dispatch has the settings of the bot's door.
func (i *inlet) dispatch() tghook.DispatchConfig {
	return tghook.DispatchConfig{
		Bot: i.bot.cfg.ID, Logger: i.bot.log,
		DeadLetter: i.deadLetter,
		Observe: func(_ context.Context, d tghook.Delivery) {
			outcome := d.Outcome
			if errors.Is(d.Err, errFull) || errors.Is(d.Err, storage.ErrFull) {
				outcome = Full
			}
			i.bot.gateway.cfg.Meter.Received(i.bot.cfg.Name, outcome)
		},
	}
}

// deadLetter keeps an update that the door gives up. One without a kind goes into the queue of the
// bot's own URL, where it becomes a dead letter that can be seen. Any other, such as a query that a
// poll could not publish for long, is published once more. If that fails, it is given up later.
// deadLetter returns in time, because a poll would log an update whose dead letter does not end.
func (i *inlet) deadLetter(ctx context.Context, u *tghook.Update, _ error) error {
	if u.Kind != "" {
		_, err := i.HandleUpdate(ctx, u)
		return err
	}
	key := tghook.Key{Bot: i.bot.targets[0].id, ID: u.ID}
	if key.ID == 0 { // it may have none
		key.ID = madeID(u.Raw)
	}
	ctx, cancel := context.WithTimeout(ctx, publishTime)
	defer cancel()
	return guard.Within(publishTime, func() error {
		return i.queue.Publish(ctx, tghook.QueuedUpdate{Key: key, Raw: u.Raw})
	})
}

// fanOut is the Queue of a publisher: it publishes each update for all targets that take it, at
// once.
type fanOut struct {
	tghook.Queue

	bot *bot
}

// Full is the outcome of an update that is refused because too many wait for the bot, or because
// the storage is full.
const Full tghook.Outcome = "full"

var errFull = errors.New("too many updates wait for the bot")

// Publish implements [tghook.Queue]. If the queue of a URL is full, no URL gets the update.
func (f *fanOut) Publish(ctx context.Context, updates ...tghook.QueuedUpdate) error {
	all, takes, err := f.expand(ctx, updates)
	if err == nil {
		err = f.Queue.Publish(ctx, all...)
	}
	for _, t := range takes {
		t.backlog.release(err == nil)
	}
	return err
}

// expand returns the updates for each target, and the targets that have room reserved.
func (f *fanOut) expand(ctx context.Context, updates []tghook.QueuedUpdate) (all []tghook.QueuedUpdate, takes []*target, err error) {
	for _, u := range updates {
		parsed, err := tghook.ParseUpdate(u.Raw)
		if err != nil {
			return nil, takes, err
		}
		for _, t := range f.bot.targets {
			if !t.takes(parsed.Kind) {
				continue
			}
			if most := f.bot.cfg.MaxPending; !t.backlog.reserve(ctx, most) {
				return nil, takes, fmt.Errorf("%w (%d; max_pending of the bot %s)", errFull, most, f.bot.cfg.Name)
			}
			u.Key.Bot = t.id
			all, takes = append(all, u), append(takes, t)
		}
	}
	return all, takes, nil
}
