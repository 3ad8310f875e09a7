package tghook_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/tghooktest"
)

// A standing is a Run by webhook in a bubble, in a Telegram's network.
type standing struct {
	t        *testing.T
	tg       *tghooktest.Server
	listener net.Listener
	resolver *net.Resolver
	stop     context.CancelCauseFunc
	result   *pending
	err      error
	open     []net.Conn
}

// stand begins a Run, and returns when all of it waits.
func stand(t *testing.T, h tghook.HandlerFunc, change func(s *standing, cfg *tghook.RunConfig)) *standing {
	t.Helper()
	s := &standing{t: t, tg: tghooktest.NewServer(t, tghooktest.ServerConfig{Token: apiToken, InMemory: true})}
	var err error
	if s.listener, err = s.tg.Listen("bot.example.org:80"); err != nil {
		t.Fatal(err)
	}
	cfg := tghook.RunConfig{
		Token: apiToken, URL: "http://bot.example.org/hook", Webhook: tghook.Config{Secret: hookToken},
		Client: tghook.ClientConfig{BaseURL: s.tg.URL, HTTP: s.tg.Client(), Local: true},
	}
	if change != nil {
		change(s, &cfg)
	}
	ctx, stop := context.WithCancelCause(context.Background())
	s.stop = stop
	s.result = eventually(func() string {
		s.err = tghook.RunOn(ctx, s.listener, h, cfg, s.resolver)
		return "ended"
	})
	t.Cleanup(func() {
		stop(nil)
		for _, c := range s.open {
			_ = c.Close()
		}
	})
	return s
}

func (s *standing) dial() *wire {
	conn, err := s.tg.Client().Transport.(*http.Transport).DialContext(s.t.Context(), "tcp", "bot.example.org:80")
	if err != nil {
		s.t.Fatal(err)
	}
	s.open = append(s.open, conn)
	return newWire(s.t, conn)
}

// begin sends a request and returns when all that comes of it waits.
func (s *standing) begin(raw []byte) *wire {
	s.t.Helper()
	c := s.dial()
	c.send(raw)
	synctest.Wait()
	return c
}

// answer is the status of what comes back.
func (s *standing) answer(raw []byte) int {
	s.t.Helper()
	return s.begin(raw).read().status
}

// ends waits for Run, and returns how long that took.
func (s *standing) ends() time.Duration {
	start := time.Now()
	s.result.wait()
	return time.Since(start)
}

var (
	errTerminated = errors.New("terminated")
	healthCheck   = []byte("GET /healthz HTTP/1.1\r\nHost: bot\r\n\r\n")
)

func update(chat, id int64) []byte { return rawPost(hookToken, []byte(messageIn(chat, id))) }

func TestRunDrainsAtItsEnd(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		release := make(chan struct{})
		s := stand(t, func(context.Context, *tghook.Update) (tghook.Reply, error) {
			<-release
			return hello, nil
		}, nil)
		same(t, "health", s.answer(healthCheck), 200)
		held := s.begin(update(7, 1))
		s.stop(errTerminated)
		synctest.Wait()
		same(t, "health at the end", s.answer(healthCheck), 503)
		same(t, "another update", s.answer(update(8, 2)), 503)
		time.Sleep(5 * time.Second)
		same(t, "ended", s.result.now(), "")
		close(release)
		held.read()
		if !strings.HasSuffix(held.bytes(), "\r\n\r\n"+helloBody) {
			t.Errorf("the answer is %q", held.bytes())
		}
		if took := s.ends(); took > time.Second || s.err != nil {
			t.Errorf("Run returned %v, %v after the last answer", s.err, took)
		}
		same(t, "webhooks deleted", len(s.tg.Calls("deleteWebhook")), 0)
	})
}

// What is not done within the grace is answered still, so that Telegram need not
// find out by itself.
func TestRunCancelsWhatOutlastsItsGrace(t *testing.T) {
	for name, c := range map[string]struct{ given, want time.Duration }{"by default": {0, 8 * time.Second}, "as it is told": {time.Minute, time.Minute}} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				var cause error
				s := stand(t, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
					<-ctx.Done()
					cause = context.Cause(ctx)
					return tghook.NoReply, cause
				}, func(_ *standing, cfg *tghook.RunConfig) { cfg.Grace, cfg.Webhook.LateAfter = c.given, -1 })
				held := s.begin(update(7, 1))
				status := eventually(func() string { return http.StatusText(held.read().status) })
				s.stop(errTerminated)
				if took := s.ends(); took < c.want || took > c.want+time.Second || s.err != nil {
					t.Errorf("Run returned %v after %v, want %v", s.err, took, c.want)
				}
				same(t, "why the handler ended", cause, tghook.ErrShutdown)
				same(t, "the answer", status.now(), http.StatusText(http.StatusServiceUnavailable))
			})
		})
	}
}

