package tgsqlite_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
)

func TestAnAlbumValueThatMayBeForgottenIsNotThere(t *testing.T) {
	bubble(t, func(t *testing.T) {
		path := newFile(t)
		store := open(t, path)
		k := tghook.AlbumKey{Bot: 7, Lane: "1"}
		first, second := claim(0).Fence, claim(0).Fence
		require.NoError(t, store.SaveAlbums(within(t), k, []byte("first"), "", first, time.Minute))
		time.Sleep(time.Minute - time.Millisecond)
		value, version, err := store.LoadAlbums(within(t), k)
		require.NoError(t, err)
		assert.Equal(t, []string{"first", first}, []string{string(value), version})

		time.Sleep(time.Millisecond)
		value, version, err = store.LoadAlbums(within(t), k)
		require.NoError(t, err)
		assert.Equal(t, []string{"", ""}, []string{string(value), version})
		lanes, err := store.AlbumLanes(within(t), 7)
		require.NoError(t, err)
		assert.Empty(t, lanes)
		assert.Equal(t, 1, number(t, database(t, path), "SELECT count(*) FROM albums"), "its row is still there")

		lock := lock(t, path) // so that these are one transaction, before anything is removed
		var saving sync.WaitGroup
		save := func(value, old string, want error) {
			saving.Go(func() {
				assert.ErrorIs(t, store.SaveAlbums(within(t), k, []byte(value), old, second, ttl), want)
			})
			synctest.Wait()
		}
		save("", first, tghook.ErrAlbumChanged) // a version that is forgotten
		save("second", first, tghook.ErrAlbumChanged)
		save("", "", nil) // there is nothing to remove
		save("second", "", nil)
		unlock(t, lock)
		saving.Wait()
		value, version, err = store.LoadAlbums(within(t), k)
		require.NoError(t, err)
		assert.Equal(t, []string{"second", second}, []string{string(value), version})
	})
}
