package tghooktest_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/tghooktest"
)

// shelf stores a state.
type shelf map[string][]byte

func (s shelf) write(changes iter.Seq2[string, []byte]) error {
	for key, value := range changes {
		if value == nil {
			delete(s, key)
		} else {
			s[key] = bytes.Clone(value)
		}
	}
	return nil
}

func (s shelf) all() iter.Seq2[string, []byte] { return maps.All(s) }

// unchanged fails if there is something to write.
func unchanged(t *testing.T) func(iter.Seq2[string, []byte]) error {
	return func(changes iter.Seq2[string, []byte]) error {
		for key, value := range changes {
			t.Errorf("%s is to be written: %q", key, value)
		}
		return nil
	}
}

// raws returns all messages of a chat as they are in JSON.
func raws(c *tghooktest.Chat) (all []string) {
	for _, m := range c.Messages() {
		all = append(all, string(m.Raw))
	}
	return all
}

func tell(t *testing.T, srv *tghooktest.Server, method string, params map[string]any) {
	t.Helper()
	require.NoError(t, srv.Bot(t).Call(t.Context(), method, params, nil))
}

func TestAServerGoesOnFromAState(t *testing.T) {
	kept := shelf{}
	srv := tghooktest.NewServer(t, tghooktest.ServerConfig{State: kept.all(), Seed: 3})
	zoe := srv.User("Zoë").Chat()
	zoe.Send("/start")
	content := bytes.Repeat([]byte("content "), 1000)
	zoe.SendDocument("a.txt", content)
	tell(t, srv, "sendMessage", map[string]any{"chat_id": zoe.ID, "text": "Hello", "reply_markup": map[string]any{"inline_keyboard": [][]any{{map[string]any{"text": "Go", "callback_data": "go"}}}}})
	tell(t, srv, "setMyCommands", map[string]any{"commands": []map[string]string{{"command": "start", "description": "Begin"}}})
	zoe.Expect(t, "Hello")
	zoe.Press("Go")
	require.NoError(t, srv.Save(kept.write))
	require.NoError(t, srv.Save(unchanged(t)))
	ids, last := srv.PendingIDs(), zoe.Messages()
	srv.Close()
	require.Len(t, ids, 3)

	again := tghooktest.NewServer(t, tghooktest.ServerConfig{State: kept.all(), Seed: 5})
	require.NoError(t, again.Save(unchanged(t)))
	assert.Equal(t, srv.Token, again.Token, "the seed is that of the state")
	assert.Equal(t, ids, again.PendingIDs())
	zoe2 := again.User("Zoë").Chat()
	assert.Equal(t, zoe.ID, zoe2.ID)
	assert.Equal(t, raws(zoe), raws(zoe2))
	assert.Equal(t, zoe.Commands(), zoe2.Commands())
	assert.Greater(t, zoe2.Send("more").ID, last[len(last)-1].ID)

	var got bytes.Buffer
	_, id, _ := strings.Cut(strings.Join(raws(zoe2), ""), `"file_id":"`)
	id, _, _ = strings.Cut(id, `"`)
	require.NoError(t, again.Bot(t).Download(t.Context(), id, &got))
	assert.Equal(t, content, got.Bytes())

	var mu sync.Mutex
	var delivered []int64
	hook, err := tghook.New(tghook.HandlerFunc(func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
		mu.Lock()
		defer mu.Unlock()
		delivered = append(delivered, u.ID)
		return tghook.NoReply, nil
	}), tghook.Config{Secret: "s"})
	require.NoError(t, err)
	all := again.PendingIDs()
	again.Webhook(t, hook, tghook.WebhookRequest{SecretToken: "s", MaxConnections: 1})
	again.WaitDelivered(t)
	slices.Sort(delivered)
	assert.Equal(t, all, delivered)
	require.NoError(t, again.Save(kept.write))
	for key := range kept {
		assert.NotContains(t, key, "update/", "updates that were delivered are deleted")
	}
}

