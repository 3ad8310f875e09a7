package tgredis_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/backends/tgredis"
	"github.com/tghook/tghook/internal/test/engine"
	"github.com/tghook/tghook/tghooktest"
)

func TestStoreOnAServerThatIsKilled(t *testing.T) {
	t.Parallel()
	server := engine.Redis(t, engine.RedisConfig{Fsync: "always"})
	tghooktest.TestStore(t, func(tb testing.TB) tghooktest.Backend {
		return tghooktest.Backend{
			Store: open(tb, connect(tb, server)),
			Other: open(tb, connect(tb, server)),
			Stop:  server.Kill,
			Start: func() { require.NoError(t, server.Restart(t.Context())) },
		}
	})
}

// The client sends each command twice, and does not end a call with its context. The cluster
// forgets the scripts again and again.
func TestStoreOnAClusterWhoseClientRepeatsItself(t *testing.T) {
	t.Parallel()
	server := engine.Redis(t, engine.RedisConfig{Cluster: true})
	admin := connect(t, server)
	ctx, stop := context.WithCancel(t.Context())
	var flushing sync.WaitGroup
	flushing.Go(func() {
		for ; ctx.Err() == nil; time.Sleep(5 * time.Millisecond) {
			if err := admin.ScriptFlush(ctx).Err(); ctx.Err() == nil {
				assert.NoError(t, err)
			}
		}
	})
	defer flushing.Wait()
	defer stop()
	connect := func(tb testing.TB) *tgredis.Store {
		tb.Helper()
		client := closed(tb, redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{server.Addr}, PoolSize: poolSize, ReadTimeout: patience}))
		client.AddHook(new(again))
		return open(tb, client)
	}
	tghooktest.TestStore(t, func(tb testing.TB) tghooktest.Backend {
		return tghooktest.Backend{Store: connect(tb), Other: connect(tb)}
	})
}
