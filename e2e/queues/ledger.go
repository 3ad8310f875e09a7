package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// ledger holds the reports of all workers. They write to one pipe, so reports are in order, and no
// report is lost when a process ends.
type ledger struct {
	pipe  *os.File      // the end that is written to
	ended chan struct{} // closed when all reports are noted
	lease time.Duration

	mu       sync.Mutex
	line     int // the number of reports
	lives    []*life
	updates  map[int64]*record
	done     int         // updates that the engine has ended
	inFlight [causes]int // runs that a fault has met
	problems []string
	broken   int // the number of problems, also of those that were not kept
}

// life is the life of one worker's process, from its start to its end.
type life struct {
	number int
	killed bool
	over   bool
	shaken bool               // it was paused or cut off
	held   map[int64]*attempt // the updates that it has, by update
}

// The events in reports of workers. Each report has the update, its chat, the lease (its number
// in the life and its age in milliseconds), and the time in milliseconds.
const (
	takes    = "takes"
	resumes  = "resumes" // takes a handled update whose reply must still be sent
	begins   = "begins"
	ends     = "ends"    // the handler has succeeded
	fails    = "fails"   // the handler has not succeeded
	drops    = "drops"   // the handler has dropped the update
	keeps    = "keeps"   // the engine has accepted the success
	loses    = "loses"   // the lease did not hold
	buries   = "buries"  // the engine has made it a dead letter
	renews   = "renews"  // the lease was renewed
	returns  = "returns" // the worker is about to return the update
	isOver   = "is_over" // the process has ended
	isShaken = "is_shaken"
	isAway   = "is_away"
)

func newLedger(lease time.Duration, journal io.Writer) (*ledger, error) {
	out, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	l := &ledger{pipe: in, ended: make(chan struct{}), lease: lease, line: 1, updates: map[int64]*record{}}
	go func() {
		defer close(l.ended)
		defer out.Close()
		var reports io.Reader = out
		if journal != nil {
			reports = io.TeeReader(out, journal)
		}
		for lines := bufio.NewScanner(reports); lines.Scan(); {
			l.note(lines.Text())
		}
	}()
	return l, nil
}

// close waits until all reports are noted. All processes must have ended. It may be called
// again.
func (l *ledger) close() {
	_ = l.pipe.Close()
	<-l.ended
}

func (l *ledger) newLife() *life {
	l.mu.Lock()
	defer l.mu.Unlock()
	in := &life{number: len(l.lives) + 1, held: map[int64]*attempt{}}
	l.lives = append(l.lives, in)
	return in
}

// report is the text of a report.
func report(life int, what string, update, chat int64, lease int, age time.Duration) string {
	return fmt.Sprintf("%d %s %d %d %d %d %d\n", life, what, update, chat, lease, age.Milliseconds(), time.Now().UnixMilli())
}

// over reports that a process has ended.
func (l *ledger) over(in *life) { _, _ = l.pipe.WriteString(report(in.number, isOver, 0, 0, 0, 0)) }

// count returns how many updates the engine has ended.
func (l *ledger) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.done
}

// kill notes that a worker is about to be killed.
func (l *ledger) kill(in *life) {
	l.mu.Lock()
	defer l.mu.Unlock()
	in.killed = true
}

// shake reports that a worker is paused or cut off, or that this has ended.
func (l *ledger) shake(in *life) {
	_, _ = l.pipe.WriteString(report(in.number, isShaken, 0, 0, 0, 0))
}

// leave reports that the engine is away or back, in the name of any worker.
func (l *ledger) leave() { _, _ = l.pipe.WriteString(report(1, isAway, 0, 0, 0, 0)) }

// meet notes what a worker holds when a fault of a kind comes or ends. It is in flight. If
// begun is true, it is so only if its run has begun: no run begins in a worker that is killed,
// but one may begin before a worker knows that its lease has run out. The caller must hold mu.
func (l *ledger) meet(in *life, c cause, begun bool) {
	for _, a := range in.held {
		if a.begun > 0 || !begun {
			l.mark(a, c)
		}
	}
}

// mark notes that a run is in flight when a fault of a kind comes. The caller must hold mu.
func (l *ledger) mark(a *attempt, c cause) {
	if !a.met[c] {
		a.met[c] = true
		l.inFlight[c]++
	}
}

// fault notes a fault or its end. It reports whether what names a fault.
func (l *ledger) fault(in *life, what string) bool {
	switch what {
	case isOver:
		in.over = true
		if in.killed {
			l.meet(in, byKill, true)
		}
	case isShaken:
		in.shaken = true
		l.meet(in, byShake, false)
	case isAway:
		for _, in := range l.lives {
			if !in.over {
				l.meet(in, byEngine, false)
			}
		}
	default:
		return false
	}
	return true
}

// reply notes a reply that Telegram got.
func (l *ledger) reply(update int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.record(update).replies++
}

