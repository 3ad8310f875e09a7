// Package tgsqs is a [tghook.Queue] on Amazon SQS: Telegram is answered when SQS has kept the
// update, and any number of processes handle the updates. It uses FIFO queues, which keep the
// order of each chat, and your client of aws-sdk-go-v2.
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
//		ctx, stop := context.WithCancel(ctx)
//		consumed := make(chan error, 1)
//		go func() {
//			defer stop()
//			consumed <- tghook.Consume(ctx, queue, tghook.HandlerFunc(hello), tghook.ConsumeConfig{Dispatch: dispatch})
//		}()
//		err = tghook.Run(ctx, publisher, tghook.RunConfig{
//			Token: token,
//			URL:   os.Getenv("TELEGRAM_URL"), // such as https://bot.example.org/telegram; without it, Run polls
//		})
//		stop()
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
// The two parts of the program may be separate programs, in as many processes as you like. The
// folder examples/sqs has them as two functions of AWS Lambda, with a SAM template and a Store in
// Redis. Its README.md says how to deploy them, and what each failure does.
//
// # The queues
//
// A bot needs two queues that nothing else uses: one for updates and one for dead letters. Both
// must be FIFO queues. Their attributes:
//
//   - MaximumMessageSize: 1048576, which is the default of new queues. An update has at most
//     512 KiB. Queues that were made before August 2025 may allow only 256 KiB. Then SQS refuses
//     a larger update, Telegram is answered 503, and the chat of the update waits.
//   - MessageRetentionPeriod: 1209600 (14 days) for dead letters. The default is 4 days, after
//     which SQS deletes a message that nobody has handled.
//   - VisibilityTimeout: has an effect only with AWS Lambda. Take sets its own.
//   - RedrivePolicy: none. See "Dead letters".
//   - DeduplicationScope: messageGroup, and FifoThroughputLimit: perMessageGroupId, for more
//     than 300 calls a second. They raise the limit to thousands, depending on the region. SQS
//     then recognizes an update only within its group. So all publishers of a bot need the same
//     DispatchConfig.Lane.
//
// Permissions:
//
//   - A publisher needs sqs:SendMessage on the queue of the updates.
//   - A consumer needs sqs:ReceiveMessage, sqs:DeleteMessage and sqs:ChangeMessageVisibility on the
//     queue of the updates, and sqs:SendMessage on that of the dead letters.
//   - The methods of Letters need sqs:GetQueueAttributes on both queues, and sqs:ReceiveMessage,
//     sqs:DeleteMessage and sqs:ChangeMessageVisibility on that of the dead letters. PutBack also
//     needs sqs:SendMessage on the queue of the updates.
//
// # Messages
//
// The body of a message is the update as Telegram has sent it. So tglambda can read it.
// The MessageDeduplicationId is the id of the bot and update_id, such as 123456789:42. The
// MessageGroupId is the lane, such as chat:7. If the lane is longer than 128 characters, or has
// characters that SQS refuses, the group is its SHA-256, and the attribute tghook.lane has the
// lane. An update without a lane gets its own group. SQS refuses bytes that are not text: then the
// attribute tghook.raw has the bytes, and the body has U+FFFD for them. Messages of other senders
// work if their body is an update.
//
// Publish sends batches of up to ten updates of different lanes, because SQS may refuse a message
// and keep later ones of its batch. A batch has at most 256 KiB, or one update.
//
// # Twice
//
// SQS remembers an update for five minutes. If Telegram has not seen the answer, it may deliver
// the update again for 24 hours. After the five minutes, the update is then in the queue twice,
// and the handler runs twice. To prevent this, set DispatchConfig.Store for Consume, to a Store of
// tgredis, tgpostgres or, on one machine, tgsqlite. Then Consume claims each update in the Store
// before it runs the handler, and removes an update that has already succeeded.
//
// # What SQS cannot do
//
//   - Count attempts. [tghook.QueuedUpdate].Attempts is how often SQS has handed out the update
//     before (ApproximateReceiveCount). A hand-out counts even if no handler ran, because the
//     update waited behind another one of its lane or was returned. A failure that is retried in
//     the same process does not count. So MaxAttempts may be
//     reached too early, and the default rule for giving up starts again in each process. A Store
//     counts exactly.
//   - Keep a lease that has run out, even if nobody else has received the message: Done returns
//     [tghook.ErrClaimLost], and Renew returns the key.
//   - Hold a message for longer than 12 hours. Then the lease is lost, and SQS hands out the
//     update again.
//   - Hand out more than 120,000 messages that are not deleted. SQS also looks only at the first
//     120,000 messages: a chat with a larger backlog holds up all others.
//   - Choose a bot. Take fails if the queue has updates of several bots.
//   - Say which lanes wait. [tghook.QueueState] has only totals, which are estimates.
//
// # Dead letters
//
// Bury sends the update to the queue of the dead letters, with the reason in the attribute
// tghook.why, and deletes the update. A redrive policy of SQS differs: it moves a message that was
// received too often, even if the message only waited. So set none for Consume. With AWS Lambda
// you need one, because nothing there calls Bury.
//
// The methods of [tghook.Letters] show dead letters of both kinds. SQS cannot show messages
// without handing them out, so each call receives all dead letters, and takes at least a second.
// PutBack sends the update to the end of its lane. The redrive of the AWS console sends the dead
// letters of Bury to groups of their own: they do not wait for their chats.
//
// # What a failure costs
//
//   - A process is killed: SQS hands out its updates again when their leases have run out.
//     A handler that was running runs again.
//   - SQS is away, or refuses: updates are answered 503, and Telegram delivers them again.
//     Running handlers continue until their leases run out. Then their contexts end with
//     [tghook.ErrClaimLost], and they run again. Consume recovers by itself.
//   - The answer to a Publish is lost: the client sends the update again. Within five minutes SQS
//     keeps one message.
//   - The process is killed while Bury runs: the update may be a dead letter and also be handled
//     again.
//
// # How it is tested
//
// The tests do not use SQS itself. They run against our own fake, which strictly follows the
// documentation of AWS, and against fauxqs, an independent emulator. So they show that the package
// follows the documentation, and not that SQS does. fauxqs hands out one message
// of a group at a time, and accepts an old receipt handle to delete.
//
// # Requests
//
// An idle Consume sends a request every two seconds, 1.3 million a month. It does not wait for 20
// seconds, as SQS allows, because SQS may hand messages to the request of a process that has
// ended. An update costs a request to send it, one to receive up to ten, one to delete it, and one
// for each third of a lease that its handler runs.
package tgsqs
