package check

import (
	"cmp"
	"strings"
	"time"

	"github.com/tghook/tghook/cmd/tghook/internal/verdict"
	"github.com/tghook/tghook/cmd/tghook/internal/wire"
)

// connections are about how updates travel.
var connections = []check{
	{
		"answers-in-http", "The answer is one that Telegram's parser reads.", Repeated,
		"Let a server library write the answer: HTTP/1.1 with a reason or a blank behind the status, lines that end in CRLF, and the encoding gzip, deflate or none.", readable,
	},
	{
		"reads-updates-in-pieces", "An update that arrives in pieces is read whole.", Stuck,
		"Read the body up to its Content-Length, not by a single read.", func(p *probe) finding {
			u := p.text(quiet, strings.Repeat("piece ", 500))
			c, err := p.cfg.Target.Dial(p.ctx)
			if err != nil {
				return fault("%s", wire.Why(err))
			}
			defer func() { _ = c.Close() }()
			raw := p.cfg.Target.Bytes(wire.Request{Body: string(u)})
			head := strings.Index(string(raw), "\r\n\r\n") + 4
			for _, cut := range [][2]int{{0, 10}, {10, head}, {head, head + 1}, {head + 1, len(raw) - 1}} {
				_ = c.SetDeadline(time.Now().Add(p.cfg.Patience))
				_, _ = c.Write(raw[cut[0]:cut[1]])
				if !p.wait(30 * time.Millisecond) {
					break
				}
			}
			a, err := c.Exchange(raw[len(raw)-1:], p.cfg.Patience)
			if problem := wrong(a, err); problem != "" {
				return fault("%s", problem)
			}
			return ok("answered %s", a)
		},
	},
	{
		"keeps-connections", "A connection carries many updates.", Slow,
		"Leave connections open after an answer: HTTP/1.1 without Connection: close. Otherwise Telegram delivers 20 updates a second at most.", manyOnOne,
	},
	{
		"serves-beside-idle-connections", "An update is answered while other connections are open and silent.", Stuck,
		"Serve each connection by a thread or a task of its own. Telegram keeps connections open for a minute, and opens several.", besideIdle,
	},
}

// readable looks at an answer, and at all that have come so far with a body.
func readable(p *probe) finding {
	u := p.text(quiet, "hi")
	a, err := p.post(u)
	if err != nil {
		return fault("%s: %.60q", wire.Why(err), a.Raw)
	}
	for _, r := range append(p.replies, reply{u, a}) {
		v, err := verdict.Of(p.ctx, r.update, r.answer)
		switch {
		case err != nil:
			return unknown("the answer could not be judged: %v", err)
		case !v.Delivered:
			return fault("Telegram cannot use %.200q: %s", r.answer.Raw, v.Error)
		}
	}
	return ok("%.40q", a.Raw)
}

func manyOnOne(p *probe) finding {
	const n = 10
	c, err := p.cfg.Target.Dial(p.ctx)
	if err != nil {
		return fault("%s", wire.Why(err))
	}
	defer func() { _ = c.Close() }()
	for i := range n {
		u := p.text(quiet, strings.Repeat("k", 1+i*i*50))
		a, err := c.Exchange(p.cfg.Target.Bytes(wire.Request{Body: string(u)}), p.cfg.Patience)
		p.note(u, a, err)
		switch {
		case err != nil && i > 0:
			f := fault("the connection was closed after %d updates without Connection: close, so the next update failed (%s)", i, wire.Why(err))
			f.mend = "Leave connections open for more than 60 seconds, or say Connection: close."
			return f
		case wrong(a, err) != "":
			return fault("update %d on the connection: %s", i+1, wrong(a, err))
		case a.Close:
			return advice("%s with Connection: %s after %d updates", a.Proto, cmp.Or(a.Header.Get("Connection"), "close"), i+1)
		}
	}
	return ok("%d updates on one connection", n)
}

// besideIdle opens connections, one that has carried an update and one that has not, and then
// delivers on another.
func besideIdle(p *probe) finding {
	for i := range 2 {
		c, err := p.cfg.Target.Dial(p.ctx)
		if err != nil {
			return fault("connection %d: %s", i+1, wire.Why(err))
		}
		defer func() { _ = c.Close() }()
		if i == 0 {
			if _, err := c.Exchange(p.cfg.Target.Bytes(wire.Request{Body: string(p.text(quiet, "hi"))}), p.cfg.Patience); err != nil {
				return fault("%s", wire.Why(err))
			}
		}
	}
	if problem := p.delivers(p.text(busy, "beside")); problem != "" {
		return fault("beside two silent connections: %s", problem)
	}
	return ok("answered beside two silent connections")
}

// longOnes take over a minute.
var longOnes = []check{
	{
		"keeps-idle-connections", "A connection that is idle for 59 seconds still carries an update.", Repeated,
		"Set the idle timeout to 75 seconds or more: keepalive_timeout in nginx, server.keepAliveTimeout in Node, IdleTimeout in Go.", func(p *probe) finding {
			c, err := p.cfg.Target.Dial(p.ctx)
			if err != nil {
				return fault("%s", wire.Why(err))
			}
			defer func() { _ = c.Close() }()
			for i, pause := range []time.Duration{0, 59 * time.Second} {
				if !p.wait(pause) {
					return unknown("ended early")
				}
				a, err := c.Exchange(p.cfg.Target.Bytes(wire.Request{Body: string(p.text(quiet, "idle"))}), p.cfg.Patience)
				if problem := wrong(a, err); problem != "" {
					return fault("update %d, %v later: %s", i+1, pause, problem)
				}
				if a.Close {
					return unknown("the receiver closes each connection after its answer")
				}
			}
			return ok("an update after 59 seconds was answered")
		},
	},
}

var last = check{
	"goes-on", "After all of this the receiver still takes updates as fast as before.", Lost,
	"Find in the receiver's log what it has stumbled over.", func(p *probe) finding {
		a, err := p.post(p.text(quiet, "bye"))
		if problem := wrong(a, err); problem != "" {
			return fault("%s", problem)
		}
		if a.Took > time.Second && a.Took > 10*p.usual {
			return advice("answered after %v; the first update took %v", a.Took.Round(time.Millisecond), p.usual.Round(time.Millisecond))
		}
		return ok("answered %s after %v", a, a.Took.Round(time.Millisecond))
	},
}
