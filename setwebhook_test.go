package tghook_test

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tghook/tghook"
)

const hookURL = "https://bot.example.org/telegram"

func TestSetWebhookSendsWhatIsGiven(t *testing.T) {
	t.Parallel()
	certificate := string(certified(t, nil, named("bot.example.org")).pem)
	for what, test := range map[string]struct {
		req    tghook.WebhookRequest
		params map[string]string
		files  map[string]string
	}{
		"a URL": {tghook.WebhookRequest{URL: hookURL}, map[string]string{"method": "setWebhook", "url": hookURL}, map[string]string{}},
		"all": {
			tghook.WebhookRequest{
				URL: hookURL, IPAddress: "149.154.167.220", MaxConnections: 100, AllowedUpdates: []string{"message", "chat_member"},
				DropPending: true, SecretToken: hookToken,
			},
			map[string]string{
				"method": "setWebhook", "url": hookURL, "ip_address": "149.154.167.220", "max_connections": "100",
				"allowed_updates": `["message","chat_member"]`, "drop_pending_updates": "true", "secret_token": hookToken,
			},
			map[string]string{},
		},
		"Telegram's default kinds": {
			tghook.WebhookRequest{URL: hookURL, AllowedUpdates: []string{}},
			map[string]string{"method": "setWebhook", "url": hookURL, "allowed_updates": "[]"},
			map[string]string{},
		},
		"all, with a certificate": {
			tghook.WebhookRequest{
				URL: hookURL, Certificate: []byte(certificate), IPAddress: "149.154.167.220", MaxConnections: 100,
				AllowedUpdates: []string{"message", "chat_member"}, DropPending: true, SecretToken: hookToken, Reset: true,
			},
			map[string]string{
				"method": "setWebhook", "url": hookURL, "ip_address": "149.154.167.220", "max_connections": "100",
				"allowed_updates": `["message","chat_member"]`, "drop_pending_updates": "true", "secret_token": hookToken,
			},
			map[string]string{"certificate": certificate},
		},
	} {
		tg := newTelegram()
		if err := tg.client(t, tghook.ClientConfig{}).SetWebhook(t.Context(), test.req); err != nil {
			t.Error(what, err)
		}
		same(t, what+": calls", len(tg.calls), 1)
		same(t, what, tg.calls[0].params, test.params)
		same(t, what+": files", tg.calls[0].files, test.files)
	}
}

// fits is a request that nothing is wrong with.
func fits(change func(*tghook.WebhookRequest)) tghook.WebhookRequest {
	req := tghook.WebhookRequest{URL: hookURL}
	change(&req)
	return req
}

func toURL(url string) tghook.WebhookRequest { return tghook.WebhookRequest{URL: url} }

func toIP(address string) tghook.WebhookRequest {
	return fits(func(r *tghook.WebhookRequest) { r.IPAddress = address })
}

func withSecret(secret string) tghook.WebhookRequest {
	return fits(func(r *tghook.WebhookRequest) { r.SecretToken = secret })
}

func withConnections(n int) tghook.WebhookRequest {
	return fits(func(r *tghook.WebhookRequest) { r.MaxConnections = n })
}

func TestSetWebhookNamesAMistakeBeforeTelegramDeletesTheOldWebhook(t *testing.T) {
	t.Parallel()
	const (
		noURL    = "is no URL with a host"
		port     = "443, 80, 88 and 8443 only"
		ipv6     = "has an IPv6 address"
		reserved = "has the reserved address"
		unknown  = "is known in your own network at most"
		noIP     = "is no address"
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
	}
	for _, test := range tests {
		tg := newTelegram()
		err := tg.client(t, tghook.ClientConfig{Patience: time.Hour}).SetWebhook(t.Context(), test.req)
		mistakes := configErrors(t, err)
		if len(mistakes) != 1 || mistakes[0].Field != "WebhookRequest."+test.field || !strings.Contains(mistakes[0].Problem, test.problem) {
			t.Errorf("%.60q %q: %v, want %q of %s", test.req.URL, test.req.IPAddress, err, test.problem, test.field)
		}
		keepsToken(t, err)
		same(t, "requests", len(tg.calls), 0)
	}
}

func TestSetWebhookNamesEveryMistakeAtOnce(t *testing.T) {
	t.Parallel()
	wrong := tghook.WebhookRequest{
		Certificate: []byte("none"), IPAddress: "10.0.0.1", MaxConnections: 1000, SecretToken: "a stand_in_secret",
	}
	for url, want := range map[string][]string{
		"":                                    {"URL", "IPAddress", "MaxConnections", "SecretToken", "Certificate"},
		"http://laptop:8080/" + apiToken:      {"URL", "URL", "IPAddress", "MaxConnections", "SecretToken", "Certificate"},
		"https://u:" + apiSecret + "@[::1/":   {"URL", "IPAddress", "MaxConnections", "SecretToken", "Certificate"},
		hookURL + strings.Repeat("a", 4000):   {"URL", "IPAddress", "MaxConnections", "SecretToken", "Certificate"},
		"https://bot.example.org/" + apiToken: {"IPAddress", "MaxConnections", "SecretToken", "Certificate"},
	} {
		tg := newTelegram()
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
		same(t, "requests", len(tg.calls), 0)
	}
	tg := newTelegram()
	good := tghook.WebhookRequest{Certificate: certified(t, nil, named("bot.example.org")).pem}
	same(t, "mistakes of a URL alone", mistaken(t, tg.client(t, tghook.ClientConfig{}).SetWebhook(t.Context(), good)), []string{"WebhookRequest.URL"})
	wrong.URL, wrong.IPAddress = "http://laptop:8080/", ""
	same(t, "mistakes of a URL and others", len(configErrors(t, tg.client(t, tghook.ClientConfig{}).SetWebhook(t.Context(), wrong))), 6)
}

