package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// found is the result of a trial.
type found struct {
	sent, chats int
	faults      map[mishap]int
	lives       int // of workers

	handled, runs    int
	dropped, buried  int // updates to be dropped; dead letters in the queue
	lost, unanswered []int64
	disordered       int         // updates of a chat that were completed out of order
	completedTwice   int         // updates whose success the engine has accepted twice
	repeated         [causes]int // successes of updates that another run completed, by the fault that explains them
	unexcused        int         // repeated successes that no fault explains
	inFlight         [causes]int // runs that a fault has met
	early            int         // leases that were lost before they had run out
	effects          *effects
	problems         []string
	broken           int
}

// effects are the writes of the handlers in the transactions of their updates.
type effects struct {
	once, more, disordered int
}

// audit compares the ledger with the sent updates, in their order. The updates in drop must be
// dead letters.
func (l *ledger) audit(sent []int64, drop map[int64]bool) found {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := found{sent: len(sent), lives: len(l.lives), inFlight: l.inFlight}
	newest := map[int64]*attempt{}
	for _, update := range sent {
		r := l.record(update)
		f.runs += len(r.runs)
		l.auditLeases(&f, r, update)
		if drop[update] {
			f.dropped++
			continue
		}
		l.auditHandled(&f, r, update)
		now := r.completed()
		if now == nil {
			continue
		}
		if before := newest[r.chat]; before != nil && before.ended > now.begun {
			f.disordered++
			l.problemf("update %d of chat %d began in worker %d before the one before it was completed in worker %d", update, r.chat, now.life.number, before.life.number)
		}
		newest[r.chat] = now
	}
	f.chats = len(newest)
	f.problems, f.broken = slices.Clone(l.problems), l.broken
	return f
}

// auditLeases checks how the leases of an update were lost. A worker that has ended the update
// itself, or whose success was accepted while the answer was lost, may be told that its lease does
// not hold. The caller must hold mu.
func (l *ledger) auditLeases(f *found, r *record, update int64) {
	completed := r.completed()
	for _, a := range r.runs {
		if a.early > 0 && a.answer == refused && !a.returned && a != completed {
			f.early++
			l.problemf("worker %d lost the lease of update %d after %d ms", a.life.number, update, a.early.Milliseconds())
		}
	}
}

// auditHandled checks the runs of an update. The caller must hold mu.
func (l *ledger) auditHandled(f *found, r *record, update int64) {
	completed := r.completed()
	if completed == nil {
		f.lost = append(f.lost, update)
		return
	}
	f.handled++
	if r.replies == 0 {
		f.unanswered = append(f.unanswered, update)
	}
	for _, a := range r.successes() {
		switch {
		case a == completed:
		case a.answer == kept:
			f.completedTwice++
			l.problemf("update %d was completed twice, by workers %d and %d", update, completed.life.number, a.life.number)
		default:
			c, ok := a.cause()
			if ok {
				f.repeated[c]++
				continue
			}
			f.unexcused++
			l.problemf("update %d succeeded in worker %d and again in worker %d, and no fault explains it: %v", update, a.life.number, completed.life.number, r.runs)
		}
	}
}

// String has a line for each check, with its figure.
func (f found) String() string {
	var b strings.Builder
	line := func(what string, format string, args ...any) {
		fmt.Fprintf(&b, "\t%-28s %s\n", what, fmt.Sprintf(format, args...))
	}
	all := make([]string, 0, len(f.faults))
	for what, n := range f.faults {
		all = append(all, fmt.Sprintf("%d %s", n, what))
	}
	slices.Sort(all)
	line("faults", "%s", strings.Join(all, ", "))
	line("updates", "%d of %d chats, %d runs in %d lives of workers", f.sent, f.chats, f.runs, f.lives)
	line("handled", "%d, lost %d", f.handled, len(f.lost))
	line("dropped by their handler", "%d, dead letters %d", f.dropped, f.buried)
	line("without their reply", "%d", len(f.unanswered))
	line("completed out of order", "%d", f.disordered)
	line("completed twice", "%d", f.completedTwice)
	line("handled again", "%d of at most %d in flight at kills of workers, %d of %d at pauses and cuts of workers, %d of %d when the engine was away, %d of %d when a lease ran out on a busy machine, %d without a cause",
		f.repeated[byKill], f.inFlight[byKill], f.repeated[byShake], f.inFlight[byShake], f.repeated[byEngine], f.inFlight[byEngine], f.repeated[byTime], f.inFlight[byTime], f.unexcused)
	line("leases lost too early", "%d", f.early)
	if e := f.effects; e != nil {
		line("effects in the database", "%d once, %d more than once, %d out of order", e.once, e.more, e.disordered)
	}
	line("broken rules", "%d", f.broken)
	return b.String()
}

// err returns nil if the promise was kept.
func (f found) err() error {
	problems := slices.Clone(f.problems)
	name := func(ids []int64, what string) {
		if len(ids) > 0 {
			problems = append(problems, fmt.Sprintf("%d updates are %s, first %v", len(ids), what, ids[:min(len(ids), 20)]))
		}
	}
	name(f.lost, "lost")
	name(f.unanswered, "without their reply")
	if f.buried != f.dropped {
		problems = append(problems, fmt.Sprintf("%d updates were dropped, and there are %d dead letters", f.dropped, f.buried))
	}
	if e := f.effects; e != nil && (e.once != f.handled || e.more+e.disordered > 0) {
		problems = append(problems, fmt.Sprintf("of %d updates handled, %d have their effect once, %d more than once, and %d are out of order", f.handled, e.once, e.more, e.disordered))
	}
	if len(problems) == 0 {
		return nil
	}
	return errors.New("the promise is broken:\n\t" + strings.Join(problems, "\n\t"))
}
