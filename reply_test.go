package tghook_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/rig"
)

// letters is a DispatchConfig.DeadLetter that keeps what it gets.
type letters struct {
	mu  sync.Mutex
	all []error
}

func (l *letters) take(_ context.Context, _ *tghook.Update, err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, err)
	return nil
}

// answerWith is what Telegram is told when a handler returns reply, and the dead
// letter if it came to that. The update is delivered twice, for the second
// answer has to be the same, without a run.
func answerWith(t *testing.T, reply tghook.Reply, changes ...func(*tghook.Config)) (tghook.Response, error) {
	t.Helper()
	var runs atomic.Int64
	dead := &letters{}
	changes = append([]func(*tghook.Config){func(cfg *tghook.Config) {
		cfg.Dispatch.DeadLetter = dead.take
		cfg.LateAfter = -1 // 50 MiB may take their time under the race detector
	}}, changes...)
	w, seen := hookFor(t, func(context.Context, *tghook.Update) (tghook.Reply, error) {
		runs.Add(1)
		return reply, nil
	}, changes...)
	res := w.Serve(t.Context(), rig.FromTelegram(textFrom(1, 1)))
	assert.Equal(t, 200, res.Status)
	v := seen.only(t)
	again := w.Serve(t.Context(), rig.FromTelegram(textFrom(1, 1)))
	if kept := len(res.Body) <= 8<<20; again.Status != res.Status || kept && !bytes.Equal(again.Body, res.Body) {
		t.Errorf("the redelivery was answered %d %.200q, want the same as before", again.Status, again.Body)
	}
	if n := runs.Load(); n != 1 {
		t.Errorf("the handler ran %d times, want once", n)
	}
	if len(dead.all) == 0 {
		if v.Err != nil || v.Outcome != tghook.OutcomeHandled && v.Outcome != tghook.OutcomeReplied || v.Rode != (len(res.Body) > 0) {
			t.Errorf("Observe was told %+v of a success", v)
		}
		return res, nil
	}
	if len(dead.all) != 1 || v.Outcome != tghook.OutcomeDeadLettered || !errors.Is(v.Err, dead.all[0]) {
		t.Errorf("%d dead letters, and Observe was told %+v", len(dead.all), v)
	}
	if len(res.Body) > 0 || res.Header != nil {
		t.Errorf("a dead letter was answered with %v %.200q", res.Header, res.Body)
	}
	return res, dead.all[0]
}

// unsendable is the *ReplyError for which a reply was dead-lettered.
func unsendable(t *testing.T, reply tghook.Reply, changes ...func(*tghook.Config)) *tghook.ReplyError {
	t.Helper()
	res, err := answerWith(t, reply, changes...)
	var replyErr *tghook.ReplyError
	require.ErrorAsf(t, err, &replyErr, "got answer %.200q and dead letter %v, want a *ReplyError", res.Body, err)
	assert.Equalf(t, reply.Method, replyErr.Method, "the error is about method %q, want %q", replyErr.Method, reply.Method)
	return replyErr
}

type sendMessage struct {
	ChatID  int64  `json:"chat_id"`
	Text    string `json:"text,omitempty"`
	ReplyTo *int   `json:"reply_to"`
	hidden  string
}

