package adaptertest

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/doortest"
	"github.com/tghook/tghook/tghooktest"
)

// Fiber is a version of Fiber with the adapter for it. M is Fiber's type of a middleware.
type Fiber[M any] struct {
	New func(app FiberApp[M]) FiberServer
	// Own returns a middleware of the suite.
	Own func(f func(c FiberContext) error) M
	// ErrTeapot is Fiber's error with the status 418.
	ErrTeapot error

	// The rest are Fiber's own middleware.
	Compress func() M
	ETag     func() M
	// Recover calls seen with what it recovers.
	Recover func(seen func(v any)) M
}

// FiberApp describes a Fiber app with one route for a bot. The first fields are those
// of Fiber's own configuration.
type FiberApp[M any] struct {
	BodyLimit                int
	DisableDefaultDate       bool
	DisableHeaderNormalizing bool
	IdleTimeout              time.Duration
	Immutable                bool
	ReadTimeout              time.Duration
	ReduceMemoryUsage        bool
	StreamRequestBody        bool
	// ForwardedIP makes the context's IP what X-Forwarded-For says.
	ForwardedIP bool
	// OnError, if set, takes the place of Fiber's error handler, and answers 418.
	OnError func(err error)

	// Use is middleware of the whole app.
	Use []M
	// Group is the prefix of the route's group, which has the middleware GroupUse. If
	// empty, the route is in no group.
	Group    string
	GroupUse []M
	// Mount is the prefix at which another app mounts this one. If empty, none does.
	Mount string
	// Path is the path of the route for all methods, below Group.
	Path string
	// Webhook is what the adapter serves on the route.
	Webhook *tghook.Webhook
	// Timeout is that of Fiber's timeout middleware around the route. If zero, there is none.
	Timeout time.Duration
}

// FiberServer is what the suite does with an app.
type FiberServer struct {
	Serve     func(listener net.Listener) error
	ServeConn func(conn net.Conn) error
	Shutdown  func() error
	// HTTP serves the app behind net/http, by Fiber's adaptor.
	HTTP http.Handler
}

// FiberContext is the part of Fiber's context that the suite uses.
type FiberContext interface {
	Next() error
	Path(override ...string) string
	Query(key string, fallback ...string) string
	Set(name, value string)
	SendString(body string) error
	// Context and SetContext are about the context that reaches the handler.
	Context() context.Context
	SetContext(ctx context.Context)
	// SetBody puts a stream in the place of the request's body.
	SetBody(stream io.Reader)
	// Answer returns the response's body, in the server's memory.
	Answer() []byte
}

// TestFiber runs the suite, its tests in parallel but for the one that measures memory.
func TestFiber[M any](t *testing.T, f Fiber[M]) {
	t.Run("an encoded body is not decoded", f.encodedBodyIsNotDecoded)
	for name, test := range map[string]func(t *testing.T){
		"a door keeps the promise however Fiber is configured":          f.configurationsAreDoors,
		"a door keeps the promise behind middleware and in a group":     f.groupIsADoor,
		"a door keeps the promise on a unix socket":                     f.unixSocketIsADoor,
		"Fiber's error handler is not called for any answer":            f.errorHandlerIsNotCalled,
		"a HEAD request is refused without a body":                      f.headIsRefused,
		"a panic is 500 once and Recover does not see it":               f.panicIs500,
		"every line of a secret counts, whatever its case":              f.everyLineOfASecretCounts,
		"the source is the peer's address until its proxy is trusted":   f.sourceIsThePeer,
		"each connection has its own peer":                              f.eachConnectionHasItsPeer,
		"a trailer does not state the source":                           f.trailerIsNoSource,
		"an encoded body is refused":                                    f.encodedBodyIsRefused,
		"the answer's headers replace those of middleware":              f.headersReplaceThoseOfMiddleware,
		"values of the context reach the handler":                       f.contextValuesReachTheHandler,
		"an update is answered before Fiber's timeout":                  f.timeout,
		"nothing of one answer is in the next":                          f.answersDoNotMix,
		"a bot in a group and in a mounted app is served":               f.groupAndMountedApp,
		"an app behind Fiber's adaptor is served":                       f.adaptor,
		"the webhook is shut down before the app":                       f.shutdown,
		"the documented ReadTimeout outlasts Telegram's silence":        f.readTimeout,
		"a connection lasts after its stream was refused":               f.connectionLastsAfterARefusal,
		"faulty code of a middleware hurts its own request alone":       f.faultyMiddleware,
		"an update outlives the memory that it came in":                 f.updatesOutliveTheirMemory,
		"what Observe saw stays as it was":                              f.deliveriesOutliveTheirMemory,
		"a streamed body is refused before it has come":                 f.streamIsRefusedEarly,
		"the rest of a refused stream is not taken for a request":       f.restOfARefusedStream,
		"a body that breaks off is not run":                             f.bodyThatBreaksOff,
		"a body over a BodyLimit below MaxBody is answered by Fiber":    f.bodyLimitBelowMaxBody,
		"a body over MaxBody is answered by the webhook":                f.bodyLimitAboveMaxBody,
		"middleware that writes into a reply does not spoil its repeat": f.middlewareThatWritesIntoAReply,
		"a compressed reply and its repeat are whole":                   f.compress,
		"a reply with a file is not compressed":                         f.compressAFile,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t)
		})
	}
}

