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

// Message is a call as it is sent: text, and the files between.
type Message struct {
	ContentType string
	text        [][]byte // one more than there are files
	files       []*attachment

	mu   sync.Mutex
	last *upload // the attempt to send it
}

// NewMessage returns a body that is in memory as it is sent.
func NewMessage(body []byte) *Message {
	return &Message{ContentType: ContentType(body), text: [][]byte{body}}
}

// attachment is a file of a message.
type attachment struct {
	File

	seeker io.Seeker // nil: Body serves once
	start  int64     // where it is read from
	size   int64     // -1 if it is not known
	begun  bool      // reading has
}

// attach looks how much of f there is to read.
func attach(f File) *attachment {
	a := &attachment{File: f, size: -1}
	seeker, ok := f.Body.(io.Seeker)
	if !ok {
		return a
	}
	start, err := seeker.Seek(0, io.SeekCurrent)
	if err != nil {
		return a // as that of a pipe
	}
	end, err := seeker.Seek(0, io.SeekEnd)
	if err != nil {
		return a
	}
	a.seeker, a.start = seeker, start
	if start >= end { // it has been read
		a.start = 0
	}
	if end > 0 { // else it may be a file whose size nobody knows, as those of /proc
		a.size = end - a.start
	}
	if a.rewind() != nil {
		a.seeker, a.size = nil, -1
	}
	return a
}

// rewind sets Body to where it is read from.
func (a *attachment) rewind() error {
	if a.seeker == nil {
		return nil
	}
	_, err := a.seeker.Seek(a.start, io.SeekStart)
	return err
}

// spent says that a repetition would have nothing to read.
func (a *attachment) spent() error {
	if !a.begun || a.seeker != nil {
		return nil
	}
	return FileError(fmt.Sprintf("File %q has been read, and its Body, a %T, cannot seek; give a new File, or a Body that can", a.Name, a.Body))
}

// FileError is why a file can never be sent.
type FileError string

func (e FileError) Error() string { return string(e) }

// tooMuch says that files have more bytes than Telegram takes.
func tooMuch(most int64) error {
	return FileError(fmt.Sprintf("the files have more than the %d bytes that Telegram takes", most))
}

// copyTo reads the file, of which there may be so many bytes.
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
		return n, FileError(fmt.Sprintf("File %q has nothing to read: it is empty, or has been read before. Give a new File, or a Body that can seek", a.Name))
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
		buffer.Reset() // the next use is to find nothing, and not a half
	}
}

// sourceReader tells a failure to read from one to write.
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
	if err != nil && err != io.EOF { // as io.Copy has it; the error is the user's
		s.err = err
	}
	return n, err
}

// Size is how long the message is; -1 if that is not known.
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

// Check compares what is known of the files with what there may be.
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

// copyTo reads the files, which may have so many bytes, and sets them back.
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

// Spent says why m cannot be sent again; nil if it can.
func (m *Message) Spent() error {
	for _, file := range m.files {
		if err := file.spent(); err != nil {
			return err
		}
	}
	return nil
}

// Has reports whether text is in m, the files aside.
func (m *Message) Has(text string) bool {
	return slices.ContainsFunc(m.text, func(part []byte) bool { return bytes.Contains(part, []byte(text)) })
}

// Open begins an attempt to send m, of whose files it reads so many bytes.
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

// End ends the attempt to send m, if any. Its error is that of reading a file.
func (m *Message) End() error {
	m.mu.Lock()
	last := m.last
	m.mu.Unlock()
	if last == nil {
		return nil
	}
	return last.end()
}

// upload is the body of a request. It reads files while it is sent. Functions of the user
// read them. They run in a goroutine of their own, because one of net/http must not end.
type upload struct {
	message *Message
	most    int64
	begin   sync.Once
	r       *io.PipeReader
	w       *io.PipeWriter
	done    chan struct{}
	err     error // of reading, when done is closed
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

// end waits until no file is read any more.
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
