package check

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tidwall/gjson"
	"github.com/tidwall/sjson"

	"github.com/tghook/tghook/cmd/tghook/internal/verdict"
	"github.com/tghook/tghook/cmd/tghook/internal/wire"
	"github.com/tghook/tghook/tghooktest"
)

// member returns a member of an update; empty if there is none.
func member(update []byte, path string) []byte { return []byte(gjson.GetBytes(update, path).Raw) }

var first = check{
	"accepts-an-update", "An update is answered 2xx.", Stuck, "", func(p *probe) finding {
		update := p.text(quiet, "hi")
		a, err := p.post(update)
		p.usual = a.Took
		problem := wrong(a, err)
		if problem == "" {
			return ok("answered %s after %v", a, a.Took.Round(time.Millisecond))
		}
		p.hopeless = "the first update was not accepted"
		f := fault("%s", problem)
		f.mend = mendOf(a, err, p.cfg.Target.Secret() != "")
		return f
	},
}

// mendOf says what to do about an update that is not accepted.
func mendOf(a wire.Answer, err error, secret bool) string {
	switch {
	case err != nil:
		return "Let the server listen at this address, and answer each POST within a few seconds. tghook doctor looks at the network and the certificate."
	case a.Status/100 == 1:
		return "Send no answer 1xx: Telegram takes it for the final one."
	case a.Status/100 == 3:
		return "Give the URL that the redirect leads to (" + a.Header.Get("Location") + "). Telegram follows no redirect."
	case a.Status == 401 || a.Status == 403:
		if !secret {
			return "Give the webhook's secret with --secret-file. If it has none, look for a firewall or a login in front of the webhook."
		}
		return "Compare the secret of the receiver with that of --secret-file. If they are equal, look for a firewall or a login in front of the webhook."
	case a.Status == 404 || a.Status == 405:
		return "Give the URL with the path at which the receiver takes POST requests."
	case a.Status == 415 || a.Status == 400:
		return "Accept a body of JSON with the Content-Type application/json, without a User-Agent."
	}
	return "Find the error in the receiver's log. The handler may need a database or the Bot API that it cannot reach."
}

