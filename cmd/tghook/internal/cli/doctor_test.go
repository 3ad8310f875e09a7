package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/doctor"
	"github.com/tghook/tghook/cmd/tghook/internal/lasterror"
)

// soundBot serves a webhook that takes the secret of inService, and returns its address.
func soundBot(t *testing.T) string {
	t.Helper()
	hook, err := tghook.New(tghook.Kinds{tghook.KindMessage: tghook.HandlerFunc(func(context.Context, *tghook.Update) (tghook.Reply, error) {
		return tghook.Reply{Method: "sendMessage", Params: map[string]any{"chat_id": 1, "text": "hello"}}, nil
	})}, tghook.Config{Secret: "a-good-secret"})
	require.NoError(t, err)
	server := httptest.NewServer(hook)
	t.Cleanup(func() {
		server.Close()
		_ = hook.Shutdown(context.Background())
	})
	return server.URL + "/telegram"
}

func TestDoctorFindsNothingAtASoundBotAndEndsWith0(t *testing.T) {
	inService(t)
	url := soundBot(t)
	_, _, errs := command(t, "set", "--url", url)
	require.Empty(t, errs)
	update := filepath.Join(t.TempDir(), "update.json")
	require.NoError(t, os.WriteFile(update, []byte(`{"update_id":7,"message":{"message_id":1,"date":1,"chat":{"id":1,"type":"private"},"text":"hi"}}`), 0o600))
	status, out, errs := command(t, "doctor", "--quick", "--kinds", "message", "--update", update) // the webhook that is set
	require.Equal(t, exitOK, status, out+errs)
	require.Contains(t, out, "HEALTHY  no fault found at "+url)
	require.Contains(t, out, `"method":"sendMessage"`) // the reply to the update
	require.Contains(t, out, "not looked at: whether an idle connection is kept")
	require.Contains(t, errs, "asking Telegram")
}

func TestDoctorNamesTheFaultFirstAndEndsWith1(t *testing.T) {
	server, url := inService(t), receiver(t, 404)
	t.Setenv("TELEGRAM_TOKEN", "")
	status, out, _ := command(t, "doctor", "--quick", "--url", url)
	require.Equal(t, exitFailed, status)
	require.Regexp(t, `^FAULT  wrong-path: `, out)
	require.Contains(t, out, "seen:  getWebhookInfo says: Wrong response from the webhook: 404 Not Found")
	require.Contains(t, out, "mend:  Compare the path")

	t.Setenv("TELEGRAM_TOKEN", server.Token)
	status, out, _ = command(t, "doctor", "--quick", "--json", "--url", url)
	require.Equal(t, exitFailed, status)
	var report doctor.Report
	require.NoError(t, json.Unmarshal([]byte(out), &report))
	require.False(t, report.Healthy)
	require.Len(t, report.Findings, 2)
	require.Equal(t, "wrong-path", report.Findings[0].Diagnosis)
	require.Equal(t, "not-set", report.Findings[1].Diagnosis)
}

func TestDoctorWithDrySendsNoUpdate(t *testing.T) {
	inService(t)
	t.Setenv("TELEGRAM_TOKEN", "")
	methods := make(chan string, 10)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { methods <- r.Method }))
	status, _, _ := command(t, "doctor", "--dry", "--quick", "--url", server.URL)
	require.Equal(t, exitOK, status)
	server.Close()
	close(methods)
	for method := range methods {
		require.Equal(t, http.MethodGet, method)
	}
}

func TestDoctorEndsWithCtrlC(t *testing.T) {
	inService(t)
	t.Setenv("TELEGRAM_TOKEN", "")
	asked := make(chan struct{}, 100)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // else the server does not see that the client goes
		asked <- struct{}{}
		<-r.Context().Done()
	}))
	defer server.Close()
	ctx, stop := context.WithCancel(t.Context())
	var out, errs bytes.Buffer
	ended := make(chan int, 1)
	go func() { ended <- Run(ctx, []string{"doctor", "--url", server.URL}, nil, &out, &errs) }()
	<-asked
	stop()
	require.Equal(t, exitSignal, <-ended)
	require.Empty(t, out.String())
}

func TestDoctorExplainsAnErrorWithoutLooking(t *testing.T) {
	status, out, _ := command(t, "doctor", "--error", "Wrong response from the webhook: 404 Not Found")
	require.Equal(t, exitOK, status)
	require.Contains(t, out, "it means:    The server is there, and has nothing at this path.")
	status, out, _ = command(t, "doctor", "--json", "--error", "Read timeout expired")
	require.Equal(t, exitOK, status)
	var e lasterror.Explanation
	require.NoError(t, json.Unmarshal([]byte(out), &e))
	require.Equal(t, "slow-handler", e.Diagnosis)
	status, _, errs := command(t, "doctor", "--error", "the cat is on the keyboard")
	require.Equal(t, exitUsage, status)
	require.Contains(t, errs, "--error: Telegram's server has no such text")
}

func TestDoctorListsWhatItLooksFor(t *testing.T) {
	status, out, _ := command(t, "doctor", "--list")
	require.Equal(t, exitOK, status)
	for _, d := range doctor.Table() {
		require.Contains(t, out, d.Diagnosis+"  "+d.Question)
	}
	_, out, _ = command(t, "doctor", "--list", "--json")
	require.Equal(t, len(doctor.Table()), strings.Count(out, "\n"))
}

func TestDoctorNamesMistakesByTheirFlag(t *testing.T) {
	inService(t)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "list"), []byte(`[1]`), 0o600))
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--url", "http://127.0.0.1:1/", "--update", filepath.Join(dir, "none")}, "--update: "},
		{[]string{"--url", "http://127.0.0.1:1/", "--update", filepath.Join(dir, "list")}, "--update: the file does not hold an update"},
		{[]string{"--url", "http://127.0.0.1:1/", "--certificate", filepath.Join(dir, "none")}, "--certificate: "},
		{[]string{"--url", "http://127.0.0.1:1/", "--error", "x"}, "error"},
	} {
		status, _, errs := command(t, append([]string{"doctor"}, c.args...)...)
		require.NotEqual(t, exitOK, status)
		require.Contains(t, errs, c.want)
	}
	t.Setenv("TELEGRAM_TOKEN", "")
	status, _, errs := command(t, "doctor")
	require.Equal(t, exitUsage, status)
	require.Contains(t, errs, "nothing to examine: give --url")
}

// What doctor and info say of an error is the name of a diagnosis.
func TestEachExplanationNamesADiagnosis(t *testing.T) {
	known := map[string]bool{"": true}
	for _, d := range doctor.Table() {
		known[d.Diagnosis] = true
	}
	for _, name := range lasterror.Diagnoses() {
		require.True(t, known[name], name)
	}
}
