package tgpostgres

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAListenerThatIsDeafTriesAgainSoonAtFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg, err := pgxpool.ParseConfig("postgres://nobody@127.0.0.1:1/none")
		require.NoError(t, err)
		began := time.Now()
		var tries []time.Duration
		cfg.BeforeConnect = func(context.Context, *pgx.ConnConfig) error {
			tries = append(tries, time.Since(began))
			return errDeaf
		}
		pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
		require.NoError(t, err)
		defer pool.Close()
		l := listener{pool: pool, logger: slog.New(slog.DiscardHandler), often: lookEvery}
		w := l.enter(7)
		time.Sleep(200 * time.Second)
		l.leave(w, true)
		synctest.Wait()
		assert.Equal(t, []time.Duration{0, 5 * time.Second, 15 * time.Second, 35 * time.Second, 75 * time.Second, 135 * time.Second, 195 * time.Second}, tries)
	})
}
