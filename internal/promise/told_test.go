package promise_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/rig"
)

// One test for each line of the table "What Telegram is told" of design.md. The
// lines with 4xx are in webhook_test.go.

func TestToldHandlerReturnedNil(t *testing.T) {
	t.Parallel()
	t.Run("without a reply", func(t *testing.T) {
		t.Parallel()
		r := rig.NewBot(t, tghook.Config{}, rig.Nothing)
		assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1)), "answer")
		assert.Equal(t, "handled/1/200", r.Outcomes(), "outcomes")
		r.Did(rig.Counts{Runs: 1})
		r.Clean(r.Stats())
	})
	t.Run("with a reply", func(t *testing.T) {
		t.Parallel()
		r := rig.NewBot(t, tghook.Config{Dispatch: tghook.DispatchConfig{Caller: new(rig.Caller)}}, rig.Taking(0, rig.Hello, nil))
		assert.Equal(t, rig.HelloAnswer, r.Post(rig.MessageIn(7, 1)), "answer")
		assert.Equal(t, "replied/1/200/rode", r.Outcomes(), "outcomes")
		r.Did(rig.Counts{Runs: 1})
	})
	t.Run("with a file in the reply", func(t *testing.T) {
		t.Parallel()
		r := rig.NewBot(t, tghook.Config{}, func(context.Context, *tghook.Update) (tghook.Reply, error) {
			file := tghook.File{Name: "a.txt", Body: strings.NewReader("content")}
			return tghook.Reply{Method: "sendDocument", Params: map[string]any{"chat_id": 7, "document": file}}, nil
		})
		res := r.ServeWith(t.Context(), rig.MessageIn(7, 1), nil)
		mediaType, params, err := mime.ParseMediaType(res.Header.Get("Content-Type"))
		if err != nil || mediaType != "multipart/form-data" || len(params["boundary"]) > 70 {
			t.Fatalf("Content-Type %q: %v", res.Header.Get("Content-Type"), err)
		}
		form, err := multipart.NewReader(bytes.NewReader(res.Body), params["boundary"]).ReadForm(1 << 20)
		require.NoError(t, err)
		assert.Equal(t, map[string][]string{"method": {"sendDocument"}, "chat_id": {"7"}}, form.Value, "fields")
		f, err := form.File["document"][0].Open()
		require.NoError(t, err)
		content, _ := io.ReadAll(f)
		assert.Equal(t, "a.txt: content", form.File["document"][0].Filename+": "+string(content), "file")
		assert.Equal(t, "replied/1/200/rode", r.Outcomes(), "outcomes")
	})
	t.Run("with a reply that cannot ride", func(t *testing.T) {
		t.Parallel()
		for i, method := range []string{"getMe", "GETCHAT", "setWebhook", "DeleteWebhook", "close", "logOut"} {
			api := &rig.Caller{}
			r := rig.NewBot(t, tghook.Config{Dispatch: tghook.DispatchConfig{Caller: api}}, rig.Taking(0, tghook.Reply{Method: method}, nil))
			assert.Equal(t, "200", r.Post(rig.MessageIn(7, int64(i))), method)
			assert.Equal(t, []string{method + "{}"}, api.All(), method)
			assert.Equal(t, "replied/1/200", r.Outcomes(), method)
			assert.Equal(t, "200", r.Post(rig.MessageIn(7, int64(i))), method+" again")
			r.Did(rig.Counts{Runs: 1, Calls: 1})
		}
	})
	t.Run("with a reply that cannot ride and that the API refuses", func(t *testing.T) {
		t.Parallel()
		api := &rig.Caller{Do: func(context.Context, string) error { return rig.ErrBroken }}
		r := rig.NewBot(t, tghook.Config{Dispatch: tghook.DispatchConfig{Caller: api}}, rig.Taking(0, tghook.Reply{Method: "getMe"}, nil))
		assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1)), "answer")
		assert.Equal(t, "reply_lost/1/200", r.Outcomes(), "outcomes")
		require.ErrorIs(t, r.Last().Err, rig.ErrBroken)
		r.Did(rig.Counts{Runs: 1, Calls: 1})
	})
}

