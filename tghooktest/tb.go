package tghooktest

import (
	"bytes"
	"sync"
	"testing"
)

// witness passes failures in other goroutines on to a test until the test ends. After that
// no goroutine may use the test.
type witness struct {
	mu sync.Mutex
	tb testing.TB // nil if there is none, or it has ended
}

func (w *witness) errorf(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.tb != nil {
		w.tb.Errorf(format, args...)
	}
}

func (w *witness) logf(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.tb != nil {
		w.tb.Logf(format, args...)
	}
}

// Write logs a message of net/http, such as a handler's panic.
func (w *witness) Write(text []byte) (int, error) {
	w.logf("tghooktest: %s", bytes.TrimSpace(text))
	return len(text), nil
}

// leave drops the test, at its end.
func (w *witness) leave() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tb = nil
}
