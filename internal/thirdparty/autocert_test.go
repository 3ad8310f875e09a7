package thirdparty_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/acme/autocert"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/doortest"
	"github.com/tghook/tghook/tghooktest"
)

func runWithAutocert(ctx context.Context, bot tghook.Handler, token string) error {
	manager := &autocert.Manager{
		Prompt:     autocert.AcceptTOS,
		HostPolicy: autocert.HostWhitelist("bot.example.org"),
		Cache:      autocert.DirCache("certificates"),
	}
	err := tghook.Run(ctx, bot, tghook.RunConfig{
		Token: token,
		URL:   "https://bot.example.org/telegram",
		TLS:   manager.TLSConfig(),
	})
	return err
}

// The documentation shows the code below, which compiles here and needs only a token.
func TestTheAutocertExampleOfTheDocumentationIsThisOne(t *testing.T) {
	t.Parallel()
	var mistake *tghook.ConfigError
	err := runWithAutocert(t.Context(), tghook.HandlerFunc(hello), "")
	if !errors.As(err, &mistake) || mistake.Field != "token" || strings.Contains(err.Error(), "\n") {
		t.Errorf("without a token, Run returned %v", err)
	}
	source, err := os.ReadFile("autocert_test.go")
	require.NoError(t, err)
	doc, err := os.ReadFile("../../docs/running.md")
	require.NoError(t, err)
	_, example, _ := strings.Cut(string(source), "\tmanager := ")
	example, _, _ = strings.Cut("\tmanager := "+example, "\treturn err\n")
	assert.Contains(t, string(doc), strings.ReplaceAll("\n"+example, "\n\t", "\n"), "docs/running.md")
}

// autocert has a certificate in its cache, as after its first start.
func TestRunServesWhatAutocertHas(t *testing.T) {
	t.Parallel()
	const host = "bot.example.org"
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(80 * 24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	keyDER, err := x509.MarshalECPrivateKey(key)
	require.NoError(t, err)
	var entry bytes.Buffer
	_ = pem.Encode(&entry, &pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER})
	_ = pem.Encode(&entry, &pem.Block{Type: "CERTIFICATE", Bytes: der})
	manager := &autocert.Manager{Prompt: autocert.AcceptTOS, HostPolicy: autocert.HostWhitelist(host), Cache: autocert.DirCache(t.TempDir())}
	require.NoError(t, manager.Cache.Put(t.Context(), host, entry.Bytes()))

	tg := tghooktest.NewServer(t, tghooktest.ServerConfig{InMemory: true, Patience: doortest.Patience}) // it looks up no host on the network
	socket := t.TempDir() + "/bot.sock"
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- tghook.Run(ctx, say("hello"), tghook.RunConfig{
			Token: tg.Token, URL: "https://" + host + "/telegram", TLS: manager.TLSConfig(), Listen: socket,
			IPAddress: "149.154.167.220", // no domain has the name
			Webhook:   tghook.Config{Secret: secret},
			Client:    tghook.ClientConfig{BaseURL: tg.URL, HTTP: tg.Client()},
		})
	}()
	tg.ExpectCall(t, "setWebhook")
	roots := x509.NewCertPool()
	leaf, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	roots.AddCert(leaf)
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: host, MinVersion: tls.VersionTLS12},
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}
	defer transport.CloseIdleConnections()
	overTLS := func(r *http.Request) { r.URL.Scheme = "https" }
	assert.Equal(t, helloAnswer, post(t, transport, "/telegram", doortest.Message(1), overTLS), "an update")
	stop()
	if err := doortest.Await(t, done, "the end of Run"); err != nil {
		t.Errorf("Run returned %v", err)
	}
}
