package serve_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/cmd/tghook/internal/serve"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/config"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/gateway"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/telemetry"
	"github.com/tghook/tghook/tghooktest"
)

const patience = time.Minute

// run is a gateway that runs.
type run struct {
	t         *testing.T
	folder    string
	tg        *tghooktest.Server
	authority *tghooktest.Server // makes certificates
	addresses serve.Addresses
	reload    chan os.Signal
	stop      context.CancelFunc
	ended     chan error
	log       *logged
}

// logged keeps the log.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

const everything = `
listen: 127.0.0.1:0
api: %s
api_local: true
storage: {path: data}
status: {listen: 127.0.0.1:0}
admin: {listen: 127.0.0.1:0, token: {file: admin-token}, key: {file: admin-key}}
page: {listen: 127.0.0.1:0, password: {file: page-password}}
bots:
  shop: {token: {file: token}, to: %s}
`

const (
	adminToken   = "an-admin-token-of-the-test"
	pagePassword = "a-password-of-the-test"
)

// start starts a gateway with a configuration.
func start(t *testing.T, text func(r *run) string) *run {
	t.Helper()
	r := &run{t: t, folder: t.TempDir(), tg: tghooktest.NewServer(t, tghooktest.ServerConfig{Patience: patience}), reload: make(chan os.Signal, 1), ended: make(chan error, 1), log: &logged{}}
	r.write("admin-token", adminToken)
	r.write("admin-key", strings.Repeat("k", 32))
	r.write("page-password", pagePassword)
	r.write("token", r.tg.Token)
	r.write("tghook.yaml", text(r))
	path := filepath.Join(r.folder, "tghook.yaml")
	file, err := config.Load(path)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	r.stop = stop
	ready := make(chan serve.Addresses, 1)
	go func() {
		r.ended <- serve.Run(ctx, serve.Config{
			File: file, Path: path, Version: "1.2.3", Logger: slog.New(slog.NewTextHandler(r.log, nil)), Reload: r.reload,
			Ready: func(a serve.Addresses) { ready <- a },
		})
	}()
	select {
	case r.addresses = <-ready:
	case err := <-r.ended:
		t.Fatalf("Run: %v\n%s", err, r.log)
	}
	t.Cleanup(func() {
		r.end()
		if t.Failed() {
			t.Log(r.log)
		}
	})
	return r
}

// end ends the gateway.
func (r *run) end() {
	r.stop()
	if err, first := <-r.ended; first && err != nil && !late(err) {
		r.t.Errorf("Run: %v", err)
	}
	select {
	case <-r.ended:
	default:
		close(r.ended)
	}
}

// late reports whether all that an error says is that the last rows or metrics took too long. On a slow
// machine they do.
func late(err error) bool {
	for line := range strings.SplitSeq(err.Error(), "\n") {
		if !strings.Contains(line, "rows of the history could not be written") && !strings.Contains(line, "could not be sent in time") {
			return false
		}
	}
	return true
}

func (r *run) write(name, text string) {
	r.t.Helper()
	require.NoError(r.t, os.WriteFile(filepath.Join(r.folder, name), []byte(text), 0o600))
}

// get returns the answer to a request.
func (r *run) get(url string, header ...string) (status int, body string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, url, http.NoBody)
	require.NoError(r.t, err)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(r.t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(r.t, err)
	return res.StatusCode, string(text)
}

// awaitTarget waits until the gateway has taken over a configuration with the URL of a bot. A line of
// the log does not tell that: one change is read twice if it is both watched and signalled.
func (r *run) awaitTarget(url string) {
	r.t.Helper()
	require.Eventually(r.t, func() bool {
		_, body := r.get("http://"+r.addresses.Admin+"/v1/bots", "Authorization", "Bearer "+adminToken)
		return strings.Contains(body, url)
	}, patience, 10*time.Millisecond)
}

// newBot starts a bot, and returns its URL and what it gets.
func newBot(t *testing.T) (url string, got chan string) {
	t.Helper()
	got = make(chan string, 100)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- string(body)
	}))
	t.Cleanup(server.Close)
	return server.URL, got
}

// await waits until the bot gets a text.
func await(t *testing.T, got chan string, text string) {
	t.Helper()
	select {
	case body := <-got:
		require.Contains(t, body, text)
	case <-time.After(patience):
		t.Fatalf("the bot did not get %q", text)
	}
}

