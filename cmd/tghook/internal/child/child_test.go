//go:build unix

package child

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/stretchr/testify/require"
)

// patience is how long a test waits for what must come.
const patience = time.Minute

// TestMain runs the programs of the tests, which are this program with another name.
func TestMain(m *testing.M) {
	switch os.Getenv("CHILD_TEST") {
	case "": // the tests
		os.Exit(m.Run())
	case "run": // a command with a child, for a test that kills it
		c, err := New(Config{Command: os.Args[1:], Output: os.Stdout})
		if err == nil {
			c.Observe(Observer{State: func(State) { fmt.Fprintln(os.Stdout, "guarded") }})
			err = c.Run(context.Background(), []string{"CHILD_TEST="})
		}
		fmt.Fprintln(os.Stdout, err)
		os.Exit(1)
	case "stubborn":
		signal.Ignore(syscall.SIGTERM)
		fmt.Fprintln(os.Stdout, "ready")
		time.Sleep(patience)
	}
}

// run runs a Child until the test ends or stop is called. It gives what the Child does.
type run struct {
	*Child
	output *buffer
	stop   func() // ends the Child and waits for it
	states chan State
}

type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func start(t *testing.T, cfg Config, env ...string) *run {
	t.Helper()
	r := &run{output: &buffer{}, states: make(chan State, 1000)}
	cfg.Output = r.output
	c, err := New(cfg)
	require.NoError(t, err)
	r.Child = c
	c.Observe(Observer{State: func(s State) { r.states <- s }})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx, env) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(t, <-done)
	})
	t.Cleanup(r.stop)
	return r
}

func shell(script string) []string { return []string{"/bin/sh", "-c", script} }

// until waits until the output has the text so many times.
func (r *run) until(t *testing.T, text string, times int) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Count(r.output.String(), text) >= times }, patience, 5*time.Millisecond,
		"%q has to come %d times; came:\n%s", text, times, r.output)
}

// write replaces a file. A watcher sees one change.
func write(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	fresh := filepath.Join(filepath.Dir(path), "fresh.tmp") // which no watcher counts
	require.NoError(t, os.WriteFile(fresh, []byte(text), 0o644))
	require.NoError(t, os.Rename(fresh, path))
}

func gone(pid int) bool { return syscall.Kill(pid, 0) != nil || zombie(pid) }

func zombie(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && strings.Contains(string(text), ") Z ")
}

func TestLinesOfBothOutputs(t *testing.T) {
	r := start(t, Config{Command: shell(`echo "hello $NAME"; printf 'no\377end'; echo oops >&2; exec sleep 60`)}, "NAME=Zoë")
	r.until(t, "bot | oops", 1)
	r.until(t, "bot | hello Zoë", 1)
	r.stop()
	require.Contains(t, r.output.String(), "bot | no\uFFFDend\n")
	errs := map[string]bool{}
	for _, line := range r.Lines() {
		errs[line.Text] = line.Error
		require.WithinDuration(t, time.Now(), line.At, patience)
	}
	require.Equal(t, map[string]bool{"hello Zoë": false, "oops": true, "no\uFFFDend": false}, errs)
}

func TestLogIsBounded(t *testing.T) {
	told := 0
	l := newLog(func(line Line) {
		told++
		require.EqualValues(t, told, line.Number)
	})
	s := l.stream(false)
	for range 2 * maxLines {
		fmt.Fprintln(s, "short")
	}
	require.Len(t, l.lines(), maxLines)
	require.Equal(t, 2*maxLines, told)
	require.EqualValues(t, maxLines+1, l.lines()[0].Number, "the number stays when older lines go")

	_, _ = s.Write(bytes.Repeat([]byte("x"), 2*maxLog)) // one line
	require.Zero(t, len(s.rest)%maxLine)
	size := 0
	for _, line := range l.lines() {
		size += len(line.Text)
		require.LessOrEqual(t, len(line.Text), maxLine)
	}
	require.LessOrEqual(t, size, maxLog)
	require.Greater(t, size, maxLog-2*maxLine)
}

func TestNewNamesTheCommandThatCannotBeRun(t *testing.T) {
	_, err := New(Config{Command: []string{"no-such-program", "start"}})
	require.ErrorContains(t, err, `the command "no-such-program" cannot be run: executable file not found in $PATH; check its spelling`)
	_, err = New(Config{})
	require.ErrorContains(t, err, "no command is given after --")
}

