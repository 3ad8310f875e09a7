package dispatch

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

const (
	byItself = "each panicked or cannot heal"
	byWindow = "the window of the poll is full behind it"
	byOthers = "other updates succeed, or it has failed for an hour"
)

// fail adds a failure, and returns what the rule makes of it.
func fail(h *history, f failedAttempt) (counted int, clause string, givenUp bool) {
	h.add(f)
	clause, givenUp = h.verdict(f.crowded)
	return h.counted, clause, givenUp
}

// noted is the history of a note, in a process that has seen successes.
func noted(note Note, origin time.Time, lastSuccess time.Duration, successes uint64) *history {
	var h history
	h.read(note, origin, lastSuccess, successes)
	return &h
}

// failures are n, the first at start and then one after each step, of which change, if
// it is not nil, says more.
func failures(n int, start, step time.Duration, change func(i int, f *failedAttempt)) []failedAttempt {
	all := make([]failedAttempt, n)
	for i := range all {
		all[i].at = start + time.Duration(i)*step
		if change != nil {
			change(i, &all[i])
		}
	}
	return all
}

func hopeless(_ int, f *failedAttempt) { f.hopeless = true }

// others has another update succeed between any two failures.
func others(i int, f *failedAttempt) { f.successes = 5 + uint64(i) }

func TestTheRuleThatGivesAnUpdateUp(t *testing.T) {
	t.Parallel()
	const minute, hour = time.Minute, time.Hour
	for name, test := range map[string]struct {
		failures []failedAttempt
		at       int // the failure that gives it up; 0: none
		counted  int // then, or in the end
		clause   string
	}{
		"nothing counts where all fails":                   {failures(30, 0, 2*minute, nil), 0, 0, ""},
		"though others had succeeded before":               {failures(30, 0, 2*minute, func(_ int, f *failedAttempt) { f.successes = 1000 }), 0, 0, ""},
		"eight that are hopeless are enough":               {failures(20, 0, time.Second, hopeless), 8, 8, byItself},
		"seven are not":                                    {failures(7, 0, minute, hopeless), 0, 7, ""},
		"the first counts only if it is hopeless":          {failures(1, 0, 0, others), 0, 0, ""},
		"others succeed, for 15 minutes":                   {failures(20, 0, 2*minute, others), 9, 8, byOthers},
		"others succeed, for less than 15 minutes":         {failures(100, 0, 9*time.Second, others), 0, 99, ""},
		"others succeed, one moment before 15 minutes":     {failures(16, 0, minute-time.Nanosecond, others), 0, 15, ""},
		"others succeed, at 15 minutes":                    {failures(16, 0, minute, others), 16, 15, byOthers},
		"others succeed, seven times":                      {failures(30, 0, 2*minute, func(i int, f *failedAttempt) { f.successes = uint64(min(i, 7)) }), 0, 7, ""},
		"one success counts for the next attempt only":     {failures(30, 0, 2*minute, func(i int, f *failedAttempt) { f.successes = uint64(min(i, 1)) }), 0, 1, ""},
		"many successes between two attempts are one":      {failures(8, 0, 5*minute, func(i int, f *failedAttempt) { f.successes = 100 * uint64(i) }), 0, 7, ""},
		"within an hour nothing counts":                    {failures(61, 0, minute, nil), 0, 0, ""},
		"past an hour each counts":                         {failures(90, 0, minute, nil), 69, 8, byOthers},
		"the hour is from the first failure on":            {failures(90, 40*minute, minute, nil), 69, 8, byOthers},
		"one that may heal among the hopeless":             {failures(20, 0, time.Second, func(i int, f *failedAttempt) { f.hopeless = i != 3 }), 9, 8, byItself},
		"one that counts for others among them takes 15":   {failures(20, 0, 2*minute, func(i int, f *failedAttempt) { f.hopeless, f.successes = i > 1, uint64(min(i, 1)) }), 9, 8, byOthers},
		"crowded, others have succeeded since the first":   {failures(20, 0, time.Second, func(i int, f *failedAttempt) { f.crowded, f.successes = true, 10*uint64(min(i, 1)) }), 9, 8, byWindow},
		"crowded, more fail than have succeeded since":     {failures(400, 0, time.Second, func(i int, f *failedAttempt) { f.crowded, f.failing, f.successes = true, 89, uint64(min(i, 1))*10 }), 0, 1, ""},
		"crowded, nine times as many":                      {failures(400, 0, time.Second, func(i int, f *failedAttempt) { f.crowded, f.failing, f.successes = true, 4, uint64(min(i, 1))*49 }), 0, 1, ""},
		"crowded, ten times as many":                       {failures(400, 0, time.Second, func(i int, f *failedAttempt) { f.crowded, f.failing, f.successes = true, 4, uint64(min(i, 1))*50 }), 9, 8, byWindow},
		"crowded, where all fails":                         {failures(400, 0, time.Second, func(_ int, f *failedAttempt) { f.crowded, f.successes = true, 7 }), 0, 0, ""},
		"crowded, and hopeless":                            {failures(20, 0, time.Second, func(_ int, f *failedAttempt) { f.crowded, f.hopeless = true, true }), 8, 8, byItself},
		"crowded for a while only":                         {failures(20, 0, time.Second, func(i int, f *failedAttempt) { f.crowded, f.successes = i < 8, 10*uint64(min(i, 1)) }), 0, 7, ""},
		"others succeed for a while, then it is crowded":   {failures(20, 0, time.Second, func(i int, f *failedAttempt) { f.crowded, f.successes = i > 10, uint64(i) }), 12, 11, byWindow},
		"hopeless attempts count beside all others":        {failures(20, 0, 2*minute, func(i int, f *failedAttempt) { f.hopeless = i%2 == 0 }), 15, 8, byItself},
		"an outage of an hour, and eight attempts":         {failures(40, 0, 100*time.Second, nil), 0, 3, ""},
		"the last of eight hopeless comes a day later":     {append(failures(7, 0, time.Second, hopeless), failedAttempt{at: 24 * hour, hopeless: true}), 8, 8, byItself},
		"the hour counts, and then an attempt is hopeless": {append(failures(68, 0, minute, nil), failedAttempt{at: 68 * minute, hopeless: true}), 69, 8, byOthers},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var h history
			at, counted, by := 0, 0, ""
			for i, f := range test.failures {
				n, clause, givenUp := fail(&h, f)
				if counted = n; givenUp {
					at, by = i+1, clause
					break
				}
			}
			assert.Equal(t, test.at, at, "given up at")
			assert.Equal(t, test.counted, counted, "counted")
			assert.Equal(t, test.clause, by, "clause")
		})
	}
}

