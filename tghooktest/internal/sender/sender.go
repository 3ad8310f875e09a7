// Package sender delivers updates to a webhook in the way of Telegram's server.
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

// Config configures a Sender.
type Config struct {
	URL            *url.URL
	Userinfo       string // userinfo as the bot wrote it; if empty, URL's, encoded again
	Target         string // target of the requests: path, query and fragment, escaped as Telegram does
	Secret         string
	MaxConnections int    // 1 to 100000
	Addr           string // host:port to connect to
	Pinned         bool   // Addr is the bot's choice, so it is never resolved again
	Certificate    []byte // uploaded certificate in PEM, which replaces Roots
	Roots          *x509.CertPool
	Dial           func(ctx context.Context, addr string) (net.Conn, error)
	Clock          *clock.Clock
	Queue          *queue.Queue
	Seed           uint64
	// Latency delays each request by up to two milliseconds, drawn from Seed. In a synctest
	// bubble then no two requests come at the same instant, and each run is the same.
	Latency bool
	// Attempts are the numbers of the attempts so far, by the ids of updates. Attempts of other
	// updates are counted from 1. The map must not be changed.
	Attempts map[int64]int
	// Record keeps the requests and the answers of attempts: see Attempt.Wire.
	Record bool
	// Reply executes the webhook reply in an answer, and gets the reason why Telegram
	// ignores one. It is called before the update is confirmed, from several goroutines.
	Reply func(Reply) Execution
	// Failed gets the last_error_message for getWebhookInfo.
	Failed func(text string)
	// Gone is called when the webhook has answered 410 for so long that Telegram removes
	// it. The Sender has stopped by then.
	Gone func()
	// Fault, if set, picks the fault of each attempt before it is made. Calls of Fault,
	// Failed and Observe come one after the other. The Sender waits while they run.
	Fault func(a Attempt) Fault
	// Observe, if set, gets each attempt after its end. It must not block.
	Observe func(a Attempt)
	// Shuffle delivers from ready queues in an order drawn from Seed. If false, the
	// earliest comes first.
	Shuffle bool
}

// Attempt is one try to deliver an update.
type Attempt struct {
	Update  queue.Update
	Number  int // counted from 1
	Start   time.Time
	Took    time.Duration
	Status  int    // HTTP status of the answer; 0 if none was read
	Err     string // last_error_message; empty also where Telegram records no error
	Done    bool   // the update was delivered and confirmed; always false for the copy that AgainAtOnce sends
	Dropped bool   // the attempt failed, and the update is given up
	Reply   string // method of the webhook reply; empty if none was executed
	Copy    bool   // it is the copy that AgainAtOnce sends
	Wire    *Wire  // nil unless Config.Record
	Execution
}

// Execution is what became of the webhook reply in an answer.
type Execution struct {
	Call    int64  // number of the call; 0 if Telegram executes none
	Refused string // why Telegram refused or ignored it; empty if it did not
}

// Fault is a fault of an attempt. The zero Fault is no fault.
type Fault struct {
	Delay       time.Duration // before the request is written
	Refuse      bool          // fail as if nobody listened, and send nothing
	CutBefore   bool          // close the connection after the request was written, and read no answer
	CutAfter    bool          // read the answer and ignore it
	Again       bool          // deliver the update once more after a success
	AgainAtOnce bool          // deliver the update twice at the same time, on two connections
}

// Sender delivers the updates of its Queue until it is closed.
type Sender struct {
	cfg     Config
	request request
	secure  *tls.Config // nil for plain HTTP

	inbox   inbox
	stop    chan struct{} // closed by Close
	stopped chan struct{} // closed when nothing runs any more
	closing sync.Once
	running sync.WaitGroup // goroutines of connections
	flying  atomic.Int64   // attempts under way

	// The fields below belong to the goroutine of run. Times are since epoch.
	epoch       time.Time
	connections []*connection
	idle        []*connection // the connections without an update, the longest idle first
	twins       int           // how many connections are for AgainAtOnce; they are not in the budget
	expiry      time.Duration // no later than the earliest deadline of a connection
	budget      budget
	timer       *clock.Timer
	due         time.Duration // when timer fires
	alarm       time.Duration // when the next turn comes without another event
	resolver    resolver

	lanes  map[int64]*lane
	asleep schedule // lanes that wait for a time
	ready  schedule // lanes that wait for a connection
	last   int64    // id of the newest update in lanes
	pushes pushes
	gone   gone
	ended  bool // run has returned by itself
}

// Start connects to the webhook and delivers until Close. MaxConnections must be positive,
// and URL, Dial, Clock, Queue, Reply, Failed and Gone must be set.
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
		timer:   cfg.Clock.NewTimer(time.Hour),
		due:     never,
		alarm:   never,
		pushes:  pushes{queue: cfg.Queue, seen: cfg.Queue.Last()},
		lanes:   map[int64]*lane{},
	}
	if cfg.Pinned {
		s.resolver.at = never
	}
	go s.run()
	return s
}

// Close ends all connections and returns when all of the Sender's goroutines have ended,
// except that a call of Gone may still run. Updates on their way stay in the Queue, and
// Observe does not get their attempts. The functions of Config must not wait for Close.
func (s *Sender) Close() {
	s.closing.Do(func() { close(s.stop) })
	<-s.stopped
}

// InFlight returns the number of attempts under way, copies by AgainAtOnce included. An
// attempt counts until Observe has returned.
func (s *Sender) InFlight() int { return int(s.flying.Load()) }
