package tgpostgres_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/backends/tgpostgres"
)

func TestAnErrorSaysWhatToDo(t *testing.T) {
	t.Parallel()
	open(t, connect(t, shared), tgpostgres.Config{Prefix: "errors_"})
	execute(t, connect(t, shared), "CREATE TABLE old_updates (bot bigint); CREATE TABLE old_albums (bot bigint)")
	for name, c := range map[string]struct {
		cfg     tgpostgres.Config
		options string
		want    []string
	}{
		"a table is missing": {
			cfg:  tgpostgres.Config{Prefix: "missing_"},
			want: []string{"call Store.Migrate once, or run the SQL that tgpostgres.Migration returns: ", `"missing_`},
		},
		"a table is another one": {
			cfg:  tgpostgres.Config{Prefix: "old_"},
			want: []string{"the table is not the one of this version of tgpostgres; compare it with tgpostgres.Migration: "},
		},
		"the server is read-only": {
			cfg: tgpostgres.Config{Prefix: "errors_"}, options: "default_transaction_read_only=on",
			want: []string{"the server is read-only, perhaps a standby; add target_session_attrs=read-write to the URL: "},
		},
		"the password is wrong": {
			options: "password=Wr0ng",
			want:    []string{"failed to connect", "user=postgres", "password authentication failed"},
		},
		"the database does not exist": {
			options: "database=elsewhere",
			want:    []string{"failed to connect", "database=elsewhere", "does not exist"},
		},
		"nothing listens": {
			options: "port=1",
			want:    []string{"failed to connect", "127.0.0.1:1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := newStore(t, connect(t, shared, c.options), c.cfg)
			_, claimErr := store.Claim(t.Context(), claim(3), lease, ttl)
			saveErr := store.SaveAlbums(t.Context(), tghook.AlbumKey{Bot: 7, Lane: "1"}, []byte("v"), "V1", "V2", ttl)
			for method, err := range map[string]error{
				"tgpostgres: Claim of update 3 of bot 7: ": claimErr,
				"tgpostgres: Done of update 3 of bot 7: ":  store.Done(t.Context(), claim(3), nil),
				"tgpostgres: SaveAlbums of bot 7: ":        saveErr,
			} {
				require.Error(t, err, method)
				assert.True(t, strings.HasPrefix(err.Error(), method), "%v", err)
				for _, text := range c.want {
					require.ErrorContains(t, err, text)
				}
				require.NotErrorIs(t, err, tghook.ErrClaimLost)
				require.NotErrorIs(t, err, tghook.ErrAlbumChanged)
				assert.NotContains(t, err.Error(), password)
				assert.NotContains(t, err.Error(), "Wr0ng")
			}
		})
	}
}

func TestMigrateIntoASchemaThatDoesNotExistSaysSo(t *testing.T) {
	t.Parallel()
	err := newStore(t, connect(t, shared), tgpostgres.Config{Schema: "nowhere"}).Migrate(t.Context())
	require.ErrorContains(t, err, "tgpostgres: Migrate: make the tables: create the schema, or set tgpostgres.Config.Schema to one that exists: ")
}

func TestACallSaysThatThePoolHasNoConnectionFree(t *testing.T) {
	t.Parallel()
	pool := connect(t, shared, "pool_max_conns=2")
	store := newStore(t, pool, tgpostgres.Config{})
	for range 2 {
		conn, err := pool.Acquire(t.Context())
		require.NoError(t, err)
		t.Cleanup(func() { conn.Release() })
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := store.Claim(ctx, claim(1), lease, ttl)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.ErrorContains(t, err, "all 2 connections of the pool are in use; set pool_max_conns higher: ")
}
