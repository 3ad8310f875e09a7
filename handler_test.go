package tghook_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/rig"
	"github.com/tghook/tghook/tghooktest"
)

// botUpdate stands for the update type of a bot library.
type botUpdate struct {
	ID      int64 `json:"update_id"`
	Message *struct {
		Text string `json:"text"`
		Chat struct {
			ID int64 `json:"id"`
		} `json:"chat"`
	} `json:"message"`
}

func mustParse(t *testing.T, body []byte) *tghook.Update {
	t.Helper()
	u, err := tghook.ParseUpdate(body)
	require.NoError(t, err)
	return u
}

func TestHandlerFuncIsCalledAsItIs(t *testing.T) {
	t.Parallel()
	u, cause := mustParse(t, textFrom(1, 2)), errors.New("no")
	var h tghook.Handler = tghook.HandlerFunc(func(ctx context.Context, got *tghook.Update) (tghook.Reply, error) {
		if got != u || ctx != t.Context() {
			t.Errorf("got %v, want the update and the ctx that were given", got)
		}
		return tghook.Reply{Method: "sendMessage"}, cause
	})
	if reply, err := h.HandleUpdate(t.Context(), u); reply.Method != "sendMessage" || !errors.Is(err, cause) {
		t.Errorf("got %v and %v", reply, err)
	}
}

func TestTheFirstMiddlewareOfAChainIsOutermost(t *testing.T) {
	t.Parallel()
	var order []string
	note := func(name string) tghook.Middleware {
		return func(next tghook.Handler) tghook.Handler {
			return tghook.HandlerFunc(func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
				order = append(order, name)
				reply, err := next.HandleUpdate(ctx, u)
				order = append(order, "/"+name)
				return reply, err
			})
		}
	}
	h := tghook.HandlerFunc(func(context.Context, *tghook.Update) (tghook.Reply, error) {
		order = append(order, "handler")
		return tghook.NoReply, nil
	})
	middlewares := []tghook.Middleware{note("a"), note("b"), note("c")}
	if _, err := tghook.Chain(h, middlewares...).HandleUpdate(t.Context(), mustParse(t, textFrom(1, 1))); err != nil {
		t.Fatal(err)
	}
	assert.Equal(t, strings.Fields("a b c handler /c /b /a"), order)
	order = nil
	_, _ = tghook.Chain(h).HandleUpdate(t.Context(), mustParse(t, textFrom(1, 1)))
	assert.Equalf(t, []string{"handler"}, order, "a chain of nothing ran %q", order)
}

func TestTypedGivesEachUpdateAsTheUsersTypeAndTheEnvelopeInCtx(t *testing.T) {
	t.Parallel()
	var last *botUpdate
	h := tghook.Typed(func(ctx context.Context, u *botUpdate) (tghook.Reply, error) {
		if u == last {
			t.Error("two updates share a value")
		}
		last = u
		envelope, ok := tghook.FromContext(ctx)
		if !ok || envelope.ID != u.ID || u.Message == nil || envelope.ChatID != u.Message.Chat.ID {
			t.Errorf("got %+v beside envelope %+v", u, envelope)
			return tghook.NoReply, nil
		}
		return tghook.Reply{Method: "sendMessage", Params: map[string]any{"text": u.Message.Text}}, nil
	})
	w, seen := hookFor(t, h.HandleUpdate)
	for id := range int64(3) {
		assert.Equal(t, `{"method":"sendMessage","text":"hi"}`, string(w.Serve(t.Context(), rig.FromTelegram(textFrom(id, 9))).Body))
	}
	for _, v := range seen.list() {
		assert.Equalf(t, tghook.OutcomeReplied, v.Outcome, "Observe was told %+v", v)
	}
	// Without a dispatcher, as in a unit test, it is the same.
	if _, err := h.HandleUpdate(t.Context(), mustParse(t, textFrom(7, 8))); err != nil || last.ID != 7 {
		t.Errorf("got %+v and %v", last, err)
	}
}

func TestTypedWithUsesTheDecoderGiven(t *testing.T) {
	t.Parallel()
	var decoded []byte
	unmarshal := func(data []byte, v any) error {
		decoded = data
		*v.(*string) = "decoded"
		return nil
	}
	h := tghook.TypedWith(unmarshal, func(_ context.Context, text *string) (tghook.Reply, error) {
		assert.Equal(t, "decoded", *text)
		return tghook.Reply{Method: "sendMessage"}, nil
	})
	u := mustParse(t, tghooktest.Update("poll"))
	if reply, err := h.HandleUpdate(t.Context(), u); err != nil || reply.Method != "sendMessage" || string(decoded) != string(u.Raw) {
		t.Errorf("got %v and %v of %s", reply, err, decoded)
	}
}

