package tghook_test

import (
	"net/url"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/rig"
)

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
		if rig.Leaks(derived) {
			t.Errorf("%s: %s", what, derived)
		}
	}
}

func TestDerivedSecretsAndPathsAreFitForTelegram(t *testing.T) {
	t.Parallel()
	secret, path := tghook.SecretFor(rig.APIToken, rig.HookURL), tghook.PathFor(rig.APIToken)
	if !regexp.MustCompile(`^[A-Za-z0-9_-]{64}$`).MatchString(secret) {
		t.Error(secret)
	}
	if _, err := tghook.New(tghook.HandlerFunc(rig.Nothing), tghook.Config{Secret: secret}); err != nil {
		t.Error(err)
	}
	public, err := url.Parse("https://bot.example.org" + path)
	if err != nil || public.Path != path || public.EscapedPath() != path || !regexp.MustCompile(`^/[0-9a-f]{64}$`).MatchString(path) {
		t.Error(path, err)
	}
	tg := rig.NewTelegram(t)
	assert.NoError(t, tg.Client(t, tghook.ClientConfig{}).SetWebhook(t.Context(), tghook.WebhookRequest{URL: public.String(), SecretToken: secret}))
	assert.Equal(t, secret, tg.Calls("setWebhook")[0].Params["secret_token"], "secret")
}
