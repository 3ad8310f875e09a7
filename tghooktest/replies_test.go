package tghooktest_test

import (
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/tghooktest"
)

// watched is a test that records its errors and logs.
type watched struct {
	testing.TB

	mu       sync.Mutex
	errors   []string
	logs     []string
	cleanups []func()
}

func (w *watched) Errorf(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.errors = append(w.errors, fmt.Sprintf(format, args...))
}

func (w *watched) Logf(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.logs = append(w.logs, fmt.Sprintf(format, args...))
}

func (w *watched) Cleanup(f func()) { w.cleanups = append(w.cleanups, f) }

// end does what package testing does when a test ends.
func (w *watched) end() {
	for _, f := range slices.Backward(w.cleanups) {
		f()
	}
	w.cleanups = nil
}

func (w *watched) told() (errors, logs string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.errors, "\n"), strings.Join(w.logs, "\n")
}

// answers is a webhook that answers every request with one body.
func answers(contentType, body string) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", contentType)
		_, _ = io.WriteString(rw, body)
	})
}

const asJSON = "application/json"

func TestAReplyThatTelegramRefusesFailsTheTest(t *testing.T) {
	t.Parallel()
	for _, x := range []struct{ contentType, body, want string }{
		{asJSON, `{"method":"sendMessage","text":"hi"}`, "sendMessage: 400 Bad Request: chat_id is empty"},
		{asJSON, `{"method":"sendMesage","chat_id":1,"text":"hi"}`, "sendMesage: 404 Not Found: method not found"},
		{asJSON, `{"method":"sendMessage","ChatID":1,"Text":"hi"}`, "sendMessage: 400 Bad Request: message text is empty"},
		{asJSON, `{"method":"sendMessage","chat_id":1}`, "sendMessage: 400 Bad Request: message text is empty"},
		{asJSON, `{"Method":"sendMessage","ChatID":1}`, "Telegram reads the method's name from the field method, not from Method"},
		{asJSON, `{"method":"getMe"}`, "Telegram does not execute getMe as a webhook reply; call it by a request to the Bot API"},
		{asJSON, `{"method":"sendMessage","chat_id":1,"text":"hi"`, "the JSON is malformed; Telegram reads the part before the mistake"},
		{asJSON, `[{"method":"sendMessage","chat_id":1,"text":"hi"}]`, "Telegram executes one JSON object only, and this is not one"},
		{"text/plain", `{"method":"sendMessage","chat_id":1,"text":"hi"}`, `Telegram does not execute a reply with the Content-Type "text/plain"; send application/json`},
		{asJSON, `{"method":"sendMessage","chat_id":1,"text":"hi"}`, ""},
		{asJSON, `{}`, ""},
		{"text/plain", `ok`, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			tb := &watched{TB: t}
			s := tghooktest.NewServer(tb, tghooktest.ServerConfig{InMemory: true})
			s.Webhook(tb, answers(x.contentType, x.body), tghook.WebhookRequest{})
			id := deliver(t, s, message("hi"))
			s.WaitDelivered(t)
			told, _ := tb.told() // at once, and not at the end of the test
			all := s.RefusedReplies()
			tb.end()
			if x.want == "" {
				assert.Equal(t, "[]", told+fmt.Sprint(all), "of "+x.body)
				return
			}
			want := fmt.Sprintf("update %d: %s; the response is %#q", id, x.want, x.body)
			assert.Contains(t, told, want)
			require.Len(t, tb.errors, 1, told)
			assert.Contains(t, told, "AllowRefusedReplies")
			require.Len(t, all, 1)
			assert.Equal(t, want, all[0].String())
			assert.False(t, all[0].At.IsZero())
		})
	}
}

func TestRefusedRepliesCanBeExpected(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{AllowRefusedReplies: true}, func(t *testing.T, s *tghooktest.Server) {
		s.Webhook(t, answers(asJSON, `{"method":"sendMessage","text":"`+strings.Repeat("x", 1000)+`"}`), tghook.WebhookRequest{})
		for range 1001 {
			deliver(t, s, message("hi"))
		}
		last := deliver(t, s, message("hi"))
		s.WaitDelivered(t)
		all := s.RefusedReplies()
		assert.Len(t, all, 1000, "kept")
		assert.Equal(t, last, all[999].UpdateID, "the newest")
		assert.Len(t, all[0].Body, 300, "the excerpt")
	})
}

func TestWithoutATestRefusedRepliesAreKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, err := tghooktest.Start(tghooktest.ServerConfig{InMemory: true})
		require.NoError(t, err)
		defer s.Close()
		s.Webhook(t, answers(asJSON, `{"method":"sendMessage"}`), tghook.WebhookRequest{})
		deliver(t, s, message("hi"))
		s.WaitDelivered(t)
		assert.Len(t, s.RefusedReplies(), 1, "refused")
	})
}

func TestWhatTheTestHasAskedForIsNotReported(t *testing.T) {
	t.Parallel()
	// Deleting a message twice is refused. For a user who has blocked the bot, everything
	// is refused.
	const reply = `{"method":"%s","chat_id":"%d","message_id":1,"text":"hi"}`
	for name, arrange := range map[string]func(s *tghooktest.Server, zoe *tghooktest.User){
		"FailCalls": func(s *tghooktest.Server, _ *tghooktest.User) { s.FailCalls(9, tghooktest.CallError{Code: 500}) },
		"OnCall": func(s *tghooktest.Server, _ *tghooktest.User) {
			s.OnCall(func(tghooktest.Call) tghooktest.CallFault {
				return tghooktest.CallFault{Delay: time.Second, Err: &tghooktest.CallError{Code: 400}}
			})
		},
		"Block": func(_ *tghooktest.Server, zoe *tghooktest.User) { zoe.Block() },
		"Again": func(s *tghooktest.Server, _ *tghooktest.User) {
			s.OnDelivery(func(d tghooktest.Delivery) tghooktest.DeliveryFault {
				return tghooktest.DeliveryFault{Again: d.Attempt == 1}
			})
		},
		"AgainAtOnce": func(s *tghooktest.Server, _ *tghooktest.User) {
			s.OnDelivery(func(tghooktest.Delivery) tghooktest.DeliveryFault {
				return tghooktest.DeliveryFault{AgainAtOnce: true}
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
				zoe, method := s.User("Zoë"), "deleteMessage"
				if name == "Block" {
					method = "sendMessage"
				}
				zoe.Chat().Send("hi")
				arrange(s, zoe)
				s.Webhook(t, answers(asJSON, fmt.Sprintf(reply, method, zoe.ID)), tghook.WebhookRequest{})
				s.WaitDelivered(t)
				later()
				assert.Empty(t, s.RefusedReplies(), "refused")
				assert.NotEmpty(t, s.Calls(method), "the reply was not executed")
			})
		})
	}
}

// A delayed reply can be refused after the end of the test, when no goroutine may use the
// test.
func TestNothingIsToldWhenTheTestIsOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tb := &watched{TB: t}
		s := tghooktest.NewServer(tb, tghooktest.ServerConfig{InMemory: true, Patience: time.Second})
		s.Webhook(tb, answers(asJSON, `{"method":"sendMessage"}`), tghook.WebhookRequest{})
		s.OnCall(func(tghooktest.Call) tghooktest.CallFault {
			time.Sleep(time.Minute)
			return tghooktest.CallFault{}
		})
		deliver(t, s, message("hi"))
		time.Sleep(time.Second)
		tb.end()
		told, _ := tb.told()
		assert.Contains(t, told, "OnCall, OnDelivery or ServerConfig.Observe has not returned")
		time.Sleep(time.Hour)
		after, _ := tb.told()
		assert.Empty(t, strings.TrimPrefix(after, told), "told after the end")
		assert.Len(t, s.RefusedReplies(), 1, "refused")
	})
}

// The text that Expect waits for may be in a reply that Telegram ignored.
func TestExpectTellsOfRepliesThatWereOverlooked(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{AllowRefusedReplies: true}, func(t *testing.T, s *tghooktest.Server) {
		s.Webhook(t, answers("text/plain", `{"method":"sendMessage"}`), tghook.WebhookRequest{})
		chat := s.User("Zoë").Chat()
		chat.Send("hi")
		failed := failure(t, func(tb testing.TB) { chat.Expect(tb, "hello") })
		assert.Contains(t, failed, "webhook replies that Telegram ignored:\n\t\tupdate ")
		assert.Contains(t, failed, `Content-Type "text/plain"`)
	})
}

