package config_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"io/fs"
	"log/slog"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/config"
)

const fileName = "tghook.yaml"

// The secrets of these tests. Each has the word canary, so that a test can see where one comes out.
const (
	shopToken  = "123456:canary-canary-canary-canary-shop"
	otherToken = "234567:canary-canary-canary-canary-other"
	signature  = "whsec_canarycanarycanarycanarycanarycanary"
	adminToken = "canary-of-the-admin-api"
	adminKey   = "canary-canary-canary-canary-canary"
	password   = "canary of the page"
	postgres   = "postgres://tghook:canary@db.example.org/tghook"
	secret     = "canary_-9"
)

// folder makes a folder with files, goes there, and sets the environment.
func folder(t *testing.T, files map[string]string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, text := range files {
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o700))
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	}
	for name, text := range map[string]string{
		"TOKEN": shopToken, "OTHER": otherToken, "SIGNATURE": signature, "ADMIN": adminToken, "KEY": adminKey, "PASSWORD": password, "SHORT": "12345678901",
		"DATABASE_URL": postgres, "SECRET": secret, "EMPTY": "", "SPACED": "canary canary canary",
	} {
		t.Setenv(name, text)
	}
}

func load(t *testing.T, text string) *config.Config {
	t.Helper()
	folder(t, map[string]string{fileName: text})
	c, err := config.Load(fileName)
	require.NoError(t, err)
	return c
}

func parsed(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	require.NoError(t, err)
	return u
}

// authority returns a certificate in PEM.
func authority(t *testing.T) string {
	t.Helper()
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
}

// bot is the shortest configuration.
const bot = "bots: {shop: {token: {env: TOKEN}, to: http://127.0.0.1:9000}}\n"

func TestTheShortestFileHasTheDefaults(t *testing.T) {
	c := load(t, bot)
	here, err := os.Getwd()
	require.NoError(t, err)
	mac := hmac.New(sha256.New, []byte(shopToken))
	_, _ = mac.Write([]byte("tghook serve webhook secret"))

	require.Nil(t, c.URL)
	require.Equal(t, "127.0.0.1:8080", c.Listen)
	require.Equal(t, "https://api.telegram.org", c.API)
	require.False(t, c.LocalAPI)
	require.Zero(t, c.TLS)
	require.Empty(t, c.TrustedProxies)
	require.Empty(t, c.Sources)
	require.Equal(t, config.Storage{Path: filepath.Join(here, "tghook-data"), MaxSize: 10 << 30}, c.Storage)
	require.Equal(t, config.History{}, c.History)
	require.Equal(t, config.Retention{Age: 30 * 24 * time.Hour, MaxSize: 1 << 30}, c.DeadLetters)
	require.Zero(t, c.Status)
	require.True(t, c.Admin.Listen == "" && c.Page.Listen == "")
	require.Equal(t, config.Log{Level: slog.LevelInfo}, c.Log)
	require.Equal(t, []*config.Bot{{
		Name: "shop", Token: shopToken, ID: 123456, Secret: hex.EncodeToString(mac.Sum(nil)), Receive: config.Poll, MaxPending: 100000,
		To: config.Target{URL: parsed(t, "http://127.0.0.1:9000"), Timeout: time.Minute, MaxConnections: 40},
	}}, c.Bots)
	require.Equal(t, []string{filepath.Join(here, fileName)}, c.Files())
}

