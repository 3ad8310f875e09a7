package desk_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/cmd/tghook/internal/desk"
)

const token = "123456:any-secret-of-a-test"

// schema is how values are checked against openapi.json.
var schema = openapi3.EnableJSONSchema2020()

// object is a JSON object.
type object = map[string]any

// rig is a Desk together with a client that checks each request and answer against
// openapi.json.
type rig struct {
	tb   testing.TB
	desk *desk.Desk
	spec *openapi3.T
	mux  *http.ServeMux // finds the path of a request in openapi.json
	you  int64
}

func start(tb testing.TB, configs ...desk.Config) *rig {
	tb.Helper()
	cfg := append(configs, desk.Config{})[0]
	cfg.Listen = "127.0.0.1:0"
	d, err := desk.Start(cfg)
	require.NoError(tb, err)
	tb.Cleanup(d.Close)
	r := &rig{tb: tb, desk: d, spec: spec(tb), mux: http.NewServeMux()}
	for path, methods := range d.Routes() {
		for _, method := range methods {
			r.mux.Handle(method+" "+path, http.NotFoundHandler())
		}
	}
	r.you = int64(r.get("/api/users").([]any)[0].(object)["id"].(float64))
	return r
}

var spec = sync.OnceValue(func() func(testing.TB) *openapi3.T {
	return func(tb testing.TB) *openapi3.T {
		tb.Helper()
		doc, err := openapi3.NewLoader().LoadFromFile("openapi.json")
		require.NoError(tb, err)
		return doc
	}
})()

// request makes a request and returns its status and its answer, which is decoded if it is
// JSON.
func (r *rig) request(method, path string, body any) (int, any) {
	r.tb.Helper()
	var content io.Reader
	kind := ""
	switch b := body.(type) {
	case nil:
	case form:
		content, kind = b.encode()
	default:
		encoded, err := json.Marshal(body)
		require.NoError(r.tb, err)
		content, kind = bytes.NewReader(encoded), "application/json"
	}
	req, err := http.NewRequestWithContext(r.tb.Context(), method, r.desk.URL()+path, content)
	require.NoError(r.tb, err)
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(r.tb, err)
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	require.NoError(r.tb, err)
	require.NotContains(r.tb, string(answer), token, "the token in the answer to %s %s", method, path)
	if res.StatusCode < 300 {
		r.checkBody(req, body)
	}
	return res.StatusCode, r.checkAnswer(req, res, answer)
}

// operation returns the operation of a request in openapi.json.
func (r *rig) operation(req *http.Request) *openapi3.Operation {
	r.tb.Helper()
	_, pattern := r.mux.Handler(req)
	_, path, _ := strings.Cut(pattern, " ")
	item := r.spec.Paths.Value(path)
	require.NotNil(r.tb, item, "%s %s is not in openapi.json", req.Method, req.URL.Path)
	return item.GetOperation(req.Method)
}

func (r *rig) checkBody(req *http.Request, body any) {
	r.tb.Helper()
	op := r.operation(req)
	for name := range req.URL.Query() {
		require.NotNil(r.tb, op.Parameters.GetByInAndName("query", name), "%s has no parameter %s in openapi.json", req.URL.Path, name)
	}
	if body == nil {
		require.True(r.tb, op.RequestBody == nil || !op.RequestBody.Value.Required, "%s %s needs a body by openapi.json", req.Method, req.URL.Path)
		return
	}
	kind := "application/json"
	if f, ok := body.(form); ok {
		kind, body = "multipart/form-data", f.object()
	}
	encoded, err := json.Marshal(body)
	require.NoError(r.tb, err)
	r.matches(op.RequestBody.Value.Content[kind], encoded, "the body of "+req.Method+" "+req.URL.Path)
}

func (r *rig) checkAnswer(req *http.Request, res *http.Response, answer []byte) any {
	r.tb.Helper()
	kind := res.Header.Get("Content-Type")
	if !strings.HasPrefix(kind, "application/json") || req.URL.Path == "/api/openapi.json" {
		return answer
	}
	responses := r.operation(req).Responses
	expected := responses.Value("200")
	if res.StatusCode != http.StatusOK {
		expected = responses.Default()
	}
	r.matches(expected.Value.Content["application/json"], answer, fmt.Sprintf("the answer %d to %s %s", res.StatusCode, req.Method, req.URL.Path))
	var value any
	require.NoError(r.tb, json.Unmarshal(answer, &value))
	return value
}

