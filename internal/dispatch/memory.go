package dispatch

import (
	"container/list"
	"context"
	"time"

	"github.com/tghook/tghook/internal/recent"
)

const (
	maxSucceeded   = 100_000 // half a MiB if their ids are consecutive, 14 at worst
	maxKeptReplies = 8 << 20 // bytes
	keepReply      = 10 * time.Minute
	awaitCarrier   = 10 * time.Second // a reply that can be sent waits so long for a redelivery
	// maxResting bounds the items that failed, or that succeeded without anybody knowing.
	// Past it the oldest is forgotten. If it has succeeded, only that is remembered.
	maxResting = 10_000
	// maxAwaitedBytes bounds the replies that wait for a redelivery. Their number is
	// bounded by MaxInFlight. Past the bounds a reply that can be sent is sent at once. For
	// one that nobody can send, the oldest of such replies is lost.
	maxAwaitedBytes = 64 << 20
)

// memory knows the items that no flight carries. The engine's mutex guards it.
type memory struct {
	succeeded  *recent.Set // and their senders know; marked: with a reply
	replies    *recent.Map // of those, the newest
	untold     map[int64]*untold
	failures   map[int64]*pastFailure
	resting    list.List // of *untold and *pastFailure, the oldest first
	unsendable list.List // of *untold that await a carrier, and whose reply nobody can send, the oldest first
	awaited    replyTotal
	evicted    uint64
}

// rest is what keeps an item in the memory for a while.
type rest struct {
	id     int64
	life   time.Duration
	until  time.Duration
	timer  *time.Timer
	place  *list.Element // in memory.resting or memory.unsendable; nil: it is in neither
	offers offers
}

// pastFailure is an item that failed and may come again.
type pastFailure struct {
	rest

	attempts     int
	history      history
	letter       *letter
	group        *group
	acknowledged bool // its sender does not deliver it again
}

// untold is an item that has succeeded, and no delivery was told.
type untold struct {
	rest

	state        untoldState
	reply        Reply
	attempt      int
	took         time.Duration
	late         bool
	acknowledged bool    // its sender need not know
	kept         bool    // the Store knows
	report       *report // awaitsCarrier
}

type untoldState uint8

const (
	awaitsCarrier untoldState = iota // a redelivery is to carry its reply
	sending                          // its reply is being sent
	atRest                           // nothing is left to be done
)

func newMemory(lives []time.Duration) memory {
	return memory{
		succeeded: recent.NewSet(maxSucceeded, lives...),
		replies:   recent.NewMap(maxKeptReplies, keepReply),
		untold:    make(map[int64]*untold),
		failures:  make(map[int64]*pastFailure),
	}
}

// duplicate is the verdict of an item that has succeeded, and whose sender knows.
func (m *memory) duplicate(id int64, now time.Duration) (v Verdict, known bool) {
	withReply, ok := m.succeeded.Get(id, now)
	if !ok {
		return v, false
	}
	v = Verdict{Outcome: Duplicate, Acked: true}
	if withReply {
		var kept bool
		if v.Reply.Body, kept = m.replies.Get(id, now); !kept {
			v.Err = errReplyGone
		}
	}
	return v, true
}

// succeed remembers that an item has succeeded, and that its sender knows, with the reply
// that it was told.
func (m *memory) succeed(id int64, life time.Duration, reply []byte, now time.Duration) {
	m.succeeded.Put(id, len(reply) > 0, now, life)
	if len(reply) > 0 {
		m.replies.Put(id, reply, now)
	}
}

// acknowledge notes that the sender of u knows, or is about to.
func (m *memory) acknowledge(u *untold, now time.Duration) {
	reply := u.reply.Body
	m.forgetUntold(u)
	m.succeed(u.id, u.life, reply, now)
}

// forgetReply drops the reply of u.
func (m *memory) forgetReply(u *untold) {
	m.awaited.remove(u.reply.Body)
	u.reply = Reply{}
}

func (m *memory) forgetUntold(u *untold) {
	m.wake(&u.rest)
	m.forgetReply(u)
	delete(m.untold, u.id)
}

func (m *memory) forgetFailure(p *pastFailure) {
	m.wake(&p.rest)
	delete(m.failures, p.id)
}

func (m *memory) wake(r *rest) {
	if r.timer != nil {
		r.timer.Stop()
	}
	if r.place != nil {
		m.resting.Remove(r.place) // of the two lists, the one that does not have it ignores it
		m.unsendable.Remove(r.place)
		r.place = nil
	}
}

// bound forgets the oldest of what rests, if that is too much.
func (m *memory) bound(now time.Duration) {
	if m.resting.Len() <= maxResting {
		return
	}
	m.evicted++
	switch oldest := m.resting.Front().Value.(type) {
	case *untold:
		m.forgetReply(oldest)
		m.acknowledge(oldest, now)
	case *pastFailure:
		m.forgetFailure(oldest)
	}
}

// replyTotal is how many replies wait for something, and their bytes.
type replyTotal struct{ count, bytes int }

func (t *replyTotal) add(body []byte) {
	if len(body) > 0 {
		t.count++
		t.bytes += len(body)
	}
}

func (t *replyTotal) remove(body []byte) {
	if len(body) > 0 {
		t.count--
		t.bytes -= len(body)
	}
}

// full reports whether body may not wait too, where most may.
func (t *replyTotal) full(body []byte, most int) bool {
	return t.count >= most || t.bytes+len(body) > maxAwaitedBytes
}

