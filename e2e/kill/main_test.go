package main

import (
	"flag"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestMain is also the program of a receiver's process, with its mode as an argument.
func TestMain(m *testing.M) {
	flag.Parse()
	if flag.Arg(0) == receiverArg {
		main()
		return
	}
	m.Run()
}

func TestNothingIsLostHoweverOftenTheProcessIsKilled(t *testing.T) {
	t.Parallel()
	for i, mode := range modeNames {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			got, err := trial{mode: mode, length: 6 * time.Second, chats: 30, rate: 100, seed: uint64(i) + 1}.run(t.Context())
			t.Log(got)
			if err == nil {
				err = got.err()
			}
			require.NoError(t, err)
			assert.Positive(t, got.killed, "processes killed") // a busy machine takes seconds to start the next one
			assert.Greater(t, got.begun, got.handled, "runs")
			assert.GreaterOrEqual(t, got.sent, 100, "updates sent")
		})
	}
}

func TestTheLedgerFindsBrokenRules(t *testing.T) {
	t.Parallel()
	l := newLedger()
	one, two := l.newLife(), l.newLife()
	for _, line := range []string{
		"begins 1 7.", "ends 1 7.", "begins 3 7.", "begins 4 8.", "ends 3 7.", "ends 4 8.", // as they should be
		"begins 2 7.", "ends 2 7.", // behind 3
		"begins 1 7.", "ends 1 7.", // again, and behind
		"begins 9 8.", "begins 10 8.", // at once
		"fails 10 8.", "begins 11 8.", "ends 11 8", // cut off
	} {
		one.note(line)
	}
	two.note("begins 1 7.")
	two.note("ends 1 7.")
	got := l.audit([]int64{1, 2, 3, 4, 5, 11})
	assert.Contains(t, got.String(), "6 updates, 2 lost, 4 against the rules within a life; 2 lives, 0 of them killed")
	assert.Equal(t, 2, got.again)
	assert.Equal(t, 2, got.shared)
	require.ErrorContains(t, got.err(), "life 1: update 1 runs again")
	require.ErrorContains(t, got.err(), "[5 11]")
}

func TestWrongArgumentsAreNamed(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-mode", "post"}, {"-for", "1h"}, {"-chats", "0"}} {
		require.ErrorContains(t, run(t.Context(), args, t.Output()), args[0])
	}
}
