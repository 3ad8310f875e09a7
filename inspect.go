package tghook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"reflect"
	"sync"
	"time"
	"unicode/utf8"
)

const (
	inspectTime   = 5 * time.Second // for an error's tree, and once more for its text
	maxErrorDepth = 100
	maxErrorCount = 1000 // in one tree
	maxErrorText  = 4 << 10
)

// findings is what inspect has learnt of an error. The zero findings are those of nil.
type findings struct {
	err  error
	text string // what Error returns, at most 4 KiB of it

	// The first of each type, in the order in which [errors.As] looks. nil: there is none.
	api         *APIError
	panicked    *PanicError
	undecodable *DecodeError
	unsendable  *ReplyError
	dropped     *dropError
	retry       *retryError

	claimLost   bool // [ErrClaimLost]
	exited      bool // a function of the user's has called [runtime.Goexit]
	canceled    bool // [context.Canceled]
	timedOut    bool // [context.DeadlineExceeded]
	unconnected bool // no connection came about, so that nothing was sent
	network     bool // any error of a connection, unconnected included
}

// inspect looks at an error of the user's code, and calls its methods: once, so that
// nobody else has to call them. A method may panic, end its goroutine, or not return; the
// error may be a nil pointer, or wrap itself. inspect returns what it found until then,
// after 10 seconds at the latest. Not under a lock.
func inspect(err error) findings {
	if err == nil {
		return findings{}
	}
	i := &inspection{findings: findings{err: err}}
	_ = bounded(inspectTime, func() error { i.visit(err, 0); return nil })
	failure := bounded(inspectTime, i.read)
	i.mu.Lock()
	defer i.mu.Unlock()
	i.over = true
	if failure != nil {
		i.text = unreadable(err, failure)
	}
	return i.findings
}

// wrap is the error with words of the library's before it. Its text is known, so that
// whoever prints it calls nothing of the user's.
func (f *findings) wrap(before string) error {
	return &inspectedError{before + ": " + f.text, f.err}
}

type inspectedError struct {
	text string
	err  error
}

func (e *inspectedError) Error() string { return e.text }
func (e *inspectedError) Unwrap() error { return e.err }

// unreadable is the text of an error whose own could not be had.
func unreadable(err, failure error) string {
	var panicked *PanicError
	value := reflect.ValueOf(err)
	switch {
	case value.Kind() == reflect.Pointer && value.IsNil():
		return fmt.Sprintf("a nil %T was returned as an error: return nil itself", err)
	case errors.As(failure, &panicked): // its value is the user's code once more
		return fmt.Sprintf("%T, whose Error method panicked", err)
	case errors.Is(failure, errGoexit):
		return fmt.Sprintf("%T, whose Error method called runtime.Goexit", err)
	default:
		return fmt.Sprintf("%T, whose Error method did not return within %v", err, inspectTime)
	}
}

// inspection walks the tree of an error. The mutex guards the findings: whoever began the
// inspection may have given it up meanwhile.
type inspection struct {
	count int

	mu   sync.Mutex
	over bool // nobody waits for more findings
	findings
}

func (i *inspection) isOver() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.over
}

// visit looks at err and at what it wraps.
func (i *inspection) visit(err error, depth int) {
	for ; err != nil && depth < maxErrorDepth && i.count < maxErrorCount && !i.isOver(); depth++ {
		i.count++
		i.look(err)
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

// unwrappedOnce is what err wraps; nothing if its method panics.
func unwrappedOnce(err error) (inner []error) {
	_ = guarded(func() error {
		inner = unwrapped(err)
		return nil
	})
	return inner
}

// look notes what err itself is, by its type and by its own As and Is.
func (i *inspection) look(err error) {
	find(i, err, &i.api)
	find(i, err, &i.panicked)
	find(i, err, &i.undecodable)
	find(i, err, &i.unsendable)
	find(i, err, &i.dropped)
	find(i, err, &i.retry)
	i.match(err, ErrClaimLost, &i.claimLost)
	i.match(err, errGoexit, &i.exited)
	i.match(err, context.Canceled, &i.canceled)
	i.match(err, context.DeadlineExceeded, &i.timedOut)
	i.match(err, io.EOF, &i.network)
	i.match(err, io.ErrUnexpectedEOF, &i.network)
	i.connection(err)
}

// find notes err in place, if it is a P or its As says that it can be one. P is a pointer.
func find[T any, P interface {
	*T
	error
}](i *inspection, err error, place *P) {
	if *place != nil {
		return
	}
	found, ok := err.(P) //nolint:errorlint // this is the walk
	if as, able := err.(interface{ As(any) bool }); !ok && able {
		panicked := guarded(func() error { ok = as.As(&found); return nil })
		ok = ok && panicked == nil
	}
	if !ok || found == nil {
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	*place = found
}

// match notes in place that err is target, or that its Is says so.
func (i *inspection) match(err, target error, place *bool) {
	if *place {
		return
	}
	matches := err == target //nolint:errorlint // this is the walk
	if is, able := err.(interface{ Is(error) bool }); !matches && able {
		_ = guarded(func() error { matches = is.Is(target); return nil })
	}
	if !matches {
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	*place = true
}

// connection notes what err says of a connection.
func (i *inspection) connection(err error) {
	_, network := err.(net.Error)      //nolint:errorlint // this is the walk
	operation, _ := err.(*net.OpError) //nolint:errorlint // this is the walk
	unconnected := operation != nil && (operation.Op == "dial" || operation.Op == "proxyconnect")
	i.mu.Lock()
	defer i.mu.Unlock()
	i.network = i.network || network && err != context.DeadlineExceeded //nolint:errorlint // which is a net.Error
	i.unconnected = i.unconnected || unconnected
}

// read notes the text of the error.
func (i *inspection) read() error {
	text := i.err.Error()
	if len(text) > maxErrorText {
		end := maxErrorText
		for end > maxErrorText-utf8.UTFMax && !utf8.RuneStart(text[end]) {
			end--
		}
		text = text[:end] + " ..."
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.text = text
	return nil
}
