package tghook_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tghook/tghook"
)

const apiBot = 7244100913 // of apiToken

// wireAPI is a Bot API that notes what it is asked: the method, and the body.
type wireAPI struct {
	mu    sync.Mutex
	calls []string
	types []string // their Content-Types
	do    func(*http.Request) (*http.Response, error)
}

// RoundTrip implements [http.RoundTripper].
func (a *wireAPI) RoundTrip(r *http.Request) (*http.Response, error) {
	body := []byte{}
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		r.Body.Close()
	}
	if r.ContentLength > 0 && r.ContentLength != int64(len(body)) {
		return nil, fmt.Errorf("%d bytes are announced, and there are %d", r.ContentLength, len(body))
	}
	if r.GetBody != nil { // as for a connection that was closed meanwhile
		source, err := r.GetBody()
		if err != nil {
			return nil, err
		}
		defer source.Close()
		if again, err := io.ReadAll(source); err != nil || !bytes.Equal(again, body) {
			return nil, fmt.Errorf("the body is %d bytes long at first and %d then: %w", len(body), len(again), err)
		}
	}
	a.mu.Lock()
	a.calls = append(a.calls, r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]+" "+string(body))
	a.types = append(a.types, r.Header.Get("Content-Type"))
	a.mu.Unlock()
	if a.do != nil {
		return a.do(r)
	}
	res := apiAnswer(200, `{"ok":true,"result":"from Telegram"}`)
	res.Request = r
	return res, nil
}

func (a *wireAPI) all() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.calls)
}

// library makes calls as bot libraries do.
type library struct {
	*http.Client

	base string // of the API's URL
}

const (
	apiBase   = "https://api.telegram.org/bot" + apiToken + "/"
	fromThere = `{"ok":true,"result":"from Telegram"}`
)

func (l library) do(req *http.Request) (string, error) {
	res, err := l.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "application/json" || res.Request == nil || res.Request.URL.Path != req.URL.Path {
		return "", fmt.Errorf("not a response to the request: %+v", res)
	}
	return string(body), err
}

func (l library) post(ctx context.Context, method, contentType string, body io.Reader) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.base+method, body)
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", contentType)
	return l.do(req)
}

// call calls a method with JSON, and returns the answer, or the error.
func (l library) call(ctx context.Context, method, params string) string {
	got, err := l.post(ctx, method, "application/json", strings.NewReader(params))
	if err != nil {
		return err.Error()
	}
	return got
}

// newLibrary is a library that calls api by t.
func newLibrary(tb testing.TB, t *tghook.ReplyTransport, api http.RoundTripper) library {
	tb.Helper()
	t.Base, t.Client = api, newClient(tb, tghook.ClientConfig{})
	return library{&http.Client{Transport: t}, apiBase}
}

// forBot says whose updates the dispatcher gets.
func forBot(cfg tghook.DispatchConfig) tghook.DispatchConfig {
	cfg.Bot = apiBot
	return cfg
}

func hookConfig() tghook.Config { return tghook.Config{Dispatch: forBot(tghook.DispatchConfig{})} }

// calling is a handler that makes calls by lib, of which each must be held.
func calling(tb testing.TB, lib library, then error, calls ...string) tghook.HandlerFunc {
	return func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
		for _, call := range calls {
			method, params, _ := strings.Cut(call, " ")
			same(tb, "the library gets", lib.call(ctx, method, params), apiOK)
		}
		return tghook.NoReply, then
	}
}

const (
	pressed       = `answerCallbackQuery {"callback_query_id":"5"}`
	pressedBody   = `{"method":"answerCallbackQuery","callback_query_id":"5"}`
	pressedAnswer = "200 application/json " + pressedBody
	pressedCall   = "answerCallbackQuery " + pressedBody
	deleted       = `deleteMessage {"chat_id":7,"message_id":1}`
	deletedAnswer = `200 application/json {"method":"deleteMessage","chat_id":7,"message_id":1}`
)

func TestASingleCallOfALibraryRidesTheResponse(t *testing.T) {
	t.Parallel()
	api := &wireAPI{}
	lib := newLibrary(t, &tghook.ReplyTransport{}, api)
	r := newRig(t, hookConfig(), calling(t, lib, nil, pressed))
	same(t, "answer", r.post(messageIn(7, 1)), pressedAnswer)
	same(t, "redelivery", r.post(messageIn(7, 1)), pressedAnswer)
	same(t, "calls", api.all(), nil)
	same(t, "outcomes", r.outcomes(), "replied/1/200/rode duplicate/0/200/rode")
	r.did(1, 0, 0)
}

func TestOfSeveralCallsTheLastRidesBehindTheOthers(t *testing.T) {
	t.Parallel()
	api := &wireAPI{}
	lib := newLibrary(t, &tghook.ReplyTransport{}, api)
	r := newRig(t, hookConfig(), func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
		same(t, "first", lib.call(ctx, "answerCallbackQuery", `{"callback_query_id":"5"}`), apiOK)
		same(t, "calls after the first", api.all(), nil)
		same(t, "second", lib.call(ctx, "deleteMessage", `{"chat_id":7,"message_id":1}`), apiOK)
		same(t, "calls after the second", api.all(), []string{pressedCall})
		return tghook.NoReply, nil
	})
	same(t, "answer", r.post(messageIn(7, 1)), deletedAnswer)
	same(t, "calls", api.all(), []string{pressedCall})
}

func TestALaterCallThatCannotRideLeavesBehindTheHeldOne(t *testing.T) {
	t.Parallel()
	api := &wireAPI{}
	lib := newLibrary(t, &tghook.ReplyTransport{}, api)
	r := newRig(t, hookConfig(), func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
		lib.call(ctx, "answerCallbackQuery", `{"callback_query_id":"5"}`)
		for _, method := range []string{"sendMessage", "getChat"} {
			same(t, method, lib.call(ctx, method, `{"chat_id": 7}`), fromThere)
		}
		return tghook.NoReply, nil
	})
	same(t, "answer", r.post(messageIn(7, 1)), "200")
	same(t, "calls", api.all(), []string{pressedCall, `sendMessage {"chat_id": 7}`, `getChat {"chat_id": 7}`})
	same(t, "outcomes", r.outcomes(), "handled/1/200")
}

// form is a multipart body as a library makes it, with files by name.
func form(tb testing.TB, fields map[string]string, files map[string][]byte) (contentType string, body []byte) {
	tb.Helper()
	var buffer bytes.Buffer
	w := multipart.NewWriter(&buffer)
	for name, text := range fields {
		if err := w.WriteField(name, text); err != nil {
			tb.Fatal(err)
		}
	}
	for name, content := range files {
		part, err := w.CreateFormFile(name, name+".bin")
		if err != nil {
			tb.Fatal(err)
		}
		if _, err := part.Write(content); err != nil {
			tb.Fatal(err)
		}
	}
	w.Close()
	return w.FormDataContentType(), buffer.Bytes()
}

// piped hides how long a body is, as a pipe does, and notes when it is closed.
type piped struct {
	io.Reader

	closed *atomic.Int32
}

func (p piped) Close() error { p.closed.Add(1); return nil }

// What a library sends in whatever form rides, and means the same.
func TestACallRidesInEveryForm(t *testing.T) {
	t.Parallel()
	const urlencoded = "application/x-www-form-urlencoded"
	for _, test := range []struct{ name, contentType, body, want string }{
		{"JSON", "application/json", `{"chat_id":7,"title":"\u00e9 <b>","none":null}` + "\n", `,"chat_id":7,"title":"\u00e9 <b>"}`},
		{"JSON with charset", "application/json; charset=utf-8", `{}`, `}`},
		{"a form", urlencoded, "chat_id=7&title=a%26b+%C3%A9&title=c&empty=", `,"chat_id":"7","empty":"","title":"a\u0026b é"}`},
		{"an empty form", urlencoded, "", `}`},
		{"nothing", "", "", `}`},
	} {
		api := &wireAPI{}
		lib := newLibrary(t, &tghook.ReplyTransport{}, api)
		var closed atomic.Int32
		r := newRig(t, hookConfig(), func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			got, err := lib.post(ctx, "setChatTitle", test.contentType, piped{strings.NewReader(test.body), &closed})
			same(t, test.name+": the library gets", got, apiOK)
			return tghook.NoReply, err
		})
		same(t, test.name, r.post(messageIn(7, 1)), `200 application/json {"method":"setChatTitle"`+test.want)
		same(t, test.name+": calls", api.all(), nil)
		same(t, test.name+": closed", closed.Load(), 1)
	}
}

