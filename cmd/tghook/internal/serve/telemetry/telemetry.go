package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/otlptranslator"
	oteltghook "github.com/tghook/tghook/otel"
	"go.opentelemetry.io/otel/attribute"
	promexporter "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

const (
	scope = "github.com/tghook/tghook/cmd/tghook/serve"

	// maxSeries bounds the series of an instrument.
	maxSeries = 20_000
	// endTime bounds Shutdown, unless a test changes that.
	endTime = 3 * time.Second
)

// Config configures a Telemetry.
type Config struct {
	Version string       // of tghook
	Logger  *slog.Logger // if nil, slog.Default()
	// StorageMax is the bound of the storage in bytes (storage.max_size). If 0, there is none.
	StorageMax int64
}

// Telemetry makes metrics and traces. Every method may be called concurrently. Its methods that
// count do not wait for anything: exporters run in the background.
type Telemetry struct {
	registry *prometheus.Registry
	metrics  *sdkmetric.MeterProvider
	traces   *sdktrace.TracerProvider // nil if nothing wants traces
	library  *oteltghook.Telemetry
	faults   *faults
	*counts
	*gauges

	endTime time.Duration
	end     sync.Once
	ended   error
}

// New returns a Telemetry. Metrics can be read at /metrics. If the environment has
// OTEL_EXPORTER_OTLP_ENDPOINT, metrics and traces are also sent there by OTLP over HTTP.
// OTEL_EXPORTER_OTLP_METRICS_ENDPOINT and OTEL_EXPORTER_OTLP_TRACES_ENDPOINT do this for one of
// them, and OTEL_METRICS_EXPORTER=none and OTEL_TRACES_EXPORTER=none prevent it. Without an
// endpoint for traces no spans are made. The other variables of OpenTelemetry have their usual
// meaning. service.name is tghook unless OTEL_SERVICE_NAME is set.
//
// New does not connect. An endpoint that does not answer later holds nothing up, and is logged at
// most once a minute. An endpoint that is no URL, or a protocol other than http/protobuf, is an
// error.
//
// New sets OpenTelemetry's error handler and logger of the process. Call Shutdown at the end.
func New(ctx context.Context, cfg Config) (*Telemetry, error) {
	metricsTo, err := wanted("METRICS")
	if err != nil {
		return nil, err
	}
	tracesTo, err := wanted("TRACES")
	if err != nil {
		return nil, err
	}
	t := &Telemetry{registry: prometheus.NewRegistry(), faults: newFaults(cfg.Logger), endTime: endTime}
	t.faults.install()
	about := t.resource(ctx, cfg.Version)
	if t.metrics, err = t.meters(ctx, about, metricsTo); err != nil {
		return nil, err
	}
	var tracers trace.TracerProvider = noop.NewTracerProvider()
	if tracesTo {
		if t.traces, err = tracerProvider(ctx, about); err != nil {
			return nil, errors.Join(t.faults.plain(err), t.metrics.Shutdown(ctx))
		}
		tracers = t.traces
	}
	t.library = oteltghook.New(oteltghook.WithMeterProvider(t.metrics), oteltghook.WithTracerProvider(tracers))
	meter := t.metrics.Meter(scope, metric.WithInstrumentationVersion(cfg.Version))
	t.counts = newCounts(meter)
	if t.gauges, err = newGauges(meter, cfg, &t.lastReload); err != nil {
		return nil, errors.Join(err, t.Shutdown(ctx))
	}
	return t, nil
}

// meters returns the MeterProvider.
func (t *Telemetry) meters(ctx context.Context, about *resource.Resource, otlp bool) (*sdkmetric.MeterProvider, error) {
	t.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	page, err := promexporter.New(promexporter.WithRegisterer(t.registry), promexporter.WithoutScopeInfo(),
		promexporter.WithTranslationStrategy(otlptranslator.UnderscoreEscapingWithSuffixes))
	if err != nil {
		return nil, fmt.Errorf("metrics for Prometheus: %w", err)
	}
	options := []sdkmetric.Option{sdkmetric.WithResource(about), sdkmetric.WithReader(page), sdkmetric.WithCardinalityLimit(maxSeries)}
	if otlp {
		reader, err := metricsSender(ctx)
		if err != nil {
			return nil, t.faults.plain(err)
		}
		options = append(options, sdkmetric.WithReader(reader))
	}
	return sdkmetric.NewMeterProvider(options...), nil
}

// resource returns what the metrics and traces say of this process.
func (t *Telemetry) resource(ctx context.Context, version string) *resource.Resource {
	about, err := resource.New(ctx,
		resource.WithService(), // an id that tells the gateways of a database apart
		resource.WithTelemetrySDK(),
		resource.WithAttributes(attribute.String("service.name", "tghook"), attribute.String("service.version", version)),
		resource.WithFromEnv(),
	)
	t.faults.Handle(err) // about has the other attributes
	return about
}

// Library returns the metrics and traces of the library, for the webhooks, polls and consumers of
// the bots.
func (t *Telemetry) Library() *oteltghook.Telemetry { return t.library }

// Shutdown sends what has not been sent yet. It returns when ctx ends, and after 3 seconds at the
// latest. Further calls return the error of the first. Metrics must not be asked for afterwards.
func (t *Telemetry) Shutdown(ctx context.Context) error {
	t.end.Do(func() {
		ctx, cancel := context.WithTimeout(ctx, t.endTime)
		defer cancel()
		done := make(chan error, 1)
		go func() { done <- t.shutdown(ctx) }()
		select {
		case t.ended = <-done:
		case <-ctx.Done():
			t.ended = errors.New("the last metrics or traces could not be sent in time")
		}
	})
	return t.ended
}

func (t *Telemetry) shutdown(ctx context.Context) error {
	var ofTraces error
	var both sync.WaitGroup
	if t.traces != nil {
		both.Go(func() { ofTraces = t.traces.Shutdown(ctx) })
	}
	ofMetrics := t.metrics.Shutdown(ctx)
	both.Wait()
	return t.faults.plain(errors.Join(ofMetrics, ofTraces))
}