// deliveries are about updates that Telegram sends.
var deliveries = []check{
	{
		"accepts-all-kinds", "Each kind of update is answered 2xx, also one that the bot has no handler for.", Stuck,
		"Answer 200 to kinds without a handler. If the bot wants some kinds only, name them in allowed_updates too.", allKinds,
	},
	{
		"accepts-an-unknown-kind", "An update of a kind that is newer than the receiver is answered 2xx.", Stuck,
		"Ignore unknown fields of an update, and answer 200.", func(p *probe) finding {
			p.id++
			return p.expect(fmt.Appendf(nil, "{\"update_id\":%d,\n\"kind_of_next_year\":{\"id\":\"1\",\"user\":{\"id\":%d,\"is_bot\":false,\"first_name\":\"Ann\"}}}", p.id, quiet))
		},
	},
	{
		"accepts-unknown-fields", "A message with fields that are newer than the receiver is answered 2xx.", Stuck,
		"Ignore unknown fields when decoding.", func(p *probe) finding {
			u := p.text(quiet, "hi")
			u, _ = sjson.SetBytes(u, "message.content_of_next_year", map[string]any{"a": []any{1, nil, true}})
			return p.expect(u)
		},
	},
	{
		"accepts-a-large-update", "An update of 512 KiB, which is the largest that Telegram sends, is answered 2xx.", Stuck,
		"Raise the limit for request bodies to 1 MiB: client_max_body_size in nginx, limit in express.json.", func(p *probe) finding {
			return p.expect(p.text(quiet, strings.Repeat("y", 512<<10-1000)))
		},
	},
	{
		"accepts-large-ids", "Ids of 52 bits are accepted, and stand unchanged in the reply.", Stuck,
		"Keep the ids of chats and users in 64 bits: bigint in SQL, a long or int64 in code.", largeIDs,
	},
	{
		"accepts-every-character", "Emoji, quotes and control characters in a text are accepted.", Stuck,
		"Store texts as full UTF-8 (utf8mb4 in MySQL), and decode JSON by a JSON library.", func(p *probe) finding {
			u := p.text(quiet, "text")
			return p.expect([]byte(strings.Replace(string(u), `"text":"text"`, `"text":"\ud83d\ude00 \u0417\u043e\u044f \"q\" \\ / \u0001 \u2028 \ud83c\uddfa\ud83c\udde6"`, 1)))
		},
	},
	{
		"accepts-bytes-that-are-no-text", "The press of a button whose data is not UTF-8 is answered 2xx.", Stuck,
		"Replace invalid UTF-8 before the JSON is decoded. Telegram passes callback data on as it is, so another client's user may send any bytes.", func(p *probe) finding {
			u, _ := sjson.SetBytes(p.update("callback_query"), "callback_query.data", "DATA")
			f := p.expect([]byte(strings.Replace(string(u), "DATA", "a\xff\xfe", 1)))
			if f.verdict == Fault {
				f.verdict = Advice // the sender of such data has to try, and hurts himself for 150 seconds
			}
			return p.goesOn(f)
		},
	},
	{
		"accepts-a-duplicate", "An update that comes again later is answered 2xx.", Stuck,
		"Answer 200 to an update that was handled before: Telegram repeats it until then.", func(p *probe) finding {
			u := p.text(quiet, "again")
			if problem := p.delivers(u); problem != "" {
				return fault("the first time: %s", problem)
			}
			return p.expect(u)
		},
	},
	{
		"accepts-two-at-once", "An update that comes twice at once ends in 2xx.", Stuck,
		"Let the second delivery wait for the first, or answer 503 with a short Retry-After until it is done.", twoAtOnce,
	},
	{
		"accepts-disorder", "An update with a lower id than the one before is answered 2xx.", Stuck,
		"Do not refuse an update because of its id: Telegram keeps the order in a chat only, and repeats older updates after newer ones.", func(p *probe) finding {
			older, newer := p.text(quiet, "older"), p.text(busy, "newer")
			if problem := p.delivers(newer); problem != "" {
				return fault("the newer update: %s", problem)
			}
			return p.expect(older)
		},
	},
	{
		"serves-chats-at-once", "Updates of eight chats that come at once are all answered 2xx.", Stuck,
		"Serve requests side by side: with threads, async handlers or several workers.", manyChats,
	},
	{
		"answers-in-time", "Updates are answered within 5 seconds.", Slow,
		"Keep the update durably, answer 200, and work afterwards. Telegram waits for 60 seconds, and then sends the update again.", func(p *probe) finding {
			f := ok("the slowest answer took %v", p.slowest.Round(time.Millisecond))
			if p.slowest > 5*time.Second {
				f.verdict = Advice
			}
			return f
		},
	},
	{
		"is-never-gone", "No update is answered 410.", Lost,
		"Answer another status than 410: after 23 hours of 410 Telegram removes the webhook and tells nobody.", func(p *probe) finding {
			if len(p.gone) > 0 {
				return fault("410 to the update %s", p.gone[0])
			}
			return ok("no answer 410")
		},
	},
	{
		"replies-in-a-form-that-runs", "A webhook reply has a form that Telegram executes.", Lost,
		"Mend what the last words name. A reply is a JSON object with method and the method's parameters, in the Content-Type application/json and with a Content-Length. A call of the Bot API does the same, and tells the bot of its error.", replyForm,
	},
}

// expect returns ok if an update is answered 2xx.
func (p *probe) expect(update []byte) finding {
	a, err := p.post(update)
	if problem := wrong(a, err); problem != "" {
		return fault("%s", problem)
	}
	return ok("answered %s", a)
}

func allKinds(p *probe) finding {
	var refused []string
	n := 0
	for name := range tghooktest.Updates() {
		if name == "message_large" {
			continue
		}
		n++
		u := p.update(name)
		a, err := p.post(u)
		problem := wrong(a, err)
		if problem == "" {
			continue
		}
		if v, failed := verdict.Of(p.ctx, u, a); err == nil && failed == nil && v.Dropped {
			problem += ", and dropped at once: its Retry-After is longer than the update lives"
		}
		refused = append(refused, name+": "+problem)
		if p.ctx.Err() != nil || len(refused) == 5 && n == 5 {
			break // each may have taken all of its time
		}
	}
	if len(refused) > 0 {
		return p.goesOn(fault("%s", strings.Join(refused, "; ")))
	}
	return ok("%d kinds answered 2xx", n)
}

