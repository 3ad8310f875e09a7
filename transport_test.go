package tghook_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/rig"
)

// relay passes bytes on to a server, until the connections that it has are frozen:
// nothing goes through them then, and nothing closes.
type relay struct {
	net.Listener
	to     string
	frozen chan struct{} // of the connections that are accepted now

	mu  sync.Mutex
	all []net.Conn
}

func newRelay(t *testing.T, to string) *relay {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r := &relay{Listener: l, to: to, frozen: make(chan struct{})}
	var passing sync.WaitGroup
	passing.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := new(net.Dialer).DialContext(context.Background(), "tcp", to)
			if err != nil {
				near.Close()
				continue
			}
			r.mu.Lock()
			r.all = append(r.all, near, far)
			frozen := r.frozen
			r.mu.Unlock()
			passing.Go(func() { pipe(near, far, frozen) })
			passing.Go(func() { pipe(far, near, frozen) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		r.mu.Lock()
		for _, conn := range r.all {
			conn.Close()
		}
		r.mu.Unlock()
		passing.Wait()
	})
	return r
}

func pipe(to io.WriteCloser, from io.Reader, frozen chan struct{}) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		select {
		case <-frozen:
			if err != nil {
				return
			}
			continue
		default:
		}
		if err == nil {
			_, err = to.Write(buffer[:n])
		}
		if err != nil {
			to.Close()
			return
		}
	}
}

// freeze stops all that goes through the connections that there are.
func (r *relay) freeze() {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.frozen)
	r.frozen = make(chan struct{})
}

// connections is how many there have been.
func (r *relay) connections() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.all) / 2
}

// overHTTP2 is a client of a Bot API on loopback, by HTTP/2 through a relay. It is
// the default client's transport, with less patience.
func overHTTP2(t *testing.T, api http.HandlerFunc) (*tghook.Client, *relay) {
	t.Helper()
	server := httptest.NewUnstartedServer(api)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	r := newRelay(t, server.Listener.Addr().String())
	base := server.Client().Transport.(*http.Transport).Clone()
	base.ForceAttemptHTTP2 = true
	transport := tghook.Pinged(base)
	transport.HTTP2.SendPingTimeout, transport.HTTP2.PingTimeout = 100*time.Millisecond, 100*time.Millisecond
	t.Cleanup(transport.CloseIdleConnections)
	return rig.NewClient(t, tghook.ClientConfig{
		BaseURL: "https://" + r.Addr().String(), HTTP: &http.Client{Transport: transport},
	}), r
}

func TestACallFindsOutThatItsConnectionIsDead(t *testing.T) {
	t.Parallel()
	var r *relay
	held := make(chan struct{})
	defer close(held)
	c, r := overHTTP2(t, func(rw http.ResponseWriter, req *http.Request) {
		if req.ProtoMajor != 2 {
			t.Errorf("by %s", req.Proto)
		}
		if strings.HasSuffix(req.URL.Path, "/sendMessage") {
			r.freeze()
			<-held
		}
		_, _ = io.WriteString(rw, `{"ok":true,"result":{"id":1}}`)
	})
	ctx, cancel := context.WithTimeout(t.Context(), rig.InTime)
	defer cancel()
	if _, err := c.GetMe(ctx); err != nil {
		t.Fatal(err)
	}
	err := c.Call(ctx, "sendMessage", nil, nil)
	if err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the call on the dead connection: %v", err)
	}
	rig.KeepsToken(t, err)
	if _, err := c.GetMe(ctx); err != nil {
		t.Errorf("the next one: %v", err)
	}
	assert.Equal(t, 2, r.connections(), "connections")
}

func TestAPollFindsOutThatItsConnectionIsDead(t *testing.T) {
	t.Parallel()
	var r *relay
	var asked atomic.Int64
	held := make(chan struct{})
	defer close(held)
	c, r := overHTTP2(t, func(rw http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		answer := `{"ok":true,"result":true}`
		switch {
		case strings.HasSuffix(req.URL.Path, "/getMe"):
			answer = `{"ok":true,"result":{"id":7244100913}}`
		case strings.HasSuffix(req.URL.Path, "/getWebhookInfo"):
			answer = `{"ok":true,"result":{"url":""}}`
		case strings.HasSuffix(req.URL.Path, "/getUpdates"):
			if asked.Add(1) == 1 {
				r.freeze()
				<-held
			}
			answer = `{"ok":true,"result":[]}`
			if !strings.Contains(string(body), "offset") {
				answer = `{"ok":true,"result":[` + rig.MessageIn(7, 1) + `]}`
			}
		}
		_, _ = io.WriteString(rw, answer)
	})
	ctx, cancel := context.WithTimeout(t.Context(), rig.InTime)
	defer cancel()
	handled := make(chan struct{})
	h := tghook.HandlerFunc(func(context.Context, *tghook.Update) (tghook.Reply, error) {
		close(handled)
		cancel()
		return tghook.NoReply, nil
	})
	assert.NoError(t, tghook.Poll(ctx, c, h, tghook.PollConfig{}))
	select {
	case <-handled:
	default:
		t.Error("the update was not handled")
	}
	if n := r.connections(); n < 2 {
		t.Errorf("%d connections", n)
	}
}

func TestTheDefaultClientPings(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]tghook.ClientConfig{
		"without an http.Client":   {},
		"with one of no transport": {HTTP: &http.Client{Timeout: time.Minute}},
	} {
		transport, ok := tghook.TransportOf(rig.NewClient(t, cfg)).(*http.Transport)
		if !ok || transport.HTTP2 == nil || !transport.ForceAttemptHTTP2 {
			t.Errorf("%s: no pings", name)
			continue
		}
		if after := transport.HTTP2.SendPingTimeout + transport.HTTP2.PingTimeout; after <= 0 || after > 20*time.Second || transport.HTTP2.PingTimeout <= 0 {
			t.Errorf("%s: a dead connection is found after %v", name, after)
		}
	}
	if shared := http.DefaultTransport.(*http.Transport); shared.HTTP2 != nil {
		t.Error("http.DefaultTransport was changed")
	}
	own := &http.Transport{}
	assert.Equal(t, http.RoundTripper(own), tghook.TransportOf(rig.NewClient(t, tghook.ClientConfig{HTTP: &http.Client{Transport: own}})), "a transport of one's own")
}
