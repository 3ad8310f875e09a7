package tghooktest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// Try calls f as the testing package calls a test, and returns its failures as an error. It
// is for programs without a test: f may do all that a test does, with the Server that it
// gets.
//
//	var sent *tghooktest.Message
//	err := srv.Try(func(tb testing.TB, srv *tghooktest.Server) {
//		chat := srv.User("Zoë").Chat()
//		sent = chat.Send("/start")
//		chat.Expect(tb, "Hello, Zoë!")
//	})
//
// An act that is impossible, or an Expect that waits in vain, ends f. Errorf does not end it.
// f runs on another goroutine, and Try returns when f and the functions that f gave to
// Cleanup have returned. A panic in f or in one of those functions is a panic in Try. If f
// skips, that is not a failure.
//
// The users, chats and messages that f makes belong to its call: after that, their acts fail
// like those outside of Try. So begin each call at the Server that it gets. The TB has no
// Chdir, Setenv, TempDir and ArtifactDir.
//
// [errors.Is] finds the errors that were arguments of Fatalf or Errorf, such as ErrNoMessage
// of an act that names a message that there is not. Several calls of Try may run at once.
func (s *Server) Try(f func(tb testing.TB, s *Server)) error {
	t := &script{host: s.host, open: true}
	t.ctx, t.cancel = context.WithCancel(s.ctx)
	defer t.cancel()
	ended := make(chan struct{})
	var panicked any
	go func() {
		defer close(ended)
		defer t.close()
		defer func() {
			if later := recover(); later != nil {
				panicked = later
			}
		}()
		defer t.cleanUp()
		defer t.cancel()
		defer func() { panicked = recover() }()
		f(t, &Server{URL: s.URL, Token: s.Token, tb: t, bot: s.bot})
	}()
	<-ended
	if panicked != nil {
		panic(panicked)
	}
	return t.err()
}

// test returns the test that an impossible act fails.
//
// An act of a user has one form for all: it takes the test from here, and calls Fatalf with
// what is impossible. In a test of NewServer, and inside of Try, Fatalf ends the goroutine.
// For a Server by Start outside of Try it warns and returns. So after Fatalf, an act returns
// an empty result that is not nil.
func (s *Server) test() testing.TB {
	if s.tb == nil {
		return &script{host: s.host, ctx: s.ctx}
	}
	return s.tb
}

// script is the test of a function that Try calls. When it is closed, its failures are
// warnings of the host.
type script struct {
	testing.TB // nil; for its unexported method
	host       *host
	ctx        context.Context
	cancel     context.CancelFunc

	mu       sync.Mutex
	open     bool
	failed   bool
	skipped  bool
	failures []string
	causes   []error // that were arguments of Errorf and Fatalf
	cleanups []func()
}

// err returns the failures; nil if there are none.
func (t *script) err() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case len(t.failures) > 0:
		return tryError{strings.Join(t.failures, "\n"), t.causes}
	case t.failed:
		return errors.New("tghooktest: Try: the function failed without a message")
	}
	return nil
}

func (t *script) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open = false
}

// cleanUp calls the functions given to Cleanup, the newest first, even if one of them fails.
func (t *script) cleanUp() {
	t.mu.Lock()
	n := len(t.cleanups)
	if n == 0 {
		t.mu.Unlock()
		return
	}
	last := t.cleanups[n-1]
	t.cleanups = t.cleanups[:n-1]
	t.mu.Unlock()
	defer t.cleanUp()
	last()
}

// fail records a failure, and ends the goroutine if now is true and the script is open.
func (t *script) fail(text string, now bool) {
	t.mu.Lock()
	open := t.open
	if open {
		t.failed = true
		if text != "" {
			t.failures = append(t.failures, text)
		}
	}
	t.mu.Unlock()
	switch {
	case !open:
		t.host.watchers.tell(Event{Kind: EventWarning, Text: text})
		t.host.warn(text)
	case now:
		runtime.Goexit()
	}
}

// failf is fail for a text with arguments. Those that are errors are causes.
func (t *script) failf(now bool, format string, args []any) {
	for _, arg := range args {
		if err, ok := arg.(error); ok {
			t.mu.Lock()
			t.causes = append(t.causes, err)
			t.mu.Unlock()
		}
	}
	t.fail(fmt.Sprintf(format, args...), now)
}

// tryError is the error of Try.
type tryError struct {
	text   string
	causes []error
}

func (e tryError) Error() string   { return e.text }
func (e tryError) Unwrap() []error { return e.causes }

func (t *script) skip() {
	t.mu.Lock()
	open := t.open
	t.skipped = open
	t.mu.Unlock()
	if open {
		runtime.Goexit()
	}
}

func line(args []any) string { return strings.TrimSuffix(fmt.Sprintln(args...), "\n") }

// The methods of testing.TB.

func (t *script) Fail()                             { t.fail("", false) }
func (t *script) FailNow()                          { t.fail("", true) }
func (t *script) Error(args ...any)                 { t.fail(line(args), false) }
func (t *script) Errorf(format string, args ...any) { t.failf(false, format, args) }
func (t *script) Fatal(args ...any)                 { t.fail(line(args), true) }
func (t *script) Fatalf(format string, args ...any) { t.failf(true, format, args) }
func (t *script) SkipNow()                          { t.skip() }
func (t *script) Skip(args ...any)                  { t.Log(args...); t.skip() }
func (t *script) Skipf(format string, args ...any)  { t.Logf(format, args...); t.skip() }
func (t *script) Log(args ...any)                   { t.host.log(line(args)) }
func (t *script) Logf(format string, args ...any)   { t.host.log(fmt.Sprintf(format, args...)) }
func (t *script) Name() string                      { return "Try" }
func (t *script) Context() context.Context          { return t.ctx }
func (t *script) Output() io.Writer                 { return log.Writer() }
func (t *script) Attr(string, string)               {}
func (t *script) Helper()                           {}
func (t *script) Chdir(string)                      { t.lacks("Chdir") }
func (t *script) Setenv(string, string)             { t.lacks("Setenv") }
func (t *script) TempDir() string                   { t.lacks("TempDir"); return "" }
func (t *script) ArtifactDir() string               { t.lacks("ArtifactDir"); return "" }

func (t *script) lacks(method string) {
	t.Fatalf("tghooktest: Try: the TB has no %s, because the program is not a test", method)
}

func (t *script) Failed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.failed
}

func (t *script) Skipped() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.skipped
}

func (t *script) Cleanup(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cleanups = append(t.cleanups, f)
}