// setPhoto is the call of a library that uploads a file, by a pipe.
func setPhoto(ctx context.Context, lib library, contentType string, body []byte) error {
	_, err := lib.post(ctx, "setChatPhoto", contentType, piped{bytes.NewReader(body), new(atomic.Int32)})
	return err
}

func TestAMultipartCallRidesAsItCame(t *testing.T) {
	t.Parallel()
	contentType, body := form(t, map[string]string{"chat_id": "7"}, map[string][]byte{"photo": bytes.Repeat([]byte("\r\n--\x00\xff"), 1<<18)})
	api := &wireAPI{}
	lib := newLibrary(t, &tghook.ReplyTransport{}, api)
	cfg := hookConfig()
	cfg.LateAfter = -1
	r := newRig(t, cfg, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
		return tghook.NoReply, setPhoto(ctx, lib, contentType, body)
	})
	res := r.serve(t.Context(), messageIn(7, 1), nil)
	same(t, "Content-Type", res.Header.Get("Content-Type"), contentType)
	wantMultipart(t, res.Body, contentType, body)
	same(t, "calls", len(api.all()), 0)
}

// wantMultipart checks that got is body behind the part that names the method.
func wantMultipart(t *testing.T, got []byte, contentType string, body []byte) {
	t.Helper()
	boundary := strings.TrimPrefix(contentType, "multipart/form-data; boundary=")
	method := "--" + boundary + "\r\nContent-Disposition: form-data; name=\"method\"\r\n\r\nsetChatPhoto\r\n"
	if string(got) != method+string(body) {
		t.Errorf("%d bytes, want %d: those of the library behind its method", len(got), len(method)+len(body))
	}
	parsedForm, err := multipart.NewReader(bytes.NewReader(got), boundary).ReadForm(4 << 20)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "method", parsedForm.Value["method"], []string{"setChatPhoto"})
	same(t, "chat_id", parsedForm.Value["chat_id"], []string{"7"})
	same(t, "files", len(parsedForm.File["photo"]), 1)
}

func TestAMultipartCallThatIsMadeAfterAllHasTheSameBytes(t *testing.T) {
	t.Parallel()
	contentType, body := form(t, map[string]string{"chat_id": "7"}, map[string][]byte{"photo": []byte("a file")})
	api := &wireAPI{}
	lib := newLibrary(t, &tghook.ReplyTransport{}, api)
	r := newRig(t, hookConfig(), func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
		if err := setPhoto(ctx, lib, contentType, body); err != nil {
			return tghook.NoReply, err
		}
		same(t, "the library gets", lib.call(ctx, "getMe", "{}"), fromThere)
		return tghook.NoReply, nil
	})
	same(t, "answer", r.post(messageIn(7, 1)), "200")
	calls := api.all()
	same(t, "calls", len(calls), 2)
	same(t, "Content-Type", api.types[0], contentType)
	wantMultipart(t, []byte(strings.TrimPrefix(calls[0], "setChatPhoto ")), contentType, body)
}

// What cannot ride as it is goes to Telegram untouched, which says what is wrong.
func TestWhatCannotRidePassesThroughAsItIs(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("x", 1<<20)
	multi := func(fields map[string]string, files int) [2]string {
		content := map[string][]byte{}
		for i := range files {
			content["file"+strconv.Itoa(i)] = []byte("x")
		}
		contentType, body := form(t, fields, content)
		return [2]string{contentType, string(body)}
	}
	sound := multi(map[string]string{"title": "x"}, 0)
	boundary := strings.TrimPrefix(sound[0], "multipart/form-data; boundary=")
	for name, body := range map[string][2]string{
		"too much JSON":              {"application/json", `{"title":"` + big + `"}`},
		"much too much JSON":         {"application/json", `{"title":"` + big + big + `"}`},
		"too large a form":           {"application/x-www-form-urlencoded", "title=" + big},
		"too much text in multipart": multi(map[string]string{"title": big}, 0),
		"too many files":             multi(nil, 51),
		"a method of its own":        {"application/json", `{"method":"banChatMember"}`},
		"a method in a form":         {"application/x-www-form-urlencoded", "method=banChatMember"},
		"a method in multipart":      multi(map[string]string{"method": "banChatMember"}, 0),
		"half an object":             {"application/json", `{"title":`},
		"an array":                   {"application/json", `[]`},
		"null":                       {"application/json", "null\n"},
		"a form that is none":        {"application/x-www-form-urlencoded", "title=%"},
		"a form that is no UTF-8":    {"application/x-www-form-urlencoded", "title=%ff"},
		"half of multipart":          {sound[0], sound[1][:len(sound[1])-10]},
		"an empty multipart":         {sound[0], "\r\n--" + boundary + "--\r\n"},
		"multipart with a preamble":  {sound[0], "preamble\r\n" + sound[1]},
		"multipart of another":       {"multipart/form-data; boundary=other", sound[1]},
		"multipart without boundary": {"multipart/form-data", sound[1]},
		"a boundary with quotes":     {`multipart/form-data; boundary="a b"`, "--a b\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nx\r\n--a b--\r\n"},
		"text":                       {"text/plain", "title"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := &wireAPI{}
			lib := newLibrary(t, &tghook.ReplyTransport{}, api)
			cfg := hookConfig()
			cfg.LateAfter = -1
			var closed atomic.Int32
			r := newRig(t, cfg, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
				got, err := lib.post(ctx, "setChatTitle", body[0], piped{strings.NewReader(body[1]), &closed})
				same(t, "the library gets", got, fromThere)
				return tghook.NoReply, err
			})
			same(t, "answer", r.post(messageIn(7, 1)), "200")
			if calls := api.all(); len(calls) != 1 || calls[0] != "setChatTitle "+body[1] || api.types[0] != body[0] {
				t.Errorf("got %d calls, %.200q as %s", len(calls), calls, api.types)
			}
			same(t, "closed", closed.Load(), 1)
		})
	}
}

// A file that no reply may have is not read into memory: it flows on.
func TestAFileThatIsTooLargeFlowsThrough(t *testing.T) {
	t.Parallel()
	contentType, start := form(t, nil, map[string][]byte{"photo": {}})
	const size = 60 << 20
	var read, closed, most atomic.Int64
	api := transport(func(req *http.Request) (*http.Response, error) {
		most.Store(read.Load())
		_, err := io.Copy(io.Discard, req.Body)
		req.Body.Close()
		res := apiAnswer(200, fromThere)
		res.Request = req
		return res, err
	})
	lib := newLibrary(t, &tghook.ReplyTransport{}, api)
	cfg := hookConfig()
	cfg.LateAfter = -1
	r := newRig(t, cfg, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
		body := &hugeBody{start: bytes.NewReader(start), left: size, read: &read, closed: &closed}
		got, err := lib.post(ctx, "setChatPhoto", contentType, body)
		same(t, "the library gets", got, fromThere)
		same(t, "error", err, nil)
		return tghook.NoReply, err
	})
	same(t, "answer", r.post(messageIn(7, 1)), "200")
	same(t, "read in all", read.Load(), int64(len(start)+size))
	same(t, "closed", closed.Load(), 1)
	if got := most.Load(); got > 52<<20 {
		t.Errorf("%d bytes were read before the call left", got)
	}
}

// A file whose call cannot be held is not read either: Base gets it as it was.
func TestAFileThatIsNotToBeHeldFlowsThrough(t *testing.T) {
	t.Parallel()
	contentType, start := form(t, nil, map[string][]byte{"photo": {}})
	const size = 20 << 20
	var read, closed, before atomic.Int64
	api := transport(func(req *http.Request) (*http.Response, error) {
		before.Store(read.Load())
		_, err := io.Copy(io.Discard, req.Body)
		req.Body.Close()
		res := apiAnswer(200, fromThere)
		res.Request = req
		return res, err
	})
	lib := newLibrary(t, &tghook.ReplyTransport{}, api)
	c := newCore(t, forBot(tghook.DispatchConfig{}), func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
		got, err := lib.post(ctx, "sendPhoto", contentType, &hugeBody{start: bytes.NewReader(start), left: size, read: &read, closed: &closed})
		same(t, "the library gets", got, fromThere)
		return tghook.NoReply, err
	})
	_, err := c.do(t.Context(), messageIn(7, 1))
	same(t, "error", err, nil)
	same(t, "read before the call left", before.Load(), 0)
	same(t, "read in all", read.Load(), int64(len(start)+size))
	same(t, "closed", closed.Load(), 1)
}

