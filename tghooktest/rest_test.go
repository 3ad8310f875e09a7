package tghooktest_test

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/tghooktest"
)

// A browser may go to a page of Rest from anywhere. Other pages can neither read it nor make
// it do something.
func TestRestIsReachedByBrowsersAndNotByOtherPages(t *testing.T) {
	t.Parallel()
	var reached lines
	rest := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		reached.add(r.Method + " " + r.URL.Path)
		_, _ = io.WriteString(rw, "page")
	})
	s := tghooktest.NewServer(t, tghooktest.ServerConfig{Rest: rest})
	at := strings.TrimPrefix(s.URL, "http://")
	here := "Host: " + at + "\r\n"
	const visit = "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n"
	for _, one := range []struct {
		request, head string
		taken         bool
	}{
		{"GET /", here, true},
		{"POST /api/x", here, true},
		{"DELETE /api/x", here, true},
		{"GET /", here + "Sec-Fetch-Site: none\r\n" + visit, true},
		{"GET /page/app.js", here + "Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: script\r\n", true},
		{"POST /api/x", here + "Sec-Fetch-Site: same-origin\r\nOrigin: http://" + at + "\r\n", true},
		{"GET /", here + "Sec-Fetch-Site: cross-site\r\n" + visit, true},
		{"GET /x", here + "Sec-Fetch-Site: same-site\r\n" + visit, true},
		{"POST /api/x", here + "Sec-Fetch-Site: cross-site\r\n" + visit, false}, // a form
		{"GET /", here + "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: iframe\r\n", false},
		{"GET /api/x", here + "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: image\r\n", false},
		{"GET /api/x", here + "Sec-Fetch-Site: same-site\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\n", false},
		{"GET /api/x", here + "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Dest: document\r\n", false},
		{"GET /", here + "Origin: https://evil.example\r\nSec-Fetch-Site: cross-site\r\n" + visit, false},
		{"POST /api/x", here + "Origin: null\r\n", false},
		{"GET /", "Host: evil.example\r\nSec-Fetch-Site: none\r\n" + visit, false},
		{"GET /", "Host: evil.example\r\n", false},
		{"GET /bot" + s.Token + "/sendMessage", here + "Sec-Fetch-Site: cross-site\r\n" + visit, false},
		{"GET /file/bot" + s.Token + "/x", here + "Sec-Fetch-Site: cross-site\r\n" + visit, false},
	} {
		before := len(reached.list())
		got, _ := raw(t, s, one.request+" HTTP/1.1\r\n"+one.head+"Content-Length: 0\r\n\r\n", false)
		if !one.taken {
			assert.Truef(t, strings.HasPrefix(got, "HTTP/1.1 403 "), "%s %s: %s", one.request, one.head, got)
			assert.Lenf(t, reached.list(), before, "%s %s", one.request, one.head)
			continue
		}
		assert.Truef(t, strings.HasPrefix(got, "HTTP/1.1 200 "), "%s %s: %s", one.request, one.head, got)
		assert.Equalf(t, []string{one.request}, slices.Compact(reached.list()[before:]), "%s", one.head)
	}
	before := len(reached.list())
	assert.Contains(t, ask(t, s, "getMe"), `"ok":true`)
	assert.Len(t, reached.list(), before, "a call went to Rest")
}

func TestWithoutRestThereIsNothingBesideTheBotAPI(t *testing.T) {
	t.Parallel()
	s := tghooktest.NewServer(t)
	got, _ := raw(t, s, "GET / HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n\r\n", false)
	assert.True(t, strings.HasPrefix(got, "HTTP/1.1 403 "), got)
	got, _ = raw(t, s, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", false)
	assert.True(t, strings.HasPrefix(got, "HTTP/1.1 404 "), got)
}

func TestAServerWithoutABotHasThoseThatCall(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{NoBot: true, AnyToken: true}, func(t *testing.T, s *tghooktest.Server) {
		var seen events
		t.Cleanup(s.Watch(seen.add))
		assert.Empty(t, s.Bots())
		assert.Empty(t, s.Token)
		for _, token := range []string{"", "0:", ":"} {
			r := request(t, s, "/bot"+token+"/getMe")
			assert.Equal(t, "4", do(t, s, r)[:1], token)
		}
		r := request(t, s, "/bot123:secret/getMe")
		assert.Contains(t, do(t, s, r), `"id":123`)
		require.Len(t, s.Bots(), 1)
		assert.Equal(t, []string{"bot", "call_started by call", "call by call"}, brief(seen.take()))
		only := s.Bots()[0]
		only.User("Zoë").Chat().Send("hi")
		assert.Equal(t, 1, only.Pending())
		only.Close()
		assert.Empty(t, s.Bots())
		r = request(t, s, "/bot123:other/getMe")
		assert.Contains(t, do(t, s, r), `"id":123`, "the id is free again")
	})
	_, err := tghooktest.Start(tghooktest.ServerConfig{NoBot: true, Token: "1:x"})
	require.ErrorContains(t, err, "ServerConfig.NoBot: Token is set too")
}

// A webhook may be in another container, if its host is named.
func TestAServerDeliversToTheHostsThatItIsTold(t *testing.T) {
	t.Parallel()
	s := tghooktest.NewServer(t, tghooktest.ServerConfig{WebhookHosts: []string{"192.0.2.7", "Bot"}})
	set := func(url, ip string) error {
		return s.Bot(t).SetWebhook(t.Context(), tghook.WebhookRequest{URL: url, IPAddress: ip, InsecureNoSecret: true})
	}
	require.NoError(t, set("http://192.0.2.7:8080/telegram", ""))
	require.ErrorContains(t, set("http://192.0.2.8:8080/telegram", ""), "add its host to ServerConfig.WebhookHosts")
	other := tghooktest.NewServer(t, tghooktest.ServerConfig{WebhookHosts: []string{"bot"}})
	require.NoError(t, other.Bot(t).SetWebhook(t.Context(), tghook.WebhookRequest{URL: "http://bot/telegram", IPAddress: "192.0.2.9", InsecureNoSecret: true}), "by its name")
	_, err := tghooktest.Start(tghooktest.ServerConfig{WebhookHosts: []string{"http://bot"}})
	require.ErrorContains(t, err, `ServerConfig.WebhookHosts: "http://bot" is not a host`)
}
