package gateway

import (
	"context"
	"crypto/subtle"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/config"
	"github.com/tghook/tghook/cmd/tghook/internal/wire"
)

// bot is a bot that runs. Its configuration never changes: a bot that is configured anew is
// another one.
type bot struct {
	gateway *Gateway
	cfg     *config.Bot
	door    door
	client  *tghook.Client
	log     *slog.Logger
	inlet   *inlet
	hook    *tghook.Webhook // nil if the bot polls
	targets []*target       // first the bot's own URL

	stop  context.CancelFunc
	care  sync.WaitGroup     // of the keeper's work
	quiet chan struct{}      // closed when the bot does not call Telegram any more
	gone  context.Context    // ends when a bot with the same id starts
	back  context.CancelFunc // ends gone

	mu      sync.Mutex
	webhook WebhookStatus
	known   string // the secret that Telegram has, as far as this gateway knows
}

// door has what a bot needs of the rest of the file.
type door struct {
	url            string
	api            string
	local          bool
	sources, proxy []netip.Prefix
	allow          []netip.Prefix // of a bot that was added
}

func doorOf(cfg *config.Bot, file *config.Config) door {
	d := door{url: urlOf(file), api: file.API, local: file.LocalAPI, sources: file.Sources, proxy: file.TrustedProxies}
	if cfg.Added {
		d.allow = append([]netip.Prefix{}, file.Admin.Allow...)
	}
	return d
}

// urlOf returns the url of a file; "" if it has none.
func urlOf(file *config.Config) string {
	if file.URL == nil {
		return ""
	}
	return file.URL.String()
}

// same reports whether the bot runs with this configuration.
func (b *bot) same(cfg *config.Bot, file *config.Config) bool {
	d := doorOf(cfg, file)
	return b.cfg.Name == cfg.Name && b.cfg.Equal(cfg) && b.door.url == d.url && b.door.api == d.api && b.door.local == d.local &&
		slices.Equal(b.door.sources, d.sources) && slices.Equal(b.door.proxy, d.proxy) && slices.Equal(b.door.allow, d.allow)
}

// newBot returns a bot. It starts nothing. before is the bot with the same id that it replaces, or
// nil.
func newBot(g *Gateway, cfg *config.Bot, file *config.Config, before *bot) (*bot, error) {
	b := &bot{gateway: g, cfg: cfg, door: doorOf(cfg, file), quiet: make(chan struct{}), log: g.cfg.Logger, known: cfg.Secret}
	if !g.cfg.File.Log.Contents {
		b.log = slog.New(discreet{b.log.Handler()})
	}
	b.log = b.log.With(slog.String("name", cfg.Name))
	b.gone, b.back = context.WithCancel(context.Background())
	previous := ""
	if before != nil {
		b.known = before.knownSecret()
		if previous = b.known; previous == cfg.Secret {
			previous = before.cfg.Secret // Telegram may have got it after all
		}
	}
	var err error
	if b.client, err = tghook.NewClient(cfg.Token, tghook.ClientConfig{BaseURL: b.door.api, Local: b.door.local}); err != nil {
		return nil, err
	}
	for _, t := range slices.Concat([]config.Target{cfg.To}, cfg.Copies) {
		b.targets = append(b.targets, newTarget(b, t, b.door.allow))
	}
	if b.inlet, err = newInlet(b); err != nil {
		return nil, err
	}
	if cfg.Receive == config.Poll {
		return b, nil
	}
	b.hook, err = tghook.New(b.inlet, tghook.Config{
		Dispatch: b.inlet.dispatch(), Secret: cfg.Secret, PreviousSecret: previous,
		AllowedSources: b.door.sources, TrustedProxies: b.door.proxy,
	})
	return b, err
}

// serveHTTP takes a webhook. One with the bot's secret shows that Telegram has it, also if another
// gateway has set it.
func (b *bot) serveHTTP(w http.ResponseWriter, r *http.Request) {
	if subtle.ConstantTimeCompare([]byte(r.Header.Get(wire.SecretHeader)), []byte(b.cfg.Secret)) == 1 {
		b.telegramHasSecret()
	}
	b.hook.ServeHTTP(w, r)
}

// telegramHasSecret notes that Telegram has the bot's secret.
func (b *bot) telegramHasSecret() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.known = b.cfg.Secret
}

func (b *bot) knownSecret() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.known
}

// address is the URL of the bot's webhook.
func (b *bot) address() string {
	return strings.TrimRight(b.door.url, "/") + "/bots/" + strconv.FormatInt(b.cfg.ID, 10)
}

// start begins to post the bot's updates, unless it is paused, and to receive them if this
// gateway is the keeper. before is the bot with the same id that ends meanwhile, or nil: only one
// of them may call Telegram.
func (b *bot) start(ctx context.Context, paused bool, before *bot) {
	ctx, b.stop = context.WithCancel(ctx)
	b.setPaused(paused)
	if before != nil {
		before.back()
	}
	b.care.Go(func() {
		if before != nil {
			<-before.quiet
		}
		b.gateway.keeper.care(ctx, b)
	})
}

// setPaused stops or resumes what is posted.
func (b *bot) setPaused(paused bool) {
	for _, t := range b.targets {
		t.setPaused(paused)
	}
}

// end stops the bot, and waits for what it has been sent. If the bot was taken out, its webhook is
// deleted.
func (b *bot) end(ctx context.Context, takenOut bool) {
	b.stop()
	var all sync.WaitGroup
	for _, t := range b.targets {
		all.Go(t.end)
	}
	all.Go(func() {
		defer close(b.quiet)
		b.care.Wait()
		if takenOut {
			b.deleteWebhook(ctx)
		}
	})
	if b.hook != nil {
		all.Go(b.closeDoor)
	}
	all.Wait()
}

// closeDoor waits until what comes in is answered.
func (b *bot) closeDoor() {
	ctx, cancel := context.WithTimeout(context.Background(), doorTime)
	defer cancel()
	if err := b.hook.Shutdown(ctx); err != nil {
		b.log.Warn("the webhook ended while updates came in; Telegram sends them again", slog.Any("error", err))
	}
}

// target returns the target with the name.
func (b *bot) target(name string) (*target, error) {
	for _, t := range b.targets {
		if t.cfg.Name == name {
			return t, nil
		}
	}
	return nil, ErrNoBot
}

// status tells of the bot.
func (b *bot) status() BotStatus {
	s := BotStatus{Name: b.cfg.Name, ID: b.cfg.ID, Receive: b.cfg.Receive, Added: b.cfg.Added}
	for _, t := range b.targets {
		s.Targets = append(s.Targets, t.status())
	}
	s.Paused = b.targets[0].isPaused()
	b.mu.Lock()
	defer b.mu.Unlock()
	s.Webhook = b.webhook
	return s
}

// setWebhookStatus changes what the bot tells of Telegram.
func (b *bot) setWebhookStatus(change func(*WebhookStatus)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(&b.webhook)
}
