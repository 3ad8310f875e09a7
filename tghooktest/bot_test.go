package tghooktest_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/tghooktest"
)

const secret = "stand_in_secret"

// said is a message: its text and its chat.
type said struct {
	Message struct {
		Text string `json:"text"`
		Chat struct {
			ID int64 `json:"id"`
		} `json:"chat"`
	} `json:"message"`
}

// echo replies with the text of the message.
func echo(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
	var s said
	if err := u.Decode(&s); err != nil {
		return tghook.NoReply, err
	}
	return tghook.Reply{Method: "sendMessage", Params: map[string]any{"chat_id": u.ChatID, "text": "you said " + s.Message.Text}}, nil
}

func webhook(tb testing.TB, h tghook.HandlerFunc) *tghook.Webhook {
	tb.Helper()
	// Telegram decides how often an update comes, not the bot.
	quiet := tghook.DispatchConfig{Logger: slog.New(slog.DiscardHandler), MaxAttempts: 1_000_000}
	w, err := tghook.New(h, tghook.Config{Secret: secret, Dispatch: quiet})
	require.NoError(tb, err)
	return w
}

// everywhere runs a test over loopback, and in a bubble.
func everywhere(t *testing.T, cfg tghooktest.ServerConfig, test func(t *testing.T, s *tghooktest.Server)) {
	t.Helper()
	t.Run("loopback", func(t *testing.T) {
		t.Parallel()
		cfg := cfg
		cfg.Patience = limit
		test(t, tghooktest.NewServer(t, cfg))
	})
	t.Run("in memory", func(t *testing.T) {
		t.Parallel()
		bubble(t, cfg, test)
	})
}

func TestAnUpdateIsAnsweredByAReplyThatRides(t *testing.T) {
	t.Parallel()
	everywhere(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		s.Webhook(t, webhook(t, echo), tghook.WebhookRequest{SecretToken: secret})
		chat := s.User("Zoë").Chat()
		chat.Send("hi")
		chat.Expect(t, "you said hi")
		call := s.ExpectCall(t, "sendMessage")
		assert.True(t, call.Reply, "it rode")
		assert.Equal(t, "you said hi", call.Params["text"], "text")
		s.WaitDelivered(t)
		assert.Len(t, s.Calls(), 1, "calls")
	})
}

func TestAPollingBotAnswersByCalls(t *testing.T) {
	t.Parallel()
	everywhere(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		ctx, stop := context.WithCancel(t.Context())
		polled := make(chan error, 1)
		go func() { polled <- tghook.Poll(ctx, s.Bot(t), tghook.HandlerFunc(echo), tghook.PollConfig{}) }()
		chat := s.User("Zoë").Chat()
		chat.Send("hi")
		chat.Expect(t, "you said hi")
		assert.False(t, s.ExpectCall(t, "sendMessage").Reply, "it rode")
		s.WaitDelivered(t)
		stop()
		require.NoError(t, <-polled)
		assert.Equal(t, "[getWebhookInfo sendMessage]", fmt.Sprint(methods(s.Calls())), "calls")
	})
}

func methods(calls []tghooktest.Call) (names []string) {
	for _, c := range calls {
		names = append(names, c.Method)
	}
	return names
}

func TestAPollGoesOnWhenAWebhookHasComeAndGone(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{Patience: 5 * time.Minute}, func(t *testing.T, s *tghooktest.Server) {
		ctx, stop := context.WithCancel(t.Context())
		var conflicts []error
		polled := make(chan error, 1)
		go func() {
			polled <- tghook.Poll(ctx, s.Bot(t), tghook.HandlerFunc(echo), tghook.PollConfig{
				OnError: func(_ context.Context, err error) { conflicts = append(conflicts, err) },
			})
		}()
		time.Sleep(time.Minute)
		silent(t, s, "bot.example.org:80")
		bot := s.Bot(t)
		require.NoError(t, bot.SetWebhook(t.Context(), tghook.WebhookRequest{URL: hookURL, SecretToken: secret}))
		time.Sleep(time.Minute)
		require.NoError(t, bot.DeleteWebhook(t.Context(), false))
		time.Sleep(time.Minute)
		chat := s.User("Zoë").Chat()
		chat.Send("hi")
		chat.Expect(t, "you said hi")
		stop()
		require.NoError(t, <-polled)
		assert.GreaterOrEqual(t, len(conflicts), 2)
		require.ErrorIs(t, conflicts[0], tghook.ErrWebhookSet)
	})
}

// deliveries records the calls of Observe.
type deliveries struct {
	mu  sync.Mutex
	all []tghooktest.Delivery
}

func (d *deliveries) observe(v tghooktest.Delivery) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all = append(d.all, v)
}

func (d *deliveries) list() []tghooktest.Delivery {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.all)
}

