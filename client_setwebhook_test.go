package tghook_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"path"
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
	"github.com/tghook/tghook/tghooktest"
)

func TestSetWebhookSendsWhatIsGiven(t *testing.T) {
	t.Parallel()
	certificate := certified(t, nil, named("bot.example.org")).pem
	for what, test := range map[string]struct {
		req    tghook.WebhookRequest
		params map[string]string
		files  map[string]tghooktest.File
	}{
		"a URL": {tghook.WebhookRequest{URL: rig.HookURL, InsecureNoSecret: true}, map[string]string{"url": rig.HookURL}, nil},
		"all": {
			tghook.WebhookRequest{
				URL: rig.HookURL, IPAddress: "149.154.167.220", MaxConnections: 100, AllowedUpdates: []string{"message", "chat_member"},
				DropPending: true, SecretToken: rig.HookToken,
			},
			map[string]string{
				"url": rig.HookURL, "ip_address": "149.154.167.220", "max_connections": "100",
				"allowed_updates": `["message","chat_member"]`, "drop_pending_updates": "true", "secret_token": rig.HookToken,
			},
			nil,
		},
		"Telegram's default kinds": {
			tghook.WebhookRequest{URL: rig.HookURL, AllowedUpdates: []string{}, InsecureNoSecret: true},
			map[string]string{"url": rig.HookURL, "allowed_updates": "[]"},
			nil,
		},
		"all, with a certificate": {
			tghook.WebhookRequest{
				URL: rig.HookURL, Certificate: certificate, IPAddress: "149.154.167.220", MaxConnections: 100,
				AllowedUpdates: []string{"message", "chat_member"}, DropPending: true, SecretToken: rig.HookToken, Reset: true,
			},
			map[string]string{
				"url": rig.HookURL, "ip_address": "149.154.167.220", "max_connections": "100",
				"allowed_updates": `["message","chat_member"]`, "drop_pending_updates": "true", "secret_token": rig.HookToken,
			},
			map[string]tghooktest.File{"certificate": {Name: "certificate.pem", ContentType: "application/octet-stream", Content: certificate}},
		},
	} {
		tg := rig.NewTelegram(t)
		if err := tg.Client(t, tghook.ClientConfig{}).SetWebhook(t.Context(), test.req); err != nil {
			t.Error(what, err)
		}
		calls := tg.Calls()
		assert.Len(t, calls, 1, what+": calls")
		assert.Equal(t, test.params, calls[0].Params, what)
		assert.Equal(t, test.files, calls[0].Files, what+": files")
	}
}

// fits is a request that nothing is wrong with.
func fits(change func(*tghook.WebhookRequest)) tghook.WebhookRequest {
	req := tghook.WebhookRequest{URL: rig.HookURL, InsecureNoSecret: true}
	change(&req)
	return req
}

func toIP(address string) tghook.WebhookRequest {
	return fits(func(r *tghook.WebhookRequest) { r.IPAddress = address })
}

func withSecret(secret string) tghook.WebhookRequest {
	return fits(func(r *tghook.WebhookRequest) { r.SecretToken, r.InsecureNoSecret = secret, false })
}

func withConnections(n int) tghook.WebhookRequest {
	return fits(func(r *tghook.WebhookRequest) { r.MaxConnections = n })
}

