package tghook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/tghook/tghook/internal/dispatch"
	"github.com/tghook/tghook/internal/guard"
	"github.com/tghook/tghook/internal/lane"
	"github.com/tghook/tghook/internal/retry"
)

// ConsumeConfig says how [Consume] handles updates. The zero value of each field is its
// default.
type ConsumeConfig struct {
	// Dispatch has the settings that all doors have. Bot is required. Caller is required if
	// handlers reply. MaxInFlight is how many updates Consume leases at a time. An update of
	// over 32 KiB counts once for each 32 KiB of it. Lane and MaxLane have no effect: the
	// publisher chooses the lane of an update.
	//
	// Without Store, the Queue remembers handled updates and counts attempts. Set Store if the
	// Queue cannot, as on Amazon SQS and Google Pub/Sub, or for [Album], which needs an
	// [AlbumStore]. Then Consume also claims each update in the Store.
	//
	// DeadLetter is called when the Queue has kept a dead letter. If nil, a line is logged.
	Dispatch DispatchConfig
	// Lease is how long an update stays with a process that has crashed or lost the Queue.
	// Consume renews a lease after each third of this time. If zero, 30 seconds. At least 3
	// seconds.
	Lease time.Duration
	// Grace is how long Consume waits for running handlers when its context ends. Then it
	// cancels them with [ErrShutdown]. Consume returns within Grace and two seconds. If zero,
	// 8 seconds, because many platforms kill a process after ten.
	Grace time.Duration
	// EndGrace ends Grace when it is closed. So a program can wait long for handlers, and
	// still end soon when it must: at a second signal, for example. If nil, Grace ends by
	// itself.
	EndGrace <-chan struct{}
	// OnError gets each error of the Queue. Consume recovers from all of them. If nil, errors
	// are logged at warn level. Calls of OnError come one at a time and in order. Consume does
	// not wait for them.
	OnError func(context.Context, error)
}

const (
	defaultLease  = dispatch.Lease
	leastLease    = 3 * time.Second
	mostTaken     = 100             // updates that are taken at once
	takePause     = 5 * time.Second // the longest time between two calls of Take that fail
	longestCommit = time.Hour       // without HandlerTimeout
	// returnTime is how long Consume waits for the Queue to take updates back.
	returnTime = time.Second
)

// Consume handles the updates of a [Queue], in as many processes as you like. It blocks until
// ctx ends. Then it waits for running handlers, returns the other updates to the Queue, and
// returns nil. It returns an error only for a mistake in cfg, and then at once.
//
// For the handler a Queue is like a [Poll]: updates of one lane run one at a time, and lanes
// run concurrently. If a handler fails, it runs again after 1, 2, 4 ... 60 seconds, or after
// its [RetryAfter]. The updates behind it in the lane wait. An update that is given up (see
// "Giving up" in the package's documentation) becomes a dead letter in the Queue: see
// [Letters]. Caller sends the replies.
//
// Consume removes an update when its handler has succeeded and its reply was sent. Then the
// next update of its lane starts. If the process crashes earlier, the handler runs again when
// the lease has run out, in this process or another. If the lease is lost while a handler
// runs, its context ends with [ErrClaimLost].
//
// When ctx has ended, an attempt does not count if Consume has cancelled its handler, or if the
// error of the handler or of Caller wraps [ErrShutdown]. The update goes back to the Queue, and
// its handler runs again, unless a [TxQueue] has kept its reply.
//
// A method of q may panic or block. Consume stops waiting for it after 15 seconds, and for
// Commit 10 seconds after HandlerTimeout.
func Consume(ctx context.Context, q Queue, h Handler, cfg ConsumeConfig) error {
	c, err := newConsumer(q, h, cfg, ctx.Done())
	if err != nil {
		return err
	}
	c.dispatcher.start()
	c.run(ctx)
	return nil
}

// QueuedFromContext returns the [Queue]'s update that a handler of [Consume] handles, from
// the handler's context. It returns false for any other context.
func QueuedFromContext(ctx context.Context) (QueuedUpdate, bool) {
	u, ok := ctx.Value(queuedKey{}).(QueuedUpdate)
	return u, ok
}

type queuedKey struct{}

