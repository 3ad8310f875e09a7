package tghook

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tghook/tghook/internal/dispatch"
)

// window is what a poll has received and Telegram has not been told to forget:
// from the oldest update that is not finished on, with rising ids. It is safe for
// concurrent use: the end of a poll does not wait for its goroutine.
type window struct {
	engine *dispatch.Engine

	mu      sync.Mutex
	held    []heldUpdate
	next    int64         // behind all that was ever held; 0: nothing was
	told    int64         // the offset of the last call that was answered
	asked   int64         // the offset of the last call
	askedAt time.Duration // when that was made
}

// heldUpdate is an update, or what is no update.
type heldUpdate struct {
	offset   int64   // getUpdates with it forgets what is before
	update   *Update // nil: it is no update
	delivery *dispatch.Delivery
	letter   *letter
}

// letter is the dead letter of what is no update.
type letter struct{ accepted atomic.Bool }

// hold takes an update whose id is not below next.
func (w *window) hold(u *Update, d *dispatch.Delivery) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held = append(w.held, heldUpdate{offset: u.ID, update: u, delivery: d})
	w.next = u.ID + 1
}

// holdLetter takes what is no update. It has no id: what is behind it stays
// unconfirmed until its dead letter is accepted.
func (w *window) holdLetter(l *letter) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held = append(w.held, heldUpdate{offset: w.next, letter: l})
}

func (w *window) has(id int64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.ContainsFunc(w.held, func(h heldUpdate) bool { return h.update != nil && h.update.ID == id })
}

// isNew reports whether id is behind all that was held. If not, and it is not held,
// Telegram has begun to count anew.
func (w *window) isNew(id int64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return id >= w.next
}

func (w *window) len() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.held)
}

func (w *window) full() bool  { return w.len() >= pollWindow }
func (w *window) empty() bool { return w.len() == 0 }

// oldest is what keeps the others from being confirmed.
func (w *window) oldest() (oldest heldUpdate) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.held) > 0 {
		oldest = w.held[0]
	}
	return oldest
}

// startAnew forgets all, without ending it: Telegram has begun to count anew.
func (w *window) startAnew() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held, w.next = nil, 0
}

// offset lets go of what has finished, up to the oldest that has not, whose id it
// returns: what getUpdates may be told. 0 is nothing.
func (w *window) offset() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.held) > 0 && w.over(w.held[0]) {
		w.held = w.held[1:]
	}
	if len(w.held) > 0 {
		return w.held[0].offset
	}
	return w.next
}

func (w *window) over(h heldUpdate) bool {
	if h.letter != nil {
		return h.letter.accepted.Load()
	}
	return w.engine.Acknowledged(h.delivery)
}

// confirmable is the offset that Telegram has not been told yet; false if it has.
func (w *window) confirmable() (offset int64, ok bool) {
	offset = w.offset()
	w.mu.Lock()
	defer w.mu.Unlock()
	return offset, offset != w.told
}

// ask notes a call of getUpdates.
func (w *window) ask(offset int64, now time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked, w.askedAt = offset, now
}

// tell notes that a call with offset was answered.
func (w *window) tell(offset int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.told = offset
}

// repeats reports whether a call with offset repeats one that was made since then.
func (w *window) repeats(offset int64, since time.Duration) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asked == offset && w.askedAt > since
}
