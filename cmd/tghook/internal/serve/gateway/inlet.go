package gateway

import (
	"context"
	"errors"
	"fmt"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/storage"
)

// inlet is the handler by which a bot's updates go into the queue. It succeeds when all targets
// that take the update have it in the storage.
type inlet struct {
	tghook.Handler // the publisher

	bot *bot
}

func newInlet(b *bot) (*inlet, error) {
	i := &inlet{bot: b}
	publisher, err := tghook.NewPublisher(&fanOut{b.gateway.cfg.Storage.Queue(), b}, tghook.DispatchConfig{Bot: b.cfg.ID})
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

// deadLetter keeps what the door gives up, such as an update without a kind, in the queue of the
// bot's own URL. There it becomes a dead letter that can be seen.
func (i *inlet) deadLetter(ctx context.Context, u *tghook.Update, _ error) error {
	key := tghook.Key{Bot: i.bot.targets[0].id, ID: u.ID}
	return i.bot.gateway.cfg.Storage.Queue().Publish(ctx, tghook.QueuedUpdate{Key: key, Raw: u.Raw})
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

// Publish implements [tghook.Queue].
func (f *fanOut) Publish(ctx context.Context, updates ...tghook.QueuedUpdate) error {
	var all []tghook.QueuedUpdate
	for _, u := range updates {
		parsed, err := tghook.ParseUpdate(u.Raw)
		if err != nil {
			return err
		}
		for _, t := range f.bot.targets {
			if !t.takes(parsed.Kind) {
				continue
			}
			if most := f.bot.cfg.MaxPending; !t.admit(1, most) {
				return fmt.Errorf("%w (%d; max_pending of the bot %s)", errFull, most, f.bot.cfg.Name)
			}
			u.Key.Bot = t.id
			all = append(all, u)
		}
	}
	return f.Queue.Publish(ctx, all...)
}
