package oteltghook

import (
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.41.0"
	"go.opentelemetry.io/otel/trace"
)

// scope is the name of the tracer and the meter.
const scope = "github.com/tghook/tghook/otel"

// Telemetry makes metrics and traces of one or more bots. Use its methods Observe, Watch,
// Middleware and Store, each where it is named in the documentation of the package. It is safe
// for concurrent use.
type Telemetry struct {
	common  []attribute.KeyValue // of every metric and span
	meter   metric.Meter
	metrics *metrics
	tracer  trace.Tracer
	spans   *spans
}

// Option is a setting of [New].
type Option func(*settings)

type settings struct {
	tracers    trace.TracerProvider
	meters     metric.MeterProvider
	attributes []attribute.KeyValue
}

// WithTracerProvider sets where spans go. If p is nil, or without this option, the global
// TracerProvider: see [otel.GetTracerProvider].
func WithTracerProvider(p trace.TracerProvider) Option {
	return func(s *settings) { s.tracers = p }
}

// WithMeterProvider sets where metrics go. If p is nil, or without this option, the global
// MeterProvider: see [otel.GetMeterProvider].
func WithMeterProvider(p metric.MeterProvider) Option {
	return func(s *settings) { s.meters = p }
}

// WithAttributes adds attributes to every metric and span, such as the name of the bot. Their
// number of values must be small, because each combination is a time series.
func WithAttributes(attributes ...attribute.KeyValue) Option {
	return func(s *settings) { s.attributes = append(s.attributes, attributes...) }
}

// New returns a Telemetry. It starts nothing. If a MeterProvider refuses an instrument, the
// error goes to [otel.Handle], and that metric is missing.
func New(options ...Option) *Telemetry {
	var s settings
	for _, set := range options {
		if set != nil {
			set(&s)
		}
	}
	if s.tracers == nil {
		s.tracers = otel.GetTracerProvider()
	}
	if s.meters == nil {
		s.meters = otel.GetMeterProvider()
	}
	t := &Telemetry{common: s.attributes, spans: newSpans()}
	t.tracer = s.tracers.Tracer(scope, trace.WithSchemaURL(semconv.SchemaURL))
	t.meter = s.meters.Meter(scope, metric.WithSchemaURL(semconv.SchemaURL))
	t.metrics = newMetrics(t.meter)
	return t
}
