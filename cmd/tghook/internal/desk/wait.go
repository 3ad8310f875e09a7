package desk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tghook/tghook/cmd/tghook/internal/jsonhttp"
)

// waiting is what a request waits for.
type waiting struct {
	Chat     int64    `json:"chat"`
	Text     *string  `json:"text"`
	Contains string   `json:"contains"`
	Matches  string   `json:"matches"`
	Method   string   `json:"method"`
	Kind     string   `json:"kind"`
	After    int64    `json:"after"`
	Timeout  duration `json:"timeout"`

	pattern *regexp.Regexp
}

// Limits of how long a request waits.
const (
	usualWait   = 10 * time.Second
	longestWait = 5 * time.Minute
	quiet       = 250 * time.Millisecond // of a bot that is idle
)

// Waited is what a request has waited for.
type Waited struct {
	Seq     int64    `json:"seq"`
	Message *Message `json:"message,omitempty"`
	Row     *Row     `json:"row,omitempty"`
	Event   *Event   `json:"event,omitempty"`
}

// acts has the number of the newest event before the newest act of a user, for each chat.
type acts struct {
	mu     sync.Mutex
	newest map[place]int64
}

// begin keeps that a user begins to act. chat is 0 for an act in no chat.
func (a *acts) begin(bot, chat, seq int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.newest == nil || len(a.newest) > maxPlaces {
		a.newest = map[place]int64{}
	}
	a.newest[place{bot: bot}] = seq
	a.newest[place{bot: bot, chat: chat}] = seq
}

func (a *acts) since(bot, chat int64) (int64, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	seq, ok := a.newest[place{bot: bot, chat: chat}]
	return seq, ok
}

