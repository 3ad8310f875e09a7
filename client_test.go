package tghook_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/rig"
)

func TestCallSendsWhateverEncodesToAnObject(t *testing.T) {
	t.Parallel()
	type sendMessage struct {
		ChatID  int64   `json:"chat_id"`
		Text    string  `json:"text"`
		ReplyTo *int64  `json:"reply_to"`
		Markup  any     `json:"reply_markup,omitempty"`
		Note    *string `json:"-"`
	}
	tests := map[string]struct {
		params any
		want   string
	}{
		"nothing":           {nil, `{"method":"sendMessage"}`},
		"a nil of a type":   {(*sendMessage)(nil), `{"method":"sendMessage"}`},
		"a nil map":         {map[string]string(nil), `{"method":"sendMessage"}`},
		"a struct":          {sendMessage{ChatID: 7, Text: "hi"}, `{"method":"sendMessage","chat_id":7,"text":"hi"}`},
		"a pointer":         {&sendMessage{ChatID: 7}, `{"method":"sendMessage","chat_id":7,"text":""}`},
		"a map":             {map[string]any{"a": 1, "b": nil, "c": []int{1}}, `{"method":"sendMessage","a":1,"c":[1]}`},
		"JSON":              {json.RawMessage(`{"a":null,"b":{"c":null}}`), `{"method":"sendMessage","b":{"c":null}}`},
		"a larger id":       {map[string]int64{"chat_id": -1001234567890123}, `{"method":"sendMessage","chat_id":-1001234567890123}`},
		"a member of a map": {map[string]any{"reply_markup": sendMessage{Text: "é"}}, `{"method":"sendMessage","reply_markup":{"chat_id":0,"text":"é","reply_to":null}}`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := rig.Transport(func(r *http.Request) (*http.Response, error) {
				body, err := io.ReadAll(r.Body)
				assert.Equal(t, "POST https://api.telegram.org/bot"+rig.APIToken+"/sendMessage", r.Method+" "+r.URL.String(), "request")
				assert.Equal(t, "application/json", r.Header.Get("Content-Type"), "Content-Type")
				assert.Equal(t, test.want, string(body), "body")
				assert.Equal(t, int64(len(test.want)), r.ContentLength, "length")
				return rig.APIAnswer(200, rig.APIOK), err
			}).Client(t, tghook.ClientConfig{})
			var ok bool
			if err := c.Call(t.Context(), "sendMessage", test.params, &ok); err != nil || !ok {
				t.Error(ok, err)
			}
		})
	}
}

func TestCallIsMultipartAsSoonAsAFileIsInIt(t *testing.T) {
	t.Parallel()
	type media struct {
		Type  string      `json:"type"`
		Media tghook.File `json:"media"`
	}
	tg := rig.NewTelegram(t)
	chat := tg.User("Ann").Chat()
	chat.Send("/start")
	c := tg.Client(t, tghook.ClientConfig{})
	album := []media{{"photo", file("p.gif", "GIF89a photo")}, {"photo", file("q.gif", "GIF89a another")}}
	params := map[string]any{"chat_id": chat.ID, "caption": nil, "thumbnail": file("t.jpg", "thumb"), "media": album}
	require.NoError(t, c.Call(t.Context(), "sendMediaGroup", params, nil))
	call := tg.Calls("sendMediaGroup")[0]
	assert.Equal(t, strconv.FormatInt(chat.ID, 10), call.Params["chat_id"], "chat_id")
	if _, there := call.Params["caption"]; there {
		t.Error("a member that is null was sent")
	}
	assert.Equal(t, "thumb", string(call.Files["thumbnail"].Content), "thumbnail")
	var group []struct {
		Media string `json:"media"`
	}
	require.NoError(t, json.Unmarshal([]byte(call.Params["media"]), &group))
	part, attached := strings.CutPrefix(group[0].Media, "attach://")
	assert.True(t, attached, "reference")
	assert.Equal(t, "GIF89a photo", string(call.Files[part].Content), "attached")
}

func TestCallRefusesWhatCannotBeSentBeforeItAsks(t *testing.T) {
	t.Parallel()
	c := rig.Transport(func(*http.Request) (*http.Response, error) {
		t.Error("a request was made")
		return rig.APIAnswer(200, rig.APIOK), nil
	}).Client(t, tghook.ClientConfig{Patience: time.Hour})
	for name, call := range map[string]struct {
		method string
		params any
	}{
		"no object":      {"sendMessage", 7},
		"a list":         {"sendMessage", []string{"a"}},
		"no JSON":        {"sendMessage", map[string]any{"f": func() {}}},
		"too long":       {"sendMessage", map[string]string{"text": strings.Repeat("a", 1<<20)}},
		"a method in it": {"sendMessage", map[string]string{"method": "close"}},
		"no method":      {"", nil},
		"another path":   {"../getMe", nil},
		"a query":        {"getMe?a=b", nil},
	} {
		err := c.Call(t.Context(), call.method, call.params, nil)
		var unsendable *tghook.ReplyError
		require.ErrorAs(t, err, &unsendable, name)
		rig.KeepsToken(t, err)
	}
}

