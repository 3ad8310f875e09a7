package console_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/config"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/console"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/gateway"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/outlet"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/storage"
)

type object = map[string]any

// fakeGateway has bots and dead letters, and keeps what it was told to do.
type fakeGateway struct {
	mu      sync.Mutex
	bots    []gateway.BotStatus
	letters map[string][]tghook.DeadLetter // by name/target
	acts    []string
	err     error
}

func (g *fakeGateway) Bots() []gateway.BotStatus {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.bots)
}

func (g *fakeGateway) Bot(name string) (gateway.BotStatus, error) {
	for _, b := range g.Bots() {
		if b.Name == name {
			return b, nil
		}
	}
	return gateway.BotStatus{}, gateway.ErrNoBot
}

// act keeps what was done. If the bot is known, it returns nil.
func (g *fakeGateway) act(ctx context.Context, name, format string, args ...any) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if _, err := g.Bot(name); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.err == nil {
		g.acts = append(g.acts, name+": "+fmt.Sprintf(format, args...))
	}
	return g.err
}

func (g *fakeGateway) done() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.acts)
}

func (g *fakeGateway) SetPaused(ctx context.Context, name string, paused bool) error {
	return g.act(ctx, name, "paused %v", paused)
}

func (g *fakeGateway) DeadLetters(_ context.Context, name, target string, after int64, limit int) ([]tghook.DeadLetter, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	all, ok := g.letters[name+"/"+target]
	if !ok {
		return nil, gateway.ErrNoBot
	}
	var found []tghook.DeadLetter
	for _, d := range all {
		if d.Key.ID > after && len(found) < limit {
			found = append(found, d)
		}
	}
	return found, g.err
}

func (g *fakeGateway) find(name, target string, id int64) error {
	found, err := g.DeadLetters(context.Background(), name, target, id-1, 1)
	if err == nil && (len(found) == 0 || found[0].Key.ID != id) {
		err = fmt.Errorf("of %d: %w", id, tghook.ErrNoDeadLetter)
	}
	return err
}

func (g *fakeGateway) Replay(ctx context.Context, name, target string, id int64, edited json.RawMessage) error {
	if err := g.find(name, target, id); err != nil {
		return err
	}
	return g.act(ctx, name, "replay %s/%d %s", target, id, edited)
}

func (g *fakeGateway) Discard(ctx context.Context, name, target string, id int64) error {
	if err := g.find(name, target, id); err != nil {
		return err
	}
	return g.act(ctx, name, "discard %s/%d", target, id)
}

func (g *fakeGateway) Send(ctx context.Context, name, target string, update json.RawMessage) error {
	return g.act(ctx, name, "send to %q: %s", target, update)
}

// fakeStorage has a history in memory.
type fakeStorage struct {
	mu        sync.Mutex
	rows      []storage.Row
	exchanges map[string]*storage.Exchange
	asked     []storage.Filter
	changed   chan struct{}
	err       error
}

func (s *fakeStorage) Rows(_ context.Context, f storage.Filter) ([]storage.Row, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, f)
	var found []storage.Row
	for _, r := range slices.Backward(s.rows) {
		if len(found) < f.Limit && (f.Bot == 0 || f.Bot == r.Bot) && (f.Before == 0 || r.Seq < f.Before) && (f.Update == 0 || f.Update == r.UpdateID) {
			found = append(found, r)
		}
	}
	slices.Reverse(found)
	return found, s.err
}

func (s *fakeStorage) Row(_ context.Context, id string) (storage.Row, *storage.Exchange, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.rows {
		if r.ID == id {
			return r, s.exchanges[id], s.err
		}
	}
	return storage.Row{}, nil, storage.ErrNoRow
}

func (s *fakeStorage) Watch() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changed == nil {
		s.changed = make(chan struct{})
	}
	return s.changed
}

// add adds rows, and numbers them.
func (s *fakeStorage) add(rows ...storage.Row) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range rows {
		r.Seq = int64(len(s.rows)) + 1
		r.ID = cmp.Or(r.ID, fmt.Sprintf("r%d", r.Seq))
		s.rows = append(s.rows, r)
	}
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}

func (s *fakeStorage) setError(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *fakeStorage) lastAsked() storage.Filter {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[len(s.asked)-1]
}

const (
	shopID   = 111
	password = "open sesame"
	big      = int64(1)<<62 + 1 // more digits than a number in a browser has
	bigText  = "4611686018427387905"
)

// rig is a Console with a fake gateway behind it.
type rig struct {
	tb      testing.TB
	gateway *fakeGateway
	storage *fakeStorage
	log     *bytes.Buffer
	console *console.Console
}

