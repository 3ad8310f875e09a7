// Package tghook turns any Go web server into a Telegram webhook receiver that
// does not lose, repeat or reorder work. It is the transport under a bot, not a
// bot framework: bring the bot library you like, or none, and write one handler.
//
//	func main() {
//		hook, err := tghook.New(tghook.HandlerFunc(hello), tghook.Config{
//			Secret: os.Getenv("TELEGRAM_SECRET"), // the secret_token of setWebhook
//		})
//		if err != nil {
//			log.Fatal(err)
//		}
//		http.Handle("POST /telegram", hook)
//		log.Fatal(http.ListenAndServe(":8080", nil))
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
// Where there is no web server, [Run] is one: it sets the webhook and serves it,
// or, without a URL, receives by [Poll]. The handler sees no difference. [Client]
// calls the Bot API. What receives updates in another way hands them to a
// [Dispatcher] or to [Webhook.Deliver].
//
// # The promise
//
//  1. Telegram is told 200 only after the handler has succeeded, so that an
//     update is handled at least once. A redelivery never runs a handler that is
//     running or has succeeded: within one process and its memory bounds, or
//     everywhere with a shared [Store]. [LateAck] is the exception, by choice.
//  2. The updates of one chat are handled in order of arrival, one at a time;
//     those of different chats at once. Telegram itself gives no order between,
//     say, a message and a button press of one chat, and an update that failed
//     comes back behind what arrived meanwhile.
//  3. A handler answers with at most one Bot API method. It rides the HTTP
//     response where that is possible, else it goes by [Caller]. The handler
//     never knows which.
//  4. A slow handler does not hold Telegram up: it is answered within
//     [Config].LateAfter, and nothing is lost or repeated for that.
//  5. Without a secret nothing starts. What is not Telegram's is refused before
//     its body is read.
//
// # What it costs
//
// The memory of what was handled is this process's: up to 100,000 updates, each
// as long as Telegram may send it again. After a restart, or on another replica,
// a redelivery runs again unless there is a [Store].
//
// A failing update is Telegram's to deliver again: at once, after 2, 4, 8 ... 60
// seconds, and about each minute from then on, for up to 24 hours (30 seconds
// for an inline_query, 150 for a callback_query). Meanwhile Telegram holds back
// what is queued behind it. [DispatchConfig].MaxAttempts and [Drop] end that.
//
// [LateRetry], the default, shows slow handlers in getWebhookInfo as 503, and
// slow chats take up Telegram's window of 2 x max_connections queues. Replicas
// without a Store would each run the slow update: give them one, or use
// [LateCancel]. Work that takes minutes belongs on a durable queue.
//
// A handler must never wait for another update of its own lane, such as the
// answer to a question it has just asked, or a press on its Cancel button: that
// update waits for the handler. Keep the conversation's state and return, or give
// the button a lane of its own:
//
//	Lane: func(u *tghook.Update) string {
//		if u.Kind == tghook.KindCallbackQuery {
//			return "buttons of " + strconv.FormatInt(u.UserID, 10)
//		}
//		return strconv.FormatInt(u.ChatID, 10)
//	},
//
// # What Telegram is told
//
//   - The handler returned nil: 200, empty or with the reply.
//   - [Drop], MaxAttempts reached, a type that cannot hold the update, a reply
//     that cannot be encoded: the dead letter first, then 200; 500 if DeadLetter
//     fails, and a redelivery retries the dead letter only.
//   - The handler failed or panicked: 500; [RetryAfter]: 503 with Retry-After.
//   - Late: by [LatePolicy], 503 with Retry-After or 200.
//   - The same update again: it joins while the first waits or runs, gets 200 and
//     the same reply after a success, and runs again after a failure.
//   - Running in another process, more than MaxInFlight or MaxLane, shutting
//     down, Store down: 503 with Retry-After, and the handler does not run.
//   - Wrong method: 405. Missing, doubled or wrong secret, source not allowed:
//     401. Wrong Content-Type, or an encoded body: 415. More than MaxBody: 413.
//     Not one JSON object with an integer update_id: 400; one that does not come
//     within 10 seconds: 408. One without a kind: dead letter, 200.
//
// Where two of these rules meet, the promise has decided:
//
//   - Several deliveries of one update wait: the newest that still lives carries
//     the result, the others are told 200 without a reply, or the failure.
//   - LateCancel ends a run only when its last delivery is late, and what waits
//     for its lane leaves it without an attempt. What runs again for a redelivery
//     that came meanwhile keeps its place in the lane.
//   - LateAck promises nothing before a Store has granted the update, or once
//     the handler has returned: it answers like LateRetry then. What it has
//     acknowledged and cannot be run any more goes to DeadLetter.
//   - A reply that nothing has carried goes by Caller after 10 seconds, unless
//     the Store has been given it: without a Caller it is, for another process.
//   - A File that fails to be read is a failed attempt, not a dead letter.
package tghook
