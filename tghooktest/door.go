package tghooktest

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

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
// returns the way to it; it is called for each case, from several goroutines, and
// what it starts it ends in tb.Cleanup. The webhook must be mounted for all methods.
//
// What only a listener shows is left out where Addr is empty. A body that never
// comes is to be ended within 15 seconds, by the server's own timeout where tghook
// has no hold on it, and for so long TestDoor may take. Compression of the answers
// must be off.
func TestDoor(t *testing.T, open func(tb testing.TB, w *tghook.Webhook) Door) {
	t.Helper()
	kind := (&trial{t, open, patience}).mount(nothing).Door
	run := func(c doorCase) {
		if c.suits(kind) {
			t.Run(c.name, func(t *testing.T) { c.run(&trial{t, open, patience}) })
		}
	}
	var slow sync.WaitGroup
	defer slow.Wait()
	for _, c := range slowCases {
		slow.Go(func() { run(c) })
	}
	for _, c := range quickCases() {
		run(c)
	}
}

// patience is how long a case waits for what must happen, and would at once.
const patience = 30 * time.Second

// A doorCase is one promise, named by what it says of every door that it suits.
type doorCase struct {
	name  string
	suits func(Door) bool
	run   func(*trial)
}

// slowCases wait for a time to pass that is not theirs to set.
var slowCases = []doorCase{
	{"a body that never comes is ended and holds up nobody", listening, endlessBody},
	{"an update is late before its platform's deadline", ephemeral, platformDeadline},
}

func quickCases() []doorCase {
	return slices.Concat(admissionCases, replyCases, deliveryCases, lateCases, connectionCases)
}

func anyDoor(Door) bool     { return true }
func listening(d Door) bool { return d.Addr != "" }
func overTCP(d Door) bool   { return listening(d) && d.network() == "tcp" }
func overUnix(d Door) bool  { return listening(d) && d.network() == "unix" }
func lasting(d Door) bool   { return !d.Ephemeral }
func ephemeral(d Door) bool { return d.Ephemeral }

func (d Door) path() string { return cmp.Or(d.Path, "/telegram") }

func (d Door) network() string {
	if strings.HasPrefix(d.Addr, "/") {
		return "unix"
	}
	return "tcp"
}