func largeIDs(p *probe) finding {
	a, err := p.post(p.text(remote, "hi"))
	if problem := wrong(a, err); problem != "" {
		return fault("a message of the user %d: %s", int64(remote), problem)
	}
	if chat := gjson.GetBytes(a.Body, "chat_id"); gjson.ValidBytes(a.Body) && chat.Exists() && strings.Trim(chat.Raw, `"`) != strconv.FormatInt(remote, 10) {
		return fault("the reply to chat %d has the chat_id %s", int64(remote), chat.String())
	}
	group := p.update("message")
	group, _ = sjson.SetBytes(group, "message.chat", map[string]any{"id": -1_003_999_999_999, "type": "supergroup", "title": "Team"})
	return p.expect(group)
}

func twoAtOnce(p *probe) finding {
	u := p.text(quiet, "twice")
	var problems [2]string
	var both sync.WaitGroup
	for i := range problems {
		both.Go(func() {
			a, err := p.request(wire.Request{Body: string(u)})
			problems[i] = wrong(a, err)
		})
	}
	both.Wait()
	seen := "both answered 2xx"
	if i := slices.IndexFunc(problems[:], func(s string) bool { return s != "" }); i >= 0 {
		seen = "one of them " + problems[i]
		if problem := p.arrives(u); problem != "" {
			return fault("%s; and later: %s", seen, problem)
		}
		seen += ", and 2xx later"
	}
	return ok("%s", seen)
}

func manyChats(p *probe) finding {
	const n = 8
	var updates [n][]byte
	for i := range updates {
		updates[i] = p.text(busy+int64(i), "side by side")
	}
	var problems [n]string
	var all sync.WaitGroup
	start := time.Now()
	for i := range n {
		all.Go(func() {
			a, err := p.request(wire.Request{Body: string(updates[i])})
			problems[i] = wrong(a, err)
		})
	}
	all.Wait()
	took := time.Since(start)
	p.slowest = max(p.slowest, took)
	bad := slices.DeleteFunc(problems[:], func(s string) bool { return s == "" })
	switch {
	case len(bad) > 0:
		return fault("%d of %d: %s", len(bad), n, bad[0])
	case took > time.Second && took > 6*p.usual && p.usual > 100*time.Millisecond:
		return advice("one update took %v, and eight at once took %v: they are handled one after the other", p.usual.Round(time.Millisecond), took.Round(time.Millisecond))
	}
	return ok("all answered 2xx within %v", took.Round(time.Millisecond))
}

// replyForm looks at all answers that have come so far with a body.
func replyForm(p *probe) finding {
	rode := map[string]bool{}
	for _, r := range p.replies {
		v, err := verdict.Of(p.ctx, r.update, r.answer)
		switch {
		case err != nil:
			return unknown("the answer could not be judged: %v", err)
		case !v.Delivered: // which answers-in-http tells
		case v.Refused != "" && meant(r.answer):
			return fault("Telegram ignores the answer %s: %s", excerpt(r.answer), v.Refused)
		case v.Method != "":
			rode[v.Method] = true
		}
	}
	if len(rode) == 0 {
		return ok("no webhook reply has come, and none is needed")
	}
	names := make([]string, 0, len(rode))
	for name := range rode {
		names = append(names, name)
	}
	slices.Sort(names)
	return ok("Telegram executes %s", strings.Join(names, ", "))
}

// meant reports whether an answer looks as if it was meant to be a webhook reply.
func meant(a wire.Answer) bool {
	var object struct {
		Method string `json:"method"`
	}
	return json.Unmarshal(a.Body, &object) == nil && object.Method != "" ||
		strings.Contains(string(a.Body), `"method"`)
}

// excerpt is the beginning of an answer's body with its Content-Type.
func excerpt(a wire.Answer) string {
	return fmt.Sprintf("%.80q (Content-Type %q)", a.Body, a.Header.Get("Content-Type"))
}
