package main

import (
	"flag"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/internal/test/engine"
	"github.com/tghook/tghook/internal/test/fleet"
)

// TestMain is also the program of the processes.
func TestMain(m *testing.M) {
	fleet.Join(serve)
	flag.Parse()
	if err := flag.Set("test.parallel", "10"); err != nil { // the tests mostly wait for processes and leases
		panic(err)
	}
	os.Exit(m.Run())
}

// short is a short trial of an engine.
func short(name string) trial {
	return trial{engine: name, updates: 1000, chats: 50, faults: 8, rate: 200, lease: 3 * time.Second, seed: 1}
}

func TestNothingIsLostOrReorderedWhateverIsKilled(t *testing.T) {
	t.Parallel()
	for _, name := range engineNames {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			one := short(name)
			one.tell = func(f fault) { t.Log(f) }
			got, err := one.run(t.Context())
			engine.LeaveOut(t, err)
			t.Log("\n" + got.String())
			require.NoError(t, err)
			require.NoError(t, got.err())
			assert.Equal(t, 1000, got.handled+got.dropped)
		})
	}
}

func TestKillsOfReceiversRepeatNothing(t *testing.T) {
	t.Parallel()
	one := short(sqlite)
	one.updates, one.receiversOnly, one.lease = 500, true, time.Minute // no lease runs out
	got, err := one.run(t.Context())
	t.Log("\n" + got.String())
	require.NoError(t, err)
	require.NoError(t, got.err())
	assert.Equal(t, map[mishap]int{killReceiver: one.faults}, got.faults)
	assert.Zero(t, got.repeated, "handled again")
}

// Each broken queue breaks a rule, and the trial says so.
func TestTheTrialFindsBrokenQueues(t *testing.T) {
	t.Parallel()
	for name, breaks := range map[string]func(found) bool{
		hastyPublish:    func(f found) bool { return len(f.lost)+f.disordered > 0 },
		lanelessPublish: func(f found) bool { return f.disordered > 0 },
		greedyTake:      func(f found) bool { return f.completedTwice > 0 && f.disordered > 0 },
		earlyDone:       func(f found) bool { return len(f.lost) > 0 && f.disordered > 0 },
		lenientDone:     func(f found) bool { return f.completedTwice > 0 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			one := short(sqlite)
			one.breakage, one.updates, one.chats = name, 400, 20
			switch name {
			case hastyPublish:
				one.receiversOnly, one.faults, one.updates, one.rate = true, 3, 600, 100
			case lanelessPublish, earlyDone:
				one.work = 300 * time.Millisecond // so that two handlers of a chat overlap
			case lenientDone:
				one.work, one.chats, one.faults = 2*time.Second, 100, 16 // so that a worker that is paused has updates
			}
			got, err := one.run(t.Context())
			t.Log("\n" + got.String())
			require.NoError(t, err)
			require.ErrorContains(t, got.err(), "the promise is broken")
			assert.True(t, breaks(got))
		})
	}
}

func TestTheSameSeedHasTheSameFaults(t *testing.T) {
	t.Parallel()
	long := trial{engine: postgres, updates: 20_000, chats: 500, faults: 40, lease: 5 * time.Second, seed: 7}
	faults := long.plan()
	assert.Equal(t, faults, long.plan())
	count := map[mishap]int{}
	for i, f := range faults {
		count[f.what]++
		if i > 0 {
			assert.GreaterOrEqual(t, f.after, faults[i-1].after, "in their order")
		}
		if f.what == pauseWorker {
			assert.GreaterOrEqual(t, f.lasts, long.lease)
		}
	}
	assert.Len(t, faults, long.faults)
	assert.Less(t, faults[len(faults)-1].after, long.updates*9/10)
	assert.Equal(t, 2, count[killEngine])
	assert.GreaterOrEqual(t, count[killReceiver]+count[killWorker], long.faults/2)
	for _, what := range []mishap{pauseWorker, stopWorker, cutReceiver, cutWorker, killReceiver, killWorker} {
		assert.NotZero(t, count[what], what)
	}
	other := long
	other.seed++
	assert.NotEqual(t, faults, other.plan())
}

func TestWrongArgumentsAreNamed(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-engine", "redis"}, {"-updates", "0"}, {"-lease", "1s"}, {"-break", "all"}} {
		require.ErrorContains(t, run(t.Context(), args, t.Output()), args[0])
	}
}
