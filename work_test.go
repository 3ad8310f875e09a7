package tghook_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tghook/tghook"
)

// dated is a message of an age, in one chat.
func dated(id int64, age time.Duration) string {
	return strings.Replace(messageIn(7, id), `"text"`, fmt.Sprintf(`"date":%d,"text"`, time.Now().Add(-age).Unix()), 1)
}

func TestAnUpdateOlderThanMaxAgeIsADeadLetter(t *testing.T) {
	const old = "tghook: older than DispatchConfig.MaxAge"
	t.Run("by webhook", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			r := newRig(t, tghook.Config{Dispatch: tghook.DispatchConfig{MaxAge: time.Hour}}, nothing)
			for _, test := range []struct {
				body    string
				outcome string
			}{
				{dated(1, 2*time.Hour), "dead_lettered/0/200"},
				{dated(2, time.Hour+2*time.Second), "dead_lettered/0/200"},
				{dated(3, time.Hour-2*time.Second), "handled/1/200"},
				{messageIn(7, 4), "handled/1/200"}, // no date
				{callbackIn(7, 7, 5), "handled/1/200"},
				{dated(6, -time.Hour), "handled/1/200"}, // the clock is wrong
			} {
				same(t, "answer", r.post(test.body), "200")
				v := r.last()
				same(t, test.body, fmt.Sprintf("%s/%d/%d", v.Outcome, v.Attempt, v.Status), test.outcome)
			}
			r.did(4, 2, 0)
			same(t, "why", fmt.Sprint(r.letter(0).id, r.letter(0).err), "1"+" "+old)
			same(t, "again", r.post(dated(1, 2*time.Hour)), "200")
			r.did(4, 2, 0)
		})
	})
	t.Run("none by default", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			r := newRig(t, tghook.Config{}, nothing)
			same(t, "answer", r.post(dated(1, 365*24*time.Hour)), "200")
			r.did(1, 0, 0)
		})
	})
	t.Run("when its turn comes", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			cfg := tghook.Config{LateAfter: -1, Dispatch: tghook.DispatchConfig{MaxAge: time.Minute, HandlerTimeout: time.Hour}}
			r := newRig(t, cfg, taking(2*time.Minute, tghook.NoReply, nil))
			first, second := r.send(dated(1, 0)), r.send(dated(2, 0))
			same(t, "first", mustWait(first), "200")
			same(t, "second", mustWait(second), "200")
			r.did(1, 1, 0)
			same(t, "outcomes", strings.Contains(r.outcomes(), "dead_lettered/0/200"), true)
		})
	})
	t.Run("at a repetition", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			r := newRig(t, tghook.Config{Dispatch: tghook.DispatchConfig{MaxAge: time.Minute}}, taking(0, tghook.NoReply, errBroken))
			body := dated(1, 0)
			same(t, "first", r.post(body), "500")
			pass(time.Minute + time.Second)
			same(t, "second", r.post(body), "200")
			r.did(1, 1, 0)
			same(t, "outcome", r.last().Outcome, tghook.OutcomeDeadLettered)
		})
	})
	t.Run("with a Store", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			shared := newNetStore()
			cfg := replica(shared)
			cfg.Dispatch.MaxAge = time.Hour
			r := newRig(t, cfg, nothing)
			same(t, "answer", r.post(dated(1, 2*time.Hour)), "200")
			same(t, "store", shared.log(), "Claim 1, Done 1")
			same(t, "outcomes", r.outcomes(), "dead_lettered/0/200")
		})
	})
	t.Run("by poll", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			tg := newTelegram(t)
			tg.send(t, dated(1, 2*time.Hour), dated(2, 0))
			p := startPoll(t, tg, tghook.PollConfig{Dispatch: tghook.DispatchConfig{MaxAge: time.Hour}}, nothing)
			pass(time.Minute)
			same(t, "order", p.order(), []int64{2})
			p.did(1, 1, 0)
			same(t, "pending", tg.Pending(), 0)
			p.end()
		})
	})
}