// mounted returns an app with w at doortest.Path.
func (Fiber[M]) mounted(w *tghook.Webhook, use ...M) FiberApp[M] {
	return FiberApp[M]{Path: doortest.Path, Webhook: w, Use: use}
}

// listen serves app on a port of its own until the test ends.
func (f Fiber[M]) listen(tb testing.TB, app FiberApp[M]) (addr string) {
	tb.Helper()
	return listenAt(tb, f.New(app), "tcp", "127.0.0.1:0")
}

// dial connects to app on a port of its own.
func (f Fiber[M]) dial(tb testing.TB, app FiberApp[M]) *doortest.Conn {
	tb.Helper()
	return doortest.Dial(tb, f.listen(tb, app))
}

// listenAt serves server at an address until the test ends.
func listenAt(tb testing.TB, server FiberServer, network, address string) (addr string) {
	tb.Helper()
	listener, err := new(net.ListenConfig).Listen(tb.Context(), network, address)
	require.NoError(tb, err)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	tb.Cleanup(func() { // not by Shutdown, which looks only ten times a second
		_ = listener.Close()
		require.NoError(tb, doortest.Await(tb, served, "the end of the server"))
	})
	return listener.Addr().String()
}

// pipe serves app on one connection in memory, for a bubble. In a bubble, a server that
// writes the date never ends.
func (f Fiber[M]) pipe(t *testing.T, app FiberApp[M]) *doortest.Conn {
	t.Helper()
	app.DisableDefaultDate = true
	server := f.New(app)
	ours, theirs := net.Pipe()
	served := make(chan error)
	go func() { served <- server.ServeConn(theirs) }()
	t.Cleanup(func() { <-served })
	return doortest.NewConn(t, ours)
}

func (f Fiber[M]) configurationsAreDoors(t *testing.T) {
	for name, app := range map[string]FiberApp[M]{
		"default":                  {},
		"Immutable":                {Immutable: true},
		"StreamRequestBody":        {StreamRequestBody: true},
		"ReduceMemoryUsage":        {ReduceMemoryUsage: true},
		"DisableHeaderNormalizing": {DisableHeaderNormalizing: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f.testDoor(t, app)
		})
	}
}

func (f Fiber[M]) groupIsADoor(t *testing.T) {
	f.testDoor(t, FiberApp[M]{Group: "/:name", GroupUse: []M{f.Recover(func(any) {}), f.ETag()}, Path: "/"})
}

func (f Fiber[M]) testDoor(t *testing.T, app FiberApp[M]) {
	t.Helper()
	tghooktest.TestDoor(t, func(tb testing.TB, w *tghook.Webhook) tghooktest.Door {
		tb.Helper()
		return tghooktest.Door{Addr: f.listen(tb, app.forADoor(w)), Path: doortest.Path}
	})
}

// forADoor returns a with the webhook w and with timeouts that end a body which never comes.
func (a FiberApp[M]) forADoor(w *tghook.Webhook) FiberApp[M] {
	a.ReadTimeout, a.IdleTimeout, a.Webhook = 10*time.Second, time.Minute, w
	if a.Path == "" {
		a.Path = doortest.Path
	}
	return a
}

func (f Fiber[M]) unixSocketIsADoor(t *testing.T) {
	tghooktest.TestDoor(t, func(tb testing.TB, w *tghook.Webhook) tghooktest.Door {
		tb.Helper()
		dir, err := os.MkdirTemp("", "door") //nolint:usetesting // TempDir is too long for a socket
		require.NoError(tb, err)
		tb.Cleanup(func() { _ = os.RemoveAll(dir) })
		server := f.New(FiberApp[M]{}.forADoor(w))
		return tghooktest.Door{Addr: listenAt(tb, server, "unix", filepath.Join(dir, "s")), Path: doortest.Path}
	})
}

// repeated is the answer to an update with this body, from doortest.Repeat.
func repeated(body string) string { return "200 application/json " + doortest.Repeated(body) }
