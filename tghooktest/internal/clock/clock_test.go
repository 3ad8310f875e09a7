package clock_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/tghook/tghook/tghooktest/internal/clock"
)

func TestTimePassesAtTheClocksSpeed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for speed, want := range map[float64]time.Duration{0: time.Second, 1: time.Second, 60: time.Minute, 0.5: time.Second / 2} {
			c := clock.New(speed)
			start := c.Now()
			assert.True(t, start.Equal(time.Now()), speed)
			time.Sleep(time.Second)
			assert.Equal(t, want, c.Now().Sub(start), speed)
			assert.Equal(t, time.Second, c.Real(want), speed)
		}
	})
}
