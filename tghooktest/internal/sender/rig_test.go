package sender_test

import (
	"bufio"
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook/tghooktest/internal/clock"
	"github.com/tghook/tghook/tghooktest/internal/memnet"
	"github.com/tghook/tghook/tghooktest/internal/queue"
	"github.com/tghook/tghook/tghooktest/internal/sender"
)

const (
	ok          = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
	okAndClose  = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
	broken      = "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"
	addr        = "bot.example.org:80"
	hangUp      = "hang up" // at the end of an answer: closes the connection after it
	reset       = "reset"   // at the end of an answer: resets the connection
	later       = "later"   // in an answer: the next part is sent a second later
	silence     = ""        // no answer
	serverError = "Wrong response from the webhook: 500 Internal Server Error"
)

// rig is a Sender with a webhook in memory, in a bubble.
type rig struct {
	*testing.T
	start   time.Time
	network *memnet.Network
	queue   *queue.Queue
	sender  *sender.Sender
	do      func(request) []step // what the webhook does after a request; called by several goroutines
	secure  *tls.Config          // nil for plain HTTP
	serving sync.WaitGroup

	mu       sync.Mutex
	state    string // of the webhook's network
	listener net.Listener
	accepted []net.Conn
	seen
}

// seen records the events so far.
type seen struct {
	requests   []request
	opened     []time.Duration // when each connection was opened
	ends       []time.Duration // when it was closed; 0 if it was not
	rest       []string        // bytes of each connection after its last request
	failed     []string
	failing    []time.Duration // when each of them was told
	attempts   []sender.Attempt
	replies    []sender.Reply
	overlooked []string
	gone       int
}

// request is a request that the webhook got.
type request struct {
	at     time.Duration
	conn   int // number of the connection, from 0
	nth    int // number of the request, from 0
	onConn int // number of the request on its connection, from 1
	id     int64
	chat   int64
	text   string
	raw    string
}

// inBubble runs test with a rig whose webhook answers by answer. change, if not nil,
// changes the Sender's Config.
func inBubble(t *testing.T, answer func(request) string, change func(*sender.Config), test func(*rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, answer)
		defer r.serving.Wait()
		r.become("up")
		defer r.become("down")
		r.open(change)
		defer func() { r.sender.Close() }()
		test(r)
	})
}

func newRig(t *testing.T, answer func(request) string) *rig {
	return &rig{T: t, start: time.Now(), network: memnet.New(), do: func(q request) []step { return steps(answer(q)) }}
}

// steps returns what an answer of the constants above stands for.
func steps(text string) (do []step) {
	text, abrupt := strings.CutSuffix(text, reset)
	text, ending := strings.CutSuffix(text, hangUp)
	for i, part := range strings.Split(text, later) {
		do = append(do, step{wait: time.Duration(i) * time.Second}, step{write: part})
	}
	if abrupt {
		do = append(do, step{ending: aborted})
	}
	if ending {
		do = append(do, step{ending: closed})
	}
	return do
}

// become changes the state of the webhook's network.
func (r *rig) become(state string) {
	r.Helper()
	r.note(func() { r.state = state })
	if state == "down" && r.listener != nil {
		_ = r.listener.Close()
		r.listener = nil
		r.note(func() {
			for _, c := range r.accepted {
				_ = c.Close()
			}
			r.accepted = nil
		})
	}
	if state != "down" && r.listener == nil {
		l, err := r.network.Listen(addr)
		require.NoError(r, err)
		if r.secure != nil {
			l = tls.NewListener(l, r.secure)
		}
		r.listener = l
		r.serving.Go(func() { r.accept(l) })
	}
}

func (r *rig) condition() (state string) {
	r.note(func() { state = r.state })
	return state
}

func (r *rig) open(change func(*sender.Config)) {
	c := clock.New(1)
	r.queue = queue.New(c.Now, 1)
	cfg := sender.Config{
		URL: &url.URL{Scheme: "http", Host: "bot.example.org"}, Target: "/telegram", MaxConnections: 40, Addr: addr,
		Dial: r.network.Dial, Clock: c, Queue: r.queue, Seed: 1,
		Reply: func(p sender.Reply) (none sender.Execution) {
			r.note(func() {
				if p.Method != "" {
					r.replies = append(r.replies, p)
				}
				if p.Overlooked != "" {
					r.overlooked = append(r.overlooked, p.Overlooked)
				}
			})
			return none
		},
		Failed: func(text string) {
			r.note(func() { r.failed, r.failing = append(r.failed, text), append(r.failing, r.since()) })
		},
		Gone:    func() { r.note(func() { r.gone++ }) },
		Observe: func(a sender.Attempt) { r.note(func() { r.attempts = append(r.attempts, a) }) },
	}
	if change != nil {
		change(&cfg)
	}
	r.queue = cfg.Queue
	r.sender = sender.Start(cfg)
}

func (r *rig) note(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
}

