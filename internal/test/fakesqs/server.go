// Package fakesqs is a fake of Amazon SQS: FIFO queues in memory, over the AWS JSON protocol. It
// strictly follows the documentation of AWS. So it shows whether a program follows the
// documentation, and not whether SQS does. Only tests import it.
package fakesqs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// Account is the account of all queues.
const Account = "123456789012"

// Server has queues. Its clock is the machine's. Advance moves it forward.
type Server struct {
	URL string // of the service

	tb      testing.TB
	address string

	mu      sync.Mutex
	http    *http.Server
	ahead   time.Duration
	changed chan struct{} // closed when another message may be received
	queues  map[string]*queue
	others  map[string]string // the attributes of queues that AllQueues makes
	faults  []fault
	calls   []Call
}

// Call is a request that the service has got.
type Call struct {
	Action string
	Body   json.RawMessage
}

// fault is what goes wrong with the next request of an action.
type fault struct {
	action  string
	code    string // the error; empty: the answer is lost
	applied bool   // the service has applied the request
}

// New starts a service without queues.
func New(tb testing.TB) *Server {
	tb.Helper()
	s := &Server{tb: tb, address: "127.0.0.1:0", changed: make(chan struct{}), queues: map[string]*queue{}}
	s.Start()
	s.URL = "http://" + s.address
	tb.Cleanup(s.Stop)
	return s
}

// Start lets the service listen. After Stop it listens at the same address again.
func (s *Server) Start() {
	s.tb.Helper()
	l, err := (&net.ListenConfig{}).Listen(s.tb.Context(), "tcp", s.address)
	if err != nil {
		s.tb.Fatal(err)
	}
	server := &http.Server{Handler: s, ReadHeaderTimeout: time.Minute}
	s.mu.Lock()
	s.address, s.http = l.Addr().String(), server
	s.mu.Unlock()
	go func() { _ = server.Serve(l) }()
}

// Stop cuts all connections. The messages stay.
func (s *Server) Stop() {
	s.mu.Lock()
	server := s.http
	s.http = nil
	s.wake()
	s.mu.Unlock()
	if server != nil {
		_ = server.Close()
	}
}

// Queue makes a FIFO queue with attributes of SQS, and returns its URL.
func (s *Server) Queue(name string, attributes map[string]string) string {
	s.tb.Helper()
	q, err := newQueue(attributes)
	if err != nil || !strings.HasSuffix(name, ".fifo") {
		s.tb.Fatalf("queue %s: %v", name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queues[name] = q
	return queueURL(name)
}

// AllQueues makes every FIFO queue when it is used for the first time. It returns the URL of
// one of them.
func (s *Server) AllQueues(name string, attributes map[string]string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.others = maps.Clone(attributes)
	if s.others == nil {
		s.others = map[string]string{}
	}
	return queueURL(name)
}

func queueURL(name string) string {
	return fmt.Sprintf("http://sqs.us-east-2.amazonaws.com/%s/%s", Account, name)
}

// ARN is the name of a queue in policies and events.
func ARN(name string) string { return "arn:aws:sqs:us-east-2:" + Account + ":" + name }

// Advance lets time pass.
func (s *Server) Advance(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ahead += d
	s.wake()
}

// Refuse answers the next request of an action with an error, and does not apply it.
func (s *Server) Refuse(action, code string) { s.fail(fault{action: action, code: code}) }

// LoseAnswer applies the next request of an action, and cuts the connection.
func (s *Server) LoseAnswer(action string) { s.fail(fault{action: action, applied: true}) }

func (s *Server) fail(f fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, f)
}

// Calls returns the requests of an action.
func (s *Server) Calls(action string) (calls []Call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.calls {
		if c.Action == action {
			calls = append(calls, c)
		}
	}
	return calls
}

// Messages returns the messages of a queue, in the order of SQS.
func (s *Server) Messages(name string) (messages []Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.queues[name].messages {
		messages = append(messages, m.Message)
	}
	return messages
}

// now is the service's time.
func (s *Server) now() time.Time { return time.Now().Add(s.ahead) }

// wake lets all waiting requests look again.
func (s *Server) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	action, body, err := readRequest(r)
	if r.Context().Err() != nil || errors.Is(err, io.ErrUnexpectedEOF) {
		return // Stop, or the client, has cut the connection
	}
	if err != nil {
		s.tb.Errorf("fakesqs: %v", err)
		writeError(rw, err)
		return
	}
	f, faulty := s.note(action, body)
	if faulty && !f.applied {
		writeError(rw, &apiError{f.code, "refused by the test"})
		return
	}
	answer, err := s.do(action, body)
	switch {
	case faulty:
		panic(http.ErrAbortHandler)
	case err != nil:
		writeError(rw, err)
	default:
		rw.Header().Set("Content-Type", contentType)
		_ = json.NewEncoder(rw).Encode(answer) //nolint:errchkjson // the client may have gone
	}
}

// note records a call, and returns its fault.
func (s *Server) note(action string, body []byte) (f fault, faulty bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, Call{action, body})
	for i, f := range s.faults {
		if f.action == action {
			s.faults = append(s.faults[:i:i], s.faults[i+1:]...)
			return f, true
		}
	}
	return fault{}, false
}