func TestCallDecodesTheResult(t *testing.T) {
	t.Parallel()
	sent := rig.Answers(200, `{"ok":true,"result":{"message_id":5,"chat":{"id":-1001234567890123}},"description":"done"}`).Client(t, tghook.ClientConfig{})
	var message struct {
		MessageID int `json:"message_id"`
		Chat      struct{ ID int64 }
	}
	require.NoError(t, sent.Call(t.Context(), "sendMessage", nil, &message))
	assert.Equal(t, 5, message.MessageID, "message_id")
	assert.Equal(t, int64(-1001234567890123), message.Chat.ID, "chat")
	var raw json.RawMessage
	require.NoError(t, sent.Call(t.Context(), "sendMessage", nil, &raw))
	assert.Equal(t, `{"message_id":5,"chat":{"id":-1001234567890123}}`, string(raw), "raw")
	if err := sent.Call(t.Context(), "sendMessage", nil, nil); err != nil {
		t.Error("a result that nobody wants:", err)
	}

	var text string
	for name, body := range map[string]string{"another type": `{"ok":true,"result":7}`, "none": `{"ok":true}`} {
		var asked atomic.Int64
		c := rig.Transport(func(*http.Request) (*http.Response, error) {
			asked.Add(1)
			return rig.APIAnswer(200, body), nil
		}).Client(t, tghook.ClientConfig{Patience: time.Hour})
		err := c.Call(t.Context(), "getChat", nil, &text)
		if err == nil || !strings.HasPrefix(err.Error(), "tghook: getChat: decode the result: ") {
			t.Errorf("%s: %v", name, err)
		}
		assert.Equal(t, int64(1), asked.Load(), name+": requests")
		rig.KeepsToken(t, err)
	}
}

func TestARefusalIsAnAPIError(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		status int
		body   string
		want   tghook.APIError
		text   string
	}{
		"a bad request": {
			400, `{"ok":false,"error_code":400,"description":"Bad Request: chat not found"}`,
			tghook.APIError{Method: "sendMessage", Code: 400, Description: "Bad Request: chat not found"},
			"tghook: sendMessage: 400 Bad Request: chat not found",
		},
		"too many requests": {
			429, `{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 35","parameters":{"retry_after":35}}`,
			tghook.APIError{Method: "sendMessage", Code: 429, Description: "Too Many Requests: retry after 35", RetryAfter: 35 * time.Second},
			"tghook: sendMessage: 429 Too Many Requests: retry after 35",
		},
		"a group that has moved": {
			400, `{"ok":false,"error_code":400,"description":"Bad Request: group chat was upgraded to a supergroup chat","parameters":{"migrate_to_chat_id":-1001234567890123}}`,
			tghook.APIError{Method: "sendMessage", Code: 400, Description: "Bad Request: group chat was upgraded to a supergroup chat", MigrateToChatID: -1001234567890123},
			"tghook: sendMessage: 400 Bad Request: group chat was upgraded to a supergroup chat",
		},
		"without a code": {
			403, `{"ok":false,"description":"Forbidden: bot was blocked by the user"}`,
			tghook.APIError{Method: "sendMessage", Code: 403, Description: "Forbidden: bot was blocked by the user"},
			"tghook: sendMessage: 403 Forbidden: bot was blocked by the user",
		},
		"the longest wait": {
			429, `{"ok":false,"error_code":429,"description":"","parameters":{"retry_after":4294967295}}`,
			tghook.APIError{Method: "sendMessage", Code: 429, RetryAfter: 4294967295 * time.Second},
			"tghook: sendMessage: 429 ",
		},
		"a proxy's page": {
			502, "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>",
			tghook.APIError{Method: "sendMessage", Code: 502, Description: `(Bad Gateway) 74 bytes are not an answer of the Bot API: "<html><head><title>502 Bad Gateway</title></head><body>nginx</bo"`},
			"",
		},
		"no body":             {413, "", tghook.APIError{Method: "sendMessage", Code: 413, Description: `(Request Entity Too Large) 0 bytes are not an answer of the Bot API: ""`}, ""},
		"half an envelope":    {200, `{"ok":true,"resu`, tghook.APIError{Method: "sendMessage", Code: 200, Description: `(OK) 16 bytes are not an answer of the Bot API: "{\"ok\":true,\"resu"`}, ""},
		"a list":              {200, `[true]`, tghook.APIError{Method: "sendMessage", Code: 200, Description: `(OK) 6 bytes are not an answer of the Bot API: "[true]"`}, ""},
		"something of others": {200, `{"status":"up"}`, tghook.APIError{Method: "sendMessage", Code: 200, Description: `(OK) 15 bytes are not an answer of the Bot API: "{\"status\":\"up\"}"`}, ""},
		"ok of another type":  {200, `{"ok":"true"}`, tghook.APIError{Method: "sendMessage", Code: 200, Description: `(OK) 13 bytes are not an answer of the Bot API: "{\"ok\":\"true\"}"`}, ""},
		"a wait below zero":   {429, `{"ok":false,"parameters":{"retry_after":-1}}`, tghook.APIError{Method: "sendMessage", Code: 429, Description: `(Too Many Requests) 44 bytes are not an answer of the Bot API: "{\"ok\":false,\"parameters\":{\"retry_after\":-1}}"`}, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := rig.Answers(test.status, test.body).Client(t, tghook.ClientConfig{})
			err := c.Call(t.Context(), "sendMessage", nil, new(bool))
			var refused *tghook.APIError
			if !errors.As(err, &refused) {
				t.Fatal(err)
			}
			told := tghook.APIError{
				Method: refused.Method, Code: refused.Code, Description: refused.Description,
				RetryAfter: refused.RetryAfter, MigrateToChatID: refused.MigrateToChatID,
			}
			assert.Equal(t, test.want, told, "error")
			if test.text != "" {
				assert.Equal(t, test.text, err.Error(), "text")
			}
		})
	}
}

