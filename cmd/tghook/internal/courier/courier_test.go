package courier_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/tghook/tghook/cmd/tghook/internal/courier"
	"github.com/tghook/tghook/cmd/tghook/internal/wire"
	"github.com/tghook/tghook/tghooktest"
)

// webhook keeps the requests that it gets, and answers with what answer writes.
type webhook struct {
	*httptest.Server

	mu     sync.Mutex
	bodies []string
	header []http.Header
}

func newWebhook(t *testing.T, answer func(w http.ResponseWriter, body string)) *webhook {
	t.Helper()
	h := &webhook{}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		h.mu.Lock()
		h.bodies, h.header = append(h.bodies, string(body)), append(h.header, r.Header.Clone())
		h.mu.Unlock()
		answer(w, string(body))
	}))
	t.Cleanup(h.Close)
	return h
}

func start(t *testing.T, cfg courier.Config, url, secret string) *courier.Courier {
	t.Helper()
	var err error
	cfg.Target, err = wire.NewTarget(wire.Config{URL: url, Secret: secret})
	require.NoError(t, err)
	c, err := courier.Start(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func TestEachKindArrivesUnchanged(t *testing.T) {
	hook := newWebhook(t, func(http.ResponseWriter, string) {})
	c := start(t, courier.Config{}, hook.URL+"/x", "s-1")
	n := 0
	for name, update := range tghooktest.Updates() {
		kind := name
		if name == "message_large" {
			kind = "message"
		}
		id, err := c.Deliver(t.Context(), kind, update)
		require.NoError(t, err, name)
		require.Equal(t, gjson.GetBytes(update, "update_id").Int(), id)
		n++
	}
	strange := `{"update_id":800000000,` + "\n" + `"kind_of_next_year":{"id":"1"}}`
	_, err := c.Deliver(t.Context(), "kind_of_next_year", []byte(strange))
	require.NoError(t, err)
	reaction := tghooktest.Update("message_reaction")
	_, err = c.Deliver(t.Context(), "message_reaction", reaction)
	require.NoError(t, err)
	require.NoError(t, c.Server().Delivered(t.Context()))
	hook.mu.Lock()
	defer hook.mu.Unlock()
	require.Len(t, hook.bodies, n+2)
	require.True(t, slices.Contains(hook.bodies, strange))
	for _, update := range tghooktest.Updates() {
		require.True(t, slices.Contains(hook.bodies, string(update)))
	}
	require.Equal(t, "s-1", hook.header[0].Get(wire.SecretHeader))
}

func TestRepliesAreExecutedByExecute(t *testing.T) {
	hook := newWebhook(t, func(w http.ResponseWriter, _ string) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"method":"sendMessage","chat_id":9,"text":"hi"}`)
	})
	calls := make(chan tghooktest.Call, 1)
	seen := make(chan tghooktest.Delivery, 1)
	c := start(t, courier.Config{
		Execute: func(call tghooktest.Call) tghooktest.CallFault {
			calls <- call
			return tghooktest.CallFault{Err: &tghooktest.CallError{Code: 400, Description: "Bad Request: chat not found"}}
		},
		Observe: func(d tghooktest.Delivery) { seen <- d },
	}, hook.URL, "")
	_, err := c.Deliver(t.Context(), "message", tghooktest.Update("message"))
	require.NoError(t, err)
	require.Equal(t, map[string]string{"chat_id": "9", "text": "hi"}, (<-calls).Params)
	d := <-seen
	require.True(t, d.Done)
	require.Equal(t, "400 Bad Request: chat not found", d.Refused)
	require.Empty(t, hook.header[0].Values(wire.SecretHeader))
}

func TestFailuresAreRetriedInOrder(t *testing.T) {
	failed := false
	hook := newWebhook(t, func(w http.ResponseWriter, _ string) {
		if !failed {
			failed = true
			w.WriteHeader(http.StatusBadGateway)
		}
	})
	c := start(t, courier.Config{}, hook.URL, "")
	for range 2 { // of one chat
		_, err := c.Deliver(t.Context(), "message", tghooktest.Update("message"))
		require.NoError(t, err)
		time.Sleep(time.Millisecond)
	}
	require.NoError(t, c.Server().Delivered(t.Context()))
	require.Len(t, hook.bodies, 3)
	require.Equal(t, hook.bodies[0], hook.bodies[1])
	require.NotEqual(t, hook.bodies[1], hook.bodies[2])
}
