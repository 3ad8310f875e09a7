package rig

import (
	"os"
	"os/exec"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// Eventually runs f in a goroutine of its own. In a bubble, f has gone as far as it can when Eventually returns.
func Eventually(f func() string) *Pending {
	p := &Pending{Done: make(chan struct{})}
	start := time.Now()
	go func() {
		defer close(p.Done)
		p.Answer = f()
		p.took = time.Since(start)
	}()
	synctest.Wait()
	return p
}

// InTime is how long a test on a real clock waits for what must happen, and would
// at once.
const InTime = 30 * time.Second

// Receive waits for a value from a channel.
func Receive[T any](tb testing.TB, what string, from <-chan T) T {
	tb.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(InTime):
		tb.Fatalf("waited %v for %s", InTime, what)
		panic("unreachable")
	}
}

// Until waits until is returns true.
func Until(tb testing.TB, what string, is func() bool) {
	tb.Helper()
	for start := time.Now(); !is(); runtime.Gosched() {
		require.LessOrEqualf(tb, time.Since(start), InTime, "waited %v until %s", InTime, what)
	}
}

// ShedAnswers are the answers to an update that was turned away. They have jitter.
var ShedAnswers = []string{"503 after 2", "503 after 3", "503 after 4", "503 after 5"}

// Bubble runs a test in time of its own. Days pass at its end, after its Cleanup functions, so
// that a goroutine which does not end is a leak.
func Bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		t.Cleanup(func() { time.Sleep(4 * 24 * time.Hour) })
		f(t)
	})
}

// Pass lets d go by in a bubble, and then runs what is due.
func Pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// Alone is Bubble in a process of its own. It is for tests that may end the process, or
// hold a lock for ever.
func Alone(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	const variable = "TGHOOK_TEST_ALONE"
	if os.Getenv(variable) == t.Name() {
		Bubble(t, f)
		return
	}
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.timeout=1m")
	cmd.Env = append(os.Environ(), variable+"="+t.Name())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out[:min(len(out), 4000)])
	}
}

// Heap returns the bytes in use after a garbage collection.
func Heap() int64 {
	runtime.GC()
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc)
}
