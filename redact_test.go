package tghook_test

import (
	"errors"
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
