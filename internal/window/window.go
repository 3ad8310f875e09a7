// Package window keeps which updates of a poll are not finished, and so what Telegram may be
// told to forget.
package window

import (
	"slices"
	"sync"
	"time"
)

// Window holds what a poll has received and Telegram has not been told to forget: from the
// oldest value that is not finished on, with rising ids. It is safe for concurrent use.
type Window[T any] struct {
	finished func(T) bool

	mu      sync.Mutex
	held    []item[T]
	next    int64         // behind all that was ever held; 0: nothing was
	told    int64         // the offset of the last call that was answered
	asked   int64         // the offset of the last call
	askedAt time.Duration // when that was made
}

type item[T any] struct {
	offset int64 // getUpdates with it forgets what is before
	hasID  bool  // the offset is the id of the update
	value  T
}

// New returns an empty window of values, of which finished says when each is finished.
func New[T any](finished func(T) bool) *Window[T] { return &Window[T]{finished: finished} }

// Hold takes an update whose id is not below those that were held before.
func (w *Window[T]) Hold(id int64, value T) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held = append(w.held, item[T]{offset: id, hasID: true, value: value})
	w.next = id + 1
}

// HoldUnknown takes what has no id. The updates behind it are not confirmed until it is
// finished.
func (w *Window[T]) HoldUnknown(value T) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held = append(w.held, item[T]{offset: w.next, value: value})
}

// Has reports whether the update is held.
func (w *Window[T]) Has(id int64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.ContainsFunc(w.held, func(i item[T]) bool { return i.hasID && i.offset == id })
}

// IsNew reports whether id is behind all that was held. If not, and it is not held,
// Telegram has begun to count anew.
func (w *Window[T]) IsNew(id int64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return id >= w.next
}

// Len is how many values are held.
func (w *Window[T]) Len() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.held)
}

// Oldest is the value that keeps the others from being confirmed.
func (w *Window[T]) Oldest() (oldest T) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.held) > 0 {
		oldest = w.held[0].value
	}
	return oldest
}

// StartAnew forgets all values, because Telegram has begun to count anew.
func (w *Window[T]) StartAnew() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held, w.next = nil, 0
}

// Offset drops the values that have finished, up to the oldest that has not. It returns what
// getUpdates may be told: the id of that one, or 0 for nothing.
func (w *Window[T]) Offset() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.held) > 0 && w.finished(w.held[0].value) {
		w.held = w.held[1:]
	}
	if len(w.held) > 0 {
		return w.held[0].offset
	}
	return w.next
}

// Confirmable is the offset that Telegram has not been told yet; false if it has.
func (w *Window[T]) Confirmable() (offset int64, ok bool) {
	offset = w.Offset()
	w.mu.Lock()
	defer w.mu.Unlock()
	return offset, offset != w.told
}

// Ask notes a call of getUpdates.
func (w *Window[T]) Ask(offset int64, now time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked, w.askedAt = offset, now
}

// Tell notes that a call with offset was answered.
func (w *Window[T]) Tell(offset int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.told = offset
}

// Repeats reports whether a call with offset repeats one that was made since then.
func (w *Window[T]) Repeats(offset int64, since time.Duration) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asked == offset && w.askedAt > since
}
