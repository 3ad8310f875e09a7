package tgredis_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/engine"
)

func TestAReplicaThatTakesOverKnowsWhatItHasGot(t *testing.T) {
	t.Parallel()
	master := engine.Redis(t, engine.RedisConfig{Args: []string{"--repl-diskless-sync-delay", "0"}})
	replica := engine.Redis(t, engine.RedisConfig{Args: []string{"--replicaof", strings.Replace(master.Addr, ":", " ", 1)}})
	sentinel := engine.Sentinel(t, "main", master)
	client := closed(t, redis.NewFailoverClient(&redis.FailoverOptions{
		MasterName: "main", SentinelAddrs: []string{sentinel.Addr}, ContextTimeoutEnabled: true,
	}))
	store := open(t, client)
	held, succeeded := claim(1), claim(2)
	for _, c := range []tghook.Claim{held, succeeded} {
		_, err := store.Claim(within(t), c, lease, ttl)
		require.NoError(t, err)
	}
	require.NoError(t, store.Done(within(t), succeeded, []byte("reply")))
	seen := connect(t, replica)
	require.Eventually(t, func() bool { return seen.HGet(t.Context(), "tghook:update:7:2", "state").Val() == "done" },
		2*patience, 20*time.Millisecond, "the replica has got it")
	known := connect(t, sentinel)
	require.Eventually(t, func() bool { return strings.Contains(known.Info(t.Context(), "sentinel").Val(), "slaves=1") },
		2*patience, 20*time.Millisecond, "the sentinel knows the replica")

	master.Kill()
	var res tghook.ClaimResult
	require.Eventually(t, func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		var err error
		res, err = store.Claim(ctx, claim(2), lease, ttl)
		return err == nil
	}, 4*patience, 50*time.Millisecond, "the replica takes over")
	assert.Equal(t, tghook.ClaimResult{State: tghook.ClaimDone, Reply: []byte("reply")}, res)
	res, err := store.Claim(within(t), claim(1), lease, ttl)
	require.NoError(t, err)
	assert.Equal(t, tghook.ClaimElsewhere, res.State)
	require.NoError(t, store.Renew(within(t), held, lease))
	require.NoError(t, store.Done(within(t), held, nil))
}
