package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// process is the process of a receiver.
type process struct {
	command   *exec.Cmd
	address   string
	input     io.Closer // its end makes the process stop
	complaint bytes.Buffer
	ended     chan error // gets the result when the process has ended and all its reports are noted
}

// start starts a receiver.
func start(ctx context.Context, mode string, env []string, l *life) (*process, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{command: exec.CommandContext(ctx, program, receiverArg, mode), ended: make(chan error, 1)} //nolint:gosec // it runs itself
	p.command.Env = append(os.Environ(), env...)
	p.command.Stderr = &p.complaint
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
		for lines.Scan() {
			l.note(lines.Text())
		}
		p.ended <- p.command.Wait()
	}()
	return p, nil
}

// kill ends the process by SIGKILL.
func (p *process) kill() {
	_ = p.command.Process.Kill()
	<-p.ended //nolint:errcheck // the error is that it was killed
}

// stop asks the process to stop, and waits until it has.
func (p *process) stop() error {
	_ = p.input.Close()
	if err := <-p.ended; err != nil {
		return fmt.Errorf("a receiver that was asked to stop: %w\n%s", err, p.complaint.Bytes())
	}
	return nil
}
