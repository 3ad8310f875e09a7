package tghooktest_test

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"mime/multipart"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook/tghooktest"
)

const (
	hookURL        = "http://bot.example.org/telegram"
	wasSet         = `200 {"ok":true,"result":true,"description":"Webhook was set"}`
	alreadySet     = `200 {"ok":true,"result":true,"description":"Webhook is already set"}`
	wasDeleted     = `200 {"ok":true,"result":true,"description":"Webhook was deleted"}`
	alreadyDeleted = `200 {"ok":true,"result":true,"description":"Webhook is already deleted"}`
	noWebhook      = `200 {"ok":true,"result":{"url":"","has_custom_certificate":false,"pending_update_count":0}}`
	tooSoon        = `429 {"ok":false,"error_code":429,"description":"Too Many Requests: retry after 1","parameters":{"retry_after":1}}`
	webhookActive  = "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
)

// silent listens and never answers.
func silent(tb testing.TB, s *tghooktest.Server, addr string) {
	tb.Helper()
	l, err := s.Listen(addr)
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = l.Close() })
}

func info(tb testing.TB, s *tghooktest.Server) string {
	tb.Helper()
	return ask(tb, s, "getWebhookInfo")
}

// later waits for the second that Telegram demands between two webhooks.
func later() { time.Sleep(time.Second) }

func TestSetWebhookTellsWhatItDid(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		silent(t, s, "bot.example.org:80")
		assert.Equal(t, noWebhook, info(t, s), "info")
		assert.Equal(t, alreadyDeleted, ask(t, s, "deleteWebhook"), "delete none")
		assert.Equal(t, wasSet, ask(t, s, "setWebhook", "url", hookURL), "set")
		assert.Equal(t, `200 {"ok":true,"result":{"url":"http://bot.example.org/telegram","has_custom_certificate":false,`+
			`"pending_update_count":0,"max_connections":100,"ip_address":"1.2.3.4"}}`, info(t, s), "info")
		assert.Equal(t, tooSoon, ask(t, s, "setWebhook", "url", hookURL), "too soon")
		later()
		assert.Equal(t, alreadySet, ask(t, s, "setWebhook", "url", hookURL), "repeated")
		assert.Equal(t, tooSoon, ask(t, s, "setWebhook", "url", hookURL+"2"), "too soon after nothing was done")
		assert.Equal(t, wasDeleted, ask(t, s, "setWebhook"), "delete at once")
		assert.Equal(t, alreadyDeleted, ask(t, s, "setWebhook", "url", ""), "delete once more")
		assert.Equal(t, noWebhook, info(t, s), "info")
		later()
		assert.Equal(t, wasSet, ask(t, s, "setWebhook", "url", hookURL), "set again")
		assert.Equal(t, wasDeleted, ask(t, s, "deleteWebhook", "url", hookURL), "delete heeds no url")
	})
}

func TestSetWebhookDoesNothingOnlyIfNothingDiffers(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		silent(t, s, "bot.example.org:80")
		silent(t, s, "9.9.9.9:80")
		params := []string{"url", hookURL, "secret_token", "stand_in_secret", "max_connections", "7"}
		with := func(more ...string) []string { return append(slices.Clip(params), more...) }
		for _, step := range []struct {
			params []string
			want   string
		}{
			{params, wasSet},
			{params, alreadySet},
			{with("max_connections", "8"), wasSet},
			{params, wasSet},
			{with("secret_token", "stand_in_secret2"), wasSet},
			{params, wasSet},
			{with("ip_address", "9.9.9.9"), wasSet},
			{with("ip_address", "9.9.9.9"), alreadySet},
			{with("ip_address", "9.9.9.8"), wasSet},
			{params, wasSet},
			{with("drop_pending_updates", "no"), alreadySet},
			{with("drop_pending_updates", "YES"), wasSet},
			{with("allowed_updates", `["chat_member"]`), alreadySet},
			{with("url", hookURL+"#2"), wasSet},
		} {
			later()
			assert.Equal(t, step.want, ask(t, s, "setWebhook", step.params...), fmt.Sprint(step.params))
		}
	})
}

