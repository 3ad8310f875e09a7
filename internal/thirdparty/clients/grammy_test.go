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

// It runs on node, which inherits the listener: a port that is free now may be taken later.
func grammyBot(t *testing.T, tg *tghooktest.Server, webhook net.Listener) {
	t.Helper()
	node, err := exec.LookPath("node")
	if err == nil {
		_, err = os.Stat("grammy/node_modules/grammy")
	}
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("grammY is not installed (make programs): %v", err)
		}
		t.Skipf("grammY is not installed (make programs): %v", err)
	}
	bot := exec.CommandContext(context.WithoutCancel(t.Context()), node, "bot.mjs")
	bot.Dir = "grammy"
	bot.Env = append(os.Environ(), "TELEGRAM_TOKEN="+tg.Token, "TELEGRAM_API_URL="+tg.URL, "PHOTO="+base64.StdEncoding.EncodeToString(photo()))
	var output bytes.Buffer
	bot.Stdout, bot.Stderr = &output, &output
	if webhook != nil {
		socket, err := webhook.(*net.TCPListener).File()
		require.NoError(t, err)
		defer socket.Close()
		bot.ExtraFiles = []*os.File{socket}
		bot.Env = append(bot.Env, "TELEGRAM_SECRET="+secret, "TELEGRAM_WEBHOOK_URL=http://"+webhook.Addr().String()+"/telegram")
		defer webhook.Close() // node has its own copy now
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
