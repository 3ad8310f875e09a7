package adaptertest

import (
	"context"
	"io"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/doortest"
)

// foul is a context with methods that panic or end their goroutine.
type foul struct {
	context.Context

	deadline, done func()
}

func (c foul) Deadline() (time.Time, bool) {
	if c.deadline != nil {
		c.deadline()
	}
	return c.Context.Deadline()
}

func (c foul) Done() <-chan struct{} {
	if c.done != nil {
		c.done()
	}
	return c.Context.Done()
}

// foulStream is such a body, set by a middleware.
type foulStream func()

func (f foulStream) Read([]byte) (int, error) { f(); return 0, io.EOF }

// fasthttp recovers nothing: a panic that reached it would end the process.
func (f Fiber[M]) faultyMiddleware(t *testing.T) {
	breaks := func() { panic("broken") }
	within := func(method string, f func()) func(FiberContext, func()) {
		return func(c FiberContext, started func()) {
			ctx := foul{Context: context.Background()}
			if method == "Deadline" {
				ctx.deadline = f
			} else {
				ctx.done = func() { started(); f() }
			}
			c.SetContext(ctx)
		}
	}
	streaming := func(f func()) func(FiberContext, func()) {
		return func(c FiberContext, _ func()) { c.SetBody(foulStream(f)) }
	}
	for name, c := range map[string]struct {
		spoil func(c FiberContext, started func())
		want  string
	}{
		"Deadline panics":   {within("Deadline", breaks), "500"},
		"Deadline exits":    {within("Deadline", runtime.Goexit), ""},
		"Done panics":       {within("Done", breaks), "500"},
		"Done exits":        {within("Done", runtime.Goexit), ""},
		"the stream panics": {streaming(breaks), "400 close"},
		"the stream exits":  {streaming(runtime.Goexit), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			started := make(chan struct{})
			b := doortest.NewBot(t, func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
				if u.ID == 1 {
					<-started
				}
				return tghook.NoReply, nil
			})
			var requests atomic.Int64
			addr := f.listen(t, f.mounted(b.Webhook, f.Own(func(f FiberContext) error {
				if requests.Add(1) == 1 {
					c.spoil(f, func() { close(started) })
				}
				return f.Next()
			})))
			first := doortest.Dial(t, addr)
			first.Send(doortest.Delivery(doortest.Message(1)))
			if c.want == "" {
				first.Ended()
			} else {
				assert.Equal(t, c.want, first.Answer())
			}
			assert.Equal(t, "200", doortest.Dial(t, addr).Ask(doortest.Delivery(doortest.Message(2))))
		})
	}
}