func TestAJSONReplyIsTheMethodThenTheParameters(t *testing.T) {
	t.Parallel()
	seven := 7
	for _, c := range []struct {
		name   string
		params any
		want   string // behind the method
	}{
		{"nil", nil, `}`},
		{"an empty map", map[string]any{}, `}`},
		{"a struct", sendMessage{ChatID: -100123456789012, Text: "hi", hidden: "x"}, `,"chat_id":-100123456789012,"text":"hi"}`},
		{"a struct with a pointer set", sendMessage{ChatID: 1, ReplyTo: &seven}, `,"chat_id":1,"reply_to":7}`},
		{"a pointer", &sendMessage{ChatID: 1}, `,"chat_id":1}`},
		{"a map", map[string]any{"text": "hi", "chat_id": "@name", "a": nil, "b": map[string]any{"x": nil}}, `,"b":{"x":null},"chat_id":"@name","text":"hi"}`},
		{"a map of strings", map[string]string{"b": "2", "a": "1"}, `,"a":"1","b":"2"}`},
		{"raw JSON", json.RawMessage(" { \"b\" : 1.50 ,\n\"a\":[ 1e2, null ], \"z\" : null } "), `,"b":1.50,"a":[1e2,null]}`},
		{"a nil map", map[string]any(nil), `}`},
		{"a nil pointer", (*struct{})(nil), `}`},
		{"only null", json.RawMessage(`{"a":null,"b":null}`), `}`},
		{"a Marshaler", rig.JSONBy(func() ([]byte, error) { return []byte(`{ "b":"x" }`), nil }), `,"b":"x"}`},
		{"large integers", json.RawMessage(`{"id":12345678901234567890123}`), `,"id":12345678901234567890123}`},
		{"keys with quotes", map[string]any{`a"b\`: 1, "\u00e9": 2, "\n": 3}, `,"\n":3,"a\"b\\":1,"` + "\u00e9" + `":2}`},
		{"a nested method", map[string]any{"a": map[string]any{"method": "x"}, "methods": 1, "xmethod": 2}, `,"a":{"method":"x"},"methods":1,"xmethod":2}`},
		{"text in the place of a file", map[string]any{"photo": "attach://photo", "text": "attach://tghook0123456789abcdef0123456789abcdef"}, `,"photo":"attach://photo","text":"attach://tghook0123456789abcdef0123456789abcdef"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			res, err := answerWith(t, tghook.Reply{Method: "sendMessage", Params: c.params})
			if want := `{"method":"sendMessage"` + c.want; string(res.Body) != want || err != nil {
				t.Errorf("got %s (%v)\nwant %s", res.Body, err, want)
			}
			if got := res.Header["Content-Type"]; len(res.Header) != 1 || len(got) != 1 || got[0] != "application/json" {
				t.Errorf("header %v, want Content-Type: application/json alone", res.Header)
			}
			assert.Truef(t, json.Valid(res.Body), "%s is not valid", res.Body)
		})
	}
}

func TestNoReplyIsAnEmptyBody(t *testing.T) {
	t.Parallel()
	if res, err := answerWith(t, tghook.NoReply); len(res.Body) > 0 || res.Header != nil || err != nil {
		t.Errorf("got %v %q (%v)", res.Header, res.Body, err)
	}
}

func TestAReplyBesideAnErrorDoesNotLeave(t *testing.T) {
	t.Parallel()
	caller := &calls{}
	w, _ := hookFor(t, replying(tghook.Reply{Method: "sendMessage"}, errors.New("no")), func(cfg *tghook.Config) { cfg.Dispatch.Caller = caller })
	if res := w.Serve(t.Context(), rig.FromTelegram(textFrom(1, 1))); res.Status != 500 || len(res.Body) > 0 {
		t.Errorf("got %d %q, want 500 alone", res.Status, res.Body)
	}
	if got := caller.list(); len(got) > 0 {
		t.Errorf("the Caller was given %+v", got)
	}
}

// calls is a Caller that keeps what it is given.
type calls struct {
	mu  sync.Mutex
	all []called
	err error
}

type called struct {
	method string
	params any
	result any
}

func (c *calls) Call(_ context.Context, method string, params, result any) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, called{method, params, result})
	return c.err
}

func (c *calls) list() []called {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.all
}

// Telegram ignores these in an answer.
var refusedMethods = []string{
	"setWebhook", "setwebhook", "SETWEBHOOK", "deleteWebhook", "DeleteWebHook", "close", "Close", "CLOSE", "logOut", "logout", "LOGOUT",
	"getMe", "GetMe", "GETME", "getUpdates", "get", "gettysburg",
}

