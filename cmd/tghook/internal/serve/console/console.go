// Package console serves the page of tghook serve, and the API behind it: the traffic of bots,
// their queues and their dead letters. Everything is behind a password, or behind a reverse
// proxy that names the user.
package console

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/page"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/config"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/gateway"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/storage"

	"github.com/tghook/tghook/cmd/tghook/internal/jsonhttp"
)

// Config configures a Console.
type Config struct {
	Page    config.Page    // who may see the page
	History config.History // what the page can expect of the history
	Gateway Gateway
	Storage Storage
	Version string       // of tghook
	Logger  *slog.Logger // gets what users do, and failed logins; if nil, slog.Default()
}

// Gateway is what a Console needs of a [gateway.Gateway].
type Gateway interface {
	Bots() []gateway.BotStatus
	Bot(name string) (gateway.BotStatus, error)
	SetPaused(ctx context.Context, name string, paused bool) error
	DeadLetters(ctx context.Context, name, target string, after int64, limit int) ([]tghook.DeadLetter, error)
	Replay(ctx context.Context, name, target string, id int64, edited json.RawMessage) error
	Discard(ctx context.Context, name, target string, id int64) error
	Send(ctx context.Context, name, target string, update json.RawMessage) error
}

// Storage is what a Console needs of a [storage.Storage].
type Storage interface {
	Rows(ctx context.Context, f storage.Filter) ([]storage.Row, error)
	Row(ctx context.Context, id string) (storage.Row, *storage.Exchange, error)
	Watch() <-chan struct{}
}

// Bounds of what requests may take.
const (
	slowestAnswer  = 30 * time.Second // until the gateway or the storage has answered
	slowestRequest = time.Minute      // in all, except for streams
	maxStreams     = 32
)

// Console serves the page and its API. Every method may be called concurrently.
type Console struct {
	cfg     Config
	login   *login
	origin  *http.CrossOriginProtection
	mux     *http.ServeMux
	streams chan struct{} // has an element for each open stream
	ended   context.Context
	end     context.CancelFunc
}

// New returns a Console. It fails if nothing says who may see the page.
func New(cfg Config) (*Console, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	l, err := newLogin(cfg.Page, cfg.Logger)
	if err != nil {
		return nil, err
	}
	files, err := page.NewServe()
	if err != nil {
		return nil, err
	}
	c := &Console{
		cfg: cfg, login: l, origin: http.NewCrossOriginProtection(), mux: http.NewServeMux(),
		streams: make(chan struct{}, maxStreams),
	}
	c.ended, c.end = context.WithCancel(context.Background())
	c.route(files)
	return c, nil
}

// Close ends all streams, and those that begin later at once. Register it with
// [http.Server.RegisterOnShutdown], because Shutdown waits for streams.
func (c *Console) Close() { c.end() }

// ServeHTTP checks who asks, before anything else, and then answers.
//
// It sets the deadlines of the connection itself, whatever the timeouts of the server are.
// The name in the Host header is not checked. A page of another site that leads its own name to
// this server has no password to send, because browsers keep passwords for each name. It could set
// the header of a proxy, so no browser may run at a proxy's address.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.setDeadlines(w)
	h := w.Header()
	h.Set("Content-Security-Policy", page.Policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	user, err := c.login.check(w, r)
	if err == nil {
		err = c.sameSite(r)
	}
	if err != nil {
		c.writeError(w, r, err)
		return
	}
	c.mux.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), userKey{}, user)))
}

// setDeadlines ends the connection of a client that sends or takes its bytes too slowly.
func (c *Console) setDeadlines(w http.ResponseWriter) {
	out, end := http.NewResponseController(w), time.Now().Add(slowestRequest)
	_ = out.SetReadDeadline(end) // a writer without deadlines is not a connection
	_ = out.SetWriteDeadline(end)
}

// sameSite refuses what a page of another site makes a browser send.
func (c *Console) sameSite(r *http.Request) error {
	if c.origin.Check(r) != nil {
		return &jsonhttp.Error{Status: http.StatusForbidden, Code: "cross_origin", Message: "the request comes from a page of another site; use the page of tghook"}
	}
	return nil
}

// userKey is the key of the user's name in a context.
type userKey struct{}

