package tgfiber_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/etag"
	recovery "github.com/gofiber/fiber/v2/middleware/recover"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/adapters/tgfiber"
	"github.com/tghook/tghook/tghooktest"
)

func TestADoorKeepsThePromiseHoweverFiberIsConfigured(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]fiber.Config{
		"default":                  {},
		"Immutable":                {Immutable: true},
		"StreamRequestBody":        {StreamRequestBody: true},
		"DisableHeaderNormalizing": {DisableHeaderNormalizing: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg.ReadTimeout, cfg.IdleTimeout = 10*time.Second, time.Minute // for the body that never comes
			tghooktest.TestDoor(t, func(tb testing.TB, w *tghook.Webhook) tghooktest.Door {
				tb.Helper()
				return tghooktest.Door{Addr: listen(tb, mounted(cfg, w)), Path: path}
			})
		})
	}
}

func TestADoorKeepsThePromiseBehindMiddlewareAndInAGroup(t *testing.T) {
	t.Parallel()
	tghooktest.TestDoor(t, func(tb testing.TB, w *tghook.Webhook) tghooktest.Door {
		tb.Helper()
		app := newApp(fiber.Config{ReadTimeout: 10 * time.Second, IdleTimeout: time.Minute})
		app.Group("/bots", recovery.New(), etag.New()).All("/:name", tgfiber.Handler(w))
		return tghooktest.Door{Addr: listen(tb, app), Path: "/bots/red"}
	})
}

func TestADoorKeepsThePromiseOnAUnixSocket(t *testing.T) {
	t.Parallel()
	tghooktest.TestDoor(t, func(tb testing.TB, w *tghook.Webhook) tghooktest.Door {
		tb.Helper()
		dir, err := os.MkdirTemp("", "door") //nolint:usetesting // TempDir is too long for a socket
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() { _ = os.RemoveAll(dir) })
		app := mounted(fiber.Config{ReadTimeout: 10 * time.Second, IdleTimeout: time.Minute}, w)
		return tghooktest.Door{Addr: listenAt(tb, app, "unix", filepath.Join(dir, "s")), Path: path}
	})
}
