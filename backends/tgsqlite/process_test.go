package tgsqlite_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/backends/tgsqlite"
)

// childFile names the file that this program works on if it is the child of a test.
const childFile = "TGSQLITE_CHILD_FILE"

// children are what this program does if it is another child of a test, by the environment variable
// that names its folder.
var children = map[string]func(dir string) error{}

func child(variable string, run func(dir string) error) bool { //nolint:unparam // so that it can be called outside of functions
	children[variable] = run
	return true
}

func TestMain(m *testing.M) {
	if path := os.Getenv(childFile); path != "" {
		if err := work(path, os.Args[1]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if dir := os.Getenv(albumBotVariable); dir != "" {
		fmt.Fprintln(os.Stderr, albumBot(dir, os.Getenv(albumBotVariable+"_DIES") != "", os.Getenv(albumBotVariable+"_SLOW") != ""))
		os.Exit(1)
	}
	for variable, run := range children {
		if dir := os.Getenv(variable); dir != "" {
			if err := run(dir); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			return
		}
	}
	os.Exit(m.Run())
}

// work claims updates one after the other from the first on, and ends those that it gets. It
// writes a line for each, when Done has returned. It ends with its standard input.
func work(path, first string) error {
	store, err := tgsqlite.Open(path, tgsqlite.Config{})
	if err != nil {
		return err
	}
	from, err := strconv.ParseInt(first, 10, 64)
	if err != nil {
		return err
	}
	var (
		ids     atomic.Int64
		stopped atomic.Bool
		workers sync.WaitGroup
		failure = make(chan error, 8)
	)
	for range cap(failure) {
		workers.Go(func() {
			for !stopped.Load() {
				if err := serve(store, from+ids.Add(1)); err != nil {
					failure <- err
					return
				}
			}
		})
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	stopped.Store(true)
	workers.Wait()
	close(failure)
	return errors.Join(<-failure, store.Close())
}

func serve(store *tgsqlite.Store, id int64) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	c := claim(id)
	res, err := store.Claim(ctx, c, ttl, ttl)
	if err != nil || res.State != tghook.ClaimGranted {
		return err
	}
	if err := store.Done(ctx, c, []byte(c.Fence)); err != nil {
		return err
	}
	_, err = fmt.Fprintln(os.Stdout, id, c.Fence)
	return err
}

// A process is a child that works on a file.
type process struct {
	tb    testing.TB
	cmd   *exec.Cmd
	stdin io.Closer
	lines *bufio.Scanner
	done  map[int64]string // the replies of updates that it has ended
}

func newProcess(tb testing.TB, path string, first int64) *process {
	tb.Helper()
	program, err := os.Executable()
	require.NoError(tb, err)
	cmd := exec.CommandContext(tb.Context(), program, strconv.FormatInt(first, 10))
	cmd.Env = append(os.Environ(), childFile+"="+path)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	require.NoError(tb, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(tb, err)
	require.NoError(tb, cmd.Start())
	return &process{tb: tb, cmd: cmd, stdin: stdin, lines: bufio.NewScanner(stdout), done: map[int64]string{}}
}

// read reads the next line, unless the process has ended.
func (p *process) read() bool {
	p.tb.Helper()
	if !p.lines.Scan() {
		return false
	}
	id, fence, ok := strings.Cut(p.lines.Text(), " ")
	n, err := strconv.ParseInt(id, 10, 64)
	require.NoError(p.tb, err, p.lines.Text())
	require.True(p.tb, ok)
	require.NotContains(p.tb, p.done, n, "granted twice")
	p.done[n] = fence
	return true
}

// ends waits until the process has ended n updates in all.
func (p *process) ends(n int) {
	p.tb.Helper()
	for len(p.done) < n {
		require.True(p.tb, p.read(), "the process has ended")
	}
}

// kill ends the process as kill -9 does.
func (p *process) kill() {
	p.tb.Helper()
	require.NoError(p.tb, p.cmd.Process.Kill())
	p.drain()
	require.ErrorContains(p.tb, p.cmd.Wait(), "killed")
}

// stop ends the process as a deployment does.
func (p *process) stop() {
	p.tb.Helper()
	require.NoError(p.tb, p.stdin.Close())
	p.drain()
	require.NoError(p.tb, p.cmd.Wait())
}

func (p *process) drain() {
	for p.read() {
	}
}

func TestAProcessThatIsKilledForgetsNothingThatWasAnswered(t *testing.T) {
	t.Parallel()
	path := newFile(t)
	const rounds, each = 8, 1_000_000
	known := map[int64]string{}
	for round := range rounds {
		p := newProcess(t, path, int64(round)*each)
		p.ends(1 + rand.N(150))
		p.kill()
		maps.Copy(known, p.done)
		if round%4 == 3 {
			sound(t, path)
		}
	}
	store := open(t, path)
	for id, reply := range known {
		isDone(t, store, id, reply)
	}
	assert.GreaterOrEqual(t, len(known), rounds)
}

func TestOfTwoProcessesOneGetsAnUpdate(t *testing.T) {
	t.Parallel()
	path := newFile(t)
	one, other := newProcess(t, path, 0), newProcess(t, path, 0)
	var reading sync.WaitGroup
	reading.Go(func() { one.ends(200) })
	reading.Go(func() { other.ends(20) })
	reading.Wait()
	other.kill()
	one.ends(len(one.done) + 100)
	one.stop()

	store := open(t, path)
	known := map[int64]string{}
	for _, p := range []*process{one, other} {
		for id, reply := range p.done {
			assert.NotContains(t, known, id, "granted to two processes")
			known[id] = reply
			isDone(t, store, id, reply)
		}
	}
	sound(t, path)
}
