package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// ledger is what the handlers of all lives said.
type ledger struct {
	mu       sync.Mutex
	handled  map[int64][]handling // by update
	noted    int                  // lines
	begun    int
	lives    int
	killed   int
	problems []string
	broken   int // how many problems there were
}

// handling is a run that has succeeded.
type handling struct {
	life  *life
	began int // in ledger.noted
}

// life is one of a receiver's process.
type life struct {
	*ledger
	number  int
	ended   int             // in ledger.noted; 0: it has not
	began   map[int64]int   // in ledger.noted, by update
	running map[int64]int64 // the update that runs, by chat
	last    map[int64]int64 // the newest update that was handled, by chat
	done    map[int64]bool
}

func newLedger() *ledger { return &ledger{handled: map[int64][]handling{}} }

func (l *ledger) newLife() *life {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lives++
	return &life{ledger: l, number: l.lives, began: map[int64]int{}, running: map[int64]int64{}, last: map[int64]int64{}, done: map[int64]bool{}}
}

// What a handler says, with the update and its chat.
const (
	begins = "begins"
	ends   = "ends"  // with success
	fails  = "fails" // the process is to stop
)

// note takes what a handler said. What a process has not written to its end is nothing.
func (l *life) note(line string) {
	var what string
	var update, chat int64
	if n, err := fmt.Sscanf(line, "%s %d %d.", &what, &update, &chat); n != 3 || err != nil || !strings.HasSuffix(line, ".") {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.noted++
	switch what {
	case begins:
		l.begun++
		l.began[update] = l.noted
		if l.done[update] {
			l.problemf("update %d runs again, which was handled", update)
		}
		if other, ok := l.running[chat]; ok {
			l.problemf("update %d of chat %d begins while %d runs", update, chat, other)
		}
		l.running[chat] = update
	case ends:
		if before := l.last[chat]; before > update {
			l.problemf("update %d of chat %d was handled behind %d", update, chat, before)
		}
		l.handled[update] = append(l.handled[update], handling{l, l.began[update]})
		l.last[chat], l.done[update] = update, true
		delete(l.running, chat)
	case fails:
		delete(l.running, chat)
	}
}

// problemf is called with mu held.
func (l *life) problemf(format string, args ...any) {
	const enough = 20
	if l.broken++; l.broken <= enough {
		l.problems = append(l.problems, fmt.Sprintf("life %d: ", l.number)+fmt.Sprintf(format, args...))
	}
}

// found is what a trial has come to.
type found struct {
	sent, handled, again, begun, lives, killed int
	lost                                       []int64
	problems                                   []string
	broken                                     int
	shared                                     int // runs of updates that a life had handled which went on
}

// sharings is how many of the handlings began while an earlier one's life went on.
func sharings(all []handling) (n int) {
	for i, one := range all {
		for _, other := range all[i+1:] {
			if one.life != other.life && !one.life.endedBefore(other.began) && !other.life.endedBefore(one.began) {
				n++
			}
		}
	}
	return n
}

func (l *life) endedBefore(began int) bool { return l.ended != 0 && l.ended < began }

// end notes that the process has ended, and all that it said is noted.
func (l *life) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.noted++
	l.ended = l.noted
}

// audit compares with what was sent.
func (l *ledger) audit(sent []int64) found {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := found{sent: len(sent), begun: l.begun, lives: l.lives, killed: l.killed, problems: slices.Clone(l.problems), broken: l.broken}
	for _, update := range sent {
		all := l.handled[update]
		if len(all) == 0 {
			f.lost = append(f.lost, update)
			continue
		}
		f.handled++
		f.again += len(all) - 1
		f.shared += sharings(all)
	}
	return f
}

func (f found) String() string {
	return fmt.Sprintf("%d updates, %d lost, %d against the rules within a life; %d lives, %d of them killed; %d runs, %d of updates that another life had handled, %d while that went on",
		f.sent, len(f.lost), f.broken, f.lives, f.killed, f.begun, f.again, f.shared)
}

// err is nil if the promise was kept.
func (f found) err() error {
	if len(f.lost)+f.broken+f.shared == 0 {
		return nil
	}
	text := "the promise is broken:\n\t" + strings.Join(f.problems, "\n\t")
	if n := len(f.lost); n > 0 {
		text += fmt.Sprintf("\n\t%d updates are lost, first %v", n, f.lost[:min(n, 20)])
	}
	if f.shared > 0 {
		text += fmt.Sprintf("\n\t%d runs of updates that another life had handled, which went on", f.shared)
	}
	return errors.New(text)
}

// kill counts.
func (l *ledger) kill() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.killed++
}
