package check

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/tidwall/sjson"

	"github.com/tghook/tghook/cmd/tghook/internal/wire"
	"github.com/tghook/tghook/tghooktest"
)

// probe sends requests to the receiver.
type probe struct {
	ctx      context.Context
	cfg      Config
	id       int64         // of the last update
	hopeless string        // why no other check makes sense; empty if it does
	usual    time.Duration // how long the first update took
	slowest  time.Duration
	replies  []reply // answers 2xx that have a body
	gone     []string
}

// reply is an answer with a body, and the update that it is for.
type reply struct {
	update []byte
	answer wire.Answer
}

// maxReplies bounds the answers that are kept.
const maxReplies = 40

// newProbe draws the ids of its updates below 2,000,000, which Telegram never gives out.
func newProbe(ctx context.Context, cfg Config) *probe {
	return &probe{ctx: ctx, cfg: cfg, id: 1000 + rand.Int64N(1_900_000)} //nolint:gosec // not a secret
}

// update returns an update of a kind, with an id of its own and the present time.
func (p *probe) update(kind string) []byte {
	p.id++
	return fresh(tghooktest.Update(kind), kind, p.id)
}

func fresh(update []byte, kind string, id int64) []byte {
	update, _ = sjson.SetBytes(update, "update_id", id)
	for _, date := range []string{".date", ".message.date"} {
		var members map[string]json.RawMessage
		at := strings.TrimSuffix(kind+date, ".date")
		if json.Unmarshal(member(update, at), &members) == nil && members["date"] != nil && string(members["date"]) != "0" {
			update, _ = sjson.SetBytes(update, kind+date, time.Now().Unix())
		}
	}
	return update
}

// text returns a message with a text in a chat.
func (p *probe) text(chat int64, text string) []byte {
	u := p.update("message")
	for path, value := range map[string]any{"message.chat.id": chat, "message.from.id": chat, "message.text": text} {
		u, _ = sjson.SetBytes(u, path, value)
	}
	return u
}

// post sends an update on a connection of its own.
func (p *probe) post(update []byte) (wire.Answer, error) {
	a, err := p.request(wire.Request{Body: string(update)})
	p.note(update, a, err)
	return a, err
}

// note remembers what all answers to updates tell.
func (p *probe) note(update []byte, a wire.Answer, err error) {
	p.slowest = max(p.slowest, a.Took)
	if err == nil && a.Status == 410 {
		p.gone = append(p.gone, fmt.Sprintf("%.60q", update))
	}
	// An echo of a text that is larger than any in Telegram is refused, and is no fault of the bot.
	if err == nil && a.Delivered() && len(a.Body) > 0 && len(p.replies) < maxReplies && len(update) < 64<<10 {
		p.replies = append(p.replies, reply{update, a})
	}
}

// request sends a request on a connection of its own.
func (p *probe) request(r wire.Request) (wire.Answer, error) {
	c, err := p.cfg.Target.Dial(p.ctx)
	if err != nil {
		return wire.Answer{}, err
	}
	defer func() { _ = c.Close() }()
	return c.Exchange(p.cfg.Target.Bytes(r), p.cfg.Patience)
}

// delivers posts an update, and returns what is wrong with the answer; empty if it is 2xx.
func (p *probe) delivers(update []byte) string {
	a, err := p.post(update)
	return wrong(a, err)
}

// wrong names the fault of an answer to an update; empty if Telegram takes the update for
// delivered.
func wrong(a wire.Answer, err error) string {
	switch {
	case err != nil:
		return wire.Why(err)
	case !a.Delivered():
		return "answered " + a.String()
	}
	return ""
}

// attempts are when Telegram tries to deliver an update, since the attempt before.
var attempts = []time.Duration{0, 0, 2 * time.Second}

// arrives delivers an update as Telegram does, with its first retries. It returns what is
// wrong with the last attempt; empty if the update was delivered.
func (p *probe) arrives(update []byte) (problem string) {
	for _, pause := range attempts {
		if !p.wait(pause) {
			return p.ctx.Err().Error()
		}
		if problem = p.delivers(update); problem == "" {
			return ""
		}
	}
	return problem
}

// wait waits, and returns false if ctx ends first.
func (p *probe) wait(d time.Duration) bool {
	select {
	case <-time.After(d):
		return p.ctx.Err() == nil
	case <-p.ctx.Done():
		return false
	}
}

// goesOn returns f if the receiver still takes an update, and a fault otherwise.
func (p *probe) goesOn(f finding) finding {
	problem := p.delivers(p.text(quiet, "still there?"))
	if problem == "" {
		return f
	}
	f.verdict, f.harm = Fault, Lost
	f.mend = "Find in the receiver's log why it stopped at this request, and catch that error."
	f.evidence += "; the next update: " + problem
	if again := p.arrives(p.text(quiet, "still there?")); again != "" {
		p.hopeless = "the receiver has stopped answering (" + again + ")"
	}
	return f
}

// The chats of the updates. Telegram's ids of users have up to 52 bits.
const (
	quiet  = 5_000_000_001
	busy   = 5_000_000_002
	remote = 1<<52 - 5
)
