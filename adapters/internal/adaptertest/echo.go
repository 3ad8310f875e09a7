package adaptertest

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/doortest"
	"github.com/tghook/tghook/tghooktest"
)

// Echo is a version of Echo with the adapter for it. M is Echo's type of a middleware.
type Echo[M any] struct {
	// New returns an Echo that logs nothing.
	New func(app EchoApp[M]) http.Handler
	// Own returns a middleware of the suite.
	Own func(f func(c EchoContext, next func() error) error) M
	// ErrNotFound is Echo's error with the status 404.
	ErrNotFound error

	// The rest are Echo's own middleware.
	BodyDump            func(dump func(in, out []byte)) M
	BodyLimit           func(limit int64) M
	ContextTimeout      func(timeout time.Duration) M
	Decompress          func() M
	Gzip                func() M
	Recover             func() M
	RemoveTrailingSlash func() M
	RequestLogger       func(log func(status int)) M
	// Timeouts are by name all that end a request after a time.
	Timeouts map[string]func(timeout time.Duration) M
}

// EchoApp describes an Echo with one route for a bot.
type EchoApp[M any] struct {
	// Pre and Use are middleware in front of the router and behind it.
	Pre, Use []M
	// Group is the prefix of the route's group, which has the middleware GroupUse. If
	// empty, the route is in no group.
	Group    string
	GroupUse []M
	// Post makes the route serve POST alone. Else it serves all methods.
	Post bool
	// Path is the route's path, below Group.
	Path string
	// Webhook is what the adapter serves on the route.
	Webhook *tghook.Webhook
	// Choose takes the place of Webhook, if set: it returns the webhook for a request.
	Choose func(c EchoContext) *tghook.Webhook
	// OnError, if set, takes the place of Echo's error handler, and answers 418.
	OnError func(err error)
}

// EchoContext is the part of Echo's context that the suite uses.
type EchoContext interface {
	Request() *http.Request
	SetRequest(r *http.Request)
	Param(name string) string
	Bind(target any) error
	String(code int, s string) error
}

// TestEcho runs the suite, its tests in parallel.
func TestEcho[M any](t *testing.T, e Echo[M]) {
	for name, test := range map[string]func(t *testing.T){
		"a route is a door":                                            e.routeIsADoor,
		"a group behind middleware is a door":                          e.groupIsADoor,
		"Echo's error handler is not called for any answer":            e.errorHandlerIsNotCalled,
		"a panic is 500 and Recover does not see it":                   e.panicIs500,
		"ErrAbortHandler drops the connection through all middleware":  e.abortDropsTheConnection,
		"values in the request's context reach the handler":            e.contextValuesReachTheHandler,
		"one route of a group serves many bots":                        e.oneRouteServesManyBots,
		"Echo answers other methods of a POST route":                   e.otherMethods,
		"a trailing slash may be removed":                              e.trailingSlash,
		"an answer of an earlier middleware stands":                    e.earlierAnswerStands,
		"Echo serves many updates at once":                             e.manyUpdatesAtOnce,
		"a slow body is 408 behind middleware":                         e.slowBodyIs408,
		"a body that Bind has read is 400 and Observe sees why":        e.bodyReadByBindIs400,
		"BodyDump sees both bodies":                                    e.bodyDump,
		"a body over Echo's BodyLimit is 413":                          e.bodyLimit,
		"Gzip compresses replies and nothing else":                     e.gzip,
		"Gzip compresses no reply with a file":                         e.gzipOfAFile,
		"Decompress does not make a compressed update acceptable":      e.decompress,
		"the webhook answers before a timeout and the handler goes on": e.timeouts,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t)
		})
	}
}

// mounted returns an Echo with w at doortest.Path, for all methods.
func (e Echo[M]) mounted(w *tghook.Webhook, use ...M) http.Handler {
	return e.New(EchoApp[M]{Use: use, Path: doortest.Path, Webhook: w})
}

// dial connects to a new server with h, which ends with the test.
func dial(t *testing.T, h http.Handler) *doortest.Conn {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return doortest.Dial(t, server.Listener.Addr().String())
}

func (e Echo[M]) routeIsADoor(t *testing.T) {
	tghooktest.TestDoor(t, func(tb testing.TB, w *tghook.Webhook) tghooktest.Door {
		tb.Helper()
		return echoDoor(tb, e.mounted(w))
	})
}

func (e Echo[M]) groupIsADoor(t *testing.T) {
	tghooktest.TestDoor(t, func(tb testing.TB, w *tghook.Webhook) tghooktest.Door {
		tb.Helper()
		return echoDoor(tb, e.New(EchoApp[M]{
			Use:   []M{e.RequestLogger(func(int) {}), e.Recover()},
			Group: "/:name", GroupUse: []M{e.BodyLimit(8 << 20), e.ContextTimeout(time.Minute)},
			Webhook: w,
		}))
	})
}

func echoDoor(tb testing.TB, h http.Handler) tghooktest.Door {
	tb.Helper()
	server := httptest.NewServer(h)
	tb.Cleanup(server.Close)
	return tghooktest.Door{Addr: server.Listener.Addr().String(), Path: doortest.Path}
}
