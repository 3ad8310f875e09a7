// Package gateway passes updates from Telegram on to bots. Each update is in the storage before
// Telegram is answered. From there it is posted to the URL of its bot, in order for each chat,
// until the bot has taken it.
//
// A bot of the configuration is a [bot] here. Its updates come in by a webhook or a poll, and
// pass its [inlet] into the queue. A [target] takes them out again, and posts them to one URL by
// an outlet. Of several gateways on one database the [keeper] sets the webhooks and polls.
package gateway

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"path"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/config"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/outlet"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/storage"
	oteltghook "github.com/tghook/tghook/otel"
)

// Config configures a Gateway.
type Config struct {
	File    *config.Config
	Storage *storage.Storage
	Meter   Meter
	// Library, if set, makes metrics and traces of the handling of updates.
	Library *oteltghook.Telemetry
	Logger  *slog.Logger
}

// Meter counts what happens. Its methods must not block. bot is the name of the bot, and target
// that of a copy, or empty.
type Meter interface {
	// Received counts an arrival of an update.
	Received(bot string, outcome tghook.Outcome)
	// Posted counts a request to the bot. waited is the time since the update arrived.
	Posted(bot, target string, a outlet.Attempt, waited time.Duration)
	// Called counts a call of the Bot API for a webhook reply.
	Called(bot, method string, err error, took time.Duration)
	// DeadLettered counts an update that was given up.
	DeadLettered(bot, target string)
}

const (
	// lookEvery is how often the gateway asks what other gateways have changed.
	lookEvery = time.Second
	// countEach is how often the waiting updates are counted.
	countEach  = 5 * time.Second
	countTime  = 2 * time.Second // how long one count may take
	countPause = 500 * time.Millisecond
	counters   = 4 // counts at a time
	// lease is how long the chats of a gateway that was killed wait, and how long the database
	// may be away before requests under way are cut off.
	lease = 10 * time.Second
	// A target holds at most leastHeld updates in memory, or heldOfEach for each request that
	// may be under way. An update that waits for its next attempt is held too, so hundreds of chats
	// may fail while others go on.
	leastHeld  = 2048
	heldOfEach = 4
)

// Gateway passes updates on. Every method may be called concurrently.
type Gateway struct {
	cfg    Config
	keeper *keeper
	record *recorder
	ends   ends
	routes atomic.Pointer[map[int64]*bot] // by id; nil until Run has begun
	// deleteTime is for how long a webhook is tried to be deleted, and deletePause is the first pause
	// between two attempts.
	deleteTime, deletePause time.Duration
	// endTime is how long Run waits for all at the end.
	endTime time.Duration

	// looking is held while what the storage says is read and taken over.
	looking sync.Mutex
	// changing is held while bots start and end.
	changing sync.Mutex
	file     *config.Config
	added    map[string]addedBot
	leaving  map[int64]*bot // bots that end, by id; the newest of each

	mu     sync.Mutex
	bots   map[string]*bot
	paused map[int64]bool
	ending sync.WaitGroup // of bots
	ctx    context.Context
}

// New returns a Gateway. It starts nothing.
func New(cfg Config) *Gateway {
	g := &Gateway{cfg: cfg, file: cfg.File, ends: newEnds(), deleteTime: deleteTime, deletePause: firstPause, endTime: endTime, bots: map[string]*bot{}, added: map[string]addedBot{}, leaving: map[int64]*bot{}, paused: map[int64]bool{}}
	g.keeper = newKeeper(cfg.Storage, cfg.Logger)
	g.record = newRecorder(cfg.Storage, cfg.File.History)
	return g
}

// ErrNoBot says that there is no bot with the name, or that it has no such target.
var ErrNoBot = errors.New("there is no such bot")

// Run passes updates on until ctx ends. Then it waits for what the bots have been sent, and
// returns within five seconds. The other updates stay in the storage. If the storage does not
// answer at first, Run waits until it does.
func (g *Gateway) Run(ctx context.Context) {
	g.firstLook(ctx) // before bots start: some may be paused
	g.mu.Lock()
	g.ctx = ctx
	g.mu.Unlock()
	g.change(func() {})
	var running sync.WaitGroup
	running.Go(func() { g.keeper.run(ctx) })
	running.Go(func() { g.follow(ctx) })
	running.Go(func() { g.count(ctx) })
	running.Go(func() { g.tidy(ctx) })
	<-ctx.Done()
	g.ends.begin()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		g.changing.Lock() // no bot starts any more
		for _, b := range g.all() {
			g.ending.Go(func() { b.end(ctx, false) })
		}
		g.changing.Unlock()
		g.ending.Wait()
		running.Wait()
		g.keeper.yield()
	}()
	select {
	case <-ended:
	case <-time.After(g.endTime):
		g.cfg.Logger.Warn("the end has taken too long; what is not finished goes on after the next start")
	}
}

