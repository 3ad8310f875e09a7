package tghooktest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook/tghooktest"
)

// A web page can send requests to this machine. Through a host name that points at
// 127.0.0.1, it can read the answers too.
func TestAPageInABrowserReachesNothing(t *testing.T) {
	t.Parallel()
	s := tghooktest.NewServer(t)
	at := strings.TrimPrefix(s.URL, "http://")
	_, port, _ := strings.Cut(at, ":")
	const form = "Content-Length: 0\r\n"
	for head, taken := range map[string]bool{
		"Host: " + at + "\r\n":                                  true,
		"Host: localhost:" + port + "\r\n":                      true,
		"Host: LOCALHOST\r\n":                                   true,
		"Host: [::1]:" + port + "\r\n":                          true,
		"Host: [::1]\r\n":                                       true,
		"Host: 127.1.2.3\r\n":                                   true,
		"Host: evil.example\r\n":                                false,
		"Host: evil.example:" + port + "\r\n":                   false,
		"Host: localhost.evil.example:" + port + "\r\n":         false,
		"Host: 127.0.0.1.evil.example\r\n":                      false,
		"Host: 0.0.0.0:" + port + "\r\n":                        false,
		"Host: 192.0.2.1:" + port + "\r\n":                      false,
		"Host: " + at + "\r\nOrigin: http://" + at + "\r\n":     true,
		"Host: " + at + "\r\nOrigin: https://evil.example\r\n":  false,
		"Host: " + at + "\r\nOrigin: null\r\n":                  false,
		"Host: " + at + "\r\nOrigin: http://localhost:3000\r\n": false,
		"Host: " + at + "\r\nOrigin: http://" + at + "\r\nOrigin: https://evil.example\r\n":    false,
		"Host: " + at + "\r\nSec-Fetch-Site: none\r\n":                                         true,
		"Host: " + at + "\r\nSec-Fetch-Site: same-origin\r\n":                                  true,
		"Host: " + at + "\r\nSec-Fetch-Site: same-site\r\n":                                    false,
		"Host: " + at + "\r\nSec-Fetch-Site: cross-site\r\n":                                   false,
		"Host: " + at + "\r\nsec-fetch-site: same-origin\r\nSec-Fetch-Site: cross-site\r\n":    false,
		"Host: evil.example\r\nOrigin: http://evil.example\r\nSec-Fetch-Site: same-origin\r\n": false,
		"Host: evil.example\r\nX-Forwarded-Host: localhost\r\n":                                false,
		"Host: " + at + "\r\nOrigin: http://" + at + ".evil.example\r\n":                       false,
		"Host: " + at + "\r\nContent-Type: text/plain\r\nOrigin: https://evil.example\r\n":     false,
		"Host: " + strings.Repeat("x", 5000) + "\r\n":                                          false,
	} {
		for _, method := range []string{"GET", "POST"} {
			made := len(s.Calls())
			got, body := raw(t, s, method+" /bot"+s.Token+"/getMe HTTP/1.1\r\n"+head+form+"\r\n", false)
			status, calls := "HTTP/1.1 200 ", 2
			if !taken {
				status, calls = "HTTP/1.1 403 ", 0
			}
			assert.Truef(t, strings.HasPrefix(got, status), "%v %v", method, head)
			assert.Equalf(t, calls, len(s.Calls())-made, "%v %v", method, head)
			if !taken && (!strings.Contains(body, `"Forbidden: tghooktest refuses requests from web pages, and `) || len(body) > 400) {
				t.Errorf("%q is answered %q", head, body)
			}
		}
	}
	got, _ := raw(t, s, "OPTIONS /bot"+s.Token+"/getMe HTTP/1.1\r\nHost: "+at+"\r\nOrigin: https://evil.example\r\nAccess-Control-Request-Method: POST\r\n\r\n", false)
	assert.True(t, strings.HasPrefix(got, "HTTP/1.1 403 "))
	assert.NotContains(t, got, "Access-Control")
	got, _ = raw(t, s, "GET /file/bot"+s.Token+"/x HTTP/1.1\r\nHost: evil.example\r\n\r\n", false)
	assert.True(t, strings.HasPrefix(got, "HTTP/1.1 403 "))
}

// In memory, the Server has any name.
func TestInMemoryAnyHostIsTheServers(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		r := request(t, s, "/bot"+s.Token+"/getMe")
		r.Host = "api.example.org"
		assert.True(t, strings.HasPrefix(do(t, s, r), "200 "))
		r = request(t, s, "/bot"+s.Token+"/getMe")
		r.Header.Set("Origin", "https://evil.example")
		assert.True(t, strings.HasPrefix(do(t, s, r), "403 "))
	})
}

func TestABotOnLoopbackMayCallByAnyOfItsNames(t *testing.T) {
	t.Parallel()
	s := tghooktest.NewServer(t)
	_, port, _ := strings.Cut(strings.TrimPrefix(s.URL, "http://"), ":")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost:"+port+"/bot"+s.Token+"/getMe", nil)
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(do(t, s, r), "200 "))
}
