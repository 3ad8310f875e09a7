package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/tghook/tghook/bench/rivals"
)

// behaviour is the work of a bot on an update.
type behaviour string

const (
	quick    behaviour = "quick"    // nothing
	gated    behaviour = "gated"    // wait for an order
	panicked behaviour = "panicked" // panic at the first run of update 1, else as gated
)

// serve runs a receiver's process. It prints its address, then "+ID" when the bot begins
// with an update and "-ID" when the bot gets to the end of it. The order "open" opens the
// gate at which a bot waits. The order "stop" stops the receiver as the library's
// documentation says.
func serve(name string, b behaviour) error {
	gate := make(chan struct{})
	var ran atomic.Bool
	handle := func(id int64) {
		fmt.Fprintf(os.Stdout, "+%d\n", id)
		switch {
		case b == panicked && id == 1:
			if !ran.Swap(true) {
				panic("as it was told")
			}
		case b != quick:
			<-gate
		}
		fmt.Fprintf(os.Stdout, "-%d\n", id)
	}
	r, err := open(name, handle)
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	shutdown := start(r, listener)
	fmt.Fprintln(os.Stdout, listener.Addr())
	stopped := make(chan error, 1)
	go func() {
		told := bufio.NewScanner(os.Stdin)
		for told.Scan() {
			switch told.Text() {
			case "open":
				close(gate)
			case "stop":
				go func() { stopped <- stop(r, shutdown) }()
			}
		}
		os.Exit(1) // the parent is gone
	}()
	return <-stopped
}

func open(name string, handle rivals.Handle) (*rivals.Receiver, error) {
	for _, library := range libraries() {
		switch {
		case library.Name != name:
		case library.Bot != nil:
			return library.Bot(handle)
		default:
			return library.Receive(handle)
		}
	}
	return nil, fmt.Errorf("no library is called %s", name)
}

// start serves r until shutdown is called.
func start(r *rivals.Receiver, listener net.Listener) (shutdown func(context.Context) error) {
	if r.Fast != nil {
		server := &fasthttp.Server{Handler: r.Fast}
		go func() { _ = server.Serve(listener) }()
		return server.ShutdownWithContext
	}
	server := &http.Server{Handler: r.HTTP, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(listener) }()
	return server.Shutdown
}

func stop(r *rivals.Receiver, server func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if r.Stop == nil {
		return server(ctx)
	}
	return r.Stop(ctx, server)
}
