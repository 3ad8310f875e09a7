package cli

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net"
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

	"github.com/tghook/tghook/cmd/tghook/internal/state"
)

const patience = time.Minute

// A desk is a running tghook dev.
type desk struct {
	devAddresses

	out, errs *shared
	client    *http.Client
	end       func() int // as Ctrl-C does; it returns the exit status
}

// shared is what a command that still runs has printed.
type shared struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *shared) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *shared) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// startDev runs dev on a free port until the test ends.
func startDev(t *testing.T, args ...string) *desk {
	t.Helper()
	d := &desk{out: &shared{}, errs: &shared{}, client: http.DefaultClient}
	ctx, stop := context.WithCancel(t.Context())
	read, write := io.Pipe()
	done := make(chan int, 1)
	go func() {
		status := Run(ctx, append([]string{"dev", "--listen", "127.0.0.1:0", "--json"}, args...), nil, io.MultiWriter(d.out, write), d.errs)
		_ = write.Close()
		done <- status
	}()
	d.end = sync.OnceValue(func() int {
		stop()
		return <-done
	})
	t.Cleanup(func() { require.Equal(t, exitOK, d.end(), d.errs.String()) })
	line, err := bufio.NewReader(read).ReadBytes('\n')
	if err != nil {
		t.Fatalf("dev has ended with status %d: %s", d.end(), d.errs)
	}
	go func() { _, _ = io.Copy(io.Discard, read) }()
	require.NoError(t, json.Unmarshal(line, &d.devAddresses))
	return d
}

// call calls the desk and decodes the answer.
func (d *desk) call(t *testing.T, method, url string, body, answer any) {
	t.Helper()
	status, text := d.ask(t, method, url, body)
	require.Equal(t, 2, status/100, "%s %s: %s", method, url, text)
	if answer != nil {
		require.NoError(t, json.Unmarshal(text, answer), "%s", text)
	}
}

// ask calls the desk.
func (d *desk) ask(t *testing.T, method, url string, body any) (status int, text []byte) {
	t.Helper()
	content, err := json.Marshal(body)
	require.NoError(t, err)
	r, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(content))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	response, err := d.client.Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	text, err = io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, text
}

// you is the id of the first user.
func (d *desk) you(t *testing.T) int64 {
	t.Helper()
	var users []struct{ ID int64 }
	d.call(t, http.MethodGet, d.ControlAPI+"users", nil, &users)
	require.NotEmpty(t, users)
	return users[0].ID
}

// say makes the first user write to a bot.
func (d *desk) say(t *testing.T, bot, text string) {
	t.Helper()
	you := d.you(t)
	d.call(t, http.MethodPost, fmt.Sprintf("%sbots/%s/chats/%d/messages", d.ControlAPI, bot, you), map[string]any{"as": you, "text": text}, nil)
}

// until waits until a chat with a bot has a text.
func (d *desk) until(t *testing.T, bot, text string) {
	t.Helper()
	you := d.you(t)
	var seen []string
	require.Eventually(t, func() bool {
		var chat struct {
			Messages []struct {
				Text string `json:"text"`
			} `json:"messages"`
		}
		status, answer := d.ask(t, http.MethodGet, fmt.Sprintf("%sbots/%s/chats/%d/messages?as=%d", d.ControlAPI, bot, you, you), nil)
		if status != http.StatusOK || json.Unmarshal(answer, &chat) != nil { // the bot has not made its first call yet
			return false
		}
		seen = nil
		for _, m := range chat.Messages {
			if seen = append(seen, m.Text); strings.HasPrefix(m.Text, text) {
				return true
			}
		}
		return false
	}, patience, 20*time.Millisecond, "%q has to come; came %q, and dev printed %s", text, seen, d.errs)
}

// ours is the id of the bot that dev makes up a token for.
func (d *desk) ours() string {
	id, _, _ := strings.Cut(d.Token, ":")
	return id
}