// endlessAnswer is an answer that goes on, and counts how much of it was read.
type endlessAnswer struct {
	start string
	read  int
}

func (e *endlessAnswer) Read(p []byte) (int, error) {
	n := copy(p, e.start[min(e.read, len(e.start)):])
	if n == 0 {
		n = copy(p, filler)
	}
	e.read += n
	return n, nil
}

func (*endlessAnswer) Close() error { return nil }

var filler = bytes.Repeat([]byte("a"), 64<<10)

func TestAnAnswerHas32MiBAtMost(t *testing.T) {
	t.Parallel()
	const most = 32 << 20
	largest := `{"ok":true,"result":"` + strings.Repeat("a", most-len(`{"ok":true,"result":""}`)) + `"}`
	var text string
	require.NoError(t, rig.Answers(200, largest).Client(t, tghook.ClientConfig{}).Call(t.Context(), "getChat", nil, &text))
	assert.Len(t, text, most-len(`{"ok":true,"result":""}`), "the largest")

	body := &endlessAnswer{start: `{"ok":true,"result":"`}
	var asked atomic.Int64
	c := rig.Transport(func(*http.Request) (*http.Response, error) {
		asked.Add(1)
		return &http.Response{StatusCode: http.StatusOK, Body: body}, nil
	}).Client(t, tghook.ClientConfig{Patience: time.Hour})
	err := c.Call(t.Context(), "getChat", nil, &text)
	var refused *tghook.APIError
	if !errors.As(err, &refused) || refused.Code != 200 || !strings.Contains(refused.Description, "33554432 bytes are not an answer") {
		t.Error(err)
	}
	assert.Equal(t, most, body.read, "bytes read")
	assert.Equal(t, int64(1), asked.Load(), "requests")
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	var visited atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visited.Add(1) }))
	t.Cleanup(elsewhere.Close)
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, location := range []string{elsewhere.URL + "/bot" + rig.APIToken + "/getMe", "http://[::1/" + rig.APIToken, ""} {
			server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
				if location != "" {
					rw.Header().Set("Location", location)
				}
				rw.WriteHeader(status)
				fmt.Fprintf(rw, `<a href="%s">Moved</a>`, location)
			}))
			c := rig.NewClient(t, tghook.ClientConfig{BaseURL: server.URL, HTTP: &http.Client{
				Transport:     plainClient(t).Transport,
				CheckRedirect: func(*http.Request, []*http.Request) error { t.Error("asked the user's CheckRedirect"); return nil },
			}})
			_, err := c.GetMe(t.Context())
			rig.KeepsToken(t, err)
			var refused *tghook.APIError
			if !errors.As(err, &refused) && !strings.HasPrefix(location, "http://[") || refused != nil && refused.Code != status {
				t.Errorf("%d to %q: %v", status, strings.ReplaceAll(location, rig.APIToken, "TOKEN"), err)
			}
			server.Close()
		}
	}
	assert.Equal(t, int64(0), visited.Load(), "requests elsewhere")
}