func TestAlwaysCallSendsEveryReplyByCallerBeforeTheAnswer(t *testing.T) {
	t.Run("without an answer that carries one", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			api := &apiCalls{do: func(context.Context, string) error { time.Sleep(2 * time.Second); return nil }}
			r := newRig(t, tghook.Config{Dispatch: tghook.DispatchConfig{AlwaysCall: true, Caller: api}}, taking(0, hello, nil))
			got, took := r.send(messageIn(7, 1)).wait()
			same(t, "answer", got, "200")
			same(t, "took", took, 2*time.Second)
			same(t, "calls", api.all(), []string{helloCall})
			same(t, "redelivery", r.post(messageIn(7, 1)), "200")
			same(t, "outcomes", r.outcomes(), "replied/1/200 duplicate/0/200")
			r.did(1, 0, 1)
		})
	})
	t.Run("and an error is told", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			cfg := tghook.Config{Dispatch: tghook.DispatchConfig{AlwaysCall: true}}
			log := wordy(&cfg.Dispatch)
			cfg.Dispatch.Caller = &apiCalls{do: func(context.Context, string) error {
				return &tghook.APIError{Method: "sendMessage", Code: 400, Description: "Bad Request: chat_id is empty"}
			}}
			r := newRig(t, cfg, taking(0, hello, nil))
			same(t, "answer", r.post(messageIn(7, 1)), "200")
			same(t, "outcomes", r.outcomes(), "reply_lost/1/200")
			if found := log.with("level=ERROR", "outcome=reply_lost", "chat_id is empty", "sendMessage"); len(found) != 1 {
				t.Errorf("the log has %d such lines:\n%s", len(found), log)
			}
			r.did(1, 0, 1)
		})
	})
	t.Run("with a Store no reply is kept there", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			shared := newNetStore()
			cfg := replica(shared)
			cfg.Dispatch.AlwaysCall, cfg.Dispatch.Caller = true, &apiCalls{}
			r := newRig(t, cfg, taking(0, hello, nil))
			same(t, "answer", r.post(messageIn(7, 1)), "200")
			same(t, "reply", len(shared.rows[tghook.Key{Bot: 1, ID: 1}].reply), 0)
			r.did(1, 0, 1)
		})
	})
	t.Run("by Do", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			c := newCore(t, tghook.DispatchConfig{AlwaysCall: true, Caller: &apiCalls{}}, taking(0, hello, nil))
			got, err := c.do(t.Context(), messageIn(7, 1))
			same(t, "Do", fmt.Sprint(got, err), "<nil>")
			c.did(1, 0, 1)
		})
	})
	t.Run("and a held call at once", func(t *testing.T) {
		t.Parallel()
		api := &wireAPI{}
		lib := newLibrary(t, &tghook.ReplyTransport{}, api)
		cfg := hookConfig()
		cfg.Dispatch.AlwaysCall, cfg.Dispatch.Caller = true, &apiCalls{}
		r := newRig(t, cfg, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			method, params, _ := strings.Cut(pressed, " ")
			same(t, "the library gets", lib.call(ctx, method, params), fromThere)
			same(t, "calls", len(api.all()), 1)
			return tghook.NoReply, nil
		})
		same(t, "answer", r.post(messageIn(7, 1)), "200")
		same(t, "calls", len(api.all()), 1)
	})
	t.Run("and needs a Caller", func(t *testing.T) {
		t.Parallel()
		_, err := tghook.NewDispatcher(tghook.HandlerFunc(nothing), tghook.DispatchConfig{AlwaysCall: true})
		var mistake *tghook.ConfigError
		if !errors.As(err, &mistake) || mistake.Field != "DispatchConfig.AlwaysCall" {
			t.Errorf("NewDispatcher: %v", err)
		}
		_, err = tghook.New(tghook.HandlerFunc(nothing), tghook.Config{InsecureNoSecret: true, Dispatch: tghook.DispatchConfig{AlwaysCall: true}})
		if !errors.As(err, &mistake) || mistake.Field != "Config.Dispatch.AlwaysCall" {
			t.Errorf("New: %v", err)
		}
	})
}
