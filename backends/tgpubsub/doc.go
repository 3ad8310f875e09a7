// Package tgpubsub is a [tghook.Queue] on Google Cloud Pub/Sub: Telegram is answered when Pub/Sub
// has the update, and any number of processes handle the updates. The ordering key of an update
// is its bot and lane, so the updates of a chat are handled one after the other.
//
//	package main
//
//	import (
//		"context"
//		"errors"
//		"log"
//		"os"
//		"os/signal"
//		"syscall"
//
//		"cloud.google.com/go/pubsub/v2"
//
//		"github.com/tghook/tghook"
//		"github.com/tghook/tghook/backends/tgpubsub"
//	)
//
//	func main() {
//		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
//		err := run(ctx)
//		stop()
//		if err != nil {
//			log.Fatal(err)
//		}
//	}
//
//	func run(ctx context.Context) error {
//		ctx, stop := context.WithCancel(ctx)
//		defer stop()
//		// The client must outlive ctx: Close of the Queue needs it.
//		client, err := pubsub.NewClient(context.WithoutCancel(ctx), pubsub.DetectProjectID)
//		if err != nil {
//			return err
//		}
//		queue, err := tgpubsub.New(client, tgpubsub.Config{
//			Topic:           "updates",
//			Subscription:    "updates",
//			DeadLetterTopic: "dead-letters",
//		})
//		if err != nil {
//			return errors.Join(err, client.Close())
//		}
//		telegram, err := tghook.NewClient(os.Getenv("TELEGRAM_TOKEN"), tghook.ClientConfig{})
//		if err != nil {
//			return errors.Join(err, queue.Close(), client.Close())
//		}
//		dispatch := tghook.DispatchConfig{
//			Bot:    telegram.Bot(),
//			Caller: telegram,
//			Store:  nil, // set one: see Duplicates
//		}
//		publisher, err := tghook.NewPublisher(queue, dispatch)
//		if err != nil {
//			return errors.Join(err, queue.Close(), client.Close())
//		}
//		consumed := make(chan error, 1)
//		go func() {
//			defer stop()
//			consumed <- tghook.Consume(ctx, queue, tghook.HandlerFunc(hello), tghook.ConsumeConfig{Dispatch: dispatch})
//		}()
//		err = tghook.Run(ctx, publisher, tghook.RunConfig{
//			Token: os.Getenv("TELEGRAM_TOKEN"),
//			URL:   os.Getenv("TELEGRAM_URL"), // such as https://bot.example.org/telegram; without it, Run polls
//		})
//		stop()
//		return errors.Join(err, <-consumed, queue.Close(), client.Close())
//	}
//
//	func hello(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
//		if u.Kind != tghook.KindMessage {
//			return tghook.NoReply, nil
//		}
//		return tghook.Reply{Method: "sendMessage", Params: map[string]any{
//			"chat_id": u.ChatID, "text": "Hello!",
//		}}, nil
//	}
//
// Create the topics and the subscription once:
//
//	gcloud pubsub topics create updates
//	gcloud pubsub topics create dead-letters
//	gcloud pubsub subscriptions create updates --topic updates --enable-message-ordering \
//	  --enable-exactly-once-delivery --ack-deadline 30 --expiration-period never
//	gcloud pubsub subscriptions create dead-letters --topic dead-letters --expiration-period never
//
// Message ordering can be chosen only when a subscription is created. Without it, Take returns
// an error that says so. Publish in one region: Pub/Sub keeps the order only within a
// region. The publisher needs the role roles/pubsub.publisher on the topic of the updates.
// The consumer needs roles/pubsub.subscriber on their subscription, and roles/pubsub.publisher
// on the topic of the dead letters. The Queue creates nothing, and needs no other role.
//
// # Duplicates
//
// Pub/Sub does not know that two messages are the same update. It keeps an update twice if
// Telegram delivers it twice, for example because the answer was lost. If a process dies or is
// cut off, Pub/Sub delivers its messages again, and those behind them in their lanes. So set
// ConsumeConfig.Dispatch.Store to a Store that all consumers share, such as one of tgredis or
// tgpostgres. With a Store, an update that was handled is not handled again. The Store also counts
// the attempts. Without one, each process counts its own, and an update whose handler kills the
// process is never given up.
//
// Exactly-once delivery makes duplicates rarer. It does not replace a Store, because two messages
// may be the same update. With exactly-once delivery, Done waits until Pub/Sub has the
// acknowledgement. Without it, the client sends acknowledgements ten times a second. So an update
// that was handled just before a crash is delivered again.
//
// # Order
//
// Updates are handled in the order in which Pub/Sub got them. Pub/Sub gives all messages of a
// lane to one process. Take returns the next one when the one before it has ended. So after Return
// an update stays with its process until Close. Pub/Sub accepts 1 MB a second in one
// lane. The ordering key is the id of the bot, a slash, and the lane, escaped as in the path of a
// URL. If the escaped lane is longer than 1000 bytes, the key has its SHA-256.
//
// # Several bots
//
// Bots can share a topic. Give each bot a subscription with a filter, such as
//
//	--message-filter 'attributes.bot = "123456"'
//
// or handle all bots in every process. A process holds the updates of a bot for which it does
// not call Take.
//
// # Dead letters
//
// An update that is given up is published to Config.DeadLetterTopic, with the attributes bot,
// update_id, lane, why and published. A subscription of that topic keeps it for 7 days by default.
// The Queue cannot list dead letters. Look at them with
//
//	gcloud pubsub subscriptions pull dead-letters
//
// To handle a dead letter again, receive it in a program, and pass the result of [ReadDeadLetter]
// to [Queue.Publish]. A message of Config.Topic that is not an update becomes a dead letter too. It
// has only the attribute why, and ReadDeadLetter returns an error for it. Set no dead-letter policy
// on the subscription of the updates: Pub/Sub would take updates out of the middle of a lane.
//
// # What a failure costs
//
//   - A receiver of webhooks dies: nothing. Telegram delivers unanswered updates again.
//   - Pub/Sub cannot be reached: Telegram is answered 503, and delivers the updates again.
//   - A consumer stops and closes its Queue: others get its updates at once.
//   - A consumer dies: others get its updates when its lease has run out, which is
//     ConsumeConfig.Lease, but at least 10 seconds. The updates that it was handling are
//     handled again.
//   - Updates are not handled for 7 days: Pub/Sub removes them, unless the subscription says
//     otherwise.
//
// # Tests
//
// This package is tested against pstest, the in-memory server of Google's client, and not against
// Pub/Sub itself. Unlike Pub/Sub, pstest delivers one message of an ordering key at a time, never
// delivers an acknowledged message again, does not limit the messages of a process, accepts every
// acknowledgement, and keeps nothing when it ends.
package tgpubsub