func TestRefusedMethodsNeverRideButGoByCaller(t *testing.T) {
	t.Parallel()
	for _, method := range refusedMethods {
		caller := &calls{}
		res, err := answerWith(t, tghook.Reply{Method: method, Params: sendMessage{ChatID: 5}}, func(cfg *tghook.Config) { cfg.Dispatch.Caller = caller })
		if len(res.Body) > 0 || err != nil {
			t.Errorf("%s: answered %q, dead letter %v, want neither", method, res.Body, err)
		}
		got := caller.list()
		if len(got) != 1 || got[0].method != method || got[0].result != nil {
			t.Errorf("%s: the Caller was given %+v, want it once", method, got)
			continue
		}
		if params, err := json.Marshal(got[0].params); string(params) != `{"chat_id":5}` {
			t.Errorf("%s: the Caller was given %s (%v)", method, params, err)
		}
	}
}

func TestRefusedMethodsAreDeadLettersWithoutACaller(t *testing.T) {
	t.Parallel()
	for _, method := range refusedMethods {
		assert.Contains(t, unsendable(t, tghook.Reply{Method: method}).Error(), "no Caller", method)
	}
}

func TestMethodsThatLookLikeRefusedOnesRide(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"closeForumTopic", "forgetMe", "setWebhookX", "logOutX", "SENDMESSAGE"} {
		caller := &calls{}
		res, err := answerWith(t, tghook.Reply{Method: method}, func(cfg *tghook.Config) { cfg.Dispatch.Caller = caller })
		if want := `{"method":"` + method + `"}`; string(res.Body) != want || err != nil || len(caller.list()) > 0 {
			t.Errorf("%s: got %s (%v), want %s", method, res.Body, err, want)
		}
	}
}

// An error of the Caller does not have the handler run again.
func TestAReplyThatTheCallerCannotSendIsLostAndSaidSo(t *testing.T) {
	t.Parallel()
	for name, caller := range map[string]tghook.Caller{"error": &calls{err: errors.New("429")}, "panic": (*calls)(nil)} {
		w, seen := hookFor(t, replying(tghook.Reply{Method: "getMe"}, nil), func(cfg *tghook.Config) { cfg.Dispatch.Caller = caller })
		if res := w.Serve(t.Context(), rig.FromTelegram(textFrom(1, 1))); res.Status != 200 || len(res.Body) > 0 {
			t.Errorf("%s: got %d %q, want 200 alone", name, res.Status, res.Body)
		}
		if v := seen.only(t); v.Outcome != tghook.OutcomeReplyLost || v.Err == nil {
			t.Errorf("%s: Observe was told %+v, want a lost reply", name, v)
		}
	}
}

func TestAReplyOfAMebibytePassesAndNotOneByteMore(t *testing.T) {
	t.Parallel()
	const frame = len(`{"method":"sendMessage","text":""}`)
	fits := map[string]string{"text": strings.Repeat("x", 1<<20-frame)}
	if res, err := answerWith(t, tghook.Reply{Method: "sendMessage", Params: fits}); len(res.Body) != 1<<20 || err != nil {
		t.Errorf("got %d bytes (%v), want a mebibyte", len(res.Body), err)
	}
	over := map[string]string{"text": fits["text"] + "x"}
	if err := unsendable(t, tghook.Reply{Method: "sendMessage", Params: over}); !strings.Contains(err.Error(), "1048577") || len(err.Error()) > 200 {
		t.Errorf("%.300q does not say how large it is, or says too much", err)
	}
	// What goes by Caller is bounded as well: Telegram is the same.
	assert.NotNil(t, unsendable(t, tghook.Reply{Method: "getStickerSet", Params: over}, func(cfg *tghook.Config) { cfg.Dispatch.Caller = &calls{} }), "no error by Caller")
}

