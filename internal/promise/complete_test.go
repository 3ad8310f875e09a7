package promise_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/rig"
)

const restingBound = 10_000

func TestPastTheirBoundTheOldestFailuresAreForgottenAndCounted(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		const more = 2000
		r := rig.NewBot(t, tghook.Config{}, rig.Taking(0, tghook.NoReply, rig.ErrBroken))
		for id := range int64(restingBound + more) {
			assert.Equal(t, "500", r.Post(rig.MessageIn(id, id+1)), "answer")
		}
		s := r.Stats()
		assert.Equal(t, restingBound, s.Failed, "failed")
		assert.Equal(t, uint64(more), s.Evicted, "evicted")
		for id, attempt := range map[int64]int{1: 1, more: 1, more + 4: 2, restingBound + more: 2} { // the first two put two more out
			r.Post(rig.MessageIn(id-1, id))
			assert.Equal(t, attempt, r.Last().Attempt, fmt.Sprint("attempt of ", id))
		}
		if s := r.Stats(); s.Failed > restingBound {
			t.Errorf("%d failures are kept", s.Failed)
		}
	})
}

func TestPastTheirBoundTheOldestUntoldSuccessesAreStillDuplicates(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		const more = 2000
		r := rig.NewBot(t, tghook.Config{}, rig.Taking(time.Second, tghook.NoReply, nil))
		r.GoneDuring(1, restingBound+more)
		r.Did(rig.Counts{Runs: restingBound + more})
		s := r.Stats()
		assert.Equal(t, restingBound, s.Unacknowledged, "unacknowledged")
		assert.Equal(t, uint64(more), s.Evicted, "evicted")
		assert.Equal(t, more, s.Remembered, "remembered")
		for _, id := range []int64{1, more, more + 1, restingBound + more} {
			assert.Equal(t, "200", r.Post(rig.MessageIn(id, id)), "answer")
			assert.Equal(t, tghook.OutcomeDuplicate, r.Last().Outcome, "outcome")
		}
		r.Did(rig.Counts{Runs: restingBound + more})
	})
}

func TestAtMost64DeliveriesWaitForOneUpdate(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		r := rig.NewBot(t, tghook.Config{LateAfter: -1}, rig.Taking(time.Minute, rig.Hello, nil))
		all := make([]*rig.Pending, 64)
		for i := range all {
			all[i] = r.Send(rig.MessageIn(7, 1))
		}
		got, took := r.Send(rig.MessageIn(7, 1)).Wait()
		assert.Contains(t, rig.ShedAnswers, got, "the 65th")
		assert.Equal(t, time.Duration(0), took, "took")
		assert.Equal(t, tghook.OutcomeShed, r.Last().Outcome, "outcome")
		rig.Pass(time.Minute)
		for _, p := range all[:63] {
			assert.Equal(t, "200", p.Now(), "one of 64")
		}
		assert.Equal(t, rig.HelloAnswer, all[63].Now(), "the newest of 64")
		r.Did(rig.Counts{Runs: 1})
	})
}

// replyOf is one of so many bytes.
func replyOf(size int) tghook.Reply {
	const around = len(`{"method":"sendMessage","text":""}`)
	return tghook.Reply{Method: "sendMessage", Params: map[string]any{"text": strings.Repeat("x", size-around)}}
}

func fileOf(size int) tghook.Reply {
	return tghook.Reply{Method: "sendDocument", Params: map[string]any{
		"document": tghook.File{Name: "a", Body: bytes.NewReader(make([]byte, size))},
	}}
}

func TestRepliesThatWaitForARedeliveryAreBounded(t *testing.T) {
	for name, test := range map[string]struct {
		inFlight    int
		reply       func() tghook.Reply
		fit, beyond int64
	}{
		"in bytes":              {0, func() tghook.Reply { return replyOf(1<<20 - 64) }, 64, 5},
		"in bytes, by the last": {0, func() tghook.Reply { return fileOf(22 << 20) }, 2, 1},
		"in number":             {10, func() tghook.Reply { return replyOf(100) }, 10, 5},
	} {
		t.Run(name, func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				var called atomic.Int64
				caller := rig.CallerFunc(func(context.Context, string, any) error { called.Add(1); return nil })
				r := rig.NewBot(t, tghook.Config{Dispatch: tghook.DispatchConfig{MaxInFlight: test.inFlight, Caller: caller}},
					func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
						time.Sleep(time.Second + time.Duration(u.ID)*time.Millisecond)
						return test.reply(), nil
					})
				for first := int64(1); first <= test.fit+test.beyond; first += 9 { // which fit in MaxInFlight
					ctx, cancel := context.WithCancel(t.Context())
					for id := first; id < min(first+9, test.fit+test.beyond+1); id++ {
						r.SendWith(ctx, rig.MessageIn(id, id))
					}
					cancel()
					if test.inFlight > 0 {
						rig.Pass(1200 * time.Millisecond)
					}
				}
				rig.Pass(1200 * time.Millisecond)
				assert.Equal(t, test.beyond, called.Load(), "sent at once")
				assert.Equal(t, int(test.fit+test.beyond), r.Stats().Unacknowledged, "unacknowledged")
				rig.Pass(time.Minute)
				assert.Equal(t, test.fit+test.beyond, called.Load(), "sent in the end")
			})
		})
	}
}

