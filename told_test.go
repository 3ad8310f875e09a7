package tghook_test

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
)

// One test for each line of the table "What Telegram is told" of design.md. The
// lines with 4xx are in webhook_test.go.

func TestToldHandlerReturnedNil(t *testing.T) {
	t.Parallel()
	t.Run("without a reply", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, tghook.Config{}, nothing)
		same(t, "answer", r.post(messageIn(7, 1)), "200")
		same(t, "outcomes", r.outcomes(), "handled/1/200")
		r.did(1, 0, 0)
		r.clean(r.Stats())
	})
	t.Run("with a reply", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, tghook.Config{Dispatch: tghook.DispatchConfig{Caller: new(apiCalls)}}, taking(0, hello, nil))
		same(t, "answer", r.post(messageIn(7, 1)), helloAnswer)
		same(t, "outcomes", r.outcomes(), "replied/1/200/rode")
		r.did(1, 0, 0)
	})
	t.Run("with a file in the reply", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, tghook.Config{}, func(context.Context, *tghook.Update) (tghook.Reply, error) {
			file := tghook.File{Name: "a.txt", Body: strings.NewReader("content")}
			return tghook.Reply{Method: "sendDocument", Params: map[string]any{"chat_id": 7, "document": file}}, nil
		})
		res := r.serve(t.Context(), messageIn(7, 1), nil)
		mediaType, params, err := mime.ParseMediaType(res.Header.Get("Content-Type"))
		if err != nil || mediaType != "multipart/form-data" || len(params["boundary"]) > 70 {
			t.Fatalf("Content-Type %q: %v", res.Header.Get("Content-Type"), err)
		}
		form, err := multipart.NewReader(bytes.NewReader(res.Body), params["boundary"]).ReadForm(1 << 20)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "fields", form.Value, map[string][]string{"method": {"sendDocument"}, "chat_id": {"7"}})
		f, err := form.File["document"][0].Open()
		if err != nil {
			t.Fatal(err)
		}
		content, _ := io.ReadAll(f)
		same(t, "file", form.File["document"][0].Filename+": "+string(content), "a.txt: content")
		same(t, "outcomes", r.outcomes(), "replied/1/200/rode")
	})
	t.Run("with a reply that cannot ride", func(t *testing.T) {
		t.Parallel()
		for i, method := range []string{"getMe", "GETCHAT", "setWebhook", "DeleteWebhook", "close", "logOut"} {
			api := &apiCalls{}
			r := newRig(t, tghook.Config{Dispatch: tghook.DispatchConfig{Caller: api}}, taking(0, tghook.Reply{Method: method}, nil))
			same(t, method, r.post(messageIn(7, int64(i))), "200")
			same(t, method, api.all(), []string{method + "{}"})
			same(t, method, r.outcomes(), "replied/1/200")
			same(t, method+" again", r.post(messageIn(7, int64(i))), "200")
			r.did(1, 0, 1)
		}
	})
	t.Run("with a reply that cannot ride and that the API refuses", func(t *testing.T) {
		t.Parallel()
		api := &apiCalls{do: func(context.Context, string) error { return errBroken }}
		r := newRig(t, tghook.Config{Dispatch: tghook.DispatchConfig{Caller: api}}, taking(0, tghook.Reply{Method: "getMe"}, nil))
		same(t, "answer", r.post(messageIn(7, 1)), "200")
		same(t, "outcomes", r.outcomes(), "reply_lost/1/200")
		if !errors.Is(r.last().Err, errBroken) {
			t.Errorf("Observe is told %v", r.last().Err)
		}
		r.did(1, 0, 1)
	})
}

