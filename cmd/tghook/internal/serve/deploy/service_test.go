package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The unit has no mistake that systemd finds, and leaves the program few ways to do harm.
func TestTheServiceIsHardened(t *testing.T) {
	analyze := program(t, "systemd-analyze")
	dir := t.TempDir()
	// The program need not be installed here.
	unit := strings.ReplaceAll(read(t, "tghook.service"), "/usr/local/bin/tghook", "/bin/true")
	path := filepath.Join(dir, "tghook.service")
	verify := func(unit string) string {
		require.NoError(t, os.WriteFile(path, []byte(unit), 0o600))
		out, err := exec.CommandContext(t.Context(), analyze, "verify", "--man=no", path).CombinedOutput()
		if err != nil {
			return err.Error() + ": " + string(out)
		}
		return string(out)
	}
	security := func(unit string) (string, error) {
		require.NoError(t, os.WriteFile(path, []byte(unit), 0o600))
		// The exposure goes from 0 to 10; the threshold is ten times that.
		cmd := exec.CommandContext(t.Context(), analyze, "security", "--offline=true", "--no-pager", "--threshold=12", path)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	require.Empty(t, verify(unit))
	out, err := security(unit)
	require.NoError(t, err, out)

	// Both checks can fail.
	assert.Contains(t, verify(strings.Replace(unit, "ProtectHome=", "ProtectHomes=", 1)), "ProtectHomes")
	out, err = security(strings.Replace(unit, "CapabilityBoundingSet=\n", "", 1))
	require.Error(t, err, out)
}
