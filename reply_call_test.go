package tghook_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tghook/tghook"
)

// callerFunc is a Caller.
type callerFunc func(ctx context.Context, method string, params any) error

func (f callerFunc) Call(ctx context.Context, method string, params, _ any) error {
	return f(ctx, method, params)
}

// replyingBy is a rig whose handler gives a reply that goes by Caller.
func replyingBy(t *testing.T, caller tghook.Caller, reply tghook.Reply) *rig {
	t.Helper()
	return newRig(t, tghook.Config{Dispatch: tghook.DispatchConfig{Caller: caller}}, taking(0, reply, nil))
}

// pressedReply is the answer to a button press.
var pressedReply = tghook.Reply{Method: "answerCallbackQuery", Params: map[string]any{"callback_query_id": "5"}}

func TestAReplyByCallerIsTriedAgainWhileThatMakesSense(t *testing.T) {
	flood := func(after time.Duration) error {
		return fmt.Errorf("call: %w", &tghook.APIError{Method: "sendMessage", Code: 429, Description: "Too Many Requests", RetryAfter: after})
	}
	refused := func(code int) error {
		return &tghook.APIError{Method: "sendMessage", Code: code, Description: http.StatusText(code)}
	}
	cyclic := &oddError{}
	cyclic.unwrap = func() []error { return []error{cyclic} }
	action := tghook.Reply{Method: "sendChatAction", Params: map[string]any{"chat_id": 7, "action": "typing"}}
	const (
		ok   = "replied"
		lost = "reply_lost"
	)
	returns := func(errs ...error) func(context.Context, int) error {
		return func(_ context.Context, n int) error {
			if n < len(errs) {
				return errs[n]
			}
			return nil
		}
	}
	always := func(err error) func(context.Context, int) error {
		return func(context.Context, int) error { return err }
	}
	for _, tt := range []struct {
		name  string
		reply tghook.Reply
		does  func(ctx context.Context, n int) error // the nth call
		want  string
		calls int // at least
		least time.Duration
		most  time.Duration
	}{
		{"a flood", hello, returns(flood(30 * time.Second)), ok, 2, 30 * time.Second, 30 * time.Second},
		{"two floods", hello, returns(flood(time.Minute), flood(50*time.Second)), ok, 3, 110 * time.Second, 110 * time.Second},
		{"a flood without a time", hello, returns(flood(0)), ok, 2, 750 * time.Millisecond, 1250 * time.Millisecond},
		{"a flood for too long", hello, returns(flood(2 * time.Minute)), lost, 1, 0, 0},
		{"a flood that does not end", hello, always(flood(30 * time.Second)), lost, 4, 90 * time.Second, 90 * time.Second},
		{"a press and a flood", pressedReply, returns(flood(14 * time.Second)), ok, 2, 14 * time.Second, 14 * time.Second},
		{"a press and a flood for too long", pressedReply, returns(flood(15 * time.Second)), lost, 1, 0, 0},
		{"an action and a flood", action, returns(flood(5 * time.Second)), lost, 1, 0, 0},
		{"500", hello, returns(refused(500)), ok, 2, 750 * time.Millisecond, 1250 * time.Millisecond},
		{"502 and 503", hello, returns(refused(502), refused(503)), ok, 3, 2250 * time.Millisecond, 3750 * time.Millisecond},
		{"504 that does not end", hello, always(refused(504)), lost, 7, 45 * time.Second, 2 * time.Minute},
		{"no connection", hello, returns(&url.Error{Op: "Post", Err: &net.OpError{Op: "dial", Err: errBroken}}), ok, 2, 0, 2 * time.Second},
		{"a connection reset", hello, returns(fmt.Errorf("x: %w", &net.OpError{Op: "read", Err: errBroken})), ok, 2, 0, 2 * time.Second},
		{"an answer that broke off", hello, returns(io.ErrUnexpectedEOF), ok, 2, 0, 2 * time.Second},
		{"the Caller's own deadline", hello, returns(context.DeadlineExceeded), ok, 2, 0, 2 * time.Second},
		{"400", hello, always(refused(400)), lost, 1, 0, 0},
		{"401", hello, always(refused(401)), lost, 1, 0, 0},
		{"403", hello, always(refused(403)), lost, 1, 0, 0},
		{"404", hello, always(refused(404)), lost, 1, 0, 0},
		{"another error", hello, always(errBroken), lost, 1, 0, 0},
		{"cannot be sent", hello, always(&tghook.ReplyError{Method: "sendMessage", Err: io.EOF}), lost, 1, 0, 0},
		{"a panic", hello, func(context.Context, int) error { panic(io.EOF) }, lost, 1, 0, 0},
		{"Goexit", hello, func(context.Context, int) error { runtime.Goexit(); return nil }, lost, 1, 0, 0},
		{"a nil pointer", hello, always((*nilError)(nil)), lost, 1, 0, 0},
		{"a cycle", hello, always(cyclic), lost, 1, 0, 0},
		{"an error that takes a minute", hello, always(&oddError{text: func() string { time.Sleep(time.Minute); return "" }}), lost, 1, 5 * time.Second, 5 * time.Second},
		{"hangs until its ctx ends", hello, func(ctx context.Context, _ int) error { <-ctx.Done(); return ctx.Err() }, lost, 4, 2 * time.Minute, 2 * time.Minute},
		{"hangs once", hello, func(ctx context.Context, n int) error {
			if n > 0 {
				return nil
			}
			<-ctx.Done()
			return ctx.Err()
		}, ok, 2, 30 * time.Second, 32 * time.Second},
		{"hangs for an hour", hello, func(context.Context, int) error { time.Sleep(time.Hour); return nil }, lost, 1, 40 * time.Second, 40 * time.Second},
		{"hangs at a press", pressedReply, func(context.Context, int) error { time.Sleep(time.Hour); return nil }, lost, 1, 25 * time.Second, 25 * time.Second},
		{"ends ten seconds after its ctx", hello, func(context.Context, int) error { time.Sleep(39 * time.Second); return nil }, ok, 1, 39 * time.Second, 39 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				api := &apiCalls{}
				n := 0
				api.do = func(ctx context.Context, _ string) error { n++; return tt.does(ctx, n-1) }
				r := replyingBy(t, api, tt.reply)
				start := time.Now()
				same(t, "acknowledged", r.Deliver(t.Context(), parsed(t, messageIn(7, 1))), nil)
				took := time.Since(start)
				same(t, "outcomes", r.outcomes(), tt.want+"/1/0")
				if took < tt.least || took > tt.most {
					t.Errorf("it took %v, want %v to %v", took, tt.least, tt.most)
				}
				calls := api.all()
				if len(calls) < tt.calls || len(calls) > tt.calls+1 || tt.most == tt.least && len(calls) != tt.calls {
					t.Errorf("%d calls, want %d", len(calls), tt.calls)
				}
				same(t, "different calls", len(slices.Compact(calls)), 1)
				if err := r.last().Err; tt.want == lost && (err == nil || !strings.Contains(err.Error(), tt.reply.Method)) {
					t.Errorf("%v does not name %s", err, tt.reply.Method)
				}
				r.did(1, 0, len(api.calls))
				r.clean(r.Stats())
			})
		})
	}
}

