package gateway

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"strconv"
	"sync"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/config"
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

	stop context.CancelFunc
	care sync.WaitGroup // of the keeper's work

	mu      sync.Mutex
	webhook WebhookStatus
}

// door has what a bot's webhook needs of the rest of the file.
type door struct {
	url            string
	api            string
	local          bool
	sources, proxy []netip.Prefix
}

func doorOf(file *config.Config) door {
	d := door{api: file.API, local: file.LocalAPI, sources: file.Sources, proxy: file.TrustedProxies}
	if file.URL != nil {
		d.url = file.URL.String()
	}
	return d
}

// same reports whether the bot runs with this configuration.
func (b *bot) same(cfg *config.Bot, file *config.Config) bool {
	d := doorOf(file)
	return b.cfg.Equal(cfg) && b.door.url == d.url && b.door.api == d.api && b.door.local == d.local &&
		slices.Equal(b.door.sources, d.sources) && slices.Equal(b.door.proxy, d.proxy)
}

// newBot returns a bot. It starts nothing.
func newBot(g *Gateway, cfg *config.Bot, file *config.Config) (*bot, error) {
	b := &bot{gateway: g, cfg: cfg, door: doorOf(file), log: g.cfg.Logger.With(slog.String("name", cfg.Name))}
	var err error
	if b.client, err = tghook.NewClient(cfg.Token, tghook.ClientConfig{BaseURL: b.door.api, Local: b.door.local}); err != nil {
		return nil, err
	}
	allow := []netip.Prefix(nil)
	if cfg.Added {
		allow = append([]netip.Prefix{}, file.Admin.Allow...)
	}
	for _, t := range slices.Concat([]config.Target{cfg.To}, cfg.Copies) {
		b.targets = append(b.targets, newTarget(b, t, allow))
	}
	if b.inlet, err = newInlet(b); err != nil {
		return nil, err
	}
	if cfg.Receive == config.Poll {
		return b, nil
	}
	b.hook, err = tghook.New(b.inlet, tghook.Config{
		Dispatch: b.inlet.dispatch(), Secret: cfg.Secret, AllowedSources: b.door.sources, TrustedProxies: b.door.proxy,
	})
	return b, err
}

// address is the URL of the bot's webhook.
func (b *bot) address() string {
	return b.gateway.webhookAddress(b.door.url, b.cfg.ID)
}

func (g *Gateway) webhookAddress(base string, id int64) string {
	for len(base) > 0 && base[len(base)-1] == '/' {
		base = base[:len(base)-1]
	}
	return base + "/bots/" + strconv.FormatInt(id, 10)
}

// start begins to post the bot's updates, unless it is paused, and to receive them if this
// gateway is the keeper. before is the bot with another configuration, or nil. It ends meanwhile:
// only one may poll.
func (b *bot) start(ctx context.Context, paused bool, before *bot) {
	ctx, b.stop = context.WithCancel(ctx)
	b.setPaused(paused)
	b.care.Go(func() {
		if before != nil {
			before.care.Wait()
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

// end stops the bot. It waits for what the bot has been sent.
func (b *bot) end() {
	b.stop()
	var all sync.WaitGroup
	for _, t := range b.targets {
		all.Go(t.end)
	}
	all.Go(b.care.Wait)
	if b.hook != nil {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), doorTime)
			defer cancel()
			if err := b.hook.Shutdown(ctx); err != nil {
				b.log.Warn("the webhook ended while updates came in; Telegram sends them again", slog.Any("error", err))
			}
		})
	}
	all.Wait()
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
