package telemetry_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"sync"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/config"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/gateway"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/outlet"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/telemetry"
)

// log is a log that a test reads.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// start makes a Telemetry in an environment without variables of OpenTelemetry but those of env,
// which has names and values in turn.
func start(t *testing.T, env ...string) (*telemetry.Telemetry, *log) {
	t.Helper()
	environment(t, env...)
	var lines log
	tel, err := telemetry.New(t.Context(), telemetry.Config{Version: "1.2.3", StorageMax: 1 << 20, Logger: slog.New(slog.NewTextHandler(&lines, nil))})
	require.NoError(t, err)
	t.Cleanup(func() { _ = tel.Shutdown(context.Background()) })
	return tel, &lines
}

func environment(t *testing.T, env ...string) {
	t.Helper()
	for _, name := range []string{
		"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
		"OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_HEADERS", "OTEL_METRICS_EXPORTER", "OTEL_TRACES_EXPORTER",
		"OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES", "OTEL_METRIC_EXPORT_INTERVAL", "OTEL_TRACES_SAMPLER",
		"OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_METRIC_EXPORT_TIMEOUT",
	} {
		t.Setenv(name, "") // restores it at the end
		require.NoError(t, os.Unsetenv(name))
	}
	for i := 0; i < len(env); i += 2 {
		t.Setenv(env[i], env[i+1])
	}
}

// get makes a request to the Handler.
func get(tel *telemetry.Telemetry, method, path string, ready func(context.Context) error) *httptest.ResponseRecorder {
	return serve(tel.Handler(ready), method, path)
}

// scrape reads /metrics as Prometheus does.
func scrape(t *testing.T, tel *telemetry.Telemetry) (map[string]*dto.MetricFamily, string) {
	t.Helper()
	w := get(tel, http.MethodGet, "/metrics", nil)
	require.Equal(t, http.StatusOK, w.Code, w.Body.String())
	text := w.Body.String()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(w.Body)
	require.NoError(t, err)
	return families, text
}

const botToken = "123456:AAF-very-secret-token-of-this-test"

// everything does all that is counted, once at least.
func everything(tel *telemetry.Telemetry, now time.Time) {
	tel.Received("shop", tghook.OutcomeHandled)
	tel.Received("shop", gateway.Full)
	tel.Received("shop", tghook.Outcome("made up"))
	refused := &url.Error{Op: "Post", URL: "https://api.telegram.org/bot" + botToken + "/sendMessage", Err: errors.New("refused")}
	tel.Posted("shop", "", outlet.Attempt{Status: 200, Took: 30 * time.Millisecond}, 500*time.Millisecond)
	tel.Posted("shop", "", outlet.Attempt{Status: 503, Took: 20 * time.Millisecond, Err: errors.New(botToken)}, time.Second)
	tel.Posted("shop", "audit", outlet.Attempt{Err: refused, Unreachable: true}, 0)
	tel.Posted("shop", "audit", outlet.Attempt{Err: errors.New("timeout"), Took: time.Minute}, 0)
	tel.Called("shop", "sendMessage", nil, 80*time.Millisecond)
	tel.Called("shop", "SENDMESSAGE", &tghook.APIError{Code: 429, Description: botToken}, 80*time.Millisecond)
	tel.Called("shop", "sendMessage", refused, time.Second)
	tel.Called("shop", "sendMessage", &gateway.LostError{Err: &tghook.APIError{Code: 429, Description: botToken}}, time.Second)
	tel.Called("shop", "sendMessage", &gateway.LostError{Err: refused}, time.Second)
	tel.Called("shop", "sendPhoto", &tghook.APIError{Code: 400}, time.Second)
	tel.Called("shop", "sendPhoto", &tghook.APIError{Code: 418}, time.Second)
	tel.Called("shop", "sendPhoto", &tghook.ReplyError{Err: errors.New("a function")}, 0)
	tel.DeadLettered("shop", "audit")
	tel.Reloaded(nil)
	tel.Reloaded(errors.New("mistake " + botToken))
	tel.Observe(bots(status("shop", now)), &store{size: 4096})
}

func bots(all ...gateway.BotStatus) func() []gateway.BotStatus {
	return func() []gateway.BotStatus { return all }
}

// store is a storage that has lost three rows of its history.
type store struct {
	size int64         // if zero, it does not know
	hang chan struct{} // if set, Size waits for it
}

func (s *store) Dropped() int64 { return 3 }

func (s *store) Size(ctx context.Context) (int64, error) {
	if s.hang != nil {
		select {
		case <-s.hang:
		case <-ctx.Done():
		}
	}
	if s.size == 0 {
		return 0, errors.New("no answer")
	}
	return s.size, nil
}

func status(name string, now time.Time) gateway.BotStatus {
	return gateway.BotStatus{
		Name: name, ID: 123456, Receive: config.Webhook, Paused: true,
		Targets: []gateway.TargetStatus{
			{
				URL: "https://shop.example/hook", Outlet: outlet.Status{Window: 8, Busy: 3, Waiting: 2},
				Queue: tghook.QueueState{Pending: 7, Leased: 3, Dead: 1, Oldest: now.Add(-time.Hour)}, Counted: now,
			},
			{Name: "audit", Outlet: outlet.Status{Window: 1, Down: true, Problem: "refused"}, Counted: now},
			{Name: "new"}, // not counted yet
		},
		Webhook: gateway.WebhookStatus{Here: true, CheckedAt: now, Pending: 4, LastError: "500", ErrorAt: time.Unix(1_700_000_000, 0), Problem: "refused"},
	}
}
