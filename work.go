package tghook

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/tghook/tghook/internal/botapi"
	"github.com/tghook/tghook/internal/guard"
)

// work is a worker's life: it runs r, whatever its lane has ready behind it, and what
// else it is given. Where r has run already, ended is what came of that, and attempt the
// context of its handler if that has returned.
func (d *Dispatcher) work(r *record, attempt *handlerContext, ended *result) {
	w := worker{d: d, record: r, attempt: attempt}
	defer w.exit()
	for w.record != nil {
		if ended == nil {
			ended = w.run()
		}
		if ended != nil {
			w.settle(ended)
			ended = nil
		}
		if w.record == nil {
			w.linger()
		}
	}
}

// run makes an attempt of the record, if its turn has not been taken back, and returns
// what came of it. nil: the worker has nothing more to do with it.
func (w *worker) run() *result {
	d, r := w.d, w.record
	if d.cfg.Store != nil && !d.acquire(r) {
		w.record = nil
		return nil
	}
	u, ctx, err := d.begin(r)
	if ctx == nil {
		w.record = nil
		return nil
	}
	w.attempt = ctx
	w.result = result{err: err}
	if err == nil {
		d.handle(ctx, u, &w.result)
	}
	return &w.result
}

// settle ends the run of the record with what came of it, and observes that.
func (w *worker) settle(res *result) {
	attempt := w.attempt
	w.attempt = nil
	w.record, w.report = w.d.settle(w.record, attempt, res)
	w.result = result{} // a worker that lingers keeps nothing of an update
	report := w.report
	report.observe()
	w.report = nil
}

// exit hands on what the worker has, where the user's code has ended its goroutine.
func (w *worker) exit() {
	d, r := w.d, w.record
	switch {
	case w.report != nil: // Observe did, and report.observe has noted its end
		if r != nil {
			go d.work(r, nil, nil)
		}
	case r == nil:
	default: // the handler did, or what was called at the end of its run
		go d.work(r, w.attempt, exited())
	}
}

// exited is the result of a handler that has called [runtime.Goexit].
func exited() *result {
	return &result{err: guard.ErrGoexit, found: &findings{err: guard.ErrGoexit, text: guard.ErrGoexit.Error(), exited: true}}
}

// begin starts an attempt. There is no context if there is no attempt after all. With an
// error the handler is not to run: a dead letter is due.
func (d *Dispatcher) begin(r *record) (u *Update, ctx *handlerContext, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if refused := d.refusal(r); refused != nil {
		d.turnAway(r, refused)
		return nil, nil, nil
	}
	r.cancelled, r.started, r.named = false, d.now(), false
	if r.buried == nil && d.tooOld(r.update) {
		r.buried = errTooOld
	}
	if r.buried == nil {
		r.attempt++
		if r.claim != nil {
			r.attempt = r.claim.attempt
		}
		if d.cfg.MaxAttempts > 0 && r.attempt > d.cfg.MaxAttempts {
			r.attempt, r.buried = d.cfg.MaxAttempts, errExhausted
		}
	}
	if r.buried == nil {
		d.watch(r)
	}
	return r.update, d.userContext(r, r.started, d.cfg.HandlerTimeout), r.buried
}

// tooOld reports whether u is older than MaxAge.
func (d *Dispatcher) tooOld(u *Update) bool {
	return d.cfg.MaxAge > 0 && u.Date > 0 && time.Since(time.Unix(u.Date, 0)) > d.cfg.MaxAge
}

// returnTime is how long after its time a function of the user's may still return. Then
// it is given up.
const returnTime = 10 * time.Second

// watch sees to it that the attempt of r is given up in the end. All attempts have the
// same time, so that one timer is enough: it is set for the oldest. The mutex is held.
func (d *Dispatcher) watch(r *record) {
	if d.cfg.HandlerTimeout < 0 || d.watching {
		return
	}
	d.watching = true
	time.AfterFunc(r.started+d.cfg.HandlerTimeout+returnTime-d.now(), d.abandon)
}

