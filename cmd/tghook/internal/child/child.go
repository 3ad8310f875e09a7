// Package child runs a bot as a process beside the command. It starts the bot again when
// its sources change or when it crashes, reads what it prints, and finds the ports that
// it listens on.
package child

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// Grace is how long a process that was told to end may take.
	Grace = 10 * time.Second
	// steady is how long a process must have run so that its crash counts as the first.
	steady = 10 * time.Second
	// longestPause is the longest pause between a crash and the next start.
	longestPause = 10 * time.Second
	// portsEvery is how often the ports of a young process are looked up, and portsLater how
	// often those of an older one. On a busy machine a look takes long.
	portsEvery = 500 * time.Millisecond
	portsLater = 5 * time.Second
	youth      = 30 * time.Second
)

// Config says what to run.
type Config struct {
	// Command is the program and its arguments.
	Command []string
	// Dir is the working directory, and the one whose changes restart the bot. If empty,
	// that of this process.
	Dir string
	// Watch restarts the bot when a source file below Dir changes.
	Watch bool
	// Output gets each line that the bot prints, and what the Child does. It may be nil.
	Output io.Writer
}

// State is what a Child does now.
type State struct {
	Command  []string
	Running  bool
	PID      int    // of the newest process; 0 before the first
	Exit     string // how the newest process ended; empty while it runs
	Restarts int
	Ports    []int // TCP ports on which the process and its children listen
}

// Observer gets what happens to a Child. Each function may be nil. Each is called
// one at a time, without a lock held, and must not block.
type Observer struct {
	Line  func(Line)
	State func(State)
}

// Child is a bot that runs as a process. Several goroutines may use it at once.
type Child struct {
	cfg     Config
	program string
	restart chan struct{}
	log     *Log

	mu        sync.Mutex
	state     State
	observers []Observer
}

// New returns a Child that does not run yet. It fails if there is no such program.
func New(cfg Config) (*Child, error) {
	if len(cfg.Command) == 0 {
		return nil, errors.New("no command is given after --; give one, such as -- npm start")
	}
	program, err := exec.LookPath(cfg.Command[0])
	if err != nil && !errors.Is(err, exec.ErrDot) {
		return nil, fmt.Errorf("the command %q cannot be run: %w; check its spelling, or give its path", cfg.Command[0], errors.Unwrap(err))
	}
	c := &Child{cfg: cfg, program: program, restart: make(chan struct{}, 1), state: State{Command: cfg.Command}}
	c.log = newLog(c.printed)
	return c, nil
}

// Observe adds one who is told what happens from now on.
func (c *Child) Observe(o Observer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.observers = append(slices.Clone(c.observers), o)
}

// State returns what the Child does now.
func (c *Child) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.state
	s.Command, s.Ports = slices.Clone(s.Command), slices.Clone(s.Ports)
	return s
}

// Lines returns the newest lines that the bot has printed, oldest first.
func (c *Child) Lines() []Line { return c.log.lines() }

// Restart ends the process and starts it again. If it has ended already, it starts at once.
func (c *Child) Restart() {
	select {
	case c.restart <- struct{}{}:
	default: // one is asked for already
	}
}

// Run starts the bot and keeps it running until ctx ends. It returns when the processes
// have ended. env is added to the environment of this process. It fails if the bot cannot
// be started the first time.
func (c *Child) Run(ctx context.Context, env []string) error {
	changes := make(chan []string)
	if c.cfg.Watch {
		w, err := newWatcher(c.dir(), c.say)
		if err != nil {
			c.say(fmt.Sprintf("changes are not seen: %v. Restart the bot by hand", err))
		} else {
			defer w.close()
			changes = w.changes
		}
	}
	own := &loops{}
	crashes := 0
	for starts := 0; ; starts++ {
		select {
		case <-changes: // it came before this start
		default:
		}
		p, err := startProcess(c.program, c.cfg.Command, c.cfg.Dir, append(os.Environ(), env...), c.log)
		if err != nil && starts == 0 {
			return fmt.Errorf("starting %s: %w", c.cfg.Command[0], err)
		}
		next := ceased
		if err != nil {
			c.say(fmt.Sprintf("starting %s: %v", c.cfg.Command[0], err))
			crashes++
		} else {
			next, crashes = c.life(ctx, p, starts, changes, own, crashes)
		}
		if next == ceased {
			next = c.pause(ctx, changes, crashes)
		}
		if next == end {
			return nil
		}
	}
}

