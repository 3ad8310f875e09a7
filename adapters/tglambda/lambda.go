// Package tglambda runs a [tghook.Webhook] on AWS Lambda, behind API Gateway, a
// Function URL, an Application Load Balancer or an SQS queue:
//
//	func main() {
//		hook, err := tghook.New(tghook.HandlerFunc(hello), tghook.Config{
//			Secret: os.Getenv("TELEGRAM_SECRET"), // the secret_token of setWebhook
//		})
//		if err != nil {
//			log.Fatal(err)
//		}
//		lambda.Start(tglambda.Handler(hook))
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
// The handler recognises from each event what has invoked the function: a REST API, an
// HTTP API with payload format 1.0 or 2.0, a Function URL, a load balancer with or without
// multi-value headers, or a batch from SQS. One function may have several of them.
//
// # How Lambda differs
//
// Lambda freezes an instance once it has answered, so nothing can go on behind an answer:
// [tghook.LateRetry] and [tghook.LateAck] act as [tghook.LateCancel]. The context of a
// handler that is not done in time ends with [tghook.ErrLate], and Telegram is asked to
// send the update again. The redelivery runs the handler once more, unless the first run
// succeeded after all. The attempt counts as failed: "Giving up" in the documentation of
// [tghook] says when an update becomes a dead letter. A handler that ignores its context
// goes on when the instance is invoked again. On the same instance, its redelivery waits
// for it.
//
// Each instance remembers only the updates that it has handled itself. It handles one
// request at a time, so Telegram's next request may well go to another instance. Without
// a [tghook.Store], an update that is delivered twice may run twice, and two updates of
// one chat may run at once if Telegram sends them at once. Give the instances a Store, or
// give the function a reserved concurrency of 1.
//
// # What to set
//
//   - The function's timeout, 3 seconds by default. A handler gets the time that is left
//     of it, less 500 ms or 5 %, whichever is more, and at most [tghook.Config].LateAfter,
//     8 seconds by default. A timeout of 15 seconds leaves room for a cold start. API
//     Gateway waits for 29 seconds, and Telegram for 60.
//   - A REST API: set binaryMediaTypes to */* if a reply has a [tghook.File]. Such a
//     reply is multipart and goes out in base64, which a REST API decodes only with that
//     setting. The other doors need no setting.
//   - A load balancer: leave its attribute routing.http.xff_header_processing.mode at
//     append, its default. The event does not state the peer's address, so the handler
//     takes it from the right end of X-Forwarded-For, where the balancer appends it.
//     Leave the target group's health checks off: they are GET requests, which are
//     answered 405.
//   - A reply with a File must fit into an answer, in base64: 6 MB, or 1 MB behind a load
//     balancer. Upload larger files by an API call.
//   - [tghook.DispatchConfig].Caller, for replies that cannot ride, that is, be sent in an
//     answer. These are all replies to updates from SQS, and those of runs that were still
//     going 10 seconds after their answer, time in which they were frozen included.
//
// # Updates from SQS
//
// The body of a message is one update as Telegram sends it. No secret is checked: the
// queue's policy decides who may send. The event source mapping must have
// ReportBatchItemFailures among its FunctionResponseTypes. The handler reports only the
// messages that failed, and without that setting SQS takes all of them for handled.
//
// A FIFO queue keeps the order within a MessageGroupId; the chat's id is a good choice for
// it. The messages of a group are handled one after the other. When one fails, those
// behind it are returned with it, without being run. Groups are handled in parallel. The
// messages of a standard queue are handled in parallel too, except those of one chat:
// they are handled in the order of the batch, even behind one that fails.
//
// A message whose body is no update is logged and returned as failed. Give the queue a
// redrive policy: its dead-letter queue then gets the message. The queue does not know
// [tghook.RetryAfter]: its visibility timeout decides when a message comes again. Set that
// to six times the function's timeout, as AWS advises, and let a batch be no larger than
// [tghook.DispatchConfig].MaxInFlight.
package tglambda

import (
	"context"
	"encoding/json"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/tghook/tghook"
)

// Handler returns a handler for [lambda.Start] that serves events with w. It may be used
// concurrently.
//
// A function that has other triggers too calls the handler's Invoke for all other events.
//
// Its error says that an event is none of those in the package comment. Lambda takes it
// for an error of the function.
func Handler(w *tghook.Webhook) lambda.Handler { return handler{w} }

type handler struct{ hook *tghook.Webhook }

// Invoke keeps nothing of payload, because aws-lambda-go uses its memory again.
func (h handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	var e event
	err := json.Unmarshal(payload, &e)
	switch {
	case err == nil && e.isRequest():
		return json.Marshal(e.answer(h.hook.Serve(ctx, e.request())))
	case err == nil && e.isBatch():
		return json.Marshal(h.handle(ctx, e.Records))
	default:
		return nil, e.unrecognised(payload)
	}
}
