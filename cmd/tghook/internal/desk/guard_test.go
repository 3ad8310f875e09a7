package desk_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/cmd/tghook/internal/desk"
)

// raw makes a request as a browser or a program would, and returns the status and the body.
func (r *rig) raw(method, path, host string, header map[string]string, body string) (int, string) {
	r.tb.Helper()
	req, err := http.NewRequestWithContext(r.tb.Context(), method, r.desk.URL()+path, strings.NewReader(body))
	require.NoError(r.tb, err)
	if host != "" {
		req.Host = host
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(r.tb, err)
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	require.NoError(r.tb, err)
	return res.StatusCode, string(answer)
}

func TestForeignPagesAreRefused(t *testing.T) {
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("the page")) })
	r := start(t, desk.Config{Page: page})
	r.call("getMe", nil)
	const json = "application/json"
	own := r.desk.URL()
	for _, path := range []string{"/api/state", "/api/users", "/api/bots/123456/rows", "/page/app.js", "/"} {
		for _, foreign := range []struct {
			host   string
			header map[string]string
		}{
			{"evil.example.org", nil},
			{"127.0.0.1.evil.example.org", nil},
			{"", map[string]string{"Origin": "https://evil.example.org"}},
			{"", map[string]string{"Origin": "null"}},
			{"", map[string]string{"Sec-Fetch-Site": "cross-site"}},
			{"", map[string]string{"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}},
			{"", map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}},
		} {
			status, body := r.raw(http.MethodGet, path, foreign.host, foreign.header, "")
			require.Equal(t, http.StatusForbidden, status, "%s %v: %s", path, foreign, body)
		}
	}
	for _, method := range []string{http.MethodPost, http.MethodPatch, http.MethodDelete} {
		status, _ := r.raw(method, "/api/users", "", map[string]string{
			"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Content-Type": json,
		}, `{"name":"Eve"}`)
		require.Equal(t, http.StatusForbidden, status, method)
	}
	require.Len(t, r.get("/api/users"), 1)

	status, body := r.raw(http.MethodGet, "/", "", map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, "")
	require.Equal(t, http.StatusOK, status, "a link to the page")
	require.Equal(t, "the page", body)
	status, _ = r.raw(http.MethodPost, "/api/users", "", map[string]string{"Origin": own, "Sec-Fetch-Site": "same-origin", "Content-Type": json}, `{"name":"Ana"}`)
	require.Equal(t, http.StatusOK, status, "the page itself")
}

func TestGETChangesNothing(t *testing.T) {
	r := start(t)
	r.call("getMe", nil)
	s := r.listen("", "")
	r.say("hi")
	s.until("queue") // the last event of the message
	seq := r.get("/api/state").(object)["seq"]
	for path, methods := range r.desk.Routes() {
		for _, method := range methods {
			if method == http.MethodGet && path != "/api/events" {
				path = strings.NewReplacer("{bot}", "123456", "{chat}", strings.TrimPrefix(r.chat(), "/api/bots/123456/chats/"), "{id}", "x", "{file}", "x").Replace(path)
				_, _ = r.raw(method, path, "", nil, "")
			}
		}
	}
	require.Equal(t, seq, r.get("/api/state").(object)["seq"])
}

func TestBodyMustBeJSONOrAForm(t *testing.T) {
	r := start(t)
	for _, kind := range []string{"", "text/plain", "application/x-www-form-urlencoded", "text/plain; application/json", "multipart/form-data"} {
		status, body := r.raw(http.MethodPost, "/api/users", "", map[string]string{"Content-Type": kind}, `{"name":"Eve"}`)
		require.Contains(t, []int{http.StatusUnsupportedMediaType, http.StatusBadRequest}, status, "%q: %s", kind, body)
	}
	require.Len(t, r.get("/api/users"), 1)
	for _, wrong := range []string{"{", "[]", `"x"`, `{"name":"a"}{"name":"b"}`, `{"nam":"a"}`, "null null", strings.Repeat("[", 10_000)} {
		status, body := r.raw(http.MethodPost, "/api/users", "", map[string]string{"Content-Type": "application/json"}, wrong)
		require.Equal(t, http.StatusBadRequest, status, "%.20s: %s", wrong, body)
		require.Contains(t, body, `"code":"invalid_request"`)
	}
}

func TestBodyIsBounded(t *testing.T) {
	r := start(t)
	r.call("getMe", nil)
	large := `{"name":"` + strings.Repeat("x", 1<<20) + `"}`
	status, _ := r.raw(http.MethodPost, "/api/users", "", map[string]string{"Content-Type": "application/json"}, large)
	require.Equal(t, http.StatusRequestEntityTooLarge, status)
	r.refused(http.MethodPost, r.chat()+"/messages", form{map[string]string{"text": strings.Repeat("x", 1<<20+1)}, nil}, http.StatusRequestEntityTooLarge, "too_large")
	r.refused(http.MethodPost, r.chat()+"/messages", form{nil, []file{{"a", bytes.Repeat([]byte("x"), 100<<20+1)}}}, http.StatusRequestEntityTooLarge, "too_large")
	many := form{nil, make([]file, 11)}
	for i := range many.files {
		many.files[i] = file{"a.txt", []byte("a")}
	}
	require.Contains(t, r.refused(http.MethodPost, r.chat()+"/messages", many, http.StatusBadRequest, "invalid_request"), "more than 10 files")
}

func TestUnknownPathAndMethodAreSaid(t *testing.T) {
	r := start(t)
	for _, path := range []string{"/api", "/api/", "/api/nothing", "/api/bots/1/2/3"} {
		status, body := r.raw(http.MethodGet, path, "", nil, "")
		require.Equal(t, http.StatusNotFound, status, path)
		require.Contains(t, body, "openapi.json", path)
	}
	status, body := r.raw(http.MethodPut, "/api/users", "", nil, "")
	require.Equal(t, http.StatusMethodNotAllowed, status)
	require.Contains(t, body, "it takes GET and POST")
	status, _ = r.raw(http.MethodGet, "/", "", nil, "")
	require.Equal(t, http.StatusNotFound, status, "without a page")
}

func TestErrorShowsNoToken(t *testing.T) {
	r := start(t)
	r.call("getMe", nil)
	status, body := r.raw(http.MethodPost, "/api/bots", "", map[string]string{"Content-Type": "application/json"}, `{"token":"`+token+`x"}`)
	require.Equal(t, http.StatusUnprocessableEntity, status)
	require.NotContains(t, body, token)
	_, body = r.raw(http.MethodGet, "/api/bots/"+token, "", nil, "")
	require.NotContains(t, body, token)
}

func TestTokenInATextIsHidden(t *testing.T) {
	r := start(t)
	r.webhook(func(object) any { return nil })
	s := r.listen("", "")
	r.say("my token is " + token) // the rig looks for the token in each answer
	r.call("sendMessage", object{"chat_id": r.you, "text": "see " + r.desk.URL() + "/bot" + strings.Replace(token, ":", "%3A", 1) + "/getMe"})
	r.tryCall("sendMessage", object{"chat_id": token, "text": "x"})
	for range 3 {
		require.NotContains(t, s.until("row"), "any-secret")
	}
	r.get(r.chat() + "/messages")
	for _, row := range r.rows("") {
		r.get("/api/rows/" + row["id"].(string))
		r.request(http.MethodGet, "/api/rows/"+row["id"].(string)+"/curl", nil)
	}
	_, body := r.raw(http.MethodGet, r.chat()+"/messages", "", nil, "")
	require.NotContains(t, body, "any-secret")
	require.Contains(t, body, "<token>")
}
