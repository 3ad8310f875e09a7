package tghook_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/rig"
)

func prefixes(texts ...string) (all []netip.Prefix) {
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

// servedFrom reports whether a request is let in.
func servedFrom(t *testing.T, allowed, trusted []netip.Prefix, peer string, forwarded []string) bool {
	t.Helper()
	w, _ := hookFor(t, idle, func(cfg *tghook.Config) { cfg.AllowedSources, cfg.TrustedProxies = allowed, trusted })
	req := rig.FromTelegram(textFrom(1, 1))
	req.RemoteAddr, req.ForwardedFor = peer, forwarded
	res := w.Serve(t.Context(), req)
	if res.Status != 200 && (res.Status != 401 || res.Header.Get("Connection") != "close") {
		t.Errorf("got %d %v, want 200, or 401 with Connection: close", res.Status, res.Header)
	}
	return res.Status == 200
}

func TestSourceNotAllowedIs401(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		allowed []netip.Prefix
		peer    string
		want    bool
	}{
		{nil, "192.0.2.1:1", true},
		{nil, "garbage", true},
		{nil, "", true},
		{tghook.TelegramSources(), "149.154.160.0:443", true},
		{tghook.TelegramSources(), "149.154.175.255:443", true},
		{tghook.TelegramSources(), "149.154.159.255:443", false},
		{tghook.TelegramSources(), "149.154.176.0:443", false},
		{tghook.TelegramSources(), "91.108.4.0:1", true},
		{tghook.TelegramSources(), "91.108.7.255:1", true},
		{tghook.TelegramSources(), "91.108.8.0:1", false},
		{tghook.TelegramSources(), "127.0.0.1:1", false},
		{tghook.TelegramSources(), "", false},
		{tghook.TelegramSources(), "@", false}, // a Unix socket's peer
		{tghook.TelegramSources(), "garbage", false},
		{tghook.TelegramSources(), "149.154.160.1:http", false},
		{tghook.TelegramSources(), "149.154.160.1, 10.0.0.1", false},
		{prefixes("198.51.100.7/32"), "198.51.100.7", true},
		{prefixes("198.51.100.7/32"), "198.51.100.7:65535", true},
		{prefixes("198.51.100.7/32"), "198.51.100.8:65535", false},
		{prefixes("198.51.100.7/32"), "[::ffff:198.51.100.7]:1", true},
		{prefixes("198.51.100.7/32"), "::ffff:198.51.100.7", true},
		{prefixes("198.51.100.7/32"), "::ffff:c633:6407", true},
		{prefixes("::ffff:198.51.100.0/120"), "198.51.100.7:1", true},
		{prefixes("::ffff:198.51.100.0/120"), "[::ffff:198.51.100.7]:1", true},
		{prefixes("::ffff:198.51.100.0/120"), "198.51.101.7:1", false},
		{prefixes("::ffff:0.0.0.0/96"), "203.0.113.5:1", true},
		{prefixes("2001:db8::/32"), "[2001:db8::1]:443", true},
		{prefixes("2001:db8::/32"), "2001:db8::1", true},
		{prefixes("2001:db8::/32"), "[2001:db8::1]", true},
		{prefixes("2001:db8::/32"), "[2001:db9::1]:443", false},
		{prefixes("fe80::/10"), "[fe80::1%eth0]:443", true},
		{prefixes("192.0.2.0/24", "198.51.100.0/24"), "198.51.100.1:1", true},
		{prefixes("192.0.2.99/24"), "192.0.2.1:1", true}, // bits beyond the mask do not count
	} {
		if got := servedFrom(t, c.allowed, nil, c.peer, nil); got != c.want {
			t.Errorf("peer %q with %v allowed: let in %v, want %v", c.peer, c.allowed, got, c.want)
		}
	}
}

