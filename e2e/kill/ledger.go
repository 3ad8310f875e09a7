package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// ledger holds the reports of the handlers of all lives.
type ledger struct {
	mu       sync.Mutex
	handled  map[int64][]handling // by update
	noted    int                  // lines
	begun    int
	lives    int
	killed   int
	problems []string
	broken   int // the number of problems, also of those that were not kept
}

// handling is a run that succeeded.
type handling struct {
	life  *life
	began int // in ledger.noted
}

// life is the life of one receiver's process, from its start to its end.
type life struct {
	*ledger
	number  int
	ended   int             // in ledger.noted; 0: it goes on
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

// A handler's reports. Each comes with the update and its chat.
const (
	begins = "begins"
	ends   = "ends"  // with success
	fails  = "fails" // the process is to stop
)

// note notes a handler's report. It ignores a line that a dying process has not written to
// its end.
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
			l.problemf("update %d runs again, although it was handled", update)
		}
		if other, ok := l.running[chat]; ok {
			l.problemf("update %d of chat %d begins while %d runs", update, chat, other)
		}
		l.running[chat] = update
	case ends:
		if before := l.last[chat]; before > update {
			l.problemf("update %d of chat %d was handled after %d", update, chat, before)
		}
		l.handled[update] = append(l.handled[update], handling{l, l.began[update]})
		l.last[chat], l.done[update] = update, true
		delete(l.running, chat)
	case fails:
		delete(l.running, chat)
	}
}

// problemf notes a problem. The caller must hold mu.
func (l *life) problemf(format string, args ...any) {
	const enough = 20
	if l.broken++; l.broken <= enough {
		l.problems = append(l.problems, fmt.Sprintf("life %d: ", l.number)+fmt.Sprintf(format, args...))
	}
}

// found is the result of a trial.
type found struct {
	sent, handled, again, begun, lives, killed int
	lost                                       []int64
	problems                                   []string
	broken                                     int
	shared                                     int // runs of an update while a life that had handled it went on
}

// sharings counts the handlings that began while the life of an earlier one went on.
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

// end notes that the process has ended. All its reports must be noted before.
func (l *life) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.noted++
	l.ended = l.noted
}

// audit compares the ledger with the updates that were sent.
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

// err returns nil if the promise was kept.
func (f found) err() error {
	if len(f.lost)+f.broken+f.shared == 0 {
		return nil
	}
	text := "the promise is broken:\n\t" + strings.Join(f.problems, "\n\t")
	if n := len(f.lost); n > 0 {
		text += fmt.Sprintf("\n\t%d updates are lost, first %v", n, f.lost[:min(n, 20)])
	}
	if f.shared > 0 {
		text += fmt.Sprintf("\n\t%d runs of an update while another life that had handled it went on", f.shared)
	}
	return errors.New(text)
}

// kill counts a process that was killed.
func (l *ledger) kill() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.killed++
}
