// Package examples_test runs the examples with the command itself.
package examples_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// program returns the path of a program. Without it, the test is left out, but not in CI.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil && os.Getenv("CI") == "" {
		t.Skipf("needs %s", name)
	}
	require.NoError(t, err)
	return path
}

// build builds the command, and returns its path.
func build(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tghook")
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, "..").CombinedOutput()
	require.NoError(t, err, string(out))
	return path
}

// TestExamples runs the tests of each language. They pass with their bot, and fail with a bot
// that does otherwise.
func TestExamples(t *testing.T) {
	tghook := build(t)
	for _, example := range []struct {
		dir, program string
		args         []string
		passed       string
		bot          string
		breakages    map[string]string // the replacement, by the piece of the bot's source
	}{
		{
			"python", "python3",
			[]string{"-B", "-m", "unittest", "-v"},
			"Ran 6 tests", "bot.py",
			map[string]string{`"answerCallbackQuery"`: `"sendChatAction"`, "== 429": "== 430", "except Refused": "except KeyError"},
		},
		{
			"node", "node",
			[]string{"--test"},
			"# pass 6", "bot.mjs",
			map[string]string{"'answerCallbackQuery'": "'sendChatAction'", "!== 429": "!== 430", "!(error instanceof Refused)": "error"},
		},
	} {
		t.Run(example.dir, func(t *testing.T) {
			t.Parallel()
			path := program(t, example.program)
			run := func(dir string) (string, error) {
				cmd := exec.CommandContext(t.Context(), path, example.args...)
				cmd.Dir = dir
				cmd.Env = append(os.Environ(), "TGHOOK="+tghook)
				out, err := cmd.CombinedOutput()
				return string(out), err
			}
			out, err := run(example.dir)
			require.NoError(t, err, out)
			require.Contains(t, out, example.passed)
			if testing.Short() {
				return
			}
			source, err := os.ReadFile(filepath.Join(example.dir, example.bot))
			require.NoError(t, err)
			for what, otherwise := range example.breakages {
				require.Equal(t, 1, strings.Count(string(source), what), "the bot has %s once", what)
				dir := t.TempDir()
				require.NoError(t, os.CopyFS(dir, os.DirFS(example.dir)))
				broken := strings.Replace(string(source), what, otherwise, 1)
				require.NoError(t, os.WriteFile(filepath.Join(dir, example.bot), []byte(broken), 0o600))
				out, err := run(dir)
				require.Error(t, err, "%s instead of %s: %s", otherwise, what, out)
			}
		})
	}
}