func (c *Console) route(files http.Handler) {
	const bot, letter, row = "/api/bots/{name}", "/api/bots/{name}/dead/{id}", "/api/rows/{id}"
	c.mux.Handle("/", files)
	c.mux.HandleFunc("/api/", func(w http.ResponseWriter, r *http.Request) {
		c.writeError(w, r, jsonhttp.NotFound("path", "there is no %s %s here", r.Method, r.URL.Path))
	})
	c.mux.HandleFunc("GET /api/stream", c.stream)
	c.read("GET /api/state", c.showState)
	c.read("GET "+bot+"/rows", c.listRows)
	c.read("GET "+row, c.showRow)
	c.read("GET "+bot+"/dead", c.listLetters)
	c.read("GET "+letter, c.showLetter)
	c.act("POST "+row+"/replay", "replay an update", c.replayRow)
	c.act("POST "+letter+"/replay", "replay a dead letter", c.replayLetter)
	c.act("POST "+letter+"/discard", "discard a dead letter", c.discardLetter)
	c.act("POST "+bot+"/pause", "pause a bot", c.pause)
	c.act("POST "+bot+"/resume", "resume a bot", c.resume)
}

// read routes requests that change nothing.
func (c *Console) read(pattern string, f func(*http.Request) (any, error)) {
	c.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { c.answer(w, r, f) })
}

// answer answers with what f returns.
func (c *Console) answer(w http.ResponseWriter, r *http.Request, f func(*http.Request) (any, error)) {
	ctx, cancel := context.WithTimeout(r.Context(), slowestAnswer)
	defer cancel()
	value, err := f(r.WithContext(ctx))
	if err != nil {
		c.writeError(w, r, err)
		return
	}
	jsonhttp.Write(w, http.StatusOK, value)
}

// act routes requests that change something. If the browser hangs up, the work goes on, so that it
// is not left half done.
func (c *Console) act(pattern, what string, f func(*http.Request) error) {
	c.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		c.answer(w, r.WithContext(context.WithoutCancel(r.Context())), func(r *http.Request) (any, error) {
			err := f(r)
			c.logAct(r, what, err)
			return struct{}{}, err
		})
	})
}

// logAct logs what a user has done, with the user's name.
func (c *Console) logAct(r *http.Request, what string, err error) {
	user, _ := r.Context().Value(userKey{}).(string)
	line := []slog.Attr{slog.String("user", user), slog.String("act", what)}
	for _, part := range []string{"name", "id"} {
		if value := r.PathValue(part); value != "" {
			line = append(line, slog.String(part, value))
		}
	}
	if target := r.URL.Query().Get("target"); target != "" {
		line = append(line, slog.String("target", target))
	}
	if err != nil {
		line = append(line, slog.Any("error", err))
	}
	c.cfg.Logger.LogAttrs(r.Context(), slog.LevelInfo, "the page was used", line...)
}

// writeError answers with an error.
func (c *Console) writeError(w http.ResponseWriter, r *http.Request, err error) {
	c.explain(r.Context(), err).Write(w)
}

// explain returns an error as the page shows it. The text of one that is not known may have what
// only the log may have, so it is logged.
func (c *Console) explain(ctx context.Context, err error) *jsonhttp.Error {
	p := problemOf(err)
	if p.Code == "internal" && ctx.Err() == nil { // not if the client has hung up
		c.cfg.Logger.LogAttrs(ctx, slog.LevelError, "the page cannot show or do something", slog.Any("error", err))
	}
	return p
}

// problemOf tells of an error of the gateway or the storage.
func problemOf(err error) *jsonhttp.Error {
	var known *jsonhttp.Error
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(err, gateway.ErrNoBot):
		return jsonhttp.NotFound("bot", "there is no such bot or target any more; it may have been removed")
	case errors.Is(err, tghook.ErrNoDeadLetter):
		return jsonhttp.NotFound("letter", "there is no such dead letter any more; it was replayed or discarded")
	case errors.Is(err, storage.ErrNoRow):
		return jsonhttp.NotFound("row", "there is no such row any more; it is older than the history")
	case errors.Is(err, storage.ErrFull):
		return &jsonhttp.Error{Status: http.StatusServiceUnavailable, Code: "storage_full", Message: "the storage is full, and nothing was changed; discard dead letters, raise storage.max_size, or try again when the bots have taken more updates"}
	case errors.Is(err, context.DeadlineExceeded):
		return &jsonhttp.Error{Status: http.StatusServiceUnavailable, Code: "timeout", Message: "the storage has not answered within " + slowestAnswer.String() + "; try again"}
	}
	return &jsonhttp.Error{Status: http.StatusInternalServerError, Code: "internal", Message: "the gateway could not do this; its log says why"}
}
