package tghooktest_test

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/tghooktest"
)

func TestEveryKindIsDeliveredWithItsID(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		ask(t, s, "getUpdates", "allowed_updates", fmt.Sprintf(`["%s"]`, strings.Join(kinds, `","`)))
		var want []int64
		for name, update := range tghooktest.Updates() {
			id := deliver(t, s, update)
			assert.True(t, strings.HasPrefix(string(update), fmt.Sprintf(`{"update_id":%d,`, id)), name)
			want = append(want, id)
		}
		last := want[len(want)-1]
		want = append(want, last+1)
		assert.Equal(t, last+1, deliver(t, s, tghooktest.Update("message")), "once more")
		assert.Equal(t, want, s.PendingIDs(), "pending")
		later()
		assert.Equal(t, len(want), strings.Count(ask(t, s, "getUpdates"), `"update_id":`), "updates")
		ask(t, s, "getUpdates", "offset", strconv.FormatInt(last+2, 10))
		assert.Zero(t, s.Pending(), "pending")
	})
}

func TestWhatIsNoUpdateIsAnErrorThatSaysSo(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		for update, want := range map[string]string{
			"":                         "the update is not a JSON object: EOF",
			"[]":                       "the update is not a JSON object: json: cannot unmarshal array",
			`{"message":{}`:            "the update is not a JSON object: unexpected EOF",
			`{"message":{}} x`:         "the update has data behind its JSON object",
			`{}`:                       "the update has 0 fields beside update_id; give it exactly one, such as message",
			`{"update_id":1}`:          "0 fields",
			`{"message":{},"poll":{}}`: "2 fields",
			`{"message":1}`:            "the update's field message is not a JSON object",
			`{"chat_member":{}}`:       "chat_member is not in allowed_updates, which has every kind except chat_member, message_reaction and message_reaction_count",
			`{"message":{"text":"` + strings.Repeat("x", 512<<10) + `"}}`: "Telegram drops an update of more than 524288 bytes",
		} {
			_, err := s.Deliver([]byte(update))
			require.Error(t, err, update)
			assert.True(t, strings.HasPrefix(err.Error(), "tghooktest: Deliver: "), update)
			assert.Contains(t, err.Error(), want, update)
		}
		assert.Zero(t, s.Pending(), "pending")
	})
}

func TestWaitDeliveredTellsWhatWaits(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		s.WaitDelivered(t)
		first := deliver(t, s, message("hi"))
		assert.Equal(t, fmt.Sprintf("tghooktest: 1 update waits: %d (message); "+
			"no webhook is set, and getUpdates has not confirmed them: context deadline exceeded", first), failure(t, s.WaitDelivered), "failure")
		silent(t, s, "bot.example.org:80")
		ask(t, s, "setWebhook", "url", hookURL)
		assert.Equal(t, fmt.Sprintf("tghooktest: 1 update waits: %d (message); "+
			"the webhook's last error: none: context deadline exceeded", first), failure(t, s.WaitDelivered), "failure")
		time.Sleep(time.Minute)
		for range 10 {
			deliver(t, s, message("hi"))
		}
		if got := failure(t, s.WaitDelivered); !strings.Contains(got, "11 updates wait") || strings.Count(got, "(message)") != 10 ||
			!strings.Contains(got, "the webhook's last error: Read timeout expired") {
			t.Error(got)
		}
	})
}

// WaitDelivered waits for a repeated delivery too, although its update is confirmed.
func TestWaitDeliveredWaitsForCopies(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{Patience: time.Minute}, func(t *testing.T, s *tghooktest.Server) {
		var requests, answered atomic.Int64
		s.Webhook(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			if requests.Add(1) == 2 {
				time.Sleep(20 * time.Second)
			}
			answered.Add(1)
		}), tghook.WebhookRequest{})
		s.OnDelivery(func(tghooktest.Delivery) tghooktest.DeliveryFault { return tghooktest.DeliveryFault{AgainAtOnce: true} })
		deliver(t, s, message("hi"))
		s.WaitDelivered(t)
		assert.Equal(t, []int64{2, 2}, []int64{requests.Load(), answered.Load()}, "answered")
	})
}

func TestAWebhookEndsWithItsTest(t *testing.T) {
	t.Parallel()
	s := tghooktest.NewServer(t)
	at := ""
	t.Run("", func(t *testing.T) {
		s.Webhook(t, webhook(t, echo), tghook.WebhookRequest{SecretToken: secret, MaxConnections: 7, AllowedUpdates: []string{"message"}})
		got, err := s.Bot(t).GetWebhookInfo(t.Context())
		require.NoError(t, err)
		at = got.URL
		assert.Equal(t, "7 [message]", fmt.Sprint(got.MaxConnections, got.AllowedUpdates), "info")
	})
	got, err := s.Bot(t).GetWebhookInfo(t.Context())
	require.NoError(t, err)
	assert.Empty(t, got.URL, "url")
	assert.Equal(t, []string{"getWebhookInfo", "getWebhookInfo"}, methods(s.Calls()), "calls")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at, nil)
	require.NoError(t, err)
	assert.True(t, strings.HasSuffix(do(t, s, r), "connection refused"))
}

