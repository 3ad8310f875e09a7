package librarytest

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/rig"
	"github.com/tghook/tghook/tghooktest"
)

// A test is one that a bot has to pass by webhook and by long poll.
type test struct {
	name      string
	configure func(*tghook.RunConfig)
	try       func(*testing.T, *bot)
}

var basics = []test{
	{"greets", nil, greets},
	{"makes two calls in order", nil, callsInOrder},
	{"fails, then succeeds", nil, failsOnce},
	{"panics, then succeeds", nil, panicsOnce},
	{"ends its goroutine, then succeeds", nil, exitsOnce},
	{"asks for the update again after a time", nil, asksForATime},
	{"drops an update", nil, drops},
	{"is late", late, isLate},
	{"runs out of time, then succeeds", impatient, timesOut},
	{"loses a call and tells no token", callsOnly, losesACall},
}

// TestBot tries a bot. Its tests are parallel.
func TestBot(t *testing.T, run Run) {
	t.Helper()
	try(t, run, nil, basics)
}

func try(t *testing.T, run Run, needs []string, tests []test) {
	t.Helper()
	for way, webhook := range map[string]bool{"by webhook": true, "by long poll": false} {
		for _, c := range tests {
			t.Run(c.name+" "+way, func(t *testing.T) {
				t.Parallel()
				c.try(t, start(t, run, webhook, c.configure, needs))
			})
		}
	}
}

// greets checks that the handler gets the update and its context.
func greets(t *testing.T, b *bot) {
	t.Helper()
	seen := make(chan *tghook.Update, 1)
	b.first(func(ctx context.Context) (string, error) {
		assert.Equal(t, "of Run's ctx", ctx.Value(ctxKey{}), "a value of Run's context")
		if end, ok := ctx.Deadline(); !ok || time.Until(end) > 5*time.Minute {
			t.Errorf("the handler's ctx ends at %v, want within HandlerTimeout", end)
		}
		assert.False(t, tghook.IsLate(ctx), "IsLate")
		u, _ := tghook.FromContext(ctx)
		seen <- u
		return Polite(ctx)
	})
	b.chat.Send("hi")
	b.chat.Expect(t, b.polite())
	b.did(t, "sendMessage "+b.polite()+rides)
	u := rig.Receive(t, "the update", seen)
	require.NotNil(t, u, "FromContext")
	assert.Equal(t, tghook.KindMessage, u.Kind)
	assert.Equal(t, b.chat.ID, u.ChatID)
	assert.Contains(t, string(u.Raw), `"text":"hi"`)
}

func callsInOrder(t *testing.T, b *bot) {
	t.Helper()
	b.chat.Send("bye")
	b.chat.Expect(t, "Goodbye!")
	b.chat.Expect(t, "Come again!")
	b.did(t, "sendMessage Goodbye!", "sendMessage Come again!"+rides)
	assert.Empty(t, b.failed())
}

// failsOnce makes the first attempt fail. The update comes again, and is answered once.
func failsOnce(t *testing.T, b *bot) {
	t.Helper()
	b.first(func(context.Context) (string, error) { return "", rig.ErrBroken })
	require.ErrorIs(t, b.succeedsThen(t), rig.ErrBroken)
}

func panicsOnce(t *testing.T, b *bot) {
	t.Helper()
	b.first(func(context.Context) (string, error) { panic(rig.ErrBroken) })
	err := b.succeedsThen(t)
	require.ErrorIs(t, err, rig.ErrBroken)
	var panicked *tghook.PanicError
	require.ErrorAs(t, err, &panicked)
	assert.Equal(t, rig.ErrBroken, panicked.Value)
	assert.Contains(t, string(panicked.Stack), "librarytest.panicsOnce", "the stack of the panic")
}

// exitsOnce makes the first attempt end its goroutine, as a test's FailNow does.
func exitsOnce(t *testing.T, b *bot) {
	t.Helper()
	b.first(func(context.Context) (string, error) { runtime.Goexit(); return "", nil })
	require.ErrorContains(t, b.succeedsThen(t), "Goexit")
}

