package admin_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/admin"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/config"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/gateway"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/storage"
)

func TestOpenAPIHasEachRouteAndNoOther(t *testing.T) {
	r := start(t)
	require.NoError(t, r.spec.Validate(t.Context()))
	routes := admin.Routes()
	for path, methods := range routes {
		item := r.spec.Paths.Value(path)
		require.NotNil(t, item, "openapi.json has no %s", path)
		for _, method := range methods {
			require.NotNil(t, item.GetOperation(method), "openapi.json has no %s %s", method, path)
		}
	}
	for path, item := range r.spec.Paths.Map() {
		for method, op := range item.Operations() {
			require.True(t, slices.Contains(routes[path], method), "there is no route %s %s", method, path)
			for part := range strings.SplitSeq(path, "/") {
				if name, ok := strings.CutPrefix(part, "{"); ok {
					require.NotNil(t, op.Parameters.GetByInAndName("path", strings.TrimSuffix(name, "}")), "%s %s", method, path)
				}
			}
		}
	}
}

func TestOpenAPIIsServedWithTheVersion(t *testing.T) {
	w := start(t).request(http.MethodGet, "/openapi.json", "")
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, "application/json", w.Header().Get("Content-Type"))
	require.Equal(t, "1.2.3", gjson.Get(w.Body.String(), "info.version").String())
	require.Equal(t, "3.1.0", gjson.Get(w.Body.String(), "openapi").String())
}

func TestBotsAreShown(t *testing.T) {
	r := start(t)
	const shop = `{"name":"shop","id":123456,"receive":"webhook","added":false,"paused":true,"targets":[` +
		`{"name":"","url":"https://shop.example/hook","window":8,"busy":2,"waiting":1,"down":true,"since":"2026-11-30T12:00:00Z","problem":"refused",` +
		`"queue":{"pending":3,"leased":2,"dead":1,"oldest":"2026-11-30T12:00:00Z","counted_at":"2026-11-30T12:00:00Z"}},` +
		`{"name":"audit","url":"https://audit.example/","window":0,"busy":0,"waiting":0,"down":false}],` +
		`"webhook":{"url":"https://gw.example/bots/123456","pending":5,"last_error":"500","error_at":"2026-11-30T12:00:00Z","checked_at":"2026-11-30T12:00:00Z"}}`
	require.Equal(t, shop+"\n", r.request(http.MethodGet, "/v1/bots/shop", "").Body.String())
	require.Equal(t, `{"bots":[`+shop+"]}\n", r.request(http.MethodGet, "/v1/bots", "").Body.String())
	r.refused(http.MethodGet, "/v1/bots/other", "", 404, "bot_not_found")
	clear(r.calls.bots)
	require.Equal(t, `{"bots":[]}`+"\n", r.request(http.MethodGet, "/v1/bots", "").Body.String())
}

func TestABotIsAddedReplacedAndRemoved(t *testing.T) {
	r := start(t)
	const spec = `{"token": "` + secret + `",  "to": "https://a.example/"}`
	w := r.request(http.MethodPut, "/v1/bots/added", spec)
	require.Equal(t, http.StatusCreated, w.Code)
	require.Equal(t, "add added "+spec, r.calls.last(), "the gateway gets the bytes, so that lines of mistakes are right")
	require.True(t, gjson.Get(w.Body.String(), "added").Bool())
	require.Equal(t, http.StatusOK, r.request(http.MethodPut, "/v1/bots/added", spec).Code)
	require.Equal(t, http.StatusNoContent, r.request(http.MethodDelete, "/v1/bots/added", "").Code)
	require.Equal(t, "remove added", r.calls.last())
	require.Equal(t, 3, strings.Count(r.log.String(), "a change over the admin API"), r.log.String())
	require.NotContains(t, r.log.String(), secret)
	require.Equal(t, http.StatusCreated, r.request(http.MethodPut, "/v1/bots/a%2Fb", spec).Code)
	require.Equal(t, "add a/b "+spec, r.calls.last())
}

