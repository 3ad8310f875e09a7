package dispatch

import (
	"context"
	"sync/atomic"
)

// observers counts what the owner has not been told, or is being told.
type observers struct {
	pending atomic.Int64 // deliveries and reports that are not observed yet
	calls   atomic.Int64 // of Observe
	closing atomic.Bool  // as shutdown.phase, for readers without the mutex
	over    atomic.Bool  // Shutdown returns: Observe is not called any more
}

// report is a Report on its way to the owner. Shutdown waits for it.
type report struct {
	Report
	values context.Context
}

// Begin notes a delivery that the owner will observe. End must follow.
func (e *Engine) Begin() { e.pending.Add(1) }

// End ends what Begin has begun.
func (e *Engine) End() {
	if e.pending.Add(-1) == 0 && e.closing.Load() {
		e.lookAgain()
	}
}

// Observing calls f, which calls the user's Observe. Shutdown waits for it. allowed is
// false once Shutdown has returned.
func (e *Engine) Observing(f func(allowed bool)) {
	e.observers.calls.Add(1)
	defer func() {
		if e.observers.calls.Add(-1) == 0 && e.over.Load() {
			e.lookAgain()
		}
	}()
	f(!e.over.Load())
}

// IsClosing reports whether Shutdown was called.
func (e *Engine) IsClosing() bool { return e.closing.Load() }

// reportOf makes the report of an attempt.
func reportOf(f *flight, end *ending) *report {
	return &report{values: f.values, Report: Report{
		Item: f.item, Outcome: end.Outcome, Attempt: f.attempt.number, Late: f.wasLate,
		Took: f.attempt.took(), Err: end.Err,
	}}
}

// reportLocked has a report told when the mutex is free.
func (e *Engine) reportLocked(r *report) {
	e.Begin()
	e.afterwardsLocked(func() { e.tell(r) })
}

// tell tells the owner of a report that Begin has counted, in a goroutine that the user's code may end. The channel is
// closed then.
func (e *Engine) tell(r *report) <-chan struct{} {
	told := make(chan struct{})
	go func() {
		defer close(told)
		defer e.End()
		e.Owner.Observe(r.values, r.Report)
	}()
	return told
}
