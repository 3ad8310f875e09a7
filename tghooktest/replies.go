package tghooktest

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
	"github.com/tghook/tghook/tghooktest/internal/sender"
)

// RefusedReply is a reply in the response to an update that Telegram refused or
// overlooked. Telegram tells nobody of it: the update counts as handled. Nothing comes
// of it for the user.
type RefusedReply struct {
	UpdateID int64
	Method   string // empty: none that Telegram executes
	Reason   string // in Telegram's words what is wrong, or what Telegram overlooks
	Body     string // how the response's body begins
	At       time.Time
}

// String tells it in a line.
func (r RefusedReply) String() string {
	what := strings.TrimPrefix(r.Method+": "+r.Reason, ": ")
	return fmt.Sprintf("update %d: %s; the response is %#q", r.UpdateID, what, r.Body)
}

// RefusedReplies are the replies in responses that Telegram refused or overlooked, the
// newest 1000, oldest first. Overlooked is a reply of another Content-Type, a method that
// Telegram does not execute from a response, malformed JSON, an array. Left out is what
// the test has asked for: by FailCalls, OnCall, User.Block, or by an OnDelivery that has
// an update delivered again.
//
// Unless ServerConfig.AllowRefusedReplies is set, each of them fails the test.
func (s *Server) RefusedReplies() []RefusedReply {
	s.refusals.mu.Lock()
	defer s.refusals.mu.Unlock()
	return append([]RefusedReply(nil), s.refusals.all...)
}

const (
	maxRefused   = 1000
	maxExcerpt   = 300    // bytes of a response's body
	maxRepeating = 10_000 // updates
	blocked      = "Forbidden: bot was blocked by the user"
)

// refusals are the newest, and the updates whose replies a test has repeated.
type refusals struct {
	mu        sync.Mutex
	all       []RefusedReply
	repeating map[int64]bool // by the update's id
}

// repeat has no reply to the update reported: of two that are alike Telegram may refuse
// the second.
func (r *refusals) repeat(update int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.repeating == nil || len(r.repeating) == maxRepeating {
		r.repeating = map[int64]bool{}
	}
	r.repeating[update] = true
}

// add returns false for what is not to be reported.
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

// overlooked tells of the replies that are no calls, which Calls does not have.
func (s *Server) overlooked() (lines []string) {
	for _, r := range s.RefusedReplies() {
		if r.Method == "" {
			lines = append(lines, r.String())
		}
	}
	return lines
}

// reply does what an answer to an update calls.
func (s *Server) reply(r sender.Reply) {
	if r.Overlooked != "" {
		s.report(r, RefusedReply{Reason: r.Overlooked})
	}
	if r.Method != "" {
		s.do(r.Params, &r)
	}
}

// refusedCall reports a reply that was refused.
func (s *Server) refusedCall(r sender.Reply, call Call) {
	if call.Err.Code == http.StatusForbidden && call.Err.Description == blocked {
		return
	}
	s.report(r, RefusedReply{Method: call.Method, Reason: fmt.Sprintf("%d %s", call.Err.Code, call.Err.Description)})
}

func (s *Server) report(r sender.Reply, refused RefusedReply) {
	refused.UpdateID, refused.At = r.UpdateID, s.Now()
	refused.Body = botapi.Excerpt(r.Header, r.Body, maxExcerpt)
	if !s.refusals.add(refused) || s.cfg.AllowRefusedReplies {
		return
	}
	s.witness.errorf("tghooktest: Telegram refuses the reply in the response to %v\n\tIn service nobody is told. "+
		"With DispatchConfig.AlwaysCall the error is reported. If it is expected, set ServerConfig.AllowRefusedReplies", refused)
}
