package dispatch

import (
	"context"
	"errors"
	"fmt"
)

// The causes for which a Context ends while the handler runs.
var (
	ErrLate      = errors.New("tghook: answered before the handler had finished")
	ErrTimeout   = fmt.Errorf("tghook: handler timeout: %w", context.DeadlineExceeded)
	ErrShutdown  = errors.New("tghook: shutting down")
	ErrClaimLost = errors.New("tghook: claim lost")
)

// ErrNotRun is wrapped by the error of an item that was turned away.
var ErrNotRun = errors.New("tghook: not run")

// Why an item was turned away.
var (
	errOverloaded   = errors.New("MaxInFlight is reached")
	errLaneFull     = errors.New("MaxLane is reached")
	errTooManyJoins = errors.New("too many deliveries wait for this update")
	errElsewhere    = errors.New("another process runs it")
	errWithdrawn    = errors.New("withdrawn from its lane")
)

var (
	errReplyGone = errors.New("tghook: the reply is no longer kept; the answer has none")
	errExhausted = errors.New("tghook: MaxAttempts was reached in another process")
)

// StoppedError is the error of a Sender that was stopped, and has not given the reply up.
type StoppedError struct{ Err error }

func (e *StoppedError) Error() string { return e.Err.Error() }
func (e *StoppedError) Unwrap() error { return e.Err }

// ErrNoSender is the error of a reply that nobody can send.
var ErrNoSender = errors.New("no Caller to send it with")

// Why a reply that nobody can send is lost.
var (
	errNoCarrier      = fmt.Errorf("no redelivery has come that could carry it, and there is %w", ErrNoSender)
	errTooManyAwaited = fmt.Errorf("too many replies wait for a redelivery, and there is %w", ErrNoSender)
)

// attemptError is why an attempt failed, with words of the engine's. Its text is made
// when it is asked for, which is never under a lock.
type attemptError struct {
	words string
	err   error
}

func (e *attemptError) Error() string { return "tghook: " + e.words + ": " + e.err.Error() }
func (e *attemptError) Unwrap() error { return e.err }
