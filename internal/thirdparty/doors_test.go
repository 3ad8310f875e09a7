package thirdparty_test

import (
	"context"
	"flag"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"
	"github.com/gorilla/mux"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/doortest"
	"github.com/tghook/tghook/tghooktest"
)

// TestMain sets the environment that the platforms give to a program. It runs many tests in
// parallel, because they mostly wait for bodies that never come and for late handlers.
func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", "32"); err != nil {
		panic(err)
	}
	gin.SetMode(gin.ReleaseMode)
	for name, value := range map[string]string{
		"FUNCTION_TARGET":              "Telegram", // Google: the deployed function
		"FUNCTIONS_CUSTOMHANDLER_PORT": "0",        // Azure: the port to listen at
		"PORT":                         "0",        // Cloud Run and Vercel's newer runtime: the port to listen at
	} {
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}
	m.Run()
}

// routers are mounted as a user mounts a hook on them, for all methods.
var routers = []struct {
	name, path string
	mount      func(hook *tghook.Webhook) http.Handler
}{
	{"http.ServeMux", "/telegram", func(hook *tghook.Webhook) http.Handler {
		mux := http.NewServeMux()
		mux.Handle("/telegram", hook)
		return mux
	}},
	{"http.ServeMux with a bot for each path below a prefix", "/bots/main", func(hook *tghook.Webhook) http.Handler {
		hooks := map[string]*tghook.Webhook{"main": hook}
		bots := http.NewServeMux()
		bots.HandleFunc("/{bot}", func(rw http.ResponseWriter, r *http.Request) {
			if hook, ok := hooks[r.PathValue("bot")]; ok {
				hook.ServeHTTP(rw, r)
			} else {
				http.NotFound(rw, r)
			}
		})
		mux := http.NewServeMux()
		mux.Handle("/bots/", http.StripPrefix("/bots", bots))
		return mux
	}},
	{"chi", "/telegram", func(hook *tghook.Webhook) http.Handler {
		r := chi.NewRouter()
		r.Handle("/telegram", hook)
		return r
	}},
	{"gorilla mux", "/telegram", func(hook *tghook.Webhook) http.Handler {
		r := mux.NewRouter()
		r.Handle("/telegram", hook)
		return r
	}},
	{"gin", "/telegram", func(hook *tghook.Webhook) http.Handler {
		r := gin.New()
		r.Any("/telegram", gin.WrapH(hook))
		return r
	}},
}

func TestEveryRouterIsADoor(t *testing.T) {
	t.Parallel()
	for _, router := range routers {
		t.Run(router.name, func(t *testing.T) {
			t.Parallel()
			tghooktest.TestDoor(t, func(tb testing.TB, hook *tghook.Webhook) tghooktest.Door {
				tb.Helper()
				return tghooktest.Door{Addr: serve(tb, router.mount(hook)), Path: router.path}
			})
		})
	}
}

// byMethod are routers with a hook mounted for POST alone. The router answers all other
// methods, which Telegram does not send.
var byMethod = []struct {
	name, get string
	mount     func(hook *tghook.Webhook) http.Handler
}{
	{"http.ServeMux", "405 allow POST text/plain; charset=utf-8 Method Not Allowed\n", func(hook *tghook.Webhook) http.Handler {
		mux := http.NewServeMux()
		mux.Handle("POST /telegram", hook)
		return mux
	}},
	{"chi", "405 allow POST", func(hook *tghook.Webhook) http.Handler {
		r := chi.NewRouter()
		r.Method(http.MethodPost, "/telegram", hook)
		return r
	}},
	{"gorilla mux", "405", func(hook *tghook.Webhook) http.Handler {
		r := mux.NewRouter()
		r.Handle("/telegram", hook).Methods(http.MethodPost)
		return r
	}},
	{"gin", "404 text/plain 404 page not found", func(hook *tghook.Webhook) http.Handler {
		r := gin.New()
		r.POST("/telegram", gin.WrapH(hook))
		return r
	}},
	{"gin with HandleMethodNotAllowed", "405 allow POST text/plain 405 method not allowed", func(hook *tghook.Webhook) http.Handler {
		r := gin.New()
		r.HandleMethodNotAllowed = true
		r.POST("/telegram", gin.WrapH(hook))
		return r
	}},
}