func TestMistakesHaveTheirPlaces(t *testing.T) {
	r := start(t)
	r.calls.err = fmt.Errorf("wrapped: %w", &config.Mistakes{All: []config.Mistake{
		{Line: 3, Field: "to.url", What: "the URL leads to a private address; add it to admin.allow"},
		{Field: "token", What: "it is missing"},
	}})
	w := r.request(http.MethodPut, "/v1/bots/added", "{\n}")
	require.Equal(t, http.StatusBadRequest, w.Code)
	errorOf(t, w, "invalid_request")
	require.JSONEq(t, `[{"line":3,"field":"to.url","what":"the URL leads to a private address; add it to admin.allow"},{"line":0,"field":"token","what":"it is missing"}]`,
		gjson.Get(w.Body.String(), "error.mistakes").Raw)
}

func TestErrorsOfTheGatewayHaveTheirStatus(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		code   string
	}{
		{gateway.ErrNoBot, 404, "bot_not_found"},
		{fmt.Errorf("x: %w", gateway.ErrInFile), 409, "in_file"},
		{fmt.Errorf("x: %w", tghook.ErrNoDeadLetter), 404, "dead_letter_not_found"},
		{fmt.Errorf("%w (no update_id)", gateway.ErrNoUpdate), 400, "invalid_request"},
		{fmt.Errorf("x: %w", storage.ErrFull), 503, "storage_full"},
		{context.DeadlineExceeded, 504, "timeout"},
		{errors.New("postgres://user:" + secret + "@db refused"), 500, "internal"},
	} {
		r := start(t)
		r.calls.err = c.err
		r.refused(http.MethodDelete, "/v1/bots/shop", "", c.status, c.code)
		require.Equal(t, c.status >= 500, strings.Contains(r.log.String(), "level=ERROR"), "%v", c.err)
		require.NotContains(t, r.log.String(), "a change")
	}
}

func TestActsReachTheGateway(t *testing.T) {
	const update = `{"update_id": 9, "message": {"text": "<&>"}}`
	for _, c := range []struct{ method, path, body, want string }{
		{http.MethodPost, "/v1/bots/shop/pause", "", "pause shop"},
		{http.MethodPost, "/v1/bots/shop/resume", "", "resume shop"},
		{http.MethodPost, "/v1/bots/shop/send", `{"target":"audit","update":` + update + `}`, "send shop audit " + update},
		{http.MethodPost, "/v1/bots/shop/send", `{"update":` + update + `}`, "send shop  " + update},
		{http.MethodPost, "/v1/bots/shop/dead/4611686018427387905/replay", "", "replay shop  4611686018427387905 "},
		{http.MethodPost, "/v1/bots/shop/dead/7/replay", `{}`, "replay shop  7 "},
		{http.MethodPost, "/v1/bots/shop/dead/7/replay", `{"target":"audit","update":` + update + `}`, "replay shop audit 7 " + update},
		{http.MethodPost, "/v1/bots/shop/dead/-7/discard", "", "discard shop  -7"},
		{http.MethodPost, "/v1/bots/shop/dead/7/discard", `{"target":"audit"}`, "discard shop audit 7"},
	} {
		r := start(t)
		require.Equal(t, http.StatusNoContent, r.request(c.method, c.path, c.body).Code, "%s %s", c.path, c.body)
		require.Equal(t, c.want, r.calls.last())
	}
}

func TestBadRequestsAreToldWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		method, path, body string
		status             int
		code, message      string
	}{
		{http.MethodPut, "/v1/bots/x", "", 400, "invalid_request", "the body is missing"},
		{http.MethodPut, "/v1/bots/x", " \n", 400, "invalid_request", "the body is missing"},
		{http.MethodPut, "/v1/bots/x", strings.Repeat("x", 1<<20+1), 413, "too_large", "more than 1048576 bytes"},
		{http.MethodPost, "/v1/bots/shop/send", "", 400, "invalid_request", "the update is missing"},
		{http.MethodPost, "/v1/bots/shop/send", `{"update":null}`, 400, "invalid_request", "the update is missing"},
		{http.MethodPost, "/v1/bots/shop/send", `{"update":{},"to":"x"}`, 400, "invalid_request", `unknown field "to"`},
		{http.MethodPost, "/v1/bots/shop/send", `{"target":7}`, 400, "invalid_request", "the field target is a number; it must be a string"},
		{http.MethodPost, "/v1/bots/shop/send", `[]`, 400, "invalid_request", "not a JSON object"},
		{http.MethodPost, "/v1/bots/shop/send", `{"target":`, 400, "invalid_request", "cannot be read"},
		{http.MethodPost, "/v1/bots/shop/send", `{} {}`, 400, "invalid_request", "more than one JSON object"},
		{http.MethodPost, "/v1/bots/shop/dead/x/replay", ``, 400, "invalid_request", "not a whole number"},
		{http.MethodPost, "/v1/bots/shop/dead/9223372036854775808/discard", ``, 400, "invalid_request", "not a whole number"},
		{http.MethodGet, "/v1/bots/shop/dead?limit=many", ``, 400, "invalid_request", "limit of the query"},
		{http.MethodGet, "/v1/bots/shop/dead?after=1.5", ``, 400, "invalid_request", "after of the query"},
		{http.MethodGet, "/v1/bots/shop/dead?targt=audit", ``, 400, "invalid_request", `"targt", which is not known`},
		{http.MethodGet, "/v1/bots/shop/dead?target=nowhere", ``, 404, "bot_not_found", "no such target"},
		{http.MethodGet, "/", ``, 404, "path_not_found", "GET /openapi.json"},
		{http.MethodGet, "/v1/bots/", ``, 404, "path_not_found", "GET /openapi.json"},
		{http.MethodPatch, "/v1/bots/shop", ``, 405, "method_not_allowed", "it takes GET and PUT and DELETE"},
		{http.MethodGet, "/v1/bots/shop/pause", ``, 405, "method_not_allowed", "it takes POST"},
	} {
		r := start(t)
		require.Contains(t, r.refused(c.method, c.path, c.body, c.status, c.code), c.message, "%s %s", c.method, c.path)
		require.Empty(t, r.calls.last(), "%s %s", c.method, c.path)
	}
	r := start(t)
	require.Equal(t, "GET, PUT, DELETE", r.request(http.MethodPost, "/v1/bots/shop", "").Header().Get("Allow"))
	w := r.with(http.MethodPost, "/v1/bots/shop/send", strings.NewReader(`{"update":{}}`), "Bearer "+token) // no Content-Type
	require.Equal(t, http.StatusUnsupportedMediaType, w.Code)
	errorOf(t, w, "invalid_content_type")
}

func letter(id int64, raw string) tghook.DeadLetter {
	at := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	return tghook.DeadLetter{
		QueuedUpdate: tghook.QueuedUpdate{Key: tghook.Key{Bot: 1, ID: id}, Lane: "chat:7", Raw: json.RawMessage(raw), Attempts: 8, Published: at},
		Why:          "500", Buried: at.Add(time.Hour),
	}
}

func TestDeadLettersAreListed(t *testing.T) {
	r := start(t)
	require.Equal(t, `{"dead_letters":[]}`+"\n", r.request(http.MethodGet, "/v1/bots/shop/dead", "").Body.String())
	r.calls.letters = []tghook.DeadLetter{
		letter(-1, `{"update_id":1}`),
		letter(4611686018427387905, `{"update_id":2}`),
		letter(4611686018427387906, "{\"update_id\":3,\"callback_query\":{\"data\":\"\xff\"}}"),
		letter(4611686018427387907, `{`),
	}
	const rest = `,"lane":"chat:7","attempts":8,"why":"500","published_at":"2026-11-30T12:00:00Z","buried_at":"2026-11-30T13:00:00Z",`
	raw := func(text string) string {
		return `"raw":"` + base64.StdEncoding.EncodeToString([]byte(text)) + `"}`
	}
	want := []string{
		`{"id":"-1"` + rest + `"update":{"update_id":1}}`,
		`{"id":"4611686018427387905"` + rest + `"update":{"update_id":2}}`,
		`{"id":"4611686018427387906"` + rest + raw("{\"update_id\":3,\"callback_query\":{\"data\":\"\xff\"}}"),
		`{"id":"4611686018427387907"` + rest + raw("{"),
	}
	require.Equal(t, `{"dead_letters":[`+strings.Join(want, ",")+"]}\n", r.request(http.MethodGet, "/v1/bots/shop/dead", "").Body.String())
	require.Equal(t, `{"dead_letters":[`+want[0]+`],"next":"-1"}`+"\n", r.request(http.MethodGet, "/v1/bots/shop/dead?limit=1", "").Body.String())
	require.Equal(t, `{"dead_letters":[`+strings.Join(want[1:], ",")+"]}\n", r.request(http.MethodGet, "/v1/bots/shop/dead?after=-1", "").Body.String())
}

