package tghook

import (
	"context"
	"time"

	"github.com/tghook/tghook/internal/guard"
)

const (
	// maxResting bounds the records of updates that failed, or that succeeded without
	// anybody knowing. Past it the oldest is forgotten; if it has succeeded, only that
	// is remembered.
	maxResting = 10_000
	// maxUncarriedBytes bounds the replies that wait for a redelivery. Their number is
	// bounded by MaxInFlight. Past the bounds a reply goes by Caller at once.
	maxUncarriedBytes = 64 << 20
)

// complete tells the deliveries that wait for r how it ended, files it, and
// returns what its lane has ready next, its turn marked. If none of them
// carries the result, report is to be observed. The mutex is held.
func (d *Dispatcher) complete(r *record, e *end) (next *record, report *runReport) {
	carrier, now := r.carrier(), r.ended
	if !e.ran {
		now = d.now()
	}
	r.tell(e, carrier, now)
	r.drop()
	d.inFlight--
	next = d.leaveLane(r, e)
	if e.ran && carrier == nil {
		report = d.report(r, e)
	}
	if e.ran && r.succeeded {
		d.successes++
		d.lastSuccess = now
	}
	d.file(r, e, report, carrier != nil || !e.ran, now)
	d.checkIdle()
	return next, report
}

// leaveLane takes r out of its lane, and returns what is next there.
func (d *Dispatcher) leaveLane(r *record, e *end) (next *record) {
	behind := r.place.Behind()
	head := d.lanes.Leave(&r.place)
	switch {
	case d.stopped:
	case d.persistent && !e.acked: // at Shutdown: it comes again, and nothing may overtake it
		if behind != nil {
			d.turnAway(behind.Value, ErrShutdown)
		}
	case head != nil:
		return d.turn(head.Value)
	}
	return nil
}

// file keeps of r what has to be known after its end. carried is whether a delivery
// was told of it.
func (d *Dispatcher) file(r *record, e *end, report *runReport, carried bool, now time.Duration) {
	pending := len(e.reply) > 0 && !carried && len(e.stored) == 0 // the reply, by a redelivery or Caller
	switch {
	case !e.acked && r.buried == nil && (r.attempt == 0 || d.cfg.Store != nil): // nothing to know that the Store does not
		delete(d.records, r.update.ID)
	case !e.acked:
		r.state = failed
		d.rest(r)
	case carried, !pending && (r.acked || e.done): // nobody will ask, or others know the answer
		d.acknowledge(r, e.reply, now)
	default:
		r.state, r.reply, r.held, r.done = finished, e.reply, e.held, e.done
		r.reported = true
		d.unacked++
		d.uncarried.add(r.reply)
		switch {
		case !pending:
			d.rest(r)
		case d.stopped:
			report.Outcome, report.Err = OutcomeReplyLost, ErrShutdown
			return
		default: // a redelivery will report it, or sendUncarried
			r.reported = false
			report.withdraw()
			d.after(r, awaitCarrier, d.sendUncarried)
			return
		}
	}
	if report != nil && report.Outcome == OutcomeReplied && len(e.reply) > 0 {
		report.Outcome = OutcomeHandled // the reply is in the Store, for whom a redelivery reaches
	}
}

// replyTotal is how many replies wait for something, and their bytes.
type replyTotal struct{ count, bytes int }

func (t *replyTotal) add(p payload) {
	if len(p) > 0 {
		t.count++
		t.bytes += len(p)
	}
}

func (t *replyTotal) remove(p payload) {
	if len(p) > 0 {
		t.count--
		t.bytes -= len(p)
	}
}

// full reports whether p may not wait besides, where most may.
func (t *replyTotal) full(p payload, most int) bool {
	return t.count >= most || t.bytes+len(p) > maxUncarriedBytes
}

// tell ends the wait of every delivery. The carrier gets the result, the others
// that there was one.
func (r *record) tell(e *end, carrier *arrival, now time.Duration) {
	for _, a := range r.waiters {
		v := &a.verdict
		*v = e.verdict
		v.attempt, v.late, v.waited = r.attempt, r.wasLate, now-a.at
		if e.ran {
			v.waited, v.took = max(0, r.started-a.at), r.ended-r.started
		}
		if a != carrier {
			v.reply = nil
			if e.ran {
				v.outcome = OutcomeJoined
			}
		}
		a.tell()
	}
	clear(r.waiters)
	r.waiters = r.waiters[:0]
}

// runReport is the Delivery of a run whose result no arrival carries. Shutdown waits
// until it has been observed.
type runReport struct {
	Delivery
	d      *Dispatcher
	values context.Context
	void   bool // a redelivery, or sendUncarried, tells it
}

