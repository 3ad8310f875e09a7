package redact_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/rig"
)

func TestTheTokenIsStruckOutHoweverItIsWritten(t *testing.T) {
	t.Parallel()
	replaced := func(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(rig.APIToken) }
	for name, test := range map[string]struct{ text, want string }{
		"as it is":                    {"/bot" + rig.APIToken + "/getMe", "/bot<token>/getMe"},
		"in lower case":               {"/bot" + strings.ToLower(rig.APIToken) + "/getMe", "/bot<token>/getMe"},
		"in upper case":               {"/BOT" + strings.ToUpper(rig.APIToken) + "/GETME", "/BOT<token>/GETME"},
		"escaped in a URL":            {"/bot" + replaced(":", "%3A", "_", "%5F", "-", "%2D") + "/getMe", "/bot<token>/getMe"},
		"in lower case escapes":       {"/bot" + replaced(":", "%3a", "_", "%5f", "-", "%2d") + "/getMe", "/bot<token>/getMe"},
		"escaped twice":               {"/bot" + replaced(":", "%253A", "_", "%255F") + "/getMe", "/bot<token>/getMe"},
		"its letters escaped":         {"/bot" + replaced("A", "%41", "t", "&#x74;", "k", `\u006b`) + "/getMe", "/bot<token>/getMe"},
		"escaped in HTML":             {"/bot" + replaced(":", "&#58;", "_", "&#95;", "-", "&#45;") + "/getMe", "/bot<token>/getMe"},
		"in hexadecimal HTML":         {"/bot" + replaced(":", "&#x3a;", "_", "&#x5F;", "-", "&#x2d;") + "/getMe", "/bot<token>/getMe"},
		"by its names in HTML":        {"/bot" + replaced(":", "&colon;", "_", "&lowbar;") + "/getMe", "/bot<token>/getMe"},
		"in a quoted string":          {"/bot" + replaced("_", `\x5f`, "-", `\u002D`) + "/getMe", "/bot<token>/getMe"},
		"on two lines":                {"/bot" + rig.APIToken[:20] + "\n" + rig.APIToken[20:] + "/getMe", "/bot<token>/getMe"},
		"on two lines of the mail":    {"/bot" + rig.APIToken[:15] + "\r\n\t  " + rig.APIToken[15:] + "/getMe", "/bot<token>/getMe"},
		"on two lines, quoted":        {"/bot" + rig.APIToken[:15] + `\r\n` + rig.APIToken[15:] + "/getMe", "/bot<token>/getMe"},
		"on a line a letter":          {strings.Join(strings.Split(rig.APIToken, ""), "\n"), strings.Join(strings.Split(rig.APIToken[:11], ""), "\n") + "\n<token>"},
		"without its end":             {"/bot" + rig.APIToken[:20], "/bot<token>"},
		"without its start":           {"..." + rig.APIToken[20:] + "/getMe", "...<token>/getMe"},
		"its last eight":              {"..." + rig.APIToken[len(rig.APIToken)-8:], "...<token>"},
		"its middle":                  {"..." + rig.APIToken[15:25] + "...", "...<token>..."},
		"both ends":                   {rig.APIToken[:20] + "..." + rig.APIToken[len(rig.APIToken)-10:], "<token>...<token>"},
		"twice":                       {rig.APIToken + rig.APIToken, "<token><token>"},
		"twice, with a word between":  {rig.APIToken + " and " + rig.APISecret, "<token> and <token>"},
		"of another bot, no piece":    {"7244100913:AAHsomethingelse", "7244100913:AAHsomethingelse"},
		"what only looks escaped":     {`100% & 5%zz &#xx; &; \ \q \x \u00 %`, `100% & 5%zz &#xx; &; \ \q \x \u00 %`},
		"nothing":                     {"", ""},
		"the bot's id alone":          {"bot 7244100913: is there", "bot 7244100913: is there"},
		"the password of the BaseURL": {"https://user:pa%20SS_word@h.example/", "https://user:<secret>@h.example/"},
	} {
		c := rig.Transport(func(*http.Request) (*http.Response, error) { return nil, errors.New(test.text) }).
			Client(t, tghook.ClientConfig{BaseURL: "https://user:pa%20ss_word@h.example"})
		_, err := c.GetMe(t.Context())
		assert.Equal(t, test.want, strings.TrimPrefix(err.Error(), "tghook: getMe: "), name)
	}
}

func TestALongTextIsSearchedInABoundedTime(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		strings.Repeat("&", 16<<20), strings.Repeat("%25", 5<<20), strings.Repeat("\n", 16<<20), strings.Repeat(rig.APIToken, 1<<18),
	} {
		c := rig.Transport(func(*http.Request) (*http.Response, error) { return nil, errors.New(text) }).Client(t, tghook.ClientConfig{})
		begun := time.Now()
		_, err := c.GetMe(t.Context())
		if took := time.Since(begun); took > time.Minute || len(err.Error()) > 128<<10 {
			t.Errorf("%.10q: %v, and an error of %d bytes", text, took, len(err.Error()))
		}
	}
}