// The next update of the chat waits until the reply has gone, that of another does not.
func TestAReplyThatIsTriedAgainHoldsItsLaneAlone(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		var mu sync.Mutex
		var sent []string
		failed := false
		caller := callerFunc(func(ctx context.Context, _ string, _ any) error {
			u, _ := tghook.FromContext(ctx)
			mu.Lock()
			defer mu.Unlock()
			if u.ID == 1 && !failed {
				failed = true
				return &tghook.APIError{Code: 429, RetryAfter: 30 * time.Second}
			}
			sent = append(sent, strconv.FormatInt(u.ID, 10))
			return nil
		})
		r := replyingBy(t, caller, hello)
		deliver := func(body string) *pending {
			return eventually(func() string { return fmt.Sprint(r.Deliver(t.Context(), parsed(t, body))) })
		}
		first, second, other := deliver(messageIn(7, 1)), deliver(messageIn(7, 2)), deliver(messageIn(8, 3))
		same(t, "another chat", other.now(), "<nil>")
		for _, p := range []*pending{first, second} {
			got, took := p.wait()
			same(t, "acknowledged", got, "<nil>")
			same(t, "took", took, 30*time.Second)
		}
		same(t, "sent", strings.Join(sent, " "), "3 1 2")
	})
}

func TestAReplyFollowsItsGroupOnce(t *testing.T) {
	const migrated = `{"ok":false,"error_code":400,"description":"Bad Request: group chat was upgraded to a supergroup chat","parameters":{"migrate_to_chat_id":-100999}}`
	photo := func() tghook.File { return tghook.File{Name: "a.png", Body: strings.NewReader("the photo")} }
	type params = map[string]any
	for _, tt := range []struct {
		name   string
		reply  tghook.Reply
		times  int // it is refused
		want   string
		calls  int
		second string // what the second call has
	}{
		{"a message", tghook.Reply{Method: "sendMessage", Params: params{"chat_id": -5, "text": "-5 <&>"}}, 1, "replied", 2, `"chat_id":-100999`},
		{"an id in quotes", tghook.Reply{Method: "sendMessage", Params: params{"chat_id": "-5", "text": "-5 <&>"}}, 1, "replied", 2, `"chat_id":-100999`},
		{"a photo", tghook.Reply{Method: "sendPhoto", Params: params{"chat_id": -5}}, 1, "replied", 2, "\"chat_id\"\r\n\r\n-100999\r\n"},
		{"twice", tghook.Reply{Method: "sendMessage", Params: params{"chat_id": -5, "text": "-5"}}, 2, "reply_lost", 2, `"chat_id":-100999`},
		{"another chat than a group", tghook.Reply{Method: "sendMessage", Params: params{"chat_id": -100123456789012, "text": "-5"}}, 1, "reply_lost", 1, ""},
		{"a person", tghook.Reply{Method: "sendMessage", Params: params{"chat_id": 5, "text": "-5"}}, 1, "reply_lost", 1, ""},
		{"a name", tghook.Reply{Method: "sendMessage", Params: params{"chat_id": "@channel", "text": "-5"}}, 1, "reply_lost", 1, ""},
		{"no chat", tghook.Reply{Method: "sendMessage", Params: params{"text": "-5"}}, 1, "reply_lost", 1, ""},
		{"a group to copy from", tghook.Reply{Method: "copyMessage", Params: params{"chat_id": -5, "from_chat_id": -6, "message_id": 1}}, 1, "reply_lost", 1, ""},
		{"a channel to copy from", tghook.Reply{Method: "copyMessage", Params: params{"chat_id": -5, "from_chat_id": -1001999888777, "message_id": 1}}, 1, "replied", 2, `"chat_id":-100999`},
	} {
		for _, by := range []string{"Client", "another Caller"} {
			t.Run(tt.name+" by "+by, func(t *testing.T) {
				inBubble(t, func(t *testing.T) {
					api := &wireAPI{}
					api.do = func(*http.Request) (*http.Response, error) {
						if len(api.all()) <= tt.times {
							return apiAnswer(400, migrated), nil
						}
						return apiAnswer(200, apiOK), nil
					}
					client := newClient(t, tghook.ClientConfig{HTTP: &http.Client{Transport: api}})
					var caller tghook.Caller = client
					if by != "Client" {
						caller = callerFunc(func(ctx context.Context, method string, params any) error {
							return client.Call(ctx, method, params, nil)
						})
					}
					reply := tghook.Reply{Method: tt.reply.Method, Params: maps.Clone(tt.reply.Params.(params))}
					if reply.Method == "sendPhoto" {
						reply.Params.(params)["photo"] = photo()
					}
					r := replyingBy(t, caller, reply)
					same(t, "acknowledged", r.Deliver(t.Context(), parsed(t, messageIn(7, 1))), nil)
					same(t, "outcomes", r.outcomes(), tt.want+"/1/0")
					calls := api.all()
					if len(calls) != tt.calls || tt.calls == 2 && !strings.Contains(calls[1], tt.second) {
						t.Fatalf("calls %q, want %d, with %s in the second", calls, tt.calls, tt.second)
					}
					if reply.Method == "sendPhoto" && !strings.Contains(calls[1], "the photo") {
						t.Errorf("the photo is not in %q", calls[1])
					}
					if text, _ := tt.reply.Params.(params)["text"].(string); tt.calls == 2 && text != "" && !strings.Contains(calls[1], `"text":"-5`) {
						t.Errorf("%q has lost its text", calls[1])
					}
				})
			})
		}
	}
}

