package redact

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/tghook/tghook/internal/guard"
)

// Error returns err in a form that is safe to print and to inspect. err may come from the
// user's code. Error calls all its methods once. If one of them panics, ends its goroutine
// or does not return within a second, Error returns an error that only names the type.
//
// If redact changes the text of err, or of an error that err wraps, Error returns another
// error. It has the changed text, and wraps the errors that err wraps, changed in the same
// way. Error does the same with errors that wrap each other without end.
func Error(err error, redact func(string) string) error {
	if err == nil || err == context.Canceled || err == context.DeadlineExceeded { //nolint:errorlint // these need no look
		return err
	}
	var clean error
	switch failed := guard.Within(hearPatience, func() error { //nolint:errorlint // it wraps what is the user's
		clean, _ = (&hearing{redact: redact, left: maxHeard}).hear(err, 0)
		return nil
	}).(type) {
	case nil:
		return clean
	case *guard.PanicError:
		return &redactedError{text: fmt.Sprintf("a %T, whose methods panic", err)}
	default:
		if failed == guard.ErrGoexit { //nolint:errorlint // as above
			return &redactedError{text: fmt.Sprintf("a %T, whose methods call runtime.Goexit", err)}
		}
		return &redactedError{text: fmt.Sprintf("a %T, whose methods do not return", err)}
	}
}

const (
	hearPatience = time.Second // time for all methods of an error and of the errors that it wraps
	maxHeard     = 256         // errors in one error
	maxHeardDeep = 64          // errors that wrap each other
	maxPrinted   = 1000        // values in one error that are searched
)

type redactedError struct {
	text    string
	wrapped []error
}

func (e *redactedError) Error() string   { return e.text }
func (e *redactedError) Unwrap() []error { return e.wrapped }

var errProbe = errors.New("is it you?")

// hearing is the walk over one error.
type hearing struct {
	redact func(string) string
	left   int // how many more errors may be looked at
}

// hear returns err itself if nothing in it is secret. Otherwise it returns another error in
// its place.
func (h *hearing) hear(err error, depth int) (clean error, same bool) {
	if h.left--; h.left < 0 || depth > maxHeardDeep {
		return &redactedError{text: "(and more errors)"}, false
	}
	if other, ok := err.(interface{ Is(error) bool }); ok {
		_ = other.Is(errProbe)
	}
	if other, ok := err.(interface{ As(any) bool }); ok {
		_ = other.As(new(*redactedError))
	}
	text := err.Error()
	told := h.redact(text)
	same = told == text && !h.prints(err)
	var wrapped []error
	for _, inner := range guard.Unwrap(err) {
		if inner == nil {
			continue
		}
		heard, unchanged := h.hear(inner, depth+1)
		wrapped, same = append(wrapped, heard), same && unchanged
	}
	if same {
		return err, true
	}
	return &redactedError{told, wrapped}, false
}

// prints reports whether fmt could print a secret of err that its Error method does not show.
// prints itself looks into the fields, because fmt never returns from a value that contains
// itself.
func (h *hearing) prints(err error) bool {
	var text string
	switch printed := err.(type) { //nolint:errorlint // it is about this one
	case fmt.Formatter:
		text = fmt.Sprintf("%+v %#v", err, err)
	case fmt.GoStringer:
		text = printed.GoString()
	default:
		v := reflect.ValueOf(err)
		if v.Kind() == reflect.Pointer {
			v = v.Elem()
		}
		left := maxPrinted
		return h.holds(v, &left)
	}
	return h.redact(text) != text
}

// holds reports whether a text in v has a secret, or v has too many values to search. Like
// fmt, it follows no pointers.
func (h *hearing) holds(v reflect.Value, left *int) bool {
	if *left--; *left < 0 {
		return true
	}
	switch v.Kind() {
	case reflect.String:
		return h.redact(v.String()) != v.String()
	case reflect.Interface:
		return h.holds(v.Elem(), left)
	case reflect.Struct:
		for i := range v.NumField() {
			if h.holds(v.Field(i), left) {
				return true
			}
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return h.holdsBytes(v)
		}
		for i := range v.Len() {
			if h.holds(v.Index(i), left) {
				return true
			}
		}
	case reflect.Map:
		for entry := v.MapRange(); entry.Next(); {
			if h.holds(entry.Key(), left) || h.holds(entry.Value(), left) {
				return true
			}
		}
	}
	return false
}

func (h *hearing) holdsBytes(v reflect.Value) bool {
	if v.Kind() == reflect.Slice {
		text := string(v.Bytes())
		return h.redact(text) != text
	}
	text := make([]byte, v.Len())
	for i := range text {
		text[i] = byte(v.Index(i).Uint()) //nolint:gosec // it is a uint8
	}
	return h.redact(string(text)) != string(text)
}

// WithCause returns err, which must come from [Error]. If ctx has ended, the returned error
// also wraps the reason for that.
func WithCause(ctx context.Context, err error, redact func(string) string) error {
	for _, why := range []error{context.Cause(ctx), ctx.Err()} {
		if why != nil && !errors.Is(err, why) {
			err = fmt.Errorf("%w: %w", err, Error(why, redact))
		}
	}
	return err
}