// A connection that Telegram opened and has not used yet stays open for the next update.
func TestAWebhookWaitsForItsFirstUpdate(t *testing.T) {
	t.Parallel()
	for _, after := range []time.Duration{10 * time.Second, 30 * time.Second, 60 * time.Second} {
		attempts := 0
		cfg := tghooktest.ServerConfig{Observe: func(tghooktest.Delivery) { attempts++ }}
		bubble(t, cfg, func(t *testing.T, s *tghooktest.Server) {
			s.Webhook(t, webhook(t, echo), tghook.WebhookRequest{SecretToken: secret})
			time.Sleep(after - time.Millisecond) // a request takes up to two
			s.User("Zoë").Chat().Send("hi")
			s.WaitDelivered(t)
		})
		assert.Equal(t, 1, attempts, "attempts after "+after.String())
	}
}

func TestAWebhookThatAnotherHasReplacedStays(t *testing.T) {
	t.Parallel()
	s := tghooktest.NewServer(t)
	l, err := s.Listen("127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	url := "http://" + l.Addr().String() + "/"
	t.Run("", func(t *testing.T) {
		s.Webhook(t, webhook(t, echo), tghook.WebhookRequest{SecretToken: secret})
		assert.Equal(t, wasSet, ask(t, s, "setWebhook", "url", url), "set") // at once, because the bot did not set the other one
	})
	got, err := s.Bot(t).GetWebhookInfo(t.Context())
	require.NoError(t, err)
	assert.Equal(t, url, got.URL, "url")
}

func TestAWebhookListensAtItsURL(t *testing.T) {
	t.Parallel()
	for _, req := range []tghook.WebhookRequest{
		{URL: "http://my.example.org:8080/x?y", SecretToken: secret},
		{URL: "http://my.example.org/", IPAddress: "9.9.9.9", SecretToken: secret},
		{URL: "http://[2001:db8::1]:81", SecretToken: secret, DropPending: true},
	} {
		bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
			deliver(t, s, message("hi"))
			s.Webhook(t, webhook(t, func(context.Context, *tghook.Update) (tghook.Reply, error) {
				return tghook.Reply{Method: "sendChatAction", Params: map[string]any{"chat_id": 1, "action": "typing"}}, nil
			}), req)
			got, err := s.Bot(t).GetWebhookInfo(t.Context())
			require.NoError(t, err)
			assert.Equal(t, req.URL, got.URL, "url")
			s.WaitDelivered(t)
			if calls := len(s.Calls("sendChatAction")); (calls == 0) != req.DropPending {
				t.Errorf("%s was called %d times", req.URL, calls)
			}
		})
	}
}

func TestAWebhookThatCannotBeSetFailsTheTest(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		for url, want := range map[string]string{
			"https://bot.example.org/": `tghooktest: Webhook: URL "https://bot.example.org/" is not an http URL; for https, set ServerConfig.TLS, or use Listen and Client.SetWebhook`,
			"http://b b/":              `tghooktest: Webhook: URL "http://b b/" is not an http URL; for https, set ServerConfig.TLS, or use Listen and Client.SetWebhook`,
			s.URL:                      "tghooktest: Webhook: listen tcp 127.0.0.1:80: bind: address already in use",
		} {
			assert.Equal(t, want, failure(t, func(tb testing.TB) { s.Webhook(tb, nil, tghook.WebhookRequest{URL: url}) }))
		}
		assert.Equal(t, "tghooktest: Webhook: set http://bot.example.org/telegram: Bad Request: secret token contains unallowed characters", failure(t, func(tb testing.TB) {
			s.Webhook(tb, nil, tghook.WebhookRequest{SecretToken: "stand_in_secret!"})
		}), "a secret")
	})
}

func TestUpdatesInFlightAreDeliveredAgainByTheNextWebhook(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		silent(t, s, "slow.example.org:80")
		ask(t, s, "setWebhook", "url", "http://slow.example.org/")
		chat := s.User("Zoë").Chat()
		chat.Send("hi")
		time.Sleep(time.Second)
		s.Webhook(t, webhook(t, echo), tghook.WebhookRequest{SecretToken: secret})
		chat.Expect(t, "you said hi")
	})
}

func TestAPollThatFailsIsRetriedByTheClient(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{Patience: time.Hour}, func(t *testing.T, s *tghooktest.Server) {
		ctx, stop := context.WithCancel(t.Context())
		s.FailCalls(2, tghooktest.CallError{Code: 502}, "getUpdates")
		s.FailCalls(1, tghooktest.CallError{RetryAfter: 5 * time.Minute}, "getUpdates")
		var failed []error
		polled := make(chan error, 1)
		go func() {
			polled <- tghook.Poll(ctx, s.Bot(t), tghook.HandlerFunc(echo), tghook.PollConfig{
				OnError: func(_ context.Context, err error) { failed = append(failed, err) },
			})
		}()
		begin := s.Now()
		chat := s.User("Zoë").Chat()
		chat.Send("hi")
		chat.Expect(t, "you said hi")
		assert.GreaterOrEqual(t, s.Now().Sub(begin), 5*time.Minute)
		stop()
		<-polled
		var last *tghook.APIError
		require.Len(t, failed, 3)
		require.ErrorAs(t, failed[2], &last)
		assert.Equal(t, 5*time.Minute, last.RetryAfter, failed)
	})
}
