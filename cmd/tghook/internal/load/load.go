// Package load sends a webhook the traffic of many chats, as Telegram would, and measures what
// becomes of it.
package load

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/tghook/tghook/cmd/tghook/internal/courier"
	"github.com/tghook/tghook/cmd/tghook/internal/wire"
	"github.com/tghook/tghook/tghooktest"
)

// Config configures Run.
type Config struct {
	Target         *wire.Target
	Rate           float64       // updates a second
	For            time.Duration // how long updates are made
	Chats          int
	MaxConnections int // if zero, 40
	Seed           uint64
	// Drain is how long the webhook has, after the last update was made, to answer what
	// waits. If zero, 10 seconds.
	Drain time.Duration
	// Progress, if set, gets the report so far each second.
	Progress func(Report)
}

// Report counts the ends of the updates.
type Report struct {
	Took      time.Duration `json:"took_ns"`
	Made      int           `json:"made"`      // updates
	Delivered int           `json:"delivered"` // updates that were answered 2xx
	Retried   int           `json:"retried"`   // updates that took more than one attempt
	Dropped   int           `json:"dropped"`   // updates that Telegram would have given up
	Overflow  int           `json:"overflow"`  // updates for which Telegram's queue had no room
	Pending   int           `json:"pending"`   // updates that still wait at the end
	Attempts  int           `json:"attempts"`
	Replies   int           `json:"replies"` // webhook replies
	// Failures counts failed attempts by last_error_message of getWebhookInfo, and Refused the
	// webhook replies that Telegram would not execute by the reason. Both keep a few only.
	Failures map[string]int `json:"failures,omitempty"`
	Refused  map[string]int `json:"refused,omitempty"`
	Answer   Latency        `json:"answer"` // from the request to the answer
	Delay    Latency        `json:"delay"`  // from the making of an update to its delivery
}

// Lost returns how many updates would have been lost.
func (r Report) Lost() int { return r.Dropped + r.Overflow }

// Latency has percentiles of a time.
type Latency struct {
	P50  time.Duration `json:"p50_ns"`
	P90  time.Duration `json:"p90_ns"`
	P99  time.Duration `json:"p99_ns"`
	P999 time.Duration `json:"p99_9_ns"`
	Max  time.Duration `json:"max_ns"`
}

// String is the percentiles in one line.
func (l Latency) String() string {
	round := func(d time.Duration) time.Duration {
		if d > 10*time.Millisecond {
			return d.Round(time.Millisecond)
		}
		return d.Round(10 * time.Microsecond)
	}
	return fmt.Sprintf("p50 %v, p90 %v, p99 %v, p99.9 %v, max %v", round(l.P50), round(l.P90), round(l.P99), round(l.P999), round(l.Max))
}

// String is the report as people read it.
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d updates in %v, of which %d were delivered (%.0f a second).\n", r.Made, r.Took.Round(time.Second/10), r.Delivered, float64(r.Delivered)/max(r.Took.Seconds(), 0.001))
	fmt.Fprintf(&b, "answer: %v\n", r.Answer)
	fmt.Fprintf(&b, "delay:  %v (from the user's act to the answer)\n", r.Delay)
	fmt.Fprintf(&b, "Telegram would have lost %d updates, sent %d again, and %d would still wait.", r.Lost(), r.Retried, r.Pending)
	for what, n := range r.Failures {
		fmt.Fprintf(&b, "\n  %d x %s", n, what)
	}
	for what, n := range r.Refused {
		fmt.Fprintf(&b, "\n  %d webhook replies not executed: %s", n, what)
	}
	return b.String()
}

// Run sends the traffic. When ctx ends, it returns the report so far, with the error of ctx.
func Run(ctx context.Context, cfg Config) (Report, error) {
	if cfg.Drain <= 0 {
		cfg.Drain = 10 * time.Second
	}
	t := newTally()
	c, err := courier.Start(ctx, courier.Config{
		Target: cfg.Target, MaxConnections: cfg.MaxConnections, Observe: t.observe,
		Execute: func(tghooktest.Call) tghooktest.CallFault {
			return tghooktest.CallFault{Result: json.RawMessage("true")}
		},
	})
	if err != nil {
		return Report{}, err
	}
	defer c.Close()
	done := make(chan struct{})
	var telling sync.WaitGroup
	telling.Go(func() { t.tell(c, cfg.Progress, done) })
	err = send(ctx, c, t, cfg)
	close(done)
	telling.Wait()
	c.Close() // so that no attempt ends between the counts; an update under way stays pending
	return t.report(c.Server().Pending()), err
}

