package oteltghook

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// The bounds of what spans keeps.
const (
	maxOpen   = 4096 // attempts that Observe has not named
	maxFailed = 1024 // updates that failed, for links
	maxEnding = 2048 // spans that wait for a span processor
)

var errDropped = errors.New("oteltghook: spans are lost, because a span processor has not returned")

// spans keeps the spans between the parts of an attempt: its start, the return of the handler,
// and Observe, which knows the outcome. Spans end in a goroutine of their own, because a span
// processor may panic, or wait for its exporter.
type spans struct {
	options sync.Map // of spanLabels, their *spanOptions
	count   atomic.Int64

	mu      sync.Mutex
	open    map[attemptOf]*openAttempt
	failed  map[updateOf]*openAttempt // the last attempt that failed
	order   [maxFailed]updateOf       // of failed, the oldest at next
	next    int
	ending  []endedAttempt
	settled chan struct{} // closed when no span waits any more; nil if none does
	dropped bool          // spans are lost, and that was reported
}

func newSpans() *spans {
	return &spans{open: map[attemptOf]*openAttempt{}, failed: map[updateOf]*openAttempt{}}
}

// any reports whether a span is open.
func (s *spans) any() bool { return s.count.Load() > 0 }

// opened keeps an attempt for take. If there is no room, its span will end when its handler
// returns, without an outcome.
func (s *spans) opened(a *openAttempt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, exists := s.open[a.attemptOf]; !exists && len(s.open) < maxOpen {
		s.open[a.attemptOf] = a
		s.count.Store(int64(len(s.open)))
	}
}

// returned notes that the handler has returned or panicked. It ends the span of an attempt
// that was not kept.
func (s *spans) returned(a *openAttempt, failed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a.ended = time.Now()
	if failed {
		s.rememberLocked(a) // the next attempt may begin before Observe is called
	}
	if !a.named && s.open[a.attemptOf] != a {
		s.endLocked(a, ending{})
	}
}

// take returns the attempt with this key, and nil if there is none.
func (s *spans) take(key attemptOf, failed bool) *openAttempt {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.open[key]
	if a == nil {
		return nil
	}
	a.named = true
	delete(s.open, key)
	s.count.Store(int64(len(s.open)))
	if failed {
		s.rememberLocked(a)
	} else {
		delete(s.failed, key.updateOf)
	}
	return a
}

// rememberLocked keeps an attempt that failed, for the link of the next one.
func (s *spans) rememberLocked(a *openAttempt) {
	last := s.failed[a.updateOf]
	switch {
	case last == nil:
		delete(s.failed, s.order[s.next])
		s.order[s.next] = a.updateOf
		s.next = (s.next + 1) % maxFailed
	case last.number > a.number: // Observe was called late
		return
	}
	s.failed[a.updateOf] = a
}

// before returns a link to the last attempt at an update that failed, if it is remembered.
func (s *spans) before(u updateOf) (trace.Link, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.failed[u]
	if a == nil {
		return trace.Link{}, false
	}
	return trace.Link{SpanContext: a.span.SpanContext(), Attributes: []attribute.KeyValue{attemptKey.Int(a.number)}}, true
}

// end has the span of an attempt end in the background.
func (s *spans) end(a *openAttempt, as ending) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endLocked(a, as)
}

func (s *spans) endLocked(a *openAttempt, as ending) {
	if len(s.ending) >= maxEnding {
		if !s.dropped {
			s.dropped = true
			go report(errDropped)
		}
		return
	}
	at := a.ended
	if at.IsZero() {
		at = time.Now()
	}
	s.ending = append(s.ending, endedAttempt{as, a.attemptOf, a.span, at})
	if s.settled == nil {
		s.settled = make(chan struct{})
		go s.endAll()
	}
}

// endAll ends spans until none waits. If a span processor panics or ends the goroutine, the
// others follow in another one.
func (s *spans) endAll() {
	done := false
	defer func() {
		if broken := recover(); broken != nil {
			report(fmt.Errorf("oteltghook: a span processor panicked: %v", broken))
		}
		if !done {
			go s.endAll()
		}
	}()
	for a, ok := s.nextEnding(); ok; a, ok = s.nextEnding() {
		a.end()
	}
	done = true
}

// nextEnding returns the span that is to end next, if one waits.
func (s *spans) nextEnding() (a endedAttempt, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.ending) == 0 {
		close(s.settled)
		s.settled, s.ending, s.dropped = nil, nil, false
		return a, false
	}
	a = s.ending[0]
	s.ending = s.ending[1:]
	return a, true
}

// settle waits until no span waits for its end, and for limit at most.
func (s *spans) settle(limit time.Duration) {
	s.mu.Lock()
	settled := s.settled
	s.mu.Unlock()
	if settled == nil {
		return
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-settled:
	case <-timer.C:
	}
}
