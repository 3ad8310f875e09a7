package tghook_test

import (
	"bytes"
	"context"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/rig"
)

func TestASingleCallOfALibraryRidesTheResponse(t *testing.T) {
	t.Parallel()
	api := &rig.BotAPI{}
	lib := rig.NewLibrary(t, &tghook.ReplyTransport{}, api)
	r := rig.NewBot(t, rig.LibraryConfig(), rig.Calling(t, lib, nil, rig.Pressed))
	assert.Equal(t, rig.PressedAnswer, r.Post(rig.MessageIn(7, 1)), "answer")
	assert.Equal(t, rig.PressedAnswer, r.Post(rig.MessageIn(7, 1)), "redelivery")
	assert.Nil(t, api.All(), "calls")
	assert.Equal(t, "replied/1/200/rode duplicate/0/200/rode", r.Outcomes(), "outcomes")
	r.Did(rig.Counts{Runs: 1})
}

func TestOfSeveralCallsTheLastRidesBehindTheOthers(t *testing.T) {
	t.Parallel()
	api := &rig.BotAPI{}
	lib := rig.NewLibrary(t, &tghook.ReplyTransport{}, api)
	r := rig.NewBot(t, rig.LibraryConfig(), func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
		assert.Equal(t, rig.APIOK, lib.Call(ctx, "answerCallbackQuery", `{"callback_query_id":"5"}`), "first")
		assert.Nil(t, api.All(), "calls after the first")
		assert.Equal(t, rig.APIOK, lib.Call(ctx, "deleteMessage", `{"chat_id":7,"message_id":1}`), "second")
		assert.Equal(t, []string{rig.PressedCall}, api.All(), "calls after the second")
		return tghook.NoReply, nil
	})
	assert.Equal(t, rig.DeletedAnswer, r.Post(rig.MessageIn(7, 1)), "answer")
	assert.Equal(t, []string{rig.PressedCall}, api.All(), "calls")
}

func TestALaterCallThatCannotRideLeavesBehindTheHeldOne(t *testing.T) {
	t.Parallel()
	api := &rig.BotAPI{}
	lib := rig.NewLibrary(t, &tghook.ReplyTransport{}, api)
	r := rig.NewBot(t, rig.LibraryConfig(), func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
		lib.Call(ctx, "answerCallbackQuery", `{"callback_query_id":"5"}`)
		for _, method := range []string{"sendMessage", "getChat"} {
			assert.Equal(t, rig.FromThere, lib.Call(ctx, method, `{"chat_id": 7}`), method)
		}
		return tghook.NoReply, nil
	})
	assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1)), "answer")
	assert.Equal(t, []string{rig.PressedCall, `sendMessage {"chat_id": 7}`, `getChat {"chat_id": 7}`}, api.All(), "calls")
	assert.Equal(t, "handled/1/200", r.Outcomes(), "outcomes")
}

// form is a multipart body as a library makes it, with files by name.
func form(tb testing.TB, fields map[string]string, files map[string][]byte) (contentType string, body []byte) {
	tb.Helper()
	var buffer bytes.Buffer
	w := multipart.NewWriter(&buffer)
	for name, text := range fields {
		require.NoError(tb, w.WriteField(name, text))
	}
	for name, content := range files {
		part, err := w.CreateFormFile(name, name+".bin")
		require.NoError(tb, err)
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
		api := &rig.BotAPI{}
		lib := rig.NewLibrary(t, &tghook.ReplyTransport{}, api)
		var closed atomic.Int32
		r := rig.NewBot(t, rig.LibraryConfig(), func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			got, err := lib.Post(ctx, "setChatTitle", test.contentType, piped{strings.NewReader(test.body), &closed})
			assert.Equal(t, rig.APIOK, got, test.name+": the library gets")
			return tghook.NoReply, err
		})
		assert.Equal(t, `200 application/json {"method":"setChatTitle"`+test.want, r.Post(rig.MessageIn(7, 1)), test.name)
		assert.Nil(t, api.All(), test.name+": calls")
		assert.Equal(t, int32(1), closed.Load(), test.name+": closed")
	}
}

// setPhoto is the call of a library that uploads a file, by a pipe.
func setPhoto(ctx context.Context, lib rig.Library, contentType string, body []byte) error {
	_, err := lib.Post(ctx, "setChatPhoto", contentType, piped{bytes.NewReader(body), new(atomic.Int32)})
	return err
}