// send makes the updates, and waits for those under way.
func send(ctx context.Context, c *courier.Courier, t *tally, cfg Config) error {
	updates := newTraffic(cfg.Seed, cfg.Chats)
	start := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for n := 0; ; n++ {
		due := start.Add(time.Duration(float64(n) / cfg.Rate * float64(time.Second)))
		if due.Sub(start) >= cfg.For {
			break
		}
		if wait := time.Until(due); wait > 0 {
			timer.Reset(wait)
			select {
			case <-timer.C:
			case <-ctx.Done():
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		update, kind := updates.next()
		_, err := c.Deliver(ctx, kind, update)
		t.made(err)
	}
	draining, cancel := context.WithTimeout(ctx, cfg.Drain)
	defer cancel()
	_ = c.Server().Delivered(draining) // what still waits is in the report
	return ctx.Err()
}

// tally counts the ends of the updates.
type tally struct {
	start time.Time

	mu     sync.Mutex
	counts Report
	answer *hdrhistogram.Histogram
	delay  *hdrhistogram.Histogram
}

const (
	longest   = int64(24 * time.Hour / time.Microsecond)
	precision = 3  // digits
	maxTexts  = 20 // of failures
)

func newTally() *tally {
	return &tally{
		start: time.Now(), counts: Report{Failures: map[string]int{}, Refused: map[string]int{}},
		answer: hdrhistogram.New(1, longest, precision), delay: hdrhistogram.New(1, longest, precision),
	}
}

func (t *tally) made(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.Made++
	if err != nil {
		t.counts.Overflow++
		count(t.counts.Failures, strings.TrimPrefix(err.Error(), "tghooktest: Deliver: "))
	}
}

// observe gets each attempt after its end.
func (t *tally) observe(d tghooktest.Delivery) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.Attempts++
	if d.Attempt == 2 {
		t.counts.Retried++
	}
	if d.Reply != "" {
		t.counts.Replies++
	}
	if d.Refused != "" {
		count(t.counts.Refused, d.Refused)
	}
	if d.Status != 0 {
		_ = t.answer.RecordValue(min(d.Took.Microseconds(), longest)) // it has no larger values
	}
	switch {
	case d.Done:
		t.counts.Delivered++
		_ = t.delay.RecordValue(min(d.At.Add(d.Took).Sub(d.Queued).Microseconds(), longest))
	case d.Err != "":
		count(t.counts.Failures, d.Err)
	default:
		count(t.counts.Failures, "the connection was closed without an answer")
	}
	if d.Dropped {
		t.counts.Dropped++
	}
}

// count counts a text. Beyond maxTexts different ones, it counts all others together.
func count(texts map[string]int, text string) {
	if _, known := texts[text]; !known && len(texts) >= maxTexts {
		text = "others"
	}
	texts[text]++
}

func (t *tally) report(pending int) Report {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.counts
	r.Took, r.Pending = time.Since(t.start), pending
	r.Failures, r.Refused = maps.Clone(r.Failures), maps.Clone(r.Refused)
	r.Answer, r.Delay = latency(t.answer), latency(t.delay)
	return r
}

func latency(h *hdrhistogram.Histogram) Latency {
	at := func(percent float64) time.Duration {
		return time.Duration(h.ValueAtQuantile(percent)) * time.Microsecond
	}
	return Latency{P50: at(50), P90: at(90), P99: at(99), P999: at(99.9), Max: time.Duration(h.Max()) * time.Microsecond}
}

// tell calls progress each second until done is closed.
func (t *tally) tell(c *courier.Courier, progress func(Report), done <-chan struct{}) {
	ticks := time.NewTicker(time.Second)
	defer ticks.Stop()
	for {
		select {
		case <-ticks.C:
			if progress != nil {
				progress(t.report(c.Server().Pending()))
			}
		case <-done:
			return
		}
	}
}
