package telemetry

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/gateway"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/outlet"
	"github.com/tghook/tghook/internal/botapi"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

const (
	other = "other" // a value that this version does not know
	none  = "none"  // there was no answer
)

// received are the outcomes that a label may have.
var received = map[tghook.Outcome]bool{
	tghook.OutcomeHandled: true, tghook.OutcomeReplied: true, tghook.OutcomeJoined: true, tghook.OutcomeDuplicate: true,
	tghook.OutcomeLate: true, tghook.OutcomeDropped: true, tghook.OutcomeDeadLettered: true, tghook.OutcomeAbandoned: true,
	tghook.OutcomeShed: true, tghook.OutcomeRejected: true, tghook.OutcomeFailed: true, tghook.OutcomeReplyLost: true,
	tghook.OutcomeGathered: true, tghook.OutcomePinning: true, tghook.OutcomeCallLost: true, gateway.Full: true,
}

// The boundaries of buckets, in seconds.
var (
	postTimes = metric.WithExplicitBucketBoundaries(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
	delays    = metric.WithExplicitBucketBoundaries(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600, 21600, 86400)
	callTimes = metric.WithExplicitBucketBoundaries(0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
)

// counts are the instruments that the gateway tells of each event.
type counts struct {
	received, posts, calls, letters, reloads *counter
	postTime, delay, callTime                *timer
	lastReload                               atomic.Int64 // when it succeeded, in nanoseconds; 0 for never
}

func newCounts(m metric.Meter) *counts {
	return &counts{
		received: newCounter(m, "tghook.serve.received", "{update}", "Arrivals of updates.", "bot", "outcome"),
		posts:    newCounter(m, "tghook.serve.posts", "{request}", "Requests to the URLs of bots.", "bot", "target", "outcome", "status"),
		calls: newCounter(m, "tghook.serve.calls", "{call}", "Calls of the Bot API for webhook replies.",
			"bot", "method", "outcome", "code"),
		letters: newCounter(m, "tghook.serve.dead_letters", "{update}", "Updates that were given up.", "bot", "target"),
		reloads: newCounter(m, "tghook.serve.reloads", "{reload}", "Readings of the configuration.", "outcome"),
		postTime: newTimer(m, "tghook.serve.post.duration", "Time until a bot answered, or failed to.",
			postTimes, "bot", "target"),
		delay:    newTimer(m, "tghook.serve.delay", "Time from the arrival of an update to the bot's 2xx.", delays, "bot", "target"),
		callTime: newTimer(m, "tghook.serve.call.duration", "Time of calls of the Bot API for webhook replies.", callTimes, "bot"),
	}
}

// Received counts an arrival of an update. bot is the name of the bot. The outcome is that of the
// [tghook.Delivery], or [gateway.Full].
func (c *counts) Received(bot string, outcome tghook.Outcome) {
	if !received[outcome] {
		outcome = other
	}
	c.received.add(labels{bot, string(outcome)})
}

// Posted counts a request to a bot. target is the name of a copy, or empty. waited is the time from
// the arrival of the update to the request.
func (c *counts) Posted(bot, target string, a outlet.Attempt, waited time.Duration) {
	outcome := "failed"
	switch {
	case a.Err == nil:
		outcome = "delivered"
		c.delay.record(waited+a.Took, labels{bot, target})
	case a.Unreachable:
		outcome = "unreachable"
	}
	c.posts.add(labels{bot, target, outcome, classOf(a.Status)})
	if !a.Unreachable {
		c.postTime.record(a.Took, labels{bot, target})
	}
}

// Called counts a call of the Bot API for a webhook reply.
func (c *counts) Called(bot, method string, err error, took time.Duration) {
	known, ok := botapi.Lookup(method)
	if !ok {
		known.Name = other
	}
	outcome, code := callOutcome(err)
	c.calls.add(labels{bot, known.Name, outcome, code})
	c.callTime.record(took, labels{bot})
}

// DeadLettered counts an update that was given up.
func (c *counts) DeadLettered(bot, target string) { c.letters.add(labels{bot, target}) }

// Reloaded counts a reading of the configuration, at the start too. err is nil if it was taken over.
func (c *counts) Reloaded(err error) {
	if err != nil {
		c.reloads.add(labels{"failed"})
		return
	}
	c.lastReload.Store(time.Now().UnixNano())
	c.reloads.add(labels{"ok"})
}

// callOutcome returns the outcome and the code of a call. Errors that the library tries again are
// "retried", but for the last one of a reply that is given up.
func callOutcome(err error) (outcome, code string) {
	if lost := (*gateway.LostError)(nil); errors.As(err, &lost) {
		_, code = callOutcome(lost.Err)
		return "failed", code
	}
	var refused *tghook.APIError
	var unsendable *tghook.ReplyError
	var unreadable *tghook.DecodeError
	switch {
	case err == nil:
		return "ok", strconv.Itoa(http.StatusOK)
	case errors.As(err, &unsendable), errors.As(err, &unreadable):
		return "failed", none
	case !errors.As(err, &refused): // all other errors are those of the connection
		return "retried", none
	case refused.Code == http.StatusTooManyRequests, refused.Code >= http.StatusInternalServerError:
		return "retried", codeOf(refused.Code)
	}
	return "failed", codeOf(refused.Code)
}

// codeOf returns an error_code as a label. A proxy may answer with any number.
func codeOf(code int) string {
	switch code {
	case 400, 401, 403, 404, 409, 413, 429, 500, 502, 503, 504:
		return strconv.Itoa(code)
	}
	return classOf(code)
}

// classOf returns the class of a status, such as 2xx.
func classOf(status int) string {
	switch {
	case status == 0:
		return none
	case status < 100 || status > 599:
		return other
	}
	return strconv.Itoa(status/100) + "xx"
}

// labels are the values of the labels of one series, in the order of their names.
type labels [4]string

// series keeps the attributes of the series of an instrument, because making them takes longer
// than counting.
type series struct {
	names []string
	known sync.Map // of labels, their metric.MeasurementOption
	size  atomic.Int64
}

// of returns the attributes with the values.
func (s *series) of(values labels) metric.MeasurementOption {
	if found, ok := s.known.Load(values); ok {
		return found.(metric.MeasurementOption)
	}
	attributes := make([]attribute.KeyValue, len(s.names))
	for i, name := range s.names {
		attributes[i] = attribute.String(name, values[i])
	}
	made := metric.WithAttributeSet(attribute.NewSet(attributes...))
	if s.size.Load() < maxSeries { // the instrument has no more either
		if _, twice := s.known.LoadOrStore(values, made); !twice {
			s.size.Add(1)
		}
	}
	return made
}

// counter is an instrument that counts.
type counter struct {
	series

	instrument metric.Int64Counter
}

func newCounter(m metric.Meter, name, unit, description string, names ...string) *counter {
	c := &counter{series: series{names: names}}
	var err error
	if c.instrument, err = m.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(description)); err != nil {
		otel.Handle(err) // the instrument can be used all the same
	}
	return c
}

func (c *counter) add(values labels) { c.instrument.Add(context.Background(), 1, c.of(values)) }

// timer is an instrument that measures durations.
type timer struct {
	series

	instrument metric.Float64Histogram
}

func newTimer(m metric.Meter, name, description string, buckets metric.HistogramOption, names ...string) *timer {
	t := &timer{series: series{names: names}}
	var err error
	if t.instrument, err = m.Float64Histogram(name, metric.WithUnit("s"), metric.WithDescription(description), buckets); err != nil {
		otel.Handle(err) // the instrument can be used all the same
	}
	return t
}

// record records a duration. If the clock was set back, it is zero.
func (t *timer) record(took time.Duration, values labels) {
	t.instrument.Record(context.Background(), max(0, took).Seconds(), t.of(values))
}