func TestAMultipartCallRidesAsItCame(t *testing.T) {
	t.Parallel()
	contentType, body := form(t, map[string]string{"chat_id": "7"}, map[string][]byte{"photo": bytes.Repeat([]byte("\r\n--\x00\xff"), 1<<18)})
	api := &rig.BotAPI{}
	lib := rig.NewLibrary(t, &tghook.ReplyTransport{}, api)
	cfg := rig.LibraryConfig()
	cfg.LateAfter = -1
	r := rig.NewBot(t, cfg, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
		return tghook.NoReply, setPhoto(ctx, lib, contentType, body)
	})
	res := r.ServeWith(t.Context(), rig.MessageIn(7, 1), nil)
	assert.Equal(t, contentType, res.Header.Get("Content-Type"), "Content-Type")
	wantMultipart(t, res.Body, contentType, body)
	assert.Empty(t, api.All(), "calls")
}

// wantMultipart checks that got is body behind the part that names the method.
func wantMultipart(t *testing.T, got []byte, contentType string, body []byte) {
	t.Helper()
	boundary := strings.TrimPrefix(contentType, "multipart/form-data; boundary=")
	method := "--" + boundary + "\r\nContent-Disposition: form-data; name=\"method\"\r\n\r\nsetChatPhoto\r\n"
	assert.Equalf(t, method+string(body), string(got), "%d bytes, want %d: those of the library behind its method", len(got), len(method)+len(body))
	parsedForm, err := multipart.NewReader(bytes.NewReader(got), boundary).ReadForm(4 << 20)
	require.NoError(t, err)
	assert.Equal(t, []string{"setChatPhoto"}, parsedForm.Value["method"], "method")
	assert.Equal(t, []string{"7"}, parsedForm.Value["chat_id"], "chat_id")
	assert.Len(t, parsedForm.File["photo"], 1, "files")
}

func TestAMultipartCallThatIsMadeAfterAllHasTheSameBytes(t *testing.T) {
	t.Parallel()
	contentType, body := form(t, map[string]string{"chat_id": "7"}, map[string][]byte{"photo": []byte("a file")})
	api := &rig.BotAPI{}
	lib := rig.NewLibrary(t, &tghook.ReplyTransport{}, api)
	r := rig.NewBot(t, rig.LibraryConfig(), func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
		if err := setPhoto(ctx, lib, contentType, body); err != nil {
			return tghook.NoReply, err
		}
		assert.Equal(t, rig.FromThere, lib.Call(ctx, "getMe", "{}"), "the library gets")
		return tghook.NoReply, nil
	})
	assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1)), "answer")
	calls := api.All()
	assert.Len(t, calls, 2, "calls")
	assert.Equal(t, contentType, api.Types[0], "Content-Type")
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
			api := &rig.BotAPI{}
			lib := rig.NewLibrary(t, &tghook.ReplyTransport{}, api)
			cfg := rig.LibraryConfig()
			cfg.LateAfter = -1
			var closed atomic.Int32
			r := rig.NewBot(t, cfg, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
				got, err := lib.Post(ctx, "setChatTitle", body[0], piped{strings.NewReader(body[1]), &closed})
				assert.Equal(t, rig.FromThere, got, "the library gets")
				return tghook.NoReply, err
			})
			assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1)), "answer")
			if calls := api.All(); len(calls) != 1 || calls[0] != "setChatTitle "+body[1] || api.Types[0] != body[0] {
				t.Errorf("got %d calls, %.200q as %s", len(calls), calls, api.Types)
			}
			assert.Equal(t, int32(1), closed.Load(), "closed")
		})
	}
}

// draining is a Bot API that reads the whole body. It stores in before how much was read
// when the call arrived.
func draining(read, before *atomic.Int64) rig.Transport {
	return func(req *http.Request) (*http.Response, error) {
		before.Store(read.Load())
		_, err := io.Copy(io.Discard, req.Body)
		req.Body.Close()
		res := rig.APIAnswer(200, rig.FromThere)
		res.Request = req
		return res, err
	}
}

