package child

import (
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

// setGroup keeps the terminal's Ctrl-C from the process.
func setGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

// terminate ends the process and its children. Windows has no signal that asks them to.
func terminate(p *os.Process) { killGroup(p) }

func killGroup(p *os.Process) {
	_ = exec.Command("taskkill", "/T", "/F", "/PID", strconv.Itoa(p.Pid)).Run() //nolint:gosec // the argument is a number
	_ = p.Kill()
}

func groupLives(int) bool { return false }

// A guard does not exist on Windows.
type guard struct{}

func startGuard(int) *guard { return nil }

func (*guard) dismiss() {}

// listening finds nothing on Windows.
func listening(int) []int { return nil }
