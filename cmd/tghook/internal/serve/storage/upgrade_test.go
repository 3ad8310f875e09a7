package storage_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/config"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/storage"
)

var writeOld = flag.String("write-old", "", "write what TestFilesOfAnOlderVersion reads into this folder, such as testdata/v2 with a new version of the tables")

// The folders of testdata were written by the versions that they are named for. They never change.
func TestFilesOfAnOlderVersion(t *testing.T) {
	t.Parallel()
	if *writeOld != "" {
		writeFiles(t, *writeOld)
	}
	folders, err := filepath.Glob("testdata/v*")
	require.NoError(t, err)
	require.NotEmpty(t, folders)
	for _, old := range folders {
		t.Run(filepath.Base(old), func(t *testing.T) {
			folder := t.TempDir()
			require.NoError(t, os.CopyFS(folder, os.DirFS(old)))
			s := open(t, config.Storage{Path: folder, MaxSize: 1 << 30})
			bots, err := s.Bots(t.Context())
			require.NoError(t, err)
			require.Equal(t, []storage.Added{{Name: "shop", Sealed: []byte("sealed")}}, bots)
			paused, err := s.Paused(t.Context())
			require.NoError(t, err)
			require.Equal(t, map[int64]bool{7: true}, paused)
			row, x, err := s.Row(t.Context(), "a-1")
			require.NoError(t, err)
			require.Equal(t, "message", row.Summary)
			require.Equal(t, "body", string(x.Body))
			taken, err := s.Queue().Take(t.Context(), 7, 1, time.Minute)
			require.NoError(t, err)
			require.Len(t, taken, 1)
			require.JSONEq(t, `{"update_id":1}`, string(taken[0].Raw))
			require.NoError(t, s.Queue().Done(t.Context(), taken[0]))
			require.NoError(t, s.SaveBot(t.Context(), storage.Added{Name: "other", Sealed: []byte("x")}), "and it can be written")
		})
	}
}

// writeFiles writes a storage of this version.
func writeFiles(t *testing.T, folder string) {
	t.Helper()
	s, err := storage.Open(t.Context(), config.Storage{Path: folder, MaxSize: 1 << 30})
	require.NoError(t, err)
	require.NoError(t, s.SaveBot(t.Context(), storage.Added{Name: "shop", Sealed: []byte("sealed")}))
	require.NoError(t, s.SetPaused(t.Context(), 7, true))
	require.NoError(t, s.Queue().Publish(t.Context(), tghook.QueuedUpdate{Key: tghook.Key{Bot: 7, ID: 1}, Lane: "chat:5", Raw: []byte(`{"update_id":1}`)}))
	more := s.Watch()
	s.Record(
		storage.Row{ID: "a-1", Bot: 7, Type: "delivery", At: time.Unix(1_796_000_000, 0).UTC(), OK: true, Summary: "message"},
		&storage.Exchange{Method: "POST", URL: "http://127.0.0.1/", Body: []byte("body")},
	)
	<-more
	require.NoError(t, s.Close())
	left, err := filepath.Glob(filepath.Join(folder, "*"))
	require.NoError(t, err)
	require.Len(t, left, 2, "Close leaves only the two files")
}

func TestCloseLeavesTwoFiles(t *testing.T) {
	t.Parallel()
	writeFiles(t, t.TempDir())
}
