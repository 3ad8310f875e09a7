package memnet_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook/tghooktest/internal/memnet"
)

// site serves HTTP at bot.example.org:443 until the test ends, and counts its connections.
type site struct {
	net   *memnet.Network
	http  *http.Client
	mu    sync.Mutex
	conns map[net.Conn]bool
}

func serve(t *testing.T, server *http.Server, serve func(net.Listener) error) *site {
	t.Helper()
	s := &site{net: memnet.New(), conns: map[net.Conn]bool{}}
	l, err := s.net.Listen("bot.example.org:443")
	require.NoError(t, err)
	server.ConnState = func(c net.Conn, _ http.ConnState) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.conns[c] = true
	}
	done := make(chan error, 1)
	go func() { done <- serve(l) }()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) { return s.net.Dial(ctx, addr) }}
	s.http = &http.Client{Transport: transport}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		assert.NoError(t, server.Close())
		require.ErrorIs(t, <-done, http.ErrServerClosed)
	})
	return s
}

func (s *site) connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

func (s *site) post(t *testing.T, url, body string) string {
	t.Helper()
	got, err := post(t.Context(), s.http, url, body)
	require.NoError(t, err)
	return got
}

func post(ctx context.Context, client *http.Client, url, body string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	res, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	return string(got), err
}

func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err == nil {
		_, _ = w.Write(body)
	}
}

func TestHTTPKeepsAConnectionUntilItsIdleTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := &http.Server{Handler: http.HandlerFunc(echo), IdleTimeout: time.Minute}
		s := serve(t, server, server.Serve)
		const url = "http://bot.example.org:443/"
		large := strings.Repeat("0123456789abcdef", 1<<16) // larger than a pipe's capacity
		for range 3 {
			require.Equal(t, large, s.post(t, url, large))
			time.Sleep(time.Minute - 1)
		}
		require.Equal(t, 1, s.connections())
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		s.post(t, url, "x")
		require.Equal(t, 2, s.connections())
	})
}

func TestAnIdleTimeoutEndsAConnectionAtItsInstant(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := &http.Server{Handler: http.HandlerFunc(echo), IdleTimeout: time.Minute, ReadHeaderTimeout: 5 * time.Second}
		s := serve(t, server, server.Serve)
		for request, want := range map[string]time.Duration{
			"GET / HTTP/1.1\r\nHost: x\r\n\r\n": time.Minute,
			"GET / HTTP/1.1\r\nHost: x\r\n":     5 * time.Second,
		} {
			c, err := s.net.Dial(t.Context(), "bot.example.org:443")
			require.NoError(t, err)
			defer c.Close()
			start := time.Now()
			write(t, c, request)
			if _, err := io.Copy(io.Discard, c); err != nil {
				t.Fatal(err)
			}
			assert.Equal(t, want, time.Since(start), request)
		}
	})
}

func TestAHandlerMayTakeAMinuteOrBeGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var gone time.Duration
		start := time.Now()
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			select {
			case <-time.After(time.Minute):
				_, _ = w.Write(body)
			case <-r.Context().Done():
				gone = time.Since(start)
			}
		})}
		s := serve(t, server, server.Serve)
		if got := s.post(t, "http://bot.example.org:443/", "late"); got != "late" || time.Since(start) != time.Minute {
			t.Errorf("%q came after %v, want it after a minute", got, time.Since(start))
		}
		start = time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 59*time.Second)
		defer cancel()
		if got, err := post(ctx, s.http, "http://bot.example.org:443/", "later"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %q and %v, want the end of the deadline", got, err)
		}
		synctest.Wait()
		assert.Equal(t, 59*time.Second, gone)
	})
}

func TestAServerThatReadsNothingMakesItsClientTimeOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		l, err := n.Listen("bot.example.org:443")
		require.NoError(t, err)
		defer l.Close()
		c, err := n.Dial(t.Context(), "bot.example.org:443")
		require.NoError(t, err)
		defer c.Close()
		start := time.Now()
		_ = c.SetDeadline(start.Add(time.Minute))
		_, err = io.Copy(c, bytes.NewReader(make([]byte, 1<<20)))
		fails(t, "writing", err, os.ErrDeadlineExceeded)
		readFails(t, c, os.ErrDeadlineExceeded)
		assert.Equal(t, time.Minute, time.Since(start))
	})
}

// authority returns a certificate for bot.example.org that is valid in a bubble, and a pool
// that trusts it.
func authority(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		DNSNames:     []string{"bot.example.org"},
		NotBefore:    time.Now(),
		NotAfter:     time.Now().AddDate(1, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(certificate)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}

func TestTLSWorksInABubble(t *testing.T) {
	t.Parallel()
	for protocol, http2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2.0": true} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				certificate, roots := authority(t)
				server := &http.Server{
					Handler:     http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Proto) }),
					IdleTimeout: time.Minute,
					TLSConfig:   &tls.Config{Certificates: []tls.Certificate{certificate}},
				}
				s := serve(t, server, func(l net.Listener) error { return server.ServeTLS(l, "", "") })
				transport := s.http.Transport.(*http.Transport)
				transport.TLSClientConfig = &tls.Config{RootCAs: roots}
				transport.ForceAttemptHTTP2 = http2
				for range 2 {
					require.Equal(t, protocol, s.post(t, "https://bot.example.org/", "x"))
					time.Sleep(time.Minute - 1)
				}
				assert.Equal(t, 1, s.connections())
				transport.TLSClientConfig = &tls.Config{RootCAs: x509.NewCertPool()}
				transport.CloseIdleConnections()
				var unknown x509.UnknownAuthorityError
				if _, err := post(t.Context(), s.http, "https://bot.example.org/", "x"); !errors.As(err, &unknown) {
					t.Errorf("an authority that is not trusted: %v", err)
				}
			})
		})
	}
}

func BenchmarkHTTP(b *testing.B) {
	n := memnet.New()
	l, err := n.Listen("bot.example.org:80")
	require.NoError(b, err)
	server := &http.Server{Handler: http.HandlerFunc(echo)}
	go func() { _ = server.Serve(l) }()
	defer server.Close()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) { return n.Dial(ctx, addr) }}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	body := strings.Repeat("x", 512)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := post(b.Context(), client, "http://bot.example.org/", body); err != nil {
			b.Fatal(err)
		}
	}
}
