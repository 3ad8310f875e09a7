package tghook_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/rig"
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
	if want := strings.Fields("a b c handler /c /b /a"); !slices.Equal(order, want) {
		t.Errorf("got %q, want %q", order, want)
	}
	order = nil
	_, _ = tghook.Chain(h).HandleUpdate(t.Context(), mustParse(t, textFrom(1, 1)))
	if !slices.Equal(order, []string{"handler"}) {
		t.Errorf("a chain of nothing ran %q", order)
	}
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
		if res := w.Serve(t.Context(), rig.FromTelegram(textFrom(id, 9))); string(res.Body) != `{"method":"sendMessage","text":"hi"}` {
			t.Errorf("got %s", res.Body)
		}
	}
	for _, v := range seen.list() {
		if v.Outcome != tghook.OutcomeReplied {
			t.Errorf("Observe was told %+v", v)
		}
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
		if *text != "decoded" {
			t.Errorf("got %q", *text)
		}
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
		if len(*u) != 2 {
			t.Errorf("got %d members", len(*u))
		}
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
	if res := w.Serve(t.Context(), rig.FromTelegram(textFrom(1, 1))); res.Status != 200 {
		t.Errorf("got %d", res.Status)
	}
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
			if strings.Contains(name, "panic") != errors.As(cause1, &panicked) {
				t.Errorf("%v: is it a panic?", cause1)
			}
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
	if len(dead.all) != 1 {
		t.Errorf("%d dead letters, want one", len(dead.all))
	}
}