func TestSetWebhookTakesWhatTelegramTakes(t *testing.T) {
	t.Parallel()
	own := tghook.ClientConfig{BaseURL: "http://localhost:8081"}
	local := tghook.ClientConfig{BaseURL: "http://localhost:8081", Local: true}
	for _, test := range []struct {
		cfg tghook.ClientConfig
		req tghook.WebhookRequest
	}{
		{own, toURL(hookURL)},
		{own, toURL("HTTPS://BOT.example.org")},
		{own, toURL("https://bot.example.org:443/")},
		{own, toURL("https://bot.example.org:80/")},
		{own, toURL("https://bot.example.org:88/a/b?c=d&e#f")},
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
		{own, tghook.WebhookRequest{URL: "https://laptop/", IPAddress: "149.154.167.220"}}, // it is not resolved then
		{own, withConnections(1)},
		{own, withConnections(100)},
		{own, withSecret("a")},
		{own, withSecret(strings.Repeat("aZ09_-", 43)[:256])},
		{local, toURL("http://127.0.0.1:9000/telegram")},
		{local, toURL("http://laptop:9000/telegram")},
		{local, toURL("https://[::1]/telegram")},
		{local, tghook.WebhookRequest{URL: "http://laptop:9000/", IPAddress: "::1"}},
		{local, withConnections(100_000)},
	} {
		tg := newTelegram()
		if err := tg.client(t, test.cfg).SetWebhook(t.Context(), test.req); err != nil {
			t.Errorf("%s: %v", test.req.URL, err)
		}
		if calls := tg.made("setWebhook"); len(calls) != 1 || calls[0].params["url"] != test.req.URL {
			t.Errorf("%s: %v", test.req.URL, calls)
		}
	}
	for _, req := range []tghook.WebhookRequest{
		toURL("ftp://127.0.0.1/"), toURL("laptop:9000"), withConnections(100_001), withSecret("é"), toIP("laptop"), toURL("http://laptop/" + strings.Repeat("a", 4096)),
		{URL: hookURL, Certificate: []byte("none")},
	} {
		tg := newTelegram()
		if mistakes := configErrors(t, tg.client(t, local).SetWebhook(t.Context(), req)); len(mistakes) != 1 {
			t.Errorf("a local server, %.40s: %v", req.URL, mistakes)
		}
		same(t, "requests", len(tg.calls), 0)
	}
}

func TestSetWebhookBoundsTheHeadersThatTelegramWouldSend(t *testing.T) {
	t.Parallel()
	const most = 4066 // of 4096, of which Telegram keeps 30
	for what, test := range map[string]struct{ authority, path, target, secret, headers string }{
		"a path":          {"bot.example.org", "/", "/", "", ""},
		"a port":          {"bot.example.org:8443", "/", "/", "", ""},
		"no path":         {"bot.example.org", "?", "/?", "", ""},
		"a fragment":      {"bot.example.org", "/#", "/#", "", ""},
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
			tg := newTelegram()
			err := tg.client(t, tghook.ClientConfig{}).SetWebhook(t.Context(), tghook.WebhookRequest{URL: url, SecretToken: test.secret})
			if (err == nil) != fit || len(tg.calls) > 0 != fit {
				t.Errorf("%s, %d bytes: %v", what, len(url), err)
			}
		}
	}
}

// setting is the part of the Bot API that sets webhooks, with its limits: one call
// a second, and one at a time, of which a newer one wins.
type setting struct {
	takes time.Duration // to resolve the host

	mu         sync.Mutex
	info       tghook.WebhookInfo
	secret     string
	calls      []string // method, and the answer
	begun      time.Time
	unfinished chan struct{}
}

// RoundTrip implements [http.RoundTripper].
func (s *setting) RoundTrip(r *http.Request) (*http.Response, error) {
	method := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	var call apiCall
	if err := call.read(r); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	status, body := s.do(method, call)
	s.calls = append(s.calls, method+" "+body)
	return apiAnswer(status, body), nil
}

