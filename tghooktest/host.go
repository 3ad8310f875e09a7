package tghooktest

import (
	"context"
	"log"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tghook/tghook/tghooktest/internal/clock"
	"github.com/tghook/tghook/tghooktest/internal/memnet"
)

// host is what the bots of a Server share: the address of the Bot API, the clock, and the
// network in memory.
type host struct {
	base      ServerConfig // what every bot starts from, apart from its token and username
	tb        testing.TB   // nil for Start
	witness   witness      // gets failures that happen in no call of the test
	clock     *clock.Clock
	memory    *memnet.Network // nil: over sockets
	lookup    func(ctx context.Context, host string) (netip.Addr, error)
	transport *http.Transport // of Client

	listener  net.Listener // of api
	name      string       // by which url calls the host
	url       string
	authority *authority // nil without TLS
	api       *http.Server
	serving   sync.WaitGroup // api and its connections
	bots      bots
	state     state
	watchers  watchers
	numbers   atomic.Int64 // of calls
}

const headerTimeout = 30 * time.Second

// newHost returns a host that does not listen yet, and has no bot.
func newHost(cfg ServerConfig, tb testing.TB) *host {
	h := &host{
		base: cfg, tb: tb, witness: witness{tb: tb}, clock: clock.New(cfg.Speed),
		lookup: resolve, transport: &http.Transport{MaxIdleConnsPerHost: 100},
	}
	h.watchers.now = h.clock.Now
	if cfg.InMemory {
		h.memory = memnet.New()
		h.lookup = h.resolveInMemory
		h.transport.DialContext = func(ctx context.Context, _, addr string) (net.Conn, error) { return h.memory.Dial(ctx, addr) }
	}
	return h
}

// serve serves the Bot API on the listener until shutdown.
func (h *host) serve() {
	h.api = &http.Server{
		Handler: http.HandlerFunc(h.handle), ReadHeaderTimeout: headerTimeout,
		ConnState: func(_ net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				h.serving.Add(1)
			case http.StateClosed, http.StateHijacked:
				h.serving.Done()
			}
		},
	}
	if h.tb != nil {
		h.api.ErrorLog = log.New(&h.witness, "", 0) // net/http logs a panic in OnCall there
	}
	h.serving.Go(func() { _ = h.api.Serve(h.listener) }) // until shutdown
}

// shutdown ends all bots and all connections.
func (h *host) shutdown() {
	all := h.bots.close()
	for _, s := range all {
		s.end()
	}
	_ = h.api.Close()
	h.transport.CloseIdleConnections()
	for _, s := range all {
		s.stop()
	}
	h.serving.Wait()
	h.watchers.close()
}
