package tghook_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/rig"
	"github.com/tghook/tghook/tghooktest"
)

var jpeg = []byte("\xff\xd8\xff\xe0 a picture")

// stars writes an album as a star for each item, whose messages must be in order.
func stars(t *testing.T, us []*tghook.Update) string {
	t.Helper()
	last := int64(0)
	for _, u := range us {
		var content map[tghook.Kind]json.RawMessage
		require.NoError(t, json.Unmarshal(u.Raw, &content))
		var message struct {
			ID    int64  `json:"message_id"`
			Album string `json:"media_group_id"`
		}
		require.NoError(t, json.Unmarshal(content[u.Kind], &message))
		assert.Greater(t, message.ID, last, "out of order")
		assert.NotEmpty(t, message.Album)
		last = message.ID
	}
	return strings.Repeat("*", len(us))
}

// telegramHandler notes an album as stars, and all else as "-".
func (b *albumBot) telegramHandler(t *testing.T) tghook.Handler {
	return tghook.Chain(tghook.HandlerFunc(func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
		return b.run(ctx, "-")
	}), tghook.Album(func(ctx context.Context, us []*tghook.Update) (tghook.Reply, error) {
		return b.run(ctx, stars(t, us))
	}, tghook.AlbumConfig{}))
}

// albumDoors start a bot on a simulated Telegram, and return what ends it.
var albumDoors = map[string]func(t *testing.T, tg *tghooktest.Server, h tghook.Handler, cfg tghook.DispatchConfig) (end func()){
	"by webhook": func(t *testing.T, tg *tghooktest.Server, h tghook.Handler, cfg tghook.DispatchConfig) func() {
		t.Helper()
		hook, err := tghook.New(h, tghook.Config{Secret: rig.HookToken, Dispatch: cfg})
		require.NoError(t, err)
		l, err := tg.Listen("127.0.0.1:80")
		require.NoError(t, err)
		server := &http.Server{Handler: hook}
		go server.Serve(l) // it ends with the test
		client := albumClient(t, tg)
		require.NoError(t, client.SetWebhook(t.Context(), tghook.WebhookRequest{URL: "http://127.0.0.1:80/telegram", SecretToken: rig.HookToken}))
		return func() {
			assert.NoError(t, hook.Shutdown(t.Context()))
			assert.NoError(t, server.Shutdown(t.Context()))
		}
	},
	"by poll": func(t *testing.T, tg *tghooktest.Server, h tghook.Handler, cfg tghook.DispatchConfig) func() {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		client, done := albumClient(t, tg), make(chan error, 1)
		go func() { done <- tghook.Poll(ctx, client, h, tghook.PollConfig{Dispatch: cfg}) }()
		return func() {
			cancel()
			assert.NoError(t, <-done)
		}
	},
}

func albumClient(t *testing.T, tg *tghooktest.Server) *tghook.Client {
	t.Helper()
	client, err := tghook.NewClient(tg.Token, tghook.ClientConfig{BaseURL: tg.URL, HTTP: tg.Client(), Local: true})
	require.NoError(t, err)
	return client
}

func TestAlbumsOfTelegram(t *testing.T) {
	private := func(tg *tghooktest.Server) *tghooktest.Chat { return tg.User("Ann").Chat() }
	for name, test := range map[string]struct {
		chat func(tg *tghooktest.Server) *tghooktest.Chat
		send func(chat *tghooktest.Chat)
		want string
	}{
		"of a private chat, with a message behind": {private, func(chat *tghooktest.Chat) {
			chat.SendAlbum(jpeg, jpeg, jpeg)
			chat.Send("well?")
		}, "***, -"},
		"of ten": {private, func(chat *tghooktest.Chat) {
			chat.SendAlbum(jpeg, jpeg, jpeg, jpeg, jpeg, jpeg, jpeg, jpeg, jpeg, jpeg)
		}, "**********"},
		"two, one behind the other": {private, func(chat *tghooktest.Chat) {
			chat.SendAlbum(jpeg, jpeg, jpeg)
			chat.SendAlbum(jpeg, jpeg)
		}, "***, **"},
		"one of whose items is edited": {private, func(chat *tghooktest.Chat) {
			chat.Edit(chat.SendAlbum(jpeg, jpeg)[1], "a caption")
		}, "**, -"},
		"of a topic": {func(tg *tghooktest.Server) *tghooktest.Chat {
			return tg.User("Ann").Join(tg.Forum("The forum")).OpenTopic("Pictures")
		}, func(chat *tghooktest.Chat) { chat.SendAlbum(jpeg, jpeg) }, "**"},
		"of a channel": {func(tg *tghooktest.Server) *tghooktest.Chat {
			return tg.User("Ann").Manage(tg.Channel("The channel"))
		}, func(chat *tghooktest.Chat) { chat.SendAlbum(jpeg, jpeg) }, "**"},
		"of a business": {func(tg *tghooktest.Server) *tghooktest.Chat {
			return tg.User("Bea").ConnectBusiness().Chat(tg.User("Ann"))
		}, func(chat *tghooktest.Chat) { chat.SendAlbum(jpeg, jpeg) }, "**"},
	} {
		for door, open := range albumDoors {
			t.Run(name+" "+door, func(t *testing.T) {
				rig.Bubble(t, func(t *testing.T) {
					tg := tghooktest.NewServer(t, tghooktest.ServerConfig{Token: rig.APIToken, InMemory: true})
					b := newAlbumBot(t, tghook.Config{})
					end := open(t, tg, b.telegramHandler(t), tghook.DispatchConfig{Bot: rig.APIBot})
					chat := test.chat(tg)
					rig.Pass(5 * time.Second)
					b.runs = nil
					test.send(chat)
					rig.Pass(5 * time.Second)
					assert.Equal(t, test.want, b.Ran())
					assert.Zero(t, tg.Pending())
					end()
				})
			})
		}
	}
}

