package desk

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"time"

	"github.com/wI2L/jsondiff"

	"github.com/tghook/tghook/cmd/tghook/internal/jsonhttp"
)

// Replayed is what comes of an update that was delivered again.
type Replayed struct {
	Row      string       `json:"row,omitempty"` // of the new delivery
	UpdateID int64        `json:"update_id"`
	Idle     bool         `json:"idle"` // the bot has done its work in time
	Before   []ReplayCall `json:"before"`
	After    []ReplayCall `json:"after"`
	Diff     []Diff       `json:"diff"`
}

// ReplayCall is a call that the bot made because of an update.
type ReplayCall struct {
	Method string         `json:"method"`
	Params map[string]any `json:"params"`
	OK     bool           `json:"ok"`
	Error  string         `json:"error,omitempty"`
	Row    string         `json:"row"`
}

// Diff is a difference between the calls before and after. Path is a JSON pointer into the
// array of calls, each with method, params and error.
type Diff struct {
	Op     string `json:"op"`
	Path   string `json:"path"`
	Before any    `json:"before,omitempty"`
	After  any    `json:"after,omitempty"`
}

// replay delivers the update of a row again, also with another content, and compares what the
// bot does with what it did then.
func (d *Desk) replay(r *http.Request) (any, error) {
	var in struct {
		Update  json.RawMessage `json:"update"`
		Timeout duration        `json:"timeout"`
	}
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	rec, err := d.journal.find(r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	b := d.bots.find(rec.row.Bot)
	old, ok := d.journal.update(rec.row.Bot, rec.update)
	switch {
	case rec.update == 0:
		return nil, jsonhttp.Invalid("the row %s is no delivery of an update; replay one that is", rec.row.ID)
	case !ok || b == nil:
		return nil, jsonhttp.NotFound("update", "the update %d is no longer kept", rec.update)
	case time.Duration(in.Timeout) > longestWait:
		return nil, jsonhttp.Invalid("timeout is %v; send at most %v", time.Duration(in.Timeout), longestWait)
	}
	if len(in.Update) == 0 || string(in.Update) == "null" {
		in.Update = old.body
	}
	if in.Timeout == 0 {
		in.Timeout = duration(usualWait)
	}
	ctx, cancel := context.WithTimeout(r.Context(), time.Duration(in.Timeout))
	defer cancel()
	out := Replayed{Before: d.journal.effects(b.id, rec.update)}
	d.acts.begin(b.id, old.about.chat, d.feed.newest())
	if out.UpdateID, err = b.server.Deliver(in.Update); err != nil {
		return nil, failure(err)
	}
	out.Idle = d.idle(ctx, b)
	out.After = d.journal.effects(b.id, out.UpdateID)
	if rows := d.journal.attempts(b.id, out.UpdateID); len(rows) > 0 {
		out.Row = rows[0].ID
	}
	out.Diff, err = diff(out.Before, out.After)
	return out, err
}

// deliver queues an update that no act of a user makes.
func (d *Desk) deliver(r *http.Request) (any, error) {
	var in struct {
		Update json.RawMessage `json:"update"`
	}
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	b, err := d.botOf(r)
	if err != nil {
		return nil, err
	}
	if len(in.Update) == 0 {
		return nil, jsonhttp.Invalid("update is missing; send an object of the Bot API's type Update")
	}
	d.acts.begin(b.id, readUpdate(in.Update).chat, d.feed.newest())
	id, err := b.server.Deliver(in.Update)
	if err != nil {
		return nil, failure(err)
	}
	return struct {
		UpdateID int64 `json:"update_id"`
	}{id}, nil
}

// effects returns the calls that a bot made because of an update, oldest first.
func (j *journal) effects(bot, update int64) []ReplayCall {
	j.mu.Lock()
	defer j.mu.Unlock()
	causes := map[string]bool{}
	for _, r := range j.rows {
		if r.row.Type == rowDelivery && r.row.Bot == bot && r.row.UpdateID == update {
			causes[r.row.ID] = true
		}
	}
	calls := []ReplayCall{}
	for _, r := range j.rows {
		if r.row.Method == "" || r.row.Method == pollMethod || !causes[r.row.Cause] {
			continue
		}
		call := ReplayCall{Method: r.row.Method, Params: map[string]any{}, OK: r.row.OK, Error: r.row.Error, Row: r.row.ID}
		for name, value := range r.params {
			call.Params[name] = valueOf(value)
		}
		calls = append(calls, call)
	}
	return calls
}

// valueOf returns the value of a parameter: an object or an array, or else its text.
func valueOf(text string) any {
	var value any
	if json.Unmarshal([]byte(text), &value) == nil {
		switch value.(type) {
		case map[string]any, []any:
			return value
		}
	}
	return text
}

// ignored are parameters that differ each time.
var ignored = []string{"callback_query_id", "inline_query_id", "shipping_query_id", "pre_checkout_query_id"}

// diff returns how the calls after differ from those before.
func diff(before, after []ReplayCall) ([]Diff, error) {
	patch, err := jsondiff.Compare(lasting(before), lasting(after), jsondiff.LCS())
	if err != nil {
		return nil, err
	}
	out := []Diff{}
	for _, op := range patch {
		out = append(out, Diff{op.Type, op.Path, op.OldValue, op.Value})
	}
	return out, nil
}

// lasting returns calls without what differs each time.
func lasting(calls []ReplayCall) []any {
	out := make([]any, 0, len(calls))
	for _, c := range calls {
		params := map[string]any{}
		maps.Copy(params, c.Params)
		for _, name := range ignored {
			delete(params, name)
		}
		out = append(out, map[string]any{"method": c.Method, "params": params, "error": c.Error})
	}
	return out
}

// listRows answers GET /api/bots/{bot}/rows.
func (d *Desk) listRows(r *http.Request) (any, error) {
	b, err := d.botOf(r)
	if err != nil {
		return nil, err
	}
	const usual, most = 200, 1000
	q := r.URL.Query()
	w := want{bot: b.id, kind: q.Get("kind"), text: q.Get("text"), failed: q.Get("failed") != "" && q.Get("failed") != "0", before: q.Get("before")}
	if w.chat, err = jsonhttp.Number(r, "chat", 0); err != nil {
		return nil, err
	}
	limit, err := jsonhttp.Number(r, "limit", usual)
	switch {
	case err != nil:
		return nil, err
	case limit < 1 || limit > most:
		return nil, jsonhttp.Invalid("limit=%d is not between 1 and %d", limit, most)
	}
	w.limit = int(limit)
	out := struct {
		Rows []Row `json:"rows"`
		More bool  `json:"more"`
	}{}
	out.Rows, out.More = d.journal.list(w)
	return out, nil
}

// showRow answers GET /api/rows/{id}.
func (d *Desk) showRow(r *http.Request) (any, error) {
	rec, err := d.journal.find(r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	hide := d.journal.hider(d.bots.tokens())
	out := RowDetail{Row: rec.row, Attempts: []Row{}, Request: rec.request(hide), Response: rec.response(hide)}
	if rec.update != 0 {
		out.Attempts = d.journal.attempts(rec.row.Bot, rec.update)
		if u, ok := d.journal.update(rec.row.Bot, rec.update); ok {
			out.Update = u.body
		}
	}
	for _, id := range rec.row.UpdateIDs {
		if u, ok := d.journal.update(rec.row.Bot, id); ok {
			out.Updates = append(out.Updates, json.RawMessage(u.body))
		}
	}
	return out, nil
}

// showCurl answers GET /api/rows/{id}/curl.
func (d *Desk) showCurl(r *http.Request) (any, error) {
	rec, err := d.journal.find(r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	x := rec.request(d.journal.hider(d.bots.tokens()))
	if x == nil {
		return nil, &jsonhttp.Error{Status: http.StatusUnprocessableEntity, Code: "no_request", Message: "the row has no request of its own: a webhook reply is in the answer to a delivery, and a warning has none"}
	}
	return text(curl(x, d.URL())), nil
}
