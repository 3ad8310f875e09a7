package desk_test

import (
	"archive/zip"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/cmd/tghook/internal/desk"
)

func TestExportsAreFilesToSave(t *testing.T) {
	r := start(t, desk.Config{Command: []string{"npm", "run", "my bot", "--token=" + token}})
	r.webhook(func(update object) any {
		chat := update["message"].(object)["chat"].(object)["id"]
		return object{"method": "sendMessage", "chat_id": chat, "text": "the token is " + token}
	})
	r.say("hi")
	save := func(format string) (http.Header, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.desk.URL()+"/api/bots/123456/export?format="+format, nil)
		require.NoError(t, err)
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		content, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, http.StatusOK, res.StatusCode, string(content))
		return res.Header, string(content)
	}
	r.eventually(func() bool {
		_, content := save("go")
		return strings.Contains(content, "the token is <token>")
	}, "the bot answers")
	for format, name := range map[string]string{
		"fixtures": "session.zip", "go": "session_test.go", "pytest": "_session.py", "node": "session.test.mjs",
	} {
		header, content := save(format)
		require.Regexp(t, `^attachment; filename=\S*`+name+`$`, header.Get("Content-Disposition"))
		require.Equal(t, "nosniff", header.Get("X-Content-Type-Options"))
		require.NotContains(t, content, token)
		if format == "fixtures" {
			_, err := zip.NewReader(strings.NewReader(content), int64(len(content)))
			require.NoError(t, err)
			continue
		}
		require.Contains(t, content, `npm run 'my bot' '--token='`)
		require.Contains(t, content, `the token is <token>`)
	}
}

func TestAnExportInAFormatThatIsNotKnownIsRefused(t *testing.T) {
	r := start(t)
	r.call("getMe", object{})
	require.Contains(t, r.refused(http.MethodGet, "/api/bots/123456/export?format=ruby", nil, http.StatusBadRequest, "invalid_request"), "use fixtures, go, pytest or node")
	r.refused(http.MethodGet, "/api/bots/7/export?format=go", nil, http.StatusNotFound, "bot_not_found")
}

func TestABotHasNoUsernameThatEndsALineOfAnExport(t *testing.T) {
	r := start(t)
	for _, name := range []string{"a_bot\nfunc init() {}", `a"b`, "../a", "<b>", strings.Repeat("a", 33)} {
		r.refused(http.MethodPost, "/api/bots", object{"token": "777:other", "username": name}, http.StatusBadRequest, "invalid_request")
	}
	require.Empty(t, r.get("/api/bots"))
}

// A bot goes on polling after a restart without state, with the offset behind its newest update. An
// offset of at most ten above the next update confirms it.
func TestARestartConfirmsNoUpdate(t *testing.T) {
	day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for minute := range 3 * 24 * 60 {
		start := day.Add(time.Duration(minute)*time.Minute + 150*time.Millisecond)
		for updates, took := range map[int64]time.Duration{1: 300 * time.Millisecond, 5: time.Second, 45: 5 * time.Second, 5000: time.Minute} {
			offset, next := desk.FirstUpdate(start)+updates, desk.FirstUpdate(start.Add(took))
			if next < offset && offset <= next+10 {
				t.Fatalf("%d updates in %v since %v: the offset is %d, and the next update %d", updates, took, start, offset, next)
			}
		}
	}
}
