package tghook

import (
	"context"
	"log/slog"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/tghook/tghook/internal/callback"
	"github.com/tghook/tghook/internal/dispatch"
	"github.com/tghook/tghook/internal/guard"
)

// Outcome says how a [Delivery] ended.
type Outcome string

// The outcomes. To count the runs of handlers, and the repeated calls of DeadLetter, count
// the outcomes handled, replied, dropped, dead_lettered, abandoned, failed and reply_lost.
// Each run has one of these once. If several deliveries wait for one run, only the delivery
// that gets its result has such an outcome.
const (
	// OutcomeHandled: the handler succeeded without a reply.
	OutcomeHandled Outcome = "handled"
	// OutcomeReplied: the handler succeeded, and its reply was sent.
	OutcomeReplied Outcome = "replied"
	// OutcomeJoined: the delivery waited for the run of another delivery of the same
	// update, and that one got the result.
	OutcomeJoined Outcome = "joined"
	// OutcomeDuplicate: the update had succeeded before, and its handler did not run again.
	OutcomeDuplicate Outcome = "duplicate"
	// OutcomeLate: the delivery was answered before its handler had finished, or its sender
	// hung up before that.
	OutcomeLate Outcome = "late"
	// OutcomeDropped: the handler returned [Drop], and DeadLetter accepted the update.
	OutcomeDropped Outcome = "dropped"
	// OutcomeDeadLettered: the update was given up for another reason, and DeadLetter
	// accepted it.
	OutcomeDeadLettered Outcome = "dead_lettered"
	// OutcomeShed: the handler did not run, because of overload or shutdown, because the
	// Store is down, or because the update runs in another process. It must come again.
	OutcomeShed Outcome = "shed"
	// OutcomeRejected: the request was refused before it became an update. The error is a
	// *[RequestError].
	OutcomeRejected Outcome = "rejected"
	// OutcomeFailed: the handler failed, or DeadLetter or another function of yours, such
	// as Lane.
	OutcomeFailed Outcome = "failed"
	// OutcomeReplyLost: the handler succeeded, and its reply could not be sent.
	OutcomeReplyLost Outcome = "reply_lost"
	// OutcomeAbandoned: the handler has not returned (see DispatchConfig.HandlerTimeout),
	// and DeadLetter accepted the update.
	OutcomeAbandoned Outcome = "abandoned"
	// OutcomeGathered: the update is an item of an [Album], and is kept until that is complete.
	// The run of the album has another outcome, which is reported with its first item as the
	// Update.
	OutcomeGathered Outcome = "gathered"
	// OutcomePinning: in a poll, the update is not finished, and no further updates can come
	// because 100 are held. The update will have another outcome.
	OutcomePinning Outcome = "pinning"
	// OutcomeCallLost: a call that a [ReplyTransport] held back has failed. The update will
	// have another outcome.
	OutcomeCallLost Outcome = "call_lost"
)

// Delivery says what became of one arrival of an update at a door. It also reports a run of
// the handler whose result no arrival got.
type Delivery struct {
	Bot     int64   // DispatchConfig.Bot
	Update  *Update // nil if the outcome is OutcomeRejected
	Outcome Outcome
	Attempt int           // the number of the attempt, from 1; 0 if none had started
	Status  int           // the HTTP status that was answered; 0 if there was no HTTP answer
	Late    bool          // this delivery, or an earlier one for the same run, was answered late
	Rode    bool          // the HTTP answer had the reply
	Waited  time.Duration // from the arrival to the start of the handler, or to the answer if that came first
	Took    time.Duration // how long the handler ran; 0 if it has not ended or did not run
	Err     error         // the reason for the outcome, or another thing that went wrong; nil if nothing did

	quiet bool // the log already has a line that says the same about the same run
}

// outcomes maps the outcomes of the engine to those of this package.
var outcomes = [...]Outcome{
	dispatch.Handled:      OutcomeHandled,
	dispatch.Replied:      OutcomeReplied,
	dispatch.Joined:       OutcomeJoined,
	dispatch.Duplicate:    OutcomeDuplicate,
	dispatch.Late:         OutcomeLate,
	dispatch.Dropped:      OutcomeDropped,
	dispatch.DeadLettered: OutcomeDeadLettered,
	dispatch.Abandoned:    OutcomeAbandoned,
	dispatch.Shed:         OutcomeShed,
	dispatch.Failed:       OutcomeFailed,
	dispatch.ReplyLost:    OutcomeReplyLost,
	dispatch.Gathered:     OutcomeGathered,
}