// A file that no reply may have is not read into memory: it flows on.
func TestAFileThatIsTooLargeFlowsThrough(t *testing.T) {
	t.Parallel()
	contentType, start := form(t, nil, map[string][]byte{"photo": {}})
	const size = 60 << 20
	var read, closed, most atomic.Int64
	api := draining(&read, &most)
	lib := rig.NewLibrary(t, &tghook.ReplyTransport{}, api)
	cfg := rig.LibraryConfig()
	cfg.LateAfter = -1
	r := rig.NewBot(t, cfg, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
		body := &hugeBody{start: bytes.NewReader(start), left: size, read: &read, closed: &closed}
		got, err := lib.Post(ctx, "setChatPhoto", contentType, body)
		assert.Equal(t, rig.FromThere, got, "the library gets")
		assert.NoError(t, err, "error")
		return tghook.NoReply, err
	})
	assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1)), "answer")
	assert.Equal(t, int64(len(start)+size), read.Load(), "read in all")
	assert.Equal(t, int64(1), closed.Load(), "closed")
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
	api := draining(&read, &before)
	lib := rig.NewLibrary(t, &tghook.ReplyTransport{}, api)
	c := rig.NewDispatcher(t, rig.ForBot(tghook.DispatchConfig{}), func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
		got, err := lib.Post(ctx, "sendPhoto", contentType, &hugeBody{start: bytes.NewReader(start), left: size, read: &read, closed: &closed})
		assert.Equal(t, rig.FromThere, got, "the library gets")
		return tghook.NoReply, err
	})
	_, err := c.DoBody(t.Context(), rig.MessageIn(7, 1))
	require.NoError(t, err, "error")
	assert.Equal(t, int64(0), before.Load(), "read before the call left")
	assert.Equal(t, int64(len(start)+size), read.Load(), "read in all")
	assert.Equal(t, int64(1), closed.Load(), "closed")
}

// One copy of a file is made when its call is held, whatever becomes of it.
func TestAFileIsInMemoryOnce(t *testing.T) {
	contentType, body := form(t, map[string]string{"chat_id": "7"}, map[string][]byte{"photo": make([]byte, 20<<20)})
	for name, then := range map[string]string{"rides": "", "is called": "getMe"} {
		api := rig.Transport(func(req *http.Request) (*http.Response, error) {
			if req.Body != nil {
				_, _ = io.Copy(io.Discard, req.Body)
			}
			return rig.APIAnswer(200, rig.APIOK), nil
		})
		lib := rig.NewLibrary(t, &tghook.ReplyTransport{}, api)
		cfg := rig.LibraryConfig()
		cfg.LateAfter = -1
		r := rig.NewBot(t, cfg, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, rig.APIBase+"setChatPhoto", bytes.NewReader(body))
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
				lib.Call(ctx, then, "{}")
			}
			return tghook.NoReply, nil
		})
		var start, end runtime.MemStats
		runtime.ReadMemStats(&start)
		res := r.ServeWith(t.Context(), rig.MessageIn(7, 1), nil)
		runtime.ReadMemStats(&end)
		assert.Equal(t, then == "", len(res.Body) > len(body), name+": in the response")
		assert.LessOrEqual(t, end.TotalAlloc-start.TotalAlloc, uint64(len(body))*11/10, name)
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
	other := strings.Replace(rig.APIBase, "7244100913", "7244100914", 1)
	for name, base := range map[string]string{
		"another bot":              other + "deleteMessage",
		"another token":            strings.Replace(rig.APIBase, "abcdefg/", "abcdefh/", 1) + "deleteMessage",
		"a longer token":           strings.TrimSuffix(rig.APIBase, "/") + "h/deleteMessage",
		"another host":             strings.Replace(rig.APIBase, "api.", "api2.", 1) + "deleteMessage",
		"another scheme":           strings.Replace(rig.APIBase, "https:", "http:", 1) + "deleteMessage",
		"another port":             strings.Replace(rig.APIBase, ".org/", ".org:8443/", 1) + "deleteMessage",
		"the test environment":     rig.APIBase + "test/deleteMessage",
		"a file":                   strings.Replace(rig.APIBase, "/bot", "/file/bot", 1) + "deleteMessage",
		"no method":                rig.APIBase,
		"a method with a slash":    rig.APIBase + "deleteMessage/",
		"what is behind the token": rig.APIBase + "../deleteMessage",
	} {
		api := &rig.BotAPI{}
		lib := rig.NewLibrary(t, &tghook.ReplyTransport{}, api)
		r := rig.NewBot(t, rig.LibraryConfig(), func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			assert.Equal(t, rig.APIOK, lib.Call(ctx, "answerCallbackQuery", `{"callback_query_id":"5"}`), name+": the library gets")
			assert.Equal(t, rig.FromThere, rig.Library{Client: lib.Client, Base: base}.Call(ctx, "", `{"chat_id": 7}`), name+": the other gets")
			return tghook.NoReply, nil
		})
		assert.Equal(t, rig.PressedAnswer, r.Post(rig.MessageIn(7, 1)), name)
		assert.Len(t, api.All(), 1, name+": calls")
		assert.True(t, strings.HasSuffix(api.All()[0], ` {"chat_id": 7}`), name+": the body")
	}
}