// buries checks the row of dead letters: once for a DeadLetter that accepts, and
// once for one that fails at first.
func buries(t *testing.T, cfg tghook.Config, h tghook.HandlerFunc, outcome string, accepts func(error) bool) {
	t.Helper()
	t.Run("accepted", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, cfg, h)
		same(t, "answer", r.post(messageIn(7, 1)), "200")
		same(t, "outcomes", r.outcomes(), outcome+"/1/200")
		r.did(1, 1, 0)
		if err := r.letter(0).err; !accepts(err) || !accepts(r.last().Err) {
			t.Errorf("DeadLetter is told %v, Observe %v", err, r.last().Err)
		}
		same(t, "redelivery", r.post(messageIn(7, 1)), "200")
		r.did(1, 1, 0)
		same(t, "next of the lane", r.post(messageIn(7, 2)), "200")
	})
	t.Run("refused at first", func(t *testing.T) {
		t.Parallel()
		cfg := cfg
		refusals := 2
		cfg.Dispatch.DeadLetter = func(context.Context, *tghook.Update, error) error {
			if refusals--; refusals >= 0 {
				return errBroken
			}
			return nil
		}
		r := newRig(t, cfg, h)
		same(t, "answer", r.post(messageIn(7, 1)), "500")
		if err := r.last().Err; !errors.Is(err, errBroken) || !accepts(err) {
			t.Errorf("Observe is told %v", err)
		}
		r.did(1, 1, 0)
		same(t, "redelivery, refused", r.post(messageIn(7, 1)), "500")
		r.did(1, 2, 0)
		same(t, "redelivery, accepted", r.post(messageIn(7, 1)), "200")
		r.did(1, 3, 0)
		if !accepts(r.letter(2).err) {
			t.Errorf("DeadLetter is told %v at last", r.letter(2).err)
		}
		same(t, "outcomes", r.outcomes(), "failed/1/500 failed/1/500 "+outcome+"/1/200")
		same(t, "one more", r.post(messageIn(7, 1)), "200")
		r.did(1, 3, 0)
		r.clean(r.Stats())
	})
}

func TestToldDrop(t *testing.T) {
	t.Parallel()
	isBroken := func(err error) bool { return errors.Is(err, errBroken) }
	buries(t, tghook.Config{}, taking(0, hello, tghook.Drop(errBroken)), "dropped", isBroken)
	t.Run("wrapped, and besides RetryAfter", func(t *testing.T) {
		t.Parallel()
		for _, err := range []error{
			fmt.Errorf("wrapped: %w", tghook.Drop(errBroken)),
			tghook.RetryAfter(time.Second, tghook.Drop(errBroken)),
			tghook.Drop(tghook.RetryAfter(time.Second, errBroken)),
			errors.Join(tghook.RetryAfter(time.Second, errBroken), tghook.Drop(errBroken)),
		} {
			r := newRig(t, tghook.Config{}, taking(0, hello, err))
			same(t, err.Error(), r.post(messageIn(7, 1)), "200")
			r.did(1, 1, 0)
		}
	})
	t.Run("of nil", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, tghook.Config{}, taking(0, hello, tghook.Drop(nil)))
		same(t, "answer", r.post(messageIn(7, 1)), "200")
		r.did(1, 1, 0)
	})
	t.Run("with a DeadLetter that panics", func(t *testing.T) {
		t.Parallel()
		cfg := tghook.Config{Dispatch: tghook.DispatchConfig{
			DeadLetter: func(context.Context, *tghook.Update, error) error { panic(errBroken) },
		}}
		r := newRig(t, cfg, taking(0, hello, tghook.Drop(errors.New("gone"))))
		same(t, "answer", r.post(messageIn(7, 1)), "500")
		same(t, "redelivery", r.post(messageIn(7, 1)), "500")
		if !isBroken(r.last().Err) {
			t.Errorf("Observe is told %v", r.last().Err)
		}
		r.did(1, 2, 0)
	})
}