// buries checks the row of dead letters: once for a DeadLetter that accepts, and
// once for one that fails at first.
func buries(t *testing.T, cfg tghook.Config, h tghook.HandlerFunc, outcome string, accepts func(error) bool) {
	t.Helper()
	t.Run("accepted", func(t *testing.T) {
		t.Parallel()
		r := rig.NewBot(t, cfg, h)
		assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1)), "answer")
		assert.Equal(t, outcome+"/1/200", r.Outcomes(), "outcomes")
		r.Did(rig.Counts{Runs: 1, Letters: 1})
		if err := r.Letter(0).Err; !accepts(err) || !accepts(r.Last().Err) {
			t.Errorf("DeadLetter is told %v, Observe %v", err, r.Last().Err)
		}
		assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1)), "redelivery")
		r.Did(rig.Counts{Runs: 1, Letters: 1})
		assert.Equal(t, "200", r.Post(rig.MessageIn(7, 2)), "next of the lane")
	})
	t.Run("refused at first", func(t *testing.T) {
		t.Parallel()
		cfg := cfg
		refusals := 2
		cfg.Dispatch.DeadLetter = func(context.Context, *tghook.Update, error) error {
			if refusals--; refusals >= 0 {
				return rig.ErrBroken
			}
			return nil
		}
		r := rig.NewBot(t, cfg, h)
		assert.Equal(t, "500", r.Post(rig.MessageIn(7, 1)), "answer")
		if err := r.Last().Err; !errors.Is(err, rig.ErrBroken) || !accepts(err) {
			t.Errorf("Observe is told %v", err)
		}
		r.Did(rig.Counts{Runs: 1, Letters: 1})
		assert.Equal(t, "500", r.Post(rig.MessageIn(7, 1)), "redelivery, refused")
		r.Did(rig.Counts{Runs: 1, Letters: 2})
		assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1)), "redelivery, accepted")
		r.Did(rig.Counts{Runs: 1, Letters: 3})
		assert.Truef(t, accepts(r.Letter(2).Err), "DeadLetter is told %v at last", r.Letter(2).Err)
		assert.Equal(t, "failed/1/500 failed/1/500 "+outcome+"/1/200", r.Outcomes(), "outcomes")
		assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1)), "one more")
		r.Did(rig.Counts{Runs: 1, Letters: 3})
		r.Clean(r.Stats())
	})
}

func TestToldDrop(t *testing.T) {
	t.Parallel()
	isBroken := func(err error) bool { return errors.Is(err, rig.ErrBroken) }
	buries(t, tghook.Config{}, rig.Taking(0, rig.Hello, tghook.Drop(rig.ErrBroken)), "dropped", isBroken)
	t.Run("wrapped, and besides RetryAfter", func(t *testing.T) {
		t.Parallel()
		for _, err := range []error{
			fmt.Errorf("wrapped: %w", tghook.Drop(rig.ErrBroken)),
			tghook.RetryAfter(time.Second, tghook.Drop(rig.ErrBroken)),
			tghook.Drop(tghook.RetryAfter(time.Second, rig.ErrBroken)),
			errors.Join(tghook.RetryAfter(time.Second, rig.ErrBroken), tghook.Drop(rig.ErrBroken)),
		} {
			r := rig.NewBot(t, tghook.Config{}, rig.Taking(0, rig.Hello, err))
			assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1)), err.Error())
			r.Did(rig.Counts{Runs: 1, Letters: 1})
		}
	})
	t.Run("of nil", func(t *testing.T) {
		t.Parallel()
		r := rig.NewBot(t, tghook.Config{}, rig.Taking(0, rig.Hello, tghook.Drop(nil)))
		assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1)), "answer")
		r.Did(rig.Counts{Runs: 1, Letters: 1})
	})
	t.Run("with a DeadLetter that panics", func(t *testing.T) {
		t.Parallel()
		cfg := tghook.Config{Dispatch: tghook.DispatchConfig{
			DeadLetter: func(context.Context, *tghook.Update, error) error { panic(rig.ErrBroken) },
		}}
		r := rig.NewBot(t, cfg, rig.Taking(0, rig.Hello, tghook.Drop(errors.New("gone"))))
		assert.Equal(t, "500", r.Post(rig.MessageIn(7, 1)), "answer")
		assert.Equal(t, "500", r.Post(rig.MessageIn(7, 1)), "redelivery")
		assert.Truef(t, isBroken(r.Last().Err), "Observe is told %v", r.Last().Err)
		r.Did(rig.Counts{Runs: 1, Letters: 2})
	})
}

