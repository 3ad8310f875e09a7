package tghook

import (
	"fmt"
	"runtime/debug"
	"time"
)

// recovered, deferred, turns a panic into a *PanicError: a fault in the user's
// code must not take the process, or another update, with it.
func recovered(err *error) {
	if v := recover(); v != nil {
		*err = &PanicError{Value: v, Stack: debug.Stack()}
	}
}

// guarded calls f and returns its panic as an error. A runtime.Goexit in f ends the
// caller's goroutine too: see bounded.
func guarded(f func() error) (err error) {
	defer recovered(&err)
	return f()
}

// bounded calls f in a goroutine of its own, and returns its error, its panic, or its
// runtime.Goexit as an error. It waits for limit at most: then f goes on alone, and
// its result is ignored. f must not write to what the caller reads afterwards.
func bounded(limit time.Duration, f func() error) error {
	result := started(f)
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case err := <-result:
		return err
	case <-timer.C:
		return fmt.Errorf("%w within %v", errNoReturn, limit)
	}
}

// started calls f in a goroutine of its own. The result comes when that ends, however it
// does.
func started(f func() error) <-chan error {
	result := make(chan error, 1)
	go func() {
		err := errGoexit
		defer func() { result <- err }()
		err = guarded(f)
	}()
	return result
}
