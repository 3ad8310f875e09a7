package cli

import (
	"context"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// terminal returns the two ends of a new terminal.
func terminal(t *testing.T) (user, program *os.File) {
	t.Helper()
	user, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { user.Close() })
	require.NoError(t, unix.IoctlSetPointerInt(int(user.Fd()), unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(int(user.Fd()), unix.TIOCGPTN)
	require.NoError(t, err)
	program, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|syscall.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { program.Close() })
	return user, program
}

// onTerminal is what dev writes to a terminal until it has told its addresses. Then it gets
// the signal of Ctrl-C.
func onTerminal(t *testing.T, env ...string) string {
	t.Helper()
	user, program := terminal(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "dev", "--listen", "127.0.0.1:0")
	cmd.Env = append(os.Environ(), append([]string{"TGHOOK_TEST_PROGRAM=tghook", "TERM=xterm", "NO_COLOR="}, env...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = program, program, program
	require.NoError(t, cmd.Start())
	var text strings.Builder
	buffer := make([]byte, 4096)
	for !strings.Contains(text.String(), "Next") || !strings.Contains(text.String(), "LIBRARY") {
		n, err := user.Read(buffer)
		if err == io.EOF {
			break
		}
		require.NoError(t, err, text.String())
		text.Write(buffer[:n])
	}
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	require.NoError(t, cmd.Wait(), "Ctrl-C ends dev with status 0")
	return text.String()
}

func TestColoursOnATerminalAlone(t *testing.T) {
	require.Contains(t, onTerminal(t), "\x1b[", "a terminal")
	for _, env := range []string{"NO_COLOR=1", "TERM=dumb"} {
		text := onTerminal(t, env)
		require.NotContains(t, text, "\x1b", env)
		require.Contains(t, text, "Bot API  http://127.0.0.1:")
	}
}
