package tghooktest

import (
	"cmp"
	"crypto/x509"
	"fmt"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/tghook/tghook"
)

// ServerConfig configures a [Server]. The zero value of each field is its default.
type ServerConfig struct {
	// Token is the bot's token. If empty, the Server makes one up from Seed and the test's
	// name, so a test that runs again has the same token.
	//
	// No two open Servers of a process have the same made-up token or bot id. Servers with
	// the same Seed and test that are open at once get different tokens, in the order in
	// which they were started. Close gives the token back. For [Start], the test's name is
	// empty.
	Token string
	// Username is the bot's username. If empty, stand_in_bot.
	Username string
	// AnyToken lets a bot with any token call: the first call with a token that the Server
	// does not know adds a bot, as AddBot does. Bots lists them. A call with a known bot's id
	// and another secret is refused.
	AnyToken bool
	// ReadsAllMessages switches the bot's privacy mode off, as BotFather's /setprivacy does:
	// the bot gets all messages of a group. If false, it gets them only as an administrator,
	// which it is unless a user changes that: see [User.SetBot].
	ReadsAllMessages bool
	// Speed is how many seconds of the Server's time pass in one second of real time. With
	// 60, a retry after a minute comes after a second. If zero, 1. Leave it at zero in a
	// synctest bubble.
	Speed float64
	// Listen is the address of the Bot API as host:port. Port 0 is a free port. If empty,
	// 127.0.0.1:0, or a name with InMemory. Other machines must not be able to reach the
	// address, unless Hosts is set.
	Listen string
	// Hosts are names and IP addresses, apart from those of loopback, by which bots call the
	// Server, such as telegram in a network of containers. The Server refuses a request
	// with a Host that is neither one of them nor loopback, because a page in a browser may
	// have sent it. Hosts are in the certificate of TLS.
	Hosts []string
	// TLS serves the Bot API over HTTPS alone, with an authority that the Server makes. See
	// [Server.CA] for how clients trust it.
	TLS bool
	// InMemory makes the Server work without sockets, so that it can run in a synctest
	// bubble together with everything that it talks to. Call it through Client, and let it
	// call you through Webhook or Listen.
	InMemory bool
	// Cloud selects Telegram's rules for the address of a webhook. If true, they are those
	// of the public server: setWebhook refuses URLs without HTTPS, ports other than 443,
	// 80, 88 and 8443, and reserved addresses. Loopback is a reserved address, so Cloud
	// delivers updates only with InMemory.
	//
	// If false, they are those of a local Bot API server, which accepts loopback. Without
	// InMemory the Server refuses all other addresses, so that a test cannot send to a bot
	// in service.
	Cloud bool
	// Files, if set, is a directory in which the Server keeps the files that bots get, as a
	// Bot API server does with --local: getFile returns an absolute path in it, at any size,
	// and the Server serves no files. If it is relative, it is below the working directory.
	Files string
	// Roots are the certificate authorities that the Server trusts when the webhook uses
	// HTTPS and setWebhook uploaded no certificate. If nil, the system's.
	Roots *x509.CertPool
	// Seed decides everything that is random: ids, jitter, and the order by Shuffle. In a
	// synctest bubble the same Seed makes the same run. The exception is goroutines that
	// call at the same instant.
	Seed uint64
	// Shuffle delivers the updates of different queues in random order, as Telegram may. If
	// false, the oldest update comes first. Telegram has a queue for each chat, and others
	// for a user's buttons, inline queries and payments; it delivers the updates of one
	// queue one after the other.
	Shuffle bool
	// Patience is how long Expect, ExpectCall, Press and WaitDelivered wait before they
	// fail the test, in real time. If zero, 10 seconds.
	Patience time.Duration
	// Observe, if set, is called after each attempt to deliver an update to the webhook. It
	// must not block, and must not set or delete the webhook.
	Observe func(Delivery)
	// Warn, if set, gets a line when the bot does something that Telegram punishes or ignores
	// without an error, once for each kind and bot. For a Server by Start it also gets the
	// errors of acts outside of Try. The lines go to the test's log too. If Warn is nil, those
	// of a Server by Start go to package log. Several goroutines may call Warn at once.
	//
	// A bot is warned if it calls getUpdates with the offset of the call before, within 3
	// seconds; if its allowed_updates leave out an update that a user's act makes; and if a
	// method has no parameter of the name that it passes.
	Warn func(text string)
	// AllowRefusedReplies lets the test pass when Telegram refuses or ignores a webhook
	// reply: see RefusedReplies. If false, each such reply fails the test of NewServer at
	// once.
	AllowRefusedReplies bool
}

