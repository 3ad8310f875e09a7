package oteltghook_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/rig"
)

// A scenario has the metrics and spans of some deliveries by webhook.
type scenario struct {
	name    string
	cfg     tghook.Config
	handler tghook.HandlerFunc
	happens func(t *testing.T, bot *rig.Bot)
	want    string // each metric, and then each span
}

const (
	chat  = 912345678901 // and the user in it
	chat2 = 912345678902
)

var posted = func(_ *testing.T, bot *rig.Bot) { bot.Post(rig.MessageIn(chat, 1)) }

func twice(_ *testing.T, bot *rig.Bot) {
	bot.Post(rig.MessageIn(chat, 1))
	bot.Post(rig.MessageIn(chat, 1))
}

var scenarios = []scenario{
	{
		name: "handled", handler: rig.Taking(time.Second, tghook.NoReply, nil), happens: posted,
		want: `
			attempts message handled: 1
			deliveries message handled: 1
			took message handled: 1 in 1s
			process message 7244100913:1 attempt=1 outcome=handled 1s`,
	},
	{
		name: "handled after it has waited for its turn", handler: rig.Taking(2*time.Second, tghook.NoReply, nil),
		happens: func(_ *testing.T, bot *rig.Bot) {
			first, second := bot.Send(rig.MessageIn(chat, 1)), bot.Send(rig.MessageIn(chat, 2))
			rig.MustWait(first)
			rig.MustWait(second)
		},
		want: `
			attempts message handled: 2
			deliveries message handled: 2
			took message handled: 2 in 4s
			wait.duration message: 1 in 2s
			process message 7244100913:1 attempt=1 outcome=handled 2s
			process message 7244100913:2 attempt=1 outcome=handled 2s`,
	},
	{
		name: "replied in the answer, and replayed to a redelivery", handler: rig.Taking(time.Second, rig.Hello, nil), happens: twice,
		want: `
			attempts message replied: 1
			deliveries message duplicate: 1
			deliveries message replied: 1
			replies message replayed: 1
			replies message rode: 1
			took message replied: 1 in 1s
			process message 7244100913:1 attempt=1 outcome=replied 1s`,
	},
	{
		name: "replied by a call", cfg: tghook.Config{Dispatch: tghook.DispatchConfig{Caller: &rig.Caller{}, AlwaysCall: true}},
		handler: rig.Taking(time.Second, rig.Hello, nil), happens: posted,
		want: `
			attempts message replied: 1
			deliveries message replied: 1
			replies message called: 1
			took message replied: 1 in 1s
			process message 7244100913:1 attempt=1 outcome=replied 1s`,
	},
	{
		name: "joined", handler: rig.Taking(2*time.Second, rig.Hello, nil),
		happens: func(_ *testing.T, bot *rig.Bot) {
			first := bot.Send(rig.MessageIn(chat, 1))
			rig.Pass(time.Second)
			second := bot.Send(rig.MessageIn(chat, 1))
			rig.MustWait(first)
			rig.MustWait(second)
		},
		want: `
			attempts message replied: 1
			deliveries message joined: 1
			deliveries message replied: 1
			replies message rode: 1
			took message replied: 1 in 2s
			process message 7244100913:1 attempt=1 outcome=replied 2s`,
	},
	{
		name: "late, and handled for nobody", cfg: tghook.Config{LateAfter: time.Second}, handler: rig.Taking(3*time.Second, tghook.NoReply, nil),
		happens: func(_ *testing.T, bot *rig.Bot) {
			bot.Post(rig.MessageIn(chat, 1))
			rig.Pass(time.Minute)
			bot.Post(rig.MessageIn(chat, 1))
		},
		want: `
			attempts message handled: 1
			deliveries message duplicate: 1
			deliveries message handled: 1
			deliveries message late late: 1
			took message handled: 1 in 3s
			process message 7244100913:1 attempt=1 outcome=handled late=true 3s`,
	},
	{
		name: "late and cancelled, and handled by the second attempt", cfg: tghook.Config{LateAfter: time.Second, Late: tghook.LateCancel},
		handler: func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			if a, _ := tghook.AttemptFromContext(ctx); a.Number > 1 {
				return tghook.NoReply, nil
			}
			<-ctx.Done()
			return tghook.NoReply, context.Cause(ctx)
		},
		happens: twice,
		want: `
			attempts message failed late: 1
			attempts message handled: 1
			deliveries message failed late: 1
			deliveries message handled: 1
			deliveries message late late: 1
			took message failed late: 1 in 1s
			took message handled: 1 in 0s
			process message 7244100913:1 attempt=1 outcome=failed late=true error.type=late 1s Error=late
			process message 7244100913:1 attempt=2 outcome=handled 0s linked to 0`,
	},
	{
		name: "dropped", handler: rig.Taking(time.Second, tghook.NoReply, tghook.Drop(rig.ErrBroken)), happens: posted,
		want: `
			attempts message dropped _OTHER: 1
			dead_letters message dropped _OTHER: 1
			deliveries message dropped _OTHER: 1
			took message dropped _OTHER: 1 in 1s
			process message 7244100913:1 attempt=1 outcome=dropped error.type=_OTHER 1s Error=_OTHER`,
	},
	{
		name: "dead-lettered after three attempts", cfg: tghook.Config{Dispatch: tghook.DispatchConfig{MaxAttempts: 3}},
		handler: rig.Taking(time.Second, tghook.NoReply, &tghook.APIError{Method: "sendMessage", Code: 403, Description: "for 912345678901"}),
		happens: func(t *testing.T, bot *rig.Bot) { twice(t, bot); bot.Post(rig.MessageIn(chat, 1)) },
		want: `
			attempts message dead_lettered telegram_403: 1
			attempts message failed telegram_403: 2
			dead_letters message dead_lettered telegram_403: 1
			deliveries message dead_lettered telegram_403: 1
			deliveries message failed telegram_403: 2
			took message dead_lettered telegram_403: 1 in 1s
			took message failed telegram_403: 2 in 2s
			process message 7244100913:1 attempt=1 outcome=failed error.type=telegram_403 1s Error=telegram_403
			process message 7244100913:1 attempt=2 outcome=failed error.type=telegram_403 1s Error=telegram_403 linked to 0
			process message 7244100913:1 attempt=3 outcome=dead_lettered error.type=telegram_403 1s Error=telegram_403 linked to 1`,
	},
	{
		name: "dead-lettered without an attempt, because there is no kind", handler: rig.Nothing,
		happens: func(_ *testing.T, bot *rig.Bot) { bot.Post(`{"update_id":1}`) },
		want: `
			dead_letters none dead_lettered no_kind: 1
			deliveries none dead_lettered no_kind: 1`,
	},
	{
		name: "shed", cfg: tghook.Config{Dispatch: tghook.DispatchConfig{MaxInFlight: 1}}, handler: rig.Taking(time.Second, tghook.NoReply, nil),
		happens: func(_ *testing.T, bot *rig.Bot) {
			first := bot.Send(rig.MessageIn(chat, 1))
			bot.Post(rig.MessageIn(chat2, 2))
			rig.MustWait(first)
		},
		want: `
			attempts message handled: 1
			deliveries message handled: 1
			deliveries message shed not_run: 1
			took message handled: 1 in 1s
			process message 7244100913:1 attempt=1 outcome=handled 1s`,
	},
	{
		name: "shed at shutdown", handler: rig.Taking(time.Second, tghook.NoReply, nil),
		happens: func(t *testing.T, bot *rig.Bot) {
			first := bot.Send(rig.MessageIn(chat, 1))
			ended := rig.Eventually(func() string { return fmt.Sprint(bot.Shutdown(t.Context())) })
			bot.Post(rig.MessageIn(chat2, 2))
			rig.MustWait(first)
			assert.Equal(t, "<nil>", rig.MustWait(ended))
		},
		want: `
			attempts message handled: 1
			deliveries message handled: 1
			deliveries message shed shutdown: 1
			took message handled: 1 in 1s
			process message 7244100913:1 attempt=1 outcome=handled 1s`,
	},
	{
		name: "rejected", handler: rig.Nothing,
		happens: func(_ *testing.T, bot *rig.Bot) {
			bot.Serve(context.Background(), tghook.Request{Method: http.MethodGet})
			bot.Serve(context.Background(), tghook.Request{Method: http.MethodPost, ContentType: "text/plain"})
		},
		want: `
			deliveries none rejected 405: 1
			deliveries none rejected 415: 1`,
	},
	{
		name: "failed", handler: rig.Taking(time.Second, tghook.NoReply, rig.ErrBroken), happens: twice,
		want: `
			attempts message failed _OTHER: 2
			deliveries message failed _OTHER: 2
			took message failed _OTHER: 2 in 2s
			process message 7244100913:1 attempt=1 outcome=failed error.type=_OTHER 1s Error=_OTHER
			process message 7244100913:1 attempt=2 outcome=failed error.type=_OTHER 1s Error=_OTHER linked to 0`,
	},
	{
		name: "failed by a panic",
		handler: func(context.Context, *tghook.Update) (tghook.Reply, error) {
			time.Sleep(time.Second)
			panic("for 912345678901")
		},
		happens: posted,
		want: `
			attempts message failed panic: 1
			deliveries message failed panic: 1
			took message failed panic: 1 in 1s
			process message 7244100913:1 attempt=1 outcome=failed error.type=panic 1s Error=panic`,
	},
	{
		name: "reply lost", handler: rig.Taking(time.Second, rig.Hello, nil), happens: posted,
		cfg: tghook.Config{Dispatch: tghook.DispatchConfig{AlwaysCall: true, Caller: rig.CallerFunc(func(context.Context, string, any) error {
			return &tghook.APIError{Method: "sendMessage", Code: 400}
		})}},
		want: `
			attempts message reply_lost telegram_400: 1
			deliveries message reply_lost telegram_400: 1
			replies message lost: 1
			took message reply_lost telegram_400: 1 in 1s
			process message 7244100913:1 attempt=1 outcome=reply_lost error.type=telegram_400 1s Error=telegram_400`,
	},
	{
		name: "a held call that is lost", cfg: tghook.Config{LateAfter: -1}, handler: func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			time.Sleep(time.Second)
			broken := rig.Answers(400, `{"ok":false,"error_code":400,"description":"Bad Request"}`)
			client, err := tghook.NewClient(rig.APIToken, tghook.ClientConfig{})
			if err != nil {
				return tghook.NoReply, err
			}
			lib := rig.Library{Client: &http.Client{Transport: &tghook.ReplyTransport{Base: broken, Client: client, AllowNoResult: true}}, Base: rig.APIBase}
			lib.Call(ctx, "sendMessage", `{"chat_id":912345678901,"text":"hello"}`)
			return rig.Hello, nil
		},
		happens: posted,
		want: `
			attempts message replied: 1
			deliveries message call_lost telegram_400: 1
			deliveries message replied: 1
			replies message rode: 1
			took message replied: 1 in 1s
			process message 7244100913:1 attempt=1 outcome=replied 1s`,
	},
	{
		name: "abandoned", cfg: tghook.Config{LateAfter: -1, Dispatch: tghook.DispatchConfig{HandlerTimeout: time.Second}},
		handler: rig.Taking(time.Hour, tghook.NoReply, nil), happens: posted,
		want: `
			attempts message abandoned handler_timeout: 1
			dead_letters message abandoned handler_timeout: 1
			deliveries message abandoned handler_timeout: 1
			took message abandoned handler_timeout: 1 in 11s
			process message 7244100913:1 attempt=1 outcome=abandoned error.type=handler_timeout 11s Error=handler_timeout`,
	},
	{
		name: "a kind that is not known", handler: rig.Taking(time.Second, tghook.NoReply, nil),
		happens: func(_ *testing.T, bot *rig.Bot) { bot.Post(rig.KindBy("a_kind_to_come", chat, 1)) },
		want: `
			attempts other handled: 1
			deliveries other handled: 1
			took other handled: 1 in 1s
			process other 7244100913:1 attempt=1 outcome=handled 1s`,
	},
}

