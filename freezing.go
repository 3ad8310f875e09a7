package tghook

import (
	"context"
	"log/slog"
	"os"
	"sync"
	"time"
)

const (
	leastMaxBody = 64 << 10
	shortestLate = 100 * time.Millisecond
	longestLate  = 55 * time.Second // Telegram waits for 60
)

// warn logs what is most likely a mistake.
func (c *Config) warn() {
	tooLong := c.LateAfter > longestLate && !c.Ephemeral && freezingPlatform() == "" // there a deadline may come first
	if c.LateAfter > 0 && c.LateAfter < shortestLate || tooLong {
		c.Dispatch.log(context.Background(), slog.LevelWarn,
			"tghook: Config.LateAfter is unusual: Telegram waits 60 s for an answer, and 8 s is the default", slog.Duration("LateAfter", c.LateAfter))
	}
}

// freezing warns once that the process may be frozen as soon as it has answered, and
// that the webhook does not know.
type freezing struct {
	platform string // the variable by which it is known; "" if there is none
	once     sync.Once
}

// freezingPlatform is the variable that a platform sets which may freeze what has
// answered; "" if none is set.
func freezingPlatform() string {
	for _, variable := range []string{"K_SERVICE", "AWS_LAMBDA_FUNCTION_NAME", "VERCEL", "FUNCTION_TARGET"} {
		if os.Getenv(variable) != "" {
			return variable
		}
	}
	return ""
}

// warn is called with the first updates: only a request says whether its door knows
// the platform. A LateRetry or LateCancel that is set says that the user does.
func (f *freezing) warn(ctx context.Context, c *Config, known bool) {
	if f.platform == "" || known || c.Ephemeral || c.Late == LateRetry || c.Late == LateCancel {
		return
	}
	f.once.Do(func() {
		c.Dispatch.log(ctx, slog.LevelWarn, "tghook: this platform may freeze a process that has answered, and what it was doing is lost or done twice: "+
			"set Config.Ephemeral, or, where the CPU is always allocated, Config.Late to LateRetry, which silences this; see docs/doors.md",
			slog.String("variable", f.platform))
	})
}
