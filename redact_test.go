package tghook_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tghook/tghook"
)

func TestTheTokenIsStruckOutHoweverItIsWritten(t *testing.T) {
	t.Parallel()
	replaced := func(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(apiToken) }
	for name, test := range map[string]struct{ text, want string }{
		"as it is":                    {"/bot" + apiToken + "/getMe", "/bot<token>/getMe"},
		"in lower case":               {"/bot" + strings.ToLower(apiToken) + "/getMe", "/bot<token>/getMe"},
		"in upper case":               {"/BOT" + strings.ToUpper(apiToken) + "/GETME", "/BOT<token>/GETME"},
		"escaped in a URL":            {"/bot" + replaced(":", "%3A", "_", "%5F", "-", "%2D") + "/getMe", "/bot<token>/getMe"},
		"in lower case escapes":       {"/bot" + replaced(":", "%3a", "_", "%5f", "-", "%2d") + "/getMe", "/bot<token>/getMe"},
		"escaped twice":               {"/bot" + replaced(":", "%253A", "_", "%255F") + "/getMe", "/bot<token>/getMe"},
		"its letters escaped":         {"/bot" + replaced("A", "%41", "t", "&#x74;", "k", `\u006b`) + "/getMe", "/bot<token>/getMe"},
		"escaped in HTML":             {"/bot" + replaced(":", "&#58;", "_", "&#95;", "-", "&#45;") + "/getMe", "/bot<token>/getMe"},
		"in hexadecimal HTML":         {"/bot" + replaced(":", "&#x3a;", "_", "&#x5F;", "-", "&#x2d;") + "/getMe", "/bot<token>/getMe"},
		"by its names in HTML":        {"/bot" + replaced(":", "&colon;", "_", "&lowbar;") + "/getMe", "/bot<token>/getMe"},
		"in a quoted string":          {"/bot" + replaced("_", `\x5f`, "-", `\u002D`) + "/getMe", "/bot<token>/getMe"},
		"on two lines":                {"/bot" + apiToken[:20] + "\n" + apiToken[20:] + "/getMe", "/bot<token>/getMe"},
		"on two lines of the mail":    {"/bot" + apiToken[:15] + "\r\n\t  " + apiToken[15:] + "/getMe", "/bot<token>/getMe"},
		"on two lines, quoted":        {"/bot" + apiToken[:15] + `\r\n` + apiToken[15:] + "/getMe", "/bot<token>/getMe"},
		"on a line a letter":          {strings.Join(strings.Split(apiToken, ""), "\n"), strings.Join(strings.Split(apiToken[:11], ""), "\n") + "\n<token>"},
		"without its end":             {"/bot" + apiToken[:20], "/bot<token>"},
		"without its start":           {"..." + apiToken[20:] + "/getMe", "...<token>/getMe"},
		"its last eight":              {"..." + apiToken[len(apiToken)-8:], "...<token>"},
		"its middle":                  {"..." + apiToken[15:25] + "...", "...<token>..."},
		"both ends":                   {apiToken[:20] + "..." + apiToken[len(apiToken)-10:], "<token>...<token>"},
		"twice":                       {apiToken + apiToken, "<token><token>"},
		"twice, with a word between":  {apiToken + " and " + apiSecret, "<token> and <token>"},
		"of another bot, no piece":    {"7244100913:AAHsomethingelse", "7244100913:AAHsomethingelse"},
		"what only looks escaped":     {`100% & 5%zz &#xx; &; \ \q \x \u00 %`, `100% & 5%zz &#xx; &; \ \q \x \u00 %`},
		"nothing":                     {"", ""},
		"the bot's id alone":          {"bot 7244100913: is there", "bot 7244100913: is there"},
		"the password of the BaseURL": {"https://user:pa%20SS_word@h.example/", "https://user:<secret>@h.example/"},
	} {
		c := transport(func(*http.Request) (*http.Response, error) { return nil, errors.New(test.text) }).
			client(t, tghook.ClientConfig{BaseURL: "https://user:pa%20ss_word@h.example"})
		_, err := c.GetMe(t.Context())
		same(t, name, strings.TrimPrefix(err.Error(), "tghook: getMe: "), test.want)
	}
}

