package tghooktest

import (
	"time"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// webhook is the webhook that is set. The zero webhook means none.
type webhook struct {
	number         int // counts the webhooks that were set
	url            string
	custom         bool // a certificate was uploaded
	certificate    []byte
	maxConnections int
	secret         string
	pinned         bool   // the call gave ip_address
	ip             string // empty until it is resolved
	addr           string // host:port to connect to
	failed         time.Time
	lastError      string // empty if there was none since it was set
}

// hookOf returns the webhook that a call of setWebhook or deleteWebhook asks for.
func (s *Server) hookOf(p botapi.Params) webhook {
	h := webhook{url: p.String("url")}
	if h.url == "" || p.Method == "deleteWebhook" {
		return webhook{}
	}
	usual, most := 100, 100_000
	if s.cfg.Cloud {
		usual, most = 40, 100
	}
	h.maxConnections = integer(p, "max_connections", usual, 1, most)
	h.secret, h.ip = p.String("secret_token"), p.String("ip_address")
	h.pinned = h.ip != ""
	certificate, custom := p.File("certificate")
	h.custom, h.certificate = custom, certificate.Content
	return h
}

// repeats reports whether Telegram takes h for the webhook that is set.
func (h *webhook) repeats(set *webhook) bool {
	return h.url == set.url && !h.custom && !set.custom && h.maxConnections == set.maxConnections &&
		h.secret == set.secret && h.pinned == set.pinned && (!h.pinned || h.ip == set.ip)
}

// setWebhook answers setWebhook and deleteWebhook, which has no url.
func (s *Server) setWebhook(p botapi.Params) answer {
	h := s.hookOf(p)
	if h.url != "" && s.tooSoon() {
		return answer{err: botapi.TooManyRequests(1)}
	}
	return s.changeWebhook(h, p.String("allowed_updates"), p.Bool("drop_pending_updates"))
}

// tooSoon reports whether a setWebhook with a url came less than a second ago. If not, it
// counts this one.
func (s *Server) tooSoon() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.Now()
	if now.Before(s.nextSetting) {
		return true
	}
	s.nextSetting = now.Add(time.Second)
	return false
}

// changeWebhook sets h. If h has no url, it deletes the webhook.
func (s *Server) changeWebhook(h webhook, allowed string, drop bool) answer {
	s.mu.Lock()
	switch {
	case s.setting != nil:
		s.setting.end(s.conflict(otherSetWebhook))
	case h.repeats(&s.webhook) && !drop:
		s.queue.AllowText(allowed)
		s.mu.Unlock()
		return answer{result: jsonTrue, description: described(h, "Webhook is already set", "Webhook is already deleted")}
	}
	if h.url != "" && s.parked != nil {
		s.parked.end(s.conflict(endedBySetWebhook))
		s.parked = nil
	}
	me, was := s.hold(), s.webhook.url != ""
	s.setting = me
	s.mu.Unlock()

	a, done := s.replace(me, h, allowed, drop)
	if !done {
		return s.outcome(me)
	}
	me.end(nil)
	if a.err == nil {
		a = answer{result: jsonTrue, description: described(h, "Webhook was set", "Webhook is already deleted")}
		if was && h.url == "" {
			a.description = "Webhook was deleted"
		}
	}
	return a
}

func described(h webhook, set, deleted string) string {
	if h.url == "" {
		return deleted
	}
	return set
}

// replace deletes the webhook that is set, even if setting h fails, and sets h. done is
// false if another call has ended this one.
func (s *Server) replace(me *held, h webhook, allowed string, drop bool) (a answer, done bool) {
	select {
	case s.changing <- struct{}{}:
	case <-me.ctx.Done():
		return a, false
	}
	defer func() { <-s.changing }()
	s.silence() // without s.mu, because deliveries lock it when they end

	var at address
	proceed := s.step(me, func() {
		s.webhook = webhook{}
		if drop {
			s.queue.Clear()
			s.moved.ring()
		}
		if h.url == "" {
			return
		}
		if at, a.err = check(h); a.err == nil {
			s.webhooks++
			h.number = s.webhooks
			s.webhook = h
			s.queue.AllowText(allowed)
		}
	})
	if !proceed {
		return a, false
	}
	if h.url == "" || a.err != nil {
		return a, s.step(me, func() {
			s.setting = nil
			s.noteWebhook()
		})
	}
	h.ip, h.addr, a.err = s.verify(me.ctx, at, h)
	proceed = s.step(me, func() {
		s.setting = nil
		if s.webhook = h; a.err != nil {
			s.webhook = webhook{}
		}
		s.noteWebhook()
	})
	if proceed && a.err == nil {
		s.send(at, h)
	}
	return a, proceed
}

// step calls f under s.mu, and returns true, unless another call has ended this one.
func (s *Server) step(me *held, f func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if me.ctx.Err() != nil {
		return false
	}
	f()
	return true
}
