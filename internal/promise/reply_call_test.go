package promise_test

import (
	"bytes"
	"context"
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

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/rig"
)

// replyingBy is a rig whose handler gives a reply that goes by Caller.
func replyingBy(t *testing.T, caller tghook.Caller, reply tghook.Reply) *rig.Bot {
	t.Helper()
	return rig.NewBot(t, tghook.Config{Dispatch: tghook.DispatchConfig{Caller: caller}}, rig.Taking(0, reply, nil))
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
	cyclic := &rig.OddError{}
	cyclic.Wrapped = func() []error { return []error{cyclic} }
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
		{"a flood", rig.Hello, returns(flood(30 * time.Second)), ok, 2, 30 * time.Second, 30 * time.Second},
		{"two floods", rig.Hello, returns(flood(time.Minute), flood(50*time.Second)), ok, 3, 110 * time.Second, 110 * time.Second},
		{"a flood without a time", rig.Hello, returns(flood(0)), ok, 2, 750 * time.Millisecond, 1250 * time.Millisecond},
		{"a flood for too long", rig.Hello, returns(flood(2 * time.Minute)), lost, 1, 0, 0},
		{"a flood that does not end", rig.Hello, always(flood(30 * time.Second)), lost, 4, 90 * time.Second, 90 * time.Second},
		{"a press and a flood", pressedReply, returns(flood(14 * time.Second)), ok, 2, 14 * time.Second, 14 * time.Second},
		{"a press and a flood for too long", pressedReply, returns(flood(15 * time.Second)), lost, 1, 0, 0},
		{"an action and a flood", action, returns(flood(5 * time.Second)), lost, 1, 0, 0},
		{"500", rig.Hello, returns(refused(500)), ok, 2, 750 * time.Millisecond, 1250 * time.Millisecond},
		{"502 and 503", rig.Hello, returns(refused(502), refused(503)), ok, 3, 2250 * time.Millisecond, 3750 * time.Millisecond},
		{"504 that does not end", rig.Hello, always(refused(504)), lost, 7, 45 * time.Second, 2 * time.Minute},
		{"no connection", rig.Hello, returns(&url.Error{Op: "Post", Err: &net.OpError{Op: "dial", Err: rig.ErrBroken}}), ok, 2, 0, 2 * time.Second},
		{"a connection reset", rig.Hello, returns(fmt.Errorf("x: %w", &net.OpError{Op: "read", Err: rig.ErrBroken})), ok, 2, 0, 2 * time.Second},
		{"an answer that broke off", rig.Hello, returns(io.ErrUnexpectedEOF), ok, 2, 0, 2 * time.Second},
		{"the Caller's own deadline", rig.Hello, returns(context.DeadlineExceeded), ok, 2, 0, 2 * time.Second},
		{"400", rig.Hello, always(refused(400)), lost, 1, 0, 0},
		{"401", rig.Hello, always(refused(401)), lost, 1, 0, 0},
		{"403", rig.Hello, always(refused(403)), lost, 1, 0, 0},
		{"404", rig.Hello, always(refused(404)), lost, 1, 0, 0},
		{"another error", rig.Hello, always(rig.ErrBroken), lost, 1, 0, 0},
		{"cannot be sent", rig.Hello, always(&tghook.ReplyError{Method: "sendMessage", Err: io.EOF}), lost, 1, 0, 0},
		{"a panic", rig.Hello, func(context.Context, int) error { panic(io.EOF) }, lost, 1, 0, 0},
		{"Goexit", rig.Hello, func(context.Context, int) error { runtime.Goexit(); return nil }, lost, 1, 0, 0},
		{"a nil pointer", rig.Hello, always((*rig.NilError)(nil)), lost, 1, 0, 0},
		{"a cycle", rig.Hello, always(cyclic), lost, 1, 0, 0},
		{"an error that takes a minute", rig.Hello, always(&rig.OddError{Text: func() string { time.Sleep(time.Minute); return "" }}), lost, 1, 5 * time.Second, 5 * time.Second},
		{"hangs until its ctx ends", rig.Hello, func(ctx context.Context, _ int) error { <-ctx.Done(); return ctx.Err() }, lost, 4, 2 * time.Minute, 2 * time.Minute},
		{"hangs once", rig.Hello, func(ctx context.Context, n int) error {
			if n > 0 {
				return nil
			}
			<-ctx.Done()
			return ctx.Err()
		}, ok, 2, 30 * time.Second, 32 * time.Second},
		{"hangs for an hour", rig.Hello, func(context.Context, int) error { time.Sleep(time.Hour); return nil }, lost, 1, 40 * time.Second, 40 * time.Second},
		{"hangs at a press", pressedReply, func(context.Context, int) error { time.Sleep(time.Hour); return nil }, lost, 1, 25 * time.Second, 25 * time.Second},
		{"ends ten seconds after its ctx", rig.Hello, func(context.Context, int) error { time.Sleep(39 * time.Second); return nil }, ok, 1, 39 * time.Second, 39 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				api := &rig.Caller{}
				n := 0
				api.Do = func(ctx context.Context, _ string) error { n++; return tt.does(ctx, n-1) }
				r := replyingBy(t, api, tt.reply)
				start := time.Now()
				require.NoError(t, r.Deliver(t.Context(), rig.Parsed(t, rig.MessageIn(7, 1))), "acknowledged")
				took := time.Since(start)
				assert.Equal(t, tt.want+"/1/0", r.Outcomes(), "outcomes")
				if took < tt.least || took > tt.most {
					t.Errorf("it took %v, want %v to %v", took, tt.least, tt.most)
				}
				calls := api.All()
				if len(calls) < tt.calls || len(calls) > tt.calls+1 || tt.most == tt.least && len(calls) != tt.calls {
					t.Errorf("%d calls, want %d", len(calls), tt.calls)
				}
				assert.Len(t, slices.Compact(calls), 1, "different calls")
				if err := r.Last().Err; tt.want == lost && (err == nil || !strings.Contains(err.Error(), tt.reply.Method)) {
					t.Errorf("%v does not name %s", err, tt.reply.Method)
				}
				r.Did(rig.Counts{Runs: 1, Calls: len(api.Calls)})
				r.Clean(r.Stats())
			})
		})
	}
}

