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
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/tghooktest"
)

const hookURL = "https://bot.example.org/telegram"

func TestSetWebhookSendsWhatIsGiven(t *testing.T) {
	t.Parallel()
	certificate := certified(t, nil, named("bot.example.org")).pem
	for what, test := range map[string]struct {
		req    tghook.WebhookRequest
		params map[string]string
		files  map[string]tghooktest.File
	}{
		"a URL": {tghook.WebhookRequest{URL: hookURL, InsecureNoSecret: true}, map[string]string{"url": hookURL}, nil},
		"all": {
			tghook.WebhookRequest{
				URL: hookURL, IPAddress: "149.154.167.220", MaxConnections: 100, AllowedUpdates: []string{"message", "chat_member"},
				DropPending: true, SecretToken: hookToken,
			},
			map[string]string{
				"url": hookURL, "ip_address": "149.154.167.220", "max_connections": "100",
				"allowed_updates": `["message","chat_member"]`, "drop_pending_updates": "true", "secret_token": hookToken,
			},
			nil,
		},
		"Telegram's default kinds": {
			tghook.WebhookRequest{URL: hookURL, AllowedUpdates: []string{}, InsecureNoSecret: true},
			map[string]string{"url": hookURL, "allowed_updates": "[]"},
			nil,
		},
		"all, with a certificate": {
			tghook.WebhookRequest{
				URL: hookURL, Certificate: certificate, IPAddress: "149.154.167.220", MaxConnections: 100,
				AllowedUpdates: []string{"message", "chat_member"}, DropPending: true, SecretToken: hookToken, Reset: true,
			},
			map[string]string{
				"url": hookURL, "ip_address": "149.154.167.220", "max_connections": "100",
				"allowed_updates": `["message","chat_member"]`, "drop_pending_updates": "true", "secret_token": hookToken,
			},
			map[string]tghooktest.File{"certificate": {Name: "certificate.pem", ContentType: "application/octet-stream", Content: certificate}},
		},
	} {
		tg := newTelegram(t)
		if err := tg.client(t, tghook.ClientConfig{}).SetWebhook(t.Context(), test.req); err != nil {
			t.Error(what, err)
		}
		calls := tg.Calls()
		same(t, what+": calls", len(calls), 1)
		same(t, what, calls[0].Params, test.params)
		same(t, what+": files", calls[0].Files, test.files)
	}
}

// fits is a request that nothing is wrong with.
func fits(change func(*tghook.WebhookRequest)) tghook.WebhookRequest {
	req := tghook.WebhookRequest{URL: hookURL, InsecureNoSecret: true}
	change(&req)
	return req
}

