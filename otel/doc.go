// Package oteltghook makes metrics and traces of a tghook bot, with OpenTelemetry.
//
//	package main
//
//	import (
//		"context"
//		"log"
//		"net/http"
//		"os"
//
//		"github.com/tghook/tghook"
//		oteltghook "github.com/tghook/tghook/otel"
//	)
//
//	func main() {
//		telemetry := oteltghook.New() // of the global providers, which your program sets
//		hook, err := tghook.New(tghook.Chain(tghook.HandlerFunc(hello), telemetry.Middleware), tghook.Config{
//			Secret: os.Getenv("TELEGRAM_SECRET"),
//			Dispatch: tghook.DispatchConfig{
//				Observe: telemetry.Observe, // counts what becomes of each update
//				Watch:   telemetry.Watch,   // measures what the bot holds
//			},
//		})
//		if err != nil {
//			log.Fatal(err)
//		}
//		http.Handle("POST /telegram", hook)
//		log.Fatal(http.ListenAndServe(":8080", nil))
//	}
//
//	func hello(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
//		return tghook.Reply{Method: "sendMessage", Params: map[string]any{
//			"chat_id": u.ChatID, "text": "Hello!",
//		}}, nil
//	}
//
// The same three lines serve [tghook.Run], [tghook.Poll] and every other door, because all
// have a DispatchConfig. If it has a Store, Store measures its calls:
//
//	Store: telemetry.Store(store),
//
// One [Telemetry] may serve several bots. Set DispatchConfig.Bot then: the attribute tghook.bot
// tells them apart. Run and Poll set it.
//
// # Metrics
//
// docs/operating.md in the repository lists them, and says what to alert on. Their names
// follow the semantic conventions for messaging where these have one, with messaging.system
// "telegram". These conventions are in development: a name may change with a minor version
// of this module.
//
// No attribute of a metric or span tells a chat, a user, a text or the token. Attributes of
// metrics have few values: a kind that this package does not know is "other", and an error has
// one of about 40 names (error.type).
//
// # Traces
//
// Each attempt is a span "process <kind>" of kind CONSUMER. It begins before the handler, and
// ends at the time when the handler returned. It is exported when the outcome is known: for the
// reply of a late handler that is when the reply was sent. Its id of the message is the bot's
// id, a colon and update_id.
//
// The span is a child of the span in the context that the update arrived with, if there is one,
// such as that of otelhttp. Telegram sends no traceparent. If your own middleware reads that
// header, let it not trust what comes from outside (otelhttp.WithPublicEndpoint). An attempt
// after a failure has a link to the attempt before, if that was made in this process.
//
// # What can go wrong
//
// Observe, Watch and Middleware do not wait for an exporter. Spans end in the background. If a
// span processor does not return, 2048 spans wait and further ones are lost. Only a Sampler, or
// the OnStart of a SpanProcessor, runs in the goroutine of the handler: if it blocks, it holds
// that handler up.
//
// Shutdown of a bot with Watch waits for at most a second until its spans have been given to
// their processor. Shut the TracerProvider and the MeterProvider down after the bot.
package oteltghook