func TestToldMaxAttemptsReached(t *testing.T) {
	t.Parallel()
	isBroken := func(err error) bool { return errors.Is(err, errBroken) }
	cfg := tghook.Config{Dispatch: tghook.DispatchConfig{MaxAttempts: 1}}
	buries(t, cfg, taking(0, hello, tghook.RetryAfter(time.Second, errBroken)), "dead_lettered", isBroken)
	t.Run("at the third", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, tghook.Config{Dispatch: tghook.DispatchConfig{MaxAttempts: 3}}, taking(0, hello, errBroken))
		for i, want := range []string{"500", "500", "200", "200"} {
			same(t, fmt.Sprint("delivery ", i+1), r.post(messageIn(7, 1)), want)
		}
		r.did(3, 1, 0)
		same(t, "outcomes", r.outcomes(), "failed/1/500 failed/2/500 dead_lettered/3/200 duplicate/0/200")
	})
	t.Run("by a panic", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, cfg, func(context.Context, *tghook.Update) (tghook.Reply, error) { panic(errBroken) })
		same(t, "answer", r.post(messageIn(7, 1)), "200")
		r.did(1, 1, 0)
		var panicked *tghook.PanicError
		if !errors.As(r.letter(0).err, &panicked) {
			t.Errorf("DeadLetter is told %v", r.letter(0).err)
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
		h := tghook.TypedWith(func([]byte, any) error { panic(errBroken) },
			func(context.Context, *narrow) (tghook.Reply, error) { return hello, nil })
		r := newRig(t, tghook.Config{}, h.HandleUpdate)
		same(t, "answer", r.post(messageIn(7, 1)), "200")
		r.did(1, 1, 0)
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
			buries(t, tghook.Config{}, taking(0, reply, nil), "dead_lettered", unsendable)
		})
	}
	t.Run("exactly 1 MiB rides", func(t *testing.T) {
		t.Parallel()
		const frame = len(`{"method":"m","t":""}`)
		reply := tghook.Reply{Method: "m", Params: map[string]any{"t": strings.Repeat("x", 1<<20-frame)}}
		r := newRig(t, tghook.Config{}, taking(0, reply, nil))
		res := r.serve(t.Context(), messageIn(7, 1), nil)
		same(t, "status", res.Status, 200)
		same(t, "length", len(res.Body), 1<<20)
	})
	t.Run("a panic while encoding is the handler's", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, tghook.Config{}, taking(0, tghook.Reply{Method: "sendMessage", Params: explosive{}}, nil))
		same(t, "answer", r.post(messageIn(7, 1)), "500")
		same(t, "next of the lane", r.post(messageIn(7, 2)), "500")
	})
	t.Run("a file that breaks off may do better next time", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, tghook.Config{}, func(context.Context, *tghook.Update) (tghook.Reply, error) {
			file := tghook.File{Name: "a", Body: &brokenReader{}}
			return tghook.Reply{Method: "sendDocument", Params: map[string]any{"document": file}}, nil
		})
		same(t, "answer", r.post(messageIn(7, 1)), "500")
		same(t, "outcomes", r.outcomes(), "failed/1/500")
		r.did(1, 0, 0)
	})
}

type explosive struct{}

func (explosive) MarshalJSON() ([]byte, error) { panic(errBroken) }

type brokenReader struct{ _ byte }

func (*brokenReader) Read([]byte) (int, error) { return 0, errBroken }

func TestToldHandlerError(t *testing.T) {
	t.Parallel()
	r := newRig(t, tghook.Config{Dispatch: tghook.DispatchConfig{Caller: new(apiCalls)}}, taking(0, hello, errBroken))
	same(t, "answer", r.post(messageIn(7, 1)), "500")
	same(t, "outcomes", r.outcomes(), "failed/1/500")
	same(t, "error", r.last().Err, errBroken)
	r.did(1, 0, 0)
	r.clean(r.Stats())
	same(t, "failed", r.Stats().Failed, 1)
}

func TestToldHandlerPanic(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]any{"an error": errBroken, "a string": "no", "ErrAbortHandler": http.ErrAbortHandler} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, tghook.Config{}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
				if u.ID == 1 {
					panic(value)
				}
				return hello, nil
			})
			same(t, "answer", r.post(messageIn(7, 1)), "500")
			same(t, "outcomes", r.outcomes(), "failed/1/500")
			var panicked *tghook.PanicError
			if err := r.last().Err; !errors.As(err, &panicked) || panicked.Value != value ||
				!strings.Contains(string(panicked.Stack), "told_test.go") {
				t.Errorf("Observe is told %v", err)
			}
			same(t, "next of the lane", r.post(messageIn(7, 2)), helloAnswer)
			r.did(2, 0, 0)
		})
	}
	t.Run("Goexit", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, tghook.Config{}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			if u.ID == 1 {
				runtime.Goexit()
			}
			return hello, nil
		})
		same(t, "answer", r.post(messageIn(7, 1)), "500")
		same(t, "outcomes", r.outcomes(), "failed/1/500")
		same(t, "next of the lane", r.post(messageIn(7, 2)), helloAnswer)
		r.did(2, 0, 0)
	})
}

