package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/cmd/tghook/internal/webhook"
	"github.com/tghook/tghook/tghooktest"
)

// inService starts a simulated Telegram, and sets the environment for its bot.
func inService(t *testing.T) *tghooktest.Server {
	t.Helper()
	server := tghooktest.NewServer(t, tghooktest.ServerConfig{Patience: patience})
	t.Setenv("TELEGRAM_TOKEN", server.Token)
	t.Setenv("TELEGRAM_SECRET", "a-good-secret")
	t.Setenv("TELEGRAM_API_URL", server.URL)
	t.Setenv("TELEGRAM_API_LOCAL", "true")
	return server
}

// receiver is a webhook that answers with a status.
func receiver(t *testing.T, status int) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	t.Cleanup(server.Close)
	return server.URL + "/telegram"
}

// command runs a command. It fails the test if the token or the secret is printed.
func command(t *testing.T, args ...string) (status int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	status = Run(t.Context(), args, nil, &o, &e)
	for _, secret := range []string{os.Getenv("TELEGRAM_TOKEN"), os.Getenv("TELEGRAM_SECRET")} {
		if secret != "" {
			require.NotContains(t, o.String()+e.String(), secret)
		}
	}
	return status, o.String(), e.String()
}

func TestSetSaysWhatChangesAndChangesNothingTheSecondTime(t *testing.T) {
	server, url := inService(t), receiver(t, 200)
	status, out, errs := command(t, "set", "--url", url, "--allowed-updates", "message,callback_query", "--max-connections", "7")
	require.Equal(t, exitOK, status, errs)
	require.Contains(t, out, "will change:\n  url: none -> "+url)
	require.Contains(t, out, "max_connections: none -> 7\n  allowed_updates: Telegram's default -> callback_query,message")
	require.Contains(t, out, "Telegram says: Webhook was set\nhas changed:\n  url: none -> "+url)
	info, err := server.Bot(t).GetWebhookInfo(t.Context())
	require.NoError(t, err)
	require.Equal(t, 7, info.MaxConnections)
	require.Equal(t, []string{"message", "callback_query"}, info.AllowedUpdates)

	status, out, _ = command(t, "set", "--url", url, "--max-connections", "7")
	require.Equal(t, exitOK, status)
	require.Contains(t, out, "nothing that Telegram shows will change")
	require.Contains(t, out, "Webhook is already set")
	require.NotContains(t, out, "has changed")

	t.Setenv("TELEGRAM_SECRET", "another-secret")
	status, out, _ = command(t, "set", "--url", url, "--max-connections", "7")
	require.Equal(t, exitOK, status)
	require.Contains(t, out, "the secret differed")
}

func TestSetWithDryRunChangesNothing(t *testing.T) {
	server, url := inService(t), receiver(t, 200)
	status, out, _ := command(t, "set", "--url", url, "--dry-run")
	require.Equal(t, exitOK, status)
	require.Contains(t, out, "url: none -> "+url)
	require.Contains(t, out, "nothing was changed")
	info, err := server.Bot(t).GetWebhookInfo(t.Context())
	require.NoError(t, err)
	require.Empty(t, info.URL)
}

func TestSetWithDryRunFindsMistakes(t *testing.T) {
	inService(t)
	t.Setenv("TELEGRAM_API_LOCAL", "")
	status, out, errs := command(t, "set", "--url", "http://127.0.0.1:3000/telegram", "--dry-run")
	require.Equal(t, exitUsage, status)
	require.Empty(t, out, "it says what will change, and it will not")
	require.Contains(t, errs, "--url: must begin with https://")
	require.Contains(t, errs, "for tghook dev, or a server with --local, set TELEGRAM_API_LOCAL=true")
}

func TestSetPrintsOneValueAsJSON(t *testing.T) {
	inService(t)
	_, out, _ := command(t, "set", "--json", "--url", receiver(t, 200))
	var result setResult
	require.NoError(t, json.Unmarshal([]byte(out), &result))
	require.Equal(t, "Webhook was set", result.Said)
	require.NotEmpty(t, result.Planned)
	require.True(t, result.Status.Set)
}

func TestSetTakesTheEnvironmentAndFiles(t *testing.T) {
	server, url := inService(t), receiver(t, 200)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "token"), []byte(server.Token+"\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "secret"), []byte("from-a-file\n"), 0o600))
	t.Setenv("TELEGRAM_TOKEN", "")
	t.Setenv("TELEGRAM_WEBHOOK_URL", url)
	t.Setenv("TELEGRAM_ALLOWED_UPDATES", "message")
	status, out, errs := command(t, "set", "--token-file", filepath.Join(dir, "token"), "--secret-file", filepath.Join(dir, "secret"))
	require.Equal(t, exitOK, status, errs)
	require.NotContains(t, out, server.Token)
	info, err := server.Bot(t).GetWebhookInfo(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"message"}, info.AllowedUpdates)
}