func TestSetWebhookNamesAMistakeBeforeTelegramDeletesTheOldWebhook(t *testing.T) {
	t.Parallel()
	const (
		noURL    = "not a URL with a host"
		port     = "give 443, 80, 88 or 8443"
		ipv6     = "has an IPv6 address"
		reserved = "has the reserved address"
		unknown  = "is known in your own network at most"
		noIP     = "not an address"
		secret   = "must be 1 to 256 characters"
	)
	tests := []struct {
		req            tghook.WebhookRequest
		field, problem string
	}{
		{rig.ToURL(""), "URL", noURL},
		{rig.ToURL("bot.example.org/telegram"), "URL", noURL},
		{rig.ToURL("bot.example.org:8443/telegram"), "URL", noURL},
		{rig.ToURL("https:///telegram"), "URL", noURL},
		{rig.ToURL("https://:8443/telegram"), "URL", noURL},
		{rig.ToURL("https:bot.example.org"), "URL", noURL},
		{rig.ToURL("https://bot.example.org:/telegram"), "URL", noURL},
		{rig.ToURL("https://bot.example.org:port/telegram"), "URL", noURL},
		{rig.ToURL("https://bot.example.org:-1/telegram"), "URL", noURL},
		{rig.ToURL("https://bot example.org/telegram"), "URL", noURL},
		{rig.ToURL("https://bot<>.example.org/telegram"), "URL", noURL},
		{rig.ToURL(`https://bot".example.org/telegram`), "URL", noURL},
		{rig.ToURL("https://./telegram"), "URL", noURL},
		{rig.ToURL("https://[::1/telegram"), "URL", noURL},
		{rig.ToURL("https://bot.example.org/tele\ngram"), "URL", noURL},
		{rig.ToURL("https://bot.example.org/%zz"), "URL", noURL},
		{rig.ToURL("http://bot.example.org/telegram"), "URL", "must begin with https://"},
		{rig.ToURL("//bot.example.org/telegram"), "URL", "must begin with https://"},
		{rig.ToURL("ftp://bot.example.org/telegram"), "URL", "must begin with https://"},
		{rig.ToURL("https://bot.example.org:8080/telegram"), "URL", port},
		{rig.ToURL("https://bot.example.org:0/telegram"), "URL", port},
		{rig.ToURL("https://bot.example.org:65536/telegram"), "URL", port},
		{rig.ToURL("https://localhost/telegram"), "URL", unknown},
		{rig.ToURL("https://localhost./telegram"), "URL", unknown},
		{rig.ToURL("https://laptop:8443/telegram"), "URL", unknown},
		{rig.ToURL("https://127.1/telegram"), "URL", unknown},
		{rig.ToURL("https://0x7f.0x1/telegram"), "URL", unknown},
		{rig.ToURL("https://2130706433/telegram"), "URL", unknown},
		{rig.ToURL("https://[2001:4860:4860::8888]/telegram"), "URL", ipv6},
		{rig.ToURL("https://[::ffff:149.154.167.220]/telegram"), "URL", ipv6},
		{rig.ToURL("https://0.0.0.0/"), "URL", reserved},
		{rig.ToURL("https://10.1.2.3/"), "URL", reserved},
		{rig.ToURL("https://100.64.0.1/"), "URL", reserved},
		{rig.ToURL("https://100.127.255.255/"), "URL", reserved},
		{rig.ToURL("https://127.0.0.1:8443/"), "URL", reserved},
		{rig.ToURL("https://169.254.1.1/"), "URL", reserved},
		{rig.ToURL("https://172.16.0.1/"), "URL", reserved},
		{rig.ToURL("https://172.31.255.255/"), "URL", reserved},
		{rig.ToURL("https://192.0.0.1/"), "URL", reserved},
		{rig.ToURL("https://192.0.2.1/"), "URL", reserved},
		{rig.ToURL("https://192.88.99.1/"), "URL", reserved},
		{rig.ToURL("https://192.168.1.1/"), "URL", reserved},
		{rig.ToURL("https://198.18.0.1/"), "URL", reserved},
		{rig.ToURL("https://198.19.255.255/"), "URL", reserved},
		{rig.ToURL("https://198.51.100.1/"), "URL", reserved},
		{rig.ToURL("https://203.0.113.1/"), "URL", reserved},
		{rig.ToURL("https://224.0.0.1/"), "URL", reserved},
		{rig.ToURL("https://255.255.255.255/"), "URL", reserved},
		{toIP("bot.example.org"), "IPAddress", noIP},
		{toIP("149.154.167"), "IPAddress", noIP},
		{toIP("149.154.167.220:443"), "IPAddress", noIP},
		{toIP("0149.154.167.220"), "IPAddress", noIP},
		{toIP(" 149.154.167.220"), "IPAddress", noIP},
		{toIP("2001:4860:4860::8888"), "IPAddress", ipv6},
		{toIP("192.168.1.1"), "IPAddress", reserved},
		{withConnections(-1), "MaxConnections", "must be 1 to 100,"},
		{withConnections(101), "MaxConnections", "must be 1 to 100,"},
		{withSecret("stand_in_secret!"), "SecretToken", secret},
		{withSecret("stand_in_secret\n"), "SecretToken", secret},
		{withSecret("stand_in_secret é"), "SecretToken", secret},
		{withSecret(strings.Repeat("a", 257)), "SecretToken", secret},
		{rig.ToURL(rig.HookURL + strings.Repeat("a", 4096)), "URL", "is too long"},
		{rig.ToURL("https://*.example.org/telegram"), "URL", noURL},
		{rig.ToURL(rig.HookURL + "#updates"), "URL", "has a fragment"},
		{rig.ToURL(rig.HookURL + "#"), "URL", "has a fragment"},
		{tghook.WebhookRequest{URL: rig.HookURL}, "SecretToken", "set InsecureNoSecret"},
	}
	tg := rig.NewTelegram(t)
	for _, test := range tests {
		err := tg.Client(t, tghook.ClientConfig{Patience: time.Hour}).SetWebhook(t.Context(), test.req)
		mistakes := rig.ConfigErrors(t, err)
		if len(mistakes) != 1 || mistakes[0].Field != "WebhookRequest."+test.field || !strings.Contains(mistakes[0].Problem, test.problem) {
			t.Errorf("%.60q %q: %v, want %q of %s", test.req.URL, test.req.IPAddress, err, test.problem, test.field)
		}
		rig.KeepsToken(t, err)
	}
	assert.Empty(t, tg.Calls(), "requests")
}

