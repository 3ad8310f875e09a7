//go:build linux

package e2e

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/internal/test/doortest"
)

// A proxy is a program with a configuration in docs/.
type proxy struct {
	name   string // of the program, and of its Debian package
	config string // the file in docs/
	main   string // in the place of the distribution's own configuration
	unix   string // the prefix that makes the path of a unix socket a server's address
	down   int    // its own answer if a bot is not there
	torn   int    // its own answer if a bot closes a used connection; 0: it closes Telegram's
	// places returns the placeholders in config, each followed by its value in a test
	// whose files are in dir and whose listener has this port.
	places func(dir, port string) []string
	args   func(dir string) []string
}

var proxies = []proxy{{
	name: "nginx", config: "nginx.conf", unix: "unix:", down: 502, torn: 502,
	main: `
		worker_processes auto;
		pid nginx.pid;
		error_log stderr info;
		events {}
		http {
			access_log /dev/stdout;
			gzip on;
			gzip_proxied any;
			gzip_types *;
			gzip_min_length 2m;
			client_body_temp_path body;
			proxy_temp_path proxy;
			fastcgi_temp_path fastcgi;
			uwsgi_temp_path uwsgi;
			scgi_temp_path scgi;
			include nginx.conf;
		}
`,
	places: func(dir, port string) []string {
		return []string{
			"listen 443 ", "listen 127.0.0.1:" + port + " ",
			"/etc/ssl/bots/fullchain.pem", filepath.Join(dir, "bots.pem"),
			"/etc/ssl/bots/privkey.pem", filepath.Join(dir, "bots.pem"),
		}
	},
	args: func(dir string) []string {
		settings := "daemon off;"
		if os.Getuid() == 0 {
			settings += " user root;" // the folder is root's alone
		}
		return []string{"-p", dir, "-c", "main", "-g", settings}
	},
}, {
	name: "haproxy", config: "haproxy.cfg", down: 503,
	main: `
		global
			log stdout format raw local0
`,
	places: func(dir, _ string) []string {
		return []string{
			"bind :443 ", "bind fd@3 ",
			"/etc/haproxy/bots.pem", filepath.Join(dir, "bots.pem"),
		}
	},
	args: func(dir string) []string {
		return []string{"-db", "-f", filepath.Join(dir, "main"), "-f", filepath.Join(dir, "haproxy.cfg")}
	},
}}

// behindEach runs f for each proxy.
func behindEach(t *testing.T, f func(t *testing.T, p proxy)) {
	t.Helper()
	t.Parallel()
	for _, p := range proxies {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			f(t, p)
		})
	}
}

// A front is a running proxy.
type front struct {
	addr string
	log  *log   // its output so far
	stop func() // ends it, after which log is complete
}

// start runs the proxy with its configuration from docs/ in front of two bots. The proxy
// inherits a listener that is opened here. So it certainly has a port, and connections to
// it succeed from the start.
func (p proxy) start(t *testing.T, first, second string) *front {
	t.Helper()
	path := p.path(t)
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	inherited, err := listener.(*net.TCPListener).File()
	require.NoError(t, err)
	dir := t.TempDir()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	places := append(p.places(dir, port), "127.0.0.1:8081", first, "127.0.0.1:8082", second)
	for name, content := range map[string]string{
		"main":     p.main,
		"bots.pem": certificate().files,
		p.config:   replaced(t, filepath.Join("..", "docs", p.config), places),
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	f := &front{addr: listener.Addr().String(), log: new(log)}
	cmd := exec.Command(path, p.args(dir)...) //nolint:noctx // Cleanup ends it, gently
	cmd.ExtraFiles = []*os.File{inherited}
	cmd.Env = append(os.Environ(), "NGINX=3;") // names the inherited listener
	cmd.Stdout, cmd.Stderr = f.log, f.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM} // if the test is killed
	err = cmd.Start()
	// Start has made the listener blocking, and nginx does not change that. When two
	// workers accept the same connection, one would hang until the next.
	err = errors.Join(err, syscall.SetNonblock(int(inherited.Fd()), true), listener.Close(), inherited.Close())
	require.NoError(t, err)
	f.stop = sync.OnceFunc(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		doortest.Await(t, ended, "the end of "+p.name)
	})
	t.Cleanup(func() {
		f.stop()
		if t.Failed() {
			text := f.log.String()
			t.Logf("%s wrote, at the end:\n%s", p.name, text[max(0, len(text)-4000):])
		}
	})
	return f
}

// path finds the program. On Debian it may be outside a user's PATH.
func (p proxy) path(t *testing.T) string {
	t.Helper()
	for _, name := range []string{p.name, "/usr/sbin/" + p.name} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	const problem = "%s is not installed: apt-get install nginx haproxy"
	if os.Getenv("CI") == "true" {
		t.Fatalf(problem, p.name)
	}
	t.Skipf(problem, p.name)
	return ""
}

// replaced returns the text of a file with each placeholder replaced.
func replaced(t *testing.T, file string, places []string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	for i := 0; i < len(places); i += 2 {
		require.Contains(t, string(text), places[i], file)
	}
	return strings.NewReplacer(places...).Replace(string(text))
}

// A log may be read while it is written.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

type keyPair struct {
	files string // both parts in PEM
	pool  *x509.CertPool
}

// certificate is self-signed, for the names in docs/.
var certificate = sync.OnceValue(func() keyPair {
	must := func(err error) {
		if err != nil {
			panic(fmt.Sprintf("make a certificate: %v", err))
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
		DNSNames:     []string{"bots.example.org", "first.example.org", "second.example.org"},
		IsCA:         true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	must(err)
	cert, err := x509.ParseCertificate(der)
	must(err)
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return keyPair{
		string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})) +
			string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})), pool,
	}
})