// consumer is one call of Consume. As a [dispatch.Store] it tells the engine what the Queue
// knows of an update.
type consumer struct {
	*reporter

	queue      Queue
	tx         TxQueue        // nil if the Queue has no transactions
	store      dispatch.Store // of DispatchConfig.Store; nil if there is none
	cfg        ConsumeConfig
	dispatcher *Dispatcher
	moved      chan struct{} // gets a value when an update has ended

	mu     sync.Mutex
	held   map[int64]*leased // by update_id
	room   int               // what is left of MaxInFlight
	back   []QueuedUpdate    // for the next Return
	closed time.Time         // since when no handler may start; zero: not yet
}

// leased is an update that the consumer holds. The consumer's mutex guards it.
type leased struct {
	QueuedUpdate

	consumer *consumer
	batch    int       // the number of the Take that it came with
	until    time.Time // when the lease runs out, by this process's clock
	state    leaseState
	ending   bool // a running call may end the lease
}

// share is how much of MaxInFlight an update takes.
func (l *leased) share() int {
	const full = 32 << 10
	return max(1, (len(l.Raw)+full-1)/full)
}

type leaseState uint8

const (
	leaseHolds leaseState = iota
	leaseLost             // another process may have the update
	leaseEnded            // by Done or Bury
)

func newConsumer(q Queue, h Handler, cfg ConsumeConfig, ended <-chan struct{}) (*consumer, error) {
	if err := errors.Join(cfg.mistakes(q, h)...); err != nil {
		return nil, err
	}
	if cfg.Lease == 0 {
		cfg.Lease = defaultLease
	}
	if cfg.Grace == 0 {
		cfg.Grace = defaultGrace
	}
	cfg.Dispatch.setDefaults()
	c := &consumer{queue: q, cfg: cfg, moved: make(chan struct{}, 1), held: map[int64]*leased{}, room: cfg.Dispatch.MaxInFlight}
	c.tx, _ = q.(TxQueue)
	c.reporter = newReporter("ConsumeConfig", &c.cfg.Dispatch, cfg.OnError)
	own := cfg.Dispatch
	own.DeadLetter = c.bury
	own.MaxInFlight, own.MaxLane = math.MaxInt32, math.MaxInt32 // the engine must not refuse a leased update
	c.dispatcher = newDispatcher(h, own, dispatch.Leased{Ended: ended})
	c.dispatcher.consumer = c
	c.store, c.dispatcher.engine.Store = c.dispatcher.engine.Store, c
	return c, nil
}

func (c ConsumeConfig) mistakes(q Queue, h Handler) []error {
	errs := c.Dispatch.mistakes(h, "ConsumeConfig.Dispatch")
	add := func(bad bool, field, problem string) {
		if bad {
			errs = append(errs, &ConfigError{field, problem})
		}
	}
	add(q == nil, "Queue", "nil; give one of backends/, or your own")
	add(c.Dispatch.Bot == 0 && c.Dispatch.Store == nil, "ConsumeConfig.Dispatch.Bot", "not set; give the number before the colon in the token")
	add(c.Lease != 0 && c.Lease < leastLease, "ConsumeConfig.Lease", fmt.Sprintf("%v is too short; give at least %v, or 0 for %v", c.Lease, leastLease, defaultLease))
	add(c.Grace < 0, "ConsumeConfig.Grace", fmt.Sprintf("%v is negative; give a positive duration, or 0 for 8 seconds", c.Grace))
	_, shared := c.Dispatch.Store.(AlbumStore)
	add(hasAlbum(h) && !shared, "ConsumeConfig.Dispatch.Store", "not an AlbumStore, and the handler has an Album, whose items come from the Queue one after the other; set Store to one of backends/")
	return errs
}

// run handles updates until ctx ends.
func (c *consumer) run(ctx context.Context) {
	renewing, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	go c.renew(renewing)
	defer context.AfterFunc(ctx, func() { c.close() })() // Take may still wait for an answer
	c.receive(ctx)
	c.windUp(context.WithoutCancel(ctx))
}

// receive takes updates until ctx ends.
func (c *consumer) receive(ctx context.Context) {
	var backoff retry.Backoff
	for batch := 1; ctx.Err() == nil; batch++ {
		room := c.left()
		if room <= 0 {
			select {
			case <-c.moved:
			case <-ctx.Done():
			}
			continue
		}
		taken, err := guard.Beside(ctx, min(storeTimeout, c.cfg.Grace), func() ([]QueuedUpdate, error) {
			return c.queue.Take(ctx, c.cfg.Dispatch.Bot, min(room, mostTaken), c.cfg.Lease)
		})
		until := time.Now().Add(c.cfg.Lease)
		switch {
		case err == nil:
			backoff.Reset()
		case ctx.Err() == nil:
			c.report(ctx, fmt.Errorf("tghook: Queue.Take: %w", err))
			_ = retry.Sleep(ctx, min(backoff.Next(), takePause))
		}
		for _, u := range taken {
			c.admit(ctx, &leased{QueuedUpdate: u, consumer: c, batch: batch, until: until})
		}
	}
}

