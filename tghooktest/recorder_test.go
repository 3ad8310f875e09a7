package tghooktest

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A recorder is a testing.TB for a case that is expected to fail.
type recorder struct {
	testing.TB

	ctx      context.Context
	mu       sync.Mutex
	failures []string
	cleanups []func()
}

func (r *recorder) Context() context.Context { return r.ctx }

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

func (r *recorder) Cleanup(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cleanups = append(r.cleanups, f)
}

func (*recorder) Log(...any) {} // what a case notes beside its failures

// record runs a case, which may take up to limit, and returns the failures that it reports.
func record(t *testing.T, limit time.Duration, run func(testing.TB)) []string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r := &recorder{TB: t, ctx: ctx}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer func() {
			cancel()
			for _, f := range slices.Backward(r.cleanups) {
				f()
			}
		}()
		run(r)
	}()
	await(judge{t, limit}, ended, "the end of the case")
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failures
}

// findInBubbles runs cases, each in a bubble of its own, and returns the names of those that
// fail.
func findInBubbles[Subject, Trial any](t *testing.T, cases []contractCase[Subject, Trial], begin func(testing.TB) Trial) (names []string) {
	t.Helper()
	for _, c := range cases {
		synctest.Test(t, func(t *testing.T) {
			if found := record(t, time.Hour, func(tb testing.TB) { c.run(begin(tb)) }); len(found) > 0 {
				t.Logf("%s:\n\t%s", c.name, strings.Join(found, "\n\t"))
				names = append(names, c.name)
			}
			time.Sleep(24 * time.Hour) // what still runs ends
		})
	}
	slices.Sort(names)
	return names
}
