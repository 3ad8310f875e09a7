// Package tghook turns any Go web server into a Telegram webhook receiver that
// does not lose, repeat or reorder work. It is the transport under a bot, not a
// bot framework. Use the bot library that you like, or none, and write one handler.
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
// If your program has no web server, [Run] is one: it sets the webhook and serves it.
// Without a URL it receives by [Poll]. The handler sees no difference. [Client]
// calls the Bot API. A program that receives updates in another way gives them to a
// [Dispatcher] or to [Webhook.Deliver].
//
// # Terms
//
//   - update: what Telegram sends to a bot, such as one message ([Update]).
//   - delivery: one arrival of an update at a door. Telegram delivers an update again
//     until it is told 200 ([Delivery]).
//   - attempt: one run of the handler for an update.
//   - lane: the updates that run one at a time, in order. By default each chat is a lane
//     ([DispatchConfig].Lane).
//   - late: a delivery is late if its handler has not finished within [Config].LateAfter.
//     Then it is answered without the result ([LatePolicy]).
//   - webhook reply: a [Reply] that is sent in the HTTP response, and not by a call.
//   - dead letter: an update that is given up. [DispatchConfig].DeadLetter gets it.
//   - door: a way by which updates come in: a [Webhook] on net/http or another server, a
//     poll, a [Queue], or a [Dispatcher] that your own code feeds.
//   - queue: keeps updates until they are handled, in the same process or in others
//     ([NewPublisher], [Consume]).
//
// # The promise
//
//  1. Telegram is told 200 only after the handler has succeeded, so that an
//     update is handled at least once. A redelivery does not run the handler again
//     while it runs or after it has succeeded. This holds within one process and its
//     memory bounds, and in all processes with a shared [Store]. [LateAck] is the
//     exception, if you choose it.
//  2. The updates of one chat are handled in order of arrival, one at a time. The
//     updates of different chats are handled at once. Telegram itself gives no order
//     between, say, a message and a button press of one chat. An update that failed
//     comes back behind the updates that arrived meanwhile. Within one process two
//     updates of a chat overlap only if a handler does not return when its context
//     ends: see [DispatchConfig].HandlerTimeout.
//  3. A handler answers with at most one Bot API method. It is sent in the HTTP
//     response where that is possible, else by [Caller]. The handler does not know
//     which.
//  4. A slow handler does not hold Telegram up: Telegram is answered within
//     [Config].LateAfter, and nothing is lost or repeated because of that.
//  5. Nothing starts without a secret. A request that is not Telegram's is refused
//     before its body is read.
//
// # What it costs
//
// Each process remembers which updates it has handled: up to 100,000 updates, each
// for as long as Telegram may send it again. After a restart, or on another replica,
// a redelivery runs again unless there is a [Store]. The modules in backends have Stores on
// Redis, PostgreSQL and SQLite.
//
// The memory for other things is bounded too. A process keeps records of at most 10,000
// updates that failed, or that succeeded without Telegram being told. Past that it forgets
// the oldest, and counts it as [Stats].Evicted. 64 deliveries may wait for one update, and
// further ones are answered 503. The replies that wait for a redelivery are at most
// MaxInFlight, and at most 64 MiB. Further ones are sent by Caller at once. Without a Caller
// the oldest one is lost instead. Replies that were sent are kept for 10 minutes, and 8 MiB of
// them. A redelivery after that gets 200 without its reply.
//
// Telegram delivers a failing update again: at once, after 2, 4, 8 ... 60
// seconds, and about each minute from then on, for up to 24 hours (30 seconds
// for an inline_query, 150 for a callback_query). Meanwhile Telegram holds back
// the updates that are queued behind it, until the update is given up.
//
// [LateRetry], the default, shows slow handlers in getWebhookInfo as 503, and
// slow chats take up Telegram's window of 2 x max_connections queues. Replicas
// without a Store would each run the slow update: give them one, or use
// [LateCancel]. Work that takes minutes belongs on a [Queue]. [NewPublisher] returns a handler
// that writes each update to the Queue, so Telegram is answered within milliseconds. [Consume]
// handles the updates, in the same process or in others. The modules in backends have Queues
// on SQLite, PostgreSQL, Amazon SQS and Google Pub/Sub.
//
// A handler must not wait for another update of its own lane, such as the
// answer to a question that it has asked, or a press on its Cancel button. That
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
// Several pictures that a user sends at once are an update each. [Album] hands them to your
// handler as one, in order. In memory, a crash loses the items that were acknowledged and not
// handled. With a Store that is also an [AlbumStore] it loses nothing.
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
//     this update, and not an outage;
//   - the update first failed more than an hour ago.
//
// If all of the counted attempts panicked or could not heal, the eighth of them is the last.
// That takes about two minutes. Otherwise the update is not given up within 15 minutes of
// its first failure, because a payment provider may be away while all else works. If nothing
// succeeds at all, such updates are not given up within the first hour.
//
// A poll holds 100 updates, its window. While the window is full no other update can
// come, and all chats wait. So three things change then. An attempt counts also if, since
// the update came, ten times as many others have succeeded as fail now. In an outage this is
// not true. The 15 minutes do not hold. And an update that only waits for its next attempt
// makes it within a second, even if [RetryAfter] asked for more.
//
// An attempt that LateCancel ended is a failure like another. Its error says how long it
// was given, and by which setting. A crash is not a failed attempt: this rule does not count
// it. A MaxAttempts of your own counts it if there is a [Store] or a [Queue]. With either, the
// failures of an update count in all processes together. Without one each process counts
// its own, and begins anew after a restart.
//
// The dead letter's error says why the update was given up, and wraps the handler's last
// error. Its text begins with "tghook: " and one of these:
//
//   - "given up after 9 attempts, 8 of which count: each panicked or cannot heal": the
//     fault is in the update or the handler.
//   - "...: other updates succeed, or it has failed for an hour": the attempts count for
//     these reasons, and the 15 minutes are over.
//   - "...: the window of the poll is full behind it".
//   - "given up after 3 attempts, by DispatchConfig.MaxAttempts": your own number.
//
// An update is given up at once if its handler returns [Drop] or was abandoned, if the
// update cannot be decoded, if its reply can never be sent, if it fails after LateAck has
// acknowledged it, and if it is older than MaxAge.
//
// # What Telegram is told
//
//   - The handler returned nil: 200, empty or with the reply.
//   - The update is given up, as above: DeadLetter is called first, then 200 is answered.
//     If DeadLetter fails, 500, and a redelivery calls DeadLetter again and not the handler.
//   - The handler failed or panicked: 500; [RetryAfter]: 503 with Retry-After.
//   - Late, by [LatePolicy]: LateRetry 503 with Retry-After; LateCancel 503 without it,
//     so that Telegram backs off; LateAck 200.
//   - The same update again: while the first waits or runs, it waits for the same result.
//     After a success it gets 200 and the same reply. After a failure it runs again.
//   - The update runs in another process, MaxInFlight or MaxLane is reached, 64 deliveries
//     wait for the update, the process shuts down, or the Store is down: 503 with
//     Retry-After, and the handler does not run.
//   - Wrong method: 405. Missing, doubled or wrong secret, source not allowed:
//     401. Wrong Content-Type, or an encoded body: 415. More than MaxBody: 413.
//     A body that is not one JSON object with an integer update_id: 400. A body that does
//     not come within 10 seconds: 408. An update without a kind: dead letter, 200.
//
// Where two of these rules meet, the promise decides:
//
//   - Several deliveries of one update wait: the newest whose sender still waits gets
//     the result. The others get 200 without a reply, or the failure.
//   - LateCancel ends a run only when its last delivery is late. An update that waits for
//     its lane, or for the Store, leaves it without an attempt, and its 503 has a
//     Retry-After. An update that runs again for a redelivery that came meanwhile keeps its
//     place in the lane.
//   - LateAck acknowledges an update only after the Store has granted it. The Store does so
//     when the update's turn has come, or once the handler has returned. So with a Store an
//     update that waits in its lane is answered as by LateRetry. An update that LateAck has
//     acknowledged, and that cannot run any more, goes to DeadLetter.
//   - A handler that has not returned 10 seconds after its HandlerTimeout is abandoned:
//     dead letter, 200, and the lane goes on. Its later result is ignored. It may then
//     overlap with the next update of its chat.
//   - Shutdown waits for the redelivery of an update that has succeeded without Telegram
//     being told: until that redelivery is due, and three seconds more. If it has not come
//     by then, Shutdown assumes that it went to another process.
//   - A reply that was not sent with a response is sent by Caller after 10 seconds, unless
//     the Store has it. Without a Caller the Store gets it, for another process. Without
//     both, it waits for a redelivery as long as Telegram may deliver the update again.
//   - If a File cannot be read, the attempt has failed. That alone makes no dead letter.
package tghook