func TestTheUsersHTTPClientIsNotChanged(t *testing.T) {
	t.Parallel()
	user := &http.Client{Timeout: time.Minute}
	rig.NewClient(t, tghook.ClientConfig{HTTP: user})
	assert.Nil(t, user.CheckRedirect, "it follows no redirects any more")
}

// tellingError has the token in its words, as those of transports that name the
// request in their errors.
type tellingError struct {
	url string
	err error
}

func (e *tellingError) Error() string { return "POST " + e.url + ": " + e.err.Error() }
func (e *tellingError) Unwrap() error { return e.err }

// holdingError has the token in a field, and not in its words.
type holdingError struct{ URL string }

func (holdingError) Error() string { return "held" }

// hidingError wraps another of which it does not tell the words.
type hidingError struct{ err error }

func (*hidingError) Error() string   { return "hidden" }
func (e *hidingError) Unwrap() error { return e.err }

// brokenAnswer breaks off.
type brokenAnswer struct{ err error }

func (b brokenAnswer) Read([]byte) (int, error) { return 0, b.err }
func (brokenAnswer) Close() error               { return nil }

func TestNoErrorTellsTheToken(t *testing.T) {
	t.Parallel()
	const tokenURL = "https://api.telegram.org/bot" + rig.APIToken + "/getMe"
	fails := func(err error) rig.Transport {
		return func(*http.Request) (*http.Response, error) { return nil, err }
	}
	tests := map[string]struct {
		api  rig.Transport
		want error // that the error must be, too
		text string
	}{
		"a transport's":       {fails(io.ErrUnexpectedEOF), io.ErrUnexpectedEOF, "tghook: getMe: unexpected EOF"},
		"one that names it":   {fails(&tellingError{tokenURL, context.Canceled}), context.Canceled, "tghook: getMe: POST https://api.telegram.org/bot<token>/getMe: context canceled"},
		"named twice":         {fails(fmt.Errorf("a %w", &tellingError{tokenURL, &tellingError{rig.APISecret, syscall.ECONNRESET}})), syscall.ECONNRESET, ""},
		"joined":              {fails(errors.Join(errors.New(tokenURL), os.ErrClosed, &tellingError{tokenURL, io.EOF})), io.EOF, ""},
		"the other joined":    {fails(errors.Join(errors.New(tokenURL), os.ErrClosed, &tellingError{tokenURL, io.EOF})), os.ErrClosed, ""},
		"in a field":          {fails(holdingError{tokenURL}), nil, "tghook: getMe: held"},
		"in a field, wrapped": {fails(fmt.Errorf("b: %w", holdingError{tokenURL})), nil, "tghook: getMe: b: held"},
		"hidden, but wrapped": {fails(&hidingError{&hidingError{&tellingError{tokenURL, io.EOF}}}), io.EOF, "tghook: getMe: hidden"},
		"escaped":             {fails(errors.New("https://api.telegram.org/bot7244100913%3A" + rig.APISecret + "/getMe")), nil, "tghook: getMe: https://api.telegram.org/bot<token>/getMe"},
		"an inner url.Error":  {fails(&url.Error{Op: "Post", URL: tokenURL, Err: io.EOF}), io.EOF, `tghook: getMe: Post "https://api.telegram.org/bot<token>/getMe": EOF`},
		"while reading": {func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusOK, Body: brokenAnswer{&tellingError{tokenURL, io.ErrUnexpectedEOF}}}, nil
		}, io.ErrUnexpectedEOF, ""},
		"a page that shows the path": {
			rig.Answers(404, "<h1>Not found: /bot"+rig.APIToken+"/getMe</h1>"), nil,
			`tghook: getMe: 404 (Not Found) 77 bytes are not an answer of the Bot API: "<h1>Not found: /bot<token>/getMe</h1>"`,
		},
		"a page that is cut off in it": {
			rig.Answers(404, "<h1>Not found: /bot"+rig.APIToken[:20]), nil,
			`tghook: getMe: 404 (Not Found) 39 bytes are not an answer of the Bot API: "<h1>Not found: /bot<token>"`,
		},
		"one where an excerpt would cut it": {rig.Answers(404, strings.Repeat("a", 40)+rig.APIToken), nil, ""},
		"a description": {
			rig.Answers(404, `{"ok":false,"error_code":404,"description":"Not Found: `+rig.APIToken+`"}`), nil,
			`tghook: getMe: 404 Not Found: <token>`,
		},
		"a result": {rig.Answers(200, `{"ok":true,"result":"`+rig.APIToken+`"}`), nil, ""},
	}
	for name, test := range tests {
		c := test.api.Client(t, tghook.ClientConfig{})
		_, err := c.GetMe(t.Context())
		rig.KeepsToken(t, err)
		if test.want != nil && !errors.Is(err, test.want) {
			t.Errorf("%s: %v is not %v", name, err, test.want)
		}
		if test.text != "" && err.Error() != test.text {
			t.Errorf("%s: %v", name, err)
		}
	}

	c := rig.Answers(200, `{"ok":true,"result":"2006"}`).Client(t, tghook.ClientConfig{})
	result := c.Call(t.Context(), "getMe", nil, new(telling))
	download := tghook.File{Name: "a.txt", Body: &brokenAnswer{&tellingError{"https://api.telegram.org/file/bot" + rig.APIToken + "/a.txt", io.ErrClosedPipe}}}
	upload := rig.NewTelegram(t).Client(t, tghook.ClientConfig{}).Call(t.Context(), "sendDocument", map[string]any{"document": download}, nil)
	rig.KeepsToken(t, result)
	rig.KeepsToken(t, upload)
	if !errors.Is(result, io.EOF) || !errors.Is(upload, io.ErrClosedPipe) {
		t.Error(result, upload)
	}
}

