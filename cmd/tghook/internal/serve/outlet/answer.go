package outlet

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/tghook/tghook/cmd/tghook/internal/wire"
)

// How many bytes of an answer are read.
const (
	maxParams    = 1 << 20              // of JSON, or of a form
	maxFileBytes = 50 << 20             // of all files
	maxMultipart = maxFileBytes + 2<<20 // of parameters, files and the heads of parts
	maxExcerpt   = 64 << 10             // of an answer without a call; also what Observe gets
	maxDropped   = 1 << 20              // that are read only to use the connection again
	unframedTime = time.Second          // how long an answer is read whose end nothing tells
)

// reading is an answer whose body is being read.
type reading struct {
	in     *wire.Incoming
	outlet *Outlet
	memory claim
	wanted bool // the answer may have a call

	content []byte // the body, or its beginning
	size    int    // how many bytes have come
	problem string // why content is not the whole body
}

// read reads the body. After an error it has not come whole.
func (r *reading) read(ctx context.Context, deadline time.Time) error {
	if !r.in.Framed {
		r.readUnframed(deadline)
		return nil
	}
	err := r.fill(maxExcerpt)
	limit := r.limit()
	packed := limit > 0 && r.in.Header.Get("Content-Encoding") != "" // a few bytes may become many
	if err != nil || r.size < maxExcerpt {
		if err = withoutEOF(err); err == nil && packed {
			err = r.claim(ctx, deadline, limit)
		}
		return err
	}
	if limit == 0 {
		return r.drop()
	}
	if r.in.Length > int64(limit) {
		r.problem = tooLarge(limit)
		return nil
	}
	if err := r.claim(ctx, deadline, limit); err != nil || r.problem != "" {
		return err
	}
	err = r.fill(limit + 1)
	if r.size > limit {
		r.problem = tooLarge(limit)
		return nil
	}
	return withoutEOF(err)
}

// claim takes the memory for the body. If there is none in time, the reply is not executed: the
// bot has taken the update.
func (r *reading) claim(ctx context.Context, deadline time.Time, limit int) error {
	err := r.memory.take(ctx, deadline, r.need(limit), r.outlet.memory, inUse)
	if err == nil || ctx.Err() != nil {
		return err
	}
	r.problem = err.Error()
	return nil
}

// keep has the memory of a reply in use until its call is over. size is that of the body, unpacked.
func (r *reading) keep(ctx context.Context, deadline time.Time, size int) error {
	bytes := r.copies() * int64(size)
	if size < maxExcerpt {
		r.memory.release() // else others would wait for what this answer waits for
		if err := r.memory.take(ctx, deadline, bytes, r.outlet.small); err != nil {
			return err
		}
	}
	r.memory.keep(ctx, bytes)
	return nil
}

func tooLarge(limit int) string {
	return fmt.Sprintf("the answer has more than the %d bytes that an answer with a method may have", limit)
}

func withoutEOF(err error) error {
	if err == io.EOF { //nolint:errorlint // fill returns it itself
		return nil
	}
	return err
}

// fill reads until content has so many bytes. The error is io.EOF at the end of the body.
func (r *reading) fill(to int) error {
	b := bytes.NewBuffer(r.content)
	if r.in.Length > 0 {
		b.Grow(min(to, int(min(r.in.Length, maxMultipart))) - b.Len() + bytes.MinRead)
	}
	n, err := b.ReadFrom(io.LimitReader(r.in.Content, int64(to-b.Len())))
	r.content, r.size = b.Bytes(), r.size+int(n)
	if err == nil && r.size < to {
		return io.EOF
	}
	return err
}

// drop reads the rest of a body that nobody wants. If there is too much of it, it stays unread.
func (r *reading) drop() error {
	n, err := io.Copy(io.Discard, io.LimitReader(r.in.Content, maxDropped))
	r.size += int(n)
	return err
}

// readUnframed reads the beginning of a body that has neither a length nor chunks. Telegram does
// not read it. It is read for Observe alone, so errors do not matter.
func (r *reading) readUnframed(deadline time.Time) {
	if soon := time.Now().Add(unframedTime); soon.Before(deadline) {
		deadline = soon
	}
	r.in.Until(deadline)
	_ = r.fill(maxExcerpt)
	if r.size > 0 {
		r.problem = "the answer has neither a Content-Length nor chunks, so that Telegram does not read its body"
	}
}

// limit is how many bytes the body may have if it has a call; 0 if it has none.
func (r *reading) limit() int {
	switch kind := kindOf(r.in.Header.Get("Content-Type")); {
	case !r.wanted || kind == otherBody:
		return 0
	case kind == multipartBody:
		return maxMultipart
	}
	return maxParams
}

// need is how many bytes of memory the answer needs.
func (r *reading) need(limit int) int64 {
	if r.in.Length >= 0 && r.in.Header.Get("Content-Encoding") == "" {
		limit = int(r.in.Length)
	}
	return r.copies() * int64(limit)
}

func (r *reading) copies() int64 {
	if kindOf(r.in.Header.Get("Content-Type")) == multipartBody {
		return copiesOfFiles
	}
	return copiesOfJSON
}

// excerpt returns the beginning of the body, unpacked if it can be.
func (r *reading) excerpt() []byte {
	content := r.content[:min(len(r.content), maxExcerpt)]
	unpacked, _ := unpack(content, r.in.Header.Get("Content-Encoding"), maxExcerpt)
	if len(unpacked) == 0 {
		unpacked = content
	}
	return unpacked[:min(len(unpacked), maxExcerpt)]
}

// call returns the call in the body. It is empty if there is none.
func (r *reading) call() call {
	limit := r.limit()
	switch {
	case limit == 0:
		return call{}
	case r.problem != "":
		return call{refused: r.problem}
	case r.size == 0:
		return call{}
	}
	content, err := unpack(r.content, r.in.Header.Get("Content-Encoding"), limit)
	if err != nil {
		return call{refused: err.Error()}
	}
	c := readCall(r.in.Header.Get("Content-Type"), content)
	c.size = len(content)
	return c
}

// unpack undoes a Content-Encoding. If an error occurs, it returns what came before. The content
// may have one byte more than limit, beside an error.
func unpack(content []byte, encoding string, limit int) ([]byte, error) {
	var (
		from io.Reader
		err  error
	)
	switch strings.ToLower(encoding) {
	case "", "none", "identity":
		return content, nil
	case "gzip":
		from, err = gzip.NewReader(bytes.NewReader(content))
	case "deflate":
		from, err = zlib.NewReader(bytes.NewReader(content))
	default:
		return nil, fmt.Errorf("the Content-Encoding of the answer is %q, and Telegram reads only gzip and deflate", encoding)
	}
	var unpacked []byte
	if err == nil {
		unpacked, err = io.ReadAll(io.LimitReader(from, int64(limit)+1))
	}
	switch {
	case len(unpacked) > limit:
		return unpacked, errors.New(tooLarge(limit))
	case err != nil:
		return unpacked, fmt.Errorf("the answer cannot be unpacked: %w", err)
	}
	return unpacked, nil
}
