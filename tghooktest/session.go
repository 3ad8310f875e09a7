package tghooktest

import (
	"net/http"
	"time"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// session is the state of logOut and close.
type session struct {
	launched time.Time
	back     time.Time // when the bot may call again after logOut
	closed   bool      // close was called, and no other call since
}

// sessionPause is how long close is refused after the launch, and every call after logOut.
const sessionPause = 10 * time.Minute

var errLoggedOut = &botapi.Error{Code: http.StatusBadRequest, Description: "Logged out"}

// admit returns why calls are refused now; nil if they are answered. The first call after
// close launches the bot again.
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

// logOut forgets the webhook and all updates, and refuses the bot's calls for ten minutes.
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
	s.noteWebhook()
	s.queue.Clear()
	s.queue.Allow(nil)
	s.moved.ring()
	return answer{result: jsonTrue}
}

// closeSession closes the bot until the next call. It keeps the webhook, unless setWebhook
// was still under way.
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

// endAll answers the calls that wait. s.mu is held.
func (s *Server) endAll(err *botapi.Error) {
	for _, h := range []*held{s.parked, s.setting} {
		if h != nil {
			h.end(&ending{err: err})
		}
	}
	s.parked, s.setting = nil, nil
}

// seconds rounds d up to whole seconds.
func seconds(d time.Duration) int {
	return int((d + time.Second - 1) / time.Second)
}