// abandon gives up every attempt whose handler has not returned in time, and sets the
// timer for the next.
func (d *Dispatcher) abandon() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.watching = false
	var oldest *record
	for _, r := range d.records {
		switch {
		case r.state != running || r.user == nil || r.user.returned || r.buried != nil:
		case r.started+d.cfg.HandlerTimeout+returnTime <= d.now():
			r.user.end(ErrHandlerTimeout)
			r.user = nil // its worker will see that
			d.abandoned++
			go d.work(r, nil, &result{err: ErrHandlerTimeout, abandoned: true})
		case oldest == nil || r.started < oldest.started:
			oldest = r
		}
	}
	if oldest != nil {
		d.watch(oldest)
	}
}

// result is what the handler returned.
type result struct {
	reply     payload
	rides     bool  // Telegram would execute the reply as an answer
	held      *held // what reply was; nil if the handler returned it
	err       error
	found     *findings // in err; nil: not looked at
	abandoned bool      // the handler has not returned
}

// handle runs the handler, encodes its reply, and looks at its error. All of it is the
// user's code.
func (d *Dispatcher) handle(ctx context.Context, u *Update, res *result) {
	res.err = guard.Call(func() error { return d.answer(ctx, u, res) })
	if res.err != nil {
		found := inspect(res.err)
		res.found = &found
	}
}

// answer is what the handler has for u.
func (d *Dispatcher) answer(ctx context.Context, u *Update, res *result) error {
	reply, err := d.handler.HandleUpdate(ctx, u)
	if err != nil || reply.Method == "" && reply.Params == nil {
		return err
	}
	p, err := reply.encode()
	if err != nil {
		return err
	}
	d.methods.check(ctx, &d.cfg, reply.Method)
	rides := botapi.Rides(reply.Method)
	if !rides && d.cfg.Caller == nil {
		return &ReplyError{reply.Method, fmt.Errorf("it is ignored in an answer, and there is %w", errNoCaller)}
	}
	res.reply, res.rides = p, rides
	return nil
}

// end is how a run ended.
type end struct {
	verdict
	ran    bool
	bury   bool // a dead letter is due
	call   bool // the reply is due by Caller
	again  bool // it may run again at once, for a delivery that came after LateCancel
	gaveUp bool // its handler has not returned
	lost   bool // its claim no longer holds, or is left to run out
	done   bool // the Store knows of its success, and has stored
	stored payload
}

func (e *end) lose(u *Update) {
	e.verdict = shedVerdict(u, ErrClaimLost)
	e.outcome, e.err, e.lost = OutcomeFailed, ErrClaimLost, true
}

// settle ends a run: it does what is due, tells the deliveries that wait, and
// returns what is to run next. If no delivery carries the result, report has to
// be observed. attempt is the context of the handler that ended; nil if none did.
func (d *Dispatcher) settle(r *record, attempt *handlerContext, res *result) (next *record, report *runReport) {
	var e end
	d.mu.Lock()
	if attempt != nil && r.user != attempt {
		d.abandoned--
		d.mu.Unlock()
		return nil, nil
	}
	if attempt != nil {
		attempt.returned = true // what follows has its own time
	}
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
		report = d.report(r, &e)
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
	report = d.report(r, e)
	r.values = newest.ctx
	r.drop()
	r.cancelled, r.acked, r.wasLate, r.named = false, false, false, false
	return d.turn(r), report
}

// judge decides what a result means. From here on the end of r is fixed: it
// cannot be acknowledged early or cancelled any more. The mutex is held.
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
		d.accept(r, res, e, lost)
	default:
		d.refuse(r, res, e)
	}
	r.succeeded = e.acked
}

// accept judges a success.
func (d *Dispatcher) accept(r *record, res *result, e *end, lost bool) {
	e.acked, e.outcome = true, OutcomeHandled
	if len(res.reply) == 0 || lost {
		return
	}
	e.reply, e.held = res.reply, res.held
	e.outcome = OutcomeReplied
	carrier := r.carrier()
	e.call = !res.rides || d.cfg.AlwaysCall || carrier != nil && carrier.mute || r.acked && carrier == nil
	if d.cfg.Store != nil && !e.call && (carrier != nil || d.cfg.Caller == nil && e.held == nil) {
		e.stored = res.reply
	}
	if !e.call && carrier == nil && len(e.stored) == 0 && d.uncarried.full(res.reply, d.cfg.MaxInFlight) {
		e.call = true
	}
}

