package tghook_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/rig"
	"github.com/tghook/tghook/tghooktest"
)

// A standing is a Run by webhook in a bubble, in a Telegram's network.
type standing struct {
	t        *testing.T
	tg       *tghooktest.Server
	listener net.Listener
	resolver *net.Resolver
	stop     context.CancelCauseFunc
	result   *rig.Pending
	err      error
	open     []net.Conn
}

// stand begins a Run in a bubble, and returns when all of it waits.
func stand(t *testing.T, h tghook.HandlerFunc, change func(s *standing, cfg *tghook.RunConfig)) *standing {
	t.Helper()
	s := begin(t, h, change)
	synctest.Wait()
	return s
}

// begin begins a Run.
func begin(t *testing.T, h tghook.HandlerFunc, change func(s *standing, cfg *tghook.RunConfig)) *standing {
	t.Helper()
	s := &standing{t: t, tg: tghooktest.NewServer(t, tghooktest.ServerConfig{Token: rig.APIToken, InMemory: true})}
	var err error
	if s.listener, err = s.tg.Listen("bot.example.org:80"); err != nil {
		t.Fatal(err)
	}
	cfg := tghook.RunConfig{
		Token: rig.APIToken, URL: "http://bot.example.org/hook", Webhook: tghook.Config{Secret: rig.HookToken},
		Client: tghook.ClientConfig{BaseURL: s.tg.URL, HTTP: s.tg.Client(), Local: true},
	}
	if change != nil {
		change(s, &cfg)
	}
	ctx, stop := context.WithCancelCause(context.Background())
	s.stop = stop
	s.result = &rig.Pending{Done: make(chan struct{})}
	go func() {
		defer close(s.result.Done)
		s.err = tghook.RunOn(ctx, s.listener, h, cfg, s.resolver)
		s.result.Answer = "ended"
	}()
	t.Cleanup(func() {
		stop(nil)
		for _, c := range s.open {
			_ = c.Close()
		}
	})
	return s
}

func (s *standing) dial() *wire { return newWire(s.t, s.connect()) }

func (s *standing) connect() net.Conn {
	conn, err := s.tg.Client().Transport.(*http.Transport).DialContext(s.t.Context(), "tcp", "bot.example.org:80")
	require.NoError(s.t, err)
	s.open = append(s.open, conn)
	return conn
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
	s.result.Wait()
	return time.Since(start)
}

var (
	errTerminated = errors.New("terminated")
	healthCheck   = []byte("GET /healthz HTTP/1.1\r\nHost: bot\r\n\r\n")
)

func update(chat, id int64) []byte { return rawPost(rig.HookToken, []byte(rig.MessageIn(chat, id))) }

func TestRunDrainsAtItsEnd(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		release := make(chan struct{})
		s := stand(t, func(context.Context, *tghook.Update) (tghook.Reply, error) {
			<-release
			return rig.Hello, nil
		}, nil)
		assert.Equal(t, 200, s.answer(healthCheck), "health")
		held := s.begin(update(7, 1))
		s.stop(errTerminated)
		synctest.Wait()
		assert.Equal(t, 503, s.answer(healthCheck), "health at the end")
		assert.Equal(t, 503, s.answer(update(8, 2)), "another update")
		time.Sleep(5 * time.Second)
		assert.Empty(t, s.result.Now(), "ended")
		close(release)
		held.read()
		assert.Truef(t, strings.HasSuffix(held.bytes(), "\r\n\r\n"+rig.HelloBody), "the answer is %q", held.bytes())
		if took := s.ends(); took > time.Second || s.err != nil {
			t.Errorf("Run returned %v, %v after the last answer", s.err, took)
		}
		assert.Empty(t, s.tg.Calls("deleteWebhook"), "webhooks deleted")
	})
}

