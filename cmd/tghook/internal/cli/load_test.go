package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/load"
)

func TestLoadWantsASoundReceiver(t *testing.T) {
	s := careless(t)
	status, out, errs := command(t, "load", s.URL, "--rate", "100", "--for", "200ms")
	require.Equal(t, exitFailed, status)
	require.Contains(t, out, "FAULT  An update without the secret is refused.")
	require.Contains(t, errs, "is not loaded")
	require.NotContains(t, out, "delivered")

	status, out, errs = command(t, "load", s.URL, "--rate", "100", "--for", "200ms", "--no-check", "--json")
	require.Equal(t, exitOK, status, errs)
	var r load.Report
	require.NoError(t, json.Unmarshal([]byte(out), &r))
	require.Equal(t, 20, r.Delivered)
}

func TestLoadUsage(t *testing.T) {
	for _, args := range [][]string{{"--rate", "0"}, {"--rate", "NaN"}, {"--for", "0s"}, {"--chats", "0"}, {"--secret", "a b"}} {
		status, _, errs := command(t, append([]string{"load", "http://127.0.0.1:1"}, args...)...)
		require.Equal(t, exitUsage, status, args)
		require.NotEmpty(t, errs)
	}
}

func TestForwardFromTheCommandLine(t *testing.T) {
	tg := inService(t)
	dir := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", dir)
	url, bodies, _ := hook(t, nil)
	record := filepath.Join(dir, "updates.jsonl")
	tg.User("Zoë").Chat().Send("hello")

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var out, errs strings.Builder
	ended := make(chan int, 1)
	go func() {
		ended <- Run(ctx, []string{"forward", "--to", url, "--record", record, "--record-no-texts", "--json"}, nil, &out, &errs)
	}()
	require.NoError(t, tg.Delivered(ctx))
	cancel()
	require.Equal(t, exitOK, <-ended)
	require.Len(t, *bodies, 1)
	require.True(t, gjson.Get(out.String(), "delivered").Bool())
	require.Contains(t, errs.String(), "passing the updates of @stand_in_bot on to "+url)
	content, err := os.ReadFile(record)
	require.NoError(t, err)
	require.Equal(t, "xxxxx", gjson.GetBytes(content, "message.text").String())
	for _, text := range []string{out.String(), errs.String(), string(content)} {
		require.NotContains(t, text, tg.Token)
		require.NotContains(t, text, "a-good-secret")
	}

	status, _, stderr := command(t, "send", record, "--to", url)
	require.Equal(t, exitOK, status, stderr)
	require.Equal(t, strings.TrimSpace(string(content)), (*bodies)[1])
}

func TestForwardLeavesALiveWebhookAlone(t *testing.T) {
	tg := inService(t)
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	live, _, _ := hook(t, nil)
	local, _, _ := hook(t, nil)
	require.NoError(t, tg.Bot(t).SetWebhook(t.Context(), tghook.WebhookRequest{URL: live + "/" + tg.Token, SecretToken: "live-secret"}))
	for _, args := range [][]string{{}, {"--take-over"}, {"--webhook-no-secret"}, {"--take-over", "--webhook-secret-file", "missing"}} {
		status, out, errs := command(t, append([]string{"forward", "--to", local}, args...)...)
		require.Equal(t, exitUsage, status, args)
		require.NotEmpty(t, errs)
		require.NotContains(t, out+errs, "live-secret")
	}
	require.Empty(t, tg.Calls("deleteWebhook"))
}

func TestForwardUsage(t *testing.T) {
	inService(t)
	url, _, _ := hook(t, func(http.ResponseWriter, string) {})
	for _, args := range [][]string{{}, {"--to", "x"}, {"--to", url, "--record-no-texts"}, {"--to", url, "--record", "/nowhere/x"}, {"--to", url, "--token-file", "missing"}} {
		t.Setenv("XDG_CONFIG_HOME", t.TempDir())
		status, _, errs := command(t, append([]string{"forward"}, args...)...)
		require.NotZero(t, status, args)
		require.NotEmpty(t, errs)
	}
}

func TestForwardShowsThePage(t *testing.T) {
	tg := inService(t)
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	url, _, _ := hook(t, func(w http.ResponseWriter, body string) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"method":"sendMessage","chat_id":%s,"text":"from the webhook"}`, gjson.Get(body, "message.chat.id").Raw)
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	reader, writer := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- Run(ctx, []string{"forward", "--to", url, "--ui", "--ui-listen", "127.0.0.1:0"}, nil, io.Discard, writer)
		_ = writer.Close()
	}()
	lines := bufio.NewScanner(reader)
	at := ""
	for at == "" && lines.Scan() {
		_, at, _ = strings.Cut(lines.Text(), "the page is at ")
	}
	require.NotEmpty(t, at)
	go func() {
		for lines.Scan() { // the rest
			_ = lines.Text()
		}
	}()
	chat := tg.User("Zoë").Chat()
	chat.Send("hello")
	chat.Expect(t, "from the webhook") // by Telegram itself
	require.NoError(t, tg.Delivered(ctx))

	bots := get(t, at+"api/bots")
	require.Equal(t, "stand_in_bot", gjson.Get(bots, "0.username").String(), bots)
	rows := ""
	require.Eventually(t, func() bool { // rows are noted after their answers
		rows = get(t, at+"api/bots/"+gjson.Get(bots, "0.id").Raw+"/rows")
		return strings.Contains(rows, `"type":"delivery"`) && strings.Contains(rows, `"method":"sendMessage"`)
	}, time.Minute, 10*time.Millisecond)
	require.NotContains(t, bots+rows, tg.Token)
	require.Contains(t, get(t, at), "<html")
	cancel()
	require.Equal(t, exitOK, <-ended)
}

func get(t *testing.T, url string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Equal(t, 200, res.StatusCode, string(body))
	return string(body)
}
