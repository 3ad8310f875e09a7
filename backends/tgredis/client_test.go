package tgredis_test

import (
	"context"
	"crypto/rand"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/backends/tgredis"
	"github.com/tghook/tghook/internal/test/engine"
)

const (
	patience = 30 * time.Second // the machine may be busy
	// After as many failed dials as its size, a pool makes no connection for a second. Tests end
	// the contexts of many dials.
	poolSize = 1000
)

// connect returns a client of a server, which is closed when the test ends.
func connect(tb testing.TB, s *engine.Server, change ...func(*redis.Options)) *redis.Client {
	tb.Helper()
	opts := &redis.Options{Addr: s.Addr, ContextTimeoutEnabled: true, PoolSize: poolSize, ReadTimeout: patience}
	for _, f := range change {
		f(opts)
	}
	return closed(tb, redis.NewClient(opts))
}

// closed closes a client when the test ends.
func closed[T redis.UniversalClient](tb testing.TB, c T) T {
	tb.Helper()
	tb.Cleanup(func() { require.NoError(tb, c.Close()) })
	return c
}

// open returns a Store that uses a client.
func open(tb testing.TB, client redis.UniversalClient) *tgredis.Store {
	tb.Helper()
	store, err := tgredis.New(client, tgredis.Config{})
	require.NoError(tb, err)
	return store
}

// claim returns a claim of an update by nobody before.
func claim(id int64) tghook.Claim {
	return tghook.Claim{Key: tghook.Key{Bot: 7, ID: id}, Fence: rand.Text()}
}

// within bounds a call, so that one that hangs fails.
func within(tb testing.TB) context.Context {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 2*patience)
	tb.Cleanup(cancel)
	return ctx
}

// trips is a hook of a client. It notes the command of each round trip.
type trips struct {
	mu  sync.Mutex
	log []string
}

func (h *trips) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h *trips) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		h.mu.Lock()
		h.log = append(h.log, cmd.Name())
		h.mu.Unlock()
		return next(ctx, cmd)
	}
}

// ProcessPipelineHook does not note the pipeline of a new connection.
func (h *trips) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// take returns the commands since the last call of it.
func (h *trips) take() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	log := h.log
	h.log = nil
	return log
}

// again is a hook of a client. It sends each command twice, as a client does that has not got
// the first answer. A large one is sent once, to save time.
type again struct{ trips }

func (h *again) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		large := func(arg any) bool { text, _ := arg.([]byte); return len(text) > 1<<20 }
		if !slices.ContainsFunc(cmd.Args(), large) {
			_ = next(ctx, redis.NewCmd(ctx, cmd.Args()...))
		}
		return next(ctx, cmd)
	}
}
