// Package guard calls functions of the user, and of the user's libraries. Such a function
// may panic, call [runtime.Goexit], or not return. It must not end the process or disturb
// another update.
package guard

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"
)

var (
	// ErrGoexit says that a function has called [runtime.Goexit].
	ErrGoexit = errors.New("tghook: a function of yours called runtime.Goexit")
	// ErrNoReturn says that a function has not returned in time.
	ErrNoReturn = errors.New("tghook: the function did not return")
)

// PanicError is a panic as an error.
type PanicError struct {
	Value any    // the value that was given to panic
	Stack []byte // the stack of the goroutine, as [debug.Stack] formats it
}

func (e *PanicError) Error() string { return fmt.Sprintf("tghook: panic: %v", e.Value) }

// Unwrap returns Value if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// Recover turns a panic into a *PanicError. Defer it directly, and not inside another
// function.
func Recover(err *error) {
	if v := recover(); v != nil {
		*err = &PanicError{Value: v, Stack: debug.Stack()}
	}
}

// Call calls f and returns its panic as an error. A runtime.Goexit in f ends the
// caller's goroutine too: see Within.
func Call(f func() error) (err error) {
	defer Recover(&err)
	return f()
}

// Start calls f in a goroutine of its own. The channel gets one error when that goroutine
// ends, however it ends.
func Start(f func() error) <-chan error {
	result := make(chan error, 1)
	go func() {
		err := ErrGoexit
		defer func() { result <- err }()
		err = Call(f)
	}()
	return result
}

// Within calls f in a goroutine of its own, and returns its error, its panic, or its
// runtime.Goexit as an error. It waits for limit at most. After that it returns an error
// that wraps ErrNoReturn. Then f goes on alone, and its result is ignored. So f must not
// write to a variable that the caller reads afterwards.
func Within(limit time.Duration, f func() error) error {
	result := Start(f)
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case err := <-result:
		return err
	case <-timer.C:
		return fmt.Errorf("%w within %v", ErrNoReturn, limit)
	}
}

// Beside calls f in a goroutine of its own, and returns its panic or its runtime.Goexit as
// an error. It waits for f until ctx has ended, and for grace more. After that it returns
// ErrNoReturn. Then f goes on alone, and its result is ignored.
func Beside[T any](ctx context.Context, grace time.Duration, f func() (T, error)) (T, error) {
	type outcome struct {
		value T
		err   error
	}
	ended := make(chan outcome, 1)
	go func() {
		o := outcome{err: ErrGoexit}
		defer func() { ended <- o }()
		o.err = Call(func() (err error) {
			o.value, err = f()
			return err
		})
	}()
	select {
	case o := <-ended:
		return o.value, o.err
	case <-ctx.Done():
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case o := <-ended:
		return o.value, o.err
	case <-timer.C:
		var none T
		return none, ErrNoReturn
	}
}