func TestARejectedSetWebhookLeavesNone(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		silent(t, s, "bot.example.org:80")
		for text, params := range map[string][]string{
			"Bad Request: invalid webhook URL specified":                                  {"url", "ftp://bot.example.org/"},
			"Bad Request: secret token is too long":                                       {"url", hookURL, "secret_token", strings.Repeat("a", 257)},
			"Bad Request: secret token contains unallowed characters":                     {"url", hookURL, "secret_token", "stand_in_secret!"},
			"Bad Request: bad webhook: Failed to resolve host: Name or service not known": {"url", "http://none.example.org/"},
			"Bad Request: bad webhook: Invalid IP address specified":                      {"url", hookURL, "ip_address", "bot.example.org"},
		} {
			deliver(t, s, message("hi"))
			assert.Equal(t, wasSet, ask(t, s, "setWebhook", "url", hookURL), "set")
			later()
			params = append(params, "drop_pending_updates", "true")
			assert.Equal(t, refused(400, text), ask(t, s, "setWebhook", params...), "rejected")
			assert.Equal(t, noWebhook, info(t, s), text)
			later()
		}
	})
}

func TestTheOrderOfWhatSetWebhookRejects(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{Cloud: true}, func(t *testing.T, s *tghooktest.Server) {
		later()
		params := map[string]string{"ip_address": "none", "secret_token": "!", "url": "ftp://bot.example.org:1/"}
		for _, step := range []struct{ fix, to, want string }{
			{"url", "http://none.example.org:1/", "Bad Request: secret token contains unallowed characters"},
			{"secret_token", "stand_in_secret", "Bad Request: bad webhook: An HTTPS URL must be provided for webhook"},
			{"url", "https://none.example.org:1/", "Bad Request: bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443"},
			{"url", "https://none.example.org/", "Bad Request: bad webhook: Invalid IP address specified"},
			{"ip_address", "::1", "Bad Request: bad webhook: IPv6-only addresses are not allowed"},
			{"ip_address", "192.168.1.1", "Bad Request: bad webhook: IP address 192.168.1.1 is reserved"},
			{"ip_address", "", "Bad Request: bad webhook: Failed to resolve host: Name or service not known"},
		} {
			params[step.fix] = step.to
			got := ask(t, s, "setWebhook", "url", params["url"], "secret_token", params["secret_token"], "ip_address", params["ip_address"])
			assert.Equal(t, refused(400, step.want), got)
			later()
		}
	})
}

func TestTheCloudRefusesReservedAddresses(t *testing.T) {
	t.Parallel()
	for ip, isReserved := range map[string]bool{
		"0.0.0.0": true, "0.255.255.255": true, "1.0.0.0": false,
		"9.255.255.255": false, "10.0.0.0": true, "10.255.255.255": true, "11.0.0.0": false,
		"100.63.255.255": false, "100.64.0.0": true, "100.127.255.255": true, "100.128.0.0": false,
		"126.255.255.255": false, "127.0.0.1": true, "128.0.0.0": false,
		"169.253.255.255": false, "169.254.0.0": true, "169.255.0.0": false,
		"172.15.255.255": false, "172.16.0.0": true, "172.31.255.255": true, "172.32.0.0": false,
		"192.0.0.255": true, "192.0.1.0": false, "192.0.2.255": true, "192.0.3.0": false, "192.88.99.1": true,
		"192.168.0.0": true, "192.169.0.0": false, "198.17.255.255": false, "198.18.0.0": true, "198.19.255.255": true, "198.20.0.0": false,
		"198.51.100.7": true, "203.0.113.7": true, "223.255.255.255": false, "224.0.0.0": true, "255.255.255.255": true,
	} {
		bubble(t, tghooktest.ServerConfig{Cloud: true}, func(t *testing.T, s *tghooktest.Server) {
			want := wasSet
			if isReserved {
				want = refused(400, "Bad Request: bad webhook: IP address "+ip+" is reserved")
			}
			assert.Equal(t, want, ask(t, s, "setWebhook", "url", "https://bot.example.org/", "ip_address", ip))
			later()
			assert.Equal(t, want, ask(t, s, "setWebhook", "url", "https://"+ip+"/"))
		})
	}
}

func TestALocalServerTakesWhatTheCloudDoesNot(t *testing.T) {
	t.Parallel()
	for _, cloud := range []bool{false, true} {
		bubble(t, tghooktest.ServerConfig{Cloud: cloud}, func(t *testing.T, s *tghooktest.Server) {
			for _, url := range []string{"http://bot.example.org/", "bot.example.org:1", "https://127.0.0.1/", "https://[2001:db8::1]/"} {
				silent(t, s, "bot.example.org:0")
				answer := ask(t, s, "setWebhook", "url", url)
				if cloud == (answer == wasSet) {
					t.Errorf("%s, Cloud %v: %s", url, cloud, answer)
				}
				later()
			}
		})
	}
}