// The bot's calls are known wherever its Bot API server is, however they are written.
func TestWhatIsThisBotsIsHeldOnEveryServer(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		cfg  tghook.ClientConfig
		base string
	}{
		"a server of one's own": {tghook.ClientConfig{BaseURL: "http://localhost:8081"}, "http://localhost:8081/bot" + rig.APIToken + "/"},
		"below a path":          {tghook.ClientConfig{BaseURL: "http://localhost:8081/a%20b/api/"}, "http://localhost:8081/a%20b/api/bot" + rig.APIToken + "/"},
		"the test environment":  {tghook.ClientConfig{TestEnvironment: true}, rig.APIBase + "test/"},
		"an escaped token":      {tghook.ClientConfig{}, strings.Replace(rig.APIBase, "7244100913:", "7244100913%3A", 1)},
	} {
		api := &rig.BotAPI{}
		lib := rig.Library{Client: &http.Client{Transport: &tghook.ReplyTransport{Base: api, Client: rig.NewClient(t, test.cfg)}}, Base: test.base}
		r := rig.NewBot(t, rig.LibraryConfig(), rig.Calling(t, lib, nil, rig.Pressed, rig.Deleted))
		assert.Equal(t, rig.DeletedAnswer, r.Post(rig.MessageIn(7, 1)), name)
		assert.Equal(t, []string{rig.PressedCall}, api.All(), name+": calls")
	}
}

func TestACallOutsideOfAHandlerPassesThrough(t *testing.T) {
	t.Parallel()
	api := &rig.BotAPI{}
	lib := rig.NewLibrary(t, &tghook.ReplyTransport{}, api)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, rig.APIBase+"deleteMessage", strings.NewReader("{}"))
	require.NoError(t, err)
	got, err := lib.Do(req)
	require.NoError(t, err, "error")
	assert.Equal(t, rig.FromThere, got, "answer")
	assert.Equal(t, []string{"deleteMessage {}"}, api.All(), "calls")
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
		api := &rig.BotAPI{}
		lib := rig.NewLibrary(t, &tghook.ReplyTransport{}, api)
		r := rig.NewBot(t, rig.LibraryConfig(), func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			lib.Call(ctx, "answerCallbackQuery", `{"callback_query_id":"5"}`)
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, rig.APIBase+"deleteMessage", strings.NewReader("{}"))
			if err != nil {
				return tghook.NoReply, err
			}
			req.Header.Set("Content-Type", "application/json")
			change(req)
			got, err := lib.Do(req)
			assert.Equal(t, rig.FromThere, got, name+": the library gets")
			return tghook.NoReply, err
		})
		assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1)), name)
		calls := api.All()
		if len(calls) != 2 || calls[0] != rig.PressedCall || !strings.HasPrefix(calls[1], "deleteMessage ") {
			t.Errorf("%s: got calls %.200q, want the held one first", name, calls)
		}
	}
}

func TestTheRequestOfTheLibraryIsNotChanged(t *testing.T) {
	t.Parallel()
	lib := rig.NewLibrary(t, &tghook.ReplyTransport{}, &rig.BotAPI{})
	for _, body := range []string{`{"chat_id":7}`, `{"chat_id":`} { // one rides, the other passes
		r := rig.NewBot(t, rig.LibraryConfig(), func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, rig.APIBase+"deleteMessage", strings.NewReader(body))
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
			assert.Equal(t, header, req.Header, "header")
			assert.Same(t, res.Request.URL, req.URL, "the response is to it")
			return tghook.NoReply, nil
		})
		assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1))[:3], "answer")
	}
}

