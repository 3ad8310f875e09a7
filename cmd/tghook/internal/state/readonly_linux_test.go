package state

import (
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAFileThatCannotBeWrittenIsRefused(t *testing.T) {
	directory := t.TempDir()
	path := filepath.Join(directory, "dev.db")
	f, srv := start(t, path)
	srv.User("Zoë").Chat().Send("hello")
	end(t, f, srv)
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.Chmod(path, 0o400))
	refused := make(chan error)
	go func() {
		runtime.LockOSThread() // until the goroutine and its thread end
		if os.Getuid() == 0 {
			_ = syscall.Setfsuid(65534) // the superuser can write all files
		}
		_, err := Open(path)
		refused <- err
	}()
	require.EqualError(t, <-refused, "--state "+path+": the file or its directory cannot be written; give the name of a file that can")
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, before, after)
}
