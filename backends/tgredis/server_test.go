package tgredis_test

import (
	"context"
	"slices"
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

func TestWhatRedisHasAnsweredIsKnownAfterItWasKilled(t *testing.T) {
	t.Parallel()
	server := engine.Redis(t, engine.RedisConfig{Fsync: "always"})
	store := open(t, connect(t, server))
	held, failed, succeeded := claim(1), claim(2), claim(3)
	for _, c := range []tghook.Claim{held, failed, succeeded} {
		_, err := store.Claim(within(t), c, lease, ttl)
		require.NoError(t, err)
	}
	require.NoError(t, store.Fail(within(t), failed, []byte("note")))
	require.NoError(t, store.Done(within(t), succeeded, []byte("reply")))
	k := tghook.AlbumKey{Bot: 7, Lane: "lane"}
	require.NoError(t, store.SaveAlbums(within(t), k, []byte("value"), "", "V1", ttl))

	server.Kill()
	_, err := store.Claim(within(t), claim(4), lease, ttl)
	require.ErrorContains(t, err, "tgredis: Claim of update 4 of bot 7: ")
	require.ErrorContains(t, err, server.Addr)
	require.NotErrorIs(t, err, tghook.ErrClaimLost)
	require.NoError(t, server.Restart(t.Context()))

	res, err := store.Claim(within(t), claim(1), lease, ttl)
	require.NoError(t, err)
	assert.Equal(t, tghook.ClaimElsewhere, res.State)
	assert.InDelta(t, lease, res.RetryIn, float64(5*time.Minute))
	require.NoError(t, store.Done(within(t), held, nil))
	res, err = store.Claim(within(t), claim(2), lease, ttl)
	require.NoError(t, err)
	assert.Equal(t, tghook.ClaimResult{State: tghook.ClaimGranted, Attempt: 2, Note: []byte("note")}, res)
	require.NoError(t, store.Done(within(t), succeeded, []byte("reply")), "repeated after the restart")
	res, err = store.Claim(within(t), claim(3), lease, ttl)
	require.NoError(t, err)
	assert.Equal(t, tghook.ClaimResult{State: tghook.ClaimDone, Reply: []byte("reply")}, res)
	value, version, err := store.LoadAlbums(within(t), k)
	require.NoError(t, err)
	assert.Equal(t, "value V1", string(value)+" "+version)
}

// Whatever the client is, all methods work, also when Redis has forgotten the scripts.
func TestEveryKindOfClientWorks(t *testing.T) {
	t.Parallel()
	clients := map[string]func(t *testing.T) (redis.UniversalClient, func(context.Context) error){
		"Client": func(t *testing.T) (redis.UniversalClient, func(context.Context) error) {
			c := connect(t, engine.Redis(t, engine.RedisConfig{}))
			return c, func(ctx context.Context) error { return c.ScriptFlush(ctx).Err() }
		},
		"ClusterClient": func(t *testing.T) (redis.UniversalClient, func(context.Context) error) {
			c := cluster(t)
			return c, func(ctx context.Context) error {
				return c.ForEachMaster(ctx, func(ctx context.Context, c *redis.Client) error { return c.ScriptFlush(ctx).Err() })
			}
		},
		"Ring": func(t *testing.T) (redis.UniversalClient, func(context.Context) error) {
			first, second := engine.Redis(t, engine.RedisConfig{}), engine.Redis(t, engine.RedisConfig{})
			c := closed(t, redis.NewRing(&redis.RingOptions{Addrs: map[string]string{"first": first.Addr, "second": second.Addr}}))
			return c, func(ctx context.Context) error {
				return c.ForEachShard(ctx, func(ctx context.Context, c *redis.Client) error { return c.ScriptFlush(ctx).Err() })
			}
		},
		"failover client": func(t *testing.T) (redis.UniversalClient, func(context.Context) error) {
			master := engine.Redis(t, engine.RedisConfig{})
			sentinel := engine.Sentinel(t, "main", master)
			c := closed(t, redis.NewFailoverClient(&redis.FailoverOptions{MasterName: "main", SentinelAddrs: []string{sentinel.Addr}}))
			return c, func(ctx context.Context) error { return c.ScriptFlush(ctx).Err() }
		},
	}
	for name, connect := range clients {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, flush := connect(t)
			store := open(t, client)
			for id := range int64(20) { // their keys are in many slots and shards
				require.NoError(t, use(t, store, id))
			}
			require.NoError(t, flush(t.Context()))
			for id := range int64(20) {
				require.NoError(t, use(t, store, 100+id))
			}
		})
	}
}

