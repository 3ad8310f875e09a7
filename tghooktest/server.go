package tghooktest

import (
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"iter"
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
	// NoBot starts the Server without a bot of its own, for AnyToken and AddBot. What
	// NewServer or Start returns then stands for the Server as a whole: its Token is empty,
	// and only Bots, AddBot, Watch, Advance, SetSpeed, Now, Client and Close make sense.
	NoBot bool
	// OnBot, if set, is called with each bot that is added, before the call of the bot or of
	// AddBot that adds it goes on. A bot of State comes twice: at the start with an empty
	// Token, and when its token is known. It must not add a bot.
	OnBot func(bot *Server)
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
	// Rest, if set, gets the requests whose paths begin with neither /bot nor /file/bot, such
	// as those for a page that shows the chats. If nil, the Server answers them with 404.
	//
	// As with the Bot API, pages of other sites cannot reach Rest: see Server. But a browser
	// that goes to an address in Rest, because the user has typed it or has followed a link,
	// gets there. So Rest must change nothing when it answers GET and HEAD.
	Rest http.Handler
	// WebhookHosts are names and IP addresses, apart from those of loopback, to which the
	// Server delivers updates, such as bot in a network of containers. It delivers to
	// no others, unless Cloud or InMemory is set.
	WebhookHosts []string
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
	// State, if set, yields a state: all records that Save of earlier Servers has passed on,
	// in any order, without those that were deleted. The Server goes on from there. If it yields
	// nothing, the Server begins anew. Start reads it once, and may keep the values, which must
	// not change.
	//
	// The Seed is that of the state. The time goes on from now, or from the time of the state
	// if that is later. Deliveries to the webhooks begin at once. Token must be one that the
	// bot had. A state has no tokens: it knows them when it sees them. The Token of
	// a Server that Bots returns is empty until a call, or AddBot, tells the bot's token. If a
	// webhook's URL has the token in it, deliveries begin then.
	//
	// State cannot be used together with Files.
	State iter.Seq2[string, []byte]
	// Roots are the certificate authorities that the Server trusts when the webhook uses
	// HTTPS and setWebhook uploaded no certificate. If nil, the system's.
	Roots *x509.CertPool
	// Seed decides everything that is random: ids, jitter, and the order by Shuffle. In a
	// synctest bubble the same Seed makes the same run. The exception is goroutines that
	// call at the same instant.
	Seed uint64
	// FirstUpdateID is the id of the first update of each bot, from 1 to 1,000,000,000. If zero,
	// it follows from Seed. A program that starts again for the same bots takes a higher one
	// each time, for example from the time: a bot that polls passes the offset of the run
	// before, and would confirm updates that it has not seen.
	FirstUpdateID int64
	// Shuffle delivers the updates of different queues in random order, as Telegram may. If
	// false, the oldest update comes first. Telegram has a queue for each chat, and others
	// for a user's buttons, inline queries and payments; it delivers the updates of one
	// queue one after the other.
	Shuffle bool
	// Patience is how long Expect, ExpectCall, Press and WaitDelivered wait before they
	// fail the test, in real time. If zero, 10 seconds. With a nanosecond they do not wait: a
	// program that has ids and no test looks once, and waits with Press.Answer and the like.
	Patience time.Duration
	// Record keeps the HTTP requests and answers of calls and deliveries, for Call.HTTP and
	// Delivery.HTTP. Of each body it keeps 1 MiB. If false, it keeps none.
	Record bool
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

	maxFirstUpdateID = 1_000_000_000
)

// listeningPatience is defaultPatience without ServerConfig.InMemory. The tests of this package make
// it longer.
var listeningPatience = defaultPatience

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
func start(cfg ServerConfig, tb testing.TB) (_ *Server, err error) {
	cfg.Username = cmp.Or(cfg.Username, defaultUsername)
	if !cfg.InMemory {
		cfg.Patience = cmp.Or(cfg.Patience, listeningPatience)
	}
	cfg.Patience = cmp.Or(cfg.Patience, defaultPatience)
	if cfg.Speed < 0 {
		return nil, fmt.Errorf("tghooktest: ServerConfig.Speed: %v is negative; set how many times faster than real time the Server is (or 0 for 1)", cfg.Speed)
	}
	if cfg.FirstUpdateID < 0 || cfg.FirstUpdateID > maxFirstUpdateID {
		return nil, fmt.Errorf("tghooktest: ServerConfig.FirstUpdateID: %d is not from 1 to %d; set such an id (or leave it 0)", cfg.FirstUpdateID, maxFirstUpdateID)
	}
	if cfg.NoBot && cfg.Token != "" {
		return nil, errors.New("tghooktest: ServerConfig.NoBot: Token is set too; set one of them")
	}
	if cfg.Files != "" {
		if cfg.Files, err = filepath.Abs(cfg.Files); err != nil {
			return nil, fmt.Errorf("tghooktest: ServerConfig.Files: %w", err)
		}
	}
	h := newHost(cfg, tb)
	if err := h.loadState(); err != nil {
		return nil, err
	}
	if err := h.listen(); err != nil {
		return nil, err
	}
	var s *Server
	if cfg.NoBot {
		s = h.none()
	} else {
		s, err = h.add("ServerConfig", BotConfig{cfg.Token, cfg.Username, cfg.ReadsAllMessages})
	}
	if err == nil {
		err = h.restoreBots()
	}
	if err != nil {
		_ = h.listener.Close()
		return nil, err
	}
	h.serve()
	h.resumeBots()
	return s, nil
}

// Close ends the Server and closes all its connections. Its record of calls and chats stays
// readable. If the Server has several bots, Close of the first one ends them all. Close of
// another one ends that bot, and the Server no longer knows its token.
func (s *Server) Close() {
	if s.first {
		s.shutdown()
		s.end()
		return
	}
	s.bots.remove(s.bot)
	s.stop()
	s.note(Event{Kind: EventBotGone})
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
