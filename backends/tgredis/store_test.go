package tgredis_test

import (
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/backends/tgredis"
	"github.com/tghook/tghook/internal/test/engine"
)

const (
	lease = 10 * time.Minute // it does not run out in a test
	ttl   = time.Hour
)

func TestEachMethodIsOneRoundTrip(t *testing.T) {
	t.Parallel()
	client := connect(t, engine.Redis(t, engine.RedisConfig{}))
	require.NoError(t, client.Ping(t.Context()).Err()) // a new connection has commands of its own
	hook := new(trips)
	client.AddHook(hook)
	store := open(t, client)
	k := tghook.AlbumKey{Bot: 7, Lane: "1"}
	for round, want := range []string{"evalsha eval", "evalsha"} { // the first time Redis does not know the script
		c, failing, released := claim(int64(10*round)), claim(int64(10*round+1)), claim(int64(10*round+2))
		version := claim(0).Fence
		for _, call := range []struct {
			name string
			f    func() error
			want string
		}{
			{"Claim", func() error { _, err := store.Claim(within(t), c, lease, ttl); return err }, want},
			{"Renew", func() error { return store.Renew(within(t), c, lease) }, want},
			{"Done", func() error { return store.Done(within(t), c, []byte("reply")) }, want},
			{"Claim of another", func() error { _, err := store.Claim(within(t), failing, lease, ttl); return err }, "evalsha"},
			{"Fail", func() error { return store.Fail(within(t), failing, []byte("note")) }, want},
			{"Claim of a third", func() error { _, err := store.Claim(within(t), released, lease, ttl); return err }, "evalsha"},
			{"Release", func() error { return store.Release(within(t), released) }, "evalsha"},
			{"SaveAlbums", func() error { return store.SaveAlbums(within(t), k, []byte("v"), "", version, ttl) }, want},
			{"LoadAlbums", func() error { _, _, err := store.LoadAlbums(within(t), k); return err }, want},
			{"AlbumLanes", func() error { _, err := store.AlbumLanes(within(t), 7); return err }, want},
		} {
			require.NoError(t, call.f(), call.name)
			assert.Equal(t, call.want, strings.Join(hook.take(), " "), call.name)
		}
		require.NoError(t, store.SaveAlbums(within(t), k, nil, version, claim(0).Fence, ttl))
		hook.take()
	}
}

func TestACallWhoseAnswerWasLostMayBeRepeated(t *testing.T) {
	t.Parallel()
	client := connect(t, engine.Redis(t, engine.RedisConfig{}))
	client.AddHook(new(again))
	store := open(t, client)

	c := claim(1)
	res, err := store.Claim(within(t), c, lease, ttl)
	require.NoError(t, err)
	assert.Equal(t, tghook.ClaimResult{State: tghook.ClaimGranted, Attempt: 1}, res)
	require.NoError(t, store.Renew(within(t), c, lease))
	require.NoError(t, store.Fail(within(t), c, []byte("note")))

	c = claim(1)
	res, err = store.Claim(within(t), c, lease, ttl)
	require.NoError(t, err)
	assert.Equal(t, tghook.ClaimResult{State: tghook.ClaimGranted, Attempt: 2, Note: []byte("note")}, res, "the repeated Fail counts once")
	require.NoError(t, store.Release(within(t), c))

	c = claim(1)
	res, err = store.Claim(within(t), c, lease, ttl)
	require.NoError(t, err)
	assert.Equal(t, 2, res.Attempt)
	require.NoError(t, store.Done(within(t), c, []byte("reply")))
	res, err = store.Claim(within(t), claim(1), lease, ttl)
	require.NoError(t, err)
	assert.Equal(t, tghook.ClaimResult{State: tghook.ClaimDone, Reply: []byte("reply")}, res)

	k := tghook.AlbumKey{Bot: 7, Lane: "1"}
	first, second := claim(0).Fence, claim(0).Fence
	require.NoError(t, store.SaveAlbums(within(t), k, []byte("one"), "", first, ttl))
	require.NoError(t, store.SaveAlbums(within(t), k, nil, first, second, ttl))
	_, version, err := store.LoadAlbums(within(t), k)
	require.NoError(t, err)
	assert.Empty(t, version)
}

