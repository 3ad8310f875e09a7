package telemetry

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"os"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// wanted reports whether a signal, METRICS or TRACES, is sent by OTLP. The exporters read the
// environment themselves, but they go on with another endpoint if they cannot read it.
func wanted(signal string) (bool, error) {
	name := "OTEL_EXPORTER_OTLP_" + signal + "_ENDPOINT"
	endpoint := os.Getenv(name)
	if endpoint == "" {
		name = "OTEL_EXPORTER_OTLP_ENDPOINT"
		endpoint = os.Getenv(name)
	}
	if endpoint == "" || os.Getenv("OTEL_"+signal+"_EXPORTER") == "none" {
		return false, nil
	}
	u, err := url.Parse(endpoint)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" { // the value may have a password
		return false, fmt.Errorf("%s is not a URL such as http://collector:4318", name)
	}
	protocol := cmp.Or(os.Getenv("OTEL_EXPORTER_OTLP_"+signal+"_PROTOCOL"), os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL"), "http/protobuf")
	if protocol != "http/protobuf" {
		return false, fmt.Errorf("OTEL_EXPORTER_OTLP_PROTOCOL is %q, but only http/protobuf is sent; "+
			"set it to http/protobuf, and %s to the collector's port for HTTP, which is usually 4318", protocol, name)
	}
	return true, nil
}

// metricsSender returns a reader that sends the metrics every OTEL_METRIC_EXPORT_INTERVAL.
func metricsSender(ctx context.Context) (sdkmetric.Reader, error) {
	exporter, err := otlpmetrichttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("metrics by OTLP: %w", err)
	}
	return sdkmetric.NewPeriodicReader(exporter), nil
}

// tracerProvider returns the source of spans. If they cannot be sent, at most
// OTEL_BSP_MAX_QUEUE_SIZE of them are kept.
func tracerProvider(ctx context.Context, about *resource.Resource) (*sdktrace.TracerProvider, error) {
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("traces by OTLP: %w", err)
	}
	return sdktrace.NewTracerProvider(sdktrace.WithResource(about), sdktrace.WithBatcher(exporter)), nil
}
