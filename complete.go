package tghook

import (
	"context"
	"time"
)

// complete tells the deliveries that wait for r how it ended, files it, and
// returns what its lane has ready next, marked as running. If none of them
// carries the result, report is to be observed. The mutex is held.
func (d *Dispatcher) complete(r *record, e *end) (next *record, report *runReport) {
	carrier, now := r.carrier(), r.ended
	if !e.ran {
		now = d.now()
	}
	r.tell(e, carrier, now)
	r.letGo()
	d.inFlight--
	behind := r.place.Behind()
	head := d.lanes.Leave(&r.place)
	switch {
	case d.stopped:
	case d.persistent && !e.acked: // at Shutdown: it comes again, and nothing may overtake it
		if behind != nil {
			d.turnAway(behind.Value, ErrShutdown)
		}
	case head != nil && head.Value.ready:
		next = head.Value
		next.state = running
	}
	if e.ran && carrier == nil {
		report = r.report(e)
	}
	if r.acked {
		d.promised--
	}
	carried := carrier != nil || !e.ran
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
		d.unacked++
		switch {
		case !pending:
			d.rest(r)
		case d.stopped:
			report.Outcome, report.Err = OutcomeReplyLost, ErrShutdown
		default: // a redelivery will report it, or sendUncarried
			report = nil
			d.after(r, awaitCarrier, d.sendUncarried)
		}
		r.reported = report != nil
	}
	if report != nil && report.Outcome == OutcomeReplied && len(e.reply) > 0 {
		report.Outcome = OutcomeHandled // the reply is in the Store, for whom a redelivery reaches
	}
	d.checkIdle()
	return next, report
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

// runReport is the Delivery of a run whose result no arrival carries.
type runReport struct {
	Delivery
	values context.Context
}

func (r *record) report(e *end) *runReport {
	return &runReport{values: r.values, Delivery: Delivery{
		Update: r.update, Outcome: e.outcome, Attempt: r.attempt, Late: r.wasLate,
		Took: r.ended - r.started, Err: e.err,
	}}
}

// observe tells the user, if there is something to tell. Not under the mutex.
func (v *runReport) observe(d *Dispatcher) {
	if v != nil {
		d.cfg.observe(v.values, v.Delivery)
	}
}

// rest keeps of r what a redelivery has to know, as long as one may come.
func (d *Dispatcher) rest(r *record) {
	r.values, r.update = nil, &Update{ID: r.update.ID, Kind: r.update.Kind}
	d.after(r, r.update.Kind.memory(), d.expire)
}

// turnAway ends r without a run, as a delivery that is shed.
func (d *Dispatcher) turnAway(r *record, err error) { d.withdraw(r, shedVerdict(r.update, err)) }

// withdraw ends r without a run, or with a dead letter where LateAck has
// acknowledged it. The mutex is held.
func (d *Dispatcher) withdraw(r *record, v verdict) {
	if r.acked && !v.acked {
		r.state, r.ready, r.buried, r.started = running, false, v.err, d.now()
		go d.work(r, &result{})
		return
	}
	if c := r.claim; c != nil && c.granted && !c.lost && !v.acked {
		d.release(c)
	}
	if d.persistent && !v.acked && !d.closing {
		go r.report(&end{verdict: v}).observe(d)
		d.pause(r, v.retry)
		return
	}
	if next, _ := d.complete(r, &end{verdict: v}); next != nil {
		d.start(next)
	}
}

// letGo ends r's claim in this process.
func (r *record) letGo() {
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

// due reports whether r, in one of its states of rest, has outlived its time.
func (d *Dispatcher) due(r *record) bool {
	return d.records[r.update.ID] == r && (r.state == failed || r.state == finished) && d.now() >= r.until
}

// expire forgets r: Telegram does not offer it any more.
func (d *Dispatcher) expire(r *record) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.due(r) {
		return
	}
	if r.state == finished {
		d.unacked--
	}
	delete(d.records, r.update.ID)
	d.checkIdle()
}

// sendUncarried sends the reply of r by Caller, for no redelivery has come to
// carry it.
func (d *Dispatcher) sendUncarried(r *record) {
	d.mu.Lock()
	if !d.due(r) || d.stopped {
		d.mu.Unlock()
		return
	}
	report := r.report(&end{verdict: verdict{outcome: OutcomeReplyLost, err: errGoexit}})
	reply, held := r.reply, r.held
	r.reply, r.held, r.reported = nil, nil, true
	d.background++
	d.mu.Unlock()

	defer func() {
		d.mu.Lock()
		d.background--
		switch {
		case d.records[r.update.ID] != r: // a redelivery was told meanwhile
		case r.acked || r.done:
			d.unacked--
			d.acknowledge(r, nil, d.now())
		default:
			d.rest(r)
		}
		d.checkIdle()
		d.mu.Unlock()
		report.observe(d)
	}()
	ctx, cancel := context.WithCancel(context.WithoutCancel(report.values))
	defer cancel()
	defer context.AfterFunc(d.calls, cancel)()
	report.Outcome, report.Err = d.call(ctx, reply, held)
}