func TestABodyThatBreaksOffIsTheLibrarysError(t *testing.T) {
	t.Parallel()
	api := &rig.BotAPI{}
	lib := rig.NewLibrary(t, &tghook.ReplyTransport{}, api)
	var closed atomic.Int32
	r := rig.NewBot(t, rig.LibraryConfig(), func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
		_, err := lib.Post(ctx, "deleteMessage", "application/json", piped{iotest.ErrReader(rig.ErrBroken), &closed})
		assert.ErrorIs(t, err, rig.ErrBroken)
		return tghook.NoReply, nil
	})
	assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1)), "answer")
	assert.Nil(t, api.All(), "calls")
	assert.Equal(t, int32(1), closed.Load(), "closed")
}

func TestAFailureDiscardsWhatIsHeld(t *testing.T) {
	t.Parallel()
	for name, then := range map[string]func() error{
		"error": func() error { return rig.ErrBroken },
		"panic": func() error { panic(rig.ErrBroken) },
		"exit":  func() error { runtime.Goexit(); return nil },
		"later": func() error { return tghook.RetryAfter(5*time.Second, rig.ErrBroken) },
	} {
		status := "500"
		if name == "later" {
			status = "503"
		}
		api := &rig.BotAPI{}
		lib := rig.NewLibrary(t, &tghook.ReplyTransport{}, api)
		r := rig.NewBot(t, rig.LibraryConfig(), func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			assert.Equal(t, rig.APIOK, lib.Call(ctx, "deleteMessage", "{}"), name+": the library gets")
			return tghook.NoReply, then()
		})
		assert.Equal(t, status, r.Post(rig.MessageIn(7, 1))[:3], name)
		assert.Equal(t, status, r.Post(rig.MessageIn(7, 1))[:3], name+": again")
		assert.Nil(t, api.All(), name+": calls")
		assert.Equal(t, "failed/1/"+status+" failed/2/"+status, r.Outcomes(), name+": outcomes")
	}
}

func TestWhatADeadLetterSaysIsNotHeld(t *testing.T) {
	t.Parallel()
	api := &rig.BotAPI{}
	lib := rig.NewLibrary(t, &tghook.ReplyTransport{}, api)
	cfg := rig.LibraryConfig()
	cfg.Dispatch.DeadLetter = func(ctx context.Context, _ *tghook.Update, _ error) error {
		assert.Equal(t, rig.FromThere, lib.Call(ctx, "deleteMessage", "{}"), "the library gets")
		return nil
	}
	r := rig.NewBot(t, cfg, rig.Calling(t, lib, tghook.Drop(rig.ErrBroken), rig.Pressed))
	assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1)), "answer")
	assert.Equal(t, []string{"deleteMessage {}"}, api.All(), "calls")
}

func TestAReplyBesideAHeldCallFollowsIt(t *testing.T) {
	t.Parallel()
	api := &rig.BotAPI{}
	lib := rig.NewLibrary(t, &tghook.ReplyTransport{}, api)
	r := rig.NewBot(t, rig.LibraryConfig(), func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
		lib.Call(ctx, "answerCallbackQuery", `{"callback_query_id":"5"}`)
		assert.Nil(t, api.All(), "calls within the handler")
		return rig.Hello, nil
	})
	assert.Equal(t, rig.HelloAnswer, r.Post(rig.MessageIn(7, 1)), "answer")
	assert.Equal(t, []string{rig.PressedCall}, api.All(), "calls")
	assert.Equal(t, "replied/1/200/rode", r.Outcomes(), "outcomes")
}