// One copy of a file is made when its call is held, whatever becomes of it.
func TestAFileIsInMemoryOnce(t *testing.T) {
	contentType, body := form(t, map[string]string{"chat_id": "7"}, map[string][]byte{"photo": make([]byte, 20<<20)})
	for name, then := range map[string]string{"rides": "", "is called": "getMe"} {
		api := transport(func(req *http.Request) (*http.Response, error) {
			if req.Body != nil {
				_, _ = io.Copy(io.Discard, req.Body)
			}
			return apiAnswer(200, apiOK), nil
		})
		lib := newLibrary(t, &tghook.ReplyTransport{}, api)
		cfg := hookConfig()
		cfg.LateAfter = -1
		r := newRig(t, cfg, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, apiBase+"setChatPhoto", bytes.NewReader(body))
			if err != nil {
				return tghook.NoReply, err
			}
			req.Header.Set("Content-Type", contentType)
			res, err := lib.Transport.RoundTrip(req)
			if err != nil {
				return tghook.NoReply, err
			}
			defer res.Body.Close()
			if then != "" {
				lib.call(ctx, then, "{}")
			}
			return tghook.NoReply, nil
		})
		var start, end runtime.MemStats
		runtime.ReadMemStats(&start)
		res := r.serve(t.Context(), messageIn(7, 1), nil)
		runtime.ReadMemStats(&end)
		same(t, name+": in the response", len(res.Body) > len(body), then == "")
		if got := end.TotalAlloc - start.TotalAlloc; got > uint64(len(body))*11/10 {
			t.Errorf("%s: %d bytes were allocated for a body of %d", name, got, len(body))
		}
	}
}

type hugeBody struct {
	start        *bytes.Reader
	left         int64
	read, closed *atomic.Int64
}

func (b *hugeBody) Read(p []byte) (n int, err error) {
	defer func() { b.read.Add(int64(n)) }()
	if b.start.Len() > 0 {
		return b.start.Read(p)
	}
	if b.left == 0 {
		return 0, io.EOF
	}
	n = int(min(int64(len(p)), b.left))
	b.left -= int64(n)
	return n, nil
}

func (b *hugeBody) Close() error { b.closed.Add(1); return nil }

// What is not a call of this bot, from a handler that runs, is none of the
// transport's business: it neither is held, nor sends what is.
func TestWhatIsNotThisBotsIsLeftAlone(t *testing.T) {
	t.Parallel()
	other := strings.Replace(apiBase, "7244100913", "7244100914", 1)
	for name, base := range map[string]string{
		"another bot":              other + "deleteMessage",
		"another token":            strings.Replace(apiBase, "abcdefg/", "abcdefh/", 1) + "deleteMessage",
		"a longer token":           strings.TrimSuffix(apiBase, "/") + "h/deleteMessage",
		"another host":             strings.Replace(apiBase, "api.", "api2.", 1) + "deleteMessage",
		"another scheme":           strings.Replace(apiBase, "https:", "http:", 1) + "deleteMessage",
		"another port":             strings.Replace(apiBase, ".org/", ".org:8443/", 1) + "deleteMessage",
		"the test environment":     apiBase + "test/deleteMessage",
		"a file":                   strings.Replace(apiBase, "/bot", "/file/bot", 1) + "deleteMessage",
		"no method":                apiBase,
		"a method with a slash":    apiBase + "deleteMessage/",
		"what is behind the token": apiBase + "../deleteMessage",
	} {
		api := &wireAPI{}
		lib := newLibrary(t, &tghook.ReplyTransport{}, api)
		r := newRig(t, hookConfig(), func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			same(t, name+": the library gets", lib.call(ctx, "answerCallbackQuery", `{"callback_query_id":"5"}`), apiOK)
			same(t, name+": the other gets", library{lib.Client, base}.call(ctx, "", `{"chat_id": 7}`), fromThere)
			return tghook.NoReply, nil
		})
		same(t, name, r.post(messageIn(7, 1)), pressedAnswer)
		same(t, name+": calls", len(api.all()), 1)
		same(t, name+": the body", strings.HasSuffix(api.all()[0], ` {"chat_id": 7}`), true)
	}
}

// The bot's calls are known wherever its Bot API server is, however they are written.
func TestWhatIsThisBotsIsHeldOnEveryServer(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		cfg  tghook.ClientConfig
		base string
	}{
		"a server of one's own": {tghook.ClientConfig{BaseURL: "http://localhost:8081"}, "http://localhost:8081/bot" + apiToken + "/"},
		"below a path":          {tghook.ClientConfig{BaseURL: "http://localhost:8081/a%20b/api/"}, "http://localhost:8081/a%20b/api/bot" + apiToken + "/"},
		"the test environment":  {tghook.ClientConfig{TestEnvironment: true}, apiBase + "test/"},
		"an escaped token":      {tghook.ClientConfig{}, strings.Replace(apiBase, "7244100913:", "7244100913%3A", 1)},
	} {
		api := &wireAPI{}
		lib := library{&http.Client{Transport: &tghook.ReplyTransport{Base: api, Client: newClient(t, test.cfg)}}, test.base}
		r := newRig(t, hookConfig(), calling(t, lib, nil, pressed, deleted))
		same(t, name, r.post(messageIn(7, 1)), deletedAnswer)
		same(t, name+": calls", api.all(), []string{pressedCall})
	}
}

func TestACallOutsideOfAHandlerPassesThrough(t *testing.T) {
	t.Parallel()
	api := &wireAPI{}
	lib := newLibrary(t, &tghook.ReplyTransport{}, api)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, apiBase+"deleteMessage", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := lib.do(req)
	same(t, "error", err, nil)
	same(t, "answer", got, fromThere)
	same(t, "calls", api.all(), []string{"deleteMessage {}"})
}

func TestAURLWithAQueryOrAnotherMethodOfHTTPPassesThrough(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*http.Request){
		"a query":     func(r *http.Request) { r.URL.RawQuery = "chat_id=8" },
		"GET":         func(r *http.Request) { r.Method = http.MethodGet },
		"an encoding": func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") },
		"too many bytes": func(r *http.Request) {
			r.ContentLength, r.GetBody = 2<<20, nil
			r.Body = io.NopCloser(io.LimitReader(&hugeBody{start: &bytes.Reader{}, left: 2 << 20, read: new(atomic.Int64)}, 2<<20))
		},
	} {
		api := &wireAPI{}
		lib := newLibrary(t, &tghook.ReplyTransport{}, api)
		r := newRig(t, hookConfig(), func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			lib.call(ctx, "answerCallbackQuery", `{"callback_query_id":"5"}`)
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, apiBase+"deleteMessage", strings.NewReader("{}"))
			if err != nil {
				return tghook.NoReply, err
			}
			req.Header.Set("Content-Type", "application/json")
			change(req)
			got, err := lib.do(req)
			same(t, name+": the library gets", got, fromThere)
			return tghook.NoReply, err
		})
		same(t, name, r.post(messageIn(7, 1)), "200")
		calls := api.all()
		if len(calls) != 2 || calls[0] != pressedCall || !strings.HasPrefix(calls[1], "deleteMessage ") {
			t.Errorf("%s: got calls %.200q, want the held one first", name, calls)
		}
	}
}

func TestTheRequestOfTheLibraryIsNotChanged(t *testing.T) {
	t.Parallel()
	lib := newLibrary(t, &tghook.ReplyTransport{}, &wireAPI{})
	for _, body := range []string{`{"chat_id":7}`, `{"chat_id":`} { // one rides, the other passes
		r := newRig(t, hookConfig(), func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, apiBase+"deleteMessage", strings.NewReader(body))
			if err != nil {
				return tghook.NoReply, err
			}
			req.Header.Set("Content-Type", "application/json")
			source, length, header, url := req.Body, req.ContentLength, req.Header.Clone(), *req.URL
			res, err := lib.Transport.RoundTrip(req)
			if err != nil {
				return tghook.NoReply, err
			}
			defer res.Body.Close()
			if req.Body != source || req.ContentLength != length || *req.URL != url {
				t.Errorf("the request was changed: %+v", req)
			}
			same(t, "header", req.Header, header)
			same(t, "the response is to it", res.Request.URL == req.URL, true)
			return tghook.NoReply, nil
		})
		same(t, "answer", r.post(messageIn(7, 1))[:3], "200")
	}
}