// What a dispatcher keeps when everything is full: the memory of succeeded updates, 14
// MiB at worst; kept replies, 8 MiB; replies that wait for a redelivery, 64 MiB; 10,000
// updates that rest, two KiB each; and each update in flight, its bytes, a KiB, and half a
// KiB for each of the 64 deliveries that wait for it.
func TestTheMemoryOfADispatcherIsBounded(t *testing.T) { //nolint:paralleltest // it measures the heap
	const (
		inFlight = 64
		size     = 64 << 10 // of an update
		bound    = (14+8+64)<<20 + restingBound<<11 + inFlight*(size+1<<10+64*512)
	)
	synctest.Test(t, func(t *testing.T) {
		before := heapInUse()
		release := make(chan struct{})
		d, err := tghook.NewDispatcher(tghook.HandlerFunc(func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			switch u.ChatID {
			case 1: // succeeds, with a reply
				return replyOf(100), nil
			case 2: // its sender goes
				time.Sleep(time.Second)
				return replyOf(1<<20 - 64), nil
			case 3:
				return tghook.NoReply, rig.ErrBroken
			default:
				<-release
				return tghook.NoReply, nil
			}
		}), tghook.DispatchConfig{
			MaxInFlight: inFlight, HandlerTimeout: -1, Caller: rig.CallerFunc(func(context.Context, string, any) error { return nil }),
			Lane: func(*tghook.Update) string { return "" }, Logger: slog.New(slog.DiscardHandler),
		})
		require.NoError(t, err)
		u := rig.Parsed(t, rig.MessageIn(1, 1))
		large := rig.Parsed(t, strings.Replace(rig.MessageIn(4, 1), "hi", strings.Repeat("x", size-200), 1))
		offer := func(ctx context.Context, of *tghook.Update, chat, id int64) error {
			each := *of
			each.ID, each.ChatID = id, chat
			if chat != 4 { // whose bytes are those of whoever delivers it
				each.Raw = bytes.Clone(of.Raw)
			}
			_, err := d.Do(ctx, &each)
			return err
		}
		for id := range int64(120_000) { // no two in a page
			require.NoError(t, offer(t.Context(), u, 1, id*997))
		}
		for id := range int64(restingBound + 1000) {
			_ = offer(t.Context(), u, 3, -1-id)
		}
		ctx, cancel := context.WithCancel(t.Context())
		for id := range int64(inFlight) {
			go func() { _ = offer(ctx, large, 2, 1<<40+id) }()
		}
		synctest.Wait()
		cancel()
		rig.Pass(time.Second)
		var all sync.WaitGroup
		for range 70 { // 64 of which may wait
			for id := range int64(inFlight) {
				all.Go(func() { _ = offer(t.Context(), large, 4, 1<<50+id) })
			}
			synctest.Wait()
		}
		used := heapInUse() - before
		s := d.Stats()
		t.Logf("%.1f of %.1f MiB: %+v", float64(used)/(1<<20), float64(bound)/(1<<20), s)
		if s.InFlight != inFlight || s.Failed != restingBound || s.Unacknowledged < 60 || s.Remembered < 99_000 {
			t.Errorf("it is not full: %+v", s)
		}
		if used > bound || used < bound/2 {
			t.Errorf("%d bytes are used, and the bound is %d", used, bound)
		}
		close(release)
		all.Wait()
		if err := d.Shutdown(t.Context()); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("Shutdown: %v", err)
		}
		time.Sleep(4 * 24 * time.Hour)
	})
}

func heapInUse() int64 {
	runtime.GC()
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc)
}