// everyPrinting are the ways in which a value gets out of a program.
func everyPrinting(tb testing.TB, v any) []string {
	tb.Helper()
	all := rig.Printings(v)
	for _, verb := range []string{"%d", "%x", "%X", "%t", "%20v", "%-5q", "%+d"} {
		all = append(all, fmt.Sprintf(verb, v))
	}
	encoded, err := json.Marshal(v)
	require.NoError(tb, err)
	return append(all, string(encoded))
}

// secretTransport is no pointer, so that fmt looks into it.
type secretTransport struct{ Proxy, hidden string }

func (secretTransport) RoundTrip(*http.Request) (*http.Response, error) {
	return rig.APIAnswer(200, rig.APIOK), nil
}

func TestNothingThatIsPrintedTellsASecret(t *testing.T) {
	t.Parallel()
	user := &http.Client{Transport: secretTransport{"http://" + rig.HookToken + "@proxy", rig.HookToken}}
	cfg := tghook.ClientConfig{BaseURL: "https://user:" + rig.HookToken + "@h.example/api/bot" + rig.APIToken, HTTP: user, Patience: time.Second}
	client, err := tghook.NewClient(rig.APIToken, cfg)
	require.NoError(t, err)
	request := tghook.WebhookRequest{URL: "https://u:" + rig.HookToken + "@bot.example.org/" + rig.APIToken + tghook.PathFor(rig.APIToken), SecretToken: rig.HookToken}
	for _, v := range []any{
		client, *client, cfg, &cfg, request, &request,
		tghook.UpdatesRequest{Offset: 7, AllowedUpdates: []string{"message"}},
		struct {
			Client  *tghook.Client
			Value   tghook.Client
			Config  tghook.ClientConfig
			Request *tghook.WebhookRequest
			Nobody  *tghook.Client
		}{client, *client, cfg, &request, nil},
		map[string]any{"a": []any{client, cfg, request}},
	} {
		for _, text := range everyPrinting(t, v) {
			if rig.Leaks(text) || strings.Contains(text, tghook.PathFor(rig.APIToken)) {
				t.Errorf("a %T: %s", v, text)
			}
		}
	}
	for name, text := range map[string]string{
		fmt.Sprint(cfg):                                            "ClientConfig for https://<secret>@h.example/api/bot<token>",
		fmt.Sprintf("%d", tghook.ClientConfig{}):                   "ClientConfig for https://api.telegram.org",
		fmt.Sprintf("%+v", rig.ToURL("https://bot.example.org/a")): "WebhookRequest for https://bot.example.org/a",
		fmt.Sprintf("%q", client):                                  `"Bot API client of bot 7244100913"`,
	} {
		assert.Equal(t, text, name, "printed")
	}
}

// What was a secret is no setting that works after it went through JSON.
func TestWhatJSONLeavesOutIsMissed(t *testing.T) {
	t.Parallel()
	var request tghook.WebhookRequest
	encoded, err := json.Marshal(tghook.WebhookRequest{URL: rig.HookURL, SecretToken: rig.HookToken, MaxConnections: 7})
	assert.NoError(t, err, "error")
	assert.NoError(t, json.Unmarshal(encoded, &request), "error") //nolint:musttag // its names in JSON are those of its fields
	assert.Equal(t, tghook.WebhookRequest{URL: rig.HookURL, SecretToken: "<secret>", MaxConnections: 7}, request, "request")
	c := rig.NewTelegram(t).Client(t, tghook.ClientConfig{})
	assert.Equal(t, []string{"WebhookRequest.SecretToken"}, rig.Mistaken(t, c.SetWebhook(t.Context(), request)), "mistakes")
	require.NoError(t, json.Unmarshal([]byte(`{"URL":"https://bot.example.org/","SecretToken":"abc"}`), &request), "error") //nolint:musttag // its names in JSON are those of its fields
	assert.Equal(t, "abc", request.SecretToken, "a secret from a file")

	var cfg tghook.ClientConfig
	encoded, err = json.Marshal(tghook.ClientConfig{BaseURL: "https://user:password@h.example", Local: true, Patience: time.Second})
	assert.NoError(t, err, "error")
	assert.NoError(t, json.Unmarshal(encoded, &cfg), "error") //nolint:musttag // its names in JSON are those of its fields
	assert.True(t, cfg.Local && cfg.Patience == time.Second, "config")
	_, err = tghook.NewClient(rig.APIToken, cfg)
	assert.Equal(t, []string{"ClientConfig.BaseURL"}, rig.Mistaken(t, err), "mistakes")
}