// over reports whether more replies wait than most, or more bytes than may.
func (t *replyTotal) over(most int) bool { return t.count > most || t.bytes > maxAwaitedBytes }

func (e *Engine) restOf(f *flight) rest {
	return rest{id: f.item.ID, life: f.item.Life, offers: f.offers}
}

// expireLocked has f called when the time of r is over. A stopped engine sets no timer.
func (e *Engine) expireLocked(r *rest, life time.Duration, f func()) {
	r.until = e.Now() + life
	if e.shutdown.phase != stopped {
		r.timer = time.AfterFunc(life, f)
	}
}

// keepFailureLocked remembers that f has failed.
func (e *Engine) keepFailureLocked(f *flight) {
	p := &pastFailure{rest: e.restOf(f), attempts: f.attempt.number, history: f.history, letter: f.letter, group: f.group, acknowledged: f.acknowledged}
	e.memory.failures[p.id] = p
	e.expireLocked(&p.rest, p.life, func() { e.expireFailure(p) })
	p.place = e.memory.resting.PushBack(p)
	e.memory.bound(e.Now())
}

func (e *Engine) expireFailure(p *pastFailure) {
	e.mu.Lock()
	defer e.unlock()
	if e.memory.failures[p.id] == p && e.Now() >= p.until {
		e.memory.forgetFailure(p)
	}
}

func (e *Engine) addUntoldLocked(f *flight, end *ending) *untold {
	u := &untold{
		rest: e.restOf(f), reply: end.Reply, attempt: f.attempt.number, took: f.attempt.took(), late: f.wasLate,
		acknowledged: f.acknowledged, kept: end.store == success,
	}
	e.memory.untold[u.id] = u
	e.memory.awaited.add(u.reply.Body)
	return u
}

// keepUntoldLocked remembers that f has succeeded, and that no delivery was told.
func (e *Engine) keepUntoldLocked(f *flight, end *ending) {
	e.restLocked(e.addUntoldLocked(f, end))
}

// restLocked keeps u as long as a redelivery may come.
func (e *Engine) restLocked(u *untold) {
	u.state, u.report = atRest, nil
	e.expireLocked(&u.rest, u.life, func() { e.expireUntold(u) })
	u.place = e.memory.resting.PushBack(u)
	e.memory.bound(e.Now())
}

func (e *Engine) expireUntold(u *untold) {
	e.mu.Lock()
	defer e.unlock()
	if e.memory.untold[u.id] == u && e.Now() >= u.until {
		e.memory.forgetUntold(u)
		e.checkIdleLocked()
	}
}

// awaitCarrierLocked has the reply of f wait for a redelivery that can carry it. If nobody can
// send it, it waits as long as a redelivery may come.
func (e *Engine) awaitCarrierLocked(f *flight, end *ending) {
	u := e.addUntoldLocked(f, end)
	u.report = reportOf(f, end)
	if u.reply.Sender != nil {
		e.expireLocked(&u.rest, awaitCarrier, func() { e.sendAwaited(u) })
		return
	}
	e.expireLocked(&u.rest, u.life, func() { e.loseOverdue(u) })
	u.place = e.memory.unsendable.PushBack(u)
	for e.memory.awaited.over(e.MaxInFlight) && e.memory.unsendable.Len() > 0 {
		oldest := e.memory.unsendable.Front().Value.(*untold)
		e.memory.forgetReply(oldest)
		e.memory.wake(&oldest.rest)
		e.loseLocked(oldest, errTooManyAwaited)
		e.restLocked(oldest)
	}
}

// loseOverdue gives up the reply of u, because a redelivery cannot come any more.
func (e *Engine) loseOverdue(u *untold) {
	e.mu.Lock()
	defer e.unlock()
	if e.memory.untold[u.id] != u || u.state != awaitsCarrier || e.Now() < u.until {
		return
	}
	e.loseLocked(u, errNoCarrier)
	e.memory.forgetUntold(u)
	e.checkIdleLocked()
}

// loseLocked reports why the reply of u, which awaits a carrier, is lost.
func (e *Engine) loseLocked(u *untold, why error) {
	u.state = atRest
	u.report.Outcome, u.report.Err = ReplyLost, why
	e.reportLocked(u.report)
}

// sendAwaited sends the reply of u, because no redelivery has come to carry it.
func (e *Engine) sendAwaited(u *untold) {
	e.mu.Lock()
	if e.memory.untold[u.id] != u || u.state != awaitsCarrier || e.Now() < u.until || e.shutdown.phase == stopped {
		e.mu.Unlock()
		return
	}
	reply, told := u.reply, u.report
	e.memory.forgetReply(u)
	u.state = sending
	e.background++
	e.mu.Unlock()

	ctx, cancel := context.WithCancel(ValuesOf(told.values))
	stop := context.AfterFunc(e.calls, cancel)
	told.Outcome, told.Err = Replied, reply.Send(ctx)
	stop()
	cancel()
	if told.Err != nil {
		told.Outcome = ReplyLost
	}

	e.mu.Lock()
	defer e.unlock()
	e.background--
	switch {
	case e.memory.untold[u.id] != u: // a redelivery was told meanwhile
	case u.acknowledged || u.kept:
		e.memory.acknowledge(u, e.Now())
	default:
		e.restLocked(u)
	}
	e.reportLocked(told)
	e.checkIdleLocked()
}
