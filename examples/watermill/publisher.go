package watermill

import (
	"context"
	"fmt"
	"strconv"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/tghook/tghook"
)

// The metadata of a message. The payload is the update as Telegram sent it.
const (
	laneMetadata = "lane"
	whyMetadata  = "why" // of a dead letter: why it was given up
)

// NewPublisher returns a Handler that publishes each update. It succeeds when the broker has
// the update, if p waits for that. Until then Telegram is answered 503, and delivers the update
// again. topic returns the topic of a lane, such as chat:7.
func NewPublisher(p message.Publisher, topic func(lane string) string, cfg tghook.DispatchConfig) (tghook.Handler, error) {
	return tghook.NewPublisher(broker{publisher: p, topic: topic}, cfg)
}

// broker is a tghook.Queue with only Publish, because NewPublisher calls no other method.
type broker struct {
	tghook.Queue

	publisher message.Publisher
	topic     func(lane string) string
}

// Publish implements [tghook.Queue].
func (b broker) Publish(ctx context.Context, updates ...tghook.QueuedUpdate) error {
	for _, u := range updates {
		m := message.NewMessage(fmt.Sprintf("%d-%d", u.Key.Bot, u.Key.ID), message.Payload(u.Raw))
		m.SetContext(ctx)
		m.Metadata.Set(laneMetadata, u.Lane)
		if err := b.publisher.Publish(b.topic(u.Lane), m); err != nil {
			return err
		}
	}
	return nil
}

// LaneOf returns the lane of an update that NewPublisher has published. Updates without a lane
// are spread over all partitions.
func LaneOf(m *message.Message) string {
	if lane := m.Metadata.Get(laneMetadata); lane != "" {
		return lane
	}
	return m.UUID
}

// DeadLetters returns a function for DispatchConfig.DeadLetter that publishes dead letters to a
// topic.
func DeadLetters(p message.Publisher, topic string, bot int64) func(context.Context, *tghook.Update, error) error {
	return func(ctx context.Context, u *tghook.Update, why error) error {
		m := message.NewMessage(strconv.FormatInt(bot, 10)+"-"+strconv.FormatInt(u.ID, 10), message.Payload(u.Raw))
		m.SetContext(ctx)
		m.Metadata.Set(whyMetadata, why.Error())
		return p.Publish(topic, m)
	}
}
