package tghooktest

import (
	"fmt"
	"testing"
	"time"
)

// A contractCase is one rule of a contract. It is checked with each Subject that suits.
type contractCase[Subject, Trial any] struct {
	name  string
	suits func(Subject) bool
	run   func(Trial)
}

// A judge says what a case of a suite gets and should get.
type judge struct {
	testing.TB

	patience time.Duration
}

// patience is how long a case waits for something that should happen at once.
const patience = 30 * time.Second

func (j judge) limit() time.Duration { return j.patience }

// same checks that got is want.
func (j judge) same(what, got, want string) {
	j.Helper()
	if got != want {
		j.Errorf("%s: got %s, want %s", what, short(got), short(want))
	}
}

// short quotes s, cut to a length that fits in a message.
func short(s string) string {
	const most = 300
	if len(s) <= most {
		return fmt.Sprintf("%q", s)
	}
	return fmt.Sprintf("%q... (%d bytes)", s[:most], len(s))
}

// generous calls try with more and more time, until try finds no problem. A busy machine may need
// long for what try does in that time.
func (j judge) generous(after time.Duration, try func(after time.Duration) (problem string)) {
	j.Helper()
	for problem := try(after); problem != ""; problem = try(after) {
		if after *= 2; after > j.patience {
			j.Fatalf("%s", problem)
		}
	}
}

// await waits for a value.
func await[T any](j interface {
	testing.TB
	limit() time.Duration
}, happens <-chan T, what string,
) T {
	j.Helper()
	timer := time.NewTimer(j.limit())
	defer timer.Stop()
	select {
	case v := <-happens:
		return v
	case <-timer.C:
		j.Fatalf("waited %v for %s, and it did not come", j.limit(), what)
		panic("unreachable")
	}
}
