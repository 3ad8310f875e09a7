package tghooktest_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/tghooktest"
)

// A test of a door of your own: a router that the webhook is mounted in. In your own package
// the test is called TestRouter, and go test runs it.
func ExampleTestDoor() {
	_ = testRouter
	// Output:
}

func testRouter(t *testing.T) {
	tghooktest.TestDoor(t, func(tb testing.TB, w *tghook.Webhook) tghooktest.Door {
		tb.Helper()
		router := http.NewServeMux()
		router.Handle("/bots/telegram", w) // for all methods, so that tghook answers them
		server := httptest.NewServer(router)
		tb.Cleanup(server.Close)
		return tghooktest.Door{Addr: server.Listener.Addr().String(), Path: "/bots/telegram"}
	})
}
