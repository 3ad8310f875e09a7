package main

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

// process is the process of a receiver.
type process struct {
	life      int
	command   *exec.Cmd
	address   string
	input     io.Closer // its end makes the process stop
	complaint bytes.Buffer
	ended     chan struct{} // closed when the process has ended
	result    error         // of the process that has ended
}

// start starts a receiver. Its reports go to the ledger.
func start(ctx context.Context, s settings, l *ledger) (*process, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s.Life = l.newLife()
	text, err := json.Marshal(s) //nolint:musttag // both ends are this program
	if err != nil {
		return nil, err
	}
	p := &process{life: s.Life, command: exec.CommandContext(ctx, program, receiverArg), ended: make(chan struct{})} //nolint:gosec // it runs itself
	p.command.Env = append(os.Environ(), settingsEnv+"="+string(text))
	p.command.Stderr = &p.complaint
	p.command.ExtraFiles = []*os.File{l.pipe} // reportFile
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
		return nil, fmt.Errorf("the receiver ended without an address: %w\n%s", p.command.Wait(), p.complaint.Bytes())
	}
	p.address = lines.Text()
	go func() {
		defer close(p.ended)
		p.result = p.command.Wait()
		l.end(p.life)
	}()
	return p, nil
}

// kill ends the process by SIGKILL, if it has not ended.
func (p *process) kill() {
	_ = p.command.Process.Kill()
	<-p.ended
}

// stop asks the process to stop, and waits until it has.
func (p *process) stop() error {
	_ = p.input.Close()
	<-p.ended
	return p.err()
}

// err returns why a process that has ended did not succeed.
func (p *process) err() error {
	if p.result != nil {
		return fmt.Errorf("a receiver: %w\n%s", p.result, p.complaint.Bytes())
	}
	return nil
}

// pause stops the process by SIGSTOP until resume. It does not know.
func (p *process) pause() error { return p.command.Process.Signal(syscall.SIGSTOP) }

func (p *process) resume() error { return p.command.Process.Signal(syscall.SIGCONT) }