func TestForwardedForIsReadFromTheRightAsFarAsTrustReaches(t *testing.T) {
	t.Parallel()
	const good, bad = "149.154.160.9", "203.0.113.66"
	proxies := prefixes("10.0.0.0/8", "fd00::/8")
	for _, c := range []struct {
		name    string
		peer    string
		trusted []netip.Prefix
		lines   []string
		want    bool
	}{
		{"one hop", "10.0.0.1:1", proxies, []string{good}, true},
		{"one bad hop", "10.0.0.1:1", proxies, []string{bad}, false},
		{"no header", "10.0.0.1:1", proxies, nil, false},
		{"an empty header", "10.0.0.1:1", proxies, []string{""}, false},
		{"a spoofed left entry", "10.0.0.1:1", proxies, []string{good + ", " + bad}, false},
		{"a spoofed left line", "10.0.0.1:1", proxies, []string{good, bad}, false},
		{"the left does not matter", "10.0.0.1:1", proxies, []string{bad + "," + good}, true},
		{"garbage on the left does not matter", "10.0.0.1:1", proxies, []string{"<script>, ,," + good}, true},
		{"two hops", "10.0.0.1:1", proxies, []string{good + ", 10.2.3.4"}, true},
		{"two hops in two lines", "10.0.0.1:1", proxies, []string{good, "10.2.3.4"}, true},
		{"three hops, spoofed", "10.0.0.1:1", proxies, []string{good + ", " + bad + ", 10.9.9.9", "10.2.3.4"}, false},
		{"trust ends at the first stranger", "10.0.0.1:1", proxies, []string{good + ", " + bad + ", 10.2.3.4"}, false},
		{"garbage on the right", "10.0.0.1:1", proxies, []string{good + ", unknown"}, false},
		{"nothing on the right", "10.0.0.1:1", proxies, []string{good + ","}, false},
		{"an empty last line", "10.0.0.1:1", proxies, []string{good, ""}, false},
		{"garbage behind a proxy", "10.0.0.1:1", proxies, []string{good + ", _hidden, 10.2.3.4"}, false},
		{"proxies all the way", "10.0.0.1:1", proxies, []string{"10.1.1.1, 10.2.3.4"}, false},
		{"with a port", "10.0.0.1:1", proxies, []string{good + ":40312"}, true},
		{"in brackets", "10.0.0.1:1", proxies, []string{"[::ffff:" + good + "]"}, true},
		{"in brackets, with a port", "10.0.0.1:1", proxies, []string{"[::ffff:" + good + "]:443"}, true},
		{"IPv4 in IPv6", "10.0.0.1:1", proxies, []string{"::ffff:" + good}, true},
		{"white space", "10.0.0.1:1", proxies, []string{"  " + bad + " ,\t" + good + "  "}, true},
		{"the peer in IPv6 form", "[::ffff:10.0.0.1]:1", proxies, []string{good}, true},
		{"a trusted hop in IPv6 form", "10.0.0.1:1", proxies, []string{good + ", ::ffff:10.2.3.4"}, true},
		{"a trusted prefix in IPv6 form", "10.0.0.1:1", prefixes("::ffff:10.0.0.0/104"), []string{good}, true},
		{"an IPv6 proxy", "[fd00::1]:1", proxies, []string{good}, true},
		{"a peer that is not trusted", bad + ":1", proxies, []string{good}, false},
		{"a good peer that is not trusted", good + ":1", proxies, []string{bad}, true},
		{"nobody is trusted", "10.0.0.1:1", nil, []string{good}, false},
		{"nobody is trusted, a good peer", good + ":1", nil, []string{bad}, true},
		{"a proxy whose address is unknown", "@", proxies, []string{good}, false},
	} {
		if got := servedFrom(t, tghook.TelegramSources(), c.trusted, c.peer, c.lines); got != c.want {
			t.Errorf("%s: peer %s, X-Forwarded-For %q: let in %v, want %v", c.name, c.peer, c.lines, got, c.want)
		}
	}
}

// A source within the proxies' own network may be allowed, too.
func TestASourceAmongTheProxiesMayBeAllowed(t *testing.T) {
	t.Parallel()
	both := prefixes("10.0.0.0/8")
	assert.True(t, servedFrom(t, both, both, "10.0.0.1:1", []string{"10.1.1.1, 10.2.3.4"}), "10.1.1.1 was not let in")
}