func toURL(url string) tghook.WebhookRequest {
	return tghook.WebhookRequest{URL: url, InsecureNoSecret: true}
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
		port     = "443, 80, 88 and 8443 only"
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
		{toURL(""), "URL", noURL},
		{toURL("bot.example.org/telegram"), "URL", noURL},
		{toURL("bot.example.org:8443/telegram"), "URL", noURL},
		{toURL("https:///telegram"), "URL", noURL},
		{toURL("https://:8443/telegram"), "URL", noURL},
		{toURL("https:bot.example.org"), "URL", noURL},
		{toURL("https://bot.example.org:/telegram"), "URL", noURL},
		{toURL("https://bot.example.org:port/telegram"), "URL", noURL},
		{toURL("https://bot.example.org:-1/telegram"), "URL", noURL},
		{toURL("https://bot example.org/telegram"), "URL", noURL},
		{toURL("https://bot<>.example.org/telegram"), "URL", noURL},
		{toURL(`https://bot".example.org/telegram`), "URL", noURL},
		{toURL("https://./telegram"), "URL", noURL},
		{toURL("https://[::1/telegram"), "URL", noURL},
		{toURL("https://bot.example.org/tele\ngram"), "URL", noURL},
		{toURL("https://bot.example.org/%zz"), "URL", noURL},
		{toURL("http://bot.example.org/telegram"), "URL", "must begin with https://"},
		{toURL("//bot.example.org/telegram"), "URL", "must begin with https://"},
		{toURL("ftp://bot.example.org/telegram"), "URL", "must begin with https://"},
		{toURL("https://bot.example.org:8080/telegram"), "URL", port},
		{toURL("https://bot.example.org:0/telegram"), "URL", port},
		{toURL("https://bot.example.org:65536/telegram"), "URL", port},
		{toURL("https://localhost/telegram"), "URL", unknown},
		{toURL("https://localhost./telegram"), "URL", unknown},
		{toURL("https://laptop:8443/telegram"), "URL", unknown},
		{toURL("https://127.1/telegram"), "URL", unknown},
		{toURL("https://0x7f.0x1/telegram"), "URL", unknown},
		{toURL("https://2130706433/telegram"), "URL", unknown},
		{toURL("https://[2001:4860:4860::8888]/telegram"), "URL", ipv6},
		{toURL("https://[::ffff:149.154.167.220]/telegram"), "URL", ipv6},
		{toURL("https://0.0.0.0/"), "URL", reserved},
		{toURL("https://10.1.2.3/"), "URL", reserved},
		{toURL("https://100.64.0.1/"), "URL", reserved},
		{toURL("https://100.127.255.255/"), "URL", reserved},
		{toURL("https://127.0.0.1:8443/"), "URL", reserved},
		{toURL("https://169.254.1.1/"), "URL", reserved},
		{toURL("https://172.16.0.1/"), "URL", reserved},
		{toURL("https://172.31.255.255/"), "URL", reserved},
		{toURL("https://192.0.0.1/"), "URL", reserved},
		{toURL("https://192.0.2.1/"), "URL", reserved},
		{toURL("https://192.88.99.1/"), "URL", reserved},
		{toURL("https://192.168.1.1/"), "URL", reserved},
		{toURL("https://198.18.0.1/"), "URL", reserved},
		{toURL("https://198.19.255.255/"), "URL", reserved},
		{toURL("https://198.51.100.1/"), "URL", reserved},
		{toURL("https://203.0.113.1/"), "URL", reserved},
		{toURL("https://224.0.0.1/"), "URL", reserved},
		{toURL("https://255.255.255.255/"), "URL", reserved},
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
		{toURL(hookURL + strings.Repeat("a", 4096)), "URL", "is too long"},
		{toURL("https://*.example.org/telegram"), "URL", noURL},
		{toURL(hookURL + "#updates"), "URL", "has a fragment"},
		{toURL(hookURL + "#"), "URL", "has a fragment"},
		{tghook.WebhookRequest{URL: hookURL}, "SecretToken", "set InsecureNoSecret"},
	}
	tg := newTelegram(t)
	for _, test := range tests {
		err := tg.client(t, tghook.ClientConfig{Patience: time.Hour}).SetWebhook(t.Context(), test.req)
		mistakes := configErrors(t, err)
		if len(mistakes) != 1 || mistakes[0].Field != "WebhookRequest."+test.field || !strings.Contains(mistakes[0].Problem, test.problem) {
			t.Errorf("%.60q %q: %v, want %q of %s", test.req.URL, test.req.IPAddress, err, test.problem, test.field)
		}
		keepsToken(t, err)
	}
	same(t, "requests", len(tg.Calls()), 0)
}