// matches checks JSON against a schema.
func (r *rig) matches(media *openapi3.MediaType, text []byte, what string) {
	r.tb.Helper()
	require.NotNil(r.tb, media, "openapi.json does not describe %s", what)
	var value any
	require.NoError(r.tb, json.Unmarshal(text, &value))
	if err := media.Schema.Value.VisitJSON(value, schema); err != nil {
		r.tb.Fatalf("%s is not as openapi.json says: %v\n%s", what, err, text)
	}
}

// ask makes a request that must succeed.
func (r *rig) ask(method, path string, body any) any {
	r.tb.Helper()
	status, answer := r.request(method, path, body)
	require.Equal(r.tb, http.StatusOK, status, "%s %s: %v", method, path, answer)
	return answer
}

func (r *rig) get(path string) any { r.tb.Helper(); return r.ask(http.MethodGet, path, nil) }

func (r *rig) post(path string, body any) object {
	r.tb.Helper()
	return r.ask(http.MethodPost, path, body).(object)
}

// refused makes a request that must fail, and returns its message.
func (r *rig) refused(method, path string, body any, status int, code string) string {
	r.tb.Helper()
	got, answer := r.request(method, path, body)
	require.Equal(r.tb, status, got, "%s %s: %v", method, path, answer)
	e := answer.(object)["error"].(object)
	require.Equal(r.tb, code, e["code"], e["message"])
	return e["message"].(string)
}

// form is a form with files.
type form struct {
	fields map[string]string
	files  []file
}

type file struct {
	name    string
	content []byte
}

func (f form) encode() (io.Reader, string) {
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for name, value := range f.fields {
		_ = w.WriteField(name, value) // a buffer takes all
	}
	for _, one := range f.files {
		part, _ := w.CreateFormFile("file", one.name)
		_, _ = part.Write(one.content)
	}
	_ = w.Close()
	return &body, w.FormDataContentType()
}

// object returns the form as openapi.json describes it.
func (f form) object() object {
	o := object{}
	for name, value := range f.fields {
		o[name] = value
		if json.Valid([]byte(value)) && name != "text" && name != "caption" {
			o[name] = json.RawMessage(value)
		}
	}
	names := make([]string, 0, len(f.files))
	for _, one := range f.files {
		names = append(names, one.name)
	}
	o["file"] = names
	return o
}

// call makes a call of the bot, and returns the result.
func (r *rig) call(method string, params object) any {
	r.tb.Helper()
	answer := r.tryCall(method, params)
	require.Equal(r.tb, true, answer["ok"], "%s: %v", method, answer)
	return answer["result"]
}

// tryCall makes a call of the bot, and returns the whole answer.
func (r *rig) tryCall(method string, params object) object {
	r.tb.Helper()
	body, err := json.Marshal(params)
	require.NoError(r.tb, err)
	req, err := http.NewRequestWithContext(context.WithoutCancel(r.tb.Context()), http.MethodPost, r.desk.URL()+"/bot"+token+"/"+method, bytes.NewReader(body))
	require.NoError(r.tb, err)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	require.NoError(r.tb, err)
	defer func() { _ = res.Body.Close() }()
	var answer object
	require.NoError(r.tb, json.NewDecoder(res.Body).Decode(&answer))
	return answer
}

// chat returns the path of the first user's private chat with the bot.
func (r *rig) chat() string { return fmt.Sprintf("/api/bots/123456/chats/%d", r.you) }

// say lets the first user write to the bot, and returns the message's id.
func (r *rig) say(text string) int64 {
	r.tb.Helper()
	sent := r.post(r.chat()+"/messages", object{"text": text})
	return int64(sent["messages"].([]any)[0].(object)["message_id"].(float64))
}

// webhook serves a webhook of the bot, and sets it. Each update is given to f, whose result is
// the answer's body.
func (r *rig) webhook(f func(update object) any) {
	r.tb.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		var update object
		_ = json.NewDecoder(req.Body).Decode(&update)
		answer := f(update)
		if status, ok := answer.(int); ok {
			w.WriteHeader(status)
			return
		}
		if answer == nil {
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(answer)
	}))
	r.tb.Cleanup(srv.Close)
	r.call("setWebhook", object{"url": srv.URL, "secret_token": "a-secret-of-the-webhook", "allowed_updates": []string{
		"message", "edited_message", "callback_query", "inline_query", "chosen_inline_result", "shipping_query", "pre_checkout_query",
		"message_reaction", "poll", "poll_answer", "my_chat_member", "chat_member", "chat_join_request", "stopped_message_generation",
	}})
}

// eventually waits until f returns true.
func (r *rig) eventually(f func() bool, what string) {
	r.tb.Helper()
	require.Eventually(r.tb, f, time.Minute, 5*time.Millisecond, what)
}

func id(message any) int64 { return int64(message.(object)["message_id"].(float64)) }