func TestSetWebhookNamesEveryMistakeAtOnce(t *testing.T) {
	t.Parallel()
	wrong := tghook.WebhookRequest{
		Certificate: []byte("none"), IPAddress: "10.0.0.1", MaxConnections: 1000, SecretToken: "a stand_in_secret",
	}
	tg := rig.NewTelegram(t)
	for url, want := range map[string][]string{
		"":                                        {"URL", "IPAddress", "MaxConnections", "SecretToken", "Certificate"},
		"http://laptop:8080/" + rig.APIToken:      {"URL", "URL", "IPAddress", "MaxConnections", "SecretToken", "Certificate"},
		"https://u:" + rig.APISecret + "@[::1/":   {"URL", "IPAddress", "MaxConnections", "SecretToken", "Certificate"},
		rig.HookURL + strings.Repeat("a", 4000):   {"URL", "IPAddress", "MaxConnections", "SecretToken", "Certificate"},
		"https://bot.example.org/" + rig.APIToken: {"IPAddress", "MaxConnections", "SecretToken", "Certificate"},
	} {
		req := wrong
		req.URL = url
		err := tg.Client(t, tghook.ClientConfig{}).SetWebhook(t.Context(), req)
		for i := range want {
			want[i] = "WebhookRequest." + want[i]
		}
		assert.Equalf(t, want, rig.Mistaken(t, err), "%v, want %v", err, want)
		rig.KeepsToken(t, err)
	}
	good := tghook.WebhookRequest{InsecureNoSecret: true, Certificate: certified(t, nil, named("bot.example.org")).pem}
	assert.Equal(t, []string{"WebhookRequest.URL"}, rig.Mistaken(t, tg.Client(t, tghook.ClientConfig{}).SetWebhook(t.Context(), good)), "mistakes of a URL alone")
	wrong.URL, wrong.IPAddress = "http://laptop:8080/", ""
	assert.Len(t, rig.ConfigErrors(t, tg.Client(t, tghook.ClientConfig{}).SetWebhook(t.Context(), wrong)), 6, "mistakes of a URL and others")
	assert.Empty(t, tg.Calls(), "requests")
}