// deliveryOf returns the Delivery of an update whose verdict is v and whose answer is status.
func deliveryOf(v *dispatch.Verdict, u *Update, status int) Delivery {
	return Delivery{
		Update: u, Outcome: outcomes[v.Outcome], Attempt: v.Attempt, Status: status, Late: v.Late,
		Rode: len(v.Reply.Body) > 0, Waited: v.Waited, Took: v.Took, Err: v.Err, quiet: v.Quiet,
	}
}

// observe gives v to Observe. If something went wrong, it logs that too.
func (c *DispatchConfig) observe(ctx context.Context, v Delivery) {
	v.Bot = c.Bot
	c.logDelivery(ctx, &v)
	if c.Observe == nil {
		return
	}
	if err := guard.Call(func() error { c.Observe(ctx, v); return nil }); err != nil {
		c.log(ctx, slog.LevelError, "tghook: DispatchConfig.Observe panicked", slog.Any("error", err))
	}
}

// observe calls Observe and logs, as DispatchConfig.observe does. After Shutdown has returned
// it only logs.
func (d *Dispatcher) observe(ctx context.Context, v Delivery) {
	d.engine.Observing(func(allowed bool) {
		if allowed {
			d.cfg.observe(ctx, v)
			return
		}
		v.Bot = d.cfg.Bot
		d.cfg.logDelivery(ctx, &v)
	})
}

// reporter calls the user's functions that get the reports of a [Poll] or [Consume]. The poll
// or Consume does not wait for them.
type reporter struct {
	door    string // such as "PollConfig"
	cfg     *DispatchConfig
	onError func(context.Context, error)
	calls   *callback.Group // of OnError, Observe and DeadLetter
	logs    *callback.Group // of the Logger
}

func newReporter(door string, cfg *DispatchConfig, onError func(context.Context, error)) *reporter {
	if onError == nil {
		onError = func(ctx context.Context, err error) {
			cfg.log(ctx, slog.LevelWarn, "tghook: something failed in "+strings.TrimSuffix(door, "Config")+", which recovers by itself", slog.Any("error", err))
		}
	}
	return &reporter{door, cfg, onError, callback.NewGroup(), callback.NewGroup()}
}

// report calls OnError with err, in order and without waiting.
func (r *reporter) report(ctx context.Context, err error) {
	told := r.calls.InTurn(func() {
		if broken := guard.Call(func() error { r.onError(ctx, err); return nil }); broken != nil {
			r.log(ctx, slog.LevelError, "tghook: "+r.door+".OnError panicked", slog.Any("error", broken))
		}
	})
	if !told {
		r.log(ctx, slog.LevelError, "tghook: "+r.door+".OnError was not called with an error, because 1,000 calls of OnError and Observe have not returned", slog.Any("error", err))
	}
}

// log writes a line, in order and without waiting. If the Logger itself does not
// return, the line is lost.
func (r *reporter) log(ctx context.Context, level slog.Level, message string, attrs ...slog.Attr) {
	r.logs.InTurn(func() { r.cfg.log(ctx, level, message, attrs...) })
}

// observe calls Observe, unless too many calls have not returned. It runs in a goroutine of
// its own.
func (r *reporter) observe(ctx context.Context, v Delivery) {
	if r.calls.Crowded() {
		r.log(ctx, slog.LevelError, "tghook: DispatchConfig.Observe was not called with a Delivery, because 1,000 calls of OnError and Observe have not returned",
			slog.Int64("update_id", v.Update.ID), slog.String("outcome", string(v.Outcome)))
		return
	}
	r.cfg.observe(ctx, v)
}

// log writes one line, and names the bot.
func (c *DispatchConfig) log(ctx context.Context, level slog.Level, message string, attrs ...slog.Attr) {
	_ = c.write(ctx, level, message, attrs...)
}

