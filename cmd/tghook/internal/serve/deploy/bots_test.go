package deploy_test

import (
	"bytes"
	"context"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/tghooktest"
)

const secret = "a-secret-of-the-bot-itself"

// bot is one of packaging/serve/bots that runs.
type bot struct {
	url string
	log *output
}

// output keeps what a program prints.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// start runs a bot on a port until the test ends, and waits until it listens.
func start(t *testing.T, port, path string, cmd *exec.Cmd) bot {
	t.Helper()
	b := bot{"http://127.0.0.1:" + port + path, new(output)}
	cmd.Stdout, cmd.Stderr = b.log, b.log
	require.NoError(t, cmd.Start())
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
	})
	require.Eventually(t, func() bool {
		c, err := new(net.Dialer).DialContext(t.Context(), "tcp", "127.0.0.1:"+port)
		if err != nil {
			return false
		}
		return c.Close() == nil
	}, time.Minute, 20*time.Millisecond, "the bot listens; it says: %s", b.log)
	return b
}

// freePort returns a port that was free. The system gives it to nobody who asks for any port, so it
// stays free until the bot listens, also while the bot is started again.
func freePort(t *testing.T) string {
	t.Helper()
	for {
		port := strconv.Itoa(10_000 + rand.IntN(20_000))
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:"+port)
		if err == nil {
			require.NoError(t, l.Close())
			return port
		}
	}
}

// folder is a folder with files of packaging/serve/bots, and the secret.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "secret"), []byte(secret+"\n"), 0o600))
	return dir
}

func startPHP(t *testing.T, source string) bot {
	t.Helper()
	php := program(t, "php")
	port := freePort(t)
	// Without the php.ini of the machine, as in an image.
	cmd := exec.CommandContext(t.Context(), php, "-n", "-d", "display_errors=0", "-S", "127.0.0.1:"+port, "-t", "public")
	cmd.Dir = folder(t, map[string]string{"public/bot.php": source})
	return start(t, port, "/bot.php", cmd)
}

func startNode(t *testing.T, source string) bot {
	t.Helper()
	node := program(t, "node")
	port := freePort(t)
	cmd := exec.CommandContext(t.Context(), node, "bot.mjs")
	cmd.Dir = folder(t, map[string]string{"bot.mjs": source})
	cmd.Env = append(os.Environ(), "PORT="+port)
	return start(t, port, "/", cmd)
}

func startPython(t *testing.T, source string, tg *tghooktest.Server) bot {
	t.Helper()
	// Debian's package is only for Debian's own Python.
	var python string
	for _, name := range []string{"python3", "/usr/bin/python3"} {
		if exec.CommandContext(t.Context(), name, "-W", "ignore", "-c", "import telegram.ext").Run() == nil {
			python = name
		}
	}
	if python == "" {
		missing(t, "python-telegram-bot is not installed")
	}
	port := freePort(t)
	cmd := exec.CommandContext(t.Context(), python, "-B", "-W", "ignore", "bot.py")
	cmd.Dir = folder(t, map[string]string{"bot.py": source})
	cmd.Env = append(os.Environ(), "PORT="+port, "BOT_TOKEN="+tg.Token, "TELEGRAM_API_URL="+tg.URL)
	return start(t, port, "/", cmd)
}

// deliver has Telegram deliver its updates to the bot.
func deliver(t *testing.T, tg *tghooktest.Server, b bot) {
	t.Helper()
	to, err := url.Parse(b.url)
	require.NoError(t, err)
	proxy := &httputil.ReverseProxy{
		Rewrite:  func(r *httputil.ProxyRequest) { r.Out.URL, r.Out.Host = to, to.Host },
		ErrorLog: log.New(io.Discard, "", 0), // the end of the test cuts what is under way
	}
	tg.Webhook(t, proxy, tghook.WebhookRequest{SecretToken: secret})
}

// status posts a body to a bot, and returns the status of its answer and the answer.
func status(t *testing.T, b bot, secret, body string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, b.url, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	if secret != "" {
		r.Header.Set("X-Telegram-Bot-Api-Secret-Token", secret)
	}
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err, b.log)
	defer answer.Body.Close()
	var text bytes.Buffer
	_, err = text.ReadFrom(answer.Body)
	require.NoError(t, err)
	return answer.StatusCode, text.String()
}

