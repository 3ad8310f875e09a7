// Package trial tries the bots of this module on a simulated Telegram.
package trial

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/examples/libraries/greeting"
	"github.com/tghook/tghook/tghooktest"
)

const (
	token    = "7244100913:AAH-stand_in_token_0123456789abcdef"
	patience = 30 * time.Second
)

// errGreeting is the error of a handler that fails on purpose.
var errGreeting = errors.New("no greeting comes to mind")

// Run is a bot's function run: it receives by webhook if cfg has a URL, else by long poll.
type Run func(ctx context.Context, cfg tghook.RunConfig, greet greeting.Func) error

// Bot tries one bot in both ways. Its tests are parallel.
func Bot(t *testing.T, run Run) {
	t.Helper()
	t.Parallel()
	for way, webhook := range map[string]bool{"by webhook": true, "by long poll": false} {
		for name, try := range map[string]func(*testing.T, *bot){
			"greets":                    greets,
			"makes two calls in order":  callsInOrder,
			"fails, then succeeds":      failsOnce,
			"panics, then succeeds":     panicsOnce,
			"exits, then succeeds":      exitsOnce,
			"keeps the token to itself": losesACall,
		} {
			t.Run(name+" "+way, func(t *testing.T) {
				t.Parallel()
				try(t, start(t, run, webhook))
			})
		}
		t.Run("is a program "+way, func(t *testing.T) {
			t.Parallel()
			isAProgram(t, webhook)
		})
	}
}

// bot is a bot that runs until the test ends.
type bot struct {
	tg      *tghooktest.Server
	chat    *tghooktest.Chat
	webhook bool

	mu       sync.Mutex
	greet    greeting.Func // the bot's greeting; polite by default
	runs     int           // of greet
	failures []error       // the errors that Observe got
}

type ctxKey struct{}

func start(t *testing.T, run Run, webhook bool) *bot {
	t.Helper()
	tg := tghooktest.NewServer(t, tghooktest.ServerConfig{Token: token, Patience: patience})
	b := &bot{tg: tg, chat: tg.User("Zoë").Chat(), webhook: webhook, greet: greeting.Polite}
	cfg := tghook.RunConfig{Token: token, Client: tghook.ClientConfig{BaseURL: tg.URL, Local: true}}
	cfg.Webhook.Dispatch.Observe = b.observe
	if webhook {
		cfg.Listen = freeAddress(t)
		cfg.URL = "http://" + cfg.Listen + "/telegram"
	}
	ctx, stop := context.WithCancel(context.WithValue(context.WithoutCancel(t.Context()), ctxKey{}, "of Run's ctx"))
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, cfg, func(ctx context.Context) (string, error) {
			b.mu.Lock()
			b.runs++
			greet := b.greet
			b.mu.Unlock()
			return greet(ctx)
		})
	}()
	t.Cleanup(func() {
		stop()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("it ended with %v", err)
			}
		case <-time.After(patience):
			t.Error("it does not end")
		}
	})
	return b
}

func (b *bot) observe(_ context.Context, d tghook.Delivery) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if d.Err != nil {
		b.failures = append(b.failures, d.Err)
	}
}

// failed returns the errors so far, and the number of runs.
func (b *bot) failed() (failures []error, runs int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failures, b.runs
}

// first makes f the first greeting; all others are polite.
func (b *bot) first(f greeting.Func) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.greet = func(ctx context.Context) (string, error) {
		b.mu.Lock()
		b.greet = greeting.Polite
		b.mu.Unlock()
		return f(ctx)
	}
}

// polite returns the bot's answer to "hi".
func (b *bot) polite() string { return politeTo(b.tg) }

func politeTo(tg *tghooktest.Server) string {
	return "Hello, user " + strconv.FormatInt(tg.User("Zoë").ID, 10) + "!"
}

// greets checks that the reply is sent in the HTTP response if there is one, and that the
// handler gets the update.
func greets(t *testing.T, b *bot) {
	t.Helper()
	seen := make(chan *tghook.Update, 1)
	b.first(func(ctx context.Context) (string, error) {
		assert.Equal(t, "of Run's ctx", ctx.Value(ctxKey{}), "a value of Run's context")
		if end, ok := ctx.Deadline(); !ok || time.Until(end) > 5*time.Minute {
			t.Errorf("the handler's ctx ends at %v, want within HandlerTimeout", end)
		}
		u, _ := tghook.FromContext(ctx)
		seen <- u
		return greeting.Polite(ctx)
	})
	b.chat.Send("hi")
	b.chat.Expect(t, b.polite())
	b.tg.WaitDelivered(t)
	if u := <-seen; u == nil || u.Kind != tghook.KindMessage || u.ChatID != b.chat.ID || !bytes.Contains(u.Raw, []byte(`"text":"hi"`)) {
		t.Errorf("FromContext gave %+v in the handler", u)
	}
	b.said(t, b.polite())
}

