package tghooktest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// Call is one of a Bot API method.
type Call struct {
	Method string // as Telegram writes it, however it was called
	// Params are the values as Telegram takes them: all text, JSON where an object or
	// an array was meant. Files are those that were uploaded, by the parameter that they
	// came for; those which JSON refers to, by what follows attach:// there. Neither may be
	// changed.
	Params map[string]string
	Files  map[string]File
	Reply  bool // it came in the answer to an update
	At     time.Time
	Result json.RawMessage // what it was answered with, nil with an Err and of getUpdates; of a Reply nobody was told
	Err    *CallError
}

// File is one that was uploaded.
type File struct {
	Name, ContentType string
	Content           []byte
}

// CallError is the Bot API's answer that it did not do what was asked.
type CallError struct {
	Code        int // which the HTTP status is too
	Description string
	RetryAfter  time.Duration // with 429; whole seconds, rounded up
	MigrateTo   int64         // the supergroup that a group has become; 0: none
}

func (e CallError) Error() string {
	return fmt.Sprintf("tghooktest: the call is answered %d %s", e.Code, e.Description)
}

// Calls are those of the methods, of all by default, in the order in which they were
// answered, webhook replies among them. getUpdates is left out unless it is named. A call is here
// before its answer is on its way. Of more than 100,000 in all the oldest are forgotten.
func (s *Server) Calls(methods ...string) []Call {
	s.test().Helper()
	methods = s.known(methods)
	s.calls.mu.Lock()
	defer s.calls.mu.Unlock()
	var some []Call
	for _, c := range s.calls.all {
		if slices.Contains(methods, c.Method) || len(methods) == 0 && c.Method != pollMethod {
			some = append(some, c)
		}
	}
	return some
}

// ExpectCall waits for the oldest call of the method that no ExpectCall has returned yet.
func (s *Server) ExpectCall(tb testing.TB, method string) Call {
	tb.Helper()
	method = s.known([]string{method})[0]
	late := time.NewTimer(s.cfg.Patience)
	defer late.Stop()
	for {
		added := s.calls.added.rings()
		if call, ok := s.calls.take(method); ok {
			return call
		}
		select {
		case <-added:
		case <-late.C:
			tb.Fatalf("tghooktest: the bot did not call %s within %v%s", method, s.cfg.Patience, s.calls.summary())
			return Call{}
		}
	}
}

// Answer sets what a method is answered with that is not simulated, and has an object or
// an array for its result. result is what encodes to that.
func (s *Server) Answer(method string, result any) {
	tb := s.test()
	tb.Helper()
	method = s.known([]string{method})[0]
	raw, err := json.Marshal(result)
	if err != nil {
		tb.Fatalf("tghooktest: Answer for %s: %v", method, err)
	}
	s.world.Answer(method, raw)
}

// known are the names as Telegram writes them. One that it does not have is a mistake of
// the test.
func (s *Server) known(names []string) []string {
	tb := s.test()
	tb.Helper()
	known := make([]string, len(names))
	for i, name := range names {
		method, ok := botapi.Lookup(name)
		if !ok {
			tb.Fatalf("tghooktest: the Bot API has no method %q", name)
		}
		known[i] = method.Name
	}
	return known
}

const pollMethod = "getUpdates"

// maxCalls is how many calls are kept, so that a Server may run for long.
const maxCalls = 100_000

// calls are the newest that were made.
type calls struct {
	mu    sync.Mutex
	all   []Call
	gone  int              // how many were made before those
	of    map[string][]int // by method, the numbers of those that ExpectCall has not returned
	added bell
}

func newCall(p botapi.Params, reply bool, at time.Time) Call {
	c := Call{Method: p.Method, Params: p.Values, Reply: reply, At: at}
	if len(p.Files) > 0 {
		c.Files = make(map[string]File, len(p.Files))
		for name, f := range p.Files {
			c.Files[name] = File(f)
		}
		for name, value := range p.Values {
			if f, ok := p.Attached(value); ok {
				delete(c.Files, strings.TrimPrefix(value, "attach://"))
				c.Files[name] = File(f)
			}
		}
	}
	return c
}

func callError(err *botapi.Error) *CallError {
	if err == nil {
		return nil
	}
	return &CallError{err.Code, err.Description, time.Duration(err.RetryAfter) * time.Second, err.MigrateTo}
}

func (c *calls) add(call Call) {
	c.mu.Lock()
	if c.of == nil {
		c.of = map[string][]int{}
	}
	if len(c.all) == maxCalls {
		c.forget()
	}
	c.of[call.Method] = append(c.of[call.Method], c.gone+len(c.all))
	c.all = append(c.all, call)
	c.mu.Unlock()
	c.added.ring()
}

// forget drops the oldest.
func (c *calls) forget() {
	method := c.all[0].Method
	if left := c.of[method]; len(left) > 0 && left[0] == c.gone {
		c.passed(method)
	}
	c.all[0] = Call{} // the array is kept
	c.all = c.all[1:]
	c.gone++
}

// passed drops the oldest of the method from those for ExpectCall.
func (c *calls) passed(method string) {
	if c.of[method] = c.of[method][1:]; len(c.of[method]) == 0 {
		delete(c.of, method)
	}
}

func (c *calls) take(method string) (Call, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	left := c.of[method]
	if len(left) == 0 {
		return Call{}, false
	}
	c.passed(method)
	return c.all[left[0]-c.gone], true
}

// summary says what was called, the newest last.
func (c *calls) summary() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var names []string
	for _, call := range c.all {
		name := call.Method
		if call.Err != nil {
			name += fmt.Sprintf(" (%d %s)", call.Err.Code, call.Err.Description)
		}
		if n := len(names); call.Method != pollMethod && (n == 0 || names[n-1] != name) {
			names = append(names, name)
		}
	}
	const some = 20
	switch n := len(names); {
	case n == 0:
		return "; it called nothing"
	case n > some:
		return "; at last it called " + strings.Join(names[n-some:], ", ")
	}
	return "; it called " + strings.Join(names, ", ")
}
