package telemetry_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/gateway"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/outlet"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/telemetry"
)

func TestMetricsCountWhatHappens(t *testing.T) {
	tel, lines := start(t)
	everything(tel, time.Now())
	_, text := scrape(t, tel)
	for _, line := range []string{
		`tghook_serve_received_total{bot="shop",outcome="handled"} 1`,
		`tghook_serve_received_total{bot="shop",outcome="full"} 1`,
		`tghook_serve_received_total{bot="shop",outcome="other"} 1`,
		`tghook_serve_posts_total{bot="shop",outcome="delivered",status="2xx",target=""} 1`,
		`tghook_serve_posts_total{bot="shop",outcome="failed",status="5xx",target=""} 1`,
		`tghook_serve_posts_total{bot="shop",outcome="unreachable",status="none",target="audit"} 1`,
		`tghook_serve_posts_total{bot="shop",outcome="failed",status="none",target="audit"} 1`,
		`tghook_serve_post_duration_seconds_count{bot="shop",target=""} 2`,
		`tghook_serve_post_duration_seconds_sum{bot="shop",target=""} 0.05`,
		`tghook_serve_post_duration_seconds_bucket{bot="shop",target="",le="0.025"} 1`,
		`tghook_serve_post_duration_seconds_count{bot="shop",target="audit"} 1`, // what was not sent has no time
		`tghook_serve_delay_seconds_count{bot="shop",target=""} 1`,
		`tghook_serve_delay_seconds_sum{bot="shop",target=""} 0.53`,
		`tghook_serve_calls_total{bot="shop",code="200",method="sendMessage",outcome="ok"} 1`,
		`tghook_serve_calls_total{bot="shop",code="429",method="sendMessage",outcome="retried"} 1`,
		`tghook_serve_calls_total{bot="shop",code="none",method="sendMessage",outcome="retried"} 1`,
		`tghook_serve_calls_total{bot="shop",code="429",method="sendMessage",outcome="failed"} 1`,
		`tghook_serve_calls_total{bot="shop",code="none",method="sendMessage",outcome="failed"} 1`,
		`tghook_serve_calls_total{bot="shop",code="400",method="sendPhoto",outcome="failed"} 1`,
		`tghook_serve_calls_total{bot="shop",code="4xx",method="sendPhoto",outcome="failed"} 1`,
		`tghook_serve_calls_total{bot="shop",code="none",method="sendPhoto",outcome="failed"} 1`,
		`tghook_serve_call_duration_seconds_count{bot="shop"} 8`,
		`tghook_serve_dead_letters_total{bot="shop",target="audit"} 1`,
		`tghook_serve_reloads_total{outcome="ok"} 1`,
		`tghook_serve_reloads_total{outcome="failed"} 1`,
		`tghook_serve_history_dropped_total 3`,
		`tghook_serve_queue_updates{bot="shop",target=""} 7`,
		`tghook_serve_queue_leased{bot="shop",target=""} 3`,
		`tghook_serve_queue_dead_letters{bot="shop",target=""} 1`,
		`tghook_serve_queue_age_seconds{bot="shop",target="audit"} 0`,
		`tghook_serve_target_window{bot="shop",target=""} 8`,
		`tghook_serve_target_busy{bot="shop",target=""} 3`,
		`tghook_serve_target_waiting{bot="shop",target=""} 2`,
		`tghook_serve_target_down{bot="shop",target=""} 0`,
		`tghook_serve_target_down{bot="shop",target="audit"} 1`,
		`tghook_serve_bot_info{bot="shop",receive="webhook",tghook_bot="123456"} 1`,
		`tghook_serve_bot_paused{bot="shop"} 1`,
		`tghook_serve_webhook_pending_updates{bot="shop"} 4`,
		`tghook_serve_webhook_last_error_timestamp_seconds{bot="shop"} 1.7e+09`,
		`tghook_serve_webhook_problem{bot="shop"} 1`,
		`tghook_serve_storage_size_bytes 4096`,
		`tghook_serve_storage_max_bytes 1.048576e+06`,
	} {
		require.Contains(t, text, "\n"+line+"\n")
	}
	require.Regexp(t, `\ntghook_serve_build_info\{goversion="go[^"]+",version="1.2.3"\} 1\n`, text)
	require.NotContains(t, text, `tghook_serve_queue_updates{bot="shop",target="new"}`, "it was not counted yet")
	require.NotContains(t, text, "secret")
	require.NotContains(t, text, "123456:")
	require.Empty(t, lines.String())
}

func TestAgesAndTimesAreSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tel, _ := start(t)
		everything(tel, time.Now())
		time.Sleep(30 * time.Minute)
		families, _ := scrape(t, tel)
		age := families["tghook_serve_queue_age_seconds"].GetMetric()[0]
		require.InDelta(t, 90*60, age.GetGauge().GetValue(), 0.001)
		reload := families["tghook_serve_reload_success_timestamp_seconds"].GetMetric()[0]
		require.InDelta(t, time.Now().Add(-30*time.Minute).Unix(), reload.GetGauge().GetValue(), 1)
	})
}

func TestADatabaseWhoseClockIsAheadMakesNoNegativeAge(t *testing.T) {
	tel, _ := start(t)
	everything(tel, time.Now().Add(3*time.Hour))
	families, _ := scrape(t, tel)
	require.Zero(t, families["tghook_serve_queue_age_seconds"].GetMetric()[0].GetGauge().GetValue())
	tel.Posted("shop", "ahead", outlet.Attempt{Status: 200, Took: time.Second}, -time.Hour)
	_, text := scrape(t, tel)
	require.Contains(t, text, `tghook_serve_delay_seconds_sum{bot="shop",target="ahead"} 0`)
}

// TestDocHasEachMetricAndNoOther checks the table in doc.go, which docs/serve.md repeats.
func TestDocHasEachMetricAndNoOther(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	head := regexp.MustCompile(`(?m)^//\t(Name +)(Type +)(Labels +)Meaning$`).FindStringSubmatch(string(doc))
	require.NotNil(t, head)
	told := map[string]string{}
	for _, row := range regexp.MustCompile(`(?m)^//\ttghook_.*$`).FindAllString(string(doc), -1) {
		row = strings.TrimPrefix(row, "//\t")
		kind := len(head[1])
		labels := kind + len(head[2])
		names := strings.Fields(row[labels : labels+len(head[3])])
		slices.Sort(names)
		told[strings.TrimSpace(row[:kind])] = strings.TrimSpace(row[kind:labels]) + " " + strings.Join(names, " ")
	}
	tel, _ := start(t)
	everything(tel, time.Now())
	families, _ := scrape(t, tel)
	found := map[string]string{}
	for name, family := range families {
		if strings.HasPrefix(name, "tghook_serve_") {
			found[name] = strings.ToLower(family.GetType().String()) + " " + strings.Join(labelNames(family), " ")
		}
	}
	require.Equal(t, told, found)
}

func labelNames(family *dto.MetricFamily) (names []string) {
	for _, label := range family.GetMetric()[0].GetLabel() {
		names = append(names, label.GetName())
	}
	slices.Sort(names)
	return names
}

func TestMetricsPassPrometheusLint(t *testing.T) {
	tel, _ := start(t)
	everything(tel, time.Now())
	run(t, tel)
	families, text := scrape(t, tel)
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	require.NoError(t, err)
	require.Empty(t, problems)
	require.Contains(t, families, "tghook_deliveries_total", "the metrics of the library are missing")
	require.Contains(t, families, "go_goroutines")
	require.Contains(t, families, "process_open_fds")
	require.Contains(t, text, `service_name="tghook"`)
}

