package dispatch

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook/internal/lane"
)

// Without it every look for a value would make the part of a context that can end.
func TestTheKeyOfTheContextPackageIsKnown(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	assert.NotNil(t, endKey)
	assert.NotNil(t, ctx.Value(endKey), "what the context package finds by it")
}

// handler is an owner whose handler is a function.
type handler struct {
	owner

	handle func(*Context) Result
}

func (h handler) Handle(ctx *Context) Result { return h.handle(ctx) }

// sender is a Sender that is a function.
type sender func()

func (s sender) Send(context.Context, []byte) error {
	s()
	return nil
}

// deliver lets an engine handle an item.
func deliver(t *testing.T, handle func(*Context) Result) {
	t.Helper()
	e := newEngine()
	e.Owner = handler{handle: handle}
	a, err := e.Arrive(t.Context(), e.Now(), Carries)
	require.NoError(t, err)
	e.Deliver(a, lane.Key{Class: lane.Chat, ID: 1}, Item{ID: 1, Life: time.Hour, MaxRetry: time.Hour}, Deadline{After: -1})
	synctest.Wait()
}

func TestAfterWaitsForTheCallOfTheReply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var happened []string
		note := func(what string) func() { return func() { happened = append(happened, what) } }
		deliver(t, func(ctx *Context) Result {
			derived, cancel := context.WithCancel(ctx)
			defer cancel()
			After(derived, note("first"))
			After(derived, note("second"))
			return Result{CallOnly: true, Reply: Reply{Body: []byte("{}"), Sender: sender(func() {
				synctest.Wait()
				note("call")()
			})}}
		})
		assert.Equal(t, []string{"call", "first", "second"}, happened)
	})
}

func TestAfterAnAttemptThatWasGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		late := make(chan struct{})
		deliver(t, func(ctx *Context) Result {
			After(ctx, func() { calls++ })
			<-late
			After(ctx, func() { calls++ })
			return Result{}
		})
		assert.Equal(t, 1, calls)
		close(late)
		synctest.Wait()
		assert.Equal(t, 2, calls)
	})
}

func TestAfterWithoutAnAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		called := false
		ctx, cancel := context.WithCancel(t.Context())
		After(ctx, func() { called = true })
		synctest.Wait()
		assert.False(t, called)
		cancel()
		synctest.Wait()
		assert.True(t, called)
	})
}
