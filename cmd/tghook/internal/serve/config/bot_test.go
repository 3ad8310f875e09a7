package config_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/cmd/tghook/internal/serve/config"
)

// base is a gateway with a webhook and one bot.
func base() *config.Config {
	return &config.Config{
		URL:  &url.URL{Scheme: "https", Host: "bots.example.org"},
		Bots: []*config.Bot{{Name: "shop", ID: 123456, Token: shopToken}},
	}
}

func TestABotOfARequest(t *testing.T) {
	certificate := authority(t)
	spec, err := json.MarshalIndent(map[string]any{
		"token": otherToken,
		"to": map[string]any{
			"url": "https://bot.example.org", "secret": secret, "certificate": certificate, "signature": signature,
			"kinds": []string{"message"}, "timeout": "5s", "max_connections": 3, "cloudevents": true,
		},
		"copies":  map[string]any{"audit": map[string]any{"url": "https://audit.example.org", "kinds": []string{"poll"}}},
		"receive": "poll", "secret": "of-telegram", "max_connections": 1, "max_pending": 2, "max_attempts": 3, "max_age": "4s",
	}, "", "\t")
	require.NoError(t, err)
	b, err := config.ParseBot("other", spec, base())
	require.NoError(t, err)
	require.Equal(t, &config.Bot{
		Name: "other", Token: otherToken, ID: 234567, Secret: "of-telegram", Receive: config.Poll, Kinds: []string{"message", "poll"},
		To: config.Target{
			URL: parsed(t, "https://bot.example.org"), Secret: secret, Certificate: []byte(certificate), Signature: signature,
			Kinds: []string{"message"}, Timeout: 5 * time.Second, MaxConnections: 3, CloudEvents: true,
		},
		Copies: []config.Target{{
			Name: "audit", URL: parsed(t, "https://audit.example.org"), Kinds: []string{"poll"}, Timeout: time.Minute, MaxConnections: 40,
		}},
		MaxConnections: 1, MaxPending: 2, MaxAttempts: 3, MaxAge: 4 * time.Second, Added: true,
	}, b)
}

func TestABotOfARequestHasTheDefaultsOfTheFile(t *testing.T) {
	const spec = `{"token": "` + shopToken + `", "to": "http://a"}`
	folder(t, map[string]string{fileName: "url: https://bots.example.org\nbots: {shop: {token: {env: TOKEN}, to: http://a}}"})
	c, err := config.Load(fileName)
	require.NoError(t, err)
	b, err := config.ParseBot("shop", []byte(spec), c) // it replaces the one with its name
	require.NoError(t, err)
	require.Equal(t, config.Webhook, b.Receive)
	require.False(t, b.Equal(c.Bots[0]))
	b.Added = false
	require.True(t, b.Equal(c.Bots[0]))

	b, err = config.ParseBot("shop", []byte(spec), &config.Config{})
	require.NoError(t, err)
	require.Equal(t, config.Poll, b.Receive)

	spec101 := []byte(`{"token": "` + shopToken + `", "to": "http://a", "max_connections": 101}`)
	_, err = config.ParseBot("shop", spec101, &config.Config{LocalAPI: true})
	require.NoError(t, err)
	_, err = config.ParseBot("shop", spec101, &config.Config{})
	require.EqualError(t, err, "line 1: max_connections: must be a whole number from 1 to 100; more needs api_local")
}