func TestADayOfOutageTakesNoTime(t *testing.T) {
	t.Parallel()
	var seen deliveries
	const outage = 23*time.Hour + 55*time.Minute
	cfg := tghooktest.ServerConfig{Observe: seen.observe, Patience: 48 * time.Hour}
	bubble(t, cfg, func(t *testing.T, s *tghooktest.Server) {
		begin := s.Now()
		handler := func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
			if s.Now().Sub(begin) < outage {
				return tghook.NoReply, errors.New("the database is down")
			}
			return echo(ctx, u)
		}
		s.Webhook(t, webhook(t, handler), tghook.WebhookRequest{SecretToken: secret})
		chat := s.User("Zoë").Chat()
		chat.Send("one")
		chat.Send("two")
		chat.Expect(t, "you said one")
		chat.Expect(t, "you said two")
		s.WaitDelivered(t)
		if took := s.Now().Sub(begin); took < outage || took > outage+3*time.Minute {
			t.Errorf("it took %v", took)
		}
		all := seen.list()
		last := all[len(all)-1]
		assert.GreaterOrEqual(t, len(all), 800, last)
		assert.True(t, last.Done)
		assert.Equal(t, 1, last.Attempt)
		assert.Equal(t, "sendMessage", last.Reply)
		assert.Equal(t, http.StatusOK, last.Status)
		var waits []time.Duration
		for i, v := range all[:8] {
			assert.Equal(t, "Wrong response from the webhook: 500 Internal Server Error", v.Err, "error")
			if i > 0 {
				waits = append(waits, v.At.Sub(all[i-1].At.Add(all[i-1].Took)).Round(time.Second))
			}
		}
		assert.Equal(t, "[0s 2s 4s 8s 16s 32s]", fmt.Sprint(waits[:6]), "waits")
		assert.GreaterOrEqual(t, waits[6], 60*time.Second)
		assert.LessOrEqual(t, waits[6], 64*time.Second)
	})
}

func TestWhatExpiresIsDroppedAndNotWaitedFor(t *testing.T) {
	t.Parallel()
	for kind, life := range map[string]time.Duration{"inline_query": 30 * time.Second, "callback_query": 150 * time.Second, "message": 24 * time.Hour} {
		var seen deliveries
		cfg := tghooktest.ServerConfig{Observe: seen.observe, Patience: 48 * time.Hour}
		bubble(t, cfg, func(t *testing.T, s *tghooktest.Server) {
			failing := func(context.Context, *tghook.Update) (tghook.Reply, error) { return tghook.NoReply, errors.New("no") }
			s.Webhook(t, webhook(t, failing), tghook.WebhookRequest{SecretToken: secret})
			id := deliver(t, s, tghooktest.Update(kind))
			begin := s.Now()
			s.WaitDelivered(t)
			if took := s.Now().Sub(begin); took >= life+time.Second || took < life/3 { // Telegram counts whole seconds
				t.Errorf("%s was given up after %v", kind, took)
			}
			all := seen.list()
			last := all[len(all)-1]
			assert.Equal(t, []any{id, kind, true, false}, []any{last.UpdateID, last.Kind, last.Dropped, last.Done})
		})
		bubble(t, tghooktest.ServerConfig{Patience: 48 * time.Hour}, func(t *testing.T, s *tghooktest.Server) {
			deliver(t, s, tghooktest.Update(kind))
			begin := s.Now()
			s.WaitDelivered(t) // it expires, because there is no webhook and no poll
			if took := s.Now().Sub(begin); took < life || took > life+time.Second {
				t.Errorf("%s expired after %v", kind, took)
			}
		})
	}
}

func TestWhatComesWhileOthersAreWaitedForIsWaitedForToo(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{Patience: time.Hour}, func(t *testing.T, s *tghooktest.Server) {
		deliver(t, s, tghooktest.Update("inline_query")) // lives 30 seconds
		begin := s.Now()
		go func() {
			time.Sleep(10 * time.Second)
			deliver(t, s, tghooktest.Update("callback_query")) // lives 150 seconds
		}()
		s.WaitDelivered(t)
		if took := s.Now().Sub(begin); took < 160*time.Second || took > 161*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

func TestAWebhookThatIsGoneForADayIsRemoved(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		gone := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) })
		s.Webhook(t, gone, tghook.WebhookRequest{})
		deliver(t, s, message("hi"))
		time.Sleep(22 * time.Hour)
		assert.Contains(t, info(t, s), "410 Gone")
		time.Sleep(90 * time.Minute)
		assert.Equal(t, `200 {"ok":true,"result":{"url":"","has_custom_certificate":false,"pending_update_count":1}}`, info(t, s), "info")
		assert.Equal(t, 1, strings.Count(ask(t, s, "getUpdates"), "update_id"), "updates")
	})
}

