package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/tghook/tghook/cmd/tghook/internal/send"
	"github.com/tghook/tghook/cmd/tghook/internal/wire"
)

// hook keeps what it gets, and answers by answer.
func hook(t *testing.T, answer func(http.ResponseWriter, string)) (url string, bodies *[]string, header *http.Header) {
	t.Helper()
	bodies, header = new([]string), new(http.Header)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		*bodies, *header = append(*bodies, string(body)), r.Header
		if answer != nil {
			answer(w, string(body))
		}
	}))
	t.Cleanup(s.Close)
	return s.URL, bodies, header
}

func TestSendPostsEachKind(t *testing.T) {
	url, bodies, header := hook(t, nil)
	for _, kind := range send.Kinds() {
		status, out, errs := command(t, "send", kind, "--to", url, "--secret", "s-1", "--json")
		require.Equal(t, exitOK, status, errs)
		require.True(t, gjson.Get(out, "verdict.delivered").Bool())
		body := (*bodies)[len(*bodies)-1]
		require.Less(t, gjson.Get(body, "update_id").Int(), int64(2_000_000))
		require.True(t, gjson.Get(body, strings.TrimSuffix(kind, "_large")).Exists())
		require.Equal(t, "s-1", header.Get(wire.SecretHeader))
	}
	require.Len(t, *bodies, 28)
}

func TestSendSetsFields(t *testing.T) {
	url, bodies, _ := hook(t, nil)
	status, _, errs := command(t, "send", "message", "--to", url, "--count", "3",
		"--set", "message.text=hello = you", "--set", "message.from.id=7", "--set", "message.entities=[]", "--set", "message.photo.0.file_id=x", "--set", "message.is_topic_message=true")
	require.Equal(t, exitOK, status, errs)
	require.Len(t, *bodies, 3)
	first := gjson.Parse((*bodies)[0])
	require.Equal(t, "hello = you", first.Get("message.text").String())
	require.Equal(t, int64(7), first.Get("message.from.id").Int())
	require.Equal(t, "[]", first.Get("message.entities").Raw)
	require.Equal(t, "x", first.Get("message.photo.0.file_id").String())
	require.True(t, first.Get("message.is_topic_message").Bool())
	require.Equal(t, first.Get("update_id").Int()+2, gjson.Get((*bodies)[2], "update_id").Int())
}

func TestSendSaysWhatTelegramDoes(t *testing.T) {
	for _, x := range []struct {
		kind   string
		answer func(http.ResponseWriter, string)
		status int
		want   []string
	}{
		{"message", nil, exitOK, []string{"200 OK after", "Telegram takes the update for delivered"}},
		{"message", func(w http.ResponseWriter, body string) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprintf(w, `{"method":"sendMessage","chat_id":%s,"text":"hi"}`, gjson.Get(body, "message.chat.id").Raw)
		}, exitOK, []string{"It executes the webhook reply sendMessage", "Content-Type: application/json"}},
		{"message", func(w http.ResponseWriter, _ string) {
			w.Header().Set("Content-Type", "text/plain")
			_, _ = io.WriteString(w, `{"method":"sendMessage","chat_id":1,"text":"hi"}`)
		}, exitFailed, []string{"does not execute the webhook reply", "text/plain"}},
		{"message", func(w http.ResponseWriter, _ string) { w.WriteHeader(http.StatusInternalServerError) }, exitFailed, []string{"sends the update again: at once, then after 2, 4, 8", "Wrong response from the webhook: 500 Internal Server Error"}},
		{"message", func(w http.ResponseWriter, _ string) {
			w.Header().Set("Retry-After", "30")
			w.WriteHeader(http.StatusServiceUnavailable)
		}, exitFailed, []string{"again after 30 seconds"}},
		{"inline_query", func(w http.ResponseWriter, _ string) {
			w.Header().Set("Retry-After", "60")
			w.WriteHeader(http.StatusServiceUnavailable)
		}, exitFailed, []string{"drops the update"}},
		{"message", func(http.ResponseWriter, string) { panic(http.ErrAbortHandler) }, exitFailed, []string{"closed without a whole answer", "sends the update again"}},
	} {
		url, _, _ := hook(t, x.answer)
		status, out, errs := command(t, "send", x.kind, "--to", url)
		require.Equal(t, x.status, status, errs)
		for _, want := range x.want {
			require.Contains(t, out, want)
		}
	}
}

func TestSendPlaysAFile(t *testing.T) {
	url, bodies, _ := hook(t, func(w http.ResponseWriter, body string) {
		if strings.Contains(body, `"update_id":8`) {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	file := filepath.Join(t.TempDir(), "updates.jsonl")
	lines := []string{`{"update_id":7,"message":{"message_id":1,"chat":{"id":1,"type":"private"},"date":1}}`, "", `{"update_id":8,"poll":{"id":"1"}}`, `{"update_id":9,"kind_of_next_year":{"id":"1"}}`}
	require.NoError(t, os.WriteFile(file, []byte(strings.Join(lines, "\n")), 0o600))
	status, out, _ := command(t, "send", file, "--to", url, "--json")
	require.Equal(t, exitFailed, status)
	require.Equal(t, []string{lines[0], lines[2], lines[3]}, *bodies)
	var first send.Sent
	require.NoError(t, json.Unmarshal([]byte(strings.Split(out, "\n")[0]), &first))
	require.Equal(t, "message", first.Kind)

	require.NoError(t, os.WriteFile(file, []byte(lines[0]+"\nnot json\n"), 0o600))
	status, _, errs := command(t, "send", file, "--to", url)
	require.Equal(t, exitError, status)
	require.Contains(t, errs, "line 2 is not an update")
}

func TestSendUsage(t *testing.T) {
	url, _, _ := hook(t, nil)
	for _, args := range [][]string{
		{"send"},
		{"send", "message"},
		{"send", "massage", "--to", url},
		{"send", "message", "--to", "x"},
		{"send", "message", "--to", url, "--set", "text"},
		{"send", "message", "--to", url, "--count", "0"},
		{"send", "message", "--to", url, "--set", "message.text.x=1", "--set", "=1"},
	} {
		status, _, errs := command(t, args...)
		require.Equal(t, exitUsage, status, args)
		require.NotEmpty(t, errs)
	}
	status, out, _ := command(t, "send", "--list")
	require.Equal(t, exitOK, status)
	require.Contains(t, out, "callback_query\n")
}