func TestParamsThatCannotBeEncodedAreADeadLetter(t *testing.T) {
	t.Parallel()
	cycle := map[string]any{}
	cycle["self"] = cycle
	refusal := errors.New("I will not")
	for name, params := range map[string]any{
		"a channel":           make(chan int),
		"a channel inside":    map[string]any{"a": make(chan int)},
		"a function":          func() {},
		"infinity":            map[string]any{"a": math.Inf(1)},
		"a cycle":             cycle,
		"an array":            []int{1},
		"a string":            "chat_id=1",
		"bytes":               []byte(`{"chat_id":1}`),
		"a number":            42,
		"true":                true,
		"raw array":           json.RawMessage(`[]`),
		"raw nothing":         json.RawMessage{},
		"raw half":            json.RawMessage(`{"a":`),
		"raw two":             json.RawMessage(`{}{}`),
		"a Marshaler's error": rig.JSONBy(func() ([]byte, error) { return nil, refusal }),
		"a Marshaler's junk":  rig.JSONBy(func() ([]byte, error) { return []byte("junk"), nil }),
		"a Marshaler's array": rig.JSONBy(func() ([]byte, error) { return []byte("[1]"), nil }),
		"a File alone":        tghook.File{Name: "a", Body: strings.NewReader("x")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := unsendable(t, tghook.Reply{Method: "sendMessage", Params: params})
			assert.True(t, strings.HasPrefix(err.Error(), `tghook: reply "sendMessage" cannot be sent: `))
			if name == "a Marshaler's error" && !errors.Is(err, refusal) {
				t.Errorf("%v does not wrap the cause", err)
			}
		})
	}
}

// A panic may be gone the next time: it is a failure like any panic.
func TestAPanickingMarshalerIs500(t *testing.T) {
	t.Parallel()
	params := rig.JSONBy(func() ([]byte, error) { panic("unmarshalled") })
	w, seen := hookFor(t, replying(tghook.Reply{Method: "sendMessage", Params: params}, nil))
	if res := w.Serve(t.Context(), rig.FromTelegram(textFrom(1, 1))); res.Status != 500 || len(res.Body) > 0 {
		t.Errorf("got %d %q, want 500 alone", res.Status, res.Body)
	}
	var panicked *tghook.PanicError
	if v := seen.only(t); v.Outcome != tghook.OutcomeFailed || !errors.As(v.Err, &panicked) || panicked.Value != "unmarshalled" {
		t.Errorf("Observe was told %+v, want the panic", v)
	}
}

// The method is Reply.Method: with another in the body Telegram might execute
// what a user of the bot has put there.
func TestAMethodAmongTheParamsNeverReachesTheBody(t *testing.T) {
	t.Parallel()
	for name, params := range map[string]any{
		"a map":    map[string]any{"chat_id": 1, "method": "banChatMember"},
		"a struct": struct{ Method string }{"banChatMember"},
		"a tagged struct": struct {
			X string `json:"mEtHoD"`
		}{"banChatMember"},
		"upper case":         map[string]any{"METHOD": "banChatMember"},
		"null":               map[string]any{"method": nil},
		"an object":          map[string]any{"method": map[string]any{}},
		"raw":                json.RawMessage(`{"method":"banChatMember"}`),
		"raw, last":          json.RawMessage(`{"chat_id":1,"text":"x","method":"banChatMember"}`),
		"raw, twice":         json.RawMessage(`{"method":"sendMessage","method":"banChatMember"}`),
		"raw, the same":      json.RawMessage(`{"method":"sendMessage"}`),
		"escaped":            json.RawMessage(`{"\u006dethod":"banChatMember"}`),
		"escaped all over":   json.RawMessage(`{"\u006d\u0065\u0074\u0068\u006F\u0064":"banChatMember"}`),
		"escaped capital":    json.RawMessage(`{"\u004dethod":"banChatMember"}`),
		"with white space":   json.RawMessage("{ \"method\"\n:\t\"banChatMember\" }"),
		"a Marshaler":        rig.JSONBy(func() ([]byte, error) { return []byte(`{"a":1,"method":"banChatMember"}`), nil }),
		"a Marshaler, sly":   rig.JSONBy(func() ([]byte, error) { return []byte(`{"a":1,"m\u0065thod":"banChatMember"}`), nil }),
		"beside a File":      map[string]any{"photo": tghook.File{Name: "a", Body: strings.NewReader("x")}, "method": "banChatMember"},
		"a File":             map[string]any{"method": tghook.File{Name: "a", Body: strings.NewReader("x")}},
		"a File, other case": map[string]any{"Method": &tghook.File{Name: "a", Body: strings.NewReader("x")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := unsendable(t, tghook.Reply{Method: "sendMessage", Params: params}); !strings.Contains(strings.ToLower(err.Err.Error()), `"method"`) {
				t.Errorf("%q does not name the member", err)
			}
		})
	}
}