func TestAReplyThatCannotBeSentDiscardsWhatIsHeld(t *testing.T) {
	t.Parallel()
	api := &rig.BotAPI{}
	lib := rig.NewLibrary(t, &tghook.ReplyTransport{}, api)
	r := rig.NewBot(t, rig.LibraryConfig(), func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
		lib.Call(ctx, "deleteMessage", "{}")
		return tghook.Reply{Method: "getMe"}, nil
	})
	assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1)), "answer")
	assert.Nil(t, api.All(), "calls")
	r.Did(rig.Counts{Runs: 1, Letters: 1})
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
		{"by default what answers True", nil, false, "banChatMember", rig.APIOK},
		{"in any case", nil, false, "BANCHATMEMBER", rig.APIOK},
		{"not what answers with a message", nil, false, "sendMessage", rig.FromThere},
		{"not what may answer with one", nil, false, "editMessageText", rig.FromThere},
		{"not what tells of progress", nil, false, "sendChatAction", rig.FromThere},
		{"not what answers with a link", nil, false, "createChatInviteLink", rig.FromThere},
		{"not what is unknown", nil, false, "sendHologram", rig.FromThere},
		{"none that never rides", nil, false, "logOut", rig.FromThere},
		{"what tells of progress if it is listed", []string{"SendChatAction"}, false, "sendChatAction", rig.APIOK},
		{"not what is not listed", []string{"sendChatAction"}, false, "deleteMessage", rig.FromThere},
		{"a message with AllowNoResult", nil, true, "sendMessage", message},
		{"an edit with AllowNoResult", nil, true, "editMessageText", message},
		{"an id with AllowNoResult", nil, true, "copyMessage", message},
		{"not several with AllowNoResult", nil, true, "sendMediaGroup", rig.FromThere},
		{"True with AllowNoResult", nil, true, "deleteMessage", rig.APIOK},
		{"progress not with AllowNoResult", nil, true, "sendChatAction", rig.FromThere},
		{"no link with AllowNoResult", nil, true, "createChatInviteLink", rig.FromThere},
		{"a message that is listed", []string{"sendMessage"}, true, "sendMessage", message},
		{"no message that is not listed", []string{"sendMessage"}, true, "sendPhoto", rig.FromThere},
	} {
		api := &rig.BotAPI{}
		lib := rig.NewLibrary(t, &tghook.ReplyTransport{Methods: test.methods, AllowNoResult: test.noResult}, api)
		r := rig.NewBot(t, rig.LibraryConfig(), func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			assert.Equal(t, test.want, lib.Call(ctx, test.method, `{"chat_id":7}`), test.name+": the library gets")
			return tghook.NoReply, nil
		})
		want := "200"
		if test.want != rig.FromThere {
			want += ` application/json {"method":"` + test.method + `","chat_id":7}`
		}
		assert.Equal(t, want, r.Post(rig.MessageIn(7, 1)), test.name)
	}
}

// The table of the Bot API's methods decides which are held, and what is answered.
func TestEveryMethodIsHeldByWhatItAnswers(t *testing.T) {
	t.Parallel()
	table, err := os.ReadFile("tghooktest/internal/botapi/methods.tsv")
	require.NoError(t, err)
	const message = `{"ok":true,"result":{"message_id":0,"date":0,"chat":{"id":0}}}`
	var method string
	api := &rig.BotAPI{}
	strict, loose := rig.NewLibrary(t, &tghook.ReplyTransport{}, api), rig.NewLibrary(t, &tghook.ReplyTransport{AllowNoResult: true}, api)
	var gets [2]string
	r := rig.NewBot(t, rig.LibraryConfig(), func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
		gets = [2]string{strict.Call(ctx, method, "{}"), loose.Call(ctx, method, "{}")}
		return tghook.NoReply, nil
	})
	progress := []string{"sendChatAction", "sendMessageDraft", "sendRichMessageDraft"}
	rows := strings.Split(strings.TrimSpace(string(table)), "\n")[1:]
	for id, row := range rows {
		columns := strings.Split(row, "\t")
		method = columns[0]
		want := [2]string{rig.FromThere, rig.FromThere}
		switch result := columns[1]; {
		case slices.Contains(refusedMethods, method), slices.Contains(progress, method):
		case result == "True":
			want = [2]string{rig.APIOK, rig.APIOK}
		case slices.Contains([]string{"Message", "Message or True", "MessageId"}, result):
			want[1] = message
		}
		r.Post(rig.MessageIn(7, int64(id)+1))
		assert.Equal(t, want, gets, method+" gets")
	}
	assert.GreaterOrEqualf(t, len(rows), 150, "the table has %d methods", len(rows))
}

