//go:build unix

package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

const (
	startTime = 120 * time.Second // how long a server may take to answer, also on a busy machine
	stopTime  = 120 * time.Second // how long a server may take to end when it is asked to
)

// A Server is a program that answers on a port of 127.0.0.1. Its methods must not be called
// at the same time.
type Server struct {
	Addr string // host:port, the same after Restart
	URL  string // for the client's ParseURL, the same after Restart

	program program
	process *os.Process
	ended   chan struct{} // closed when the process has ended
}

// A program says how to run a server.
type program struct {
	name string
	path string
	args []string
	env  []string // beside the variables of this process
	attr syscall.SysProcAttr
	log  string // the file that gets its output
	// ready returns nil when the server answers, and else why it does not.
	ready func(ctx context.Context) error
	// ask is the signal that makes the program end when it has finished its work.
	ask syscall.Signal
}

// open runs start in a temporary folder, and Close at the end of the test. If the program is
// not installed, it leaves the test out.
func open(tb testing.TB, start func(ctx context.Context, dir string) (*Server, error)) *Server {
	tb.Helper()
	dir, err := os.MkdirTemp("", "engine") //nolint:usetesting // other users cannot enter the parent of tb.TempDir, and PostgreSQL runs as one
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	s, err := start(tb.Context(), dir)
	LeaveOut(tb, err)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

// LeaveOut skips a test if err says that a program is not installed. In CI it does nothing, so
// that the test fails.
func LeaveOut(tb testing.TB, err error) {
	tb.Helper()
	if errors.Is(err, exec.ErrNotFound) && os.Getenv("CI") == "" {
		tb.Skip(err)
	}
}

// find returns the path of a program. It looks in the folders too. If the program is
// missing, the error wraps [exec.ErrNotFound].
func find(name string, folders ...string) (string, error) {
	for _, file := range append([]string{name}, folders...) {
		if file != name {
			file = filepath.Join(file, name)
		}
		if path, err := exec.LookPath(file); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s is not installed; make programs installs it: %w", name, exec.ErrNotFound)
}

// freePort returns a port of 127.0.0.1 that nothing listens on.
func freePort(ctx context.Context) (int, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return listener.Addr().(*net.TCPAddr).Port, listener.Close()
}

// tries is how often start looks for a free port. Another process may take one before the
// server has it.
const tries = 5

// start calls prepare with a free port until its program runs and answers there. The URL has
// %s in place of the address.
func start(ctx context.Context, url string, prepare func(port int) (program, error)) (*Server, error) {
	var failed error
	for range tries {
		port, err := freePort(ctx)
		if err != nil {
			return nil, err
		}
		p, err := prepare(port)
		if err != nil {
			return nil, err
		}
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		s := &Server{Addr: addr, URL: fmt.Sprintf(url, addr), program: p}
		if failed = s.run(ctx); failed == nil || ctx.Err() != nil {
			return s, failed
		}
	}
	return nil, failed
}

// run starts the process, and returns when the server answers.
func (s *Server) run(ctx context.Context) error {
	output, err := os.OpenFile(s.program.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = output.Close() }()                  // the process has its own
	cmd := exec.Command(s.program.path, s.program.args...) //nolint:noctx // Close ends it
	cmd.Env = append(os.Environ(), s.program.env...)
	cmd.Dir = filepath.Dir(s.program.log)
	cmd.Stdout, cmd.Stderr = output, output
	attr := s.program.attr
	endWithParent(&attr)
	cmd.SysProcAttr = &attr
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	s.process, s.ended = cmd.Process, ended
	go func() {
		defer close(ended)
		_ = cmd.Wait()
	}()
	if err := s.await(ctx); err != nil {
		s.Kill()
		return fmt.Errorf("%s on %s: %w\n%s", s.program.name, s.Addr, err, s.lastOutput())
	}
	return nil
}

var errEnded = errors.New("the program has ended")

// await returns when the server answers.
func (s *Server) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := s.program.ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-s.ended:
			return errEnded
		case <-ctx.Done():
			return fmt.Errorf("no answer: %w", err)
		}
	}
}

// lastOutput returns the end of what the program has written.
func (s *Server) lastOutput() []byte {
	text, err := os.ReadFile(s.program.log)
	if err != nil {
		return []byte(err.Error())
	}
	return text[max(0, len(text)-4<<10):]
}

// Kill ends the server and the processes that it has started by SIGKILL, and waits for their
// end.
func (s *Server) Kill() {
	_ = s.halt()
	for pids := children(s.process.Pid); len(pids) > 0; pids = children(s.process.Pid) { // one that is missed keeps the data in use
		for _, pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		awaitEnd(pids)
	}
	_ = s.process.Signal(syscall.SIGKILL)
	<-s.ended
}

// Restart starts the server again, on the same port with the same data. It returns when the
// server answers. If the server still runs, Restart kills it first.
func (s *Server) Restart(ctx context.Context) error {
	s.Kill()
	for begin := time.Now(); ; {
		err := s.run(ctx)
		// A connection of another process may have the port for a while.
		if !errors.Is(err, errEnded) || time.Since(begin) > startTime {
			return err
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return err
		}
	}
}

// Pause stops the server and the processes that it has started by SIGSTOP. It keeps its port
// and connections, and answers nothing until Resume.
func (s *Server) Pause() error {
	if err := s.halt(); err != nil {
		return err
	}
	s.tellChildren(syscall.SIGSTOP)
	return nil
}

// Resume ends a Pause.
func (s *Server) Resume() error {
	if err := s.process.Signal(syscall.SIGCONT); err != nil {
		return err
	}
	s.tellChildren(syscall.SIGCONT)
	return nil
}

// halt stops the server by SIGSTOP. When it returns, the server starts no more processes.
func (s *Server) halt() error {
	err := s.process.Signal(syscall.SIGSTOP)
	if err == nil {
		awaitStop(s.process.Pid)
	}
	return err
}

// tellChildren sends a signal to the processes that the server has started.
func (s *Server) tellChildren(sig syscall.Signal) {
	for _, pid := range children(s.process.Pid) {
		_ = syscall.Kill(pid, sig) // it may have ended meanwhile
	}
}

// Close asks the server to end, and waits until it has. It may be called after Kill.
func (s *Server) Close() error {
	_ = s.Resume()
	_ = s.process.Signal(s.program.ask)
	select {
	case <-s.ended:
		return nil
	case <-time.After(stopTime):
		s.Kill()
		return fmt.Errorf("%s on %s did not end within %v when it was asked to", s.program.name, s.Addr, stopTime)
	}
}