// said checks that the bot has sent these texts, once each and in this order, and that by
// webhook the last one was sent in the HTTP response.
func (b *bot) said(t *testing.T, texts ...string) {
	t.Helper()
	sent := b.tg.Calls("sendMessage")
	require.Len(t, sent, len(texts))
	for i, text := range texts {
		call, rides := sent[i], b.webhook && i == len(texts)-1
		assert.Equal(t, text, call.Params["text"], "message %d", i)
		assert.Equal(t, rides, call.Reply, "message %d is in a response", i)
		assert.Nil(t, call.Err, "message %d", i)
	}
}

func callsInOrder(t *testing.T, b *bot) {
	t.Helper()
	b.chat.Send("bye")
	b.chat.Expect(t, "Goodbye!")
	b.chat.Expect(t, "Come again!")
	b.tg.WaitDelivered(t)
	b.said(t, "Goodbye!", "Come again!")
}

// failsOnce makes the first attempt fail. The update comes again, and is answered once.
func failsOnce(t *testing.T, b *bot) {
	t.Helper()
	b.first(func(context.Context) (string, error) { return "", errGreeting })
	b.succeedsThen(t)
	failures, _ := b.failed()
	require.Len(t, failures, 1)
	require.ErrorIs(t, failures[0], errGreeting)
}

func panicsOnce(t *testing.T, b *bot) {
	t.Helper()
	b.first(func(context.Context) (string, error) { panic(errGreeting) })
	b.succeedsThen(t)
	failures, _ := b.failed()
	require.Len(t, failures, 1)
	var panicked *tghook.PanicError
	require.ErrorAs(t, failures[0], &panicked)
	told := panicked.Error() + "\n" + string(panicked.Stack)
	assert.Contains(t, told, errGreeting.Error())
	assert.Contains(t, told, "trial.panicsOnce")
}

// exitsOnce makes the first attempt end its goroutine, as a test's FailNow does.
func exitsOnce(t *testing.T, b *bot) {
	t.Helper()
	b.first(func(context.Context) (string, error) { runtime.Goexit(); return "", nil })
	b.succeedsThen(t)
	if failures, _ := b.failed(); len(failures) != 1 {
		t.Errorf("the failures are %v, want that of the handler", failures)
	}
}

func (b *bot) succeedsThen(t *testing.T) {
	t.Helper()
	b.chat.Send("hi")
	b.chat.Expect(t, b.polite())
	b.tg.WaitDelivered(t)
	b.said(t, b.polite())
	if _, runs := b.failed(); runs != 2 {
		t.Errorf("the handler ran %d times, want twice", runs)
	}
}

// losesACall breaks the connection to the Bot API until the bot has reported an error.
func losesACall(t *testing.T, b *bot) {
	t.Helper()
	b.tg.OnCall(func(c tghooktest.Call) tghooktest.CallFault {
		failures, _ := b.failed()
		return tghooktest.CallFault{Cut: c.Method == "sendMessage" && len(failures) == 0}
	})
	b.chat.Send("bye")
	b.chat.Expect(t, "Come again!")
	b.tg.WaitDelivered(t)
	failures, _ := b.failed()
	if len(failures) == 0 {
		t.Error("no error was reported")
	}
	for _, err := range failures {
		if strings.Contains(err.Error(), "stand_in_token") {
			t.Errorf("the error contains the token: %v", err)
		}
	}
}

const asProgram = "TRIAL_AS_PROGRAM"

// Main is the TestMain of a bot. In the process that isAProgram starts, it runs the bot's
// own main.
func Main(m *testing.M, program func()) {
	if os.Getenv(asProgram) != "" {
		program()
		return
	}
	os.Exit(m.Run())
}

// isAProgram starts the bot as a user does, configured by its environment alone.
func isAProgram(t *testing.T, webhook bool) {
	t.Helper()
	tg := tghooktest.NewServer(t, tghooktest.ServerConfig{Token: token, Patience: patience})
	binary, err := os.Executable()
	require.NoError(t, err)
	var output bytes.Buffer
	cmd := exec.CommandContext(t.Context(), binary)
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.Env = []string{asProgram + "=1", "TELEGRAM_TOKEN=" + token, "TELEGRAM_API_URL=" + tg.URL, "TELEGRAM_API_LOCAL=true"}
	if webhook {
		address := freeAddress(t)
		cmd.Env = append(cmd.Env, "TELEGRAM_LISTEN="+address, "TELEGRAM_WEBHOOK_URL=http://"+address+"/telegram")
	}
	require.NoError(t, cmd.Start())
	chat := tg.User("Zoë").Chat()
	chat.Send("hi")
	chat.Expect(t, politeTo(tg))
	tg.WaitDelivered(t)
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	if err := cmd.Wait(); err != nil {
		t.Errorf("it ended with %v:\n%s", err, &output)
	}
	if strings.Contains(output.String(), "stand_in_token") {
		t.Errorf("its output contains the token:\n%s", &output)
	}
	sent := tg.Calls("sendMessage")
	require.Len(t, sent, 1)
	assert.Equal(t, webhook, sent[0].Reply, "the greeting is in a response")
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}
