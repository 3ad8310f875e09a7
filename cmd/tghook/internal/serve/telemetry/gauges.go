package telemetry

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/tghook/tghook/cmd/tghook/internal/serve/gateway"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// store is the storage of the gateway.
type store interface {
	Size(ctx context.Context) (int64, error)
	Dropped() int64
}

// source is where the gauges come from.
type source struct {
	bots  func() []gateway.BotStatus
	store store
}

// sizeTime is how long the storage may take to tell its size.
const sizeTime = 2 * time.Second

// gauges are the instruments that show a Snapshot.
type gauges struct {
	source atomic.Pointer[source]
	meter  metric.Meter
	all    []metric.Observable
	err    error // of the first instrument that could not be made

	queueUpdates, queueLeased, queueAge, queueLetters metric.Float64ObservableGauge
	window, busy, waiting, down                       metric.Float64ObservableGauge
	botInfo, paused                                   metric.Float64ObservableGauge
	webhookPending, webhookError, webhookProblem      metric.Float64ObservableGauge
	storageSize, storageMax, buildInfo, reloaded      metric.Float64ObservableGauge
	historyDropped                                    metric.Int64ObservableCounter
}

// Observe sets where the gauges come from. Both are asked whenever metrics are read, also several
// times at once. bots must not block. The context that the storage gets ends after 2 seconds.
func (g *gauges) Observe(bots func() []gateway.BotStatus, store store) {
	g.source.Store(&source{bots, store})
}

func newGauges(m metric.Meter, cfg Config, lastReload *atomic.Int64) (*gauges, error) {
	g := &gauges{meter: m}
	g.queueUpdates = g.gauge("tghook.serve.queue.updates", "{update}", "Updates that wait for a bot, with those that are posted now.")
	g.queueLeased = g.gauge("tghook.serve.queue.leased", "{update}", "Waiting updates that a gateway has taken.")
	g.queueAge = g.gauge("tghook.serve.queue.age", "s", "Time since the oldest waiting update arrived; 0 if there is none.")
	g.queueLetters = g.gauge("tghook.serve.queue.dead_letters", "{update}", "Dead letters that are kept.")
	g.window = g.gauge("tghook.serve.target.window", "{request}", "Requests to a bot that may be under way.")
	g.busy = g.gauge("tghook.serve.target.busy", "{request}", "Requests to a bot that are under way.")
	g.waiting = g.gauge("tghook.serve.target.waiting", "{update}", "Updates in memory that wait for a request.")
	g.down = g.gauge("tghook.serve.target.down", "{state}", "1 if the bot does not answer.")
	g.botInfo = g.gauge("tghook.serve.bot.info", "{bot}", "1 for each bot; tghook_bot is its id, as in the metrics of the library.")
	g.paused = g.gauge("tghook.serve.bot.paused", "{state}", "1 if the bot is paused.")
	g.webhookPending = g.gauge("tghook.serve.webhook.pending_updates", "{update}", "Updates that wait at Telegram.")
	g.webhookError = g.gauge("tghook.serve.webhook.last_error.timestamp", "s", "When Telegram last failed to deliver an update.")
	g.webhookProblem = g.gauge("tghook.serve.webhook.problem", "{state}", "1 if the webhook cannot be set, or the poll fails.")
	g.storageSize = g.gauge("tghook.serve.storage.size", "By", "Size of the storage on the disk.")
	g.storageMax = g.gauge("tghook.serve.storage.max", "By", "Bound of the storage.")
	g.buildInfo = g.gauge("tghook.serve.build.info", "{build}", "1, with the version of tghook and of Go.")
	g.reloaded = g.gauge("tghook.serve.reload.success.timestamp", "s", "When the configuration was last read without a mistake.")
	dropped, err := m.Int64ObservableCounter("tghook.serve.history.dropped", metric.WithUnit("{row}"),
		metric.WithDescription("Rows of the history that were lost, because too many waited."))
	g.historyDropped = dropped
	g.add(dropped, err)
	if g.err != nil {
		return nil, g.err
	}
	build := labelled("version", cfg.Version, "goversion", runtime.Version())
	_, err = m.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		o.ObserveFloat64(g.buildInfo, 1, build)
		if at := lastReload.Load(); at != 0 {
			o.ObserveFloat64(g.reloaded, float64(at)/float64(time.Second))
		}
		if cfg.StorageMax > 0 {
			o.ObserveFloat64(g.storageMax, float64(cfg.StorageMax))
		}
		g.observe(ctx, o)
		return nil
	}, g.all...)
	return g, err
}