// The Server ends with the test, whatever the bot's handler does.
func TestAHandlerCannotKeepTheServerFromEnding(t *testing.T) {
	t.Parallel()
	for name, handler := range map[string]http.HandlerFunc{
		"panics":    func(http.ResponseWriter, *http.Request) { panic("oops") },
		"exits":     func(http.ResponseWriter, *http.Request) { runtime.Goexit() },
		"waits":     func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"is slow":   func(http.ResponseWriter, *http.Request) { time.Sleep(time.Minute) },
		"hijacks":   hijack,
		"is absent": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				tb := &watched{TB: t}
				s := tghooktest.NewServer(tb, tghooktest.ServerConfig{InMemory: true})
				if handler == nil {
					s.Webhook(tb, nil, tghook.WebhookRequest{})
				} else {
					s.Webhook(tb, handler, tghook.WebhookRequest{})
				}
				for chat := range 10 {
					deliver(t, s, fmt.Appendf(nil, `{"message":{"message_id":1,"date":1,"chat":{"id":%d,"type":"private"},"text":"hi"}}`, chat+1))
				}
				time.Sleep(time.Second)
				begin := time.Now()
				tb.end()
				assert.LessOrEqual(t, time.Since(begin), 21*time.Second)
				told, logs := tb.told()
				if slow := name == "is slow"; (told != "") != slow || slow && !strings.Contains(told, "handler has not returned within 10s") {
					t.Errorf("the test was told %q", told)
				}
				if strings.Contains(logs, "oops") != (name == "panics") {
					t.Errorf("the log is %q", logs)
				}
				time.Sleep(time.Hour) // the bubble would not end if a goroutine still ran
			})
		})
	}
}

// hijack takes the connection and never closes it.
func hijack(rw http.ResponseWriter, _ *http.Request) {
	rw.(http.Hijacker).Hijack()
}

// t.Fatal in a function that the Server calls ends one of the Server's goroutines.
func TestAFunctionOfTheTestCannotKeepTheServerFromEnding(t *testing.T) {
	t.Parallel()
	for name, arrange := range map[string]func(cfg *tghooktest.ServerConfig, f func()) func(*tghooktest.Server){
		"Observe": func(cfg *tghooktest.ServerConfig, f func()) func(*tghooktest.Server) {
			cfg.Observe = func(tghooktest.Delivery) { f() }
			return func(*tghooktest.Server) {}
		},
		"OnDelivery": func(_ *tghooktest.ServerConfig, f func()) func(*tghooktest.Server) {
			return func(s *tghooktest.Server) {
				s.OnDelivery(func(tghooktest.Delivery) tghooktest.DeliveryFault { f(); return tghooktest.DeliveryFault{} })
			}
		},
		"OnCall": func(_ *tghooktest.ServerConfig, f func()) func(*tghooktest.Server) {
			return func(s *tghooktest.Server) {
				s.OnCall(func(tghooktest.Call) tghooktest.CallFault { f(); return tghooktest.CallFault{} })
			}
		},
	} {
		for what, f := range map[string]func(){"exits": runtime.Goexit, "is slow": func() { time.Sleep(10 * time.Minute) }} {
			t.Run(name+" "+what, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					tb, cfg := &watched{TB: t}, tghooktest.ServerConfig{InMemory: true}
					prepare := arrange(&cfg, f)
					s := tghooktest.NewServer(tb, cfg)
					prepare(s)
					s.Webhook(tb, answers(asJSON, `{"method":"sendMessage","chat_id":1,"text":"hi"}`), tghook.WebhookRequest{})
					deliver(t, s, message("hi"))
					called := make(chan struct{})
					go func() { defer close(called); _ = s.Bot(t).Call(t.Context(), "getMe", nil, nil) }()
					time.Sleep(time.Second)
					begin := time.Now()
					tb.end()
					assert.LessOrEqual(t, time.Since(begin), 31*time.Second)
					told, _ := tb.told()
					if (told != "") != (what == "is slow") {
						t.Errorf("the test was told %q", told)
					}
					<-called
					time.Sleep(time.Hour)
				})
			})
		}
	}
}

func TestAPanicOfOnCallIsLogged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tb := &watched{TB: t}
		s := tghooktest.NewServer(tb, tghooktest.ServerConfig{InMemory: true})
		s.OnCall(func(tghooktest.Call) tghooktest.CallFault { panic("oops") })
		assert.True(t, strings.HasSuffix(ask(t, s, "getMe"), "EOF"))
		tb.end()
		if _, logs := tb.told(); !strings.Contains(logs, "oops") || strings.Contains(logs, s.Token) {
			t.Errorf("the log is %q", logs)
		}
	})
}
