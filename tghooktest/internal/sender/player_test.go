package sender_test

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
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
	if p.rig.secure = leaf.shown(); c.Shown == "chain" {
		p.rig.secure = leaf.shown(between)
	}
	p.uploaded = map[string][]byte{"certificate": leaf.pem(), "root": root.pem(), "another root": newAuthority(p.T).pem(), "text": []byte("x")}[c.Uploaded]
	p.rig.secure.MinVersion = tls.VersionTLS10
	p.rig.secure.MaxVersion = map[string]uint16{"1.1": tls.VersionTLS11, "1.2": tls.VersionTLS12}[c.Newest]
	if c.Asks {
		p.rig.secure.ClientAuth = tls.RequireAnyClientCert
	}
	p.rig.secure.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		p.hello.CompareAndSwap(nil, h)
		return nil, nil //nolint:nilnil // the configuration stays
	}
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

// check compares what happened with the expectations.
func (p *player) check() {
	p.Helper()
	saw := p.saw()
	var all []string
	for _, want := range p.Expect {
		problems := slices.Concat(
			p.requests(saw.requests, want.Requests), p.bytes(saw, want), connections(saw, want.Connections),
			errorsOf(saw, want.Errors), repliesOf(saw.replies, want.Replies),
			differs("updates that wait", want.Pending, p.queue.Len()), differs("the webhook was removed", want.Removed, saw.gone > 0),
			p.greeting(want.ServerName),
		)
		if len(problems) == 0 {
			return
		}
		all = append(all, strings.Join(problems, "\n"))
	}
	assert.Fail(p, strings.Join(all, "\nand, not as in the next alternative either:\n"))
}

func differs(what string, want, got any) []string {
	if assert.ObjectsAreEqual(want, got) {
		return nil
	}
	return []string{fmt.Sprintf("%s: %v, want %v", what, got, want)}
}

// requests looks for each request in the list. A request must not pass another one of its
// connection or chat.
func (p *player) requests(got []request, want []expected) []string {
	if want == nil {
		return nil
	}
	left := slices.Clone(want)
	for _, q := range got {
		name := p.name(q)
		i := slices.IndexFunc(left, func(e expected) bool {
			return e.fits(q, name) || e.conn == q.conn+1 || p.chat(e.name) == p.chat(name)
		})
		if i < 0 || !left[i].fits(q, name) {
			return []string{"this request should not come: " + p.line(q) + "; all that came:\n" + p.lines(got)}
		}
		left = slices.Delete(left, i, i+1)
	}
	if len(left) > 0 {
		return []string{fmt.Sprintf("%d requests are missing, the first of them %q at %v; all that came:\n%s", len(left), left[0].name, left[0].at, p.lines(got))}
	}
	return nil
}

func (e *expected) fits(q request, name string) bool {
	return e.name == name && (e.conn == 0 || e.conn == q.conn+1) && e.at.around(q.at)
}

// around reports whether a time is in s, give or take a little.
func (s *span) around(at time.Duration) bool {
	return at >= seconds(s.first).duration()-tolerance && at <= seconds(s.last).duration()+tolerance
}

// chat returns a number that all updates of a chat have in common.
func (p *player) chat(name string) int64 {
	for i, u := range p.Updates {
		if u.Name == name {
			return cmp.Or(u.Chat, int64(-1-i))
		}
	}
	return 0
}

func (p *player) line(q request) string {
	return fmt.Sprintf("[%.3f, %q, %d]", q.at.Seconds(), p.name(q), q.conn+1)
}

func (p *player) lines(all []request) string {
	lines := make([]string, 0, len(all))
	for _, q := range all[:min(len(all), 50)] {
		lines = append(lines, p.line(q))
	}
	return strings.Join(lines, "\n")
}

