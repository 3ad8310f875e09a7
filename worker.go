package tghook

import (
	"runtime"
	"slices"
)

// worker is a goroutine that runs records. One that has nothing to do lets others
// run, looks once more, and ends: where updates come one after the other they share
// a goroutine, whose stack has grown to what the handler needs, and where none comes
// nothing is left.
type worker struct {
	next *record // given by start
}

const maxFree = 64

// start has a worker run r. The mutex is held.
func (d *Dispatcher) start(r *record) {
	last := len(d.free) - 1
	if last < 0 {
		go d.work(r, nil)
		return
	}
	d.free[last].next = r
	d.free = d.free[:last]
}

// linger is what w is given to run while others do, or nil.
func (d *Dispatcher) linger(w *worker) *record {
	if !d.offer(w) {
		return nil
	}
	runtime.Gosched()
	d.mu.Lock()
	defer d.mu.Unlock()
	if i := slices.Index(d.free, w); i >= 0 {
		d.free = slices.Delete(d.free, i, i+1)
	}
	r := w.next
	w.next = nil
	return r
}

// offer makes w one of the free, unless those are enough.
func (d *Dispatcher) offer(w *worker) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.free) >= maxFree {
		return false
	}
	d.free = append(d.free, w)
	return true
}
