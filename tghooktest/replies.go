package tghooktest

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/tghook/tghook/tghooktest/internal/sender"
)

// RefusedReply is a webhook reply that Telegram refused or ignored. A webhook reply is a
// Bot API call that the bot sends in the HTTP response to an update. Telegram does not
// report the error to the bot, takes the update for handled, and shows the user nothing.
type RefusedReply struct {
	UpdateID int64
	Method   string    // empty if Telegram found no method to execute
	Reason   string    // Telegram's error, or why Telegram ignored the reply
	Body     string    // the beginning of the response's body
	At       time.Time // in the Server's time
}

// String returns the reply in one line.
func (r RefusedReply) String() string {
	what := strings.TrimPrefix(r.Method+": "+r.Reason, ": ")
	return fmt.Sprintf("update %d: %s; the response is %#q", r.UpdateID, what, r.Body)
}

// RefusedReplies returns the webhook replies that Telegram refused or ignored, oldest
// first. The Server keeps the newest 1000.
//
// Telegram ignores a reply with another Content-Type, a method that it does not execute
// from a response, malformed JSON, and an array. Refusals that the test asked for are not
// in the list: those by FailCalls, OnCall or User.Block, and those of an update that
// OnDelivery had delivered again.
//
// Unless ServerConfig.AllowRefusedReplies is set, each of them fails the test.
func (s *Server) RefusedReplies() []RefusedReply {
	s.refusals.mu.Lock()
	defer s.refusals.mu.Unlock()
	return append([]RefusedReply(nil), s.refusals.all...)
}

const (
	maxRefused   = 1000
	maxRepeating = 10_000 // updates
	blocked      = "Forbidden: bot was blocked by the user"
)

// refusals holds the newest refused replies, and the updates that a test had delivered
// again.
type refusals struct {
	mu        sync.Mutex
	all       []RefusedReply
	repeating map[int64]bool // by the update's id
}

// repeat stops reports for the update: Telegram may refuse the second of two equal replies.
func (r *refusals) repeat(update int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.repeating == nil || len(r.repeating) == maxRepeating {
		r.repeating = map[int64]bool{}
	}
	r.repeating[update] = true
}

// add records the reply. It returns false if the reply must not be reported.
func (r *refusals) add(reply RefusedReply) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.repeating[reply.UpdateID] {
		return false
	}
	if len(r.all) == maxRefused {
		r.all = append(r.all[:0], r.all[1:]...)
	}
	r.all = append(r.all, reply)
	return true
}

// clear drops all of them.
func (r *refusals) clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all, r.repeating = nil, nil
}

// overlooked lists the ignored replies, which are not among Calls.
func (s *Server) overlooked() (lines []string) {
	for _, r := range s.RefusedReplies() {
		if r.Method == "" {
			lines = append(lines, r.String())
		}
	}
	return lines
}

// reply executes the webhook reply in an answer to an update.
func (s *Server) reply(r sender.Reply) (done sender.Execution) {
	if r.Overlooked != "" {
		s.report(r, RefusedReply{Reason: r.Overlooked})
		done.Refused = r.Overlooked
	}
	if r.Method != "" {
		call, a, _ := s.do(r.Params, origin{reply: &r})
		done.Call = call.ID
		if a.err != nil {
			done.Refused = fmt.Sprintf("%d %s", a.err.Code, a.err.Description)
		}
	}
	return done
}

// refusedCall reports a webhook reply that Telegram refused.
func (s *Server) refusedCall(r sender.Reply, call Call) {
	if call.Err.Code == http.StatusForbidden && call.Err.Description == blocked {
		return
	}
	s.report(r, RefusedReply{Method: call.Method, Reason: fmt.Sprintf("%d %s", call.Err.Code, call.Err.Description)})
}

func (s *Server) report(r sender.Reply, refused RefusedReply) {
	refused.UpdateID, refused.At = r.UpdateID, s.Now()
	refused.Body = r.Excerpt
	s.note(Event{Kind: EventRefusedReply, UpdateID: refused.UpdateID, Text: refused.String()})
	if !s.refusals.add(refused) || s.cfg.AllowRefusedReplies {
		return
	}
	s.witness.errorf("tghooktest: Telegram refuses the webhook reply to %v\n\tTelegram does not report this error to a bot. "+
		"To have the bot see it, set DispatchConfig.AlwaysCall. If the test expects it, set ServerConfig.AllowRefusedReplies", refused)
}