func TestALongTextIsSearchedInABoundedTime(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		strings.Repeat("&", 16<<20), strings.Repeat("%25", 5<<20), strings.Repeat("\n", 16<<20), strings.Repeat(apiToken, 1<<18),
	} {
		c := transport(func(*http.Request) (*http.Response, error) { return nil, errors.New(text) }).client(t, tghook.ClientConfig{})
		begun := time.Now()
		_, err := c.GetMe(t.Context())
		if took := time.Since(begun); took > 5*time.Second || len(err.Error()) > 128<<10 {
			t.Errorf("%.10q: %v, and an error of %d bytes", text, took, len(err.Error()))
		}
	}
}

// everyPrinting are the ways in which a value gets out of a program.
func everyPrinting(tb testing.TB, v any) []string {
	tb.Helper()
	all := printings(v)
	for _, verb := range []string{"%d", "%x", "%X", "%t", "%20v", "%-5q", "%+d"} {
		all = append(all, fmt.Sprintf(verb, v))
	}
	encoded, err := json.Marshal(v)
	if err != nil {
		tb.Error(err)
	}
	return append(all, string(encoded))
}

// secretTransport is no pointer, so that fmt looks into it.
type secretTransport struct{ Proxy, hidden string }

func (secretTransport) RoundTrip(*http.Request) (*http.Response, error) {
	return apiAnswer(200, apiOK), nil
}

func TestNothingThatIsPrintedTellsASecret(t *testing.T) {
	t.Parallel()
	user := &http.Client{Transport: secretTransport{"http://" + hookToken + "@proxy", hookToken}}
	cfg := tghook.ClientConfig{BaseURL: "https://user:" + hookToken + "@h.example/api/bot" + apiToken, HTTP: user, Patience: time.Second}
	client, err := tghook.NewClient(apiToken, cfg)
	if err != nil {
		t.Fatal(err)
	}
	request := tghook.WebhookRequest{URL: "https://u:" + hookToken + "@bot.example.org/" + apiToken + tghook.PathFor(apiToken), SecretToken: hookToken}
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
			if leaks(text) || strings.Contains(text, tghook.PathFor(apiToken)) {
				t.Errorf("a %T: %s", v, text)
			}
		}
	}
	for name, text := range map[string]string{
		fmt.Sprint(cfg):                                        "ClientConfig for https://<secret>@h.example/api/bot<token>",
		fmt.Sprintf("%d", tghook.ClientConfig{}):               "ClientConfig for https://api.telegram.org",
		fmt.Sprintf("%+v", toURL("https://bot.example.org/a")): "WebhookRequest for https://bot.example.org/a",
		fmt.Sprintf("%q", client):                              `"Bot API client of bot 7244100913"`,
	} {
		same(t, "printed", name, text)
	}
}

// What was a secret is no setting that works after it went through JSON.
func TestWhatJSONLeavesOutIsMissed(t *testing.T) {
	t.Parallel()
	var request tghook.WebhookRequest
	encoded, err := json.Marshal(tghook.WebhookRequest{URL: hookURL, SecretToken: hookToken, MaxConnections: 7})
	same(t, "error", err, nil)
	same(t, "error", json.Unmarshal(encoded, &request), nil) //nolint:musttag // its names in JSON are those of its fields
	same(t, "request", request, tghook.WebhookRequest{URL: hookURL, SecretToken: "<secret>", MaxConnections: 7})
	c := newTelegram(t).client(t, tghook.ClientConfig{})
	same(t, "mistakes", mistaken(t, c.SetWebhook(t.Context(), request)), []string{"WebhookRequest.SecretToken"})
	same(t, "error", json.Unmarshal([]byte(`{"URL":"https://bot.example.org/","SecretToken":"abc"}`), &request), nil) //nolint:musttag // its names in JSON are those of its fields
	same(t, "a secret from a file", request.SecretToken, "abc")

	var cfg tghook.ClientConfig
	encoded, err = json.Marshal(tghook.ClientConfig{BaseURL: "https://user:password@h.example", Local: true, Patience: time.Second})
	same(t, "error", err, nil)
	same(t, "error", json.Unmarshal(encoded, &cfg), nil) //nolint:musttag // its names in JSON are those of its fields
	same(t, "config", cfg.Local && cfg.Patience == time.Second, true)
	_, err = tghook.NewClient(apiToken, cfg)
	same(t, "mistakes", mistaken(t, err), []string{"ClientConfig.BaseURL"})
}
