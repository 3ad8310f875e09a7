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

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/rig"
)

// One test for each line of the table "What Telegram is told" of design.md. The
// lines with 4xx are in webhook_test.go.

func TestToldHandlerReturnedNil(t *testing.T) {
	t.Parallel()
	t.Run("without a reply", func(t *testing.T) {
		t.Parallel()
		r := rig.NewBot(t, tghook.Config{}, rig.Nothing)
		rig.Same(t, "answer", r.Post(rig.MessageIn(7, 1)), "200")
		rig.Same(t, "outcomes", r.Outcomes(), "handled/1/200")
		r.Did(1, 0, 0)
		r.Clean(r.Stats())
	})
	t.Run("with a reply", func(t *testing.T) {
		t.Parallel()
		r := rig.NewBot(t, tghook.Config{Dispatch: tghook.DispatchConfig{Caller: new(rig.Caller)}}, rig.Taking(0, rig.Hello, nil))
		rig.Same(t, "answer", r.Post(rig.MessageIn(7, 1)), rig.HelloAnswer)
		rig.Same(t, "outcomes", r.Outcomes(), "replied/1/200/rode")
		r.Did(1, 0, 0)
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
		if err != nil {
			t.Fatal(err)
		}
		rig.Same(t, "fields", form.Value, map[string][]string{"method": {"sendDocument"}, "chat_id": {"7"}})
		f, err := form.File["document"][0].Open()
		if err != nil {
			t.Fatal(err)
		}
		content, _ := io.ReadAll(f)
		rig.Same(t, "file", form.File["document"][0].Filename+": "+string(content), "a.txt: content")
		rig.Same(t, "outcomes", r.Outcomes(), "replied/1/200/rode")
	})
	t.Run("with a reply that cannot ride", func(t *testing.T) {
		t.Parallel()
		for i, method := range []string{"getMe", "GETCHAT", "setWebhook", "DeleteWebhook", "close", "logOut"} {
			api := &rig.Caller{}
			r := rig.NewBot(t, tghook.Config{Dispatch: tghook.DispatchConfig{Caller: api}}, rig.Taking(0, tghook.Reply{Method: method}, nil))
			rig.Same(t, method, r.Post(rig.MessageIn(7, int64(i))), "200")
			rig.Same(t, method, api.All(), []string{method + "{}"})
			rig.Same(t, method, r.Outcomes(), "replied/1/200")
			rig.Same(t, method+" again", r.Post(rig.MessageIn(7, int64(i))), "200")
			r.Did(1, 0, 1)
		}
	})
	t.Run("with a reply that cannot ride and that the API refuses", func(t *testing.T) {
		t.Parallel()
		api := &rig.Caller{Do: func(context.Context, string) error { return rig.ErrBroken }}
		r := rig.NewBot(t, tghook.Config{Dispatch: tghook.DispatchConfig{Caller: api}}, rig.Taking(0, tghook.Reply{Method: "getMe"}, nil))
		rig.Same(t, "answer", r.Post(rig.MessageIn(7, 1)), "200")
		rig.Same(t, "outcomes", r.Outcomes(), "reply_lost/1/200")
		if !errors.Is(r.Last().Err, rig.ErrBroken) {
			t.Errorf("Observe is told %v", r.Last().Err)
		}
		r.Did(1, 0, 1)
	})
}

