package bench

import (
	"context"
	"net/http"
	"testing"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/bench/rivals"
	oteltghook "github.com/tghook/tghook/otel"
	"github.com/tghook/tghook/tghooktest"
)

// BenchmarkTelemetry measures the CPU time of one update, from ServeHTTP's call to its return
// and the export of its span, as BenchmarkServe does: without telemetry, with metrics alone,
// with a span that is not sampled, with one that is, and with the least that a span of the
// SDK can be in place of ours.
func BenchmarkTelemetry(b *testing.B) {
	for _, c := range []struct {
		name    string
		handler tghook.Handler
	}{{"raw", raw}, {"typed", typed}} {
		for _, with := range []string{"nothing", "metrics", "unsampled", "sampled", "bare_span"} {
			b.Run(c.name+"/"+with, func(b *testing.B) {
				d, h := newDeliverer(tghooktest.Update("message")), instrumented(b, c.handler, with)
				b.ReportAllocs()
				begun := cpuTime(b)
				for b.Loop() {
					if status := d.deliver(h); status != http.StatusOK {
						b.Fatalf("answered %d", status)
					}
				}
				b.ReportMetric(float64(cpuTime(b)-begun)/float64(b.N), "cpu-ns/op")
			})
		}
	}
}

// instrumented returns a Webhook with telemetry.
func instrumented(b *testing.B, handler tghook.Handler, with string) http.Handler {
	b.Helper()
	cfg := tghook.Config{Secret: rivals.Secret, Dispatch: tghook.DispatchConfig{Bot: 7244100913}}
	if with != "nothing" {
		sampler := sdktrace.AlwaysSample()
		if with == "unsampled" {
			sampler = sdktrace.NeverSample()
		}
		meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))
		tracers := sdktrace.NewTracerProvider(sdktrace.WithSampler(sampler), sdktrace.WithBatcher(discard{}))
		b.Cleanup(func() { _ = tracers.Shutdown(context.Background()) })
		telemetry := oteltghook.New(oteltghook.WithMeterProvider(meters), oteltghook.WithTracerProvider(tracers))
		cfg.Dispatch.Observe, cfg.Dispatch.Watch = telemetry.Observe, telemetry.Watch
		switch with {
		case "metrics":
		case "bare_span":
			handler = bareSpan(tracers.Tracer("bare"), handler)
		default:
			handler = telemetry.Middleware(handler)
		}
	}
	hook, err := tghook.New(handler, cfg)
	if err != nil {
		b.Fatal(err)
	}
	return hook
}

// bareSpan makes the least that a span can be, with the SDK alone.
func bareSpan(tracer trace.Tracer, next tghook.Handler) tghook.Handler {
	return tghook.HandlerFunc(func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
		ctx, span := tracer.Start(ctx, "process")
		defer span.End()
		return next.HandleUpdate(ctx, u)
	})
}

// discard is an exporter that takes spans and does nothing.
type discard struct{}

func (discard) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return nil }
func (discard) Shutdown(context.Context) error                             { return nil }
