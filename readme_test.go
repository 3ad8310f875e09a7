package tghook_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheREADMETakesAMinuteToRead(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	if words := len(strings.Fields(string(readme))); words > 900 {
		t.Errorf("%d words, want at most 900", words)
	}
}

func TestTheProgramInTheREADMEBuilds(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	_, program, _ := strings.Cut(string(readme), "```go\n")
	program, _, found := strings.Cut(program, "```\n")
	if lines := strings.Count(program, "\n"); !found || lines > 25 {
		t.Errorf("%d lines, want at most 25", lines)
	}
	root, err := os.Getwd()
	require.NoError(t, err)
	dir := t.TempDir()
	for name, content := range map[string]string{
		"main.go": program,
		"go.mod": "module example.com/bot\n\ngo 1.25.0\n\nrequire github.com/tghook/tghook v0.0.0\n\n" +
			"replace github.com/tghook/tghook => " + root + "\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	cmd := exec.CommandContext(t.Context(), "go", "vet", ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
