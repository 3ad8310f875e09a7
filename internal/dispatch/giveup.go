package dispatch

import (
	"fmt"
	"time"
)

// The rule for giving an update up, where DispatchConfig.MaxAttempts is 0.
const (
	countedAttempts = 8
	worldMayBeDown  = 15 * time.Minute // an update that may heal is not given up sooner
	longFailing     = time.Hour        // every attempt counts from then on
	mostSucceed     = 10               // as many succeed for each that fails: the world is well
)

// history counts the failed attempts of an update. Times are on the
// dispatcher's clock. The zero history is that of an update that has not failed.
type history struct {
	failed    int // attempts
	counted   int // of failed
	hopeless  int // of counted: they panicked, or their error cannot heal
	first     time.Duration
	last      time.Duration
	sinceLast uint64 // successes of items that the engine had seen by last
	came      uint64 // successes when the item came
}

// failedAttempt is one of an item.
type failedAttempt struct {
	at        time.Duration
	hopeless  bool   // it panicked, or its error is an APIError that cannot heal
	successes uint64 // of updates, in this process so far
	crowded   bool   // a poll's window is full behind the update
	failing   int    // crowded: other updates that have failed and are not over
}

// add notes one failed attempt. It counts if it is hopeless, if another update has
// succeeded since the attempt before, or if the update first failed more than an hour
// ago. While a poll's window is full, no other update can succeed. Then an attempt counts
// if, since the update came, ten times as many others have succeeded as fail now: that is
// not so in an outage.
func (h *history) add(f failedAttempt) {
	others := h.failed > 0 && (f.successes > h.sinceLast || f.crowded && f.successes-h.came >= mostSucceed*uint64(f.failing+1)) //nolint:gosec // a number of records
	if f.hopeless || others || h.failed > 0 && f.at-h.first > longFailing {
		h.counted++
	}
	if f.hopeless {
		h.hopeless++
	}
	if h.failed == 0 {
		h.first = f.at
	}
	h.failed++
	h.last, h.sinceLast = f.at, f.successes
}

// verdict reports whether the update is given up after its last failure, and by which
// clause of the rule. Where not all of the counted attempts are hopeless it takes 15
// minutes, unless a poll's window is full behind the update.
func (h *history) verdict(crowded bool) (clause string, givenUp bool) {
	switch {
	case h.counted < countedAttempts:
		return "", false
	case h.hopeless == h.counted:
		return "each panicked or cannot heal", true
	case crowded:
		return "the window of the poll is full behind it", true
	case h.last-h.first >= worldMayBeDown:
		return "other updates succeed, or it has failed for an hour", true
	default:
		return "", false
	}
}

// giveUp says why an update becomes a dead letter though another attempt was possible.
func (h *history) giveUp(clause string, err error) error {
	return &attemptError{fmt.Sprintf("given up after %d attempts, %d of which count: %s", h.failed, h.counted, clause), err}
}

// Note is a history as it goes from one process to another.
type Note struct {
	Failed, Counted, Hopeless int
	First, Last               int64 // Unix time in milliseconds
}

// plausible reports whether n can be the note of a history with failures.
func (n *Note) plausible() bool {
	return 0 <= n.Hopeless && n.Hopeless <= n.Counted && n.Counted <= n.Failed && n.Failed > 0 && n.First <= n.Last
}

// note is h for every process that shares the Store.
func (h *history) note(origin time.Time) Note {
	return Note{h.failed, h.counted, h.hopeless, origin.Add(h.first).UnixMilli(), origin.Add(h.last).UnixMilli()}
}

// read takes over a note, which may be another process's. lastSuccess and successes are
// this process's own. A note that is not plausible is that of an item that has not failed.
func (h *history) read(n Note, origin time.Time, lastSuccess time.Duration, successes uint64) {
	*h = history{came: h.came}
	if !n.plausible() {
		return
	}
	h.failed, h.counted, h.hopeless = n.Failed, n.Counted, n.Hopeless
	h.first, h.last = time.UnixMilli(n.First).Sub(origin), time.UnixMilli(n.Last).Sub(origin)
	h.sinceLast = successes
	if successes > 0 && lastSuccess > h.last {
		h.sinceLast--
	}
}
