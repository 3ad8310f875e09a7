package tgechov5_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v5"
	"github.com/stretchr/testify/assert"

	"github.com/tghook/tghook/adapters/tgechov5"
	"github.com/tghook/tghook/internal/test/doortest"
)

// Its ReadTimeout of 30 seconds is also its idle timeout. Telegram may have sent an
// update by the time that it sees the end of the connection.
func TestEchosOwnServerHangsUpBeforeTelegramWithoutAnIdleTimeout(t *testing.T) {
	t.Parallel()
	for _, idleTimeout := range []time.Duration{0, 90 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			e := echo.New()
			e.POST(doortest.Path, tgechov5.Handler(doortest.NewBot(t, doortest.Idle).Webhook))
			memory := doortest.NewMemory()
			ctx, stop := context.WithCancel(context.Background())
			served := make(chan error, 1)
			go func() {
				served <- echo.StartConfig{
					Listener: memory, HideBanner: true, HidePort: true,
					BeforeServeFunc: func(s *http.Server) error { s.IdleTimeout = idleTimeout; return nil },
				}.Start(ctx, e)
			}()
			conn := memory.Dial(t)
			assert.Equal(t, "200", conn.Ask(doortest.Delivery(doortest.Message(1))))
			time.Sleep(59 * time.Second)
			if idleTimeout == 0 {
				conn.Ended()
			} else {
				assert.Equal(t, "200", conn.Ask(doortest.Delivery(doortest.Message(2))))
			}
			_ = conn.Close()
			stop()
			assert.NoError(t, <-served)
		})
	}
}
