package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/cmd/tghook/internal/serve/config"
)

// whole has every field.
const whole = `
url: https://bots.example.org/tg
listen: :80
tls: {certificate: a.pem, key: a.key}
trusted_proxies: [127.0.0.1]
sources: ["::1", 10.0.0.0/8]
api: http://127.0.0.1:8081
api_local: true
storage: {postgres: {env: DATABASE_URL}, schema: bots, max_size: 512MB}
history: {days: 0.3, max_size: unlimited, bodies: false}
dead_letters: {days: unlimited, max_size: 3MiB}
status: {listen: 127.0.0.1:0}
admin: {listen: "[::1]:0", token: {env: ADMIN}, key: {file: key}, allow: [10.0.0.0/8]}
page: {listen: "localhost:8083", header: X-User, proxies: [127.0.0.1/32]}
log: {level: debug, format: json, contents: true}
bots:
  shop: {token: {env: TOKEN}, to: https://shop.example.org/telegram?a=b, receive: poll}
  other:
    token: {file: other}
    to:
      url: http://127.0.0.1:9000
      secret: {env: SECRET}
      kinds: [callback_query, poll]
      timeout: 1m30s
      max_connections: 7
      certificate: a.pem
      cloudevents: true
      signature: {env: SIGNATURE}
    copies: {a-1: {url: http://127.0.0.1:9001, kinds: all, secret: {file: secret}}}
    receive: webhook
    secret: {env: SECRET}
    max_connections: 100000
    max_pending: 5
    max_attempts: 3
    max_age: 24h
`

func wholeFolder(t *testing.T) {
	t.Helper()
	certificate, key := keyPair(t)
	folder(t, map[string]string{
		fileName: whole, "other": otherToken + "\n", "a.pem": certificate, "a.key": key, "secret": secret, "key": adminKey,
	})
}

func TestADumpIsTheConfigurationWithoutSecrets(t *testing.T) {
	for name, text := range map[string]string{
		"whole": whole, "shortest": bot, "short forms": "url: https://a.example.org\nsources: telegram\npage: {listen: ':1', password: {env: PASSWORD}}\n" + bot,
		"no bots":       "admin: {listen: ':1', token: {env: ADMIN}, key: {env: KEY}}\n",
		"small storage": "storage: {path: /a, max_size: 3001KB}\n" + bot,
		"no webhook":    "page: {listen: '127.0.0.1:8080', password: {env: PASSWORD}}\nhistory: off\n" + bot,
	} {
		t.Run(name, func(t *testing.T) {
			wholeFolder(t)
			require.NoError(t, os.WriteFile(fileName, []byte(text), 0o600))
			c, err := config.Load(fileName)
			require.NoError(t, err)
			dump, err := c.Dump()
			require.NoError(t, err)
			require.NotContains(t, strings.ToLower(string(dump)), "canary")
			require.NoError(t, os.WriteFile(fileName, dump, 0o600))
			again, err := config.Load(fileName)
			require.NoError(t, err, "%s", dump)
			require.True(t, equal(c, again), "%s", dump)
		})
	}
}

func TestADumpHasEveryDefault(t *testing.T) {
	c := load(t, bot)
	here, err := os.Getwd()
	require.NoError(t, err)
	dump, err := c.Dump()
	require.NoError(t, err)
	require.Equal(t, `listen: 127.0.0.1:8080
trusted_proxies: []
sources: any
api: https://api.telegram.org
api_local: false
storage:
  path: `+filepath.Join(here, "tghook-data")+`
  max_size: 10GiB
history: 'off'
dead_letters:
  days: 30
  max_size: 1GiB
log:
  level: info
  format: text
  contents: false
bots:
  shop:
    token:
      env: TOKEN
    to:
      url: http://127.0.0.1:9000
      timeout: 1m0s
      max_connections: 40
      cloudevents: false
    receive: poll
    max_pending: 100000
    max_attempts: 0
    max_age: 0s
`, string(dump))
}

func TestADumpHidesThePasswordsOfURLs(t *testing.T) {
	c := load(t, "url: https://u:canary@a.example.org\napi: https://v:canary@api.example.org\nbots: {shop: {token: {env: TOKEN}, to: http://w:canary@a}}")
	dump, err := c.Dump()
	require.NoError(t, err)
	require.NotContains(t, string(dump), "canary")
	require.Contains(t, string(dump), "url: https://u:xxxxx@a.example.org\n")
	require.Contains(t, string(dump), "api: https://v:xxxxx@api.example.org\n")
	require.Contains(t, string(dump), "url: http://w:xxxxx@a\n")
}

func TestAConfigurationIsPrintedWithoutSecrets(t *testing.T) {
	wholeFolder(t)
	c, err := config.Load(fileName)
	require.NoError(t, err)
	password := load(t, "page: {listen: ':1', password: {env: PASSWORD}}\n"+bot)
	var logged bytes.Buffer
	for _, v := range []any{
		c, *c, c.Storage, &c.Storage, c.Admin, c.Page, password.Page, c.Bots, c.Bots[0], *c.Bots[0], c.Bots[0].To, &c.Bots[0].Copies[0], c.Bots[0].Copies,
	} {
		slog.New(slog.NewJSONHandler(&logged, nil)).Info("text", "value", v)
		slog.New(slog.NewTextHandler(&logged, nil)).Info("text", "value", v)
		encoded, err := json.Marshal(v)
		require.NoError(t, err)
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
			_, _ = fmt.Fprintf(&logged, verb, v)
		}
		_, _ = logged.Write(encoded)
	}
	require.NotContains(t, strings.ToLower(logged.String()), "canary")
	require.NotContains(t, logged.String(), fmt.Sprintf("%x", secret))
	require.Contains(t, logged.String(), "bot other")
}
