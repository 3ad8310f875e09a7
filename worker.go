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
	d       *Dispatcher
	record  *record         // what it is at; nil: nothing
	attempt *handlerContext // of the record's handler, while it runs
	result  result          // of that
	report  *runReport      // while it is observed
	next    *record         // given by start
}

const maxFree = 64 // of those that look once more: few enough to search

// start has a worker run r. The mutex is held.
func (d *Dispatcher) start(r *record) {
	if len(d.free) == 0 {
		go d.work(r, nil, nil)
		return
	}
	d.free[0].next = r // it looks before the others do
	d.free = slices.Delete(d.free, 0, 1)
}

// linger takes what w is given to run while others do.
func (w *worker) linger() {
	d := w.d
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.free) == maxFree {
		return
	}
	d.free = append(d.free, w)
	d.mu.Unlock()
	runtime.Gosched()
	d.mu.Lock()
	if i := slices.Index(d.free, w); i >= 0 {
		d.free = slices.Delete(d.free, i, i+1)
	}
	w.record, w.next = w.next, nil
}