// What is not done within the grace is answered still, so that Telegram need not
// find out by itself.
func TestRunCancelsWhatOutlastsItsGrace(t *testing.T) {
	for name, c := range map[string]struct{ given, want time.Duration }{"by default": {0, 8 * time.Second}, "as it is told": {time.Minute, time.Minute}} {
		t.Run(name, func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				var cause error
				s := stand(t, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
					<-ctx.Done()
					cause = context.Cause(ctx)
					return tghook.NoReply, cause
				}, func(_ *standing, cfg *tghook.RunConfig) { cfg.Grace, cfg.Webhook.LateAfter = c.given, -1 })
				held := s.begin(update(7, 1))
				status := rig.Eventually(func() string { return http.StatusText(held.read().status) })
				s.stop(errTerminated)
				if took := s.ends(); took < c.want || took > c.want+time.Second || s.err != nil {
					t.Errorf("Run returned %v after %v, want %v", s.err, took, c.want)
				}
				assert.Equal(t, tghook.ErrShutdown, cause, "why the handler ended")
				assert.Equal(t, http.StatusText(http.StatusServiceUnavailable), status.Now(), "the answer")
			})
		})
	}
}

// Telegram opens a connection before it has an update, and net/http would wait
// five seconds for the first request on it.
func TestRunDoesNotWaitForConnectionsWithoutARequest(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		s := stand(t, rig.Nothing, nil)
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
		rig.Bubble(t, func(t *testing.T) {
			s := stand(t, rig.Taking(5*time.Second, rig.Hello, nil), nil)
			held := s.begin(update(7, 1))
			_ = s.listener.Close()
			assert.Equal(t, 200, held.read().status, "the answer")
			s.ends()
			assert.ErrorIs(t, s.err, net.ErrClosed)
		})
	})
	t.Run("while the webhook is set", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			s := stand(t, rig.Nothing, func(_ *standing, cfg *tghook.RunConfig) { cfg.Client.HTTP.Transport = unanswered })
			_ = s.listener.Close()
			s.ends()
			require.ErrorIs(t, s.err, net.ErrClosed)
			rig.KeepsToken(t, s.err)
		})
	})
}

// unanswered is a Bot API that keeps silent.
var unanswered rig.Transport = func(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, context.Cause(r.Context())
}

func TestRunReturnsNilIfItIsEndedWhileTheWebhookIsSet(t *testing.T) {
	for name, api := range map[string]rig.Transport{
		"during the call":   unanswered,
		"between the calls": rig.Answers(429, `{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 30","parameters":{"retry_after":30}}`),
	} {
		t.Run(name, func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				s := stand(t, rig.Nothing, func(_ *standing, cfg *tghook.RunConfig) { cfg.Client.HTTP.Transport = api })
				assert.Equal(t, 200, s.answer(update(7, 1)), "an update meanwhile")
				time.Sleep(time.Second)
				assert.Empty(t, s.result.Now(), "ended")
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
	rig.Bubble(t, func(t *testing.T) {
		s := stand(t, rig.Nothing, nil)
		c := s.begin(update(7, 1))
		assert.Equal(t, 200, c.read().status, "an update")
		time.Sleep(61 * time.Second)
		c.send(update(7, 2))
		assert.Equal(t, 200, c.read().status, "the next")
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
		"a body without a secret": string(rawPost("", []byte(rig.MessageIn(7, 1)))[:200]),
	} {
		t.Run(name, func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				s := stand(t, rig.Nothing, nil)
				c := s.begin([]byte(raw))
				over := rig.Eventually(func() string {
					if !strings.HasPrefix(name, "half a head") {
						c.read()
					}
					c.readEOF()
					return "over"
				})
				if _, took := over.Wait(); took > 11*time.Second {
					t.Errorf("over after %v", took)
				}
			})
		})
	}
}

// logOf has what goes wrong in a buffer.
func logOf(cfg *tghook.RunConfig) *rig.Log {
	logged := new(rig.Log)
	cfg.Webhook.Dispatch.Logger = slog.New(slog.NewTextHandler(logged, nil))
	return logged
}