func TestDevTellsItsAddresses(t *testing.T) {
	d := startDev(t)
	require.Regexp(t, `^http://127\.0\.0\.1:\d+$`, d.BotAPI)
	require.Equal(t, d.BotAPI+"/", d.Page)
	require.Equal(t, d.BotAPI+"/api/", d.ControlAPI)
	require.Equal(t, 1, strings.Count(d.out.String(), "\n"), "one value a line")
	for _, token := range []string{d.Token, "123456:ABC-DEF1234ghIkl-zyx57W2v1u123ew11", "77:x"} {
		var me struct{ Result struct{ ID json.Number } }
		d.call(t, http.MethodPost, d.BotAPI+"/bot"+token+"/getMe", nil, &me)
		require.Equal(t, strings.Split(token, ":")[0], me.Result.ID.String(), "any token is a bot at once")
	}
	require.Equal(t, exitOK, d.end())
	require.Empty(t, d.errs.String(), "with --json nothing is said beside the values")
	_, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(d.BotAPI, "http://"))
	require.ErrorIs(t, err, syscall.ECONNREFUSED, "the port is free again")
}

func TestDevPrintsThreeLines(t *testing.T) {
	for args, next := range map[string]string{
		"":                               "Next     Start your bot with any token, such as 7000000001:",
		"--demo":                         "Next     Open the page and write to the demo bot.",
		"--webhook http://127.0.0.1:1/x": "Next     Start your bot with the token 7000000001:",
		"--for Telegraf":                 "Next     Start your bot with any token",
	} {
		ctx, stop := context.WithCancel(t.Context())
		out := &shared{}
		done := make(chan int, 1)
		go func() {
			done <- Run(ctx, append([]string{"dev", "--listen", "127.0.0.1:0"}, strings.Fields(args)...), nil, out, io.Discard)
		}()
		require.Eventually(t, func() bool { return strings.Contains(out.String(), "\n") }, patience, time.Millisecond)
		stop()
		require.Equal(t, exitOK, <-done)
		lines := strings.Split(out.String(), "\n")
		require.Regexp(t, `^Bot API  http://127\.0\.0\.1:\d+  in place of https://api\.telegram\.org$`, lines[0])
		require.Regexp(t, `^Page     http://127\.0\.0\.1:\d+/  open it in a browser$`, lines[1])
		require.True(t, strings.HasPrefix(lines[2], next), lines[2])
		if strings.HasPrefix(args, "--for") {
			require.Contains(t, out.String(), "TypeScript, telegraf:\n\n    const bot = new Telegraf(token, { telegram: { apiRoot: \"http://127.0.0.1:")
		} else {
			require.Len(t, lines, 4, out)
		}
	}
}

func TestDevNamesTheFlagIfThePortIsBusy(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	status, out, errs := try(t, "dev", "--listen", l.Addr().String())
	require.Equal(t, exitUsage, status)
	require.Empty(t, out)
	require.Equal(t, "tghook: --listen: "+l.Addr().String()+" is in use, perhaps by another tghook dev; end that one, or give another port, such as --listen 127.0.0.1:8082\n", errs)
}

func TestDevNamesTheFlagIfTheStateIsDamaged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dev.db")
	file, err := state.Open(path)
	require.NoError(t, err)
	require.NoError(t, file.Close())
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), "INSERT INTO record (key, value) VALUES ('server/host', 'nonsense')")
	require.NoError(t, err)
	require.NoError(t, db.Close())
	status, _, errs := try(t, "dev", "--listen", "127.0.0.1:0", "--state", path)
	require.Equal(t, exitUsage, status)
	require.Regexp(t, `^tghook: --state: the state is damaged: .*; give the name of a new file\n$`, errs)
}

func TestDevIsNotReachedByOtherMachinesUnasked(t *testing.T) {
	status, _, errs := try(t, "dev", "--listen", "0.0.0.0:0")
	require.Equal(t, exitUsage, status)
	require.Regexp(t, `(^|\n)tghook: --listen: other machines can reach .*; listen on 127\.0\.0\.1, or give --host the name by which they call this machine\n$`, errs)
}

// A bot in a process of its own that knows the desk by its environment alone.
func TestDevStartsTheBot(t *testing.T) {
	t.Setenv("TGHOOK_TEST_PROGRAM", "bot")
	d := startDev(t, "--no-watch", "--", os.Args[0])
	d.say(t, d.ours(), "hi")
	d.until(t, d.ours(), "echo: hi")
	require.Contains(t, d.errs.String(), "bot | the bot runs\n")
}

