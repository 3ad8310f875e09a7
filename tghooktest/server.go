package tghooktest

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/tghooktest/internal/clock"
	"github.com/tghook/tghook/tghooktest/internal/memnet"
	"github.com/tghook/tghook/tghooktest/internal/queue"
	"github.com/tghook/tghook/tghooktest/internal/sender"
	"github.com/tghook/tghook/tghooktest/internal/world"
)

// ServerConfig changes a [Server]. The zero value of each field is its default.
type ServerConfig struct {
	// Token is the bot's. By default it is made up, from Seed and the test's name, and
	// no two open Servers of a process have the same token or bot id. Of several that
	// are open at once with one Seed and one test each gets the next token, in the order
	// in which they were started. Servers by Start have the empty name. Close gives the
	// token back, so that the same run of a test has the same token.
	Token string
	// Username of the bot. Default: stand_in_bot.
	Username string
	// Speed is how many seconds pass for Telegram in one of the real time: with 60 a
	// retry after a minute comes after a second. Default: 1. In a synctest bubble leave it.
	Speed float64
	// InMemory has no sockets, so that the Server and all that it talks to can live
	// in a synctest bubble: reach it by Client, and have it reach you by Listen.
	InMemory bool
	// Cloud has setWebhook refuse what the public server refuses: other than HTTPS, other
	// ports than 443, 80, 88 and 8443, reserved addresses. Since loopback is reserved, it
	// delivers only InMemory. Default: as a local Bot API server, so that a webhook on loopback
	// can be set, and none elsewhere: a test must not send to a bot in service.
	Cloud bool
	// Roots are the authorities that a webhook's certificate is verified by where
	// none was uploaded. Default: the system's.
	Roots *x509.CertPool
	// Seed decides all that is left to chance: ids, jitter, the order by Shuffle. In a
	// bubble the same Seed gives the same run, but for goroutines that call at one instant.
	Seed uint64
	// Shuffle delivers updates of different queues in an order by chance, as Telegram
	// may, and not the oldest first.
	Shuffle bool
	// Patience is how long Expect and its like wait, in real time. Default: 10 s.
	Patience time.Duration
	// Observe, unless nil, is told of each attempt to deliver an update to the
	// webhook. It must not block, or change the webhook.
	Observe func(Delivery)
	// AllowRefusedReplies keeps quiet about replies in responses that Telegram refuses
	// or overlooks: see RefusedReplies. By default NewServer has each of them fail the
	// test, at once.
	AllowRefusedReplies bool
}

// Server is a Telegram of its own for one bot. It has the methods of Bot API 10.1, and
// updates of every kind of Bot API 10.3. It keeps what is in the chats, with the files,
// and the newest 100,000 calls. Several goroutines may use it at once.
//
// Over sockets it listens on 127.0.0.1. Requests that a page in a browser may have sent
// are refused with 403: those with a Host that is not this machine's, a foreign Origin,
// or a foreign Sec-Fetch-Site.
type Server struct {
	// URL of the Bot API, to be set where a library has api.telegram.org; without a
	// slash at its end.
	URL string
	// Token of the bot.
	Token string

	tb    testing.TB // nil by Start
	lent  sync.Once  // done: Token was given back, or is not made up
	cfg   ServerConfig
	clock *clock.Clock
	world *world.World
	queue *queue.Queue

	memory    *memnet.Network // nil: over sockets
	lookup    func(ctx context.Context, host string) (netip.Addr, error)
	transport *http.Transport // of Client
	api       *http.Server
	running   sync.WaitGroup // connections of api, and what comes later by itself
	ctx       context.Context
	end       context.CancelFunc

	calls    calls
	faults   faults
	refusals refusals
	witness  witness // of what is nobody's call
	moved    bell    // rings when updates have been delivered, or taken, or dropped

	changing chan struct{}  // has room for the one that changes the webhook, who sets sender
	sender   *sender.Sender // delivers to webhook; nil: nobody does

	mu           sync.Mutex // s.sender is set with both
	webhook      webhook
	webhooks     int   // how many were set
	setting      *held // the setWebhook that is not finished
	nextSetting  time.Time
	parked       *held     // the getUpdates that waits
	polled       time.Time // the last getUpdates, which had offset
	offset       int64
	nextConflict time.Time // until then conflicts are held back
	session      session
}

const (
	defaultUsername = "stand_in_bot"
	defaultPatience = 10 * time.Second
	apiHost         = "api.telegram.test" // in memory
	headerTimeout   = 30 * time.Second
)

// NewServer starts a Server, which ends with the test.
func NewServer(tb testing.TB, cfg ...ServerConfig) *Server {
	tb.Helper()
	if len(cfg) > 1 {
		tb.Fatalf("tghooktest: NewServer takes one ServerConfig, not %d", len(cfg))
	}
	s, err := start(append(cfg, ServerConfig{})[0], tb)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if !s.within(s.Close) {
			tb.Errorf("tghooktest: the Server has not ended after %v: OnCall, OnDelivery or ServerConfig.Observe has not returned", s.cfg.Patience)
		}
		s.witness.leave()
	})
	return s
}

