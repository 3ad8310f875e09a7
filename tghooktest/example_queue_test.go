package tghooktest_test

import (
	"testing"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/memqueue"
	"github.com/tghook/tghook/tghooktest"
)

// openQueue stands for your function that opens your Queue with a new client.
func openQueue(testing.TB) tghook.Queue { return sharedQueue }

var sharedQueue = memqueue.New()

// A test of a Queue of your own. In your own package the test is called TestQueue, and go
// test runs it.
func ExampleTestQueue() {
	_ = testQueue
	// Output:
}

func testQueue(t *testing.T) {
	tghooktest.TestQueue(t, func(tb testing.TB) tghooktest.QueueBackend {
		tb.Helper()
		return tghooktest.QueueBackend{
			Queue: openQueue(tb),
			Other: openQueue(tb), // as a second process has it
		}
	})
}
