package tghook

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
)

// work is a worker's life: it runs r, whatever its lane has ready behind it, and what
// else it is given. Where r has run already, ended is what came of that.
func (d *Dispatcher) work(r *record, ended *result) {
	busy := false // with r, rather than with reporting what was before it
	defer func() {
		switch { // the user's code may have ended this goroutine
		case r == nil:
		case busy:
			go d.work(r, &result{err: errGoexit})
		default:
			go d.work(r, nil)
		}
	}()
	var w worker
	for r != nil {
		var report *runReport
		busy = true
		if ended != nil {
			r, report = d.settle(r, ended)
			ended = nil
		} else {
			r, report = d.step(r)
		}
		busy = false
		report.observe(d)
		if r == nil {
			r = d.linger(&w)
		}
	}
}

// step runs r and returns what its lane has ready next.
func (d *Dispatcher) step(r *record) (next *record, report *runReport) {
	ctx := d.begin(r)
	if ctx == nil {
		return nil, nil
	}
	var res result
	if r.buried == nil {
		d.handle(ctx, r.update, &res)
	}
	return d.settle(r, &res)
}

// begin starts an attempt. It returns nil if there is none after all.
func (d *Dispatcher) begin(r *record) context.Context {
	d.mu.Lock()
	defer d.mu.Unlock()
	var err error
	switch {
	case d.stopped:
		err = ErrShutdown
	case r.claim != nil && r.claim.lost:
		err = ErrClaimLost
	case r.cancelled && r.carrier() == nil:
		err = errWithdrawn
	}
	if err != nil {
		d.turnAway(r, err)
		return nil
	}
	r.cancelled, r.started = false, d.now()
	if r.buried == nil {
		r.attempt++
		if r.claim != nil {
			r.attempt = r.claim.Attempt
		}
		if d.cfg.MaxAttempts > 0 && r.attempt > d.cfg.MaxAttempts {
			r.attempt, r.buried = d.cfg.MaxAttempts, errExhausted
		}
	}
	return d.userContext(r, r.started, d.cfg.HandlerTimeout)
}

// result is what the handler returned.
type result struct {
	reply payload
	rides bool  // Telegram would execute the reply as an answer
	held  *held // what reply was; nil if the handler returned it
	err   error
}

// handle runs the handler and encodes its reply, which is the user's code too.
func (d *Dispatcher) handle(ctx context.Context, u *Update, res *result) {
	defer recovered(&res.err)
	reply, err := d.handler.HandleUpdate(ctx, u)
	if err != nil || reply.Method == "" && reply.Params == nil {
		res.err = err
		return
	}
	p, err := reply.encode()
	if err != nil {
		res.err = err
		return
	}
	rides := ridesResponse(reply.Method)
	if !rides && d.cfg.Caller == nil {
		res.err = &ReplyError{reply.Method, fmt.Errorf("it is ignored in an answer, and there is %w", errNoCaller)}
		return
	}
	res.reply, res.rides = p, rides
}

// end is how a run ended.
type end struct {
	verdict
	ran    bool
	bury   bool // a dead letter is due
	call   bool // the reply is due by Caller
	again  bool // it may run again at once, for a delivery that came after LateCancel
	lost   bool // its claim no longer holds, or is left to run out
	done   bool // the Store knows of its success, and has stored
	stored payload
}

func (e *end) lose(u *Update) {
	e.verdict = shedVerdict(u, nil)
	e.outcome, e.err, e.lost = OutcomeFailed, ErrClaimLost, true
}

// settle ends a run: it does what is due, tells the deliveries that wait, and
// returns what is to run next. If no delivery carries the result, report has to
// be observed.
func (d *Dispatcher) settle(r *record, res *result) (next *record, report *runReport) {
	var e end
	d.mu.Lock()
	if c := r.user; c != nil && c.outbox != nil {
		d.mu.Unlock()
		c.close(res)
		d.mu.Lock()
	}
	d.judge(r, res, &e)
	if e.bury || e.call || d.cfg.Store != nil {
		d.mu.Unlock()
		d.fulfil(r, &e)
		d.mu.Lock()
	}
	r.endUser(nil)
	r.user = nil
	switch {
	case d.persistent && !e.acked && !d.closing:
		report = r.report(&e)
		d.pause(r, e.retry)
	case e.again:
		next, report = d.repeat(r, &e)
	default:
		next, report = d.complete(r, &e)
	}
	d.mu.Unlock() // not deferred: the user's code may end the goroutine while it is free
	return next, report
}