// cluster returns a client of a cluster.
func cluster(t *testing.T) *redis.ClusterClient {
	t.Helper()
	server := engine.Redis(t, engine.RedisConfig{Cluster: true})
	return closed(t, redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{server.Addr}, ContextTimeoutEnabled: true}))
}

// use calls every method for an update, and for a bot of its own. It returns the first error.
func use(t *testing.T, store *tgredis.Store, id int64) error {
	t.Helper()
	first, second, third, fourth := claim(id), claim(id), claim(id), claim(id)
	k, version := tghook.AlbumKey{Bot: id, Lane: "lane"}, claim(0).Fence
	claimed := func(c tghook.Claim, want tghook.ClaimResult) func() error {
		return func() error {
			res, err := store.Claim(within(t), c, lease, ttl)
			if err == nil {
				assert.Equal(t, want, res)
			}
			return err
		}
	}
	for _, f := range []func() error{
		claimed(first, tghook.ClaimResult{State: tghook.ClaimGranted, Attempt: 1}),
		func() error { return store.Renew(within(t), first, lease) },
		func() error { return store.Fail(within(t), first, []byte("note")) },
		claimed(second, tghook.ClaimResult{State: tghook.ClaimGranted, Attempt: 2, Note: []byte("note")}),
		func() error { return store.Release(within(t), second) },
		claimed(third, tghook.ClaimResult{State: tghook.ClaimGranted, Attempt: 2, Note: []byte("note")}),
		func() error { return store.Done(within(t), third, []byte("reply")) },
		claimed(fourth, tghook.ClaimResult{State: tghook.ClaimDone, Reply: []byte("reply")}),
		func() error { return store.SaveAlbums(within(t), k, []byte("value"), "", version, ttl) },
		func() error {
			value, loaded, err := store.LoadAlbums(within(t), k)
			if err == nil {
				assert.Equal(t, "value "+version, string(value)+" "+loaded)
			}
			return err
		},
		func() error {
			lanes, err := store.AlbumLanes(within(t), id)
			if err == nil {
				assert.Equal(t, []string{"lane"}, lanes)
			}
			return err
		},
		func() error { return store.SaveAlbums(within(t), k, nil, version, claim(0).Fence, ttl) },
	} {
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}

func TestTheErrorsOfAClientThatCannotWorkSayWhatToDo(t *testing.T) {
	t.Parallel()
	const password = "a-secret-of-the-server"
	free := engine.Redis(t, engine.RedisConfig{})
	guarded := engine.Redis(t, engine.RedisConfig{Args: []string{"--requirepass", password}})
	full := engine.Redis(t, engine.RedisConfig{Args: []string{"--maxmemory", "1"}})
	replica := engine.Redis(t, engine.RedisConfig{Args: []string{"--replicaof", "127.0.0.1 1", "--replica-serve-stale-data", "yes"}})
	other := engine.Redis(t, engine.RedisConfig{})
	require.NoError(t, connect(t, other).Set(t.Context(), "tghook:update:7:5", "not a hash", 0).Err())
	down := engine.Redis(t, engine.RedisConfig{})
	down.Kill()
	node := engine.Redis(t, engine.RedisConfig{Cluster: true, Args: []string{"--cluster-require-full-coverage", "no"}})
	for name, test := range map[string]struct {
		server *engine.Server
		change func(*redis.Options)
		want   []string
	}{
		"no password":              {guarded, func(*redis.Options) {}, []string{"NOAUTH", "set the Password of the client"}},
		"wrong password":           {guarded, func(o *redis.Options) { o.Password = "not-" + password }, []string{"WRONGPASS", "the Password of the client is wrong"}},
		"wrong user":               {guarded, func(o *redis.Options) { o.Username, o.Password = "nobody", password }, []string{"WRONGPASS"}},
		"wrong address":            {down, func(*redis.Options) {}, []string{"dial tcp " + down.Addr, "connection refused", "does Redis run there"}},
		"memory is full":           {full, func(*redis.Options) {}, []string{"OOM", "Redis has reached maxmemory"}},
		"a replica":                {replica, func(o *redis.Options) { o.MaxRetries = -1 }, []string{"READONLY", "give it the master"}},
		"a key of another program": {other, func(*redis.Options) {}, []string{"WRONGTYPE", "set Config.Prefix"}},
		"a closed client":          {free, nil, []string{"client is closed"}},
		"a client of one node of a cluster works, because it has all slots": {node, func(*redis.Options) {}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := redis.NewClient(&redis.Options{Addr: test.server.Addr})
			if test.change != nil {
				client = connect(t, test.server, test.change)
			} else {
				require.NoError(t, client.Close())
			}
			c := claim(5)
			_, err := open(t, client).Claim(within(t), c, lease, ttl)
			if test.want == nil {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, "tgredis: Claim of update 5 of bot 7: ")
			for _, want := range test.want {
				require.ErrorContains(t, err, want)
			}
			assert.NotContains(t, err.Error(), password)
			assert.NotContains(t, err.Error(), c.Fence)
		})
	}
}

