package promise_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/rig"
	"github.com/tghook/tghook/tghooktest"
)

// Without a Caller only a redelivery can carry a late reply. On a quiet bot Telegram has one
// connection, so that a redelivery may come long after it is due.
func TestWithoutACallerALateReplyWaitsAsLongAsARedeliveryMayCome(t *testing.T) {
	// The handler ends a second after the answer.
	start := func(t *testing.T, body string) *rig.Bot {
		r := rig.NewBot(t, tghook.Config{LateAfter: time.Second}, rig.Taking(2*time.Second, rig.Hello, nil))
		assert.Equal(t, "503 after 2", r.Post(body), "late")
		rig.Pass(time.Second)
		return r
	}
	query := rig.KindBy(tghook.KindInlineQuery, 7, 1)
	const minute, day = time.Minute, 24 * time.Hour
	for _, test := range []struct {
		name, body string
		after      time.Duration // the end of the handler
		rides      bool
	}{
		{"a message, after 10 seconds", rig.MessageIn(7, 1), 10*time.Second + 1, true},
		{"a message, after 40 seconds", rig.MessageIn(7, 1), 40 * time.Second, true},
		{"a message, after a day", rig.MessageIn(7, 1), day + 3*minute - 1, true},
		{"a message, after more than Telegram keeps it", rig.MessageIn(7, 1), day + 3*minute, false},
		{"an inline query, after 40 seconds", query, 40 * time.Second, true},
		{"an inline query, after more than Telegram keeps it", query, 30*time.Second + 3*minute, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				r := start(t, test.body)
				assert.Equal(t, 1, r.Stats().Unacknowledged, "unacknowledged")
				rig.Pass(test.after)
				if !test.rides {
					assert.Equal(t, "late/1/503/late reply_lost/1/0/late", r.Outcomes(), "outcomes")
					require.EqualError(t, r.Last().Err, "no redelivery has come that could carry it, and there is no Caller to send it with")
					r.Clean(r.Stats())
					return
				}
				assert.Equal(t, "late/1/503/late", r.Outcomes(), "outcomes before the redelivery")
				assert.Equal(t, rig.HelloAnswer, r.Post(test.body), "redelivery")
				assert.Equal(t, "late/1/503/late replied/1/200/late/rode", r.Outcomes(), "outcomes")
				assert.Equal(t, 0, r.Stats().Unacknowledged, "unacknowledged")
				r.Did(rig.Counts{Runs: 1})
			})
		})
	}
	t.Run("a reply that a dead delivery did not get, after 40 seconds", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			r := start(t, rig.MessageIn(7, 1))
			dead, cancel := context.WithCancel(t.Context())
			cancel()
			rig.Pass(40 * time.Second)
			assert.Equal(t, "503 after 2", r.PostWith(dead, rig.MessageIn(7, 1)), "a dead one")
			assert.Equal(t, rig.HelloAnswer, r.Post(rig.MessageIn(7, 1)), "a live one")
		})
	})
}

// What waits is bounded by number and by bytes. The oldest replies go first: their
// redeliveries are the least likely to come.
func TestWithoutACallerTheOldestLateRepliesGoPastTheBounds(t *testing.T) {
	for name, test := range map[string]struct {
		replies, kept int
		size          int // of each text
		cfg           tghook.DispatchConfig
	}{
		"as many as MaxInFlight": {10, 4, 10, tghook.DispatchConfig{MaxInFlight: 4}},
		"as many as 64 MiB":      {70, 64, 1<<20 - 100, tghook.DispatchConfig{}},
	} {
		t.Run(name, func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				text := strings.Repeat("x", test.size)
				r := rig.NewBot(t, tghook.Config{LateAfter: time.Second, Dispatch: test.cfg},
					rig.Taking(2*time.Second, tghook.Reply{Method: "sendMessage", Params: map[string]any{"text": text}}, nil))
				for id := range int64(test.replies) {
					assert.Equal(t, "503 after 2", r.Post(rig.MessageIn(id, id)), "late")
					rig.Pass(time.Second)
				}
				lost := int64(test.replies - test.kept)
				told := r.Told()
				assert.Len(t, told, test.replies+int(lost), "outcomes")
				for id := range lost {
					var reports []string
					for _, v := range told {
						if v.Update.ID == id && v.Outcome != tghook.OutcomeLate {
							reports = append(reports, fmt.Sprint(v.Outcome, ": ", v.Err))
						}
					}
					assert.Equalf(t, []string{"reply_lost: too many replies wait for a redelivery, and there is no Caller to send it with"}, reports, "update %d", id)
				}
				rig.Pass(40 * time.Second)
				for id := range int64(test.replies) {
					got := r.Post(rig.MessageIn(id, id))
					assert.Equalf(t, id >= lost, strings.HasSuffix(got, text+`"}`), "the reply to update %d rides: %.40s", id, got)
					assert.Equal(t, "200", got[:3], "redelivery")
				}
				r.Did(rig.Counts{Runs: test.replies})
			})
		})
	}
}