func TestALateAnswerNamesTheUpdateThatItsUpdateWaitsFor(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		cfg := tghook.Config{Deadline: func(u *tghook.Update) (time.Duration, tghook.LatePolicy) {
			if u.ID == 1 {
				return -1, 0
			}
			return 0, 0
		}}
		log := rig.Wordy(&cfg.Dispatch)
		r := rig.NewBot(t, cfg, rig.Taking(time.Minute, tghook.NoReply, nil))
		first := r.Send(rig.MessageIn(7, 1))
		rig.Pass(2 * time.Second)
		assert.Equal(t, "503 after 2", r.Post(rig.MessageIn(7, 2)), "answer")
		v := r.Last()
		const want = "tghook: answered while it waits in its lane for update 1 (message), which has run for 10s: it was given 8s by Config.LateAfter"
		if v.Err == nil || v.Err.Error() != want || !errors.Is(v.Err, tghook.ErrLate) {
			t.Errorf("Observe is told %v", v.Err)
		}
		assert.Equal(t, 0, v.Attempt, "attempt")
		if found := log.With("outcome=late", "update_id=2", want); len(found) != 1 {
			t.Errorf("the log has %d such lines:\n%s", len(found), log)
		}
		assert.Equal(t, "200", rig.MustWait(first), "first")
	})
}

func TestALateAnswerSaysThatItsUpdateWaitsForTheStore(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		cfg := tghook.Config{}
		shared := rig.NewStore()
		cfg.Dispatch.Store, cfg.Dispatch.Bot = shared, 1
		shared.Latency = 4 * time.Second
		cfg.LateAfter = time.Second
		slow := rig.NewBot(t, cfg, rig.Taking(0, tghook.NoReply, nil))
		first := slow.Send(rig.MessageIn(7, 1))
		assert.Equal(t, "503 after 2", slow.Post(rig.MessageIn(7, 2)), "answer")
		assert.Equal(t, "503 after 2", rig.MustWait(first), "first")
		told := slow.Told()
		texts := make([]string, 0, len(told))
		for _, v := range told {
			texts = append(texts, v.Err.Error())
		}
		assert.Equal(t, "2 true true", fmt.Sprint(len(texts), strings.Contains(strings.Join(texts, "\n"), "answered while it waits for the Store: it was given 1s by Config.LateAfter"),
			strings.Contains(strings.Join(texts, "\n"), "in its lane for update 1 (message), which waits for the Store: ")), "errors")
	})
}

func TestAHandlerThatOthersWaitForIsOneLineInTheLog(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		cfg := tghook.Config{}
		log := rig.Wordy(&cfg.Dispatch)
		r := rig.NewBot(t, cfg, rig.Taking(2*time.Minute, tghook.NoReply, nil))
		for start := time.Now(); time.Since(start) < 110*time.Second; { // Telegram asks again and again
			all := make([]*rig.Pending, 0, 5)
			for id := range int64(5) {
				all = append(all, r.Send(rig.MessageIn(7, id+1)))
			}
			for _, p := range all {
				assert.Equal(t, "503 after 2", rig.MustWait(p), "answer")
			}
			rig.Pass(2 * time.Second)
		}
		assert.Len(t, r.Told(), 55, "deliveries")
		if found := log.With("outcome=late"); len(found) != 1 {
			t.Errorf("the log has %d lines:\n%s", len(found), log)
		}
		rig.Pass(30 * time.Second) // the next one runs
		for range 2 {
			assert.Equal(t, "503 after 2", r.Post(rig.MessageIn(7, 3)), "answer")
		}
		if found := log.With("outcome=late"); len(found) != 2 || !strings.Contains(found[1], "for update 2 (message)") {
			t.Errorf("the log has %d lines:\n%s", len(found), log)
		}
		rig.Pass(time.Hour)
	})
}

//go:noinline
func explodes(context.Context, *tghook.Update) (tghook.Reply, error) { panic("broken") }

//go:noinline
func dereferences(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
	var next *tghook.Update
	if u.ID > 0 {
		u = next
	}
	return tghook.NoReply, errors.New(string(u.Kind))
}

func TestThePlaceOfAPanicIsReadableInTheLog(t *testing.T) {
	for name, h := range map[string]tghook.HandlerFunc{"explodes": explodes, "dereferences": dereferences} {
		t.Run(name, func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				cfg := tghook.Config{}
				log := rig.Wordy(&cfg.Dispatch)
				r := rig.NewBot(t, cfg, h)
				assert.Equal(t, "500", r.Post(rig.MessageIn(7, 1)), "answer")
				found := log.With("outcome=failed", "tghook: panic: ")
				place := regexp.MustCompile(` at="?github\.com/tghook/tghook/internal/promise_test\.` + name + ` complete_test\.go:\d+[" ]`)
				if len(found) != 1 || !place.MatchString(found[0]) || strings.Contains(found[0], `\n`) || strings.Contains(found[0], "0x") || len(found[0]) > 2000 {
					t.Errorf("the log has %d such lines:\n%s", len(found), log)
				}
				assert.Len(t, log.With(""), 1, "lines")
				var panicked *tghook.PanicError
				if !errors.As(r.Last().Err, &panicked) || !strings.Contains(string(panicked.Stack), "\n") {
					t.Errorf("Observe is told %v, without the whole stack", r.Last().Err)
				}
			})
		})
	}
}
