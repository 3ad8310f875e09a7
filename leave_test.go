package tghook_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tghook/tghook"
)

func TestALateAnswerNamesTheUpdateThatItsUpdateWaitsFor(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		cfg := tghook.Config{Deadline: func(u *tghook.Update) (time.Duration, tghook.LatePolicy) {
			if u.ID == 1 {
				return -1, 0
			}
			return 0, 0
		}}
		log := wordy(&cfg.Dispatch)
		r := newRig(t, cfg, taking(time.Minute, tghook.NoReply, nil))
		first := r.send(messageIn(7, 1))
		pass(2 * time.Second)
		same(t, "answer", r.post(messageIn(7, 2)), "503 after 2")
		v := r.last()
		const want = "tghook: answered while it waits in its lane for update 1 (message), which has run for 10s: it was given 8s by Config.LateAfter"
		if v.Err == nil || v.Err.Error() != want || !errors.Is(v.Err, tghook.ErrLate) {
			t.Errorf("Observe is told %v", v.Err)
		}
		same(t, "attempt", v.Attempt, 0)
		if found := log.with("outcome=late", "update_id=2", want); len(found) != 1 {
			t.Errorf("the log has %d such lines:\n%s", len(found), log)
		}
		same(t, "first", mustWait(first), "200")
	})
}

func TestALateAnswerSaysThatItsUpdateWaitsForTheStore(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		cfg := tghook.Config{}
		shared := newNetStore()
		cfg.Dispatch.Store, cfg.Dispatch.Bot = shared, 1
		shared.latency = 4 * time.Second
		cfg.LateAfter = time.Second
		slow := newRig(t, cfg, taking(0, tghook.NoReply, nil))
		first := slow.send(messageIn(7, 1))
		same(t, "answer", slow.post(messageIn(7, 2)), "503 after 2")
		same(t, "first", mustWait(first), "503 after 2")
		told := slow.told()
		texts := make([]string, 0, len(told))
		for _, v := range told {
			texts = append(texts, v.Err.Error())
		}
		same(t, "errors", fmt.Sprint(len(texts), strings.Contains(strings.Join(texts, "\n"), "answered while it waits for the Store: it was given 1s by Config.LateAfter"),
			strings.Contains(strings.Join(texts, "\n"), "in its lane for update 1 (message), which waits for the Store: ")), "2 true true")
	})
}

func TestAHandlerThatOthersWaitForIsOneLineInTheLog(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		cfg := tghook.Config{}
		log := wordy(&cfg.Dispatch)
		r := newRig(t, cfg, taking(2*time.Minute, tghook.NoReply, nil))
		for start := time.Now(); time.Since(start) < 110*time.Second; { // Telegram asks again and again
			all := make([]*pending, 0, 5)
			for id := range int64(5) {
				all = append(all, r.send(messageIn(7, id+1)))
			}
			for _, p := range all {
				same(t, "answer", mustWait(p), "503 after 2")
			}
			pass(2 * time.Second)
		}
		same(t, "deliveries", len(r.told()), 55)
		if found := log.with("outcome=late"); len(found) != 1 {
			t.Errorf("the log has %d lines:\n%s", len(found), log)
		}
		pass(30 * time.Second) // the next one runs
		for range 2 {
			same(t, "answer", r.post(messageIn(7, 3)), "503 after 2")
		}
		if found := log.with("outcome=late"); len(found) != 2 || !strings.Contains(found[1], "for update 2 (message)") {
			t.Errorf("the log has %d lines:\n%s", len(found), log)
		}
		pass(time.Hour)
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
			inBubble(t, func(t *testing.T) {
				cfg := tghook.Config{}
				log := wordy(&cfg.Dispatch)
				r := newRig(t, cfg, h)
				same(t, "answer", r.post(messageIn(7, 1)), "500")
				found := log.with("outcome=failed", "tghook: panic: ")
				place := regexp.MustCompile(` at="?github\.com/tghook/tghook_test\.` + name + ` leave_test\.go:\d+[" ]`)
				if len(found) != 1 || !place.MatchString(found[0]) || strings.Contains(found[0], `\n`) || strings.Contains(found[0], "0x") || len(found[0]) > 2000 {
					t.Errorf("the log has %d such lines:\n%s", len(found), log)
				}
				same(t, "lines", len(log.with("")), 1)
				var panicked *tghook.PanicError
				if !errors.As(r.last().Err, &panicked) || !strings.Contains(string(panicked.Stack), "\n") {
					t.Errorf("Observe is told %v, without the whole stack", r.last().Err)
				}
			})
		})
	}
}
