package console_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/cmd/tghook/internal/serve/config"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/console"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/storage"
)

// The history of a real storage.
func TestRealStorage(t *testing.T) {
	r := open(t)
	store, err := storage.Open(t.Context(), config.Storage{Path: t.TempDir(), MaxSize: 1 << 30})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	r.console, err = console.New(console.Config{Page: config.Page{Password: password}, Gateway: r.gateway, Storage: store})
	require.NoError(t, err)

	changed := store.Watch()
	now := time.Now()
	store.Record(storage.Row{ID: "a", Bot: shopID, Type: "delivery", At: now, Chat: 7, UpdateID: 5, Kind: "message", Attempt: 1, Error: "500 Oh 100%", Summary: "message"},
		&storage.Exchange{Method: "POST", URL: "http://shop.test/hook", Header: [][2]string{{"A", "b"}}, Body: []byte(update), Status: 500, Answer: []byte("x"), AnswerSize: 1})
	store.Record(storage.Row{ID: "b", Bot: shopID, Type: "delivery", At: now, Chat: 7, UpdateID: 5, Kind: "message", Attempt: 2, OK: true, Summary: "message"}, nil)
	store.Record(storage.Row{ID: "c", Bot: shopID, Type: "reply", At: now, Chat: -8, Method: "sendMessage", Cause: "b", OK: true, Summary: "sendMessage"}, nil)
	store.Record(storage.Row{ID: "d", Bot: 222, Type: "delivery", At: now}, nil)
	require.Eventually(t, func() bool {
		<-changed
		changed = store.Watch()
		return len(r.get("/api/bots/shop/rows")["rows"].([]any)) == 3
	}, time.Minute, time.Millisecond)

	for query, want := range map[string][]string{
		"": {"a", "b", "c"}, "failed=true": {"a"}, "kind=reply": {"c"}, "kind=message": {"a", "b"}, "kind=sendMessage": {"c"},
		"chat=-8": {"c"}, "text=100%25": {"a"}, "text=nothing": {}, "limit=2": {"b", "c"},
	} {
		require.Equal(t, want, idsOf(r.get("/api/bots/shop/rows?" + query)["rows"]), query)
	}
	page := r.get("/api/bots/shop/rows?limit=2")
	require.Equal(t, true, page["more"])
	require.Equal(t, []string{"a"}, idsOf(r.get("/api/bots/shop/rows?limit=2&before=" + page["before"].(string))["rows"]))

	row := r.get("/api/rows/a")
	require.Equal(t, update, row["request"].(object)["body"])
	require.Equal(t, "x", row["response"].(object)["body"])
	require.Equal(t, []string{"a", "b"}, idsOf(row["attempts"]))
	require.Nil(t, r.get("/api/rows/b")["request"])
	r.refused(http.MethodGet, "/api/rows/none", "", http.StatusNotFound, "row_not_found")
	r.ask(http.MethodPost, "/api/rows/a/replay", "")
	require.Equal(t, []string{`shop: send to "": ` + update}, r.gateway.done())
}