func TestEverythingListens(t *testing.T) {
	url, got := newBot(t)
	r := start(t, func(r *run) string { return fmt.Sprintf(everything, r.tg.URL, url) })
	r.tg.User("Ann").Chat().Send("one")
	await(t, got, "one")

	var status int
	var body string
	require.Eventually(t, func() bool { // a slow storage may not answer in time
		status, body = r.get("http://" + r.addresses.Status + "/readyz")
		return status == 200
	}, patience, 10*time.Millisecond)
	require.Eventually(t, func() bool { // the post is counted after the bot has answered
		status, body = r.get("http://" + r.addresses.Status + "/metrics")
		return status == 200 && strings.Contains(body, `tghook_serve_posts_total{bot="shop"`)
	}, patience, 10*time.Millisecond)
	status, _ = r.get("http://" + r.addresses.Admin + "/v1/bots")
	require.Equal(t, 401, status)
	status, body = r.get("http://"+r.addresses.Admin+"/v1/bots", "Authorization", "Bearer "+adminToken)
	require.Equal(t, 200, status)
	require.Contains(t, body, `"shop"`)
	status, _ = r.get("http://" + r.addresses.Page + "/")
	require.Equal(t, 401, status)
	r.end()
	for _, secret := range []string{r.tg.Token, adminToken, pagePassword} {
		require.NotContains(t, r.log.String(), secret)
	}
}

// A peer that announces a body and sends none holds no connection for ever, whatever it asks for. The
// page has a test of its own.
func TestABodyThatDoesNotComeIsNotAwaited(t *testing.T) {
	t.Parallel()
	r := start(t, func(r *run) string {
		return "url: http://127.0.0.1:1\n" + fmt.Sprintf(everything, r.tg.URL, "http://127.0.0.1:1")
	})
	bot := fmt.Sprint("/bots/", r.tg.Bot(t).Bot())
	for address, paths := range map[string][]string{
		r.addresses.Webhooks: {"/", bot}, r.addresses.Status: {"/", "/healthz", "/readyz"},
		r.addresses.Admin: {"/v1/bots"},
	} {
		for _, path := range paths {
			t.Run(path, func(t *testing.T) {
				t.Parallel()
				conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
				require.NoError(t, err)
				defer conn.Close()
				require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
				_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: tghook\r\nContent-Length: 10\r\n\r\n", path)
				require.NoError(t, err)
				_, err = io.Copy(io.Discard, conn)
				require.NoError(t, err, "the connection is closed")
			})
		}
	}
}

func TestTheFileIsReadAgain(t *testing.T) {
	first, gotFirst := newBot(t)
	second, gotSecond := newBot(t)
	third, gotThird := newBot(t)
	r := start(t, func(r *run) string { return fmt.Sprintf(everything, r.tg.URL, first) })
	ann := r.tg.User("Ann").Chat()
	ann.Send("one")
	await(t, gotFirst, "one")

	r.write("tghook.yaml", fmt.Sprintf(everything, r.tg.URL, "nonsense"))
	r.reload <- syscall.SIGHUP
	require.Eventually(t, func() bool { return strings.Contains(r.log.String(), "has mistakes") }, patience, 10*time.Millisecond)
	ann.Send("two")
	await(t, gotFirst, "two")

	r.write("tghook.yaml", fmt.Sprintf(everything, r.tg.URL, second))
	r.reload <- syscall.SIGHUP
	r.awaitTarget(second)
	ann.Send("three")
	await(t, gotSecond, "three")

	r.write("tghook.yaml", fmt.Sprintf(everything, r.tg.URL, third)) // the file is watched
	r.awaitTarget(third)
	ann.Send("four")
	await(t, gotThird, "four")
}

// Nothing listens for webhooks until the restart, so none is set until then. What else has changed is
// taken over.
func TestAURLThatIsNewNeedsARestart(t *testing.T) {
	first, gotFirst := newBot(t)
	second, gotSecond := newBot(t)
	r := start(t, func(r *run) string { return fmt.Sprintf(everything, r.tg.URL, first) })
	require.Empty(t, r.addresses.Webhooks)
	ann := r.tg.User("Ann").Chat()
	ann.Send("one")
	await(t, gotFirst, "one")

	r.write("tghook.yaml", fmt.Sprintf(everything, r.tg.URL, second)+"url: http://127.0.0.1:1\n")
	r.reload <- syscall.SIGHUP
	require.Eventually(t, func() bool { return strings.Contains(r.log.String(), "read again") }, patience, 10*time.Millisecond)
	require.Contains(t, r.log.String(), "these changes need a restart: url")
	ann.Send("two")
	await(t, gotSecond, "two")
	require.Empty(t, r.tg.Calls("setWebhook"))
}

