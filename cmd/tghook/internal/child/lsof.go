//go:build unix

package child

import (
	"slices"
	"strconv"
	"strings"
)

// lsofPorts returns the ports in what lsof -Fn prints: a line such as n127.0.0.1:8080 for
// each socket, among lines for processes and files.
func lsofPorts(text string) []int {
	var ports []int
	for line := range strings.Lines(text) {
		name, isName := strings.CutPrefix(strings.TrimSpace(line), "n")
		if !isName {
			continue
		}
		port, err := strconv.Atoi(name[strings.LastIndexByte(name, ':')+1:])
		if err == nil && !slices.Contains(ports, port) {
			ports = append(ports, port)
		}
	}
	slices.Sort(ports)
	return ports
}
