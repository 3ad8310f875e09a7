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
	"github.com/tghook/tghook/internal/rig"
)

// An oddError is what its functions make of it.
type oddError struct {
	text   func() string
	unwrap func() []error
	as     func(any) bool
	is     func(error) bool
}

func (e *oddError) Error() string {
	if e.text == nil {
		return "odd"
	}
	return e.text()
}

func (e *oddError) Unwrap() []error {
	if e.unwrap == nil {
		return nil
	}
	return e.unwrap()
}

func (e *oddError) As(target any) bool   { return e.as != nil && e.as(target) }
func (e *oddError) Is(target error) bool { return e.is != nil && e.is(target) }

// wrapping is an error around err alone.
func wrapping(err func() error) *oddError {
	return &oddError{unwrap: func() []error { return []error{err()} }}
}

// A nilError is well only behind a pointer that is not nil.
type nilError struct{ inner error }

func (e *nilError) Error() string { return e.inner.Error() }
func (e *nilError) Unwrap() error { return e.inner }

// a listError cannot be compared.
type listError []error

func (e listError) Error() string   { return "list" }
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
		{"its own As", &oddError{as: func(target any) bool {
			place, ok := target.(**tghook.APIError)
			if ok {
				*place = refused
			}
			return ok
		}}, "api"},
		{"an As that hands on", &oddError{as: func(target any) bool { return errors.As(tghook.Drop(refused), target) }}, "api dropped"},
		{"an As that lies", &oddError{as: func(any) bool { return true }}, ""},
		{"an As that panics after all", &oddError{as: func(target any) bool {
			if place, ok := target.(**tghook.APIError); ok {
				*place = refused
			}
			panic("as")
		}}, ""},
		{"its own Is", &oddError{is: func(target error) bool { return target == tghook.ErrClaimLost }}, "claimLost"}, //nolint:errorlint // an Is compares so
		{"an Is that panics", &oddError{is: func(error) bool { panic("is") }}, ""},
		{"beside an Unwrap that panics", errors.Join(wrapping(func() error { panic("unwrap") }), refused), "api"},
		{"behind an As that panics", errors.Join(&oddError{as: func(any) bool { panic("as") }}, refused), "api"},
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
	hiding.as = func(target any) bool {
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
	cyclic := &oddError{}
	cyclic.unwrap = func() []error { return []error{cyclic} }
	bush := &oddError{}
	bush.unwrap = func() []error { return []error{bush, bush} }
	minute := func() string { time.Sleep(time.Minute); return "at last" }
	hour := func(any) bool { time.Sleep(time.Hour); return false }
	for _, tt := range []struct {
		name, text, want string
		err              error
		most             time.Duration // how long it may take
	}{
		{"a nil pointer", "a nil *tghook_test.nilError was returned as an error: return nil itself", "", (*nilError)(nil), 0},
		{"within", "within: %!v(PANIC=Error method: runtime error: invalid memory address or nil pointer dereference)", "", &oddError{
			text:   func() string { return fmt.Sprintf("within: %v", &nilError{}) },
			unwrap: func() []error { return []error{&nilError{}} },
		}, 0},
		{"Error panics", "*tghook_test.oddError, whose Error method panicked", "", &oddError{text: func() string { panic("no words") }}, 0},
		{"Error calls Goexit", "*tghook_test.oddError, whose Error method called runtime.Goexit", "", &oddError{text: goexit}, 0},
		{"Error takes a minute", "*tghook.dropError, whose Error method did not return within 5s", "dropped", tghook.Drop(&oddError{text: minute}), 5 * time.Second},
		{"As takes an hour", "dropped: odd", "dropped", tghook.Drop(&oddError{as: hour}), 5 * time.Second},
		{"Unwrap calls Goexit", "odd", "api", &oddError{
			as: func(target any) bool { return errors.As(refused, target) }, unwrap: func() []error { goexit(); return nil },
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
	err := &oddError{text: func() string { calls++; return "no luck" }}
	wrapped := tghook.InspectedWrap(err, "tghook: reply by Caller")
	for range 3 {
		assert.Equal(t, "tghook: reply by Caller: no luck", wrapped.Error(), "text")
	}
	assert.Equal(t, 1, calls, "calls of Error")
	assert.True(t, errors.Is(wrapped, err), "wraps")
}