func TestByPollNoItemIsConfirmedBeforeItsAlbumIsHandled(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		tg := tghooktest.NewServer(t, tghooktest.ServerConfig{Token: rig.APIToken, InMemory: true})
		b := newAlbumBot(t, tghook.Config{})
		b.took = 10 * time.Second
		var failed atomic.Int32
		b.fail = func(string) error {
			if failed.Add(1) == 1 {
				return rig.ErrBroken
			}
			return nil
		}
		cfg := tghook.DispatchConfig{Bot: rig.APIBot, Store: onlyStore{rig.NewStore()}}
		b.Record(&cfg)
		end := albumDoors["by poll"](t, tg, b.telegramHandler(t), cfg)
		chat := tg.User("Ann").Chat()
		chat.SendAlbum(jpeg, jpeg, jpeg)
		chat.Send("well?")
		rig.Pass(20 * time.Second)
		assert.Equal(t, 4, tg.Pending(), "an item was confirmed")
		rig.Pass(30 * time.Second)
		assert.Zero(t, tg.Pending())
		assert.Equal(t, "***, ***, -", b.Ran())
		assert.ElementsMatch(t, []string{"failed/1/0", "handled/2/0", "joined/2/0", "joined/2/0", "handled/1/0"}, strings.Fields(b.Outcomes()))
		end()
	})
}

// onlyStore is a Store that keeps no albums.
type onlyStore struct{ tghook.Store }

func TestByPollACrashLosesNoItem(t *testing.T) {
	for name, store := range map[string]func() tghook.Store{
		"without a Store":    func() tghook.Store { return nil },
		"with a Store":       func() tghook.Store { return onlyStore{rig.NewStore()} },
		"with an AlbumStore": func() tghook.Store { return rig.NewStore() },
	} {
		for when, crash := range map[string]time.Duration{"while an album gathers": 500 * time.Millisecond, "while its handler runs": 5 * time.Second} {
			t.Run(name+" "+when, func(t *testing.T) {
				rig.Bubble(t, func(t *testing.T) {
					tg := tghooktest.NewServer(t, tghooktest.ServerConfig{Token: rig.APIToken, InMemory: true})
					log := &runLog{tb: t}
					first := joinAlbumBot(t, log, tghook.Config{})
					first.took = 10 * time.Second
					cfg := tghook.DispatchConfig{Bot: rig.APIBot, Store: store()}
					client := albumClient(t, tg)
					dead := &crashing{RoundTripper: tg.Client().Transport}
					crashed, err := tghook.NewClient(tg.Token, tghook.ClientConfig{BaseURL: tg.URL, HTTP: &http.Client{Transport: dead}, Local: true})
					require.NoError(t, err)
					ctx, cancel := context.WithCancel(t.Context())
					done := make(chan error, 2)
					h := first.telegramHandler(t)
					quiet := func(context.Context, error) {}
					go func() {
						done <- tghook.Poll(ctx, crashed, h, tghook.PollConfig{Dispatch: cfg, OnError: quiet, Grace: time.Millisecond})
					}()
					tg.User("Ann").Chat().SendAlbum(jpeg, jpeg, jpeg)
					rig.Pass(crash)
					dead.dead.Store(true)
					cancel()
					<-done
					rig.Pass(10 * time.Second) // the handler of the crashed process ends, and nobody cares
					ctx, cancel = context.WithCancel(t.Context())
					h = joinAlbumBot(t, log, tghook.Config{}).telegramHandler(t)
					go func() {
						done <- tghook.Poll(ctx, client, h, tghook.PollConfig{Dispatch: cfg, OnError: quiet})
					}()
					rig.Pass(2 * time.Minute)
					assert.True(t, strings.HasSuffix(log.Ran(), "***"), log.Ran())
					assert.Zero(t, tg.Pending())
					cancel()
					assert.NoError(t, <-done)
				})
			})
		}
	}
}

// crashing is a way to Telegram that ends.
type crashing struct {
	http.RoundTripper

	dead atomic.Bool
}

func (c *crashing) RoundTrip(r *http.Request) (*http.Response, error) {
	if c.dead.Load() {
		return nil, errCut
	}
	return c.RoundTripper.RoundTrip(r)
}
