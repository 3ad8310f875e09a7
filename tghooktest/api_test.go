package tghooktest_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook/tghooktest"
)

func dial(tb testing.TB, s *tghooktest.Server) (net.Conn, error) {
	tb.Helper()
	return new(net.Dialer).DialContext(tb.Context(), "tcp", strings.TrimPrefix(s.URL, "http://"))
}

// raw sends a request unchanged, and returns the answer. Then the connection must carry the
// same request once more, or end if closes is true.
func raw(tb testing.TB, s *tghooktest.Server, request string, closes bool) (head, body string) {
	tb.Helper()
	conn, err := dial(tb, s)
	require.NoError(tb, err)
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(limit))
	in := bufio.NewReader(conn)
	head, body = exchange(tb, conn, in, request)
	if !closes {
		exchange(tb, conn, in, request)
	} else if _, err := in.ReadByte(); !errors.Is(err, io.EOF) && !isReset(err) {
		tb.Errorf("%.80q: the connection stays: %v", request, err)
	}
	return head, body
}

func exchange(tb testing.TB, conn net.Conn, in *bufio.Reader, request string) (head, body string) {
	tb.Helper()
	if _, err := io.WriteString(conn, request); err != nil {
		tb.Fatal(err)
	}
	length := 0
	for {
		line, err := in.ReadString('\n')
		require.NoError(tb, err, head+line)
		if line == "\r\n" {
			break
		}
		head += line
		_, _ = fmt.Sscanf(line, "Content-Length: %d", &length)
	}
	content := make([]byte, length)
	if _, err := io.ReadFull(in, content); err != nil {
		tb.Fatal(err)
	}
	return head, string(content)
}

func TestTheEnvelopeIsTelegrams(t *testing.T) {
	t.Parallel()
	s := tghooktest.NewServer(t)
	head, body := raw(t, s, "GET /bot"+s.Token+"/deleteWebhook HTTP/1.1\r\nHost: localhost\r\n\r\n", false)
	assert.JSONEq(t, `{"ok":true,"result":true,"description":"Webhook is already deleted"}`, body, "body")
	assert.Equal(t, fmt.Sprintf("HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: %d\r\nContent-Type: application/json\r\n", len(body)), head, "head")

	s.FailCalls(1, tghooktest.CallError{RetryAfter: 1500 * time.Millisecond})
	head, body = raw(t, s, "GET /bot"+s.Token+"/getMe HTTP/1.1\r\nHost: localhost\r\n\r\n", false)
	assert.JSONEq(t, `{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 2","parameters":{"retry_after":2}}`, body, "body")
	assert.True(t, strings.HasPrefix(head, "HTTP/1.1 429 Too Many Requests\r\n"))
	assert.Contains(t, head, "\r\nRetry-After: 2\r\n")
}

func TestOtherMethodsOfHTTPAreAnsweredWithoutABody(t *testing.T) {
	t.Parallel()
	s := tghooktest.NewServer(t)
	for _, method := range []string{"PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"} {
		head, body := raw(t, s, method+" /bot"+s.Token+"/getMe HTTP/1.1\r\nHost: localhost\r\n\r\n", true)
		assert.Truef(t, strings.HasPrefix(head, "HTTP/1.1 501 "), "%v %v", method, body)
		assert.Emptyf(t, body, "%v %v", method, head)
	}
}

func TestWhatCannotBeParsedIsAnsweredWithoutABody(t *testing.T) {
	t.Parallel()
	s := tghooktest.NewServer(t)
	for request, status := range map[string]string{
		"Content-Type: multipart/form-data\r\nContent-Length: 2\r\n\r\nxx":                                                        "400",
		"Content-Type: application/json\r\nContent-Encoding: br\r\nContent-Length: 2\r\n\r\n{}":                                   "415",
		"Content-Type: application/json\r\nContent-Length: 1048577\r\n\r\n{\"text\":\"" + strings.Repeat("x", 1048577-11) + "\"}": "413",
	} {
		head, body := raw(t, s, "POST /bot"+s.Token+"/sendMessage HTTP/1.1\r\nHost: localhost\r\n"+request, true)
		assert.Truef(t, strings.HasPrefix(head, "HTTP/1.1 "+status+" "), "%v %v", request, body)
		assert.Emptyf(t, body, "%v %v", request, head)
	}
	assert.Empty(t, s.Calls(), "calls")
}

