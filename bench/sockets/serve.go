package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	fiberv2 "github.com/gofiber/fiber/v2"
	fiberv3 "github.com/gofiber/fiber/v3"
	echov4 "github.com/labstack/echo/v4"
	echov5 "github.com/labstack/echo/v5"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/adapters/tgecho"
	"github.com/tghook/tghook/adapters/tgechov5"
	"github.com/tghook/tghook/adapters/tgfiber"
	"github.com/tghook/tghook/adapters/tgfiberv3"
	"github.com/tghook/tghook/bench/rivals"
)

// doors serve w or, if w is nil, an empty handler that counts.
var doors = []struct {
	name  string
	serve func(listener net.Listener, w *tghook.Webhook) error
}{
	{"net/http", func(listener net.Listener, w *tghook.Webhook) error {
		mux := http.NewServeMux()
		if w != nil {
			mux.Handle(rivals.Path, w)
		} else {
			mux.HandleFunc(rivals.Path, func(rw http.ResponseWriter, r *http.Request) {
				if err := drain(r.Body); err != nil {
					rw.WriteHeader(http.StatusBadRequest)
					return
				}
				rw.WriteHeader(http.StatusOK)
			})
		}
		return serveHTTP(listener, mux)
	}},
	{"Echo_v4", func(listener net.Listener, w *tghook.Webhook) error {
		handler := func(c echov4.Context) error {
			if err := drain(c.Request().Body); err != nil {
				return err
			}
			return c.NoContent(http.StatusOK)
		}
		if w != nil {
			handler = tgecho.Handler(w)
		}
		e := echov4.New()
		e.POST(rivals.Path, handler)
		return serveHTTP(listener, e)
	}},
	{"Echo_v5", func(listener net.Listener, w *tghook.Webhook) error {
		handler := func(c *echov5.Context) error {
			if err := drain(c.Request().Body); err != nil {
				return err
			}
			return c.NoContent(http.StatusOK)
		}
		if w != nil {
			handler = tgechov5.Handler(w)
		}
		e := echov5.New()
		e.POST(rivals.Path, handler)
		return serveHTTP(listener, e)
	}},
	{"Fiber_v2", func(listener net.Listener, w *tghook.Webhook) error {
		handler := func(c *fiberv2.Ctx) error {
			count(c.Body())
			return c.SendStatus(http.StatusOK)
		}
		if w != nil {
			handler = tgfiber.Handler(w)
		}
		app := fiberv2.New(fiberv2.Config{DisableStartupMessage: true})
		app.Post(rivals.Path, handler)
		return app.Listener(listener)
	}},
	{"Fiber_v3", func(listener net.Listener, w *tghook.Webhook) error {
		handler := func(c fiberv3.Ctx) error {
			count(c.Body())
			return c.SendStatus(http.StatusOK)
		}
		if w != nil {
			handler = tgfiberv3.Handler(w)
		}
		app := fiberv3.New()
		app.Post(rivals.Path, handler)
		return app.Listener(listener, fiberv3.ListenConfig{DisableStartupMessage: true})
	}},
}

func serveHTTP(listener net.Listener, h http.Handler) error {
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 90 * time.Second}
	return server.Serve(listener)
}

var handled, empty atomic.Int64 // requests, and the requests without a body

func count(body []byte) {
	handled.Add(1)
	if len(body) == 0 {
		empty.Add(1)
	}
}

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// drain reads r into a pooled buffer.
func drain(r io.Reader) error {
	buffer := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(buffer)
	buffer.Reset()
	_, err := buffer.ReadFrom(r)
	count(buffer.Bytes())
	return err
}

// server is the server of a child process.
type server struct {
	name  string
	serve func(net.Listener) error
}

// frameworks are the doors, each with an empty handler and with tghook.
func frameworks() []server {
	raw := tghook.HandlerFunc(func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
		count(u.Raw)
		return tghook.NoReply, nil
	})
	all := make([]server, 0, 2*len(doors))
	for _, door := range doors {
		all = append(all,
			server{door.name + "/empty", func(l net.Listener) error { return door.serve(l, nil) }},
			server{door.name + "/tghook", hooked(raw, door.serve)})
	}
	return all
}

// hooked returns a function that serves h with tghook.
func hooked(h tghook.Handler, door func(net.Listener, *tghook.Webhook) error) func(net.Listener) error {
	return func(l net.Listener) error {
		w, err := rivals.Tghook(h)
		if err != nil {
			return err
		}
		return door(l, w)
	}
}

// serve runs a server process: it prints its address, and serves until its input ends.
func serve(name string) error {
	all := slices.Concat(frameworks(), receivers(), repliers)
	at := slices.IndexFunc(all, func(s server) bool { return s.name == name })
	if at < 0 {
		return fmt.Errorf("no server is called %s", name)
	}
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	go func() { failed <- all[at].serve(listener) }()
	fmt.Fprintln(os.Stdout, listener.Addr())
	go func() { failed <- tell() }()
	return <-failed
}

// tell prints, for each line of input, the number of requests handled so far, the number of
// these without a body, and the CPU time of this process in nanoseconds.
func tell() error {
	asked := bufio.NewScanner(os.Stdin)
	for asked.Scan() {
		for before := int64(-1); before < handled.Load(); { // some servers answer first and handle later
			before = handled.Load()
			time.Sleep(100 * time.Millisecond)
		}
		var used syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
			return err
		}
		fmt.Fprintln(os.Stdout, handled.Load(), empty.Load(), used.Utime.Nano()+used.Stime.Nano())
	}
	return asked.Err()
}