func TestTypedTakesEveryFixture(t *testing.T) {
	t.Parallel()
	var runs int
	h := tghook.Typed(func(_ context.Context, u *map[string]json.RawMessage) (tghook.Reply, error) {
		runs++
		assert.Len(t, *u, 2)
		return tghook.NoReply, nil
	})
	for name, body := range tghooktest.Updates() {
		before := runs
		if _, err := h.HandleUpdate(t.Context(), mustParse(t, body)); err != nil || runs != before+1 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// An envelope in ctx is that of the update at hand, also where a handler passes
// another one on.
func TestTypedGivesTheEnvelopeOfTheUpdateAtHand(t *testing.T) {
	t.Parallel()
	other := mustParse(t, textFrom(99, 1))
	inner := tghook.Typed(func(ctx context.Context, _ *botUpdate) (tghook.Reply, error) {
		if envelope, _ := tghook.FromContext(ctx); envelope != other {
			t.Errorf("got envelope %+v, want that of update 99", envelope)
		}
		return tghook.NoReply, nil
	})
	w, _ := hookFor(t, func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
		if envelope, _ := tghook.FromContext(ctx); envelope != u {
			t.Errorf("got envelope %+v, want the update", envelope)
		}
		return inner.HandleUpdate(ctx, other)
	})
	assert.Equal(t, 200, w.Serve(t.Context(), rig.FromTelegram(textFrom(1, 1))).Status)
}

func TestFromContextOutsideAHandlerIsFalse(t *testing.T) {
	t.Parallel()
	if u, ok := tghook.FromContext(t.Context()); ok || u != nil {
		t.Errorf("got %v and %v", u, ok)
	}
}

func TestFromContextIsSetForPlainHandlersAndDeadLetters(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	ask := func(ctx context.Context, u *tghook.Update) {
		asked.Add(1)
		if envelope, ok := tghook.FromContext(ctx); !ok || envelope != u {
			t.Errorf("got %v and %v, want the update", envelope, ok)
		}
	}
	w, _ := hookFor(t, func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
		ask(ctx, u)
		return tghook.NoReply, tghook.Drop(nil)
	}, func(cfg *tghook.Config) {
		cfg.Dispatch.DeadLetter = func(ctx context.Context, u *tghook.Update, _ error) error {
			ask(ctx, u)
			return nil
		}
	})
	if res := w.Serve(t.Context(), rig.FromTelegram(textFrom(1, 1))); res.Status != 200 || asked.Load() != 2 {
		t.Errorf("got %d after %d calls", res.Status, asked.Load())
	}
}

// What the user's type cannot hold becomes a dead letter, once, with the raw
// update: no redelivery would help it.
func TestWhatTheUsersTypeCannotHoldIsADeadLetterOnce(t *testing.T) {
	t.Parallel()
	body := textFrom(5, 6)
	cause := errors.New("cannot")
	for name, h := range map[string]tghook.Handler{
		"a wrong type": tghook.Typed(never[struct{ Message []int }](t)),
		"a number too large": tghook.Typed(never[struct {
			Message struct{ Chat struct{ ID string } }
		}](t)),
		"a decoder's own error":    tghook.TypedWith(func([]byte, any) error { return cause }, never[botUpdate](t)),
		"a decoder's panic":        tghook.TypedWith(func([]byte, any) error { panic(cause) }, never[botUpdate](t)),
		"an UnmarshalJSON's panic": tghook.Typed(never[panicky](t)),
		"Decode's error, passed on": tghook.HandlerFunc(func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			return tghook.Reply{Method: "sendMessage"}, fmt.Errorf("my bot: %w", u.Decode(new(string)))
		}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var raws []string
			var cause1 error
			w, seen := hookFor(t, h.HandleUpdate, func(cfg *tghook.Config) {
				cfg.Dispatch.DeadLetter = func(_ context.Context, u *tghook.Update, err error) error {
					raws, cause1 = append(raws, string(u.Raw)), err
					return nil
				}
			})
			for range 3 {
				if res := w.Serve(t.Context(), rig.FromTelegram(body)); res.Status != 200 || len(res.Body) > 0 {
					t.Errorf("got %d %q, want 200 alone", res.Status, res.Body)
				}
			}
			var undecodable *tghook.DecodeError
			if len(raws) != 1 || raws[0] != string(body) || !errors.As(cause1, &undecodable) || undecodable.UpdateID != 5 {
				t.Errorf("dead letters %q, the last for %v, want one of update 5 with a *DecodeError", raws, cause1)
			}
			var panicked *tghook.PanicError
			assert.Equalf(t, errors.As(cause1, &panicked), strings.Contains(name, "panic"), "%v: is it a panic?", cause1)
			if strings.HasPrefix(name, "a decoder") && !errors.Is(cause1, cause) {
				t.Errorf("%v does not wrap the decoder's error", cause1)
			}
			all := seen.list()
			if len(all) != 3 || all[0].Outcome != tghook.OutcomeDeadLettered || all[1].Outcome != tghook.OutcomeDuplicate || all[2].Outcome != tghook.OutcomeDuplicate {
				t.Errorf("Observe was told %+v, want a dead letter and two duplicates", all)
			}
		})
	}
}

