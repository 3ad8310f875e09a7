// Package window remembers which updates of a poll are not finished, and so which ones
// Telegram may be told to forget.
package window

import (
	"slices"
	"sync"
	"time"
)

// Window holds the updates that a poll has received and that Telegram has not been told to
// forget. It begins with the oldest one that is not finished. The ids rise. It is safe for
// concurrent use.
type Window[T any] struct {
	finished func(T) bool

	mu      sync.Mutex
	held    []item[T]
	next    int64         // the offset behind all values that were ever held; 0 if none was
	told    int64         // the offset of the last call that was answered
	asked   int64         // the offset of the last call
	askedAt time.Duration // when the last call was made
}

type item[T any] struct {
	offset int64 // getUpdates with this offset makes Telegram forget the updates before
	hasID  bool  // the offset is the id of the update
	value  T
}

// New returns an empty window. finished reports whether a value is finished.
func New[T any](finished func(T) bool) *Window[T] { return &Window[T]{finished: finished} }

// Hold adds an update. Its id must not be lower than the ids that were held before.
func (w *Window[T]) Hold(id int64, value T) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held = append(w.held, item[T]{offset: id, hasID: true, value: value})
	w.next = id + 1
}

// HoldUnknown adds a value that has no id. The updates behind it are not confirmed until it
// is finished.
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

// IsNew reports whether id is higher than all ids that were held. If it is not, and it is
// not held, Telegram has begun to count anew.
func (w *Window[T]) IsNew(id int64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return id >= w.next
}

// Len returns how many values are held.
func (w *Window[T]) Len() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.held)
}

// Oldest returns the oldest value that is held. The others are not confirmed before it.
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

// Offset drops the finished values before the oldest one that is not finished. It returns
// the offset for getUpdates, which is the id of that one. If no value is left, it is the
// offset behind all that were held; 0 if none was.
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

// Confirmable returns the offset for getUpdates, and whether Telegram has not been told it yet.
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