func TestARouterByMethodAnswersOtherMethodsItself(t *testing.T) {
	t.Parallel()
	for _, router := range byMethod {
		t.Run(router.name, func(t *testing.T) {
			t.Parallel()
			server := client(t, "tcp", serve(t, router.mount(newHook(t, hello))))
			assert.Equal(t, helloAnswer, post(t, server, "/telegram", doortest.Message(1)), "an update")
			got := post(t, server, "/telegram", "", func(r *http.Request) { r.Method = http.MethodGet })
			assert.Equal(t, router.get, got, "GET")
		})
	}
}

// The path below a prefix names the bot, and so decides which secret is accepted.
func TestEachBotHasAPathOfItsOwn(t *testing.T) {
	t.Parallel()
	hooks := map[string]*tghook.Webhook{}
	for _, bot := range []string{"shop", "help"} {
		hooks[bot] = newHook(t, say(bot), func(cfg *tghook.Config) { cfg.Secret = bot + "-secret" })
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /bots/{bot}", func(rw http.ResponseWriter, r *http.Request) {
		if hook, ok := hooks[r.PathValue("bot")]; ok {
			hook.ServeHTTP(rw, r)
		} else {
			http.NotFound(rw, r)
		}
	})
	server := client(t, "tcp", serve(t, mux))
	for _, x := range []struct{ path, secret, want string }{
		{"/bots/shop", "shop-secret", `200 application/json {"method":"sendMessage","text":"shop"}`},
		{"/bots/help", "help-secret", `200 application/json {"method":"sendMessage","text":"help"}`}, // the same update_id, of another bot
		{"/bots/help", "shop-secret", "401"},
		{"/bots/none", "shop-secret", "404 text/plain; charset=utf-8 404 page not found\n"},
	} {
		got := post(t, server, x.path, doortest.Message(1), func(r *http.Request) { r.Header.Set(secretHeader, x.secret) })
		if got != x.want {
			t.Errorf("%s with the secret %s was answered %q, want %q", x.path, x.secret, got, x.want)
		}
	}
}

func TestH2CIsADoor(t *testing.T) {
	t.Parallel()
	tghooktest.TestDoor(t, func(tb testing.TB, hook *tghook.Webhook) tghooktest.Door {
		tb.Helper()
		addr := serve(tb, hook, func(server *http.Server) {
			server.Protocols = new(http.Protocols)
			server.Protocols.SetHTTP1(true)
			server.Protocols.SetUnencryptedHTTP2(true)
		})
		h2c := client(tb, "tcp", addr)
		h2c.Protocols = new(http.Protocols)
		h2c.Protocols.SetUnencryptedHTTP2(true)
		return tghooktest.Door{Transport: over{h2c, 2, tb}, Addr: addr}
	})
}

// over is a Transport that checks the version of HTTP of each response.
type over struct {
	http.RoundTripper

	major int
	tb    testing.TB
}

func (o over) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := o.RoundTripper.RoundTrip(r)
	if err == nil && res.ProtoMajor != o.major {
		o.tb.Errorf("the answer came by %s, want HTTP/%d", res.Proto, o.major)
	}
	return res, err
}

func TestAUnixSocketIsADoor(t *testing.T) {
	t.Parallel()
	tghooktest.TestDoor(t, func(tb testing.TB, hook *tghook.Webhook) tghooktest.Door {
		tb.Helper()
		return tghooktest.Door{Addr: serveUnix(tb, hook)}
	})
}

// The peer of a unix socket has no address, so it cannot be a trusted proxy either.
func TestOnAUnixSocketAllowedSourcesLetNobodyIn(t *testing.T) {
	t.Parallel()
	hook := newHook(t, hello, func(cfg *tghook.Config) {
		cfg.AllowedSources = tghook.TelegramSources()
		cfg.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
	})
	got := post(t, client(t, "unix", serveUnix(t, hook)), "/telegram", doortest.Message(1), func(r *http.Request) {
		r.Header.Set("X-Forwarded-For", "149.154.167.220")
	})
	assert.Equal(t, "401", got, "the update")
}