// buries checks the row of dead letters: once for a DeadLetter that accepts, and
// once for one that fails at first.
func buries(t *testing.T, cfg tghook.Config, h tghook.HandlerFunc, outcome string, accepts func(error) bool) {
	t.Helper()
	t.Run("accepted", func(t *testing.T) {
		t.Parallel()
		r := rig.NewBot(t, cfg, h)
		rig.Same(t, "answer", r.Post(rig.MessageIn(7, 1)), "200")
		rig.Same(t, "outcomes", r.Outcomes(), outcome+"/1/200")
		r.Did(1, 1, 0)
		if err := r.Letter(0).Err; !accepts(err) || !accepts(r.Last().Err) {
			t.Errorf("DeadLetter is told %v, Observe %v", err, r.Last().Err)
		}
		rig.Same(t, "redelivery", r.Post(rig.MessageIn(7, 1)), "200")
		r.Did(1, 1, 0)
		rig.Same(t, "next of the lane", r.Post(rig.MessageIn(7, 2)), "200")
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
		rig.Same(t, "answer", r.Post(rig.MessageIn(7, 1)), "500")
		if err := r.Last().Err; !errors.Is(err, rig.ErrBroken) || !accepts(err) {
			t.Errorf("Observe is told %v", err)
		}
		r.Did(1, 1, 0)
		rig.Same(t, "redelivery, refused", r.Post(rig.MessageIn(7, 1)), "500")
		r.Did(1, 2, 0)
		rig.Same(t, "redelivery, accepted", r.Post(rig.MessageIn(7, 1)), "200")
		r.Did(1, 3, 0)
		if !accepts(r.Letter(2).Err) {
			t.Errorf("DeadLetter is told %v at last", r.Letter(2).Err)
		}
		rig.Same(t, "outcomes", r.Outcomes(), "failed/1/500 failed/1/500 "+outcome+"/1/200")
		rig.Same(t, "one more", r.Post(rig.MessageIn(7, 1)), "200")
		r.Did(1, 3, 0)
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
			rig.Same(t, err.Error(), r.Post(rig.MessageIn(7, 1)), "200")
			r.Did(1, 1, 0)
		}
	})
	t.Run("of nil", func(t *testing.T) {
		t.Parallel()
		r := rig.NewBot(t, tghook.Config{}, rig.Taking(0, rig.Hello, tghook.Drop(nil)))
		rig.Same(t, "answer", r.Post(rig.MessageIn(7, 1)), "200")
		r.Did(1, 1, 0)
	})
	t.Run("with a DeadLetter that panics", func(t *testing.T) {
		t.Parallel()
		cfg := tghook.Config{Dispatch: tghook.DispatchConfig{
			DeadLetter: func(context.Context, *tghook.Update, error) error { panic(rig.ErrBroken) },
		}}
		r := rig.NewBot(t, cfg, rig.Taking(0, rig.Hello, tghook.Drop(errors.New("gone"))))
		rig.Same(t, "answer", r.Post(rig.MessageIn(7, 1)), "500")
		rig.Same(t, "redelivery", r.Post(rig.MessageIn(7, 1)), "500")
		if !isBroken(r.Last().Err) {
			t.Errorf("Observe is told %v", r.Last().Err)
		}
		r.Did(1, 2, 0)
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
			rig.Same(t, fmt.Sprint("delivery ", i+1), r.Post(rig.MessageIn(7, 1)), want)
		}
		r.Did(3, 1, 0)
		rig.Same(t, "outcomes", r.Outcomes(), "failed/1/500 failed/2/500 dead_lettered/3/200 duplicate/0/200")
	})
	t.Run("by a panic", func(t *testing.T) {
		t.Parallel()
		r := rig.NewBot(t, cfg, func(context.Context, *tghook.Update) (tghook.Reply, error) { panic(rig.ErrBroken) })
		rig.Same(t, "answer", r.Post(rig.MessageIn(7, 1)), "200")
		r.Did(1, 1, 0)
		var panicked *tghook.PanicError
		if !errors.As(r.Letter(0).Err, &panicked) {
			t.Errorf("DeadLetter is told %v", r.Letter(0).Err)
		}
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
		rig.Same(t, "answer", r.Post(rig.MessageIn(7, 1)), "200")
		r.Did(1, 1, 0)
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
		rig.Same(t, "status", res.Status, 200)
		rig.Same(t, "length", len(res.Body), 1<<20)
	})
	t.Run("a panic while encoding is the handler's", func(t *testing.T) {
		t.Parallel()
		r := rig.NewBot(t, tghook.Config{}, rig.Taking(0, tghook.Reply{Method: "sendMessage", Params: explosive{}}, nil))
		rig.Same(t, "answer", r.Post(rig.MessageIn(7, 1)), "500")
		rig.Same(t, "next of the lane", r.Post(rig.MessageIn(7, 2)), "500")
	})
	t.Run("a file that breaks off may do better next time", func(t *testing.T) {
		t.Parallel()
		r := rig.NewBot(t, tghook.Config{}, func(context.Context, *tghook.Update) (tghook.Reply, error) {
			file := tghook.File{Name: "a", Body: &brokenReader{}}
			return tghook.Reply{Method: "sendDocument", Params: map[string]any{"document": file}}, nil
		})
		rig.Same(t, "answer", r.Post(rig.MessageIn(7, 1)), "500")
		rig.Same(t, "outcomes", r.Outcomes(), "failed/1/500")
		r.Did(1, 0, 0)
	})
}

