package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/tghooktest"
)

// shopPage starts the gateway with a bot that gets one attempt for each update, and opens its page.
func shopPage(t *testing.T, handle http.HandlerFunc) (*tghooktest.Server, *tab) {
	t.Helper()
	const password = "the-password-of-the-page"
	bot := httptest.NewServer(handle)
	t.Cleanup(bot.Close)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "password"), []byte(password+"\n"), 0o600))
	page, err := freeAddress(t.Context())
	require.NoError(t, err)
	tg := tghooktest.NewServer(t, tghooktest.ServerConfig{Patience: patience})
	g := serveBots(t, dir, object{
		"storage": object{"path": filepath.Join(dir, "storage")}, "api": tg.URL,
		"page": object{"listen": page, "password": object{"file": filepath.Join(dir, "password")}},
		"bots": object{"shop": object{"token": object{"env": "BOT_TOKEN"}, "to": bot.URL + "/telegram", "max_attempts": 1}},
	}, botEnv(tg)...)
	require.NoError(t, g.ready(t.Context(), tg))
	p := newTab(t, "http://"+page+"/", password)
	p.wait(find(".serve-bot", "shop"))
	return tg, p
}

// An update that the bot cannot take is a dead letter. In the page it is found, mended and replayed,
// and the bot takes it.
func TestADeadLetterIsMendedInThePage(t *testing.T) {
	t.Parallel()
	taken := make(chan string, 10)
	tg, p := shopPage(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if strings.Contains(string(body), "seven teas") {
			http.Error(w, "seven is not a number", http.StatusInternalServerError)
			return
		}
		taken <- string(body)
	})

	tg.User("Zoë").Chat().Send("seven teas")
	tg.WaitDelivered(t)
	p.click(".serve-tabs a", "Dead letters")
	p.click(".serve-letters .serve-reason", "500")
	p.wait(find(".inspector-message", "seven teas"))
	p.click(".serve-actions button", "Edit and replay")
	p.wait(find(".inspector-editor", ""))
	p.wait(`(() => {
		const t = document.querySelector('.inspector-editor');
		t.value = t.value.replace('seven teas', '7 teas');
		t.dispatchEvent(new Event('input', {bubbles: true}));
		return t.value.includes('7 teas');
	})()`)
	p.wait(find(".inspector-editor-foot", "Edited"))
	p.click(".inspector-editor-foot .primary", "Replay")

	var got struct {
		Message struct {
			Text string `json:"text"`
		} `json:"message"`
	}
	select {
	case body := <-taken:
		require.NoError(t, json.Unmarshal([]byte(body), &got))
	case <-time.After(patience):
		require.Fail(t, "the bot has not got the update")
	}
	assert.Equal(t, "7 teas", got.Message.Text)
	p.wait(find(".serve-dead", "No dead letters"))
	p.click(".serve-tabs a", "Traffic")
	p.wait(find(".inspector-row", "500 Internal Server Error"))
	p.wait(find(".inspector-row", "7 teas"))
	assert.Empty(t, taken, "once")
}

// The answer to a replay may come when the user has opened another dead letter. It stays open.
func TestAReplayedLetterClosesNoOther(t *testing.T) {
	t.Parallel()
	var closed atomic.Bool
	closed.Store(true)
	tg, p := shopPage(t, func(w http.ResponseWriter, _ *http.Request) {
		if closed.Load() {
			http.Error(w, "the shop is closed", http.StatusInternalServerError)
		}
	})
	tg.User("Zoë").Chat().Send("tea")
	tg.User("Ada").Chat().Send("coffee")
	tg.WaitDelivered(t)
	p.click(".serve-tabs a", "Dead letters")
	p.wait("document.querySelectorAll('.serve-letters tbody tr').length === 2")
	closed.Store(false)
	p.wait(`(() => {
		const ask = window.fetch;
		window.fetch = (url, init) => init?.method === 'POST' ? new Promise(resolve => { window.send = () => resolve(ask(url, init)); }) : ask(url, init);
		return true;
	})()`)
	p.click(".serve-letters tbody tr:first-child .serve-reason", "500")
	p.click(".serve-actions button", "Replay")
	p.wait("window.send")
	p.click(".serve-letters tbody tr:last-child .serve-reason", "500")
	p.wait(find(".serve-letters tbody tr:last-child.current", ""))
	p.wait("(window.opened = location.hash, window.send(), true)")
	p.wait("document.querySelectorAll('.serve-letters tbody tr').length === 1")
	p.wait(find(".serve-letters tbody tr:first-child.current", ""))
	p.wait("location.hash === window.opened")
	p.wait(find(".serve-actions button", "Replay"))
}
