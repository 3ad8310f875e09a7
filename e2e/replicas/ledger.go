package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// ledger holds the reports of all receivers. They write to one pipe, so that the reports are
// in the order in which they were made, and no process's end loses one.
type ledger struct {
	pipe  *os.File      // the end that is written to
	ended chan struct{} // closed when all reports are noted
	lease time.Duration // zero: there is no Store

	mu       sync.Mutex
	lives    []*life
	updates  map[int64]*record
	newest   map[int64]int64 // the newest update that was handled, by chat
	problems []string
	broken   int // the number of problems, also of those that were not kept
	counts   counts
}

// counts are the numbers of a trial that break no rule.
type counts struct {
	begun, killed, stopped, paused, away int
	again                                int // runs of updates that had been handled
	late                                 int // claims that were refused, because their lease had run out
}

// life is the life of one receiver's process, from its start to its end.
type life struct {
	number  int
	over    bool
	running map[int64]int64 // the update that runs, by chat
	newest  map[int64]int64 // the newest update that was handled, by chat
}

// record is what is known of an update.
type record struct {
	runs    []*attempt
	replies []int // that Telegram got, by the life that made them
}

// attempt is one run of an update's handler.
type attempt struct {
	life      *life
	handled   bool // it has succeeded
	failed    bool
	overtaken bool // another run has begun before this one ended
	behind    int  // the life whose success the Store had taken before this one began; 0: none
	claim     claimEnd
}

// claimEnd says what the Store answered when a claim was to end.
type claimEnd int

const (
	open    claimEnd = iota
	kept             // Done succeeded
	refused          // the claim no longer held
	unknown          // Done failed, or its answer was lost
)

// What receivers report. Each report comes with the update, its chat, the age of the lease in
// milliseconds, and an error.
const (
	begins = "begins"
	ends   = "ends"    // the handler has succeeded
	fails  = "fails"   // the handler has not succeeded, because the process is to stop
	keeps  = "keeps"   // Done has succeeded
	loses  = "loses"   // the claim did not hold
	misses = "misses"  // the answer to Done is lost
	breaks = "breaks"  // Done has failed
	isOver = "is_over" // the process has ended
)

func newLedger(lease time.Duration) (*ledger, error) {
	out, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	l := &ledger{pipe: in, ended: make(chan struct{}), lease: lease, updates: map[int64]*record{}, newest: map[int64]int64{}}
	go func() {
		defer close(l.ended)
		defer out.Close()
		for lines := bufio.NewScanner(out); lines.Scan(); {
			l.note(lines.Text())
		}
	}()
	return l, nil
}

// close waits until all reports are noted. All processes must have ended.
func (l *ledger) close() {
	_ = l.pipe.Close()
	<-l.ended
}

func (l *ledger) newLife() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	number := len(l.lives) + 1
	l.lives = append(l.lives, &life{number: number, running: map[int64]int64{}, newest: map[int64]int64{}})
	return number
}

// report is the text of a report.
func report(life int, what string, update, chat int64, age time.Duration, err error) string {
	return fmt.Sprintf("%d %s %d %d %d %.1000q\n", life, what, update, chat, age.Milliseconds(), fmt.Sprint(err))
}

// end reports that a process has ended.
func (l *ledger) end(life int) { _, _ = l.pipe.WriteString(report(life, isOver, 0, 0, 0, nil)) }

func (l *ledger) count(add func(*counts)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	add(&l.counts)
}

func (l *ledger) killed() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.counts.killed
}

// reply notes a reply that Telegram got, and the life that made it.
func (l *ledger) reply(update int64, life int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.record(update)
	r.replies = append(r.replies, life)
}

func (l *ledger) record(update int64) *record {
	r := l.updates[update]
	if r == nil {
		r = &record{}
		l.updates[update] = r
	}
	return r
}

// last returns the last run in a life; nil if there is none.
func (r *record) last(in *life) *attempt {
	for _, one := range slices.Backward(r.runs) {
		if one.life == in {
			return one
		}
	}
	return nil
}

// note notes a report.
func (l *ledger) note(line string) {
	var what, why string
	var number int
	var update, chat, age int64
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := fmt.Sscanf(line, "%d %s %d %d %d %q", &number, &what, &update, &chat, &age, &why); err != nil || number < 1 || number > len(l.lives) {
		l.problemf("cannot read the report %q", line)
		return
	}
	in := l.lives[number-1]
	if what == isOver {
		in.over = true
		return
	}
	r := l.record(update)
	if what == begins {
		l.begin(r, in, update, chat)
		return
	}
	now := r.last(in)
	if now == nil {
		l.problemf("life %d: update %d %s, and has not begun", number, update, what)
		return
	}
	switch what {
	case ends:
		l.succeed(r, now, update, chat)
	case fails:
		now.failed = true
		delete(in.running, chat)
	case keeps:
		now.claim = kept
		if now.overtaken {
			l.problemf("life %d: the Store took the success of update %d, although another run had begun", number, update)
		}
		if now.behind != 0 {
			l.problemf("life %d: update %d ran again, although the Store had taken the success of life %d", number, update, now.behind)
		}
	case loses:
		now.claim = refused
		l.counts.late++
		if time.Duration(age)*time.Millisecond < l.lease {
			l.problemf("life %d: the claim of update %d was lost after %d ms, before its lease had run out", number, update, age)
		}
	case misses, breaks:
		now.claim = unknown
		// A paused process may hold the lock of SQLite's file, and a busy disk may be slow.
		if what == breaks && l.counts.away+l.counts.paused == 0 && !strings.Contains(why, context.DeadlineExceeded.Error()) {
			l.problemf("life %d: Done of update %d failed, although the Store was there: %s", number, update, why)
		}
	}
}