// never is a typed handler that must not be reached.
func never[T any](t *testing.T) func(context.Context, *T) (tghook.Reply, error) {
	t.Helper()
	return func(_ context.Context, u *T) (tghook.Reply, error) {
		t.Errorf("the handler was given %+v", u)
		return tghook.NoReply, nil
	}
}

type panicky struct{}

func (*panicky) UnmarshalJSON([]byte) error { panic("cannot") }

// Such a dead letter holds up nothing: the chat goes on.
func TestTheChatGoesOnAfterAnUndecodableUpdate(t *testing.T) {
	t.Parallel()
	h := tghook.Typed(func(context.Context, *botUpdate) (tghook.Reply, error) {
		return tghook.Reply{Method: "sendMessage"}, nil
	})
	dead := &letters{}
	w, _ := hookFor(t, h.HandleUpdate, func(cfg *tghook.Config) { cfg.Dispatch.DeadLetter = dead.take })
	for _, c := range []struct{ body, want string }{
		{`{"update_id":1,"message":{"chat":{"id":4},"text":17}}`, ""},
		{`{"update_id":2,"message":{"chat":{"id":4},"text":"x"}}`, `{"method":"sendMessage"}`},
	} {
		if res := w.Serve(t.Context(), rig.FromTelegram([]byte(c.body))); res.Status != 200 || string(res.Body) != c.want {
			t.Errorf("%s: got %d %q, want 200 %q", c.body, res.Status, res.Body, c.want)
		}
	}
	assert.Lenf(t, dead.all, 1, "%d dead letters, want one", len(dead.all))
}

// ringError wraps itself.
type ringError struct{ next error }

func (*ringError) Error() string   { return "ring" }
func (e *ringError) Unwrap() error { return e.next }

// badError does what it is told when it is asked for its words, for what it wraps,
// or whether it is another.
type badError struct{ text, unwrap, is, as func() }

func does(f func()) {
	if f != nil {
		f()
	}
}

func (e *badError) Error() string { does(e.text); return "bad" }
func (e *badError) Unwrap() error { does(e.unwrap); return io.EOF }
func (e *badError) Is(error) bool { does(e.is); return false }
func (e *badError) As(any) bool   { does(e.as); return false }

// loopedError holds a slice that holds itself, of which fmt's %#v never comes back.
type loopedError struct{ all []any }

func (loopedError) Error() string { return "looped" }

type funcReader func([]byte) (int, error)

func (f funcReader) Read(p []byte) (int, error) { return f(p) }
func (funcReader) Close() error                 { return nil }

// bodyOf is f as the Body of a File, which must be comparable.
func bodyOf(f funcReader) *funcReader { return &f }

