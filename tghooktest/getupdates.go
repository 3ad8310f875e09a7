package tghooktest

import (
	"encoding/json"
	"time"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
	"github.com/tghook/tghook/tghooktest/internal/queue"
)

// How getUpdates waits, and how it slows down a bot that repeats an offset.
const (
	maxUpdates  = 100 // in one answer
	maxPollWait = 50  // seconds
	quiet       = time.Millisecond
	maxDelay    = 2 * time.Millisecond // how long an update waits for others at most
	spinWait    = 3                    // seconds
	spinLimit   = 500 * time.Millisecond
)

func (s *Server) getUpdates(p botapi.Params) answer {
	s.mu.Lock()
	if s.webhook.url != "" || s.setting != nil {
		h := s.hold()
		h.end(s.conflict(webhookActive))
		s.mu.Unlock()
		return s.outcome(h)
	}
	offset := int64(int32(p.Int("offset"))) //nolint:gosec // Telegram loses the upper bits too
	limit := integer(p, "limit", maxUpdates, 1, maxUpdates)
	wait := integer(p, "timeout", 0, 0, maxPollWait)
	s.queue.AllowText(p.String("allowed_updates"))

	now := s.clock.Now()
	if since := now.Sub(s.polled); offset == s.offset && since < spinWait*time.Second {
		s.warnOfSpin(since, limit, wait)
		wait = max(wait, spinWait)
		if since < spinLimit {
			limit = 1
		}
	}
	s.polled, s.offset = now, offset

	added := s.queue.Added()
	updates := s.queue.Get(offset, limit)
	s.moved.ring()
	if len(updates) > 0 || wait == 0 {
		s.mu.Unlock()
		return listed(updates)
	}
	if s.parked != nil {
		s.parked.end(s.conflict(otherGetUpdates))
	}
	me := s.hold()
	s.parked = me
	s.mu.Unlock()
	s.park(me, added, time.Duration(wait)*time.Second)

	s.mu.Lock()
	if me.ctx.Err() != nil {
		s.mu.Unlock()
		return s.outcome(me)
	}
	s.parked = nil
	updates = s.queue.Get(max(offset, 0), limit)
	s.mu.Unlock()
	me.end(nil)
	s.moved.ring()
	return listed(updates)
}

// warnOfSpin warns of a getUpdates that repeats the offset of the call before, if Telegram
// answers it otherwise than the bot asked.
func (s *Server) warnOfSpin(since time.Duration, limit, wait int) {
	const advice = "pass the id of the newest update plus 1, and wait with timeout"
	if since < spinLimit && limit > 1 {
		s.warnOnce("limit", "getUpdates repeats the offset of the call before within 0.5 s, so Telegram answers with one update at most; "+advice)
	}
	if wait < spinWait {
		s.warnOnce("timeout", "getUpdates repeats the offset of the call before within 3 s, so Telegram waits 3 s where no update waits; "+advice)
	}
}

// park waits until an update has been added and no other one followed for a while, or until
// wait has passed. Telegram keeps waiting when the client has gone, and so does park.
func (s *Server) park(me *held, added <-chan struct{}, wait time.Duration) {
	end := s.clock.Now().Add(wait)
	timer := s.clock.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case <-me.ctx.Done():
			return
		case <-timer.C:
			return
		case <-added:
		}
		added = s.queue.Added()
		now := s.clock.Now()
		if last := now.Add(maxDelay); last.Before(end) { // at the first update
			end = last
		}
		timer.Reset(min(quiet, end.Sub(now)))
	}
}

// listed returns the updates as the answer of getUpdates.
func listed(updates []queue.Update) answer {
	result := json.RawMessage("[")
	ids := make([]int64, 0, len(updates))
	for i, u := range updates {
		if i > 0 {
			result = append(result, ',')
		}
		result = append(result, u.Body...)
		ids = append(ids, u.ID)
	}
	return answer{result: append(result, ']'), wired: true, updates: ids}
}

// integer returns a parameter within bounds; usual if the parameter is missing.
func integer(p botapi.Params, name string, usual, least, most int) int {
	if p.String(name) == "" {
		return usual
	}
	return min(max(int(int32(p.Int(name))), least), most) //nolint:gosec // Telegram loses the upper bits too
}
