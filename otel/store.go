package oteltghook

import (
	"context"
	"fmt"
	"time"

	"github.com/tghook/tghook"
	"go.opentelemetry.io/otel/metric"
)

// Store returns s with its calls measured. If s is a [tghook.AlbumStore], so is the Store that
// it returns.
func (t *Telemetry) Store(s tghook.Store) tghook.Store {
	if s == nil {
		return nil
	}
	measured := &measuredStore{t, s}
	if albums, ok := s.(tghook.AlbumStore); ok {
		return struct {
			*measuredStore
			*measuredAlbums
		}{measured, &measuredAlbums{t, albums}}
	}
	return measured
}

// measuredStore measures the calls of a Store.
type measuredStore struct {
	telemetry *Telemetry
	store     tghook.Store
}

// Claim implements [tghook.Store].
func (s *measuredStore) Claim(ctx context.Context, c tghook.Claim, lease, ttl time.Duration) (res tghook.ClaimResult, err error) {
	stop := s.telemetry.measure(ctx, c.Key.Bot, "claim")
	result := panicked
	defer func() { stop(result) }()
	res, err = s.store.Claim(ctx, c, lease, ttl)
	if result = resultOf(err); err == nil {
		result = claimResultOf(res.State)
	}
	return res, err
}

func claimResultOf(state tghook.ClaimState) string {
	switch state {
	case tghook.ClaimGranted:
		return "granted"
	case tghook.ClaimElsewhere:
		return "elsewhere"
	case tghook.ClaimDone:
		return "done"
	}
	return other
}

// Renew implements [tghook.Store].
func (s *measuredStore) Renew(ctx context.Context, c tghook.Claim, lease time.Duration) error {
	return s.telemetry.call(ctx, c.Key.Bot, "renew", func() error { return s.store.Renew(ctx, c, lease) })
}

// Done implements [tghook.Store].
func (s *measuredStore) Done(ctx context.Context, c tghook.Claim, reply []byte) error {
	return s.telemetry.call(ctx, c.Key.Bot, "done", func() error { return s.store.Done(ctx, c, reply) })
}

// Fail implements [tghook.Store].
func (s *measuredStore) Fail(ctx context.Context, c tghook.Claim, note []byte) error {
	return s.telemetry.call(ctx, c.Key.Bot, "fail", func() error { return s.store.Fail(ctx, c, note) })
}

// Release implements [tghook.Store].
func (s *measuredStore) Release(ctx context.Context, c tghook.Claim) error {
	return s.telemetry.call(ctx, c.Key.Bot, "release", func() error { return s.store.Release(ctx, c) })
}

// measuredAlbums measures the calls of an AlbumStore.
type measuredAlbums struct {
	telemetry *Telemetry
	albums    tghook.AlbumStore
}

// LoadAlbums implements [tghook.AlbumStore].
func (s *measuredAlbums) LoadAlbums(ctx context.Context, k tghook.AlbumKey) (value []byte, version string, err error) {
	err = s.telemetry.call(ctx, k.Bot, "load_albums", func() (err error) {
		value, version, err = s.albums.LoadAlbums(ctx, k)
		return err
	})
	return value, version, err
}

// SaveAlbums implements [tghook.AlbumStore].
func (s *measuredAlbums) SaveAlbums(ctx context.Context, k tghook.AlbumKey, value []byte, old, new string, ttl time.Duration) error { //nolint:predeclared // as in AlbumStore
	return s.telemetry.call(ctx, k.Bot, "save_albums", func() error { return s.albums.SaveAlbums(ctx, k, value, old, new, ttl) })
}

// AlbumLanes implements [tghook.AlbumStore].
func (s *measuredAlbums) AlbumLanes(ctx context.Context, bot int64) (lanes []string, err error) {
	err = s.telemetry.call(ctx, bot, "album_lanes", func() (err error) {
		lanes, err = s.albums.AlbumLanes(ctx, bot)
		return err
	})
	return lanes, err
}

// panicked is the result of a call that did not return.
const panicked = "panic"

// resultOf returns the result of a call as a label.
func resultOf(err error) string {
	switch failure := errorType(err); failure {
	case "":
		return "ok"
	case "claim_lost", "album_changed", "timeout":
		return failure
	}
	return "error"
}

// call measures a call of the Store. A panic goes on.
func (t *Telemetry) call(ctx context.Context, bot int64, method string, f func() error) (err error) {
	stop := t.measure(ctx, bot, method)
	result := panicked
	defer func() { stop(result) }()
	err = f()
	result = resultOf(err)
	return err
}

// measure begins to measure a call. The function that it returns records it.
func (t *Telemetry) measure(ctx context.Context, bot int64, method string) (stop func(result string)) {
	begun := time.Now()
	return func(result string) {
		defer func() { // what the Store did is done, whatever becomes of the metric
			if broken := recover(); broken != nil {
				report(fmt.Errorf("oteltghook: a call of the Store was not measured: %v", broken))
			}
		}()
		t.metrics.storing.Record(ctx, time.Since(begun).Seconds(), t.storeOptionsOf(storeLabels{bot, method, result})...)
	}
}

// storeLabels are the values of the labels of one call of the Store.
type storeLabels struct {
	bot            int64
	method, result string
}

// storeOptionsOf returns the attributes of labels, in the form that an instrument takes. They
// are made once.
func (t *Telemetry) storeOptionsOf(labels storeLabels) []metric.RecordOption {
	if found, ok := t.metrics.ofStores.Load(labels); ok {
		return found.([]metric.RecordOption)
	}
	set := t.attributes(labels.bot, storeMethodKey.String(labels.method), storeResultKey.String(labels.result))
	found, _ := t.metrics.ofStores.LoadOrStore(labels, []metric.RecordOption{metric.WithAttributeSet(set)})
	return found.([]metric.RecordOption)
}
