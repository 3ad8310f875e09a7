//go:build unix

package fleet

import (
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Front passes connections to places in turn. A place has an address or is empty. If all places
// are empty, Front closes a connection at once. All methods may be called concurrently.
type Front struct {
	listener net.Listener
	places   []atomic.Value // of addresses; empty: none
	running  sync.WaitGroup
	cancel   context.CancelFunc
}

// NewFront returns a Front on a free port of 127.0.0.1, whose places are empty. The caller
// must close it.
func NewFront(ctx context.Context, places int) (*Front, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	f := &Front{listener: l, places: make([]atomic.Value, places)}
	ctx, f.cancel = context.WithCancel(ctx)
	f.running.Go(func() { f.accept(ctx) })
	return f, nil
}

// URL returns the URL of the webhook.
func (f *Front) URL() string { return "http://" + f.listener.Addr().String() + "/telegram" }

// Put sets the address of a place. If address is empty, the place gets no new connections.
func (f *Front) Put(place int, address string) { f.places[place].Store(address) }

// Close ends all connections, and waits for their end.
func (f *Front) Close() {
	_ = f.listener.Close()
	f.cancel()
	f.running.Wait()
}

func (f *Front) accept(ctx context.Context) {
	for n := 0; ; n++ {
		conn, err := f.listener.Accept()
		if err != nil {
			return
		}
		f.running.Go(func() { f.relay(ctx, conn, n) })
	}
}

// relay connects conn with the next place that answers.
func (f *Front) relay(ctx context.Context, conn net.Conn, n int) {
	defer conn.Close()
	dialer := net.Dialer{Timeout: time.Second}
	for i := range f.places {
		address, _ := f.places[(n+i)%len(f.places)].Load().(string)
		receiver, err := dialer.DialContext(ctx, "tcp", address)
		if err != nil {
			continue
		}
		defer receiver.Close()
		stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
		defer stop()
		var both sync.WaitGroup
		copied := func(to, from net.Conn) {
			_, _ = io.Copy(to, from) // until one of them ends
			_ = to.Close()
			_ = from.Close()
		}
		both.Go(func() { copied(receiver, conn) })
		copied(conn, receiver)
		both.Wait()
		return
	}
}
