package tghook_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/rig"
)

// zeros are so many bytes that can be sought in and take no memory.
type zeros struct{ size, at int64 }

func (z *zeros) Read(p []byte) (int, error) {
	n := min(int64(len(p)), z.size-z.at)
	if n <= 0 {
		return 0, io.EOF
	}
	clear(p[:n])
	z.at += n
	return int(n), nil
}

func (z *zeros) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += z.at
	case io.SeekEnd:
		offset += z.size
	}
	z.at = offset
	return z.at, nil
}

// once is a reader that cannot seek.
func once(r io.Reader) io.Reader { return struct{ io.Reader }{r} }

func uploadOf(body io.Reader) map[string]any {
	return map[string]any{"chat_id": 7, "document": tghook.File{Name: "a.bin", Body: body}}
}

// sink is a Bot API that reads what it gets, and counts.
type sink struct {
	requests, bytes, length int64
	seen                    []string // what small requests had in their file
	answers                 []outcome
}

func (s *sink) RoundTrip(r *http.Request) (*http.Response, error) {
	defer r.Body.Close()
	s.requests++
	s.length = r.ContentLength
	if n := int(s.requests) - 1; n < len(s.answers) && errors.Is(s.answers[n].err, unreachable.err) {
		return s.answers[n].response()
	}
	var kept bytes.Buffer
	n, err := io.Copy(io.MultiWriter(&limited{&kept, 4096}, counting{&s.bytes}), r.Body)
	if err != nil {
		return nil, err
	}
	if r.ContentLength >= 0 && r.ContentLength != n {
		return nil, errors.New("the length is wrong")
	}
	_, content, _ := strings.Cut(kept.String(), "application/octet-stream\r\n\r\n")
	content, _, _ = strings.Cut(content, "\r\n--")
	s.seen = append(s.seen, content)
	if n := int(s.requests) - 1; n < len(s.answers) {
		return s.answers[n].response()
	}
	return rig.APIAnswer(200, rig.APIOK), nil
}

type limited struct {
	*bytes.Buffer
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	n := min(len(p), l.left)
	l.left -= n
	_, _ = l.Buffer.Write(p[:n])
	return len(p), nil
}

type counting struct{ n *int64 }

func (c counting) Write(p []byte) (int, error) { *c.n += int64(len(p)); return len(p), nil }

func (s *sink) client(tb testing.TB, cfg tghook.ClientConfig) *tghook.Client {
	tb.Helper()
	cfg.HTTP = &http.Client{Transport: s}
	return rig.NewClient(tb, cfg)
}

// Not parallel: what others allocate would count.
func TestAnUploadIsNotInMemory(t *testing.T) {
	const size = 45 << 20
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		if n < size || err != nil {
			t.Errorf("%d bytes came (%v)", n, err)
		}
		_, _ = io.WriteString(rw, rig.APIOK)
	}))
	defer server.Close()
	c := rig.NewClient(t, tghook.ClientConfig{BaseURL: server.URL, HTTP: server.Client()})
	for name, body := range map[string]io.Reader{"of a known size": &zeros{size: size}, "of an unknown one": once(&zeros{size: size})} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		assert.NoError(t, c.Call(t.Context(), "sendDocument", uploadOf(body), nil))
		runtime.ReadMemStats(&after)
		if allocated := after.TotalAlloc - before.TotalAlloc; allocated > size/20 {
			t.Errorf("a file %s, of %d bytes, took %d", name, size, allocated)
		}
	}
}

