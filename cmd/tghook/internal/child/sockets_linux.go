package child

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// listening returns the TCP ports on which the processes of a group listen, in order.
func listening(group int) []int {
	ports := map[int]bool{}
	byInode := listeners("/proc/net/tcp", "/proc/net/tcp6")
	if len(byInode) == 0 {
		return nil
	}
	for _, dir := range processes(group) {
		fds, err := os.ReadDir(filepath.Join(dir, "fd"))
		if err != nil {
			continue // it has ended, or is another user's
		}
		for _, fd := range fds {
			target, err := os.Readlink(filepath.Join(dir, "fd", fd.Name()))
			if err != nil {
				continue
			}
			if port, ok := byInode[target]; ok {
				ports[port] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(ports))
}

// listeners returns the ports of the sockets that listen, by the target of a link to them,
// such as socket:[1234].
func listeners(tables ...string) map[string]int {
	const listens = "0A"
	found := map[string]int{}
	for _, table := range tables {
		text, err := os.ReadFile(table) //nolint:gosec // one of two files in /proc
		if err != nil {
			continue // there is no IPv6
		}
		for line := range strings.Lines(string(text)) {
			f := strings.Fields(line)
			if len(f) < 10 || f[3] != listens {
				continue
			}
			_, hex, _ := strings.Cut(f[1], ":")
			if port, err := strconv.ParseUint(hex, 16, 16); err == nil {
				found["socket:["+f[9]+"]"] = int(port)
			}
		}
	}
	return found
}

// processes returns the directories in /proc of a group's processes.
func processes(group int) (dirs []string) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is sound
	for _, name := range stats {
		text, err := os.ReadFile(name) //nolint:gosec // a file in /proc
		if err != nil {
			continue // it has ended
		}
		// The name of the program, in parentheses, may have spaces and parentheses itself.
		f := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		if len(f) > 2 && f[2] == strconv.Itoa(group) {
			dirs = append(dirs, filepath.Dir(name))
		}
	}
	return dirs
}