// telling is a result whose decoder tells the token.
type telling struct{}

func (*telling) UnmarshalJSON([]byte) error { return &tellingError{rig.APIToken, io.EOF} }

// accepted serves each connection to a listener on loopback with f, and is its
// URL.
func accepted(t *testing.T, f func(net.Conn)) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var served sync.WaitGroup
	served.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			served.Go(func() {
				defer conn.Close()
				f(conn)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		served.Wait()
	})
	return "http://" + l.Addr().String()
}

// after answers a request that has come as a whole with what a server says.
func after(says string) func(net.Conn) {
	return func(conn net.Conn) {
		head, _ := http.ReadRequest(bufio.NewReader(conn))
		if head != nil {
			_, _ = io.Copy(io.Discard, head.Body)
			_, _ = io.WriteString(conn, strings.ReplaceAll(says, "PATH", head.RequestURI))
		}
	}
}

// atOnce says something without having heard anything.
func atOnce(says string) func(net.Conn) {
	return func(conn net.Conn) { _, _ = io.WriteString(conn, says) }
}

// silence answers nothing until the other side goes.
func silence(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

func TestNoFailureOfTheNetworkTellsTheToken(t *testing.T) {
	t.Parallel()
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	const nobody = "http://127.0.0.1:1" // a port that none is given
	through := func(proxy string) func(*http.Transport) {
		return func(t *http.Transport) {
			t.Proxy = func(*http.Request) (*url.URL, error) { return url.Parse(proxy) }
		}
	}
	tests := map[string]struct {
		base   string
		change func(*http.Transport)
		want   error
		api    int // the code of an APIError
	}{
		"nobody listens":   {base: nobody, want: syscall.ECONNREFUSED},
		"an unknown host":  {base: "https://api.telegram.org", change: func(t *http.Transport) { t.DialContext = unknownHost }},
		"a strange issuer": {base: secure.URL},
		"no TLS there":     {base: strings.Replace(accepted(t, atOnce("HTTP/1.1 400 Bad Request\r\n\r\n")), "http", "https", 1)},
		"TLS there":        {base: strings.Replace(secure.URL, "https", "http", 1), api: 400},
		"hung up":          {base: accepted(t, after("")), want: io.EOF},
		"no HTTP":          {base: accepted(t, after("hello PATH\r\n\r\n"))},
		"a wrong status":   {base: accepted(t, after("HTTP/1.1 PATH\r\n\r\n"))},
		"a wrong length":   {base: accepted(t, after("HTTP/1.1 200 OK\r\nContent-Length: PATH\r\n\r\n"))},
		"a wrong header":   {base: accepted(t, after("HTTP/1.1 200 OK\r\nPATH\r\n\r\n"))},
		"cut off":          {base: accepted(t, after("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"ok\":true,\"PATH")), want: io.ErrUnexpectedEOF},
		"a wrong chunk":    {base: accepted(t, after("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nPATH\r\n"))},
		"no gzip":          {base: accepted(t, after("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 40\r\n\r\nPATH"))},
		"a slow answer": {
			base: accepted(t, silence), want: context.DeadlineExceeded,
			change: func(t *http.Transport) { t.ResponseHeaderTimeout = time.Millisecond },
		},
		"a status that shows the path": {base: accepted(t, after("HTTP/1.1 404 PATH\r\nContent-Length: 0\r\n\r\n")), api: 404},
		"a proxy that refuses": {
			base: "https://api.telegram.org", change: through(accepted(t, after("HTTP/1.1 403 Forbidden PATH "+rig.APIToken+"\r\n\r\n"))),
		},
		"a proxy that is not there":       {base: "https://api.telegram.org", change: through(nobody), want: syscall.ECONNREFUSED},
		"a proxy that hangs up":           {base: "https://api.telegram.org", change: through(accepted(t, after("")))},
		"a proxy that sees the path":      {base: "http://127.0.0.1:8081", change: through(accepted(t, after("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 90\r\n\r\nNo host for PATH"))), api: 502},
		"a SOCKS proxy that is none":      {base: "https://api.telegram.org", change: through(strings.Replace(accepted(t, atOnce("HTTP/1.1 400 Bad Request\r\n\r\n")), "http", "socks5", 1))},
		"a proxy with a wrong address":    {base: "https://api.telegram.org", change: through("gopher://127.0.0.1")},
		"a proxy that cannot be told":     {base: "https://api.telegram.org", change: func(t *http.Transport) { t.Proxy = tellingProxy }},
		"a server that asks for HTTP/9.9": {base: accepted(t, after("HTTP/9.9 505 HTTP Version PATH Not Supported\r\n\r\n")), api: 505},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			transport := plainClient(t).Transport.(*http.Transport)
			if test.change != nil {
				test.change(transport)
			}
			c := rig.NewClient(t, tghook.ClientConfig{BaseURL: test.base, HTTP: &http.Client{Transport: transport}})
			_, err := c.GetMe(t.Context())
			rig.KeepsToken(t, err)
			var refused *tghook.APIError
			if errors.As(err, &refused) != (test.api != 0) || refused != nil && refused.Code != test.api {
				t.Errorf("%v, want an *APIError with code %d", err, test.api)
			}
			if test.want != nil && !errors.Is(err, test.want) {
				t.Errorf("%v is not %v", err, test.want)
			}
			if !strings.HasPrefix(err.Error(), "tghook: getMe: ") {
				t.Error(err)
			}
		})
	}
}

