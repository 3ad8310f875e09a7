package main

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/jpeg"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/internal/test/engine"
	"github.com/tghook/tghook/tghooktest"
)

// client is a bot in another language.
type client struct {
	// command returns the program that serves the bot at an address.
	command func(ctx context.Context, address string) ([]string, error)
	// calls says that the bot calls the Bot API. If not, it has webhook replies alone.
	calls bool
}

var clients = map[string]client{
	"grammY": {calls: true, command: func(context.Context, string) ([]string, error) {
		node, err := exec.LookPath("node")
		if err != nil {
			return nil, err
		}
		if _, err := os.Stat("node_modules/grammy"); err != nil {
			return nil, fmt.Errorf("grammY is not installed: %w", exec.ErrNotFound)
		}
		return []string{node, "bots/grammy.mjs"}, nil
	}},
	"python-telegram-bot": {calls: true, command: func(ctx context.Context, _ string) ([]string, error) {
		// Debian's package is only for Debian's own Python.
		for _, python := range []string{"python3", "/usr/bin/python3"} {
			if exec.CommandContext(ctx, python, "-W", "ignore", "-c", "import telegram.ext").Run() == nil {
				return []string{python, "-W", "ignore", "bots/ptb.py"}, nil
			}
		}
		return nil, fmt.Errorf("python-telegram-bot is not installed: %w", exec.ErrNotFound)
	}},
	"PHP": {command: func(_ context.Context, address string) ([]string, error) {
		php, err := exec.LookPath("php")
		return []string{php, "-d", "display_errors=0", "-S", address, "bots/bot.php"}, err
	}},
}

// A bot in any language talks with a user through the gateway, without a change.
func TestBotsInOtherLanguages(t *testing.T) {
	t.Parallel()
	for name, c := range clients {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address, err := freeAddress(t.Context())
			require.NoError(t, err)
			command, err := c.command(t.Context(), address)
			engine.LeaveOut(t, err)
			require.NoError(t, err)
			dir := t.TempDir()
			tg := tghooktest.NewServer(t, tghooktest.ServerConfig{Patience: patience})
			from := callers(tg)
			bot := startBotProgram(t, dir, name, address, tg, command)
			require.NoError(t, bot.answers(t.Context(), address))
			g := serveBots(t, dir, object{"storage": object{"path": filepath.Join(dir, "storage")}, "api": tg.URL, "bots": object{
				"shop": object{"token": object{"env": "BOT_TOKEN"}, "to": object{"url": "http://" + address + "/", "secret": object{"env": "BOT_SECRET"}}},
			}}, botEnv(tg)...)
			require.NoError(t, g.ready(t.Context(), tg))
			talk(t, tg, c, from)
		})
	}
}

const botSecret = "the-bots-own-secret"

// poll is the time between two looks at what must happen.
const poll = 10 * time.Millisecond

func botEnv(tg *tghooktest.Server) []string {
	return []string{"BOT_TOKEN=" + tg.Token, "BOT_SECRET=" + botSecret}
}

// serveBots starts a gateway, and ends it with the test. It must not have complained of itself.
func serveBots(t *testing.T, dir string, cfg object, env ...string) *gateway {
	t.Helper()
	g, err := newGateway(t.Context(), dir, "gateway", cfg, env...)
	require.NoError(t, err)
	t.Cleanup(func() {
		assert.NoError(t, g.stop())
		if t.Failed() {
			t.Logf("the gateway wrote, at the end:\n%s", g.lastOutput())
		}
	})
	return g
}

// startBotProgram starts a bot, and ends it with the test.
func startBotProgram(t *testing.T, dir, name, address string, tg *tghooktest.Server, command []string) *process {
	t.Helper()
	env := append(botEnv(tg), "TELEGRAM_API_URL="+tg.URL, "PORT="+address[strings.LastIndexByte(address, ':')+1:], "STATE="+dir)
	p, err := startProcess(name, filepath.Join(dir, "bot.log"), env, command[0], command[1:]...)
	require.NoError(t, err)
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("%s wrote, at the end:\n%s", name, p.lastOutput())
		}
	})
	return p
}

// callers returns a function that tells which program has sent a message, by its text.
func callers(tg *tghooktest.Server) func(text string) string {
	var mu sync.Mutex
	by := map[string]string{}
	tg.OnCall(func(c tghooktest.Call) tghooktest.CallFault {
		mu.Lock()
		defer mu.Unlock()
		by[c.Params["text"]] = c.Header.Get("User-Agent")
		return tghooktest.CallFault{}
	})
	return func(text string) string {
		mu.Lock()
		defer mu.Unlock()
		return by[text]
	}
}

// talk is a user's conversation with the bot.
func talk(t *testing.T, tg *tghooktest.Server, c client, from func(text string) string) {
	t.Helper()
	chat := tg.User("Zoë").Chat()

	chat.Send("tea 👋")
	echo := chat.Expect(t, "tea 👋")
	press := echo.Press("Shout")
	chat.Expect(t, "TEA 👋")
	if c.calls {
		press.Expect(t, "Loud enough?")
	}

	chat.Send("/reply")
	chat.Expect(t, "a webhook reply")
	gateway := from("a webhook reply")
	if c.calls {
		assert.NotEqual(t, gateway, from("tea 👋"), "the bot calls by itself, and the gateway calls for its webhook reply")
	} else {
		assert.Equal(t, gateway, from("tea 👋"))
	}

	chat.Send("/fail")
	chat.Send("after the failure")
	chat.Expect(t, "the second attempt")
	chat.Expect(t, "after the failure")

	chat.SendMediaGroup(picture("first"), picture("second"), picture("third"))
	for _, caption := range []string{"first", "second", "third"} {
		chat.Expect(t, "a picture of an album: "+caption)
	}

	chat.Send("/buy")
	invoice := chat.Expect(t, "")
	require.NoError(t, tg.SetSpeed(0.1)) // Telegram gives a bot ten seconds to confirm a payment
	invoice.Pay().Expect(t)
	require.NoError(t, tg.SetSpeed(1))
	chat.Expect(t, "paid 5")

	tg.WaitDelivered(t)
	for _, call := range tg.Calls() {
		assert.Nil(t, call.Err, call.Method)
	}
	assert.Empty(t, tg.Calls("getUpdates"))
}

func picture(caption string) tghooktest.Media {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 90, 60)), nil); err != nil {
		panic(err)
	}
	return tghooktest.Media{Kind: "photo", Caption: caption, Content: b.Bytes()}
}
