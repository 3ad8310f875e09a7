package gateway_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/config"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/gateway"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/outlet"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/storage"
	"github.com/tghook/tghook/tghooktest"
)

// patience is how long a test waits for something that should happen soon.
const patience = time.Minute

// rig is a gateway between a simulated Telegram and bots.
type rig struct {
	t       *testing.T
	tg      *tghooktest.Server
	folder  string
	askEach time.Duration // between two looks at webhooks; 0 for the usual time
	erase   time.Duration // for which a webhook is tried to be deleted; 0 for the usual time
	pause   time.Duration // between the first two attempts to delete a webhook; 0 for the usual time
	end     time.Duration // that Run waits for all at the end; 0 for the usual time
	log     *logged
	storage *storage.Storage
	gateway *gateway.Gateway
	meter   *meter
	file    *config.Config
	stop    context.CancelFunc
	ended   chan struct{}
}

// newRig starts a gateway with the bots that make returns.
func newRig(t *testing.T, change func(*config.Config, *rig)) *rig {
	t.Helper()
	r := &rig{t: t, meter: &meter{}, log: &logged{t: t}}
	r.tg = tghooktest.NewServer(t, tghooktest.ServerConfig{AllowRefusedReplies: true, Patience: patience})
	r.folder = t.TempDir()
	r.storage = r.open()
	handler := &swap{}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	address, err := url.Parse(server.URL)
	require.NoError(t, err)
	r.file = &config.Config{
		URL: address, API: r.tg.URL, LocalAPI: true,
		History: config.History{On: true, Bodies: true}, Admin: config.Admin{Key: []byte("0123456789abcdef0123456789abcdef")},
	}
	change(r.file, r)
	handler.set(r.start())
	return r
}

// open opens the storage.
func (r *rig) open() *storage.Storage {
	s, err := storage.Open(r.t.Context(), config.Storage{Path: r.folder, MaxSize: 1 << 30})
	require.NoError(r.t, err)
	r.t.Cleanup(func() {
		// A slow machine does not write all of a long history in the time that the end leaves.
		if err := s.Close(); err != nil && !strings.Contains(err.Error(), "rows of the history could not be written") {
			require.NoError(r.t, err)
		}
	})
	return s
}

// beside starts a gateway beside the first one, as another process would. It gets no webhooks.
func (r *rig) beside() *gateway.Gateway {
	own := *r
	own.storage = r.open()
	return own.start()
}

// idle returns a gateway that does not run.
func (r *rig) idle() *gateway.Gateway {
	return gateway.New(gateway.Config{File: r.file, Storage: r.storage, Meter: r.meter, Logger: slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
}

// start starts a gateway on the storage.
func (r *rig) start() *gateway.Gateway {
	g := r.idle()
	if r.askEach > 0 {
		g.AskEach(r.askEach)
	}
	if r.erase > 0 {
		g.DeleteTime(r.erase)
	}
	if r.pause > 0 {
		g.DeletePause(r.pause)
	}
	if r.end > 0 {
		g.EndTime(r.end)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		g.Run(ctx)
	}()
	r.gateway, r.stop, r.ended = g, stop, ended
	r.t.Cleanup(func() {
		stop()
		<-ended
	})
	return g
}

// gaveBack reports whether a gateway has given back its leased updates at its end. It has one second for
// that. The log tells if a slow machine needs longer.
func (r *rig) gaveBack() bool {
	return !strings.Contains(r.log.String(), "could not be given back")
}

// logged is the log of a test, which can be read.
type logged struct {
	t    *testing.T
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.t.Logf("%s", p)
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// swap is a handler that can be replaced.
type swap struct {
	mu sync.Mutex
	h  http.Handler
}

func (s *swap) set(h http.Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.h = h
}

func (s *swap) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	h := s.h
	s.mu.Unlock()
	if h == nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	h.ServeHTTP(w, r)
}

// bot returns the configuration of the simulated Telegram's bot.
func (r *rig) bot(to string) *config.Bot {
	target, err := url.Parse(to)
	require.NoError(r.t, err)
	client := r.tg.Bot(r.t)
	return &config.Bot{
		Name: "shop", Token: r.tg.Token, ID: client.Bot(), Secret: "s3cret", Receive: config.Webhook, MaxPending: 1000,
		To: config.Target{URL: target, Timeout: 10 * patience, MaxConnections: 40}, // no bot of a test takes that long
	}
}

// a witness is a bot's server. It notes what it gets.
type witness struct {
	*httptest.Server

	mu     sync.Mutex
	got    []string
	header []http.Header
	answer func(w http.ResponseWriter, body string)
	came   chan struct{}
}

// newWitness starts a bot that answers by f; 200 if f is nil.
func newWitness(t *testing.T, f func(w http.ResponseWriter, body string)) *witness {
	t.Helper()
	w := &witness{answer: f, came: make(chan struct{}, 10_000)}
	w.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.mu.Lock()
		w.got = append(w.got, string(body))
		w.header = append(w.header, r.Header.Clone())
		answer := w.answer
		w.mu.Unlock()
		if answer != nil {
			answer(rw, string(body))
		}
		w.came <- struct{}{}
	}))
	t.Cleanup(w.Close)
	return w
}

// reply makes the bot answer by f from now on.
func (w *witness) reply(f func(w http.ResponseWriter, body string)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer = f
}

// bodies returns what the bot got.
func (w *witness) bodies() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string{}, w.got...)
}

// await waits until the bot has answered n more requests.
func (w *witness) await(t *testing.T, n int) {
	t.Helper()
	late := time.After(patience)
	for range n {
		select {
		case <-w.came:
		case <-late:
			t.Fatalf("the bot got only %d requests: %q", len(w.bodies()), w.bodies())
		}
	}
}

// status returns a function that answers with a status.
func status(code int) func(http.ResponseWriter, string) {
	return func(w http.ResponseWriter, _ string) { w.WriteHeader(code) }
}

// answerJSON returns a function that answers with a webhook reply.
func answerJSON(body string) func(http.ResponseWriter, string) {
	return func(w http.ResponseWriter, _ string) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, body)
	}
}

// meter counts.
type meter struct {
	mu       sync.Mutex
	received map[tghook.Outcome]int
	posted   map[string]int // by target
	called   []string
	letters  int
}

func (m *meter) Received(_ string, o tghook.Outcome) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.received == nil {
		m.received = map[tghook.Outcome]int{}
	}
	m.received[o]++
}

func (m *meter) count(o tghook.Outcome) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.received[o]
}

func (m *meter) Posted(_, target string, _ outlet.Attempt, _ time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.posted == nil {
		m.posted = map[string]int{}
	}
	m.posted[target]++
}

func (m *meter) Called(_, method string, err error, _ time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil {
		method += ": " + err.Error()
	}
	m.called = append(m.called, method)
}

func (m *meter) DeadLettered(string, string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.letters++
}

// rows waits until the history has n rows of a type, and returns them.
func (r *rig) rows(kind string, n int) []storage.Row {
	r.t.Helper()
	var rows []storage.Row
	require.Eventually(r.t, func() bool {
		var err error
		rows, err = r.storage.Rows(r.t.Context(), storage.Filter{Kind: kind})
		return err == nil && len(rows) >= n
	}, patience, 20*time.Millisecond)
	return rows
}

// eventually waits until f is true.
func (r *rig) eventually(f func() bool, what string) {
	r.t.Helper()
	require.Eventually(r.t, f, patience, 20*time.Millisecond, what)
}
