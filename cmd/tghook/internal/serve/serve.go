// Package serve is tghook serve: a gateway that puts the promise of tghook before bots in any
// language.
package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/tghook/tghook/cmd/tghook/internal/serve/admin"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/config"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/console"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/gateway"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/storage"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/telemetry"
)

// Config configures Run.
type Config struct {
	File    *config.Config
	Path    string // of the file, for reloading
	Version string
	Logger  *slog.Logger
	// Reload has a value when the file should be read again at once. The file is also watched.
	Reload <-chan os.Signal
	// Ready is called once, when everything listens, with the addresses.
	Ready func(Addresses)
}

// Addresses are where everything listens, as host:port. What is off is empty.
type Addresses struct {
	Webhooks string `json:"webhooks,omitempty"`
	Status   string `json:"status,omitempty"`
	Admin    string `json:"admin,omitempty"`
	Page     string `json:"page,omitempty"`
}

const (
	closeTime = 3 * time.Second // for requests at the end
	// keepAlive is longer than the 60 seconds for which Telegram keeps an idle connection.
	keepAlive  = 90 * time.Second
	headerTime = 10 * time.Second
	bodyTime   = 10 * time.Second // for a body that no handler reads
)

// Run runs the gateway until ctx ends, and then for less than ten seconds more.
func Run(ctx context.Context, cfg Config) (err error) {
	store, err := storage.Open(ctx, cfg.File.Storage)
	if err != nil {
		return err
	}
	meter, err := telemetry.New(ctx, telemetry.Config{Version: cfg.Version, Logger: cfg.Logger, StorageMax: cfg.File.Storage.MaxSize})
	if err != nil {
		return errors.Join(err, store.Close())
	}
	defer func() { err = errors.Join(err, end(ctx, store, meter)) }()
	g := gateway.New(gateway.Config{File: cfg.File, Storage: store, Meter: meter, Library: meter.Library(), Logger: cfg.Logger})
	meter.Observe(g.Bots, store)
	meter.Reloaded(nil)
	s := &site{cfg: cfg, log: cfg.Logger}
	if err := s.listen(ctx, g, store, meter); err != nil {
		s.close()
		return err
	}
	return s.run(ctx, g, meter)
}

// end closes the storage and the telemetry, side by side.
func end(ctx context.Context, store *storage.Storage, meter *telemetry.Telemetry) error {
	var metering error
	var ending sync.WaitGroup
	ending.Go(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		metering = meter.Shutdown(ctx)
	})
	closing := store.Close()
	ending.Wait()
	return errors.Join(closing, metering)
}

// site is all that listens.
type site struct {
	cfg       Config
	log       *slog.Logger
	addresses Addresses
	servers   []*http.Server
	listeners []net.Listener
}

// listen begins to listen on all addresses. Nothing is served yet.
func (s *site) listen(ctx context.Context, g *gateway.Gateway, store *storage.Storage, meter *telemetry.Telemetry) error {
	file := s.cfg.File
	if file.URL != nil { // otherwise all bots poll
		if err := s.addWebhooks(ctx, g); err != nil {
			return err
		}
	}
	if file.Status.Listen != "" {
		if err := s.add(ctx, "status.listen", file.Status.Listen, meter.Handler(g.Ready), &s.addresses.Status); err != nil {
			return err
		}
	}
	if file.Admin.Listen != "" {
		h, err := admin.New(admin.Config{Admin: file.Admin, Gateway: g, Version: s.cfg.Version, Logger: s.log})
		if err != nil {
			return err
		}
		if err := s.add(ctx, "admin.listen", file.Admin.Listen, h, &s.addresses.Admin); err != nil {
			return err
		}
	}
	if file.Page.Listen != "" {
		h, err := console.New(console.Config{Page: file.Page, History: file.History, Gateway: g, Storage: store, Version: s.cfg.Version, Logger: s.log})
		if err != nil {
			return err
		}
		if err := s.add(ctx, "page.listen", file.Page.Listen, h, &s.addresses.Page); err != nil {
			return err
		}
		s.servers[len(s.servers)-1].RegisterOnShutdown(h.Close)
	}
	return nil
}

// addWebhooks begins to listen for webhooks, by TLS if the file has a certificate.
func (s *site) addWebhooks(ctx context.Context, g *gateway.Gateway) error {
	if err := s.add(ctx, "listen", s.cfg.File.Listen, g, &s.addresses.Webhooks); err != nil || s.cfg.File.TLS.Certificate == "" {
		return err
	}
	c := &certificate{files: s.cfg.File.TLS, log: s.log}
	if _, err := c.get(); err != nil {
		return fmt.Errorf("tls: %w", err)
	}
	s.servers[0].TLSConfig = c.config()
	return nil
}

// add begins to listen on an address.
func (s *site) add(ctx context.Context, field, address string, h http.Handler, got *string) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("%s: %w", field, err)
	}
	*got = l.Addr().String()
	s.listeners = append(s.listeners, l)
	s.servers = append(s.servers, &http.Server{
		Handler: boundBodies(h), ReadHeaderTimeout: headerTime, IdleTimeout: keepAlive, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	})
	return nil
}

// boundBodies sets a deadline for the body of each request. A server reads the body of a request that
// is refused to its end, so a peer that sends none could hold a connection for ever. A handler may set
// another deadline. A server's ReadTimeout would do more: it ends the contexts of slow handlers.
func boundBodies(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body != http.NoBody {
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTime)) // every connection has one
		}
		h.ServeHTTP(w, r)
	})
}

// close stops listening.
func (s *site) close() {
	for _, l := range s.listeners {
		_ = l.Close()
	}
}

// run serves until ctx ends or a server fails.
func (s *site) run(ctx context.Context, g *gateway.Gateway, meter *telemetry.Telemetry) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var running sync.WaitGroup
	running.Go(func() { g.Run(ctx) })
	running.Go(func() { s.reload(ctx, g, meter) })
	for i, server := range s.servers {
		running.Go(func() {
			if err := serveOn(server, s.listeners[i]); !errors.Is(err, http.ErrServerClosed) {
				stop(err)
			}
		})
	}
	if s.cfg.Ready != nil {
		s.cfg.Ready(s.addresses)
	}
	<-ctx.Done()
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTime)
	defer cancel()
	var closing sync.WaitGroup
	for _, server := range s.servers {
		closing.Go(func() {
			if server.Shutdown(ending) != nil {
				_ = server.Close()
			}
		})
	}
	closing.Wait()
	running.Wait()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// serveOn serves HTTPS if the server has a certificate, and HTTP otherwise.
func serveOn(server *http.Server, l net.Listener) error {
	if server.TLSConfig != nil {
		return server.ServeTLS(l, "", "")
	}
	return server.Serve(l)
}

// Attrs returns the addresses that are set, for the log.
func (a Addresses) Attrs() (attrs []slog.Attr) {
	for _, one := range []struct{ name, address string }{{"webhooks", a.Webhooks}, {"status", a.Status}, {"admin", a.Admin}, {"page", a.Page}} {
		if one.address != "" {
			attrs = append(attrs, slog.String(one.name, one.address))
		}
	}
	return attrs
}