func TestOddMethodNamesAreADeadLetter(t *testing.T) {
	t.Parallel()
	for _, method := range []string{
		" ", "send message", "sendMessage ", "sendMessage\n", `sendMessage","method":"x`, "send/Message", "../getMe", "send_message", "s\u00e9nd", "sendMessag\u212a", "send\x00", "42", "@", "[", "`", "{",
	} {
		unsendable(t, tghook.Reply{Method: method})
	}
	assert.Contains(t, unsendable(t, tghook.Reply{Params: map[string]any{"chat_id": 1}}).Error(), "Method", "Params without Method")
}

// sentLate is what a Caller is given of a reply that comes after LateAck has
// answered.
func sentLate(t *testing.T, makeReply func() tghook.Reply) called {
	t.Helper()
	caller := &calls{}
	synctest.Test(t, func(t *testing.T) {
		w, _ := hookFor(t, func(context.Context, *tghook.Update) (tghook.Reply, error) {
			<-time.After(2 * time.Second)
			return makeReply(), nil
		}, func(cfg *tghook.Config) {
			cfg.Late, cfg.LateAfter, cfg.Dispatch.Caller = tghook.LateAck, time.Second, caller
		})
		if res := w.Serve(t.Context(), rig.FromTelegram(textFrom(1, 1))); res.Status != 200 || len(res.Body) > 0 {
			t.Errorf("the late delivery was answered %d %q, want 200 alone", res.Status, res.Body)
		}
		<-time.After(time.Minute)
		synctest.Wait()
	})
	got := caller.list()
	require.Lenf(t, got, 1, "the Caller was called %d times, want once", len(got))
	return got[0]
}

func TestALateReplyGoesByCallerAsItWouldHaveRidden(t *testing.T) {
	t.Parallel()
	for name, params := range map[string]any{
		"nil":      nil,
		"a struct": sendMessage{ChatID: 5, Text: "<\u00e9> \u2028 \U0001f680"},
		"a map":    map[string]any{"chat_id": 5, "reply_markup": map[string]any{"inline_keyboard": [][]any{{map[string]any{"text": "a", "pay": nil}}}}, "gone": nil},
		"raw":      json.RawMessage(`{"b":1.50,"a":12345678901234567890,"b2":"\u0041"}`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reply := tghook.Reply{Method: "sendMessage", Params: params}
			late := sentLate(t, func() tghook.Reply { return reply })
			rode, err := answerWith(t, reply)
			require.NoError(t, err)
			got, err := json.Marshal(late.params)
			require.NoError(t, err)
			body := `{"method":"` + late.method + `"`
			if string(got) != "{}" {
				body += ","
			}
			if body += string(got[1:]); body != string(rode.Body) {
				t.Errorf("the Caller was given %s %s, but %s rides", late.method, got, rode.Body)
			}
		})
	}
}

// zeros are so many bytes that can be sought in and take no memory.
type zeros struct{ size, at int64 }

func (z *zeros) Read(p []byte) (int, error) {
	n := min(int64(len(p)), z.size-z.at)
	if n <= 0 {
		return 0, io.EOF
	}
	clear(p[:n])
	z.at += n
	return int(n), nil
}

func (z *zeros) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += z.at
	case io.SeekEnd:
		offset += z.size
	}
	z.at = offset
	return z.at, nil
}

// once is a reader that cannot seek.
func once(r io.Reader) io.Reader { return struct{ io.Reader }{r} }

