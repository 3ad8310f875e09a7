package engine

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// children returns the processes that a process has started and that still run.
func children(parent int) []int {
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	var found []int
	for _, file := range files {
		state, of := status(file)
		if of == parent && state != 'Z' {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			found = append(found, pid)
		}
	}
	return found
}

// awaitStop returns when the process has stopped or ended. SIGSTOP was sent to it, and it may be in
// the middle of a fork.
func awaitStop(pid int) {
	file := filepath.Join("/proc", strconv.Itoa(pid), "stat")
	for state, _ := status(file); state != 0 && state != 'T' && state != 'Z'; state, _ = status(file) {
		time.Sleep(time.Millisecond)
	}
}

// awaitEnd returns when the processes have ended, which have been killed.
func awaitEnd(pids []int) {
	for _, pid := range pids {
		file := filepath.Join("/proc", strconv.Itoa(pid), "stat")
		for state, _ := status(file); state != 0 && state != 'Z'; state, _ = status(file) {
			time.Sleep(time.Millisecond)
		}
	}
}

// status reads the state of a process and its parent from a file of /proc. The state is 0 if
// the process does not exist.
func status(file string) (state byte, parent int) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, 0
	}
	// The name of the program is in parentheses, and may have any character.
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(fields) < 2 {
		return 0, 0
	}
	parent, _ = strconv.Atoi(string(fields[1]))
	return fields[0][0], parent
}
