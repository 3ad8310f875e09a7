package tghooktest

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tghook/tghook"
)

// Door is a way into a webhook, through which [TestDoor] sends requests.
type Door struct {
	// Transport sends a request to the door. The request's URL has Path; its scheme and
	// host have no meaning. Transport passes on the deadline of the request's context if
	// the door's platform has deadlines, as Lambda does. If nil, it is an HTTP/1.1 client
	// of Addr.
	Transport http.RoundTripper
	// Addr is where the door accepts raw HTTP/1.1: host:port of a listener, or the absolute
	// path of a unix socket. If empty, the door has no listener, and TestDoor leaves out
	// the cases that need one.
	Addr string
	// Path is the path that the webhook is mounted on. If empty, /telegram.
	Path string
	// Ephemeral says that the door's process is frozen after each answer, so that the door
	// treats every late update as LateCancel does.
	Ephemeral bool
}

// TestDoor checks that a door keeps the webhook's promise. Each case is a subtest, named by
// what it promises.
//
// TestDoor calls open once or more for each case, from several goroutines. open mounts w
// for all HTTP methods, without compression of the answers, and returns the way to it. It
// ends what it started in tb.Cleanup.
//
// If Addr is empty, TestDoor leaves out the cases that only a listener shows. One case
// sends a request whose body never comes. It takes until the door ends that request, and
// the door must do so within 15 seconds, by its own server's timeout if tghook cannot set
// one.
func TestDoor(t *testing.T, open func(tb testing.TB, w *tghook.Webhook) Door) {
	t.Helper()
	kind := (&trial{judge{t, patience}, open}).mount(nothing).Door
	run := func(c doorCase) {
		if c.suits(kind) {
			t.Run(c.name, func(t *testing.T) { c.run(&trial{judge{t, patience}, open}) })
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

// A doorCase is one promise, and the doors that it holds for.
type doorCase = contractCase[Door, *trial]

// slowCases wait for times that they cannot choose.
var slowCases = []doorCase{
	{"a request whose body never comes is ended and delays no other", listening, endlessBody},
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
