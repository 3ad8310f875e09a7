package snippet_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/cmd/tghook/internal/snippet"
)

const base = "http://127.0.0.1:8081"

func TestForEachLibrary(t *testing.T) {
	languages := map[string]bool{}
	for _, name := range snippet.Names() {
		s, err := snippet.For(name, base)
		require.NoError(t, err)
		require.Equal(t, name, s.Library)
		require.NotRegexp(t, `\{[a-z]+\}`, s.Code+s.Note, name)
		require.Contains(t, s.Code, "127.0.0.1", name)
		require.Contains(t, s.Code, "8081", name)
		languages[s.Language] = true
	}
	require.GreaterOrEqual(t, len(snippet.Names()), 14)
	require.GreaterOrEqual(t, len(languages), 7)
}

func TestForTakesNamesAsPeopleWriteThem(t *testing.T) {
	for name, want := range map[string]string{
		"grammY": "grammy", "go-telegram/bot": "go-telegram", "Telegram.Bot": "telegram.bot", "PTB": "python-telegram-bot", "pyTelegramBotAPI": "pytelegrambotapi",
		"TelegramBots": "telegrambots", "tgbotapi": "go-telegram-bot-api",
	} {
		s, err := snippet.For(name, base)
		require.NoError(t, err)
		require.Equal(t, want, s.Library)
	}
	_, err := snippet.For("grammar", base)
	require.ErrorContains(t, err, `no library is named "grammar" here; the names are aiogram, chat-sdk, `)
	require.ErrorContains(t, err, base)
}

// api is a Bot API that knows getMe alone.
type api struct {
	*httptest.Server
	mu    sync.Mutex
	calls []string
}

func newAPI(t *testing.T) *api {
	a := &api{}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		a.calls = append(a.calls, r.URL.Path)
		a.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"ok":true,"result":{"id":123456,"is_bot":true,"first_name":"Bot","username":"some_bot"}}`))
	}))
	t.Cleanup(a.Close)
	return a
}

const token = "123456:AAEhBOweik6ad9r_QXMENQjcrGbqCr4K-bc"

// called is whether getMe came.
func (a *api) called() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Contains(a.calls, "/bot"+token+"/getMe")
}

func needs(t *testing.T, program string) {
	if _, err := exec.LookPath(program); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("%s is missing; make programs installs it", program)
		}
		t.Skipf("%s is not installed", program)
	}
}

// The snippets for npm's libraries run in the folder where the tests of package tghooktest
// have these libraries.
func TestSnippetsOfNPMsLibrariesCallTheAPI(t *testing.T) {
	needs(t, "node")
	folder := "../../../../internal/thirdparty/clients/javascript"
	if _, err := os.Stat(filepath.Join(folder, "node_modules", ".installed")); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("the libraries are missing; make programs installs them")
		}
		t.Skip("the libraries are not installed; make programs installs them")
	}
	for library, program := range map[string]struct{ imports, call string }{
		"grammy":                {`import { Bot } from "grammy";`, `await bot.api.getMe();`},
		"telegraf":              {`import { Telegraf } from "telegraf";`, `await bot.telegram.getMe();`},
		"node-telegram-bot-api": {`import { Bot } from "node-telegram-bot-api";`, `await bot.api.getMe();`},
		"gramio":                {`import { Bot } from "gramio";`, `await bot.api.getMe();`},
	} {
		t.Run(library, func(t *testing.T) {
			t.Parallel()
			a := newAPI(t)
			s, err := snippet.For(library, a.URL)
			require.NoError(t, err)
			run(t, folder, "node", "--input-type=module", "-e", program.imports+"\nconst token = \""+token+"\";\n"+s.Code+"\n"+program.call+"\nprocess.exit(0);")
			require.True(t, a.called(), "calls: %q", a.calls)
		})
	}
}

// The snippets for Go's libraries are programs in the module that has these libraries. They
// are not written there: the go command takes them from elsewhere.
func TestSnippetsOfGosLibrariesCallTheAPI(t *testing.T) {
	programs := map[string]struct{ imports, call string }{
		"tghook":              {`"context"; "github.com/tghook/tghook"`, `err = client.Call(context.Background(), "getMe", nil, nil)`},
		"go-telegram":         {`"context"; "github.com/go-telegram/bot"`, `_, err = b.GetMe(context.Background())`},
		"telego":              {`"context"; "github.com/mymmrac/telego"`, `_, err = bot.GetMe(context.Background())`},
		"telebot":             {`"time"; telebot "gopkg.in/telebot.v4"`, `_ = bot`},
		"gotgbot":             {`"time"; "github.com/PaulSonOfLars/gotgbot/v2"`, `_ = bot`},
		"go-telegram-bot-api": {`tgbotapi "github.com/go-telegram-bot-api/telegram-bot-api/v5"`, `_, err = bot.GetMe()`},
	}
	module, err := filepath.Abs("../../../../examples/libraries")
	require.NoError(t, err)
	dir := t.TempDir()
	replace := map[string]string{}
	servers := map[string]*api{}
	args := slices.Grow([]string{"build", "-overlay", filepath.Join(dir, "overlay.json"), "-o", dir + string(filepath.Separator)}, len(programs))
	for library, program := range programs {
		servers[library] = newAPI(t)
		s, err := snippet.For(library, servers[library].URL)
		require.NoError(t, err)
		source := filepath.Join(dir, library+".go")
		text := "package main\n\nimport (" + program.imports + ")\n\nfunc main() {\nconst token = \"" + token + "\"\n" + s.Code +
			"\nif err == nil {\n" + program.call + "\n}\nif err != nil {\npanic(err)\n}\n}\n"
		require.NoError(t, os.WriteFile(source, []byte(text), 0o600))
		replace[filepath.Join(module, "snippet", library, "main.go")] = source
		args = append(args, "./snippet/"+library)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o600))
	run(t, module, "go", args...)
	for library, a := range servers {
		run(t, dir, filepath.Join(dir, library+map[string]string{"windows": ".exe"}[runtime.GOOS]))
		require.True(t, a.called(), "%s: calls: %q", library, a.calls)
	}
}

func run(t *testing.T, dir, program string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(context.Background(), program, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}