func TestABodyThatBreaksOffIsTheLibrarysError(t *testing.T) {
	t.Parallel()
	api := &wireAPI{}
	lib := newLibrary(t, &tghook.ReplyTransport{}, api)
	var closed atomic.Int32
	r := newRig(t, hookConfig(), func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
		_, err := lib.post(ctx, "deleteMessage", "application/json", piped{&brokenReader{}, &closed})
		if !errors.Is(err, errBroken) {
			t.Errorf("got %v, want what broke the body", err)
		}
		return tghook.NoReply, nil
	})
	same(t, "answer", r.post(messageIn(7, 1)), "200")
	same(t, "calls", api.all(), nil)
	same(t, "closed", closed.Load(), 1)
}

func TestAFailureDiscardsWhatIsHeld(t *testing.T) {
	t.Parallel()
	for name, then := range map[string]func() error{
		"error": func() error { return errBroken },
		"panic": func() error { panic(errBroken) },
		"exit":  func() error { runtime.Goexit(); return nil },
		"later": func() error { return tghook.RetryAfter(5*time.Second, errBroken) },
	} {
		status := "500"
		if name == "later" {
			status = "503"
		}
		api := &wireAPI{}
		lib := newLibrary(t, &tghook.ReplyTransport{}, api)
		r := newRig(t, hookConfig(), func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			same(t, name+": the library gets", lib.call(ctx, "deleteMessage", "{}"), apiOK)
			return tghook.NoReply, then()
		})
		same(t, name, r.post(messageIn(7, 1))[:3], status)
		same(t, name+": again", r.post(messageIn(7, 1))[:3], status)
		same(t, name+": calls", api.all(), nil)
		same(t, name+": outcomes", r.outcomes(), "failed/1/"+status+" failed/2/"+status)
	}
}

func TestWhatADeadLetterSaysIsNotHeld(t *testing.T) {
	t.Parallel()
	api := &wireAPI{}
	lib := newLibrary(t, &tghook.ReplyTransport{}, api)
	cfg := hookConfig()
	cfg.Dispatch.DeadLetter = func(ctx context.Context, _ *tghook.Update, _ error) error {
		same(t, "the library gets", lib.call(ctx, "deleteMessage", "{}"), fromThere)
		return nil
	}
	r := newRig(t, cfg, calling(t, lib, tghook.Drop(errBroken), pressed))
	same(t, "answer", r.post(messageIn(7, 1)), "200")
	same(t, "calls", api.all(), []string{"deleteMessage {}"})
}

func TestAReplyBesideAHeldCallFollowsIt(t *testing.T) {
	t.Parallel()
	api := &wireAPI{}
	lib := newLibrary(t, &tghook.ReplyTransport{}, api)
	r := newRig(t, hookConfig(), func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
		lib.call(ctx, "answerCallbackQuery", `{"callback_query_id":"5"}`)
		same(t, "calls within the handler", api.all(), nil)
		return hello, nil
	})
	same(t, "answer", r.post(messageIn(7, 1)), helloAnswer)
	same(t, "calls", api.all(), []string{pressedCall})
	same(t, "outcomes", r.outcomes(), "replied/1/200/rode")
}

func TestAReplyThatCannotBeSentDiscardsWhatIsHeld(t *testing.T) {
	t.Parallel()
	api := &wireAPI{}
	lib := newLibrary(t, &tghook.ReplyTransport{}, api)
	r := newRig(t, hookConfig(), func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
		lib.call(ctx, "deleteMessage", "{}")
		return tghook.Reply{Method: "getMe"}, nil
	})
	same(t, "answer", r.post(messageIn(7, 1)), "200")
	same(t, "calls", api.all(), nil)
	r.did(1, 1, 0)
}

func TestWhichMethodsAreHeld(t *testing.T) {
	t.Parallel()
	const message = `{"ok":true,"result":{"message_id":0,"date":0,"chat":{"id":0}}}`
	for _, test := range []struct {
		name         string
		methods      []string
		noResult     bool
		method, want string
	}{
		{"by default what answers True", nil, false, "banChatMember", apiOK},
		{"in any case", nil, false, "BANCHATMEMBER", apiOK},
		{"not what answers with a message", nil, false, "sendMessage", fromThere},
		{"not what may answer with one", nil, false, "editMessageText", fromThere},
		{"not what tells of progress", nil, false, "sendChatAction", fromThere},
		{"not what answers with a link", nil, false, "createChatInviteLink", fromThere},
		{"not what is unknown", nil, false, "sendHologram", fromThere},
		{"none that never rides", nil, false, "logOut", fromThere},
		{"what tells of progress if it is listed", []string{"SendChatAction"}, false, "sendChatAction", apiOK},
		{"not what is not listed", []string{"sendChatAction"}, false, "deleteMessage", fromThere},
		{"a message with AllowNoResult", nil, true, "sendMessage", message},
		{"an edit with AllowNoResult", nil, true, "editMessageText", message},
		{"an id with AllowNoResult", nil, true, "copyMessage", message},
		{"not several with AllowNoResult", nil, true, "sendMediaGroup", fromThere},
		{"True with AllowNoResult", nil, true, "deleteMessage", apiOK},
		{"progress not with AllowNoResult", nil, true, "sendChatAction", fromThere},
		{"no link with AllowNoResult", nil, true, "createChatInviteLink", fromThere},
		{"a message that is listed", []string{"sendMessage"}, true, "sendMessage", message},
		{"no message that is not listed", []string{"sendMessage"}, true, "sendPhoto", fromThere},
	} {
		api := &wireAPI{}
		lib := newLibrary(t, &tghook.ReplyTransport{Methods: test.methods, AllowNoResult: test.noResult}, api)
		r := newRig(t, hookConfig(), func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			same(t, test.name+": the library gets", lib.call(ctx, test.method, `{"chat_id":7}`), test.want)
			return tghook.NoReply, nil
		})
		want := "200"
		if test.want != fromThere {
			want += ` application/json {"method":"` + test.method + `","chat_id":7}`
		}
		same(t, test.name, r.post(messageIn(7, 1)), want)
	}
}

// The table of the Bot API's methods decides which are held, and what is answered.
func TestEveryMethodIsHeldByWhatItAnswers(t *testing.T) {
	t.Parallel()
	table, err := os.ReadFile("tghooktest/internal/botapi/methods.tsv")
	if err != nil {
		t.Fatal(err)
	}
	const message = `{"ok":true,"result":{"message_id":0,"date":0,"chat":{"id":0}}}`
	var method string
	api := &wireAPI{}
	strict, loose := newLibrary(t, &tghook.ReplyTransport{}, api), newLibrary(t, &tghook.ReplyTransport{AllowNoResult: true}, api)
	var gets [2]string
	r := newRig(t, hookConfig(), func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
		gets = [2]string{strict.call(ctx, method, "{}"), loose.call(ctx, method, "{}")}
		return tghook.NoReply, nil
	})
	progress := []string{"sendChatAction", "sendMessageDraft", "sendRichMessageDraft"}
	rows := strings.Split(strings.TrimSpace(string(table)), "\n")[1:]
	for id, row := range rows {
		columns := strings.Split(row, "\t")
		method = columns[0]
		want := [2]string{fromThere, fromThere}
		switch result := columns[1]; {
		case slices.Contains(refusedMethods, method), slices.Contains(progress, method):
		case result == "True":
			want = [2]string{apiOK, apiOK}
		case slices.Contains([]string{"Message", "Message or True", "MessageId"}, result):
			want[1] = message
		}
		r.post(messageIn(7, int64(id)+1))
		same(t, method+" gets", gets, want)
	}
	if len(rows) < 150 {
		t.Errorf("the table has %d methods", len(rows))
	}
}

func TestNoMethodThatNeverRidesIsHeldByDefault(t *testing.T) {
	t.Parallel()
	for _, method := range refusedMethods {
		api := &wireAPI{}
		lib := newLibrary(t, &tghook.ReplyTransport{AllowNoResult: true}, api)
		r := newRig(t, hookConfig(), func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			same(t, method, lib.call(ctx, method, `{}`), fromThere)
			return tghook.NoReply, nil
		})
		same(t, method, r.post(messageIn(7, 1)), "200")
	}
}