func unknownHost(_ context.Context, network, _ string) (net.Conn, error) {
	return nil, &net.OpError{Op: "dial", Net: network, Err: &net.DNSError{Err: "no such host", Name: "api.telegram.org", IsNotFound: true}}
}

func tellingProxy(r *http.Request) (*url.URL, error) {
	return nil, fmt.Errorf("no proxy for %s", r.URL)
}

func TestTheEndOfAContextIsFoundInTheError(t *testing.T) {
	t.Parallel()
	errStop := errors.New("stop")
	begun := make(chan struct{}, 100)
	server := accepted(t, func(conn net.Conn) {
		begun <- struct{}{}
		silence(conn)
	})
	halfway := accepted(t, func(conn net.Conn) {
		after("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{")(conn)
		begun <- struct{}{}
		silence(conn)
	})
	call := func(ctx context.Context, base string) error {
		_, err := rig.NewClient(t, tghook.ClientConfig{BaseURL: base, HTTP: plainClient(t), Patience: time.Hour}).GetMe(ctx)
		rig.KeepsToken(t, err)
		return err
	}
	for name, test := range map[string]struct {
		base string
		end  func(ctx context.Context) (context.Context, func())
		want []error
	}{
		"cancelled before": {server, func(ctx context.Context) (context.Context, func()) {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			return ctx, nil
		}, []error{context.Canceled}},
		"too late before": {server, func(ctx context.Context) (context.Context, func()) {
			ctx, cancel := context.WithDeadline(ctx, time.Now().Add(-time.Hour))
			t.Cleanup(cancel)
			return ctx, nil
		}, []error{context.DeadlineExceeded}},
		"cancelled": {server, func(ctx context.Context) (context.Context, func()) {
			return context.WithCancel(ctx)
		}, []error{context.Canceled}},
		"cancelled for a cause": {server, func(ctx context.Context) (context.Context, func()) {
			ctx, cancel := context.WithCancelCause(ctx)
			return ctx, func() { cancel(errStop) }
		}, []error{context.Canceled, errStop}},
		"cancelled halfway": {halfway, func(ctx context.Context) (context.Context, func()) {
			ctx, cancel := context.WithCancelCause(ctx)
			return ctx, func() { cancel(errStop) }
		}, []error{context.Canceled, errStop}},
		"too late": {accepted(t, silence), func(ctx context.Context) (context.Context, func()) {
			ctx, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
			t.Cleanup(cancel)
			return ctx, nil
		}, []error{context.DeadlineExceeded}},
		"a handler's timeout": {accepted(t, silence), func(ctx context.Context) (context.Context, func()) {
			ctx, cancel := context.WithTimeoutCause(ctx, 50*time.Millisecond, tghook.ErrHandlerTimeout)
			t.Cleanup(cancel)
			return ctx, nil
		}, []error{context.DeadlineExceeded, tghook.ErrHandlerTimeout}},
	} {
		ctx, end := test.end(t.Context())
		failed := make(chan error, 1)
		go func() { failed <- call(ctx, test.base) }()
		if end != nil {
			rig.Receive(t, "the request of what is "+name, begun)
			end()
		}
		err := rig.Receive(t, "the end of what is "+name, failed)
		for _, want := range test.want {
			assert.ErrorIs(t, err, want)
		}
	}
}