// life runs one process. crashes counts the crashes in a row, before and after it.
func (c *Child) life(ctx context.Context, p *process, starts int, changes <-chan []string, own *loops, crashes int) (turn, int) {
	began := time.Now()
	c.update(func(s *State) { s.Running, s.PID, s.Exit, s.Ports, s.Restarts = true, p.pid(), "", nil, starts })
	next := c.attend(ctx, p, changes, own)
	exit := p.exit()
	c.update(func(s *State) { s.Running, s.Exit, s.Ports = false, exit, nil })
	switch {
	case next != ceased:
		return next, 0
	case exit == exitOK:
		c.say("the bot has ended by itself. It starts again when a file changes")
		return next, 0
	case time.Since(began) > steady:
		crashes = 0
	}
	crashes++
	c.say(fmt.Sprintf("the bot has ended: %s. It starts again in %v", exit, pauseAfter(crashes)))
	return next, crashes
}

// A turn is what comes after a process or a pause.
type turn int

const (
	end    turn = iota // the Child ends
	again              // the process starts again
	ceased             // the process has ended by itself
)

// attend waits until the process has ended, and ends it if it has to.
func (c *Child) attend(ctx context.Context, p *process, changes <-chan []string, own *loops) turn {
	defer p.stop(Grace)
	began := time.Now()
	look := time.NewTicker(portsEvery)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return end
		case <-c.restart:
			c.say("restarting the bot")
			return again
		case files := <-changes:
			counts, fromNowOn := own.judge(files, time.Since(began))
			for _, file := range fromNowOn {
				c.say(file + " changes each time the bot starts. It restarts the bot no more")
			}
			if counts != "" {
				c.say(counts + " has changed. Restarting the bot")
				return again
			}
		case <-look.C:
			c.foundPorts(listening(p.pid()))
			if time.Since(began) > youth {
				look.Reset(portsLater)
			}
		case <-p.ended:
			return ceased
		}
	}
}

// pause waits after the crashes in a row, or, after none, for a change.
func (c *Child) pause(ctx context.Context, changes <-chan []string, crashes int) turn {
	var over <-chan time.Time
	if crashes > 0 {
		over = time.After(pauseAfter(crashes))
	}
	select {
	case <-ctx.Done():
		return end
	case <-c.restart:
	case <-changes:
	case <-over:
	}
	return again
}

// pauseAfter is 0.5 s after one crash, and twice as long after each more.
func pauseAfter(crashes int) time.Duration {
	pause := 500 * time.Millisecond
	for range crashes - 1 {
		if pause >= longestPause {
			break
		}
		pause *= 2
	}
	return min(pause, longestPause)
}

func (c *Child) dir() string {
	if c.cfg.Dir == "" {
		return "."
	}
	return c.cfg.Dir
}

func (c *Child) foundPorts(ports []int) {
	if !slices.Equal(ports, c.State().Ports) {
		c.update(func(s *State) { s.Ports = ports })
	}
}

func (c *Child) update(change func(*State)) {
	c.mu.Lock()
	change(&c.state)
	observers := c.observers
	c.mu.Unlock()
	for _, o := range observers {
		if o.State != nil {
			o.State(c.State())
		}
	}
}

// say writes a line about the Child among the lines of the bot.
func (c *Child) say(text string) {
	if c.cfg.Output != nil {
		fmt.Fprintln(c.cfg.Output, "tghook:", text)
	}
}

// printed passes on a line of the bot.
func (c *Child) printed(line Line) {
	if c.cfg.Output != nil {
		fmt.Fprintln(c.cfg.Output, "bot |", line.Text)
	}
	c.mu.Lock()
	observers := c.observers
	c.mu.Unlock()
	for _, o := range observers {
		if o.Line != nil {
			o.Line(line)
		}
	}
}

// String returns the command in one line.
func (s State) String() string { return strings.Join(s.Command, " ") }