// wait answers POST /api/bots/{bot}/wait.
func (d *Desk) wait(r *http.Request) (any, error) {
	var in waiting
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	b, err := d.botOf(r)
	if err != nil {
		return nil, err
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	if in.After == 0 {
		var acted bool
		if in.After, acted = d.acts.since(b.id, in.Chat); !acted {
			in.After = d.feed.newest()
		}
	}
	ctx, cancel := context.WithTimeout(r.Context(), time.Duration(in.Timeout))
	defer cancel()
	if in.Kind == "idle" {
		if !d.idle(ctx, b) {
			return nil, d.instead(b, in, "the bot was not idle")
		}
		return Waited{Seq: d.feed.newest()}, nil
	}
	e, err := d.feed.await(ctx, d.ended, in.After, filter{bot: b.id, chat: in.Chat}, in.takes)
	switch {
	case errors.Is(err, errGap):
		return nil, &jsonhttp.Error{Status: http.StatusGone, Code: "events_gone", Message: fmt.Sprintf("there is no event %d; after is the number of an event of this run of tghook, such as the seq of GET /api/state", in.After)}
	case err != nil:
		return nil, d.instead(b, in, "the bot did not "+in.wanted())
	}
	return Waited{Seq: e.Seq, Message: e.Message, Row: e.Row, Event: &e}, nil
}

// check refuses a wait that makes no sense, and fills in defaults.
func (w *waiting) check() (err error) {
	if w.Matches != "" {
		if w.pattern, err = regexp.Compile(w.Matches); err != nil {
			return jsonhttp.Invalid("matches is not a regular expression of RE2: %v", err)
		}
	}
	if w.Kind == "" {
		switch {
		case w.Method != "":
			w.Kind = rowCall
		case w.text():
			w.Kind = "said"
		default:
			return jsonhttp.Invalid("say what to wait for: text, contains, matches, method or kind")
		}
	}
	switch w.Kind {
	case "said", "message", "edit", "delete", "draft", "action", rowCall, rowDelivery, "idle":
	default:
		return jsonhttp.Invalid("kind is %q; send message, edit, delete, draft, action, call, delivery or idle", w.Kind)
	}
	if w.Timeout == 0 {
		w.Timeout = duration(usualWait)
	}
	if time.Duration(w.Timeout) > longestWait {
		return jsonhttp.Invalid("timeout is %v; send at most %v", time.Duration(w.Timeout), longestWait)
	}
	return nil
}

// text reports whether the wait asks for a text of the bot.
func (w *waiting) text() bool { return w.Text != nil || w.Contains != "" || w.Matches != "" }

// wanted names the goal of the wait.
func (w *waiting) wanted() string {
	what := map[string]string{
		"said": "say", "message": "send a message", "edit": "edit a message", "delete": "delete a message", "draft": "show a draft",
		"action": "show an action", rowCall: "call " + w.Method, rowDelivery: "get an update",
	}[w.Kind]
	switch {
	case w.Text != nil:
		what += fmt.Sprintf(" %q", *w.Text)
	case w.Contains != "":
		what += fmt.Sprintf(" something with %q", w.Contains)
	case w.Matches != "":
		what += fmt.Sprintf(" something that matches %q", w.Matches)
	}
	return strings.TrimSpace(what)
}

// takes reports whether an event ends the wait.
func (w *waiting) takes(e Event) bool {
	switch w.Kind {
	case "said":
		return e.said("message", "edit") && w.reads(e.Message.text)
	case "message", "edit":
		return e.said(w.Kind) && w.reads(e.Message.text)
	case rowCall:
		return e.Row.called() && (w.Method == "" || strings.EqualFold(w.Method, e.Row.Method)) && w.reads(e.Row.Summary)
	case rowDelivery:
		return e.Row != nil && e.Row.Type == rowDelivery && !e.Row.Running && w.reads(e.Row.Summary)
	}
	return e.Kind == w.Kind && w.reads(e.Text)
}

// said reports whether the event is that the bot has sent or edited a message.
func (e Event) said(kinds ...string) bool {
	return slices.Contains(kinds, e.Kind) && e.Message != nil && e.Message.extra.FromBot
}

// called reports whether the row is of a call.
func (r *Row) called() bool { return r != nil && (r.Type == rowCall || r.Type == rowReply) }

// reads reports whether a text is the one that is waited for.
func (w *waiting) reads(text string) bool {
	return (w.Text == nil || strings.TrimSpace(*w.Text) == strings.TrimSpace(text)) && strings.Contains(text, w.Contains) &&
		(w.pattern == nil || w.pattern.MatchString(text))
}

var errGap = errors.New("the number is of another run")

// await returns the first event after a number that is wanted, of those that are kept.
func (f *feed) await(ctx context.Context, ended <-chan struct{}, after int64, from filter, wanted func(Event) bool) (Event, error) {
	for {
		begin, err := f.oldest(after)
		if err != nil {
			return Event{}, err
		}
		some, last, more, gap := f.next(begin, from)
		if gap { // it has become too old just now
			continue
		}
		for _, k := range some {
			if wanted(k.event) {
				return k.event, nil
			}
		}
		after = last
		if len(some) > 0 {
			continue
		}
		select {
		case <-more:
		case <-ctx.Done():
			return Event{}, ctx.Err()
		case <-ended:
			return Event{}, context.Canceled
		}
	}
}

// idle waits until the bot has no update to work on, and has not called for a moment. It
// reports whether that was so before ctx ended.
func (d *Desk) idle(ctx context.Context, b *bot) bool {
	for {
		before, _ := d.journal.state(b.id)
		if b.server.Delivered(ctx) != nil {
			return false
		}
		select {
		case <-time.After(quiet):
		case <-ctx.Done():
			return false
		}
		if after, busy := d.journal.state(b.id); after == before && !busy {
			return true
		}
	}
}

// instead is the error of a wait in vain. It says what the bot did instead.
func (d *Desk) instead(b *bot, w waiting, what string) error {
	text := fmt.Sprintf("%s within %v", what, time.Duration(w.Timeout))
	said, failed := d.since(b, w)
	if len(said) == 0 {
		text += "; it said nothing"
		if w.Chat != 0 {
			text += " in this chat"
		}
	} else {
		text += "; instead it said: " + strings.Join(said, ", ")
	}
	if len(failed) > 0 {
		text += "; these of its calls failed: " + strings.Join(failed, ", ")
	}
	if n := b.server.Pending(); n > 0 {
		waits := "1 update waits"
		if n > 1 {
			waits = fmt.Sprintf("%d updates wait", n)
		}
		text += "; " + waits + " for it"
		if why := b.notDelivered(); why != "" {
			text += ": " + why
		}
	}
	return &jsonhttp.Error{Status: http.StatusGatewayTimeout, Code: "timeout", Message: text}
}

// since returns what the bot has said, and which of its calls have failed, since the wait's
// beginning.
func (d *Desk) since(b *bot, w waiting) (said, failed []string) {
	const enough = 10
	for after := w.After; ; {
		some, last, _, gap := d.feed.next(after, filter{bot: b.id})
		for _, k := range some {
			switch e := k.event; {
			case e.said("message", "edit") && (w.Chat == 0 || e.Chat == w.Chat):
				said = append(said, e.quote())
			case e.Row.called() && !e.Row.OK:
				failed = append(failed, fmt.Sprintf("%s (%d %s)", e.Row.Method, e.Row.Status, e.Row.Error))
			}
		}
		if gap || last == after {
			return newestOf(said, enough), newestOf(failed, enough)
		}
		after = last
	}
}

// quote returns what the bot has said.
func (e Event) quote() string {
	text := fmt.Sprintf("%q", short(e.Message.shows()))
	if e.Kind == "edit" {
		text += " (an edit)"
	}
	return text
}

func newestOf(lines []string, most int) []string {
	if more := len(lines) - most; more > 0 {
		return append([]string{fmt.Sprintf("(%d older ones)", more)}, lines[more:]...)
	}
	return lines
}

// encode returns the JSON of a value that always has one.
func encode(value any) json.RawMessage {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // a bug
	}
	return text
}