func TestRunGoesOnServingForItsDrainDelay(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		s := stand(t, rig.Nothing, func(_ *standing, cfg *tghook.RunConfig) { cfg.DrainDelay = 15 * time.Second })
		s.stop(errTerminated)
		synctest.Wait()
		for range 14 {
			assert.Equal(t, 503, s.answer(healthCheck), "health")
			assert.Equal(t, 200, s.answer(update(7, time.Now().Unix())), "an update")
			rig.Pass(time.Second)
		}
		assert.Empty(t, s.result.Now(), "ended")
		if took := s.ends(); took > 2*time.Second || s.err != nil {
			t.Errorf("Run returned %v, %v after the delay", s.err, took)
		}
	})
}

// A server that has failed is not waited for.
func TestRunDoesNotDrainWhereNobodyListens(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		s := stand(t, rig.Nothing, func(_ *standing, cfg *tghook.RunConfig) { cfg.DrainDelay = time.Hour })
		_ = s.listener.Close()
		if took := s.ends(); took > time.Second || !errors.Is(s.err, net.ErrClosed) {
			t.Errorf("Run returned %v after %v", s.err, took)
		}
	})
}

// A poll waits for Telegram for ever, and so does a start by webhook.
func TestRunWaitsForTelegramAtItsStart(t *testing.T) {
	down := map[string]func() (*http.Response, error){
		"no connection": func() (*http.Response, error) { return nil, &net.OpError{Op: "dial", Err: rig.ErrBroken} },
		"no resolver": func() (*http.Response, error) {
			return nil, &net.OpError{Op: "dial", Err: &net.DNSError{IsNotFound: true}}
		},
		"a broken one": func() (*http.Response, error) { return nil, rig.ErrBroken },
		"502":          func() (*http.Response, error) { return rig.APIAnswer(502, "<html>"), nil },
		"500": func() (*http.Response, error) {
			return rig.APIAnswer(500, `{"ok":false,"error_code":500,"description":"restart"}`), nil
		},
		"a portal": func() (*http.Response, error) { return rig.APIAnswer(404, "<html>pay here"), nil },
		"Telegram's own resolver": func() (*http.Response, error) {
			return rig.APIAnswer(400, `{"ok":false,"error_code":400,"description":"Bad Request: bad webhook: Failed to resolve host: Temporary failure in name resolution"}`), nil
		},
		"429": func() (*http.Response, error) {
			return rig.APIAnswer(429, `{"ok":false,"error_code":429,"parameters":{"retry_after":40}}`), nil
		},
	}
	for name, fails := range down {
		t.Run(name, func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				var logged *rig.Log
				start := time.Now()
				s := stand(t, rig.Nothing, func(s *standing, cfg *tghook.RunConfig) {
					logged, cfg.DropPending = logOf(cfg), true
					api := cfg.Client.HTTP.Transport
					cfg.Client.HTTP = &http.Client{Transport: rig.Transport(func(r *http.Request) (*http.Response, error) {
						if time.Since(start) < time.Hour {
							return fails()
						}
						return api.RoundTrip(r)
					})}
				})
				rig.Pass(50 * time.Minute)
				assert.Empty(t, s.result.Now(), "ended")
				assert.Equal(t, 200, s.answer(update(7, 1)), "an update meanwhile")
				if n := strings.Count(logged.String(), "the webhook is not set yet"); n < 5 || n > 70 { // SetWebhook itself waits for 7 minutes while the host does not resolve
					t.Errorf("%d failures are logged", n)
				}
				rig.Pass(15 * time.Minute)
				assert.Len(t, s.tg.Calls("setWebhook"), 1, "webhooks set")
				s.stop(errTerminated)
				s.ends()
				assert.NoError(t, s.err, "Run's error")
			})
		})
	}
}

// What is no failure that passes, or lasts longer than Patience, ends the start.
func TestRunDoesNotWaitForEver(t *testing.T) {
	for name, c := range map[string]struct {
		api      rig.Transport
		patience time.Duration
		within   time.Duration
	}{
		"with Patience": {rig.Answers(502, "<html>"), 10 * time.Minute, 12 * time.Minute},
		"400":           {rig.Answers(400, `{"ok":false,"error_code":400,"description":"Bad Request: bad webhook"}`), 0, 0},
		"401":           {rig.Answers(401, `{"ok":false,"error_code":401,"description":"Unauthorized"}`), 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				s := stand(t, rig.Nothing, func(_ *standing, cfg *tghook.RunConfig) {
					cfg.Client.HTTP.Transport, cfg.Client.Patience = c.api, c.patience
				})
				took := s.ends()
				var refused *tghook.APIError
				if !errors.As(s.err, &refused) || took > c.within {
					t.Errorf("Run returned %v after %v", s.err, took)
				}
			})
		})
	}
}

