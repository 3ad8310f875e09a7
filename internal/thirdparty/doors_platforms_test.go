package thirdparty_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"
	"github.com/GoogleCloudPlatform/functions-framework-go/functions"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/doortest"
	"github.com/tghook/tghook/tghooktest"
)

// platforms freeze a program once it has answered, unless the user pays for it to run on.
var platforms = []struct {
	name string
	open func(tb testing.TB, hook *tghook.Webhook) tghooktest.Door
}{
	{"Cloud Run", openCloudRun},
	{"Google's functions framework", openFunctionsFramework},
	{"an Azure Functions custom handler", openAzure},
	{"a Vercel function", openVercel},
	{"a Vercel function behind the Lambda bridge", openVercelBridge},
}

func TestEveryPlatformIsADoor(t *testing.T) {
	t.Parallel()
	for _, platform := range platforms {
		t.Run(platform.name, func(t *testing.T) {
			t.Parallel()
			tghooktest.TestDoor(t, platform.open)
		})
	}
}

// Cloud Run names the port to listen at, and sends HTTP/2 without TLS if it is configured to.
func openCloudRun(tb testing.TB, hook *tghook.Webhook) tghooktest.Door {
	tb.Helper()
	mux := http.NewServeMux()
	mux.Handle("/telegram", hook)
	return tghooktest.Door{Addr: serveOn(tb, "tcp", "127.0.0.1:"+os.Getenv("PORT"), mux), Path: "/telegram"}
}

// The framework opens its own listener, keeps functions registered, and reads their list
// only once. So there is one server, and one function that finds the hook by the path.
func openFunctionsFramework(tb testing.TB, hook *tghook.Webhook) tghooktest.Door {
	tb.Helper()
	addr, err := startFunctions()
	require.NoError(tb, err)
	path := fmt.Sprintf("/%d", mounted.count.Add(1))
	mounted.hooks.Store(path, hook)
	return tghooktest.Door{Addr: addr, Path: path}
}

var mounted struct {
	hooks sync.Map // of *tghook.Webhook, by path
	count atomic.Int64
}

// startFunctions serves the function that FUNCTION_TARGET names, until the process
// ends, because the framework cannot be stopped.
var startFunctions = sync.OnceValues(func() (addr string, err error) {
	functions.HTTP("Telegram", func(rw http.ResponseWriter, r *http.Request) {
		hook, _ := mounted.hooks.Load(r.URL.Path)
		hook.(*tghook.Webhook).ServeHTTP(rw, r)
	})
	for range 10 { // the free port may be taken by the time that the framework listens
		free, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
		if err != nil {
			return "", err
		}
		addr = free.Addr().String()
		free.Close()
		_, port, _ := net.SplitHostPort(addr)
		failed := make(chan error, 1)
		go func() { failed <- funcframework.StartHostPort("127.0.0.1", port) }()
		if listens(addr, failed) {
			return addr, nil
		}
	}
	return "", errors.New("the functions framework found no port")
})

// listens waits until a server listens at addr, or has failed.
func listens(addr string, failed <-chan error) bool {
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	giveUp := time.After(doortest.Patience)
	for {
		select {
		case <-failed:
			return false
		case <-giveUp:
			return false
		case <-again.C:
			if conn, err := new(net.Dialer).DialContext(context.Background(), "tcp", addr); err == nil {
				conn.Close()
				return true
			}
		}
	}
}

// Google tells the framework how long a request may take, and the framework tells the guard.
func TestTheFunctionsFrameworkTellsTheGuardItsDeadline(t *testing.T) {
	endsLate(t, time.Second, func(after time.Duration, h tghook.HandlerFunc) tghooktest.Door {
		t.Setenv("CLOUD_RUN_TIMEOUT_SECONDS", strconv.Itoa(int(after/time.Second)))
		return openFunctionsFramework(t, newHook(t, h, func(cfg *tghook.Config) { cfg.Ephemeral, cfg.LateAfter = true, time.Minute }))
	})
}

// endsLate sends an update to a door that gives it only a short time, checks that the
// update is answered 503 and that its handler is ended, and returns the door. On a busy
// machine the update may be late before its handler has begun. Then there is nothing to
// end, and endsLate tries again with another door and twice the time.
func endsLate(t *testing.T, after time.Duration, open func(after time.Duration, h tghook.HandlerFunc) tghooktest.Door) tghooktest.Door {
	t.Helper()
	for ; ; after *= 2 {
		var runs atomic.Int64
		ended := make(chan error, 1)
		door := open(after, func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
			if runs.Add(1) > 1 {
				return hello(ctx, u)
			}
			select {
			case <-ctx.Done():
			case <-t.Context().Done():
			}
			ended <- context.Cause(ctx)
			return tghook.NoReply, context.Cause(ctx)
		})
		require.Equal(t, "503", post(t, transport(t, door), door.Path, doortest.Message(1)), "the late update")
		if runs.Load() == 0 && after < doortest.Patience {
			continue
		}
		if cause := doortest.Await(t, ended, "the end of the late handler"); !errors.Is(cause, tghook.ErrLate) {
			t.Errorf("the ctx of the late handler ended by %v, want ErrLate", cause)
		}
		return door
	}
}