func TestAServerWhoseMemoryIsFullFinishesWhatItHasGranted(t *testing.T) {
	t.Parallel()
	client := connect(t, engine.Redis(t, engine.RedisConfig{}))
	store := open(t, client)
	c := claim(1)
	_, err := store.Claim(within(t), c, lease, ttl)
	require.NoError(t, err)
	require.NoError(t, client.ConfigSet(t.Context(), "maxmemory", "1").Err())
	require.NoError(t, store.Done(within(t), c, []byte("reply")))
	_, err = store.Claim(within(t), claim(2), lease, ttl)
	require.ErrorContains(t, err, "Redis has reached maxmemory: raise it")
	res, err := store.Claim(within(t), claim(1), lease, ttl)
	require.NoError(t, err)
	assert.Equal(t, tghook.ClaimResult{State: tghook.ClaimDone, Reply: []byte("reply")}, res)
}

func TestAServerThatHangsIsGivenUpInTime(t *testing.T) {
	t.Parallel()
	server := engine.Redis(t, engine.RedisConfig{})
	store := open(t, connect(t, server, func(o *redis.Options) { o.ReadTimeout = time.Hour }))
	_, err := store.Claim(within(t), claim(1), lease, ttl)
	require.NoError(t, err)
	require.NoError(t, server.Pause())
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err = store.Claim(ctx, claim(2), lease, ttl)
	require.ErrorContains(t, err, "Redis has not answered in time")
	assert.Less(t, time.Since(start), patience, "the end of the context ends the call")
	require.NoError(t, server.Resume())
	res, err := store.Claim(within(t), claim(3), lease, ttl)
	require.NoError(t, err)
	assert.Equal(t, tghook.ClaimGranted, res.State)
}

func TestALargeReplyIsSentOnce(t *testing.T) {
	t.Parallel()
	client := connect(t, engine.Redis(t, engine.RedisConfig{}))
	require.NoError(t, client.Ping(t.Context()).Err())
	hook := new(trips)
	client.AddHook(hook)
	store := open(t, client)
	c := claim(1)
	_, err := store.Claim(within(t), c, lease, ttl)
	require.NoError(t, err)
	hook.take()
	require.NoError(t, store.Done(within(t), c, make([]byte, 1<<20)))
	assert.Equal(t, []string{"eval"}, hook.take())
}

func TestTheDocumentedPermissionsAreEnoughAndNeeded(t *testing.T) {
	t.Parallel()
	server := engine.Redis(t, engine.RedisConfig{})
	admin := connect(t, server)
	as := func(name string, commands []string) *tgredis.Store {
		rule := "ACL SETUSER " + name + " on >secret resetkeys ~tghook:* -@all " + strings.Join(commands, " ")
		args := make([]any, 0, 32)
		for arg := range strings.FieldsSeq(rule) {
			args = append(args, arg)
		}
		require.NoError(t, admin.Do(t.Context(), args...).Err())
		return open(t, connect(t, server, func(o *redis.Options) { o.Username, o.Password = name, "secret" }))
	}
	all := permissions(t)
	require.NoError(t, use(t, as("enough", all), 1))
	for i, command := range all {
		require.NoError(t, admin.FlushDB(t.Context()).Err())
		require.NoError(t, admin.ScriptFlush(t.Context()).Err())
		err := use(t, as("without"+command, slices.Delete(slices.Clone(all), i, i+1)), 1)
		require.ErrorContains(t, err, "the documentation of tgredis has the commands", "without %s", command)
	}
}