func TestToldRetryAfter(t *testing.T) {
	t.Parallel()
	const never = 1<<63 - 1
	for asked, want := range map[time.Duration]int{
		-time.Hour: 1, 0: 1, 1: 1, time.Second: 1, time.Second + 1: 2, 1500 * time.Millisecond: 2,
		3 * time.Second: 3, 3*time.Second + 1: 4, 15 * time.Second: 15, time.Minute: 60, time.Hour: 3600, never: 3600,
	} {
		for i, kind := range clampedKinds {
			err := fmt.Errorf("wrapped: %w", tghook.RetryAfter(asked, errBroken))
			r := newRig(t, tghook.Config{Dispatch: tghook.DispatchConfig{Caller: new(apiCalls)}}, taking(0, hello, err))
			after := fmt.Sprintf("503 after %d", min(want, clamp(kind)))
			same(t, fmt.Sprint(kind, " asked for ", asked), r.post(kindBy(kind, 5, int64(i))), after)
			same(t, "outcomes", r.outcomes(), "failed/1/503")
			r.did(1, 0, 0)
		}
	}
	r := newRig(t, tghook.Config{}, taking(0, hello, tghook.RetryAfter(2*time.Second, nil)))
	same(t, "of nil", r.post(messageIn(7, 1)), "503 after 2")
	same(t, "redelivery", r.post(messageIn(7, 1)), "503 after 2")
	r.did(2, 0, 0)
}

func TestToldLateRetry(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		api := &apiCalls{}
		r := newRig(t, tghook.Config{Dispatch: tghook.DispatchConfig{Caller: api}}, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			time.Sleep(12 * time.Second)
			return hello, ctx.Err()
		})
		got, took := r.send(messageIn(7, 1)).wait()
		same(t, "answer", got, "503 after 2")
		same(t, "took", took, 8*time.Second)
		same(t, "outcomes", r.outcomes(), "late/1/503/late")
		pass(2 * time.Second)
		got, took = r.send(messageIn(7, 1)).wait()
		same(t, "redelivery", got, helloAnswer)
		same(t, "redelivery took", took, 2*time.Second)
		same(t, "outcomes", r.outcomes(), "late/1/503/late replied/1/200/late/rode")
		pass(time.Minute)
		r.did(1, 0, 0)
		r.clean(r.Stats())
	})
}

func TestToldLateCancel(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		cause := make(chan error, 1)
		r := newRig(t, tghook.Config{Late: tghook.LateCancel}, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			<-ctx.Done()
			cause <- context.Cause(ctx)
			return hello, ctx.Err()
		})
		got, took := r.send(messageIn(7, 1)).wait()
		same(t, "answer", got, "503")
		same(t, "took", took, 8*time.Second)
		same(t, "cause", <-cause, tghook.ErrLate)
		same(t, "redelivery", r.post(messageIn(7, 1)), "503")
		<-cause
		pass(0) // until that run is over
		r.did(2, 0, 0)
		same(t, "outcomes", r.outcomes(), "late/1/503/late failed/1/0/late late/2/503/late failed/2/0/late")
		r.clean(r.Stats())
	})
}