func newRig(tb testing.TB, page config.Page) *rig {
	tb.Helper()
	r := &rig{tb: tb, log: &bytes.Buffer{}, storage: &fakeStorage{exchanges: map[string]*storage.Exchange{}}}
	r.gateway = &fakeGateway{
		bots: []gateway.BotStatus{
			{Name: "quiet", ID: 222, Receive: config.Poll, Paused: true, Targets: []gateway.TargetStatus{{URL: "http://quiet.test/"}}},
			{Name: "shop", ID: shopID, Receive: config.Webhook, Targets: []gateway.TargetStatus{
				{
					URL: "http://shop.test/hook", Outlet: outlet.Status{Window: 4, Busy: 2, Waiting: 3, Down: true, Since: moment, Problem: "connection refused"},
					Queue:   tghook.QueueState{Pending: 7, Leased: 2, Dead: 2, Oldest: moment, Lanes: []tghook.LaneState{{Lane: "chat:7", Pending: 7, Oldest: moment}}},
					Counted: moment,
				},
				{Name: "audit", URL: "http://audit.test/"},
			}, Webhook: gateway.WebhookStatus{Here: true, CheckedAt: moment, URL: "https://bots.test/bots/111", Pending: 5, LastError: "Connection timed out", ErrorAt: moment}},
		},
		letters: map[string][]tghook.DeadLetter{
			"shop/": {
				letter(5, `{"update_id":5,"message":{"message_id":1,"date":1,"chat":{"id":7,"type":"private"},"from":{"id":8},"text":"hi"}}`),
				letter(big, `{"update_id":6,"message":{"message_id":9007199254740993,"date":1,"chat":{"id":7,"type":"private"}}}`),
			},
			"shop/audit": {letter(9, `not JSON`)},
			"quiet/":     {},
		},
	}
	var err error
	r.console, err = console.New(console.Config{
		Page: page, History: config.History{On: true, Bodies: true}, Gateway: r.gateway, Storage: r.storage, Version: "v1.2.3",
		Logger: slog.New(slog.NewTextHandler(r.log, nil)),
	})
	require.NoError(tb, err)
	return r
}

var moment = time.Date(2026, 11, 30, 10, 0, 0, 0, time.UTC)

func letter(id int64, raw string) tghook.DeadLetter {
	return tghook.DeadLetter{
		QueuedUpdate: tghook.QueuedUpdate{Key: tghook.Key{Bot: 1, ID: id}, Lane: "chat:7", Raw: json.RawMessage(raw), Published: moment, Attempts: 8},
		Why:          "<b>500</b> eight times", Buried: moment.Add(time.Hour),
	}
}

func open(tb testing.TB) *rig { return newRig(tb, config.Page{Password: password}) }

// request is one to the Console, with the right password.
func (r *rig) request(method, target, body string) *http.Request {
	req := httptest.NewRequestWithContext(r.tb.Context(), method, target, strings.NewReader(body))
	req.SetBasicAuth("me", password)
	return req
}

func (r *rig) serve(req *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r.console.ServeHTTP(w, req)
	return w
}

func (r *rig) get(target string) object { return r.ask(http.MethodGet, target, "") }

// ask sends a request that is answered 200, and returns the answer.
func (r *rig) ask(method, target, body string) object {
	r.tb.Helper()
	w := r.serve(r.request(method, target, body))
	require.Equal(r.tb, http.StatusOK, w.Code, w.Body.String())
	require.Equal(r.tb, "no-store", w.Header().Get("Cache-Control"))
	var answer object
	require.NoError(r.tb, json.Unmarshal(w.Body.Bytes(), &answer))
	return answer
}

// refused sends a request that fails, and returns the message.
func (r *rig) refused(method, target, body string, status int, code string) string {
	r.tb.Helper()
	w := r.serve(r.request(method, target, body))
	require.Equal(r.tb, status, w.Code, w.Body.String())
	var answer object
	require.NoError(r.tb, json.Unmarshal(w.Body.Bytes(), &answer))
	problem := answer["error"].(object)
	require.Equal(r.tb, code, problem["code"])
	return problem["message"].(string)
}

func TestPageAndHeaders(t *testing.T) {
	r := open(t)
	w := r.serve(r.request(http.MethodGet, "/", ""))
	require.Equal(t, http.StatusOK, w.Code)
	require.Contains(t, w.Body.String(), `src="/page/serve.js"`)
	require.Equal(t, http.StatusOK, r.serve(r.request(http.MethodGet, "/page/serve.js", "")).Code)

	stranger := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
	for _, w := range []*httptest.ResponseRecorder{w, r.serve(stranger), r.serve(r.request(http.MethodGet, "/api/state", "")), r.serve(r.request(http.MethodGet, "/api/none", ""))} {
		require.Contains(t, w.Header().Get("Content-Security-Policy"), "frame-ancestors 'none'")
		require.Contains(t, w.Header().Get("Content-Security-Policy"), "default-src 'none'")
		require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
		require.Equal(t, "no-referrer", w.Header().Get("Referrer-Policy"))
	}
}