type explosive struct{}

func (explosive) MarshalJSON() ([]byte, error) { panic(rig.ErrBroken) }

type brokenReader struct{ _ byte }

func (*brokenReader) Read([]byte) (int, error) { return 0, rig.ErrBroken }

func TestToldHandlerError(t *testing.T) {
	t.Parallel()
	r := rig.NewBot(t, tghook.Config{Dispatch: tghook.DispatchConfig{Caller: new(rig.Caller)}}, rig.Taking(0, rig.Hello, rig.ErrBroken))
	rig.Same(t, "answer", r.Post(rig.MessageIn(7, 1)), "500")
	rig.Same(t, "outcomes", r.Outcomes(), "failed/1/500")
	rig.Same(t, "error", r.Last().Err, rig.ErrBroken)
	r.Did(1, 0, 0)
	r.Clean(r.Stats())
	rig.Same(t, "failed", r.Stats().Failed, 1)
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
			rig.Same(t, "answer", r.Post(rig.MessageIn(7, 1)), "500")
			rig.Same(t, "outcomes", r.Outcomes(), "failed/1/500")
			var panicked *tghook.PanicError
			if err := r.Last().Err; !errors.As(err, &panicked) || panicked.Value != value ||
				!strings.Contains(string(panicked.Stack), "told_test.go") {
				t.Errorf("Observe is told %v", err)
			}
			rig.Same(t, "next of the lane", r.Post(rig.MessageIn(7, 2)), rig.HelloAnswer)
			r.Did(2, 0, 0)
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
		rig.Same(t, "answer", r.Post(rig.MessageIn(7, 1)), "500")
		rig.Same(t, "outcomes", r.Outcomes(), "failed/1/500")
		rig.Same(t, "next of the lane", r.Post(rig.MessageIn(7, 2)), rig.HelloAnswer)
		r.Did(2, 0, 0)
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
			rig.Same(t, fmt.Sprint(kind, " asked for ", asked), r.Post(rig.KindBy(kind, 5, int64(i))), after)
			rig.Same(t, "outcomes", r.Outcomes(), "failed/1/503")
			r.Did(1, 0, 0)
		}
	}
	r := rig.NewBot(t, tghook.Config{}, rig.Taking(0, rig.Hello, tghook.RetryAfter(2*time.Second, nil)))
	rig.Same(t, "of nil", r.Post(rig.MessageIn(7, 1)), "503 after 2")
	rig.Same(t, "redelivery", r.Post(rig.MessageIn(7, 1)), "503 after 2")
	r.Did(2, 0, 0)
}

func TestToldLateRetry(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		api := &rig.Caller{}
		r := rig.NewBot(t, tghook.Config{Dispatch: tghook.DispatchConfig{Caller: api}}, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			time.Sleep(12 * time.Second)
			return rig.Hello, ctx.Err()
		})
		got, took := r.Send(rig.MessageIn(7, 1)).Wait()
		rig.Same(t, "answer", got, "503 after 2")
		rig.Same(t, "took", took, 8*time.Second)
		rig.Same(t, "outcomes", r.Outcomes(), "late/1/503/late")
		rig.Pass(2 * time.Second)
		got, took = r.Send(rig.MessageIn(7, 1)).Wait()
		rig.Same(t, "redelivery", got, rig.HelloAnswer)
		rig.Same(t, "redelivery took", took, 2*time.Second)
		rig.Same(t, "outcomes", r.Outcomes(), "late/1/503/late replied/1/200/late/rode")
		rig.Pass(time.Minute)
		r.Did(1, 0, 0)
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
		rig.Same(t, "answer", got, "503")
		rig.Same(t, "took", took, 8*time.Second)
		rig.Same(t, "cause", <-cause, tghook.ErrLate)
		rig.Same(t, "redelivery", r.Post(rig.MessageIn(7, 1)), "503")
		<-cause
		rig.Pass(0) // until that run is over
		r.Did(2, 0, 0)
		rig.Same(t, "outcomes", r.Outcomes(), "late/1/503/late failed/1/0/late late/2/503/late failed/2/0/late")
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
		rig.Same(t, "answer", got, "200")
		rig.Same(t, "took", took, 8*time.Second)
		r.Did(1, 0, 0)
		second := r.Send(rig.MessageIn(7, 2))
		rig.Same(t, "still in its lane", r.Stats().InFlight, 2)
		rig.Pass(4*time.Second + 1)
		r.Did(2, 0, 1)
		rig.Same(t, "call", api.All(), []string{rig.HelloCall})
		rig.Same(t, "second", rig.MustWait(second), "200")
		rig.Pass(time.Minute)
		r.Did(2, 1, 1)
		rig.Same(t, "dead letter", r.Letter(0), rig.DeadLetter{ID: 2, Err: rig.ErrBroken})
		rig.Same(t, "outcomes", r.Outcomes(), "late/1/200/late replied/1/0/late late/1/200/late dead_lettered/1/0/late")
		rig.Same(t, "redelivery after all", r.Post(rig.MessageIn(7, 1)), "200")
		rig.Same(t, "redelivery after all", r.Post(rig.MessageIn(7, 2)), "200")
		r.Did(2, 1, 1)
		r.Clean(r.Stats())
	})
}

