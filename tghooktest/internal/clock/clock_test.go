package clock_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/tghook/tghook/tghooktest/internal/clock"
)

func TestTimePassesAtTheClocksSpeed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for speed, want := range map[float64]time.Duration{0: time.Second, 1: time.Second, 60: time.Minute, 0.5: time.Second / 2} {
			c := clock.New(speed)
			start := c.Now()
			if !start.Equal(time.Now()) {
				t.Errorf("at speed %v it starts at %v", speed, start)
			}
			time.Sleep(time.Second)
			if got := c.Now().Sub(start); got != want {
				t.Errorf("at speed %v a second takes %v, want %v", speed, got, want)
			}
			if got := c.Real(want); got != time.Second {
				t.Errorf("at speed %v %v take %v, want a second", speed, want, got)
			}
		}
	})
}