func TestACopyOfAClaimThatComesAfterItsEndChangesNothing(t *testing.T) {
	t.Parallel()
	store := open(t, connect(t, engine.Redis(t, engine.RedisConfig{})))
	for name, end := range map[string]func(tghook.Claim) error{
		"Fail":    func(c tghook.Claim) error { return store.Fail(within(t), c, nil) },
		"Release": func(c tghook.Claim) error { return store.Release(within(t), c) },
	} {
		c := claim(int64(len(name)))
		_, err := store.Claim(within(t), c, lease, ttl)
		require.NoError(t, err)
		require.NoError(t, end(c))
		_, err = store.Claim(within(t), c, lease, ttl)
		require.ErrorIs(t, err, tghook.ErrClaimLost, name)
		next := claim(int64(len(name)))
		res, err := store.Claim(within(t), next, lease, ttl)
		require.NoError(t, err)
		assert.Equal(t, tghook.ClaimGranted, res.State, "nobody holds it after "+name)
	}
}

func TestWhatNewRefuses(t *testing.T) {
	t.Parallel()
	client := closed(t, redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"}))
	_, err := tgredis.New(nil, tgredis.Config{})
	require.ErrorContains(t, err, "the client is nil")
	_, err = tgredis.New(client, tgredis.Config{Prefix: "bots{}:"})
	require.ErrorContains(t, err, "tgredis.Config.Prefix: {} is an empty hash tag")
	for _, prefix := range []string{"", "bots:", "{bots}:", "{", "}{bots}"} {
		_, err = tgredis.New(client, tgredis.Config{Prefix: prefix})
		require.NoError(t, err, prefix)
	}
}

func TestEachKeyBeginsWithThePrefix(t *testing.T) {
	t.Parallel()
	client := connect(t, engine.Redis(t, engine.RedisConfig{}))
	for prefix, want := range map[string]string{"": "tghook:", "{bots}:": "{bots}:"} {
		require.NoError(t, client.FlushAll(t.Context()).Err())
		store, err := tgredis.New(client, tgredis.Config{Prefix: prefix})
		require.NoError(t, err)
		_, err = store.Claim(within(t), claim(1), lease, ttl)
		require.NoError(t, err)
		require.NoError(t, store.SaveAlbums(within(t), tghook.AlbumKey{Bot: 7, Lane: "1"}, []byte("v"), "", "VERSION", ttl))
		keys, err := client.Keys(t.Context(), "*").Result()
		require.NoError(t, err)
		assert.ElementsMatch(t, []string{want + "update:7:1", want + "{albums:7}", want + "{albums:7}:lane:1", want + "{albums:7}:saved:VERSION"}, keys)
		for _, key := range keys {
			left, err := client.PTTL(t.Context(), key).Result()
			require.NoError(t, err)
			assert.Positive(t, left, "%s expires", key)
		}
	}
}

func TestAnUpdateIsKeptForTheTTLSinceTheLastCall(t *testing.T) {
	t.Parallel()
	client := connect(t, engine.Redis(t, engine.RedisConfig{}))
	store := open(t, client)
	const key = "tghook:update:7:1"
	c := claim(1)
	for _, call := range []struct {
		name string
		f    func() error
		want time.Duration
	}{
		{"Claim", func() error { _, err := store.Claim(within(t), c, lease, time.Hour); return err }, time.Hour},
		{"Claim again", func() error { _, err := store.Claim(within(t), c, lease, 2*time.Hour); return err }, 2 * time.Hour},
		{"Renew", func() error { return store.Renew(within(t), c, lease) }, 2 * time.Hour},
		{"Renew for longer than the ttl", func() error { return store.Renew(within(t), c, 3*time.Hour) }, 3 * time.Hour},
		{"Done", func() error { return store.Done(within(t), c, nil) }, 2*time.Hour + time.Minute},
	} {
		require.NoError(t, call.f(), call.name)
		left, err := client.PTTL(t.Context(), key).Result()
		require.NoError(t, err)
		assert.InDelta(t, call.want, left, float64(5*time.Minute), call.name)
		require.NoError(t, client.PExpire(t.Context(), key, time.Minute).Err())
	}
	_, err := store.Claim(within(t), claim(2), 4*time.Hour, time.Hour)
	require.NoError(t, err)
	left, err := client.PTTL(t.Context(), "tghook:update:7:2").Result()
	require.NoError(t, err)
	assert.InDelta(t, 4*time.Hour, left, float64(5*time.Minute), "a lease that is longer than the ttl")
}