// begin notes that a run begins.
func (l *ledger) begin(r *record, in *life, update, chat int64) {
	l.counts.begun++
	if other, ok := in.running[chat]; ok {
		l.problemf("life %d: update %d of chat %d begins while %d runs", in.number, update, chat, other)
	}
	in.running[chat] = update
	again, now := false, &attempt{life: in}
	for _, before := range r.runs {
		again = again || before.handled
		switch {
		case before.handled && before.life == in && before.claim != refused:
			l.problemf("life %d: update %d runs again, although it was handled there", in.number, update)
		case before.claim == kept && l.lease > 0: // the lease of this run has run out before it began, or else it is a mistake
			now.behind = before.life.number
		case before.claim == open && !before.failed && !before.life.over:
			before.overtaken = true
			if l.lease == 0 {
				l.problemf("life %d: update %d runs twice at once", in.number, update)
			}
		}
	}
	if again {
		l.counts.again++
	}
	r.runs = append(r.runs, now)
}

// succeed notes that a run has succeeded.
func (l *ledger) succeed(r *record, now *attempt, update, chat int64) {
	in := now.life
	delete(in.running, chat)
	if in.newest[chat] > update {
		l.problemf("life %d: update %d of chat %d was handled after %d", in.number, update, chat, in.newest[chat])
	}
	in.newest[chat] = update
	if !slices.ContainsFunc(r.runs, func(a *attempt) bool { return a.handled }) {
		if l.newest[chat] > update {
			l.problemf("update %d of chat %d was first handled after %d", update, chat, l.newest[chat])
		}
		l.newest[chat] = update
	}
	now.handled = true
}

// problemf notes a problem. The caller must hold mu.
func (l *ledger) problemf(format string, args ...any) {
	const enough = 20
	if l.broken++; l.broken <= enough {
		l.problems = append(l.problems, fmt.Sprintf(format, args...))
	}
}

// attempts returns copies of the attempts at an update.
func (l *ledger) attempts(update int64) (all []attempt) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range l.record(update).runs {
		all = append(all, *a)
	}
	return all
}

// kept reports whether the Store has taken a success of an update.
func (l *ledger) kept(update int64) bool {
	return slices.ContainsFunc(l.attempts(update), func(a attempt) bool { return a.claim == kept })
}

// replies returns the lives that made the replies to an update.
func (l *ledger) replies(update int64) []int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.record(update).replies)
}

// found is the result of a trial.
type found struct {
	counts

	sent, lives      int
	lost, unanswered []int64
	problems         []string
	broken           int
}

// audit compares the ledger with the updates that were sent.
func (l *ledger) audit(sent []int64) found {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := found{sent: len(sent), lives: len(l.lives)}
	for _, update := range sent {
		r := l.record(update)
		if !slices.ContainsFunc(r.runs, func(a *attempt) bool { return a.handled }) {
			f.lost = append(f.lost, update)
		}
		if len(r.replies) == 0 {
			f.unanswered = append(f.unanswered, update)
		}
		for _, number := range r.replies {
			if one := r.last(l.lives[number-1]); one == nil || one.claim == refused {
				l.problemf("Telegram got the reply of life %d to update %d, whose claim had been refused", number, update)
			}
		}
	}
	f.counts, f.problems, f.broken = l.counts, slices.Clone(l.problems), l.broken
	return f
}

func (f found) String() string {
	return fmt.Sprintf("%d updates, %d lost, %d without their reply, %d against the rules; %d lives: %d killed, %d stopped, %d paused; the Store killed %d times; %d runs, %d of updates that had been handled, %d claims outlived their lease",
		f.sent, len(f.lost), len(f.unanswered), f.broken, f.lives, f.killed, f.stopped, f.paused, f.away, f.begun, f.again, f.late)
}

// err returns nil if the promise was kept.
func (f found) err() error {
	if len(f.lost)+len(f.unanswered)+f.broken == 0 {
		return nil
	}
	text := "the promise is broken:\n\t" + strings.Join(f.problems, "\n\t")
	name := func(ids []int64, what string) {
		if len(ids) > 0 {
			text += fmt.Sprintf("\n\t%d updates are %s, first %v", len(ids), what, ids[:min(len(ids), 20)])
		}
	}
	name(f.lost, "lost")
	name(f.unanswered, "without their reply")
	return errors.New(text)
}