// Telegram's words are reported, at the level that they deserve.
func TestAReplyThatIsGivenUpIsReportedInTelegramsWords(t *testing.T) {
	for name, blocked := range map[string]bool{"a user who has blocked the bot": true, "a chat that is not there": false} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				tg := newTelegram(t)
				zoe := tg.User("Zoe")
				chat := zoe.Chat()
				chat.Send("/start")
				chatID, level, words := int64(404), slog.LevelError, "400 Bad Request: chat not found"
				if blocked {
					zoe.Block()
					chatID, level, words = chat.ID, slog.LevelWarn, "403 Forbidden: bot was blocked by the user"
				}
				var logged bytes.Buffer
				r := newRig(t, tghook.Config{Dispatch: tghook.DispatchConfig{
					Caller: tg.client(t, tghook.ClientConfig{}), Logger: slog.New(slog.NewTextHandler(&logged, nil)),
				}}, taking(0, tghook.Reply{Method: "sendMessage", Params: map[string]any{"chat_id": chatID, "text": "hi"}}, nil))
				same(t, "acknowledged", r.Deliver(t.Context(), parsed(t, messageIn(7, 1))), nil)
				same(t, "outcomes", r.outcomes(), "reply_lost/1/0")
				var refused *tghook.APIError
				same(t, "an APIError", errors.As(r.last().Err, &refused), true)
				same(t, "error", r.last().Err.Error(), "tghook: reply sendMessage by Caller: tghook: sendMessage: "+words)
				for _, want := range []string{"level=" + level.String(), "outcome=reply_lost", "sendMessage", words} {
					if !strings.Contains(logged.String(), want) {
						t.Errorf("the log has no %s: %s", want, &logged)
					}
				}
			})
		})
	}
}

