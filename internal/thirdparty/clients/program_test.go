package clients_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/tghooktest"
)

// javascript returns a client of the library that javascript/<library>.mjs uses.
func javascript(library string) client {
	return func(t *testing.T, tg *tghooktest.Server, webhook net.Listener) {
		t.Helper()
		node, err := exec.LookPath("node")
		if err == nil {
			_, err = os.Stat("javascript/node_modules/" + library)
		}
		if err != nil {
			missing(t, library, err)
		}
		program(t, tg, webhook, node, "javascript/"+library+".mjs")
	}
}

// pythonTelegramBot runs python/bot.py with the Python that has the library: Debian's package
// is only for Debian's own Python.
func pythonTelegramBot(t *testing.T, tg *tghooktest.Server, webhook net.Listener) {
	t.Helper()
	var err error
	for _, python := range []string{"python3", "/usr/bin/python3"} {
		if err = exec.CommandContext(t.Context(), python, "-W", "ignore", "-c", "import telegram.ext").Run(); err == nil {
			program(t, tg, webhook, python, "-W", "ignore", "python/bot.py")
			return
		}
	}
	missing(t, "python-telegram-bot", err)
}

// missing skips a test whose library is not installed. In CI it fails it.
func missing(t *testing.T, library string, err error) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("%s is not installed (make programs): %v", library, err)
	}
	t.Skipf("%s is not installed (make programs): %v", library, err)
}

// program runs a bot that is a program of its own, until the test ends. The program inherits
// the listener: a port that is free now may be taken later.
func program(t *testing.T, tg *tghooktest.Server, webhook net.Listener, command ...string) {
	t.Helper()
	bot := exec.CommandContext(context.WithoutCancel(t.Context()), command[0], command[1:]...)
	bot.Env = append(os.Environ(), "TELEGRAM_TOKEN="+tg.Token, "TELEGRAM_API_URL="+tg.URL, "PHOTO="+base64.StdEncoding.EncodeToString(photo()))
	var output bytes.Buffer
	bot.Stdout, bot.Stderr = &output, &output
	if webhook != nil {
		socket, err := webhook.(*net.TCPListener).File()
		require.NoError(t, err)
		defer socket.Close()
		bot.ExtraFiles = []*os.File{socket}
		bot.Env = append(bot.Env, "TELEGRAM_SECRET="+secret, "TELEGRAM_WEBHOOK_URL=http://"+webhook.Addr().String()+"/telegram")
		defer webhook.Close() // the program has its own copy now
	}
	require.NoError(t, bot.Start())
	ended := make(chan error, 1)
	go func() { ended <- bot.Wait() }()
	t.Cleanup(func() {
		_ = bot.Process.Signal(syscall.SIGTERM)
		select {
		case err := <-ended:
			if err != nil || output.Len() > 0 {
				t.Errorf("the bot ended with %v and said:\n%s", err, strings.ReplaceAll(output.String(), tg.Token, "<token>"))
			}
		case <-time.After(patience):
			_ = bot.Process.Kill()
			t.Error("the bot does not end")
		}
	})
}
