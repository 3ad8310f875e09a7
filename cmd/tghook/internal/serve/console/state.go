package console

import (
	"context"
	"net/http"
	"time"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/config"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/gateway"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/storage"
)

// state is what the page shows at once.
type state struct {
	At      time.Time `json:"at"` // by the clock of the gateway
	Seq     int64     `json:"seq"`
	Version string    `json:"version"`
	User    string    `json:"user"`
	History history   `json:"history"`
	Bots    []bot     `json:"bots"`
	Problem string    `json:"problem,omitempty"` // why the history cannot be read
}

type history struct {
	On     bool `json:"on"`
	Bodies bool `json:"bodies"`
}

// bot is how a bot is.
type bot struct {
	Name    string         `json:"name"`
	ID      int64          `json:"id"`
	Receive config.Receive `json:"receive"`
	Added   bool           `json:"added"`
	Paused  bool           `json:"paused"`
	Targets []target       `json:"targets"`
	Webhook webhook        `json:"webhook"`
}

type target struct {
	Name    string    `json:"name"`
	URL     string    `json:"url"`
	Window  int       `json:"window"`
	Busy    int       `json:"busy"`
	Waiting int       `json:"waiting"`
	Down    bool      `json:"down"`
	Since   time.Time `json:"since,omitzero"`
	Problem string    `json:"problem,omitempty"`
	Queue   queue     `json:"queue"`
	Counted time.Time `json:"counted,omitzero"`
}

type queue struct {
	Pending int       `json:"pending"`
	Leased  int       `json:"leased"`
	Dead    int       `json:"dead"`
	Oldest  time.Time `json:"oldest,omitzero"`
	Lanes   []lane    `json:"lanes,omitempty"` // of the bot that is asked for
}

type lane struct {
	Lane    string    `json:"lane"`
	Pending int       `json:"pending"`
	Oldest  time.Time `json:"oldest,omitzero"`
}

type webhook struct {
	Here      bool      `json:"here"`
	CheckedAt time.Time `json:"checked_at,omitzero"`
	URL       string    `json:"url,omitempty"`
	Pending   int       `json:"pending"`
	LastError string    `json:"last_error,omitempty"`
	ErrorAt   time.Time `json:"error_at,omitzero"`
	Problem   string    `json:"problem,omitempty"`
}

// showState answers GET /api/state. The bot of the query has its lanes.
func (c *Console) showState(r *http.Request) (any, error) {
	user, _ := r.Context().Value(userKey{}).(string)
	s := state{
		At: time.Now().UTC(), Version: c.cfg.Version, User: user,
		History: history{c.cfg.History.On, c.cfg.History.Bodies}, Bots: c.bots(r.URL.Query().Get("bot")),
	}
	var err error
	if s.Seq, err = c.newest(r.Context()); err != nil {
		s.Problem = c.explain(r.Context(), err).Message
	}
	return s, nil
}

// newest returns the Seq of the newest row; 0 if there is none.
func (c *Console) newest(ctx context.Context) (int64, error) {
	rows, err := c.cfg.Storage.Rows(ctx, storage.Filter{Limit: 1})
	if len(rows) == 0 {
		return 0, err
	}
	return rows[len(rows)-1].Seq, err
}

// bots returns all bots. Only the one with the name has its lanes, which may be many.
func (c *Console) bots(name string) []bot {
	found := c.cfg.Gateway.Bots()
	all := make([]bot, 0, len(found))
	for _, s := range found {
		all = append(all, botOf(s, s.Name == name))
	}
	return all
}

func botOf(s gateway.BotStatus, withLanes bool) bot {
	w := s.Webhook
	b := bot{
		Name: s.Name, ID: s.ID, Receive: s.Receive, Added: s.Added, Paused: s.Paused, Targets: []target{},
		Webhook: webhook{w.Here, w.CheckedAt, w.URL, w.Pending, w.LastError, w.ErrorAt, w.Problem},
	}
	for _, t := range s.Targets {
		o := t.Outlet
		b.Targets = append(b.Targets, target{
			t.Name, t.URL, o.Window, o.Busy, o.Waiting, o.Down, o.Since, o.Problem, queueOf(t.Queue, withLanes), t.Counted,
		})
	}
	return b
}

func queueOf(s tghook.QueueState, withLanes bool) queue {
	q := queue{Pending: s.Pending, Leased: s.Leased, Dead: s.Dead, Oldest: s.Oldest}
	if !withLanes {
		return q
	}
	for _, l := range s.Lanes {
		q.Lanes = append(q.Lanes, lane{l.Lane, l.Pending, l.Oldest})
	}
	return q
}

func (c *Console) pause(r *http.Request) error {
	return c.cfg.Gateway.SetPaused(r.Context(), r.PathValue("name"), true)
}

func (c *Console) resume(r *http.Request) error {
	return c.cfg.Gateway.SetPaused(r.Context(), r.PathValue("name"), false)
}
