package botapi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/tghook/tghook/internal/guard"
)

// Message is a call in the form in which it is sent: pieces of text, with a file between each
// two of them.
type Message struct {
	ContentType string
	text        [][]byte // one piece more than there are files
	files       []*attachment

	mu   sync.Mutex
	last *upload // the attempt to send it
}

// NewMessage returns a Message whose whole body is in memory.
func NewMessage(body []byte) *Message {
	return &Message{ContentType: ContentType(body), text: [][]byte{body}}
}

// attachment is a file of a message.
type attachment struct {
	File

	seeker io.Seeker // nil if Body can be read only once
	start  int64     // the offset in Body where the file begins
	size   int64     // -1 if it is not known
	begun  bool      // whether reading has begun
}

// attach returns f as an attachment. It finds out where f begins and how long it is.
func attach(f File) *attachment {
	a := &attachment{File: f, size: -1}
	seeker, ok := f.Body.(io.Seeker)
	if !ok {
		return a
	}
	start, err := seeker.Seek(0, io.SeekCurrent)
	if err != nil {
		return a // a pipe cannot seek, for example
	}
	end, err := seeker.Seek(0, io.SeekEnd)
	if err != nil {
		return a
	}
	a.seeker, a.start = seeker, start
	if start >= end { // it has been read
		a.start = 0
	}
	if end > 0 { // a size of 0 may be wrong, as for the files in /proc
		a.size = end - a.start
	}
	if a.rewind() != nil {
		a.seeker, a.size = nil, -1
	}
	return a
}

// rewind sets Body back to the beginning of the file.
func (a *attachment) rewind() error {
	if a.seeker == nil {
		return nil
	}
	_, err := a.seeker.Seek(a.start, io.SeekStart)
	return err
}

// spent returns an error if Body has been read and cannot be read again.
func (a *attachment) spent() error {
	if !a.begun || a.seeker != nil {
		return nil
	}
	return FileError(fmt.Sprintf("File %q has been read, and its Body, a %T, cannot seek; give a new File, or a Body that can", a.Name, a.Body))
}

// FileError says why a file can never be sent.
type FileError string

func (e FileError) Error() string { return string(e) }

// tooMuch returns the error of files that have more bytes than Telegram accepts.
func tooMuch(most int64) error {
	return FileError(fmt.Sprintf("the files have more than the %d bytes that Telegram takes", most))
}

// copyTo writes the file to w. If its size is not known, copyTo writes most+1 bytes at most, so
// that the caller sees that the file is too long.
func (a *attachment) copyTo(w io.Writer, most int64) (n int64, err error) {
	if err := a.spent(); err != nil {
		return 0, err
	}
	a.begun = true
	if err := a.rewind(); err != nil {
		return 0, &ReadError{a.Name, err}
	}
	source := &sourceReader{from: a.Body, left: most + 1}
	if a.size >= 0 {
		source.left = a.size
	}
	n, err = io.Copy(w, source)
	switch {
	case source.err != nil:
		return n, &ReadError{a.Name, source.err}
	case err != nil:
		return n, err
	case n < a.size:
		return n, &ReadError{a.Name, fmt.Errorf("%w after %d of %d bytes", io.ErrUnexpectedEOF, n, a.size)}
	case n == 0 && a.seeker == nil:
		return n, FileError(fmt.Sprintf("File %q has nothing to read: it is empty, or has been read before; give a new File, or a Body that can seek", a.Name))
	}
	return n, nil
}

// release sets Body back for the next use.
func (a *attachment) release(sent bool) {
	if !a.begun {
		return
	}
	_ = a.rewind()
	if buffer, ok := a.Body.(*bytes.Buffer); ok && !sent {
		buffer.Reset() // so that the next use finds an empty buffer, and not half of the file
	}
}

// sourceReader keeps an error of reading, so that it can be told from an error of writing.
type sourceReader struct {
	from io.Reader
	left int64
	err  error
}

func (s *sourceReader) Read(p []byte) (n int, err error) {
	if s.left <= 0 {
		return 0, io.EOF
	}
	n, err = s.from.Read(p[:min(int64(len(p)), s.left)])
	s.left -= int64(n)
	if err != nil && err != io.EOF { // io.Copy compares in the same way; the error is the user's
		s.err = err
	}
	return n, err
}