func TestToldLateAck(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		api := &apiCalls{}
		r := newRig(t, tghook.Config{Late: tghook.LateAck, Dispatch: tghook.DispatchConfig{Caller: api}},
			func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
				time.Sleep(12 * time.Second)
				if u.ID == 1 {
					return hello, ctx.Err()
				}
				return hello, errBroken
			})
		got, took := r.send(messageIn(7, 1)).wait()
		same(t, "answer", got, "200")
		same(t, "took", took, 8*time.Second)
		r.did(1, 0, 0)
		second := r.send(messageIn(7, 2))
		same(t, "still in its lane", r.Stats().InFlight, 2)
		pass(4*time.Second + 1)
		r.did(2, 0, 1)
		same(t, "call", api.all(), []string{helloCall})
		same(t, "second", mustWait(second), "200")
		pass(time.Minute)
		r.did(2, 1, 1)
		same(t, "dead letter", r.letter(0), deadLetter{2, errBroken})
		same(t, "outcomes", r.outcomes(), "late/1/200/late replied/1/0/late late/1/200/late dead_lettered/1/0/late")
		same(t, "redelivery after all", r.post(messageIn(7, 1)), "200")
		same(t, "redelivery after all", r.post(messageIn(7, 2)), "200")
		r.did(2, 1, 1)
		r.clean(r.Stats())
	})
}

func mustWait(p *pending) string { got, _ := p.wait(); return got }

func TestToldSameUpdateAgainWaitingOrRunning(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t, tghook.Config{}, taking(3*time.Second, hello, nil))
		first, second := r.send(messageIn(7, 1)), r.send(messageIn(7, 1))
		waiting, joined := r.send(messageIn(7, 2)), r.send(messageIn(7, 2))
		same(t, "running: the older", mustWait(first), "200")
		same(t, "running: the newer", mustWait(second), helloAnswer)
		same(t, "waiting: the older", mustWait(waiting), "200")
		same(t, "waiting: the newer", mustWait(joined), helloAnswer)
		r.did(2, 0, 0)
		var joins, replies int
		for _, v := range r.deliveries {
			switch {
			case v.Outcome == tghook.OutcomeJoined && v.Attempt == 1 && !v.Rode:
				joins++
			case v.Outcome == tghook.OutcomeReplied && v.Attempt == 1 && v.Rode:
				replies++
			}
		}
		same(t, "joined, replied", [2]int{joins, replies}, [2]int{2, 2})
	})
}

func TestToldSameUpdateAgainSucceeded(t *testing.T) {
	t.Parallel()
	r := newRig(t, tghook.Config{Dispatch: tghook.DispatchConfig{Caller: new(apiCalls)}}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
		if u.ID == 1 {
			return hello, nil
		}
		return tghook.NoReply, nil
	})
	for range 3 {
		same(t, "with a reply", r.post(messageIn(7, 1)), helloAnswer)
		same(t, "without one", r.post(messageIn(7, 2)), "200")
	}
	r.did(2, 0, 0)
	same(t, "outcomes", r.outcomes(), "replied/1/200/rode handled/1/200 duplicate/0/200/rode duplicate/0/200 duplicate/0/200/rode duplicate/0/200")
}

func TestToldSameUpdateAgainFailed(t *testing.T) {
	t.Parallel()
	fail := true
	r := newRig(t, tghook.Config{}, func(context.Context, *tghook.Update) (tghook.Reply, error) {
		if fail {
			return hello, errBroken
		}
		return hello, nil
	})
	same(t, "first", r.post(messageIn(7, 1)), "500")
	same(t, "second", r.post(messageIn(7, 1)), "500")
	fail = false
	same(t, "third", r.post(messageIn(7, 1)), helloAnswer)
	r.did(3, 0, 0)
	same(t, "outcomes", r.outcomes(), "failed/1/500 failed/2/500 replied/3/200/rode")
}

func TestToldRunningInAnotherProcess(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		shared := newNetStore()
		a := newRig(t, replica(shared), taking(5*time.Second, hello, nil))
		b := newRig(t, replica(shared), taking(5*time.Second, hello, nil))
		running := a.send(messageIn(7, 1))
		oneOf(t, "elsewhere", b.post(messageIn(7, 1)), shedAnswers...)
		same(t, "outcomes", b.outcomes(), "shed/0/503")
		b.did(0, 0, 0)
		same(t, "the one that runs", mustWait(running), helloAnswer)
		a.did(1, 0, 0)
	})
}