// admit offers an update to the engine.
func (c *consumer) admit(ctx context.Context, l *leased) {
	c.hold(l)
	e, values := c.dispatcher.engine, context.WithoutCancel(ctx)
	u, err := ParseUpdate(l.Raw)
	if u == nil {
		u = &Update{Raw: l.Raw}
	}
	u.ID = l.Key.ID
	arrival, broken := e.Arrive(values, e.Now(), dispatch.Mute)
	key, ok := lane.Parse(l.Lane)
	if !ok && l.Lane != "" {
		key = lane.Key{Name: l.Lane}
	}
	item := itemOf(u)
	if item.Unfit = errors.Join(err, broken); item.Unfit == nil {
		key = c.dispatcher.albums.place(u, &item, key)
	}
	d := e.Admit(arrival, key, item)
	over := e.Settled(d)
	c.calls.Start(func() {
		if over || d.Wait(c.calls.Over()) {
			c.end(values, l, d)
		}
	}, func() { c.tell(values, u, d) })
}

// end tells the Queue that a delivery has ended.
func (c *consumer) end(values context.Context, l *leased, d *dispatch.Delivery) {
	v := d.Verdict()
	if v.Outcome == dispatch.Duplicate { // it was handled before
		_ = c.finish(values, l)
	}
	if c.release(l, !v.Acked || v.Outcome == dispatch.Shed) == leaseLost {
		c.rollback(values, l) // its handler may still run
	}
	c.giveBack(values)
}

// tell calls Observe, unless the update was returned or another process has it.
func (c *consumer) tell(values context.Context, u *Update, d *dispatch.Delivery) {
	if v := d.Verdict(); v.Outcome != dispatch.Shed || !v.Acked {
		c.observe(values, deliveryOf(v, u, 0))
	}
}

// hold begins to hold an update. If it is held already, its lease has run out unnoticed.
func (c *consumer) hold(l *leased) {
	c.mu.Lock()
	known := c.held[l.Key.ID]
	stale := known != nil && known.state == leaseHolds
	if stale {
		known.state = leaseLost
	}
	if known != nil {
		c.room += known.share()
	}
	c.held[l.Key.ID] = l
	c.room -= l.share()
	c.mu.Unlock()
	if stale {
		c.dispatcher.engine.Lose(l.Key.ID)
	}
}

// release stops holding an update, and returns the state of its lease. If the update is due
// again, it joins the next Return.
func (c *consumer) release(l *leased, again bool) leaseState {
	c.mu.Lock()
	defer c.mu.Unlock()
	if again && l.state == leaseHolds {
		c.back = append(c.back, l.QueuedUpdate)
	}
	if c.held[l.Key.ID] == l {
		delete(c.held, l.Key.ID)
		c.room += l.share()
	}
	select {
	case c.moved <- struct{}{}:
	default:
	}
	return l.state
}

// left is how much of MaxInFlight is left.
func (c *consumer) left() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.room
}

// find returns the update with an id, and a copy of its present state. It returns nil if the
// consumer does not hold the update.
func (c *consumer) find(id int64) (l *leased, now leased) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l = c.held[id]; l != nil {
		now = *l
	}
	return l, now
}

// setState changes the state of a lease that holds, and reports whether the lease held.
func (c *consumer) setState(l *leased, state leaseState) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l.state != leaseHolds {
		return false
	}
	l.state = state
	return true
}

// lose cancels the handler of an update whose lease no longer holds. The updates of its lane that
// came with it or before are lost too: another process may have the lane.
func (c *consumer) lose(l *leased) {
	if !c.setState(l, leaseLost) {
		return
	}
	c.dispatcher.engine.Lose(l.Key.ID)
	if l.Lane == "" {
		return
	}
	lane, _ := c.leases(func(other *leased) bool { return other.Lane == l.Lane && other.batch <= l.batch })
	for _, other := range lane {
		if c.setState(other, leaseLost) {
			c.dispatcher.engine.Lose(other.Key.ID)
		}
	}
}

