package tgsqlite_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/backends/tgsqlite"
)

func TestPruneRemovesAllThatMayBeForgotten(t *testing.T) {
	bubble(t, func(t *testing.T) {
		path := newFile(t)
		store := openWith(t, path, tgsqlite.Config{MaxSize: 1 << 20})
		q := store.Queue()
		large := queued(100_002, "a")
		large.Raw = json.RawMessage(`"` + strings.Repeat("x", 800_000) + `"`)
		publish(t, q, queued(100_001, "a"), large)
		require.NoError(t, q.Done(within(t), take(t, q, 1)[0]))
		_, err := store.Claim(within(t), claim(1), time.Minute, time.Minute)
		require.NoError(t, err)
		synctest.Wait()
		db := database(t, path)
		_, err = db.ExecContext(t.Context(), `
			WITH RECURSIVE n (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 3000)
			INSERT INTO keys SELECT 7, id, ?, 1 << 62 FROM n`, time.Now().Add(time.Hour).UnixMilli())
		require.NoError(t, err)
		require.ErrorContains(t, q.Publish(within(t), queued(100_003, "a")), "the file has reached Config.MaxSize")
		synctest.Wait()
		require.NoError(t, store.Prune(within(t)))
		assert.Equal(t, 3002, number(t, db, "SELECT count(*) FROM keys"), "none may be forgotten yet")
		time.Sleep(time.Hour)
		require.NoError(t, store.Prune(within(t)))
		assert.Equal(t, 2, number(t, db, "SELECT count(*) FROM keys"))
		assert.Zero(t, number(t, db, "SELECT count(*) FROM updates"))
		publish(t, q, queued(100_003, "a"))
		assert.Equal(t, []int64{100_002, 100_003}, ids(take(t, q, 10)))
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		err = store.Prune(ended)
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorContains(t, err, "tgsqlite: Prune: ")
		sound(t, path)
	})
}
