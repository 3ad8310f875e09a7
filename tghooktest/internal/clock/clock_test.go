package clock_test

import (
	"math"
	"sync"
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

func TestAClockNeitherOverflowsNorTurnsBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := clock.New(math.SmallestNonzeroFloat64)
		timer := c.NewTimer(time.Second)
		time.Sleep(time.Hour)
		assert.False(t, fired(timer), "at a speed of almost nothing")
		timer.Stop()
		assert.Zero(t, c.Real(0))

		before := c.Now()
		c.SetSpeed(1e12)
		time.Sleep(time.Hour)
		assert.True(t, c.Now().After(before))
		c.SetSpeed(1)
		for range 40 {
			c.Advance(math.MaxInt64)
		}
		time.Sleep(time.Hour)
		_, err := c.Now().MarshalJSON()
		assert.NoError(t, err, "a year of four digits")
	})
}

// fired tells whether a Timer has fired.
func fired(timer *clock.Timer) bool {
	synctest.Wait()
	select {
	case <-timer.C:
		return true
	default:
		return false
	}
}

func TestATimerFollowsItsClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := clock.New(10)
		start, begin := c.Now(), time.Now()
		timer := c.NewTimer(time.Minute)
		<-timer.C
		assert.Equal(t, 6*time.Second, time.Since(begin))
		timer.Reset(time.Minute)
		time.Sleep(3 * time.Second)
		c.SetSpeed(1)
		assert.InDelta(t, 1, c.Speed(), 0)
		<-timer.C
		assert.Equal(t, 39*time.Second, time.Since(begin))
		assert.Equal(t, 2*time.Minute, c.Now().Sub(start))

		timer.Reset(time.Minute)
		c.Advance(time.Minute - 1)
		assert.False(t, fired(timer))
		c.Advance(1)
		assert.True(t, fired(timer))
		c.Advance(time.Hour)
		assert.False(t, fired(timer), "twice")
		timer.Reset(time.Minute)
		c.Advance(59 * time.Second)
		assert.False(t, fired(timer))
		time.Sleep(time.Second)
		assert.True(t, fired(timer), "at its time after a jump")
		timer.Reset(time.Minute)
		timer.Stop()
		c.Advance(time.Hour)
		time.Sleep(time.Hour)
		assert.False(t, fired(timer), "it was stopped")
		assert.Equal(t, 39*time.Second+1*time.Second+time.Hour, time.Since(begin))
	})
}

func TestAllTimersThatAreDueFire(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := clock.New(1)
		start := c.Now()
		var (
			mu    sync.Mutex
			order []int
			run   sync.WaitGroup
		)
		for _, n := range []int{3, 1, 2, 1, 90} {
			timer := c.NewTimer(time.Duration(n) * time.Minute)
			run.Go(func() {
				<-timer.C
				mu.Lock()
				defer mu.Unlock()
				order = append(order, n)
			})
		}
		synctest.Wait()
		c.Advance(time.Hour)
		assert.Equal(t, time.Hour, c.Now().Sub(start))
		synctest.Wait()
		mu.Lock()
		assert.ElementsMatch(t, []int{1, 1, 2, 3}, order)
		mu.Unlock()
		c.Advance(time.Hour)
		run.Wait()
	})
}

func TestAClockMayBeUsedByAll(t *testing.T) {
	t.Parallel()
	c := clock.New(1)
	var run sync.WaitGroup
	for range 4 {
		run.Go(func() {
			last := c.Now()
			for range 200 {
				timer := c.NewTimer(time.Hour)
				c.Advance(time.Minute)
				c.SetSpeed(2)
				timer.Reset(time.Minute)
				timer.Stop()
				now := c.Now()
				assert.False(t, now.Before(last), "the time went back")
				last = now
			}
		})
	}
	run.Wait()
}
