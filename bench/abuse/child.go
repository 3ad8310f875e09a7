package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"
)

// ledger holds the reports of bots on their updates.
type ledger struct {
	mu    sync.Mutex
	begun map[int64]int
	ended map[int64]int
}

func newLedger() *ledger { return &ledger{begun: map[int64]int{}, ended: map[int64]int{}} }

func (l *ledger) note(line string) {
	id, err := strconv.ParseInt(line[1:], 10, 64)
	if err != nil {
		return // the end of the process has cut it off
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if line[0] == '+' {
		l.begun[id]++
	} else {
		l.ended[id]++
	}
}

// child is the process of a receiver.
type child struct {
	command *exec.Cmd
	address string
	tell    io.Writer
	gone    chan struct{} // closed when it has ended and all its reports are noted
	killed  bool
}

func bear(ctx context.Context, l *ledger, r receiver, b behaviour) (*child, error) {
	var complaint bytes.Buffer
	cmd := exec.CommandContext(ctx, r.command[0], append(r.command[1:], string(b))...) //nolint:gosec // node and this program
	cmd.Stderr = &complaint
	tell, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		return nil, fmt.Errorf("no address: %w\n%s", cmd.Wait(), complaint.Bytes())
	}
	c := &child{command: cmd, address: lines.Text(), tell: tell, gone: make(chan struct{})}
	go func() {
		for lines.Scan() {
			l.note(lines.Text())
		}
		_ = cmd.Wait() // however it ended
		close(c.gone)
	}()
	return c, nil
}

func (c *child) alive() bool {
	select {
	case <-c.gone:
		return false
	default:
		return true
	}
}

// fate returns how the process ended, if it has.
func (c *child) fate() string {
	switch {
	case c.alive():
		return "lives"
	case c.killed:
		return "killed"
	case c.command.ProcessState.Success():
		return "stops"
	default:
		return "dies"
	}
}

// order gives the process an order. It does nothing if the process has ended.
func (c *child) order(what string) { _, _ = io.WriteString(c.tell, what+"\n") }

func (c *child) kill() {
	c.killed = c.killed || c.alive()
	_ = c.command.Process.Kill()
	<-c.gone
}

// peak returns the process's largest resident memory, in MiB, or 0 if it is not known.
func (c *child) peak() int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.command.Process.Pid))
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(status, []byte("VmHWM:"))
	var kilobytes int64
	if _, err := fmt.Fscan(bytes.NewReader(rest), &kilobytes); err != nil {
		return 0
	}
	return kilobytes >> 10
}
