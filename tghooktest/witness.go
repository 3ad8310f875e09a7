package tghooktest

import (
	"bytes"
	"sync"
	"testing"
)

// witness tells a test what happens in other goroutines, until the test is over: later
// nobody may.
type witness struct {
	mu sync.Mutex
	tb testing.TB // nil: there is none, or it is over
}

func (w *witness) errorf(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.tb != nil {
		w.tb.Errorf(format, args...)
	}
}

// Write logs a text of net/http, such as a handler's panic.
func (w *witness) Write(text []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.tb != nil {
		w.tb.Logf("tghooktest: %s", bytes.TrimSpace(text))
	}
	return len(text), nil
}

// leave ends it. It is called when the test is over.
func (w *witness) leave() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tb = nil
}
