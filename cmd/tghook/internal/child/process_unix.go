//go:build unix

package child

import (
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

// setGroup starts the process in a group of its own, so that signals reach all that it
// starts, and the terminal's Ctrl-C reaches this process alone.
func setGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func terminate(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGTERM) }

func killGroup(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGKILL) }

func groupLives(pid int) bool { return syscall.Kill(-pid, 0) == nil }

// A guard is a shell that kills a group of processes when this process has died without
// having done it, as by kill -9: the pipe that the shell reads from is closed then.
type guard struct {
	cmd  *exec.Cmd
	pipe io.Closer
}

const guardScript = `read -r line; kill -KILL "-$1"`

// startGuard returns nil if there is no shell: the group is then ended by stop alone.
func startGuard(group int) *guard {
	cmd := exec.Command("/bin/sh", "-c", guardScript, "sh", strconv.Itoa(group)) //nolint:gosec,noctx // the argument is a number, and dismiss ends it
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil
	}
	if err := cmd.Start(); err != nil {
		_ = pipe.Close()
		return nil
	}
	return &guard{cmd, pipe}
}

// dismiss ends the guard. Its group must have ended.
func (g *guard) dismiss() {
	if g == nil {
		return
	}
	_ = g.cmd.Process.Kill()
	_ = g.cmd.Wait() // it was killed
	_ = g.pipe.Close()
}