func TestPathsAreReadAsTelegramReadsThem(t *testing.T) {
	t.Parallel()
	const token = "12345:stand_in_token_x"
	s := tghooktest.NewServer(t, tghooktest.ServerConfig{Token: token})
	ok := `200 {"ok":true,"result":true,"description":"Webhook is already deleted"}`
	notFound, noMethod := refused(404, "Not Found"), refused(404, "Not Found: method not found")
	invalid, unknown := refused(401, "Unauthorized: invalid token specified"), refused(401, "Unauthorized")
	elsewhere := refused(421, "Misdirected Request: unallowed token specified")
	for path, want := range map[string]string{
		"/bot" + token + "/deleteWebhook":                           ok,
		"/bot" + token + "/DELETEwebhook":                           ok,
		"/bot" + token + "/test/deleteWebhook":                      ok,
		"/bot12345%3Astand_in_token_x/deleteWebhook":                ok,
		"/bot" + token + "/?method=deleteWebhook":                   ok,
		"/bot" + token + "/test/?method=deleteWebhook":              ok,
		"/bot" + token + "/deleteWebhook?method=none":               ok,
		"/bot" + token + "/none":                                    noMethod,
		"/bot" + token + "/":                                        noMethod,
		"/bot" + token + "/deleteWebhook/":                          noMethod,
		"/bot" + token + "/testing":                                 notFound,
		"/bot" + token + "/test":                                    notFound,
		"/bot" + token:                                              notFound,
		"/":                                                         notFound,
		"/BOT" + token + "/getMe":                                   notFound,
		"/x/bot" + token + "/getMe":                                 notFound,
		"/bot/getMe":                                                invalid,
		"/bot12345/getMe":                                           invalid,
		"/bot012345:stand_in_token_x/getMe":                         invalid,
		"/bot0:stand_in_token_x/none":                               invalid,
		"/bot-1:stand_in_token_x/getMe":                             invalid,
		"/bot1:stand_in_token" + strings.Repeat("x", 67) + "/getMe": invalid,
		"/bot1:stand_in_token" + strings.Repeat("x", 64) + "/getMe": unknown,
		"/botone:stand_in_token_x/getMe":                            elsewhere,
		"/bot12345:stand_in_token_y/getMe":                          unknown,
		"/bot12345:stand_in_token_y/none":                           unknown,
		"/bot99999999999999999999:stand_in_token_x/getMe":           elsewhere,
	} {
		assert.Equalf(t, want, do(t, s, request(t, s, path)), "%s", path)
	}
	head, body := raw(t, s, "GET http://localhost/bot"+token+"/getMe HTTP/1.1\r\nHost: localhost\r\n\r\n", false)
	assert.JSONEq(t, `{"ok":false,"error_code":404,"description":"Not Found: absolute URI is specified in the Request-Line"}`, body, head)
}

func TestABodyMayComeInChunks(t *testing.T) {
	t.Parallel()
	s := tghooktest.NewServer(t)
	body := struct{ io.Reader }{strings.NewReader("action=typing")} // net/http cannot see its length
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/bot"+s.Token+"/sendChatAction", body)
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	do(t, s, r)
	assert.Equal(t, "typing", s.ExpectCall(t, "sendChatAction").Params["action"], "action")
}

func TestTheFirstOfSeveralValuesIsTaken(t *testing.T) {
	t.Parallel()
	s := tghooktest.NewServer(t)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/bot"+s.Token+"/sendchataction?chat_id=1&chat_id=2",
		strings.NewReader(`{"chat_id":3,"action":"typing","action":"x","nested":{"a":[1, 2]},"none":null}`))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	do(t, s, r)
	call := s.ExpectCall(t, "sendChatAction")
	assert.Equal(t, "sendChatAction", call.Method, "method")
	want := map[string]string{"chat_id": "1", "action": "typing", "nested": `{"a":[1, 2]}`, "none": "null"}
	for name, value := range want {
		assert.Equal(t, value, call.Params[name])
	}
}
