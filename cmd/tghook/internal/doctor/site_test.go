//go:build linux

package doctor

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
)

const (
	theHost   = "bot.example.org"
	theSecret = "the-secret-of-the-tests"
	theURL    = "https://" + theHost + "/telegram"
)

var public = netip.MustParseAddr("1.2.3.4")

// identity is a certificate with its chain and key.
type identity struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	up   *identity // the issuer; nil for a root
}

// issue makes a certificate. Without an issuer it is self-signed.
func issue(up *identity, change func(*x509.Certificate)) *identity {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	must(err)
	about := &x509.Certificate{
		SerialNumber: serial, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	change(about)
	parent, signer := about, key
	if up != nil {
		parent, signer = up.cert, up.key
	}
	der, err := x509.CreateCertificate(rand.Reader, about, parent, key.Public(), signer)
	must(err)
	cert, err := x509.ParseCertificate(der)
	must(err)
	return &identity{cert, key, up}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func authority(name string) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		c.Subject.CommonName = name
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage, c.ExtKeyUsage = true, true, x509.KeyUsageCertSign, nil
	}
}

// leaf is the certificate of the webhook's server.
func leaf(c *x509.Certificate) {
	c.Subject.CommonName = theHost
	c.DNSNames = []string{theHost, "www." + theHost}
	c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	c.IssuingCertificateURL = []string{"http://ca.example/between.crt"}
}

var (
	root    = sync.OnceValue(func() *identity { return issue(nil, authority("The Root")) })
	between = sync.OnceValue(func() *identity { return issue(root(), authority("The Intermediate")) })
	good    = sync.OnceValue(func() *identity { return issue(between(), leaf) })
)

// chain returns the certificates that a server sends: all but the root, and but for the last
// ones left out.
func (i *identity) chain(leftOut int) tls.Certificate {
	pair := tls.Certificate{PrivateKey: i.key}
	for at := i; at != nil && (at.up != nil || at == i); at = at.up {
		pair.Certificate = append(pair.Certificate, at.cert.Raw)
	}
	pair.Certificate = pair.Certificate[:len(pair.Certificate)-leftOut]
	return pair
}

func (i *identity) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.cert.Raw})
}

func trusting(i *identity) *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(i.cert)
	return pool
}

// examined returns a Config for the server at a loopback address. Its name resolves to a
// public address.
func examined(addr string) Config {
	return Config{
		URL: theURL, Secret: theSecret, roots: trusting(root()), times: testTimes,
		resolve: func(context.Context, string) ([]netip.Addr, error) { return []netip.Addr{public}, nil },
		dial: func(ctx context.Context, _ netip.AddrPort) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", addr)
		},
	}
}

// testTimes are long where a test waits for what certainly comes, and short where it waits
// for what must not come.
var testTimes = times{
	connect: time.Minute, answer: time.Minute, late: time.Minute, idle: 500 * time.Millisecond,
	early: 300 * time.Millisecond, look: 150 * time.Millisecond, looks: 4, poll: time.Second, skew: 30 * time.Second,
}

// secured serves a handler by TLS, and returns a Config for it.
func secured(t *testing.T, h http.Handler, change ...func(*httptest.Server)) Config {
	t.Helper()
	server := httptest.NewUnstartedServer(h)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{good().chain(0)}}
	for _, f := range change {
		f(server)
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	return examined(server.Listener.Addr().String())
}

// certified serves a bot with a certificate.
func certified(t *testing.T, cert tls.Certificate) Config {
	t.Helper()
	return secured(t, bot(t), func(s *httptest.Server) { s.TLS.Certificates = []tls.Certificate{cert} })
}

var silent = tghook.DispatchConfig{Logger: slog.New(slog.DiscardHandler)}

// bot is a tghook webhook that handles messages.
func bot(t *testing.T, change ...func(*tghook.Config)) http.Handler {
	t.Helper()
	cfg := tghook.Config{Secret: theSecret, Dispatch: silent}
	for _, f := range change {
		f(&cfg)
	}
	hook, err := tghook.New(tghook.Kinds{tghook.KindMessage: tghook.HandlerFunc(func(context.Context, *tghook.Update) (tghook.Reply, error) {
		return tghook.NoReply, nil
	})}, cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = hook.Shutdown(context.Background()) })
	return hook
}

