package telemetry_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metricspb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	tracespb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/tghook/tghook/cmd/tghook/internal/serve/telemetry"
)

// collector is a receiver of OTLP on loopback.
type collector struct {
	*httptest.Server

	status int // that it answers
	got    chan string

	mu      sync.Mutex
	metrics []*metricspb.ExportMetricsServiceRequest
	traces  []*tracespb.ExportTraceServiceRequest
}

func newCollector(t *testing.T, status int) *collector {
	t.Helper()
	c := &collector{status: status, got: make(chan string, 1000)}
	c.Server = httptest.NewServer(c)
	t.Cleanup(c.Close)
	return c
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	c.mu.Lock()
	switch r.URL.Path {
	case "/v1/metrics":
		var m metricspb.ExportMetricsServiceRequest
		if proto.Unmarshal(body, &m) == nil {
			c.metrics = append(c.metrics, &m)
		}
	case "/v1/traces":
		var s tracespb.ExportTraceServiceRequest
		if proto.Unmarshal(body, &s) == nil {
			c.traces = append(c.traces, &s)
		}
	}
	c.mu.Unlock()
	w.WriteHeader(c.status)
	if c.status != http.StatusOK {
		_, _ = io.WriteString(w, "you sent "+r.Header.Get("Authorization")+" to "+r.Host+r.URL.String())
	}
	select {
	case c.got <- r.URL.Path:
	default:
	}
}

// text returns all that came in.
func (c *collector) text() (metrics, traces string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.metrics {
		metrics += m.String()
	}
	for _, s := range c.traces {
		traces += s.String()
	}
	return metrics, traces
}

func TestOTLPGetsMetricsAndSpans(t *testing.T) {
	c := newCollector(t, http.StatusOK)
	tel, lines := start(t, "OTEL_EXPORTER_OTLP_ENDPOINT", c.URL)
	tel.BePatient()
	everything(tel, time.Now())
	run(t, tel)
	require.NoError(t, tel.Shutdown(t.Context()))
	metrics, traces := c.text()
	for _, name := range []string{"tghook.serve.received", "tghook.serve.queue.updates", "tghook.deliveries", "service.instance.id"} {
		require.Contains(t, metrics, `"`+name+`"`)
	}
	require.Contains(t, traces, `"process message"`)
	require.Contains(t, traces, `"tghook"`, "service.name is missing")
	require.NotContains(t, metrics+traces, "secret")
	require.Empty(t, lines.String())
	require.NoError(t, tel.Shutdown(t.Context()), "a further call")
}

func TestOneSignalAlone(t *testing.T) {
	for _, env := range [][]string{
		{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "/v1/metrics"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "", "OTEL_TRACES_EXPORTER", "none"},
	} {
		c := newCollector(t, http.StatusOK)
		tel, _ := start(t, append([]string{env[0], c.URL + env[1]}, env[2:]...)...)
		tel.BePatient()
		run(t, tel)
		require.NoError(t, tel.Shutdown(t.Context()))
		metrics, traces := c.text()
		require.NotEmpty(t, metrics)
		require.Empty(t, traces)
	}
	for _, env := range [][]string{
		{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "/v1/traces"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "", "OTEL_METRICS_EXPORTER", "none"},
	} {
		c := newCollector(t, http.StatusOK)
		tel, _ := start(t, append([]string{env[0], c.URL + env[1]}, env[2:]...)...)
		tel.BePatient()
		run(t, tel)
		require.NoError(t, tel.Shutdown(t.Context()))
		metrics, traces := c.text()
		require.Empty(t, metrics)
		require.NotEmpty(t, traces)
	}
}

