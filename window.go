package tghook

import (
	"cmp"
	"slices"
)

// window is what a poll has received and Telegram has not been told to forget:
// from the oldest update that is not finished on, with rising ids.
type window struct {
	dispatcher *Dispatcher
	held       []heldUpdate
	next       int64 // behind all that was ever held; 0: nothing was
}

type heldUpdate struct {
	update  *Update
	arrival *arrival
}

// hold takes an update whose id is not below next.
func (w *window) hold(u *Update, a *arrival) {
	w.held = append(w.held, heldUpdate{u, a})
	w.next = u.ID + 1
}

func (w *window) has(id int64) bool {
	_, found := slices.BinarySearchFunc(w.held, id, func(h heldUpdate, id int64) int { return cmp.Compare(h.update.ID, id) })
	return found
}

func (w *window) full() bool  { return len(w.held) >= pollWindow }
func (w *window) empty() bool { return len(w.held) == 0 }

// startAnew forgets all, without ending it: Telegram has begun to count anew.
func (w *window) startAnew() { w.held, w.next = nil, 0 }

// offset lets go of what has finished, up to the oldest that has not, whose id it
// returns: what getUpdates may be told. 0 is nothing.
func (w *window) offset() int64 {
	for len(w.held) > 0 && w.dispatcher.acknowledged(w.held[0].arrival) {
		w.held = w.held[1:]
	}
	if len(w.held) > 0 {
		return w.held[0].update.ID
	}
	return w.next
}