// report makes the report of r's run.
func (d *Dispatcher) report(r *record, e *end) *runReport {
	d.talking.Add(1)
	return &runReport{d: d, values: r.values, Delivery: Delivery{
		Update: r.update, Outcome: e.outcome, Attempt: r.attempt, Late: r.wasLate,
		Took: r.ended - r.started, Err: e.err,
	}}
}

// withdraw leaves v to somebody else.
func (v *runReport) withdraw() { v.void = true }

// observe tells the user, if there is something to tell. Not under the mutex.
func (v *runReport) observe() {
	if v == nil {
		return
	}
	defer v.d.hush()
	if !v.void {
		v.d.observe(v.values, v.Delivery)
	}
}

// rest keeps of r what a redelivery has to know, as long as one may come.
func (d *Dispatcher) rest(r *record) {
	r.values, r.update = nil, &Update{ID: r.update.ID, Kind: r.update.Kind}
	d.after(r, r.update.Kind.memory(), d.expire)
	r.resting = d.resting.PushBack(r)
	if d.resting.Len() > maxResting {
		d.evicted++
		d.forget(d.resting.Front().Value.(*record))
	}
}

// wakeUp takes r, which is in one of its states of rest if it is there at all, out of
// what keeps it there.
func (d *Dispatcher) wakeUp(r *record) {
	if r.timer != nil {
		r.timer.Stop()
	}
	if r.resting != nil {
		d.resting.Remove(r.resting)
		r.resting = nil
	}
	if r.state == finished {
		d.unacked--
		d.uncarried.remove(r.reply)
	}
}

// forget ends the record of r, which rests. That it has succeeded is not forgotten.
func (d *Dispatcher) forget(r *record) {
	if r.state == finished {
		d.acknowledge(r, nil, d.now())
		return
	}
	d.wakeUp(r)
	delete(d.records, r.update.ID)
}

// turnAway ends r without a run, as a delivery that is shed.
func (d *Dispatcher) turnAway(r *record, err error) { d.withdraw(r, shedVerdict(r.update, err)) }

// withdraw ends r without a run, or with a dead letter where LateAck has
// acknowledged it. The mutex is held.
func (d *Dispatcher) withdraw(r *record, v verdict) {
	if r.acked && !v.acked {
		r.state, r.buried, r.started = running, v.err, d.now()
		go d.work(r, nil, &result{})
		return
	}
	if c := r.claim; c != nil && !c.lost && !v.acked {
		d.release(c)
	}
	if d.persistent && !v.acked && !d.closing {
		go d.report(r, &end{verdict: v}).observe()
		d.pause(r, v.retry)
		return
	}
	if next, _ := d.complete(r, &end{verdict: v}); next != nil {
		d.start(next)
	}
}

// drop ends r's claim in this process.
func (r *record) drop() {
	if r.claim != nil {
		close(r.claim.over)
		r.claim = nil
	}
}

// after has f act on r when life is over, unless something else happens to r
// until then.
func (d *Dispatcher) after(r *record, life time.Duration, f func(*record)) {
	r.until = d.now() + life
	r.timer = time.AfterFunc(life, func() { f(r) })
}

// overdue reports whether r, in one of its states of rest, has outlived its time.
func (d *Dispatcher) overdue(r *record) bool {
	return d.records[r.update.ID] == r && (r.state == failed || r.state == finished) && d.now() >= r.until
}

// expire forgets r: Telegram does not offer it any more.
func (d *Dispatcher) expire(r *record) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.overdue(r) {
		return
	}
	d.wakeUp(r)
	delete(d.records, r.update.ID)
	d.checkIdle()
}

// sendUncarried sends the reply of r by Caller, for no redelivery has come to
// carry it.
func (d *Dispatcher) sendUncarried(r *record) {
	d.mu.Lock()
	if !d.overdue(r) || d.stopped {
		d.mu.Unlock()
		return
	}
	report := d.report(r, &end{verdict: verdict{outcome: OutcomeReplyLost, err: guard.ErrGoexit}})
	reply, held := r.reply, r.held
	d.uncarried.remove(r.reply)
	r.reply, r.held, r.reported = nil, nil, true
	d.background++
	d.mu.Unlock()

	defer func() {
		d.mu.Lock()
		d.background--
		switch {
		case d.records[r.update.ID] != r: // a redelivery was told meanwhile
		case r.acked || r.done:
			d.acknowledge(r, nil, d.now())
		default:
			d.rest(r)
		}
		d.checkIdle()
		d.mu.Unlock()
		report.observe()
	}()
	ctx, cancel := context.WithCancel(valuesOf(report.values))
	defer cancel()
	defer context.AfterFunc(d.calls, cancel)()
	report.Outcome, report.Err = d.call(ctx, reply, held)
}
