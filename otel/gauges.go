package oteltghook

import (
	"context"
	"time"

	"github.com/tghook/tghook"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
)

// gauges are the instruments that read [tghook.Stats].
type gauges struct {
	held    []held
	evicted metric.Int64ObservableCounter
	polled  metric.Float64ObservableGauge
}

// held is an instrument for one of the numbers in Stats.
type held struct {
	metric.Int64ObservableUpDownCounter

	number func(*tghook.Stats) int
}

func newGauges(m metric.Meter) (g gauges) {
	hold := func(name, unit, description string, number func(*tghook.Stats) int) {
		var made metric.Int64ObservableUpDownCounter = noop.Int64ObservableUpDownCounter{}
		if i, err := m.Int64ObservableUpDownCounter(name, metric.WithUnit(unit), metric.WithDescription(description)); err != nil {
			report(err)
		} else {
			made = i
		}
		g.held = append(g.held, held{made, number})
	}
	hold("tghook.in_flight", "{update}", "Updates that run, wait for their turn, or in a poll wait for their next attempt.",
		func(s *tghook.Stats) int { return s.InFlight })
	hold("tghook.lanes", "{lane}", "Lanes with at least one update in flight.",
		func(s *tghook.Stats) int { return s.Lanes })
	hold("tghook.failed", "{update}", "Updates that failed and may come again.",
		func(s *tghook.Stats) int { return s.Failed })
	hold("tghook.unacknowledged", "{update}", "Updates that succeeded without Telegram being told so far.",
		func(s *tghook.Stats) int { return s.Unacknowledged })
	hold("tghook.remembered", "{update}", "Updates that are finished, and are remembered so that they do not run again.",
		func(s *tghook.Stats) int { return s.Remembered })
	hold("tghook.abandoned", "{handler}", "Abandoned handlers that have not returned.",
		func(s *tghook.Stats) int { return s.Abandoned })
	g.evicted, g.polled = noop.Int64ObservableCounter{}, noop.Float64ObservableGauge{}
	if i, err := m.Int64ObservableCounter("tghook.evicted", metric.WithUnit("{update}"),
		metric.WithDescription("Updates that were forgotten too early, because memory is bounded.")); err != nil {
		report(err)
	} else {
		g.evicted = i
	}
	if i, err := m.Float64ObservableGauge("tghook.poll.age", metric.WithUnit("s"),
		metric.WithDescription("Time since getUpdates was last answered.")); err != nil {
		report(err)
	} else {
		g.polled = i
	}
	return g
}

// Watch makes the gauges of one Webhook, Dispatcher or poll from its Stats. Set it as
// [tghook.DispatchConfig].Watch. The gauges end when the function that it returns is called.
// That function then waits for at most a second until all spans were given to their processor.
// It may be called more than once.
func (t *Telemetry) Watch(bot int64, stats func() tghook.Stats) (end func()) {
	set := metric.WithAttributeSet(t.attributes(bot))
	g := &t.metrics.gauges
	instruments := append(make([]metric.Observable, 0, 2+len(g.held)), g.evicted, g.polled)
	for _, h := range g.held {
		instruments = append(instruments, h.Int64ObservableUpDownCounter)
	}
	registration, err := t.meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		g.observe(o, stats(), set)
		return nil
	}, instruments...)
	if err != nil {
		report(err)
		registration = noop.Registration{}
	}
	return func() {
		if err := registration.Unregister(); err != nil {
			report(err)
		}
		t.spans.settle(time.Second)
	}
}

// observe reads s into the instruments.
func (g *gauges) observe(o metric.Observer, s tghook.Stats, set metric.MeasurementOption) {
	for _, h := range g.held {
		o.ObserveInt64(h.Int64ObservableUpDownCounter, int64(h.number(&s)), set)
	}
	o.ObserveInt64(g.evicted, int64(s.Evicted), set) //nolint:gosec // it counts from 0
	if !s.Polled.IsZero() {
		o.ObserveFloat64(g.polled, time.Since(s.Polled).Seconds(), set)
	}
}
