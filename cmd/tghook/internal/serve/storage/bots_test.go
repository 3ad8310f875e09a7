package storage_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/cmd/tghook/internal/serve/config"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/storage"
)

func TestBotsThatWereAddedAreKept(t *testing.T) {
	onBoth(t, func(t *testing.T, cfg config.Storage) {
		s, other := open(t, cfg), open(t, cfg)
		bots, err := s.Bots(t.Context())
		require.NoError(t, err)
		assert.Empty(t, bots)
		for _, b := range []storage.Added{{"shop", []byte("\x00one\xff")}, {"Zoo", []byte{0}}, {"café", []byte("x")}, {"shop", []byte("two\x00")}} {
			require.NoError(t, s.SaveBot(t.Context(), b))
		}
		want := []storage.Added{{"Zoo", []byte{0}}, {"café", []byte("x")}, {"shop", []byte("two\x00")}}
		bots, err = other.Bots(t.Context())
		require.NoError(t, err)
		assert.Equal(t, want, bots)
		was, err := other.RemoveBot(t.Context(), "Zoo")
		require.NoError(t, err)
		assert.True(t, was)
		was, err = s.RemoveBot(t.Context(), "Zoo")
		require.NoError(t, err)
		assert.False(t, was)
		bots, err = s.Bots(t.Context())
		require.NoError(t, err)
		assert.Equal(t, want[1:], bots)
	})
}

func TestAllGatewaysKnowWhichBotsArePaused(t *testing.T) {
	onBoth(t, func(t *testing.T, cfg config.Storage) {
		s, other := open(t, cfg), open(t, cfg)
		are := func(want map[int64]bool) {
			t.Helper()
			paused, err := other.Paused(t.Context())
			require.NoError(t, err)
			assert.Equal(t, want, paused)
		}
		are(map[int64]bool{})
		for _, bot := range []int64{7, 8, 7} {
			require.NoError(t, s.SetPaused(t.Context(), bot, true))
		}
		are(map[int64]bool{7: true, 8: true})
		require.NoError(t, s.SetPaused(t.Context(), 7, false))
		require.NoError(t, s.SetPaused(t.Context(), 9, false))
		are(map[int64]bool{8: true})
	})
}

func holds(t *testing.T, s *storage.Storage, role string, lease time.Duration, want bool) {
	t.Helper()
	mine, err := s.Hold(t.Context(), role, lease)
	require.NoError(t, err)
	require.Equal(t, want, mine, role)
}

func TestOneOfSeveralGatewaysHasARole(t *testing.T) {
	onBoth(t, func(t *testing.T, cfg config.Storage) {
		one, other := open(t, cfg), open(t, cfg)
		holds(t, one, "webhook of 7", time.Minute, true)
		holds(t, other, "webhook of 7", time.Minute, false)
		holds(t, other, "webhook of 8", time.Minute, true)
		holds(t, one, "webhook of 7", time.Minute, true)
		require.NoError(t, other.Yield(t.Context(), "webhook of 7"), "it is not its own")
		holds(t, other, "webhook of 7", time.Minute, false)
		require.NoError(t, one.Yield(t.Context(), "webhook of 7"))
		holds(t, other, "webhook of 7", 20*time.Millisecond, true)
		eventually(t, func() bool {
			mine, err := one.Hold(t.Context(), "webhook of 7", time.Minute)
			return mine && err == nil
		}, "the other does not keep it")
		holds(t, other, "webhook of 7", time.Minute, false)
	})
}

func TestOnlyOneOfManyAtOnceGetsARole(t *testing.T) {
	onBoth(t, func(t *testing.T, cfg config.Storage) {
		got := make(chan bool)
		const number = 8
		for range number {
			s := open(t, cfg)
			go func() {
				mine, err := s.Hold(t.Context(), "role", time.Minute)
				assert.NoError(t, err)
				got <- mine
			}()
		}
		owners := 0
		for range number {
			if <-got {
				owners++
			}
		}
		assert.Equal(t, 1, owners)
	})
}

// A clock that was ten hours ahead when the role was taken must not hold it for ten hours.
func TestAClockThatIsSetBackHoldsARoleNoLongerThanItsLease(t *testing.T) {
	onBoth(t, func(t *testing.T, cfg config.Storage) {
		one, other := open(t, cfg), open(t, cfg)
		holds(t, one, "role", 100*time.Millisecond, true)
		execute(t, cfg, `UPDATE {roles} SET until = until + 36000000`)
		began := time.Now()
		holds(t, other, "role", time.Minute, false) // now the lease begins anew
		eventually(t, func() bool {
			mine, err := other.Hold(t.Context(), "role", time.Minute)
			return mine && err == nil
		}, "the role is free again")
		assert.Greater(t, time.Since(began), 50*time.Millisecond, "it still had its lease")
	})
}
