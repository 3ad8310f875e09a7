package admin

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/tghook/tghook/cmd/tghook/internal/serve/gateway"

	"github.com/tghook/tghook/cmd/tghook/internal/jsonhttp"
)

// botJSON is how a bot is.
type botJSON struct {
	Name    string       `json:"name"`
	ID      int64        `json:"id"`
	Receive string       `json:"receive"`
	Added   bool         `json:"added"`
	Paused  bool         `json:"paused"`
	Targets []targetJSON `json:"targets"`
	Webhook *webhookJSON `json:"webhook,omitempty"` // if this gateway cares for the bot
}

type targetJSON struct {
	Name    string     `json:"name"`
	URL     string     `json:"url"`
	Window  int        `json:"window"`
	Busy    int        `json:"busy"`
	Waiting int        `json:"waiting"`
	Down    bool       `json:"down"`
	Since   time.Time  `json:"since,omitzero"`
	Problem string     `json:"problem,omitempty"`
	Queue   *queueJSON `json:"queue,omitempty"` // if it was counted
}

type queueJSON struct {
	Pending   int       `json:"pending"`
	Leased    int       `json:"leased"`
	Dead      int       `json:"dead"`
	Oldest    time.Time `json:"oldest,omitzero"`
	CountedAt time.Time `json:"counted_at"`
}

type webhookJSON struct {
	URL       string    `json:"url"`
	Pending   int       `json:"pending"`
	LastError string    `json:"last_error,omitempty"`
	ErrorAt   time.Time `json:"error_at,omitzero"`
	CheckedAt time.Time `json:"checked_at,omitzero"`
	Problem   string    `json:"problem,omitempty"`
}

func botOf(s *gateway.BotStatus) botJSON {
	b := botJSON{Name: s.Name, ID: s.ID, Receive: string(s.Receive), Added: s.Added, Paused: s.Paused, Targets: make([]targetJSON, len(s.Targets))}
	for i := range s.Targets {
		b.Targets[i] = targetOf(&s.Targets[i])
	}
	if w := s.Webhook; w.Here {
		b.Webhook = &webhookJSON{w.URL, w.Pending, w.LastError, w.ErrorAt, w.CheckedAt, w.Problem}
	}
	return b
}

func targetOf(s *gateway.TargetStatus) targetJSON {
	o := &s.Outlet
	t := targetJSON{Name: s.Name, URL: s.URL, Window: o.Window, Busy: o.Busy, Waiting: o.Waiting, Down: o.Down, Problem: o.Problem}
	if o.Down {
		t.Since = o.Since
	}
	if !s.Counted.IsZero() {
		t.Queue = &queueJSON{s.Queue.Pending, s.Queue.Leased, s.Queue.Dead, s.Queue.Oldest, s.Counted}
	}
	return t
}

// botList is the answer to GET /v1/bots.
type botList struct {
	Bots []botJSON `json:"bots"`
}

func (a *api) listBots(context.Context, *http.Request) (int, any, error) {
	all := a.bots.Bots()
	list := botList{make([]botJSON, len(all))}
	for i := range all {
		list.Bots[i] = botOf(&all[i])
	}
	return http.StatusOK, list, nil
}

func (a *api) showBot(_ context.Context, r *http.Request) (int, any, error) {
	return a.botAnswer(http.StatusOK, r)
}

func (a *api) botAnswer(status int, r *http.Request) (int, any, error) {
	s, err := a.bots.Bot(r.PathValue("name"))
	if err != nil {
		return 0, nil, err
	}
	return status, botOf(&s), nil
}

// putBot adds a bot or replaces one. Of two requests at once that add the same bot, both may say
// that they have added it.
func (a *api) putBot(ctx context.Context, r *http.Request) (int, any, error) {
	spec, err := read(r)
	if err != nil {
		return 0, nil, err
	}
	if spec == nil {
		return 0, nil, jsonhttp.Invalid("the body is missing; send the JSON of a bot, as it is in the file")
	}
	status := http.StatusOK
	if _, err := a.bots.Bot(r.PathValue("name")); errors.Is(err, gateway.ErrNoBot) {
		status = http.StatusCreated
	}
	if err := a.bots.Add(ctx, r.PathValue("name"), spec); err != nil {
		return 0, nil, err
	}
	return a.botAnswer(status, r)
}

func (a *api) deleteBot(ctx context.Context, r *http.Request) (int, any, error) {
	return http.StatusNoContent, nil, a.bots.Remove(ctx, r.PathValue("name"))
}

func (a *api) pause(ctx context.Context, r *http.Request) (int, any, error) {
	return http.StatusNoContent, nil, a.bots.SetPaused(ctx, r.PathValue("name"), true)
}

func (a *api) resume(ctx context.Context, r *http.Request) (int, any, error) {
	return http.StatusNoContent, nil, a.bots.SetPaused(ctx, r.PathValue("name"), false)
}