func uploadOf(body io.Reader) map[string]any {
	return map[string]any{"chat_id": 7, "document": tghook.File{Name: "a.bin", Body: body}}
}

// sink is a Bot API that reads what it gets, and counts.
type sink struct {
	requests, bytes, length int64
	seen                    []string // what small requests had in their file
	answers                 []outcome
}

func (s *sink) RoundTrip(r *http.Request) (*http.Response, error) {
	defer r.Body.Close()
	s.requests++
	s.length = r.ContentLength
	if n := int(s.requests) - 1; n < len(s.answers) && errors.Is(s.answers[n].err, unreachable.err) {
		return s.answers[n].response()
	}
	var kept bytes.Buffer
	n, err := io.Copy(io.MultiWriter(&limited{&kept, 4096}, counting{&s.bytes}), r.Body)
	if err != nil {
		return nil, err
	}
	if r.ContentLength >= 0 && r.ContentLength != n {
		return nil, errors.New("the length is wrong")
	}
	_, content, _ := strings.Cut(kept.String(), "application/octet-stream\r\n\r\n")
	content, _, _ = strings.Cut(content, "\r\n--")
	s.seen = append(s.seen, content)
	if n := int(s.requests) - 1; n < len(s.answers) {
		return s.answers[n].response()
	}
	return rig.APIAnswer(200, rig.APIOK), nil
}

type limited struct {
	*bytes.Buffer
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	n := min(len(p), l.left)
	l.left -= n
	_, _ = l.Buffer.Write(p[:n])
	return len(p), nil
}

type counting struct{ n *int64 }

func (c counting) Write(p []byte) (int, error) { *c.n += int64(len(p)); return len(p), nil }

func (s *sink) client(tb testing.TB, cfg tghook.ClientConfig) *tghook.Client {
	tb.Helper()
	cfg.HTTP = &http.Client{Transport: s}
	return rig.NewClient(tb, cfg)
}

// Not parallel: what others allocate would count.
func TestAnUploadIsNotInMemory(t *testing.T) {
	const size = 45 << 20
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		if n < size || err != nil {
			t.Errorf("%d bytes came (%v)", n, err)
		}
		_, _ = io.WriteString(rw, rig.APIOK)
	}))
	defer server.Close()
	c := rig.NewClient(t, tghook.ClientConfig{BaseURL: server.URL, HTTP: server.Client()})
	for name, body := range map[string]io.Reader{"of a known size": &zeros{size: size}, "of an unknown one": once(&zeros{size: size})} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		require.NoError(t, c.Call(t.Context(), "sendDocument", uploadOf(body), nil))
		runtime.ReadMemStats(&after)
		if allocated := after.TotalAlloc - before.TotalAlloc; allocated > size/20 {
			t.Errorf("a file %s, of %d bytes, took %d", name, size, allocated)
		}
	}
}

func TestFilesHave50MiBByTheCloudAnd2000ByALocalServer(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		body  func(size int64) io.Reader
		local bool
		most  int64
	}{
		{"known, cloud", func(size int64) io.Reader { return &zeros{size: size} }, false, 50 << 20},
		{"unknown, cloud", func(size int64) io.Reader { return once(&zeros{size: size}) }, false, 50 << 20},
		{"known, local", func(size int64) io.Reader { return &zeros{size: size} }, true, 2000 << 20},
	} {
		cfg := tghook.ClientConfig{Local: test.local, Patience: time.Hour}
		s := &sink{}
		if test.most <= 50<<20 { // it takes seconds to read 2000
			if err := s.client(t, cfg).Call(t.Context(), "sendDocument", uploadOf(test.body(test.most)), nil); err != nil || s.bytes < test.most {
				t.Errorf("%s: %d bytes were sent (%v)", test.name, s.bytes, err)
			}
		} else if err := s.client(t, cfg).Call(t.Context(), "sendDocument", uploadOf(test.body(60<<20)), nil); err != nil || s.bytes < 60<<20 {
			t.Errorf("%s: %d bytes were sent (%v)", test.name, s.bytes, err)
		}
		s = &sink{}
		err := s.client(t, cfg).Call(t.Context(), "sendDocument", uploadOf(test.body(test.most+1)), nil)
		var unsendable *tghook.ReplyError
		if !errors.As(err, &unsendable) || !strings.Contains(err.Error(), strconv.FormatInt(test.most, 10)) {
			t.Errorf("%s: one byte more: %v", test.name, err)
		}
		assert.Nil(t, s.seen, test.name+": what was sent of it")
		if known := strings.HasPrefix(test.name, "known"); s.requests > 1 || known && s.requests > 0 {
			t.Errorf("%s: %d requests", test.name, s.requests)
		}
	}
}

