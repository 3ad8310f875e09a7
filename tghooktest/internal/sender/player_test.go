package sender_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
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
	names map[int64]string // of the updates, by id
}

// play plays s against the Sender in a bubble.
func play(t *testing.T, s situation) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := &player{rig: newRig(t, nil), situation: s, names: map[int64]string{}}
		p.rig.do = p.do
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
	cfg.URL, cfg.Target, cfg.Userinfo = u, target(p.Webhook.URL, u), u.User.String()
	cfg.Secret = p.Webhook.SecretToken
	cfg.MaxConnections = cmp.Or(p.Webhook.MaxConnections, cfg.MaxConnections)
	cfg.Latency = true
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

// target returns the path, query and fragment of a URL as they are written.
func target(raw string, u *url.URL) string {
	_, after, _ := strings.Cut(raw, "://")
	if i := strings.IndexByte(after, '/'); i >= 0 {
		return after[i:]
	}
	return cmp.Or(u.Path, "/telegram")
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

// check compares what happened with the script.
func (p *player) check() {
	p.Helper()
	saw, want := p.saw(), p.Expect
	if want.Requests != nil {
		p.checkRequests(saw.requests, want.Requests)
	}
	for _, b := range want.Bytes {
		require.LessOrEqual(p, b.number, len(saw.requests), "requests")
		q := saw.requests[b.number-1]
		assert.Equalf(p, p.written(string(b.text), q), q.raw, "request %d", b.number)
	}
	p.checkConnections(saw)
	for _, b := range want.WrittenBack {
		assert.Equalf(p, string(b.text), saw.rest[b.number-1], "what was written back on connection %d", b.number)
	}
	p.checkErrors(saw)
	p.checkReplies(saw.replies, want.Replies)
	assert.Equal(p, want.Pending, p.queue.Len(), "updates that wait")
	assert.Equal(p, want.Removed, saw.gone > 0, "that the webhook was removed")
}

// checkRequests looks for each request in the list. A request must not pass another one of
// its connection or chat.
func (p *player) checkRequests(got []request, want []expected) {
	p.Helper()
	left := slices.Clone(want)
	for _, q := range got {
		name, found := p.name(q), false
		for i, e := range left {
			if e.fits(q, name) {
				left, found = slices.Delete(left, i, i+1), true
				break
			}
			if e.conn == q.conn+1 || p.chat(e.name) == p.chat(name) {
				break
			}
		}
		if !found {
			assert.Failf(p, "a request too many", "%s\nall requests:\n%s", p.line(q), p.lines(got))
			return
		}
	}
	for _, e := range left {
		assert.Failf(p, "a request is missing", "%v %s\nall requests:\n%s", e.at, e.name, p.lines(got))
		return
	}
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
	for _, q := range all {
		lines = append(lines, p.line(q))
	}
	return strings.Join(lines, "\n")
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

func (p *player) checkConnections(saw seen) {
	p.Helper()
	var number int
	switch raw := p.Expect.Connections; {
	case raw == nil:
		return
	case json.Unmarshal(raw, &number) == nil:
		assert.Len(p, saw.opened, number, "connections")
		return
	}
	var want [][2]*float64
	require.NoError(p, json.Unmarshal(p.Expect.Connections, &want))
	var got [][2]*float64
	for i := range saw.opened {
		got = append(got, [2]*float64{tenths(saw.opened[i]), nil})
		if saw.ends[i] > 0 {
			got[i][1] = tenths(saw.ends[i])
		}
	}
	assert.Equal(p, want, got, "when connections were opened and closed")
}

// tenths rounds to a tenth of a second.
func tenths(d time.Duration) *float64 {
	rounded := math.Round(d.Seconds()*10) / 10
	return &rounded
}

func (p *player) checkErrors(saw seen) {
	p.Helper()
	var (
		want []string //nolint:prealloc // nil if there is none, as failed is
		at   []span   //nolint:prealloc // the same
	)
	for _, f := range p.Expect.Errors {
		want = append(want, slices.Repeat([]string{f.text}, f.times)...)
		at = append(at, slices.Repeat([]span{f.at}, f.times)...)
	}
	if !assert.Equal(p, want, saw.failed, "errors, which came at %v", saw.failing) {
		return
	}
	for i, came := range saw.failing {
		assert.Truef(p, at[i].around(came), "error %d came at %v, not at %v", i+1, came, at[i])
	}
}

func (p *player) checkReplies(got []sender.Reply, want []executed) {
	p.Helper()
	if !assert.Len(p, got, len(want), "replies") {
		return
	}
	for i, w := range want {
		assert.Equal(p, w.Method, got[i].Method, "the method of the reply")
		if w.Parameters != nil {
			assert.Equal(p, w.Parameters, maps.Collect(maps.All(got[i].Values)), "the parameters of the reply")
		}
		for name, file := range w.Files {
			require.Contains(p, got[i].Files, name, "files of the reply")
			assert.Equal(p, file.Name, got[i].Files[name].Name, "the name of a file")
			same := string(file.Content) == string(got[i].Files[name].Content)
			assert.Truef(p, same, "that the file %s has the bytes that it should have", name)
		}
		assert.Len(p, got[i].Files, len(w.Files), "files of the reply")
	}
}
