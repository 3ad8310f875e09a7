package tghooktest_test

import (
	"testing"
	"time"

	"github.com/tghook/tghook/internal/test/memqueue"
	"github.com/tghook/tghook/tghooktest"
)

func TestAQueueInMemoryPasses(t *testing.T) {
	t.Parallel()
	t.Run("with a server that can be stopped", func(t *testing.T) {
		t.Parallel()
		q := memqueue.New()
		down := func(is bool) { q.Set(func(q *memqueue.Queue) { q.Down = is }) }
		tghooktest.TestQueue(t, func(testing.TB) tghooktest.QueueBackend {
			return tghooktest.QueueBackend{Queue: q, Stop: func() { down(true) }, Start: func() {
				time.Sleep(50 * time.Millisecond) // as a server takes to start
				down(false)
			}}
		})
	})
	t.Run("without", testQueue)
}
