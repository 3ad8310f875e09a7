package dev

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/child"
)

// silence is how long a bot that listens may take to ask for updates.
const silence = 3 * time.Second

// webhook is where the bot gets its updates.
type webhook struct {
	client *tghook.Client
	target string // a URL, or a path alone
	secret string
}

func (w *webhook) needsPort() bool { return strings.HasPrefix(w.target, "/") }

// at returns the URL, on a port if the target is a path.
func (w *webhook) at(port int) string {
	if w.needsPort() {
		return fmt.Sprintf("http://127.0.0.1:%d%s", port, w.target)
	}
	return w.target
}

func (w *webhook) set(ctx context.Context, port int) error {
	err := w.client.SetWebhook(ctx, tghook.WebhookRequest{URL: w.at(port), SecretToken: w.secret, InsecureNoSecret: w.secret == ""})
	if err != nil {
		return &MistakeError{"--webhook", strings.TrimPrefix(err.Error(), "tghook: ")}
	}
	return nil
}

// checkWebhook finds what is wrong with the flag before anything starts.
func checkWebhook(cfg Config) error {
	switch {
	case cfg.Webhook == "":
		return nil
	case strings.HasPrefix(cfg.Webhook, "/"):
		if len(cfg.Command) == 0 {
			return &MistakeError{"--webhook", "a path alone needs the command that starts the bot, after --; or give the whole URL, such as http://127.0.0.1:3000" + cfg.Webhook}
		}
		return nil
	}
	u, err := url.Parse(cfg.Webhook)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return &MistakeError{"--webhook", "no URL of a server; give one such as http://127.0.0.1:3000/telegram, or, with a command, its path"}
	}
	return nil
}

// ports passes on the newest ports of a bot's process to one who waits for them.
type ports struct {
	mu      sync.Mutex
	newest  []int
	changed chan struct{}
}

func newPorts() *ports { return &ports{changed: make(chan struct{}, 1)} }

func (p *ports) observe(s child.State) {
	p.mu.Lock()
	changed := !slices.Equal(p.newest, s.Ports)
	p.newest = s.Ports
	p.mu.Unlock()
	if !changed {
		return
	}
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// one returns the port that is most likely the webhook's: the value of PORT, else
// the lowest. It returns 0 if there is none.
func (p *ports) one() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if port, err := strconv.Atoi(os.Getenv("PORT")); err == nil && slices.Contains(p.newest, port) {
		return port
	}
	if len(p.newest) == 0 {
		return 0
	}
	return p.newest[0]
}

// follow sets the webhook on the port that the bot has opened, each time that it opens
// another. Without --webhook it says once what can be done.
func (s *Session) follow(ctx context.Context, p *ports) {
	set, told := 0, false
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.changed:
		}
		port := p.one()
		switch {
		case port == 0 || port == set:
		case s.webhook != nil && s.webhook.needsPort():
			if err := s.webhook.set(ctx, port); err != nil {
				s.say(err.Error())
				continue
			}
			set = port
			s.say("the bot listens on port " + strconv.Itoa(port) + ". Its updates go to " + s.webhook.at(port))
		case s.webhook == nil && !told:
			told = s.hint(ctx, port)
		}
	}
}

// hint says how a bot gets updates by webhook, if it listens and has not asked for any.
func (s *Session) hint(ctx context.Context, port int) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(silence):
	}
	asked, err := s.anyBotAsked(ctx)
	if err != nil || asked {
		return asked
	}
	s.say(fmt.Sprintf("the bot listens on port %d, but has neither polled nor called setWebhook. If it is a webhook, add its path: --webhook /PATH", port))
	return true
}
