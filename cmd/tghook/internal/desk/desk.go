// Package desk runs the simulated Telegram of tghook dev: the Bot API of tghooktest, a control
// API by which users act and tests look on, and a page.
//
// openapi.json describes the control API. Events, rows of the inspector, updates and faults
// are kept in bounded numbers and bytes: see the constants of feed, journal and faults.
package desk

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tghook/tghook/cmd/tghook/internal/child"
	"github.com/tghook/tghook/cmd/tghook/internal/state"
	"github.com/tghook/tghook/tghooktest"
)

// Config configures a Desk. The zero value of each field is its default.
type Config struct {
	// Listen is the address of all that the Desk serves, as host:port. If empty,
	// 127.0.0.1:8081. Port 0 is a free port.
	Listen string
	// Hosts are names by which bots and browsers call the Desk. Names of loopback need not be here.
	Hosts []string
	// WebhookHosts are names of other machines that webhooks may be on.
	WebhookHosts []string
	// TLS serves HTTPS alone, with an authority that the Desk makes.
	TLS bool
	// Speed is how many seconds of the Desk's time pass in a second. If zero, 1.
	Speed float64
	// Seed decides everything that is random.
	Seed uint64
	// Page serves the paths that are neither the Bot API's nor the control API's. If nil,
	// they are not found.
	Page http.Handler
	// Command starts the bot, and Webhook is the URL or path to which it gets its updates, if
	// the user has named them. Exported tests do the same.
	Command []string
	Webhook string
	// Version is the version of tghook that the state tells.
	Version string
	// State is a file that keeps all that is on the Desk. The Desk goes on from what it has.
	// Close it after the Desk. If nil, nothing is kept.
	State *state.File
	// Child is the process of a bot, which does not run yet; nil if there is none. The Desk
	// shows it, and lets users start it again.
	Child *child.Child
	// Log, if set, gets a line for each warning. It must not block.
	Log func(text string)
	// Execute, if set, executes the webhook replies of the bot with the id in place of the
	// Desk, as tghook forward lets Telegram do. If it returns the zero CallFault, the Desk
	// executes the reply. A fault of the Desk comes before it.
	Execute func(bot int64, call tghooktest.Call) tghooktest.CallFault
}

// Desk is a running Telegram for bots and the people who act in it. Several goroutines may use
// it at once.
type Desk struct {
	cfg     Config
	started string // differs at each start
	tg      *tghooktest.Server
	people  *people
	mask    mask
	feed    *feed
	journal *journal
	bots    *bots
	acts    acts
	outages outages

	checkouts checkouts
	inlines   inlines

	api http.Handler

	ready   chan struct{} // closed when tg is set
	ctx     context.Context
	end     context.CancelFunc
	ended   <-chan struct{} // of ctx
	running sync.WaitGroup
	unwatch func()
}

const usualAddress = "127.0.0.1:8081"

// Start starts a Desk. Close ends it. If it cannot listen on the address, the error wraps a
// *net.OpError.
func Start(cfg Config) (*Desk, error) {
	now := time.Now()
	d := &Desk{cfg: cfg, started: strconv.FormatInt(now.UnixMilli(), 36), ready: make(chan struct{})}
	d.ctx, d.end = context.WithCancel(context.Background())
	d.ended = d.ctx.Done()
	d.feed, d.journal = newFeed(now, &d.mask), newJournal(d.started)
	d.bots, d.api = &bots{}, d.handler()
	var err error
	if d.people, err = newPeople(cfg.Seed, cfg.State); err != nil {
		d.end()
		return nil, err
	}
	tg, err := tghooktest.Start(tghooktest.ServerConfig{
		State: d.kept(),
		OnBot: func(s *tghooktest.Server) { d.bots.meet(d, s) }, Patience: time.Nanosecond, // an act is possible now, or it fails
		NoBot: true, AnyToken: true, Record: true, AllowRefusedReplies: true, Listen: cmp.Or(cfg.Listen, usualAddress), Hosts: cfg.Hosts,
		FirstUpdateID: firstUpdate(now), WebhookHosts: cfg.WebhookHosts, TLS: cfg.TLS, Speed: cfg.Speed, Seed: cfg.Seed, Rest: http.HandlerFunc(d.serve),
		Warn: func(string) {}, // Watch tells of warnings
	})
	if err != nil {
		d.end()
		return nil, listenError(cmp.Or(cfg.Listen, usualAddress), err)
	}
	d.tg = tg
	d.unwatch = tg.Watch(d.observe)
	d.observeChild(cfg.Child)
	if cfg.State != nil {
		cfg.State.Keep(tg, func(err error) {
			if err != nil {
				d.warn(err.Error())
			}
		})
	}
	close(d.ready)
	return d, nil
}

