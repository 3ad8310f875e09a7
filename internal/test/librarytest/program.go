package librarytest

import (
	"bytes"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/internal/test/rig"
	"github.com/tghook/tghook/tghooktest"
)

const asProgram = "LIBRARYTEST_AS_PROGRAM"

// Main is the TestMain of a program. In the process that [TestProgram] starts, it runs the
// program's main function.
func Main(m *testing.M, program func()) {
	if os.Getenv(asProgram) != "" {
		program()
		return
	}
	rig.Main(m, nil)
}

// TestProgram starts a bot as a user does, configured by its environment alone.
func TestProgram(t *testing.T) {
	t.Helper()
	for way, webhook := range map[string]bool{"by webhook": true, "by long poll": false} {
		t.Run("is a program "+way, func(t *testing.T) {
			t.Parallel()
			tg := tghooktest.NewServer(t, tghooktest.ServerConfig{Token: token, Patience: rig.InTime})
			binary, err := os.Executable()
			require.NoError(t, err)
			var output bytes.Buffer
			cmd := exec.CommandContext(t.Context(), binary)
			cmd.Stdout, cmd.Stderr = &output, &output
			cmd.Env = []string{asProgram + "=1", "TELEGRAM_TOKEN=" + token, "TELEGRAM_API_URL=" + tg.URL, "TELEGRAM_API_LOCAL=true"}
			if webhook {
				address := "127.0.0.1:" + rig.FreePort(t)
				cmd.Env = append(cmd.Env, "TELEGRAM_LISTEN="+address, "TELEGRAM_WEBHOOK_URL=http://"+address+"/telegram")
			}
			require.NoError(t, cmd.Start())
			user := tg.User("Zoë")
			user.Chat().Send("hi")
			user.Chat().Expect(t, politeTo(user.ID))
			tg.WaitDelivered(t)
			require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
			require.NoError(t, cmd.Wait(), &output)
			assert.False(t, rig.Leaks(output.String()), "its output tells the token: %s", &output)
			sent := tg.Calls("sendMessage")
			require.Len(t, sent, 1)
			assert.Equal(t, webhook, sent[0].Reply, "the greeting is in a response")
		})
	}
}
