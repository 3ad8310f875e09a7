package tgpubsub

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cloud.google.com/go/pubsub/v2"

	"github.com/tghook/tghook"
)

// Config names what a [Queue] uses. A topic or a subscription is named by its id, or by its
// full name, such as projects/my-project/topics/updates.
type Config struct {
	// Topic gets the updates. It is required to publish. A process that only handles updates
	// needs none.
	Topic string
	// Subscription is a subscription of Topic with message ordering enabled. It is required to
	// handle updates. A process that only publishes needs none.
	Subscription string
	// DeadLetterTopic gets the dead letters. It is required with Subscription.
	DeadLetterTopic string
	// MaxMessages is how many updates the process holds at a time, handled or waiting. Other
	// processes do not get these. If zero, 1000.
	MaxMessages int
	// MaxBytes is how many bytes these updates have at most. If zero, 64 MiB.
	MaxBytes int
}

const (
	defaultMessages = 1000
	defaultBytes    = 64 << 20
)

// Queue is a [tghook.Queue] on Pub/Sub. Every method may be called concurrently.
type Queue struct {
	updates  *topic    // nil without Config.Topic
	letters  *topic    // nil without Config.Subscription
	receiver *receiver // nil without Config.Subscription
}

var _ tghook.Queue = (*Queue)(nil)

// New returns a Queue that uses client. It sends nothing. Close the Queue when Consume and the
// Webhook have ended, and then the client.
func New(client *pubsub.Client, cfg Config) (*Queue, error) {
	if err := cfg.check(client); err != nil {
		return nil, err
	}
	q := &Queue{}
	if cfg.Topic != "" {
		q.updates = newTopic(client, cfg.Topic)
	}
	if cfg.Subscription != "" {
		q.letters = newTopic(client, cfg.DeadLetterTopic)
		q.receiver = newReceiver(client, cfg, q.bury)
	}
	return q, nil
}

// check returns all mistakes.
func (cfg Config) check(client *pubsub.Client) error {
	var mistakes []error
	wrong := func(field, problem string) {
		mistakes = append(mistakes, &tghook.ConfigError{Field: field, Problem: problem})
	}
	if client == nil {
		wrong("tgpubsub.New", "the client is nil; give it one of pubsub.NewClient")
	}
	if cfg.Topic == "" && cfg.Subscription == "" {
		wrong("tgpubsub.Config", "Topic and Subscription are empty; set Topic to publish updates, Subscription to handle them, or both")
	}
	if cfg.Subscription != "" && cfg.DeadLetterTopic == "" {
		wrong("tgpubsub.Config.DeadLetterTopic", "it is empty; with Subscription, set it to a topic that gets the updates that are given up")
	}
	if cfg.DeadLetterTopic != "" && cfg.DeadLetterTopic == cfg.Topic {
		wrong("tgpubsub.Config.DeadLetterTopic", "it is the same as Topic; set it to a topic of its own")
	}
	if cfg.MaxMessages < 0 {
		wrong("tgpubsub.Config.MaxMessages", fmt.Sprintf("%d is negative; 0 means %d", cfg.MaxMessages, defaultMessages))
	}
	if cfg.MaxBytes < 0 {
		wrong("tgpubsub.Config.MaxBytes", fmt.Sprintf("%d is negative; 0 means %d", cfg.MaxBytes, defaultBytes))
	}
	return errors.Join(mistakes...)
}

// Close returns all updates that are not handled to Pub/Sub, so that other processes get them at
// once, and ends the goroutines of the Queue. It waits until the client has sent the rest of the
// messages and acknowledgements: up to 60 seconds if Pub/Sub does not answer. All leases end:
// Done then returns an error that wraps [tghook.ErrClaimLost]. The client stays open. Close may
// be called again.
func (q *Queue) Close() error {
	if q.receiver != nil {
		q.receiver.close()
		q.letters.close()
	}
	if q.updates != nil {
		q.updates.close()
	}
	return nil
}