func TestAClientsOwnTimeoutIsADeadline(t *testing.T) {
	t.Parallel()
	for name, base := range map[string]string{
		"before the answer": accepted(t, silence),
		"within it": accepted(t, func(conn net.Conn) {
			after("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{")(conn)
			silence(conn)
		}),
	} {
		user := plainClient(t)
		user.Timeout = 50 * time.Millisecond
		_, err := rig.NewClient(t, tghook.ClientConfig{BaseURL: base, HTTP: user}).GetMe(t.Context())
		rig.KeepsToken(t, err)
		var timeout net.Error
		if !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAClientIsPrintedWithoutItsToken(t *testing.T) {
	t.Parallel()
	c := rig.NewTelegram(t).Client(t, tghook.ClientConfig{Patience: time.Minute})
	for _, v := range []any{c, *c, []*tghook.Client{c}, struct{ C *tghook.Client }{c}, map[string]any{"client": *c}} {
		for _, text := range rig.Printings(v) {
			assert.Falsef(t, rig.Leaks(text), "a %T", v)
		}
	}
	assert.Equal(t, int64(7244100913), c.Bot(), "bot")
	assert.Equal(t, "Bot API client of bot 7244100913", fmt.Sprintf("%v", c), "%v")
	assert.Equal(t, "Bot API client of bot 7244100913", fmt.Sprintf("%#v", c), "%#v")
	encoded, err := json.Marshal(map[string]any{"client": c})
	assert.Equal(t, `{"client":{}}`, string(encoded), "JSON")
	assert.NoError(t, err, "its error")
}

func TestNewClientNamesEveryMistakeAndNoToken(t *testing.T) {
	t.Parallel()
	longest := "7:" + rig.APISecret + strings.Repeat("a", 80-len("7:"+rig.APISecret))
	for _, token := range []string{
		"", ":", "7244100913", rig.APISecret, "7244100913:", ":" + rig.APISecret, "0:" + rig.APISecret, "-7:" + rig.APISecret, "+7:" + rig.APISecret,
		"07:" + rig.APISecret, "7 :" + rig.APISecret, "x:" + rig.APISecret, "99999999999999999999:" + rig.APISecret, rig.APIToken + "\n", " " + rig.APIToken,
		"bot" + rig.APIToken, rig.APIToken + "/test", rig.APIToken + ":a", rig.APIToken + "?", rig.APIToken + "é", longest + "a",
	} {
		c, err := tghook.NewClient(token, tghook.ClientConfig{})
		mistakes := rig.ConfigErrors(t, err)
		if c != nil || len(mistakes) != 1 || mistakes[0].Field != "token" {
			t.Errorf("a token of %d bytes: %v", len(token), err)
			continue
		}
		rig.KeepsToken(t, err)
	}
	if _, err := tghook.NewClient(longest, tghook.ClientConfig{}); err != nil {
		t.Error("the longest token:", err)
	}

	for _, base := range []string{
		"api.telegram.org", "//api.telegram.org", "ftp://api.telegram.org", "http://", "http:/bots", "https://h/?", "https://h/?a=b", "https://h/#",
		"http://h/%zz", "http://user:" + rig.APISecret + "@[::1/", "https://h:port",
	} {
		c, err := tghook.NewClient("no "+rig.APIToken, tghook.ClientConfig{BaseURL: base, Patience: -1})
		assert.Equal(t, []string{"token", "ClientConfig.BaseURL", "ClientConfig.Patience"}, rig.Mistaken(t, err), "mistakes with "+strings.ReplaceAll(base, rig.APISecret, "SECRET"))
		rig.KeepsToken(t, err)
		assert.Nil(t, c, "a client")
	}
}

func TestABaseURLMayHaveAPathAndTheTestEnvironmentAPathOfItsOwn(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		cfg  tghook.ClientConfig
		want string
	}{
		"Telegram's":          {tghook.ClientConfig{}, "https://api.telegram.org/bot" + rig.APIToken + "/getMe"},
		"the test servers":    {tghook.ClientConfig{TestEnvironment: true}, "https://api.telegram.org/bot" + rig.APIToken + "/test/getMe"},
		"a server of one's":   {tghook.ClientConfig{BaseURL: "http://localhost:8081"}, "http://localhost:8081/bot" + rig.APIToken + "/getMe"},
		"with a slash":        {tghook.ClientConfig{BaseURL: "http://localhost:8081/"}, "http://localhost:8081/bot" + rig.APIToken + "/getMe"},
		"with a path":         {tghook.ClientConfig{BaseURL: "https://h.example/bots/api"}, "https://h.example/bots/api/bot" + rig.APIToken + "/getMe"},
		"with both":           {tghook.ClientConfig{BaseURL: "https://h.example/api/", TestEnvironment: true}, "https://h.example/api/bot" + rig.APIToken + "/test/getMe"},
		"by IPv6":             {tghook.ClientConfig{BaseURL: "http://[::1]:8081"}, "http://[::1]:8081/bot" + rig.APIToken + "/getMe"},
		"in capital letters":  {tghook.ClientConfig{BaseURL: "HTTP://localhost:8081"}, "http://localhost:8081/bot" + rig.APIToken + "/getMe"},
		"with an escape code": {tghook.ClientConfig{BaseURL: "http://localhost/a%2Fb"}, "http://localhost/a%2Fb/bot" + rig.APIToken + "/getMe"},
	} {
		asked := ""
		_, err := rig.Transport(func(r *http.Request) (*http.Response, error) {
			asked = r.URL.String()
			return rig.APIAnswer(200, `{"ok":true,"result":{"id":1}}`), nil
		}).Client(t, test.cfg).GetMe(t.Context())
		require.NoError(t, err)
		assert.Equal(t, test.want, asked, name)
	}
}

func TestCallsMayBeMadeAtOnce(t *testing.T) {
	t.Parallel()
	tg := rig.NewTelegram(t)
	c := tg.Client(t, tghook.ClientConfig{Patience: time.Minute})
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if _, err := c.GetMe(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	assert.Len(t, tg.Calls("getMe"), 20, "calls")
}

// FuzzAnswer gives a Client answers of all sorts: a result, or an error that says
// what came. Nothing else may happen.
func FuzzAnswer(f *testing.F) {
	for _, body := range []string{
		rig.APIOK, `{"ok":true,"result":{"id":1,"first_name":"Bot"}}`, `{"ok":false,"error_code":429,"description":"wait","parameters":{"retry_after":5}}`,
		`{"ok":false,"error_code":400,"parameters":{"migrate_to_chat_id":-1001234567890123}}`, `{"ok":null}`, `{"ok":true}`, `null`, `[]`, ``, `<html>`,
		`{"ok":true,"result":`, `{"OK":true,"ok":false}`, `{"ok":false,"error_code":"x"}`, "\xff\xfe{}", `{"ok":true,"result":null}x`, "/botTOKEN/getChat",
	} {
		for _, status := range []uint16{200, 302, 429, 502} {
			f.Add(status, []byte(body))
		}
	}
	f.Fuzz(func(t *testing.T, status uint16, body []byte) {
		if rig.Leaks(string(body)) {
			return // of the fuzzer's own making
		}
		body = bytes.ReplaceAll(body, []byte("TOKEN"), []byte(rig.APIToken))
		c := rig.Transport(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: int(status), Body: io.NopCloser(bytes.NewReader(body))}, nil
		}).Client(t, tghook.ClientConfig{})
		var result json.RawMessage
		err := c.Call(t.Context(), "getChat", nil, &result)
		var envelope struct {
			OK *bool `json:"ok"`
		}
		isEnvelope := json.Unmarshal(body, &envelope) == nil && envelope.OK != nil
		var refused *tghook.APIError
		switch {
		case err == nil:
			if !isEnvelope || !*envelope.OK || !json.Valid(result) {
				t.Errorf("%q is taken for the result %q", body, result)
			}
		case errors.As(err, &refused):
			if refused.Code == 0 && status != 0 || refused.RetryAfter < 0 || refused.Method != "getChat" {
				t.Errorf("%q: %+v", body, refused)
			}
			rig.KeepsToken(t, err)
		case !isEnvelope || !*envelope.OK:
			t.Errorf("%q is no answer, but the error is %v", body, err)
		}
	})
}

// A bot library is pointed to the server of a Client by it.
func TestAClientTellsItsConfiguration(t *testing.T) {
	t.Parallel()
	cfg := tghook.ClientConfig{BaseURL: "http://localhost:8081/", TestEnvironment: true, Local: true, Patience: time.Second}
	assert.Equal(t, cfg, rig.NewClient(t, cfg).Config())
	cfg.BaseURL = ""
	assert.Equal(t, "https://api.telegram.org", rig.NewClient(t, cfg).Config().BaseURL)
}
