package tghook

import (
	"context"
	"log/slog"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/tghook/tghook/internal/dispatch"
	"github.com/tghook/tghook/internal/guard"
)

// Outcome is how a [Delivery] ended.
type Outcome string

// The outcomes. Each run of a handler, and each repetition of a dead letter, is
// counted once, under the delivery that carries its result, as handled, replied,
// dropped, dead_lettered, abandoned, failed or reply_lost.
const (
	OutcomeHandled      Outcome = "handled"       // succeeded without a reply
	OutcomeReplied      Outcome = "replied"       // succeeded, and the reply was sent
	OutcomeJoined       Outcome = "joined"        // got the result of a run that another delivery carries
	OutcomeDuplicate    Outcome = "duplicate"     // had succeeded before
	OutcomeLate         Outcome = "late"          // answered, or given up by its sender, before the run had ended
	OutcomeDropped      Outcome = "dropped"       // Drop: the dead letter is accepted
	OutcomeDeadLettered Outcome = "dead_lettered" // another dead letter, accepted
	OutcomeShed         Outcome = "shed"          // not run: overload, shutdown, Store down, running elsewhere
	OutcomeRejected     Outcome = "rejected"      // no update: refused before dispatch
	OutcomeFailed       Outcome = "failed"        // handler or dead letter failed
	OutcomeReplyLost    Outcome = "reply_lost"    // succeeded, but its reply could not be sent
	OutcomeAbandoned    Outcome = "abandoned"     // the handler has not returned: the dead letter is accepted
	OutcomePinning      Outcome = "pinning"       // not over: a poll's window is full behind it
	OutcomeCallLost     Outcome = "call_lost"     // not over: a call that a ReplyTransport held back has failed
)

// Delivery is what became of one arrival of an update at a door, or of a run of
// the handler whose result no arrival carried.
type Delivery struct {
	Bot     int64   // DispatchConfig.Bot
	Update  *Update // nil when rejected
	Outcome Outcome
	Attempt int           // the attempt it saw, from 1; 0 if none had started
	Status  int           // the HTTP status answered; 0 if nothing was
	Late    bool          // it was answered late, or its run had outlived an earlier answer
	Rode    bool          // its answer carried the reply
	Waited  time.Duration // from the arrival to the start of the handler, or to the answer if that came first
	Took    time.Duration // how long the handler ran; 0 if it has not ended, or not run
	Err     error

	quiet bool // the log has said as much of the same run
}

// outcomes are those of the engine.
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
}

// deliveryOf is the Delivery of an update that was told v, and answered with status.
func deliveryOf(v *dispatch.Verdict, u *Update, status int) Delivery {
	return Delivery{
		Update: u, Outcome: outcomes[v.Outcome], Attempt: v.Attempt, Status: status, Late: v.Late,
		Rode: len(v.Reply.Body) > 0, Waited: v.Waited, Took: v.Took, Err: v.Err, quiet: v.Quiet,
	}
}

// observe reports v to Observe, and what went wrong to Logger.
func (c *DispatchConfig) observe(ctx context.Context, v Delivery) {
	v.Bot = c.Bot
	c.logDelivery(ctx, &v)
	if c.Observe == nil {
		return
	}
	if err := guard.Call(func() error { c.Observe(ctx, v); return nil }); err != nil {
		c.log(ctx, slog.LevelError, "tghook: Observe panicked", slog.Any("error", err))
	}
}

// observe is that of the configuration, until Shutdown returns. Then Observe is not
// called any more.
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

// log writes one line, and names the bot.
func (c *DispatchConfig) log(ctx context.Context, level slog.Level, message string, attrs ...slog.Attr) {
	_ = c.write(ctx, level, message, attrs...)
}

// write is log for a line that must not get lost: it returns the error of the user's
// slog.Handler, or its panic. A line of a level that is not enabled is no error.
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

// logDelivery writes a line for what went wrong.
func (c *DispatchConfig) logDelivery(ctx context.Context, v *Delivery) {
	level := slog.LevelWarn
	switch v.Outcome {
	case OutcomeFailed, OutcomeReplyLost, OutcomeCallLost:
		level = slog.LevelError
	case OutcomeLate, OutcomeShed, OutcomePinning:
	default:
		if v.Err == nil || v.Outcome != OutcomeDuplicate && v.Outcome != OutcomeHandled && v.Outcome != OutcomeReplied {
			return // a dead letter has its own line, a join that of its run, a refusal that of Webhook.reject
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
	c.log(ctx, level, "tghook: delivery", attrs...)
}

// briefly is a stack in one line, so that a log in text form can be read: the user's
// functions from where it panicked on, at most ten.
func briefly(stack []byte) string {
	const most = 10
	var calls []string
	lines := strings.Split(string(stack), "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "panic(") { // what is above is the recovery
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
