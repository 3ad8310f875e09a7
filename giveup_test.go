package tghook_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/tghook/tghook"
)

const (
	byItself = "each panicked or cannot heal"
	byWindow = "the window of the poll is full behind it"
	byOthers = "other updates succeed, or it has failed for an hour"
)

// failures are n, the first at start and then one after each step, of which change, if
// it is not nil, says more.
func failures(n int, start, step time.Duration, change func(i int, f *tghook.Failure)) []tghook.Failure {
	all := make([]tghook.Failure, n)
	for i := range all {
		all[i].At = start + time.Duration(i)*step
		if change != nil {
			change(i, &all[i])
		}
	}
	return all
}

func hopeless(_ int, f *tghook.Failure) { f.Hopeless = true }

// others has another update succeed between any two failures.
func others(i int, f *tghook.Failure) { f.Successes = 5 + uint64(i) }

func TestTheRuleThatGivesAnUpdateUp(t *testing.T) {
	t.Parallel()
	const minute, hour = time.Minute, time.Hour
	for name, test := range map[string]struct {
		failures []tghook.Failure
		at       int // the failure that gives it up; 0: none
		counted  int // then, or in the end
		clause   string
	}{
		"nothing counts where all fails":                   {failures(30, 0, 2*minute, nil), 0, 0, ""},
		"though others had succeeded before":               {failures(30, 0, 2*minute, func(_ int, f *tghook.Failure) { f.Successes = 1000 }), 0, 0, ""},
		"eight that are hopeless are enough":               {failures(20, 0, time.Second, hopeless), 8, 8, byItself},
		"seven are not":                                    {failures(7, 0, minute, hopeless), 0, 7, ""},
		"the first counts only if it is hopeless":          {failures(1, 0, 0, others), 0, 0, ""},
		"others succeed, for 15 minutes":                   {failures(20, 0, 2*minute, others), 9, 8, byOthers},
		"others succeed, for less than 15 minutes":         {failures(100, 0, 9*time.Second, others), 0, 99, ""},
		"others succeed, one moment before 15 minutes":     {failures(16, 0, minute-time.Nanosecond, others), 0, 15, ""},
		"others succeed, at 15 minutes":                    {failures(16, 0, minute, others), 16, 15, byOthers},
		"others succeed, seven times":                      {failures(30, 0, 2*minute, func(i int, f *tghook.Failure) { f.Successes = uint64(min(i, 7)) }), 0, 7, ""},
		"one success counts for the next attempt only":     {failures(30, 0, 2*minute, func(i int, f *tghook.Failure) { f.Successes = uint64(min(i, 1)) }), 0, 1, ""},
		"many successes between two attempts are one":      {failures(8, 0, 5*minute, func(i int, f *tghook.Failure) { f.Successes = 100 * uint64(i) }), 0, 7, ""},
		"within an hour nothing counts":                    {failures(61, 0, minute, nil), 0, 0, ""},
		"past an hour each counts":                         {failures(90, 0, minute, nil), 69, 8, byOthers},
		"the hour is from the first failure on":            {failures(90, 40*minute, minute, nil), 69, 8, byOthers},
		"one that may heal among the hopeless":             {failures(20, 0, time.Second, func(i int, f *tghook.Failure) { f.Hopeless = i != 3 }), 9, 8, byItself},
		"one that counts for others among them takes 15":   {failures(20, 0, 2*minute, func(i int, f *tghook.Failure) { f.Hopeless, f.Successes = i > 1, uint64(min(i, 1)) }), 9, 8, byOthers},
		"crowded, others have succeeded since the first":   {failures(20, 0, time.Second, func(i int, f *tghook.Failure) { f.Crowded, f.Successes = true, 10*uint64(min(i, 1)) }), 9, 8, byWindow},
		"crowded, more fail than have succeeded since":     {failures(400, 0, time.Second, func(i int, f *tghook.Failure) { f.Crowded, f.Failing, f.Successes = true, 89, uint64(min(i, 1))*10 }), 0, 1, ""},
		"crowded, nine times as many":                      {failures(400, 0, time.Second, func(i int, f *tghook.Failure) { f.Crowded, f.Failing, f.Successes = true, 4, uint64(min(i, 1))*49 }), 0, 1, ""},
		"crowded, ten times as many":                       {failures(400, 0, time.Second, func(i int, f *tghook.Failure) { f.Crowded, f.Failing, f.Successes = true, 4, uint64(min(i, 1))*50 }), 9, 8, byWindow},
		"crowded, where all fails":                         {failures(400, 0, time.Second, func(_ int, f *tghook.Failure) { f.Crowded, f.Successes = true, 7 }), 0, 0, ""},
		"crowded, and hopeless":                            {failures(20, 0, time.Second, func(_ int, f *tghook.Failure) { f.Crowded, f.Hopeless = true, true }), 8, 8, byItself},
		"crowded for a while only":                         {failures(20, 0, time.Second, func(i int, f *tghook.Failure) { f.Crowded, f.Successes = i < 8, 10*uint64(min(i, 1)) }), 0, 7, ""},
		"others succeed for a while, then it is crowded":   {failures(20, 0, time.Second, func(i int, f *tghook.Failure) { f.Crowded, f.Successes = i > 10, uint64(i) }), 12, 11, byWindow},
		"hopeless attempts count beside all others":        {failures(20, 0, 2*minute, func(i int, f *tghook.Failure) { f.Hopeless = i%2 == 0 }), 15, 8, byItself},
		"an outage of an hour, and eight attempts":         {failures(40, 0, 100*time.Second, nil), 0, 3, ""},
		"the last of eight hopeless comes a day later":     {append(failures(7, 0, time.Second, hopeless), tghook.Failure{At: 24 * hour, Hopeless: true}), 8, 8, byItself},
		"the hour counts, and then an attempt is hopeless": {append(failures(68, 0, minute, nil), tghook.Failure{At: 68 * minute, Hopeless: true}), 69, 8, byOthers},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var h tghook.History
			at, counted, by := 0, 0, ""
			for i, f := range test.failures {
				n, clause, givenUp := h.Fail(f)
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
	moved := func(fs []tghook.Failure, lastSuccess time.Duration, successes uint64) *tghook.History {
		var h tghook.History
		for _, f := range fs {
			h.Fail(f)
		}
		note := h.Note(here)
		if len(note) == 0 || len(note) >= 200 {
			t.Errorf("the note has %d bytes: %s", len(note), note)
		}
		return tghook.HistoryOf(note, there, 3*time.Hour+lastSuccess, successes)
	}
	const minute = time.Minute
	later := func(at time.Duration) time.Duration { return 3*time.Hour + at }

	counted, clause, givenUp := moved(failures(7, 0, time.Second, hopeless), 0, 0).Fail(tghook.Failure{At: later(minute), Hopeless: true})
	assert.Equal(t, fmt.Sprint(8, byItself, true), fmt.Sprint(counted, clause, givenUp), "hopeless")

	counted, clause, givenUp = moved(failures(8, 0, minute, others), 0, 0).Fail(tghook.Failure{At: later(15 * minute), Hopeless: true})
	assert.Equal(t, fmt.Sprint(8, byOthers, true), fmt.Sprint(counted, clause, givenUp), "the quarter of an hour is from the first failure")

	counted, _, givenUp = moved(failures(8, 0, minute, others), 0, 0).Fail(tghook.Failure{At: later(14 * minute), Hopeless: true})
	assert.Equal(t, fmt.Sprint(8, false), fmt.Sprint(counted, givenUp), "and not sooner")

	counted, _, _ = moved(failures(1, 0, 0, nil), 30*time.Second, 50).Fail(tghook.Failure{At: later(minute), Successes: 50})
	assert.Equal(t, 1, counted, "a success there after the failure")
	counted, _, _ = moved(failures(1, 0, 0, nil), -30*time.Second, 50).Fail(tghook.Failure{At: later(minute), Successes: 50})
	assert.Equal(t, 0, counted, "a success there before the failure")
	counted, _, _ = moved(failures(1, 0, 0, nil), -30*time.Second, 50).Fail(tghook.Failure{At: later(minute), Successes: 51})
	assert.Equal(t, 1, counted, "a success there during the attempt")
	counted, _, _ = moved(failures(1, 0, 0, nil), 0, 0).Fail(tghook.Failure{At: later(61 * minute)})
	assert.Equal(t, 1, counted, "the hour is from the first failure")
}

func TestANoteThatIsNonsenseIsAnUpdateThatHasNotFailed(t *testing.T) {
	t.Parallel()
	for _, note := range []string{
		"", "{", "null", "[]", `"x"`, `{"n":"7"}`, "\x00\xff", `{"n":-1,"c":-1,"h":-1}`, `{"n":1,"c":100,"h":100}`,
		`{"n":9,"c":7,"h":8}`, `{"n":9,"c":7,"h":-7}`, `{"n":9,"c":7,"h":7,"f":2000,"l":1000}`, `{"n":1e30}`,
	} {
		h := tghook.HistoryOf([]byte(note), time.Now(), 0, 0)
		for i, f := range failures(8, time.Minute, time.Second, hopeless) {
			counted, _, givenUp := h.Fail(f)
			if counted != i+1 || givenUp != (i == 7) {
				t.Errorf("%q: attempt %d: %d counted, given up %v", note, i+1, counted, givenUp)
				break
			}
		}
	}
}
