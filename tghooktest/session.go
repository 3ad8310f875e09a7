package tghooktest

import (
	"net/http"
	"time"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// session is whether the bot is logged in, and runs on this server.
type session struct {
	launched time.Time
	back     time.Time // after logOut, when the bot is let in again
	closed   bool      // by close, until the next call
}

// sessionPause is how long after the launch close is refused, and how long after
// logOut everything.
const sessionPause = 10 * time.Minute

var errLoggedOut = &botapi.Error{Code: http.StatusBadRequest, Description: "Logged out"}

// admit says why no call is answered now, nil if they are. A call launches the bot again
// after close.
func (s *Server) admit(method string) *botapi.Error {
	s.mu.Lock()
	now := s.clock.Now()
	out, closed := now.Before(s.session.back), s.session.closed
	relaunch := !out && closed && method != "close"
	if relaunch {
		s.session.closed, s.session.launched = false, now
	}
	s.mu.Unlock()
	switch {
	case out:
		return errLoggedOut
	case relaunch:
		s.resume()
	case closed:
		return &botapi.Error{Code: http.StatusBadRequest, Description: "Bad Request: the bot has already been closed"}
	}
	return nil
}

// logOut forgets the webhook and all updates, and keeps the bot out for ten minutes.
func (s *Server) logOut() answer {
	s.mu.Lock()
	s.session.back = s.clock.Now().Add(sessionPause)
	s.endAll(errLoggedOut)
	s.mu.Unlock()

	s.changing <- struct{}{}
	defer func() { <-s.changing }()
	s.silence()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.webhook = webhook{}
	s.queue.Clear()
	s.queue.Allow(nil)
	s.moved.ring()
	return answer{result: jsonTrue}
}

// closeSession has the bot run nowhere until the next call. The webhook is kept, but not one
// that was still being set.
func (s *Server) closeSession() answer {
	s.mu.Lock()
	now := s.clock.Now()
	if left := s.session.launched.Add(sessionPause).Sub(now); left > 0 {
		s.mu.Unlock()
		return answer{err: botapi.TooManyRequests(seconds(left))}
	}
	s.endAll(restarting.err)
	s.mu.Unlock()

	s.changing <- struct{}{}
	defer func() { <-s.changing }()
	s.silence()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.session.closed = true
	if s.webhook.addr == "" {
		s.webhook = webhook{}
	}
	return answer{result: jsonTrue}
}

// endAll answers what waits. s.mu is held.
func (s *Server) endAll(err *botapi.Error) {
	for _, h := range []*held{s.parked, s.setting} {
		if h != nil {
			h.end(&ending{err: err})
		}
	}
	s.parked, s.setting = nil, nil
}

// seconds are rounded up.
func seconds(d time.Duration) int {
	return int((d + time.Second - 1) / time.Second)
}
