package tghooktest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
	"github.com/tghook/tghook/tghooktest/internal/world"
)

// Call is a call that the bot made of a Bot API method, together with the Server's answer.
type Call struct {
	// ID is the call's number: 1 for the first call of all bots of the Server, and one more
	// for each.
	ID int64
	// Method is the method's name in Telegram's spelling, such as sendMessage. The
	// bot may write it in other letter cases, or call it by a name that it had before, such
	// as kickChatMember.
	Method string
	// Params are the call's parameters. Every value is text, as Telegram reads it; an
	// object or an array is JSON. The map must not be changed.
	Params map[string]string
	// Unknown are the names of the parameters and files that the method does not have, which
	// Telegram ignores.
	Unknown []string
	// Header is the header of the request, for the function of OnCall alone. It is nil for a
	// webhook reply, and must not be changed. HTTP has the header too.
	Header http.Header
	// Files are the files that were uploaded. The key is the parameter that the file
	// is the value of. For a file that JSON refers to as attach://name, the key is
	// that name. The map must not be changed.
	Files map[string]File
	// Reply says that the call was a webhook reply: it came in the HTTP response to
	// an update.
	Reply bool
	// UpdateID is the update to whose delivery the call was the webhook reply; 0 if it was
	// none.
	UpdateID int64
	// At is when the call arrived, in the Server's time.
	At time.Time
	// Took is how long it took until the Server had the answer, in the Server's time.
	Took time.Duration
	// Result is the result that the Server answered with. It is nil if Err is set, and
	// for getUpdates. Telegram does not send the bot the result of a webhook reply.
	Result json.RawMessage
	// Updates are the ids of the updates that getUpdates was answered with.
	Updates []int64
	// Note says what the answer does not: "accepted, nothing simulated" if the Server only
	// checked the parameters, and the call has changed nothing. Otherwise it is empty. The
	// documentation lists the methods for which it is so.
	Note string
	// Err is the error that the Server answered with; nil if the call succeeded.
	Err *CallError
	// HTTP is the request and the answer, if ServerConfig.Record is set. It is nil for a
	// webhook reply, which is in the answer to a delivery.
	HTTP *Exchange
}

// size is about how many bytes of memory a call takes.
func (c *Call) size() int {
	const fixed, each = 500, 50
	n := fixed + len(c.Result) + 8*len(c.Updates) + c.HTTP.size()
	for name, value := range c.Params {
		n += each + len(name) + len(value)
	}
	for _, f := range c.Files {
		n += each + len(f.Content)
	}
	return n
}

// File is a file that the bot uploaded.
type File struct {
	Name, ContentType string
	Content           []byte
}

// CallError is the Bot API's answer to a call that failed.
type CallError struct {
	Code        int           // error_code, which is the HTTP status too
	Description string        // in Telegram's words
	RetryAfter  time.Duration // with 429; rounded up to whole seconds
	MigrateTo   int64         // id of the supergroup that replaced the group; 0 if none
}

func (e CallError) Error() string {
	return fmt.Sprintf("tghooktest: the Bot API answered %d %s", e.Code, e.Description)
}

// Calls returns the calls of the methods, in the order in which they were answered. Without
// methods it returns the calls of all methods except getUpdates. Webhook replies are among
// them.
//
// A call is recorded before its answer is sent. The Server keeps the newest 100,000 calls,
// and of them at most 256 MiB. If it has several bots, each of them has an equal share of
// that.
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

// ExpectCall waits for a call of the method and returns it. It returns calls in the order
// in which they were answered, each of them once. If none comes within
// ServerConfig.Patience, the test fails.
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

// Answer sets the result of a method that the Server does not simulate, and whose result is
// an object or an array. The Server answers with the JSON encoding of result.
func (s *Server) Answer(method string, result any) {
	tb := s.test()
	tb.Helper()
	method = s.known([]string{method})[0]
	raw, err := json.Marshal(result)
	if err != nil {
		tb.Fatalf("tghooktest: Answer for %s: encode the result: %v", method, err)
		return
	}
	s.world.Answer(method, raw)
}

// known returns the names in Telegram's spelling. A name that the Bot API does not have is
// a mistake in the test.
func (s *Server) known(names []string) []string {
	tb := s.test()
	tb.Helper()
	known := make([]string, len(names))
	for i, name := range names {
		method, ok := botapi.Lookup(name)
		if !ok {
			tb.Fatalf("tghooktest: the Bot API has no method %q; check the spelling", name)
		}
		known[i] = method.Name
	}
	return known
}

const pollMethod = "getUpdates"

// onlyAccepted is the Note of a call that has changed nothing.
const onlyAccepted = "accepted, nothing simulated"

// simulates reports whether the Server does what the method is for.
func simulates(method string) bool {
	switch method {
	case pollMethod, "setWebhook", "deleteWebhook", "getWebhookInfo", "logOut", "close":
		return true
	}
	return world.Simulates(method)
}

// maxCalls bounds the calls that are kept, so that a Server can run for a long time. The bots
// of a Server have equal shares.
const (
	maxCalls     = 100_000
	maxCallBytes = 256 << 20
)

// calls holds the newest calls.
type calls struct {
	mu    sync.Mutex
	all   []Call
	bytes int
	gone  int              // how many older calls were dropped
	of    map[string][]int // by method, the numbers of the calls that ExpectCall has not returned
	added bell
}

func newCall(p botapi.Params, from origin, at time.Time) Call {
	c := Call{Method: p.Method, Params: p.Values, Unknown: unknownParameters(p), Header: from.header, Reply: from.reply != nil, At: at}
	if from.reply != nil {
		c.UpdateID = from.reply.UpdateID
	}
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

// add records a call of one of several bots, and drops the oldest calls if there are too many.
func (c *calls) add(call Call, bots int) {
	size := call.size()
	c.mu.Lock()
	if c.of == nil {
		c.of = map[string][]int{}
	}
	for len(c.all) > 0 && (len(c.all) >= maxCalls/bots || c.bytes+size > maxCallBytes/bots) {
		c.forget()
	}
	c.bytes += size
	c.of[call.Method] = append(c.of[call.Method], c.gone+len(c.all))
	c.all = append(c.all, call)
	c.mu.Unlock()
	c.added.ring()
}

// clear drops all calls.
func (c *calls) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone += len(c.all)
	c.all, c.of, c.bytes = nil, nil, 0
}

// forget drops the oldest call.
func (c *calls) forget() {
	method := c.all[0].Method
	if left := c.of[method]; len(left) > 0 && left[0] == c.gone {
		c.passed(method)
	}
	c.bytes -= c.all[0].size()
	c.all[0] = Call{} // the array lives on
	c.all = c.all[1:]
	c.gone++
}

// passed removes the method's oldest call from those that ExpectCall may return.
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

// summary names the methods that were called, the newest last.
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
