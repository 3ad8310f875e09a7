package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// stopTime is how long a process may take to end when it is asked to.
const stopTime = 20 * time.Second

// process is a running program that is not this one: a gateway, a bot in another language, nginx.
type process struct {
	name string
	log  string // the file that gets its output
	cmd  *exec.Cmd
	// ended is closed when it has ended.
	ended chan struct{}
}

// startProcess starts a program. Its output is appended to the file log.
func startProcess(name, log string, env []string, path string, args ...string) (*process, error) {
	output, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600) //nolint:gosec // the caller has chosen the path
	if err != nil {
		return nil, err
	}
	defer output.Close()                                                                              // the process has its own
	p := &process{name: name, log: log, cmd: exec.Command(path, args...), ended: make(chan struct{})} //nolint:noctx,gosec // kill or stop ends it; the caller has chosen the path
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = output, output
	p.cmd.SysProcAttr = endWithParent()
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait()
	}()
	return p, nil
}

// kill ends the process by SIGKILL, if it has not ended.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// stop asks the process to end, and waits until it has.
func (p *process) stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
		return nil
	case <-time.After(stopTime):
		p.kill()
		return fmt.Errorf("%s did not end within %v when it was asked to\n%s", p.name, stopTime, p.lastOutput())
	}
}

// alive returns an error if the process has ended.
func (p *process) alive() error {
	select {
	case <-p.ended:
		return fmt.Errorf("%s has ended on its own: %v\n%s", p.name, p.cmd.ProcessState, p.lastOutput())
	default:
		return nil
	}
}

// lastOutput returns the end of what the process has written.
func (p *process) lastOutput() []byte {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return []byte(err.Error())
	}
	return text[max(0, len(text)-4<<10):]
}

// answers waits until the process accepts connections at an address.
func (p *process) answers(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err == nil {
			return conn.Close()
		}
		if err := p.alive(); err != nil {
			return err
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("%s does not listen on %s: %w\n%s", p.name, address, err, p.lastOutput())
		}
	}
}

// ports gives each port once.
var ports struct {
	mu   sync.Mutex
	next int
}

// freeAddress returns an address of 127.0.0.1 on which nothing listens. Its port is not one of those that
// the system gives to clients. So it stays free while its server is dead.
func freeAddress(ctx context.Context) (string, error) {
	const first, last = 18_000, 32_000
	ports.mu.Lock()
	defer ports.mu.Unlock()
	if ports.next == 0 {
		ports.next = first + os.Getpid()*37%(last-first)
	}
	for range last - first {
		if ports.next++; ports.next > last {
			ports.next = first
		}
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(ports.next))
		if l, err := new(net.ListenConfig).Listen(ctx, "tcp", address); err == nil {
			return address, l.Close()
		}
	}
	return "", fmt.Errorf("no port from %d to %d is free", first, last)
}

// command is the command tghook, which is built once.
var command struct {
	once sync.Once
	dir  string // that has it; empty: it was not built
	err  error
}

// commandPath builds the command, and returns where it is. Call removeCommand when nothing runs it.
func commandPath() (string, error) {
	command.once.Do(func() {
		if command.dir, command.err = os.MkdirTemp("", "tghook-serve-"); command.err != nil {
			return
		}
		build := exec.Command("go", "build", "-o", command.dir, "github.com/tghook/tghook/cmd/tghook") //nolint:gosec,noctx // the folder is new; it ends by itself
		if out, err := build.CombinedOutput(); err != nil {
			command.err = fmt.Errorf("build the command: %w\n%s", err, out)
		}
	})
	return filepath.Join(command.dir, "tghook"), command.err
}

func removeCommand() {
	if command.dir != "" {
		_ = os.RemoveAll(command.dir)
	}
}