// The next update of the chat waits until the reply has gone, that of another does not.
func TestAReplyThatIsTriedAgainHoldsItsLaneAlone(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		var mu sync.Mutex
		var sent []string
		failed := false
		caller := rig.CallerFunc(func(ctx context.Context, _ string, _ any) error {
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
		r := replyingBy(t, caller, rig.Hello)
		deliver := func(body string) *rig.Pending {
			return rig.Eventually(func() string { return fmt.Sprint(r.Deliver(t.Context(), rig.Parsed(t, body))) })
		}
		first, second, other := deliver(rig.MessageIn(7, 1)), deliver(rig.MessageIn(7, 2)), deliver(rig.MessageIn(8, 3))
		assert.Equal(t, "<nil>", other.Now(), "another chat")
		for _, p := range []*rig.Pending{first, second} {
			got, took := p.Wait()
			assert.Equal(t, "<nil>", got, "acknowledged")
			assert.Equal(t, 30*time.Second, took, "took")
		}
		assert.Equal(t, "3 1 2", strings.Join(sent, " "), "sent")
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
				rig.Bubble(t, func(t *testing.T) {
					api := &rig.BotAPI{}
					api.Do = func(*http.Request) (*http.Response, error) {
						if len(api.All()) <= tt.times {
							return rig.APIAnswer(400, migrated), nil
						}
						return rig.APIAnswer(200, rig.APIOK), nil
					}
					client := rig.NewClient(t, tghook.ClientConfig{HTTP: &http.Client{Transport: api}})
					var caller tghook.Caller = client
					if by != "Client" {
						caller = rig.CallerFunc(func(ctx context.Context, method string, params any) error {
							return client.Call(ctx, method, params, nil)
						})
					}
					reply := tghook.Reply{Method: tt.reply.Method, Params: maps.Clone(tt.reply.Params.(params))}
					if reply.Method == "sendPhoto" {
						reply.Params.(params)["photo"] = photo()
					}
					r := replyingBy(t, caller, reply)
					require.NoError(t, r.Deliver(t.Context(), rig.Parsed(t, rig.MessageIn(7, 1))), "acknowledged")
					assert.Equal(t, tt.want+"/1/0", r.Outcomes(), "outcomes")
					calls := api.All()
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
			rig.Bubble(t, func(t *testing.T) {
				tg := rig.NewTelegram(t)
				zoe := tg.User("Zoe")
				chat := zoe.Chat()
				chat.Send("/start")
				chatID, level, words := int64(404), slog.LevelError, "400 Bad Request: chat not found"
				if blocked {
					zoe.Block()
					chatID, level, words = chat.ID, slog.LevelWarn, "403 Forbidden: bot was blocked by the user"
				}
				var logged bytes.Buffer
				r := rig.NewBot(t, tghook.Config{Dispatch: tghook.DispatchConfig{
					Caller: tg.Client(t, tghook.ClientConfig{}), Logger: slog.New(slog.NewTextHandler(&logged, nil)),
				}}, rig.Taking(0, tghook.Reply{Method: "sendMessage", Params: map[string]any{"chat_id": chatID, "text": "hi"}}, nil))
				require.NoError(t, r.Deliver(t.Context(), rig.Parsed(t, rig.MessageIn(7, 1))), "acknowledged")
				assert.Equal(t, "reply_lost/1/0", r.Outcomes(), "outcomes")
				var refused *tghook.APIError
				require.ErrorAs(t, r.Last().Err, &refused, "an APIError")
				assert.Equal(t, "tghook: reply sendMessage by Caller: tghook: sendMessage: "+words, r.Last().Err.Error(), "error")
				for _, want := range []string{"level=" + level.String(), "outcome=reply_lost", "sendMessage", words} {
					assert.Containsf(t, logged.String(), want, "the log has no %s", want)
				}
			})
		})
	}
}

// The reply reaches the user when Telegram has calmed down, and once.
func TestAReplyOutlivesAFloodAtTelegram(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		tg := rig.NewTelegram(t)
		chat := tg.User("Zoe").Chat()
		chat.Send("/start")
		n := 0
		tg.Instead = func(string, int) *http.Response {
			if n++; n <= 2 {
				return rig.APIAnswer(429, `{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 20","parameters":{"retry_after":20}}`)
			}
			return nil
		}
		client := tg.Client(t, tghook.ClientConfig{Patience: 2 * time.Minute}) // which counts for nothing here
		r := replyingBy(t, client, tghook.Reply{Method: "sendMessage", Params: map[string]any{"chat_id": chat.ID, "text": "hello at last"}})
		start := time.Now()
		require.NoError(t, r.Deliver(t.Context(), rig.Parsed(t, rig.MessageIn(7, 1))), "acknowledged")
		assert.Equal(t, 40*time.Second, time.Since(start), "took")
		assert.Equal(t, 3, n, "calls")
		chat.Expect(t, "hello at last")
		assert.Len(t, tg.Calls("sendMessage"), 1, "sent")
	})
}