// Each scenario is one of the outcomes, with all that it is counted as.
func TestEachOutcomeIsCountedAndTraced(t *testing.T) {
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				scope := newScope(t)
				s.cfg.Dispatch.Bot = rig.APIBot
				s.cfg.Dispatch.Observe = scope.Observe
				bot := rig.NewBot(t, s.cfg, scope.Middleware(s.handler).HandleUpdate)
				s.happens(t, bot)
				synctest.Wait()
				lines := append(scope.metrics(), scope.ended()...)
				assert.Equal(t, strings.ReplaceAll(strings.TrimSpace(s.want), "\n\t\t\t", "\n"), strings.Join(lines, "\n"))
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				_ = bot.Shutdown(ctx)
				time.Sleep(2 * time.Hour)
			})
		})
	}
}

func TestAnAlbumIsCountedAndTracedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		scope := newScope(t)
		onAlbum := func(_ context.Context, us []*tghook.Update) (tghook.Reply, error) {
			assert.Len(t, us, 2)
			time.Sleep(3 * time.Second)
			return tghook.NoReply, nil
		}
		hook, err := tghook.New(tghook.Chain(rig.Taking(0, tghook.NoReply, nil), scope.Middleware, tghook.Album(onAlbum, tghook.AlbumConfig{})), tghook.Config{
			InsecureNoSecret: true, Dispatch: tghook.DispatchConfig{Bot: rig.APIBot, Observe: scope.Observe},
		})
		require.NoError(t, err)
		for id := range 2 {
			body := fmt.Sprintf(`{"update_id":%d,"message":{"message_id":%[1]d,"date":1,"chat":{"id":7},"media_group_id":"1"}}`, id+1)
			res := hook.Serve(t.Context(), tghook.Request{Method: "POST", ContentType: "application/json", ContentLength: int64(len(body)), Body: strings.NewReader(body)})
			assert.Equal(t, 200, res.Status)
		}
		time.Sleep(time.Minute)
		assert.Equal(t, []string{
			"attempts message handled: 1", "deliveries message gathered: 2", "deliveries message handled: 1", "took message handled: 1 in 3s",
			"process message 7244100913:1 attempt=1 outcome=handled 3s",
		}, append(scope.metrics(), scope.ended()...))
		require.NoError(t, hook.Shutdown(t.Context()))
		time.Sleep(2 * time.Hour)
	})
}
