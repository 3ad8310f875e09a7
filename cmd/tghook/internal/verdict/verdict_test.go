package verdict_test

import (
	"bufio"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/cmd/tghook/internal/verdict"
	"github.com/tghook/tghook/cmd/tghook/internal/wire"
	"github.com/tghook/tghook/tghooktest"
)

func TestVerdict(t *testing.T) {
	const call = `{"method":"sendMessage","chat_id":77,"text":"hi"}`
	framed := func(head, body string) string {
		return fmt.Sprintf("HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s", head, len(body), body)
	}
	for _, x := range []struct {
		name, kind, raw string
		want            verdict.Verdict
	}{
		{"empty", "message", framed("200 OK", ""), verdict.Verdict{Delivered: true}},
		{"no content", "message", "HTTP/1.1 204 No Content\r\n\r\n", verdict.Verdict{Delivered: true}},
		{"a reply", "message", framed("200 OK\r\nContent-Type: application/json", call), verdict.Verdict{Delivered: true, Method: "sendMessage"}},
		{"a reply that does not parse", "message", framed("200 OK\r\nContent-Type: application/json", `{"method":"sendMessage","chat_id":5000000123,"text":"<b","parse_mode":"HTML"}`), verdict.Verdict{Delivered: true, Refused: "*"}},
		{"a method that is none", "message", framed("200 OK\r\nContent-Type: application/json", `{"method":"sendMassage","chat_id":1,"text":"hi"}`), verdict.Verdict{Delivered: true, Refused: "*"}},
		{"a reply as text", "message", framed("200 OK\r\nContent-Type: text/plain", call), verdict.Verdict{Delivered: true, Refused: "*"}},
		{"a reply that gets", "message", framed("200 OK\r\nContent-Type: application/json", `{"method":"getMe"}`), verdict.Verdict{Delivered: true, Refused: "*"}},
		{"an unframed reply", "message", "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + call, verdict.Verdict{Delivered: true, Refused: "*"}},
		{"a redirect", "message", framed("302 Found\r\nLocation: /x", ""), verdict.Verdict{Error: "Wrong response from the webhook: 302 Found"}},
		{"a long wait", "message", framed("503 Service Unavailable\r\nRetry-After: 600", ""), verdict.Verdict{Error: "Wrong response from the webhook: 503 Service Unavailable", RetryAfter: 600}},
		{"a wait that is too long", "callback_query", framed("503 Service Unavailable\r\nRetry-After: 600", ""), verdict.Verdict{Error: "Wrong response from the webhook: 503 Service Unavailable", RetryAfter: 600, Dropped: true}},
		{"an interim answer", "message", "HTTP/1.1 103 Early Hints\r\n\r\n", verdict.Verdict{Error: "Wrong response from the webhook: 103 Early Hints"}},
		{"an unknown kind", "", framed("200 OK", ""), verdict.Verdict{Delivered: true}},
		{"a kind that Telegram leaves out by default", "message_reaction", framed("200 OK", ""), verdict.Verdict{Delivered: true}},
	} {
		t.Run(x.name, func(t *testing.T) {
			res, err := http.ReadResponse(bufio.NewReader(strings.NewReader(x.raw)), nil)
			require.NoError(t, err)
			defer res.Body.Close()
			a := wire.Answer{Status: res.StatusCode, Header: res.Header, Raw: []byte(x.raw), Close: res.Close, Framed: res.ContentLength >= 0 || res.StatusCode == http.StatusNoContent}
			update := []byte(`{"update_id":1,"kind_of_next_year":{"id":"1"}}`)
			if x.kind != "" {
				update = tghooktest.Update(x.kind)
			}
			got, err := verdict.Of(t.Context(), update, a)
			require.NoError(t, err)
			if x.want.Refused != "" {
				require.NotEmpty(t, got.Refused)
				got.Refused = x.want.Refused
			}
			require.Equal(t, x.want, got)
			require.NotEmpty(t, got.String())
		})
	}
}
