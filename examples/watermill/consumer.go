package watermill

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/tghook/tghook"
)

// drainTime is how long Consume waits for handlers when its context has ended.
const drainTime = 8 * time.Second

// Consume handles the messages of NewPublisher until ctx ends. A message is acknowledged when
// its handler has succeeded and its reply was sent, or when it has become a dead letter. Until
// then Consume retries it, and the messages behind it wait, which keeps the order. So s must hand
// out one message of a partition or queue at a time. Consume closes s.
//
// cfg needs DeadLetter, and AlwaysCall, because a message has no response for a reply.
func Consume(ctx context.Context, s message.Subscriber, topics []string, h tghook.Handler, cfg tghook.DispatchConfig) error {
	if cfg.DeadLetter == nil {
		return errors.New("watermill: DispatchConfig.DeadLetter is nil; set it, because the broker does not keep updates that are given up")
	}
	d, err := tghook.NewDispatcher(h, cfg)
	if err != nil {
		return err
	}
	subscribed, unsubscribe := context.WithCancel(context.WithoutCancel(ctx)) // handlers that run end first
	defer unsubscribe()
	var all sync.WaitGroup
	for _, topic := range topics {
		messages, err := s.Subscribe(subscribed, topic)
		if err != nil {
			return errors.Join(err, s.Close())
		}
		all.Go(func() {
			for m := range messages {
				if m.UUID == "" && len(m.Payload) == 0 { // the subscriber of AMQP has lost its connection
					m.Nack()
					continue
				}
				all.Go(func() { handle(ctx, d, cfg, m) })
			}
		})
	}
	<-ctx.Done()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	err = errors.Join(d.Shutdown(last), s.Close())
	all.Wait()
	return err
}

// handle tries a message until it is acknowledged, or until ctx ends. Then another worker gets
// it.
func handle(ctx context.Context, d *tghook.Dispatcher, cfg tghook.DispatchConfig, m *message.Message) {
	u, broken := tghook.ParseUpdate(m.Payload)
	for wait := time.Second; ; wait = min(2*wait, time.Minute) {
		var err error
		if broken == nil {
			_, err = d.Do(context.WithoutCancel(ctx), u)
		} else { // somebody else has published it
			err = cfg.DeadLetter(ctx, &tghook.Update{Raw: json.RawMessage(m.Payload)}, broken)
		}
		if err == nil {
			m.Ack()
			return
		}
		delay, ok := tghook.RetryDelay(err)
		if !ok {
			delay = wait
		}
		select {
		case <-time.After(delay):
		case <-ctx.Done():
			m.Nack()
			return
		}
	}
}