// receiver is a webhook's server that lives longer than a Server. It fails until it is told.
type receiver struct {
	*httptest.Server

	open  atomic.Int64 // connections
	mu    sync.Mutex
	works bool
	got   []string // path, secret and body of each request
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body) // a short one is not the one that is looked for
		r.mu.Lock()
		defer r.mu.Unlock()
		r.got = append(r.got, q.URL.Path+" "+q.Header.Get("X-Telegram-Bot-Api-Secret-Token")+" "+string(body))
		if !r.works {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	r.Config.ConnState = func(_ net.Conn, now http.ConnState) {
		switch now {
		case http.StateNew:
			r.open.Add(1)
		case http.StateClosed, http.StateHijacked:
			r.open.Add(-1)
		case http.StateActive, http.StateIdle:
		}
	}
	r.Start()
	t.Cleanup(r.Close)
	return r
}

// left waits until a Server that is closed has no connection any more. A request that it has sent
// may still be read.
func (r *receiver) left(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool { return r.open.Load() == 0 }, limit, time.Millisecond, "connections of the closed Server")
}

func (r *receiver) work() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.works = true
	return slices.Clone(r.got)
}

// observed are the deliveries that Observe got.
type observed struct {
	mu  sync.Mutex
	all []tghooktest.Delivery
}

func (d *observed) observe(one tghooktest.Delivery) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all = append(d.all, one)
}

func (d *observed) take() []tghooktest.Delivery {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := d.all
	d.all = nil
	return all
}

func TestDeliveriesGoOn(t *testing.T) {
	r := newReceiver(t)
	var made observed
	cfg := tghooktest.ServerConfig{Speed: 20, Observe: made.observe}
	srv := tghooktest.NewServer(t, cfg)
	tell(t, srv, "setWebhook", map[string]any{"url": r.URL + "/hook", "secret_token": "the-secret", "max_connections": 7, "allowed_updates": []string{"message"}})
	zoe := srv.User("Zoë").Chat()
	for _, text := range []string{"one", "two", "three"} {
		zoe.Send(text)
	}
	require.Eventually(t, func() bool {
		info, err := srv.Bot(t).GetWebhookInfo(t.Context())
		return err == nil && info.LastErrorMessage != ""
	}, limit, time.Millisecond)
	before, err := srv.Bot(t).GetWebhookInfo(t.Context())
	require.NoError(t, err)
	srv.Close()
	kept := shelf{}
	require.NoError(t, srv.Save(kept.write))
	ids, tries := srv.PendingIDs(), made.take()
	r.left(t)
	got := r.work()

	cfg.State = kept.all()
	again := tghooktest.NewServer(t, cfg)
	again.WaitDelivered(t)
	got = r.work()[len(got):]
	require.Len(t, got, 3)
	for i, text := range []string{"one", "two", "three"} {
		assert.True(t, strings.HasPrefix(got[i], "/hook the-secret {"), got[i])
		assert.Contains(t, got[i], `"text":"`+text+`"`)
	}
	made.mu.Lock()
	defer made.mu.Unlock()
	assert.Equal(t, ids[0], made.all[0].UpdateID)
	assert.Equal(t, len(tries)+1, made.all[0].Attempt, "attempts are counted on")
	assert.Equal(t, 1, made.all[1].Attempt)
	after, err := again.Bot(t).GetWebhookInfo(t.Context())
	require.NoError(t, err)
	before.PendingUpdateCount = 0
	before.LastErrorDate, before.LastErrorMessage = after.LastErrorDate, after.LastErrorMessage
	assert.NotEmpty(t, after.LastErrorMessage)
	assert.Equal(t, before, after)
}

// askAs makes a call with a token.
func askAs(t *testing.T, srv *tghooktest.Server, token, method string) string {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+"/bot"+token+"/"+method, nil)
	require.NoError(t, err)
	a, err := srv.Client().Do(q)
	require.NoError(t, err)
	defer func() { _ = a.Body.Close() }()
	body, err := io.ReadAll(a.Body)
	require.NoError(t, err)
	return string(body)
}

