package operating_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/docs"
	"github.com/tghook/tghook/internal/test/rig"
	oteltghook "github.com/tghook/tghook/otel"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// page returns docs/operating.md.
func page(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/operating.md")
	require.NoError(t, err)
	return string(text)
}

func TestThePageShowsCodeThatIsCompiled(t *testing.T) {
	source, err := os.ReadFile("bot_test.go")
	require.NoError(t, err)
	blocks := docs.Built(t, "../../docs/operating.md", "bot_test.go")
	assert.Equal(t, strings.Count(string(source), "\nfunc "), blocks, "functions that the page shows")
}

// The table of the page has what is exported, in the names of OpenTelemetry and of Prometheus.
func TestThePageListsEachMetric(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	everything(t, oteltghook.New(oteltghook.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)))))
	var collected metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(t.Context(), &collected))
	all := served(t)
	rows := make([]string, 0, len(collected.ScopeMetrics[0].Metrics))
	for _, m := range collected.ScopeMetrics[0].Metrics {
		name := strings.ReplaceAll(m.Name, ".", "_")
		i := slices.IndexFunc([]string{"", "_total", "_seconds"}, func(suffix string) bool { return all[name+suffix] != nil && all[name+suffix].kind != "" })
		require.GreaterOrEqual(t, i, 0, "%s is not served", m.Name)
		name += []string{"", "_total", "_seconds"}[i]
		kind := all[name].kind
		labelled := all[name]
		if kind == "histogram" {
			labelled = all[name+"_count"]
		}
		var labels []string
		for label := range labelled.labels {
			if label != "tghook_bot" && !strings.HasPrefix(label, "otel_") && !strings.HasPrefix(label, "messaging_") {
				labels = append(labels, "`"+label+"`")
			}
		}
		slices.Sort(labels)
		rows = append(rows, fmt.Sprintf("| `%s` | `%s` | %s | %s | %s |", m.Name, name, kind, strings.Join(labels, ", "), m.Description))
	}
	slices.Sort(rows)
	table := strings.Join(rows, "\n")
	assert.Contains(t, page(t), "\n"+table+"\n", "the table of metrics has to be\n%s", table)
}

// What the page shows works.
func TestTheCodeOfThePageWorks(t *testing.T) {
	ran := make(chan struct{}, 3)
	handler := tghook.HandlerFunc(func(context.Context, *tghook.Update) (tghook.Reply, error) {
		ran <- struct{}{}
		return tghook.NoReply, nil
	})
	hook, err := newWebhook(handler, nil, rig.HookSecret)
	require.NoError(t, err)
	require.Equal(t, 200, hook.Serve(t.Context(), rig.FromTelegram([]byte(rig.MessageIn(7, 1)))).Status)
	<-ran
	require.NoError(t, hook.Shutdown(t.Context()))

	telegram := rig.NewTelegram(t)
	telegram.Send(t, rig.MessageIn(7, 1))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, handler, tghook.RunConfig{
			Token: rig.APIToken, Client: tghook.ClientConfig{BaseURL: telegram.URL, HTTP: telegram.Server.Client()},
		})
	}()
	<-ran
	cancel()
	require.NoError(t, <-ended)

	observed := 0
	cfg := observeToo(oteltghook.New(), func(context.Context, tghook.Delivery) { observed++ })
	cfg.Observe(t.Context(), tghook.Delivery{Outcome: tghook.OutcomeJoined})
	assert.Equal(t, 1, observed)
}