// repeat runs r again, for a delivery that came after LateCancel and still waits.
// The mutex is held.
func (d *Dispatcher) repeat(r *record, e *end) (next *record, report *runReport) {
	newest := r.carrier()
	if newest == nil || d.stopped {
		return d.complete(r, e)
	}
	report = r.report(e)
	r.values = newest.ctx
	r.letGo()
	if d.ask(r); r.state == running {
		next = r
	}
	return next, report
}

// judge decides what a result means. From here on the end of r is fixed: it
// cannot be acknowledged early or cancelled any more.
func (d *Dispatcher) judge(r *record, res *result, e *end) {
	e.ran = true
	lost := r.claim != nil && r.claim.lost
	again := r.state == settling // the user's code has ended the goroutine meanwhile
	r.ended, r.state = d.now(), settling
	switch {
	case again && r.succeeded:
		e.acked, e.outcome, e.err, e.lost = true, OutcomeReplyLost, res.err, true
	case again:
		e.outcome, e.err, e.lost = OutcomeFailed, res.err, true
	case lost && !r.acked:
		e.lose(r.update)
	case r.buried != nil:
		e.bury = true
	case res.err == nil:
		e.acked, e.outcome = true, OutcomeHandled
		if len(res.reply) > 0 && !lost {
			e.reply, e.held = res.reply, res.held
			e.outcome = OutcomeReplied
			carrier := r.carrier()
			e.call = !res.rides || carrier != nil && carrier.mute || r.acked && carrier == nil
			if d.cfg.Store != nil && !e.call && (carrier != nil || d.cfg.Caller == nil && e.held == nil) {
				e.stored = res.reply
			}
		}
	case r.acked, d.cfg.MaxAttempts > 0 && r.attempt >= d.cfg.MaxAttempts, final(res.err),
		d.persistent && d.outlived(r, retryAfter(res.err, r.update.Kind)):
		r.buried, e.bury = res.err, true
	default:
		e.outcome, e.err, e.retry = OutcomeFailed, res.err, retryAfter(res.err, r.update.Kind)
		e.again = r.cancelled && !d.closing && e.retry == 0
		if e.retry == 0 && d.stopped {
			e.retry = shedVerdict(r.update, nil).retry
		}
	}
	r.succeeded = e.acked
}

// fulfil does what the end of a run makes due. Not under the mutex.
func (d *Dispatcher) fulfil(r *record, e *end) {
	if e.bury {
		d.bury(r, e)
	}
	if e.call {
		d.mu.Lock()
		ctx := d.userContext(r, d.now(), -1) // send has an end of its own
		d.mu.Unlock()
		e.outcome, e.err = d.call(ctx, e.reply, e.held)
		e.reply = nil
	}
	if d.cfg.Store != nil && !e.lost {
		d.conclude(r, e)
	}
}

// bury hands r to the user's DeadLetter.
func (d *Dispatcher) bury(r *record, e *end) {
	d.mu.Lock()
	ctx := d.userContext(r, d.now(), d.cfg.HandlerTimeout)
	d.mu.Unlock()
	deadLetter := d.cfg.DeadLetter
	if deadLetter == nil {
		deadLetter = logDeadLetter
	}
	err := guarded(func() error { return deadLetter(ctx, r.update, r.buried) })
	if err != nil {
		e.outcome, e.err = OutcomeFailed, errors.Join(fmt.Errorf("tghook: DeadLetter: %w", err), r.buried)
		return
	}
	e.acked, e.outcome, e.err = true, OutcomeDeadLettered, r.buried
	if dropped := new(dropError); errors.As(r.buried, &dropped) {
		e.outcome = OutcomeDropped
	}
}

// logDeadLetter writes all of the update: the line is its only copy.
func logDeadLetter(ctx context.Context, u *Update, err error) error {
	slog.ErrorContext(ctx, "tghook: dead letter",
		"update_id", u.ID, "kind", u.Kind, "error", err, "update", string(u.Raw))
	return nil
}

// call sends a reply that nothing carries.
func (d *Dispatcher) call(ctx context.Context, p payload, held *held) (Outcome, error) {
	c, err := newReplyCall(d.cfg.Caller, p, held)
	if err == nil {
		err = c.send(ctx)
	}
	if err != nil {
		return OutcomeReplyLost, err
	}
	return OutcomeReplied, nil
}