func TestToldMaxAttemptsReached(t *testing.T) {
	t.Parallel()
	isBroken := func(err error) bool { return errors.Is(err, rig.ErrBroken) }
	cfg := tghook.Config{Dispatch: tghook.DispatchConfig{MaxAttempts: 1}}
	buries(t, cfg, rig.Taking(0, rig.Hello, tghook.RetryAfter(time.Second, rig.ErrBroken)), "dead_lettered", isBroken)
	t.Run("at the third", func(t *testing.T) {
		t.Parallel()
		r := rig.NewBot(t, tghook.Config{Dispatch: tghook.DispatchConfig{MaxAttempts: 3}}, rig.Taking(0, rig.Hello, rig.ErrBroken))
		for i, want := range []string{"500", "500", "200", "200"} {
			assert.Equal(t, want, r.Post(rig.MessageIn(7, 1)), fmt.Sprint("delivery ", i+1))
		}
		r.Did(rig.Counts{Runs: 3, Letters: 1})
		assert.Equal(t, "failed/1/500 failed/2/500 dead_lettered/3/200 duplicate/0/200", r.Outcomes(), "outcomes")
	})
	t.Run("by a panic", func(t *testing.T) {
		t.Parallel()
		r := rig.NewBot(t, cfg, func(context.Context, *tghook.Update) (tghook.Reply, error) { panic(rig.ErrBroken) })
		assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1)), "answer")
		r.Did(rig.Counts{Runs: 1, Letters: 1})
		var panicked *tghook.PanicError
		assert.ErrorAsf(t, r.Letter(0).Err, &panicked, "DeadLetter is told %v", r.Letter(0).Err)
	})
}

func TestToldTheTypeCannotHoldIt(t *testing.T) {
	t.Parallel()
	type narrow struct {
		ID string `json:"update_id"`
	}
	h := tghook.Typed(func(context.Context, *narrow) (tghook.Reply, error) {
		t.Error("the handler ran")
		return tghook.NoReply, nil
	})
	undecodable := func(err error) bool {
		var e *tghook.DecodeError
		return errors.As(err, &e) && e.UpdateID == 1
	}
	buries(t, tghook.Config{}, h.HandleUpdate, "dead_lettered", undecodable)
	t.Run("with an unmarshal that panics", func(t *testing.T) {
		t.Parallel()
		h := tghook.TypedWith(func([]byte, any) error { panic(rig.ErrBroken) },
			func(context.Context, *narrow) (tghook.Reply, error) { return rig.Hello, nil })
		r := rig.NewBot(t, tghook.Config{}, h.HandleUpdate)
		assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1)), "answer")
		r.Did(rig.Counts{Runs: 1, Letters: 1})
	})
}