func TestSetWebhookTakesWhatTelegramTakes(t *testing.T) {
	t.Parallel()
	const own, local = false, true
	for _, test := range []struct {
		local bool
		req   tghook.WebhookRequest
	}{
		{own, rig.ToURL(rig.HookURL)},
		{own, rig.ToURL("HTTPS://BOT.example.org")},
		{own, rig.ToURL("https://bot.example.org:443/")},
		{own, rig.ToURL("https://bot.example.org:80/")},
		{own, rig.ToURL("https://bot.example.org:88/a/b?c=d&e")},
		{own, rig.ToURL("https://me:password@bot.example.org:8443/")},
		{own, rig.ToURL("https://bot.example.org./")},
		{own, rig.ToURL("https://my_bot.example.org/")},
		{own, rig.ToURL("https://бот.example.org/путь")},
		{own, rig.ToURL("https://bot.xn--p1ai/")},
		{own, rig.ToURL("https://1.2.3.4.example/")},
		{own, rig.ToURL("https://149.154.167.220/")},
		{own, rig.ToURL("https://172.32.0.1/")},
		{own, rig.ToURL("https://223.255.255.255/")},
		{own, toIP("149.154.167.220")},
		{own, tghook.WebhookRequest{URL: "https://laptop/", IPAddress: "149.154.167.220", InsecureNoSecret: true}}, // it is not resolved then
		{own, withConnections(1)},
		{own, withConnections(100)},
		{own, withSecret("a")},
		{own, withSecret(strings.Repeat("aZ09_-", 43)[:256])},
		{local, rig.ToURL("http://127.0.0.1:9000/telegram")},
		{local, rig.ToURL("http://laptop:9000/telegram")},
		{local, rig.ToURL("https://[::1]/telegram")},
		{local, tghook.WebhookRequest{URL: "http://laptop:9000/", IPAddress: "::1", InsecureNoSecret: true}},
		{local, withConnections(100_000)},
	} {
		tg := rig.NewServer(t, !test.local)
		tg.Name(t, test.req.URL)
		require.NoError(t, tg.Client(t, tghook.ClientConfig{Local: test.local}).SetWebhook(t.Context(), test.req), test.req.URL)
		if calls := tg.Calls("setWebhook"); len(calls) != 1 || calls[0].Params["url"] != test.req.URL {
			t.Errorf("%s: %v", test.req.URL, calls)
		}
	}
	tg := rig.NewServer(t, false)
	for _, req := range []tghook.WebhookRequest{
		rig.ToURL("ftp://127.0.0.1/"), rig.ToURL("laptop:9000"), withConnections(100_001), withSecret("é"), toIP("laptop"), rig.ToURL("http://laptop/" + strings.Repeat("a", 4096)),
		{URL: rig.HookURL, Certificate: []byte("none"), InsecureNoSecret: true},
	} {
		assert.Lenf(t, rig.ConfigErrors(t, tg.Client(t, tghook.ClientConfig{Local: true}).SetWebhook(t.Context(), req)), 1, "a local server, %.40s", req.URL)
	}
	assert.Empty(t, tg.Calls(), "requests")
}

