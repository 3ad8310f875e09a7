package guard

import (
	"errors"
	"fmt"
	"reflect"
	"sync"
	"time"
	"unicode/utf8"
)

const (
	inspectTime   = 5 * time.Second // time for the tree of an error, and the same once more for its text
	maxErrorDepth = 100
	maxErrorCount = 1000 // errors in one tree
	maxErrorText  = 4 << 10
)

// Inspection is one walk over an error and the errors that it wraps. When its time is over,
// the caller goes on while the walk may still run. So findings are noted under the mutex, and
// none is noted after that.
type Inspection struct {
	look  func(*Inspection, error)
	count int

	mu   sync.Mutex
	over bool
	text string
}

// Inspect looks at an error of the user's code. It calls the methods of the error once, so
// that nobody else has to call them. A method may panic, end its goroutine, or not return. The
// error may be a nil pointer, or wrap itself. Inspect returns after 10 seconds at the
// latest. Do not call it while you hold a lock.
//
// It calls look for err and for each error that it wraps, in the order in which
// [errors.As] looks. look notes what it finds by [First], Match and Note. text is what
// Error returns, at most 4 KiB of it.
func Inspect(err error, look func(*Inspection, error)) (text string) {
	i := &Inspection{look: look}
	_ = Within(inspectTime, func() error { i.visit(err, 0); return nil })
	failure := Within(inspectTime, func() error { i.read(err); return nil })
	i.mu.Lock()
	defer i.mu.Unlock()
	i.over = true
	if failure != nil {
		return unreadable(err, failure)
	}
	return i.text
}

// First notes err in place, if it is a P or its As says that it can be one, and if place is
// still nil. P is a pointer.
func First[T any, P interface {
	*T
	error
}](i *Inspection, err error, place *P) {
	if *place != nil {
		return
	}
	found, ok := err.(P) //nolint:errorlint // this is the walk
	if as, able := err.(interface{ As(any) bool }); !ok && able {
		panicked := Call(func() error { ok = as.As(&found); return nil })
		ok = ok && panicked == nil
	}
	if ok && found != nil {
		i.Note(func() { *place = found })
	}
}

// Match notes in place that err is target, or that its Is says so.
func (i *Inspection) Match(err, target error, place *bool) {
	if *place {
		return
	}
	matches := err == target //nolint:errorlint // this is the walk
	if is, able := err.(interface{ Is(error) bool }); !matches && able {
		_ = Call(func() error { matches = is.Is(target); return nil })
	}
	if matches {
		i.Note(func() { *place = true })
	}
}

// Note calls write, unless the inspection is over.
func (i *Inspection) Note(write func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if !i.over {
		write()
	}
}

func (i *Inspection) isOver() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.over
}

// visit looks at err and at what it wraps.
func (i *Inspection) visit(err error, depth int) {
	for ; err != nil && depth < maxErrorDepth && i.count < maxErrorCount && !i.isOver(); depth++ {
		i.count++
		i.look(i, err)
		inner := unwrappedOnce(err)
		if len(inner) == 0 {
			return
		}
		for _, branch := range inner[:len(inner)-1] {
			i.visit(branch, depth+1)
		}
		err = inner[len(inner)-1]
	}
}

// unwrappedOnce returns the errors that err wraps; none if its method panics.
func unwrappedOnce(err error) (inner []error) {
	_ = Call(func() error {
		inner = Unwrap(err)
		return nil
	})
	return inner
}

// Unwrap returns the errors that err wraps. It calls a method of err.
func Unwrap(err error) []error {
	switch wrapping := err.(type) { //nolint:errorlint // this is the walk
	case interface{ Unwrap() []error }:
		return wrapping.Unwrap()
	case interface{ Unwrap() error }:
		return []error{wrapping.Unwrap()}
	}
	return nil
}

// maxWrapped bounds the walk of Find.
const maxWrapped = 100

// Find calls found with err and the errors that it wraps, the outermost first, until
// found returns true. An error of the user's may be a nil pointer, panic, or wrap itself.
func Find(err error, found func(error) bool) {
	queue := []error{err}
	for n := 0; len(queue) > 0 && n < maxWrapped; n++ {
		next := queue[0]
		if queue = queue[1:]; next == nil {
			continue
		}
		if found(next) {
			return
		}
		queue = append(queue, unwrappedOnce(next)...)
	}
}

// read notes the text of err.
func (i *Inspection) read(err error) {
	text := err.Error()
	if len(text) > maxErrorText {
		end := maxErrorText
		for end > maxErrorText-utf8.UTFMax && !utf8.RuneStart(text[end]) {
			end--
		}
		text = text[:end] + " ..."
	}
	i.Note(func() { i.text = text })
}

// unreadable returns a text for an error whose Error method failed.
func unreadable(err, failure error) string {
	var panicked *PanicError
	value := reflect.ValueOf(err)
	switch {
	case value.Kind() == reflect.Pointer && value.IsNil():
		return fmt.Sprintf("a nil %T was returned as an error: return nil itself", err)
	case errors.As(failure, &panicked): // without its value, whose methods are the user's code too
		return fmt.Sprintf("%T, whose Error method panicked", err)
	case errors.Is(failure, ErrGoexit):
		return fmt.Sprintf("%T, whose Error method called runtime.Goexit", err)
	default:
		return fmt.Sprintf("%T, whose Error method did not return within %v", err, inspectTime)
	}
}

// Wrap returns an error with this text that wraps err. Printing it calls no code of the
// user's.
func Wrap(text string, err error) error { return &wrapped{text, err} }

type wrapped struct {
	text string
	err  error
}

func (e *wrapped) Error() string { return e.text }
func (e *wrapped) Unwrap() error { return e.err }