func TestToldOverMaxInFlight(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		for _, kind := range clampedKinds {
			r := newRig(t, tghook.Config{Dispatch: tghook.DispatchConfig{MaxInFlight: 2}}, taking(4*time.Second, hello, nil))
			first, second := r.send(kindBy(kind, 1, 1)), r.send(kindBy(kind, 2, 2))
			seen := map[string]int{}
			for id := range int64(200) {
				got := r.post(kindBy(kind, 3, 3+id))
				oneOf(t, "jitter", got, shedAnswers[:min(clamp(kind), 5)-1]...)
				seen[got]++
			}
			same(t, "different jitters", len(seen), min(clamp(kind), 5)-1)
			r.did(2, 0, 0)
			joined := r.send(kindBy(kind, 1, 1))
			same(t, "first", mustWait(first), "200")
			same(t, "joined", mustWait(joined), helloAnswer)
			same(t, "second", mustWait(second), helloAnswer)
			same(t, "one that came back", r.post(kindBy(kind, 3, 3)), helloAnswer)
			same(t, "its outcome", r.last().Attempt, 1)
			r.did(3, 0, 0)
		}
	})
}

func TestToldOverMaxLane(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t, tghook.Config{Dispatch: tghook.DispatchConfig{MaxLane: 2}}, taking(3*time.Second, hello, nil))
		first, second := r.send(messageIn(7, 1)), r.send(messageIn(7, 2))
		oneOf(t, "third of the chat", r.post(messageIn(7, 3)), shedAnswers...)
		same(t, "outcomes", r.outcomes(), "shed/0/503")
		other := r.send(messageIn(8, 4))
		r.did(2, 0, 0)
		same(t, "other chat", mustWait(other), helloAnswer)
		same(t, "first", mustWait(first), helloAnswer)
		same(t, "second", mustWait(second), helloAnswer)
		same(t, "third again", r.post(messageIn(7, 3)), helloAnswer)
		same(t, "its attempt", r.last().Attempt, 1)
		r.did(4, 0, 0)
	})
}

func TestToldShuttingDown(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t, tghook.Config{}, taking(3*time.Second, hello, nil))
		running := r.send(messageIn(7, 1))
		down := make(chan error, 1)
		go func() { down <- r.Shutdown(t.Context()) }()
		pass(0)
		for i, kind := range clampedKinds {
			id := 100 + int64(i)
			unknown := r.send(kindBy(kind, 5, id))
			oneOf(t, string(kind), unknown.now(), shedAnswers...)
			if err := r.last().Err; !errors.Is(err, tghook.ErrShutdown) {
				t.Errorf("Observe is told %v", err)
			}
		}
		joined := r.send(messageIn(7, 1))
		same(t, "running", mustWait(running), "200")
		same(t, "joined", mustWait(joined), helloAnswer)
		same(t, "Shutdown", <-down, nil)
		same(t, "replayed", r.post(messageIn(7, 1)), helloAnswer)
		oneOf(t, "unknown, when all is over", r.post(messageIn(7, 2)), shedAnswers...)
		r.did(1, 0, 0)
	})
}

func TestToldStoreDown(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		shared := newNetStore()
		r := newRig(t, replica(shared), taking(0, hello, nil))
		shared.set(func(s *netStore) { s.down = true })
		for i, kind := range clampedKinds {
			oneOf(t, string(kind), r.post(kindBy(kind, 5, int64(i))), shedAnswers...)
			if err := r.last().Err; !errors.Is(err, errStoreDown) || r.last().Outcome != tghook.OutcomeShed {
				t.Errorf("Observe is told %v: %v", r.last().Outcome, err)
			}
		}
		r.did(0, 0, 0)
		r.clean(r.Stats())
		shared.set(func(s *netStore) { s.down = false })
		same(t, "up again", r.post(kindBy(clampedKinds[0], 5, 0)), helloAnswer)
		same(t, "its attempt", r.last().Attempt, 1)
	})
}

// A body that Telegram could take for a call must never come from anything but
// a handler's reply, whatever fails.
func TestToldNothingOfTheUsersInAFailure(t *testing.T) {
	t.Parallel()
	r := newRig(t, tghook.Config{}, taking(0, hello, errors.New(`{"method":"close"}`)))
	res := r.serve(t.Context(), messageIn(7, 1), nil)
	same(t, "body", len(res.Body), 0)
	same(t, "header", len(res.Header), 0)
}
