package tghook

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/tghook/tghook/internal/lane"
)

// record is what the dispatcher knows of an update that is not over: it waits,
// runs, may run again, or has succeeded without anybody knowing. The
// dispatcher's mutex guards it, save what only its run touches.
type record struct {
	update *Update
	place  lane.Place[*record]
	state  state
	// ready: it may run as soon as it heads its lane. With a Store that is when
	// the claim is granted.
	ready   bool
	attempt int             // of the run, or of the last one
	values  context.Context // whose values the handler's ctx carries
	// waiters are the deliveries that wait for its end, the oldest first. The
	// first of all lives here, to save an allocation or two.
	waiters []*arrival
	first   arrival
	backing [1]*arrival
	claim   *claim // held, or being asked for; nil without a Store

	started, ended time.Duration
	user           *handlerContext // of the user's code that runs for it; nil if none does
	acked          bool            // LateAck has acknowledged it
	succeeded      bool            // settling: its handler has
	cancelled      bool            // LateCancel has ended its run, or was about to
	wasLate        bool            // some delivery was answered while it ran
	late           atomic.Bool     // IsLate: the last delivery was, and none has come since
	pauses         int             // after failures
	buried         error           // why the handler must not run any more: a dead letter is due

	reply    payload     // finished: what waits to be carried
	held     *held       // finished: what reply was, as in a verdict
	done     bool        // finished: the Store knows
	reported bool        // finished: Observe knows
	timer    *time.Timer // failed, finished: acts on it when its time is over
	until    time.Duration
}

// state is where a record is on its way. The mutex is held for every step.
//
//	          enter                turn comes            handler returns
//	(new) ------------> waiting ----------------> running ---------------> settling
//	                       |                         ^                        |
//	        LateCancel,    | withdraw                | repeat: LateCancel,    | complete
//	        Store says no, v                         | and a redelivery waits v
//	        stopped      (gone)                      +------------------------+
//	                                                                          |
//	           of a poll, failure: paused --> waiting
//	           success that was told: (gone, and remembered as seen) <--------+
//	           success that nobody was told: finished --> revisit, or expire: (gone)
//	           failure: failed --> enter again, or expire: (gone)
type state uint8

const (
	waiting  state = iota // for its lane, or for the Store
	running               // the handler, or about to
	settling              // the run has ended; its end is being made known
	paused                // runs again after a while, and keeps its lane until then
	failed                // may run again
	finished              // has succeeded, and no delivery was told
)

// carrier is the newest delivery that lives, which carries the result.
func (r *record) carrier() *arrival {
	for _, a := range slices.Backward(r.waiters) {
		if a.alive() {
			return a
		}
	}
	return nil
}

// newRecord is what begins with a delivery of u.
func newRecord(u *Update) *record {
	r := &record{}
	r.place.Value = r
	r.waiters = r.backing[:0]
	if u.Kind == "" {
		r.buried = &DecodeError{UpdateID: u.ID, Err: ErrNoKind}
	}
	return r
}

func (r *record) join(a *arrival) *arrival {
	a.record = r
	r.waiters = append(r.waiters, a)
	r.late.Store(false)
	return a
}

func (r *record) part(a *arrival) {
	a.record = nil
	i := slices.Index(r.waiters, a)
	r.waiters = slices.Delete(r.waiters, i, i+1)
}
