package main

import (
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// front is the address of the webhook. Receivers come and go behind it, each with an
// address of its own. A connection is closed at once if there is no receiver.
type front struct {
	net.Listener
	receivers []atomic.Value // of addresses; empty: none
	running   sync.WaitGroup
}

func newFront(ctx context.Context, receivers int) (*front, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	f := &front{Listener: l, receivers: make([]atomic.Value, receivers)}
	f.running.Go(func() { f.accept(ctx) })
	return f, nil
}

func (f *front) url() string { return "http://" + f.Addr().String() + "/telegram" }

func (f *front) accept(ctx context.Context) {
	for n := 0; ; n++ {
		conn, err := f.Accept()
		if err != nil {
			return
		}
		f.running.Go(func() { f.relay(ctx, conn, n) })
	}
}

// relay connects conn with a receiver. The connections take the receivers in turn.
func (f *front) relay(ctx context.Context, conn net.Conn, n int) {
	defer conn.Close()
	dialer := net.Dialer{Timeout: time.Second}
	for i := range f.receivers {
		address, _ := f.receivers[(n+i)%len(f.receivers)].Load().(string)
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