func TestASourceThatChangesRestartsTheBot(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "bot.py"), "1")
	write(t, filepath.Join(dir, "src", "deep", "old.py"), "1")
	r := start(t, Config{Command: shell(`echo started; exec sleep 60`), Dir: dir, Watch: true})
	r.until(t, "bot | started", 1)
	for i, name := range []string{"bot.py", "src/deep/old.py", ".env", "new/folder/new.ts", "package.json"} {
		write(t, filepath.Join(dir, name), "2")
		r.until(t, "bot | started", i+2)
		r.until(t, "tghook: "+name+" has changed. Restarting the bot", 1)
	}
	require.Eventually(t, func() bool { return r.State().Restarts == 5 }, patience, time.Millisecond)
	require.True(t, r.State().Running)
}

func TestWhatProgramsWriteRestartsNothing(t *testing.T) {
	dir := t.TempDir()
	for _, ignored := range []string{"node_modules/x", ".git", "__pycache__", "dist"} {
		write(t, filepath.Join(dir, ignored, "old.js"), "1")
	}
	r := start(t, Config{Command: shell(`echo started; exec sleep 60`), Dir: dir, Watch: true})
	r.until(t, "bot | started", 1)
	for _, name := range []string{"node_modules/x/old.js", "node_modules/y.js", ".git/old.js", "__pycache__/old.js", "dist/old.js", "state.json", "bot.db", "bot.log", "data.sqlite-wal"} {
		write(t, filepath.Join(dir, name), "2")
	}
	write(t, filepath.Join(dir, "main.go"), "2") // the only one that counts, and the last
	r.until(t, "has changed", 1)
	r.until(t, "bot | started", 2)
	require.Contains(t, r.output.String(), "main.go has changed")
	require.Eventually(t, func() bool { return r.State().Restarts == 1 }, patience, time.Millisecond)
}

func TestChangesAtOnceAreToldOnce(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		events := make(chan fsnotify.Event)
		w := &watcher{
			changes: make(chan []string), root: dir, notify: &fsnotify.Watcher{Events: events},
			stop: make(chan struct{}), stopped: make(chan struct{}),
		}
		go w.run()
		defer func() {
			close(w.stop)
			<-w.stopped
		}()
		change := func(name string) {
			events <- fsnotify.Event{Name: filepath.Join(dir, name), Op: fsnotify.Write}
		}
		began := time.Now()
		names := make([]string, 0, 50)
		for i := range 50 {
			names = append(names, fmt.Sprint(i, ".py"))
			change(names[i])
			time.Sleep(settle / 10)
		}
		require.Equal(t, names, <-w.changes)
		require.Equal(t, 49*settle/10+settle, time.Since(began))
		change("last.py")
		require.Equal(t, []string{"last.py"}, <-w.changes)

		// Files that go on changing hold nothing up.
		began = time.Now()
		going := make(chan struct{})
		go func() {
			defer close(going)
			for time.Since(began) < 2*settleMost {
				change("busy.py")
				time.Sleep(settle / 10)
			}
		}()
		require.Equal(t, []string{"busy.py"}, <-w.changes)
		require.Equal(t, settleMost, time.Since(began))
		require.Equal(t, []string{"busy.py"}, <-w.changes)
		<-going

		for i := range 2 * maxTold {
			change(fmt.Sprint(i, ".py"))
		}
		require.Len(t, <-w.changes, maxTold)
	})
}

func TestABotThatWritesASourceWhenItStartsIsNotRestartedForEver(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "bot.py"), "1")
	r := start(t, Config{Command: shell(`echo started; date > generated.py; exec sleep 60`), Dir: dir, Watch: true})
	r.until(t, "generated.py changes each time the bot starts. It restarts the bot no more", 1)
	started := strings.Count(r.output.String(), "bot | started")
	require.GreaterOrEqual(t, started, 1+maxOwn)
	write(t, filepath.Join(dir, "bot.py"), "2")
	r.until(t, "bot.py has changed", 1)
	r.until(t, "bot | started", started+1)
}

func TestASaveBesideAFileThatIsIgnoredRestartsTheBot(t *testing.T) {
	output := &buffer{}
	c, err := New(Config{Command: shell(`exec sleep 60`), Output: output})
	require.NoError(t, err)
	p, err := startProcess(c.program, c.cfg.Command, "", os.Environ(), c.log)
	require.NoError(t, err)
	changes := make(chan []string, 2)
	changes <- []string{"generated.py"}
	changes <- []string{"generated.py", "bot.py"}
	require.Equal(t, again, c.attend(t.Context(), p, changes, &loops{ignored: map[string]bool{"generated.py": true}}))
	require.Equal(t, "tghook: bot.py has changed. Restarting the bot\n", output.String())
}

