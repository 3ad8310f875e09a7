package oteltghook_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook/internal/test/rig"
	oteltghook "github.com/tghook/tghook/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

func TestMain(m *testing.M) { rig.Main(m, nil) }

// A scope is a Telemetry whose metrics and spans can be read.
type scope struct {
	*oteltghook.Telemetry

	tb     testing.TB
	reader *sdkmetric.ManualReader
	tracer *sdktrace.TracerProvider
	spans  *tracetest.InMemoryExporter
}

func newScope(tb testing.TB, options ...oteltghook.Option) *scope {
	tb.Helper()
	s := &scope{tb: tb, reader: sdkmetric.NewManualReader(), spans: tracetest.NewInMemoryExporter()}
	s.tracer = sdktrace.NewTracerProvider(sdktrace.WithSyncer(s.spans))
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(s.reader))
	s.Telemetry = oteltghook.New(append([]oteltghook.Option{
		oteltghook.WithMeterProvider(meters), oteltghook.WithTracerProvider(s.tracer),
	}, options...)...)
	return s
}

// collected returns the metrics.
func (s *scope) collected() []metricdata.Metrics {
	s.tb.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(s.tb, s.reader.Collect(context.Background(), &all))
	var metrics []metricdata.Metrics
	for _, of := range all.ScopeMetrics {
		metrics = append(metrics, of.Metrics...)
	}
	return metrics
}

// metrics writes each series in a line: its name, labels and value. A
// histogram has the number and the sum of its values.
func (s *scope) metrics() (lines []string) {
	s.tb.Helper()
	for _, m := range s.collected() {
		name := short(m.Name)
		switch data := m.Data.(type) {
		case metricdata.Sum[int64]:
			for _, p := range data.DataPoints {
				lines = append(lines, fmt.Sprintf("%s %s: %d", name, labels(p.Attributes), p.Value))
			}
		case metricdata.Gauge[float64]:
			for _, p := range data.DataPoints {
				lines = append(lines, fmt.Sprintf("%s %s: %v", name, labels(p.Attributes), p.Value))
			}
		case metricdata.Histogram[float64]:
			for _, p := range data.DataPoints {
				lines = append(lines, fmt.Sprintf("%s %s: %d in %vs", name, labels(p.Attributes), p.Count, p.Sum))
			}
		default:
			s.tb.Fatalf("%s is a %T", m.Name, data)
		}
	}
	slices.Sort(lines)
	return lines
}

// labels writes attributes: the kind first, and the bot only if it is not that of the tests.
func labels(set attribute.Set) string {
	var all []string
	for _, key := range []attribute.Key{"tghook.kind", "tghook.outcome", "error.type", "tghook.reply", "tghook.store.method", "tghook.store.result", "tghook.bot", "env"} {
		if value, ok := set.Value(key); ok && (key != "tghook.bot" || value.AsInt64() != rig.APIBot) {
			all = append(all, value.String())
		}
	}
	return strings.Join(all, " ")
}

// short is a name without "tghook.". Two metrics have names of the semantic conventions, and
// are attempts and took here.
func short(name string) string {
	switch name {
	case "messaging.client.consumed.messages":
		return "attempts"
	case "messaging.process.duration":
		return "took"
	}
	return strings.TrimPrefix(name, "tghook.")
}

// ended writes each span that has ended in a line: its name, attributes, duration, and links.
func (s *scope) ended() (lines []string) {
	s.tb.Helper()
	spans := s.spans.GetSpans()
	id := func(s tracetest.SpanStub) string {
		v, _ := valueOf(s.Attributes, "messaging.message.id")
		return v.AsString()
	}
	slices.SortFunc(spans, func(a, b tracetest.SpanStub) int {
		return cmp.Or(a.StartTime.Compare(b.StartTime), strings.Compare(id(a), id(b)))
	})
	for _, span := range spans {
		words := []string{span.Name}
		for _, key := range []attribute.Key{"messaging.message.id", "tghook.attempt", "tghook.outcome", "tghook.late", "error.type"} {
			if value, ok := valueOf(span.Attributes, key); ok {
				words = append(words, short(string(key))+"="+value.String())
			}
		}
		words = append(words, span.EndTime.Sub(span.StartTime).Round(time.Millisecond).String())
		if span.Status.Code != codes.Unset {
			words = append(words, span.Status.Code.String()+"="+span.Status.Description)
		}
		for _, link := range span.Links {
			i := slices.IndexFunc(spans, func(other tracetest.SpanStub) bool { return other.SpanContext.Equal(link.SpanContext) })
			words = append(words, fmt.Sprintf("linked to %d", i))
		}
		lines = append(lines, strings.Replace(strings.Join(words, " "), "messaging.message.id=", "", 1))
	}
	return lines
}

func valueOf(attributes []attribute.KeyValue, key attribute.Key) (attribute.Value, bool) {
	i := slices.IndexFunc(attributes, func(a attribute.KeyValue) bool { return a.Key == key })
	if i < 0 {
		return attribute.Value{}, false
	}
	return attributes[i].Value, true
}
