package deploy_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/tghooktest"
)

// build builds the command once, as the image has it: without a C library.
var build = sync.OnceValues(func() (string, error) {
	path := filepath.Join(builds, "tghook")
	cmd := exec.Command("go", "build", "-trimpath", "-o", path, "github.com/tghook/tghook/cmd/tghook")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", &exec.Error{Name: string(out), Err: err}
	}
	return path, nil
})

// builds is the folder of what is built.
var builds string

func TestMain(m *testing.M) {
	if os.Getenv(denyVariable) != "" {
		runDenied()
	}
	var err error
	if builds, err = os.MkdirTemp("", "deploy"); err != nil {
		panic(err)
	}
	status := m.Run()
	_ = os.RemoveAll(builds)
	os.Exit(status)
}

// gateway is tghook serve that runs.
type gateway struct {
	cmd    *exec.Cmd
	status string // its address
	log    *output
}

// startGateway runs a command until the test ends, and waits until it is ready.
func startGateway(t *testing.T, cmd *exec.Cmd) *gateway {
	t.Helper()
	g := &gateway{cmd: cmd, log: new(output)}
	cmd.Stderr = g.log
	pipe, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("the gateway says:\n%s", g.log)
		}
	})
	var addresses struct {
		Status string `json:"status"`
	}
	require.NoError(t, json.NewDecoder(pipe).Decode(&addresses), g.log)
	g.status = addresses.Status
	return g
}

// stop stops the gateway, which takes less than ten seconds where the machine is not slow. A slow one
// may not write the last rows or metrics in the time that the end leaves.
func (g *gateway) stop(t *testing.T) {
	t.Helper()
	began := time.Now()
	require.NoError(t, g.cmd.Process.Signal(syscall.SIGTERM))
	err := g.cmd.Wait()
	if said := g.log.String(); !strings.Contains(said, "rows of the history could not be written") && !strings.Contains(said, "could not be sent in time") {
		require.NoError(t, err, said)
	}
	assert.Less(t, time.Since(began), 30*time.Second)
}

// The first part of the page, as a reader follows it: a bot in PHP that loses nothing while it is
// down, and nothing while the gateway is.
func TestTheWalkthrough(t *testing.T) {
	path, err := build()
	require.NoError(t, err)
	tg := tghooktest.NewServer(t, tghooktest.ServerConfig{Patience: time.Minute})
	php, port := program(t, "php"), freePort(t)
	dir := folder(t, map[string]string{"public/bot.php": read(t, "bots/bot.php"), "token": tg.Token})
	text := blocks(t, "yaml")[0]
	require.Contains(t, text, "http://127.0.0.1:9000/bot.php")
	text = strings.Replace(text, "9000", port, 1) + "listen: 127.0.0.1:0\napi: " + tg.URL + "\napi_local: true\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "tghook.yaml"), []byte(text), 0o600))
	startBot := func() *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), php, "-n", "-d", "display_errors=0", "-S", "127.0.0.1:"+port, "-t", "public")
		cmd.Dir = dir
		start(t, port, "", cmd)
		return cmd
	}
	serve := func() *gateway {
		cmd := exec.CommandContext(t.Context(), path, "serve", "--json")
		cmd.Dir = dir
		return startGateway(t, cmd)
	}
	bot, g := startBot(), serve()
	chat := tg.User("Zoë").Chat()
	chat.Send("one")
	chat.Expect(t, "one")

	require.NoError(t, bot.Process.Kill())
	sent := []string{"two", "three", "four"}
	for _, text := range sent {
		chat.Send(text)
	}
	require.Eventually(t, func() bool { return tg.Pending() == 0 }, time.Minute, 20*time.Millisecond, "the gateway has them: %s", g.log)
	g.stop(t) // the updates are on the disk
	chat.Send("five")
	serve()
	startBot()
	chat.Expect(t, "five")
	var said []string
	for _, m := range chat.Messages() {
		if m.FromBot {
			said = append(said, m.Text)
		}
	}
	assert.Equal(t, []string{"one", "two", "three", "four", "five"}, said)
}