func TestJudge(t *testing.T) {
	l := &loops{}
	counts := func(ran time.Duration, file string, files ...string) {
		t.Helper()
		restarts, fromNowOn := l.judge(append([]string{file}, files...), ran)
		require.Equal(t, file, restarts)
		require.Empty(t, fromNowOn)
	}
	for range 100 { // a person who saves often
		counts(soon+1, "bot.py")
	}
	for i := range 2 * maxIgnored {
		name := fmt.Sprint(i, ".py")
		for range maxOwn {
			counts(0, name)
		}
		if i >= maxIgnored {
			counts(0, name) // no room for more
			continue
		}
		restarts, fromNowOn := l.judge([]string{name}, 0)
		require.Empty(t, restarts)
		require.Equal(t, []string{name}, fromNowOn)
		restarts, fromNowOn = l.judge([]string{name}, time.Hour)
		require.Empty(t, restarts)
		require.Empty(t, fromNowOn)
	}
	require.Len(t, l.ignored, maxIgnored)
}

func TestFilesThatChangeTogetherAreJudgedTogether(t *testing.T) {
	l := &loops{}
	for _, files := range [][]string{{"a.py", "b.py"}, {"b.py", "a.py", "bot.py"}, {"a.py", "b.py"}} {
		restarts, fromNowOn := l.judge(files, 0)
		require.Equal(t, files[0], restarts)
		require.Empty(t, fromNowOn)
	}
	restarts, fromNowOn := l.judge([]string{"b.py", "bot.py", "a.py"}, 0)
	require.Equal(t, "bot.py", restarts, "a person has saved it once more")
	require.ElementsMatch(t, []string{"a.py", "b.py"}, fromNowOn)
	restarts, fromNowOn = l.judge([]string{"a.py", "b.py"}, 0)
	require.Empty(t, restarts)
	require.Empty(t, fromNowOn)
}

func TestACrashedBotStartsAgain(t *testing.T) {
	dir := t.TempDir()
	r := start(t, Config{Command: shell(`echo started; test -e again && exec sleep 60; touch again; exit 7`), Dir: dir})
	r.until(t, "tghook: the bot has ended: exit status 7. It starts again in 500ms", 1)
	r.until(t, "bot | started", 2)
	seen := make([]string, 0, 3)
	for range 3 {
		s := <-r.states
		seen = append(seen, fmt.Sprint(s.Running, " ", s.Exit, " ", s.Restarts))
	}
	require.Equal(t, []string{"true  0", "false exit status 7 0", "true  1"}, seen)
}

func TestABotThatEndsByItselfWaitsForAChange(t *testing.T) {
	dir := t.TempDir()
	r := start(t, Config{Command: shell(`echo done`), Dir: dir, Watch: true})
	r.until(t, "the bot has ended by itself", 1)
	require.Equal(t, "exit status 0", r.State().Exit)
	write(t, filepath.Join(dir, "bot.rb"), "x")
	r.until(t, "bot | done", 2)
	r.Restart()
	r.until(t, "bot | done", 3)
}

func TestPauseAfterCrashes(t *testing.T) {
	var pauses []time.Duration
	for crashes := 1; crashes <= 7; crashes++ {
		pauses = append(pauses, pauseAfter(crashes))
	}
	require.Equal(t, []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, longestPause, longestPause}, pauses)
	require.Equal(t, longestPause, pauseAfter(1<<40))
}

func TestPauseLasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &Child{restart: make(chan struct{}, 1)}
		began := time.Now()
		require.Equal(t, again, c.pause(t.Context(), nil, 3))
		require.Equal(t, 2*time.Second, time.Since(began))
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		require.Equal(t, end, c.pause(ctx, nil, 0), "after no crash it waits for a change")
		require.Equal(t, time.Hour+2*time.Second, time.Since(began))
	})
}

// family prints the pids of a process, its child and its grandchild.
const family = `sh -c 'sh -c "echo pid \$\$; sleep 60; true" & echo pid $$; wait' & echo pid $$; wait`

func pids(t *testing.T, output func() string) (found []int) {
	t.Helper()
	require.Eventually(t, func() bool {
		found = nil
		for line := range strings.Lines(output()) {
			if _, text, ok := strings.Cut(line, "pid "); ok {
				pid, err := strconv.Atoi(strings.TrimSpace(text))
				require.NoError(t, err)
				found = append(found, pid)
			}
		}
		return len(found) == 3
	}, patience, 5*time.Millisecond)
	return found
}

func TestStopEndsTheWholeGroup(t *testing.T) {
	r := start(t, Config{Command: shell(family)})
	family := pids(t, r.output.String)
	r.stop()
	for _, pid := range family {
		require.True(t, gone(pid), "process %d lives on", pid)
	}
	require.False(t, r.State().Running)
}

