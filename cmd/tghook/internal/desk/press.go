package desk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tghook/tghook/tghooktest"

	"github.com/tghook/tghook/cmd/tghook/internal/jsonhttp"
)

// pressing names a button, by its text, its place or its callback_data.
type pressing struct {
	As     ref      `json:"as"`
	Button string   `json:"button"`
	Row    *int     `json:"row"`
	Column *int     `json:"column"`
	Data   *string  `json:"data"`
	Wait   duration `json:"wait"`
}

// PressAnswer is what comes of a press.
type PressAnswer struct {
	Answered  bool       `json:"answered"`
	Text      string     `json:"text"`
	ShowAlert bool       `json:"show_alert"`
	URL       string     `json:"url"`
	Kind      string     `json:"kind"`            // what the button is
	Copy      string     `json:"copy,omitempty"`  // what it copies
	Query     string     `json:"query,omitempty"` // what it puts into the message field
	Error     string     `json:"error,omitempty"` // why no answer came
	Messages  []*Message `json:"messages,omitempty"`
	Seq       int64      `json:"seq"`
}

// kindKey is the kind of a key of the reply keyboard.
const kindKey = "key"

// check checks a press.
func (p pressing) check() error {
	ways := 0
	for _, given := range []bool{p.Button != "", p.Row != nil || p.Column != nil, p.Data != nil} {
		if given {
			ways++
		}
	}
	switch {
	case ways != 1:
		return jsonhttp.Invalid("name the button in one way: by button (its text), by row and column, or by data")
	case (p.Row == nil) != (p.Column == nil):
		return jsonhttp.Invalid("row needs column, and column needs row")
	case time.Duration(p.Wait) > longestWait:
		return jsonhttp.Invalid("wait is %v; send at most %v", time.Duration(p.Wait), longestWait)
	}
	return nil
}

// among returns the button among those of a message.
func (p pressing) among(rows [][]tghooktest.Button) (tghooktest.Button, bool) {
	for i, row := range rows {
		for j, b := range row {
			byPlace := p.Row != nil && *p.Row == i && *p.Column == j
			byData := p.Data != nil && b.Action == tghooktest.ButtonCallback && b.Value == *p.Data
			if byPlace || byData || p.Button != "" && b.Text == p.Button {
				return b, true
			}
		}
	}
	return tghooktest.Button{}, false
}

// pressMessage answers a press of a button below a message.
func (d *Desk) pressMessage(r *http.Request) (any, error) {
	var in pressing
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	s, id, err := d.messageScene(r, in.As)
	if err == nil {
		err = in.check()
	}
	if err != nil {
		return nil, err
	}
	return s.press(r.Context(), in, func(tb testing.TB, c *tghooktest.Chat) (tghooktest.Button, bool) {
		rows := find(tb, c, id).Buttons()
		b, ok := in.among(rows)
		if !ok {
			fail(tb, fmt.Errorf("the message %d has %w like this; its buttons are: %s", id, tghooktest.ErrNoButton, textsOf(rows)))
		}
		return b, true
	})
}

// pressChat answers a press of the newest button in the chat, or of a key of the reply
// keyboard.
func (d *Desk) pressChat(r *http.Request) (any, error) {
	var in pressing
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	s, err := d.scene(r, in.As)
	if err == nil {
		err = in.check()
	}
	if err == nil && in.Row != nil {
		err = jsonhttp.Invalid("row and column are those of one message; press at .../messages/{id}/press")
	}
	if err != nil {
		return nil, err
	}
	return s.press(r.Context(), in, func(_ testing.TB, c *tghooktest.Chat) (tghooktest.Button, bool) {
		return in.newest(c)
	})
}

// newest returns the button of the newest message that has it, among the last ones.
func (p pressing) newest(c *tghooktest.Chat) (tghooktest.Button, bool) {
	const some = 1000
	posts, _ := c.History(0, 0, some)
	for _, post := range slices.Backward(posts) {
		if b, ok := p.among(post.Buttons()); ok {
			return b, true
		}
	}
	return tghooktest.Button{}, false
}

// textsOf returns the texts of buttons.
func textsOf(rows [][]tghooktest.Button) string {
	var names []string
	for _, row := range rows {
		for _, b := range row {
			names = append(names, fmt.Sprintf("%q", b.Text))
		}
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// press presses the button that pick returns; without one, the key of the reply keyboard.
func (s scene) press(ctx context.Context, in pressing, pick func(testing.TB, *tghooktest.Chat) (tghooktest.Button, bool)) (any, error) {
	out := PressAnswer{Seq: s.desk.feed.newest()}
	var pressed *tghooktest.Press
	err := s.act(func(tb testing.TB, c *tghooktest.Chat) {
		b, ok := pick(tb, c)
		if !ok {
			out.Kind = kindKey
			out.Messages = s.posts(c, c.PressKey(in.Button))
			return
		}
		var err error
		if pressed, err = out.push(b); err != nil {
			fail(tb, err)
		}
	})
	if err != nil || pressed == nil || in.Wait == 0 {
		return out, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(in.Wait))
	defer cancel()
	answer, err := pressed.Answer(ctx)
	if err != nil {
		out.Error = fmt.Sprintf("the bot has not answered the press within %v", time.Duration(in.Wait))
		return out, nil
	}
	out.Answered, out.Text, out.ShowAlert, out.URL = true, answer.Text, answer.ShowAlert, answer.URL
	return out, nil
}

// push presses a button, or says what the button does in the user's own program. The press is nil if no
// answer can come.
func (a *PressAnswer) push(b tghooktest.Button) (*tghooktest.Press, error) {
	a.Kind = string(b.Action)
	switch b.Action {
	case tghooktest.ButtonCallback, tghooktest.ButtonGame:
		return b.Press()
	case tghooktest.ButtonPay:
		_, err := b.Press()
		return nil, err
	case tghooktest.ButtonCopy:
		a.Copy = b.Value
	case tghooktest.ButtonSwitch, tghooktest.ButtonSwitchHere, tghooktest.ButtonSwitchChosen:
		a.Query = b.Value
	default:
		a.URL = b.Value
	}
	return nil, nil
}

// optionsOf returns the texts of a poll's options, which a request names by text or number.
func optionsOf(tb testing.TB, m *tghooktest.Message, options []any) []string {
	var raw struct {
		Poll struct {
			Options []struct {
				Text string `json:"text"`
			} `json:"options"`
		} `json:"poll"`
	}
	_ = json.Unmarshal(m.Raw, &raw) // of the Server's own making
	texts := []string{}
	for _, option := range options {
		switch o := option.(type) {
		case string:
			texts = append(texts, o)
		case float64:
			if i := int(o); float64(i) == o && i >= 0 && i < len(raw.Poll.Options) {
				texts = append(texts, raw.Poll.Options[i].Text)
				continue
			}
			fail(tb, fmt.Errorf("the poll has no option %v; it has %d, counted from 0", o, len(raw.Poll.Options)))
		default:
			fail(tb, errors.New("an option is neither a text nor a number"))
		}
	}
	return texts
}
