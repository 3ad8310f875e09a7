package tghook

import (
	"container/list"
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
	update  *Update
	place   lane.Place[*record]
	state   state
	attempt int             // of the run, or of the last one
	values  context.Context // whose values the handler's ctx carries
	// waiters are the deliveries that wait for its end, the oldest first. The
	// first of all lives here, to save an allocation or two.
	waiters []*arrival
	first   arrival
	backing [1]*arrival
	arrived int           // deliveries
	came    uint64        // successes of updates until it came
	due     time.Duration // when Telegram offers it again, as far as is known
	claim   *lease        // granted; nil without a Store, and before its turn

	started, ended time.Duration
	user           *handlerContext // of the user's code that runs for it; nil if none does
	acked          bool            // LateAck has acknowledged it
	succeeded      bool            // settling: its handler has
	cancelled      bool            // LateCancel has ended its run, or was about to
	given          deadline        // cancelled: by which
	wasLate        bool            // some delivery was answered while it ran
	late           atomic.Bool     // IsLate: the last delivery was, and none has come since
	named          bool            // the log has named it as what others wait for
	pauses         int             // after failures
	history        history
	buried         error // why the handler must not run any more: a dead letter is due

	reply    payload       // finished: what waits to be carried
	held     *held         // finished: what reply was, as in a verdict
	done     bool          // finished: the Store knows
	reported bool          // finished: Observe knows
	timer    *time.Timer   // failed, finished: acts on it when its time is over
	until    time.Duration // as the timer
	resting  *list.Element // failed, finished: its place among those that may be forgotten
}

// state is where a record is on its way. The mutex is held for every step.
//
//	          enter                turn comes            handler returns
//	(new) ------------> waiting ----------------> running ---------------> settling
//	                       |  ^                      |                        |
//	        LateCancel,    |  | repeat: LateCancel,  | the Store says no, or  | complete
//	        stopped        v  | and a redelivery     v the claim is lost      v
//	                    (gone)| waits             (gone)                      |
//	                          +-----------------------------------------------+
//	                                                                          |
//	           of a poll, failure: paused --> waiting                         |
//	           success that was told: (gone, and remembered as seen) <--------+
//	           success that nobody was told: finished --> revisit, or expire: (gone)
//	           failure: failed --> enter again, or expire: (gone)
type state uint8

const (
	waiting  state = iota // for its lane
	claiming              // its turn has come, and the Store is asked
	running               // the handler, or about to
	settling              // the run has ended; its end is being made known
	paused                // runs again after a while, and keeps its lane until then
	failed                // may run again
	finished              // has succeeded, and no delivery was told
)

// granted reports whether r is this process's to run: with a Store, once it has agreed.
func (d *Dispatcher) granted(r *record) bool {
	return d.cfg.Store == nil || r.claim != nil && !r.claim.lost
}

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

const maxJoins = 64 // deliveries that wait for one update

func (r *record) join(a *arrival) *arrival {
	a.record = r
	r.waiters = append(r.waiters, a)
	r.arrived++
	r.late.Store(false)
	return a
}

func (r *record) part(a *arrival) {
	a.record = nil
	i := slices.Index(r.waiters, a)
	r.waiters = slices.Delete(r.waiters, i, i+1)
}

// redelivery notes when Telegram offers r again, for a delivery that ends now without
// an answer, or with one that asks for after. Without an answer it is 0, 2, 4, 8, 16,
// 32 and then about 64 to 120 seconds. Source: tdlib/telegram-bot-api,
// WebhookActor::on_update_error.
func (r *record) redelivery(now, after time.Duration) {
	if after == 0 && r.arrived > 1 {
		after = min(time.Second<<min(r.arrived-1, 7), 2*time.Minute)
	}
	r.due = max(r.due, now+after)
}