// snapshot returns a copy of the update.
func (l *leased) snapshot() QueuedUpdate {
	l.consumer.mu.Lock()
	defer l.consumer.mu.Unlock()
	return l.QueuedUpdate
}

// replyOf returns the reply of an update whose handler has succeeded, or nil.
func replyOf(ctx context.Context) payload {
	u, _ := QueuedFromContext(ctx)
	return u.Reply
}

// windUp ends the work within Grace and two seconds, even if the user's code blocks.
func (c *consumer) windUp(ctx context.Context) {
	grace, cancel := context.WithDeadline(ctx, c.close().Add(c.cfg.Grace))
	defer cancel()
	last, cancelLast := afterGrace(ctx, grace, time.Second)
	defer cancelLast()
	logged, cancelLogged := afterGrace(ctx, grace, 2*time.Second)
	defer cancelLogged()
	go func() {
		select {
		case <-c.cfg.EndGrace:
			cancel()
		case <-grace.Done():
		}
	}()
	ended := guard.Start(func() error { return c.dispatcher.Shutdown(grace) })
	select {
	case err := <-ended:
		if err != nil {
			c.log(ctx, slog.LevelWarn, "tghook: not all handlers returned within ConsumeConfig.Grace: their updates are handled again when their lease has run out", slog.Any("error", err))
		}
	case <-last.Done():
	}
	if !c.calls.End(last) {
		c.log(ctx, slog.LevelWarn, "tghook: Consume returns while a function of yours still runs: Observe, OnError, DeadLetter or a cancelled handler")
	}
	c.giveBack(ctx)
	c.logs.End(logged)
}

// afterGrace returns a context that ends some time after grace does.
func afterGrace(values, grace context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(values)
	stop := context.AfterFunc(grace, func() { time.AfterFunc(d, cancel) })
	return ctx, func() { stop(); cancel() }
}

// giveBack calls Return for the updates whose handlers have not run.
func (c *consumer) giveBack(ctx context.Context) {
	c.mu.Lock()
	back := c.back
	c.back = nil
	c.mu.Unlock()
	if len(back) == 0 {
		return
	}
	err := c.within(ctx, "Return", returnTime, returnTime, func(ctx context.Context) error { return c.queue.Return(ctx, back) })
	if err != nil {
		c.log(ctx, slog.LevelWarn, "tghook: updates that were not handled could not be given back, and are taken again when their lease has run out", slog.Any("error", err))
	}
}

// within calls a method of the Queue with a context that ends after timeout. The method is the
// user's code, so within stops waiting after limit.
func (c *consumer) within(values context.Context, method string, timeout, limit time.Duration, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(values, timeout)
	defer cancel()
	err := guard.Within(limit, func() error { return f(ctx) })
	if err == nil {
		return nil
	}
	found := inspect(err)
	if found.claimLost {
		return ErrClaimLost
	}
	return found.wrap("tghook: Queue." + method)
}

func (c *consumer) call(values context.Context, method string, f func(context.Context) error) error {
	return c.within(values, method, storeTimeout, storeTimeout+dispatch.ReturnTime, f)
}

// renew keeps the leases until ctx ends.
func (c *consumer) renew(ctx context.Context) {
	often := c.cfg.Lease / 3
	wait := often
	for retry.Sleep(ctx, wait) == nil {
		wait = often
		if err := c.renewAll(ctx, often); err != nil {
			c.report(ctx, err)
			wait = min(often, time.Second)
		}
		overdue, _ := c.leases((*leased).ranOut)
		for _, l := range overdue {
			c.lose(l)
		}
	}
}

// leases returns the updates that suit and whose leases hold.
func (c *consumer) leases(suits func(*leased) bool) (all []*leased, updates []QueuedUpdate) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range c.held {
		if l.state == leaseHolds && suits(l) {
			all, updates = append(all, l), append(updates, l.QueuedUpdate)
		}
	}
	return all, updates
}

// ranOut reports whether the lease has run out by this process's clock.
func (l *leased) ranOut() bool { return !time.Now().Before(l.until) }

