package tgpostgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/backends/tgpostgres"
)

// The updates of a second are claimed before the first of them ends.
func TestTheEndOfAnUpdateTouchesNoIndex(t *testing.T) {
	t.Parallel()
	cfg := newSchema(t)
	pool := connect(t, shared, "search_path="+`"`+cfg.Schema+`"`, "pool_max_conns=1")
	store := open(t, pool, tgpostgres.Config{})
	claims := make([]tghook.Claim, 300)
	for i := range claims {
		claims[i] = claim(int64(i))
		_, err := store.Claim(t.Context(), claims[i], lease, ttl)
		require.NoError(t, err)
	}
	for _, c := range claims {
		require.NoError(t, store.Done(t.Context(), c, nil))
	}
	var updated, hot int // PostgreSQL counts with a delay
	const counts = `SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relid = 'tghook_updates'::regclass`
	require.Eventually(t, func() bool {
		return pool.QueryRow(t.Context(), counts).Scan(&updated, &hot) != nil || updated == len(claims)
	}, time.Minute, 50*time.Millisecond)
	require.Equal(t, len(claims), updated)
	require.Greater(t, hot, len(claims)*9/10, "updates in the page of the row")
}