// The note goes through the Store to a process whose clock began at another time.
func TestAHistoryGoesOnInAnotherProcess(t *testing.T) {
	t.Parallel()
	here := time.Unix(1_700_000_000, 0)
	there := here.Add(-3 * time.Hour)
	moved := func(fs []failedAttempt, lastSuccess time.Duration, successes uint64) *history {
		var h history
		for _, f := range fs {
			fail(&h, f)
		}
		return noted(h.note(here), there, 3*time.Hour+lastSuccess, successes)
	}
	const minute = time.Minute
	later := func(at time.Duration) time.Duration { return 3*time.Hour + at }

	counted, clause, givenUp := fail(moved(failures(7, 0, time.Second, hopeless), 0, 0), failedAttempt{at: later(minute), hopeless: true})
	assert.Equal(t, fmt.Sprint(8, byItself, true), fmt.Sprint(counted, clause, givenUp), "hopeless")

	counted, clause, givenUp = fail(moved(failures(8, 0, minute, others), 0, 0), failedAttempt{at: later(15 * minute), hopeless: true})
	assert.Equal(t, fmt.Sprint(8, byOthers, true), fmt.Sprint(counted, clause, givenUp), "the quarter of an hour is from the first failure")

	counted, _, givenUp = fail(moved(failures(8, 0, minute, others), 0, 0), failedAttempt{at: later(14 * minute), hopeless: true})
	assert.Equal(t, fmt.Sprint(8, false), fmt.Sprint(counted, givenUp), "and not sooner")

	counted, _, _ = fail(moved(failures(1, 0, 0, nil), 30*time.Second, 50), failedAttempt{at: later(minute), successes: 50})
	assert.Equal(t, 1, counted, "a success there after the failure")
	counted, _, _ = fail(moved(failures(1, 0, 0, nil), -30*time.Second, 50), failedAttempt{at: later(minute), successes: 50})
	assert.Equal(t, 0, counted, "a success there before the failure")
	counted, _, _ = fail(moved(failures(1, 0, 0, nil), -30*time.Second, 50), failedAttempt{at: later(minute), successes: 51})
	assert.Equal(t, 1, counted, "a success there during the attempt")
	counted, _, _ = fail(moved(failures(1, 0, 0, nil), 0, 0), failedAttempt{at: later(61 * minute)})
	assert.Equal(t, 1, counted, "the hour is from the first failure")
}

func TestANoteThatIsNotPlausibleIsAnItemThatHasNotFailed(t *testing.T) {
	t.Parallel()
	for _, note := range []Note{
		{},
		{Failed: -1, Counted: -1, Hopeless: -1},
		{Failed: 1, Counted: 100, Hopeless: 100},
		{Failed: 9, Counted: 7, Hopeless: 8},
		{Failed: 9, Counted: 7, Hopeless: -7},
		{Failed: 9, Counted: 7, Hopeless: 7, First: 2000, Last: 1000},
	} {
		h := noted(note, time.Now(), 0, 0)
		for i, f := range failures(8, time.Minute, time.Second, hopeless) {
			counted, _, givenUp := fail(h, f)
			assert.Equal(t, i+1, counted, "%+v: attempt %d", note, i+1)
			assert.Equal(t, i == 7, givenUp, "%+v: attempt %d", note, i+1)
		}
	}
}