func TestAReplyTransportNamesEveryMistakeAtEveryCall(t *testing.T) {
	t.Parallel()
	bad := &tghook.ReplyTransport{Methods: []string{"deleteMessage", "getMe", "sendMessage", "sendMediaGroup", "sendHologram", "CLOSE"}}
	for range 2 {
		var closed atomic.Int32
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, apiBase+"getMe", piped{strings.NewReader("{}"), &closed})
		if err != nil {
			t.Fatal(err)
		}
		res, err := bad.RoundTrip(req)
		if err == nil {
			res.Body.Close()
		}
		mistakes := configErrors(t, err)
		fields := make([]string, 0, len(mistakes))
		for _, mistake := range mistakes {
			fields = append(fields, mistake.Field)
		}
		same(t, "fields", fields, []string{
			"ReplyTransport.Client", "ReplyTransport.Methods[1]", "ReplyTransport.Methods[2]",
			"ReplyTransport.Methods[3]", "ReplyTransport.Methods[4]", "ReplyTransport.Methods[5]",
		})
		keepsToken(t, err)
		same(t, "closed", closed.Load(), 1)
	}
}

// Telegram executes a reply as the bot whose update it answers.
func TestACallIsHeldOnlyForTheBotWhoseUpdateItIs(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		bot  int64
		want string
	}{
		{"another bot's", apiBot + 1, fromThere},
		{"nobody knows whose", 0, "tghook: DispatchConfig.Bot: not set, and ReplyTransport needs it; give Client.Bot()"},
	} {
		lib := newLibrary(t, &tghook.ReplyTransport{}, &wireAPI{})
		r := newRig(t, tghook.Config{Dispatch: tghook.DispatchConfig{Bot: test.bot}}, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			got := lib.call(ctx, "deleteMessage", "{}")
			same(t, test.name, got[max(0, len(got)-len(test.want)):], test.want)
			return tghook.NoReply, nil
		})
		same(t, test.name, r.post(messageIn(7, 1)), "200")
	}
}

// A bot that hands an update on to another, and waits, still has its own calls held.
func TestACallIsHeldThroughAnotherBotsHandler(t *testing.T) {
	t.Parallel()
	lib := newLibrary(t, &tghook.ReplyTransport{}, &wireAPI{})
	inner := newCore(t, tghook.DispatchConfig{Bot: apiBot + 1}, calling(t, lib, nil, pressed))
	r := newRig(t, hookConfig(), inner.Do)
	same(t, "answer", r.post(messageIn(7, 1)), pressedAnswer)
}

func TestDoReturnsTheHeldCall(t *testing.T) {
	t.Parallel()
	lib := newLibrary(t, &tghook.ReplyTransport{}, &wireAPI{})
	c := newCore(t, forBot(tghook.DispatchConfig{}), calling(t, lib, nil, pressed))
	got, err := c.do(t.Context(), messageIn(7, 1))
	same(t, "error", err, nil)
	same(t, "reply", got, `answerCallbackQuery{"callback_query_id":"5"}`)
}

// What middleware adds to the ctx, and a timeout of its own, changes nothing. A failure
// that it deals with is none.
func TestACallIsHeldBehindMiddleware(t *testing.T) {
	t.Parallel()
	type key struct{}
	lib := newLibrary(t, &tghook.ReplyTransport{}, &wireAPI{})
	adds := func(next tghook.Handler) tghook.Handler {
		return tghook.HandlerFunc(func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
			ctx, cancel := context.WithTimeout(context.WithValue(ctx, key{}, 1), time.Minute)
			defer cancel()
			return next.HandleUpdate(ctx, u)
		})
	}
	forgives := func(next tghook.Handler) tghook.Handler {
		return tghook.HandlerFunc(func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
			_, err := next.HandleUpdate(ctx, u)
			same(t, "error", err, errBroken)
			return tghook.NoReply, nil
		})
	}
	h := tghook.Chain(calling(t, lib, errBroken, pressed), adds, forgives, adds)
	r := newRig(t, hookConfig(), h.HandleUpdate)
	same(t, "answer", r.post(messageIn(7, 1)), pressedAnswer)
}

func TestWithoutAResponseCallsPassThrough(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		api := &wireAPI{}
		lib := newLibrary(t, &tghook.ReplyTransport{}, api)
		h := func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			same(t, "the library gets", lib.call(ctx, "deleteMessage", "{}"), fromThere)
			return tghook.NoReply, nil
		}
		tg := newTelegram(t)
		tg.send(t, messageIn(7, 1))
		p := startPoll(t, tg, tghook.PollConfig{}, h)
		pass(time.Second)
		p.end()
		same(t, "calls of the poll", api.all(), []string{"deleteMessage {}"})

		r := newRig(t, hookConfig(), h)
		same(t, "delivered", r.queued(t.Context(), messageIn(7, 1)), "acknowledged")
		same(t, "calls", api.all(), []string{"deleteMessage {}", "deleteMessage {}"})
	})
}

func TestALateHandlersCallsPassThrough(t *testing.T) {
	for _, policy := range []tghook.LatePolicy{tghook.LateRetry, tghook.LateAck} {
		inner := func(t *testing.T) {
			api := &wireAPI{}
			lib := newLibrary(t, &tghook.ReplyTransport{}, api)
			cfg := hookConfig()
			cfg.Late = policy
			r := newRig(t, cfg, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
				time.Sleep(9 * time.Second)
				same(t, "the library gets", lib.call(ctx, "deleteMessage", "{}"), fromThere)
				return tghook.NoReply, nil
			})
			oneOf(t, "answer", r.post(messageIn(7, 1)), "503 after 2", "200")
			pass(2 * time.Second)
			same(t, "redelivery", r.post(messageIn(7, 1)), "200")
			same(t, "calls", api.all(), []string{"deleteMessage {}"})
		}
		t.Run(fmt.Sprint(policy), func(t *testing.T) { inBubble(t, inner) })
	}
}

// What is held when the delivery is answered without it does not wait any longer.
func TestTheDeadlineSendsWhatIsHeld(t *testing.T) {
	for _, policy := range []tghook.LatePolicy{tghook.LateRetry, tghook.LateAck} {
		t.Run(fmt.Sprint(policy), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				api := &wireAPI{}
				lib := newLibrary(t, &tghook.ReplyTransport{}, api)
				cfg := hookConfig()
				cfg.Late = policy
				r := newRig(t, cfg, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
					same(t, "the library gets", lib.call(ctx, "answerCallbackQuery", `{"callback_query_id":"5"}`), apiOK)
					time.Sleep(time.Minute)
					return tghook.NoReply, nil
				})
				r.send(messageIn(7, 1))
				pass(8*time.Second - 1)
				same(t, "calls before", api.all(), nil)
				pass(1)
				same(t, "calls at the deadline", api.all(), []string{pressedCall})
				pass(time.Hour)
				same(t, "redelivery", r.post(messageIn(7, 1)), "200")
				same(t, "calls", api.all(), []string{pressedCall})
			})
		})
	}
}

// LateCancel has the update run again: what the first run said is not to be said.
func TestLateCancelSendsNothingThatIsHeld(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		const calls = 20
		api := &wireAPI{}
		lib := newLibrary(t, &tghook.ReplyTransport{}, api)
		cfg := hookConfig()
		cfg.Late = tghook.LateCancel
		var runs atomic.Int32
		r := newRig(t, cfg, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			same(t, "the library gets", lib.call(ctx, "answerCallbackQuery", `{"callback_query_id":"5"}`), apiOK)
			if runs.Add(1) > 1 {
				return tghook.NoReply, nil
			}
			<-ctx.Done()
			time.Sleep(time.Second)
			for range calls {
				if got := lib.call(ctx, "deleteMessage", "{}"); !strings.HasSuffix(got, tghook.ErrLate.Error()) {
					t.Errorf("got %q after the end of the ctx", got)
				}
			}
			return tghook.NoReply, ctx.Err()
		})
		api.do = func(req *http.Request) (*http.Response, error) { return nil, context.Cause(req.Context()) }
		same(t, "answer", r.post(messageIn(7, 1)), "503")
		pass(2 * time.Second)
		same(t, "redelivery", r.post(messageIn(7, 1)), pressedAnswer)
		same(t, "calls", api.all(), slices.Repeat([]string{"deleteMessage {}"}, calls))
	})
}

// A redelivery that waits can carry what is called from then on.
func TestARedeliveryCarriesWhatIsCalledAfterIt(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		api := &wireAPI{}
		lib := newLibrary(t, &tghook.ReplyTransport{}, api)
		r := newRig(t, hookConfig(), func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			time.Sleep(12 * time.Second)
			same(t, "the library gets", lib.call(ctx, "answerCallbackQuery", `{"callback_query_id":"5"}`), apiOK)
			return tghook.NoReply, nil
		})
		same(t, "answer", r.post(messageIn(7, 1)), "503 after 2")
		pass(2 * time.Second)
		same(t, "redelivery", r.post(messageIn(7, 1)), pressedAnswer)
		same(t, "calls", api.all(), nil)
	})
}