func TestAStateHasAllBotsAndNoToken(t *testing.T) {
	const first, second = "123456:AAE-secret-of-the-first-bot-0123456789", "234567:AAE-secret-of-the-second-bot-012345678"
	r := newReceiver(t)
	kept := shelf{}
	var made observed
	cfg := tghooktest.ServerConfig{NoBot: true, AnyToken: true, State: kept.all(), Observe: made.observe}
	srv := tghooktest.NewServer(t, cfg)
	one, err := srv.AddBot(tghooktest.BotConfig{Token: first, Username: "first_bot", ReadsAllMessages: true})
	require.NoError(t, err)
	tell(t, one, "setWebhook", map[string]any{"url": r.URL + "/hooks/" + first})
	one.User("Zoë").Chat().Send("to the first")
	askAs(t, srv, second, "getMe")
	two := srv.Bots()[1]
	two.User("Zoë").Chat().Send("to the second")
	srv.Close()
	require.NoError(t, srv.Save(kept.write))
	for key, value := range kept {
		assert.NotContains(t, string(value), "secret-of-the", key)
	}
	r.work()
	made.take()

	cfg.State = kept.all()
	again := tghooktest.NewServer(t, cfg)
	bots := again.Bots()
	require.Len(t, bots, 2)
	assert.Empty(t, bots[0].Token)
	assert.Equal(t, one.PendingIDs(), bots[0].PendingIDs())
	assert.Equal(t, two.PendingIDs(), bots[1].PendingIDs())
	assert.Contains(t, askAs(t, again, "123456:AAE-another-secret", "getMe"), "401")
	assert.Empty(t, made.take(), "the URL is not known yet")
	assert.Contains(t, askAs(t, again, first, "getMe"), `"username":"first_bot"`)
	assert.Contains(t, askAs(t, again, first, "getWebhookInfo"), r.URL+"/hooks/"+first)
	assert.Equal(t, first, again.Bots()[0].Token)
	again.Bots()[0].WaitDelivered(t)
	assert.True(t, strings.HasPrefix(r.work()[len(r.work())-1], "/hooks/"+first+" "))
	added, err := again.AddBot(tghooktest.BotConfig{Token: second})
	require.NoError(t, err)
	assert.Equal(t, second, added.Token)
	assert.Equal(t, two.PendingIDs(), added.PendingIDs())
	assert.Equal(t, raws(two.User("Zoë").Chat()), raws(added.User("Zoë").Chat()))

	added.Close()
	again.Close()
	require.NoError(t, again.Save(kept.write))
	for key := range kept {
		assert.NotContains(t, key, "234567", "a bot that is gone has no records")
	}
	// A bot with the same id begins anew.
	cfg.State = kept.all()
	third := tghooktest.NewServer(t, cfg)
	askAs(t, third, second, "getMe")
	assert.Empty(t, third.Bots()[1].PendingIDs())
}

func TestABotBeginsAnew(t *testing.T) {
	const token = "234567:AAE-secret-of-the-second-bot-012345678"
	kept := shelf{}
	srv := tghooktest.NewServer(t, tghooktest.ServerConfig{NoBot: true})
	bot, err := srv.AddBot(tghooktest.BotConfig{Token: token})
	require.NoError(t, err)
	bot.User("Zoë").Chat().Send("before")
	require.NoError(t, srv.Save(kept.write))
	bot.Close()
	bot, err = srv.AddBot(tghooktest.BotConfig{Token: token})
	require.NoError(t, err)
	bot.User("Ben").Chat().Send("after")
	require.NoError(t, srv.Save(kept.write))
	require.NoError(t, srv.Save(unchanged(t)))

	again := tghooktest.NewServer(t, tghooktest.ServerConfig{NoBot: true, State: kept.all()})
	require.NoError(t, again.Save(unchanged(t)))
	bot = again.Bots()[0]
	assert.Empty(t, bot.User("Zoë").Chat().Messages())
	assert.Len(t, bot.User("Ben").Chat().Messages(), 1)
}

func TestWriteMayUseTheServer(t *testing.T) {
	srv := tghooktest.NewServer(t)
	zoe := srv.User("Zoë").Chat()
	zoe.Send("one")
	full := errors.New("the disk is full")
	require.ErrorIs(t, srv.Save(func(iter.Seq2[string, []byte]) error { return full }), full)
	kept := shelf{}
	require.NoError(t, srv.Save(func(changes iter.Seq2[string, []byte]) error {
		zoe.Send("two")
		tell(t, srv, "sendMessage", map[string]any{"chat_id": zoe.ID, "text": "three"})
		require.ErrorContains(t, srv.Save(kept.write), "another Save has not returned yet")
		return kept.write(changes)
	}))
	again := tghooktest.NewServer(t, tghooktest.ServerConfig{State: maps.All(maps.Clone(kept)), Token: srv.Token})
	assert.Len(t, again.User("Zoë").Chat().Messages(), 1, "the state is of the moment before write")
	require.NoError(t, srv.Save(kept.write))
	again = tghooktest.NewServer(t, tghooktest.ServerConfig{State: kept.all(), Token: srv.Token})
	assert.Len(t, again.User("Zoë").Chat().Messages(), 3)
	require.ErrorContains(t, srv.Save(nil), "write is nil")
}

