package tghooktest

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
	"github.com/tghook/tghook/tghooktest/internal/sender"
)

// CallFault is a fault of a call. The zero CallFault is no fault.
type CallFault struct {
	// Err, if set, is the answer. The method is not executed.
	Err *CallError
	// Result, if set and Err is not, is the result of the answer, in JSON. The method is not
	// executed. So a program can have another Bot API server execute it.
	Result json.RawMessage
	// Delay is how long the Server waits before it executes the method, in its own
	// time. The delivery of an update does not wait for its delayed webhook reply.
	Delay time.Duration
	// Hold is how long the Server waits after it has executed the method, before it answers,
	// in its own time. It has no effect on a webhook reply.
	Hold time.Duration
	// Cut closes the connection after the method was executed, without an answer.
	Cut bool
	// Page, if set, is what a proxy in front of Telegram answers with: an HTML page, with the
	// code of Err, in place of Err's JSON.
	Page string
}

// DeliveryFault is a fault of an attempt to deliver an update. The zero DeliveryFault is
// no fault.
type DeliveryFault struct {
	// Delay is how long the Server waits before it writes the request, in its own time.
	Delay time.Duration
	// Refuse fails the attempt as if nobody listened at the webhook's address, which gets
	// nothing.
	Refuse bool
	// CutBefore closes the connection after the request was written. No answer is read.
	CutBefore bool
	// CutAfter loses the answer: the update counts as failed, and a webhook reply is
	// not executed.
	CutAfter bool
	// Again delivers the update once more after a success, as if its answer had been lost.
	Again bool
	// AgainAtOnce delivers the update twice at the same time, on two connections.
	AgainAtOnce bool
}

// FailCalls makes the next n calls of the methods fail with err. They are not executed.
// Without methods it applies to all methods except getUpdates. Webhook replies count too.
//
// The Server fills in the empty fields of err. The code is 429 if RetryAfter is set, 400 if
// MigrateTo is set, and 500 otherwise. The description is Telegram's for that code.
func (s *Server) FailCalls(n int, err CallError, methods ...string) {
	s.test().Helper()
	next := &callFailure{n, err, s.known(methods)}
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.failing = append(s.faults.failing, next)
}

// OnCall sets a function that picks the fault of each call before it is executed. It sees
// webhook replies too, for which Cut has no effect. A later OnCall replaces the function;
// nil removes it. Several goroutines may call f at once.
func (s *Server) OnCall(f func(Call) CallFault) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.onCall = f
}

// OnDelivery sets a function that picks the fault of each attempt to deliver an update to
// the webhook. The Server calls f once at a time. Deliveries wait until f returns, so f
// must not set or delete the webhook. A later OnDelivery replaces the function; nil removes
// it.
func (s *Server) OnDelivery(f func(Delivery) DeliveryFault) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.onDelivery = f
}

// faults holds the faults that the test asked for.
type faults struct {
	mu         sync.Mutex
	failing    []*callFailure
	onCall     func(Call) CallFault
	onDelivery func(Delivery) DeliveryFault
}

// callFailure is one FailCalls. left is the number of calls that have yet to fail.
type callFailure struct {
	left    int
	err     CallError
	methods []string
}

// clear removes all faults.
func (f *faults) clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failing, f.onCall, f.onDelivery = nil, nil, nil
}

// ofCall asks OnCall first, so that FailCalls counts the calls that it fails itself.
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

// ofDelivery returns the fault that OnDelivery picks.
func (s *Server) ofDelivery(a sender.Attempt) sender.Fault {
	s.faults.mu.Lock()
	ask := s.faults.onDelivery
	s.faults.mu.Unlock()
	if s.watchers.watched() {
		started := s.deliveryOf(a)
		s.note(Event{Kind: EventDeliveryStarted, UpdateID: a.Update.ID, Delivery: &started})
	}
	if ask == nil {
		return sender.Fault{}
	}
	fault := ask(s.deliveryOf(a))
	if fault.Again || fault.AgainAtOnce {
		s.refusals.repeat(a.Update.ID)
	}
	return sender.Fault(fault)
}

// answer returns the error as Telegram would write it.
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