// renewAll renews all leases. It takes at most twice limit.
func (c *consumer) renewAll(ctx context.Context, limit time.Duration) error {
	asked := time.Now()
	all, updates := c.leases(func(*leased) bool { return true })
	if len(all) == 0 {
		return nil
	}
	answer := make(chan []Key, 1)
	err := c.within(ctx, "Renew", limit, 2*limit, func(ctx context.Context) error {
		lost, err := c.queue.Renew(ctx, updates, c.cfg.Lease)
		answer <- lost
		return err
	})
	if err != nil {
		return err
	}
	lost := <-answer
	for _, l := range all {
		if c.renewed(l, asked, slices.Contains(lost, l.Key)) {
			c.lose(l)
		}
	}
	return nil
}

// renewed notes that a lease was renewed or lost. It reports whether the handler must be
// cancelled: not if a running call may have ended the lease.
func (c *consumer) renewed(l *leased, asked time.Time, lost bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !lost || l.ending {
		l.until = asked.Add(c.cfg.Lease)
	}
	return lost && !l.ending
}

// endBy calls a method of the Queue that may end a lease.
func (c *consumer) endBy(l *leased, call func() error) error {
	c.setEnding(l, true)
	defer c.setEnding(l, false)
	return call()
}

func (c *consumer) setEnding(l *leased, ending bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	l.ending = ending
}

// Claim implements [dispatch.Store].
func (c *consumer) Claim(values context.Context, claim dispatch.Claim, ttl time.Duration) (dispatch.Answer, error) {
	l, now := c.find(claim.ID)
	gone := c.store == nil
	if l != nil {
		gone = now.state != leaseHolds || c.isClosing()
		if now.ranOut() { // the process was suspended, for example
			c.lose(l)
			gone = true
		}
	}
	switch {
	case gone:
		return dispatch.Answer{State: dispatch.Gone}, nil
	case c.store != nil:
		answer, err := c.store.Claim(values, claim, ttl)
		if l != nil {
			answer.Value, answer.Handled = l, now.Reply != nil
		}
		return answer, err
	}
	return dispatch.Answer{State: dispatch.Granted, Attempt: now.Attempts + 1, Note: readNote(now.Note), Value: l, Kept: true, Handled: now.Reply != nil}, nil
}

// close lets no more handlers start, and returns the time of its first call.
func (c *consumer) close() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed.IsZero() {
		c.closed = time.Now()
	}
	return c.closed
}

func (c *consumer) isClosing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.closed.IsZero()
}

// Renew implements [dispatch.Store].
func (c *consumer) Renew(values context.Context, claim dispatch.Claim) error {
	if c.store != nil {
		return c.store.Renew(values, claim)
	}
	return nil // renew renews all leases
}

// Done implements [dispatch.Store].
func (c *consumer) Done(values context.Context, claim dispatch.Claim, reply []byte) error {
	var err error
	if c.store != nil {
		if err = c.store.Done(values, claim, reply); err == ErrClaimLost { //nolint:errorlint // it is returned itself
			return err
		}
	}
	l, _ := c.find(claim.ID)
	if l == nil { // an album
		return err
	}
	if lost := c.finish(values, l); lost != nil {
		return lost
	}
	return err
}

// finish calls Done until it succeeds, or until the lease is lost or the dispatcher stops.
func (c *consumer) finish(values context.Context, l *leased) error {
	var backoff retry.Backoff
	for {
		switch c.stateOf(l) {
		case leaseLost:
			return ErrClaimLost
		case leaseEnded:
			return nil
		case leaseHolds:
		}
		err := c.endBy(l, func() error {
			err := c.call(values, "Done", func(ctx context.Context) error { return c.queue.Done(ctx, l.snapshot()) })
			if err == nil {
				c.setState(l, leaseEnded)
			}
			return err
		})
		switch err {
		case nil:
			return nil
		case ErrClaimLost: //nolint:errorlint // call returns it itself
			c.lose(l)
			return err
		}
		c.report(values, err)
		if retry.Sleep(c.dispatcher.engine.Calls(), backoff.Next()) != nil {
			return err
		}
	}
}

// Fail implements [dispatch.Store].
func (c *consumer) Fail(values context.Context, claim dispatch.Claim, n dispatch.Note) error {
	if c.store != nil {
		return c.store.Fail(values, claim, n)
	}
	l, now := c.find(claim.ID)
	if l == nil {
		return nil
	}
	text, err := json.Marshal(note(n))
	if err != nil {
		return err
	}
	c.mu.Lock()
	l.Attempts, l.Note = l.Attempts+1, text
	c.mu.Unlock()
	err = c.call(values, "Fail", func(ctx context.Context) error { return c.queue.Fail(ctx, now.QueuedUpdate, text) })
	if err == ErrClaimLost { //nolint:errorlint // call returns it itself
		c.lose(l)
	}
	return err
}

