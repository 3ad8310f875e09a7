package oteltghook_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/rig"
	oteltghook "github.com/tghook/tghook/otel"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
)

func TestTheCallsOfAStoreAreMeasured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		scope, store := newScope(t), rig.NewStore()
		store.Latency = 250 * time.Millisecond
		bot := func(h tghook.HandlerFunc) *rig.Bot {
			cfg := rig.Replica(store)
			cfg.Dispatch.Bot = rig.APIBot
			cfg.Dispatch.Store = scope.Store(store)
			return rig.NewBot(t, cfg, h)
		}
		first, second := bot(rig.Taking(15*time.Second, tghook.NoReply, nil)), bot(rig.Nothing)
		running := first.Send(rig.MessageIn(chat, 1))
		rig.Pass(time.Second)
		second.Post(rig.MessageIn(chat, 1)) // it runs elsewhere
		rig.MustWait(running)
		rig.Pass(time.Minute)
		second.Post(rig.MessageIn(chat, 1)) // it is done
		bot(rig.Taking(0, tghook.NoReply, rig.ErrBroken)).Post(rig.MessageIn(chat, 2))
		store.Set(func(s *rig.Store) { s.Refuse = "Done" })
		second.Post(rig.MessageIn(chat, 3))
		store.Set(func(s *rig.Store) { s.Refuse, s.Down = "", true })
		second.Post(rig.MessageIn(chat, 4))
		rig.Pass(time.Second)
		store.Set(func(s *rig.Store) { s.Latency = time.Hour })
		second.Post(rig.MessageIn(chat, 5))
		rig.Pass(time.Minute)
		assert.Equal(t, []string{
			"store.duration claim done: 1 in 0.25s",
			"store.duration claim elsewhere: 1 in 0.25s",
			"store.duration claim error: 1 in 0.25s",
			"store.duration claim granted: 3 in 0.75s",
			"store.duration claim timeout: 1 in 5s",
			"store.duration done claim_lost: 1 in 0.25s",
			"store.duration done ok: 1 in 0.25s",
			"store.duration fail ok: 1 in 0.25s",
			"store.duration release error: 1 in 0.25s",
			"store.duration release timeout: 1 in 5s",
			"store.duration renew ok: 1 in 0.25s",
		}, scope.metrics())
	})
}

// albums is a Store that keeps albums too.
type albums struct {
	*rig.Store

	calls []string
}

func (a *albums) LoadAlbums(_ context.Context, k tghook.AlbumKey) ([]byte, string, error) {
	a.calls = append(a.calls, "load "+k.Lane)
	return []byte("value"), "version", nil
}

func (a *albums) SaveAlbums(_ context.Context, k tghook.AlbumKey, value []byte, old, next string, ttl time.Duration) error {
	a.calls = append(a.calls, "save "+k.Lane+" "+string(value)+" "+old+" "+next+" "+ttl.String())
	return tghook.ErrAlbumChanged
}

func (a *albums) AlbumLanes(context.Context, int64) ([]string, error) {
	a.calls = append(a.calls, "lanes")
	return []string{"lane"}, rig.ErrBroken
}

func TestAStoreStaysAnAlbumStore(t *testing.T) {
	scope, store := newScope(t), &albums{Store: rig.NewStore()}
	_, ok := scope.Store(struct{ tghook.Store }{rig.NewStore()}).(tghook.AlbumStore)
	assert.False(t, ok, "a Store that is none")
	measured, ok := scope.Store(store).(tghook.AlbumStore)
	require.True(t, ok)
	key := tghook.AlbumKey{Bot: rig.APIBot, Lane: "lane"}
	value, version, err := measured.LoadAlbums(t.Context(), key)
	assert.Equal(t, "value version <nil>", string(value)+" "+version+" <nil>")
	require.NoError(t, err)
	require.ErrorIs(t, measured.SaveAlbums(t.Context(), key, []byte("value"), "old", "new", time.Second), tghook.ErrAlbumChanged)
	lanes, err := measured.AlbumLanes(t.Context(), rig.APIBot)
	assert.Equal(t, []string{"lane"}, lanes)
	require.ErrorIs(t, err, rig.ErrBroken)
	assert.Equal(t, []string{"load lane", "save lane value old new 1s", "lanes"}, store.calls)
	measurements := strings.Join(scope.metrics(), "\n")
	for _, call := range []string{"album_lanes error: 1", "load_albums ok: 1", "save_albums album_changed: 1"} {
		assert.Contains(t, measurements, "store.duration "+call)
	}
}

func TestThereIsNoStoreWithoutAStore(t *testing.T) {
	assert.Nil(t, oteltghook.New().Store(nil))
}

// A meterProvider makes histograms that panic.
type meterProvider struct{ metric.MeterProvider }

func (p meterProvider) Meter(name string, options ...metric.MeterOption) metric.Meter {
	return meter{p.MeterProvider.Meter(name, options...)}
}

type meter struct{ metric.Meter }

func (meter) Float64Histogram(string, ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	return histogram{}, nil
}

func (meter) Int64ObservableCounter(string, ...metric.Int64ObservableCounterOption) (metric.Int64ObservableCounter, error) {
	return nil, errors.New("no counters")
}

type histogram struct{ noop.Float64Histogram }

func (histogram) Record(context.Context, float64, ...metric.RecordOption) { panic("no histograms") }

// A MeterProvider of the user's is broken. The bot is not, and what the Store did is done.
func TestABrokenMeterProviderLosesNoUpdate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		telemetry := oteltghook.New(oteltghook.WithMeterProvider(meterProvider{noop.MeterProvider{}}))
		cfg := rig.Replica(rig.NewStore())
		cfg.Dispatch.Observe, cfg.Dispatch.Watch = telemetry.Observe, telemetry.Watch
		cfg.Dispatch.Store = telemetry.Store(cfg.Dispatch.Store)
		bot := rig.NewBot(t, cfg, telemetry.Middleware(tghook.HandlerFunc(rig.Nothing)).HandleUpdate)
		assert.Equal(t, "200", bot.Post(rig.MessageIn(chat, 1)))
		assert.Equal(t, "200", bot.Post(rig.MessageIn(chat, 1)))
		bot.Did(rig.Counts{Runs: 1})
		require.NoError(t, bot.Shutdown(t.Context()))
	})
}

// A Store that panics does so for tghook too.
func TestAPanicOfAStoreGoesOn(t *testing.T) {
	scope := newScope(t)
	store := scope.Store(struct{ tghook.Store }{})
	assert.Panics(t, func() { _ = store.Renew(t.Context(), tghook.Claim{}, time.Second) })
	assert.Panics(t, func() { _, _ = store.Claim(t.Context(), tghook.Claim{}, time.Second, time.Second) })
	assert.Len(t, scope.metrics(), 2)
}
