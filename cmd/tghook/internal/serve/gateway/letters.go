package gateway

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"

	"github.com/tghook/tghook"
)

// DeadLetters returns dead letters of a target, as [tghook.Letters] does.
func (g *Gateway) DeadLetters(ctx context.Context, name, target string, after int64, limit int) ([]tghook.DeadLetter, error) {
	t, err := g.findTarget(name, target)
	if err != nil {
		return nil, err
	}
	return g.cfg.Storage.Queue().DeadLetters(ctx, t.id, after, limit)
}

func (g *Gateway) findTarget(name, target string) (*target, error) {
	b, err := g.find(name)
	if err != nil {
		return nil, err
	}
	return b.target(target)
}

// Replay puts a dead letter back into its lane. If edited is not nil, it takes the place of the
// update. If there is no such dead letter, the error wraps [tghook.ErrNoDeadLetter]. If edited is
// no update, it wraps [ErrNoUpdate].
func (g *Gateway) Replay(ctx context.Context, name, target string, id int64, edited json.RawMessage) error {
	t, err := g.findTarget(name, target)
	if err != nil {
		return err
	}
	key := tghook.Key{Bot: t.id, ID: id}
	if edited == nil {
		return g.cfg.Storage.Queue().PutBack(ctx, key)
	}
	letters, err := g.cfg.Storage.Queue().DeadLetters(ctx, t.id, id-1, 1)
	if err != nil {
		return err
	}
	if len(letters) == 0 || letters[0].Key != key {
		return tghook.ErrNoDeadLetter
	}
	// The edited update comes first, so that a crash loses nothing. If the same is asked twice, it
	// is published once.
	if err := t.send(ctx, edited, madeID(fmt.Appendf(nil, "%d %s", id, edited))); err != nil {
		return err
	}
	return g.cfg.Storage.Queue().Discard(ctx, key)
}

// Discard removes a dead letter.
func (g *Gateway) Discard(ctx context.Context, name, target string, id int64) error {
	t, err := g.findTarget(name, target)
	if err != nil {
		return err
	}
	return g.cfg.Storage.Queue().Discard(ctx, tghook.Key{Bot: t.id, ID: id})
}

// Send posts an update to a target once more, behind what waits in its lane. If the update is
// none, the error wraps [ErrNoUpdate].
func (g *Gateway) Send(ctx context.Context, name, target string, update json.RawMessage) error {
	t, err := g.findTarget(name, target)
	if err != nil {
		return err
	}
	return t.send(ctx, update, madeID([]byte(rand.Text())))
}

// ErrNoUpdate says that something is no update.
var ErrNoUpdate = errors.New("this is not an update: give a JSON object with an integer update_id and an object of a kind, such as message")

// send publishes an update under a key of its own, because the queue keeps each key once.
func (t *target) send(ctx context.Context, raw json.RawMessage, id int64) error {
	u, err := tghook.ParseUpdate(compact(raw))
	if err != nil {
		return fmt.Errorf("%w (%w)", ErrNoUpdate, err)
	}
	publisher, err := tghook.NewPublisher(&again{t.bot.gateway.cfg.Storage.Queue(), tghook.Key{Bot: t.id, ID: id}}, tghook.DispatchConfig{Bot: t.bot.cfg.ID})
	if err != nil {
		return err
	}
	_, err = publisher.HandleUpdate(ctx, u)
	return err
}

var beginning = regexp.MustCompile(`^\{"update_id":\d+,`)

// compact writes an update as Telegram does: without spaces, and with a new line after its id. If
// the update is not JSON, compact returns it as it is.
func compact(raw []byte) []byte {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return raw
	}
	at := beginning.FindIndex(b.Bytes())
	if at == nil {
		return b.Bytes()
	}
	return slices.Insert(b.Bytes(), at[1], '\n')
}

// madeID returns an id for an update in the queue that does not have its own there. The ids of
// Telegram's updates are lower.
func madeID(from []byte) int64 {
	sum := sha256.Sum256(from)
	return int64(binary.BigEndian.Uint64(sum[:8])>>3 | 1<<61) //nolint:gosec // it fits
}

// again is the Queue of a publisher of an update that was published before.
type again struct {
	tghook.Queue

	key tghook.Key
}

// Publish implements [tghook.Queue].
func (a *again) Publish(ctx context.Context, updates ...tghook.QueuedUpdate) error {
	for i := range updates {
		updates[i].Key = a.key
	}
	return a.Queue.Publish(ctx, updates...)
}