// The resolver may be down for a while too; only a name that does not exist is a mistake.
func TestRunWaitsForItsResolver(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{}, 100)
	var logged *rig.Log
	s := begin(t, rig.Nothing, func(s *standing, cfg *tghook.RunConfig) {
		logged = logOf(cfg)
		s.resolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
			asked <- struct{}{}
			return nil, rig.ErrBroken
		}}
	})
	rig.Receive(t, "a question", asked)
	rig.Until(t, "the failure is logged", func() bool { return strings.Contains(logged.String(), "does not resolve") })
	s.stop(errTerminated)
	rig.Receive(t, "the end", s.result.Done)
	require.NoError(t, s.err, "Run's error")
	assert.Empty(t, s.tg.Calls("setWebhook"), "webhooks set")
}

// A transport need not look at its ctx.
func TestRunEndsThoughItsTransportDoesNot(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		over := make(chan struct{})
		s := stand(t, rig.Nothing, func(_ *standing, cfg *tghook.RunConfig) {
			cfg.Client.HTTP.Transport = rig.Transport(func(*http.Request) (*http.Response, error) {
				<-over
				return nil, rig.ErrBroken
			})
		})
		s.stop(errTerminated)
		if took := s.ends(); took > time.Second || s.err != nil {
			t.Errorf("Run returned %v after %v", s.err, took)
		}
		close(over)
	})
	t.Run("but ends its goroutine", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			s := stand(t, rig.Nothing, func(_ *standing, cfg *tghook.RunConfig) {
				cfg.Client.HTTP.Transport = rig.Transport(func(*http.Request) (*http.Response, error) { runtime.Goexit(); return nil, nil })
			})
			if s.ends(); s.err == nil {
				t.Error("Run returned nil")
			}
		})
	})
}

// LateAck has promised what a dead letter is to keep, and Run ends all the same.
func TestRunEndsWithinItsGraceAndASecond(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		over := make(chan struct{})
		s := stand(t, func(context.Context, *tghook.Update) (tghook.Reply, error) {
			<-over
			return tghook.NoReply, nil
		}, func(_ *standing, cfg *tghook.RunConfig) { cfg.Webhook.Late = tghook.LateAck })
		assert.Equal(t, 200, s.answer(update(7, 1)), "an update")
		s.stop(errTerminated)
		if took := s.ends(); took < 8*time.Second || took > 9*time.Second || s.err != nil {
			t.Errorf("Run returned %v after %v", s.err, took)
		}
		close(over)
	})
}

// The functions of a tls.Config are the user's, and have ended when Run has.
func TestRunWaitsForTheFunctionsOfItsTLS(t *testing.T) {
	for name, ends := range map[string]bool{"that end with their context": true, "and not for those that do not": false} {
		t.Run(name, func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				running, over := make(chan struct{}), make(chan struct{})
				var ended atomic.Bool
				s := stand(t, rig.Nothing, func(_ *standing, cfg *tghook.RunConfig) {
					cfg.TLS = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(asked *tls.ClientHelloInfo) (*tls.Certificate, error) {
						close(running)
						if ends {
							<-asked.Context().Done()
							time.Sleep(50 * time.Millisecond) // it has something to put away
						} else {
							<-over
						}
						ended.Store(true)
						return nil, rig.ErrBroken
					}}
				})
				conn := tls.Client(s.connect(), &tls.Config{ServerName: "bot.example.org", MinVersion: tls.VersionTLS12})
				go func() { _ = conn.HandshakeContext(context.Background()) }()
				<-running
				s.stop(errTerminated)
				if took := s.ends(); took > time.Second || s.err != nil {
					t.Errorf("Run returned %v after %v", s.err, took)
				}
				assert.Equal(t, ends, ended.Load(), "the function has ended")
				close(over)
				_ = conn.Close()
			})
		})
	}
}

