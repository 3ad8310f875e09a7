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

// process is a receiver's.
type process struct {
	command   *exec.Cmd
	address   string
	input     io.Closer // to close it has the process stop
	complaint bytes.Buffer
	ended     chan error // has one when the process has ended and all it said is noted
}

// start starts a receiver.
func start(ctx context.Context, mode string, env []string, l *life) (*process, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{command: exec.CommandContext(ctx, program, receiverArg, mode), ended: make(chan error, 1)} //nolint:gosec // this very program
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
		return nil, fmt.Errorf("the receiver has said nothing: %w\n%s", p.command.Wait(), p.complaint.Bytes())
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

// kill ends it by SIGKILL.
func (p *process) kill() {
	_ = p.command.Process.Kill()
	<-p.ended //nolint:errcheck // it was killed, and that is the error
}

// stop has it stop by itself.
func (p *process) stop() error {
	_ = p.input.Close()
	if err := <-p.ended; err != nil {
		return fmt.Errorf("a receiver that was told to stop: %w\n%s", err, p.complaint.Bytes())
	}
	return nil
}
