package console

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/tghook/tghook"

	"github.com/tghook/tghook/cmd/tghook/internal/jsonhttp"
)

// letter is a dead letter. Its numbers that may have more digits than a number in a browser are
// strings.
type letter struct {
	ID        string      `json:"id"` // of its key
	UpdateID  string      `json:"update_id,omitempty"`
	Kind      tghook.Kind `json:"kind,omitempty"`
	Chat      int64       `json:"chat,omitempty"`
	User      int64       `json:"user,omitempty"`
	Lane      string      `json:"lane,omitempty"`
	Attempts  int         `json:"attempts,omitempty"`
	Published time.Time   `json:"published,omitzero"`
	Buried    time.Time   `json:"buried,omitzero"`
	Why       string      `json:"why"`
}

// letterDetail is a dead letter with its update. Text is the update in several lines, because
// numbers in it keep all their digits there.
type letterDetail struct {
	letter

	Text string `json:"update_text"`
}

func letterOf(d tghook.DeadLetter) letter {
	l := letter{
		ID: strconv.FormatInt(d.Key.ID, 10), Lane: d.Lane, Attempts: d.Attempts, Published: d.Published, Buried: d.Buried, Why: d.Why,
	}
	// A dead letter may be one because it cannot be read. Then its fields stay empty.
	if u, _ := tghook.ParseUpdate(d.Raw); u != nil {
		l.UpdateID, l.Kind, l.Chat, l.User = strconv.FormatInt(u.ID, 10), u.Kind, u.ChatID, u.UserID
	}
	return l
}

// listLetters answers GET /api/bots/{name}/dead: dead letters of a target, in ascending order of
// their ids, from the first one after the id of the query.
func (c *Console) listLetters(r *http.Request) (any, error) {
	const usual, most = 50, 100
	after, err := jsonhttp.Number(r, "after", math.MinInt64)
	if err != nil {
		return nil, err
	}
	n, err := limit(r, usual, most)
	if err != nil {
		return nil, err
	}
	found, err := c.cfg.Gateway.DeadLetters(r.Context(), r.PathValue("name"), r.URL.Query().Get("target"), after, n+1)
	if err != nil {
		return nil, err
	}
	out := struct {
		Letters []letter `json:"letters"`
		More    bool     `json:"more"`
	}{Letters: []letter{}, More: len(found) > n}
	for _, d := range found[:min(n, len(found))] {
		out.Letters = append(out.Letters, letterOf(d))
	}
	return out, nil
}

// address says which dead letter a request is about.
type address struct {
	bot, target string
	id          int64
}

func addressOf(r *http.Request) (address, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return address{}, jsonhttp.NotFound("letter", "the id of a dead letter is a whole number, not %.50q", r.PathValue("id"))
	}
	return address{r.PathValue("name"), r.URL.Query().Get("target"), id}, nil
}

// showLetter answers GET /api/bots/{name}/dead/{id}.
func (c *Console) showLetter(r *http.Request) (any, error) {
	a, err := addressOf(r)
	if err != nil {
		return nil, err
	}
	d, err := c.letter(r.Context(), a)
	if err != nil {
		return nil, err
	}
	return letterDetail{letterOf(d), indented(d.Raw)}, nil
}

func (c *Console) letter(ctx context.Context, a address) (tghook.DeadLetter, error) {
	if a.id == math.MinInt64 {
		return tghook.DeadLetter{}, tghook.ErrNoDeadLetter
	}
	found, err := c.cfg.Gateway.DeadLetters(ctx, a.bot, a.target, a.id-1, 1)
	if err == nil && (len(found) == 0 || found[0].Key.ID != a.id) {
		err = tghook.ErrNoDeadLetter
	}
	if err != nil {
		return tghook.DeadLetter{}, err
	}
	return found[0], nil
}

// replayLetter answers POST /api/bots/{name}/dead/{id}/replay: the update goes back into its
// lane, or the edited one in its place.
func (c *Console) replayLetter(r *http.Request) error {
	a, e, err := readAct(r)
	if err != nil {
		return err
	}
	if e.Update != nil {
		if err := checkUpdate(e.Update); err != nil {
			return err
		}
	}
	return c.cfg.Gateway.Replay(r.Context(), a.bot, a.target, a.id, e.Update)
}

// discardLetter answers POST /api/bots/{name}/dead/{id}/discard.
func (c *Console) discardLetter(r *http.Request) error {
	a, e, err := readAct(r)
	switch {
	case err != nil:
		return err
	case e.Update != nil:
		return jsonhttp.Invalid("an update is not discarded with another one in its place; leave update out")
	}
	return c.cfg.Gateway.Discard(r.Context(), a.bot, a.target, a.id)
}

// readAct reads which dead letter a request is about, and its body.
func readAct(r *http.Request) (address, edit, error) {
	a, err := addressOf(r)
	if err != nil {
		return a, edit{}, err
	}
	e, err := readEdit(r)
	if e.Target != nil {
		a.target = *e.Target
	}
	return a, e, err
}