func TestSetWebhookBoundsTheHeadersThatTelegramWouldSend(t *testing.T) {
	t.Parallel()
	const most = 4066 // of 4096, of which Telegram keeps 30
	for what, test := range map[string]struct{ authority, path, target, secret, headers string }{
		"a path":          {"bot.example.org", "/", "/", "", ""},
		"a port":          {"bot.example.org:8443", "/", "/", "", ""},
		"no path":         {"bot.example.org", "?", "/?", "", ""},
		"a query":         {"bot.example.org", "/?", "/?", "", ""},
		"a secret":        {"bot.example.org", "/", "/", rig.HookToken, "X-Telegram-Bot-Api-Secret-Token: " + rig.HookToken + "\r\n"},
		"a user":          {"me:pass@bot.example.org", "/", "/", "", "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("me:pass")) + "\r\n"},
		"an escaped user": {"m%65@bot.example.org", "/", "/", "", "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("m%65")) + "\r\n"},
		"spaces":          {"bot.example.org", "/a b c", "/a%20b%20c", "", ""},
		"other letters":   {"bot.example.org", "/путь", "/путь", "", ""},
		"escaped ones":    {"bot.example.org", "/%D0%BF", "/%D0%BF", "", ""},
	} {
		host := test.authority[strings.LastIndexByte(test.authority, '@')+1:]
		block := "POST " + test.target + " HTTP/1.1\r\nHost: " + host + "\r\n" + test.headers + "Content-Type: application/json\r\n" +
			"Content-Length: 524288\r\nConnection: keep-alive\r\nAccept-Encoding: gzip, deflate\r\n\r\n"
		longest := "https://" + test.authority + test.path + strings.Repeat("a", most-len(block))
		for url, fit := range map[string]bool{longest: true, longest + "a": false} {
			tg := rig.NewTelegram(t)
			err := tg.Client(t, tghook.ClientConfig{}).SetWebhook(t.Context(), tghook.WebhookRequest{URL: url, SecretToken: test.secret, InsecureNoSecret: true})
			if (err == nil) != fit || len(tg.Calls()) > 0 != fit {
				t.Errorf("%s, %d bytes: %v", what, len(url), err)
			}
		}
	}
}

// noted is a Telegram of which the words are noted.
type noted struct {
	*rig.Telegram

	mu    sync.Mutex
	words []string
}

func (n *noted) client(tb testing.TB, cfg tghook.ClientConfig) *tghook.Client {
	tb.Helper()
	cfg.BaseURL, cfg.HTTP = n.URL, &http.Client{Transport: n}
	return rig.NewClient(tb, cfg)
}

// RoundTrip implements [http.RoundTripper].
func (n *noted) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := n.Telegram.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	var envelope struct {
		Description string `json:"description"`
	}
	_ = json.Unmarshal(body, &envelope)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.words = append(n.words, cmp.Or(envelope.Description, path.Base(r.URL.Path)))
	res.Body = io.NopCloser(bytes.NewReader(body))
	return res, err
}

// answered are the words of each answer since the last time, or its method.
func (n *noted) answered() (words []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	words, n.words = n.words, nil
	return words
}

// info is what a stranger would be told.
func (n *noted) info(t *testing.T) tghook.WebhookInfo {
	t.Helper()
	info, err := n.Telegram.Client(t, tghook.ClientConfig{}).GetWebhookInfo(t.Context())
	assert.NoError(t, err)
	return info
}

// secret is the last that was set.
func (n *noted) secret() string {
	calls := n.Calls("setWebhook")
	return calls[len(calls)-1].Params["secret_token"]
}

func TestSetWebhookIsHarmlessAtEveryStart(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		tg := &noted{Telegram: rig.NewTelegram(t)}
		c := tg.client(t, tghook.ClientConfig{})
		for _, test := range []struct {
			req  tghook.WebhookRequest
			want string
		}{
			{withSecret("first"), "Webhook was set"},
			{withSecret("first"), "Webhook is already set"},
			{withSecret("second"), "Webhook was set"}, // getWebhookInfo would not have told
			{withSecret("second"), "Webhook is already set"},
			{fits(func(r *tghook.WebhookRequest) { r.SecretToken, r.AllowedUpdates = "second", []string{"message"} }), "Webhook is already set"},
			{withSecret("second"), "Webhook is already set"},
		} {
			require.NoError(t, c.SetWebhook(t.Context(), test.req))
			assert.Equal(t, []string{test.want}, tg.answered(), "answers")
			assert.Equal(t, test.req.SecretToken, tg.secret(), "secret")
			time.Sleep(time.Second)
		}
		assert.Equal(t, []string{"message"}, tg.info(t).AllowedUpdates, "allowed updates")
	})
}

