package tghooktest_test

import (
	"context"
	"reflect"
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

// lines records lines, such as warnings.
type lines struct {
	mu  sync.Mutex
	all []string
}

func (l *lines) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, line)
}

func (l *lines) list() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.all)
}

// started starts a Server without a test in the bubble. It records the Server's warnings.
func started(t *testing.T) (srv *tghooktest.Server, warned *lines) {
	t.Helper()
	warned = &lines{}
	srv, err := tghooktest.Start(tghooktest.ServerConfig{InMemory: true, Warn: warned.add})
	require.NoError(t, err)
	t.Cleanup(srv.Close)
	return srv, warned
}

func TestTryRunsAWholeTestWithoutATest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, warned := started(t)
		var heard *tghooktest.Message
		require.NoError(t, srv.Try(func(tb testing.TB, srv *tghooktest.Server) {
			srv.Webhook(tb, webhook(tb, echo), tghook.WebhookRequest{SecretToken: secret})
			chat := srv.User("Zoë").Chat()
			chat.Send("hi")
			heard = chat.Expect(tb, "you said hi")
			srv.WaitDelivered(tb)
			require.Equal(tb, "you said hi", heard.Text)
		}))
		assert.True(t, heard.FromBot)
		assert.Contains(t, ask(t, srv, "getWebhookInfo"), `"url":""`, "the webhook lives as long as the function")
		assert.Empty(t, warned.list())
	})
}

func TestTryReturnsWhatFails(t *testing.T) {
	t.Parallel()
	for want, f := range map[string]func(tb testing.TB, srv *tghooktest.Server){
		"tghooktest: in the chat of \"Zoë\" with the bot: the bot did not say \"hi\" within 10s\n\tin this chat it said nothing": func(tb testing.TB, srv *tghooktest.Server) {
			srv.User("Zoë").Chat().Expect(tb, "hi")
		},
		"tghooktest: the bot did not call sendMessage within 10s; it called nothing": func(tb testing.TB, srv *tghooktest.Server) { srv.ExpectCall(tb, "sendMessage") },
		`tghooktest: the Bot API has no method "sendMesage"; check the spelling`:     func(_ testing.TB, srv *tghooktest.Server) { srv.Calls("sendMesage") },
		"one\ntwo 2": func(tb testing.TB, _ *tghooktest.Server) {
			tb.Error("one")
			tb.Fatalf("two %d", 2)
			tb.Error("three")
		},
		"tghooktest: Try: the function failed without a message": func(tb testing.TB, _ *tghooktest.Server) { tb.FailNow() },
		"in a cleanup\nin another one": func(tb testing.TB, _ *tghooktest.Server) {
			tb.Cleanup(func() { tb.Fatal("in another one") })
			tb.Cleanup(func() { tb.Fatal("in a cleanup") })
		},
		"tghooktest: Try: the TB has no TempDir, because the program is not a test": func(tb testing.TB, _ *tghooktest.Server) { tb.TempDir() },
	} {
		synctest.Test(t, func(t *testing.T) {
			srv, warned := started(t)
			require.EqualError(t, srv.Try(f), want)
			assert.Empty(t, warned.list())
		})
	}
}

func TestTryEndsAsATestEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, _ := started(t)
		var ctx context.Context
		var done []string
		require.NoError(t, srv.Try(func(tb testing.TB, _ *tghooktest.Server) {
			ctx = tb.Context()
			require.NoError(t, ctx.Err())
			tb.Cleanup(func() { done = append(done, "first") })
			tb.Cleanup(func() { done = append(done, "second") })
			tb.SkipNow()
			t.Error("SkipNow returned")
		}))
		require.ErrorIs(t, ctx.Err(), context.Canceled)
		assert.Equal(t, []string{"second", "first"}, done)
		assert.PanicsWithValue(t, "oops", func() { _ = srv.Try(func(testing.TB, *tghooktest.Server) { panic("oops") }) })
		assert.PanicsWithValue(t, "late", func() {
			_ = srv.Try(func(tb testing.TB, _ *tghooktest.Server) { tb.Cleanup(func() { panic("late") }) })
		})
	})
}

// A test may look at an error instead of failing.
func TestTryInATestDoesNotFailIt(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, srv *tghooktest.Server) {
		err := srv.Try(func(_ testing.TB, srv *tghooktest.Server) { srv.User("Zoë").Leave(srv.Group("Team")) })
		require.EqualError(t, err, `tghooktest: Zoë is not in the group "Team"; call Join first`)
	})
}

func TestAnActOfAnEndedTryIsAWarning(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, warned := started(t)
		var chat *tghooktest.Chat
		require.NoError(t, srv.Try(func(_ testing.TB, srv *tghooktest.Server) { chat = srv.User("Zoë").Chat() }))
		assert.Empty(t, chat.Send("").Text)
		assert.Equal(t, []string{`tghooktest: in the chat of "Zoë" with the bot: the text is empty; Telegram does not send an empty message`}, warned.list())
	})
}

// Each act is tried with empty arguments. Many are impossible.
func TestNoActPanicsOutsideOfTry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, _ := started(t)
		zoe := srv.User("Zoë")
		team := zoe.Join(srv.Group("Team"))
		query := zoe.Inline("weather")
		nowhere := srv.User("Ben").Join(srv.Group("Team"))
		srv.User("Ben").Leave(srv.Group("Team"))
		news, shop := srv.Channel("News"), srv.User("Ana").ConnectBusiness()
		topic := zoe.Join(srv.Forum("Support")).OpenTopic("Ticket 7")
		lost := team.Comments(&tghooktest.Message{}) // a chat that there is not
		for _, v := range []any{news, zoe.Subscribe(news), shop, shop.Chat(zoe), topic, zoe, zoe.Chat(), team, nowhere, team.Send("hi"), query, srv, nowhere.Press("Yes"), lost} {
			value := reflect.ValueOf(v)
			for i := range value.NumMethod() {
				switch name := value.Type().Method(i).Name; name {
				case "Close", "Try", "Webhook", "Delivered", "WaitDelivered", "Format", "Listen", "Bot": // not acts
				default:
					assert.NotPanics(t, func() { tryEmpty(t, srv, value.Method(i)) }, "%T.%s", v, name)
				}
			}
		}
	})
}

// tryEmpty calls a method with empty arguments, and with a test if it takes one.
func tryEmpty(t *testing.T, srv *tghooktest.Server, method reflect.Value) {
	t.Helper()
	err := srv.Try(func(tb testing.TB, _ *tghooktest.Server) {
		var args []reflect.Value
		kind := method.Type()
		for i := range kind.NumIn() {
			switch in := kind.In(i); {
			case kind.IsVariadic() && i == kind.NumIn()-1:
			case in == reflect.TypeFor[context.Context]():
				ctx, cancel := context.WithTimeout(tb.Context(), time.Second)
				defer cancel()
				args = append(args, reflect.ValueOf(ctx))
			case in == reflect.TypeFor[testing.TB]():
				args = append(args, reflect.ValueOf(tb))
			case in.Kind() == reflect.Pointer:
				args = append(args, reflect.New(in.Elem()))
			default:
				args = append(args, reflect.Zero(in))
			}
		}
		method.Call(args)
	})
	if err != nil {
		assert.True(t, strings.HasPrefix(err.Error(), "tghooktest: "), err)
	}
	time.Sleep(time.Second)
}
