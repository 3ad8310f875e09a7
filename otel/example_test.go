package oteltghook_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/tghook/tghook"
	oteltghook "github.com/tghook/tghook/otel"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

func Example() {
	// A program sets its own exporters here, or leaves the options out and sets the global
	// providers.
	reader, spans := metric.NewManualReader(), tracetest.NewInMemoryExporter()
	tracers := sdktrace.NewTracerProvider(sdktrace.WithBatcher(spans))
	telemetry := oteltghook.New(
		oteltghook.WithMeterProvider(metric.NewMeterProvider(metric.WithReader(reader))),
		oteltghook.WithTracerProvider(tracers),
	)

	hook, err := tghook.New(tghook.Chain(tghook.HandlerFunc(hello), telemetry.Middleware), tghook.Config{
		Secret:   "0123456789-example",
		Dispatch: tghook.DispatchConfig{Observe: telemetry.Observe, Watch: telemetry.Watch},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	body := `{"update_id":1,"message":{"message_id":1,"chat":{"id":7},"text":"hi"}}`
	hook.Serve(context.Background(), tghook.Request{
		Method: http.MethodPost, ContentType: "application/json", Secret: []string{"0123456789-example"},
		ContentLength: int64(len(body)), Body: strings.NewReader(body),
	})

	var metrics metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &metrics); err != nil {
		fmt.Println(err)
	}
	for _, m := range metrics.ScopeMetrics[0].Metrics {
		fmt.Println(m.Name)
	}
	// Shut the bot down first, and then the providers.
	if err := hook.Shutdown(context.Background()); err != nil {
		fmt.Println(err)
	}
	if err := tracers.ForceFlush(context.Background()); err != nil {
		fmt.Println(err)
	}
	fmt.Println(spans.GetSpans()[0].Name)
	if err := tracers.Shutdown(context.Background()); err != nil {
		fmt.Println(err)
	}
	// Unordered output:
	// messaging.client.consumed.messages
	// messaging.process.duration
	// process message
	// tghook.abandoned
	// tghook.deliveries
	// tghook.evicted
	// tghook.failed
	// tghook.in_flight
	// tghook.lanes
	// tghook.remembered
	// tghook.replies
	// tghook.unacknowledged
	// tghook.wait.duration
}

func hello(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
	return tghook.Reply{Method: "sendMessage", Params: map[string]any{
		"chat_id": u.ChatID, "text": "Hello!",
	}}, nil
}
