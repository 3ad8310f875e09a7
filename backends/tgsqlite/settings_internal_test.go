package tgsqlite

import (
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// In the tests Open waits as long as a busy machine may need.
func init() { //nolint:gochecknoinits // it must come before all tests
	openPatience = 2 * time.Minute
}

func TestEveryConnectionHasItsSettings(t *testing.T) {
	t.Parallel()
	store, err := Open(filepath.Join(t.TempDir(), "bot.db"), Config{MaxSize: 10 << 20})
	require.NoError(t, err)
	conns := [connections]*sql.Conn{store.writer.session.conn}
	for i := 1; i < len(conns); i++ {
		conns[i], err = store.db.Conn(t.Context())
		require.NoError(t, err)
	}
	for _, conn := range conns {
		for _, c := range []struct{ pragma, want string }{
			{"journal_mode", "wal"},
			{"synchronous", "2"}, // FULL
			{"journal_size_limit", "8388608"},
			{"page_size", "4096"},
			{"max_page_count", "2560"},
		} {
			var got string
			require.NoError(t, conn.QueryRowContext(t.Context(), "PRAGMA "+c.pragma).Scan(&got))
			assert.Equal(t, c.want, got, c.pragma)
		}
		require.NoError(t, conn.Close())
	}
	require.NoError(t, store.Close())
}