func TestAWebhookWithACertificateIsComparedFirst(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		tg := &noted{Telegram: rig.NewTelegram(t)}
		c := tg.client(t, tghook.ClientConfig{})
		tg.Name(t, "https://other.example.org/")
		certificate := certified(t, nil, named("", "bot.example.org", "other.example.org")).pem
		current := tghook.WebhookRequest{URL: rig.HookURL, Certificate: certificate, SecretToken: "first"}
		start := func(what string, change func(*tghook.WebhookRequest), want ...string) {
			t.Helper()
			time.Sleep(time.Second)
			req := current
			if change != nil {
				change(&req)
			}
			require.NoError(t, c.SetWebhook(t.Context(), req))
			assert.Equal(t, want, tg.answered(), what)
			current = req
			current.Reset, current.DropPending = false, false
		}
		const info, set = "getWebhookInfo", "Webhook was set"
		start("first", nil, info, set)
		start("again", nil, info)
		start("Telegram's number of connections", func(r *tghook.WebhookRequest) { r.MaxConnections = 40 }, info)
		start("another number", func(r *tghook.WebhookRequest) { r.MaxConnections = 41 }, info, set)
		start("again", nil, info)
		start("kinds", func(r *tghook.WebhookRequest) { r.AllowedUpdates = []string{"poll", "message"} }, info, set)
		start("in another order", func(r *tghook.WebhookRequest) { r.AllowedUpdates = []string{"message", "poll", "message"} }, info)
		start("none given", func(r *tghook.WebhookRequest) { r.AllowedUpdates = nil }, info)
		start("fewer", func(r *tghook.WebhookRequest) { r.AllowedUpdates = []string{"message"} }, info, set)
		start("Telegram's default", func(r *tghook.WebhookRequest) { r.AllowedUpdates = []string{} }, info, set)
		start("again", nil, info)
		start("an address", func(r *tghook.WebhookRequest) { r.IPAddress = "149.154.167.220" }, info, set)
		start("again", nil, info)
		start("another address", func(r *tghook.WebhookRequest) { r.IPAddress = "149.154.167.221" }, info, set)
		start("another path", func(r *tghook.WebhookRequest) { r.URL += "/2" }, info, set)
		start("another host", func(r *tghook.WebhookRequest) { r.URL = "https://other.example.org/" }, info, set)
		start("another secret", func(r *tghook.WebhookRequest) { r.SecretToken = "second" }, info)
		assert.Equal(t, "first", tg.secret(), "secret that was not compared")
		start("Reset", func(r *tghook.WebhookRequest) { r.Reset = true }, set)
		assert.Equal(t, "second", tg.secret(), "secret")
		start("DropPending", func(r *tghook.WebhookRequest) { r.DropPending = true }, set)
		start("without a certificate", func(r *tghook.WebhookRequest) { r.Certificate = nil }, set)
		start("with one", func(r *tghook.WebhookRequest) { r.Certificate = certificate }, info, set)
	})
}

func TestALocalServerHasMoreConnectionsByDefault(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		req := tghook.WebhookRequest{URL: rig.HookURL, Certificate: certified(t, nil, named("bot.example.org")).pem, InsecureNoSecret: true}
		hundred := req
		hundred.MaxConnections = 100
		for local, want := range map[bool][]string{true: {"getWebhookInfo"}, false: {"getWebhookInfo", "Webhook was set"}} {
			tg := &noted{Telegram: rig.NewServer(t, !local)}
			c := tg.client(t, tghook.ClientConfig{Local: local})
			require.NoError(t, c.SetWebhook(t.Context(), hundred))
			tg.answered()
			time.Sleep(time.Second)
			require.NoError(t, c.SetWebhook(t.Context(), req))
			assert.Equal(t, want, tg.answered(), "answers")
		}
	})
}

// resolving has the host of a webhook take its time to be found. A newer setWebhook
// ends one that waits for that.
func resolving(takes time.Duration) func(tghooktest.Call) tghooktest.CallFault {
	var newest atomic.Int64
	return func(c tghooktest.Call) (fault tghooktest.CallFault) {
		if c.Method != "setWebhook" {
			return fault
		}
		n := newest.Add(1)
		time.Sleep(takes)
		if newest.Load() > n {
			fault.Err = &tghooktest.CallError{Code: 409, Description: "Conflict: terminated by other setWebhook"}
		}
		return fault
	}
}

