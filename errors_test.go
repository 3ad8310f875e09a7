package tghook_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/rig"
)

// wrapping is an error around err alone.
func wrapping(err func() error) *rig.OddError {
	return &rig.OddError{Wrapped: func() []error { return []error{err()} }}
}

// a listError cannot be compared.
type listError []error

func (e listError) Error() string { return "list" }

func (e listError) Unwrap() []error { return e }

func goexit() string { runtime.Goexit(); return "" }

func TestInspectFindsWhatAnErrorHolds(t *testing.T) {
	t.Parallel()
	refused := &tghook.APIError{Method: "sendMessage", Code: 403, Description: "Forbidden"}
	dial := &net.OpError{Op: "dial", Err: rig.ErrBroken}
	deep := error(refused)
	for range 98 {
		deep = fmt.Errorf("%w", deep)
	}
	wide := slices.Repeat([]error{rig.ErrBroken}, 2000)
	for _, tt := range []struct {
		name string
		err  error
		want string // what is found
	}{
		{"nil", nil, ""},
		{"plain", rig.ErrBroken, ""},
		{"APIError", refused, "api"},
		{"wrapped", fmt.Errorf("call: %w", refused), "api"},
		{"joined", errors.Join(rig.ErrBroken, nil, refused), "api"},
		{"dropped", tghook.Drop(refused), "api dropped"},
		{"dropped nil", tghook.Drop(nil), "dropped"},
		{"retry", tghook.RetryAfter(time.Second, refused), "api retry"},
		{"panic with an error", &tghook.PanicError{Value: refused}, "api panicked"},
		{"DecodeError", &tghook.DecodeError{Err: rig.ErrBroken}, "undecodable"},
		{"ReplyError", &tghook.ReplyError{Err: rig.ErrBroken}, "unsendable"},
		{"claim lost", fmt.Errorf("redis: %w", tghook.ErrClaimLost), "claimLost"},
		{"contexts", errors.Join(context.Canceled, tghook.ErrHandlerTimeout), "canceled timedOut"},
		{"a deadline is no connection's", context.DeadlineExceeded, "timedOut"},
		{"dial", &url.Error{Op: "Post", Err: dial}, "unconnected network"},
		{"read", &net.OpError{Op: "read", Err: rig.ErrBroken}, "network"},
		{"broken off", fmt.Errorf("call: %w", io.ErrUnexpectedEOF), "network"},
		{"EOF", io.EOF, "network"},
		{"uncomparable", listError{rig.ErrBroken, refused}, "api"},
		{"its own As", &rig.OddError{AsFunc: func(target any) bool {
			place, ok := target.(**tghook.APIError)
			if ok {
				*place = refused
			}
			return ok
		}}, "api"},
		{"an As that hands on", &rig.OddError{AsFunc: func(target any) bool { return errors.As(tghook.Drop(refused), target) }}, "api dropped"},
		{"an As that lies", &rig.OddError{AsFunc: func(any) bool { return true }}, ""},
		{"an As that panics after all", &rig.OddError{AsFunc: func(target any) bool {
			if place, ok := target.(**tghook.APIError); ok {
				*place = refused
			}
			panic("as")
		}}, ""},
		{"its own Is", &rig.OddError{IsFunc: func(target error) bool { return target == tghook.ErrClaimLost }}, "claimLost"}, //nolint:errorlint // an Is compares so
		{"an Is that panics", &rig.OddError{IsFunc: func(error) bool { panic("is") }}, ""},
		{"beside an Unwrap that panics", errors.Join(wrapping(func() error { panic("unwrap") }), refused), "api"},
		{"behind an As that panics", errors.Join(&rig.OddError{AsFunc: func(any) bool { panic("as") }}, refused), "api"},
		{"within the depth", deep, "api"},
		{"below the depth", fmt.Errorf("%w", fmt.Errorf("%w", deep)), ""},
		{"below the count", errors.Join(append(wide, refused)...), ""},
		{"nil *APIError", (*tghook.APIError)(nil), ""},
		{"nil *PanicError", fmt.Errorf("%w", (*tghook.PanicError)(nil)), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, found := tghook.Inspected(tt.err)
			assert.Equal(t, tt.want, strings.Join(found, " "), "found")
		})
	}
}

