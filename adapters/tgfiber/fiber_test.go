package tgfiber_test

import (
	"context"
	"io"
	"net"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
	"github.com/gofiber/fiber/v2/middleware/compress"
	"github.com/gofiber/fiber/v2/middleware/etag"
	recovery "github.com/gofiber/fiber/v2/middleware/recover"
	"github.com/gofiber/fiber/v2/middleware/timeout"

	"github.com/tghook/tghook/adapters/internal/adaptertest"
	"github.com/tghook/tghook/adapters/tgfiber"
)

func TestFiber(t *testing.T) { //nolint:paralleltest // it measures memory first
	adaptertest.TestFiber(t, adaptertest.Fiber[fiber.Handler]{
		New: newServer,
		Own: func(f func(c adaptertest.FiberContext) error) fiber.Handler {
			return func(c *fiber.Ctx) error { return f(fiberContext{c}) }
		},
		ErrTeapot: fiber.ErrTeapot,
		Compress:  func() fiber.Handler { return compress.New() },
		ETag:      func() fiber.Handler { return etag.New() },
		Recover: func(seen func(v any)) fiber.Handler {
			return recovery.New(recovery.Config{EnableStackTrace: true, StackTraceHandler: func(_ *fiber.Ctx, v any) { seen(v) }})
		},
	})
}

func newServer(a adaptertest.FiberApp[fiber.Handler]) adaptertest.FiberServer {
	app := newApp(a)
	return adaptertest.FiberServer{
		Serve:    app.Listener,
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
		DisableStartupMessage:    true,
		IdleTimeout:              a.IdleTimeout,
		Immutable:                a.Immutable,
		ReadTimeout:              a.ReadTimeout,
		ReduceMemoryUsage:        a.ReduceMemoryUsage,
		StreamRequestBody:        a.StreamRequestBody,
	}
	if a.ForwardedIP {
		cfg.ProxyHeader = fiber.HeaderXForwardedFor
	}
	if a.OnError != nil {
		cfg.ErrorHandler = func(c *fiber.Ctx, err error) error {
			a.OnError(err)
			return c.SendStatus(fiber.StatusTeapot)
		}
	}
	app := fiber.New(cfg)
	for _, middleware := range a.Use {
		app.Use(middleware)
	}
	handler := tgfiber.Handler(a.Webhook)
	if a.Timeout > 0 {
		handler = timeout.NewWithContext(handler, a.Timeout)
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
	outer.Mount(a.Mount, app)
	return outer
}

type fiberContext struct{ *fiber.Ctx }

func (c fiberContext) Context() context.Context       { return c.UserContext() }
func (c fiberContext) SetContext(ctx context.Context) { c.SetUserContext(ctx) }
func (c fiberContext) SetBody(stream io.Reader)       { c.Request().SetBodyStream(stream, -1) }
func (c fiberContext) Answer() []byte                 { return c.Response().Body() }