// Whatever the user's code does in a call, the call fails, and soon: the process
// lives, and nothing goes on for ever.
func TestACallSurvivesWhateverTheUsersCodeDoes(t *testing.T) {
	rig.Alone(t, func(t *testing.T) {
		ring := &ringError{}
		ring.next = ring
		many := make([]error, 100_000)
		for i := range many {
			many[i] = io.EOF
		}
		deep := io.EOF
		for range 100_000 {
			deep = &ringError{deep}
		}
		looped := loopedError{make([]any, 1)}
		looped.all[0] = looped.all
		bad := map[string]func(){
			"panics":      func() { panic("bad") },
			"exits":       runtime.Goexit,
			"blocks":      func() { time.Sleep(time.Minute) },
			"panics with": func() { panic(&badError{text: func() { time.Sleep(time.Hour) }}) },
		}
		fails := map[string]error{
			"typed nil": (*rig.NilError)(nil), "typed nil, wrapped": fmt.Errorf("a: %w", io.EOF), "ring": ring, "wide": errors.Join(many...), "deep": deep, "looped": looped,
		}
		for name, f := range bad {
			fails["Error "+name] = &badError{text: f}
			fails["Unwrap "+name] = &badError{unwrap: f}
			fails["Is "+name] = &badError{is: f}
			fails["As "+name] = &badError{as: f}
			fails["joined "+name] = errors.Join(io.EOF, &badError{unwrap: f})
		}
		calls := map[string]func(c *tghook.Client, ctx context.Context) error{}
		apis := map[string]rig.Transport{}
		for name, err := range fails {
			apis["an error of HTTP: "+name] = func(*http.Request) (*http.Response, error) { return nil, err }
			apis["an error of an answer: "+name] = func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: http.StatusOK, Body: funcReader(func([]byte) (int, error) { return 0, err })}, nil
			}
			calls["an error of a Body: "+name] = func(c *tghook.Client, ctx context.Context) error {
				return c.Call(ctx, "m", uploadOf(bodyOf(func([]byte) (int, error) { return 0, err })), nil)
			}
			calls["an error of MarshalJSON: "+name] = func(c *tghook.Client, ctx context.Context) error {
				return c.Call(ctx, "m", rig.JSONBy(func() ([]byte, error) { return nil, err }), nil)
			}
			calls["a cause: "+name] = func(_ *tghook.Client, ctx context.Context) error {
				ctx, cancel := context.WithCancelCause(ctx)
				cancel(err)
				c := rig.Transport(func(r *http.Request) (*http.Response, error) { return nil, r.Context().Err() }).Client(t, tghook.ClientConfig{Patience: time.Hour})
				return c.Call(ctx, "getMe", nil, nil)
			}
		}
		for name, f := range bad {
			apis["HTTP "+name] = func(*http.Request) (*http.Response, error) { f(); return nil, io.EOF }
			apis["an answer "+name] = func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: http.StatusOK, Body: funcReader(func([]byte) (int, error) { f(); return 0, io.EOF })}, nil
			}
			calls["a Body "+name] = func(c *tghook.Client, ctx context.Context) error {
				return c.Call(ctx, "m", uploadOf(bodyOf(func([]byte) (int, error) { f(); return 0, io.ErrUnexpectedEOF })), nil)
			}
			calls["MarshalJSON "+name] = func(c *tghook.Client, ctx context.Context) error {
				return c.Call(ctx, "m", rig.JSONBy(func() ([]byte, error) { f(); return nil, io.EOF }), nil)
			}
		}
		reading := rig.Transport(func(r *http.Request) (*http.Response, error) {
			_, err := io.Copy(io.Discard, r.Body)
			return rig.APIAnswer(200, rig.APIOK), err
		})
		for name, api := range apis {
			calls[name] = func(_ *tghook.Client, ctx context.Context) error {
				_, err := api.Client(t, tghook.ClientConfig{}).GetMe(ctx)
				return err
			}
		}
		for name, call := range calls {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			begun := time.Now()
			err := call(reading.Client(t, tghook.ClientConfig{}), ctx)
			cancel()
			if took := time.Since(begun); err == nil || took > 15*time.Second {
				t.Errorf("%s: %v after %v", name, err, took)
				continue
			}
			// What is returned is harmless.
			_ = fmt.Sprintf("%v %+v %#v", err, err, err)
			_ = errors.Is(err, rig.ErrBroken)
			_ = errors.As(err, new(*tghook.APIError))
			assert.LessOrEqual(t, len(err.Error()), 256<<10, name)
			assert.LessOrEqualf(t, time.Since(begun), 16*time.Second, "%s: the error is not harmless", name)
		}
	})
}

func TestAPanicInACallIsAnError(t *testing.T) {
	t.Parallel()
	c := rig.Transport(func(r *http.Request) (*http.Response, error) {
		_, err := io.Copy(io.Discard, r.Body)
		if strings.HasSuffix(r.URL.Path, "/getMe") {
			panic("at " + r.URL.String())
		}
		return nil, err
	}).Client(t, tghook.ClientConfig{})
	_, byHTTP := c.GetMe(t.Context())
	byBody := c.Call(t.Context(), "m", uploadOf(&panickyReader{}), nil)
	byParams := c.Call(t.Context(), "m", rig.JSONBy(func() ([]byte, error) { panic("marshal") }), nil)
	for _, err := range []error{byHTTP, byBody, byParams} {
		rig.KeepsToken(t, err)
		if !strings.Contains(err.Error(), "panic") {
			t.Error(err)
		}
	}
	var panicked *tghook.PanicError
	if !errors.As(byBody, &panicked) || !errors.As(byParams, &panicked) {
		t.Error(byBody, byParams)
	}
}

// A held call that fails so is told of as any other.
func TestAHeldCallSurvivesAnErrorThatWrapsItself(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		ring := &ringError{}
		ring.next = ring
		api := &rig.BotAPI{Do: func(*http.Request) (*http.Response, error) { return nil, ring }}
		lib := rig.NewLibrary(t, &tghook.ReplyTransport{}, api)
		cfg := rig.LibraryConfig()
		cfg.LateAfter = -1
		r := rig.NewBot(t, cfg, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			assert.Equal(t, rig.APIOK, lib.Call(ctx, "deleteMessage", "{}"), "the library gets")
			return rig.Hello, nil
		})
		assert.Equal(t, rig.HelloAnswer, r.Post(rig.MessageIn(7, 1)), "answer") // the call is tried again for two minutes
		assert.Equal(t, "call_lost/1/0 replied/1/200/rode", r.Outcomes(), "outcomes")
	})
}
