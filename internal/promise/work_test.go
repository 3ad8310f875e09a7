package promise_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/rig"
)

// dated is a message of an age, in one chat.
func dated(id int64, age time.Duration) string {
	return strings.Replace(rig.MessageIn(7, id), `"text"`, fmt.Sprintf(`"date":%d,"text"`, time.Now().Add(-age).Unix()), 1)
}

func TestAnUpdateOlderThanMaxAgeIsADeadLetter(t *testing.T) {
	const old = "tghook: the update is older than DispatchConfig.MaxAge"
	t.Run("by webhook", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			r := rig.NewBot(t, tghook.Config{Dispatch: tghook.DispatchConfig{MaxAge: time.Hour}}, rig.Nothing)
			for _, test := range []struct {
				body    string
				outcome string
			}{
				{dated(1, 2*time.Hour), "dead_lettered/0/200"},
				{dated(2, time.Hour+2*time.Second), "dead_lettered/0/200"},
				{dated(3, time.Hour-2*time.Second), "handled/1/200"},
				{rig.MessageIn(7, 4), "handled/1/200"}, // no date
				{rig.CallbackIn(7, 7, 5), "handled/1/200"},
				{dated(6, -time.Hour), "handled/1/200"}, // the clock is wrong
			} {
				assert.Equal(t, "200", r.Post(test.body), "answer")
				v := r.Last()
				assert.Equal(t, test.outcome, fmt.Sprintf("%s/%d/%d", v.Outcome, v.Attempt, v.Status), test.body)
			}
			r.Did(rig.Counts{Runs: 4, Letters: 2})
			assert.Equal(t, "1"+" "+old, fmt.Sprint(r.Letter(0).ID, r.Letter(0).Err), "why")
			assert.Equal(t, "200", r.Post(dated(1, 2*time.Hour)), "again")
			r.Did(rig.Counts{Runs: 4, Letters: 2})
		})
	})
	t.Run("none by default", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			r := rig.NewBot(t, tghook.Config{}, rig.Nothing)
			assert.Equal(t, "200", r.Post(dated(1, 365*24*time.Hour)), "answer")
			r.Did(rig.Counts{Runs: 1})
		})
	})
	t.Run("when its turn comes", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			cfg := tghook.Config{LateAfter: -1, Dispatch: tghook.DispatchConfig{MaxAge: time.Minute, HandlerTimeout: time.Hour}}
			r := rig.NewBot(t, cfg, rig.Taking(2*time.Minute, tghook.NoReply, nil))
			first, second := r.Send(dated(1, 0)), r.Send(dated(2, 0))
			assert.Equal(t, "200", rig.MustWait(first), "first")
			assert.Equal(t, "200", rig.MustWait(second), "second")
			r.Did(rig.Counts{Runs: 1, Letters: 1})
			assert.Contains(t, r.Outcomes(), "dead_lettered/0/200", "outcomes")
		})
	})
	t.Run("at a repetition", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			r := rig.NewBot(t, tghook.Config{Dispatch: tghook.DispatchConfig{MaxAge: time.Minute}}, rig.Taking(0, tghook.NoReply, rig.ErrBroken))
			body := dated(1, 0)
			assert.Equal(t, "500", r.Post(body), "first")
			rig.Pass(time.Minute + time.Second)
			assert.Equal(t, "200", r.Post(body), "second")
			r.Did(rig.Counts{Runs: 1, Letters: 1})
			assert.Equal(t, tghook.OutcomeDeadLettered, r.Last().Outcome, "outcome")
		})
	})
	t.Run("with a Store", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			shared := rig.NewStore()
			cfg := rig.Replica(shared)
			cfg.Dispatch.MaxAge = time.Hour
			r := rig.NewBot(t, cfg, rig.Nothing)
			assert.Equal(t, "200", r.Post(dated(1, 2*time.Hour)), "answer")
			assert.Equal(t, "Claim 1, Done 1", shared.Log(), "store")
			assert.Equal(t, "dead_lettered/0/200", r.Outcomes(), "outcomes")
		})
	})
	t.Run("by poll", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			tg := rig.NewTelegram(t)
			tg.Send(t, dated(1, 2*time.Hour), dated(2, 0))
			p := rig.StartPoll(t, tg, tghook.PollConfig{Dispatch: tghook.DispatchConfig{MaxAge: time.Hour}}, rig.Nothing)
			rig.Pass(time.Minute)
			assert.Equal(t, []int64{2}, p.Order(), "order")
			p.Did(rig.Counts{Runs: 1, Letters: 1})
			assert.Equal(t, 0, tg.Pending(), "pending")
			p.End()
		})
	})
}