func TestToldTheReplyCannotBeEncoded(t *testing.T) {
	t.Parallel()
	for name, reply := range map[string]tghook.Reply{
		"a function":                  {Method: "sendMessage", Params: map[string]any{"f": func() {}}},
		"no object":                   {Method: "sendMessage", Params: []int{1}},
		"a method within":             {Method: "sendMessage", Params: map[string]any{"method": "close"}},
		"no method":                   {Params: map[string]any{"chat_id": 7}},
		"no method's name":            {Method: "send message", Params: map[string]any{}},
		"more than 1 MiB":             {Method: "sendMessage", Params: map[string]any{"text": strings.Repeat("x", 1<<20)}},
		"cannot ride, without Caller": {Method: "getMe"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			unsendable := func(err error) bool {
				var e *tghook.ReplyError
				return errors.As(err, &e) && e.Method == reply.Method
			}
			buries(t, tghook.Config{}, rig.Taking(0, reply, nil), "dead_lettered", unsendable)
		})
	}
	t.Run("exactly 1 MiB rides", func(t *testing.T) {
		t.Parallel()
		const frame = len(`{"method":"m","t":""}`)
		reply := tghook.Reply{Method: "m", Params: map[string]any{"t": strings.Repeat("x", 1<<20-frame)}}
		r := rig.NewBot(t, tghook.Config{}, rig.Taking(0, reply, nil))
		res := r.ServeWith(t.Context(), rig.MessageIn(7, 1), nil)
		assert.Equal(t, 200, res.Status, "status")
		assert.Len(t, res.Body, 1<<20, "length")
	})
	t.Run("a panic while encoding is the handler's", func(t *testing.T) {
		t.Parallel()
		r := rig.NewBot(t, tghook.Config{}, rig.Taking(0, tghook.Reply{Method: "sendMessage", Params: explosive{}}, nil))
		assert.Equal(t, "500", r.Post(rig.MessageIn(7, 1)), "answer")
		assert.Equal(t, "500", r.Post(rig.MessageIn(7, 2)), "next of the lane")
	})
	t.Run("a file that breaks off may do better next time", func(t *testing.T) {
		t.Parallel()
		r := rig.NewBot(t, tghook.Config{}, func(context.Context, *tghook.Update) (tghook.Reply, error) {
			file := tghook.File{Name: "a", Body: &brokenReader{}}
			return tghook.Reply{Method: "sendDocument", Params: map[string]any{"document": file}}, nil
		})
		assert.Equal(t, "500", r.Post(rig.MessageIn(7, 1)), "answer")
		assert.Equal(t, "failed/1/500", r.Outcomes(), "outcomes")
		r.Did(rig.Counts{Runs: 1})
	})
}

type explosive struct{}

func (explosive) MarshalJSON() ([]byte, error) { panic(rig.ErrBroken) }

type brokenReader struct{ _ byte }

func (*brokenReader) Read([]byte) (int, error) { return 0, rig.ErrBroken }

func TestToldHandlerError(t *testing.T) {
	t.Parallel()
	r := rig.NewBot(t, tghook.Config{Dispatch: tghook.DispatchConfig{Caller: new(rig.Caller)}}, rig.Taking(0, rig.Hello, rig.ErrBroken))
	assert.Equal(t, "500", r.Post(rig.MessageIn(7, 1)), "answer")
	assert.Equal(t, "failed/1/500", r.Outcomes(), "outcomes")
	assert.Equal(t, rig.ErrBroken, r.Last().Err, "error")
	r.Did(rig.Counts{Runs: 1})
	r.Clean(r.Stats())
	assert.Equal(t, 1, r.Stats().Failed, "failed")
}

