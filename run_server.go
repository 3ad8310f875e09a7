package tghook

import (
	"context"
	"crypto/tls"
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
	"time"

	"github.com/tghook/tghook/internal/envelope"
	"github.com/tghook/tghook/internal/guard"
)

// Listen listens at RunConfig.Listen, or at its default. If RunConfig says that TLS is served,
// and the bot does not poll, the connections of the listener already use TLS.
func (m *Mounted) Listen(ctx context.Context) (net.Listener, error) {
	listener, err := listen(ctx, m.cfg.Listen)
	if err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		return nil, m.notListening(err)
	}
	return m.secured(listener), nil
}

// secured is listener with TLS, if that is served here.
func (m *Mounted) secured(listener net.Listener) net.Listener {
	if m.tls == nil {
		return listener
	}
	return tls.NewListener(listener, m.tls)
}

// ServeHTTP answers a request by its path: updates at Path, the state of the bot at
// HealthPath, and 404 elsewhere.
func (m *Mounted) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if m.hook != nil && r.URL.Path == m.cfg.Path {
		m.hook.ServeHTTP(rw, r)
		return
	}
	if r.ContentLength != 0 {
		_ = http.NewResponseController(rw).SetReadDeadline(time.Now()) // so that the server does not wait for the body
	}
	if r.URL.Path == m.cfg.HealthPath {
		m.serveHealth(rw)
		return
	}
	if r.Header["X-Telegram-Bot-Api-Secret-Token"] != nil {
		m.warnOfStray(r)
	}
	rw.WriteHeader(http.StatusNotFound)
}

// serveHealth answers 200. While the bot shuts down, or getUpdates is not answered, it answers
// 503.
func (m *Mounted) serveHealth(rw http.ResponseWriter) {
	status, line := http.StatusOK, ""
	if m.poller != nil {
		last := m.poller.lastAnswer()
		line = "getUpdates has not been answered yet\n"
		if !last.IsZero() {
			line = fmt.Sprintf("getUpdates was last answered %v ago, at %s\n", time.Since(last).Truncate(time.Second), last.UTC().Format(time.RFC3339))
		}
		if time.Since(later(last, m.made)) > m.poller.cfg.Wait+silence {
			status = http.StatusServiceUnavailable
		}
	}
	if m.draining.Load() || m.hook != nil && m.hook.dispatcher.engine.IsClosing() {
		status = http.StatusServiceUnavailable
	}
	if line != "" {
		rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
	}
	rw.WriteHeader(status)
	_, _ = rw.Write([]byte(line))
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// warnOfStray logs that Telegram seems to send updates to another path.
func (m *Mounted) warnOfStray(r *http.Request) {
	now, last := time.Now().UnixNano(), m.strayed.Load()
	if last != 0 && now-last < int64(strayInterval) || !m.strayed.CompareAndSwap(last, now) {
		return
	}
	path, served := envelope.Excerpt([]byte(r.URL.Path), 0), m.cfg.Path
	if m.client != nil {
		path, served = m.client.redact(path), m.client.redact(served)
	}
	text := "tghook: a request with a secret token came to a path where no updates are served: set RunConfig.Path if a proxy changes the path"
	if m.hook == nil {
		text = "tghook: a request with a secret token came, and the bot polls: set RunConfig.URL to receive by webhook"
	}
	m.log(r.Context(), slog.LevelWarn, text, slog.String("path", path), slog.String("served", served), slog.String("peer", r.RemoteAddr))
}

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

// serverLog writes the lines of the server, such as failures of TLS, to the bot's log.
type serverLog struct{ m *Mounted }

func (l serverLog) Write(line []byte) (int, error) {
	l.m.log(context.Background(), slog.LevelWarn, "tghook: the HTTP server reports an error", slog.String("error", strings.TrimSpace(string(line))))
	return len(line), nil
}

// listen listens at address, which is that of a unix socket if it begins with a slash.
// It replaces a socket that a process has left behind.
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
			given = "not set, and PORT is not set; the bot serves TLS, so it listens at the port of the URL: "
		default:
			given = "not set, and PORT is not set: "
		}
	}
	var refused syscall.Errno
	if !errors.As(err, &refused) { // it may be anything, a token too, so that it is not told
		return &ConfigError{field, given + "not an address to listen at; give host:port, or the absolute path of a unix socket"}
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
