package rig

import (
	"os"
	"os/exec"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

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

// inTime is how long a test on a real clock waits for what must happen, and would
// at once.
const InTime = 30 * time.Second

// receive waits for what is to come.
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

// until waits for what is to be.
func Until(tb testing.TB, what string, is func() bool) {
	tb.Helper()
	for start := time.Now(); !is(); runtime.Gosched() {
		if time.Since(start) > InTime {
			tb.Fatalf("waited %v until %s", InTime, what)
		}
	}
}

// shedAnswers are those with the jitter of an update that was turned away.
var ShedAnswers = []string{"503 after 2", "503 after 3", "503 after 4", "503 after 5"}

// inBubble is a test in time of its own. At its end days pass, so that what does
// not end is a leak.
func Bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f(t)
		time.Sleep(4 * 24 * time.Hour)
	})
}

// pass lets time go by in a bubble, and what is due then happen.
func Pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// alone is inBubble in a process of its own, for what may take the process with
// it, or hold a lock for ever.
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

func Heap() int64 {
	runtime.GC()
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc)
}
