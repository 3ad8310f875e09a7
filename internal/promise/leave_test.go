package promise_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/rig"
)

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
				place := regexp.MustCompile(` at="?github\.com/tghook/tghook/internal/promise_test\.` + name + ` leave_test\.go:\d+[" ]`)
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
