package load_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/load"
	"github.com/tghook/tghook/cmd/tghook/internal/wire"
)

func run(ctx context.Context, t *testing.T, h http.HandlerFunc, cfg load.Config) (load.Report, error) {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	var err error
	cfg.Target, err = wire.NewTarget(wire.Config{URL: s.URL, Secret: "s-1"})
	require.NoError(t, err)
	return load.Run(ctx, cfg)
}

func TestTrafficOfManyChats(t *testing.T) {
	var mu sync.Mutex
	kinds, users, ids := map[tghook.Kind]int{}, map[int64]int{}, map[int64]bool{}
	var told atomic.Int64
	r, err := run(t.Context(), t, func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		u, err := tghook.ParseUpdate(body)
		if err != nil || req.Header.Get(wire.SecretHeader) != "s-1" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		mu.Lock()
		kinds[u.Kind]++
		users[u.UserID]++
		ids[u.ID] = true
		mu.Unlock()
		if u.Kind == tghook.KindMessage {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"method":"sendMessage","chat_id":`+gjson.GetBytes(body, "message.chat.id").Raw+`,"text":"hi"}`)
		}
	}, load.Config{Rate: 500, For: 1200 * time.Millisecond, Chats: 200, Seed: 1, Drain: time.Minute, Progress: func(load.Report) { told.Add(1) }})
	require.NoError(t, err)
	require.Equal(t, 600, r.Made)
	require.Equal(t, 600, r.Delivered, "%+v", r)
	require.Zero(t, r.Lost()+r.Retried+r.Pending)
	require.Len(t, ids, 600)
	require.Greater(t, len(users), 50)
	require.Greater(t, kinds[tghook.KindMessage], 300)
	require.Greater(t, kinds["callback_query"], 50)
	require.Equal(t, kinds[tghook.KindMessage], r.Replies)
	require.Empty(t, r.Refused)
	require.Positive(t, r.Answer.P50)
	require.GreaterOrEqual(t, r.Delay.Max, r.Answer.P50)
	require.LessOrEqual(t, r.Answer.P50, r.Answer.P99)
	require.Positive(t, told.Load())
	require.Contains(t, r.String(), "lost 0 updates")
}

func TestFailuresAreCounted(t *testing.T) {
	var n, queries, messages atomic.Int64
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, err := run(ctx, t, func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		switch {
		case n.Add(1)%10 == 1:
			w.WriteHeader(http.StatusBadGateway)
		case gjson.GetBytes(body, "callback_query").Exists() && queries.Add(1) == 1, gjson.GetBytes(body, "message").Exists() && messages.Add(1) == 1:
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}, load.Config{Rate: 400, For: 500 * time.Millisecond, Chats: 100, Seed: 2, Drain: time.Minute, Progress: func(r load.Report) {
		if r.Made == 200 && r.Dropped > 0 && r.Retried > 0 && r.Pending > 0 {
			cancel() // what waits an hour does not come
		}
	}})
	require.ErrorIs(t, err, context.Canceled)
	require.Positive(t, r.Dropped, "a query whose Retry-After is longer than its life")
	require.Positive(t, r.Retried)
	require.Positive(t, r.Pending, "a message that waits an hour")
	require.Positive(t, r.Failures["Wrong response from the webhook: 502 Bad Gateway"])
	require.Equal(t, r.Made, r.Delivered+r.Dropped+r.Pending)
}

func TestTheReportComesEarlyWithContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var n atomic.Int64
	r, err := run(ctx, t, func(_ http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		if n.Add(1) == 5 { // the ones before, of the same chat, are delivered
			cancel()
		}
	}, load.Config{Rate: 100, For: time.Hour, Chats: 1})
	require.ErrorIs(t, err, context.Canceled)
	require.Positive(t, r.Delivered)
	require.Equal(t, r.Made, r.Delivered+r.Pending, "the fifth ends while the report is made")
}
