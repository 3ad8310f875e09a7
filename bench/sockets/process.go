package main

import (
	"context"
	"fmt"
	"io"
	"os/exec"
)

// process is the process of a server.
type process struct {
	command *exec.Cmd
	address string
	stdin   io.WriteCloser
	stdout  io.Reader
}

// account is the work of a server since its process began.
type account struct {
	handled, empty int64
	cpu            int64 // nanoseconds
}

func (m measurement) start(ctx context.Context) (*process, error) {
	p := &process{command: pinned(ctx, "0", m.server[0], m.server[1:]...)}
	var err error
	if p.stdin, err = p.command.StdinPipe(); err != nil {
		return nil, err
	}
	if p.stdout, err = p.command.StdoutPipe(); err != nil {
		return nil, err
	}
	if err := p.command.Start(); err != nil {
		return nil, err
	}
	if _, err := fmt.Fscanln(p.stdout, &p.address); err != nil {
		p.kill()
		return nil, fmt.Errorf("its address: %w", err)
	}
	return p, nil
}

func (p *process) ask() (a account, err error) {
	if _, err := io.WriteString(p.stdin, "\n"); err != nil {
		return account{}, err
	}
	if _, err := fmt.Fscanln(p.stdout, &a.handled, &a.empty, &a.cpu); err != nil {
		return account{}, fmt.Errorf("its account: %w", err)
	}
	return a, nil
}

func (p *process) end() error {
	if err := p.stdin.Close(); err != nil {
		return err
	}
	return p.command.Wait()
}

// kill kills the process. It does nothing if the process has ended.
func (p *process) kill() {
	_ = p.command.Process.Kill()
	_ = p.command.Wait()
}