// refuse judges a failure.
func (d *Dispatcher) refuse(r *record, res *result, e *end) {
	err, found := res.err, res.found
	if found == nil {
		found = &findings{}
	}
	if r.cancelled {
		err = &attemptError{"cancelled since it was late: " + r.given.String(), err}
	}
	retry := found.retryAfter(r.update.Kind)
	r.history.add(failure{
		at: r.ended, hopeless: found.hopeless(), successes: d.successes, crowded: d.crowded, failing: d.failing(r), came: r.came,
	})
	clause, givenUp := "", false
	if d.cfg.MaxAttempts == 0 {
		clause, givenUp = r.history.verdict(d.crowded)
	}
	switch {
	case r.acked, res.abandoned, found.final(), d.persistent && d.outlived(r, retry):
		r.buried, e.bury, e.gaveUp = err, true, res.abandoned
	case givenUp:
		r.buried, e.bury = r.history.giveUp(clause, err), true
	case d.cfg.MaxAttempts > 0 && r.attempt >= d.cfg.MaxAttempts:
		r.buried, e.bury = &attemptError{fmt.Sprintf("given up after %d attempts, by DispatchConfig.MaxAttempts", r.attempt), err}, true
	default:
		e.outcome, e.err, e.retry = OutcomeFailed, err, retry
		e.again = r.cancelled && !d.closing && e.retry == 0
		if e.retry == 0 && d.stopped {
			e.retry = shedVerdict(r.update, ErrShutdown).retry
		}
	}
}

// hopeless reports whether an attempt that failed so says more of the update, or of the
// handler, than of the world: it panicked, or the Bot API refuses what is asked.
func (f *findings) hopeless() bool {
	if f.panicked != nil || f.exited {
		return true
	}
	if f.api == nil {
		return false
	}
	switch f.api.Code {
	case http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound:
		return true
	}
	return false
}

// final reports whether no repetition can help.
func (f *findings) final() bool {
	return f.dropped != nil || f.undecodable != nil || f.unsendable != nil
}

// retryAfter is what the error asks for, within the bounds of k; 0 if it does not.
func (f *findings) retryAfter(k Kind) time.Duration {
	if f.retry == nil {
		return 0
	}
	return min(max(f.retry.after, time.Second), k.maxRetryAfter())
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
	u, why := r.update, r.buried
	if err := d.cfg.deadLetter(ctx, u, why); err != nil {
		if r.acked && d.cfg.DeadLetter != nil { // by LateAck: nobody delivers it again
			_ = guard.Within(returnTime, func() error { return d.cfg.logDeadLetter(ctx, u, errors.Join(err, why)) })
		}
		e.outcome, e.err = OutcomeFailed, errors.Join(err, why)
		return
	}
	e.acked, e.outcome, e.err = true, OutcomeDeadLettered, why
	if e.gaveUp {
		e.outcome = OutcomeAbandoned
		return
	}
	if found := inspect(why); found.dropped != nil {
		e.outcome = OutcomeDropped
	}
}

// deadLetter gives u to DeadLetter, or writes it to the log. DeadLetter has as much time
// as a handler.
func (c *DispatchConfig) deadLetter(ctx context.Context, u *Update, why error) error {
	letter, name := c.DeadLetter, "DeadLetter"
	if letter == nil {
		letter, name = c.logDeadLetter, "the dead letter was not logged"
	}
	limit := c.HandlerTimeout + returnTime
	if c.HandlerTimeout < 0 {
		limit = 1<<63 - 1
	}
	err := guard.Within(limit, func() error { return letter(ctx, u, why) })
	if err == nil {
		return nil
	}
	found := inspect(err)
	return found.wrap("tghook: " + name)
}

// logDeadLetter writes what may be the only copy of u.
func (c *DispatchConfig) logDeadLetter(ctx context.Context, u *Update, why error) error {
	return c.write(ctx, slog.LevelError, "tghook: dead letter", slog.Int64("update_id", u.ID), slog.String("kind", string(u.Kind)),
		slog.Any("error", why), slog.String("update", string(u.Raw)))
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