func TestTheServiceHasTheNameOfTheEnvironment(t *testing.T) {
	tel, lines := start(t, "OTEL_SERVICE_NAME", "gateway-7", "OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
	_, text := scrape(t, tel)
	require.Contains(t, text, `service_name="gateway-7"`)
	require.Contains(t, text, `service_version="1.2.3"`)
	require.Contains(t, text, `deployment_environment_name="test"`)
	require.Empty(t, lines.String())
}

func TestMalformedResourceAttributesAreTold(t *testing.T) {
	tel, lines := start(t, "OTEL_RESOURCE_ATTRIBUTES", "hunter2")
	_, text := scrape(t, tel)
	require.Contains(t, text, `service_name="tghook"`)
	require.Contains(t, lines.String(), "OTEL_RESOURCE_ATTRIBUTES cannot be read")
	require.NotContains(t, lines.String(), "hunter2")
}

// tenMinutes is longer than a test waits, in milliseconds.
const tenMinutes = "600000"

func TestAnEndpointThatHangsHoldsNothingUp(t *testing.T) {
	hang := make(chan struct{})
	arrived := make(chan struct{}, 100)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		select {
		case arrived <- struct{}{}:
		default:
		}
		<-hang
	}))
	defer server.Close()
	defer close(hang)
	tel, lines := start(t, "OTEL_EXPORTER_OTLP_ENDPOINT", server.URL, "OTEL_METRIC_EXPORT_INTERVAL", "10",
		"OTEL_EXPORTER_OTLP_TIMEOUT", tenMinutes, "OTEL_METRIC_EXPORT_TIMEOUT", tenMinutes)
	<-arrived // an export is under way
	began := time.Now()
	for range 10_000 {
		tel.Received("shop", "handled")
	}
	run(t, tel)
	scrape(t, tel)
	require.Less(t, time.Since(began), time.Minute)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	began = time.Now()
	require.Error(t, tel.Shutdown(ctx))
	require.Less(t, time.Since(began), time.Minute)
	require.NotContains(t, lines.String(), "panic")
}

func TestShutdownIsBoundedWithoutADeadline(t *testing.T) {
	hang := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-hang
	}))
	defer server.Close()
	defer close(hang)
	tel, _ := start(t, "OTEL_EXPORTER_OTLP_ENDPOINT", server.URL, "OTEL_EXPORTER_OTLP_TIMEOUT", tenMinutes, "OTEL_METRIC_EXPORT_TIMEOUT", tenMinutes)
	run(t, tel)
	began := time.Now()
	err := tel.Shutdown(context.Background())
	require.Error(t, err)
	require.Less(t, time.Since(began), time.Minute)
	require.GreaterOrEqual(t, time.Since(began), 2*time.Second)
	require.Equal(t, err, tel.Shutdown(context.Background()), "a further call")
}

func TestErrorsAreLoggedOnceAMinuteWithoutSecrets(t *testing.T) {
	c := newCollector(t, http.StatusUnauthorized)
	endpoint := strings.Replace(c.URL, "http://", "http://user:hunter2@", 1) + "/key-in-the-path"
	tel, lines := start(t, "OTEL_EXPORTER_OTLP_ENDPOINT", endpoint, "OTEL_METRIC_EXPORT_INTERVAL", "5",
		"OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20top-secret-key")
	for range 5 {
		<-c.got
	}
	_ = tel.Shutdown(t.Context())
	text := lines.String()
	require.Contains(t, text, "401 Unauthorized")
	require.Equal(t, 1, strings.Count(text, "\n"), text)
	for _, secret := range []string{"hunter2", "top-secret-key", "key-in-the-path"} {
		require.NotContains(t, text, secret)
	}
}

func TestARefusedConnectionIsTold(t *testing.T) {
	closed := httptest.NewServer(http.NotFoundHandler())
	endpoint := strings.Replace(closed.URL, "http://", "http://user:hunter2@", 1)
	closed.Close()
	tel, lines := start(t, "OTEL_EXPORTER_OTLP_ENDPOINT", endpoint, "OTEL_METRIC_EXPORT_INTERVAL", "5", "OTEL_TRACES_EXPORTER", "none")
	err := tel.Shutdown(t.Context())
	require.ErrorContains(t, err, "connection refused")
	require.NotContains(t, err.Error()+lines.String(), "hunter2")
}

func TestAnEnvironmentThatCannotBeUsedIsAnError(t *testing.T) {
	for _, c := range []struct {
		env  []string
		want string
	}{
		{[]string{"OTEL_EXPORTER_OTLP_ENDPOINT", "user:hunter2@collector:4318"}, "OTEL_EXPORTER_OTLP_ENDPOINT is not a URL such as http://collector:4318"},
		{[]string{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://user:hunter2@:4318"}, "OTEL_EXPORTER_OTLP_ENDPOINT is not a URL such as http://collector:4318"},
		{[]string{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "ftp://hunter2"}, "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT is not a URL such as http://collector:4318"},
		{[]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://[hunter2"}, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is not a URL such as http://collector:4318"},
		{
			[]string{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317", "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"},
			`OTEL_EXPORTER_OTLP_PROTOCOL is "grpc", but only http/protobuf is sent; set it to http/protobuf, and OTEL_EXPORTER_OTLP_ENDPOINT to the collector's port for HTTP, which is usually 4318`,
		},
	} {
		environment(t, c.env...)
		_, err := telemetry.New(t.Context(), telemetry.Config{Logger: slog.New(slog.DiscardHandler)})
		require.EqualError(t, err, c.want)
	}
}
