package wire_test

import (
	"bufio"
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/wire"
	"github.com/tghook/tghook/tghooktest"
)

// bytesOf returns what a connection to the listener brings first.
func bytesOf(t *testing.T, l net.Listener, n int) string {
	t.Helper()
	conn, err := l.Accept()
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(time.Minute)))
	b := make([]byte, n)
	_, err = io.ReadFull(bufio.NewReader(conn), b)
	require.NoError(t, err)
	return string(b)
}

// The simulated Telegram's sender, which is compared with Telegram's own, sends the same bytes.
func TestTheBytesAreTelegrams(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	for _, secret := range []string{"", "s-1"} {
		url := "http://u:p@" + l.Addr().String() + "/a%20b?x=1"
		update := tghooktest.Update("callback_query")
		target, err := wire.NewTarget(wire.Config{URL: url, Secret: secret})
		require.NoError(t, err)
		want := target.Bytes(wire.Request{Body: string(update)})

		tg, err := tghooktest.Start(tghooktest.ServerConfig{Warn: func(string) {}})
		require.NoError(t, err)
		bot, err := tghook.NewClient(tg.Token, tghook.ClientConfig{BaseURL: tg.URL, Local: true})
		require.NoError(t, err)
		_, err = tg.Deliver(update)
		require.NoError(t, err)
		require.NoError(t, bot.SetWebhook(t.Context(), tghook.WebhookRequest{URL: url, SecretToken: secret, InsecureNoSecret: secret == ""}))
		require.Equal(t, string(want), bytesOf(t, l, len(want)))
		tg.Close()
	}
}

func TestExchange(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get(wire.SecretHeader) == "early" {
			w.WriteHeader(http.StatusEarlyHints)
		}
		if r.Method == http.MethodHead {
			w.Header().Set("Content-Length", "100")
			return
		}
		w.Header().Set("X-N", "1")
		_, _ = io.WriteString(w, "body of "+r.Method)
	}))
	defer server.Close()
	target, err := wire.NewTarget(wire.Config{URL: server.URL})
	require.NoError(t, err)
	conn, err := target.Dial(t.Context())
	require.NoError(t, err)
	defer conn.Close()
	for _, method := range []string{"POST", "HEAD", "PUT"} { // on one connection
		a, err := conn.Exchange(target.Bytes(wire.Request{Method: method}), time.Minute)
		require.NoError(t, err)
		require.Equal(t, 200, a.Status)
		require.True(t, a.Delivered() && a.Framed && !a.Close)
		if method != "HEAD" {
			require.Equal(t, "body of "+method, string(a.Body))
			require.Contains(t, string(a.Raw), "HTTP/1.1 200 OK\r\n")
			require.Contains(t, string(a.Raw), "\r\n\r\nbody of "+method)
		}
	}
	a, err := conn.Exchange(target.Bytes(wire.Request{Secrets: []string{"early"}}), time.Minute)
	require.NoError(t, err)
	require.Equal(t, "103 Early Hints", a.String(), "an interim answer is not skipped")
	a, err = conn.Receive(time.Minute)
	require.NoError(t, err)
	require.Equal(t, 200, a.Status)
	require.Contains(t, string(a.Raw), "HTTP/1.1 200 OK\r\n")
}

func TestWhy(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			panic(http.ErrAbortHandler)
		}
		<-r.Context().Done()
	}))
	defer server.Close()
	for method, c := range map[string]struct {
		patience time.Duration
		want     string
	}{
		"PUT":  {time.Minute, "the connection was closed without a whole answer"},
		"POST": {300 * time.Millisecond, "no answer in time (getWebhookInfo: Read timeout expired)"},
	} {
		target, err := wire.NewTarget(wire.Config{URL: server.URL})
		require.NoError(t, err)
		conn, err := target.Dial(t.Context())
		require.NoError(t, err)
		_, err = conn.Exchange(target.Bytes(wire.Request{Method: method}), c.patience)
		require.Equal(t, c.want, wire.Why(err))
		require.NoError(t, conn.Close())
	}
	require.Equal(t, "no answer in time (getWebhookInfo: Read timeout expired)", wire.Why(fmt.Errorf("x: %w", os.ErrDeadlineExceeded)))
}

func TestTLS(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	server.Config.ErrorLog = nil
	target, err := wire.NewTarget(wire.Config{URL: server.URL})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err = target.Dial(ctx)
	require.ErrorContains(t, err, "certificate", "no public authority has issued it")

	own := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	target, err = wire.NewTarget(wire.Config{URL: server.URL, Certificate: own})
	require.NoError(t, err)
	conn, err := target.Dial(ctx)
	require.NoError(t, err)
	a, err := conn.Exchange(target.Bytes(wire.Request{}), time.Minute)
	require.NoError(t, err)
	require.True(t, a.Delivered())
	require.NoError(t, conn.Close())
}
