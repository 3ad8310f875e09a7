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

// The whole end takes less than ten seconds, after which many platforms kill a process.
const (
	// postTime is how long bots may take at the end to answer what was posted.
	postTime = 4 * time.Second
	// replyTime is how long their webhook replies may take after that.
	replyTime = 2 * time.Second
	// doorTime is how long a webhook may take at the end to answer what came in.
	doorTime = 3 * time.Second
)

const (
	// lookEvery is how often the gateway asks what other gateways have changed.
	lookEvery = time.Second
	// countEach is how often the waiting updates are counted.
	countEach = 5 * time.Second
	// lease is how long the chats of a gateway that was killed wait, and how long the database
	// may be away before requests under way are cut off.
	lease = 10 * time.Second
	// A target holds at most leastHeld updates in memory, or heldOfEach for each request that
	// may be under way.
	leastHeld  = 256
	heldOfEach = 4
)

// Gateway passes updates on. Every method may be called concurrently.
type Gateway struct {
	cfg    Config
	keeper *keeper
	record *recorder
	routes atomic.Pointer[map[int64]*bot] // by id

	// changing is held while bots start and end.
	changing sync.Mutex
	file     *config.Config
	added    map[string]addedBot

	mu     sync.Mutex
	bots   map[string]*bot
	paused map[int64]bool
	ending sync.WaitGroup // of bots
	ctx    context.Context
}

// New returns a Gateway. It starts nothing.
func New(cfg Config) *Gateway {
	g := &Gateway{cfg: cfg, file: cfg.File, bots: map[string]*bot{}, added: map[string]addedBot{}, paused: map[int64]bool{}}
	g.keeper = newKeeper(cfg.Storage, cfg.Logger)
	g.record = newRecorder(cfg.Storage, cfg.File.History)
	g.routes.Store(&map[int64]*bot{})
	return g
}

// ErrNoBot says that there is no bot with the name, or that it has no such target.
var ErrNoBot = errors.New("there is no such bot")

// Run passes updates on until ctx ends. Then it waits for what the bots have been sent, and
// returns within ten seconds. The other updates stay in the storage. If the storage does not
// answer at first, Run returns an error.
func (g *Gateway) Run(ctx context.Context) error {
	g.mu.Lock()
	g.ctx = ctx
	g.mu.Unlock()
	if err := g.look(ctx); err != nil {
		return err
	}
	g.change(func() {})
	var running sync.WaitGroup
	running.Go(func() { g.keeper.run(ctx) })
	running.Go(func() { g.follow(ctx) })
	running.Go(func() { g.count(ctx) })
	running.Go(func() { g.tidy(ctx) })
	<-ctx.Done()
	g.changing.Lock() // no bot starts any more
	g.mu.Lock()
	bots := slices.Collect(maps.Values(g.bots))
	g.mu.Unlock()
	for _, b := range bots {
		g.ending.Go(b.end)
	}
	g.changing.Unlock()
	g.ending.Wait()
	running.Wait()
	g.keeper.yield()
	return nil
}

// Apply takes over another configuration. Only bots that differ are started anew. It returns the
// names of fields that have changed and that only a restart takes over.
func (g *Gateway) Apply(file *config.Config) (later []string) {
	g.change(func() {
		later = restarts(g.cfg.File, file)
		g.file = file
	})
	return later
}

// restarts returns the fields that differ and that only a restart takes over.
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
	g.mu.Lock()
	var gone []*bot
	changed := map[string]*bot{}
	for name, b := range g.bots {
		if w := wanted[name]; w == nil || w.ID != b.cfg.ID {
			gone = append(gone, b)
			delete(g.bots, name)
		} else if !b.same(w, g.file) {
			changed[name] = b
			delete(g.bots, name)
		}
	}
	for name, w := range wanted {
		if g.bots[name] != nil {
			continue
		}
		b, err := newBot(g, w, g.file)
		if err != nil { // the configuration was checked
			g.cfg.Logger.Error("a bot cannot start", slog.String("bot", name), slog.Any("error", err))
			continue
		}
		b.start(ctx, g.paused[w.ID], changed[name])
		g.bots[name] = b
	}
	routes := map[int64]*bot{}
	for _, b := range g.bots {
		routes[b.cfg.ID] = b
	}
	g.mu.Unlock()
	g.routes.Store(&routes)
	for _, b := range slices.AppendSeq(gone, maps.Values(changed)) {
		g.ending.Go(b.end)
	}
	for _, b := range gone {
		g.ending.Go(func() { b.deleteWebhook(ctx) })
	}
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
		for _, b := range g.all() {
			for _, t := range b.targets {
				t.count(ctx)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(countEach):
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
	dir, last := path.Split(r.URL.Path)
	id, err := strconv.ParseInt(last, 10, 64)
	if err == nil && path.Base(dir) == "bots" {
		if b := (*g.routes.Load())[id]; b != nil && b.hook != nil {
			b.hook.ServeHTTP(w, r)
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