func asksForATime(t *testing.T, b *bot) {
	t.Helper()
	b.first(func(context.Context) (string, error) { return "", tghook.RetryAfter(time.Second, rig.ErrBroken) })
	after, ok := tghook.RetryDelay(b.succeedsThen(t))
	assert.True(t, ok, "the error asks for a time")
	assert.Equal(t, time.Second, after)
}

// succeedsThen sends "hi", of which the first attempt fails, and returns that failure.
func (b *bot) succeedsThen(t *testing.T) error {
	t.Helper()
	b.chat.Send("hi")
	b.chat.Expect(t, b.polite())
	b.did(t, "sendMessage "+b.polite()+rides)
	b.mu.Lock()
	defer b.mu.Unlock()
	assert.Equal(t, 2, b.runs, "the handler's runs")
	require.Len(t, b.failures, 1)
	return b.failures[0]
}

func drops(t *testing.T, b *bot) {
	t.Helper()
	b.first(func(context.Context) (string, error) { return "", tghook.Drop(rig.ErrBroken) })
	b.chat.Send("hi")
	b.chat.Send("hi")
	b.chat.Expect(t, b.polite())
	b.did(t, "sendMessage "+b.polite()+rides)
	require.Len(t, b.failed(), 1)
	require.ErrorIs(t, b.failed()[0], rig.ErrBroken)
}

// late has a webhook answer an update before a slow handler has returned.
func late(cfg *tghook.RunConfig) { cfg.Webhook.LateAfter = 50 * time.Millisecond }

// isLate checks that a slow handler's work is neither lost nor done twice.
func isLate(t *testing.T, b *bot) {
	t.Helper()
	b.first(func(ctx context.Context) (string, error) {
		if b.webhook {
			rig.Until(t, "the delivery is late", func() bool { return tghook.IsLate(ctx) })
		} else {
			time.Sleep(2 * 50 * time.Millisecond) // nobody waits
		}
		return Polite(ctx)
	})
	b.chat.Send("hi")
	b.chat.Expect(t, b.polite())
	b.tg.WaitDelivered(t)
	assert.Len(t, b.tg.Calls("sendMessage"), 1, "greetings")
	assert.Equal(t, 1, b.runs, "the handler's runs")
	for _, err := range b.failed() {
		require.ErrorIs(t, err, tghook.ErrLate)
	}
}

// impatient has a time for handlers that is enough for the second attempt, also on a busy machine.
func impatient(cfg *tghook.RunConfig) {
	cfg.Webhook.Dispatch.HandlerTimeout = 5 * time.Second
	cfg.Webhook.LateAfter = rig.InTime
}

// timesOut checks that the handler's context ends in time, and says why.
func timesOut(t *testing.T, b *bot) {
	t.Helper()
	b.first(func(ctx context.Context) (string, error) {
		select {
		case <-ctx.Done():
			return "", context.Cause(ctx)
		case <-time.After(rig.InTime):
			return "", errors.New("the context does not end")
		}
	})
	require.ErrorIs(t, b.succeedsThen(t), tghook.ErrHandlerTimeout)
}

// callsOnly has the library make each call, and see its error.
func callsOnly(cfg *tghook.RunConfig) { cfg.Webhook.Dispatch.AlwaysCall = true }

// losesACall breaks the connection to the Bot API until the bot has reported an error.
func losesACall(t *testing.T, b *bot) {
	t.Helper()
	b.tg.OnCall(func(c tghooktest.Call) tghooktest.CallFault {
		return tghooktest.CallFault{Cut: c.Method == "sendMessage" && len(b.failed()) == 0}
	})
	b.chat.Send("bye")
	b.chat.Expect(t, "Come again!")
	b.tg.WaitDelivered(t)
	require.NotEmpty(t, b.failed(), "errors") // the end of the test looks into them
}