func TestSetWebhookNamesEveryMistakeAtOnce(t *testing.T) {
	t.Parallel()
	wrong := tghook.WebhookRequest{
		Certificate: []byte("none"), IPAddress: "10.0.0.1", MaxConnections: 1000, SecretToken: "a stand_in_secret",
	}
	tg := newTelegram(t)
	for url, want := range map[string][]string{
		"":                                    {"URL", "IPAddress", "MaxConnections", "SecretToken", "Certificate"},
		"http://laptop:8080/" + apiToken:      {"URL", "URL", "IPAddress", "MaxConnections", "SecretToken", "Certificate"},
		"https://u:" + apiSecret + "@[::1/":   {"URL", "IPAddress", "MaxConnections", "SecretToken", "Certificate"},
		hookURL + strings.Repeat("a", 4000):   {"URL", "IPAddress", "MaxConnections", "SecretToken", "Certificate"},
		"https://bot.example.org/" + apiToken: {"IPAddress", "MaxConnections", "SecretToken", "Certificate"},
	} {
		req := wrong
		req.URL = url
		err := tg.client(t, tghook.ClientConfig{}).SetWebhook(t.Context(), req)
		for i := range want {
			want[i] = "WebhookRequest." + want[i]
		}
		if !slices.Equal(mistaken(t, err), want) {
			t.Errorf("%v, want %v", err, want)
		}
		keepsToken(t, err)
	}
	good := tghook.WebhookRequest{InsecureNoSecret: true, Certificate: certified(t, nil, named("bot.example.org")).pem}
	same(t, "mistakes of a URL alone", mistaken(t, tg.client(t, tghook.ClientConfig{}).SetWebhook(t.Context(), good)), []string{"WebhookRequest.URL"})
	wrong.URL, wrong.IPAddress = "http://laptop:8080/", ""
	same(t, "mistakes of a URL and others", len(configErrors(t, tg.client(t, tghook.ClientConfig{}).SetWebhook(t.Context(), wrong))), 6)
	same(t, "requests", len(tg.Calls()), 0)
}

func TestSetWebhookTakesWhatTelegramTakes(t *testing.T) {
	t.Parallel()
	const own, local = false, true
	for _, test := range []struct {
		local bool
		req   tghook.WebhookRequest
	}{
		{own, toURL(hookURL)},
		{own, toURL("HTTPS://BOT.example.org")},
		{own, toURL("https://bot.example.org:443/")},
		{own, toURL("https://bot.example.org:80/")},
		{own, toURL("https://bot.example.org:88/a/b?c=d&e")},
		{own, toURL("https://me:password@bot.example.org:8443/")},
		{own, toURL("https://bot.example.org./")},
		{own, toURL("https://my_bot.example.org/")},
		{own, toURL("https://бот.example.org/путь")},
		{own, toURL("https://bot.xn--p1ai/")},
		{own, toURL("https://1.2.3.4.example/")},
		{own, toURL("https://149.154.167.220/")},
		{own, toURL("https://172.32.0.1/")},
		{own, toURL("https://223.255.255.255/")},
		{own, toIP("149.154.167.220")},
		{own, tghook.WebhookRequest{URL: "https://laptop/", IPAddress: "149.154.167.220", InsecureNoSecret: true}}, // it is not resolved then
		{own, withConnections(1)},
		{own, withConnections(100)},
		{own, withSecret("a")},
		{own, withSecret(strings.Repeat("aZ09_-", 43)[:256])},
		{local, toURL("http://127.0.0.1:9000/telegram")},
		{local, toURL("http://laptop:9000/telegram")},
		{local, toURL("https://[::1]/telegram")},
		{local, tghook.WebhookRequest{URL: "http://laptop:9000/", IPAddress: "::1", InsecureNoSecret: true}},
		{local, withConnections(100_000)},
	} {
		tg := newServer(t, !test.local)
		tg.name(t, test.req.URL)
		if err := tg.client(t, tghook.ClientConfig{Local: test.local}).SetWebhook(t.Context(), test.req); err != nil {
			t.Errorf("%s: %v", test.req.URL, err)
		}
		if calls := tg.Calls("setWebhook"); len(calls) != 1 || calls[0].Params["url"] != test.req.URL {
			t.Errorf("%s: %v", test.req.URL, calls)
		}
	}
	tg := newServer(t, false)
	for _, req := range []tghook.WebhookRequest{
		toURL("ftp://127.0.0.1/"), toURL("laptop:9000"), withConnections(100_001), withSecret("é"), toIP("laptop"), toURL("http://laptop/" + strings.Repeat("a", 4096)),
		{URL: hookURL, Certificate: []byte("none"), InsecureNoSecret: true},
	} {
		if mistakes := configErrors(t, tg.client(t, tghook.ClientConfig{Local: true}).SetWebhook(t.Context(), req)); len(mistakes) != 1 {
			t.Errorf("a local server, %.40s: %v", req.URL, mistakes)
		}
	}
	same(t, "requests", len(tg.Calls()), 0)
}

