package check_test

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/cmd/tghook/internal/check"
)

// TestOtherLanguages checks real servers of other languages that have known faults.
func TestOtherLanguages(t *testing.T) {
	for _, x := range []struct {
		program, file string
		patience      time.Duration
		faults        []string
	}{
		{"python3", "single.py", brief, []string{"serves-beside-idle-connections", "survives-a-body-that-never-comes"}},
		{"node", "naive.mjs", patience, []string{"replies-in-a-form-that-runs", "survives-broken-json"}},
	} {
		t.Run(x.program, func(t *testing.T) {
			path, err := exec.LookPath(x.program)
			if err != nil && os.Getenv("CI") != "true" {
				t.Skipf("%s is not installed", x.program)
			}
			require.NoError(t, err)
			server := exec.CommandContext(t.Context(), path, "testdata/"+x.file, secret)
			out, err := server.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, server.Start())
			defer func() {
				_ = server.Process.Kill()
				_ = server.Wait()
			}()
			port, err := bufio.NewReader(out).ReadString('\n')
			require.NoError(t, err)
			results := run(t, "http://127.0.0.1:"+strings.TrimSpace(port)+"/telegram", secret, x.patience)
			for _, r := range results {
				if r.Verdict != check.OK {
					t.Logf("%s %s: %s", r.Verdict, r.Name, r.Evidence)
				}
			}
			require.Equal(t, x.faults, named(results, check.Fault))
		})
	}
}
