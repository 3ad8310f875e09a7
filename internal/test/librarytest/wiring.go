package librarytest

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/rig"
	"github.com/tghook/tghook/tghooktest"
)

// A Wiring makes a bot without calling Telegram, and returns the error of the package's
// Handler.
type Wiring struct {
	Options   func(token string, t *tghook.ReplyTransport) error             // by the options of the package
	Elsewhere func(token string, t *tghook.ReplyTransport, url string) error // by them, and then for the server at url
	Foreign   func(token, url string) error                                  // without them
}

// TestWiring checks that a bot whose calls would not ride is refused, with an error that says
// why.
func TestWiring(t *testing.T, w Wiring) {
	t.Helper()
	tg := tghooktest.NewServer(t, tghooktest.ServerConfig{Token: token})
	client := tg.Bot(t)
	const other = "7244100914:AAH-stand_in_token_0123456789abcdef"
	for name, c := range map[string]struct {
		err   error
		field string
		says  string
	}{
		"without a ReplyTransport": {w.Options(token, nil), "ReplyTransport", "nil"},
		"without a Client":         {w.Options(token, &tghook.ReplyTransport{}), "ReplyTransport.Client", "nil"},
		"another bot":              {w.Options(other, &tghook.ReplyTransport{Client: client}), "bot", "7244100914"},
		"another server":           {w.Elsewhere(token, &tghook.ReplyTransport{Client: client}, "http://127.0.0.1:1"), "", "http://127.0.0.1:1"},
		"without the options":      {w.Foreign(token, tg.URL), "bot", "tg"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var mistake *tghook.ConfigError
			require.ErrorAs(t, c.err, &mistake)
			if c.field != "" {
				assert.Equal(t, c.field, mistake.Field)
			}
			assert.Contains(t, mistake.Problem, c.says)
			rig.KeepsToken(t, c.err)
		})
	}
	before := len(tg.Calls())
	require.NoError(t, w.Options(token, &tghook.ReplyTransport{Client: client}))
	assert.Len(t, tg.Calls(), before, "a right bot calls nobody")
	cfg := tghook.ClientConfig{BaseURL: tg.URL + "/", TestEnvironment: true}
	inTest, err := tghook.NewClient(token, cfg)
	require.NoError(t, err)
	if err := w.Options(token, &tghook.ReplyTransport{Client: inTest}); err != nil {
		require.ErrorContains(t, err, "test environment")
	}
}
