package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each report is: worker, what, update, chat, lease, its age in ms.
func TestTheLedgerFindsBrokenRules(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		reports string
		killed  bool // worker 1, when it is over
		broken  []string
	}{
		"all is well": {"1 takes 1 0 1 0, 1 takes 2 0 2 0, 1 begins 1 7 1 0, 1 ends 1 7 1 0, 1 keeps 1 0 1 0, 1 begins 2 7 2 0, 1 ends 2 7 2 0, 1 keeps 2 0 2 0", false, nil},
		"it runs again after a failure, and another chat does not wait": {
			"1 takes 1 0 1 0, 1 takes 2 0 2 0, 1 begins 1 7 1 0, 1 fails 1 7 1 0, 1 begins 2 8 2 0, 1 begins 1 7 1 0, 1 ends 1 7 1 0, 1 keeps 1 0 1 0, 1 ends 2 8 2 0, 1 keeps 2 0 2 0", false, nil,
		},
		"it runs again after a kill": {
			"1 takes 1 0 1 0, 1 begins 1 7 1 0, 1 ends 1 7 1 0, 1 is_over 0 0 0 0, 2 takes 1 0 1 0, 2 begins 1 7 1 0, 2 ends 1 7 1 0, 2 keeps 1 0 1 0, 2 takes 2 0 2 0, 2 begins 2 7 2 0, 2 ends 2 7 2 0, 2 keeps 2 0 2 0", true, nil,
		},
		"it runs again without a kill": {
			"1 takes 1 0 1 0, 1 begins 1 7 1 0, 1 ends 1 7 1 0, 1 is_over 0 0 0 0, 2 takes 1 0 1 0, 2 begins 1 7 1 0, 2 ends 1 7 1 0, 2 keeps 1 0 1 0, 2 takes 2 0 2 0, 2 begins 2 7 2 0, 2 ends 2 7 2 0, 2 keeps 2 0 2 0",
			false,
			[]string{"update 1 succeeded in worker 1 and again in worker 2, and no fault explains it"},
		},
		"a paused worker comes too late": {
			"1 takes 1 0 1 0, 1 begins 1 7 1 0, 1 is_shaken 0 0 0 0, 2 takes 1 0 1 0, 2 begins 1 7 1 0, 2 ends 1 7 1 0, 2 keeps 1 0 1 0, 2 takes 2 0 2 0, 2 begins 2 7 2 0, 2 ends 2 7 2 0, 2 keeps 2 0 2 0, 1 ends 1 7 1 0, 1 loses 1 0 1 1000", false, nil,
		},
		"a paused worker comes too late, and is accepted": {
			"1 takes 1 0 1 0, 1 begins 1 7 1 0, 1 is_shaken 0 0 0 0, 2 takes 1 0 1 0, 2 begins 1 7 1 0, 2 ends 1 7 1 0, 2 keeps 1 0 1 0, 2 takes 2 0 2 0, 2 begins 2 7 2 0, 2 ends 2 7 2 0, 2 keeps 2 0 2 0, 1 ends 1 7 1 0, 1 keeps 1 0 1 1000",
			false,
			[]string{
				"worker 1: the engine accepted the success of update 1, although another worker had begun it anew",
				"update 1 was completed twice, by workers 1 and 2",
				"update 2 of chat 7 began in worker 2 before the one before it was completed in worker 1",
			},
		},
		"the engine is away when it is to accept a success": {
			"1 takes 1 0 1 0, 1 begins 1 7 1 0, 1 ends 1 7 1 0, 1 is_away 0 0 0 0, 1 takes 1 0 2 0, 1 keeps 1 0 2 0, 1 takes 2 0 3 0, 1 begins 2 7 3 0, 1 ends 2 7 3 0, 1 is_away 0 0 0 0, 2 takes 2 0 1 0, 2 begins 2 7 1 0, 2 ends 2 7 1 0, 2 keeps 2 0 1 0", false, nil,
		},
		"only the reply is left": {
			"1 takes 1 0 1 0, 1 begins 1 7 1 0, 1 ends 1 7 1 0, 1 keeps 1 0 1 0, 1 is_over 0 0 0 0, 2 resumes 1 0 1 0, 2 keeps 1 0 1 0, 2 takes 2 0 2 0, 2 begins 2 7 2 0, 2 ends 2 7 2 0, 2 keeps 2 0 2 0", true, nil,
		},
		"only the reply is left, and it runs again": {
			"1 takes 1 0 1 0, 1 begins 1 7 1 0, 1 ends 1 7 1 0, 1 keeps 1 0 1 0, 1 takes 2 0 2 0, 1 begins 2 7 2 0, 1 ends 2 7 2 0, 1 keeps 2 0 2 0, 2 resumes 1 0 1 0, 2 begins 1 7 1 0",
			false,
			[]string{"worker 2: update 1 runs again, although only its reply is left to be sent"},
		},
		"again after it was completed": {
			"1 takes 1 0 1 0, 1 begins 1 7 1 0, 1 ends 1 7 1 0, 1 keeps 1 0 1 0, 2 takes 1 0 1 0, 1 takes 2 0 2 0, 1 begins 2 7 2 0, 1 ends 2 7 2 0, 1 keeps 2 0 2 0",
			false,
			[]string{"worker 2 took update 1, which worker 1 had completed"},
		},
		"a worker learns late that it has taken an update, which another one has completed": {
			"2 takes 1 0 1 0, 2 begins 1 7 1 0, 2 ends 1 7 1 0, 2 keeps 1 0 1 0, 1 takes 1 0 1 1000, 1 begins 1 7 1 0, 1 ends 1 7 1 0, 1 loses 1 0 1 1000, 2 takes 2 0 2 0, 2 begins 2 7 2 0, 2 ends 2 7 2 0, 2 keeps 2 0 2 0", false, nil,
		},
		"two of a chat at once": {
			"1 takes 1 0 1 0, 2 takes 2 0 1 0, 1 begins 1 7 1 0, 2 begins 2 7 1 0, 1 ends 1 7 1 0, 2 ends 2 7 1 0, 1 keeps 1 0 1 0, 2 keeps 2 0 1 0",
			false,
			[]string{"update 2 of chat 7 began in worker 2 before the one before it was completed in worker 1"},
		},
		"two of a chat at once in a worker": {
			"1 takes 1 0 1 0, 1 takes 2 0 2 0, 1 begins 1 7 1 0, 1 ends 1 7 1 0, 1 begins 2 7 2 0, 1 keeps 1 0 1 0, 1 ends 2 7 2 0, 1 keeps 2 0 2 0",
			false,
			[]string{"worker 1: update 2 of chat 7 begins while 1 is not completed"},
		},
		"completed before it has succeeded": {
			"1 takes 1 0 1 0, 1 begins 1 7 1 0, 1 keeps 1 0 1 0, 1 ends 1 7 1 0, 1 takes 2 0 2 0, 1 begins 2 7 2 0, 1 ends 2 7 2 0, 1 keeps 2 0 2 0",
			false,
			[]string{"worker 1: the engine accepted the success of update 1, which had not succeeded there"},
		},
		"a lease is lost too early": {
			"1 takes 1 0 1 0, 1 begins 1 7 1 0, 1 loses 1 0 1 999, 1 fails 1 7 1 0, 2 takes 1 0 1 0, 2 begins 1 7 1 0, 2 ends 1 7 1 0, 2 keeps 1 0 1 0, 2 takes 2 0 2 0, 2 begins 2 7 2 0, 2 ends 2 7 2 0, 2 keeps 2 0 2 0",
			false,
			[]string{"worker 1 lost the lease of update 1 after 999 ms"},
		},
		"a worker asks for a lease that it has given back": {
			"1 takes 1 0 1 0, 1 returns 1 0 1 0, 1 loses 1 0 1 999, 2 takes 1 0 1 0, 2 begins 1 7 1 0, 2 ends 1 7 1 0, 2 keeps 1 0 1 0, 2 takes 2 0 2 0, 2 begins 2 7 2 0, 2 ends 2 7 2 0, 2 keeps 2 0 2 0", false, nil,
		},
		"a worker asks for a lease that it has ended": {
			"1 takes 1 0 1 0, 1 begins 1 7 1 0, 1 ends 1 7 1 0, 1 loses 1 0 1 9, 1 keeps 1 0 1 0, 2 takes 2 0 2 0, 2 begins 2 7 2 0, 2 ends 2 7 2 0, 2 keeps 2 0 2 0", false, nil,
		},
		"reports that cannot be": {
			"1 takes 1 0 1 0, 1 begins, 9 takes 1 0 1 0, 1 begins 1 7 5 0, 1 begins 1 7 1 0, 1 ends 1 7 1 0, 1 keeps 1 0 1 0, 1 takes 2 0 2 0, 1 begins 2 7 2 0, 1 ends 2 7 2 0, 1 keeps 2 0 2 0",
			false,
			[]string{`cannot read the report "1 begins 0"`, `cannot read the report "9 takes 1 0 1 0 0"`, "worker 1 begins update 1, and has no such lease"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := openLedger(t)
			l.lives[0].killed = c.killed
			for report := range strings.SplitSeq(c.reports, ", ") {
				l.note(report + " 0")
			}
			l.reply(1)
			l.reply(2)
			l.close()
			got := l.audit([]int64{1, 2}, nil)
			for i := range got.problems { // without the details
				got.problems[i], _, _ = strings.Cut(got.problems[i], ": [worker")
			}
			assert.Equal(t, c.broken, got.problems)
			assert.Empty(t, got.lost)
		})
	}
}

// openLedger returns a ledger of two workers.
func openLedger(t *testing.T) *ledger {
	t.Helper()
	l, err := newLedger(time.Second, nil)
	require.NoError(t, err)
	l.newLife()
	l.newLife()
	return l
}

func TestTheLedgerFindsWhatIsMissing(t *testing.T) {
	t.Parallel()
	l := openLedger(t)
	for _, report := range []string{"1 takes 1 0 1 0", "1 begins 1 7 1 0", "1 ends 1 7 1 0", "1 keeps 1 0 1 0", "1 takes 2 0 2 0", "1 begins 2 8 2 0"} {
		l.note(report + " 0")
	}
	l.close()
	f := l.audit([]int64{1, 2, 3}, map[int64]bool{3: true})
	f.effects = &effects{once: 2, more: 1}
	err := f.err()
	require.ErrorContains(t, err, "1 updates are lost, first [2]")
	require.ErrorContains(t, err, "1 updates are without their reply, first [1]")
	require.ErrorContains(t, err, "1 updates were dropped, and there are 0 dead letters")
	require.ErrorContains(t, err, "of 1 updates handled, 2 have their effect once, 1 more than once, and 0 are out of order")
	assert.Contains(t, f.String(), "1, lost 1")
}