// checked calls next for requests with the secret, and with a body that has been read.
func checked(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if r.Header.Get("X-Telegram-Bot-Api-Secret-Token") != theSecret {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		next(w, r)
	})
}

// raw serves connections without HTTP.
func raw(t *testing.T, serve func(net.Conn)) Config {
	t.Helper()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{good().chain(0)}})
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				serve(conn)
			}()
		}
	}()
	return examined(listener.Addr().String())
}

// nginx serves by TLS with the lines of a server block, and returns a Config for it.
func nginx(t *testing.T, lines string) Config {
	t.Helper()
	return startNginx(t, "listen LISTEN ssl;\nssl_certificate chain.pem;\nssl_certificate_key key.pem;\n"+lines)
}

// plainNginx serves by http.
func plainNginx(t *testing.T, lines string) Config {
	t.Helper()
	cfg := startNginx(t, "listen LISTEN;\n"+lines)
	cfg.URL, cfg.Local = "http://"+theHost+"/telegram", true
	return cfg
}

func startNginx(t *testing.T, lines string) Config {
	t.Helper()
	path, err := exec.LookPath("nginx")
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/nginx")
	}
	if err != nil && os.Getenv("CI") != "true" {
		t.Skip("nginx is not installed: apt-get install nginx")
	}
	require.NoError(t, err, "apt-get install nginx")
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	inherited, err := listener.(*net.TCPListener).File()
	require.NoError(t, err)
	dir := t.TempDir()
	addr := listener.Addr().String()
	main := `
		worker_processes 1;
		pid nginx.pid;
		error_log stderr warn;
		events {}
		http {
			access_log off;
			default_type text/html;
			client_body_temp_path body;
			proxy_temp_path proxy;
			fastcgi_temp_path fastcgi;
			uwsgi_temp_path uwsgi;
			scgi_temp_path scgi;
			limit_req_zone $binary_remote_addr zone=one:1m rate=1r/m;
			server {
				client_max_body_size 2m;
				` + strings.ReplaceAll(lines, "LISTEN", addr) + `
			}
		}
`
	key, err := x509.MarshalPKCS8PrivateKey(good().key)
	require.NoError(t, err)
	for name, content := range map[string]string{
		"main": main, "chain.pem": string(good().pem()) + string(between().pem()),
		"key.pem":    string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})),
		"index.html": "<!doctype html>\n<html><head><title>Our shop</title></head><body>Welcome</body></html>\n",
		"htpasswd":   "ada:{PLAIN}lovelace\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	settings := "daemon off;"
	if os.Getuid() == 0 {
		settings += " user root;" // the folder is root's alone
	}
	output := new(strings.Builder)
	cmd := exec.Command(path, "-p", dir, "-c", "main", "-g", settings) //nolint:noctx // Cleanup ends it
	cmd.ExtraFiles = []*os.File{inherited}
	cmd.Env = append(os.Environ(), "NGINX=3;") // names the inherited listener
	cmd.Stdout, cmd.Stderr = output, output
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM} // if the test is killed
	err = cmd.Start()
	err = errors.Join(err, syscall.SetNonblock(int(inherited.Fd()), true), listener.Close(), inherited.Close())
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		ended := cmd.Wait()
		if t.Failed() {
			t.Logf("nginx ended with %v, and wrote:\n%s", ended, output)
		}
	})
	return examined(addr)
}

// proxied has nginx in front of a handler.
func proxied(t *testing.T, h http.Handler, lines string) Config {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return nginx(t, strings.ReplaceAll(lines, "BOT", server.Listener.Addr().String()))
}

// name returns a subject, for certificates.
func subject(name string) pkix.Name { return pkix.Name{CommonName: name} }

// closedPort returns an address where nobody listens. A socket holds it until the end of the
// test, so that no other test listens there.
func closedPort(t *testing.T) string {
	t.Helper()
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, syscall.Close(socket)) })
	require.NoError(t, syscall.Bind(socket, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	bound, err := syscall.Getsockname(socket)
	require.NoError(t, err)
	return fmt.Sprint("127.0.0.1:", bound.(*syscall.SockaddrInet4).Port)
}
