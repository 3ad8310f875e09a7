// RabbitMQ brings updates through RabbitMQ: it receives webhooks, and it handles updates. Start it
// as often as you like. It needs TELEGRAM_TOKEN and RABBITMQ_URL, such as
// amqp://user:password@rabbitmq:5672/. With TELEGRAM_WEBHOOK_URL updates come by webhook, else
// by long poll: see [tghook.FromEnv].
package main

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	wm "github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-amqp/v3/pkg/amqp"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/examples/echo"
	"github.com/tghook/tghook/examples/watermill"
)

const (
	// queues is how many updates are handled at once, in all processes together. It must not
	// change while there are updates, because each lane has its queue.
	queues      = 8
	deadLetters = "updates-dead"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cfg, err := tghook.FromEnv()
	if err == nil {
		err = run(ctx, cfg, os.Getenv("RABBITMQ_URL"), echo.Bot, nil)
	}
	if err != nil {
		log.Fatal(err) //nolint:gocritic // stop has nothing to undo
	}
}

// run receives updates and handles them until ctx ends. A store that all processes share keeps
// an update from being handled twice.
func run(ctx context.Context, cfg tghook.RunConfig, url string, h tghook.Handler, store tghook.Store) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	client, err := tghook.NewClient(cfg.Token, cfg.Client)
	if err != nil {
		return err
	}
	publisher, err := newPublisher(url)
	if err != nil {
		return err
	}
	receiver, err := watermill.NewPublisher(publisher, queueOf, tghook.DispatchConfig{Bot: client.Bot()})
	if err != nil {
		return errors.Join(err, publisher.Close())
	}
	worked := make(chan error, 1)
	go func() {
		defer stop()
		worked <- work(ctx, url, publisher, h, tghook.DispatchConfig{Bot: client.Bot(), Store: store, Caller: client, AlwaysCall: true})
	}()
	err = tghook.Run(ctx, receiver, cfg)
	stop()
	return errors.Join(err, <-worked, publisher.Close())
}

// work handles updates until ctx ends.
func work(ctx context.Context, url string, letters message.Publisher, h tghook.Handler, cfg tghook.DispatchConfig) error {
	subscriber, err := amqp.NewSubscriber(config(url), logger())
	if err != nil {
		return err
	}
	cfg.DeadLetter = watermill.DeadLetters(letters, deadLetters, cfg.Bot)
	return watermill.Consume(ctx, subscriber, queueNames(), h, cfg)
}

// queueOf returns the queue of a lane.
func queueOf(lane string) string {
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(lane)) // it never fails
	return queueName(sum.Sum32() % queues)
}

func queueName(i uint32) string { return fmt.Sprint("updates-", i) }

func queueNames() []string {
	names := make([]string, queues)
	for i := range names {
		names[i] = queueName(uint32(i))
	}
	return names
}

// config has the consumers of the queues. Each has one message at a time.
func config(url string) amqp.Config {
	cfg := amqp.NewDurableQueueConfig(url)
	cfg.Queue.Arguments = queueArguments()
	cfg.Consume.Qos.PrefetchCount = 1
	return cfg
}

func logger() wm.LoggerAdapter { return wm.NewSlogLogger(slog.Default()) }
