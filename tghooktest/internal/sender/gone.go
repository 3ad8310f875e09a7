package sender

import (
	"net/http"
	"time"
)

// removal is for how long a webhook may answer nothing but 410.
const removal = 23 * time.Hour

// gone is since when the webhook has answered 410.
type gone struct {
	counting bool
	since    time.Duration
	final    bool // it has for so long that it is removed
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
