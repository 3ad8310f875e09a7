package tghook

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/tghook/tghook/internal/guard"
)

// arrival is one delivery on its way through the dispatcher.
type arrival struct {
	ctx    context.Context
	gone   <-chan struct{} // ctx's: asked for once, since ctx is the user's
	at     time.Duration
	mute   bool        // its answer carries no reply
	record *record     // that it waits for
	done   chan signal // nil until somebody waits
	verdict
}

// arrive begins a delivery. ctx is the user's code, which may panic.
func (d *Dispatcher) arrive(ctx context.Context, at time.Duration) (a arrival, err error) {
	err = guard.Call(func() error {
		a = arrival{ctx: ctx, gone: ctx.Done(), at: at}
		return nil
	})
	if err != nil {
		err = fmt.Errorf("tghook: the context that the update arrived with: %w", err)
	}
	return a, err
}

// signal wakes an arrival: it has been told, or it is late.
type signal bool

const (
	wasTold signal = true
	isLate  signal = false
)

// verdict is what an arrival is told.
type verdict struct {
	outcome Outcome
	acked   bool // the update need not come again
	reply   payload
	held    *held         // what reply was; nil if the handler returned it
	err     error         // may be set besides acked: what went wrong after all
	retry   time.Duration // if not acked: when to come again; 0 if unknown
	attempt int
	waited  time.Duration
	took    time.Duration
	late    bool
	quiet   bool // the log has said as much before
}

// tell ends the wait of a, whose verdict is set. The mutex is held, or nobody
// knows a yet.
func (a *arrival) tell() {
	a.record, a.ctx = nil, nil
	if a.done != nil {
		wake(a.done, wasTold)
	}
}

// told is a with v told to it, for a delivery that need not wait.
func (a *arrival) told(v verdict) *arrival {
	b := a.copy()
	b.verdict = v
	b.tell()
	return b
}

// wake does nothing to an arrival that is awake: it finds out what it was told.
func wake(done chan<- signal, s signal) {
	select {
	case done <- s:
	default:
	}
}

func (a *arrival) copy() *arrival {
	b := *a
	return &b
}

// alive reports whether somebody still listens at the other end.
func (a *arrival) alive() bool {
	select {
	case <-a.gone:
		return false
	default:
		return true
	}
}

// causeOf is why ctx has ended. ctx is the user's code, which may panic.
func causeOf(ctx context.Context) (cause error) {
	if err := guard.Call(func() error { cause = context.Cause(ctx); return nil }); err != nil {
		return fmt.Errorf("tghook: the context that the update arrived with: %w", err)
	}
	return cause
}

func (v *verdict) delivery(u *Update, status int) Delivery {
	return Delivery{
		Update: u, Outcome: v.outcome, Attempt: v.attempt, Status: status, Late: v.late,
		Rode: len(v.reply) > 0, Waited: v.waited, Took: v.took, Err: v.err, quiet: v.quiet,
	}
}

// failure is v as the error of a door without statuses; nil acknowledges.
func (v *verdict) failure() error {
	switch {
	case v.acked:
		return nil
	case v.retry > 0 && v.outcome != OutcomeLate:
		return RetryAfter(v.retry, v.err)
	default:
		return v.err
	}
}

// shedVerdict turns u away without a run, for two to five seconds: at random, so
// that what is turned away together does not come back together.
func shedVerdict(u *Update, err error) verdict {
	after := time.Duration(2+rand.IntN(4)) * time.Second //nolint:gosec // jitter is no secret
	return verdict{
		outcome: OutcomeShed, err: fmt.Errorf("%w: %w", ErrNotRun, err),
		retry: min(after, u.Kind.maxRetryAfter()),
	}
}
