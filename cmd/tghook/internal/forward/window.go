package forward

import (
	"slices"
	"sync"
)

// window knows which updates were queued and may not be done yet. Telegram sends at most a
// hundred updates from the oldest one that is not confirmed, so it is small.
type window struct {
	mu      sync.Mutex
	waiting []queued // in the order of Telegram
	last    int64    // id of the newest update
}

// queued is an update with its own id, and the id that the simulated Telegram has given it;
// 0 if it was not queued.
type queued struct{ id, given int64 }

// isNew reports whether an update was not queued before. It came by a getUpdates with that
// offset. If its id is lower, Telegram has begun its ids anew.
func (w *window) isNew(id, offset int64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return id > w.last || id < offset && !slices.ContainsFunc(w.waiting, func(q queued) bool { return q.id == id })
}

func (w *window) add(id, given int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting = append(w.waiting, queued{id, given})
	w.last = id
}

// offset returns the offset that confirms all updates before the oldest pending one, and how
// many of the updates may not be done. The offset is 0 if there was no update yet.
func (w *window) offset(pending []int64) (offset int64, waiting int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	open := func(q queued) bool { return q.given != 0 && slices.Contains(pending, q.given) }
	for len(w.waiting) > 1 && !open(w.waiting[0]) {
		w.waiting = w.waiting[1:]
	}
	for _, q := range w.waiting {
		if open(q) {
			waiting++
		}
	}
	switch {
	case len(w.waiting) == 0:
		return 0, 0
	case open(w.waiting[0]):
		return w.waiting[0].id, waiting
	}
	return w.waiting[0].id + 1, waiting
}

// real returns the own id of an update.
func (w *window) real(given int64) int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, q := range w.waiting {
		if q.given == given {
			return q.id
		}
	}
	return given
}
