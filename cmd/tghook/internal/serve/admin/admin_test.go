package admin_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/admin"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/config"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/gateway"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/outlet"
)

const (
	token  = "a-token-of-the-admin-api"
	secret = "123456:AAF-very-secret-token-of-a-bot"
)

// calls are a gateway that notes what it was asked.
type calls struct {
	mu      sync.Mutex
	bots    map[string]gateway.BotStatus
	letters []tghook.DeadLetter
	asked   []string // the calls that change something
	limits  []int    // of DeadLetters
	err     error    // of all that changes something
	hang    bool     // calls return when their context ends
}

func newCalls() *calls {
	at := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	return &calls{bots: map[string]gateway.BotStatus{"shop": {
		Name: "shop", ID: 123456, Receive: config.Webhook, Paused: true,
		Targets: []gateway.TargetStatus{
			{
				URL: "https://shop.example/hook", Outlet: outlet.Status{Window: 8, Busy: 2, Waiting: 1, Down: true, Since: at, Problem: "refused"},
				Queue: tghook.QueueState{Pending: 3, Leased: 2, Dead: 1, Oldest: at, Lanes: []tghook.LaneState{{Lane: "chat:7", Pending: 3}}}, Counted: at,
			},
			{Name: "audit", URL: "https://audit.example/"},
		},
		Webhook: gateway.WebhookStatus{Here: true, URL: "https://gw.example/bots/123456", Pending: 5, LastError: "500", ErrorAt: at, CheckedAt: at},
	}}}
}

func (c *calls) Bots() (all []gateway.BotStatus) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, name := range []string{"added", "shop"} {
		if b, ok := c.bots[name]; ok {
			all = append(all, b)
		}
	}
	return all
}

func (c *calls) Bot(name string) (gateway.BotStatus, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if b, ok := c.bots[name]; ok {
		return b, nil
	}
	return gateway.BotStatus{}, gateway.ErrNoBot
}

// note notes a call.
func (c *calls) note(ctx context.Context, parts ...string) error {
	if c.hang {
		<-ctx.Done()
		return ctx.Err()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	c.asked = append(c.asked, strings.Join(parts, " "))
	return c.err
}

func (c *calls) last() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.asked) == 0 {
		return ""
	}
	return c.asked[len(c.asked)-1]
}

func (c *calls) Add(ctx context.Context, name string, spec []byte) error {
	if err := c.note(ctx, "add", name, string(spec)); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bots[name] = gateway.BotStatus{Name: name, ID: 42, Receive: config.Poll, Added: true, Targets: []gateway.TargetStatus{{URL: "https://a.example/"}}}
	return nil
}

func (c *calls) Remove(ctx context.Context, name string) error { return c.note(ctx, "remove", name) }

func (c *calls) SetPaused(ctx context.Context, name string, paused bool) error {
	return c.note(ctx, map[bool]string{true: "pause", false: "resume"}[paused], name)
}

func (c *calls) DeadLetters(_ context.Context, name, target string, after int64, limit int) (page []tghook.DeadLetter, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.limits = append(c.limits, limit)
	if _, ok := c.bots[name]; !ok || target == "nowhere" {
		return nil, gateway.ErrNoBot
	}
	for _, l := range c.letters {
		if l.Key.ID > after && len(page) < limit {
			page = append(page, l)
		}
	}
	return page, nil
}

func (c *calls) Replay(ctx context.Context, name, target string, id int64, edited json.RawMessage) error {
	return c.note(ctx, "replay", name, target, strconv.FormatInt(id, 10), string(edited))
}

func (c *calls) Discard(ctx context.Context, name, target string, id int64) error {
	return c.note(ctx, "discard", name, target, strconv.FormatInt(id, 10))
}

func (c *calls) Send(ctx context.Context, name, target string, update json.RawMessage) error {
	return c.note(ctx, "send", name, target, string(update))
}

// rig is the API together with a client that checks each request and answer against openapi.json.
type rig struct {
	tb    testing.TB
	calls *calls
	api   http.Handler
	spec  *openapi3.T
	mux   *http.ServeMux // finds the path of a request in openapi.json
	log   bytes.Buffer
}

var loaded = sync.OnceValues(func() (*openapi3.T, error) { return openapi3.NewLoader().LoadFromFile("openapi.json") })

func start(tb testing.TB) *rig {
	tb.Helper()
	spec, err := loaded()
	require.NoError(tb, err)
	r := &rig{tb: tb, calls: newCalls(), spec: spec, mux: http.NewServeMux()}
	r.api, err = admin.New(admin.Config{
		Admin: config.Admin{Token: token}, Gateway: r.calls, Version: "1.2.3", Logger: slog.New(slog.NewTextHandler(&r.log, nil)),
	})
	require.NoError(tb, err)
	for path, methods := range admin.Routes() {
		for _, method := range methods {
			r.mux.Handle(method+" "+path, http.NotFoundHandler())
		}
	}
	return r
}

// request makes a request with the token. It checks the answer against openapi.json, and the
// request too if it succeeds.
func (r *rig) request(method, path, body string) *httptest.ResponseRecorder {
	r.tb.Helper()
	req := httptest.NewRequestWithContext(context.Background(), method, path, strings.NewReader(body))
	req.Header.Set("Authorization", "Bearer "+token)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	r.api.ServeHTTP(w, req)
	require.NotContains(r.tb, w.Body.String(), token)
	require.NotContains(r.tb, w.Body.String(), secret)
	require.Equal(r.tb, "no-store", w.Header().Get("Cache-Control"))
	_, pattern := r.mux.Handler(req)
	_, route, _ := strings.Cut(pattern, " ")
	if route == "" || route == "/openapi.json" {
		return w
	}
	op := r.spec.Paths.Value(route).GetOperation(method)
	if w.Code < 300 && body != "" {
		r.matches(op.RequestBody.Value.Content["application/json"], []byte(body))
	}
	expected := op.Responses.Status(w.Code)
	if expected == nil {
		require.GreaterOrEqual(r.tb, w.Code, 400, "openapi.json has no %d for %s %s", w.Code, method, route)
		expected = op.Responses.Default()
	}
	if w.Code == http.StatusNoContent {
		require.Empty(r.tb, w.Body.String())
		return w
	}
	require.Equal(r.tb, "application/json", w.Header().Get("Content-Type"))
	r.matches(expected.Value.Content["application/json"], w.Body.Bytes())
	return w
}

func (r *rig) matches(media *openapi3.MediaType, text []byte) {
	r.tb.Helper()
	require.NotNil(r.tb, media, "openapi.json does not describe %s", text)
	var value any
	require.NoError(r.tb, json.Unmarshal(text, &value))
	require.NoError(r.tb, media.Schema.Value.VisitJSON(value, openapi3.EnableJSONSchema2020()), "%s", text)
}

// refused makes a request that must fail, and returns its message.
func (r *rig) refused(method, path, body string, status int, code string) string {
	r.tb.Helper()
	w := r.request(method, path, body)
	require.Equal(r.tb, status, w.Code, "%s %s: %s", method, path, w.Body)
	return errorOf(r.tb, w, code)
}

// errorOf returns the message of an error, which must have the code.
func errorOf(tb testing.TB, w *httptest.ResponseRecorder, code string) string {
	tb.Helper()
	require.Equal(tb, code, gjson.Get(w.Body.String(), "error.code").String(), w.Body.String())
	message := gjson.Get(w.Body.String(), "error.message").String()
	require.NotEmpty(tb, message)
	return message
}