func TestShutdownWithoutACallerWaitsForTheRedeliveryThatIsDue(t *testing.T) {
	start := func(t *testing.T) *rig.Bot {
		r := rig.NewBot(t, tghook.Config{}, rig.Taking(9*time.Second, rig.Hello, nil))
		assert.Equal(t, "503 after 2", r.Post(rig.MessageIn(7, 1)), "late") // at 8 s
		rig.Pass(1500 * time.Millisecond)
		return r
	}
	t.Run("which does not come", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			r := start(t)
			began := time.Now()
			require.NoError(t, r.Shutdown(t.Context()))
			assert.Equal(t, 3500*time.Millisecond, time.Since(began), "took") // until 8 + 2 + 3
			assert.Equal(t, "late/1/503/late reply_lost/1/0/late", r.Outcomes(), "outcomes")
			require.ErrorIs(t, r.Last().Err, tghook.ErrShutdown)
			assert.Equal(t, rig.HelloAnswer, r.Post(rig.MessageIn(7, 1)), "a redelivery after all")
		})
	})
	t.Run("which comes", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			r := start(t)
			down := rig.Eventually(func() string { return fmt.Sprint(r.Shutdown(t.Context())) })
			rig.Pass(time.Second)
			assert.Equal(t, rig.HelloAnswer, r.Post(rig.MessageIn(7, 1)), "redelivery")
			got, took := down.Wait()
			assert.Equal(t, "<nil>", got, "Shutdown")
			assert.Equal(t, time.Second, took, "took")
			assert.Equal(t, "late/1/503/late replied/1/200/late/rode", r.Outcomes(), "outcomes")
		})
	})
	t.Run("which was due a minute ago", func(t *testing.T) {
		rig.Bubble(t, func(t *testing.T) {
			r := start(t)
			rig.Pass(time.Minute)
			began := time.Now()
			require.NoError(t, r.Shutdown(t.Context()))
			assert.Equal(t, time.Duration(0), time.Since(began), "took")
			assert.Equal(t, "late/1/503/late reply_lost/1/0/late", r.Outcomes(), "outcomes")
		})
	})
}

// Telegram holds up a quiet bot's chats one behind the other. No reply is lost all the same.
func TestWithoutACallerAQuietBotLosesNoReplyOfASlowHandler(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		const chats = 5
		tg := tghooktest.NewServer(t, tghooktest.ServerConfig{InMemory: true})
		r := rig.NewBot(t, tghook.Config{}, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
			time.Sleep(9 * time.Second)
			return tghook.Reply{Method: "sendMessage", Params: map[string]any{"chat_id": u.ChatID, "text": "done"}}, nil
		})
		tg.Webhook(t, r, rig.ToURL(""))
		for i := range chats {
			tg.User(fmt.Sprint("Ann ", i)).Chat().Send("/start")
		}
		start := time.Now()
		for len(tg.Calls("sendMessage")) < chats && time.Since(start) < time.Hour {
			rig.Pass(time.Second)
		}
		t.Logf("all after %v", time.Since(start))
		assert.Len(t, tg.Calls("sendMessage"), chats, "replies")
		assert.NotContains(t, r.Outcomes(), "reply_lost", "outcomes")
		r.Did(rig.Counts{Runs: chats})
	})
}