func TestEveryFieldIsRead(t *testing.T) {
	pem := authority(t)
	folder(t, map[string]string{
		"etc/" + fileName: `
url: https://user:canary@bots.example.org/tg
listen: :80
trusted_proxies: [127.0.0.1, 10.1.2.3/8]
sources: ["149.154.160.0/20", "::1"]
api: http://127.0.0.1:8081
api_local: true
storage: {postgres: {env: DATABASE_URL}, schema: bots, max_size: 512 MiB}
history: {days: 0.5, max_size: unlimited, bodies: false}
dead_letters: {days: unlimited}
status: {listen: 127.0.0.1:0}
admin: {listen: "[::1]:0", token: {env: ADMIN}, key: {file: ../key}, allow: [10.0.0.0/8]}
page: {listen: "localhost:8083", header: X-User, proxies: [127.0.0.1/32]}
log: {level: debug, format: json, contents: true}
bots:
  shop:
    token: {env: TOKEN}
    to: https://user:canary@shop.example.org/telegram?a=b
    receive: poll
  other:
    token: {file: other}
    to:
      url: http://127.0.0.1:9000
      secret: {env: SECRET}
      kinds: [poll, callback_query, poll, something_new]
      timeout: 1m30s
      max_connections: 7
      certificate: ca.pem
      cloudevents: true
      signature: {env: SIGNATURE}
    copies:
      b: {url: http://127.0.0.1:9002, kinds: [message, message_reaction]}
      a-1: {url: http://127.0.0.1:9001, kinds: [message], secret: {file: secret}}
    receive: webhook
    secret: {env: SECRET}
    max_connections: 100000
    max_pending: 5
    max_attempts: 3
    max_age: 24h
`,
		"etc/other": otherToken + "\n", "etc/ca.pem": pem, "etc/secret": "abc\r\n", "key": adminKey + "\n",
	})
	here, err := os.Getwd()
	require.NoError(t, err)
	c, err := config.Load("etc/" + fileName)
	require.NoError(t, err)

	require.Equal(t, "https://user:canary@bots.example.org/tg", c.URL.String())
	require.Equal(t, ":80", c.Listen)
	require.Equal(t, []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("10.0.0.0/8")}, c.TrustedProxies)
	require.Equal(t, []netip.Prefix{netip.MustParsePrefix("149.154.160.0/20"), netip.MustParsePrefix("::1/128")}, c.Sources)
	require.Equal(t, "http://127.0.0.1:8081", c.API)
	require.True(t, c.LocalAPI)
	require.Equal(t, config.Storage{Postgres: postgres, Schema: "bots", MaxSize: 512 << 20}, c.Storage)
	require.Equal(t, config.History{Retention: config.Retention{Age: 12 * time.Hour}, On: true}, c.History)
	require.Equal(t, config.Retention{MaxSize: 256 << 20}, c.DeadLetters, "by default half of the storage")
	require.Equal(t, config.Status{Listen: "127.0.0.1:0"}, c.Status)
	require.Equal(t, config.Admin{
		Listen: "[::1]:0", Token: adminToken, Key: []byte(adminKey), Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
	}, c.Admin)
	require.Equal(t, config.Page{Listen: "localhost:8083", Header: "X-User", Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}, c.Page)
	require.Equal(t, config.Log{Level: slog.LevelDebug, JSON: true, Contents: true}, c.Log)

	require.Len(t, c.Bots, 2)
	require.Equal(t, &config.Bot{
		Name: "other", Token: otherToken, ID: 234567, Secret: secret, Receive: config.Webhook,
		Kinds: []string{"callback_query", "message", "message_reaction", "poll", "something_new"},
		To: config.Target{
			URL: parsed(t, "http://127.0.0.1:9000"), Secret: secret, Kinds: []string{"callback_query", "poll", "something_new"},
			Timeout: 90 * time.Second, MaxConnections: 7, Certificate: []byte(pem), CloudEvents: true, Signature: signature,
		},
		Copies: []config.Target{
			{Name: "a-1", URL: parsed(t, "http://127.0.0.1:9001"), Secret: "abc", Kinds: []string{"message"}, Timeout: time.Minute, MaxConnections: 40},
			{Name: "b", URL: parsed(t, "http://127.0.0.1:9002"), Kinds: []string{"message", "message_reaction"}, Timeout: time.Minute, MaxConnections: 40},
		},
		MaxConnections: 100000, MaxPending: 5, MaxAttempts: 3, MaxAge: 24 * time.Hour,
	}, c.Bots[0])
	require.Equal(t, "shop", c.Bots[1].Name)
	require.Equal(t, config.Poll, c.Bots[1].Receive)
	require.Nil(t, c.Bots[1].Kinds)
	require.Equal(t, "https://user:canary@shop.example.org/telegram?a=b", c.Bots[1].To.URL.String())
	require.Equal(t, []string{
		filepath.Join(here, "etc/ca.pem"), filepath.Join(here, "etc/other"), filepath.Join(here, "etc/secret"),
		filepath.Join(here, "etc", fileName), filepath.Join(here, "key"),
	}, c.Files())
}