func TestNoMethodThatNeverRidesIsHeldByDefault(t *testing.T) {
	t.Parallel()
	for _, method := range refusedMethods {
		api := &rig.BotAPI{}
		lib := rig.NewLibrary(t, &tghook.ReplyTransport{AllowNoResult: true}, api)
		r := rig.NewBot(t, rig.LibraryConfig(), func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			assert.Equal(t, rig.FromThere, lib.Call(ctx, method, `{}`), method)
			return tghook.NoReply, nil
		})
		assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1)), method)
	}
}

func TestAReplyTransportNamesEveryMistakeAtEveryCall(t *testing.T) {
	t.Parallel()
	bad := &tghook.ReplyTransport{Methods: []string{"deleteMessage", "getMe", "sendMessage", "sendMediaGroup", "sendHologram", "CLOSE"}}
	for range 2 {
		var closed atomic.Int32
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, rig.APIBase+"getMe", piped{strings.NewReader("{}"), &closed})
		require.NoError(t, err)
		res, err := bad.RoundTrip(req)
		if err == nil {
			res.Body.Close()
		}
		mistakes := rig.ConfigErrors(t, err)
		fields := make([]string, 0, len(mistakes))
		for _, mistake := range mistakes {
			fields = append(fields, mistake.Field)
		}
		assert.Equal(t, []string{
			"ReplyTransport.Client", "ReplyTransport.Methods[1]", "ReplyTransport.Methods[2]",
			"ReplyTransport.Methods[3]", "ReplyTransport.Methods[4]", "ReplyTransport.Methods[5]",
		}, fields, "fields")
		rig.KeepsToken(t, err)
		assert.Equal(t, int32(1), closed.Load(), "closed")
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
		{"another bot's", rig.APIBot + 1, rig.FromThere},
		{"nobody knows whose", 0, "tghook: DispatchConfig.Bot: not set, and ReplyTransport needs it; give Client.Bot()"},
	} {
		lib := rig.NewLibrary(t, &tghook.ReplyTransport{}, &rig.BotAPI{})
		r := rig.NewBot(t, tghook.Config{Dispatch: tghook.DispatchConfig{Bot: test.bot}}, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			got := lib.Call(ctx, "deleteMessage", "{}")
			assert.Equal(t, test.want, got[max(0, len(got)-len(test.want)):], test.name)
			return tghook.NoReply, nil
		})
		assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1)), test.name)
	}
}

// A bot that hands an update on to another, and waits, still has its own calls held.
func TestACallIsHeldThroughAnotherBotsHandler(t *testing.T) {
	t.Parallel()
	lib := rig.NewLibrary(t, &tghook.ReplyTransport{}, &rig.BotAPI{})
	inner := rig.NewDispatcher(t, tghook.DispatchConfig{Bot: rig.APIBot + 1}, rig.Calling(t, lib, nil, rig.Pressed))
	r := rig.NewBot(t, rig.LibraryConfig(), inner.Do)
	assert.Equal(t, rig.PressedAnswer, r.Post(rig.MessageIn(7, 1)), "answer")
}

func TestDoReturnsTheHeldCall(t *testing.T) {
	t.Parallel()
	lib := rig.NewLibrary(t, &tghook.ReplyTransport{}, &rig.BotAPI{})
	c := rig.NewDispatcher(t, rig.ForBot(tghook.DispatchConfig{}), rig.Calling(t, lib, nil, rig.Pressed))
	got, err := c.DoBody(t.Context(), rig.MessageIn(7, 1))
	require.NoError(t, err, "error")
	assert.Equal(t, `answerCallbackQuery{"callback_query_id":"5"}`, got, "reply")
}

// What middleware adds to the ctx, and a timeout of its own, changes nothing. A failure
// that it deals with is none.
func TestACallIsHeldBehindMiddleware(t *testing.T) {
	t.Parallel()
	type key struct{}
	lib := rig.NewLibrary(t, &tghook.ReplyTransport{}, &rig.BotAPI{})
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
			assert.Equal(t, rig.ErrBroken, err, "error")
			return tghook.NoReply, nil
		})
	}
	h := tghook.Chain(rig.Calling(t, lib, rig.ErrBroken, rig.Pressed), adds, forgives, adds)
	r := rig.NewBot(t, rig.LibraryConfig(), h.HandleUpdate)
	assert.Equal(t, rig.PressedAnswer, r.Post(rig.MessageIn(7, 1)), "answer")
}