func TestAListOfDeadLettersIsBounded(t *testing.T) {
	r := start(t)
	for i := range 250 {
		r.calls.letters = append(r.calls.letters, letter(int64(i+1), `{"update_id":1}`))
	}
	count := func(query string) (n int, next string) {
		w := r.request(http.MethodGet, "/v1/bots/shop/dead?"+query, "")
		return int(gjson.Get(w.Body.String(), "dead_letters.#").Int()), gjson.Get(w.Body.String(), "next").String()
	}
	for _, c := range []struct {
		query, next string
		n           int
	}{
		{"", "20", 20},
		{"limit=0", "1", 1},
		{"limit=-5", "1", 1},
		{"limit=35", "35", 35},
		{"limit=1000000", "100", 100},
		{"limit=100&after=200", "", 50},
	} {
		n, next := count(c.query)
		require.Equal(t, c.n, n, c.query)
		require.Equal(t, c.next, next, c.query)
	}
	require.LessOrEqual(t, slices.Max(r.calls.limits), 10, "few are in memory at once")

	large := `{"update_id":1,"message":{"text":"` + strings.Repeat("x", 1<<20) + `"}}`
	for i := range r.calls.letters {
		r.calls.letters[i].Raw = json.RawMessage(large)
	}
	n, next := count("limit=100")
	require.Equal(t, 10, n)
	require.Equal(t, "10", next)
}

func TestAGatewayThatHangsIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t)
		r.calls.hang = true
		began := time.Now()
		r.refused(http.MethodPost, "/v1/bots/shop/pause", "", 504, "timeout")
		require.Equal(t, 30*time.Second, time.Since(began))
	})
}

func TestWhatWasBegunGoesOnWhenTheClientHangsUp(t *testing.T) {
	r := start(t)
	ctx, hangUp := context.WithCancel(t.Context())
	hangUp()
	req := httptest.NewRequestWithContext(ctx, http.MethodPost, "/v1/bots/shop/pause", http.NoBody)
	req.Header.Set("Authorization", "Bearer "+token)
	r.api.ServeHTTP(httptest.NewRecorder(), req)
	require.Equal(t, "pause shop", r.calls.last())
}

func TestManyRequestsAtOnce(t *testing.T) {
	r := start(t)
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			for _, c := range []struct{ method, path, body string }{
				{http.MethodPut, "/v1/bots/added", `{"token":"x"}`},
				{http.MethodGet, "/v1/bots", ""},
				{http.MethodGet, "/v1/bots/added", ""},
				{http.MethodPost, fmt.Sprintf("/v1/bots/shop/dead/%d/replay", i), ""},
				{http.MethodDelete, "/v1/bots/added", ""},
			} {
				req := httptest.NewRequestWithContext(t.Context(), c.method, c.path, strings.NewReader(c.body))
				req.Header.Set("Authorization", "Bearer "+token)
				req.Header.Set("Content-Type", "application/json")
				w := httptest.NewRecorder()
				r.api.ServeHTTP(w, req)
				if w.Code >= 300 && w.Code != http.StatusNotFound {
					t.Errorf("%s %s: %d", c.method, c.path, w.Code)
				}
			}
		})
	}
	all.Wait()
	require.Len(t, r.calls.asked, 150)
}

func TestAnAnswerOverTheNetworkToAWrongTokenDoesNotWaitForTheBody(t *testing.T) {
	r := start(t)
	server := httptest.NewServer(r.api)
	defer server.Close()
	body, feed := io.Pipe() // nothing comes
	defer feed.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, server.URL+"/v1/bots/x", body)
	require.NoError(t, err)
	res, err := server.Client().Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	require.Equal(t, http.StatusUnauthorized, res.StatusCode)
	require.True(t, res.Close)
}