// gauge makes an instrument.
func (g *gauges) gauge(name, unit, description string) metric.Float64ObservableGauge {
	i, err := g.meter.Float64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(description))
	g.add(i, err)
	return i
}

func (g *gauges) add(i metric.Observable, err error) {
	if err != nil && g.err == nil {
		g.err = fmt.Errorf("metrics: %w", err)
	}
	g.all = append(g.all, i)
}

// labelled returns attributes from names and values in turn.
func labelled(namesAndValues ...string) metric.ObserveOption {
	var attributes []attribute.KeyValue
	for i := 0; i+1 < len(namesAndValues); i += 2 {
		attributes = append(attributes, attribute.String(namesAndValues[i], namesAndValues[i+1]))
	}
	return metric.WithAttributeSet(attribute.NewSet(attributes...))
}

// observe shows the bots and the storage.
func (g *gauges) observe(ctx context.Context, o metric.Observer) {
	from := g.source.Load()
	if from == nil {
		return
	}
	bots := from.bots()
	for i := range bots {
		g.observeBot(o, &bots[i])
	}
	o.ObserveInt64(g.historyDropped, from.store.Dropped())
	ctx, cancel := context.WithTimeout(ctx, sizeTime)
	defer cancel()
	if size, err := from.store.Size(ctx); err == nil { // readyz tells what is wrong with the storage
		o.ObserveFloat64(g.storageSize, float64(size))
	}
}

func (g *gauges) observeBot(o metric.Observer, b *gateway.BotStatus) {
	bot := labelled("bot", b.Name)
	o.ObserveFloat64(g.botInfo, 1, labelled("bot", b.Name, "tghook.bot", strconv.FormatInt(b.ID, 10), "receive", string(b.Receive)))
	o.ObserveFloat64(g.paused, one(b.Paused), bot)
	for i := range b.Targets {
		g.observeTarget(o, labelled("bot", b.Name, "target", b.Targets[i].Name), &b.Targets[i])
	}
	if !b.Webhook.Here {
		return
	}
	o.ObserveFloat64(g.webhookProblem, one(b.Webhook.Problem != ""), bot)
	if !b.Webhook.CheckedAt.IsZero() {
		o.ObserveFloat64(g.webhookPending, float64(b.Webhook.Pending), bot)
	}
	if !b.Webhook.ErrorAt.IsZero() {
		o.ObserveFloat64(g.webhookError, float64(b.Webhook.ErrorAt.Unix()), bot)
	}
}

func (g *gauges) observeTarget(o metric.Observer, target metric.ObserveOption, t *gateway.TargetStatus) {
	o.ObserveFloat64(g.window, float64(t.Outlet.Window), target)
	o.ObserveFloat64(g.busy, float64(t.Outlet.Busy), target)
	o.ObserveFloat64(g.waiting, float64(t.Outlet.Waiting), target)
	o.ObserveFloat64(g.down, one(t.Outlet.Down), target)
	if t.Counted.IsZero() {
		return
	}
	o.ObserveFloat64(g.queueUpdates, float64(t.Queue.Pending), target)
	o.ObserveFloat64(g.queueLeased, float64(t.Queue.Leased), target)
	o.ObserveFloat64(g.queueLetters, float64(t.Queue.Dead), target)
	var age time.Duration
	if !t.Queue.Oldest.IsZero() {
		age = max(0, time.Since(t.Queue.Oldest)) // the clock of a database may be ahead
	}
	o.ObserveFloat64(g.queueAge, age.Seconds(), target)
}

// one returns 1 for true, and 0 for false.
func one(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
