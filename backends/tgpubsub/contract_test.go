package tgpubsub_test

import (
	"testing"

	"github.com/tghook/tghook/tghooktest"
)

// Each case has its own server, because a process receives updates that it does not take.
func TestTheQueueKeepsItsContract(t *testing.T) {
	t.Parallel()
	tghooktest.TestQueue(t, func(tb testing.TB) tghooktest.QueueBackend {
		tb.Helper()
		return tghooktest.QueueBackend{
			Queue: newFake(tb).open(tb),
			Gaps:  []tghooktest.QueueGap{tghooktest.GapOnce, tghooktest.GapOldest},
		}
	})
}
