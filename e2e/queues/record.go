package main

import (
	"fmt"
	"slices"
	"time"
)

// record is the history of an update.
type record struct {
	chat    int64
	runs    []*attempt
	done    bool // the engine has ended it
	replies int  // that Telegram got
}

// attempt is one run of an update's handler, or the lease for it. The numbers that are lines
// of the ledger are 0 before.
type attempt struct {
	life      *life
	leases    []int // the numbers of its leases in the life, of which the last holds
	onlyReply bool  // the update has been handled, and only its reply must be sent
	taken     int   // a line
	begun     int   // a line
	ended     int   // a line
	outcome   outcome
	answer    answer
	fresh     int64         // when its lease has last begun, in ms
	early     time.Duration // the age at which the lease did not hold, if it had not run out
	returned  bool          // the worker gave the update back
	met       [causes]bool  // by a fault
	overtaken bool          // a run with a newer lease has begun before the engine has accepted the end of this one
}

// String describes a run, with the lines of the ledger.
func (a *attempt) String() string {
	return fmt.Sprintf("worker %d: leases %v, taken %d, begun %d, ended %d, outcome %d, answer %d, returned %t, met %v",
		a.life.number, a.leases, a.taken, a.begun, a.ended, a.outcome, a.answer, a.returned, a.met)
}

// release notes that the worker does not have the update any more.
func (a *attempt) release(update int64) {
	if a.life.held[update] == a {
		delete(a.life.held, update)
	}
}

// outcome says how a handler has ended.
type outcome int

const (
	running outcome = iota
	handled
	failed
	dropped
)

// answer is the engine's answer to the end of an update.
type answer int

const (
	unknown answer = iota // nothing, or an error
	kept                  // the update is ended
	refused               // the lease no longer held
)

// open reports whether a run has begun, and may still end with a success.
func (a *attempt) open() bool {
	return a.begun > 0 && !a.returned && a.answer == unknown && a.outcome != failed && !a.life.over
}

// blocks reports whether no other run of the chat may begin in its worker. A worker that a
// fault has met may give up a success without a word, when its lease has run out.
func (a *attempt) blocks() bool {
	_, explained := a.cause()
	return a.open() && (a.outcome == running || !explained)
}

// cause is a kind of fault that may make an update run again after a success.
type cause int

const (
	byKill   cause = iota // of the worker
	byShake               // the worker was paused or cut off
	byEngine              // it was away
	byTime                // the lease has run out without one of these
	causes
)

// cause returns the fault that explains why another run of the update follows a success. ok
// is false if there is none.
func (a *attempt) cause() (c cause, ok bool) {
	for c, met := range a.met {
		if met {
			return cause(c), a.answer != kept
		}
	}
	return 0, false
}

// last returns the last run under a lease in a life; nil if there is none.
func (r *record) last(in *life, lease int) *attempt {
	for _, one := range slices.Backward(r.runs) {
		if one.life == in && slices.Contains(one.leases, lease) {
			return one
		}
	}
	return nil
}

// unaccepted returns the newest run in a life that has not failed, and whose success the engine
// has not accepted; nil if there is none.
func (r *record) unaccepted(in *life) *attempt {
	for _, one := range slices.Backward(r.runs) {
		if one.life == in && one.begun > 0 && one.answer != kept && (one.outcome == running || one.outcome == handled) {
			return one
		}
	}
	return nil
}

// kept returns the run whose success the engine has accepted; nil if there is none.
func (r *record) kept() *attempt {
	i := slices.IndexFunc(r.runs, func(a *attempt) bool { return a.answer == kept && !a.onlyReply })
	if i < 0 {
		return nil
	}
	return r.runs[i]
}

// successes returns the runs that have succeeded.
func (r *record) successes() (all []*attempt) {
	for _, a := range r.runs {
		if a.outcome == handled {
			all = append(all, a)
		}
	}
	return all
}

// completed returns the run that has completed the update; nil if there is none. A worker
// may not have learned that the engine has accepted its success, because it was killed or the
// answer was lost. Then completed returns the last success, preferably one that was not refused.
func (r *record) completed() *attempt {
	if a := r.kept(); a != nil {
		return a
	}
	all := r.successes()
	for _, a := range slices.Backward(all) {
		if a.answer != refused {
			return a
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all[len(all)-1]
}
