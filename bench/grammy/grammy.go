// Package grammy has the programs that measure grammY, which run on node.
package grammy

import (
	"os"
	"os/exec"
	"testing"
)

// Need is called by a test that runs them in the folder above. Without grammY, the test
// fails in CI and is skipped elsewhere.
func Need(tb testing.TB) {
	tb.Helper()
	_, err := exec.LookPath("node")
	for _, name := range []string{"grammy", "@grammyjs/runner"} {
		if err == nil {
			_, err = os.Stat("grammy/node_modules/" + name)
		}
	}
	if err == nil {
		return
	}
	if os.Getenv("CI") != "" {
		tb.Fatalf("grammY is not installed (make programs): %v", err)
	}
	tb.Skipf("grammY is not installed (make programs): %v", err)
}