// Start starts a Server, which ends by Close.
func Start(cfg ServerConfig) (*Server, error) { return start(cfg, nil) }

// start starts a Server. tb is nil by Start.
func start(cfg ServerConfig, tb testing.TB) (*Server, error) {
	cfg.Username = cmp.Or(cfg.Username, defaultUsername)
	cfg.Patience = cmp.Or(cfg.Patience, defaultPatience)
	if cfg.Speed < 0 {
		return nil, errors.New("tghooktest: ServerConfig.Speed is negative: give how many times faster than real time it is to be")
	}
	lent := cfg.Token == ""
	if lent {
		test := ""
		if tb != nil {
			test = tb.Name()
		}
		cfg.Token = madeUp.lend(cfg.Seed, test)
	}
	bot, refused := botOf(cfg.Token)
	if refused != nil {
		return nil, errors.New("tghooktest: ServerConfig.Token is no bot's token: that is the bot's id, a colon and a secret")
	}
	s := &Server{
		Token: cfg.Token, tb: tb, witness: witness{tb: tb}, cfg: cfg, clock: clock.New(cfg.Speed), changing: make(chan struct{}, 1),
		transport: &http.Transport{MaxIdleConnsPerHost: 100},
	}
	if !lent {
		s.lent.Do(func() {})
	}
	s.ctx, s.end = context.WithCancel(context.Background())
	s.session.launched = s.clock.Now()
	s.queue = queue.New(s.clock.Now, cfg.Seed)
	s.world = world.New(world.Config{
		Now: s.clock.Now, Seed: cfg.Seed, BotID: bot, Username: cfg.Username,
		Emit: func(kind string, object []byte) bool {
			_, made := s.queue.Add(kind, object)
			return made
		},
		After: s.after,
	})
	s.lookup = s.resolve
	if cfg.InMemory {
		s.memory = memnet.New()
		s.lookup = s.resolveInMemory
		s.transport.DialContext = func(ctx context.Context, _, addr string) (net.Conn, error) { return s.memory.Dial(ctx, addr) }
	}
	if err := s.serve(); err != nil {
		s.end()
		s.giveBack()
		return nil, err
	}
	return s, nil
}

// serve serves the Bot API until Close.
func (s *Server) serve() error {
	addr := "127.0.0.1:0"
	if s.cfg.InMemory {
		addr = apiHost + ":80"
	}
	l, err := s.Listen(addr)
	if err != nil {
		return fmt.Errorf("tghooktest: listen for the Bot API: %w", err)
	}
	s.URL = "http://" + apiHost
	if !s.cfg.InMemory {
		s.URL = "http://" + l.Addr().String()
	}
	s.api = &http.Server{
		Handler: http.HandlerFunc(s.handle), ReadHeaderTimeout: headerTimeout,
		ConnState: func(_ net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				s.running.Add(1)
			case http.StateClosed, http.StateHijacked:
				s.running.Done()
			}
		},
	}
	if s.tb != nil {
		s.api.ErrorLog = log.New(&s.witness, "", 0) // which tells of a panic in OnCall
	}
	s.running.Go(func() { _ = s.api.Serve(l) }) // until Close
	return nil
}

// Close ends it, with all connections. What was called, and is in the chats, can still be
// asked for.
func (s *Server) Close() {
	s.end()
	_ = s.api.Close()
	s.transport.CloseIdleConnections()
	s.changing <- struct{}{}
	s.silence()
	<-s.changing
	s.running.Wait()
	s.giveBack()
}

// giveBack lets the next Server have the token that was made up.
func (s *Server) giveBack() { s.lent.Do(func() { madeUp.giveBack(s.cfg.Token) }) }

// within reports whether f returns within Patience. Else f goes on.
func (s *Server) within(f func()) bool {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	late := time.NewTimer(s.cfg.Patience)
	defer late.Stop()
	select {
	case <-done:
		return true
	case <-late.C:
		return false
	}
}

// Client reaches the Bot API by HTTP, in memory too: for ClientConfig.HTTP and its like.
func (s *Server) Client() *http.Client { return &http.Client{Transport: s.transport} }

// Bot is a Client of the bot that the Server is for.
func (s *Server) Bot(tb testing.TB) *tghook.Client {
	tb.Helper()
	bot, err := tghook.NewClient(s.Token, tghook.ClientConfig{BaseURL: s.URL, HTTP: s.Client(), Local: !s.cfg.Cloud})
	if err != nil {
		tb.Fatal(err)
	}
	return bot
}

// Now is the time on this Telegram.
func (s *Server) Now() time.Time { return s.clock.Now() }

// after calls f when d has passed on this Telegram, unless Close comes before.
func (s *Server) after(d time.Duration, f func()) {
	s.running.Go(func() {
		if s.sleep(d); s.ctx.Err() == nil {
			f()
		}
	})
}

// sleep waits for d to pass on this Telegram, or for Close.
func (s *Server) sleep(d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(s.clock.Real(d))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.ctx.Done():
	}
}
