package tghook

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"sync/atomic"

	"github.com/tghook/tghook/internal/guard"
)

const (
	maxReading     = 64 << 20 // bytes for all bodies that are being read
	maxReadingFull = 4 << 20  // the same while MaxInFlight is reached
	firstRead      = 64 << 10 // the first buffer for a larger body; it grows as the body comes
	maxEmptyReads  = 100      // in a row; bufio has the same limit
)

// reading bounds the memory of the bodies that are being read at one time.
//
// MaxInFlight counts an update that is admitted. Its body comes before that, and
// many bodies may come slowly at once. So all bodies that are being read share maxReading
// bytes. When these are used up, a request is answered 503 and the rest of its body is not
// read.
//
// While MaxInFlight is reached most new updates are turned away, and their bodies need not
// be read. But a redelivery of a known update must still join it, and its id is
// only in its body. So bodies are read within maxReadingFull bytes, which is
// room for thousands of usual updates, or for several of the largest. A redelivery that
// finds no room comes again after two seconds, as any update that is turned away does.
//
// The alternatives were worse. If no body were read while MaxInFlight is reached, no
// redelivery could join, and a slow update could not end. If the bodies were counted, 1024
// bodies of 1 MiB could be in memory.
type reading struct {
	dispatcher *Dispatcher
	most       int64 // in bytes
	mostFull   int64
	held       atomic.Int64
}

// newReading leaves room for one body of maxBody bytes, however large that is.
func newReading(d *Dispatcher, maxBody int64) *reading {
	one := 2 * min(maxBody, 1<<40) // its memory grows by doubling
	return &reading{dispatcher: d, most: max(maxReading, one), mostFull: max(maxReadingFull, one)}
}

// take reserves n bytes. It returns false if they are not free.
func (b *reading) take(n int) bool {
	most := b.most
	if b.dispatcher.engine.Full() {
		most = b.mostFull
	}
	if b.held.Add(int64(n)) > most {
		b.give(n)
		return false
	}
	return true
}

func (b *reading) give(n int) { b.held.Add(-int64(n)) }

// read reads a body of at most limit bytes into memory of its own. The body may be the
// user's code.
func (b *reading) read(r io.Reader, length, limit int64) (body []byte, refused *RequestError) {
	if length > limit {
		return nil, tooLarge(limit)
	}
	if r == nil {
		r = http.NoBody
	}
	size := int(min(max(length, 511)+1, firstRead))
	if !b.take(size) {
		return nil, tooBusy()
	}
	defer func() { b.give(size) }()
	body = make([]byte, 0, size)
	for empty := 0; ; {
		n, err := readOnce(r, body[len(body):cap(body)])
		body = body[:len(body)+n]
		if empty++; n > 0 {
			empty = 0
		}
		switch {
		case int64(len(body)) > limit:
			return nil, tooLarge(limit)
		case err == io.EOF: //nolint:errorlint // a Reader returns EOF itself
			return body, nil
		case err == nil && empty > maxEmptyReads:
			return nil, broken(io.ErrNoProgress, limit)
		case err != nil:
			return nil, broken(err, limit)
		case len(body) == cap(body):
			grown := grownSize(len(body), length, limit)
			if !b.take(grown) {
				return nil, tooBusy()
			}
			body = append(make([]byte, 0, grown), body...)
			b.give(size)
			size = grown
		}
	}
}

// readOnce calls r.Read, and returns its panic as an error.
func readOnce(r io.Reader, p []byte) (n int, err error) {
	defer guard.Recover(&err)
	if n, err = r.Read(p); n < 0 || n > len(p) {
		return 0, fmt.Errorf("the Read of a %T returned %d for %d bytes", r, n, len(p))
	}
	return n, err
}

// grownSize returns the next size of a full buffer of n bytes: twice n. If the body or its
// limit is shorter, it is one byte longer than that, so that a read shows the end.
func grownSize(n int, length, limit int64) int {
	grown := 2 * int64(n)
	if length >= int64(n) && grown >= length {
		grown = length + 1
	}
	if grown >= limit {
		grown = limit + 1
	}
	return int(grown)
}

// broken says why a body could not be read.
func broken(err error, limit int64) *RequestError {
	refused := &RequestError{Status: http.StatusBadRequest, Problem: "the body broke off", Err: err}
	guard.Find(err, func(err error) bool {
		over, tooMuch := err.(*http.MaxBytesError) //nolint:errorlint // this is the walk
		switch {
		case tooMuch && over != nil:
			refused = tooLarge(min(limit, over.Limit))
			return true
		case err == os.ErrDeadlineExceeded: //nolint:errorlint // this is the walk
			refused = &RequestError{Status: http.StatusRequestTimeout, Problem: "the body did not come in time", Err: refused.Err}
			return true
		}
		return false
	})
	return refused
}

func tooLarge(limit int64) *RequestError {
	return &RequestError{Status: http.StatusRequestEntityTooLarge, Problem: fmt.Sprintf("the body has more than %d bytes", limit)}
}

func tooBusy() *RequestError {
	return &RequestError{Status: http.StatusServiceUnavailable, Problem: "too many bodies are being read at once, or MaxInFlight is reached; the body was not read"}
}