func TestMistakesAreNamedByTheirFlag(t *testing.T) {
	inService(t)
	for _, c := range []struct {
		name  string
		setup func()
		args  []string
		want  string
	}{
		{"no url", nil, []string{"set"}, "no URL: give --url"},
		{"no secret", func() { t.Setenv("TELEGRAM_SECRET", "") }, []string{"set", "--url", "http://127.0.0.1:1/"}, "--insecure-no-secret"},
		{"two ways", func() { t.Setenv("TELEGRAM_SECRET", "another-secret") }, []string{"set", "--url", "http://127.0.0.1:1/", "--insecure-no-secret"}, "leave one of them out"},
		{"bad url", nil, []string{"set", "--url", "h.example"}, "--url: not a URL with a host"},
		{"bad secret", nil, []string{"set", "--url", "http://127.0.0.1:1/", "--secret", "a b"}, "the secret: "},
		{"too many", nil, []string{"set", "--url", "http://127.0.0.1:1/", "--max-connections", "100001"}, "--max-connections: "},
		{"no token file", nil, []string{"info", "--token-file", "/nonexistent/token"}, "--token-file: the file cannot be read"},
		{"no certificate", nil, []string{"set", "--url", "http://127.0.0.1:1/", "--certificate", "/nonexistent/c"}, "--certificate: "},
		{"bad token", func() { t.Setenv("TELEGRAM_TOKEN", "hello") }, []string{"info"}, "the token: not a token"},
		{"no token", func() { t.Setenv("TELEGRAM_TOKEN", "") }, []string{"delete"}, "no token: set TELEGRAM_TOKEN"},
		{"api url", func() { t.Setenv("TELEGRAM_TOKEN", "1:abc"); t.Setenv("TELEGRAM_API_URL", "ftp://h") }, []string{"info"}, "TELEGRAM_API_URL: "},
		{"every", nil, []string{"info", "--watch", "--every", "1ns"}, "--every: "},
	} {
		if c.setup != nil {
			c.setup()
		}
		status, _, errs := command(t, c.args...)
		require.Equal(t, exitUsage, status, c.name+": "+errs)
		require.Contains(t, errs, c.want, c.name)
		require.NotContains(t, errs, "WebhookRequest", c.name)
	}
}

func TestAKindThatTelegramDoesNotHaveIsWarnedOf(t *testing.T) {
	inService(t)
	status, _, errs := command(t, "set", "--url", "http://127.0.0.1:1/", "--allowed-updates", "message,mesage")
	require.Equal(t, exitOK, status)
	require.Contains(t, errs, `--allowed-updates: "mesage" is no kind of update`)
	require.NotContains(t, errs, `"message"`)
}

func TestARefusalIsExplainedAndSaysThatTheOldWebhookMayBeGone(t *testing.T) {
	inService(t)
	status, _, _ := command(t, "set", "--url", receiver(t, 200))
	require.Equal(t, exitOK, status)
	status, _, errs := command(t, "set", "--url", "https://nowhere.invalid/telegram", "--ip-address", "10.0.0.1")
	require.Equal(t, exitError, status)
	require.Contains(t, errs, "bad webhook")
	require.Contains(t, errs, "deletes the previous webhook")
}

func TestAWrongTokenIsAnErrorThatDoesNotShowIt(t *testing.T) {
	server := inService(t)
	id, _, _ := strings.Cut(server.Token, ":")
	t.Setenv("TELEGRAM_TOKEN", id+":AAwrongwrongwrongwrongwrongwrongwro")
	for _, args := range [][]string{{"set", "--url", "http://127.0.0.1:1/"}, {"delete"}, {"info"}, {"info", "--watch"}} {
		status, _, errs := command(t, args...)
		require.Equal(t, exitError, status)
		require.Contains(t, errs, "401")
	}
}

func TestDeleteSaysWhatItDoesAndDoesNothingTheSecondTime(t *testing.T) {
	server, url := inService(t), receiver(t, 500)
	_, _, errs := command(t, "set", "--url", url)
	require.Empty(t, errs)
	server.User("Ada").Chat().Send("/start")
	status, out, _ := command(t, "delete", "--dry-run")
	require.Equal(t, exitOK, status)
	require.Contains(t, out, "nothing was changed")
	status, out, _ = command(t, "delete")
	require.Equal(t, exitOK, status)
	require.Contains(t, out, "will delete the webhook "+url+"\npending updates: 1; they stay")
	require.Contains(t, out, "Telegram says: Webhook was deleted")
	require.Contains(t, out, "url: "+url+" -> none")
	status, out, _ = command(t, "delete")
	require.Equal(t, exitOK, status)
	require.Contains(t, out, "nothing to delete")
	_, out, _ = command(t, "delete", "--drop-pending")
	require.Contains(t, out, "will drop the pending updates: 1")
	info, err := server.Bot(t).GetWebhookInfo(t.Context())
	require.NoError(t, err)
	require.Zero(t, info.PendingUpdateCount)
}