// firstLook looks at the storage until it answers, or until ctx ends.
func (g *Gateway) firstLook(ctx context.Context) {
	for told := false; ; told = true {
		err := g.look(ctx)
		if err == nil || ctx.Err() != nil {
			return
		}
		if !told {
			g.cfg.Logger.Warn("the storage does not answer; no bot has started yet", slog.Any("error", err))
		}
		if !sleep(ctx, lookEvery) {
			return
		}
	}
}

// Apply takes over another configuration. Only bots that differ are started anew. It returns the
// names of fields that have changed and that only a restart takes over.
func (g *Gateway) Apply(file *config.Config) (later []string) {
	g.change(func() {
		g.file = g.untilRestart(file)
		later = restarts(g.cfg.File, file)
		if urlOf(g.file) != urlOf(file) {
			later = append([]string{"url"}, later...)
		}
		for name, b := range g.added { // they depend on the file
			g.added[name] = g.open(storage.Added{Name: name, Sealed: b.sealed})
		}
	})
	return later
}

// untilRestart returns another configuration as it holds until the next start. What listens for
// webhooks was decided at the last one, so url stays as it is if it is new or taken out, or if it may
// be that of another address. g.changing is held.
func (g *Gateway) untilRestart(file *config.Config) *config.Config {
	kept := *file
	switch {
	case (g.file.URL == nil) != (file.URL == nil):
		kept.URL, kept.Bots = g.file.URL, g.asBefore(file.Bots)
	case g.cfg.File.Listen != file.Listen || g.cfg.File.TLS != file.TLS:
		kept.URL = g.file.URL
	}
	return &kept
}

// asBefore returns bots so that each one receives as it does now. New ones poll.
func (g *Gateway) asBefore(bots []*config.Bot) (same []*config.Bot) {
	before := map[int64]config.Receive{}
	for _, b := range g.file.Bots {
		before[b.ID] = b.Receive
	}
	for _, b := range bots {
		one := *b
		one.Receive = cmp.Or(before[b.ID], config.Poll)
		same = append(same, &one)
	}
	return same
}

// restarts returns the fields that differ and that only a restart takes over, but for url.
func restarts(old, now *config.Config) (names []string) {
	for _, f := range []struct {
		name string
		same bool
	}{
		{"listen", old.Listen == now.Listen},
		{"tls", old.TLS == now.TLS},
		{"storage", old.Storage == now.Storage},
		{"history", old.History == now.History},
		{"status", old.Status == now.Status},
		{"admin", old.Admin.Listen == now.Admin.Listen && old.Admin.Token == now.Admin.Token && slices.Equal(old.Admin.Key, now.Admin.Key)},
		{"page", old.Page.Listen == now.Page.Listen && old.Page.Password == now.Page.Password && old.Page.Header == now.Page.Header && slices.Equal(old.Page.Proxies, now.Page.Proxies)},
		{"log", old.Log == now.Log},
	} {
		if !f.same {
			names = append(names, f.name)
		}
	}
	return names
}

// change calls f, and then starts and ends bots until they are those of the file and of the admin
// API.
func (g *Gateway) change(f func()) {
	g.changing.Lock()
	defer g.changing.Unlock()
	f()
	g.mu.Lock()
	ctx := g.ctx
	g.mu.Unlock()
	if ctx == nil || ctx.Err() != nil { // not yet, or not any more
		return
	}
	wanted := g.wanted()
	running := map[int64]*bot{}
	for _, b := range g.all() {
		running[b.cfg.ID] = b
	}
	bots, routes := map[string]*bot{}, map[int64]*bot{}
	for name, w := range wanted {
		b := running[w.ID]
		if b == nil || !b.same(w, g.file) {
			b = g.begin(ctx, w, cmp.Or(b, g.leaving[w.ID]))
		}
		if b != nil {
			bots[name], routes[w.ID] = b, b
		}
	}
	g.mu.Lock()
	g.bots = bots
	g.mu.Unlock()
	g.routes.Store(&routes)
	for id, b := range running {
		if routes[id] != b {
			g.leave(ctx, b, routes[id] == nil)
		}
	}
}

// begin starts a bot. before has the same id and ends, or is nil. g.changing is held.
func (g *Gateway) begin(ctx context.Context, cfg *config.Bot, before *bot) *bot {
	b, err := newBot(g, cfg, g.file, before)
	if err != nil { // the configuration was checked
		g.cfg.Logger.Error("a bot cannot start", slog.String("bot", cfg.Name), slog.Any("error", err))
		return nil
	}
	g.mu.Lock()
	paused := g.paused[cfg.ID]
	g.mu.Unlock()
	b.start(ctx, paused, before)
	return b
}

// leave ends a bot. g.changing is held.
func (g *Gateway) leave(ctx context.Context, b *bot, takenOut bool) {
	g.leaving[b.cfg.ID] = b
	g.ending.Go(func() {
		b.end(ctx, takenOut)
		g.changing.Lock()
		defer g.changing.Unlock()
		if g.leaving[b.cfg.ID] == b {
			delete(g.leaving, b.cfg.ID)
		}
	})
}