func TestAProcessThatDoesNotEndIsKilled(t *testing.T) {
	l := newLog(func(Line) {})
	p, err := startProcess(os.Args[0], []string{"stubborn"}, "", []string{"CHILD_TEST=stubborn"}, l)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return len(l.lines()) == 1 }, patience, time.Millisecond)
	began := time.Now()
	p.stop(300 * time.Millisecond)
	require.GreaterOrEqual(t, time.Since(began), 300*time.Millisecond)
	require.Equal(t, "signal: killed", p.exit())
}

func TestAProcessThatHasLeftTheGroupHoldsNothingUp(t *testing.T) {
	l := newLog(func(Line) {})
	p, err := startProcess("/bin/sh", shell(`setsid sleep 300 & echo pid $!; exec sleep 300`), "", os.Environ(), l)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return len(l.lines()) == 1 }, patience, time.Millisecond)
	began := time.Now()
	p.stop(patience)
	require.Less(t, time.Since(began), patience/2)
	pid, err := strconv.Atoi(strings.TrimPrefix(l.lines()[0].Text, "pid "))
	require.NoError(t, err)
	_ = syscall.Kill(pid, syscall.SIGKILL)
}

func TestTheGroupEndsWithACommandThatIsKilled(t *testing.T) {
	command := exec.CommandContext(t.Context(), os.Args[0], shell(family)...)
	command.Env = append(os.Environ(), "CHILD_TEST=run")
	output := &buffer{}
	command.Stdout = output
	require.NoError(t, command.Start())
	family := pids(t, output.String)
	for _, pid := range family {
		require.False(t, gone(pid))
	}
	require.Eventually(t, func() bool { return strings.Contains(output.String(), "guarded") }, patience, 5*time.Millisecond)
	require.NoError(t, command.Process.Kill())
	_ = command.Wait()
	for _, pid := range family {
		require.Eventually(t, func() bool { return gone(pid) }, patience, 5*time.Millisecond, "process %d lives on", pid)
	}
}

func TestPortsOfTheBot(t *testing.T) {
	if _, err := os.Stat("/proc/net/tcp"); err != nil {
		t.Skip("needs /proc")
	}
	// Python is not at hand everywhere, so that this program listens: a grandchild of the Child.
	r := start(t, Config{Command: shell(os.Args[0] + " -test.run TestListens; true")}, "CHILD_LISTENS=1")
	r.until(t, "bot | port ", 1)
	_, text, _ := strings.Cut(r.output.String(), "bot | port ")
	text, _, _ = strings.Cut(text, "\n")
	require.Eventually(t, func() bool { return fmt.Sprint(r.State().Ports) == "["+text+"]" }, patience, 10*time.Millisecond)
	r.stop()
	require.Empty(t, r.State().Ports)
}

func TestLsofPorts(t *testing.T) {
	require.Equal(t, []int{80, 3000}, lsofPorts("p123\nf5\nn127.0.0.1:3000\nf6\nn[::1]:3000\np124\nf3\nn*:80\n"))
	require.Empty(t, lsofPorts(""))
}

func TestEnvironment(t *testing.T) {
	environ := []string{"BOT_TOKEN=1:mine", "TELEGRAM_API_URL=https://elsewhere", "TELEGRAM_TOKEN=", "PYTHONUNBUFFERED=x"}
	env := Environment(environ, "http://127.0.0.1:8081", "5:made-up", "")
	require.Contains(t, env, "TELEGRAM_API_URL=http://127.0.0.1:8081")
	require.Contains(t, env, "TELOXIDE_API_URL=http://127.0.0.1:8081")
	require.Contains(t, env, "TELEGRAM_BASE_BOT_URL=http://127.0.0.1:8081/bot")
	require.Contains(t, env, "TELEGRAM_TOKEN=5:made-up", "an empty variable is none")
	require.NotContains(t, env, "BOT_TOKEN=5:made-up")
	require.NotContains(t, strings.Join(env, " "), "NODE_EXTRA_CA_CERTS")
	require.NotContains(t, strings.Join(env, " "), "PYTHONUNBUFFERED")
	require.Contains(t, Environment(nil, "https://127.0.0.1:1", "5:x", "/ca.pem"), "NODE_EXTRA_CA_CERTS=/ca.pem")

	token, name := Token(environ)
	require.Equal(t, "1:mine BOT_TOKEN", token+" "+name)
	token, name = Token([]string{"BOT_TOKEN=1:a", "BOT_TOKEN=1:b"})
	require.Equal(t, "1:b BOT_TOKEN", token+" "+name, "the last counts, as for the program")
}