// The reply reaches the user when Telegram has calmed down, and once.
func TestAReplyOutlivesAFloodAtTelegram(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		tg := newTelegram(t)
		chat := tg.User("Zoe").Chat()
		chat.Send("/start")
		n := 0
		tg.instead = func(string, int) *http.Response {
			if n++; n <= 2 {
				return apiAnswer(429, `{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 20","parameters":{"retry_after":20}}`)
			}
			return nil
		}
		client := tg.client(t, tghook.ClientConfig{Patience: 2 * time.Minute}) // which counts for nothing here
		r := replyingBy(t, client, tghook.Reply{Method: "sendMessage", Params: map[string]any{"chat_id": chat.ID, "text": "hello at last"}})
		start := time.Now()
		same(t, "acknowledged", r.Deliver(t.Context(), parsed(t, messageIn(7, 1))), nil)
		same(t, "took", time.Since(start), 40*time.Second)
		same(t, "calls", n, 3)
		chat.Expect(t, "hello at last")
		same(t, "sent", len(tg.Calls("sendMessage")), 1)
	})
}

// A Client's own Patience does not multiply the calls.
func TestPatienceDoesNotMultiplyTheCallsOfAReply(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		api := &wireAPI{do: func(*http.Request) (*http.Response, error) {
			return apiAnswer(429, `{"ok":false,"error_code":429,"description":"Too Many Requests","parameters":{"retry_after":5}}`), nil
		}}
		client := newClient(t, tghook.ClientConfig{HTTP: &http.Client{Transport: api}, Patience: time.Hour})
		r := replyingBy(t, client, hello)
		start := time.Now()
		same(t, "acknowledged", r.Deliver(t.Context(), parsed(t, messageIn(7, 1))), nil)
		same(t, "took", time.Since(start), 115*time.Second)
		same(t, "calls", len(api.all()), 24)
		same(t, "error", r.last().Err.Error(), "tghook: reply sendMessage by Caller, given up after 24 calls: tghook: sendMessage: 429 Too Many Requests")
	})
}

