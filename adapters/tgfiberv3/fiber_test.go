package tgfiberv3_test

import (
	"io"
	"net"
	"testing"

	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/adaptor"
	"github.com/gofiber/fiber/v3/middleware/compress"
	"github.com/gofiber/fiber/v3/middleware/etag"
	recovery "github.com/gofiber/fiber/v3/middleware/recover"
	"github.com/gofiber/fiber/v3/middleware/timeout"

	"github.com/tghook/tghook/adapters/internal/adaptertest"
	"github.com/tghook/tghook/adapters/tgfiberv3"
)

func TestFiber(t *testing.T) { //nolint:paralleltest // it measures memory first
	adaptertest.TestFiber(t, adaptertest.Fiber[fiber.Handler]{
		New: newServer,
		Own: func(f func(c adaptertest.FiberContext) error) fiber.Handler {
			return func(c fiber.Ctx) error { return f(fiberContext{c}) }
		},
		ErrTeapot: fiber.ErrTeapot,
		Compress:  func() fiber.Handler { return compress.New() },
		ETag:      func() fiber.Handler { return etag.New() },
		Recover: func(seen func(v any)) fiber.Handler {
			return recovery.New(recovery.Config{EnableStackTrace: true, StackTraceHandler: func(_ fiber.Ctx, v any) { seen(v) }})
		},
	})
}

func newServer(a adaptertest.FiberApp[fiber.Handler]) adaptertest.FiberServer {
	app := newApp(a)
	return adaptertest.FiberServer{
		Serve: func(listener net.Listener) error {
			return app.Listener(listener, fiber.ListenConfig{DisableStartupMessage: true})
		},
		Shutdown: app.Shutdown,
		HTTP:     adaptor.FiberApp(app),
		ServeConn: func(conn net.Conn) error {
			app.Handler() // makes it ready
			return app.Server().ServeConn(conn)
		},
	}
}

func newApp(a adaptertest.FiberApp[fiber.Handler]) *fiber.App {
	cfg := fiber.Config{
		BodyLimit:                a.BodyLimit,
		DisableDefaultDate:       a.DisableDefaultDate,
		DisableHeaderNormalizing: a.DisableHeaderNormalizing,
		IdleTimeout:              a.IdleTimeout,
		Immutable:                a.Immutable,
		ReadTimeout:              a.ReadTimeout,
		ReduceMemoryUsage:        a.ReduceMemoryUsage,
		StreamRequestBody:        a.StreamRequestBody,
	}
	if a.ForwardedIP {
		cfg.ProxyHeader = fiber.HeaderXForwardedFor
		cfg.TrustProxy, cfg.TrustProxyConfig = true, fiber.TrustProxyConfig{Loopback: true}
	}
	if a.OnError != nil {
		cfg.ErrorHandler = func(c fiber.Ctx, err error) error {
			a.OnError(err)
			return c.SendStatus(fiber.StatusTeapot)
		}
	}
	app := fiber.New(cfg)
	for _, middleware := range a.Use {
		app.Use(middleware)
	}
	handler := tgfiberv3.Handler(a.Webhook)
	if a.Timeout > 0 {
		handler = timeout.New(handler, timeout.Config{Timeout: a.Timeout})
	}
	group := app.Group(a.Group)
	for _, middleware := range a.GroupUse {
		group.Use(middleware)
	}
	group.All(a.Path, handler)
	if a.Mount == "" {
		return app
	}
	outer := fiber.New(cfg)
	outer.Use(a.Mount, app)
	return outer
}

type fiberContext struct{ fiber.Ctx }

func (c fiberContext) SetBody(stream io.Reader) { c.Request().SetBodyStream(stream, -1) }
func (c fiberContext) Answer() []byte           { return c.Response().Body() }