// Publish implements [tghook.Queue]. It returns nil when Pub/Sub has the updates. It retries for
// up to 5 seconds, or until ctx ends. An update that is published twice is kept twice.
func (q *Queue) Publish(ctx context.Context, updates ...tghook.QueuedUpdate) error {
	if q.updates == nil {
		return errors.New("tgpubsub: Publish: Config.Topic is empty; set it to the topic that gets the updates")
	}
	if err := q.updates.publish(ctx, updateMessages(updates)...); err != nil {
		return fmt.Errorf("tgpubsub: Publish: %w", err)
	}
	return nil
}

// Take implements [tghook.Queue]. The first call opens the stream of messages. Its lease is also
// how long Pub/Sub waits for a process that has crashed, but at least 10 seconds and at most 10
// minutes. If the stream has ended with an error, one call returns it, and the next call opens
// the stream again.
func (q *Queue) Take(ctx context.Context, bot int64, limit int, lease time.Duration) ([]tghook.QueuedUpdate, error) {
	if err := q.receives("Take"); err != nil {
		return nil, err
	}
	return q.receiver.take(ctx, bot, limit, lease)
}

// Renew implements [tghook.Queue]. It sends nothing: the client extends deadlines by itself.
func (q *Queue) Renew(_ context.Context, updates []tghook.QueuedUpdate, lease time.Duration) (lost []tghook.Key, err error) {
	if err := q.receives("Renew"); err != nil {
		return nil, err
	}
	return q.receiver.renew(updates, lease), nil
}

// Done implements [tghook.Queue]. With exactly-once delivery it returns nil when Pub/Sub has
// removed the update. Without it, the client sends the acknowledgement within a second, and the
// acknowledgement may get lost.
func (q *Queue) Done(ctx context.Context, u tghook.QueuedUpdate) error {
	if err := q.receives("Done"); err != nil {
		return err
	}
	return failed("Done", u, q.receiver.end(ctx, u, byDone))
}

// Fail implements [tghook.Queue]. This process keeps the count and the note, until the update
// ends or goes to another process.
func (q *Queue) Fail(_ context.Context, u tghook.QueuedUpdate, note []byte) error {
	if err := q.receives("Fail"); err != nil {
		return err
	}
	return failed("Fail", u, q.receiver.fail(u, note))
}

// Bury implements [tghook.Queue]. It publishes the update to Config.DeadLetterTopic, and then
// removes it as Done does. After a failure between the two, there may be two dead letters. Bury
// keeps the first 1024 bytes of why. See [ReadDeadLetter].
func (q *Queue) Bury(ctx context.Context, u tghook.QueuedUpdate, why string) error {
	if err := q.receives("Bury"); err != nil {
		return err
	}
	held, err := q.receiver.holds(u, byBury)
	if held {
		err = q.bury(ctx, letterMessage(u, why))
	}
	if err == nil {
		err = q.receiver.end(ctx, u, byBury)
	}
	return failed("Bury", u, err)
}

// bury publishes a dead letter.
func (q *Queue) bury(ctx context.Context, letter *pubsub.Message) error {
	if err := q.letters.publish(ctx, letter); err != nil {
		return fmt.Errorf("publish to Config.DeadLetterTopic: %w", err)
	}
	return nil
}

// Return implements [tghook.Queue]. The updates stay with this process, whose Take returns them
// again. So their lanes keep their order. Other processes get them after Close, or after a crash
// of this process.
func (q *Queue) Return(_ context.Context, updates []tghook.QueuedUpdate) error {
	if err := q.receives("Return"); err != nil {
		return err
	}
	q.receiver.giveBack(updates)
	return nil
}

func (q *Queue) receives(method string) error {
	if q.receiver == nil {
		return fmt.Errorf("tgpubsub: %s: Config.Subscription is empty; set it to a subscription of the topic that gets the updates", method)
	}
	return nil
}

func failed(method string, u tghook.QueuedUpdate, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("tgpubsub: %s of update %d of bot %d: %w", method, u.Key.ID, u.Key.Bot, err)
}