// note notes a report.
func (l *ledger) note(line string) {
	var what string
	var number, lease int
	var update, chat, age, at int64
	l.mu.Lock()
	defer l.mu.Unlock()
	l.line++
	if _, err := fmt.Sscanf(line, "%d %s %d %d %d %d %d", &number, &what, &update, &chat, &lease, &age, &at); err != nil || number < 1 || number > len(l.lives) {
		l.problemf("cannot read the report %q", line)
		return
	}
	in := l.lives[number-1]
	if l.fault(in, what) {
		return
	}
	r := l.record(update)
	now := r.last(in, lease)
	switch {
	case what == takes || what == resumes:
		l.expire(r, at)
		late := age >= (l.lease - lag).Milliseconds()
		l.take(r, in, update, lease, what == resumes, late)
		now = r.last(in, lease)
		now.fresh = at - age
		if late {
			l.mark(now, byTime)
		}
	case now == nil:
		l.problemf("worker %d %s update %d, and has no such lease", number, what, update)
	case what == begins:
		r.chat = chat
		l.begin(r, now, update, at)
	case what == loses:
		l.lose(now, update, lease, time.Duration(age)*time.Millisecond)
	default:
		l.end(r, now, what, update, at-age)
	}
}

// lag is how much later than it happens a worker may note something, on a busy machine.
const lag = 500 * time.Millisecond

// expire notes the runs of an update whose leases have run out at a time, without any other
// fault: a busy machine may not let a worker renew them.
func (l *ledger) expire(r *record, at int64) {
	for _, a := range r.runs {
		if _, explained := a.cause(); a.answer != kept && !explained && at-a.fresh >= (l.lease-lag).Milliseconds() {
			l.mark(a, byTime)
		}
	}
}

// take notes that a worker has taken an update. If it is late, the lease may have run out before this
// is noted, and another worker may have completed the update meanwhile.
func (l *ledger) take(r *record, in *life, update int64, lease int, onlyReply, late bool) {
	if before := r.kept(); before != nil && !onlyReply && !in.shaken && !late {
		l.problemf("worker %d took update %d, which worker %d had completed", in.number, update, before.life.number)
	}
	if mine := r.unaccepted(in); mine != nil { // the new lease belongs to this run
		mine.leases = append(mine.leases, lease)
		mine.answer, mine.overtaken, mine.taken = unknown, false, l.line
		in.held[update] = mine
		return
	}
	now := &attempt{life: in, leases: []int{lease}, taken: l.line, onlyReply: onlyReply}
	r.runs = append(r.runs, now)
	in.held[update] = now
}

// begin notes that a run begins. A worker runs an update again under the same lease when it
// has failed. A worker that was paused may begin a run whose lease has run out.
func (l *ledger) begin(r *record, now *attempt, update, at int64) {
	in := now.life
	for other, a := range in.held {
		if a.blocks() && l.updates[other].chat == r.chat {
			l.problemf("worker %d: update %d of chat %d begins while %d is not completed", in.number, update, r.chat, other)
		}
	}
	if now.onlyReply {
		l.problemf("worker %d: update %d runs again, although only its reply is left to be sent", in.number, update)
	}
	if now.begun > 0 {
		before := now
		now = &attempt{life: in, leases: before.leases, taken: before.taken, fresh: before.fresh, answer: before.answer, met: before.met}
		r.runs = append(r.runs, now)
		in.held[update] = now
	}
	holds := at-now.fresh < l.lease.Milliseconds()
	for _, other := range r.runs {
		other.overtaken = other.overtaken || other != now && other.open() && holds && now.taken > other.taken
	}
	now.begun = l.line
}

// lose notes that a lease does not hold.
func (l *ledger) lose(now *attempt, update int64, lease int, age time.Duration) {
	if now.answer != unknown || lease != now.leases[len(now.leases)-1] {
		return
	}
	now.answer = refused
	now.release(update)
	if age < l.lease {
		now.early = age
	}
}

// end notes how a run ends, or that its lease was renewed.
func (l *ledger) end(r *record, now *attempt, what string, update, began int64) {
	switch what {
	case ends:
		now.ended, now.outcome = l.line, handled
	case drops:
		now.ended, now.outcome = l.line, dropped
	case fails:
		now.ended, now.outcome = l.line, failed
	case renews:
		now.fresh = began
	case returns:
		now.returned = true
		now.release(update)
	case buries:
		l.keep(r, now, update)
	case keeps:
		switch {
		case now.overtaken:
			l.problemf("worker %d: the engine accepted the success of update %d, although another worker had begun it anew", now.life.number, update)
		case now.outcome != handled && !now.onlyReply:
			l.problemf("worker %d: the engine accepted the success of update %d, which had not succeeded there", now.life.number, update)
		}
		l.keep(r, now, update)
	}
}

// keep notes that the engine has ended an update.
func (l *ledger) keep(r *record, now *attempt, update int64) {
	now.answer = kept
	now.release(update)
	if !r.done {
		r.done = true
		l.done++
	}
}

func (l *ledger) record(update int64) *record {
	r := l.updates[update]
	if r == nil {
		r = &record{}
		l.updates[update] = r
	}
	return r
}

// problemf notes a problem. The caller must hold mu.
func (l *ledger) problemf(format string, args ...any) {
	const enough = 20
	if l.broken++; l.broken <= enough {
		l.problems = append(l.problems, fmt.Sprintf(format, args...))
	}
}
