package sender_test

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook/tghooktest/internal/sender"
)

// tolerance is how much earlier or later than the script says something may happen.
const tolerance = 50 * time.Millisecond

// player plays a situation: it is the receiver, and queues the updates.
type player struct {
	*rig
	situation
	names    map[int64]string // of the updates, by id
	roots    *x509.CertPool
	uploaded []byte
	hello    atomic.Pointer[tls.ClientHelloInfo] // the first that a sender sent
}

// play plays s against the Sender in a bubble.
func play(t *testing.T, s situation) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := &player{rig: newRig(t, nil), situation: s, names: map[int64]string{}}
		p.rig.do = p.do
		if s.TLS != nil {
			p.certify(*s.TLS)
		}
		defer p.serving.Wait()
		p.become("up")
		for _, c := range p.Network {
			if c.At <= 0 {
				p.become(c.State)
			}
		}
		defer p.become("down")
		p.open(p.configure)
		defer func() { p.sender.Close() }()
		p.run()
		synctest.Wait()
		p.check()
	})
}

// configure sets the webhook, after the updates that are older have been queued.
func (p *player) configure(cfg *sender.Config) {
	u, err := url.Parse(cmp.Or(p.Webhook.URL, "http://bot.example.org/telegram"))
	require.NoError(p, err)
	cfg.URL = u
	if p.Webhook.URL != "" {
		cfg.Userinfo, cfg.Target = parts(p.Webhook.URL)
	}
	cfg.Secret = p.Webhook.SecretToken
	cfg.MaxConnections = cmp.Or(p.Webhook.MaxConnections, cfg.MaxConnections)
	cfg.Latency = true
	cfg.Roots, cfg.Certificate = p.roots, p.uploaded
	dial := cfg.Dial
	cfg.Dial = func(ctx context.Context, addr string) (net.Conn, error) {
		switch p.condition() {
		case "lost":
			<-ctx.Done()
			return nil, ctx.Err()
		case "unresolved":
			return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", IsNotFound: true}}
		}
		return dial(ctx, addr)
	}
	for _, u := range p.Updates {
		if u.At < 0 {
			p.add(u)
		}
	}
}

// certify gives the receiver a certificate.
func (p *player) certify(c certified) {
	p.Helper()
	root, between := newAuthority(p.T), (*authority)(nil)
	p.roots = root.pool()
	by := root
	switch c.SignedBy {
	case "itself":
		by = nil
	case "an intermediate":
		between = root.certificate(p.T, intermediate())
		by = between
	}
	template := named(c.CommonName, c.Names, c.Addresses...)
	if c.Expired {
		template.NotAfter = year(1999)
	}
	leaf := by.certificate(p.T, template)
	server := leaf.shown()
	if c.Shown == "chain" {
		server = leaf.shown(between)
	}
	p.uploaded = map[string][]byte{"certificate": leaf.pem(), "root": root.pem(), "another root": newAuthority(p.T).pem(), "text": []byte("x")}[c.Uploaded]
	server.MinVersion = tls.VersionTLS10
	server.MaxVersion = map[string]uint16{"1.1": tls.VersionTLS11, "1.2": tls.VersionTLS12}[c.Newest]
	if c.Asks {
		server.ClientAuth = tls.RequireAnyClientCert
	}
	server.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		p.hello.CompareAndSwap(nil, h)
		return nil, nil //nolint:nilnil // the configuration stays
	}
	p.secure = server
}

// parts returns the userinfo of a URL, and its path and the rest, as they are written.
func parts(raw string) (userinfo, target string) {
	_, after, _ := strings.Cut(raw, "://")
	authority, target, _ := strings.Cut(after, "/")
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		userinfo = authority[:i]
	}
	return userinfo, "/" + target
}

func (p *player) add(u planned) {
	p.Helper()
	kind, object := cmp.Or(u.Kind, "message"), []byte(u.Object)
	if object == nil {
		object = message(u.Chat, time.Now(), u.Name)
	}
	added, ok := p.queue.Add(kind, object)
	require.Truef(p, ok, "%s %s", kind, object)
	p.note(func() { p.names[added.ID] = u.Name })
}

// run lets everything happen at its time.
func (p *player) run() {
	type happening struct {
		at seconds
		do func()
	}
	var all []happening
	for _, u := range p.Updates {
		if u.At >= 0 {
			all = append(all, happening{u.At, func() { p.add(u) }})
		}
	}
	for _, c := range p.Network {
		if c.At > 0 {
			all = append(all, happening{c.At, func() { p.become(c.State) }})
		}
	}
	slices.SortStableFunc(all, func(a, b happening) int { return cmp.Compare(a.at, b.at) })
	for _, h := range append(all, happening{p.Until, func() {}}) {
		time.Sleep(h.at.duration() - p.since())
		h.do()
	}
}

// do does what the receiver does after a request.
func (p *player) do(q request) []step {
	name := p.name(q)
	for _, u := range p.Receiver {
		if u.fits(q, name) {
			return u.Do
		}
	}
	return []step{{write: ok}}
}

func (p *player) name(q request) (name string) {
	p.note(func() { name = p.names[q.id] })
	return name
}
