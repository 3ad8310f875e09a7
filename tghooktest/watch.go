package tghooktest

import (
	"sync"
	"sync/atomic"
	"time"
)

// What may wait for the function of Watch. Beyond that, the oldest events are dropped.
const (
	maxBehind      = 10_000
	maxBehindBytes = 64 << 20
)

// Watch calls f with each event of all bots of the Server, until stop is called or the
// Server is closed. Events come in order, one after the other, on a goroutine of their own,
// so f may call all methods of the Server except Close, and may be slow. If 10,000 events or
// 64 MiB wait for f, the oldest are dropped, and f gets an EventLost in their place.
//
// stop returns when f does not run any more. So f must not call it. After Close, f has got
// all events.
//
// Events are made only while somebody watches.
func (s *Server) Watch(f func(Event)) (stop func()) {
	if f == nil {
		return func() {}
	}
	return s.watchers.add(f)
}

// watchers are the functions that get the events of a host.
type watchers struct {
	now    func() time.Time
	active atomic.Int64 // how many there are

	mu     sync.Mutex
	seq    int64
	all    []*watcher
	closed bool
}

// watched reports whether somebody watches, so that an event is worth making.
func (w *watchers) watched() bool { return w.active.Load() > 0 }

// tell queues an event for all functions. It never waits for them.
func (w *watchers) tell(e Event) {
	if !w.watched() {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seq++
	e.Seq, e.At = w.seq, w.now()
	for _, one := range w.all {
		one.put(e)
	}
}

func (w *watchers) add(f func(Event)) (stop func()) {
	one := &watcher{filled: make(chan struct{}, 1), ended: make(chan struct{})}
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return func() {}
	}
	w.all = append(w.all, one)
	w.active.Add(1)
	w.mu.Unlock()
	go one.run(f)
	return func() {
		w.remove(one)
		one.end(false)
	}
}

func (w *watchers) remove(one *watcher) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, other := range w.all {
		if other == one {
			w.all = append(w.all[:i:i], w.all[i+1:]...)
			w.active.Add(-1)
			return
		}
	}
}

// close ends all functions after they have got the events that wait.
func (w *watchers) close() {
	w.mu.Lock()
	all := w.all
	w.all, w.closed = nil, true
	w.active.Store(0)
	w.mu.Unlock()
	for _, one := range all {
		one.end(true)
	}
}

// watcher is one function with the events that wait for it.
type watcher struct {
	filled chan struct{} // has a value if there may be events, or over may be set
	ended  chan struct{} // closed when the function runs no more

	mu     sync.Mutex
	events []Event
	bytes  int
	lost   int
	over   bool
}

func (w *watcher) put(e Event) {
	w.mu.Lock()
	w.events = append(w.events, e)
	w.bytes += e.size()
	for len(w.events) > 1 && (len(w.events) > maxBehind || w.bytes > maxBehindBytes) {
		w.bytes -= w.events[0].size()
		w.events[0] = Event{}
		w.events = w.events[1:]
		w.lost++
	}
	w.mu.Unlock()
	w.wake()
}

func (w *watcher) wake() {
	select {
	case w.filled <- struct{}{}:
	default:
	}
}

// take returns the next event, or says that there will be none.
func (w *watcher) take() (e Event, some, over bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.events) == 0 {
		w.events = nil
		return Event{}, false, w.over
	}
	e = w.events[0]
	if w.lost > 0 {
		e = Event{Seq: e.Seq - 1, At: e.At, Kind: EventLost, Lost: w.lost}
		w.lost = 0
		return e, true, false
	}
	w.bytes -= e.size()
	w.events[0] = Event{}
	w.events = w.events[1:]
	return e, true, false
}

func (w *watcher) run(f func(Event)) {
	defer close(w.ended)
	for {
		e, some, over := w.take()
		switch {
		case some:
			f(e)
		case over:
			return
		default:
			<-w.filled
		}
	}
}

// end ends run, after the events that wait if all is true, and waits for that.
func (w *watcher) end(all bool) {
	w.mu.Lock()
	w.over = true
	if !all {
		w.events = nil
	}
	w.mu.Unlock()
	w.wake()
	<-w.ended
}