// kept returns the records of the Server in the file; nil without a file.
func (d *Desk) kept() iter.Seq2[string, []byte] {
	if d.cfg.State == nil {
		return nil
	}
	return d.cfg.State.Records()
}

// firstUpdate returns the id of the first update of each bot. It grows by 1,000 in a tenth of a
// second, so that the offset of a bot that goes on polling after a restart confirms nothing new.
// After 28 hours it begins at 1 again. An old offset is far above that, and confirms nothing either.
func firstUpdate(now time.Time) int64 {
	const each, most = 1000, 1_000_000_000
	return now.UnixMilli()/100*each%most + 1
}

// listenError adds advice to an error of the listener, in the words of the Desk.
func listenError(addr string, err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return &addressError{addr, op}
	}
	return err
}

// addressError is the error of an address that cannot be listened on.
type addressError struct {
	addr string
	err  *net.OpError
}

func (e *addressError) Error() string { return "cannot listen on " + e.addr + ": " + e.err.Err.Error() }

func (e *addressError) Unwrap() error { return e.err }

// URL is the base URL of all that the Desk serves, without a slash at its end.
func (d *Desk) URL() string { return d.tg.URL }

// CA returns the certificate of the authority of Config.TLS, in PEM; nil without TLS.
func (d *Desk) CA() []byte { return d.tg.CA() }

// AddBot adds a bot, such as one whose updates come from elsewhere, by [tghooktest.Server.Deliver].
func (d *Desk) AddBot(cfg tghooktest.BotConfig) (*tghooktest.Server, error) { return d.tg.AddBot(cfg) }

// Close ends the Desk and all its connections.
func (d *Desk) Close() {
	d.end()
	d.tg.Close()
	d.running.Wait()
}

// warn tells of something that the user should know.
func (d *Desk) warn(text string) {
	d.publish(Event{Kind: "warning", Text: text})
	if d.cfg.Log != nil {
		d.cfg.Log(text)
	}
}

// publish tells of an event.
func (d *Desk) publish(e Event) Event {
	if e.At.IsZero() {
		e.At = d.tg.Now()
	}
	return d.feed.publish(e)
}

// serve serves the control API and the page.
func (d *Desk) serve(w http.ResponseWriter, r *http.Request) {
	select {
	case <-d.ready:
	case <-r.Context().Done():
		return
	}
	switch {
	case r.URL.Path == "/api" || strings.HasPrefix(r.URL.Path, "/api/"):
		d.api.ServeHTTP(w, r)
	case d.cfg.Page != nil:
		d.cfg.Page.ServeHTTP(w, r)
	default:
		http.NotFound(w, r)
	}
}

// sleepUntil waits until the Desk's time. It reports whether that came before ctx ended.
func (d *Desk) sleepUntil(ctx context.Context, until time.Time) bool {
	const look = 20 * time.Millisecond // the speed may change at any time
	tick := time.NewTicker(look)
	defer tick.Stop()
	for d.tg.Now().Before(until) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
	}
	return true
}
