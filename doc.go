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
//     comes back behind what arrived meanwhile. Within one process two updates of a
//     chat overlap only where a handler does not return when its ctx ends: see
//     [DispatchConfig].HandlerTimeout.
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
// What waits is bounded too. Records of updates that failed, or that succeeded without
// Telegram being told, are at most 10,000: past that the oldest is forgotten, and counted
// as [Stats].Evicted. 64 deliveries may wait for one update: further ones are answered
// 503. Replies that wait for a redelivery are at most MaxInFlight and 64 MiB: further ones
// go by Caller at once. Replies that were sent are kept for 10 minutes, and 8 MiB of them:
// a redelivery after that gets 200 without its reply.
//
// A failing update is Telegram's to deliver again: at once, after 2, 4, 8 ... 60
// seconds, and about each minute from then on, for up to 24 hours (30 seconds
// for an inline_query, 150 for a callback_query). Meanwhile Telegram holds back
// what is queued behind it, until the update is given up.
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
// # Giving up
//
// An update that fails again and again is given up: it becomes a dead letter
// ([DispatchConfig].DeadLetter), Telegram is told 200, and its chat goes on. A number of
// your own in [DispatchConfig].MaxAttempts is a plain count of attempts. If MaxAttempts
// is zero, this rule holds, at every door:
//
// An update is given up after 8 attempts that count. A failed attempt counts if one of
// these is true:
//
//   - the handler panicked, or called [runtime.Goexit];
//   - its error has an [APIError] in it that cannot heal: 400, 403 or 404. 429 and 5xx
//     can heal;
//   - another update has succeeded since the update's previous attempt. So the cause is
//     this update, and not the world;
//   - the update first failed more than an hour ago.
//
// If all of the counted attempts panicked or could not heal, the eighth of them is the last.
// That takes about two minutes. Else the update is not given up within 15 minutes of its
// first failure, because a payment provider may be away while all else works. If nothing
// succeeds at all, such updates are not given up within the first hour.
//
// A poll holds 100 updates, its window. While the window is full no other update can
// come, and all chats wait. So three things change then. An attempt counts also if, since
// the update came, ten times as many others have succeeded as fail now: in an outage that
// is not so. The 15 minutes do not hold. And what only waits for its next attempt makes it
// within a second, even if [RetryAfter] asked for more.
//
// An attempt that LateCancel ended is a failure like another. Its error says how long it
// was given, and by which setting. A crash is no failed attempt: this rule does not count
// it, and a MaxAttempts of your own counts it where there is a [Store]. With a Store the
// failures of an update count in all processes together. Without one each process counts
// its own, and begins anew after a restart.
//
// The dead letter's error says what was decided and why, and wraps the handler's last
// error. Its text begins with "tghook: " and one of these:
//
//   - "given up after 9 attempts, 8 of which count: each panicked or cannot heal": the
//     fault is in the update or the handler.
//   - "...: other updates succeed, or it has failed for an hour": the attempts count for
//     these reasons, and the 15 minutes are over.
//   - "...: the window of the poll is full behind it".
//   - "given up after 3 attempts, by DispatchConfig.MaxAttempts": it was your number.
//
// Some updates are given up at once: for [Drop], for an update that cannot be decoded, for
// a reply that can never be sent, for a failure after LateAck has acknowledged the update,
// for an age of more than MaxAge, and for a handler that was abandoned.
//
// # What Telegram is told
//
//   - The handler returned nil: 200, empty or with the reply.
//   - The update is given up, as above: the dead letter first, then 200; 500 if
//     DeadLetter fails, and a redelivery retries the dead letter only.
//   - The handler failed or panicked: 500; [RetryAfter]: 503 with Retry-After.
//   - Late, by [LatePolicy]: LateRetry 503 with Retry-After; LateCancel 503 without it,
//     so that Telegram backs off; LateAck 200.
//   - The same update again: it joins while the first waits or runs, gets 200 and
//     the same reply after a success, and runs again after a failure.
//   - Running in another process, more than MaxInFlight or MaxLane, 64 deliveries
//     that wait for the update, shutting down, Store down: 503 with Retry-After, and
//     the handler does not run.
//   - Wrong method: 405. Missing, doubled or wrong secret, source not allowed:
//     401. Wrong Content-Type, or an encoded body: 415. More than MaxBody: 413.
//     Not one JSON object with an integer update_id: 400; one that does not come
//     within 10 seconds: 408. One without a kind: dead letter, 200.
//
// Where two of these rules meet, the promise has decided:
//
//   - Several deliveries of one update wait: the newest that still lives carries
//     the result, the others are told 200 without a reply, or the failure.
//   - LateCancel ends a run only when its last delivery is late. What waits for its
//     lane, or for the Store, leaves it without an attempt, and its 503 has a
//     Retry-After. What runs again for a redelivery that came meanwhile keeps its place
//     in the lane.
//   - LateAck promises nothing before a Store has granted the update, which it does
//     when the update's turn has come, or once the handler has returned. So where
//     there is a Store, an update that waits in its lane is answered as by LateRetry.
//     What LateAck has acknowledged and cannot be run any more goes to DeadLetter.
//   - A handler that has not returned 10 seconds after its HandlerTimeout is abandoned:
//     dead letter, 200, and the lane goes on. Its later result is ignored. It may then
//     overlap with the next update of its chat.
//   - Shutdown waits for a success that was not told: until its redelivery is due, and
//     three seconds more. A redelivery that has not come by then is taken to have gone to
//     another process.
//   - A reply that nothing has carried goes by Caller after 10 seconds, unless
//     the Store has been given it: without a Caller it is, for another process.
//   - A File that fails to be read is a failed attempt, not a dead letter.
package tghook
