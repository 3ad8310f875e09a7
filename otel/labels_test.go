package oteltghook_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/rig"
)

// constants returns the values of the constants of a type in a file of the package tghook.
func constants(t *testing.T, file, typ string) (values []string) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), "../"+file, nil, 0)
	require.NoError(t, err)
	ast.Inspect(parsed, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if name, ok := spec.Type.(*ast.Ident); !ok || name.Name != typ {
			return true
		}
		value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		require.NoError(t, err)
		values = append(values, value)
		return true
	})
	require.NotEmpty(t, values)
	return values
}

// A kind or an outcome that tghook gets is a label, and has a test.
func TestEveryKindAndOutcomeIsKnown(t *testing.T) {
	scope := newScope(t)
	for _, kind := range constants(t, "update.go", "Kind") {
		scope.Observe(t.Context(), tghook.Delivery{Outcome: tghook.OutcomeJoined, Update: &tghook.Update{Kind: tghook.Kind(kind)}})
		assert.Contains(t, scope.metrics(), fmt.Sprintf("deliveries %s joined: 1", kind))
	}
	tested := make([]string, 0, 2+len(scenarios))
	tested = append(tested,
		"deliveries message pinning:",  // TestAnUpdateThatPinsAPollIsCounted
		"deliveries message gathered:") // TestAnAlbumIsCountedAndTracedOnce
	for _, s := range scenarios {
		tested = append(tested, s.want)
	}
	for _, outcome := range constants(t, "dispatcher_delivery.go", "Outcome") {
		assert.Regexp(t, `deliveries \w+ `+outcome+`\b`, strings.Join(tested, "\n"), "no scenario has this outcome")
		scope.Observe(t.Context(), tghook.Delivery{Outcome: tghook.Outcome(outcome)})
		assert.Contains(t, scope.metrics(), fmt.Sprintf("deliveries none %s: 1", outcome))
	}
}

func TestAnErrorHasOneOfAFewNames(t *testing.T) {
	cyclic := rig.NewCycle()
	var missing *tghook.APIError
	for _, test := range []struct {
		err  error
		want string
	}{
		{rig.ErrBroken, "_OTHER"},
		{&tghook.APIError{Code: 429}, "telegram_429"},
		{fmt.Errorf("in a handler: %w", &tghook.APIError{Code: 404}), "telegram_404"},
		{errors.Join(rig.ErrBroken, &tghook.APIError{Code: 599}), "telegram_5xx"},
		{&tghook.APIError{Code: 912345678}, "telegram_other"},
		{&tghook.RequestError{Status: 401}, "401"},
		{&tghook.PanicError{Value: tghook.ErrLate}, "panic"},
		{&tghook.DecodeError{Err: rig.ErrBroken}, "decode"},
		{&tghook.DecodeError{Err: tghook.ErrNoKind}, "no_kind"},
		{&tghook.ReplyError{Method: "sendMessage", Err: rig.ErrBroken}, "reply"},
		{fmt.Errorf("%w: %w", tghook.ErrNotRun, tghook.ErrShutdown), "shutdown"},
		{fmt.Errorf("%w: %w", tghook.ErrNotRun, rig.ErrBroken), "not_run"},
		{tghook.ErrHandlerTimeout, "handler_timeout"},
		{tghook.Drop(context.DeadlineExceeded), "timeout"},
		{tghook.RetryAfter(time.Second, context.Canceled), "canceled"},
		{tghook.ErrClaimLost, "claim_lost"},
		{tghook.ErrAlbumChanged, "album_changed"},
		{cyclic, "_OTHER"},
		{missing, "_OTHER"},
		{&rig.OddError{Wrapped: func() []error { panic("no causes") }}, "_OTHER"},
	} {
		t.Run(test.want, func(t *testing.T) {
			scope := newScope(t)
			scope.Observe(t.Context(), tghook.Delivery{Outcome: tghook.OutcomeFailed, Err: test.err})
			assert.Equal(t, []string{"deliveries none failed " + test.want + ": 1"}, scope.metrics())
		})
	}
}

// Whatever happens, nothing that leaves the process says who wrote to the bot, or knows the
// token. The bot's id and update_id are not secret.
func TestNothingThatIsExportedTellsAChatAUserOrTheToken(t *testing.T) {
	const user = 955555555555
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				scope := newScope(t)
				telling := fmt.Errorf("chat %d, user %d: %w", chat, user, errors.New(rig.APIBase+"getMe"))
				s.cfg.Dispatch.Bot = rig.APIBot
				s.cfg.Dispatch.Observe, s.cfg.Dispatch.Watch = scope.Observe, scope.Watch
				bot := rig.NewBot(t, s.cfg, scope.Middleware(tghook.HandlerFunc(func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
					reply, err := s.handler(ctx, u)
					if err != nil {
						err = fmt.Errorf("%w: %w", telling, err)
					}
					return reply, err
				})).HandleUpdate)
				bot.Post(rig.CallbackIn(chat, user, 7))
				bot.Post(strings.ReplaceAll(rig.KindBy("kind_955555555555", user, 8), "\n", ""))
				s.happens(t, bot)
				rig.Pass(time.Minute)
				exported, err := json.Marshal(scope.collected())
				require.NoError(t, err)
				for _, span := range scope.spans.GetSpans() {
					exported = append(exported, fmt.Sprintf("%+v", span)...)
				}
				for _, secret := range []string{strconv.Itoa(chat), strconv.Itoa(chat2), strconv.Itoa(user), "stand_in_token"} {
					assert.False(t, bytes.Contains(exported, []byte(secret)), "%s is in %s", secret, exported)
				}
				assert.Contains(t, string(exported), strconv.Itoa(rig.APIBot))
				time.Sleep(3 * time.Hour)
			})
		})
	}
}