func TestAlwaysCallSendsEveryReplyByCallerBeforeTheAnswer(t *testing.T) {
	t.Run("without an answer that carries one", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			api := &rig.Caller{Do: func(context.Context, string) error { time.Sleep(2 * time.Second); return nil }}
			r := rig.NewBot(t, tghook.Config{Dispatch: tghook.DispatchConfig{AlwaysCall: true, Caller: api}}, rig.Taking(0, rig.Hello, nil))
			got, took := r.Send(rig.MessageIn(7, 1)).Wait()
			assert.Equal(t, "200", got, "answer")
			assert.Equal(t, 2*time.Second, took, "took")
			assert.Equal(t, []string{rig.HelloCall}, api.All(), "calls")
			assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1)), "redelivery")
			assert.Equal(t, "replied/1/200 duplicate/0/200", r.Outcomes(), "outcomes")
			r.Did(rig.Counts{Runs: 1, Calls: 1})
		})
	})
	t.Run("and an error is told", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			cfg := tghook.Config{Dispatch: tghook.DispatchConfig{AlwaysCall: true}}
			log := rig.Wordy(&cfg.Dispatch)
			cfg.Dispatch.Caller = &rig.Caller{Do: func(context.Context, string) error {
				return &tghook.APIError{Method: "sendMessage", Code: 400, Description: "Bad Request: chat_id is empty"}
			}}
			r := rig.NewBot(t, cfg, rig.Taking(0, rig.Hello, nil))
			assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1)), "answer")
			assert.Equal(t, "reply_lost/1/200", r.Outcomes(), "outcomes")
			if found := log.With("level=ERROR", "outcome=reply_lost", "chat_id is empty", "sendMessage"); len(found) != 1 {
				t.Errorf("the log has %d such lines:\n%s", len(found), log)
			}
			r.Did(rig.Counts{Runs: 1, Calls: 1})
		})
	})
	t.Run("with a Store no reply is kept there", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			shared := rig.NewStore()
			cfg := rig.Replica(shared)
			cfg.Dispatch.AlwaysCall, cfg.Dispatch.Caller = true, &rig.Caller{}
			r := rig.NewBot(t, cfg, rig.Taking(0, rig.Hello, nil))
			assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1)), "answer")
			assert.Empty(t, shared.Rows[tghook.Key{Bot: 1, ID: 1}].Reply, "reply")
			r.Did(rig.Counts{Runs: 1, Calls: 1})
		})
	})
	t.Run("by Do", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			c := rig.NewDispatcher(t, tghook.DispatchConfig{AlwaysCall: true, Caller: &rig.Caller{}}, rig.Taking(0, rig.Hello, nil))
			got, err := c.DoBody(t.Context(), rig.MessageIn(7, 1))
			assert.Equal(t, "<nil>", fmt.Sprint(got, err), "Do")
			c.Did(rig.Counts{Runs: 1, Calls: 1})
		})
	})
	t.Run("and a held call at once", func(t *testing.T) {
		t.Parallel()
		api := &rig.BotAPI{}
		lib := rig.NewLibrary(t, &tghook.ReplyTransport{}, api)
		cfg := rig.LibraryConfig()
		cfg.Dispatch.AlwaysCall, cfg.Dispatch.Caller = true, &rig.Caller{}
		r := rig.NewBot(t, cfg, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			method, params, _ := strings.Cut(rig.Pressed, " ")
			assert.Equal(t, rig.FromThere, lib.Call(ctx, method, params), "the library gets")
			assert.Len(t, api.All(), 1, "calls")
			return tghook.NoReply, nil
		})
		assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1)), "answer")
		assert.Len(t, api.All(), 1, "calls")
	})
	t.Run("and needs a Caller", func(t *testing.T) {
		t.Parallel()
		_, err := tghook.NewDispatcher(tghook.HandlerFunc(rig.Nothing), tghook.DispatchConfig{AlwaysCall: true})
		var mistake *tghook.ConfigError
		if !errors.As(err, &mistake) || mistake.Field != "DispatchConfig.AlwaysCall" {
			t.Errorf("NewDispatcher: %v", err)
		}
		_, err = tghook.New(tghook.HandlerFunc(rig.Nothing), tghook.Config{InsecureNoSecret: true, Dispatch: tghook.DispatchConfig{AlwaysCall: true}})
		if !errors.As(err, &mistake) || mistake.Field != "Config.Dispatch.AlwaysCall" {
			t.Errorf("New: %v", err)
		}
	})
}

// Not parallel: others would have their turn between two updates.
func TestUpdatesThatComeOneAfterTheOtherShareAGoroutine(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	goroutines := map[string]bool{}
	d := dispatcher(t, func(context.Context, *tghook.Update) (tghook.Reply, error) {
		stack := make([]byte, 64)
		name, _, _ := bytes.Cut(stack[:runtime.Stack(stack, false)], []byte(" ["))
		goroutines[string(name)] = true
		return tghook.NoReply, nil
	})
	const updates = 200
	for id := range int64(updates) {
		do(t, d, id)
	}
	if n := len(goroutines); n > updates/2 {
		t.Errorf("%d goroutines for %d updates", n, updates)
	}
}

func TestGoroutinesThatAreSharedHandleEachUpdateOnce(t *testing.T) {
	t.Parallel()
	const senders, updates = 40, 100
	var runs [senders * updates]atomic.Int32
	d := dispatcher(t, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
		runs[u.ID].Add(1)
		return tghook.NoReply, nil
	})
	var all sync.WaitGroup
	for sender := range int64(senders) {
		all.Go(func() {
			for n := range int64(updates) {
				do(t, d, sender*updates+n)
			}
		})
	}
	all.Wait()
	for id := range runs {
		if n := runs[id].Load(); n != 1 {
			t.Errorf("update %d was handled %d times", id, n)
		}
	}
	if s := d.Stats(); s.InFlight > 0 || s.Lanes > 0 {
		t.Errorf("there are left %+v", s)
	}
}

func dispatcher(t *testing.T, h tghook.HandlerFunc) *tghook.Dispatcher {
	t.Helper()
	d, err := tghook.NewDispatcher(h, tghook.DispatchConfig{})
	require.NoError(t, err)
	return d
}

func do(t *testing.T, d *tghook.Dispatcher, id int64) {
	t.Helper()
	u, err := tghook.ParseUpdate(fmt.Appendf(nil, `{"update_id":%d,"message":{"chat":{"id":%d}}}`, id, id+1))
	if err != nil {
		t.Error(err)
		return
	}
	if _, err := d.Do(t.Context(), u); err != nil {
		t.Error(err)
	}
}