// write writes one line that must not get lost: it returns the error of the user's
// slog.Handler, or its panic. If the level is not enabled, it returns nil.
func (c *DispatchConfig) write(ctx context.Context, level slog.Level, message string, attrs ...slog.Attr) error {
	logger := c.Logger
	if logger == nil {
		logger = slog.Default()
	}
	if c.Bot != 0 {
		attrs = append(attrs, slog.Int64("bot", c.Bot))
	}
	var caller [1]uintptr
	runtime.Callers(3, caller[:])
	return guard.Call(func() error {
		handler := logger.Handler()
		if !handler.Enabled(ctx, level) {
			return nil
		}
		line := slog.NewRecord(time.Now(), level, message, caller[0])
		line.AddAttrs(attrs...)
		return handler.Handle(ctx, line)
	})
}

// lines has the log line of each outcome.
var lines = map[Outcome]string{
	OutcomeFailed:    "tghook: an update failed",
	OutcomeReplyLost: "tghook: an update succeeded, and its reply could not be sent",
	OutcomeCallLost:  "tghook: a call that ReplyTransport held back failed",
	OutcomeLate:      "tghook: a delivery ended before its handler had finished",
	OutcomeShed:      "tghook: an update was not handled, and must come again",
	OutcomePinning:   "tghook: an update is not finished, and no further updates can come",
	OutcomeDuplicate: "tghook: an update had succeeded before, and something else went wrong",
	OutcomeHandled:   "tghook: an update succeeded, and something else went wrong",
	OutcomeReplied:   "tghook: an update succeeded, and something else went wrong",
	OutcomeGathered:  "tghook: an item of an album is kept, and something else went wrong",
}

// acknowledged are the outcomes of which only another thing that went wrong is logged.
var acknowledged = []Outcome{OutcomeDuplicate, OutcomeHandled, OutcomeReplied, OutcomeGathered}

// logDelivery writes a line if something went wrong.
func (c *DispatchConfig) logDelivery(ctx context.Context, v *Delivery) {
	level := slog.LevelWarn
	switch v.Outcome {
	case OutcomeFailed, OutcomeReplyLost, OutcomeCallLost:
		level = slog.LevelError
	case OutcomeLate, OutcomeShed, OutcomePinning:
	default:
		if v.Err == nil || !slices.Contains(acknowledged, v.Outcome) {
			return // other places log dead letters, the run that a delivery joined, and refusals
		}
	}
	if v.quiet {
		return
	}
	attrs := []slog.Attr{slog.String("outcome", string(v.Outcome)), slog.Int("status", v.Status)}
	if v.Update != nil {
		attrs = append(attrs, slog.Int64("update_id", v.Update.ID), slog.String("kind", string(v.Update.Kind)),
			slog.Int("attempt", v.Attempt))
	}
	found := inspect(v.Err)
	if v.Outcome != OutcomeFailed && found.unwelcome() {
		level = slog.LevelWarn
	}
	if v.Err != nil {
		attrs = append(attrs, slog.String("error", found.text))
	}
	if found.panicked != nil {
		attrs = append(attrs, slog.String("at", briefly(found.panicked.Stack)))
	}
	c.log(ctx, level, lines[v.Outcome], attrs...)
}

// briefly returns a stack in one line, so that a log in text form can be read. It has the
// user's functions, from the one that panicked outwards, at most ten.
func briefly(stack []byte) string {
	const most = 10
	var calls []string
	lines := strings.Split(string(stack), "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "panic(") { // the lines above are of the recovery
			lines = lines[i+2:]
			break
		}
	}
	for i := 0; i+1 < len(lines) && len(calls) < most; i += 2 {
		function := lines[i][:max(0, strings.LastIndexByte(lines[i], '('))] // without its arguments
		if strings.HasPrefix(function, "github.com/tghook/tghook.") || strings.HasPrefix(function, "github.com/tghook/tghook/internal/guard.") || strings.HasPrefix(lines[i], "created by ") {
			break
		}
		if strings.HasPrefix(function, "runtime.") {
			continue
		}
		place, _, _ := strings.Cut(strings.TrimSpace(lines[i+1]), " ")
		calls = append(calls, function+" "+filepath.Base(place))
	}
	return strings.Join(calls, " < ")
}
