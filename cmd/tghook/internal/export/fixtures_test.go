package export_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/export"
	"github.com/tghook/tghook/tghooktest"
)

// files returns the files of a zip by their names.
func files(t *testing.T, archive []byte) map[string]string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	require.NoError(t, err)
	all := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		require.NoError(t, err)
		content, err := io.ReadAll(r)
		require.NoError(t, err)
		all[f.Name] = string(content)
	}
	return all
}

func TestFixturesHaveTheUpdatesAsDeliveredAndTheCallsOfEach(t *testing.T) {
	s := session(t, func(t *testing.T, tg *tghooktest.Server) {
		chat := tg.User("Zoë").Chat()
		chat.Send("/start")
		chat.Expect(t, "Hello, Zoë!").Press("Milk").Expect(t, "OK, milk")
		chat.Expect(t, "Your milk")
		tg.WaitDelivered(t)
	})
	all := files(t, write(t, export.Fixtures, s))
	require.Equal(t, string(s.Updates[0].Body), all["0001-message/update.json"])
	require.Equal(t, string(s.Updates[1].Body), all["0002-callback_query/update.json"])

	lines := strings.Split(strings.TrimSuffix(all["updates.jsonl"], "\n"), "\n")
	require.Len(t, lines, 2)
	u, err := tghook.ParseUpdate([]byte(lines[1]))
	require.NoError(t, err)
	require.Equal(t, tghook.KindCallbackQuery, u.Kind)

	var calls []struct {
		Method string         `json:"method"`
		Params map[string]any `json:"params"`
		Reply  bool           `json:"reply"`
	}
	require.NoError(t, json.Unmarshal([]byte(all["0001-message/calls.json"]), &calls))
	require.Len(t, calls, 1)
	require.Equal(t, "sendMessage", calls[0].Method)
	require.True(t, calls[0].Reply)
	require.Equal(t, "<b>Hello</b>, Zoë!", calls[0].Params["text"])
	require.IsType(t, map[string]any{}, calls[0].Params["reply_markup"])
	require.NoError(t, json.Unmarshal([]byte(all["0002-callback_query/calls.json"]), &calls))
	require.Len(t, calls, 2)
	require.Equal(t, "answerCallbackQuery", calls[0].Method)
	require.Equal(t, "editMessageText", calls[1].Method)
}

func TestAnExportOfOneChatHasThatChatAlone(t *testing.T) {
	s := session(t, func(t *testing.T, tg *tghooktest.Server) {
		zoe, ben := tg.User("Zoë").Chat(), tg.User("Ben").Chat()
		zoe.Send("/start")
		zoe.Expect(t, "Hello, Zoë!")
		ben.Send("/start")
		ben.Expect(t, "Hello, Ben!").Press("Milk").Expect(t, "OK, milk")
	})
	u, err := tghook.ParseUpdate(s.Updates[1].Body)
	require.NoError(t, err)
	s.Chat = u.ChatID
	source := string(write(t, export.Go, s))
	require.NotContains(t, source, "Zoë")
	require.Contains(t, source, "Hello, Ben!")
	require.Contains(t, source, `Press("Milk").Expect(t, "OK, milk")`)
}

func TestAFormatThatDoesNotExistIsRefused(t *testing.T) {
	_, err := export.ParseFormat("ruby")
	require.EqualError(t, err, `format "ruby" is not known; use fixtures, go, pytest or node`)
	require.ErrorContains(t, export.Write(io.Discard, "ruby", export.Session{}), "use fixtures, go, pytest or node")
}

func TestFilesAreNamedByTheBot(t *testing.T) {
	require.Equal(t, "weather_session_test.go", export.Go.FileName("weather_bot"))
	require.Equal(t, "test_weather_session.py", export.Pytest.FileName("weather_bot"))
	require.Equal(t, "weather-session.test.mjs", export.Node.FileName("weather_bot"))
	require.Equal(t, "bot-session.zip", export.Fixtures.FileName("../../_bot"))
}
