package tghook_test

import (
	"net"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/adapters/tgecho"
	"github.com/tghook/tghook/adapters/tgfiber"
	"github.com/tghook/tghook/adapters/tglambda"
	"github.com/tghook/tghook/internal/gateway"
	"github.com/tghook/tghook/internal/test/rig"
	"github.com/tghook/tghook/tghooktest"
)

func TestEveryDoorKeepsThePromise(t *testing.T) {
	t.Parallel()
	var doors sync.WaitGroup // not parallel subtests: most of the time they wait
	defer doors.Wait()
	for name, open := range map[string]func(testing.TB, *tghook.Webhook) tghooktest.Door{
		"net/http":                             openHTTP,
		"Echo":                                 openEcho,
		"Fiber":                                openFiber(fiber.Config{}),
		"Fiber, Immutable":                     openFiber(fiber.Config{Immutable: true}),
		"Fiber, StreamRequestBody":             openFiber(fiber.Config{StreamRequestBody: true}),
		"Lambda, REST API":                     openLambda(gateway.REST),
		"Lambda, HTTP API":                     openLambda(gateway.HTTP),
		"Lambda, HTTP API, payload format 1.0": openLambda(gateway.HTTPv1),
		"Lambda, Function URL":                 openLambda(gateway.FunctionURL),
		"Lambda, ALB":                          openLambda(gateway.ALB),
		"Lambda, ALB, multi-value headers":     openLambda(gateway.ALBMultiValue),
	} {
		doors.Go(func() {
			t.Run(name, func(t *testing.T) { tghooktest.TestDoor(t, open) })
		})
	}
}

func openHTTP(tb testing.TB, w *tghook.Webhook) tghooktest.Door {
	tb.Helper()
	server := httptest.NewServer(w)
	tb.Cleanup(server.Close)
	return tghooktest.Door{Addr: server.Listener.Addr().String()}
}

func openEcho(tb testing.TB, w *tghook.Webhook) tghooktest.Door {
	tb.Helper()
	e := echo.New()
	e.Any("/telegram", tgecho.Handler(w))
	server := httptest.NewServer(e)
	tb.Cleanup(server.Close)
	return tghooktest.Door{Addr: server.Listener.Addr().String()}
}

// openFiber sets the time that a body may take, for which fasthttp has no default.
func openFiber(cfg fiber.Config) func(testing.TB, *tghook.Webhook) tghooktest.Door {
	cfg.DisableStartupMessage, cfg.ReadTimeout, cfg.IdleTimeout = true, 10*time.Second, time.Minute
	return func(tb testing.TB, w *tghook.Webhook) tghooktest.Door {
		tb.Helper()
		app := fiber.New(cfg)
		app.Server().MaxIdleWorkerDuration = 100 * time.Millisecond // so long its workers outlive it
		app.All("/telegram", tgfiber.Handler(w))
		listener, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", "127.0.0.1:0")
		require.NoError(tb, err)
		served := make(chan error, 1)
		go func() { served <- app.Listener(listener) }()
		tb.Cleanup(func() {
			assert.NoError(tb, app.ShutdownWithTimeout(rig.InTime), "Shutdown")
			assert.NoError(tb, rig.Receive(tb, "the end of the server", served), "Listener")
		})
		return tghooktest.Door{Addr: listener.Addr().String()}
	}
}

func openLambda(shape gateway.Shape) func(testing.TB, *tghook.Webhook) tghooktest.Door {
	return func(_ testing.TB, w *tghook.Webhook) tghooktest.Door {
		return tghooktest.Door{Transport: gateway.Transport(shape, tglambda.Handler(w)), Ephemeral: true}
	}
}