// The first in the order of errors.As counts.
func TestInspectPrefersTheOuterError(t *testing.T) {
	t.Parallel()
	outer, inner := &tghook.APIError{Code: 429}, &tghook.APIError{Code: 500}
	assert.Equal(t, outer, tghook.InspectedAPI(errors.Join(fmt.Errorf("%w", outer), inner)), "first")
	hiding := wrapping(func() error { return inner })
	hiding.AsFunc = func(target any) bool {
		place, ok := target.(**tghook.APIError)
		if ok {
			*place = outer
		}
		return ok
	}
	assert.Equal(t, outer, tghook.InspectedAPI(hiding), "its own As")
}

func TestInspectOutlivesEveryMethodOfAnError(t *testing.T) {
	t.Parallel()
	refused := &tghook.APIError{Method: "sendMessage", Code: 403, Description: "Forbidden"}
	cyclic := &rig.OddError{}
	cyclic.Wrapped = func() []error { return []error{cyclic} }
	bush := &rig.OddError{}
	bush.Wrapped = func() []error { return []error{bush, bush} }
	minute := func() string { time.Sleep(time.Minute); return "at last" }
	hour := func(any) bool { time.Sleep(time.Hour); return false }
	for _, tt := range []struct {
		name, text, want string
		err              error
		most             time.Duration // how long it may take
	}{
		{"a nil pointer", "a nil *rig.NilError was returned as an error: return nil itself", "", (*rig.NilError)(nil), 0},
		{"within", "within: %!v(PANIC=Error method: runtime error: invalid memory address or nil pointer dereference)", "", &rig.OddError{
			Text:    func() string { return fmt.Sprintf("within: %v", &rig.NilError{}) },
			Wrapped: func() []error { return []error{&rig.NilError{}} },
		}, 0},
		{"Error panics", "*rig.OddError, whose Error method panicked", "", &rig.OddError{Text: func() string { panic("no words") }}, 0},
		{"Error calls Goexit", "*rig.OddError, whose Error method called runtime.Goexit", "", &rig.OddError{Text: goexit}, 0},
		{"Error takes a minute", "*tghook.dropError, whose Error method did not return within 5s", "dropped", tghook.Drop(&rig.OddError{Text: minute}), 5 * time.Second},
		{"As takes an hour", "dropped: odd", "dropped", tghook.Drop(&rig.OddError{AsFunc: hour}), 5 * time.Second},
		{"Unwrap calls Goexit", "odd", "api", &rig.OddError{
			AsFunc: func(target any) bool { return errors.As(refused, target) }, Wrapped: func() []error { goexit(); return nil },
		}, 0},
		{"a cycle", "odd", "", cyclic, 0},
		{"a cycle of two ways", "odd", "", bush, 0},
		{"long", strings.Repeat("ab", 2047) + "a ...", "", errors.New(strings.Repeat("ab", 2047) + "a" + strings.Repeat("ж", 5000)), 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				start := time.Now()
				text, found := tghook.Inspected(tt.err)
				if took := time.Since(start); took > tt.most {
					t.Errorf("it took %v", took)
				}
				assert.Equal(t, tt.text, text, "text")
				assert.Equal(t, tt.want, strings.Join(found, " "), "found")
			})
		})
	}
}

// A wrapped error is printed without a method of the user's.
func TestInspectWrapsWithoutCallingAgain(t *testing.T) {
	t.Parallel()
	calls := 0
	err := &rig.OddError{Text: func() string { calls++; return "no luck" }}
	wrapped := tghook.InspectedWrap(err, "tghook: reply by Caller")
	for range 3 {
		assert.Equal(t, "tghook: reply by Caller: no luck", wrapped.Error(), "text")
	}
	assert.Equal(t, 1, calls, "calls of Error")
	assert.ErrorIs(t, wrapped, err, "wraps")
}

func TestANoteThatIsNonsenseTellsOfNoFailure(t *testing.T) {
	t.Parallel()
	for _, note := range []string{"", "{", "null", "[]", `"x"`, `{"n":"7"}`, "\x00\xff", `{"n":1e30}`} {
		assert.Zero(t, tghook.FailedIn([]byte(note)), note)
	}
	assert.Equal(t, 7, tghook.FailedIn([]byte(`{"n":7,"c":6,"h":5,"f":1,"l":2}`)))
}
