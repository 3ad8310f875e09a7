// Kafka brings updates through Apache Kafka: it receives webhooks, and it handles updates. Start
// it as often as you like. It needs TELEGRAM_TOKEN and KAFKA_BROKERS, such as
// kafka1:9092,kafka2:9092, and the topics updates and updates-dead. With TELEGRAM_WEBHOOK_URL
// updates come by webhook, else by long poll: see [tghook.FromEnv].
package main

import (
	"context"
	"errors"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/IBM/sarama"
	wm "github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/examples/echo"
	"github.com/tghook/tghook/examples/watermill"
)

const (
	topic       = "updates"
	deadLetters = "updates-dead"
	group       = "workers"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cfg, err := tghook.FromEnv()
	if err == nil {
		err = run(ctx, cfg, strings.Split(os.Getenv("KAFKA_BROKERS"), ","), echo.Bot, nil)
	}
	if err != nil {
		log.Fatal(err) //nolint:gocritic // stop has nothing to undo
	}
}

// run receives updates and handles them until ctx ends. A store that all processes share keeps
// an update from being handled twice.
func run(ctx context.Context, cfg tghook.RunConfig, brokers []string, h tghook.Handler, store tghook.Store) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	client, err := tghook.NewClient(cfg.Token, cfg.Client)
	if err != nil {
		return err
	}
	publisher, err := newPublisher(brokers)
	if err != nil {
		return err
	}
	receiver, err := watermill.NewPublisher(publisher, func(string) string { return topic }, tghook.DispatchConfig{Bot: client.Bot()})
	if err != nil {
		return errors.Join(err, publisher.Close())
	}
	worked := make(chan error, 1)
	go func() {
		defer stop()
		worked <- work(ctx, brokers, publisher, h, tghook.DispatchConfig{Bot: client.Bot(), Store: store, Caller: client, AlwaysCall: true})
	}()
	err = tghook.Run(ctx, receiver, cfg)
	stop()
	return errors.Join(err, <-worked, publisher.Close())
}

// work handles updates until ctx ends.
func work(ctx context.Context, brokers []string, letters message.Publisher, h tghook.Handler, cfg tghook.DispatchConfig) error {
	subscriber, err := newSubscriber(brokers)
	if err != nil {
		return err
	}
	cfg.DeadLetter = watermill.DeadLetters(letters, deadLetters, cfg.Bot)
	return watermill.Consume(ctx, subscriber, []string{topic}, h, cfg)
}

// newPublisher publishes when all brokers that are in sync have the update. The updates of a
// lane go to one partition. The producer is idempotent: Kafka keeps a repeated message once, and in
// order.
func newPublisher(brokers []string) (*kafka.Publisher, error) {
	cfg := kafka.DefaultSaramaSyncPublisherConfig()
	cfg.Version = sarama.V2_4_0_0
	cfg.Producer.RequiredAcks = sarama.WaitForAll
	cfg.Producer.Idempotent = true
	cfg.Net.MaxOpenRequests = 1 // of an idempotent producer
	return kafka.NewPublisher(kafka.PublisherConfig{
		Brokers:               brokers,
		Marshaler:             kafka.NewWithPartitioningMarshaler(func(_ string, m *message.Message) (string, error) { return watermill.LaneOf(m), nil }),
		OverwriteSaramaConfig: cfg,
	}, logger())
}

// newSubscriber is a member of the group. It hands out one message of each of its partitions at
// a time, and commits each when it is acknowledged.
func newSubscriber(brokers []string) (*kafka.Subscriber, error) {
	cfg := kafka.DefaultSaramaSubscriberConfig()
	cfg.Version = sarama.V2_7_0_0                      // the client cannot read an answer of an older kind in which a partition has nothing
	cfg.Consumer.Offsets.Initial = sarama.OffsetOldest // else a new group loses what came before it
	cfg.Consumer.Offsets.AutoCommit.Enable = false
	return kafka.NewSubscriber(kafka.SubscriberConfig{
		Brokers:               brokers,
		Unmarshaler:           kafka.DefaultMarshaler{},
		OverwriteSaramaConfig: cfg,
		ConsumerGroup:         group,
	}, logger())
}

func logger() wm.LoggerAdapter { return wm.NewSlogLogger(slog.Default()) }
