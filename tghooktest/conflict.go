package tghooktest

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// held is a call that waits. Another call may end it.
type held struct {
	ctx context.Context
	end context.CancelCauseFunc // called with an *ending, while s.mu is held
}

// ending is the answer that another call gives to a held one, and how long that answer
// waits.
type ending struct {
	err   *botapi.Error
	after time.Duration
}

func (e *ending) Error() string { return e.err.Description }

func (s *Server) hold() *held {
	ctx, end := context.WithCancelCause(s.ctx)
	return &held{ctx, end}
}

// outcome returns the answer to a held call that another call, or Close, has ended.
func (s *Server) outcome(h *held) answer {
	var e *ending
	if !errors.As(context.Cause(h.ctx), &e) {
		return restarting
	}
	s.sleep(e.after)
	return answer{err: e.err}
}

// The conflicts between calls, in Telegram's words.
const (
	webhookActive     = "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
	endedBySetWebhook = "Conflict: terminated by setWebhook request"
	otherSetWebhook   = "Conflict: terminated by other setWebhook"
	otherGetUpdates   = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
)

const conflictPause = 3 * time.Second

// conflict returns the end of a call that conflicts with another one. Of several within
// three seconds, the first is answered at once and the others wait. s.mu is held.
func (s *Server) conflict(text string) *ending {
	e := &ending{err: &botapi.Error{Code: http.StatusConflict, Description: text}}
	if now := s.clock.Now(); now.Before(s.nextConflict) {
		e.after = conflictPause
	} else {
		s.nextConflict = now.Add(conflictPause)
	}
	return e
}