func TestAReplyThatWaitsEndsWithTheDispatcher(t *testing.T) {
	for name, do := range map[string]func(context.Context, string) error{
		"between two calls": func(context.Context, string) error {
			return &tghook.APIError{Method: "sendMessage", Code: 429, Description: "Too Many Requests", RetryAfter: time.Minute}
		},
		"in a call": func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				r := replyingBy(t, &apiCalls{do: do}, hello)
				p := eventually(func() string { return fmt.Sprint(r.Deliver(t.Context(), parsed(t, messageIn(7, 1)))) })
				ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
				defer cancel()
				start := time.Now()
				_ = r.Shutdown(ctx)
				same(t, "Shutdown took", time.Since(start) < 10*time.Second, true)
				_, took := p.wait()
				same(t, "took", took, 3*time.Second)
				same(t, "outcomes", r.outcomes(), "reply_lost/1/0")
				if err := r.last().Err; !errors.Is(err, tghook.ErrShutdown) {
					t.Errorf("%v does not say that the dispatcher stops", err)
				}
			})
		})
	}
}

// A call that a ReplyTransport held back is tried again likewise.
func TestAHeldCallIsTriedAgain(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		api := &wireAPI{}
		api.do = func(*http.Request) (*http.Response, error) {
			if len(api.all()) == 1 {
				return apiAnswer(429, `{"ok":false,"error_code":429,"description":"Too Many Requests","parameters":{"retry_after":6}}`), nil
			}
			return apiAnswer(200, apiOK), nil
		}
		lib := newLibrary(t, &tghook.ReplyTransport{}, api)
		r := newRig(t, hookConfig(), calling(t, lib, nil, pressed, deleted))
		p := r.send(messageIn(7, 1))
		got, took := p.wait()
		same(t, "answer", got, deletedAnswer)
		same(t, "took", took, 6*time.Second)
		same(t, "calls", api.all(), []string{pressedCall, pressedCall})
		same(t, "outcomes", r.outcomes(), "replied/1/200/rode")
	})
}

// So is a reply that waited for a redelivery in vain.
func TestAReplyThatNothingHasCarriedIsTriedAgain(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		api := &apiCalls{}
		api.do = func(context.Context, string) error {
			if len(api.all()) == 1 {
				return &tghook.APIError{Method: "sendMessage", Code: 429, RetryAfter: 100 * time.Second}
			}
			return nil
		}
		r := newRig(t, tghook.Config{Dispatch: tghook.DispatchConfig{Caller: api}}, taking(9*time.Second, hello, nil))
		same(t, "late", r.post(messageIn(7, 1)), "503 after 2")
		pass(time.Second + 10*time.Second + 99*time.Second)
		same(t, "outcomes", r.outcomes(), "late/1/503/late")
		pass(2 * time.Second)
		same(t, "outcomes", r.outcomes(), "late/1/503/late replied/1/0/late")
		same(t, "calls", api.all(), []string{helloCall, helloCall})
	})
}
