package tghooktest_test

import (
	"context"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/tghooktest"
)

func TestAdvanceMakesHappenWhatIsDue(t *testing.T) {
	t.Parallel()
	var seen deliveries
	bubble(t, tghooktest.ServerConfig{Observe: seen.observe}, func(t *testing.T, s *tghooktest.Server) {
		begin, began := s.Now(), time.Now()
		passed := func() time.Duration { return s.Now().Sub(begin) }
		p := poll(t, s, "timeout", "50")
		s.Advance(time.Minute)
		p.answered(t, noUpdates, time.Minute)

		chat := s.User("Zoë").Chat()
		chat.Send("hi")
		id := strconv.FormatInt(chat.ID, 10)
		require.Contains(t, ask(t, s, "sendPoll", "chat_id", id, "question", "q", "options", `["a","b"]`, "open_period", "600"), `"is_closed":false`)
		s.Advance(10 * time.Minute)
		synctest.Wait()
		_, object := newest(t, s)
		assert.Contains(t, string(object), `"is_closed":true`)
		s.Advance(25 * time.Hour)
		assert.Zero(t, s.Pending(), "updates that have expired")

		var down atomic.Bool
		down.Store(true)
		s.Webhook(t, http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
			if down.Load() {
				rw.WriteHeader(http.StatusBadGateway)
			}
		}), tghook.WebhookRequest{})
		chat.Send("again")
		time.Sleep(10 * time.Second) // tries at once, after 0, 2 and 4 s
		synctest.Wait()
		tries := len(seen.list())
		require.Equal(t, 4, tries)
		s.Advance(8 * time.Second)
		synctest.Wait()
		time.Sleep(5 * time.Millisecond) // the network's
		assert.Len(t, seen.list(), tries+1)
		down.Store(false)
		s.Advance(time.Hour)
		s.WaitDelivered(t)
		all := seen.list()
		assert.True(t, all[len(all)-1].Done)
		assert.Len(t, all, tries+2, "after the jump it was tried once, and not for each wait of the hour")
		assert.Greater(t, all[len(all)-1].At.Sub(begin), 26*time.Hour)
		s.Advance(-time.Hour)
		s.Advance(0)
		assert.Greater(t, passed(), 26*time.Hour)
		assert.Less(t, time.Since(began), time.Minute)
	})
}

func TestAdvanceEndsQueriesAndPayments(t *testing.T) {
	t.Parallel()
	inShop(t, func(t *testing.T, m market) {
		p := m.offer("slow", nil).Pay()
		m.srv.WaitDelivered(t)
		m.srv.Advance(11 * time.Second)
		state, err := p.Wait(t.Context())
		require.NoError(t, err)
		assert.Equal(t, tghooktest.PaymentFailed, state.Step)
		assert.Contains(t, state.Error, "did not answer pre_checkout_query within 10s")
	})
}

func TestTheSpeedOfTheTimeChanges(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		var seen events
		t.Cleanup(s.Watch(seen.add))
		p := poll(t, s, "timeout", "50")
		time.Sleep(10 * time.Second)
		begin := time.Now()
		require.NoError(t, s.SetSpeed(10))
		assert.InDelta(t, 10, s.Speed(), 0)
		<-p.done
		assert.Equal(t, 4*time.Second, time.Since(begin), "the 40 s that were left")
		assert.Equal(t, 50*time.Second, p.took)
		for _, bad := range []float64{0, -1} {
			require.ErrorContains(t, s.SetSpeed(bad), "is not a speed")
		}
		s.Advance(time.Hour)
		assert.Equal(t, []string{"time 10", "time 1h0m0s"}, brief(seen.take(tghooktest.EventCall, tghooktest.EventCallStarted)))
	})
}

// The same over sockets, in real time.
func TestTimeIsMovedOverSockets(t *testing.T) {
	t.Parallel()
	s := tghooktest.NewServer(t)
	asked := make(chan struct{})
	stop := s.Watch(func(e tghooktest.Event) {
		if e.Kind == tghooktest.EventCallStarted {
			close(asked)
		}
	})
	defer stop()
	answered := make(chan string, 1)
	go func() { answered <- ask(t, s, "getUpdates", "timeout", "50") }()
	<-asked
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	for {
		s.Advance(time.Minute) // the call may not wait yet
		select {
		case got := <-answered:
			assert.Equal(t, noUpdates, got)
			return
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			t.Fatal("getUpdates goes on waiting")
		}
	}
}

func TestResetForgetsAllButTheBotsAndTheirWebhooks(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{AllowRefusedReplies: true}, func(t *testing.T, s *tghooktest.Server) {
		other := add(t, s, tghooktest.BotConfig{})
		var down atomic.Bool
		hook := webhook(t, echo)
		s.Webhook(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if down.Load() {
				rw.WriteHeader(http.StatusBadGateway)
				return
			}
			hook.ServeHTTP(rw, r)
		}), tghook.WebhookRequest{SecretToken: secret})
		zoe, first := s.User("Zoë"), s.User("Zoë").Chat()
		first.Send("hi")
		first.Expect(t, "you said hi")
		other.User("Ben").Chat().Send("hi")
		s.FailCalls(100, tghooktest.CallError{}, "getMe")
		s.OnCall(func(tghooktest.Call) tghooktest.CallFault { return tghooktest.CallFault{Delay: time.Hour} })
		other.OnDelivery(func(tghooktest.Delivery) (none tghooktest.DeliveryFault) { return none })
		down.Store(true)
		first.Send("lost")
		synctest.Wait()

		var seen events
		t.Cleanup(s.Watch(seen.add))
		s.Reset()
		down.Store(false)
		assert.Contains(t, kindsOf(seen.take()), tghooktest.EventReset)
		assert.Zero(t, s.Pending()+other.Pending())
		assert.Empty(t, s.Calls())
		assert.Empty(t, s.Users())
		assert.Contains(t, info(t, s), `"url":"http://bot.example.org/telegram"`)
		assert.Contains(t, ask(t, s, "getMe"), `"ok":true`, "faults")
		for what, act := range map[string]func(*tghooktest.User){
			"Send":    func(u *tghooktest.User) { u.Chat().Send("hi") },
			"Join":    func(u *tghooktest.User) { u.Join(&tghooktest.Group{ID: -100, Title: "Team"}) },
			"Contact": func(u *tghooktest.User) { u.Chat().SendContact("1") },
			"Inline":  func(u *tghooktest.User) { u.Inline("q") },
			"Photo":   func(u *tghooktest.User) { u.SetPhoto([]byte("x")) },
			"Connect": func(u *tghooktest.User) { u.ConnectBusiness() },
			"Follow":  func(u *tghooktest.User) { u.Follow("x") },
		} {
			err := s.Try(func(_ testing.TB, s *tghooktest.Server) {
				u := s.User("someone")
				u.ID = zoe.ID
				act(u)
			})
			require.ErrorIs(t, err, tghooktest.ErrNoUser, what)
		}
		zoe.Block()
		zoe.Unblock()
		assert.Empty(t, first.Commands())
		assert.Empty(t, first.Messages())
		assert.Empty(t, first.State().Type)

		again := s.User("Zoë").Chat()
		assert.Equal(t, int64(1), again.Send("hi again").ID)
		again.Expect(t, "you said hi again")
	})
}
