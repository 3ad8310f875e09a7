package tgredis_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/engine"
)

func TestTheLanesThatAreForgottenAreNotNamed(t *testing.T) {
	t.Parallel()
	client := connect(t, engine.Redis(t, engine.RedisConfig{}))
	store := open(t, client)
	save := func(lane string, ttl time.Duration) {
		require.NoError(t, store.SaveAlbums(within(t), tghook.AlbumKey{Bot: 7, Lane: lane}, []byte("value"), "", claim(0).Fence, ttl))
	}
	save("long", time.Hour)
	save("short", time.Millisecond)
	require.Eventually(t, func() bool {
		lanes, err := store.AlbumLanes(within(t), 7)
		return assert.NoError(t, err) && len(lanes) == 1 && lanes[0] == "long"
	}, patience, time.Millisecond)
	value, version, err := store.LoadAlbums(within(t), tghook.AlbumKey{Bot: 7, Lane: "short"})
	require.NoError(t, err)
	assert.Empty(t, string(value)+version)
	save("other", time.Minute)
	count, err := client.ZCard(t.Context(), "tghook:{albums:7}").Result()
	require.NoError(t, err)
	assert.EqualValues(t, 2, count, "what is forgotten takes no memory")
	left, err := client.PTTL(t.Context(), "tghook:{albums:7}").Result()
	require.NoError(t, err)
	assert.Greater(t, left, 50*time.Minute, "the lanes are kept as long as the longest")
}