func TestSetWebhookBoundsTheHeadersThatTelegramWouldSend(t *testing.T) {
	t.Parallel()
	const most = 4066 // of 4096, of which Telegram keeps 30
	for what, test := range map[string]struct{ authority, path, target, secret, headers string }{
		"a path":          {"bot.example.org", "/", "/", "", ""},
		"a port":          {"bot.example.org:8443", "/", "/", "", ""},
		"no path":         {"bot.example.org", "?", "/?", "", ""},
		"a query":         {"bot.example.org", "/?", "/?", "", ""},
		"a secret":        {"bot.example.org", "/", "/", hookToken, "X-Telegram-Bot-Api-Secret-Token: " + hookToken + "\r\n"},
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
			tg := newTelegram(t)
			err := tg.client(t, tghook.ClientConfig{}).SetWebhook(t.Context(), tghook.WebhookRequest{URL: url, SecretToken: test.secret, InsecureNoSecret: true})
			if (err == nil) != fit || len(tg.Calls()) > 0 != fit {
				t.Errorf("%s, %d bytes: %v", what, len(url), err)
			}
		}
	}
}

// noted is a Telegram of which the words are noted.
type noted struct {
	*telegram

	mu    sync.Mutex
	words []string
}

func (n *noted) client(tb testing.TB, cfg tghook.ClientConfig) *tghook.Client {
	tb.Helper()
	cfg.BaseURL, cfg.HTTP = n.URL, &http.Client{Transport: n}
	return newClient(tb, cfg)
}

// RoundTrip implements [http.RoundTripper].
func (n *noted) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := n.telegram.RoundTrip(r)
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
	info, err := n.telegram.client(t, tghook.ClientConfig{}).GetWebhookInfo(t.Context())
	if err != nil {
		t.Error(err)
	}
	return info
}

// secret is the last that was set.
func (n *noted) secret() string {
	calls := n.Calls("setWebhook")
	return calls[len(calls)-1].Params["secret_token"]
}

func TestSetWebhookIsHarmlessAtEveryStart(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		tg := &noted{telegram: newTelegram(t)}
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
			if err := c.SetWebhook(t.Context(), test.req); err != nil {
				t.Error(err)
			}
			same(t, "answers", tg.answered(), []string{test.want})
			same(t, "secret", tg.secret(), test.req.SecretToken)
			time.Sleep(time.Second)
		}
		same(t, "allowed updates", tg.info(t).AllowedUpdates, []string{"message"})
	})
}

func TestAWebhookWithACertificateIsComparedFirst(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		tg := &noted{telegram: newTelegram(t)}
		c := tg.client(t, tghook.ClientConfig{})
		tg.name(t, "https://other.example.org/")
		certificate := certified(t, nil, named("", "bot.example.org", "other.example.org")).pem
		current := tghook.WebhookRequest{URL: hookURL, Certificate: certificate, SecretToken: "first"}
		start := func(what string, change func(*tghook.WebhookRequest), want ...string) {
			t.Helper()
			time.Sleep(time.Second)
			req := current
			if change != nil {
				change(&req)
			}
			if err := c.SetWebhook(t.Context(), req); err != nil {
				t.Error(err)
			}
			same(t, what, tg.answered(), want)
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
		same(t, "secret that was not compared", tg.secret(), "first")
		start("Reset", func(r *tghook.WebhookRequest) { r.Reset = true }, set)
		same(t, "secret", tg.secret(), "second")
		start("DropPending", func(r *tghook.WebhookRequest) { r.DropPending = true }, set)
		start("without a certificate", func(r *tghook.WebhookRequest) { r.Certificate = nil }, set)
		start("with one", func(r *tghook.WebhookRequest) { r.Certificate = certificate }, info, set)
	})
}

