package tghooktest

import (
	"fmt"
	"log"
	"sync"
)

// maxWarnings bounds the kinds of warnings that a bot has given.
const maxWarnings = 1000

// warnings are the kinds of warnings that a bot has given.
type warnings struct {
	mu    sync.Mutex
	given map[string]bool
}

// first reports whether a warning of the kind comes for the first time.
func (w *warnings) first(kind string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.given[kind] || len(w.given) == maxWarnings {
		return false
	}
	if w.given == nil {
		w.given = map[string]bool{}
	}
	w.given[kind] = true
	return true
}

// clear lets each warning come again.
func (w *warnings) clear() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.given = nil
}

// warnOnce warns of something that the bot did, once for each kind. It may be called under a
// lock: the warning is given by another goroutine, unless the bot is at its end.
func (b *bot) warnOnce(kind, text string) {
	if b.ctx.Err() == nil && b.warnings.first(kind) {
		text = fmt.Sprintf("tghooktest: bot %d: %s", b.id, text)
		b.note(Event{Kind: EventWarning, Text: text})
		b.running.Go(func() { b.warn(text) })
	}
}

// warn passes a warning to ServerConfig.Warn and to the test.
func (h *host) warn(text string) {
	if h.base.Warn != nil {
		h.base.Warn(text)
	}
	if h.base.Warn == nil || h.tb != nil {
		h.log(text)
	}
}

// log writes to the test's log. Without a test, it uses package log.
func (h *host) log(text string) {
	if h.tb == nil {
		log.Print(text) //nolint:gosec // what it has of a request is quoted
		return
	}
	h.witness.logf("%s", text)
}
