package admin

import (
	"context"
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/tghook/tghook"

	"github.com/tghook/tghook/cmd/tghook/internal/jsonhttp"
)

const (
	usualLetters = 20
	maxLetters   = 100     // of an answer
	maxPage      = 8 << 20 // bytes of updates after which an answer ends
	letterBatch  = 10      // that are asked for at once
)

// letterJSON is a dead letter. Its id is a string, because it may have 63 bits.
type letterJSON struct {
	ID          string          `json:"id"`
	Lane        string          `json:"lane"`
	Attempts    int             `json:"attempts"`
	Why         string          `json:"why"`
	PublishedAt time.Time       `json:"published_at,omitzero"`
	BuriedAt    time.Time       `json:"buried_at,omitzero"`
	Update      json.RawMessage `json:"update,omitempty"`
	Raw         []byte          `json:"raw,omitempty"` // if the update is not JSON in UTF-8
}

func letterOf(l *tghook.DeadLetter) letterJSON {
	j := letterJSON{
		ID: strconv.FormatInt(l.Key.ID, 10), Lane: l.Lane, Attempts: l.Attempts, Why: l.Why,
		PublishedAt: l.Published, BuriedAt: l.Buried,
	}
	if json.Valid(l.Raw) && utf8.Valid(l.Raw) {
		j.Update = l.Raw
	} else {
		j.Raw = l.Raw
	}
	return j
}

// letterList is the answer to GET /v1/bots/{name}/dead.
type letterList struct {
	DeadLetters []letterJSON `json:"dead_letters"`
	Next        string       `json:"next,omitempty"` // the value of after for what follows
}

func (a *api) listLetters(ctx context.Context, r *http.Request) (int, any, error) {
	if err := onlyQuery(r, "target", "after", "limit"); err != nil {
		return 0, nil, err
	}
	after, err := integer(r, "after", math.MinInt64)
	if err != nil {
		return 0, nil, err
	}
	limit, err := integer(r, "limit", usualLetters)
	if err != nil {
		return 0, nil, err
	}
	limit = min(max(limit, 1), maxLetters)
	list := letterList{DeadLetters: []letterJSON{}}
	for size := 0; len(list.DeadLetters) < int(limit) && size < maxPage; {
		most := min(letterBatch, int(limit)-len(list.DeadLetters))
		letters, err := a.bots.DeadLetters(ctx, r.PathValue("name"), r.URL.Query().Get("target"), after, most)
		if err != nil {
			return 0, nil, err
		}
		for i := range letters {
			list.DeadLetters = append(list.DeadLetters, letterOf(&letters[i]))
			size += len(letters[i].Raw)
			after = letters[i].Key.ID
		}
		if len(letters) < most {
			return http.StatusOK, list, nil
		}
	}
	list.Next = strconv.FormatInt(after, 10)
	return http.StatusOK, list, nil
}

// letterID returns the id of a dead letter in the path.
func letterID(r *http.Request) (int64, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return 0, jsonhttp.Invalid("the id of the dead letter in the path is not a whole number; take it from GET /v1/bots/{name}/dead")
	}
	return id, nil
}

func (a *api) replay(ctx context.Context, r *http.Request) (int, any, error) {
	id, err := letterID(r)
	if err != nil {
		return 0, nil, err
	}
	var in struct {
		Target string          `json:"target"`
		Update json.RawMessage `json:"update"`
	}
	if err := decode(r, &in); err != nil {
		return 0, nil, err
	}
	return http.StatusNoContent, nil, a.bots.Replay(ctx, r.PathValue("name"), in.Target, id, present(in.Update))
}

// present returns a value of JSON; nil if it is null.
func present(value json.RawMessage) json.RawMessage {
	if string(value) == "null" {
		return nil
	}
	return value
}

func (a *api) discard(ctx context.Context, r *http.Request) (int, any, error) {
	id, err := letterID(r)
	if err != nil {
		return 0, nil, err
	}
	var in struct {
		Target string `json:"target"`
	}
	if err := decode(r, &in); err != nil {
		return 0, nil, err
	}
	return http.StatusNoContent, nil, a.bots.Discard(ctx, r.PathValue("name"), in.Target, id)
}

func (a *api) send(ctx context.Context, r *http.Request) (int, any, error) {
	var in struct {
		Target string          `json:"target"`
		Update json.RawMessage `json:"update"`
	}
	if err := decode(r, &in); err != nil {
		return 0, nil, err
	}
	update := present(in.Update)
	if update == nil {
		return 0, nil, jsonhttp.Invalid(`the update is missing; send {"update": {"update_id": 1, "message": ...}}`)
	}
	return http.StatusNoContent, nil, a.bots.Send(ctx, r.PathValue("name"), in.Target, update)
}
