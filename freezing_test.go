package tghook_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/tghook/tghook"
)

func TestAPlatformThatFreezesIsToldOnceUnlessItIsKnown(t *testing.T) {
	const text = "may freeze a process"
	for _, variable := range []string{"K_SERVICE", "AWS_LAMBDA_FUNCTION_NAME", "VERCEL", "FUNCTION_TARGET", "HOME"} {
		t.Run(variable, func(t *testing.T) {
			for _, other := range []string{"K_SERVICE", "AWS_LAMBDA_FUNCTION_NAME", "VERCEL", "FUNCTION_TARGET"} {
				t.Setenv(other, "")
			}
			t.Setenv(variable, "1")
			for name, c := range map[string]struct {
				cfg   tghook.Config
				known bool // to the door
				want  int
			}{
				"by default":             {tghook.Config{}, false, 1},
				"with LateAck":           {tghook.Config{Late: tghook.LateAck}, false, 1},
				"with LateRetry set":     {tghook.Config{Late: tghook.LateRetry}, false, 0},
				"with LateCancel":        {tghook.Config{Late: tghook.LateCancel}, false, 0},
				"Ephemeral":              {tghook.Config{Ephemeral: true}, false, 0},
				"on a door that knows":   {tghook.Config{}, true, 0},
				"LateAck, the door does": {tghook.Config{Late: tghook.LateAck}, true, 0},
			} {
				log, logged := logger()
				c.cfg.Dispatch = tghook.DispatchConfig{Logger: log, Bot: 5}
				r := newRig(t, c.cfg, nothing)
				for id := range int64(3) {
					r.serve(context.Background(), messageIn(7, id), func(req *tghook.Request) { req.Ephemeral = c.known })
				}
				want := strings.Repeat("x", c.want)
				if variable == "HOME" {
					want = ""
				}
				same(t, name, strings.Repeat("x", len(warnings(logged, text, "bot"))), want)
			}
		})
	}
}

func TestUnusualTimesAndSizes(t *testing.T) {
	t.Setenv("K_SERVICE", "")
	const text = "Config.LateAfter is unusual"
	for after, c := range map[time.Duration]struct{ mistake, warned bool }{
		8: {true, false}, 999 * time.Microsecond: {true, false}, time.Millisecond: {false, true}, 99 * time.Millisecond: {false, true},
		100 * time.Millisecond: {}, 55 * time.Second: {}, 56 * time.Second: {false, true}, time.Hour: {false, true}, -1: {}, 0: {},
	} {
		log, logged := logger()
		cfg := tghook.Config{Secret: hookSecret, LateAfter: after, Dispatch: tghook.DispatchConfig{Logger: log}}
		_, err := tghook.New(tghook.HandlerFunc(nothing), cfg)
		same(t, after.String()+": mistaken", err != nil, c.mistake)
		same(t, after.String()+": warned", len(warnings(logged, text)) == 1, c.warned)
	}
	_, err := tghook.New(tghook.HandlerFunc(nothing), tghook.Config{Secret: hookSecret, LateAfter: 8})
	same(t, "its words", err.Error(), "tghook: Config.LateAfter: 8ns is too short; give it with its unit, as in 8*time.Second, or 0 for 8 seconds")
	for size, mistake := range map[int64]bool{1: true, 64<<10 - 1: true, 64 << 10: false, 0: false, -1: true} {
		_, err := tghook.New(tghook.HandlerFunc(nothing), tghook.Config{Secret: hookSecret, MaxBody: size})
		same(t, "MaxBody", err != nil, mistake)
	}
}
