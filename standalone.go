package tghook

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"

	"github.com/tghook/tghook/internal/guard"
)

// serve is [Run] with a server, on listener.
func (m *Mounted) serve(ctx context.Context, listener net.Listener) error {
	base, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	var connections sync.WaitGroup
	server := &http.Server{
		Handler: m, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxRequestHeaders,
		BaseContext: func(net.Listener) context.Context { return base },
		ErrorLog:    log.New(serverLog{m}, "", 0),
		ConnState: func(_ net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				connections.Add(1)
			case http.StateClosed, http.StateHijacked:
				connections.Done()
			}
		},
	}
	m.log(ctx, slog.LevelInfo, "tghook: listening", slog.String("listen", listener.Addr().String()))
	served := make(chan error, 1)
	go func() {
		served <- server.Serve(listener)
		m.end()
	}()
	err := m.Receive(ctx)
	closing, cancel := context.WithTimeout(base, closingTime)
	defer cancel()
	if server.Shutdown(closing) != nil {
		cut()
		_ = server.Close()
	}
	failure := <-served // from here on there are no new connections
	_ = guard.Within(leavingTime, func() error { connections.Wait(); return nil })
	if err == nil && !errors.Is(failure, http.ErrServerClosed) {
		return fmt.Errorf("tghook: serve: %w", failure)
	}
	return err
}

// serverLog has what the server logs, such as failures of TLS, in the bot's log.
type serverLog struct{ m *Mounted }

func (l serverLog) Write(line []byte) (int, error) {
	l.m.log(context.Background(), slog.LevelWarn, "tghook: server", slog.String("error", strings.TrimSpace(string(line))))
	return len(line), nil
}

// listen opens address, which is that of a unix socket if it begins with a slash.
// A socket that a process left behind is replaced.
func listen(ctx context.Context, address string) (net.Listener, error) {
	network := "tcp"
	if strings.HasPrefix(address, "/") {
		network = "unix"
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err == nil {
			_ = conn.Close()
		}
		if info, statErr := os.Stat(address); errors.Is(err, syscall.ECONNREFUSED) && statErr == nil && info.Mode().Type() == os.ModeSocket {
			_ = os.Remove(address)
		}
	}
	return new(net.ListenConfig).Listen(ctx, network, address)
}

// notListening says which setting led to err, and what to do.
func (m *Mounted) notListening(err error) error {
	address := m.cfg.Listen
	field, given := m.given.nameOf("RunConfig.Listen"), ""
	if m.given.Listen == "" {
		switch {
		case os.Getenv("PORT") != "":
			field = "PORT"
		case m.given.servesTLS():
			given = "is not set, and PORT is not either, so that it is the port of the URL, since TLS is served here: "
		default:
			given = "is not set, and PORT is not either: "
		}
	}
	var refused syscall.Errno
	if !errors.As(err, &refused) { // it may be anything, a token too, so that it is not told
		return &ConfigError{field, given + "is no address to listen at: give host:port, or the absolute path of a unix socket"}
	}
	remedy := "give another"
	switch {
	case refused == syscall.EACCES && !strings.HasPrefix(address, "/"):
		remedy = "give a port above 1023 and forward to it, or allow the process this one (setcap cap_net_bind_service=+ep)"
	case refused == syscall.EACCES:
		remedy = "give a path where the process may create a socket"
	case refused == syscall.EADDRINUSE:
		remedy = "end the process that listens there, or give another"
	}
	return fmt.Errorf("tghook: %s: %scannot listen at %s: %w: %s", field, given, address, refused, remedy)
}
