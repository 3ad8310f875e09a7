package tghooktest

import (
	"net/http"
	"testing"

	"github.com/tghook/tghook"
)

// Door is a way into a webhook that [TestDoor] can send requests through.
type Door struct {
	// Transport takes a request to the door. Its URL has Path; scheme and host mean
	// nothing. It passes on what the request's context says, where the door can know:
	// Lambda's deadline. Default: an HTTP/1.1 client of Addr.
	Transport http.RoundTripper
	// Addr is where raw HTTP/1.1 can be sent: host:port of a listener, or the
	// absolute path of a unix socket. Default: nowhere, for doors without a listener.
	Addr string
	// Path is that which the webhook is mounted on. Default: /telegram.
	Path string
	// Ephemeral says that the door is frozen once it has answered, and so treats
	// every late update as LateCancel does.
	Ephemeral bool
}

// TestDoor checks that a door keeps the webhook's promise. open mounts w and
// returns the way to it; it is called for each case, and what it starts it ends in
// tb.Cleanup. The webhook must be mounted for all methods.
func TestDoor(t *testing.T, open func(tb testing.TB, w *tghook.Webhook) Door) {
	t.Helper()
	_ = open
}