func TestToldHandlerPanic(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]any{"an error": rig.ErrBroken, "a string": "no", "ErrAbortHandler": http.ErrAbortHandler} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := rig.NewBot(t, tghook.Config{}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
				if u.ID == 1 {
					panic(value)
				}
				return rig.Hello, nil
			})
			assert.Equal(t, "500", r.Post(rig.MessageIn(7, 1)), "answer")
			assert.Equal(t, "failed/1/500", r.Outcomes(), "outcomes")
			var panicked *tghook.PanicError
			if err := r.Last().Err; !errors.As(err, &panicked) || panicked.Value != value ||
				!strings.Contains(string(panicked.Stack), "told_test.go") {
				t.Errorf("Observe is told %v", err)
			}
			assert.Equal(t, rig.HelloAnswer, r.Post(rig.MessageIn(7, 2)), "next of the lane")
			r.Did(rig.Counts{Runs: 2})
		})
	}
	t.Run("Goexit", func(t *testing.T) {
		t.Parallel()
		r := rig.NewBot(t, tghook.Config{}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			if u.ID == 1 {
				runtime.Goexit()
			}
			return rig.Hello, nil
		})
		assert.Equal(t, "500", r.Post(rig.MessageIn(7, 1)), "answer")
		assert.Equal(t, "failed/1/500", r.Outcomes(), "outcomes")
		assert.Equal(t, rig.HelloAnswer, r.Post(rig.MessageIn(7, 2)), "next of the lane")
		r.Did(rig.Counts{Runs: 2})
	})
}

func TestToldRetryAfter(t *testing.T) {
	t.Parallel()
	const never = 1<<63 - 1
	for asked, want := range map[time.Duration]int{
		-time.Hour: 1, 0: 1, 1: 1, time.Second: 1, time.Second + 1: 2, 1500 * time.Millisecond: 2,
		3 * time.Second: 3, 3*time.Second + 1: 4, 15 * time.Second: 15, time.Minute: 60, time.Hour: 3600, never: 3600,
	} {
		for i, kind := range rig.ClampedKinds {
			err := fmt.Errorf("wrapped: %w", tghook.RetryAfter(asked, rig.ErrBroken))
			r := rig.NewBot(t, tghook.Config{Dispatch: tghook.DispatchConfig{Caller: new(rig.Caller)}}, rig.Taking(0, rig.Hello, err))
			after := fmt.Sprintf("503 after %d", min(want, rig.Clamp(kind)))
			assert.Equal(t, after, r.Post(rig.KindBy(kind, 5, int64(i))), fmt.Sprint(kind, " asked for ", asked))
			assert.Equal(t, "failed/1/503", r.Outcomes(), "outcomes")
			r.Did(rig.Counts{Runs: 1})
		}
	}
	r := rig.NewBot(t, tghook.Config{}, rig.Taking(0, rig.Hello, tghook.RetryAfter(2*time.Second, nil)))
	assert.Equal(t, "503 after 2", r.Post(rig.MessageIn(7, 1)), "of nil")
	assert.Equal(t, "503 after 2", r.Post(rig.MessageIn(7, 1)), "redelivery")
	r.Did(rig.Counts{Runs: 2})
}

func TestToldLateRetry(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		api := &rig.Caller{}
		r := rig.NewBot(t, tghook.Config{Dispatch: tghook.DispatchConfig{Caller: api}}, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			time.Sleep(12 * time.Second)
			return rig.Hello, ctx.Err()
		})
		got, took := r.Send(rig.MessageIn(7, 1)).Wait()
		assert.Equal(t, "503 after 2", got, "answer")
		assert.Equal(t, 8*time.Second, took, "took")
		assert.Equal(t, "late/1/503/late", r.Outcomes(), "outcomes")
		rig.Pass(2 * time.Second)
		got, took = r.Send(rig.MessageIn(7, 1)).Wait()
		assert.Equal(t, rig.HelloAnswer, got, "redelivery")
		assert.Equal(t, 2*time.Second, took, "redelivery took")
		assert.Equal(t, "late/1/503/late replied/1/200/late/rode", r.Outcomes(), "outcomes")
		rig.Pass(time.Minute)
		r.Did(rig.Counts{Runs: 1})
		r.Clean(r.Stats())
	})
}