// With enableForwardingHttpRequest the host passes on the request unchanged, with its path.
func openAzure(tb testing.TB, hook *tghook.Webhook) tghooktest.Door {
	tb.Helper()
	mux := http.NewServeMux()
	mux.Handle("/api/telegram", hook)
	addr := serveOn(tb, "tcp", "127.0.0.1:"+os.Getenv("FUNCTIONS_CUSTOMHANDLER_PORT"), mux)
	return tghooktest.Door{Transport: functionsHost{client(tb, "tcp", addr)}, Addr: addr, Path: "/api/telegram"}
}

// functionsHost adds the headers that Azure's host adds to a request.
type functionsHost struct{ http.RoundTripper }

func (h functionsHost) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("User-Agent", "Azure-Functions-Host/4.1047.100.25477")
	r.Header.Set("X-Azure-Functions-Hostversion", "4.1047.100.25477")
	r.Header.Set("X-Azure-Functions-Invocationid", "0d6b1d4e-6d5f-4c19-9e0e-6f9d3f4ab4b5")
	return h.RoundTripper.RoundTrip(r)
}

// App Service, in front of the host, also writes the port, which is unusual.
func TestAnAzureCustomHandlerKnowsWhoSends(t *testing.T) {
	t.Parallel()
	for from, want := range map[string]string{"149.154.167.220:40312": helloAnswer, "203.0.113.9:40312": "401"} {
		door := openAzure(t, newHook(t, hello, func(cfg *tghook.Config) {
			cfg.AllowedSources = tghook.TelegramSources()
			cfg.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		}))
		got := post(t, door.Transport, door.Path, doortest.Message(1), func(r *http.Request) { r.Header.Set("X-Forwarded-For", from) })
		if got != want {
			t.Errorf("an update from %s was answered %q, want %q", from, got, want)
		}
	}
}

// Vercel's newer runtime serves the function on loopback.
func openVercel(tb testing.TB, hook *tghook.Webhook) tghooktest.Door {
	tb.Helper()
	addr := serveOn(tb, "tcp", "127.0.0.1:"+os.Getenv("PORT"), http.HandlerFunc(functionOf(hook)))
	return tghooktest.Door{Addr: addr, Path: "/api/telegram"}
}

// Its older one makes the request out of a Lambda event.
func openVercelBridge(tb testing.TB, hook *tghook.Webhook) tghooktest.Door {
	tb.Helper()
	return tghooktest.Door{Transport: bridge{http.HandlerFunc(functionOf(hook))}, Path: "/api/telegram"}
}

func functionOf(hook *tghook.Webhook) func(rw http.ResponseWriter, r *http.Request) {
	return func(rw http.ResponseWriter, r *http.Request) { hook.ServeHTTP(rw, r) }
}

// vercelHook and Handler are the content of a file in api/. The hook is built once for all
// requests that a process serves.
var vercelHook, errVercelHook = tghook.New(tghook.HandlerFunc(vercelHandle), tghook.Config{Secret: secret, Ephemeral: true})

var vercelRuns atomic.Int64

func vercelHandle(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
	vercelRuns.Add(1)
	return hello(ctx, u)
}

func Handler(rw http.ResponseWriter, r *http.Request) { vercelHook.ServeHTTP(rw, r) }

func TestAVercelFunctionKeepsItsHookBetweenRequests(t *testing.T) {
	t.Parallel()
	require.NoError(t, errVercelHook)
	for range 2 {
		assert.Equal(t, helloAnswer, post(t, bridge{http.HandlerFunc(Handler)}, "/api/telegram", doortest.Message(1)), "the update")
	}
	assert.Equal(t, int64(1), vercelRuns.Load(), "runs of the handler")
}

// bridge calls a handler without a server or a connection, as Vercel does on Lambda. The
// writer can only do what net/http demands. The request has no deadline, and its
// RemoteAddr is the value of the header X-Real-Ip.
type bridge struct{ handler http.Handler }

