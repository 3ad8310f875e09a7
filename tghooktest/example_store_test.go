package tghooktest_test

import (
	"testing"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/memstore"
	"github.com/tghook/tghook/tghooktest"
)

// openStore stands for what opens your Store, with a client of its own.
func openStore(testing.TB) tghook.Store { return shared }

var shared = memstore.New()

// A test of a Store of your own. In your own package the test is called TestStore, and go test
// runs it.
func ExampleTestStore() {
	_ = testStore
	// Output:
}

func testStore(t *testing.T) {
	tghooktest.TestStore(t, func(tb testing.TB) tghooktest.Backend {
		tb.Helper()
		return tghooktest.Backend{
			Store: openStore(tb),
			Other: openStore(tb), // as a second process has it
		}
	})
}