func TestToldSameUpdateAgainWaitingOrRunning(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		r := rig.NewBot(t, tghook.Config{}, rig.Taking(3*time.Second, rig.Hello, nil))
		first, second := r.Send(rig.MessageIn(7, 1)), r.Send(rig.MessageIn(7, 1))
		waiting, joined := r.Send(rig.MessageIn(7, 2)), r.Send(rig.MessageIn(7, 2))
		rig.Same(t, "running: the older", rig.MustWait(first), "200")
		rig.Same(t, "running: the newer", rig.MustWait(second), rig.HelloAnswer)
		rig.Same(t, "waiting: the older", rig.MustWait(waiting), "200")
		rig.Same(t, "waiting: the newer", rig.MustWait(joined), rig.HelloAnswer)
		r.Did(2, 0, 0)
		var joins, replies int
		for _, v := range r.Deliveries {
			switch {
			case v.Outcome == tghook.OutcomeJoined && v.Attempt == 1 && !v.Rode:
				joins++
			case v.Outcome == tghook.OutcomeReplied && v.Attempt == 1 && v.Rode:
				replies++
			}
		}
		rig.Same(t, "joined, replied", [2]int{joins, replies}, [2]int{2, 2})
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
		rig.Same(t, "with a reply", r.Post(rig.MessageIn(7, 1)), rig.HelloAnswer)
		rig.Same(t, "without one", r.Post(rig.MessageIn(7, 2)), "200")
	}
	r.Did(2, 0, 0)
	rig.Same(t, "outcomes", r.Outcomes(), "replied/1/200/rode handled/1/200 duplicate/0/200/rode duplicate/0/200 duplicate/0/200/rode duplicate/0/200")
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
	rig.Same(t, "first", r.Post(rig.MessageIn(7, 1)), "500")
	rig.Same(t, "second", r.Post(rig.MessageIn(7, 1)), "500")
	fail = false
	rig.Same(t, "third", r.Post(rig.MessageIn(7, 1)), rig.HelloAnswer)
	r.Did(3, 0, 0)
	rig.Same(t, "outcomes", r.Outcomes(), "failed/1/500 failed/2/500 replied/3/200/rode")
}

func TestToldRunningInAnotherProcess(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		shared := rig.NewStore()
		a := rig.NewBot(t, rig.Replica(shared), rig.Taking(5*time.Second, rig.Hello, nil))
		b := rig.NewBot(t, rig.Replica(shared), rig.Taking(5*time.Second, rig.Hello, nil))
		running := a.Send(rig.MessageIn(7, 1))
		rig.OneOf(t, "elsewhere", b.Post(rig.MessageIn(7, 1)), rig.ShedAnswers...)
		rig.Same(t, "outcomes", b.Outcomes(), "shed/0/503")
		b.Did(0, 0, 0)
		rig.Same(t, "the one that runs", rig.MustWait(running), rig.HelloAnswer)
		a.Did(1, 0, 0)
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
				rig.OneOf(t, "jitter", got, rig.ShedAnswers[:min(rig.Clamp(kind), 5)-1]...)
				seen[got]++
			}
			rig.Same(t, "different jitters", len(seen), min(rig.Clamp(kind), 5)-1)
			r.Did(2, 0, 0)
			joined := r.Send(rig.KindBy(kind, 1, 1))
			rig.Same(t, "first", rig.MustWait(first), "200")
			rig.Same(t, "joined", rig.MustWait(joined), rig.HelloAnswer)
			rig.Same(t, "second", rig.MustWait(second), rig.HelloAnswer)
			rig.Same(t, "one that came back", r.Post(rig.KindBy(kind, 3, 3)), rig.HelloAnswer)
			rig.Same(t, "its outcome", r.Last().Attempt, 1)
			r.Did(3, 0, 0)
		}
	})
}