func TestFilesHave50MiBByTheCloudAnd2000ByALocalServer(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		body  func(size int64) io.Reader
		local bool
		most  int64
	}{
		{"known, cloud", func(size int64) io.Reader { return &zeros{size: size} }, false, 50 << 20},
		{"unknown, cloud", func(size int64) io.Reader { return once(&zeros{size: size}) }, false, 50 << 20},
		{"known, local", func(size int64) io.Reader { return &zeros{size: size} }, true, 2000 << 20},
	} {
		cfg := tghook.ClientConfig{Local: test.local, Patience: time.Hour}
		s := &sink{}
		if test.most <= 50<<20 { // it takes seconds to read 2000
			if err := s.client(t, cfg).Call(t.Context(), "sendDocument", uploadOf(test.body(test.most)), nil); err != nil || s.bytes < test.most {
				t.Errorf("%s: %d bytes were sent (%v)", test.name, s.bytes, err)
			}
		} else if err := s.client(t, cfg).Call(t.Context(), "sendDocument", uploadOf(test.body(60<<20)), nil); err != nil || s.bytes < 60<<20 {
			t.Errorf("%s: %d bytes were sent (%v)", test.name, s.bytes, err)
		}
		s = &sink{}
		err := s.client(t, cfg).Call(t.Context(), "sendDocument", uploadOf(test.body(test.most+1)), nil)
		var unsendable *tghook.ReplyError
		if !errors.As(err, &unsendable) || !strings.Contains(err.Error(), strconv.FormatInt(test.most, 10)) {
			t.Errorf("%s: one byte more: %v", test.name, err)
		}
		assert.Nil(t, s.seen, test.name+": what was sent of it")
		if known := strings.HasPrefix(test.name, "known"); s.requests > 1 || known && s.requests > 0 {
			t.Errorf("%s: %d requests", test.name, s.requests)
		}
	}
}

func TestAnUploadSaysItsLengthIfItIsKnown(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		body  io.Reader
		known bool
	}{
		"known":        {strings.NewReader("content"), true},
		"unknown":      {once(strings.NewReader("content")), false},
		"a pipe's end": {bytes.NewBufferString("content"), false},
	} {
		s := &sink{}
		assert.NoError(t, s.client(t, tghook.ClientConfig{}).Call(t.Context(), "sendDocument", uploadOf(test.body), nil))
		assert.Equal(t, test.known, s.length > 0, name)
		assert.Equal(t, []string{"content"}, s.seen, name)
	}
}

// A body that can seek is read from where it stood, at each attempt and by each
// handler.
func TestAFileIsReadFromWhereItStoodEachTime(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		for name, test := range map[string]struct {
			at   int64
			want string
		}{
			"its start":      {0, "0123456789"},
			"midway":         {4, "456789"},
			"its end":        {10, "0123456789"},
			"behind its end": {20, "0123456789"},
		} {
			body := strings.NewReader("0123456789")
			_, _ = body.Seek(test.at, io.SeekStart)
			s := &sink{answers: []outcome{tooMany, tooMany}}
			c := s.client(t, tghook.ClientConfig{Patience: time.Minute})
			for range 2 { // calls with the same File
				assert.NoError(t, c.Call(t.Context(), "sendDocument", uploadOf(body), nil))
			}
			assert.Equal(t, []string{test.want, test.want, test.want, test.want}, s.seen, name)

			shared := uploadOf(body)
			r := rig.NewBot(t, tghook.Config{}, func(context.Context, *tghook.Update) (tghook.Reply, error) {
				return tghook.Reply{Method: "sendDocument", Params: shared}, nil
			})
			for id := range int64(2) {
				if got := r.Post(rig.MessageIn(7, id)); !strings.Contains(got, test.want) || strings.Contains(got, "0123456789"+test.want) {
					t.Errorf("%s: the reply of the same File: %s", name, got)
				}
			}
		}
	})
}

