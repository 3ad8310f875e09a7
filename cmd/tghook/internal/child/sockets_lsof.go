//go:build unix && !linux

package child

import (
	"os/exec"
	"strconv"
)

// listening returns the TCP ports on which the processes of a group listen, in order. It
// asks lsof, which macOS and the BSDs have.
func listening(group int) []int {
	out, _ := exec.Command("lsof", "-nP", "-a", "-g", strconv.Itoa(group), "-iTCP", "-sTCP:LISTEN", "-Fn").Output() //nolint:gosec // the argument is a number
	return lsofPorts(string(out))
}