func TestToldLateCancel(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		cause := make(chan error, 1)
		r := rig.NewBot(t, tghook.Config{Late: tghook.LateCancel}, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			<-ctx.Done()
			cause <- context.Cause(ctx)
			return rig.Hello, ctx.Err()
		})
		got, took := r.Send(rig.MessageIn(7, 1)).Wait()
		assert.Equal(t, "503", got, "answer")
		assert.Equal(t, 8*time.Second, took, "took")
		assert.Equal(t, tghook.ErrLate, <-cause, "cause")
		assert.Equal(t, "503", r.Post(rig.MessageIn(7, 1)), "redelivery")
		<-cause
		rig.Pass(0) // until that run is over
		r.Did(rig.Counts{Runs: 2})
		// An attempt ends while its delivery is answered: Observe may be told of either first.
		assert.ElementsMatch(t, strings.Fields("late/1/503/late failed/1/0/late late/2/503/late failed/2/0/late"), strings.Fields(r.Outcomes()), "outcomes")
		r.Clean(r.Stats())
	})
}

func TestToldLateAck(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		api := &rig.Caller{}
		r := rig.NewBot(t, tghook.Config{Late: tghook.LateAck, Dispatch: tghook.DispatchConfig{Caller: api}},
			func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
				time.Sleep(12 * time.Second)
				if u.ID == 1 {
					return rig.Hello, ctx.Err()
				}
				return rig.Hello, rig.ErrBroken
			})
		got, took := r.Send(rig.MessageIn(7, 1)).Wait()
		assert.Equal(t, "200", got, "answer")
		assert.Equal(t, 8*time.Second, took, "took")
		r.Did(rig.Counts{Runs: 1})
		second := r.Send(rig.MessageIn(7, 2))
		assert.Equal(t, 2, r.Stats().InFlight, "still in its lane")
		rig.Pass(4*time.Second + 1)
		r.Did(rig.Counts{Runs: 2, Calls: 1})
		assert.Equal(t, []string{rig.HelloCall}, api.All(), "call")
		assert.Equal(t, "200", rig.MustWait(second), "second")
		rig.Pass(time.Minute)
		r.Did(rig.Counts{Runs: 2, Letters: 1, Calls: 1})
		assert.Equal(t, rig.DeadLetter{ID: 2, Err: rig.ErrBroken}, r.Letter(0), "dead letter")
		assert.Equal(t, "late/1/200/late replied/1/0/late late/1/200/late dead_lettered/1/0/late", r.Outcomes(), "outcomes")
		assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1)), "redelivery after all")
		assert.Equal(t, "200", r.Post(rig.MessageIn(7, 2)), "redelivery after all")
		r.Did(rig.Counts{Runs: 2, Letters: 1, Calls: 1})
		r.Clean(r.Stats())
	})
}

func TestToldSameUpdateAgainWaitingOrRunning(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		r := rig.NewBot(t, tghook.Config{}, rig.Taking(3*time.Second, rig.Hello, nil))
		first, second := r.Send(rig.MessageIn(7, 1)), r.Send(rig.MessageIn(7, 1))
		waiting, joined := r.Send(rig.MessageIn(7, 2)), r.Send(rig.MessageIn(7, 2))
		assert.Equal(t, "200", rig.MustWait(first), "running: the older")
		assert.Equal(t, rig.HelloAnswer, rig.MustWait(second), "running: the newer")
		assert.Equal(t, "200", rig.MustWait(waiting), "waiting: the older")
		assert.Equal(t, rig.HelloAnswer, rig.MustWait(joined), "waiting: the newer")
		r.Did(rig.Counts{Runs: 2})
		var joins, replies int
		for _, v := range r.Deliveries {
			switch {
			case v.Outcome == tghook.OutcomeJoined && v.Attempt == 1 && !v.Rode:
				joins++
			case v.Outcome == tghook.OutcomeReplied && v.Attempt == 1 && v.Rode:
				replies++
			}
		}
		assert.Equal(t, [2]int{2, 2}, [2]int{joins, replies}, "joined, replied")
	})
}

