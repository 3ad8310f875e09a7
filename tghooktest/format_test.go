package tghooktest_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook/tghooktest"
)

func TestNeitherAServerNorItsConfigShowsTheToken(t *testing.T) {
	t.Parallel()
	cfg := tghooktest.ServerConfig{Token: "12345:stand_in_token_x", InMemory: true}
	bubble(t, cfg, func(t *testing.T, s *tghooktest.Server) {
		type bot struct {
			Server *tghooktest.Server
			Config tghooktest.ServerConfig
		}
		other := tghooktest.BotConfig{Token: cfg.Token}
		for _, v := range []any{cfg, &cfg, other, &other, s, bot{s, cfg}, &bot{s, cfg}, []any{cfg, s}, map[string]any{"a": cfg, "b": s}} {
			var text strings.Builder
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
				fmt.Fprintf(&text, verb+"\n", v)
			}
			slog.New(slog.NewTextHandler(&text, nil)).Info("bot", "value", v)
			slog.New(slog.NewJSONHandler(&text, nil)).Info("bot", "value", v)
			encoded, err := json.Marshal(v)
			require.NoError(t, err)
			text.Write(encoded)
			if all := text.String(); strings.Contains(all, "stand_in") || strings.Contains(all, fmt.Sprintf("%x", "stand_in")) || !strings.Contains(all, "of bot 12345") {
				t.Errorf("%T is shown as %s", v, all)
			}
		}
		assert.Equal(t, "tghooktest.Server of bot 12345 at http://api.telegram.test", fmt.Sprint(s), "a Server")
	})
}