// checkSecret checks that a bot takes updates with its secret alone.
func checkSecret(t *testing.T, b bot) {
	t.Helper()
	const update = `{"update_id":1,"my_chat_member":{}}`
	for _, wrong := range []string{"", "x", secret + "x"} {
		code, _ := status(t, b, wrong, update)
		assert.Equal(t, http.StatusUnauthorized, code, wrong)
	}
	code, answer := status(t, b, secret, update)
	assert.Equal(t, http.StatusOK, code, b.log)
	assert.Empty(t, answer, "there is nothing to say")
	code, _ = status(t, b, secret, `{"update_id":`)
	assert.Equal(t, http.StatusInternalServerError, code, "an error is not a success")
}

func TestTheBotInPHP(t *testing.T) {
	tg := tghooktest.NewServer(t, tghooktest.ServerConfig{Patience: time.Minute})
	b := startPHP(t, read(t, "bots/bot.php"))
	checkSecret(t, b)
	deliver(t, tg, b)
	chat := tg.User("Zoë").Chat()
	chat.Send("Crème brûlée, 2 × “ß” 😀")
	chat.Expect(t, "Crème brûlée, 2 × “ß” 😀").Press("Again").Expect(t, "Write it again, please.")
	tg.WaitDelivered(t)
}

// A mistake in the bot is answered 500, so that the update comes again. With display_errors it
// would be 200, and with the script in place of the folder as well.
func TestTheBotInPHPLosesNothingByAMistake(t *testing.T) {
	source := read(t, "bots/bot.php")
	for name, broken := range map[string]string{
		"of syntax": strings.Replace(source, "$reply = null;", "$reply = ;", 1),
		"when run":  strings.Replace(source, "$reply = null;", "undefined();", 1),
	} {
		t.Run(name, func(t *testing.T) {
			require.NotEqual(t, source, broken)
			b := startPHP(t, broken)
			code, _ := status(t, b, secret, `{"update_id":1,"message":{"text":"a","chat":{"id":1}}}`)
			assert.Equal(t, http.StatusInternalServerError, code)
		})
	}
}

// Without its secret the bot takes nothing.
func TestTheBotInPHPWithoutASecretTakesNothing(t *testing.T) {
	b := startPHP(t, strings.Replace(read(t, "bots/bot.php"), "/../secret", "/../nothing", 1))
	for _, given := range []string{"", secret} {
		code, _ := status(t, b, given, `{"update_id":1,"message":{"text":"a","chat":{"id":1}}}`)
		assert.Equal(t, http.StatusUnauthorized, code)
	}
}

func TestTheBotInNode(t *testing.T) {
	tg := tghooktest.NewServer(t, tghooktest.ServerConfig{Patience: time.Minute})
	b := startNode(t, read(t, "bots/bot.mjs"))
	checkSecret(t, b)
	deliver(t, tg, b)
	chat := tg.User("Zoë").Chat()
	chat.Send("/start")
	chat.Expect(t, "Hello, Zoë!").Press("Tea").Expect(t, "One tea, please!")
	chat.Send("Crème brûlée, 2 × “ß” 😀")
	chat.Expect(t, "Crème brûlée, 2 × “ß” 😀")
}

func TestTheBotInPython(t *testing.T) {
	tg := tghooktest.NewServer(t, tghooktest.ServerConfig{Patience: time.Minute})
	b := startPython(t, read(t, "bots/bot.py"), tg)
	checkSecret(t, b)
	deliver(t, tg, b)
	chat := tg.User("Zoë").Chat()
	chat.Send("/start")
	chat.Expect(t, "Hello, Zoë!").Press("Tea").Expect(t, "One tea, please!")
	chat.Expect(t, "One tea is on its way.")

	// A call that fails makes the update come again.
	tg.FailCalls(1, tghooktest.CallError{Code: 500, Description: "Internal Server Error"}, "sendMessage")
	chat.Send("Crème brûlée")
	chat.Expect(t, "Crème brûlée")
}

// The webhook server that comes with the library cannot be told from this one by an update that
// succeeds. So the test above must fail with a bot that answers 200 whatever happens.
func TestTheBotInPythonWithoutItsCheckLosesTheUpdate(t *testing.T) {
	tg := tghooktest.NewServer(t, tghooktest.ServerConfig{Patience: time.Minute})
	source := read(t, "bots/bot.py")
	broken := strings.Replace(source, "raise error", "pass", 1)
	require.NotEqual(t, source, broken)
	deliver(t, tg, startPython(t, broken, tg))
	tg.FailCalls(1, tghooktest.CallError{Code: 500, Description: "Internal Server Error"}, "sendMessage")
	chat := tg.User("Zoë").Chat()
	chat.Send("Crème brûlée")
	tg.WaitDelivered(t)
	assert.Len(t, chat.Messages(), 1, "the bot has said nothing")
}
