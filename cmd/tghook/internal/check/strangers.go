package check

import (
	"fmt"
	"strings"
	"time"

	"github.com/tghook/tghook/cmd/tghook/internal/wire"
)

// strangers are about requests that Telegram does not send.
var strangers = []check{
	{
		"wants-the-secret", "An update without the secret is refused.", Open,
		"Set secret_token in setWebhook, and refuse each request whose header X-Telegram-Bot-Api-Secret-Token is missing or different.", func(p *probe) finding {
			a, err := p.request(wire.Request{Body: string(p.text(quiet, "forged")), Secrets: []string{}})
			switch {
			case err != nil:
				return p.goesOn(ok("no answer: %s", wire.Why(err)))
			case a.Delivered() && p.cfg.Target.Secret() == "":
				f := fault("an update without a secret is answered %s: anyone who knows the URL can send updates", a)
				f.mend = "Set a secret in setWebhook and in the receiver. If it has one and does not want it, it is not used. Then run the check with --secret-file."
				return f
			case a.Delivered():
				return fault("answered %s", a)
			}
			return ok("answered %s", a)
		},
	},
	{
		"compares-the-whole-secret", "An update with a wrong secret is refused, however like the right one it is.", Open,
		"Compare the whole secret, with its letter case, by a comparison that takes the same time for each difference.", wrongSecrets,
	},
	{
		"takes-one-secret", "An update with two secrets, one of them wrong, is refused.", Open,
		"Refuse a request with more than one header X-Telegram-Bot-Api-Secret-Token.", func(p *probe) finding {
			secret := p.cfg.Target.Secret()
			if secret == "" {
				return unknown("no secret is given")
			}
			for _, both := range [][]string{{secret, "x"}, {"x", secret}} {
				a, err := p.request(wire.Request{Body: string(p.text(quiet, "forged")), Secrets: both})
				if err == nil && a.Delivered() {
					return advice("answered %s", a)
				}
			}
			return ok("refused")
		},
	},
	{
		"takes-posts-only", "GET, HEAD and PUT do no harm.", Lost,
		"Answer 405 with Allow: POST to other methods.", func(p *probe) finding {
			var seen []string
			f := ok("")
			for _, method := range []string{"GET", "HEAD", "PUT"} {
				a, err := p.request(wire.Request{Method: method, Secrets: []string{}, ContentType: " "})
				switch {
				case err != nil:
					seen = append(seen, method+": "+wire.Why(err))
				case a.Status >= 500:
					f.verdict = Advice
					fallthrough
				default:
					seen = append(seen, fmt.Sprintf("%s: %s", method, a))
				}
			}
			f.evidence = strings.Join(seen, ", ")
			return p.goesOn(f)
		},
	},
	{
		"survives-a-huge-body", "A body of 8 MiB is refused, and the receiver goes on.", Lost,
		"Bound request bodies at 1 MiB, and answer 413 above.", func(p *probe) finding {
			a, err := p.request(wire.Request{Body: string(p.text(quiet, strings.Repeat("x", 8<<20)))})
			switch {
			case err != nil:
				return p.goesOn(ok("no answer: %s", wire.Why(err)))
			case a.Delivered():
				return p.goesOn(advice("answered %s: whoever has the secret, or is not asked for it, can fill the memory", a))
			}
			return p.goesOn(ok("answered %s", a))
		},
	},
	{
		"survives-a-body-that-never-comes", "A request whose body stops in the middle delays no other.", Stuck,
		"Serve requests side by side, and end a request whose body does not come.", func(p *probe) finding {
			u := p.text(quiet, "half")
			raw := p.cfg.Target.Bytes(wire.Request{Body: string(u)})
			c, err := p.cfg.Target.Dial(p.ctx)
			if err != nil {
				return fault("%s", wire.Why(err))
			}
			defer func() { _ = c.Close() }()
			_ = c.SetDeadline(time.Now().Add(p.cfg.Patience))
			_, _ = c.Write(raw[:len(raw)-len(u)/2])
			if problem := p.delivers(p.text(busy, "beside")); problem != "" {
				return fault("while half a body was missing: %s", problem)
			}
			_ = c.CloseWrite()
			a, err := c.Receive(min(p.cfg.Patience, 2*time.Second))
			if err == nil && a.Delivered() {
				return p.goesOn(advice("other updates were answered, but half an update is answered %s", a))
			}
			return p.goesOn(ok("other updates were answered"))
		},
	},
	{
		"agrees-on-lengths", "A request with two different lengths is refused.", Open,
		"Refuse it by another server library, or a proxy in front. What follows it could pass for a request of its own.", func(p *probe) finding {
			u := p.text(quiet, "two lengths")
			forged := string(p.cfg.Target.Bytes(wire.Request{Body: string(p.text(quiet, "smuggled")), Secrets: []string{"x"}}))
			a, err := p.request(wire.Request{Body: string(u) + forged, Framing: fmt.Sprintf("Content-Length: %d\r\nContent-Length: %d", len(u), len(u)+len(forged))})
			switch {
			case err != nil:
				return p.goesOn(ok("no answer: %s", wire.Why(err)))
			case a.Delivered():
				return p.goesOn(advice("answered %s", a))
			}
			return p.goesOn(ok("answered %s", a))
		},
	},
	{
		"survives-broken-json", "A body that is not an update is refused, and the receiver goes on.", Lost,
		"Catch the error of the JSON decoder, and answer 400.", brokenJSON,
	},
}

func wrongSecrets(p *probe) finding {
	secret := p.cfg.Target.Secret()
	if secret == "" {
		return unknown("no secret is given")
	}
	last := "x"
	if strings.HasSuffix(secret, "x") {
		last = "y"
	}
	for _, x := range []struct{ what, secret string }{
		{"an empty secret", ""},
		{"a secret that lacks the last character", secret[:len(secret)-1]},
		{"a secret with one character more", secret + "x"},
		{"a secret with another last character", secret[:len(secret)-1] + last},
		{"the secret in another letter case", otherCase(secret)},
	} {
		if x.secret == secret {
			continue
		}
		a, err := p.request(wire.Request{Body: string(p.text(quiet, "forged")), Secrets: []string{x.secret}})
		if err == nil && a.Delivered() {
			return fault("%s is answered %s", x.what, a)
		}
	}
	return ok("five wrong secrets refused")
}

func otherCase(s string) string {
	if upper := strings.ToUpper(s); upper != s {
		return upper
	}
	return strings.ToLower(s)
}

func brokenJSON(p *probe) finding {
	f := ok("")
	var seen []string
	for _, body := range []string{`{"update_id":1,`, "", "[]", "null", `"hi"`, `{"update_id":"x","message":7}`} {
		a, err := p.request(wire.Request{Body: body})
		switch {
		case err != nil:
			f.verdict = Advice
			seen = append(seen, fmt.Sprintf("%q: %s", body, wire.Why(err)))
		case a.Status >= 500:
			f.verdict = Advice
			fallthrough
		default:
			seen = append(seen, fmt.Sprintf("%q: %d", body, a.Status))
		}
		if f = p.goesOn(f); f.verdict == Fault {
			break
		}
	}
	f.evidence = strings.Join(seen, ", ") + f.evidence
	return f
}
