package operating_test

import (
	"context"
	"net/http"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/tghook/tghook"
	oteltghook "github.com/tghook/tghook/otel"
	"go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
)

// The functions below are what docs/operating.md shows.

func newWebhook(handler tghook.Handler, store tghook.Store, secret string) (*tghook.Webhook, error) {
	telemetry := oteltghook.New()
	return tghook.New(tghook.Chain(handler, telemetry.Middleware), tghook.Config{
		Secret: secret,
		Dispatch: tghook.DispatchConfig{
			Bot:     7244100913, // the number before the colon in the token
			Observe: telemetry.Observe,
			Watch:   telemetry.Watch,
			Store:   telemetry.Store(store), // if there is one
		},
	})
}

func run(ctx context.Context, handler tghook.Handler, cfg tghook.RunConfig) error {
	telemetry := oteltghook.New()
	cfg.Webhook.Dispatch.Observe = telemetry.Observe
	cfg.Webhook.Dispatch.Watch = telemetry.Watch
	cfg.Webhook.Dispatch.Store = telemetry.Store(cfg.Webhook.Dispatch.Store) // nil stays nil
	return tghook.Run(ctx, tghook.Chain(handler, telemetry.Middleware), cfg)
}

func serveMetrics() (*oteltghook.Telemetry, error) {
	exporter, err := prometheus.New()
	if err != nil {
		return nil, err
	}
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter))
	http.Handle("GET /metrics", promhttp.Handler())
	return oteltghook.New(oteltghook.WithMeterProvider(meters)), nil
}

func observeToo(telemetry *oteltghook.Telemetry, observe func(context.Context, tghook.Delivery)) tghook.DispatchConfig {
	return tghook.DispatchConfig{
		Observe: func(ctx context.Context, d tghook.Delivery) {
			telemetry.Observe(ctx, d)
			observe(ctx, d)
		},
	}
}