func TestToldSameUpdateAgainSucceeded(t *testing.T) {
	t.Parallel()
	r := rig.NewBot(t, tghook.Config{Dispatch: tghook.DispatchConfig{Caller: new(rig.Caller)}}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
		if u.ID == 1 {
			return rig.Hello, nil
		}
		return tghook.NoReply, nil
	})
	for range 3 {
		assert.Equal(t, rig.HelloAnswer, r.Post(rig.MessageIn(7, 1)), "with a reply")
		assert.Equal(t, "200", r.Post(rig.MessageIn(7, 2)), "without one")
	}
	r.Did(rig.Counts{Runs: 2})
	assert.Equal(t, "replied/1/200/rode handled/1/200 duplicate/0/200/rode duplicate/0/200 duplicate/0/200/rode duplicate/0/200", r.Outcomes(), "outcomes")
}

func TestToldSameUpdateAgainFailed(t *testing.T) {
	t.Parallel()
	fail := true
	r := rig.NewBot(t, tghook.Config{}, func(context.Context, *tghook.Update) (tghook.Reply, error) {
		if fail {
			return rig.Hello, rig.ErrBroken
		}
		return rig.Hello, nil
	})
	assert.Equal(t, "500", r.Post(rig.MessageIn(7, 1)), "first")
	assert.Equal(t, "500", r.Post(rig.MessageIn(7, 1)), "second")
	fail = false
	assert.Equal(t, rig.HelloAnswer, r.Post(rig.MessageIn(7, 1)), "third")
	r.Did(rig.Counts{Runs: 3})
	assert.Equal(t, "failed/1/500 failed/2/500 replied/3/200/rode", r.Outcomes(), "outcomes")
}

func TestToldRunningInAnotherProcess(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		shared := rig.NewStore()
		a := rig.NewBot(t, rig.Replica(shared), rig.Taking(5*time.Second, rig.Hello, nil))
		b := rig.NewBot(t, rig.Replica(shared), rig.Taking(5*time.Second, rig.Hello, nil))
		running := a.Send(rig.MessageIn(7, 1))
		assert.Contains(t, rig.ShedAnswers, b.Post(rig.MessageIn(7, 1)), "elsewhere")
		assert.Equal(t, "shed/0/503", b.Outcomes(), "outcomes")
		b.Did(rig.Counts{})
		assert.Equal(t, rig.HelloAnswer, rig.MustWait(running), "the one that runs")
		a.Did(rig.Counts{Runs: 1})
	})
}

func TestToldOverMaxInFlight(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		for _, kind := range rig.ClampedKinds {
			r := rig.NewBot(t, tghook.Config{Dispatch: tghook.DispatchConfig{MaxInFlight: 2}}, rig.Taking(4*time.Second, rig.Hello, nil))
			first, second := r.Send(rig.KindBy(kind, 1, 1)), r.Send(rig.KindBy(kind, 2, 2))
			seen := map[string]int{}
			for id := range int64(200) {
				got := r.Post(rig.KindBy(kind, 3, 3+id))
				assert.Contains(t, rig.ShedAnswers[:min(rig.Clamp(kind), 5)-1], got, "jitter")
				seen[got]++
			}
			assert.Len(t, seen, min(rig.Clamp(kind), 5)-1, "different jitters")
			r.Did(rig.Counts{Runs: 2})
			joined := r.Send(rig.KindBy(kind, 1, 1))
			assert.Equal(t, "200", rig.MustWait(first), "first")
			assert.Equal(t, rig.HelloAnswer, rig.MustWait(joined), "joined")
			assert.Equal(t, rig.HelloAnswer, rig.MustWait(second), "second")
			assert.Equal(t, rig.HelloAnswer, r.Post(rig.KindBy(kind, 3, 3)), "one that came back")
			assert.Equal(t, 1, r.Last().Attempt, "its outcome")
			r.Did(rig.Counts{Runs: 3})
		}
	})
}

