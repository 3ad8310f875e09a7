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
	handled  map[int64]int // how often, by update
	begun    int
	lives    int
	killed   int
	problems []string
	broken   int // how many problems there were
}

// life is one of a receiver's process.
type life struct {
	*ledger
	number  int
	running map[int64]int64 // the update that runs, by chat
	last    map[int64]int64 // the newest update that was handled, by chat
	done    map[int64]bool
}

func newLedger() *ledger { return &ledger{handled: map[int64]int{}} }

func (l *ledger) newLife() *life {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lives++
	return &life{ledger: l, number: l.lives, running: map[int64]int64{}, last: map[int64]int64{}, done: map[int64]bool{}}
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
	switch what {
	case begins:
		l.begun++
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
		l.handled[update]++
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
}

// audit compares with what was sent.
func (l *ledger) audit(sent []int64) found {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := found{sent: len(sent), begun: l.begun, lives: l.lives, killed: l.killed, problems: slices.Clone(l.problems), broken: l.broken}
	for _, update := range sent {
		switch n := l.handled[update]; {
		case n == 0:
			f.lost = append(f.lost, update)
		default:
			f.handled++
			f.again += n - 1
		}
	}
	return f
}

func (f found) String() string {
	return fmt.Sprintf("%d updates, %d lost, %d against the rules within a life; %d lives, %d of them killed; %d runs, %d of updates that an earlier life had handled",
		f.sent, len(f.lost), f.broken, f.lives, f.killed, f.begun, f.again)
}

// err is nil if the promise was kept.
func (f found) err() error {
	if len(f.lost) == 0 && f.broken == 0 {
		return nil
	}
	text := "the promise is broken:\n\t" + strings.Join(f.problems, "\n\t")
	if n := len(f.lost); n > 0 {
		text += fmt.Sprintf("\n\t%d updates are lost, first %v", n, f.lost[:min(n, 20)])
	}
	return errors.New(text)
}

// kill counts.
func (l *ledger) kill() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.killed++
}