// run lets an update pass the metrics and traces of the library.
func run(t *testing.T, tel *telemetry.Telemetry) {
	t.Helper()
	handler := tghook.HandlerFunc(func(context.Context, *tghook.Update) (tghook.Reply, error) { return tghook.NoReply, nil })
	d, err := tghook.NewDispatcher(tghook.Chain(handler, tel.Library().Middleware),
		tghook.DispatchConfig{Bot: 123456, Observe: tel.Library().Observe, Watch: tel.Library().Watch})
	require.NoError(t, err)
	u, err := tghook.ParseUpdate([]byte(`{"update_id":7,"message":{"message_id":1,"date":1,"chat":{"id":5,"type":"private"},"text":"a secret"}}`))
	require.NoError(t, err)
	_, err = d.Do(t.Context(), u)
	require.NoError(t, err)
	require.NoError(t, d.Shutdown(t.Context()))
}

func TestTheGaugesOfARemovedBotVanish(t *testing.T) {
	tel, _ := start(t)
	everything(tel, time.Now())
	_, text := scrape(t, tel)
	require.Contains(t, text, `tghook_serve_bot_paused{bot="shop"}`)
	other := status("news", time.Now())
	other.Webhook = gateway.WebhookStatus{Problem: "of another gateway"}
	tel.Observe(bots(other), &store{})
	families, text := scrape(t, tel)
	require.Contains(t, text, `tghook_serve_bot_paused{bot="news"}`)
	for name, family := range families {
		if family.GetType() == dto.MetricType_GAUGE && strings.HasPrefix(name, "tghook_serve_") {
			require.NotContains(t, fmt.Sprint(family), "shop", name)
		}
	}
	require.NotContains(t, families, "tghook_serve_webhook_problem", "only the gateway that cares for a bot knows")
	require.NotContains(t, families, "tghook_serve_storage_size_bytes", "it is not known")
}

func TestLabelsHaveFewValues(t *testing.T) {
	tel, _ := start(t)
	for i := range 10_000 {
		tel.Called("shop", fmt.Sprintf("method%d", i), &tghook.APIError{Code: i}, time.Second)
		tel.Received("shop", tghook.Outcome(fmt.Sprintf("outcome%d", i)))
		tel.Posted("shop", "", outlet.Attempt{Status: i, Err: errors.New("failed")}, 0)
	}
	families, _ := scrape(t, tel)
	for _, metric := range families["tghook_serve_calls_total"].GetMetric() {
		require.Contains(t, fmt.Sprint(metric), `"other"`)
	}
	require.Less(t, len(families["tghook_serve_calls_total"].GetMetric()), 30)
	require.Len(t, families["tghook_serve_received_total"].GetMetric(), 1)
	require.Len(t, families["tghook_serve_posts_total"].GetMetric(), 7)
}

func TestAnInstrumentHasABoundedNumberOfSeries(t *testing.T) {
	tel, _ := start(t)
	for i := range 20_500 {
		tel.DeadLettered(fmt.Sprintf("bot%d", i), "")
	}
	families, text := scrape(t, tel)
	require.Len(t, families["tghook_serve_dead_letters_total"].GetMetric(), 20_000)
	require.Contains(t, text, `tghook_serve_dead_letters_total{otel_metric_overflow="true"} 501`)
}

func TestAStorageThatHangsHidesOnlyItsSize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tel, _ := start(t)
		tel.Observe(bots(status("shop", time.Now())), &store{hang: make(chan struct{})})
		began := time.Now()
		families, _ := scrape(t, tel)
		require.Equal(t, 2*time.Second, time.Since(began))
		require.Contains(t, families, "tghook_serve_queue_updates")
		require.NotContains(t, families, "tghook_serve_storage_size_bytes")
	})
}

func TestFewReadersOfMetricsAtOnce(t *testing.T) {
	tel, _ := start(t)
	hang := make(chan struct{})
	tel.Observe(func() []gateway.BotStatus { <-hang; return nil }, &store{})
	h := tel.Handler(nil)
	codes := make(chan int, 20)
	for range 20 {
		go func() { codes <- serve(h, http.MethodGet, "/metrics").Code }()
	}
	for range 16 {
		require.Equal(t, http.StatusServiceUnavailable, <-codes)
	}
	close(hang)
	for range 4 {
		require.Equal(t, http.StatusOK, <-codes)
	}
}