// Server is a simulated Telegram for one bot; AddBot adds others. It has the methods and the
// kinds of updates of Bot API 10.3. It keeps the chats, their files, and the newest 100,000
// calls. Several goroutines may use it at once.
//
// Without ServerConfig.InMemory it listens on 127.0.0.1, or on ServerConfig.Listen. It
// answers 403 to a request that a page in a browser may have sent: one whose Host is not
// this machine or one of ServerConfig.Hosts, or with a foreign Origin or Sec-Fetch-Site.
type Server struct {
	// URL is the base URL of the Bot API, without a slash at its end. Give it to a bot
	// library in place of https://api.telegram.org.
	URL string
	// Token is the bot's token.
	Token string

	tb testing.TB // fails when an act is impossible; nil for Start
	*bot
}

const (
	defaultUsername = "stand_in_bot"
	defaultPatience = 10 * time.Second
)

// NewServer starts a Server for a test, and closes it when the test ends. It takes at most
// one ServerConfig.
func NewServer(tb testing.TB, cfg ...ServerConfig) *Server {
	tb.Helper()
	if len(cfg) > 1 {
		tb.Fatalf("tghooktest: NewServer: got %d values of ServerConfig; pass at most one", len(cfg))
	}
	s, err := start(append(cfg, ServerConfig{})[0], tb)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if !s.within(s.Close) {
			tb.Errorf("tghooktest: the Server did not close within %v, because a function given to OnCall, OnDelivery or ServerConfig.Observe has not returned", s.cfg.Patience)
		}
		s.witness.leave()
	})
	return s
}

// Start starts a Server without a test, for a program of its own. Close ends it. Let users
// act in a call of [Server.Try], which returns errors.
func Start(cfg ServerConfig) (*Server, error) { return start(cfg, nil) }

// start starts a Server. tb is nil for Start.
func start(cfg ServerConfig, tb testing.TB) (*Server, error) {
	cfg.Username = cmp.Or(cfg.Username, defaultUsername)
	cfg.Patience = cmp.Or(cfg.Patience, defaultPatience)
	if cfg.Speed < 0 {
		return nil, fmt.Errorf("tghooktest: ServerConfig.Speed: %v is negative; set how many times faster than real time the Server is (or 0 for 1)", cfg.Speed)
	}
	if cfg.Files != "" {
		var err error
		if cfg.Files, err = filepath.Abs(cfg.Files); err != nil {
			return nil, fmt.Errorf("tghooktest: ServerConfig.Files: %w", err)
		}
	}
	h := newHost(cfg, tb)
	if err := h.listen(); err != nil {
		return nil, err
	}
	s, err := h.add("ServerConfig", BotConfig{cfg.Token, cfg.Username, cfg.ReadsAllMessages})
	if err != nil {
		_ = h.listener.Close()
		return nil, err
	}
	h.serve()
	return s, nil
}

// Close ends the Server and closes all its connections. Its record of calls and chats stays
// readable. If the Server has several bots, Close of the first one ends them all. Close of
// another one ends that bot, and the Server no longer knows its token.
func (s *Server) Close() {
	if s.first {
		s.shutdown()
		return
	}
	s.bots.remove(s.bot)
	s.stop()
}

// within reports whether f returns within Patience. If not, f keeps running.
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

// Client returns an HTTP client for the Bot API, which works with InMemory too. Give it to
// a bot library, as [tghook.ClientConfig].HTTP for example.
func (s *Server) Client() *http.Client { return &http.Client{Transport: s.transport} }

// Bot returns a client for the Server's bot.
func (s *Server) Bot(tb testing.TB) *tghook.Client {
	tb.Helper()
	bot, err := tghook.NewClient(s.Token, tghook.ClientConfig{BaseURL: s.URL, HTTP: s.Client(), Local: !s.cfg.Cloud, Files: s.cfg.Files})
	if err != nil {
		tb.Fatal(err)
	}
	return bot
}

// Now returns the Server's time, which passes as fast as ServerConfig.Speed says.
func (s *Server) Now() time.Time { return s.clock.Now() }