// The deadline finds one call leaving and another behind it. When that is held, the
// redelivery has come, and carries it.
func TestARedeliveryCarriesWhatWasOnItsWayAtTheDeadline(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		api := &wireAPI{do: func(*http.Request) (*http.Response, error) {
			time.Sleep(5 * time.Second)
			return apiAnswer(200, apiOK), nil
		}}
		lib := newLibrary(t, &tghook.ReplyTransport{}, api)
		r := newRig(t, hookConfig(), func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
			time.Sleep(6 * time.Second)
			_, err := calling(t, lib, nil, pressed, deleted)(ctx, u)
			time.Sleep(2 * time.Second)
			return tghook.NoReply, err
		})
		same(t, "answer", r.post(messageIn(7, 1)), "503 after 2")
		pass(2 * time.Second)
		same(t, "redelivery", r.post(messageIn(7, 1)), deletedAnswer)
		same(t, "calls", api.all(), []string{pressedCall})
	})
}

// A held call that nobody is there to carry waits for a redelivery, as a Reply
// does, and then is made by Base, with a Caller or without.
func TestAHeldCallThatNothingCarriesIsMadeOnce(t *testing.T) {
	for name, caller := range map[string]tghook.Caller{"without a Caller": nil, "with a Caller": &apiCalls{}} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				api := &wireAPI{}
				lib := newLibrary(t, &tghook.ReplyTransport{}, api)
				cfg := hookConfig()
				cfg.Dispatch.Caller = caller
				ctx, hangUp := context.WithCancel(t.Context())
				r := newRig(t, cfg, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
					lib.call(ctx, "answerCallbackQuery", `{"callback_query_id":"5"}`)
					hangUp()
					time.Sleep(time.Second)
					return tghook.NoReply, nil
				})
				same(t, "answer", mustWait(r.sendWith(ctx, messageIn(7, 1))), "503 after 2")
				pass(11*time.Second - 1) // the handler takes one, and then ten pass
				same(t, "calls before", api.all(), nil)
				pass(1)
				same(t, "calls", api.all(), []string{pressedCall})
				same(t, "outcome", r.last().Outcome, tghook.OutcomeReplied)
				same(t, "redelivery", r.post(messageIn(7, 1)), "200")
				if caller != nil {
					same(t, "calls by Caller", caller.(*apiCalls).all(), nil)
				}
			})
		})
	}
}

func TestAHeldCallThatNothingHasCarriedRidesTheRedelivery(t *testing.T) {
	for name, queue := range map[string]bool{"by webhook": false, "from a queue": true} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				api := &wireAPI{}
				lib := newLibrary(t, &tghook.ReplyTransport{}, api)
				ctx, hangUp := context.WithCancel(t.Context())
				r := newRig(t, hookConfig(), func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
					lib.call(ctx, "answerCallbackQuery", `{"callback_query_id":"5"}`)
					hangUp()
					time.Sleep(time.Second)
					return tghook.NoReply, nil
				})
				same(t, "answer", mustWait(r.sendWith(ctx, messageIn(7, 1))), "503 after 2")
				pass(time.Second)
				if queue { // which carries nothing
					same(t, "from a queue", r.queued(t.Context(), messageIn(7, 1)), "acknowledged")
					same(t, "calls", api.all(), []string{pressedCall})
				} else {
					same(t, "redelivery", r.post(messageIn(7, 1)), pressedAnswer)
					same(t, "calls", api.all(), nil)
				}
				calls := len(api.all())
				pass(time.Minute)
				same(t, "calls", len(api.all()), calls)
			})
		})
	}
}

// The deadline meets a held call at the same moment, three thousand times.
func TestAHeldCallRidesOrIsMadeNeverBoth(t *testing.T) {
	for _, policy := range []tghook.LatePolicy{tghook.LateRetry, tghook.LateCancel, tghook.LateAck} {
		t.Run(fmt.Sprint(policy), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				const updates = 3000
				api := &wireAPI{}
				lib := newLibrary(t, &tghook.ReplyTransport{AllowNoResult: true}, api)
				cfg := hookConfig()
				cfg.Late, cfg.Dispatch.MaxInFlight = policy, updates
				cfg.Dispatch.Caller = &apiCalls{}
				r := newRig(t, cfg, func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
					lib.call(context.WithoutCancel(ctx), "sendMessage", `{"chat_id":7,"text":"hello"}`)
					time.Sleep(8*time.Second + time.Duration(u.ID%3-1))
					return tghook.NoReply, nil
				})
				race(t, r, updates, updates)
				pass(time.Minute)
				same(t, "rode or called", r.rode+len(api.all()), updates)
				same(t, "by Caller", len(r.api.all()), 0)
				same(t, "runs", len(r.order()), updates)
				same(t, "stats", r.Stats(), tghook.Stats{Remembered: updates})
			})
		})
	}
}

// The same on a real clock, with a call before it that is made in any case.
func TestHeldCallsRaceTheDeadline(t *testing.T) {
	t.Parallel()
	const updates = 2000
	api := &wireAPI{}
	lib := newLibrary(t, &tghook.ReplyTransport{AllowNoResult: true}, api)
	cfg := hookConfig()
	cfg.LateAfter = time.Millisecond
	r := newRig(t, cfg, func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
		lib.call(ctx, "deleteMessage", fmt.Sprintf(`{"message_id":%d}`, u.ID))
		<-time.After(time.Duration(u.ID%20) * 100 * time.Microsecond)
		lib.call(ctx, "sendMessage", `{"chat_id":7,"text":"hello"}`)
		return tghook.NoReply, nil
	})
	race(t, r, updates, 100)
	deletions, messages := 0, 0
	for _, call := range api.all() {
		if strings.HasPrefix(call, "deleteMessage ") {
			deletions++
		} else {
			messages++
		}
	}
	same(t, "deletions", deletions, updates)
	same(t, "messages that rode or were called", r.rode+messages, updates)
}

func TestWhatAHandlerLeavesBehindPassesThrough(t *testing.T) {
	t.Parallel()
	for _, before := range [][]string{nil, {pressed}} {
		api := &wireAPI{}
		lib := newLibrary(t, &tghook.ReplyTransport{}, api)
		go1, done := make(chan struct{}), make(chan string)
		r := newRig(t, hookConfig(), func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
			go func() {
				<-go1
				done <- lib.call(context.WithoutCancel(ctx), "deleteMessage", "{}")
			}()
			return calling(t, lib, nil, before...)(ctx, u)
		})
		same(t, "answer", r.post(messageIn(7, 1))[:3], "200")
		close(go1)
		same(t, "the library gets", <-done, fromThere)
		same(t, "calls", api.all(), []string{"deleteMessage {}"})
	}
}

// The ctx of a handler ends with it. Of a goroutine that uses it then, nobody but
// this error tells what is wrong.
func TestACallAfterTheHandlerHasReturnedSaysWhyItFails(t *testing.T) {
	t.Parallel()
	api := &wireAPI{}
	lib := newLibrary(t, &tghook.ReplyTransport{}, api)
	client := transport(func(r *http.Request) (*http.Response, error) { return nil, r.Context().Err() }).client(t, tghook.ClientConfig{})
	for name, call := range map[string]func(ctx context.Context) error{
		"by a library": func(ctx context.Context) error {
			_, err := lib.post(ctx, "deleteMessage", "application/json", strings.NewReader("{}"))
			return err
		},
		"with a ctx that is derived": func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, time.Minute)
			defer cancel()
			_, err := lib.post(ctx, "sendMessage", "application/json", strings.NewReader("{}"))
			return err
		},
		"by a Client": func(ctx context.Context) error { return client.Call(ctx, "deleteMessage", nil, nil) },
	} {
		for _, bot := range []int64{apiBot, 0} {
			if bot == 0 && name != "by a Client" {
				continue // a mistake that is told as such
			}
			returned, failed := make(chan struct{}), make(chan error, 1)
			r := newRig(t, tghook.Config{Dispatch: tghook.DispatchConfig{Bot: bot}}, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
				go func() {
					<-returned
					failed <- call(ctx)
				}()
				return tghook.NoReply, nil
			})
			same(t, "answer", r.post(messageIn(7, 1)), "200")
			close(returned)
			err := <-failed
			if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "the handler has returned") || !strings.Contains(err.Error(), "context.WithoutCancel(ctx)") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	same(t, "calls", api.all(), nil)
}

