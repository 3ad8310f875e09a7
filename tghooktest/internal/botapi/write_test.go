package botapi_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

func TestAnswersAreTelegramsBytes(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		write func(http.ResponseWriter)
		want  string
	}{
		{
			func(w http.ResponseWriter) { botapi.WriteResult(w, json.RawMessage(`true`), "") },
			"200 OK|Connection: keep-alive|Content-Length: 25|Content-Type: application/json||{\"ok\":true,\"result\":true}",
		},
		{
			func(w http.ResponseWriter) { botapi.WriteResult(w, json.RawMessage(`true`), "Webhook was set") },
			"200 OK|Connection: keep-alive|Content-Length: 57|Content-Type: application/json||" +
				`{"ok":true,"result":true,"description":"Webhook was set"}`,
		},
		{
			func(w http.ResponseWriter) {
				botapi.WriteResult(w, botapi.AppendJSON(nil, []byte(`{ "text" : "`+"\u00e9\U0001f389"+` \u003cb\u003e" }`)), "\u00fc</>")
			},
			"200 OK|Connection: keep-alive|Content-Length: 80|Content-Type: application/json||" +
				`{"ok":true,"result":{"text":"\u00e9\ud83c\udf89 <b>"},"description":"\u00fc</>"}`,
		},
		{
			func(w http.ResponseWriter) {
				botapi.WriteError(w, &botapi.Error{Code: 400, Description: `Bad Request: "x" & y`})
			},
			"400 Bad Request|Connection: keep-alive|Content-Length: 68|Content-Type: application/json||" +
				`{"ok":false,"error_code":400,"description":"Bad Request: \"x\" & y"}`,
		},
		{
			func(w http.ResponseWriter) { botapi.WriteError(w, botapi.TooManyRequests(7)) },
			"429 Too Many Requests|Connection: keep-alive|Content-Length: 109|Content-Type: application/json|Retry-After: 7||" +
				`{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 7","parameters":{"retry_after":7}}`,
		},
		{
			func(w http.ResponseWriter) {
				botapi.WriteError(w, &botapi.Error{Code: 400, Description: "Bad Request: group chat was upgraded to a supergroup chat", MigrateTo: -1001234567890})
			},
			"400 Bad Request|Connection: keep-alive|Content-Length: 154|Content-Type: application/json||" +
				`{"ok":false,"error_code":400,"description":"Bad Request: group chat was upgraded to a supergroup chat","parameters":{"migrate_to_chat_id":-1001234567890}}`,
		},
		{
			func(w http.ResponseWriter) { botapi.WriteError(w, &botapi.Error{Code: 413}) },
			"413 Request Entity Too Large|Connection: close|Content-Length: 0||",
		},
	} {
		assert.Equal(t, x.want, exchange(t, x.write))
	}
}

// exchange returns status line, sorted headers and body of an answer.
func exchange(t *testing.T, answer func(http.ResponseWriter)) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answer(w) }))
	defer server.Close()
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := io.WriteString(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	answered := bufio.NewReader(c)
	res, err := http.ReadResponse(answered, nil)
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	lines := []string{res.Status}
	for name := range res.Header {
		lines = append(lines, name+": "+strings.Join(res.Header[name], ", "))
	}
	if res.Close { // ReadResponse removes the header
		lines = append(lines, "Connection: close")
	}
	slices.Sort(lines)
	return strings.Join(lines, "|") + "||" + string(body)
}

func TestAppendJSONWritesAsTelegram(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		` { "a" : [ 1 , -2.50e3 , true , null ] } `:                      `{"a":[1,-2.50e3,true,null]}`,
		`"\u003c\u003E\u0026<>&\/ /'"`:                                   `"<>&<>&/ /'"`,
		`"\u00E9\uD83C\uDF89"`:                                           `"\u00e9\ud83c\udf89"`,
		"\"\u00e9\U0001f389\u2028\uffff\"":                               `"\u00e9\ud83c\udf89\u2028\uffff"`,
		`"\u0022\u005c\u0008\u000c\u000a\u000d\u0009\u0001\u007f\u0041"`: `"\"\\\b\f\n\r\t\u0001` + "\x7f" + `A"`,
		`"\"\\\b\f\n\r\t{ } [ ]"`:                                        `"\"\\\b\f\n\r\t{ } [ ]"`,
		`"\ud83c alone"`:                                                 `"\ud83c alone"`,
		"\"\u0080\"":                                                     `"\u0080"`,
		"\"\xff\xc3\"":                                                   "\"\xff\xc3\"",
		`{"\u00e9 ":{}}`:                                                 `{"\u00e9 ":{}}`,
		``:                                                               ``,
		`"\u12`:                                                          `"\u12`,
	} {
		assert.Equal(t, "x"+want, string(botapi.AppendJSON([]byte("x"), []byte(in))))
	}
}

func FuzzAppendJSON(f *testing.F) {
	for _, seed := range []string{`{"a":"\u003c\u00E9\ud83c\udf89 \/"}`, "[\"\u00e9\U0001f389\x7f\", 1e5 ]", `"\ud83c"`, `"\`, "\"\xff"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		out := botapi.AppendJSON(nil, in)
		if !json.Valid(in) {
			return
		}
		assert.Equal(t, out, botapi.AppendJSON(nil, out), in)
		if got, want := decode(t, out), decode(t, in); got != want {
			t.Errorf("%q becomes %q, which is another value", in, out)
		}
		if utf8.Valid(in) && strings.ContainsFunc(string(out), func(r rune) bool { return r > 0x7f || r < ' ' }) {
			t.Errorf("%q becomes %q, which is not all ASCII", in, out)
		}
	})
}

// decode returns the canonical form of a value.
func decode(t *testing.T, text []byte) string {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	require.NoError(t, d.Decode(&v), text)
	canonical, err := json.Marshal(v)
	require.NoError(t, err)
	return string(canonical)
}