// Size returns how many bytes the message has; -1 if that is not known.
func (m *Message) Size() (size int64) {
	for _, text := range m.text {
		size += int64(len(text))
	}
	for _, file := range m.files {
		if file.size < 0 {
			return -1
		}
		size += file.size
	}
	return size
}

// Check returns an error if the files whose size is known have more than most bytes.
func (m *Message) Check(most int64) error {
	known := int64(0)
	for _, file := range m.files {
		known += max(file.size, 0)
	}
	if known > most {
		return tooMuch(most)
	}
	return nil
}

// copyTo writes m to w, and sets the files back. most is how many bytes the files may have
// together.
func (m *Message) copyTo(w io.Writer, most int64) (err error) {
	left := most
	defer func() {
		for _, file := range m.files {
			file.release(err == nil)
		}
	}()
	for i, text := range m.text {
		if _, err := w.Write(text); err != nil {
			return err
		}
		if i == len(m.files) {
			break
		}
		n, err := m.files[i].copyTo(w, left)
		if err != nil {
			return err
		}
		if left -= n; left < 0 {
			return tooMuch(most)
		}
	}
	return nil
}

// bytes reads all of m into memory.
func (m *Message) bytes() ([]byte, error) {
	if len(m.files) == 0 {
		return m.text[0], nil
	}
	if err := m.Check(MaxFileBytes); err != nil {
		return nil, err
	}
	var body bytes.Buffer
	body.Grow(int(max(m.Size(), 0)) + bytes.MinRead)
	if err := m.copyTo(&body, MaxFileBytes); err != nil {
		return nil, err
	}
	return body.Bytes(), nil
}

// Spent returns an error that says why m cannot be sent again. It returns nil if it can.
func (m *Message) Spent() error {
	for _, file := range m.files {
		if err := file.spent(); err != nil {
			return err
		}
	}
	return nil
}

// Has reports whether m contains text outside of its files.
func (m *Message) Has(text string) bool {
	return slices.ContainsFunc(m.text, func(part []byte) bool { return bytes.Contains(part, []byte(text)) })
}

// Open begins an attempt to send m. It returns the body. most is how many bytes the files may
// have together.
func (m *Message) Open(most int64) (io.ReadCloser, error) {
	if len(m.files) == 0 {
		return io.NopCloser(bytes.NewReader(m.text[0])), nil
	}
	if err := m.End(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.Spent(); err != nil {
		return nil, err
	}
	m.last = newUpload(m, most)
	return m.last, nil
}

// End ends the attempt to send m, if there is one. It returns the error of reading a file.
func (m *Message) End() error {
	m.mu.Lock()
	last := m.last
	m.mu.Unlock()
	if last == nil {
		return nil
	}
	return last.end()
}

// upload is the body of a request. It reads the files while it is sent. The user's code reads
// them, in a goroutine of its own: if it calls runtime.Goexit, it must not end a goroutine of
// net/http.
type upload struct {
	message *Message
	most    int64
	begin   sync.Once
	r       *io.PipeReader
	w       *io.PipeWriter
	done    chan struct{}
	err     error // the error of reading; it is valid when done is closed
}

// readPatience is how long the end of an attempt waits for a Body that is being read.
const readPatience = time.Second

var errSent = errors.New("the request has ended")

func newUpload(m *Message, most int64) *upload {
	u := &upload{message: m, most: most, done: make(chan struct{})}
	u.r, u.w = io.Pipe()
	return u
}

// Read implements [io.Reader].
func (u *upload) Read(p []byte) (int, error) {
	u.begin.Do(func() { go u.pump() })
	return u.r.Read(p)
}

// Close implements [io.Closer].
func (u *upload) Close() error { return u.r.CloseWithError(errSent) }

func (u *upload) pump() {
	err := guard.ErrGoexit
	defer func() {
		if err != errSent { //nolint:errorlint // it may wrap what is the user's
			u.err = err
		}
		_ = u.w.CloseWithError(err)
		close(u.done)
	}()
	err = guard.Call(func() error { return u.message.copyTo(u.w, u.most) })
}

// end waits until nothing reads the files, for readPatience at most.
func (u *upload) end() error {
	_ = u.Close()
	u.begin.Do(func() { close(u.done) })
	timer := time.NewTimer(readPatience)
	defer timer.Stop()
	select {
	case <-u.done:
		return u.err
	case <-timer.C:
		return errors.New("a File is still being read: its Body does not return")
	}
}
