package oteltghook

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/tghook/tghook"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	semconv "go.opentelemetry.io/otel/semconv/v1.41.0"
	"go.opentelemetry.io/otel/semconv/v1.41.0/messagingconv"
)

// metrics are the instruments. docs/operating.md lists them. The counters are read from counts
// of our own when metrics are collected, because an SDK takes longer to add 1 to a counter than
// an update may cost.
type metrics struct {
	deliveries  metric.Int64ObservableCounter
	attempts    metric.Int64ObservableCounter
	deadLetters metric.Int64ObservableCounter
	replies     metric.Int64ObservableCounter
	handling    metric.Float64Histogram
	waiting     metric.Float64Histogram
	storing     metric.Float64Histogram
	gauges      gauges

	ofDeliveries sync.Map // of deliveryLabels, their *deliveryCount
	ofReplies    sync.Map // of replyLabels, their *replyCount
	ofStores     sync.Map // of storeLabels, their []metric.RecordOption
}

// The boundaries of buckets, in seconds. Those of processing are the semantic conventions'.
var (
	processing = metric.WithExplicitBucketBoundaries(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
	waits      = metric.WithExplicitBucketBoundaries(0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
	calls      = metric.WithExplicitBucketBoundaries(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
)

func newMetrics(m metric.Meter) *metrics {
	consumed, process := messagingconv.ClientConsumedMessages{}, messagingconv.ProcessDuration{}
	ms := &metrics{
		deliveries: counter(m, "tghook.deliveries", "{delivery}",
			"Arrivals of updates, and runs of the handler whose result no arrival got, by how they ended."),
		attempts:    counter(m, consumed.Name(), consumed.Unit(), consumed.Description()),
		deadLetters: counter(m, "tghook.dead_letters", "{update}", "Updates that were given up, and that DeadLetter accepted."),
		replies:     counter(m, "tghook.replies", "{reply}", "Replies of handlers, by what became of them."),
		handling:    histogram(m, process.Name(), process.Description(), processing),
		waiting: histogram(m, "tghook.wait.duration",
			"Time from the arrival of an update until its handler began, or until the answer if that came first.", waits),
		storing: histogram(m, "tghook.store.duration", "Duration of the calls of the Store.", calls),
		gauges:  newGauges(m),
	}
	if _, err := m.RegisterCallback(ms.collect, ms.deliveries, ms.attempts, ms.deadLetters, ms.replies); err != nil {
		report(err)
	}
	return ms
}

func counter(m metric.Meter, name, unit, description string) metric.Int64ObservableCounter {
	c, err := m.Int64ObservableCounter(name, metric.WithUnit(unit), metric.WithDescription(description))
	if err != nil {
		report(err)
		return noop.Int64ObservableCounter{}
	}
	return c
}

func histogram(m metric.Meter, name, description string, buckets metric.HistogramOption) metric.Float64Histogram {
	h, err := m.Float64Histogram(name, metric.WithUnit("s"), metric.WithDescription(description), buckets)
	if err != nil {
		report(err)
		return noop.Float64Histogram{}
	}
	return h
}

// collect reads the counts into the counters.
func (m *metrics) collect(_ context.Context, o metric.Observer) error {
	m.ofDeliveries.Range(func(_, value any) bool {
		c := value.(*deliveryCount)
		o.ObserveInt64(m.deliveries, c.deliveries.Load(), c.set)
		if runs := c.runs.Load(); runs > 0 {
			o.ObserveInt64(m.attempts, runs, c.processSet)
		}
		if c.means.dead {
			o.ObserveInt64(m.deadLetters, c.deliveries.Load(), c.set)
		}
		return true
	})
	m.ofReplies.Range(func(_, value any) bool {
		c := value.(*replyCount)
		o.ObserveInt64(m.replies, c.number.Load(), c.set)
		return true
	})
	return nil
}

// deliveryLabels are the values of the labels of one Delivery.
type deliveryLabels struct {
	bot     int64
	kind    string
	outcome tghook.Outcome
	failure string // see errorType
}

// deliveryCount counts what has the same labels. Its attributes are made once, in the form
// that instruments take.
type deliveryCount struct {
	means      outcome
	set        metric.MeasurementOption
	processSet metric.MeasurementOption // with what the semantic conventions ask for
	handling   []metric.RecordOption
	waiting    []metric.RecordOption

	deliveries atomic.Int64
	runs       atomic.Int64
}

// Observe counts a delivery, and ends the span of its attempt. Set it as
// [tghook.DispatchConfig].Observe, or call it there. It does not block.
func (t *Telemetry) Observe(ctx context.Context, d tghook.Delivery) {
	labels := deliveryLabels{bot: d.Bot, kind: kindOf(d.Update), outcome: d.Outcome}
	means, ok := outcomes[d.Outcome]
	if !ok {
		labels.outcome = other
	}
	if means.failed {
		labels.failure = errorType(d.Err)
	}
	ran := means.run && d.Attempt > 0
	if ran && d.Update != nil {
		t.endAttempt(&d, labels.failure)
	}
	t.countReply(&d, labels.kind)
	c := t.countOf(labels, means)
	c.deliveries.Add(1)
	if ran {
		c.runs.Add(1)
		t.metrics.handling.Record(ctx, d.Took.Seconds(), c.handling...)
	}
	if means.waits && d.Waited > 0 {
		t.metrics.waiting.Record(ctx, d.Waited.Seconds(), c.waiting...)
	}
}

// countOf returns the count of labels.
func (t *Telemetry) countOf(labels deliveryLabels, means outcome) *deliveryCount {
	if found, ok := t.metrics.ofDeliveries.Load(labels); ok {
		return found.(*deliveryCount)
	}
	kind := kindKey.String(labels.kind)
	how := []attribute.KeyValue{kind, outcomeKey.String(string(labels.outcome))}
	if labels.failure != "" {
		how = append(how, semconv.ErrorTypeKey.String(labels.failure))
	}
	set := func(attributes ...attribute.KeyValue) metric.MeasurementOption {
		return metric.WithAttributeSet(t.attributes(labels.bot, attributes...))
	}
	made := &deliveryCount{means: means, set: set(how...), processSet: set(append(how, system, operation)...)}
	made.handling = []metric.RecordOption{made.processSet}
	made.waiting = []metric.RecordOption{set(kind)}
	found, _ := t.metrics.ofDeliveries.LoadOrStore(labels, made)
	return found.(*deliveryCount)
}

// replyLabels are the values of the labels of one reply.
type replyLabels struct {
	bot        int64
	kind, fate string
}

// replyCount counts replies that have the same labels.
type replyCount struct {
	set    metric.MeasurementOption
	number atomic.Int64
}

// countReply counts the reply of d, if there is one.
func (t *Telemetry) countReply(d *tghook.Delivery, kind string) {
	labels := replyLabels{bot: d.Bot, kind: kind}
	switch {
	case d.Outcome == tghook.OutcomeReplyLost:
		labels.fate = "lost"
	case d.Outcome == tghook.OutcomeReplied && !d.Rode:
		labels.fate = "called"
	case d.Outcome == tghook.OutcomeReplied:
		labels.fate = "rode"
	case d.Rode:
		labels.fate = "replayed"
	default:
		return
	}
	found, ok := t.metrics.ofReplies.Load(labels)
	if !ok {
		set := metric.WithAttributeSet(t.attributes(labels.bot, kindKey.String(kind), replyKey.String(labels.fate)))
		found, _ = t.metrics.ofReplies.LoadOrStore(labels, &replyCount{set: set})
	}
	found.(*replyCount).number.Add(1)
}

// attributes returns the user's attributes, the bot if its id is known, and more.
func (t *Telemetry) attributes(bot int64, more ...attribute.KeyValue) attribute.Set {
	all := slices.Concat(t.common, more)
	if bot != 0 {
		all = append(all, botKey.Int64(bot))
	}
	return attribute.NewSet(all...)
}