func TestTheMistakesOfARequest(t *testing.T) {
	folder(t, map[string]string{"token": otherToken, "ca.pem": authority(t)})
	const token = `"token": "` + otherToken + `"`
	copies := make([]string, 0, 33)
	for i := range 33 {
		copies = append(copies, fmt.Sprintf(`"b%d": "http://b"`, i))
	}
	for _, c := range []struct{ name, bot, spec, mistakes string }{
		{"nothing", "b", ``, "line 1: is no JSON: unexpected end of JSON input"},
		{"half", "b", "{\n\"token\": \"canary", "line 2: is no JSON: unexpected end of JSON input"},
		{"two values", "b", "{}\n{}", "line 2: is no JSON: invalid character '{' after top-level value"},
		{"YAML", "b", "token: a", "line 1: is no JSON: invalid character 'o' in literal true (expecting 'r')"},
		{"not UTF-8", "b", "\"\xff\"", "line 1: is no JSON in UTF-8"},
		{"too long", "b", strings.Repeat(" ", 256<<10+1), "line 1: is too long; a bot may have 262144 bytes of JSON"},
		{
			"too deep", "b", `{"token": ` + strings.Repeat(`[`, 9000) + strings.Repeat(`]`, 9000) + `, "to": "http://a"}`,
			"line 1: token: must be a string that is not empty: a request cannot use the environment and the files of the gateway\n" +
				"line 1: token" + strings.Repeat("[0]", 31) + ": stands too deep; a bot needs four levels",
		},
		{"null", "b", `null`, "line 1: is empty; it must have fields of its own: copies, max_age, max_attempts, max_connections, max_pending, receive, secret, to, token"},
		{
			"empty", "b", "\n{}",
			"line 1: to: is missing; it must be a URL such as http://127.0.0.1:9000/telegram, or have a field url\n" +
				"line 1: token: is missing; it must be a string that is not empty: a request cannot use the environment and the files of the gateway",
		},
		{
			"secrets of the gateway", "b", `{
	"token": {"env": "OTHER"},
	"to": {
		"url": "http://a",
		"secret": {"file": "token"},
		"certificate": "ca.pem", "signature": "canary"
	}, "secret": ""}`,
			"line 2: token: must be a string that is not empty: a request cannot use the environment and the files of the gateway\n" +
				"line 5: to.secret: must be a string that is not empty: a request cannot use the environment and the files of the gateway\n" +
				"line 6: to.certificate: has no certificate in PEM; it must begin with -----BEGIN CERTIFICATE-----\n" +
				"line 6: to.signature: the secret must be whsec_ and the base64 of 24 to 64 bytes, as Standard Webhooks has it\n" +
				"line 7: secret: must be a string that is not empty: a request cannot use the environment and the files of the gateway",
		},
		{
			"lines", "Canary?", `{` + token + `,
"to": {
"url": "http://u:canary@a b",
"kinds": ["message",
 "mesage"]}, "to": 1,
"max_pending": 1e999, "max_attempts": 1.5,
"other": "canary"}`,
			"name: the name of a bot must have 1 to 64 small letters, digits, - and _\n" +
				"line 3: to.url: is not an http or https URL; give one such as https://bots.example.org\n" +
				"line 5: to: is given twice, the first time in line 2; leave one of them out\n" +
				"line 5: to.kinds[1]: is no kind of update; do you mean message?\n" +
				"line 6: max_attempts: must be a whole number from 0 to 1000000; 0 is for the rules in the documentation\n" +
				"line 6: max_pending: must be a whole number from 1 to 100000000\n" +
				"line 7: other: there is no such field; the fields are copies, max_age, max_attempts, max_connections, max_pending, receive, secret, to, token",
		},
		{
			"too many copies and kinds", "b", `{` + token + `, "to": {"url": "http://a", "kinds": ["` + strings.Repeat(`poll", "`, 100) + `poll"]}, "copies": {` + strings.Join(copies, ",") + `}}`,
			"line 1: copies: must have up to 32 copies, such as audit: https://audit.example.org/hook\n" +
				"line 1: to.kinds: must have 1 to 100 kinds; leave kinds out for Telegram's default",
		},
		{"in use", "b", `{"token": "` + shopToken + `", "to": "http://a"}`, "line 1: token: is the token of the same bot as shop has; a bot may be in the gateway once"},
		{"no token", "b", `{"token": "canary", "to": "http://a"}`, "line 1: token: not a token; it must be a bot's id, a colon and a secret, as @BotFather gives it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := config.ParseBot(c.bot, []byte(c.spec), base())
			require.EqualError(t, err, c.mistakes)
			require.Nil(t, b)
			require.NotContains(t, strings.ToLower(err.Error()), "canary")
			var all *config.Mistakes
			require.ErrorAs(t, err, &all)
			require.Empty(t, all.File)
		})
	}
}

func TestTheMistakesThatAreKeptAreBounded(t *testing.T) {
	var spec strings.Builder
	_, _ = spec.WriteString("{")
	for i := range 5000 {
		_, _ = fmt.Fprintf(&spec, "\"a%d\": 1,\n", i)
	}
	_, _ = spec.WriteString(`"b": 1}`)
	_, err := config.ParseBot("b", []byte(spec.String()), base())
	var all *config.Mistakes
	require.ErrorAs(t, err, &all)
	require.Len(t, all.All, 1001)
	require.Equal(t, config.Mistake{What: "there may be more mistakes; correct these first"}, all.All[1000])
}

func TestARequestReadsNoFile(t *testing.T) {
	folder(t, nil)
	require.NoError(t, os.Mkdir("ca.pem", 0o700)) // reading it would be another mistake
	_, err := config.ParseBot("b", []byte(`{"token": "`+otherToken+`", "to": {"url": "http://a", "secret": {"file": "ca.pem"}, "certificate": "ca.pem"}}`), base())
	require.EqualError(t, err, "line 1: to.certificate: has no certificate in PEM; it must begin with -----BEGIN CERTIFICATE-----\n"+
		"line 1: to.secret: must be a string that is not empty: a request cannot use the environment and the files of the gateway")
}
