// Package sender delivers updates to a webhook, as Telegram's server does.
package sender

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tghook/tghook/tghooktest/internal/clock"
	"github.com/tghook/tghook/tghooktest/internal/queue"
)

// Config says where to, and how.
type Config struct {
	URL            *url.URL
	Userinfo       string // of the URL as it was given; empty: as URL has it, encoded anew
	Target         string // of the request: path, query and fragment as given, escaped as Telegram does
	Secret         string
	MaxConnections int    // 1 to 100000
	Addr           string // host:port to connect to
	Certificate    []byte // PEM that replaces Roots, as an uploaded one does
	Roots          *x509.CertPool
	Dial           func(ctx context.Context, addr string) (net.Conn, error)
	Clock          *clock.Clock
	Queue          *queue.Queue
	Seed           uint64
	// Latency, from Seed, delays each request by up to two milliseconds, so that in
	// a bubble no two come at the same instant and each run is like the others.
	Latency bool
	// Reply executes what an answer calls, and is told what Telegram overlooks in one.
	// It is called before the update is confirmed, from several goroutines.
	Reply func(Reply)
	// Failed is told what getWebhookInfo is to show as last_error_message.
	Failed func(text string)
	// Gone is called when the webhook has answered 410 for so long that it is removed;
	// the Sender has stopped by itself then.
	Gone func()
	// Fault, unless nil, is asked before each attempt what shall go wrong with it. All
	// waits while it runs, and its calls come one after the other, as those of Failed
	// and Observe.
	Fault func(a Attempt) Fault
	// Observe, unless nil, is told of each attempt when it has ended. It must not block.
	Observe func(a Attempt)
	// Shuffle takes ready queues in an order that Seed gives, not the earliest first.
	Shuffle bool
}

// Attempt is one try to deliver an update.
type Attempt struct {
	Update  queue.Update
	Number  int // from 1
	Start   time.Time
	Took    time.Duration
	Status  int    // of the answer; 0: none was read
	Err     string // why it failed, as last_error_message has it; empty also where Telegram records nothing
	Done    bool   // it was delivered, and confirmed: never that of a copy by AgainAtOnce
	Dropped bool   // it failed, and is given up
	Reply   string // the method that the answer called; empty: none was executed
}

// Fault is what goes wrong with an attempt. The zero Fault is nothing.
type Fault struct {
	Delay       time.Duration // before the request is written
	CutBefore   bool          // the connection is closed when the request is written: no answer is read
	CutAfter    bool          // the answer is lost: read, and not heeded
	Again       bool          // after success the update is delivered once more, as if that had been lost
	AgainAtOnce bool          // the same, on another connection at the same time
}

// Sender delivers what its Queue has until it is closed.
type Sender struct {
	cfg     Config
	request request
	secure  *tls.Config // nil: plain HTTP

	inbox   inbox
	stop    chan struct{} // closed by Close
	stopped chan struct{} // closed when nothing runs any more
	closing sync.Once
	running sync.WaitGroup // what connections run
	flying  atomic.Int64

	// What follows belongs to the goroutine that runs run. Times are since epoch.
	epoch       time.Time
	connections []*connection
	idle        []*connection // those of connections that have no update, the longest first
	twins       int           // those of connections that are for AgainAtOnce, and not in the budget
	expiry      time.Duration // no connection's deadline is earlier
	budget      budget
	timer       *time.Timer
	due         time.Duration // when timer fires

	lanes  map[int64]*lane
	asleep schedule        // lanes that wait for a time
	ready  schedule        // lanes that wait for a connection
	last   int64           // id of the newest update in lanes
	added  <-chan struct{} // of the Queue; nil: it may have more than last
	gone   gone
	ended  bool // run has come to its end
}

// Start connects, and delivers from then on. Of cfg, MaxConnections must
// be positive, and URL, Dial, Clock, Queue, Reply, Failed and Gone be set.
func Start(cfg Config) *Sender {
	s := &Sender{
		cfg:     cfg,
		request: newRequest(cfg),
		secure:  newTLS(cfg),
		inbox:   inbox{filled: make(chan struct{}, 1)},
		stop:    make(chan struct{}),
		stopped: make(chan struct{}),
		epoch:   cfg.Clock.Now(),
		expiry:  never,
		budget:  newBudget(),
		timer:   time.NewTimer(time.Hour),
		due:     never,
		lanes:   map[int64]*lane{},
	}
	go s.run()
	return s
}

// Close ends all connections and returns when nothing of it runs any more, which a
// call of Gone may outlast. Updates on their way stay in the Queue, and Observe is not
// told of them. What Config's functions wait for must not wait for Close.
func (s *Sender) Close() {
	s.closing.Do(func() { close(s.stop) })
	<-s.stopped
}

// InFlight is how many attempts are under way, copies by AgainAtOnce included. One
// that has ended is counted until Observe has been told.
func (s *Sender) InFlight() int { return int(s.flying.Load()) }