func (b bridge) RoundTrip(sent *http.Request) (res *http.Response, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("the process has ended: %v", v)
		}
	}()
	var body []byte
	if sent.Body != nil {
		if body, err = io.ReadAll(sent.Body); err != nil {
			return nil, err
		}
	}
	r, err := http.NewRequestWithContext(context.Background(), sent.Method, sent.URL.Path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Host, r.RequestURI = sent.Host, sent.URL.Path
	for name, values := range sent.Header {
		for _, value := range values {
			r.Header.Add(name, value)
		}
	}
	r.RemoteAddr = r.Header.Get("X-Real-IP")
	rec := httptest.NewRecorder()
	b.handler.ServeHTTP(struct{ http.ResponseWriter }{rec}, r)
	res = rec.Result()
	res.ContentLength = int64(rec.Body.Len())
	return res, nil
}

// A late update on a platform that freezes: with Config.Ephemeral its handler is ended
// before the answer, under every policy, and the update comes again.
func TestAFrozenPlatformIsLeftNoWork(t *testing.T) {
	t.Parallel()
	for _, platform := range platforms {
		for policy, name := range map[tghook.LatePolicy]string{tghook.LateRetry: "LateRetry", tghook.LateAck: "LateAck"} {
			t.Run(platform.name+" by "+name, func(t *testing.T) {
				t.Parallel()
				door := endsLate(t, soon, func(after time.Duration, h tghook.HandlerFunc) tghooktest.Door {
					return platform.open(t, newHook(t, h, firstIsLate(policy, after), func(cfg *tghook.Config) { cfg.Ephemeral = true }))
				})
				assert.Equal(t, helloAnswer, post(t, transport(t, door), door.Path, doortest.Message(1)), "its redelivery")
			})
		}
	}
}

// Without Config.Ephemeral the handler stops in the middle of its work, and goes on when
// the process is thawed. By then another process may have run the update too.
func TestWithoutEphemeralWorkIsLeftInAFrozenProcess(t *testing.T) {
	t.Parallel()
	for _, platform := range platforms {
		t.Run(platform.name, func(t *testing.T) {
			t.Parallel()
			thaw := make(chan struct{})
			melt := sync.OnceFunc(func() { close(thaw) })
			t.Cleanup(melt)
			running := make(chan context.Context, 1)
			frozen := platform.open(t, newHook(t, func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) {
				running <- ctx
				<-thaw
				return hello(ctx, u)
			}, firstIsLate(tghook.LateRetry, soon)))
			to := transport(t, frozen)
			require.Equal(t, "503 after 2", post(t, to, frozen.Path, doortest.Message(1)), "the late update")
			if ctx := doortest.Await(t, running, "the handler to start"); ctx.Err() != nil {
				t.Errorf("the ctx of the late handler ended by %v, want it to go on", context.Cause(ctx))
			}
			another := platform.open(t, newHook(t, hello))
			assert.Equal(t, helloAnswer, post(t, transport(t, another), another.Path, doortest.Message(1)), "its redelivery in another process, which runs it too")
			melt()
			assert.Equal(t, helloAnswer, post(t, to, frozen.Path, doortest.Message(1)), "its redelivery in the same process")
		})
	}
}

// LateAck is worse: Telegram gets 200 and does not send the update again.
func TestWithoutEphemeralLateAckLosesWhatIsFrozen(t *testing.T) {
	t.Parallel()
	for _, platform := range platforms {
		t.Run(platform.name, func(t *testing.T) {
			t.Parallel()
			thaw := make(chan struct{})
			melt := sync.OnceFunc(func() { close(thaw) })
			t.Cleanup(melt)
			ended := make(chan struct{})
			door := platform.open(t, newHook(t, func(context.Context, *tghook.Update) (tghook.Reply, error) {
				defer close(ended)
				<-thaw
				return tghook.NoReply, nil
			}, firstIsLate(tghook.LateAck, soon)))
			require.Equal(t, "200", post(t, transport(t, door), door.Path, doortest.Message(1)), "the late update")
			select {
			case <-ended:
				t.Error("the handler has ended before it could")
			default: // its work is not done, and the update does not come again
			}
			melt()
			doortest.Await(t, ended, "the end of the handler")
		})
	}
}

const soon = 50 * time.Millisecond

// firstIsLate makes the first delivery late after a time, and only that one.
func firstIsLate(policy tghook.LatePolicy, after time.Duration) func(*tghook.Config) {
	var deliveries atomic.Int64
	return func(cfg *tghook.Config) {
		cfg.Deadline = func(*tghook.Update) (time.Duration, tghook.LatePolicy) {
			if deliveries.Add(1) == 1 {
				return after, policy
			}
			return -1, policy
		}
	}
}

func transport(tb testing.TB, door tghooktest.Door) http.RoundTripper {
	tb.Helper()
	if door.Transport != nil {
		return door.Transport
	}
	return client(tb, "tcp", door.Addr)
}