func TestALocalServerHasMoreConnectionsByDefault(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		req := tghook.WebhookRequest{URL: hookURL, Certificate: certified(t, nil, named("bot.example.org")).pem, InsecureNoSecret: true}
		hundred := req
		hundred.MaxConnections = 100
		for local, want := range map[bool][]string{true: {"getWebhookInfo"}, false: {"getWebhookInfo", "Webhook was set"}} {
			tg := &noted{telegram: newServer(t, !local)}
			c := tg.client(t, tghook.ClientConfig{Local: local})
			if err := c.SetWebhook(t.Context(), hundred); err != nil {
				t.Error(err)
			}
			tg.answered()
			time.Sleep(time.Second)
			if err := c.SetWebhook(t.Context(), req); err != nil {
				t.Error(err)
			}
			same(t, "answers", tg.answered(), want)
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
					tg := &noted{telegram: newTelegram(t)}
					tg.OnCall(resolving(takes))
					req := withSecret(hookToken)
					if self {
						req.Certificate = certified(t, nil, named("bot.example.org")).pem
					}
					begun := time.Now()
					var replicas sync.WaitGroup
					for range 3 {
						replicas.Go(func() {
							if err := tg.client(t, tghook.ClientConfig{}).SetWebhook(t.Context(), req); err != nil {
								t.Error(err)
							}
						})
					}
					replicas.Wait()
					same(t, "URL", tg.info(t).URL, hookURL)
					same(t, "secret", tg.secret(), hookToken)
					if took := time.Since(begun); took > 40*time.Second {
						t.Errorf("where it takes %v, three took %v: %q", takes, took, tg.answered())
					}
				})
			}
		}
	}
}

func TestSetWebhookGivesWayForAMinute(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		certificate := certified(t, nil, named("bot.example.org")).pem
		for _, answer := range []outcome{tooMany, refusing(409, "")} {
			for _, req := range []tghook.WebhookRequest{withSecret("a"), {URL: hookURL, Certificate: certificate, SecretToken: "a"}, {URL: hookURL, DropPending: true, SecretToken: "a"}} {
				f := &flaky{fails: 2, answer: answer}
				if err := f.client(t, 0).SetWebhook(t.Context(), req); err != nil && len(req.Certificate) == 0 {
					t.Error(err)
				}
				if len(f.asked) < 3 {
					t.Errorf("asked after %v", f.asked)
				}

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
	inBubble(t, func(t *testing.T) {
		dropping := tghook.WebhookRequest{URL: hookURL, DropPending: true, SecretToken: "a"}
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
	for _, answer := range []outcome{refusing(400, ""), hungUp, {status: 404, body: "<h1>/bot" + apiToken + "/setWebhook</h1>"}} {
		f := &flaky{fails: 1, answer: answer}
		err := f.client(t, 0).SetWebhook(t.Context(), fits(func(r *tghook.WebhookRequest) {
			r.URL, r.SecretToken = "https://bot.example.org/"+apiToken, hookToken
		}))
		keepsToken(t, err)
	}
	c := transport(func(r *http.Request) (*http.Response, error) {
		body, err := io.ReadAll(r.Body) // a proxy that shows the request
		return apiAnswer(502, string(body[strings.Index(string(body), apiToken):])), err
	}).client(t, tghook.ClientConfig{})
	keepsToken(t, c.SetWebhook(t.Context(), toURL("https://bot.example.org/"+apiToken)))
}

// The old webhook is gone when Telegram finds that it cannot resolve the new one's host.
func TestSetWebhookResolvesTheHostFirst(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		for _, test := range []struct {
			what, base string
			req        tghook.WebhookRequest
			refused    bool
		}{
			{"a host that does not exist", "", toURL("https://bot.invalid/"), true},
			{"one of which our resolver says nothing", "", toURL("https://slow.invalid/"), false},
			{"one that exists", "", toURL(hookURL), false},
			{"an address that is given", "", tghook.WebhookRequest{URL: "https://bot.invalid/", IPAddress: "149.154.167.220", SecretToken: "a"}, false},
			{"another Bot API", "https://api.example.org", toURL("https://bot.invalid/"), false},
		} {
			asked := 0
			c := transport(func(*http.Request) (*http.Response, error) {
				asked++
				return apiAnswer(200, apiOK), nil
			}).client(t, tghook.ClientConfig{BaseURL: test.base})
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
	inBubble(t, func(t *testing.T) {
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
			c := transport(func(*http.Request) (*http.Response, error) {
				if asked++; time.Since(begun) < 5*time.Minute { // as long as Telegram keeps it
					return words(test.why).response()
				}
				return apiAnswer(200, apiOK), nil
			}).client(t, tghook.ClientConfig{BaseURL: test.base})
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