func TestOnNetHTTPOnlyForwardedForCounts(t *testing.T) {
	t.Parallel()
	const good, bad = "149.154.160.9", "203.0.113.66"
	for _, c := range []struct {
		name   string
		header http.Header
		want   int
	}{
		{"X-Forwarded-For", http.Header{"X-Forwarded-For": {good}}, 200},
		{"X-Forwarded-For in two lines", http.Header{"X-Forwarded-For": {bad, good}}, 200},
		{"X-Forwarded-For in two lines, spoofed", http.Header{"X-Forwarded-For": {good, bad}}, 401},
		{"X-Real-Ip", http.Header{"X-Real-Ip": {good}}, 401},
		{"X-Real-Ip against it", http.Header{"X-Real-Ip": {bad}, "X-Forwarded-For": {good}}, 200},
		{"Forwarded", http.Header{"Forwarded": {"for=" + good}}, 401},
		{"Forwarded against it", http.Header{"Forwarded": {"for=" + bad}, "X-Forwarded-For": {good}}, 200},
		{"others", http.Header{"Cf-Connecting-Ip": {good}, "True-Client-Ip": {good}, "X-Client-Ip": {good}}, 401},
	} {
		w, _ := hookFor(t, idle, func(cfg *tghook.Config) {
			cfg.AllowedSources, cfg.TrustedProxies = tghook.TelegramSources(), prefixes("192.0.2.0/24")
		})
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/hook", bytes.NewReader(textFrom(1, 1)))
		req.RemoteAddr = "192.0.2.1:1234"
		req.Header = c.header
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("X-Telegram-Bot-Api-Secret-Token", rig.HookSecret)
		rec := httptest.NewRecorder()
		w.ServeHTTP(rec, req)
		assert.Equal(t, c.want, rec.Code, c.name)
	}
}

func TestTelegramSourcesAreTheDocumentedOnesAndACopy(t *testing.T) {
	t.Parallel()
	tghook.TelegramSources()[0] = netip.Prefix{}
	if got, want := tghook.TelegramSources(), prefixes("149.154.160.0/20", "91.108.4.0/22"); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// An address in brackets is an IPv6 address in one pair of them.
func TestWhatOnlyLooksLikeAnAddressIsNone(t *testing.T) {
	t.Parallel()
	const good = "2001:67c:4e8::9"
	for hop, want := range map[string]bool{
		good: true, "[" + good + "]": true, "[" + good + "]:443": true, " [" + good + "] ": true,
		"[[[" + good + "]]]": false, "[[" + good + "]]": false, "[" + good: false, good + "]": false, "]" + good + "[": false,
		"[[" + good + "]]:443": false, "[" + good + "]443": false, "[ " + good + " ]": false, "[]": false, "[": false,
		"[149.154.160.9]": false, "[[[149.154.160.9]]]": false, "149.154.160.9]": false, "[149.154.160.9]:443": false,
		"149.154.160.9": true, "149.154.160.9:443": true, "149.154.160.9:": false, "0149.154.160.9": false, "149.154.160.9/32": false,
	} {
		allowed := append(prefixes("2001:67c:4e8::/48"), tghook.TelegramSources()...)
		if got := servedFrom(t, allowed, prefixes("10.0.0.0/8"), "10.0.0.1:1", []string{hop}); got != want {
			t.Errorf("X-Forwarded-For %q: let in %v, want %v", hop, got, want)
		}
		if got := servedFrom(t, allowed, nil, hop, nil); got != want {
			t.Errorf("peer %q: let in %v, want %v", hop, got, want)
		}
	}
}

func TestARefusedSourceIsToldWhichAddressWasFound(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		peer      string
		forwarded []string
		trusted   string
		want      string // of the problem
		says      string // Peer
	}{
		{"203.0.113.9:1", nil, "10.0.0.0/8", "source 203.0.113.9 is not in Config.AllowedSources: if it is a proxy of yours, put it into Config.TrustedProxies", "203.0.113.9"},
		{"10.0.0.1:1", []string{"203.0.113.9"}, "10.0.0.0/8", "source 203.0.113.9 is not in Config.AllowedSources: if it is a proxy of yours, put it into Config.TrustedProxies", "203.0.113.9"},
		{"10.0.0.1:1", []string{"10.0.0.2, 10.0.0.3"}, "10.0.0.0/8", "source 10.0.0.2 is not in Config.AllowedSources; it is in Config.TrustedProxies, and X-Forwarded-For names nobody beyond it", "10.0.0.2"},
		{"10.0.0.1:1", nil, "10.0.0.0/8", `the peer 10.0.0.1:1 is in Config.TrustedProxies, and its X-Forwarded-For has "" where an address is due`, "10.0.0.1:1"},
		{"10.0.0.1:1", []string{"unknown"}, "10.0.0.0/8", `the peer 10.0.0.1:1 is in Config.TrustedProxies, and its X-Forwarded-For has "unknown" where an address is due`, "10.0.0.1:1"},
		{"@", nil, "10.0.0.0/8", `the peer "@" has no address, as on a unix socket, so that Config.AllowedSources refuses it`, "@"},
		{"", nil, "0.0.0.0/0", `the peer "" has no address`, ""},
		{"[::ffff:203.0.113.9]:1", nil, "::/0", "source 203.0.113.9 is not", "203.0.113.9"},
	} {
		w, seen := hookFor(t, forbidden(t), func(cfg *tghook.Config) {
			cfg.AllowedSources, cfg.TrustedProxies = tghook.TelegramSources(), prefixes(c.trusted)
		})
		req := rig.FromTelegram(nil)
		req.RemoteAddr, req.ForwardedFor = c.peer, c.forwarded
		w.Serve(t.Context(), req)
		told := requestError(t, seen.only(t).Err)
		if !strings.HasPrefix(told.Problem, c.want) || told.Peer != c.says {
			t.Errorf("peer %q, X-Forwarded-For %q: told %q of %q, want %q of %q", c.peer, c.forwarded, told.Problem, told.Peer, c.want, c.says)
		}
	}
}

