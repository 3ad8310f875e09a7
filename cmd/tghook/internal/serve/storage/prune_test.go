package storage_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/cmd/tghook/internal/serve/config"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/storage"
)

// rowsInFiles returns the canaries in the files of a folder.
func rowsInFiles(t *testing.T, folder string) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	files, err := filepath.Glob(filepath.Join(folder, "*"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		for {
			_, rest, more := bytes.Cut(content, []byte("canary-"))
			if !more {
				break
			}
			text, _, whole := bytes.Cut(rest[:min(len(rest), 6)], []byte("-"))
			if number, err := strconv.Atoi(string(text)); err == nil && whole {
				found[canary(number)] = true
			}
			content = rest
		}
	}
	return found
}

func canary(i int) string { return fmt.Sprintf("canary-%d-", i) }

// Nothing of a row is left in the files, also not where SQLite has moved it to and away again.
func TestNoByteOfARemovedRowIsLeftInTheFiles(t *testing.T) {
	t.Parallel()
	cfg := onSQLite(t)
	s := open(t, cfg)
	const number, parts = 2000, 8
	began := time.Now().Add(-100 * time.Hour)
	chance := rand.New(rand.NewPCG(1, 2))
	ages := chance.Perm(number)
	for i, age := range ages {
		s.Record(storage.Row{ID: strconv.Itoa(i), At: began.Add(time.Duration(age) * time.Minute), Summary: canary(i), Error: canary(i)}, &storage.Exchange{
			URL:    "http://bot.example/" + canary(i),
			Header: [][2]string{{"A", canary(i)}},
			Body:   bytes.Repeat([]byte(canary(i)), 1+chance.IntN(8)),
			Answer: bytes.Repeat([]byte(canary(i)), chance.IntN(1+chance.IntN(200))),
		})
	}
	eventually(t, func() bool {
		rows, err := s.Rows(t.Context(), storage.Filter{Limit: 1})
		require.NoError(t, err)
		return len(rows) == 1 && rows[0].ID == strconv.Itoa(number-1)
	}, "all are written")
	require.Zero(t, s.Dropped())
	require.Equal(t, number, len(rowsInFiles(t, cfg.Path)), "before") //nolint:testifylint // it would print them
	large, err := s.Size(t.Context())
	require.NoError(t, err)
	for part := range parts {
		bound := number / parts * (part + 1)
		cut := began.Add(time.Duration(bound)*time.Minute - 30*time.Second)
		require.NoError(t, s.Prune(t.Context(), config.Retention{Age: time.Since(cut)}))
		left := rowsInFiles(t, cfg.Path)
		wrong := 0
		for i, age := range ages {
			if left[canary(i)] != (age >= bound) {
				wrong++
			}
		}
		assert.Zero(t, wrong, "after part %d", part)
	}
	small, err := s.Size(t.Context())
	require.NoError(t, err)
	assert.Less(t, small, large/10, "the files have become smaller")
}

// fill records rows of about a kilobyte each, and waits until they are written.
func fill(t *testing.T, s *storage.Storage, number int, from time.Time) {
	t.Helper()
	for i := range number {
		s.Record(storage.Row{ID: strconv.Itoa(i), At: from.Add(time.Duration(i) * time.Minute)}, &storage.Exchange{Body: make([]byte, 1000)})
	}
	awaitRows(t, s, storage.Filter{Limit: number}, number)
}

func TestRetention(t *testing.T) {
	onBoth(t, func(t *testing.T, cfg config.Storage) {
		s, other := open(t, cfg), open(t, cfg)
		const number = 900
		began := time.Now().Add(-24 * time.Hour)
		fill(t, s, number, began)
		are := func(first, most int) {
			t.Helper()
			rows, err := s.Rows(t.Context(), storage.Filter{Limit: number})
			require.NoError(t, err)
			require.NotEmpty(t, rows)
			assert.Equal(t, strconv.Itoa(first), rows[0].ID)
			assert.Equal(t, most, len(rows)) //nolint:testifylint // it would print them
		}
		require.NoError(t, s.Prune(t.Context(), config.Retention{}))
		require.NoError(t, s.Prune(t.Context(), config.Retention{Age: 48 * time.Hour, MaxSize: 100 << 20}))
		are(0, number)
		pruned := make(chan error, 2)
		for _, by := range []*storage.Storage{s, other} {
			go func() {
				pruned <- by.Prune(t.Context(), config.Retention{Age: time.Since(began.Add(599*time.Minute + 30*time.Second))})
			}()
		}
		require.NoError(t, <-pruned)
		require.NoError(t, <-pruned)
		are(600, 300)
		_, _, err := other.Row(t.Context(), "599")
		require.ErrorIs(t, err, storage.ErrNoRow)
		_, x, err := other.Row(t.Context(), "600")
		require.NoError(t, err)
		assert.Len(t, x.Body, 1000)
		assert.Equal(t, 300, count(t, cfg, "exchanges"))
		assert.Equal(t, sum(t, cfg), state(t, cfg))

		half := state(t, cfg) / 2
		require.NoError(t, s.Prune(t.Context(), config.Retention{MaxSize: half}))
		assert.LessOrEqual(t, state(t, cfg), half)
		assert.Greater(t, state(t, cfg), half-10_000, "no more than needed")
		are(750, 150)
		require.NoError(t, s.Prune(t.Context(), config.Retention{MaxSize: 1}))
		assert.Zero(t, count(t, cfg, "rows"))
		assert.Zero(t, state(t, cfg))
	})
}

// The clock of a machine was a year ahead when it recorded a row.
func TestARowOfTheFutureKeepsNoOlderOne(t *testing.T) {
	onBoth(t, func(t *testing.T, cfg config.Storage) {
		s := open(t, cfg)
		s.Record(storage.Row{ID: "future", At: time.Now().AddDate(1, 0, 0)}, nil)
		s.Record(storage.Row{ID: "old", At: time.Now().Add(-time.Hour)}, nil)
		awaitRows(t, s, storage.Filter{}, 2)
		require.NoError(t, s.Prune(t.Context(), config.Retention{Age: time.Minute}))
		assert.Equal(t, "future", awaitRows(t, s, storage.Filter{}, 1)[0].ID)
	})
}

// A reader that does not end keeps the log. The next Prune empties it, though it removes nothing.
func TestPruneTriesAgainWhenAReaderWasInItsWay(t *testing.T) {
	t.Parallel()
	cfg := onSQLite(t)
	s := open(t, cfg)
	s.Record(storage.Row{ID: "1", At: time.Now().Add(-time.Hour), Summary: canary(1)}, nil)
	awaitRows(t, s, storage.Filter{}, 1)
	reader, err := direct(t, cfg).BeginTx(t.Context(), nil)
	require.NoError(t, err)
	var number int
	require.NoError(t, reader.QueryRowContext(t.Context(), "SELECT count(*) FROM rows").Scan(&number))
	require.NoError(t, s.Prune(t.Context(), config.Retention{Age: time.Minute})) // the reader keeps the log
	assert.NotEmpty(t, rowsInFiles(t, cfg.Path))
	require.NoError(t, reader.Rollback())
	require.NoError(t, s.Prune(t.Context(), config.Retention{Age: time.Minute}))
	assert.Empty(t, rowsInFiles(t, cfg.Path))
}