// Calls of many goroutines: each is made once, and one of them rides, behind all
// others.
func TestConcurrentCallsAreMadeOnceEachAndTheLastRides(t *testing.T) {
	t.Parallel()
	const calls = 100
	var underway, overlapped atomic.Int32
	api := &wireAPI{do: func(*http.Request) (*http.Response, error) {
		if underway.Add(1) > 1 {
			overlapped.Add(1)
		}
		runtime.Gosched()
		underway.Add(-1)
		return apiAnswer(200, apiOK), nil
	}}
	lib := newLibrary(t, &tghook.ReplyTransport{}, api)
	cfg := hookConfig()
	cfg.LateAfter = -1
	r := newRig(t, cfg, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
		var wg sync.WaitGroup
		for i := range calls {
			wg.Go(func() {
				same(t, "the library gets", lib.call(ctx, "deleteMessage", fmt.Sprintf(`{"message_id":%d}`, i)), apiOK)
			})
		}
		wg.Wait()
		return tghook.NoReply, nil
	})
	rode := r.post(messageIn(7, 1))
	all := append(api.all(), "deleteMessage "+strings.TrimPrefix(rode, "200 application/json "))
	slices.Sort(all)
	same(t, "different calls", len(slices.Compact(all)), calls)
	same(t, "overlapping", overlapped.Load(), 0)
}

// Calls wait for the held one that leaves before them, and not for each other.
func TestCallsWaitForTheHeldOneAlone(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		api := &wireAPI{}
		api.do = func(*http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			return apiAnswer(200, apiOK), nil
		}
		lib := newLibrary(t, &tghook.ReplyTransport{}, api)
		r := newRig(t, hookConfig(), func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			lib.call(ctx, "answerCallbackQuery", `{"callback_query_id":"5"}`)
			start := time.Now()
			var wg sync.WaitGroup
			for range 3 {
				wg.Go(func() { lib.call(ctx, "sendMessage", "{}") })
			}
			impatient, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
			defer cancel()
			time.Sleep(1 * time.Millisecond) // one of the others sends the held one
			lib.call(impatient, "getMe", "{}")
			same(t, "the impatient one took", time.Since(start), 1100*time.Millisecond)
			wg.Wait()
			same(t, "took", time.Since(start), 2*time.Second)
			return tghook.NoReply, nil
		})
		same(t, "answer", r.post(messageIn(7, 1)), "200")
		calls := api.all()
		same(t, "first", calls[0], pressedCall)
		same(t, "calls", len(calls), 5)
	})
}

// A call whose ctx ends does not wait until the held one, which hangs, is given up.
func TestACallWaitsForTheHeldOneNoLongerThanItsContext(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		api := &wireAPI{do: func(req *http.Request) (*http.Response, error) {
			<-req.Context().Done()
			return nil, req.Context().Err()
		}}
		lib := newLibrary(t, &tghook.ReplyTransport{}, api)
		r := newRig(t, hookConfig(), func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			lib.call(ctx, "answerCallbackQuery", `{"callback_query_id":"5"}`)
			start := time.Now()
			impatient := library{&http.Client{Transport: lib.Transport, Timeout: time.Second}, lib.base}
			_, err := impatient.post(ctx, "deleteMessage", "application/json", strings.NewReader("{}"))
			same(t, "it is the client's timeout", errors.Is(err, context.DeadlineExceeded), true)
			same(t, "took", time.Since(start), time.Second)
			return tghook.NoReply, nil
		})
		got, took := r.send(messageIn(7, 1)).wait()
		same(t, "answer", got, "503 after 2") // the end of a handler does wait
		same(t, "took", took, 8*time.Second)
		pass(time.Minute)
		same(t, "calls", api.all(), []string{pressedCall, "deleteMessage {}"})
		same(t, "outcomes", r.outcomes(), "late/1/503/late call_lost/1/0 handled/1/0/late")
	})
}

// Many libraries end the ctx of each call when they have its answer.
func TestACallStaysHeldWhenItsOwnContextEnds(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		api := &wireAPI{}
		lib := newLibrary(t, &tghook.ReplyTransport{}, api)
		lib.Timeout = 100 * time.Millisecond
		r := newRig(t, hookConfig(), func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
			for _, call := range []string{pressed, deleted} {
				own, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
				_, _ = calling(t, lib, nil, call)(own, u)
				time.Sleep(time.Second)
				cancel()
			}
			return tghook.NoReply, nil
		})
		same(t, "answer", r.post(messageIn(7, 1)), deletedAnswer)
		same(t, "calls", api.all(), []string{pressedCall})
	})
}

// The library has been told that the call succeeded: what became of it is
// Observe's to hear.
func TestAHeldCallThatFailsIsObserved(t *testing.T) {
	for name, do := range map[string]func(*http.Request) (*http.Response, error){
		"refused": func(*http.Request) (*http.Response, error) {
			return apiAnswer(400, `{"ok":false,"error_code":400,"description":"Bad Request: query is too old"}`), nil
		},
		"network": func(r *http.Request) (*http.Response, error) { return nil, &tellingError{r.URL.String(), errBroken} },
		"panic":   func(*http.Request) (*http.Response, error) { panic(errBroken) },
		"exit":    func(*http.Request) (*http.Response, error) { runtime.Goexit(); return nil, nil },
		"redirected": func(*http.Request) (*http.Response, error) { // followed, it would hand the token on
			res := apiAnswer(307, "")
			res.Header.Set("Location", "https://elsewhere.test/")
			return res, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				api := &wireAPI{do: do}
				lib := newLibrary(t, &tghook.ReplyTransport{}, api)
				cfg := hookConfig()
				cfg.LateAfter = -1
				r := newRig(t, cfg, calling(t, lib, nil, pressed, deleted))
				same(t, "answer", r.post(messageIn(7, 1)), deletedAnswer)
				same(t, "outcomes", r.outcomes(), "call_lost/1/0 replied/1/200/rode")
				lost := r.deliveries[0]
				same(t, "update", lost.Update.ID, 1)
				calls := api.all()
				if again := len(calls) > 1; again != (name == "network") { // within 15 s of a press
					t.Errorf("%d calls", len(calls))
				}
				same(t, "calls", slices.Compact(calls), []string{pressedCall})
				keepsToken(t, lost.Err)
				var refused *tghook.APIError
				if !errors.As(lost.Err, &refused) && !errors.Is(lost.Err, errBroken) && name != "exit" {
					t.Errorf("%v is not what went wrong", lost.Err)
				}
			})
		})
	}
}

// A Base that ends its goroutine fails the call that it makes, as one that panics.
func TestABaseThatEndsItsGoroutineFailsItsCallAlone(t *testing.T) {
	t.Parallel()
	api := &wireAPI{do: func(*http.Request) (*http.Response, error) { runtime.Goexit(); return nil, nil }}
	lib := newLibrary(t, &tghook.ReplyTransport{}, api)
	r := newRig(t, hookConfig(), func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
		lib.call(ctx, "answerCallbackQuery", `{"callback_query_id":"5"}`)
		return hello, nil // behind the call
	})
	same(t, "answer", r.post(messageIn(7, 1)), helloAnswer)
	same(t, "redelivery", r.post(messageIn(7, 1)), helloAnswer)
	same(t, "outcomes", r.outcomes(), "call_lost/1/0 replied/1/200/rode duplicate/0/200/rode")
}

// A bot whose library ignores errors would be mute, and nobody would know why.
func TestAForgottenBotIsLoggedOnce(t *testing.T) {
	t.Parallel()
	logged := new(lockedBuffer)
	lib := newLibrary(t, &tghook.ReplyTransport{}, &wireAPI{})
	cfg := tghook.Config{Dispatch: tghook.DispatchConfig{Logger: slog.New(slog.NewTextHandler(logged, nil))}}
	r := newRig(t, cfg, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
		lib.call(ctx, "deleteMessage", "{}")
		return tghook.NoReply, nil
	})
	for id := range int64(3) {
		same(t, "answer", r.post(messageIn(7, id+1)), "200")
	}
	same(t, "lines that name the field", strings.Count(logged.String(), "DispatchConfig.Bot"), 1)
}