func TestAFileThatServesOnceIsNeverSentEmptyOrHalf(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		patience := tghook.ClientConfig{Patience: time.Minute}
		for name, kind := range map[string]func() io.Reader{
			"a reader": func() io.Reader { return once(strings.NewReader("content")) },
			"a buffer": func() io.Reader { return bytes.NewBufferString("content") },
		} {
			s := &sink{answers: []outcome{tooMany}}
			err := s.client(t, patience).Call(t.Context(), "sendDocument", uploadOf(kind()), nil)
			var refused *tghook.APIError
			if !errors.As(err, &refused) || !strings.Contains(err.Error(), `"a.bin"`) || !strings.Contains(err.Error(), "cannot seek") {
				t.Errorf("%s, refused: %v", name, err)
			}
			assert.Equal(t, []string{"content"}, s.seen, name+": what was sent")

			s = &sink{answers: []outcome{unreachable}}
			assert.NoErrorf(t, s.client(t, patience).Call(t.Context(), "sendDocument", uploadOf(kind()), nil), "%s, when nothing was read of it", name)
			assert.Equal(t, []string{"content"}, s.seen, name+": what was sent then")

			s = &sink{}
			c, body := s.client(t, patience), kind()
			assert.NoError(t, c.Call(t.Context(), "sendDocument", uploadOf(body), nil), name+": the first call")
			err = c.Call(t.Context(), "sendDocument", uploadOf(body), nil)
			var unsendableError *tghook.ReplyError
			if !errors.As(err, &unsendableError) || !strings.Contains(err.Error(), `"a.bin"`) {
				t.Errorf("%s, used again: %v", name, err)
			}
			assert.Equal(t, []string{"content"}, s.seen, name+": what was sent by two calls")

			body = kind()
			answerOnce, _ := answerWith(t, tghook.Reply{Method: "sendDocument", Params: uploadOf(body)})
			if !bytes.Contains(answerOnce.Body, []byte("content")) {
				t.Errorf("%s as a reply: %s", name, answerOnce.Body)
			}
			if err := unsendable(t, tghook.Reply{Method: "sendDocument", Params: uploadOf(body)}); !strings.Contains(err.Error(), `"a.bin"`) {
				t.Errorf("%s as a reply again: %v", name, err)
			}
		}

		// Of a call that breaks off, half of a buffer is gone.
		buffer := bytes.NewBufferString(strings.Repeat("a", 1<<20))
		c := rig.Transport(func(r *http.Request) (*http.Response, error) {
			defer r.Body.Close()
			_, _ = io.CopyN(io.Discard, r.Body, 1000)
			return nil, io.ErrUnexpectedEOF
		}).Client(t, patience)
		assert.ErrorIs(t, c.Call(t.Context(), "sendDocument", uploadOf(buffer), nil), io.ErrUnexpectedEOF)
		unsendable(t, tghook.Reply{Method: "sendDocument", Params: uploadOf(buffer)})
	})
}

// A file that gets shorter meanwhile is not sent.
func TestAFileThatEndsEarlyFailsTheCall(t *testing.T) {
	t.Parallel()
	s := &sink{}
	err := s.client(t, tghook.ClientConfig{}).Call(t.Context(), "sendDocument", uploadOf(&shrinking{zeros{size: 1000}}), nil)
	if !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), `"a.bin"`) {
		t.Error(err)
	}
	assert.Nil(t, s.seen, "what was sent")
	grown := &zeros{size: 1000}
	params := uploadOf(growing{grown})
	assert.NoError(t, s.client(t, tghook.ClientConfig{}).Call(t.Context(), "sendDocument", params, nil), "one that grows")
}

type shrinking struct{ zeros }

func (s *shrinking) Read(p []byte) (int, error) {
	s.size = 500
	return s.zeros.Read(p)
}

type growing struct{ *zeros }

func (g growing) Read(p []byte) (int, error) {
	g.size += 100
	return g.zeros.Read(p)
}

// net/http sends a request again whose connection had died: by a body from GetBody.
func TestATransportMaySendAnUploadAgain(t *testing.T) {
	t.Parallel()
	send := func(body io.Reader, readFirst int64) (content string, err error) {
		c := rig.Transport(func(r *http.Request) (*http.Response, error) {
			_, _ = io.CopyN(io.Discard, r.Body, readFirst)
			r.Body.Close()
			again, err := r.GetBody()
			if err != nil {
				return nil, err
			}
			defer again.Close()
			all, err := io.ReadAll(again)
			content = string(all)
			return rig.APIAnswer(200, rig.APIOK), err
		}).Client(t, tghook.ClientConfig{})
		return content, c.Call(t.Context(), "sendDocument", uploadOf(body), nil)
	}
	large := strings.Repeat("content", 100_000)
	for _, readFirst := range []int64{0, 1, 100_000} {
		content, err := send(strings.NewReader(large), readFirst)
		if err != nil || !strings.Contains(content, "\r\n"+large+"\r\n") {
			t.Errorf("after %d bytes %d are sent (%v)", readFirst, len(content), err)
		}
		content, err = send(once(strings.NewReader(large)), readFirst)
		if begun := readFirst > 1000; begun && (err == nil || !strings.Contains(err.Error(), "cannot seek")) || !begun && err != nil {
			t.Errorf("of one that serves once, %d are sent after %d (%v)", len(content), readFirst, err)
		}
	}
}