func TestToldOverMaxLane(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		r := rig.NewBot(t, tghook.Config{Dispatch: tghook.DispatchConfig{MaxLane: 2}}, rig.Taking(3*time.Second, rig.Hello, nil))
		first, second := r.Send(rig.MessageIn(7, 1)), r.Send(rig.MessageIn(7, 2))
		assert.Contains(t, rig.ShedAnswers, r.Post(rig.MessageIn(7, 3)), "third of the chat")
		assert.Equal(t, "shed/0/503", r.Outcomes(), "outcomes")
		other := r.Send(rig.MessageIn(8, 4))
		r.Did(rig.Counts{Runs: 2})
		assert.Equal(t, rig.HelloAnswer, rig.MustWait(other), "other chat")
		assert.Equal(t, rig.HelloAnswer, rig.MustWait(first), "first")
		assert.Equal(t, rig.HelloAnswer, rig.MustWait(second), "second")
		assert.Equal(t, rig.HelloAnswer, r.Post(rig.MessageIn(7, 3)), "third again")
		assert.Equal(t, 1, r.Last().Attempt, "its attempt")
		r.Did(rig.Counts{Runs: 4})
	})
}

func TestToldShuttingDown(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		r := rig.NewBot(t, tghook.Config{}, rig.Taking(3*time.Second, rig.Hello, nil))
		running := r.Send(rig.MessageIn(7, 1))
		down := make(chan error, 1)
		go func() { down <- r.Shutdown(t.Context()) }()
		rig.Pass(0)
		for i, kind := range rig.ClampedKinds {
			id := 100 + int64(i)
			unknown := r.Send(rig.KindBy(kind, 5, id))
			assert.Contains(t, rig.ShedAnswers, unknown.Now(), string(kind))
			require.ErrorIs(t, r.Last().Err, tghook.ErrShutdown)
		}
		joined := r.Send(rig.MessageIn(7, 1))
		assert.Equal(t, "200", rig.MustWait(running), "running")
		assert.Equal(t, rig.HelloAnswer, rig.MustWait(joined), "joined")
		require.NoError(t, <-down, "Shutdown")
		assert.Equal(t, rig.HelloAnswer, r.Post(rig.MessageIn(7, 1)), "replayed")
		assert.Contains(t, rig.ShedAnswers, r.Post(rig.MessageIn(7, 2)), "unknown, when all is over")
		r.Did(rig.Counts{Runs: 1})
	})
}

func TestToldStoreDown(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		shared := rig.NewStore()
		r := rig.NewBot(t, rig.Replica(shared), rig.Taking(0, rig.Hello, nil))
		shared.Set(func(s *rig.Store) { s.Down = true })
		for i, kind := range rig.ClampedKinds {
			assert.Contains(t, rig.ShedAnswers, r.Post(rig.KindBy(kind, 5, int64(i))), string(kind))
			if err := r.Last().Err; !errors.Is(err, rig.ErrStoreDown) || r.Last().Outcome != tghook.OutcomeShed {
				t.Errorf("Observe is told %v: %v", r.Last().Outcome, err)
			}
		}
		r.Did(rig.Counts{})
		r.Clean(r.Stats())
		shared.Set(func(s *rig.Store) { s.Down = false })
		assert.Equal(t, rig.HelloAnswer, r.Post(rig.KindBy(rig.ClampedKinds[0], 5, 0)), "up again")
		assert.Equal(t, 1, r.Last().Attempt, "its attempt")
	})
}

// A body that Telegram could take for a call must never come from anything but
// a handler's reply, whatever fails.
func TestToldNothingOfTheUsersInAFailure(t *testing.T) {
	t.Parallel()
	r := rig.NewBot(t, tghook.Config{}, rig.Taking(0, rig.Hello, errors.New(`{"method":"close"}`)))
	res := r.ServeWith(t.Context(), rig.MessageIn(7, 1), nil)
	assert.Empty(t, res.Body, "body")
	assert.Empty(t, res.Header, "header")
}