func TestAnUploadSaysItsLengthIfItIsKnown(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		body  io.Reader
		known bool
	}{
		"known":        {strings.NewReader("content"), true},
		"unknown":      {once(strings.NewReader("content")), false},
		"a pipe's end": {bytes.NewBufferString("content"), false},
	} {
		s := &sink{}
		require.NoError(t, s.client(t, tghook.ClientConfig{}).Call(t.Context(), "sendDocument", uploadOf(test.body), nil))
		assert.Equal(t, test.known, s.length > 0, name)
		assert.Equal(t, []string{"content"}, s.seen, name)
	}
}

// A body that can seek is read from where it stood, at each attempt and by each
// handler.
func TestAFileIsReadFromWhereItStoodEachTime(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		for name, test := range map[string]struct {
			at   int64
			want string
		}{
			"its start":      {0, "0123456789"},
			"midway":         {4, "456789"},
			"its end":        {10, "0123456789"},
			"behind its end": {20, "0123456789"},
		} {
			body := strings.NewReader("0123456789")
			_, _ = body.Seek(test.at, io.SeekStart)
			s := &sink{answers: []outcome{tooMany, tooMany}}
			c := s.client(t, tghook.ClientConfig{Patience: time.Minute})
			for range 2 { // calls with the same File
				require.NoError(t, c.Call(t.Context(), "sendDocument", uploadOf(body), nil))
			}
			assert.Equal(t, []string{test.want, test.want, test.want, test.want}, s.seen, name)

			shared := uploadOf(body)
			r := rig.NewBot(t, tghook.Config{}, func(context.Context, *tghook.Update) (tghook.Reply, error) {
				return tghook.Reply{Method: "sendDocument", Params: shared}, nil
			})
			for id := range int64(2) {
				if got := r.Post(rig.MessageIn(7, id)); !strings.Contains(got, test.want) || strings.Contains(got, "0123456789"+test.want) {
					t.Errorf("%s: the reply of the same File: %s", name, got)
				}
			}
		}
	})
}

