package desk

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/tghook/tghook/tghooktest"

	"github.com/tghook/tghook/cmd/tghook/internal/jsonhttp"
)

// InlineAnswer is the bot's answer to an inline query.
type InlineAnswer struct {
	ID         string            `json:"id"`
	Answered   bool              `json:"answered"`
	Results    []json.RawMessage `json:"results"`
	Button     json.RawMessage   `json:"button"`
	NextOffset string            `json:"next_offset"`
	Seq        int64             `json:"seq"`
}

// inlines are the newest inline queries, of which users may still choose a result.
type inlines struct {
	mu     sync.Mutex
	number int
	all    map[string]inline
}

// inline is an inline query.
type inline struct {
	scene   scene
	query   *tghooktest.InlineQuery
	results int
}

const maxInlines = 1000

func (i *inlines) keep(q inline) string {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.all == nil {
		i.all = map[string]inline{}
	}
	i.number++
	delete(i.all, strconv.Itoa(i.number-maxInlines))
	id := strconv.Itoa(i.number)
	i.all[id] = q
	return id
}

func (i *inlines) find(id string) (inline, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	q, ok := i.all[id]
	return q, ok
}

// inline answers that a user types an inline query.
func (d *Desk) inline(r *http.Request) (any, error) {
	var in struct {
		As    ref      `json:"as"`
		Query string   `json:"query"`
		Chat  int64    `json:"chat"`
		Wait  duration `json:"wait"`
	}
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	b, err := d.botOf(r)
	if err != nil {
		return nil, err
	}
	u, err := d.people.find(in.As)
	if err != nil {
		return nil, err
	}
	s := scene{d, b, u, in.Chat}
	if in.Chat == 0 {
		s.chat = u.ID
	}
	if in.Wait == 0 {
		in.Wait = duration(usualWait)
	}
	if time.Duration(in.Wait) > longestWait {
		return nil, jsonhttp.Invalid("wait is %v; send at most %v", time.Duration(in.Wait), longestWait)
	}
	out := InlineAnswer{Results: []json.RawMessage{}, Seq: d.feed.newest()}
	var q *tghooktest.InlineQuery
	if err := s.act(func(_ testing.TB, c *tghooktest.Chat) { q = c.Inline(in.Query) }); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), time.Duration(in.Wait))
	defer cancel()
	answer, err := q.Answer(ctx)
	if err != nil {
		return nil, d.instead(b, waiting{After: out.Seq, Timeout: in.Wait}, "the bot did not answer the inline query")
	}
	out.Answered, out.Button, out.NextOffset = true, answer.Button, answer.NextOffset
	for _, result := range answer.Results {
		out.Results = append(out.Results, result.Raw)
	}
	out.ID = d.inlines.keep(inline{s, q, len(out.Results)})
	return out, nil
}

// choose answers that a user sends a result of an inline query.
func (d *Desk) choose(r *http.Request) (any, error) {
	var in struct {
		Index int   `json:"index"`
		Chat  int64 `json:"chat"`
	}
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	b, err := d.botOf(r)
	if err != nil {
		return nil, err
	}
	q, ok := d.inlines.find(r.PathValue("query"))
	if !ok || q.scene.bot != b {
		return nil, jsonhttp.NotFound("query", "there is no inline query %s of the bot; make one by POST /api/bots/{bot}/inline", r.PathValue("query"))
	}
	if in.Index < 0 || in.Index >= q.results {
		return nil, jsonhttp.NotFound("result", "the query has no result %d; it has %d, counted from 0", in.Index, q.results)
	}
	if in.Chat != 0 && in.Chat != q.scene.chat {
		return nil, jsonhttp.Invalid("the query was typed in the chat %d, and its results are sent there; leave chat out", q.scene.chat)
	}
	return q.scene.made(func(tb testing.TB, _ *tghooktest.Chat) []*tghooktest.Message {
		m := q.query.Choose(in.Index)
		if m.ID == 0 {
			tb.Fatalf("the result %d cannot be sent to the chat", in.Index)
		}
		return one(m)
	})
}
