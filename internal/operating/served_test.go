package operating_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/rig"
	oteltghook "github.com/tghook/tghook/otel"
)

func TestMain(m *testing.M) { rig.Main(m, nil) }

// A series is what is known of the metrics with one name in Prometheus.
type series struct {
	help   string
	kind   string            // counter, gauge or histogram
	labels map[string]string // the values that were seen of each label, with | between
}

// telemetry serves its metrics at GET /metrics of the default mux.
var telemetry = sync.OnceValues(serveMetrics)

// served returns what Prometheus would get, by name, after one of each thing has happened.
func served(t *testing.T) map[string]*series {
	t.Helper()
	observed, err := telemetry()
	require.NoError(t, err)
	everything(t, observed)
	res := httptest.NewRecorder()
	http.DefaultServeMux.ServeHTTP(res, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	require.Equal(t, http.StatusOK, res.Code)
	all := map[string]*series{}
	of := func(name string) *series {
		if all[name] == nil {
			all[name] = &series{labels: map[string]string{}}
		}
		return all[name]
	}
	label := regexp.MustCompile(`(\w+)="([^"]*)"`)
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		line := lines.Text()
		var name string
		switch words := strings.SplitN(line, " ", 4); words[1] {
		case "HELP":
			of(words[2]).help = words[3]
		case "TYPE":
			of(words[2]).kind = words[3]
		default:
			name, _, _ = strings.Cut(line, "{")
			for _, found := range label.FindAllStringSubmatch(line, -1) {
				of(name).labels[found[1]] += "|" + found[2]
			}
		}
	}
	require.NoError(t, lines.Err())
	return all
}

// everything has a bot make each of the metrics.
func everything(t *testing.T, telemetry *oteltghook.Telemetry) {
	t.Helper()
	store := telemetry.Store(rig.NewStore())
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err := store.Claim(ctx, tghook.Claim{Key: tghook.Key{Bot: rig.APIBot, ID: 1}, Fence: "fence"}, time.Minute, time.Minute)
	require.NoError(t, err)
	end := telemetry.Watch(rig.APIBot, func() tghook.Stats { return tghook.Stats{Polled: time.Now()} })
	t.Cleanup(end)
	outcomes := []tghook.Outcome{
		tghook.OutcomeHandled, tghook.OutcomeReplied, tghook.OutcomeJoined, tghook.OutcomeDuplicate, tghook.OutcomeLate,
		tghook.OutcomeDropped, tghook.OutcomeDeadLettered, tghook.OutcomeShed, tghook.OutcomeRejected, tghook.OutcomeFailed,
		tghook.OutcomeReplyLost, tghook.OutcomeAbandoned, tghook.OutcomePinning, tghook.OutcomeCallLost,
	}
	for i, outcome := range outcomes {
		d := tghook.Delivery{
			Bot: rig.APIBot, Outcome: outcome, Attempt: 1, Waited: time.Second, Took: time.Second,
			Update: rig.Parsed(t, rig.MessageIn(7, int64(i))),
		}
		switch outcome {
		case tghook.OutcomeRejected:
			d.Update, d.Err = nil, &tghook.RequestError{Status: http.StatusUnauthorized}
		case tghook.OutcomeShed:
			d.Err = fmt.Errorf("%w: %w", tghook.ErrNotRun, tghook.ErrShutdown)
		case tghook.OutcomeReplied:
			d.Rode = true
		default:
			d.Err = rig.ErrBroken
		}
		telemetry.Observe(ctx, d)
	}
}
