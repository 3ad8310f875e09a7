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
// What has invoked the function is recognised from each event: a REST API, an HTTP
// API with payload format 1.0 or 2.0, a Function URL, a load balancer with or
// without multi-value headers, a batch from SQS. One function may have several of
// them.
//
// # What Lambda changes
//
// An instance is frozen once it has answered, so that nothing can go on behind an
// answer: [tghook.LateRetry] and [tghook.LateAck] act as [tghook.LateCancel]. A
// handler that is not done in time has its ctx ended with [tghook.ErrLate], Telegram
// is told to come again, and the redelivery runs the handler once more, unless the
// first run succeeded after all. The attempt counts as failed: "Giving up" in the
// documentation of [tghook] says when an update becomes a dead letter. One that ignores its ctx goes on when the instance
// is invoked again; on the same instance its redelivery waits for it.
//
// Each instance remembers only what it has handled itself, and handles one request
// at a time, so that Telegram's next request may well go to another. Without a
// [tghook.Store] an update that is delivered twice may run twice, and two updates of
// one chat at once where Telegram itself sends them at once. Give the instances a
// Store, or the function a reserved concurrency of 1.
//
// # What to set
//
//   - The function's timeout, 3 seconds by default: a handler gets what is left of
//     it less 500 ms or 5 %, whichever is more, and at most [tghook.Config].LateAfter,
//     8 seconds by default. 15 seconds leave room for a cold start. API Gateway waits
//     for 29 seconds, Telegram for 60.
//   - A REST API: binaryMediaTypes with */*, if a reply has a [tghook.File]. Such
//     replies are multipart and go out in base64, which a REST API decodes only then.
//     The other doors need nothing.
//   - A load balancer: its attribute routing.http.xff_header_processing.mode as it
//     is, append. The event does not tell the peer's address, so that it is taken
//     from the right end of X-Forwarded-For, where the balancer appends it. Leave the
//     target group's health checks off: they are GET requests, answered 405.
//   - A reply with a File must fit into an answer, base64 and all: 6 MB, behind a
//     load balancer 1 MB. Upload larger files by an API call.
//   - [tghook.DispatchConfig].Caller, for replies that cannot ride an answer: all
//     those to SQS, and those of runs that outlived their answer by 10 seconds,
//     frozen ones included.
//
// # Updates from SQS
//
// The body of a message is one update as Telegram sends it. No secret is checked:
// the queue's policy says who may send. The event source mapping must have
// ReportBatchItemFailures among its FunctionResponseTypes, for only the messages
// that failed are reported, and without it all would count as handled.
//
// A FIFO queue keeps the order within a MessageGroupId, for which the chat's id is
// a good choice: its messages are handled one after the other, and those behind one
// that failed are returned with it, without being run. Groups are handled at once.
// The messages of a standard queue are handled at once, but those of one chat in the
// order of the batch, whichever fail.
//
// A message whose body is no update is returned as failed, and logged: give the
// queue a redrive policy, whose dead-letter queue gets it. The queue does not know
// [tghook.RetryAfter]: its visibility timeout says when a message comes again. Let
// that be six times the function's timeout, as AWS advises, and the batch not larger
// than [tghook.DispatchConfig].MaxInFlight.
package tglambda

import (
	"context"
	"encoding/json"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/tghook/tghook"
)

// Handler returns w for [lambda.Start]. Its error, which Lambda takes for that of
// the function, says that an event is none of those in the package comment. It is
// safe for concurrent use. A function that has other triggers too calls its Invoke
// for what is not theirs.
func Handler(w *tghook.Webhook) lambda.Handler { return handler{w} }

type handler struct{ hook *tghook.Webhook }

// Invoke keeps nothing of payload: aws-lambda-go uses its memory again.
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
