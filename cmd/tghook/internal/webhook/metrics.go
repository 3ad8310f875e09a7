package webhook

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics serves the newest state to Prometheus. Its methods may be called at once.
type Metrics struct {
	now func() time.Time

	mu     sync.Mutex
	status Status
	known  bool // a state was told at least once
	up     bool // the last call succeeded
}

// NewMetrics returns Metrics that know no state yet.
func NewMetrics() *Metrics { return &Metrics{now: time.Now} }

// Observe takes the result of one look at the webhook.
func (m *Metrics) Observe(s Status, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.up = err == nil; m.up {
		m.status, m.known = s, true
	}
}

func describe(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("tghook_webhook_"+name, help, []string{"bot"}, nil)
}

var (
	upDesc          = prometheus.NewDesc("tghook_webhook_up", "1 if the last call of getWebhookInfo succeeded, else 0.", nil, nil)
	setDesc         = describe("set", "1 if a webhook is set, else 0.")
	pendingDesc     = describe("pending_updates", "Updates that wait to be delivered.")
	connectionsDesc = describe("max_connections", "Connections that Telegram may open at once.")
	kindsDesc       = describe("missing_kinds", "Kinds of update that Telegram does not send because of allowed_updates.")
	errorDesc       = describe("last_error_timestamp_seconds", "Unix time of the last failed delivery; absent if there was none since the webhook was set.")
	ageDesc         = describe("last_error_age_seconds", "Time since the last failed delivery; absent if there was none since the webhook was set.")
	seenDesc        = describe("seen_timestamp_seconds", "Unix time of the last successful call of getWebhookInfo.")
)

// Describe implements [prometheus.Collector].
func (m *Metrics) Describe(all chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{upDesc, setDesc, pendingDesc, connectionsDesc, kindsDesc, errorDesc, ageDesc, seenDesc} {
		all <- d
	}
}

// Collect implements [prometheus.Collector].
func (m *Metrics) Collect(all chan<- prometheus.Metric) {
	m.mu.Lock()
	s, known, up := m.status, m.known, m.up
	m.mu.Unlock()
	all <- prometheus.MustNewConstMetric(upDesc, prometheus.GaugeValue, truth(up))
	if !known {
		return
	}
	gauge := func(d *prometheus.Desc, value float64) {
		all <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, strconv.FormatInt(s.Bot.ID, 10))
	}
	gauge(setDesc, truth(s.Set))
	gauge(pendingDesc, float64(s.Pending))
	gauge(connectionsDesc, float64(s.MaxConnections))
	gauge(kindsDesc, float64(len(s.Missing)))
	gauge(seenDesc, float64(s.At.UnixMilli())/1000)
	if s.LastError != nil {
		gauge(errorDesc, float64(s.LastError.At.Unix()))
		gauge(ageDesc, m.now().Sub(s.LastError.At).Seconds())
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// Handler serves the metrics at /metrics.
func (m *Metrics) Handler() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(m)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	return mux
}