func TestRunWarnsOfASecretAtAnotherPath(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		var logged *rig.Log
		s := stand(t, rig.Nothing, func(_ *standing, cfg *tghook.RunConfig) { logged, cfg.Path = logOf(cfg), "/served/"+rig.APIToken })
		warnings := func() int { return strings.Count(logged.String(), "came to a path where no updates are served") }
		elsewhere := bytes.Replace(update(7, 1), []byte("/hook"), []byte("/bot"+rig.APIToken), 1)
		for range 20 {
			assert.Equal(t, 404, s.answer(elsewhere), "elsewhere")
		}
		assert.Equal(t, 404, s.answer([]byte("GET /other HTTP/1.1\r\nHost: bot\r\n\r\n")), "without a secret")
		assert.Equal(t, 1, warnings(), "warnings")
		if text := logged.String(); rig.Leaks(text) || !strings.Contains(text, "path=/bot<token>") || !strings.Contains(text, "served=/served/<token>") || !strings.Contains(text, "bot=7244100913") {
			t.Error(text)
		}
		rig.Pass(2 * time.Minute)
		assert.Equal(t, 404, s.answer(elsewhere), "elsewhere")
		assert.Equal(t, 2, warnings(), "warnings")
	})
}

func TestRunSaysHowItsPollIsWhereItListens(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		var silent atomic.Bool
		var logged *rig.Log
		s := stand(t, rig.Nothing, func(s *standing, cfg *tghook.RunConfig) {
			cfg.URL, cfg.Poll.Wait, logged = "", 20*time.Second, logOf(cfg)
			api := cfg.Client.HTTP.Transport
			cfg.Client.HTTP = &http.Client{Transport: rig.Transport(func(r *http.Request) (*http.Response, error) {
				if silent.Load() {
					return unanswered(r)
				}
				return api.RoundTrip(r)
			})}
		})
		health := func() string {
			c := s.begin(healthCheck)
			status := c.read().status
			_, body, _ := strings.Cut(c.bytes(), "\r\n\r\n")
			return fmt.Sprint(status, " ", body)
		}
		assert.Equal(t, "200 getUpdates has not been answered yet\n", health(), "at the start")
		rig.Pass(22 * time.Second)
		assert.Equal(t, "200 getUpdates was last answered 2s ago, at 2000-01-01T00:00:20Z\n", health(), "later")
		assert.Equal(t, 404, s.answer(update(7, 1)), "an update by webhook")
		assert.Contains(t, logged.String(), "and the bot polls", logged.String())
		silent.Store(true)
		rig.Pass(80 * time.Second) // of which the running call, until the silence, takes up to 18
		if got := health(); !strings.HasPrefix(got, "200 ") {
			t.Error(got)
		}
		rig.Pass(20 * time.Second)
		if got := health(); !strings.HasPrefix(got, "503 getUpdates was last answered 1m") {
			t.Error(got)
		}
		silent.Store(false)
		rig.Pass(3 * time.Minute)
		if got := health(); !strings.HasPrefix(got, "200 ") {
			t.Error(got)
		}
		s.stop(errTerminated)
		if took := s.ends(); took > time.Second || s.err != nil {
			t.Errorf("Run returned %v after %v", s.err, took)
		}
	})
}

func TestRunIsIllAtTheEndOfItsPoll(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		s := stand(t, rig.Taking(5*time.Second, tghook.NoReply, nil), func(s *standing, cfg *tghook.RunConfig) {
			cfg.URL = ""
			s.tg.User("Ann").Chat().Send("hi")
		})
		assert.Equal(t, 200, s.answer(healthCheck), "health")
		s.stop(errTerminated)
		synctest.Wait()
		assert.Equal(t, 503, s.answer(healthCheck), "health at the end")
		if took := s.ends(); took < 4*time.Second || took > 6*time.Second || s.err != nil {
			t.Errorf("Run returned %v after %v", s.err, took)
		}
	})
}