func TestReplicasThatStartAtOnceAllSucceed(t *testing.T) {
	t.Parallel()
	for _, takes := range []time.Duration{100 * time.Millisecond, 1500 * time.Millisecond, 3 * time.Second} {
		for _, self := range []bool{false, true} {
			for range 20 {
				synctest.Test(t, func(t *testing.T) {
					tg := &noted{Telegram: rig.NewTelegram(t)}
					tg.OnCall(resolving(takes))
					req := withSecret(rig.HookToken)
					if self {
						req.Certificate = certified(t, nil, named("bot.example.org")).pem
					}
					begun := time.Now()
					var replicas sync.WaitGroup
					for range 3 {
						replicas.Go(func() {
							assert.NoError(t, tg.client(t, tghook.ClientConfig{}).SetWebhook(t.Context(), req))
						})
					}
					replicas.Wait()
					assert.Equal(t, rig.HookURL, tg.info(t).URL, "URL")
					assert.Equal(t, rig.HookToken, tg.secret(), "secret")
					if took := time.Since(begun); took > 40*time.Second {
						t.Errorf("where it takes %v, three took %v: %q", takes, took, tg.answered())
					}
				})
			}
		}
	}
}

func TestSetWebhookGivesWayForAMinute(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		certificate := certified(t, nil, named("bot.example.org")).pem
		for _, answer := range []outcome{tooMany, refusing(409, "")} {
			for _, req := range []tghook.WebhookRequest{withSecret("a"), {URL: rig.HookURL, Certificate: certificate, SecretToken: "a"}, {URL: rig.HookURL, DropPending: true, SecretToken: "a"}} {
				f := &flaky{fails: 2, answer: answer}
				if err := f.client(t, 0).SetWebhook(t.Context(), req); err != nil && len(req.Certificate) == 0 {
					t.Error(err)
				}
				assert.GreaterOrEqualf(t, len(f.asked), 3, "asked after %v", f.asked)

				for _, patience := range []time.Duration{0, 5 * time.Minute} {
					f = &flaky{fails: 1 << 30, answer: answer}
					err := f.client(t, patience).SetWebhook(t.Context(), req)
					var refused *tghook.APIError
					if !errors.As(err, &refused) {
						t.Error(err)
					}
					if took := time.Since(f.begun); took > patience+time.Minute || took < patience-15*time.Second { // another wait would have been 75 s at most
						t.Errorf("with patience %v it took %v", patience, took)
					}
				}
			}
		}

		f := &flaky{fails: 1, answer: refusing(429, `,"parameters":{"retry_after":3600}`)}
		if err := f.client(t, 0).SetWebhook(t.Context(), withSecret("a")); err == nil || time.Since(f.begun) > 0 {
			t.Errorf("after %v: %v", time.Since(f.begun), err)
		}

		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		f = &flaky{fails: 1 << 30, answer: tooMany}
		err := f.client(t, 0).SetWebhook(ctx, withSecret("a"))
		var refused *tghook.APIError
		if !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &refused) || time.Since(f.begun) != 10*time.Second {
			t.Errorf("after %v: %v", time.Since(f.begun), err)
		}
	})
}

func TestSetWebhookRepeatsOtherFailuresOnlyIfAsked(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		dropping := tghook.WebhookRequest{URL: rig.HookURL, DropPending: true, SecretToken: "a"}
		for _, test := range []struct {
			what     string
			answer   outcome
			patience time.Duration
			req      tghook.WebhookRequest
			repeated bool
		}{
			{"5xx", refusing(502, ""), 0, withSecret("a"), false},
			{"5xx, with patience", refusing(502, ""), time.Minute, withSecret("a"), true},
			{"5xx, dropping", refusing(502, ""), time.Minute, dropping, false},
			{"hung up", hungUp, 0, withSecret("a"), false},
			{"hung up, with patience", hungUp, time.Minute, withSecret("a"), true},
			{"hung up, dropping", hungUp, time.Minute, dropping, false},
			{"nobody there", unreachable, 0, withSecret("a"), false},
			{"nobody there, dropping, with patience", unreachable, time.Minute, dropping, true},
			{"400", refusing(400, ""), time.Minute, withSecret("a"), false},
			{"401", refusing(401, ""), time.Minute, withSecret("a"), false},
			{"404", refusing(404, ""), time.Minute, withSecret("a"), false},
		} {
			f := &flaky{fails: 1, answer: test.answer}
			err := f.client(t, test.patience).SetWebhook(t.Context(), test.req)
			if (err == nil) != test.repeated || len(f.asked) > 1 != test.repeated {
				t.Errorf("%s: %d requests, %v", test.what, len(f.asked), err)
			}
		}
	})
}

