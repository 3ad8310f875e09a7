package sender

import (
	"net/http"
	"time"
)

// removal is how long a webhook may answer only 410 before Telegram removes it.
const removal = 23 * time.Hour

// gone counts how long the webhook has answered only 410.
type gone struct {
	counting bool
	since    time.Duration
	final    bool // it has been long enough to remove the webhook
}

func (g *gone) heed(status int, now time.Duration) {
	switch {
	case status != http.StatusGone:
		g.counting = false
	case !g.counting:
		g.counting, g.since = true, now
	default:
		g.final = now > g.since+removal
	}
}
