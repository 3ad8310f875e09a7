package tghook

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/tghook/tghook/internal/redact"
)

// refusals bounds the rate of a log line: the first few within a window of time are
// written, and one line at its end counts the rest. It is safe for concurrent use.
type refusals struct {
	most   int
	window time.Duration
	more   func(count int) // writes the line that counts

	mu      sync.Mutex
	timer   *time.Timer   // ends the window; nil if none is open
	over    chan struct{} // closed when the last window has ended and its count is written
	written int
	left    int
	stopped bool
}

func newRefusals(most int, window time.Duration, more func(count int)) *refusals {
	return &refusals{most: most, window: window, more: more}
}

// take reports whether one more line may be written.
func (r *refusals) take() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.timer == nil && !r.stopped {
		r.over = make(chan struct{})
		r.timer = time.AfterFunc(r.window, r.end)
	}
	if r.written >= r.most {
		r.left++
		return false
	}
	r.written++
	return true
}

// end ends the window.
func (r *refusals) end() {
	r.mu.Lock()
	left, over := r.left, r.over
	r.timer, r.written, r.left = nil, 0, 0
	r.mu.Unlock()
	defer close(over) // the user's slog.Handler may end the goroutine
	if left > 0 {
		r.more(left)
	}
}

// stop ends the window at once, and waits until its count is written or ctx ends. No
// window begins after that: a few lines are left, and nothing is counted.
func (r *refusals) stop(ctx context.Context) {
	r.mu.Lock()
	r.stopped = true
	over := r.over
	if r.timer != nil && r.timer.Stop() {
		go r.end()
	}
	r.mu.Unlock()
	if over == nil {
		return
	}
	select {
	case <-over:
	case <-ctx.Done():
	}
}

// logRefusal writes a line for a request that was refused. GET and HEAD are most often
// somebody's health check, or a browser: they are worth a line an hour.
func (w *Webhook) logRefusal(ctx context.Context, method string, refused *RequestError) {
	attrs := []slog.Attr{slog.String("path", refused.Path), slog.String("peer", refused.Peer)}
	if refused.Status == http.StatusMethodNotAllowed && (method == http.MethodGet || method == http.MethodHead) {
		if w.probes.take() {
			w.cfg.Dispatch.log(ctx, slog.LevelInfo, "tghook: a "+method+" request where Telegram sends POST", attrs...)
		}
		return
	}
	if !w.refusals.take() {
		return
	}
	attrs = append(attrs, slog.Int("status", refused.Status), slog.String("problem", refused.Problem))
	if refused.Err != nil {
		attrs = append(attrs, slog.Any("error", refused.Err))
	}
	w.cfg.Dispatch.log(ctx, slog.LevelWarn, "tghook: request refused", attrs...)
}

// logMore returns what writes the line that counts.
func (w *Webhook) logMore(level slog.Level, line string) func(count int) {
	return func(count int) { w.cfg.Dispatch.log(context.Background(), level, line, slog.Int("count", count)) }
}

const maxPath = 200 // bytes of a path in a log

// pathOf is the path of a request as a log may have it.
func (w *Webhook) pathOf(req *Request) string {
	path := req.Path[:min(len(req.Path), 20*maxPath)]
	for _, secret := range w.secrets() {
		path = strings.ReplaceAll(path, string(secret), redact.Hidden)
	}
	path = redact.Tokens(path)
	return path[:min(len(path), maxPath)]
}