// bytes compares requests, and what came after the last one of a connection.
func (p *player) bytes(saw seen, want expectation) (problems []string) {
	for _, b := range want.Bytes {
		if b.number > len(saw.requests) {
			problems = append(problems, fmt.Sprintf("request %d is missing", b.number))
			continue
		}
		q := saw.requests[b.number-1]
		problems = append(problems, differs(fmt.Sprint("request ", b.number), p.written(string(b.text), q), q.raw)...)
	}
	for _, b := range want.WrittenBack {
		if b.number > len(saw.rest) {
			problems = append(problems, fmt.Sprintf("connection %d is missing", b.number))
			continue
		}
		problems = append(problems, differs(fmt.Sprint("written back on connection ", b.number), string(b.text), saw.rest[b.number-1])...)
	}
	return problems
}

// written puts the numbers of a request into its text.
func (p *player) written(text string, q request) string {
	_, body, _ := strings.Cut(q.raw, "\r\n\r\n")
	var date int64
	_, about, _ := strings.Cut(body, `"date":`)
	_, _ = fmt.Sscan(about, &date)
	return strings.NewReplacer(
		"$update_id", strconv.FormatInt(q.id, 10), "$date", strconv.FormatInt(date, 10), "$length", strconv.Itoa(len(body)),
	).Replace(text)
}

// greeting compares what the sender sends first. It offers no protocol, and so HTTP/1.1.
func (p *player) greeting(name *string) []string {
	if name == nil {
		return nil
	}
	h := p.hello.Load()
	if h == nil {
		return []string{"no hello of TLS came"}
	}
	return append(differs("the server name of TLS", *name, h.ServerName), differs("protocols that were offered", 0, len(h.SupportedProtos))...)
}

func connections(saw seen, want *opened) []string {
	if want == nil {
		return nil
	}
	problems := differs("connections", want.number, len(saw.opened))
	for i, w := range want.times[:min(len(want.times), len(saw.opened))] {
		end := saw.ends[i]
		if !w[0].around(saw.opened[i]) || (w[1] == nil) != (end == 0) || w[1] != nil && !w[1].around(end) {
			problems = append(problems, fmt.Sprintf("connection %d was opened at %v and closed at %v", i+1, saw.opened[i], end))
		}
	}
	return problems
}

// errorsOf takes as many errors for each entry as it stands for.
func errorsOf(saw seen, want []failure) []string {
	at := 0
	for _, f := range want {
		n := 0
		for ; at < len(saw.failed) && (f.times == 0 || n < f.times) && saw.failed[at] == f.text && f.at.around(saw.failing[at]); n++ {
			at++
		}
		if n < f.times {
			return []string{fmt.Sprintf("error %d is not %q at %v; all errors: %s", at+1, f.text, f.at, told(saw))}
		}
	}
	if at < len(saw.failed) {
		return []string{fmt.Sprintf("error %d should not come; all errors: %s", at+1, told(saw))}
	}
	return nil
}

func told(saw seen) string {
	lines := []string{fmt.Sprint(len(saw.failed))}
	for i, text := range saw.failed[:min(len(saw.failed), 50)] {
		lines = append(lines, fmt.Sprintf("[%.3f, %q]", saw.failing[i].Seconds(), text))
	}
	return strings.Join(lines, "\n")
}

func repliesOf(got []sender.Reply, want []executed) []string {
	problems := differs("calls that were executed", len(want), len(got))
	for i, w := range want[:min(len(want), len(got))] {
		r := got[i]
		problems = append(problems, differs("the method of a call", w.Method, r.Method)...)
		if w.Parameters != nil {
			problems = append(problems, differs("parameters", w.Parameters, maps.Collect(maps.All(r.Values)))...)
		}
		problems = append(problems, differs("files", len(w.Files), len(r.Files))...)
		for name, file := range w.Files {
			problems = append(problems, differs("the name of "+name, file.Name, r.Files[name].Name)...)
			if string(file.Content) != string(r.Files[name].Content) {
				problems = append(problems, "the file "+name+" has other bytes")
			}
		}
	}
	return problems
}
