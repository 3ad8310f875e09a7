package tghooktest

import (
	"context"
	"net"

	"github.com/tghook/tghook/tghooktest/internal/sender"
)

// send starts deliveries to h. The caller holds s.changing.
func (s *Server) send(at address, h webhook) {
	cfg := sender.Config{
		URL: at.url(), Userinfo: at.userinfo, Target: at.target, Secret: h.secret, MaxConnections: h.maxConnections, Addr: h.addr, Pinned: h.pinned,
		Certificate: h.certificate, Roots: s.cfg.Roots, Dial: s.dial, Clock: s.clock, Queue: s.queue,
		Attempts: s.attempts.all(s.queue.Has), Seed: s.cfg.Seed, Latency: s.cfg.InMemory, Shuffle: s.cfg.Shuffle,
		Record: s.cfg.Record, Reply: s.reply,
		Failed: func(text string) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.webhook.failed, s.webhook.lastError = s.clock.Now(), text
		},
		Gone: func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.webhook.number == h.number { // no other one was set in the meantime
				s.webhook = webhook{}
				s.noteWebhook()
			}
		},
		Fault: s.ofDelivery, Observe: s.observe,
	}
	s.use(sender.Start(cfg))
}

func (b *bot) use(next *sender.Sender) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sender = next
}

// resume starts deliveries to the webhook that is set.
func (s *Server) resume() {
	s.changing <- struct{}{}
	defer func() { <-s.changing }()
	s.mu.Lock()
	h := s.webhook
	s.mu.Unlock()
	if at, ok := parseAddress(h.url); ok && s.sender == nil && s.ctx.Err() == nil {
		s.send(at, h)
	}
}

// silence ends all deliveries. The caller holds s.changing.
func (b *bot) silence() {
	if b.sender != nil {
		b.sender.Close()
		b.use(nil)
	}
	if b.ctx.Err() == nil { // Save may come after Close
		b.attempts.set(nil)
	}
}

func (s *Server) dial(ctx context.Context, addr string) (net.Conn, error) {
	if s.memory != nil {
		return s.memory.Dial(ctx, addr)
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", addr)
}
