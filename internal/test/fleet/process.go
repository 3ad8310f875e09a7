//go:build unix

package fleet

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
)

// Process is a copy of the running program.
type Process struct {
	// Address is what the process has given Ready.
	Address string
	// Ended is closed when the process has ended.
	Ended <-chan struct{}

	command   *exec.Cmd
	input     io.Closer // its end makes the process stop: see Join
	complaint bytes.Buffer
	result    error // of the ended process
}

// Start starts a process, whose main must call Join. settings are passed to it as JSON. role is its
// name in errors. reports is the process's file descriptor 3. Start returns when the process has
// called Ready. The process is killed when ctx ends. Start calls over when the process has ended,
// before Ended is closed.
func Start(ctx context.Context, role string, settings any, reports *os.File, over func()) (*Process, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(settings)
	if err != nil {
		return nil, err
	}
	ended := make(chan struct{})
	p := &Process{command: exec.CommandContext(ctx, program, role), Ended: ended}
	p.command.Env = append(os.Environ(), settingsEnv+"="+string(text))
	p.command.Stderr = &p.complaint
	p.command.ExtraFiles = []*os.File{reports}
	if p.input, err = p.command.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.command.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		return nil, fmt.Errorf("%s ended before it was ready: %w\n%s", role, p.command.Wait(), p.complaint.Bytes())
	}
	p.Address = lines.Text()
	go func() {
		defer close(ended)
		p.result = p.command.Wait()
		over()
	}()
	return p, nil
}

// Kill ends the process by SIGKILL, if it has not ended.
func (p *Process) Kill() {
	_ = p.command.Process.Kill()
	<-p.Ended
}

// Stop asks the process to stop, and waits until it has.
func (p *Process) Stop() error {
	_ = p.input.Close()
	<-p.Ended
	return p.Err()
}

// Err returns why a process that has ended did not succeed.
func (p *Process) Err() error {
	if p.result != nil {
		return fmt.Errorf("%s: %w\n%s", p.command.Args[1], p.result, p.complaint.Bytes())
	}
	return nil
}

// Pause stops the process by SIGSTOP until Resume.
func (p *Process) Pause() error { return p.command.Process.Signal(syscall.SIGSTOP) }

// Resume ends a Pause.
func (p *Process) Resume() error { return p.command.Process.Signal(syscall.SIGCONT) }