func TestShortForms(t *testing.T) {
	const page = "page: {listen: ':1', password: {env: PASSWORD}}\n"
	c := load(t, "url: https://bots.example.org\nsources: telegram\n"+page+bot)
	require.Equal(t, config.Webhook, c.Bots[0].Receive)
	require.Equal(t, tghook.TelegramSources(), c.Sources)
	require.Equal(t, config.Page{Listen: ":1", Password: password}, c.Page)
	week := config.Retention{Age: 7 * 24 * time.Hour, MaxSize: 1 << 30}
	require.Equal(t, config.History{Retention: week, On: true, Bodies: true}, c.History, "there is a page")

	require.Empty(t, load(t, "sources: any\n"+bot).Sources)
	require.Equal(t, config.History{}, load(t, "history: off\n"+page+bot).History)
	require.Equal(t, config.History{}, load(t, "history: false\n"+page+bot).History)
	require.Equal(t, config.History{Retention: week, On: true, Bodies: true}, load(t, "history: {}\n"+bot).History)

	all := load(t, "bots: {shop: {token: {env: TOKEN}, to: {url: http://a, kinds: all}, copies: {b: {url: http://b, kinds: [message_new]}}}}").Bots[0]
	require.Contains(t, all.To.Kinds, "chat_member")
	require.NotContains(t, all.To.Kinds, "message_new")
	require.ElementsMatch(t, append(all.To.Kinds, "message_new"), all.Kinds)

	admin := load(t, "admin: {listen: ':1', token: {env: ADMIN}, key: {env: KEY}}\n")
	require.Empty(t, admin.Bots, "bots may come by the admin API")
}

func TestAConfigurationIsAsGivenWithTLS(t *testing.T) {
	certificate, key := keyPair(t)
	folder(t, map[string]string{fileName: "tls: {certificate: a.pem, key: a.key}\n" + bot, "a.pem": certificate, "a.key": key})
	c, err := config.Load(fileName)
	require.NoError(t, err)
	here, err := os.Getwd()
	require.NoError(t, err)
	require.Equal(t, config.TLS{Certificate: filepath.Join(here, "a.pem"), Key: filepath.Join(here, "a.key")}, c.TLS)
	require.Equal(t, []string{filepath.Join(here, "a.key"), filepath.Join(here, "a.pem"), filepath.Join(here, fileName)}, c.Files())
}

func TestEqualSeesEveryChange(t *testing.T) {
	const text = "bots: {shop: {token: {env: TOKEN}, to: {url: http://a, kinds: [message, poll]}}}"
	one := load(t, text).Bots[0]
	require.True(t, one.Equal(load(t, text).Bots[0]))
	require.True(t, one.Equal(load(t, "bots: {shop: {token: {env: TOKEN}, to: {url: http://a, kinds: [poll, message], timeout: 60s}}}").Bots[0]))
	require.False(t, one.Equal(load(t, "bots: {shop: {token: {env: TOKEN}, to: {url: http://a?, kinds: [message, poll]}}}").Bots[0]))
	require.False(t, one.Equal(load(t, "bots: {shop: {token: {env: TOKEN}, to: {url: http://a, kinds: [message, poll]}, max_age: 1s}}").Bots[0]))
}

func TestAFileThatCannotBeRead(t *testing.T) {
	folder(t, map[string]string{"large": string(make([]byte, 5<<20))})
	_, err := config.Load("none.yaml")
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.EqualError(t, err, "read none.yaml: no such file or directory")
	_, err = config.Load(".")
	require.EqualError(t, err, "read .: it is not a regular file")
	_, err = config.Load(os.DevNull)
	require.EqualError(t, err, "read /dev/null: it is not a regular file")
	_, err = config.Load("large")
	require.EqualError(t, err, "read large: it is too large")
}

func TestTheExampleOfTheDocumentationLoads(t *testing.T) {
	example, err := os.ReadFile("../../../../../docs/serve/tghook.yaml")
	require.NoError(t, err)
	folder(t, map[string]string{
		fileName: string(example), "secrets/admin-token": adminToken, "secrets/admin-key": adminKey, "secrets/support-token": otherToken, "secrets/support-secret": secret,
	})
	for name, text := range map[string]string{
		"PAGE_PASSWORD": password, "SHOP_TOKEN": shopToken, "SUPPORT_SIGNATURE": signature, "SUPPORT_WEBHOOK_SECRET": secret,
	} {
		t.Setenv(name, text)
	}
	c, err := config.Load(fileName)
	require.NoError(t, err)
	require.Len(t, c.Bots, 2)
	require.Equal(t, config.Retention{Age: 7 * 24 * time.Hour, MaxSize: 1 << 30}, c.History.Retention)
	require.Equal(t, "/var/lib/tghook", c.Storage.Path)
}