// A webhook bot that calls nothing: its port is found, and its webhook set.
func TestDevFindsThePortOfTheWebhook(t *testing.T) {
	if _, err := os.Stat("/proc/net/tcp"); err != nil {
		t.Skip("needs /proc, or lsof")
	}
	t.Setenv("TGHOOK_TEST_PROGRAM", "bot")
	t.Setenv("TELEGRAM_LISTEN", "127.0.0.1:0")
	t.Setenv("TELEGRAM_WEBHOOK_URL", "https://bot.example.org/telegram")
	t.Setenv("TELEGRAM_KEEP_WEBHOOK", "true")
	t.Setenv("TELEGRAM_SECRET", "a-good-secret-of-the-bot")
	d := startDev(t, "--no-watch", "--webhook", "/telegram", "--", os.Args[0])
	require.Eventually(t, func() bool { return strings.Contains(d.errs.String(), "Its updates go to http://127.0.0.1:") }, patience, 10*time.Millisecond, d.errs)
	d.say(t, d.ours(), "hi")
	d.until(t, d.ours(), "echo: hi")
}

func TestDevSaysWhatABotMayBeThatListensAndAsksForNothing(t *testing.T) {
	if _, err := os.Stat("/proc/net/tcp"); err != nil {
		t.Skip("needs /proc, or lsof")
	}
	t.Setenv("TGHOOK_TEST_PROGRAM", "bot")
	t.Setenv("TELEGRAM_LISTEN", "127.0.0.1:0")
	t.Setenv("TELEGRAM_WEBHOOK_URL", "https://bot.example.org/telegram")
	t.Setenv("TELEGRAM_KEEP_WEBHOOK", "true")
	d := startDev(t, "--no-watch", "--", os.Args[0])
	require.Eventually(t, func() bool {
		return strings.Contains(d.errs.String(), "but has neither polled nor called setWebhook. If it is a webhook, add its path: --webhook /PATH")
	}, patience, 10*time.Millisecond, d.errs)
}

func TestDevSetsAWebhookByURL(t *testing.T) {
	got := make(chan string, 10)
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got <- r.URL.Path + " " + r.Header.Get("X-Telegram-Bot-Api-Secret-Token")
	})}
	go func() { _ = server.Serve(l) }()
	defer server.Close()
	d := startDev(t, "--webhook", "http://"+l.Addr().String()+"/hook", "--secret", "given-secret")
	d.say(t, d.ours(), "hi")
	select {
	case request := <-got:
		require.Equal(t, "/hook given-secret", request)
	case <-time.After(patience):
		t.Fatal("no update came")
	}
}

func TestDevRefusesAWebhookElsewhere(t *testing.T) {
	status, _, errs := try(t, "dev", "--listen", "127.0.0.1:0", "--webhook", "http://192.0.2.1/telegram")
	require.Equal(t, exitUsage, status)
	require.Contains(t, errs, "tghook: --webhook: ")
}

func TestTheDemoIsAliveAtOnce(t *testing.T) {
	d := startDev(t, "--demo")
	d.until(t, "7000000002", "Hello, You!")
}

// The user's own token is used, and stands nowhere.
func TestDevTellsNoToken(t *testing.T) {
	const secret = "AAEhBOweik6ad9r_QXMENQjcrGbqCr4K-bc"
	t.Setenv("TELEGRAM_BOT_TOKEN", "424242:"+secret)
	t.Setenv("TGHOOK_TEST_PROGRAM", "bot")
	t.Setenv("TELEGRAM_SECRET", "secret-of-the-webhook")
	d := startDev(t, "--no-watch", "--", os.Args[0])
	require.Empty(t, d.Token)
	d.say(t, "424242", "hi")
	d.until(t, "424242", "echo: hi")
	for _, path := range []string{"state", "bots", "bots/424242"} {
		var answer json.RawMessage
		d.call(t, http.MethodGet, d.ControlAPI+path, nil, &answer)
		require.NotContains(t, string(answer), secret)
	}
	d.end()
	require.NotContains(t, d.out.String()+d.errs.String(), secret)
	require.NotContains(t, d.out.String()+d.errs.String(), "secret-of-the-webhook")
}

func TestDevEndsTheBotFirst(t *testing.T) {
	d := startDev(t, "--no-watch", "--", "/bin/sh", "-c", `trap 'echo ending; exit 0' TERM; echo pid $$; while :; do sleep 0.05; done`)
	require.Eventually(t, func() bool { return strings.Contains(d.errs.String(), "pid ") }, patience, time.Millisecond)
	var pid int
	_, text, _ := strings.Cut(d.errs.String(), "pid ")
	_, err := fmt.Sscan(text, &pid)
	require.NoError(t, err)
	require.Equal(t, exitOK, d.end())
	require.Contains(t, d.errs.String(), "bot | ending\n")
	require.ErrorIs(t, syscall.Kill(pid, 0), syscall.ESRCH)
}

