package tghooktest

import (
	"cmp"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
	"github.com/tghook/tghook/tghooktest/internal/sender"
)

// CallFault is what goes wrong with a call. The zero CallFault is nothing.
type CallFault struct {
	Err   *CallError    // the answer, in place of doing anything
	Delay time.Duration // before anything happens, of the Server's time; an update does not wait for its reply
	Cut   bool          // it is done, but the connection ends before the answer
}

// DeliveryFault is what goes wrong with an attempt to deliver an update. The zero
// DeliveryFault is nothing.
type DeliveryFault struct {
	Delay       time.Duration // before the request is written, of the Server's time
	CutBefore   bool          // the connection ends when the request is written: no answer is read
	CutAfter    bool          // the answer is lost, and does nothing
	Again       bool          // after success the update is delivered once more, as if that had been lost
	AgainAtOnce bool          // the same, on another connection at the same time
}

// FailCalls answers the next n calls of the methods with err, and does nothing else for
// them. No methods are all but getUpdates. Webhook replies count too. What err leaves
// empty is made up: the code from RetryAfter (429) or MigrateTo (400), else it is 500; the
// description as Telegram has it for the code.
func (s *Server) FailCalls(n int, err CallError, methods ...string) {
	s.test().Helper()
	next := &callFailure{n, err, s.known(methods)}
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.failing = append(s.faults.failing, next)
}

// OnCall has f asked before each call what shall go wrong with it; webhook replies too,
// for which Cut is nothing. It replaces the f before; nil is none. f may be called by several
// goroutines at once.
func (s *Server) OnCall(f func(Call) CallFault) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.onCall = f
}

// OnDelivery has f asked before each attempt to deliver an update to the webhook what
// shall go wrong with it: one at a time, and deliveries wait while it runs, so that it
// must not change the webhook. It replaces the f before; nil is none.
func (s *Server) OnDelivery(f func(Delivery) DeliveryFault) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.onDelivery = f
}

// faults are what was asked to go wrong.
type faults struct {
	mu         sync.Mutex
	failing    []*callFailure
	onCall     func(Call) CallFault
	onDelivery func(Delivery) DeliveryFault
}

// callFailure is what FailCalls was given, and how often that is still to happen.
type callFailure struct {
	left    int
	err     CallError
	methods []string
}

// ofCall asks OnCall first, so that FailCalls counts only what it fails itself.
func (f *faults) ofCall(c Call) (fault CallFault) {
	f.mu.Lock()
	ask := f.onCall
	f.mu.Unlock()
	if ask != nil {
		fault = ask(c)
	}
	if fault.Err == nil {
		fault.Err = f.next(c.Method)
	}
	return fault
}

func (f *faults) next(method string) *CallError {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, next := range f.failing {
		if next.left > 0 && (slices.Contains(next.methods, method) || len(next.methods) == 0 && method != pollMethod) {
			next.left--
			return &next.err
		}
	}
	return nil
}

// ofDelivery asks OnDelivery.
func (s *Server) ofDelivery(a sender.Attempt) sender.Fault {
	s.faults.mu.Lock()
	ask := s.faults.onDelivery
	s.faults.mu.Unlock()
	if ask == nil {
		return sender.Fault{}
	}
	fault := ask(deliveryOf(a))
	if fault.Again || fault.AgainAtOnce {
		s.refusals.repeat(a.Update.ID)
	}
	return sender.Fault(fault)
}

// answer is err as Telegram would write it.
func (e CallError) answer() *botapi.Error {
	err := botapi.Error{Code: e.Code, Description: e.Description, MigrateTo: e.MigrateTo, RetryAfter: seconds(e.RetryAfter)}
	if err.Code == 0 {
		switch {
		case e.RetryAfter > 0:
			err.Code = http.StatusTooManyRequests
		case e.MigrateTo != 0:
			err.Code = http.StatusBadRequest
		default:
			err.Code = http.StatusInternalServerError
		}
	}
	text := http.StatusText(err.Code)
	switch {
	case err.Code == http.StatusTooManyRequests:
		usual := botapi.TooManyRequests(max(err.RetryAfter, 1))
		err.RetryAfter, text = usual.RetryAfter, usual.Description
	case e.MigrateTo != 0:
		text = "Bad Request: group chat was upgraded to a supergroup chat"
	}
	err.Description = cmp.Or(err.Description, text, "Error")
	return &err
}