// Each state that is saved during a run is one in which a message and its update are together.
func TestAStateIsOfOneMoment(t *testing.T) {
	srv := tghooktest.NewServer(t)
	zoe := srv.User("Zoë").Chat()
	var acts sync.WaitGroup
	for range 4 {
		acts.Go(func() {
			for range 100 {
				zoe.Send("hello")
			}
		})
	}
	kept := shelf{}
	for range 20 {
		require.NoError(t, srv.Save(kept.write))
		messages, updates := 0, 0
		again, err := tghooktest.Start(tghooktest.ServerConfig{State: kept.all(), Token: srv.Token})
		require.NoError(t, err)
		require.NoError(t, again.Try(func(_ testing.TB, s *tghooktest.Server) {
			messages, updates = len(s.User("Zoë").Chat().Messages()), s.Pending()
		}))
		again.Close()
		require.Equal(t, messages, updates)
	}
	acts.Wait()
}

func TestTimeGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := tghooktest.ServerConfig{InMemory: true, Speed: 60}
		srv := tghooktest.NewServer(t, cfg)
		time.Sleep(time.Hour)
		kept := shelf{}
		require.NoError(t, srv.Save(kept.write))
		time.Sleep(time.Minute) // nothing happens, but the Server's hour must not happen again
		require.NoError(t, srv.Save(kept.write))
		last := srv.Now()
		srv.Close()
		time.Sleep(time.Minute)
		cfg.State = kept.all()
		again := tghooktest.NewServer(t, cfg)
		assert.WithinDuration(t, last.Add(time.Minute), again.Now(), time.Second)
		assert.False(t, again.Now().Before(last))
	})
}

func TestAStateThatCannotBeUsedIsRefused(t *testing.T) {
	kept := shelf{}
	srv := tghooktest.NewServer(t)
	srv.User("Zoë").Chat().Send("hello")
	require.NoError(t, srv.Save(kept.write))
	id, _, _ := strings.Cut(srv.Token, ":")
	start := func(change func(shelf), cfg tghooktest.ServerConfig) error {
		state := maps.Clone(kept)
		change(state)
		cfg.State = state.all()
		again, err := tghooktest.Start(cfg)
		if err == nil {
			again.Close()
		}
		return err
	}
	none := func(shelf) {}
	require.EqualError(t, start(none, tghooktest.ServerConfig{Token: id + ":another-secret"}),
		"tghooktest: ServerConfig.Token: ServerConfig.State has the bot "+id+" with another token; use that one, or a bot with another id")
	require.ErrorContains(t, start(none, tghooktest.ServerConfig{Token: srv.Token, Files: t.TempDir()}), "ServerConfig.Files: a state does not have the files")
	require.EqualError(t, start(func(s shelf) { s["host"] = []byte(`{"format":2}`) }, tghooktest.ServerConfig{}),
		"tghooktest: ServerConfig.State: a newer version has written it; use that version")
	for key := range kept {
		if key == "host" || key == "clock" || strings.HasSuffix(key, "/000000000001") || strings.HasSuffix(key, "queue/rest") {
			err := start(func(s shelf) { delete(s, key) }, tghooktest.ServerConfig{Token: srv.Token})
			require.ErrorContains(t, err, "damaged", key)
			assert.NotContains(t, err.Error(), srv.Token)
		}
	}
	require.NoError(t, start(func(s shelf) { s["of a newer version"] = []byte("?"); s["bot/x/y"] = nil }, tghooktest.ServerConfig{Token: srv.Token}))
	require.ErrorContains(t, tghooktest.NewServer(t, tghooktest.ServerConfig{Files: t.TempDir()}).Save(kept.write), "ServerConfig.Files")
}