func (s *setting) do(method string, call apiCall) (status int, body string) {
	if method == "getWebhookInfo" {
		info, err := json.Marshal(s.info)
		if err != nil {
			return 500, err.Error()
		}
		return 200, `{"ok":true,"result":` + string(info) + `}`
	}
	if !s.begun.IsZero() && time.Since(s.begun) < time.Second {
		return 429, `{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 1","parameters":{"retry_after":1}}`
	}
	s.begun = time.Now()
	set := tghook.WebhookInfo{
		URL: call.params["url"], IPAddress: call.params["ip_address"], HasCustomCertificate: call.files["certificate"] != "",
		MaxConnections: 40, AllowedUpdates: s.info.AllowedUpdates,
	}
	if n := call.params["max_connections"]; n != "" {
		_ = json.Unmarshal([]byte(n), &set.MaxConnections)
	}
	if kinds := call.params["allowed_updates"]; kinds != "" {
		set.AllowedUpdates = nil
		_ = json.Unmarshal([]byte(kinds), &set.AllowedUpdates)
	}
	drop := call.params["drop_pending_updates"] == "true"
	if s.secret == call.params["secret_token"] && sameHook(s.info, set) && !set.HasCustomCertificate && !drop {
		s.info.AllowedUpdates = set.AllowedUpdates
		return 200, `{"ok":true,"result":true,"description":"Webhook is already set"}`
	}
	if s.unfinished != nil {
		close(s.unfinished)
	}
	mine := make(chan struct{})
	s.unfinished, s.info, s.secret = mine, tghook.WebhookInfo{}, ""
	s.mu.Unlock()
	timer := time.NewTimer(s.takes)
	defer timer.Stop()
	select {
	case <-mine:
	case <-timer.C:
	}
	s.mu.Lock()
	if s.unfinished != mine {
		return 409, `{"ok":false,"error_code":409,"description":"Conflict: terminated by other setWebhook"}`
	}
	s.unfinished, s.info, s.secret = nil, set, call.params["secret_token"]
	return 200, `{"ok":true,"result":true,"description":"Webhook was set"}`
}

// sameHook compares what Telegram compares.
func sameHook(a, b tghook.WebhookInfo) bool {
	return a.URL == b.URL && a.IPAddress == b.IPAddress && a.MaxConnections == b.MaxConnections && a.HasCustomCertificate == b.HasCustomCertificate
}

func (s *setting) client(tb testing.TB, cfg tghook.ClientConfig) *tghook.Client {
	tb.Helper()
	cfg.HTTP = &http.Client{Transport: s}
	return newClient(tb, cfg)
}

// answered are the last words of each answer since the last time.
func (s *setting) answered() (all []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, call := range s.calls {
		method, body, _ := strings.Cut(call, " ")
		var envelope struct {
			Description string `json:"description"`
		}
		_ = json.Unmarshal([]byte(body), &envelope)
		all = append(all, cmp.Or(envelope.Description, method))
	}
	s.calls = nil
	return all
}

func TestSetWebhookIsHarmlessAtEveryStart(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		tg := &setting{}
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
			same(t, "secret", tg.secret, test.req.SecretToken)
			time.Sleep(time.Second)
		}
		same(t, "allowed updates", tg.info.AllowedUpdates, []string{"message"})
	})
}

func TestAWebhookWithACertificateIsComparedFirst(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		tg := &setting{}
		c := tg.client(t, tghook.ClientConfig{})
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
		same(t, "secret that was not compared", tg.secret, "first")
		start("Reset", func(r *tghook.WebhookRequest) { r.Reset = true }, set)
		same(t, "secret", tg.secret, "second")
		start("DropPending", func(r *tghook.WebhookRequest) { r.DropPending = true }, set)
		start("without a certificate", func(r *tghook.WebhookRequest) { r.Certificate = nil }, set)
		start("with one", func(r *tghook.WebhookRequest) { r.Certificate = certificate }, info, set)
	})
}

func TestALocalServerHasMoreConnectionsByDefault(t *testing.T) {
	t.Parallel()
	tg := &setting{info: tghook.WebhookInfo{URL: hookURL, HasCustomCertificate: true, MaxConnections: 100}}
	req := tghook.WebhookRequest{URL: hookURL, Certificate: certified(t, nil, named("bot.example.org")).pem}
	if err := tg.client(t, tghook.ClientConfig{Local: true}).SetWebhook(t.Context(), req); err != nil {
		t.Error(err)
	}
	same(t, "local", tg.answered(), []string{"getWebhookInfo"})
	if err := tg.client(t, tghook.ClientConfig{}).SetWebhook(t.Context(), req); err != nil {
		t.Error(err)
	}
	same(t, "Telegram's", tg.answered(), []string{"getWebhookInfo", "Webhook was set"})
}

func TestReplicasThatStartAtOnceAllSucceed(t *testing.T) {
	t.Parallel()
	for _, takes := range []time.Duration{100 * time.Millisecond, 1500 * time.Millisecond, 3 * time.Second} {
		for _, self := range []bool{false, true} {
			for range 20 {
				synctest.Test(t, func(t *testing.T) {
					tg := &setting{takes: takes}
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
					same(t, "URL", tg.info.URL, hookURL)
					same(t, "secret", tg.secret, hookToken)
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
			for _, req := range []tghook.WebhookRequest{withSecret("a"), {URL: hookURL, Certificate: certificate}, {URL: hookURL, DropPending: true}} {
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
		dropping := tghook.WebhookRequest{URL: hookURL, DropPending: true}
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
