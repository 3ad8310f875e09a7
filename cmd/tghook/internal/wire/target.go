// Package wire speaks to a webhook in the way of Telegram's sender: with its very bytes, over
// HTTP/1.1, one request after the other on a connection.
package wire

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// Target is a webhook.
type Target struct {
	url    *url.URL
	config Config
	roots  *x509.CertPool
}

// Config says which webhook a Target is.
type Config struct {
	URL string // http or https
	// Secret is the webhook's secret; empty if it has none.
	Secret string
	// Certificate is what setWebhook got as certificate, in PEM. It replaces the
	// authorities of the system. If empty, theirs count.
	Certificate []byte
	// Dial opens connections. If nil, a net.Dialer does.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

var secretForm = regexp.MustCompile(`^[A-Za-z0-9_-]{0,256}$`)

// NewTarget checks the configuration. Its errors do not have the secret, nor a password of
// the URL.
func NewTarget(cfg Config) (*Target, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return nil, errors.New("the URL is not one of a webhook; give one such as http://127.0.0.1:3000/telegram or https://bot.example.org/telegram")
	}
	if !secretForm.MatchString(cfg.Secret) {
		return nil, errors.New("the secret is not one that setWebhook takes; it has 1 to 256 letters, digits, _ and -")
	}
	t := &Target{url: u, config: cfg}
	if len(cfg.Certificate) > 0 {
		t.roots = x509.NewCertPool()
		if !t.roots.AppendCertsFromPEM(cfg.Certificate) {
			return nil, errors.New("the certificate has no block CERTIFICATE in PEM form")
		}
	}
	return t, nil
}

// String returns the URL without a password.
func (t *Target) String() string { return t.url.Redacted() }

// Secret returns the webhook's secret; empty if it has none.
func (t *Target) Secret() string { return t.config.Secret }

// Config returns the Target's configuration.
func (t *Target) Config() Config { return t.config }

// Host returns the host of the URL, without a port.
func (t *Target) Host() string { return t.url.Hostname() }

// SecretHeader is the header in which Telegram sends the secret.
const SecretHeader = "X-Telegram-Bot-Api-Secret-Token" //nolint:gosec // the name of a header

// Request is a request to a Target. The zero value of each field is what Telegram sends.
type Request struct {
	Method string // default POST
	// Secrets are the lines of the header with the secret. If nil, the Target's secret.
	Secrets []string
	// ContentType replaces application/json. A single space leaves the header out.
	ContentType string
	// Framing replaces the header Content-Length. It may have several lines.
	Framing string
	// Extra are headers that Telegram does not send. They stand behind its own.
	Extra [][2]string
	Body  string
}

// Bytes returns the request, with Telegram's headers in their order.
func (t *Target) Bytes(r Request) []byte {
	if r.Method == "" {
		r.Method = "POST"
	}
	if r.Secrets == nil && t.config.Secret != "" {
		r.Secrets = []string{t.config.Secret}
	}
	if r.ContentType == "" {
		r.ContentType = "application/json"
	}
	if r.Framing == "" {
		r.Framing = "Content-Length: " + strconv.Itoa(len(r.Body))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", r.Method, t.url.RequestURI(), t.host())
	if t.url.User != nil {
		fmt.Fprintf(&b, "Authorization: Basic %s\r\n", base64.StdEncoding.EncodeToString([]byte(t.url.User.String())))
	}
	for _, secret := range r.Secrets {
		fmt.Fprintf(&b, "%s: %s\r\n", SecretHeader, secret)
	}
	if r.ContentType != " " {
		fmt.Fprintf(&b, "Content-Type: %s\r\n", r.ContentType)
	}
	fmt.Fprintf(&b, "%s\r\nConnection: keep-alive\r\nAccept-Encoding: gzip, deflate\r\n", r.Framing)
	for _, header := range r.Extra {
		fmt.Fprintf(&b, "%s: %s\r\n", header[0], header[1])
	}
	fmt.Fprintf(&b, "\r\n%s", r.Body)
	return []byte(b.String())
}

// host returns the header Host. It has the port unless that is the scheme's own.
func (t *Target) host() string {
	host := strings.ToLower(t.url.Hostname())
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port := t.url.Port(); port != "" && port != ports[t.url.Scheme] {
		host += ":" + port
	}
	return host
}

var ports = map[string]string{"http": "80", "https": "443"}

// addr returns host:port to connect to.
func (t *Target) addr() string {
	port := t.url.Port()
	if port == "" {
		port = ports[t.url.Scheme]
	}
	return net.JoinHostPort(t.url.Hostname(), port)
}

// Dial opens a connection to the webhook.
func (t *Target) Dial(ctx context.Context) (*Conn, error) {
	dial := t.config.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	conn, err := dial(ctx, "tcp", t.addr())
	if err != nil {
		return nil, err
	}
	if t.url.Scheme == "https" {
		secure := tls.Client(conn, &tls.Config{ServerName: t.url.Hostname(), RootCAs: t.roots, MinVersion: tls.VersionTLS12})
		if err := secure.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			return nil, err
		}
		conn = secure
	}
	return newConn(conn), nil
}
