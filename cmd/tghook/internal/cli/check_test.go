package cli

import (
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// careless takes every POST for an update.
func careless(t *testing.T) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if r.Method != http.MethodPost {
			w.WriteHeader(http.StatusMethodNotAllowed)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func TestCheckReports(t *testing.T) {
	s := careless(t)
	report := filepath.Join(t.TempDir(), "report.xml")
	status, out, _ := command(t, "check", s.URL, "--junit", report)
	require.Equal(t, 1, status)
	require.Contains(t, out, "FAULT  An update without the secret is refused.")
	require.Contains(t, out, "Mend: Set a secret")

	content, err := os.ReadFile(report)
	require.NoError(t, err)
	var suite struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Cases    []struct {
			Name    string `xml:"name,attr"`
			Failure *struct {
				Message string `xml:"message,attr"`
			} `xml:"failure"`
		} `xml:"testcase"`
	}
	require.NoError(t, xml.Unmarshal(content, &suite))
	require.Equal(t, 1, suite.Failures)
	require.Len(t, suite.Cases, suite.Tests)

	status, out, _ = command(t, "check", "--json", s.URL, "--secret", "s3cret-of-nobody")
	require.Equal(t, 1, status)
	require.NotContains(t, out, "s3cret-of-nobody")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	require.Len(t, lines, suite.Tests)
	for _, line := range lines {
		require.True(t, json.Valid([]byte(line)), line)
	}
}

func TestCheckUsage(t *testing.T) {
	for _, args := range [][]string{
		{"check"},
		{"check", "bot.example.org"},
		{"check", "http://127.0.0.1:1", "--secret", "a b"},
		{"check", "http://127.0.0.1:1", "--secret-file", "missing"},
		{"check", "http://127.0.0.1:1", "--patience", "0s"},
		{"check", "http://127.0.0.1:1", "--certificate", "missing"},
	} {
		status, _, errs := command(t, args...)
		require.NotZero(t, status, args)
		require.NotEmpty(t, errs)
		require.NotContains(t, errs, "a b")
	}
}
