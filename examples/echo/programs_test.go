package echo_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/tghooktest"
)

const (
	token    = "7244100913:AAH-stand_in_token_0123456789abcdefg"
	secret   = "stand_in_secret"
	patience = time.Minute
)

// program is one of the examples, as a user runs it.
type program struct {
	cmd    *exec.Cmd
	output bytes.Buffer
}

func start(t *testing.T, tg *tghooktest.Server, binary string, env ...string) *program {
	t.Helper()
	p := &program{cmd: exec.CommandContext(t.Context(), binary)}
	p.cmd.Env = append([]string{"TELEGRAM_TOKEN=" + token, "TELEGRAM_API_URL=" + tg.URL, "TELEGRAM_API_LOCAL=true"}, env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	require.NoError(t, p.cmd.Start())
	return p
}

// stop ends it as a platform does.
func (p *program) stop(t *testing.T) {
	t.Helper()
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	kill := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() }) // which Wait returns
	defer kill.Stop()
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("it ended with %v:\n%s", err, &p.output)
	}
	if strings.Contains(p.output.String(), "stand_in_token") {
		t.Errorf("it tells the token:\n%s", &p.output)
	}
}

// freePort is one that the system does not give to whoever asks for any.
func freePort(t *testing.T) string {
	t.Helper()
	for {
		port := strconv.Itoa(10_000 + rand.N(20_000))
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:"+port)
		if err == nil {
			l.Close()
			return port
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			t.Fatal(err)
		}
	}
}

// One bot, a message in, the same reply out, and an end in peace.
func TestThePrograms(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", dir, "../mounted", "../standalone", "../polling")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, name := range []string{"mounted", "standalone", "polling"} {
		cmd := exec.CommandContext(t.Context(), filepath.Join(dir, name))
		cmd.Env = []string{} // not the developer's own
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), "TELEGRAM_TOKEN: not set") {
			t.Errorf("%s without a token: %v\n%s", name, err, out)
		}
	}
	for name, c := range map[string]struct {
		program string
		webhook bool
	}{
		"mounted":                   {"mounted", true},
		"mounted, without a URL":    {"mounted", false},
		"standalone, by webhook":    {"standalone", true},
		"standalone, without a URL": {"standalone", false},
		"polling":                   {"polling", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tg := tghooktest.NewServer(t, tghooktest.ServerConfig{Token: token, Patience: patience})
			chat := tg.User("Zoë").Chat()
			chat.Send("hello, bot")
			address := "127.0.0.1:" + freePort(t)
			env := []string{
				"TELEGRAM_LISTEN=" + address, "TELEGRAM_SECRET=" + secret, "TELEGRAM_MAX_CONNECTIONS=33", "TELEGRAM_POLL_WAIT=1s",
				"TELEGRAM_ALLOWED_UPDATES=message,poll", "TELEGRAM_GRACE=30s",
			}
			if c.webhook {
				env = append(env, "TELEGRAM_WEBHOOK_URL=http://"+address+"/telegram")
			}
			p := start(t, tg, filepath.Join(dir, c.program), env...)
			chat.Expect(t, "hello, bot")
			tg.WaitDelivered(t)
			p.stop(t)
			method, want := "getUpdates", map[string]string{"allowed_updates": `["message","poll"]`, "timeout": "1"}
			if c.webhook {
				method = "setWebhook"
				want = map[string]string{"allowed_updates": want["allowed_updates"], "secret_token": secret, "max_connections": "33"}
			}
			params := tg.ExpectCall(t, method).Params
			for name, value := range want {
				if params[name] != value {
					t.Errorf("%s has %s=%q, want %q", method, name, params[name], value)
				}
			}
			if sent := tg.Calls("sendMessage"); len(sent) != 1 || sent[0].Reply != c.webhook {
				t.Errorf("the reply went by %v", sent)
			}
		})
	}
}