// Another value would leave replicas of another version, and Telegram, with
// another secret or path.
func TestDerivedSecretsAndPathsNeverChange(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "4f71d3a346092ae11f493dfef9a32be44bc718201adbf67ad864484f904f6909", tghook.SecretFor(rig.APIToken, rig.HookURL), "secret")
	assert.Equal(t, "/e77ff5b5250ac967f1ed919c7569bdf025037e9ec73c60a669ba68329aabe671", tghook.PathFor(rig.APIToken), "path")
}

func TestDerivedSecretsAndPathsDiffer(t *testing.T) {
	t.Parallel()
	const otherToken = "7244100914:AAH-stand_in_token_0123456789abcdefg"
	seen := map[string]string{}
	for what, derived := range map[string]string{
		"secret":                    tghook.SecretFor(rig.APIToken, rig.HookURL),
		"another URL":               tghook.SecretFor(rig.APIToken, rig.HookURL+"/"),
		"another host":              tghook.SecretFor(rig.APIToken, "https://bot.example.com/telegram"),
		"no URL":                    tghook.SecretFor(rig.APIToken, ""),
		"another token":             tghook.SecretFor(otherToken, rig.HookURL),
		"path":                      tghook.PathFor(rig.APIToken)[1:],
		"another token's path":      tghook.PathFor(otherToken)[1:],
		"a URL that ends the token": tghook.SecretFor(rig.APIToken+"\n", rig.HookURL),
	} {
		if other, ok := seen[derived]; ok {
			t.Errorf("%s is as %s", what, other)
		}
		seen[derived] = what
		assert.False(t, rig.Leaks(derived), what)
	}
}

func TestDerivedSecretsAndPathsAreFitForTelegram(t *testing.T) {
	t.Parallel()
	secret, path := tghook.SecretFor(rig.APIToken, rig.HookURL), tghook.PathFor(rig.APIToken)
	assert.True(t, regexp.MustCompile(`^[A-Za-z0-9_-]{64}$`).MatchString(secret), secret)
	if _, err := tghook.New(tghook.HandlerFunc(rig.Nothing), tghook.Config{Secret: secret}); err != nil {
		t.Error(err)
	}
	public, err := url.Parse("https://bot.example.org" + path)
	if err != nil || public.Path != path || public.EscapedPath() != path || !regexp.MustCompile(`^/[0-9a-f]{64}$`).MatchString(path) {
		t.Error(path, err)
	}
	tg := rig.NewTelegram(t)
	require.NoError(t, tg.Client(t, tghook.ClientConfig{}).SetWebhook(t.Context(), tghook.WebhookRequest{URL: public.String(), SecretToken: secret}))
	assert.Equal(t, secret, tg.Calls("setWebhook")[0].Params["secret_token"], "secret")
}