// Telegram opens a connection before it has an update, and net/http would wait
// five seconds for the first request on it.
func TestRunDoesNotWaitForConnectionsWithoutARequest(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := stand(t, nothing, nil)
		s.dial()
		synctest.Wait()
		s.stop(errTerminated)
		if took := s.ends(); took > time.Second || s.err != nil {
			t.Errorf("Run returned %v after %v", s.err, took)
		}
	})
}

func TestRunEndsWithItsServer(t *testing.T) {
	t.Run("and answers what it has taken", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			s := stand(t, taking(5*time.Second, hello, nil), nil)
			held := s.begin(update(7, 1))
			_ = s.listener.Close()
			same(t, "the answer", held.read().status, 200)
			s.ends()
			if !errors.Is(s.err, net.ErrClosed) {
				t.Errorf("Run returned %v", s.err)
			}
		})
	})
	t.Run("while the webhook is set", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			s := stand(t, nothing, func(_ *standing, cfg *tghook.RunConfig) { cfg.Client.HTTP.Transport = unanswered })
			_ = s.listener.Close()
			s.ends()
			if !errors.Is(s.err, net.ErrClosed) {
				t.Errorf("Run returned %v", s.err)
			}
			keepsToken(t, s.err)
		})
	})
}

// unanswered is a Bot API that keeps silent.
var unanswered transport = func(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, context.Cause(r.Context())
}

func TestRunReturnsNilIfItIsEndedWhileTheWebhookIsSet(t *testing.T) {
	for name, api := range map[string]transport{
		"during the call":   unanswered,
		"between the calls": answers(429, `{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 30","parameters":{"retry_after":30}}`),
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				s := stand(t, nothing, func(_ *standing, cfg *tghook.RunConfig) { cfg.Client.HTTP.Transport = api })
				same(t, "an update meanwhile", s.answer(update(7, 1)), 200)
				time.Sleep(time.Second)
				same(t, "ended", s.result.now(), "")
				s.stop(errTerminated)
				if took := s.ends(); took > time.Second || s.err != nil {
					t.Errorf("Run returned %v after %v", s.err, took)
				}
			})
		})
	}
}

// Telegram closes a connection that was idle for 60 seconds, and must be the first.
func TestRunKeepsIdleConnectionsLongerThanTelegram(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := stand(t, nothing, nil)
		c := s.begin(update(7, 1))
		same(t, "an update", c.read().status, 200)
		time.Sleep(61 * time.Second)
		c.send(update(7, 2))
		same(t, "the next", c.read().status, 200)
		start := time.Now()
		c.readEOF()
		if idle := time.Since(start); idle < time.Minute || idle > 5*time.Minute {
			t.Errorf("closed after %v", idle)
		}
	})
}

func TestNobodyHoldsAConnectionOpenWithHalfARequest(t *testing.T) {
	for name, raw := range map[string]string{
		"half a head":             "POST /hook HTTP/1.1\r\nHost: bot\r\n",
		"a body for nobody":       "POST /other HTTP/1.1\r\nHost: bot\r\nContent-Length: 100\r\n\r\nhalf",
		"a body for health":       "POST /healthz HTTP/1.1\r\nHost: bot\r\nContent-Length: 100\r\n\r\nhalf",
		"half an update":          string(update(7, 1)[:len(update(7, 1))-20]),
		"a body without a secret": string(rawPost("", []byte(messageIn(7, 1)))[:200]),
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				s := stand(t, nothing, nil)
				c := s.begin([]byte(raw))
				over := eventually(func() string {
					if !strings.HasPrefix(name, "half a head") {
						c.read()
					}
					c.readEOF()
					return "over"
				})
				if _, took := over.wait(); took > 11*time.Second {
					t.Errorf("over after %v", took)
				}
			})
		})
	}
}