func TestMaxConnectionsAreClamped(t *testing.T) {
	t.Parallel()
	for _, cloud := range []bool{false, true} {
		bubble(t, tghooktest.ServerConfig{Cloud: cloud}, func(t *testing.T, s *tghooktest.Server) {
			silent(t, s, "bot.example.org:443")
			for given, want := range map[string][2]string{
				"": {"100", "40"}, "abc": {"1", "1"}, "0": {"1", "1"}, "-5": {"1", "1"}, "7x": {"7", "7"},
				"100": {"100", "100"}, "101": {"101", "100"}, "100001": {"100000", "100"},
			} {
				ask(t, s, "setWebhook", "url", "https://bot.example.org/", "max_connections", given)
				number := want[0]
				if cloud {
					number = want[1]
				}
				assert.Containsf(t, info(t, s), `"max_connections":`+number+`,`, "%v %v", given, cloud)
				later()
			}
		})
	}
}

func TestAllowedUpdatesPersistForBothTransports(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		silent(t, s, "bot.example.org:80")
		allowed := func(want string) {
			t.Helper()
			if got := info(t, s); want == "" && strings.Contains(got, "allowed_updates") || !strings.Contains(got, want) {
				t.Errorf("got %s, want %s", got, want)
			}
			later()
		}
		ask(t, s, "getUpdates", "allowed_updates", `["poll","MESSAGE","none"]`)
		allowed(`"allowed_updates":["message","poll"]`)
		ask(t, s, "setWebhook", "url", hookURL)
		allowed(`"ip_address":"1.2.3.4","allowed_updates":["message","poll"]`)
		ask(t, s, "setWebhook", "url", hookURL, "allowed_updates", `["message",1]`)
		allowed(`["message","poll"]`)
		ask(t, s, "setWebhook", "url", "none", "allowed_updates", `["chat_member"]`)
		allowed(`["chat_member"]`) // allowed_updates are set before the host is resolved
		ask(t, s, "setWebhook", "url", "ftp://none", "allowed_updates", `["poll"]`)
		allowed(`["chat_member"]`)
		ask(t, s, "deleteWebhook", "allowed_updates", `["poll"]`)
		allowed(`["poll"]`) // there was no webhook to delete
		ask(t, s, "setWebhook", "url", hookURL, "allowed_updates", `[]`)
		allowed("")
	})
}

func TestDropPendingForgetsWhatWaits(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		deliver(t, s, message("hi"))
		assert.Equal(t, alreadyDeleted, ask(t, s, "deleteWebhook"), "answer")
		assert.Equal(t, 1, s.Pending(), "pending")
		assert.Equal(t, alreadyDeleted, ask(t, s, "deleteWebhook", "drop_pending_updates", "1"), "answer")
		assert.Zero(t, s.Pending(), "pending")
	})
}

// upload sets a webhook, with files beside its parameters.
func upload(tb testing.TB, s *tghooktest.Server, files map[string][]byte, params ...string) string {
	tb.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for i := 0; i < len(params); i += 2 {
		_ = form.WriteField(params[i], params[i+1])
	}
	for name, content := range files {
		part, err := form.CreateFormFile(name, name+".pem")
		require.NoError(tb, err)
		_, _ = part.Write(content)
	}
	_ = form.Close()
	r, err := http.NewRequestWithContext(tb.Context(), http.MethodPost, s.URL+"/bot"+s.Token+"/setWebhook", &body)
	require.NoError(tb, err)
	r.Header.Set("Content-Type", form.FormDataContentType())
	return do(tb, s, r)
}

