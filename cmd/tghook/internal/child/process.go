package child

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"
)

// exitOK is how a process ends that has done its work.
const exitOK = "exit status 0"

// outputGrace is how long the output of a process is read after all of its group have
// ended. A process that has left the group may hold it open.
const outputGrace = 500 * time.Millisecond

// A process is one run of the bot: a process, and all that it starts.
type process struct {
	cmd     *exec.Cmd
	guard   *guard
	ended   chan struct{} // closed when the first process has ended
	outputs sync.WaitGroup
	pipes   []*os.File
	state   *os.ProcessState // set before ended is closed
	stopped sync.Once
}

func startProcess(program string, args []string, dir string, env []string, log *Log) (*process, error) {
	p := &process{ended: make(chan struct{})}
	p.cmd = &exec.Cmd{Path: program, Args: args, Dir: dir, Env: env}
	setGroup(p.cmd)
	out, err := p.pipe(log.stream(false))
	if err != nil {
		return nil, err
	}
	errs, err := p.pipe(log.stream(true))
	if err != nil {
		_ = out.Close()
		p.closePipes()
		return nil, err
	}
	p.cmd.Stdout, p.cmd.Stderr = out, errs
	err = p.cmd.Start()
	_, _ = out.Close(), errs.Close()
	if err != nil {
		p.closePipes()
		p.outputs.Wait()
		return nil, err
	}
	p.guard = startGuard(p.pid())
	go func() {
		_ = p.cmd.Wait() // what it says is in the state
		p.state = p.cmd.ProcessState
		close(p.ended)
	}()
	return p, nil
}

// pipe returns the end of a pipe to write to. What is written goes to the stream.
func (p *process) pipe(s *stream) (*os.File, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p.pipes = append(p.pipes, read)
	p.outputs.Go(func() {
		_, _ = io.Copy(s, read) // ends when the pipe is closed, here or there
		s.flush()
	})
	return write, nil
}

func (p *process) closePipes() {
	for _, pipe := range p.pipes {
		_ = pipe.Close()
	}
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// exit says how the process has ended, which it has.
func (p *process) exit() string {
	<-p.ended
	return fmt.Sprint(p.state)
}

// stop ends the process and all that it has started: it asks first, and after the grace it
// kills. It returns when they have ended and their output is read.
func (p *process) stop(grace time.Duration) {
	p.stopped.Do(func() {
		deadline := time.Now().Add(grace)
		terminate(p.cmd.Process)
		select {
		case <-p.ended:
		case <-time.After(grace):
		}
		for groupLives(p.pid()) && time.Now().Before(deadline) {
			time.Sleep(10 * time.Millisecond)
		}
		killGroup(p.cmd.Process)
		<-p.ended
		p.guard.dismiss()
		read := make(chan struct{})
		go func() {
			p.outputs.Wait()
			close(read)
		}()
		select {
		case <-read:
		case <-time.After(outputGrace):
		}
		p.closePipes()
		<-read
	})
}