// wanted returns the bots that should run. g.changing is held.
func (g *Gateway) wanted() map[string]*config.Bot {
	bots, ids := map[string]*config.Bot{}, map[int64]string{}
	for _, b := range g.file.Bots {
		bots[b.Name], ids[b.ID] = b, b.Name
	}
	for _, name := range slices.Sorted(maps.Keys(g.added)) {
		b := g.added[name].bot
		switch {
		case b == nil: // it cannot be read, and that was logged
		case bots[name] != nil || ids[b.ID] != "":
			g.cfg.Logger.Warn("a bot of the admin API is left out, because the file has a bot with its name or token", slog.String("bot", name))
		default:
			bots[name], ids[b.ID] = b, name
		}
	}
	return bots
}

// follow takes over what other gateways have changed, until ctx ends.
func (g *Gateway) follow(ctx context.Context) {
	failing := false
	every(ctx, lookEvery, func() {
		err := g.look(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			g.cfg.Logger.Warn("the storage does not answer; bots go on as they are", slog.Any("error", err))
		}
		failing = err != nil
	})
}

// every calls f again and again until ctx ends.
func every(ctx context.Context, d time.Duration, f func()) {
	tick := time.NewTicker(d)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			f()
		}
	}
}

// look asks the storage which bots are paused, and which were added.
func (g *Gateway) look(ctx context.Context) error {
	g.looking.Lock()
	defer g.looking.Unlock()
	asking, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	paused, err := g.cfg.Storage.Paused(asking)
	if err != nil {
		return err
	}
	added, err := g.cfg.Storage.Bots(asking)
	if err != nil {
		return err
	}
	g.mu.Lock()
	g.paused = paused
	for _, b := range g.bots {
		b.setPaused(paused[b.cfg.ID])
	}
	g.mu.Unlock()
	g.takeAdded(added)
	return nil
}

// count counts what waits, until ctx ends.
func (g *Gateway) count(ctx context.Context) {
	for {
		var counting errgroup.Group
		counting.SetLimit(counters)
		for _, b := range g.all() {
			for _, t := range b.targets {
				counting.Go(func() error {
					t.backlog.count(ctx)
					return nil
				})
			}
		}
		_ = counting.Wait()
		if !sleep(ctx, countEach) {
			return
		}
	}
}

// all returns the bots in the order of their names.
func (g *Gateway) all() []*bot {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.SortedFunc(maps.Values(g.bots), func(a, b *bot) int { return cmp.Compare(a.cfg.Name, b.cfg.Name) })
}

// find returns the bot with the name.
func (g *Gateway) find(name string) (*bot, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if b := g.bots[name]; b != nil {
		return b, nil
	}
	return nil, ErrNoBot
}

// ServeHTTP takes the webhooks of all bots. The path of a bot ends in /bots/ and its id.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	routes := g.routes.Load()
	if routes == nil {
		w.Header().Set("Retry-After", "2")
		http.Error(w, "The gateway is starting.", http.StatusServiceUnavailable)
		return
	}
	dir, last := path.Split(r.URL.Path)
	id, err := strconv.ParseInt(last, 10, 64)
	if err == nil && path.Base(dir) == "bots" {
		if b := (*routes)[id]; b != nil && b.hook != nil {
			b.serveHTTP(w, r)
			return
		}
	}
	http.Error(w, "There is no webhook here.", http.StatusNotFound)
}

// Ready returns why the gateway is not ready to take updates; nil if it is.
func (g *Gateway) Ready(ctx context.Context) error {
	g.mu.Lock()
	running := g.ctx
	g.mu.Unlock()
	switch {
	case running == nil:
		return errors.New("the gateway is starting")
	case running.Err() != nil:
		return errors.New("the gateway is ending")
	}
	return g.cfg.Storage.Check(ctx)
}

// Bots tells of all bots, in the order of their names.
func (g *Gateway) Bots() []BotStatus {
	bots := g.all()
	all := make([]BotStatus, len(bots))
	for i, b := range bots {
		all[i] = b.status()
	}
	return all
}

// Bot tells of the bot with the name.
func (g *Gateway) Bot(name string) (BotStatus, error) {
	b, err := g.find(name)
	if err != nil {
		return BotStatus{}, err
	}
	return b.status(), nil
}

// SetPaused pauses a bot, or resumes it. The updates of a paused bot are kept and not posted. It
// holds for all gateways and over restarts.
func (g *Gateway) SetPaused(ctx context.Context, name string, paused bool) error {
	b, err := g.find(name)
	if err != nil {
		return err
	}
	if err := g.cfg.Storage.SetPaused(ctx, b.cfg.ID, paused); err != nil {
		return err
	}
	return g.look(ctx)
}