func TestInfoReadsAsAPage(t *testing.T) {
	server, url := inService(t), receiver(t, 404)
	_, out, _ := command(t, "info")
	require.Contains(t, out, "none: no webhook is set")
	_, _, errs := command(t, "set", "--url", url, "--allowed-updates", "message")
	require.Empty(t, errs)
	server.User("Ada").Chat().Send("/start")
	require.Eventually(t, func() bool {
		info, err := server.Bot(t).GetWebhookInfo(t.Context())
		return err == nil && info.LastErrorMessage != ""
	}, patience, 10*time.Millisecond)
	status, out, _ := command(t, "info")
	require.Equal(t, exitOK, status)
	for _, want := range []string{
		url, "unknown: Telegram does not tell", "1, waiting to be delivered", "not sent         business_connection", "callback_query",
		"Wrong response from the webhook: 404 Not Found, ", "nothing at this path", "Compare the path",
	} {
		require.Contains(t, out, want)
	}
	require.Regexp(t, `404 Not Found, (less than a second|1 second|\d+ seconds) ago`, out)
	_, out, _ = command(t, "info", "--json")
	var s webhook.Status
	require.NoError(t, json.Unmarshal([]byte(out), &s))
	require.Equal(t, "wrong-path", s.LastError.Diagnosis)
	require.Equal(t, 1, s.Pending)
}

// lines is an output that may be read while it is written.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *lines) await(t *testing.T, text string) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(l.String(), text) }, patience, 5*time.Millisecond, "want %q in what was printed", text)
}

func TestInfoWatchesAndServesMetrics(t *testing.T) {
	server, url := inService(t), receiver(t, 503)
	ctx, stop := context.WithCancel(t.Context())
	out, errs, ended := new(lines), new(lines), make(chan int, 1)
	go func() {
		ended <- Run(ctx, []string{"info", "--watch", "--every", "100ms", "--metrics", "127.0.0.1:0"}, nil, out, errs)
	}()
	out.await(t, "no webhook is set")
	_, _, e := command(t, "set", "--url", url)
	require.Empty(t, e)
	out.await(t, "url: none -> "+url)
	server.User("Ada").Chat().Send("/start")
	out.await(t, "pending_update_count: 0 -> 1")
	out.await(t, "last_error: none -> Wrong response from the webhook: 503 Service Unavailable")
	out.await(t, "to mend it: ")

	_, address, _ := strings.Cut(errs.String(), "metrics at ")
	address, _, _ = strings.Cut(address, "\n")
	var text string
	require.Eventually(t, func() bool {
		res, err := http.Get(address) //nolint:noctx // a test
		require.NoError(t, err)
		defer res.Body.Close()
		var b bytes.Buffer
		_, err = b.ReadFrom(res.Body)
		require.NoError(t, err)
		text = b.String()
		return strings.Contains(text, "last_error_age_seconds{")
	}, patience, 10*time.Millisecond)
	id, secret, _ := strings.Cut(server.Token, ":")
	require.NotContains(t, text, secret)
	require.Contains(t, text, `tghook_webhook_pending_updates{bot="`+id+`"} 1`)
	require.Contains(t, text, "tghook_webhook_up 1")
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	require.NoError(t, err)
	require.Empty(t, problems)
	stop()
	require.Equal(t, exitOK, <-ended)
	require.NotContains(t, out.String()+errs.String(), server.Token)
}

func TestInfoWatchOutlivesAnOutage(t *testing.T) {
	server := inService(t)
	ctx, stop := context.WithCancel(t.Context())
	out, errs, ended := new(lines), new(lines), make(chan int, 1)
	go func() { ended <- Run(ctx, []string{"info", "--watch", "--json", "--every", "100ms"}, nil, out, errs) }()
	out.await(t, `"set":false`)
	server.Close()
	errs.await(t, "trying again")
	time.Sleep(time.Second) // for more looks
	stop()
	require.Equal(t, exitOK, <-ended)
	said := map[string]bool{}
	for line := range strings.Lines(errs.String()) {
		_, text, _ := strings.Cut(line, "  ") // without the time
		require.False(t, said[text], "one line for one error: %s", errs)
		said[text] = true
	}
}