func TestToldOverMaxLane(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		r := rig.NewBot(t, tghook.Config{Dispatch: tghook.DispatchConfig{MaxLane: 2}}, rig.Taking(3*time.Second, rig.Hello, nil))
		first, second := r.Send(rig.MessageIn(7, 1)), r.Send(rig.MessageIn(7, 2))
		rig.OneOf(t, "third of the chat", r.Post(rig.MessageIn(7, 3)), rig.ShedAnswers...)
		rig.Same(t, "outcomes", r.Outcomes(), "shed/0/503")
		other := r.Send(rig.MessageIn(8, 4))
		r.Did(2, 0, 0)
		rig.Same(t, "other chat", rig.MustWait(other), rig.HelloAnswer)
		rig.Same(t, "first", rig.MustWait(first), rig.HelloAnswer)
		rig.Same(t, "second", rig.MustWait(second), rig.HelloAnswer)
		rig.Same(t, "third again", r.Post(rig.MessageIn(7, 3)), rig.HelloAnswer)
		rig.Same(t, "its attempt", r.Last().Attempt, 1)
		r.Did(4, 0, 0)
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
			rig.OneOf(t, string(kind), unknown.Now(), rig.ShedAnswers...)
			if err := r.Last().Err; !errors.Is(err, tghook.ErrShutdown) {
				t.Errorf("Observe is told %v", err)
			}
		}
		joined := r.Send(rig.MessageIn(7, 1))
		rig.Same(t, "running", rig.MustWait(running), "200")
		rig.Same(t, "joined", rig.MustWait(joined), rig.HelloAnswer)
		rig.Same(t, "Shutdown", <-down, nil)
		rig.Same(t, "replayed", r.Post(rig.MessageIn(7, 1)), rig.HelloAnswer)
		rig.OneOf(t, "unknown, when all is over", r.Post(rig.MessageIn(7, 2)), rig.ShedAnswers...)
		r.Did(1, 0, 0)
	})
}

func TestToldStoreDown(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		shared := rig.NewStore()
		r := rig.NewBot(t, rig.Replica(shared), rig.Taking(0, rig.Hello, nil))
		shared.Set(func(s *rig.Store) { s.Down = true })
		for i, kind := range rig.ClampedKinds {
			rig.OneOf(t, string(kind), r.Post(rig.KindBy(kind, 5, int64(i))), rig.ShedAnswers...)
			if err := r.Last().Err; !errors.Is(err, rig.ErrStoreDown) || r.Last().Outcome != tghook.OutcomeShed {
				t.Errorf("Observe is told %v: %v", r.Last().Outcome, err)
			}
		}
		r.Did(0, 0, 0)
		r.Clean(r.Stats())
		shared.Set(func(s *rig.Store) { s.Down = false })
		rig.Same(t, "up again", r.Post(rig.KindBy(rig.ClampedKinds[0], 5, 0)), rig.HelloAnswer)
		rig.Same(t, "its attempt", r.Last().Attempt, 1)
	})
}

// A body that Telegram could take for a call must never come from anything but
// a handler's reply, whatever fails.
func TestToldNothingOfTheUsersInAFailure(t *testing.T) {
	t.Parallel()
	r := rig.NewBot(t, tghook.Config{}, rig.Taking(0, rig.Hello, errors.New(`{"method":"close"}`)))
	res := r.ServeWith(t.Context(), rig.MessageIn(7, 1), nil)
	rig.Same(t, "body", len(res.Body), 0)
	rig.Same(t, "header", len(res.Header), 0)
}