// A Client's own Patience does not multiply the calls.
func TestPatienceDoesNotMultiplyTheCallsOfAReply(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		api := &rig.BotAPI{Do: func(*http.Request) (*http.Response, error) {
			return rig.APIAnswer(429, `{"ok":false,"error_code":429,"description":"Too Many Requests","parameters":{"retry_after":5}}`), nil
		}}
		client := rig.NewClient(t, tghook.ClientConfig{HTTP: &http.Client{Transport: api}, Patience: time.Hour})
		r := replyingBy(t, client, rig.Hello)
		start := time.Now()
		require.NoError(t, r.Deliver(t.Context(), rig.Parsed(t, rig.MessageIn(7, 1))), "acknowledged")
		assert.Equal(t, 115*time.Second, time.Since(start), "took")
		assert.Len(t, api.All(), 24, "calls")
		assert.Equal(t, "tghook: reply sendMessage by Caller, given up after 24 calls: tghook: sendMessage: 429 Too Many Requests", r.Last().Err.Error(), "error")
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
			rig.Bubble(t, func(t *testing.T) {
				r := replyingBy(t, &rig.Caller{Do: do}, rig.Hello)
				p := rig.Eventually(func() string { return fmt.Sprint(r.Deliver(t.Context(), rig.Parsed(t, rig.MessageIn(7, 1)))) })
				ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
				defer cancel()
				start := time.Now()
				_ = r.Shutdown(ctx)
				assert.Less(t, time.Since(start), 10*time.Second, "Shutdown took")
				_, took := p.Wait()
				assert.Equal(t, 3*time.Second, took, "took")
				assert.Equal(t, "reply_lost/1/0", r.Outcomes(), "outcomes")
				assert.ErrorIs(t, r.Last().Err, tghook.ErrShutdown)
			})
		})
	}
}

// A call that a ReplyTransport held back is tried again likewise.
func TestAHeldCallIsTriedAgain(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		api := &rig.BotAPI{}
		api.Do = func(*http.Request) (*http.Response, error) {
			if len(api.All()) == 1 {
				return rig.APIAnswer(429, `{"ok":false,"error_code":429,"description":"Too Many Requests","parameters":{"retry_after":6}}`), nil
			}
			return rig.APIAnswer(200, rig.APIOK), nil
		}
		lib := rig.NewLibrary(t, &tghook.ReplyTransport{}, api)
		r := rig.NewBot(t, rig.LibraryConfig(), rig.Calling(t, lib, nil, rig.Pressed, rig.Deleted))
		p := r.Send(rig.MessageIn(7, 1))
		got, took := p.Wait()
		assert.Equal(t, rig.DeletedAnswer, got, "answer")
		assert.Equal(t, 6*time.Second, took, "took")
		assert.Equal(t, []string{rig.PressedCall, rig.PressedCall}, api.All(), "calls")
		assert.Equal(t, "replied/1/200/rode", r.Outcomes(), "outcomes")
	})
}

// So is a reply that waited for a redelivery in vain.
func TestAReplyThatNothingHasCarriedIsTriedAgain(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		api := &rig.Caller{}
		api.Do = func(context.Context, string) error {
			if len(api.All()) == 1 {
				return &tghook.APIError{Method: "sendMessage", Code: 429, RetryAfter: 100 * time.Second}
			}
			return nil
		}
		r := rig.NewBot(t, tghook.Config{Dispatch: tghook.DispatchConfig{Caller: api}}, rig.Taking(9*time.Second, rig.Hello, nil))
		assert.Equal(t, "503 after 2", r.Post(rig.MessageIn(7, 1)), "late")
		rig.Pass(time.Second + 10*time.Second + 99*time.Second)
		assert.Equal(t, "late/1/503/late", r.Outcomes(), "outcomes")
		rig.Pass(2 * time.Second)
		assert.Equal(t, "late/1/503/late replied/1/0/late", r.Outcomes(), "outcomes")
		assert.Equal(t, []string{rig.HelloCall, rig.HelloCall}, api.All(), "calls")
	})
}