func TestUnknownPaths(t *testing.T) {
	r := open(t)
	require.Contains(t, r.refused(http.MethodGet, "/api/none", "", http.StatusNotFound, "path_not_found"), "GET /api/none")
	r.refused(http.MethodGet, "/api/bots/shop/pause", "", http.StatusNotFound, "path_not_found")
	r.refused(http.MethodPost, "/api/state", "", http.StatusNotFound, "path_not_found")
	require.Empty(t, r.gateway.done())
}

func TestState(t *testing.T) {
	r := open(t)
	r.storage.add(storage.Row{Bot: shopID}, storage.Row{Bot: 222})
	state := r.get("/api/state?bot=shop")
	require.Equal(t, "v1.2.3", state["version"])
	require.Equal(t, "me", state["user"])
	require.InDelta(t, 2, state["seq"], 0)
	require.Equal(t, object{"on": true, "bodies": true}, state["history"])
	bots := state["bots"].([]any)
	require.Len(t, bots, 2)
	require.Equal(t, true, bots[0].(object)["paused"])
	at := "2026-11-30T10:00:00Z"
	require.Equal(t, object{
		"name": "shop", "id": float64(shopID), "receive": "webhook", "added": false, "paused": false,
		"targets": []any{
			object{
				"name": "", "url": "http://shop.test/hook", "window": 4.0, "busy": 2.0, "waiting": 3.0, "down": true, "since": at, "problem": "connection refused", "counted": at,
				"queue": object{"pending": 7.0, "leased": 2.0, "dead": 2.0, "oldest": at, "lanes": []any{object{"lane": "chat:7", "pending": 7.0, "oldest": at}}},
			},
			object{
				"name": "audit", "url": "http://audit.test/", "window": 0.0, "busy": 0.0, "waiting": 0.0, "down": false,
				"queue": object{"pending": 0.0, "leased": 0.0, "dead": 0.0},
			},
		},
		"webhook": object{"here": true, "checked_at": at, "url": "https://bots.test/bots/111", "pending": 5.0, "last_error": "Connection timed out", "error_at": at},
	}, bots[1])
	other := r.get("/api/state?bot=quiet")["bots"].([]any)[1].(object)
	require.NotContains(t, other["targets"].([]any)[0].(object)["queue"], "lanes", "only of the bot that is asked for")
}

// A history that cannot be read does not hide the queues.
func TestStateWithoutHistory(t *testing.T) {
	r := open(t)
	r.storage.setError(errors.New("the disk is gone"))
	state := r.get("/api/state")
	require.Len(t, state["bots"], 2)
	require.Equal(t, "the gateway could not do this; its log says why", state["problem"])
	require.Contains(t, r.log.String(), `error="the disk is gone"`)
}

func TestPauseAndResume(t *testing.T) {
	r := open(t)
	r.ask(http.MethodPost, "/api/bots/shop/pause", "")
	r.ask(http.MethodPost, "/api/bots/shop/resume", "")
	require.Equal(t, []string{"shop: paused true", "shop: paused false"}, r.gateway.done())
	require.Contains(t, r.log.String(), `user=me act="pause a bot" name=shop`)
	r.refused(http.MethodPost, "/api/bots/none/pause", "", http.StatusNotFound, "bot_not_found")
}

// A browser that hangs up leaves nothing half done, and what fails then is in the log.
func TestAnActGoesOnWhenTheBrowserHangsUp(t *testing.T) {
	r := open(t)
	r.storage.add(storage.Row{ID: "a", Bot: shopID, Type: "delivery"})
	r.storage.exchanges["a"] = &storage.Exchange{Body: []byte(update)}
	ctx, hangUp := context.WithCancel(t.Context())
	hangUp()
	post := func(target, body string) { r.serve(r.request(http.MethodPost, target, body).WithContext(ctx)) }
	post("/api/bots/shop/dead/5/replay", `{"update":`+update+`}`)
	post("/api/bots/shop/dead/5/discard", "")
	post("/api/rows/a/replay", "")
	post("/api/bots/shop/pause", "")
	require.Equal(t, []string{"shop: replay /5 " + update, "shop: discard /5", `shop: send to "": ` + update, "shop: paused true"}, r.gateway.done())
	require.NotContains(t, r.log.String(), "error=")
	r.gateway.err = errors.New("the disk is gone")
	post("/api/bots/shop/pause", "")
	require.Contains(t, r.log.String(), `msg="the page cannot show or do something" error="the disk is gone"`)
}

func TestAFullStorageIsTold(t *testing.T) {
	r := open(t)
	r.gateway.err = fmt.Errorf("of 5: %w: 2 of 1 bytes", storage.ErrFull)
	require.Contains(t, r.refused(http.MethodPost, "/api/bots/shop/dead/5/replay", `{"update":`+update+`}`, http.StatusServiceUnavailable, "storage_full"), "discard dead letters")
}
