package dev

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// build builds the command once for all tests.
var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "tghook-dev")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "tghook")
	cmd := exec.Command("go", "build", "-o", path, ".")
	cmd.Dir = filepath.Join("..", "..", "cmd", "tghook")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the command: %w\n%s", err, out)
	}
	return path, nil
})

// A command is a running `tghook dev`.
type command struct {
	t     *testing.T
	flags []string
	url   string // without a slash at its end
	cmd   *exec.Cmd
	token string // of the bot of the test
}

// start starts `tghook dev` on a free port, or on the port of a given address.
func start(t *testing.T, flags ...string) *command {
	t.Helper()
	c := &command{t: t, flags: flags, token: "100200:the-token-of-a-bot-on-the-desk-01"}
	c.run("127.0.0.1:0")
	t.Cleanup(c.stop)
	return c
}

func (c *command) run(address string) {
	c.t.Helper()
	path, err := build()
	require.NoError(c.t, err)
	c.cmd = exec.CommandContext(context.WithoutCancel(c.t.Context()), path, append([]string{"dev", "--listen", address, "--json"}, c.flags...)...)
	var stderr bytes.Buffer
	c.cmd.Stderr = &stderr
	out, err := c.cmd.StdoutPipe()
	require.NoError(c.t, err)
	require.NoError(c.t, c.cmd.Start())
	line, err := bufio.NewReader(out).ReadBytes('\n')
	require.NoError(c.t, err, "the command says nothing: %s", &stderr)
	var addresses struct {
		BotAPI string `json:"bot_api"`
	}
	require.NoError(c.t, json.Unmarshal(line, &addresses), string(line))
	c.url = strings.TrimSuffix(addresses.BotAPI, "/")
}

// stop ends the command as Ctrl-C does.
func (c *command) stop() {
	if c.cmd.ProcessState != nil {
		return
	}
	_ = c.cmd.Process.Signal(syscall.SIGINT)
	timer := time.AfterFunc(patience, func() { _ = c.cmd.Process.Kill() })
	defer timer.Stop()
	_ = c.cmd.Wait()
}

// restart ends the command and starts it again at the same address.
func (c *command) restart() {
	c.t.Helper()
	address := strings.TrimPrefix(c.url, "http://")
	c.stop()
	c.run(address)
}

// api calls the control API and reads its answer into out, which may be nil.
func (c *command) api(method, path string, body, out any) {
	c.t.Helper()
	status, answer := c.try(method, path, body)
	require.Less(c.t, status, 300, "%s %s: %s", method, path, answer)
	if out != nil {
		require.NoError(c.t, json.Unmarshal(answer, out), "%s %s: %s", method, path, answer)
	}
}

func (c *command) try(method, path string, body any) (int, []byte) {
	c.t.Helper()
	var reader io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		require.NoError(c.t, err)
		reader = bytes.NewReader(encoded)
	}
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.url+path, reader)
	require.NoError(c.t, err)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(c.t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(c.t, err)
	return resp.StatusCode, answer
}

type object = map[string]any

// you is the id of the first user.
func (c *command) you() int64 {
	c.t.Helper()
	var users []struct{ ID int64 }
	c.api("GET", "/api/users", nil, &users)
	return users[0].ID
}

// user adds a user.
func (c *command) user(name, username string) int64 {
	c.t.Helper()
	var user struct{ ID int64 }
	c.api("POST", "/api/users", object{"name": name, "username": username}, &user)
	return user.ID
}

const botID = 100200

func (c *command) bot() string { return fmt.Sprintf("/api/bots/%d", botID) }

func (c *command) chat(id int64) string { return fmt.Sprintf("%s/chats/%d", c.bot(), id) }

// page opens the page in a tab.
func (c *command) page(t *testing.T) *tab {
	t.Helper()
	return newTab(t, c.url+"/")
}