func TestAFileThatServesOnceIsNeverSentEmptyOrHalf(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		patience := tghook.ClientConfig{Patience: time.Minute}
		for name, kind := range map[string]func() io.Reader{
			"a reader": func() io.Reader { return once(strings.NewReader("content")) },
			"a buffer": func() io.Reader { return bytes.NewBufferString("content") },
		} {
			s := &sink{answers: []outcome{tooMany}}
			err := s.client(t, patience).Call(t.Context(), "sendDocument", uploadOf(kind()), nil)
			var refused *tghook.APIError
			if !errors.As(err, &refused) || !strings.Contains(err.Error(), `"a.bin"`) || !strings.Contains(err.Error(), "cannot seek") {
				t.Errorf("%s, refused: %v", name, err)
			}
			assert.Equal(t, []string{"content"}, s.seen, name+": what was sent")

			s = &sink{answers: []outcome{unreachable}}
			require.NoErrorf(t, s.client(t, patience).Call(t.Context(), "sendDocument", uploadOf(kind()), nil), "%s, when nothing was read of it", name)
			assert.Equal(t, []string{"content"}, s.seen, name+": what was sent then")

			s = &sink{}
			c, body := s.client(t, patience), kind()
			require.NoError(t, c.Call(t.Context(), "sendDocument", uploadOf(body), nil), name+": the first call")
			err = c.Call(t.Context(), "sendDocument", uploadOf(body), nil)
			var unsendableError *tghook.ReplyError
			if !errors.As(err, &unsendableError) || !strings.Contains(err.Error(), `"a.bin"`) {
				t.Errorf("%s, used again: %v", name, err)
			}
			assert.Equal(t, []string{"content"}, s.seen, name+": what was sent by two calls")

			body = kind()
			answerOnce, _ := answerWith(t, tghook.Reply{Method: "sendDocument", Params: uploadOf(body)})
			assert.Truef(t, bytes.Contains(answerOnce.Body, []byte("content")), "%s as a reply", name)
			assert.Containsf(t, unsendable(t, tghook.Reply{Method: "sendDocument", Params: uploadOf(body)}).Error(), `"a.bin"`, "%s as a reply again", name)
		}

		// Of a call that breaks off, half of a buffer is gone.
		buffer := bytes.NewBufferString(strings.Repeat("a", 1<<20))
		c := rig.Transport(func(r *http.Request) (*http.Response, error) {
			defer r.Body.Close()
			_, _ = io.CopyN(io.Discard, r.Body, 1000)
			return nil, io.ErrUnexpectedEOF
		}).Client(t, patience)
		require.ErrorIs(t, c.Call(t.Context(), "sendDocument", uploadOf(buffer), nil), io.ErrUnexpectedEOF)
		unsendable(t, tghook.Reply{Method: "sendDocument", Params: uploadOf(buffer)})
	})
}

// A file that gets shorter meanwhile is not sent.
func TestAFileThatEndsEarlyFailsTheCall(t *testing.T) {
	t.Parallel()
	s := &sink{}
	err := s.client(t, tghook.ClientConfig{}).Call(t.Context(), "sendDocument", uploadOf(&shrinking{zeros{size: 1000}}), nil)
	if !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), `"a.bin"`) {
		t.Error(err)
	}
	assert.Nil(t, s.seen, "what was sent")
	grown := &zeros{size: 1000}
	params := uploadOf(growing{grown})
	assert.NoError(t, s.client(t, tghook.ClientConfig{}).Call(t.Context(), "sendDocument", params, nil), "one that grows")
}

type shrinking struct{ zeros }

func (s *shrinking) Read(p []byte) (int, error) {
	s.size = 500
	return s.zeros.Read(p)
}

type growing struct{ *zeros }

func (g growing) Read(p []byte) (int, error) {
	g.size += 100
	return g.zeros.Read(p)
}

// net/http sends a request again whose connection had died: by a body from GetBody.
func TestATransportMaySendAnUploadAgain(t *testing.T) {
	t.Parallel()
	send := func(body io.Reader, readFirst int64) (content string, err error) {
		c := rig.Transport(func(r *http.Request) (*http.Response, error) {
			_, _ = io.CopyN(io.Discard, r.Body, readFirst)
			r.Body.Close()
			again, err := r.GetBody()
			if err != nil {
				return nil, err
			}
			defer again.Close()
			all, err := io.ReadAll(again)
			content = string(all)
			return rig.APIAnswer(200, rig.APIOK), err
		}).Client(t, tghook.ClientConfig{})
		return content, c.Call(t.Context(), "sendDocument", uploadOf(body), nil)
	}
	large := strings.Repeat("content", 100_000)
	for _, readFirst := range []int64{0, 1, 100_000} {
		content, err := send(strings.NewReader(large), readFirst)
		if err != nil || !strings.Contains(content, "\r\n"+large+"\r\n") {
			t.Errorf("after %d bytes %d are sent (%v)", readFirst, len(content), err)
		}
		content, err = send(once(strings.NewReader(large)), readFirst)
		if begun := readFirst > 1000; begun && (err == nil || !strings.Contains(err.Error(), "cannot seek")) || !begun && err != nil {
			t.Errorf("of one that serves once, %d are sent after %d (%v)", len(content), readFirst, err)
		}
	}
}
