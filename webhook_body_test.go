package tghook_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/rig"
)

// dripping is a body of size bytes that comes in pieces, all but its last byte within a
// second, and the last when it is released.
type dripping struct {
	head, tail string
	size, read int
	release    <-chan struct{}
	reading    *atomic.Int64 // how many have been read from
}

func (b *dripping) Read(p []byte) (int, error) {
	if b.read == 0 {
		b.reading.Add(1)
	}
	switch left := b.size - b.read; left {
	case 0:
		return 0, io.EOF
	case 1:
		<-b.release
	default:
		time.Sleep(time.Millisecond)
		p = p[:min(len(p), 4<<10, left-1)]
	}
	for i := range p {
		switch at := b.read + i; {
		case at < len(b.head):
			p[i] = b.head[at]
		case at >= b.size-len(b.tail) && at < b.size:
			p[i] = b.tail[at-b.size+len(b.tail)]
		default:
			p[i] = 'x'
		}
	}
	n := min(len(p), b.size-b.read)
	b.read += n
	return n, nil
}

// drip sends n bodies of 1 MiB, of updates with ids from first, and returns how their
// answers come, and how many were read.
func drip(w *tghook.Webhook, first int64, n int, release <-chan struct{}) (answers []*rig.Pending, read *atomic.Int64) {
	read = new(atomic.Int64)
	for i := range n {
		id := first + int64(i)
		req := rig.FromTelegram(nil)
		req.ContentLength = 1 << 20
		req.Body = &dripping{
			head: fmt.Sprintf(`{"update_id":%d,"message":{"chat":{"id":%d},"text":"`, id, id), tail: `"}}`,
			size: 1 << 20, release: release, reading: read,
		}
		p := &rig.Pending{Done: make(chan struct{})}
		answers = append(answers, p)
		go func() {
			defer close(p.Done)
			p.Answer = rig.Answer(w.Serve(context.Background(), req))
		}()
	}
	synctest.Wait()
	rig.Pass(10 * time.Second)
	return answers, read
}

// Bodies come before MaxInFlight can count their updates: 500 of 1 MiB would be 500 MiB.
func TestBodiesThatAreReadAtOnceHaveABound(t *testing.T) {
	rig.Alone(t, func(t *testing.T) {
		const slack = 2 << 20 // goroutines and readers
		w, _ := hookFor(t, rig.Nothing, logging(new(rig.Log)))
		before, release := rig.Heap(), make(chan struct{})
		answers, read := drip(w, 1, 500, release)
		if held := rig.Heap() - before; held > 64<<20+slack {
			t.Errorf("%d MiB are held for bodies that come slowly, want 64 at most", held>>20)
		}
		turnedAway := 0
		for _, p := range answers {
			if p.Now() != "" {
				assert.Contains(t, []string{"503 after 2", "503 after 3"}, p.Answer, "answer to a body for which there is no room")
				turnedAway++
			}
		}
		if still := len(answers) - turnedAway; still < 1 || still > 64 { // how many get so far depends on who grows first
			t.Errorf("%d bodies are being read, %d were read from; want some, and no more than 64 MiB can hold", still, read.Load())
		}
		close(release)
		for _, p := range answers {
			if got, _ := p.Wait(); got != "200" && !strings.HasPrefix(got, "503") {
				t.Errorf("answered %s, want 200 or 503", got)
			}
		}
		if held := rig.Heap() - before; held > 70<<20 { // the room is free again; updates are remembered by id
			t.Errorf("%d MiB are held in the end", held>>20)
		}
		answers, _ = drip(w, 1000, 40, release)
		for _, p := range answers {
			assert.Equal(t, "200", p.Now(), "answer when there is room again")
		}
	})
}

// While the dispatcher is full, what comes is most likely to be turned away: little of it
// is read. A redelivery of a known update is heard all the same, or two seconds later.
func TestWhileFullFewBodiesAreRead(t *testing.T) {
	rig.Alone(t, func(t *testing.T) {
		const slack = 2 << 20
		end := make(chan struct{})
		w, seen := hookFor(t, func(context.Context, *tghook.Update) (tghook.Reply, error) {
			<-end
			return rig.Hello, nil
		}, logging(new(rig.Log)), func(cfg *tghook.Config) { cfg.Dispatch.MaxInFlight = 1; cfg.LateAfter = -1 })
		post := func() *rig.Pending {
			return rig.Eventually(func() string { return rig.Answer(w.Serve(context.Background(), rig.FromTelegram(textFrom(1, 1)))) })
		}
		first := post()
		before, release := rig.Heap(), make(chan struct{})
		answers, read := drip(w, 10, 500, release)
		if held := rig.Heap() - before; held > 4<<20+slack {
			t.Errorf("%d MiB are held for bodies that come slowly, want 4 at most", held>>20)
		}
		if n := read.Load(); n > 64 {
			t.Errorf("%d bodies were read from, want as many as 4 MiB have room for", n)
		}
		still := 0
		for _, p := range answers {
			if p.Now() == "" {
				still++
			}
		}
		if still == 0 {
			t.Error("no body is being read: a redelivery could never join")
		}
		joined := post()
		assert.Empty(t, joined.Now(), "a redelivery, whose small body has room")
		close(release)
		for _, p := range answers {
			if got, _ := p.Wait(); !strings.HasPrefix(got, "503 after ") {
				t.Errorf("an update beyond MaxInFlight is answered %s, want 503", got)
			}
		}
		close(end)
		got, _ := joined.Wait()
		assert.Equal(t, rig.HelloAnswer, got, "the redelivery carries the reply")
		got, _ = first.Wait()
		assert.Equal(t, "200", got, "the first delivery")
		rejected := 0
		for _, v := range seen.list() {
			if v.Status == 503 && v.Update == nil && v.Outcome == tghook.OutcomeRejected {
				rejected++
			}
		}
		assert.Equal(t, 500-still, rejected, "requests that Observe is told were rejected")
	})
}