func TestDevWithHTTPS(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	t.Setenv("TGHOOK_TEST_PROGRAM", "bot")
	d := startDev(t, "--https", "--demo", "--no-watch", "--", os.Args[0])
	require.Regexp(t, `^https://127\.0\.0\.1:\d+$`, d.BotAPI)
	info, err := os.Stat(d.CA)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	certificate, err := os.ReadFile(d.CA)
	require.NoError(t, err)
	require.NotContains(t, string(certificate), "PRIVATE KEY")
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(certificate))
	d.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	d.say(t, d.ours(), "hello") // to the bot in a process of its own, which trusts the file
	d.until(t, d.ours(), "echo: hello")
	d.until(t, "7000000002", "Hello, You!")

	if node, err := exec.LookPath("node"); err == nil {
		program := exec.CommandContext(t.Context(), node, "-e", `fetch(process.argv[1]).then(r => r.json()).then(j => console.log(j.ok))`, d.BotAPI+"/bot"+d.Token+"/getMe")
		program.Env = append(os.Environ(), "NODE_EXTRA_CA_CERTS="+d.CA)
		out, err := program.CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.Equal(t, "true\n", string(out))
	}
}

func TestTheLineForTheAuthorityCanBePasted(t *testing.T) {
	require.Equal(t, "NODE_EXTRA_CA_CERTS=/a/b SSL_CERT_FILE=/a/b", caLine("/a/b"))
	out, err := exec.CommandContext(t.Context(), "/bin/sh", "-c", caLine("/it's a/$path")+` env`).Output()
	require.NoError(t, err)
	require.Contains(t, string(out), "SSL_CERT_FILE=/it's a/$path\n")
}

// All that is on the desk is there again after a restart, and the bot need not come first.
func TestDevKeepsItsState(t *testing.T) {
	file := filepath.Join(t.TempDir(), "desk.db")
	const bot = "123456"
	first := startDev(t, "--state", file)
	first.call(t, http.MethodPost, first.BotAPI+"/bot"+bot+":some-secret-of-a-bot/getMe", nil, nil)
	first.call(t, http.MethodPost, first.ControlAPI+"users", map[string]any{"name": "Zoë Ångström", "username": "zoe_a"}, nil)
	first.say(t, bot, "before")
	you := first.you(t)
	require.Equal(t, exitOK, first.end())

	second := startDev(t, "--state", file, "--seed", "99") // the file's seed counts
	require.Equal(t, you, second.you(t))
	var users []struct{ Username string }
	second.call(t, http.MethodGet, second.ControlAPI+"users", nil, &users)
	require.Equal(t, "zoe_a", users[1].Username)
	second.until(t, bot, "before")
	var updates struct {
		Result []struct{ Message struct{ Text string } }
	}
	second.call(t, http.MethodPost, second.BotAPI+"/bot"+bot+":some-secret-of-a-bot/getUpdates", nil, &updates)
	require.Equal(t, "before", updates.Result[0].Message.Text, "the update was pending")

	status, _, errs := try(t, "dev", "--listen", "127.0.0.1:0", "--state", file)
	require.Equal(t, exitUsage, status)
	require.Contains(t, errs, "tghook: --state "+file+": ")
}

// The demo bot greets once for each user, not at each start.
func TestTheDemoGreetsOnceWithState(t *testing.T) {
	file := filepath.Join(t.TempDir(), "desk.db")
	for range 2 {
		d := startDev(t, "--demo", "--state", file)
		d.until(t, "7000000002", "Hello, You!")
		d.say(t, "7000000002", "hi")
		d.until(t, "7000000002", "You said hi.")
		var chat struct{ Messages []struct{ Text string } }
		you := d.you(t)
		d.call(t, http.MethodGet, fmt.Sprintf("%sbots/7000000002/chats/%d/messages?as=%d", d.ControlAPI, you, you), nil, &chat)
		require.Equal(t, "/start", chat.Messages[0].Text)
		for _, m := range chat.Messages[1:] {
			require.NotEqual(t, "/start", m.Text)
		}
		require.Equal(t, exitOK, d.end())
	}
}