// Release implements [dispatch.Store].
func (c *consumer) Release(values context.Context, claim dispatch.Claim) {
	if c.store != nil {
		c.store.Release(values, claim)
	}
}

// bury makes an update a dead letter. It is the dispatcher's DeadLetter.
func (c *consumer) bury(ctx context.Context, u *Update, why error) error {
	l, known := claimedBy(ctx)
	known = known && l.Key.ID == u.ID // not an item of an album
	if known {
		if err := c.buryLeased(ctx, l, why); err != nil {
			return err
		}
	}
	switch {
	case c.cfg.Dispatch.DeadLetter != nil:
		err := c.cfg.Dispatch.DeadLetter(ctx, u, why)
		if err != nil && known { // the Queue has it
			c.report(ctx, fmt.Errorf("tghook: DeadLetter: %w", err))
			return nil
		}
		return err
	case known:
		c.log(ctx, slog.LevelError, "tghook: a dead letter, which the Queue keeps", slog.Int64("update_id", u.ID), slog.String("kind", string(u.Kind)), slog.Any("error", why))
		return nil
	}
	return c.cfg.Dispatch.logDeadLetter(ctx, u, why)
}

// claimedBy returns the update of the attempt with the context.
func claimedBy(ctx context.Context) (*leased, bool) {
	run, ok := ctx.Value(lateKey{}).(*dispatch.Context)
	if !ok {
		return nil, false
	}
	l, ok := run.Claimed().(*leased)
	return l, ok
}

// buryLeased calls Bury, unless it has succeeded before.
func (c *consumer) buryLeased(ctx context.Context, l *leased, why error) error {
	switch c.stateOf(l) {
	case leaseLost:
		return ErrClaimLost
	case leaseEnded:
		return nil
	case leaseHolds:
	}
	c.rollback(ctx, l)
	text := inspect(why).text // 4 KiB at most
	err := c.endBy(l, func() error {
		err := c.call(ctx, "Bury", func(ctx context.Context) error {
			return c.queue.Bury(ctx, l.snapshot(), text)
		})
		if err == nil {
			c.setState(l, leaseEnded)
		}
		return err
	})
	if err == ErrClaimLost { //nolint:errorlint // call returns it itself
		c.lose(l)
	}
	return err
}

func (c *consumer) stateOf(l *leased) leaseState {
	c.mu.Lock()
	defer c.mu.Unlock()
	return l.state
}

// settle ends the transaction of an update whose handler has returned.
func (c *consumer) settle(ctx *dispatch.Context, u *Update, res *dispatch.Result, success bool) {
	l, known := ctx.Claimed().(*leased)
	if c.tx == nil || !known || l.Reply != nil {
		return
	}
	if !success {
		c.rollback(ctx, l)
		if inspect(res.Failure.Err).claimLost { // as TxQueue has told the handler
			c.lose(l)
		}
		return
	}
	c.setEnding(l, true) // until Done: Commit may have removed the update
	err := c.commit(ctx, l, res.Reply.Body)
	if err == nil {
		return
	}
	c.setEnding(l, false)
	found := inspect(err)
	if found.claimLost {
		c.lose(l)
	}
	*res = dispatch.Result{Failure: failed(found.wrap("tghook: Queue.Commit"), u.Kind)}
}

// commit calls Commit. If Commit does not return, commit rolls back.
func (c *consumer) commit(ctx context.Context, l *leased, reply []byte) error {
	limit := c.cfg.Dispatch.HandlerTimeout + dispatch.ReturnTime
	if c.cfg.Dispatch.HandlerTimeout < 0 {
		limit = longestCommit
	}
	err := guard.Within(limit, func() error { return c.tx.Commit(ctx, l.snapshot(), reply) })
	if errors.Is(err, guard.ErrNoReturn) {
		c.rollback(ctx, l)
	}
	return err
}

func (c *consumer) rollback(ctx context.Context, l *leased) {
	if c.tx == nil {
		return
	}
	err := c.call(context.WithoutCancel(ctx), "Rollback", func(ctx context.Context) error { c.tx.Rollback(ctx, l.snapshot()); return nil })
	if err != nil {
		c.report(ctx, err)
	}
}