// serve starts a server for h and returns its address.
func serve(tb testing.TB, h http.Handler, change ...func(*http.Server)) string {
	tb.Helper()
	server := httptest.NewUnstartedServer(h)
	for _, f := range change {
		f(server.Config)
	}
	server.Start()
	tb.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// serveUnix starts a server for h on a unix socket and returns its path, which must be short.
func serveUnix(tb testing.TB, h http.Handler) string {
	tb.Helper()
	dir, err := os.MkdirTemp("", "door") //nolint:usetesting // a test's own folder has a name too long for a socket
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	return serveOn(tb, "unix", filepath.Join(dir, "hook.sock"), h)
}

// serveOn starts a server for h at an address and returns that.
func serveOn(tb testing.TB, network, addr string, h http.Handler) string {
	tb.Helper()
	listener, err := new(net.ListenConfig).Listen(context.Background(), network, addr)
	require.NoError(tb, err)
	server := httptest.NewUnstartedServer(h)
	server.Listener.Close()
	server.Listener = listener
	server.Start()
	tb.Cleanup(server.Close)
	return listener.Addr().String()
}

// client returns a Transport that sends everything to addr.
func client(tb testing.TB, network, addr string) *http.Transport {
	tb.Helper()
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, addr)
		},
		DisableCompression: true,
	}
	tb.Cleanup(transport.CloseIdleConnections)
	return transport
}

const (
	secret       = doortest.Secret
	secretHeader = doortest.SecretHeader
	helloAnswer  = `200 application/json {"method":"sendMessage","text":"hello"}`
)

// newHook returns a hook that expects the secret of post, with a test's changes.
func newHook(tb testing.TB, h tghook.HandlerFunc, change ...func(*tghook.Config)) *tghook.Webhook {
	tb.Helper()
	cfg := tghook.Config{Secret: secret}
	cfg.Dispatch.Observe = func(context.Context, tghook.Delivery) {} // in place of the log
	for _, f := range change {
		f(&cfg)
	}
	hook, err := tghook.New(h, cfg)
	require.NoError(tb, err)
	return hook
}

// hello is a handler that replies; its answer is helloAnswer.
func hello(ctx context.Context, u *tghook.Update) (tghook.Reply, error) { return say("hello")(ctx, u) }

func say(text string) tghook.HandlerFunc {
	return func(context.Context, *tghook.Update) (tghook.Reply, error) {
		return tghook.Reply{Method: "sendMessage", Params: map[string]any{"text": text}}, nil
	}
}

// post sends an update as Telegram does and returns the answer in one line, such
// as "503 after 2" or helloAnswer.
func post(tb testing.TB, to http.RoundTripper, path, body string, change ...func(*http.Request)) string {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), doortest.Patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://bot.example.org"+path, strings.NewReader(body))
	if err != nil {
		return noAnswer + err.Error()
	}
	r.Header = http.Header{
		secretHeader: {secret}, "Content-Type": {"application/json"}, "Accept-Encoding": {"gzip, deflate"},
		"User-Agent": {""}, // none: not net/http's own
	}
	for _, f := range change {
		f(r)
	}
	res, err := to.RoundTrip(r)
	if err != nil {
		return noAnswer + err.Error()
	}
	defer res.Body.Close()
	said, err := io.ReadAll(res.Body)
	if err != nil {
		return noAnswer + err.Error()
	}
	words := []string{strconv.Itoa(res.StatusCode)}
	if allow := res.Header.Get("Allow"); allow != "" {
		words = append(words, "allow", allow)
	}
	if after := res.Header.Get("Retry-After"); after != "" {
		words = append(words, "after", after)
	}
	if len(said) > 0 {
		words = append(words, res.Header.Get("Content-Type"), string(said))
	}
	return strings.Join(words, " ")
}

const noAnswer = "no answer: "
