// Package deploy_test tests the files of packaging/serve and docs/serve.md with the code that
// they are about.
package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// packaging is the folder of the files, from here.
const packaging = "../../../../../packaging/serve"

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(packaging, name))
	require.NoError(t, err)
	return string(text)
}

// program returns the path of a program. Without it, the test is left out, but not in CI.
func program(t *testing.T, names ...string) string {
	t.Helper()
	var err error
	for _, name := range names {
		var path string
		if path, err = exec.LookPath(name); err == nil {
			return path
		}
	}
	missing(t, err.Error())
	return ""
}

// missing leaves the test out, but not in CI.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("%s; make programs installs what the tests need", what)
	}
	t.Skip(what)
}