func TestACustomCertificateIsTrustedThroughSetWebhook(t *testing.T) {
	t.Parallel()
	everywhere(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		pair, public := certified(t, "127.0.0.1")
		l, err := s.Listen("127.0.0.1:0")
		require.NoError(t, err)
		server := &http.Server{Handler: webhook(t, echo), ErrorLog: log.New(io.Discard, "", 0), TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}}}
		served := make(chan error, 1)
		go func() { served <- server.ServeTLS(l, "", "") }()
		defer func() { _ = server.Close(); <-served }()

		req := tghook.WebhookRequest{URL: "https://" + l.Addr().String() + "/", SecretToken: secret, Certificate: public}
		require.NoError(t, s.Bot(t).SetWebhook(t.Context(), req))
		chat := s.User("Zoë").Chat()
		chat.Send("hi")
		chat.Expect(t, "you said hi")
		s.WaitDelivered(t)
		info, err := s.Bot(t).GetWebhookInfo(t.Context())
		require.NoError(t, err)
		assert.Equal(t, []any{true, "", 0}, []any{info.HasCustomCertificate, info.LastErrorMessage, info.PendingUpdateCount}, "info")

		_, req.Certificate = certified(t, "127.0.0.1")
		req.Reset = true
		require.NoError(t, s.Bot(t).SetWebhook(t.Context(), req))
		chat.Send("again")
		for begin := time.Now(); info.LastErrorMessage == "" && time.Since(begin) < limit; {
			if info, err = s.Bot(t).GetWebhookInfo(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond)
		}
		assert.Equal(t, []any{"SSL error {error:0A000086:SSL routines::certificate verify failed}", 1}, []any{info.LastErrorMessage, info.PendingUpdateCount}, "info")
	})
}

// aDay returns the deliveries and calls of a bot in a day. Its handler fails now and then
// and calls the API, and the bot is down for an hour.
func aDay(t *testing.T, seed uint64) (record []string) {
	var seen deliveries
	cfg := tghooktest.ServerConfig{Seed: seed, Observe: seen.observe, Patience: 48 * time.Hour}
	bubble(t, cfg, func(t *testing.T, s *tghooktest.Server) {
		begin := s.Now()
		bot := s.Bot(t)
		attempts := map[int64]int{}
		var mu sync.Mutex
		s.Webhook(t, webhook(t, func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
			mu.Lock()
			attempts[u.ID]++
			n := attempts[u.ID]
			mu.Unlock()
			down := s.Now().Sub(begin)
			if down > time.Minute && down < time.Hour || int64(n) <= u.ID%3 {
				return tghook.NoReply, errors.New("no")
			}
			if u.ID%2 == 0 {
				if err := bot.Call(ctx, "sendChatAction", map[string]any{"chat_id": u.ChatID, "action": "typing"}, nil); err != nil {
					return tghook.NoReply, err
				}
			}
			return echo(ctx, u)
		}), tghook.WebhookRequest{SecretToken: secret, MaxConnections: 5})
		s.FailCalls(3, tghooktest.CallError{Code: 500}, "sendChatAction")
		for i := range 60 {
			s.User(fmt.Sprint("user ", i%7)).Chat().Send(fmt.Sprint("message ", i))
			if i%10 == 9 {
				time.Sleep(20 * time.Second)
			}
		}
		s.WaitDelivered(t)
		synctest.Wait()
		for _, v := range seen.list() {
			record = append(record, fmt.Sprintf("%+v", v))
		}
		for _, c := range s.Calls() {
			record = append(record, fmt.Sprintf("%s %v %v %v %s %v", c.Method, c.Params, c.Reply, c.At, c.Result, c.Err))
		}
	})
	return record
}

func TestTheSameSeedGivesTheSameRun(t *testing.T) {
	t.Parallel()
	want := aDay(t, 1)
	require.GreaterOrEqual(t, len(want), 150)
	for range 20 {
		if got := aDay(t, 1); !slices.Equal(got, want) {
			for i := range min(len(got), len(want)) {
				require.Equal(t, want[i], got[i])
			}
			t.Fatalf("%d and %d deliveries and calls", len(got), len(want))
		}
	}
	assert.NotEqual(t, want, aDay(t, 2), "another seed gives the same run")
}

func TestTimeCanBeCompressed(t *testing.T) {
	t.Parallel()
	var seen deliveries
	s := tghooktest.NewServer(t, tghooktest.ServerConfig{Speed: 100, Observe: seen.observe, Patience: limit})
	var fails sync.Map
	s.Webhook(t, webhook(t, func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
		n, _ := fails.LoadOrStore(u.ID, new(int))
		if *n.(*int)++; *n.(*int) <= 6 {
			return tghook.NoReply, errors.New("no")
		}
		return echo(ctx, u)
	}), tghook.WebhookRequest{SecretToken: secret})
	begin := s.Now()
	chat := s.User("Zoë").Chat()
	chat.Send("hi")
	chat.Expect(t, "you said hi")
	s.WaitDelivered(t)
	if n, took := len(seen.list()), s.Now().Sub(begin); n < 7 || took < 62*time.Second {
		t.Errorf("there were %d attempts, in %v of Telegram's time", n, took)
	}
}