// A redelivery that finds no room is not lost: it comes again.
func TestARedeliveryThatFindsNoRoomJoinsTwoSecondsLater(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		end := make(chan struct{})
		w, _ := hookFor(t, func(context.Context, *tghook.Update) (tghook.Reply, error) {
			<-end
			return rig.Hello, nil
		}, logging(new(rig.Log)), func(cfg *tghook.Config) {
			cfg.Dispatch.MaxInFlight, cfg.LateAfter, cfg.MaxBody = 1, -1, 4<<20
		})
		post := func() *rig.Pending {
			return rig.Eventually(func() string { return rig.Answer(w.Serve(context.Background(), rig.FromTelegram(textFrom(1, 1)))) })
		}
		post()
		stuck := make([]*io.PipeWriter, 0, 128) // each body has taken its first 64 KiB: 128 of them are 8 MiB
		for range 128 {
			r, in := io.Pipe()
			stuck = append(stuck, in)
			req := rig.FromTelegram(nil)
			req.ContentLength, req.Body = 1<<20, r
			rig.Eventually(func() string { return rig.Answer(w.Serve(context.Background(), req)) })
		}
		assert.Contains(t, []string{"503 after 2", "503 after 3"}, post().Now(), "a redelivery for which there is no room")
		for _, in := range stuck {
			_ = in.CloseWithError(rig.ErrBroken)
		}
		rig.Pass(2 * time.Second)
		again := post()
		assert.Empty(t, again.Now(), "the redelivery two seconds later")
		close(end)
		got, _ := again.Wait()
		assert.Equal(t, rig.HelloAnswer, got, "its answer")
	})
}

// readerFunc is a body that is the user's code.
type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// A body may be the user's: a middleware has put it there.
func TestAFoulBodyHurtsItsRequestAlone(t *testing.T) {
	for name, c := range map[string]struct {
		read readerFunc
		want string
	}{
		"panics":            {func([]byte) (int, error) { panic("broken") }, "400"},
		"panics with nil":   {func([]byte) (int, error) { panic(nil) }, "400"}, //nolint:govet // this is the mistake
		"exits":             {func([]byte) (int, error) { runtime.Goexit(); return 0, nil }, "none"},
		"blocks":            {func([]byte) (int, error) { time.Sleep(time.Minute); return 0, io.EOF }, "400"},
		"reads less than 0": {func([]byte) (int, error) { return -1, nil }, "400"},
		"reads too much":    {func(p []byte) (int, error) { return len(p) + 1, nil }, "400"},
		"never reads":       {func([]byte) (int, error) { return 0, nil }, "400"},
		"returns a nil error of a type": {func([]byte) (int, error) {
			var err *rig.NilError
			return 0, err
		}, "400"},
		"returns an error that wraps itself":       {func([]byte) (int, error) { return 0, rig.NewCycle() }, "400"},
		"returns an error that wraps itself twice": {func([]byte) (int, error) { return 0, newTwins() }, "400"},
		"returns an error whose Unwrap panics":     {func([]byte) (int, error) { return 0, badUnwrapError{} }, "400"},
		"returns an error whose Is and As panic":   {func([]byte) (int, error) { return 0, foulError{} }, "400"},
		"returns an error that wraps the deadline's": {func([]byte) (int, error) {
			return 0, fmt.Errorf("slow: %w", &net.OpError{Op: "read", Err: os.ErrDeadlineExceeded})
		}, "408 close"},
	} {
		t.Run(name, func(t *testing.T) {
			rig.Bubble(t, func(t *testing.T) {
				w, _ := hookFor(t, rig.Nothing, logging(new(rig.Log)))
				req := rig.FromTelegram(nil)
				req.ContentLength, req.Body = 100, c.read
				p := &rig.Pending{Done: make(chan struct{})}
				go func() {
					defer close(p.Done)
					p.Answer = "none"
					p.Answer = rig.Answer(w.Serve(context.Background(), req))
				}()
				synctest.Wait()
				assert.Equal(t, 200, w.Serve(t.Context(), rig.FromTelegram(textFrom(2, 2))).Status, "another request")
				got, _ := p.Wait()
				assert.Equal(t, c.want, got, "answer")
				assert.NoError(t, w.Shutdown(t.Context()))
			})
		})
	}
}

// twins wraps itself and itself.
type twins struct{ errs []error }

func newTwins() error {
	c := &twins{}
	c.errs = []error{c, c}
	return c
}

func (c *twins) Error() string   { return "twins" }
func (c *twins) Unwrap() []error { return c.errs }

type badUnwrapError struct{}

func (badUnwrapError) Error() string { return "bad unwrap" }
func (badUnwrapError) Unwrap() error { panic("broken") }

// foulError must not be asked.
type foulError struct{}

func (foulError) Error() string { return "foul" }
func (foulError) Is(error) bool { panic("broken") }
func (foulError) As(any) bool   { panic("broken") }