// A configuration that names a file that is missing is taken over when the file is there, wherever
// that is. Its mistakes are logged once.
func TestAMissingFileIsAwaited(t *testing.T) {
	first, gotFirst := newBot(t)
	second, gotSecond := newBot(t)
	r := start(t, func(r *run) string { return fmt.Sprintf(everything, r.tg.URL, first) })
	ann := r.tg.User("Ann").Chat()
	ann.Send("one")
	await(t, gotFirst, "one")

	r.write("tghook.yaml", fmt.Sprintf(everything, r.tg.URL, "{url: "+second+", secret: {file: later/secret}}"))
	require.Eventually(t, func() bool { return strings.Contains(r.log.String(), "has mistakes") }, patience, 10*time.Millisecond)
	time.Sleep(6 * time.Second) // until it was tried again
	require.Equal(t, 1, strings.Count(r.log.String(), "has mistakes"))
	require.NoError(t, os.Mkdir(filepath.Join(r.folder, "later"), 0o700))
	r.write("later/secret", "for-the-bot")
	require.Eventually(t, func() bool { return strings.Contains(r.log.String(), "read again") }, patience, 10*time.Millisecond)
	ann.Send("two")
	await(t, gotSecond, "two")
}

// If the system has dropped changes, one of them may have been that of the configuration.
func TestDroppedChangesAreMadeUpFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tghook.yaml")
	t.Setenv("TOKEN", "1234567:abc")
	write := func(more string) {
		require.NoError(t, os.WriteFile(path, []byte("bots: {shop: {token: {env: TOKEN}, to: http://127.0.0.1:1/}}\n"+more), 0o600))
	}
	write("")
	file, err := config.Load(path)
	require.NoError(t, err)
	log := &logged{}
	logger := slog.New(slog.NewTextHandler(log, nil))
	meter, err := telemetry.New(t.Context(), telemetry.Config{Logger: logger})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	watcher := &fsnotify.Watcher{Errors: make(chan error)}
	go func() {
		defer close(ended)
		serve.Follow(ctx, serve.Config{File: file, Path: path, Logger: logger}, watcher, gateway.New(gateway.Config{File: file, Logger: logger}), meter)
	}()
	write("listen: 127.0.0.1:2\n")
	watcher.Errors <- fsnotify.ErrEventOverflow
	require.Eventually(t, func() bool { return strings.Contains(log.String(), "need a restart: listen") }, patience, 10*time.Millisecond)
	stop()
	<-ended
	require.NoError(t, meter.Shutdown(context.WithoutCancel(ctx)))
}

func TestAnAddressThatIsTakenIsNamed(t *testing.T) {
	url, _ := newBot(t)
	r := start(t, func(r *run) string { return fmt.Sprintf(everything, r.tg.URL, url) })
	folder := t.TempDir()
	path := filepath.Join(folder, "tghook.yaml")
	require.NoError(t, os.WriteFile(filepath.Join(folder, "token"), []byte("1234567:abc"), 0o600))
	text := fmt.Sprintf("status: {listen: %s}\nstorage: {path: data}\nbots: {shop: {token: {file: token}, to: %s}}\n", r.addresses.Status, url)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	file, err := config.Load(path)
	require.NoError(t, err)
	err = serve.Run(t.Context(), serve.Config{File: file, Path: path, Logger: slog.New(slog.DiscardHandler)})
	require.ErrorContains(t, err, "status.listen: ")
	require.ErrorIs(t, err, syscall.EADDRINUSE)
}

// A renewed certificate needs no restart.
func TestTheCertificateIsReadAgain(t *testing.T) {
	url, _ := newBot(t)
	r := start(t, func(r *run) string {
		writeCertificate(r, "first.example.org")
		return fmt.Sprintf(everything, r.tg.URL, "{url: "+url+"}, receive: poll") + "url: https://127.0.0.1:8443\ntls: {certificate: cert.pem, key: key.pem}\n"
	})
	require.Equal(t, "first.example.org", r.certificate())
	writeCertificate(r, "second.example.org")
	require.Eventually(t, func() bool { return r.certificate() == "second.example.org" }, patience, 100*time.Millisecond)
	r.write("cert.pem", "nonsense")
	require.Equal(t, "second.example.org", r.certificate())
}

// certificate returns the name in the certificate of the webhooks.
func (r *run) certificate() string {
	r.t.Helper()
	dialer := &tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}
	conn, err := dialer.DialContext(r.t.Context(), "tcp", r.addresses.Webhooks)
	require.NoError(r.t, err)
	defer conn.Close()
	return conn.(*tls.Conn).ConnectionState().PeerCertificates[0].DNSNames[0]
}

// writeCertificate writes a certificate for a name.
func writeCertificate(r *run, name string) {
	r.t.Helper()
	if r.authority == nil {
		r.authority = tghooktest.NewServer(r.t, tghooktest.ServerConfig{TLS: true})
	}
	pair, err := r.authority.Certificate(name)
	require.NoError(r.t, err)
	cert, key := pemOf(r.t, pair)
	r.write("cert.pem", cert)
	r.write("key.pem", key)
}