func (r *rig) since() time.Duration { return time.Since(r.start) }

// pass waits for d, and then until nothing else can happen.
func (r *rig) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// send queues an update: a text to chat.
func (r *rig) send(chat int64, text string) queue.Update {
	r.Helper()
	return r.add("message", message(chat, time.Now(), text))
}

func (r *rig) add(kind string, object []byte) queue.Update {
	r.Helper()
	u, ok := r.queue.Add(kind, object)
	require.Truef(r, ok, "%v %v", kind, object)
	return u
}

func message(chat int64, date time.Time, text string) []byte {
	return fmt.Appendf(nil, `{"message_id":1,"chat":{"id":%d},"date":%d,"text":%q}`, chat, date.Unix(), text)
}

func (r *rig) accept(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		var n int
		r.note(func() {
			n = len(r.opened)
			r.opened, r.ends, r.rest = append(r.opened, r.since()), append(r.ends, 0), append(r.rest, "")
			r.accepted = append(r.accepted, conn)
		})
		if r.condition() != "deaf" {
			r.serving.Go(func() { r.serve(conn, n) })
		}
	}
}

func (r *rig) serve(conn net.Conn, n int) {
	requests := make(chan request, 16) // a sender waits for the answer before it sends the next one
	r.serving.Go(func() {
		defer close(requests)
		in := bufio.NewReader(conn)
		for nth := 1; ; nth++ {
			req, err := r.read(in, n, nth)
			if err != nil {
				r.note(func() { r.ends[n], r.rest[n] = r.since(), req.raw })
				_ = conn.Close()
				return
			}
			requests <- req
		}
	})
	for req := range requests {
		if !r.follow(conn, r.do(req)) {
			return
		}
	}
}

// follow takes steps on a connection. It returns false if one of them has ended it.
func (r *rig) follow(conn net.Conn, do []step) bool {
	for _, s := range do {
		time.Sleep(s.wait)
		if s.drip {
			for i := range len(s.write) {
				if _, err := conn.Write([]byte{s.write[i]}); err != nil {
					break
				}
				time.Sleep(time.Second)
			}
		} else {
			_, _ = io.WriteString(conn, s.write)
		}
		if s.ending == aborted {
			if secured, ok := conn.(*tls.Conn); ok {
				conn = secured.NetConn()
			}
			_ = conn.(*memnet.Conn).SetLinger(0)
		}
		if s.ending != open {
			_ = conn.Close()
			return false
		}
	}
	return true
}

// read reads a request and records its bytes.
func (r *rig) read(in *bufio.Reader, conn, nth int) (request, error) {
	var raw []byte
	length := 0
	for line := ""; line != "\r\n"; raw = append(raw, line...) {
		var err error
		if line, err = in.ReadString('\n'); err != nil {
			return request{raw: string(raw) + line}, err
		}
		if line == "\r\n" && length == 0 { // no request
			rest, err := io.ReadAll(in)
			return request{raw: string(raw) + line + string(rest)}, cmp.Or(err, io.EOF)
		}
		_, _ = fmt.Sscanf(line, "Content-Length: %d", &length)
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(in, body); err != nil {
		return request{}, err
	}
	req := request{at: r.since(), conn: conn, onConn: nth, raw: string(raw) + string(body)}
	_, _ = fmt.Sscanf(string(body), `{"update_id":%d`, &req.id)
	_, about, _ := strings.Cut(string(body), `"chat":`)
	_, _ = fmt.Sscanf(about, `{"id":%d},"date":%d,"text":%q`, &req.chat, new(int), &req.text)
	r.note(func() {
		req.nth = len(r.requests)
		r.requests = append(r.requests, req)
	})
	return req, nil
}

// times returns when the requests of the chat came; for chat 0, all requests.
func (r *rig) times(chat int64) (at []time.Duration) {
	for _, req := range r.got() {
		if chat == 0 || req.chat == chat {
			at = append(at, req.at)
		}
	}
	return at
}

// texts returns the texts of all requests, in order.
func (r *rig) texts() string {
	got := r.got()
	all := make([]string, 0, len(got))
	for _, req := range got {
		all = append(all, req.text)
	}
	return strings.Join(all, " ")
}

// saw returns the events until nothing else can happen.
func (r *rig) saw() seen {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.seen
	s.opened, s.ends, s.rest = slices.Clone(s.opened), slices.Clone(s.ends), slices.Clone(s.rest) // the other slices only grow
	return s
}

func (r *rig) got() []request { return r.saw().requests }

// connections returns how many connections were opened.
func (r *rig) connections() int { return len(r.saw().ends) }

// expectFailures checks the calls of Failed.
func (r *rig) expectFailures(want ...string) {
	r.Helper()
	if len(want) == 0 {
		assert.Empty(r, r.saw().failed)
		return
	}
	assert.Equal(r, want, r.saw().failed)
}

func always(text string) func(request) string { return func(request) string { return text } }

var errNowhere = errors.New("nowhere")
