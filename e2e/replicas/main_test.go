package main

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/internal/test/engine"
	"github.com/tghook/tghook/internal/test/fleet"
)

// TestMain is also the program of a receiver's process.
func TestMain(m *testing.M) {
	fleet.Join(receive)
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil { // the tests wait for processes and leases, more than they work
		panic(err)
	}
	stop := shareServers()
	code := m.Run()
	if err := stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

const testLease = 2 * time.Second

// onEach runs f for each of some modes. A Store whose server is not installed is left out,
// except in CI.
func onEach(t *testing.T, names []string, f func(t *testing.T, mode string)) {
	t.Helper()
	t.Parallel()
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f(t, name)
		})
	}
}

func TestNothingIsLostHoweverOftenReplicasAndTheirStoreAreKilled(t *testing.T) {
	onEach(t, modeNames, func(t *testing.T, mode string) {
		got, err := trial{mode: mode, length: 4 * time.Second, kills: 2, chats: 30, rate: 60, lease: testLease, seed: 1}.run(t.Context())
		engine.LeaveOut(t, err)
		t.Log(got)
		require.NoError(t, err)
		require.NoError(t, got.err())
		assert.GreaterOrEqual(t, got.killed, 2, "processes killed")
	})
}

func TestTheLedgerFindsBrokenRules(t *testing.T) {
	t.Parallel()
	const lease = time.Second
	for name, c := range map[string]struct {
		lines  []string
		lease  time.Duration
		broken []string
	}{
		"all is well": {[]string{
			"1 begins 1 7 0", "1 ends 1 7 0", "1 begins 2 8 0", "1 keeps 1 0 10", "2 begins 3 7 0", "1 fails 2 8 0", "2 begins 2 8 0",
			"2 ends 3 7 0", "2 keeps 3 7 0", "2 ends 2 8 0", "2 keeps 2 0 5",
		}, lease, nil},
		"an update runs again, because the process had ended before the Store knew of its success": {
			[]string{"1 begins 1 7 0", "1 ends 1 7 0", "1 is_over 0 0 0", "2 begins 1 7 0", "2 ends 1 7 0", "2 keeps 1 0 3"}, lease, nil,
		},
		"an update runs again, because the Store was away when it was to know of its success": {
			[]string{"1 begins 1 7 0", "1 ends 1 7 0", "1 misses 1 0 9", "2 begins 1 7 0"}, lease, nil,
		},
		"a run outlives its lease": {
			[]string{"1 begins 1 7 0", "2 begins 1 7 0", "2 ends 1 7 0", "2 keeps 1 0 5", "1 ends 1 7 0", "1 loses 1 0 1000"}, lease, nil,
		},
		"a lease runs out before its run begins": {
			[]string{"2 begins 1 7 0", "2 ends 1 7 0", "2 keeps 1 0 5", "1 begins 1 7 0", "1 ends 1 7 0", "1 loses 1 0 1000"}, lease, nil,
		},
		"without a Store another process runs it again": {
			[]string{"1 begins 1 7 0", "1 ends 1 7 0", "1 is_over 0 0 0", "2 begins 1 7 0", "2 ends 1 7 0"}, 0, nil,
		},
		"out of order in a process": {
			[]string{"1 begins 2 7 0", "1 ends 2 7 0", "1 begins 1 7 0", "1 ends 1 7 0"},
			0,
			[]string{"life 1: update 1 of chat 7 was handled after 2", "update 1 of chat 7 was first handled after 2"},
		},
		"out of order in two processes": {
			[]string{"1 begins 2 7 0", "1 ends 2 7 0", "2 begins 1 7 0", "2 ends 1 7 0"},
			lease,
			[]string{"update 1 of chat 7 was first handled after 2"},
		},
		"two updates of a chat at once": {
			[]string{"1 begins 1 7 0", "1 begins 2 7 0"}, 0, []string{"life 1: update 2 of chat 7 begins while 1 runs"},
		},
		"again in the same process": {
			[]string{"1 begins 1 7 0", "1 ends 1 7 0", "1 begins 1 7 0"},
			0,
			[]string{"life 1: update 1 runs again, although it was handled there"},
		},
		"again after the Store has taken its success": {
			[]string{"1 begins 1 7 0", "1 ends 1 7 0", "1 keeps 1 0 5", "1 is_over 0 0 0", "2 begins 1 7 0", "2 ends 1 7 0", "2 keeps 1 0 5"},
			lease,
			[]string{"life 2: update 1 ran again, although the Store had taken the success of life 1"},
		},
		"twice at once without a Store": {
			[]string{"1 begins 1 7 0", "2 begins 1 7 0"}, 0, []string{"life 2: update 1 runs twice at once"},
		},
		"the Store takes a success although another run has begun": {
			[]string{"1 begins 1 7 0", "2 begins 1 7 0", "1 ends 1 7 0", "1 keeps 1 0 1000"},
			lease,
			[]string{"life 1: the Store took the success of update 1, although another run had begun"},
		},
		"the Store fails although it is there": {
			[]string{"1 begins 1 7 0", "1 ends 1 7 0", "1 breaks 1 0 5"},
			lease,
			[]string{"life 1: Done of update 1 failed, although the Store was there: why"},
		},
		"a claim is lost too early": {
			[]string{"1 begins 1 7 0", "1 ends 1 7 0", "1 loses 1 0 999"},
			lease,
			[]string{"life 1: the claim of update 1 was lost after 999 ms, before its lease had run out"},
		},
		"a report that cannot be read":       {[]string{"1 begins"}, 0, []string{`cannot read the report "1 begins \"why\""`}},
		"a report of what has not begun":     {[]string{"1 ends 1 7 0"}, 0, []string{"life 1: update 1 ends, and has not begun"}},
		"a report of a life that is unknown": {[]string{"9 ends 1 7 0"}, 0, []string{`cannot read the report "9 ends 1 7 0 \"why\""`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, err := newLedger(c.lease)
			require.NoError(t, err)
			l.newLife()
			l.newLife()
			for _, line := range c.lines {
				l.note(line + ` "why"`)
			}
			l.close()
			assert.Equal(t, c.broken, l.audit(nil).problems)
		})
	}
}

func TestTheLedgerFindsWhatIsMissing(t *testing.T) {
	t.Parallel()
	l, err := newLedger(time.Second)
	require.NoError(t, err)
	l.newLife()
	l.newLife()
	for _, line := range []string{
		"1 begins 1 7 0", "2 begins 1 7 0", "2 ends 1 7 0", "2 keeps 1 0 5", "1 ends 1 7 0", "1 loses 1 0 2000",
		"1 begins 3 7 0", "1 ends 3 7 0", "1 keeps 3 0 0",
	} {
		l.note(line + ` "why"`)
	}
	l.reply(1, 2)
	l.reply(1, 1) // of the run whose claim was lost
	l.close()
	got := l.audit([]int64{1, 2, 3})
	require.ErrorContains(t, got.err(), "Telegram got the reply of life 1 to update 1, whose claim had been refused")
	require.ErrorContains(t, got.err(), "1 updates are lost, first [2]")
	require.ErrorContains(t, got.err(), "2 updates are without their reply, first [2 3]")
	assert.Contains(t, got.String(), "3 updates, 1 lost, 2 without their reply, 1 against the rules; 2 lives: 0 killed")
}

func TestWrongArgumentsAreNamed(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-mode", "post"}, {"-for", "1h"}, {"-chats", "0"}, {"-lease", "1ms"}} {
		require.ErrorContains(t, run(t.Context(), args, t.Output()), args[0])
	}
}