func TestACertificateIsUploaded(t *testing.T) {
	t.Parallel()
	_, certificate := certified(t, "bot.example.org")
	key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")})
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		silent(t, s, "bot.example.org:443")
		const url = "https://bot.example.org/"
		for _, step := range []struct {
			files  map[string][]byte
			value  string
			want   string
			custom bool
		}{
			{map[string][]byte{"certificate": certificate}, "", wasSet, true},
			{map[string][]byte{"certificate": certificate}, "", wasSet, true}, // never "already set"
			{map[string][]byte{"x": certificate}, "attach://x", wasSet, true},
			{map[string][]byte{"x": certificate}, "attach://y", wasSet, false},
			{nil, string(certificate), alreadySet, false},
			{map[string][]byte{"certificate": []byte("none")}, "", refused(400, "Bad Request: bad webhook: Failed to set custom certificate file"+
				"{error:05800088:x509 certificate routines::no certificate or crl found}"), false},
			{map[string][]byte{"certificate": key}, "", refused(400, "Bad Request: bad webhook: Failed to set custom certificate file"+
				"{error:05800088:x509 certificate routines::no certificate or crl found}"), false},
			{map[string][]byte{"certificate": slices.Concat(key, certificate)}, "", wasSet, true},
			{map[string][]byte{"certificate": make([]byte, 3<<20+1)}, "", refused(400, "Bad Request: certificate size is too big (3145729 bytes)"), false},
			{map[string][]byte{"certificate": {}}, "", refused(400, "Bad Request: bad webhook: Failed to set custom certificate file"+
				"{error:05800088:x509 certificate routines::no certificate or crl found}"), false},
		} {
			later()
			params := []string{"url", url}
			if step.value != "" {
				params = append(params, "certificate", step.value)
			}
			assert.Equal(t, step.want, upload(t, s, step.files, params...), "answer")
			if got := info(t, s); strings.Contains(got, `"has_custom_certificate":true`) != step.custom {
				t.Errorf("%v: %s", step, got)
			}
		}
	})
}

func TestWithoutTLSTheCertificateIsNotLookedAt(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		silent(t, s, "bot.example.org:80")
		assert.Equal(t, wasSet, upload(t, s, map[string][]byte{"certificate": []byte("none")}, "url", hookURL), "answer")
	})
}

func TestWhatTheWebhookDidStaysUntilItIsSetAnew(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		l, err := s.Listen("bot.example.org:80")
		require.NoError(t, err)
		assert.Equal(t, wasSet, ask(t, s, "setWebhook", "url", hookURL), "set")
		_ = l.Close()
		time.Sleep(10 * time.Second) // until the first connection no longer counts
		deliver(t, s, message("hi"))
		failed := s.Now().Unix()
		time.Sleep(time.Microsecond) // until the attempt is made
		synctest.Wait()
		failure := fmt.Sprintf(`"pending_update_count":1,"last_error_date":%d,"last_error_message":"Connection refused","max_connections":100,`, failed)
		assert.Contains(t, info(t, s), failure)
		if l, err = s.Listen("bot.example.org:80"); err != nil {
			t.Fatal(err)
		}
		server := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}
		go func() { _ = server.Serve(l) }()
		defer server.Close()
		s.WaitDelivered(t)
		assert.Contains(t, info(t, s), `"last_error_message":"Connection refused"`)
		assert.Equal(t, alreadySet, ask(t, s, "setWebhook", "url", hookURL), "set")
		assert.Contains(t, info(t, s), `"last_error_message"`)
		later()
		assert.Equal(t, wasSet, ask(t, s, "setWebhook", "url", hookURL+"2"), "set")
		assert.NotContains(t, info(t, s), "last_error")
	})
}

func TestAWebhookOnLoopbackIsResolved(t *testing.T) {
	t.Parallel()
	s := tghooktest.NewServer(t)
	l, err := s.Listen("bot.example.org:0")
	require.NoError(t, err)
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	assert.Equal(t, wasSet, ask(t, s, "setWebhook", "url", "http://localhost:"+port), "set")
	assert.Contains(t, info(t, s), `"ip_address":"127.0.0.1"`)
}

// The host of an international domain name goes out in its ASCII form.
func TestAnInternationalHostGoesOutInASCII(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		hosts := make(chan string, 1)
		l, err := s.Listen("b\u00fccher.example:8443")
		require.NoError(t, err)
		server := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { hosts <- r.Host }), ReadHeaderTimeout: time.Minute}
		go func() { _ = server.Serve(l) }()
		defer server.Close()
		const url = "http://b\u00fccher.example:8443/telegram"
		assert.Equal(t, wasSet, ask(t, s, "setWebhook", "url", url))
		assert.Contains(t, info(t, s), `"url":"http://b\u00fccher.example:8443/telegram"`)
		deliver(t, s, message("hi"))
		assert.Equal(t, "xn--bcher-kva.example:8443", <-hosts)
		ask(t, s, "deleteWebhook")
	})
}
