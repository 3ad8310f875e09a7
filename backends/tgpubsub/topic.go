package tgpubsub

import (
	"context"
	"errors"
	"sync"
	"time"

	"cloud.google.com/go/pubsub/v2"
)

const (
	// publishTime is how long the client tries to publish a message.
	publishTime = 5 * time.Second
	// delay is how long a message waits for others that share its request.
	delay = time.Millisecond
)

// topic publishes to a topic of Pub/Sub, in order.
type topic struct {
	publisher *pubsub.Publisher
	late      sync.WaitGroup // results for which nobody waits any more
}

func newTopic(client *pubsub.Client, name string) *topic {
	p := client.Publisher(name)
	p.EnableMessageOrdering = true
	p.PublishSettings.DelayThreshold = delay
	p.PublishSettings.Timeout = publishTime
	p.PublishSettings.FlowControlSettings = pubsub.FlowControlSettings{
		MaxOutstandingMessages: defaultMessages,
		MaxOutstandingBytes:    defaultBytes,
		LimitExceededBehavior:  pubsub.FlowControlBlock,
	}
	return &topic{publisher: p}
}

// publish returns nil when Pub/Sub has the messages. It sends the messages of one ordering key one
// after the other, so that Pub/Sub has none without those before it. It sends different keys
// concurrently.
func (t *topic) publish(ctx context.Context, messages ...*pubsub.Message) error {
	var failures []error
	for rows := byKey(messages); len(rows) > 0; {
		results := make([]*pubsub.PublishResult, len(rows))
		for i, row := range rows {
			results[i] = t.publisher.Publish(ctx, row[0])
		}
		left := rows[:0]
		for i, row := range rows {
			if err := t.result(ctx, row[0].OrderingKey, results[i]); err != nil {
				failures = append(failures, err)
			} else if len(row) > 1 {
				left = append(left, row[1:])
			}
		}
		rows = left
	}
	return errors.Join(failures...)
}

// byKey returns messages by ordering key. A message without a key is alone.
func byKey(messages []*pubsub.Message) [][]*pubsub.Message {
	var rows [][]*pubsub.Message
	places := make(map[string]int)
	for _, m := range messages {
		place, ok := places[m.OrderingKey]
		if !ok || m.OrderingKey == "" {
			place = len(rows)
			places[m.OrderingKey] = place
			rows = append(rows, nil)
		}
		rows[place] = append(rows[place], m)
	}
	return rows
}

// result waits for the result of a message. After a failure the client refuses the key until
// ResumePublish, also if the failure comes after ctx has ended.
func (t *topic) result(ctx context.Context, key string, result *pubsub.PublishResult) error {
	select {
	case <-result.Ready():
		return t.settle(key, result)
	case <-ctx.Done():
		t.late.Go(func() { _ = t.settle(key, result) })
		return context.Cause(ctx)
	}
}

// settle waits until the client has published a message, or has given up.
func (t *topic) settle(key string, result *pubsub.PublishResult) error {
	_, err := result.Get(context.Background())
	if err != nil {
		t.publisher.ResumePublish(key)
	}
	return err
}

// close sends the rest of the messages.
func (t *topic) close() {
	t.publisher.Stop()
	t.late.Wait()
}
