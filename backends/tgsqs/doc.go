// Package tgsqs is a [tghook.Queue] on Amazon SQS: Telegram is answered when SQS has kept the
// update, and any number of processes handle the updates. It uses FIFO queues, which keep the
// order of each chat, by a client of aws-sdk-go-v2 of yours.
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
//		"github.com/aws/aws-sdk-go-v2/config"
//		"github.com/aws/aws-sdk-go-v2/service/sqs"
//
//		"github.com/tghook/tghook"
//		"github.com/tghook/tghook/backends/tgsqs"
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
//		cfg, err := config.LoadDefaultConfig(ctx) // the region and the credentials of the environment
//		if err != nil {
//			return err
//		}
//		queue, err := tgsqs.New(sqs.NewFromConfig(cfg), tgsqs.Config{
//			URL:           os.Getenv("QUEUE_URL"), // such as https://sqs.us-east-2.amazonaws.com/123456789012/updates.fifo
//			DeadLetterURL: os.Getenv("DEAD_LETTER_URL"),
//		})
//		if err != nil {
//			return err
//		}
//		token := os.Getenv("TELEGRAM_TOKEN")
//		client, err := tghook.NewClient(token, tghook.ClientConfig{})
//		if err != nil {
//			return err
//		}
//		dispatch := tghook.DispatchConfig{Bot: client.Bot(), Caller: client} // and a Store: see "Twice" below
//		publisher, err := tghook.NewPublisher(queue, dispatch)
//		if err != nil {
//			return err
//		}
//		consumed := make(chan error, 1)
//		go func() {
//			consumed <- tghook.Consume(ctx, queue, tghook.HandlerFunc(hello), tghook.ConsumeConfig{Dispatch: dispatch})
//		}()
//		err = tghook.Run(ctx, publisher, tghook.RunConfig{
//			Token: token,
//			URL:   os.Getenv("TELEGRAM_URL"), // such as https://bot.example.org/telegram; without it, Run polls
//		})
//		return errors.Join(err, <-consumed)
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
// It needs
//
//	go get github.com/tghook/tghook/backends/tgsqs
//
// Both parts of the program may be programs of their own, in as many processes as you like. The
// folder examples/sqs has them as two functions of AWS Lambda, with a SAM template and a Store
// in Redis. Its README.md says how to deploy them, and what each failure does there.
//
// # The queues
//
// A bot needs two queues, for nothing else: one for updates and one for dead letters. Both must
// be FIFO queues. Their attributes:
//
//   - MaximumMessageSize: 1048576, which is the default of new queues. An update has at most
//     512 KiB. Queues that were made before August 2025 may allow 256 KiB only: then SQS refuses
//     a larger update, Telegram is answered 503, and its chat waits.
//   - MessageRetentionPeriod: 1209600 (14 days) for dead letters. The default is 4 days, after
//     which SQS deletes a message that nobody has handled.
//   - VisibilityTimeout: of no effect, except with AWS Lambda. Take sets it by its lease.
//   - RedrivePolicy: none. See "Dead letters".
//   - DeduplicationScope: messageGroup, and FifoThroughputLimit: perMessageGroupId, for more
//     than 300 calls a second. These raise the limit to thousands, as the region allows. SQS then
//     knows an update again only within its group. So everyone who publishes for a bot needs the
//     same DispatchConfig.Lane.
//
// Who publishes needs the permission sqs:SendMessage on the queue of the updates, and no other.
// Who consumes needs sqs:ReceiveMessage, sqs:DeleteMessage and sqs:ChangeMessageVisibility on it,
// and sqs:SendMessage on the other. Letters needs sqs:GetQueueAttributes on both,
// sqs:ReceiveMessage, sqs:DeleteMessage and sqs:ChangeMessageVisibility on the queue of the dead
// letters, and for PutBack sqs:SendMessage on that of the updates.
//
// # Messages
//
// The body of a message is the update as Telegram has sent it, so that tglambda reads it, too.
// The MessageDeduplicationId is the id of the bot and update_id, such as 123456789:42. The
// MessageGroupId is the lane, such as chat:7. A lane whose name is longer than 128 characters,
// or has others than SQS allows, gets a group with a name made by SHA-256, and the attribute
// tghook.lane. An update without a lane gets a group of its own. SQS refuses bytes that are
// not text: then the attribute tghook.raw has the bytes, and the body has U+FFFD for them.
// Messages of other senders work, if their body is an update.
//
// A Publish sends batches of up to ten updates, of which no two are of one lane, because SQS may
// refuse one message of a batch and keep those behind it. A batch has at most 256 KiB, or one
// update.
//
// # Twice
//
// SQS remembers an update for five minutes. Telegram may deliver it again for 24 hours, if it
// has not seen the answer. If that happens after five minutes, the update is in the queue twice,
// and the handler runs twice. To prevent that, set DispatchConfig.Store for Consume: one of
// tgredis, tgpostgres or, on one machine, tgsqlite. Then each update is claimed in the Store
// before it is handled, and one that has succeeded is removed.
//
// # What SQS cannot do
//
//   - Count attempts. [tghook.QueuedUpdate].Attempts is how often SQS has handed the update out
//     before (ApproximateReceiveCount). That includes updates that waited behind another one
//     of their lane, and those that Return has given back. It does not include failures in one
//     process. A MaxAttempts of yours may so be reached too early, and the default rule for
//     giving up begins anew when a process takes over. A Store counts exactly.
//   - Keep a lease that has run out. A message belongs to nobody then, also if nobody else has
//     received it: Done and Renew return [tghook.ErrClaimLost].
//   - Hold a message for longer than 12 hours. Then the lease is lost, and the update is handed
//     out again.
//   - Hand out more than 120,000 messages that are not deleted. It also looks at the first
//     120,000 messages only: a chat with a larger backlog holds up all others.
//   - Choose a bot. A queue with updates of several bots makes Take fail.
//   - Say which lanes wait. [tghook.QueueState] has only the sums, which are estimates.
//
// # Dead letters
//
// Bury sends the update to the queue of the dead letters, with the reason in the attribute
// tghook.why, and deletes it. A redrive policy of SQS does something else: it moves a message
// that was received too often, which includes messages that only waited. So set none for
// Consume. With AWS Lambda you need one, because there nobody calls Bury.
//
// The methods of [tghook.Letters] show both kinds. SQS cannot show messages without handing
// them out, so each call takes all dead letters for a moment, and at least a second. PutBack
// sends the update to the end of its lane. The redrive of the AWS console does so too, but into
// a group of its own for what Bury has sent: it does not wait for its chat.
//
// # What a failure costs
//
//   - A process is killed: its updates are handed out again when their leases have run out.
//     A handler that ran runs again.
//   - SQS is away, or refuses: updates are answered 503, and Telegram delivers them again.
//     Handlers that run go on until their leases run out. Then their contexts end with
//     [tghook.ErrClaimLost], and they run again. Consume goes on by itself.
//   - The answer to a Publish is lost: the client sends it again. SQS keeps one message, within
//     five minutes.
//   - The process is killed while Bury runs: the update may be a dead letter, and be handled
//     again.
//
// # How it is tested
//
// The tests do not use SQS itself. They run against a fake that is strict in what AWS documents,
// which tests this package and not SQS, and against fauxqs, an emulator by others. fauxqs hands
// out one message of a group at a time, and deletes by an old receipt handle without an error.
//
// # Requests
//
// A Consume that has nothing to do asks once in two seconds, 1.3 million times a month. It does
// not wait for 20 seconds, as SQS allows, because SQS may hand messages to a request whose
// process has gone. An update costs a request to send it, one to receive up to ten, one to
// delete it, and one for each third of a lease that its handler runs.
package tgsqs