// A transport whose Base is another one of the same bot's holds the call twice, and
// makes it once.
func TestAReplyTransportOnAnotherDoesNotWaitForItself(t *testing.T) {
	t.Parallel()
	api := &wireAPI{}
	beneath := newLibrary(t, &tghook.ReplyTransport{}, api)
	lib := newLibrary(t, &tghook.ReplyTransport{}, beneath.Transport)
	r := newRig(t, hookConfig(), calling(t, lib, nil, pressed, deleted))
	same(t, "answer", r.post(messageIn(7, 1)), deletedAnswer)
	same(t, "calls", api.all(), []string{pressedCall})
}

func TestAnotherProcessGivesTheHeldCallAgain(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		store := newNetStore()
		cfg := replica(store)
		api := &wireAPI{}
		cfg.Dispatch = forBot(cfg.Dispatch)
		lib := newLibrary(t, &tghook.ReplyTransport{}, api)
		here, there := newRig(t, cfg, calling(t, lib, nil, pressed)), newRig(t, cfg, calling(t, lib, nil, pressed))
		same(t, "here", here.post(messageIn(7, 1)), pressedAnswer)
		same(t, "there", there.post(messageIn(7, 1)), pressedAnswer)
		same(t, "calls", api.all(), nil)
		there.did(0, 0, 0)
	})
}

// With a Store, and no Caller, a Reply that nothing carries waits there. A held call
// need not: it can be made.
func TestAHeldCallThatNothingCarriesDoesNotWaitInTheStore(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		cfg := replica(newNetStore())
		cfg.Dispatch = forBot(cfg.Dispatch)
		api := &wireAPI{}
		lib := newLibrary(t, &tghook.ReplyTransport{}, api)
		ctx, hangUp := context.WithCancel(t.Context())
		r := newRig(t, cfg, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			lib.call(ctx, "answerCallbackQuery", `{"callback_query_id":"5"}`)
			hangUp()
			time.Sleep(time.Second)
			return tghook.NoReply, nil
		})
		same(t, "answer", mustWait(r.sendWith(ctx, messageIn(7, 1))), "503 after 2")
		pass(time.Minute)
		same(t, "calls", api.all(), []string{pressedCall})
	})
}

func TestALostClaimDiscardsWhatIsHeld(t *testing.T) {
	for _, reply := range []tghook.Reply{tghook.NoReply, hello} {
		t.Run(reply.Method, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				store := newNetStore()
				cfg := replica(store)
				cfg.LateAfter = -1
				api := &wireAPI{}
				cfg.Dispatch = forBot(cfg.Dispatch)
				lib := newLibrary(t, &tghook.ReplyTransport{}, api)
				r := newRig(t, cfg, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
					same(t, "the library gets", lib.call(ctx, "deleteMessage", "{}"), apiOK)
					store.steal()
					<-ctx.Done()
					return reply, nil
				})
				oneOf(t, "answer", r.post(messageIn(7, 1)), shedAnswers...)
				pass(time.Minute)
				same(t, "calls", api.all(), nil)
			})
		})
	}
}

func TestALibraryThatTakesNoContextGetsAClientThatHasIt(t *testing.T) {
	t.Parallel()
	api := &wireAPI{}
	transport := &tghook.ReplyTransport{}
	lib := newLibrary(t, transport, api)
	r := newRig(t, hookConfig(), func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
		bound := library{transport.With(ctx), lib.base}
		return calling(t, bound, nil, pressed)(context.Background(), u)
	})
	same(t, "answer", r.post(messageIn(7, 1)), pressedAnswer)
	same(t, "calls", api.all(), nil)
}

func TestWithoutABaseTheDefaultTransportMakesTheCalls(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(rw, `{"ok":true,"result":"`+strings.TrimPrefix(r.URL.Path, "/bot"+apiToken)+`"}`)
	}))
	defer server.Close()
	client := newClient(t, tghook.ClientConfig{BaseURL: server.URL + "/"})
	lib := library{&http.Client{Transport: &tghook.ReplyTransport{Client: client}}, server.URL + "/bot" + apiToken + "/"}
	r := newRig(t, hookConfig(), func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
		same(t, "the library gets", lib.call(ctx, "answerCallbackQuery", "{}"), apiOK)
		same(t, "the library gets", lib.call(ctx, "sendMessage", "{}"), `{"ok":true,"result":"/sendMessage"}`)
		return tghook.NoReply, nil
	})
	same(t, "answer", r.post(messageIn(7, 1)), "200")
	same(t, "outcomes", r.outcomes(), "handled/1/200")
}

// A body that is still on its way when the deadline passes comes too late to ride.
func TestACallThatIsReadyOnlyAfterTheDeadlinePassesThrough(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		api := &wireAPI{}
		lib := newLibrary(t, &tghook.ReplyTransport{}, api)
		r := newRig(t, hookConfig(), func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			time.Sleep(7500 * time.Millisecond)
			got, err := lib.post(ctx, "deleteMessage", "application/json", &slowReader{strings.NewReader("{}")})
			same(t, "the library gets", got, fromThere)
			return tghook.NoReply, err
		})
		same(t, "answer", r.post(messageIn(7, 1)), "503 after 2")
		pass(3 * time.Second)
		same(t, "redelivery", r.post(messageIn(7, 1)), "200")
		same(t, "calls", api.all(), []string{"deleteMessage {}"})
	})
}

// A goroutine that a handler has left behind calls while the handler's end is dealt
// with: its call is made, not kept for a response that has been decided on.
func TestACallThatMeetsTheEndOfTheHandlerIsNotLost(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		second := func() { time.Sleep(time.Second) }
		api := &wireAPI{do: func(*http.Request) (*http.Response, error) {
			second()
			return apiAnswer(200, fromThere), nil
		}}
		lib := newLibrary(t, &tghook.ReplyTransport{}, api)
		cfg := hookConfig()
		cfg.Dispatch.Caller = &apiCalls{do: func(context.Context, string) error { second(); return nil }}
		r := newRig(t, cfg, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			lib.call(ctx, "answerCallbackQuery", `{"callback_query_id":"5"}`)
			time.AfterFunc(500*time.Millisecond, func() { lib.call(context.WithoutCancel(ctx), "deleteMessage", "{}") })
			return tghook.Reply{Method: "getMe"}, nil // behind the held call, for a second each
		})
		same(t, "answer", r.post(messageIn(7, 1)), "200")
		pass(time.Minute)
		same(t, "calls", api.all(), []string{pressedCall, "deleteMessage {}"})
		r.did(1, 0, 1)
	})
}

func TestDoReturnsTheFilesOfTheHeldCall(t *testing.T) {
	t.Parallel()
	contentType, body := form(t, map[string]string{"chat_id": "7"}, map[string][]byte{"photo": []byte("a file")})
	lib := newLibrary(t, &tghook.ReplyTransport{}, &wireAPI{})
	c := newCore(t, forBot(tghook.DispatchConfig{}), func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
		return tghook.NoReply, setPhoto(ctx, lib, contentType, body)
	})
	reply, err := c.Do(t.Context(), parsed(t, messageIn(7, 1)))
	same(t, "error", err, nil)
	same(t, "method", reply.Method, "setChatPhoto")
	params := reply.Params.(map[string]any)
	same(t, "chat_id", params["chat_id"], any("7"))
	file := params["photo"].(tghook.File)
	content, err := io.ReadAll(file.Body)
	same(t, "error", err, nil)
	same(t, "file", file.Name+": "+string(content), "photo.bin: a file")
}

// A call that hangs is given up, so that the handler's end is not held up for ever.
func TestAHeldCallThatHangsIsGivenUp(t *testing.T) {
	for name, stop := range map[string]bool{"after fifteen seconds": false, "when the dispatcher is stopped": true} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				api := &wireAPI{do: func(req *http.Request) (*http.Response, error) {
					<-req.Context().Done()
					return nil, req.Context().Err()
				}}
				lib := newLibrary(t, &tghook.ReplyTransport{}, api)
				cfg := hookConfig()
				cfg.LateAfter = -1
				r := newRig(t, cfg, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
					lib.call(ctx, "answerCallbackQuery", `{"callback_query_id":"5"}`)
					return hello, nil
				})
				p := r.send(messageIn(7, 1))
				want := 15 * time.Second
				if stop {
					want = 3 * time.Second
					ctx, cancel := context.WithTimeout(t.Context(), want)
					defer cancel()
					go func() { _ = r.Shutdown(ctx) }()
				}
				got, took := p.wait()
				same(t, "answer", got, helloAnswer)
				same(t, "took", took, want)
				same(t, "outcomes", r.outcomes(), "call_lost/1/0 replied/1/200/rode")
			})
		})
	}
}
