// Package admin is the admin API of tghook serve. By it programs add and remove bots while the
// gateway runs, pause them, and manage their dead letters. openapi.json describes it, and GET
// /openapi.json serves that.
//
// Every request needs the token of the configuration as a bearer token. No answer has a token, a
// secret or a password. Bodies have at most 1 MiB.
package admin

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/config"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/gateway"

	"github.com/tghook/tghook/cmd/tghook/internal/jsonhttp"
)

const (
	readTime  = 30 * time.Second // for a request to come in
	workTime  = 30 * time.Second // how long the gateway may take for a request
	writeTime = 30 * time.Second // for the answer to go out
)

// Config configures the API.
type Config struct {
	Admin   config.Admin
	Gateway bots // a [gateway.Gateway]
	Version string
	Logger  *slog.Logger // if nil, slog.Default()
}

// bots is what the API needs of a gateway.
type bots interface {
	Bots() []gateway.BotStatus
	Bot(name string) (gateway.BotStatus, error)
	Add(ctx context.Context, name string, spec []byte) error
	Remove(ctx context.Context, name string) error
	SetPaused(ctx context.Context, name string, paused bool) error
	DeadLetters(ctx context.Context, name, target string, after int64, limit int) ([]tghook.DeadLetter, error)
	Replay(ctx context.Context, name, target string, id int64, edited json.RawMessage) error
	Discard(ctx context.Context, name, target string, id int64) error
	Send(ctx context.Context, name, target string, update json.RawMessage) error
}

// api answers requests.
type api struct {
	bots bots
	spec []byte // openapi.json
	log  *slog.Logger
	mux  *http.ServeMux
}

// New returns the handler of the API. If the configuration has no token, it is an error.
func New(cfg Config) (http.Handler, error) {
	if cfg.Admin.Token == "" {
		return nil, errors.New("admin.token is missing; set it to a secret, such as what openssl rand -hex 32 prints")
	}
	if cfg.Gateway == nil {
		return nil, errors.New("the admin API has no gateway")
	}
	spec, err := describe(cfg.Version)
	if err != nil {
		return nil, err
	}
	a := &api{bots: cfg.Gateway, spec: spec, log: cfg.Logger, mux: http.NewServeMux()}
	if a.log == nil {
		a.log = slog.Default()
	}
	for _, r := range a.routes() {
		a.mux.HandleFunc(r.method+" "+r.path, func(w http.ResponseWriter, req *http.Request) { a.serve(w, req, r.handle) })
	}
	return newGuard(cfg.Admin.Token, a.log, a), nil
}

// route is a request that the API answers. If handle returns no error, the answer has the status
// and the value as JSON.
type route struct {
	method, path string
	handle       func(context.Context, *http.Request) (status int, value any, err error)
}

func (a *api) routes() []route {
	const (
		get, post, put, del = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete
		bot                 = "/v1/bots/{name}"
		letter              = bot + "/dead/{id}"
	)
	return []route{
		{get, "/openapi.json", a.showSpec},
		{get, "/v1/bots", a.listBots},
		{get, bot, a.showBot},
		{put, bot, a.putBot},
		{del, bot, a.deleteBot},
		{post, bot + "/pause", a.pause},
		{post, bot + "/resume", a.resume},
		{post, bot + "/send", a.send},
		{get, bot + "/dead", a.listLetters},
		{post, letter + "/replay", a.replay},
		{post, letter + "/discard", a.discard},
	}
}

// ServeHTTP answers a request with the right token.
func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, pattern := a.mux.Handler(r); pattern != "" {
		a.mux.ServeHTTP(w, r)
		return
	}
	allowed := a.allowed(r)
	if allowed == nil {
		notFound := &jsonhttp.Error{Status: http.StatusNotFound, Code: "path_not_found", Message: "there is no such path; GET /openapi.json tells all"}
		notFound.Write(w)
		return
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	refused := &jsonhttp.Error{
		Status: http.StatusMethodNotAllowed, Code: "method_not_allowed",
		Message: "this path does not take this method; it takes " + strings.Join(allowed, " and "),
	}
	refused.Write(w)
}

// allowed returns the methods that the path of a request takes.
func (a *api) allowed(r *http.Request) (methods []string) {
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodPost, http.MethodDelete} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := a.mux.Handler(other); pattern != "" {
			methods = append(methods, method)
		}
	}
	return methods
}

// serve answers a request of a route. If the client hangs up, the work goes on, so that it is
// not left half done.
func (a *api) serve(w http.ResponseWriter, r *http.Request, handle func(context.Context, *http.Request) (int, any, error)) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), workTime)
	defer cancel()
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	status, value, err := handle(ctx, r)
	if err != nil {
		p := problemOf(err)
		if p.Status >= http.StatusInternalServerError {
			a.log.Error("the admin API could not handle a request", slog.String("method", r.Method), slog.String("path", r.URL.Path), slog.Any("error", err))
		}
		p.Write(w)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		a.log.Info("a change over the admin API", slog.String("method", r.Method), slog.String("path", r.URL.Path))
	}
	jsonhttp.Write(w, status, value)
}
