// Package tghooktest tests bots, and the doors through which they get updates. A door is a
// way into a webhook, such as an adapter for a web framework.
//
// [NewServer] starts a simulated Telegram in the test's process. It has a Bot API, users
// who write to the bot and press its buttons, and a sender that delivers updates to a
// webhook, or answers a poll, in Telegram's order and with its retries.
//
//	tg := tghooktest.NewServer(t)
//	tg.Webhook(t, hook, tghook.WebhookRequest{SecretToken: secret})
//	chat := tg.User("Zoë").Chat()
//	chat.Send("hi")
//	chat.Expect(t, "Hello, Zoë!")
//
// [Start] starts the same without a test, at an address of one's choice and over HTTPS if need
// be. [Server.Try] returns the errors of what users do there. [Server.AddBot] adds other bots.
//
// [Update] and [Updates] return update bodies in the exact form in which Telegram's server
// sends them: one of every kind of Bot API 10.3, and a large message.
//
// [TestDoor] checks that a door keeps the webhook's promise, byte for byte where the door
// has a listener. Run it on an adapter of your own.
//
// [TestStore] checks that a Store keeps its contract, and [TestQueue] that a Queue does. Run
// them on those of your own.
package tghooktest