func TestSetWebhookKeepsItsParametersToItself(t *testing.T) {
	t.Parallel()
	for _, answer := range []outcome{refusing(400, ""), hungUp, {status: 404, body: "<h1>/bot" + rig.APIToken + "/setWebhook</h1>"}} {
		f := &flaky{fails: 1, answer: answer}
		err := f.client(t, 0).SetWebhook(t.Context(), fits(func(r *tghook.WebhookRequest) {
			r.URL, r.SecretToken = "https://bot.example.org/"+rig.APIToken, rig.HookToken
		}))
		rig.KeepsToken(t, err)
	}
	c := rig.Transport(func(r *http.Request) (*http.Response, error) {
		body, err := io.ReadAll(r.Body) // a proxy that shows the request
		return rig.APIAnswer(502, string(body[strings.Index(string(body), rig.APIToken):])), err
	}).Client(t, tghook.ClientConfig{})
	rig.KeepsToken(t, c.SetWebhook(t.Context(), rig.ToURL("https://bot.example.org/"+rig.APIToken)))
}

// The old webhook is gone when Telegram finds that it cannot resolve the new one's host.
func TestSetWebhookResolvesTheHostFirst(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		for _, test := range []struct {
			what, base string
			req        tghook.WebhookRequest
			refused    bool
		}{
			{"a host that does not exist", "", rig.ToURL("https://bot.invalid/"), true},
			{"one of which our resolver says nothing", "", rig.ToURL("https://slow.invalid/"), false},
			{"one that exists", "", rig.ToURL(rig.HookURL), false},
			{"an address that is given", "", tghook.WebhookRequest{URL: "https://bot.invalid/", IPAddress: "149.154.167.220", SecretToken: "a"}, false},
			{"another Bot API", "https://api.example.org", rig.ToURL("https://bot.invalid/"), false},
		} {
			asked := 0
			c := rig.Transport(func(*http.Request) (*http.Response, error) {
				asked++
				return rig.APIAnswer(200, rig.APIOK), nil
			}).Client(t, tghook.ClientConfig{BaseURL: test.base})
			err := c.SetWebhook(t.Context(), test.req)
			if (err != nil) != test.refused || (asked == 0) != test.refused {
				t.Errorf("%s: %d requests, %v", test.what, asked, err)
			}
			if test.refused && !strings.Contains(err.Error(), "IPAddress") {
				t.Errorf("%s: %v names no remedy", test.what, err)
			}
		}
	})
}

func TestSetWebhookWaitsUntilTelegramCanResolveTheHost(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		words := func(why string) outcome {
			return outcome{status: 400, body: `{"ok":false,"error_code":400,"description":"Bad Request: bad webhook: Failed to resolve host: ` + why + `"}`}
		}
		for _, test := range []struct {
			why      string
			base     string // where our resolver does not count
			repeated bool
		}{
			{"Temporary failure in name resolution", "https://api.example.org", true},
			{"Try again", "https://api.example.org", true},
			{"Name or service not known", "https://api.example.org", false},
			{"Name or service not known", "", true}, // it is known here
		} {
			begun := time.Now()
			asked := 0
			c := rig.Transport(func(*http.Request) (*http.Response, error) {
				if asked++; time.Since(begun) < 5*time.Minute { // as long as Telegram keeps it
					return words(test.why).response()
				}
				return rig.APIAnswer(200, rig.APIOK), nil
			}).Client(t, tghook.ClientConfig{BaseURL: test.base})
			if err := c.SetWebhook(t.Context(), withSecret("a")); (err == nil) != test.repeated || asked > 1 != test.repeated || asked > 20 {
				t.Errorf("%q at %q: %d requests in %v, %v", test.why, test.base, asked, time.Since(begun), err)
			}
		}
		f := &flaky{fails: 1 << 30, answer: words("Temporary failure in name resolution")}
		err := f.client(t, 0).SetWebhook(t.Context(), withSecret("a"))
		if took := time.Since(f.begun); err == nil || took > 8*time.Minute {
			t.Errorf("after %v: %v", took, err)
		}
	})
}
