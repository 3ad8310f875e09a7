package desk

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestFeedKeepsTheNewestEventsAlone(t *testing.T) {
	f := newFeed(time.UnixMilli(5), &mask{})
	for range maxEvents + 10 {
		f.publish(Event{Kind: "message"})
	}
	require.Len(t, f.ring, maxEvents)
	first := int64(5000)
	require.True(t, gone(f, first+9))
	some, _, _, gap := f.next(first+10, filter{})
	require.False(t, gap)
	require.Equal(t, first+11, some[0].event.Seq)
}

func TestWaitBeginsAtTheOldestEvent(t *testing.T) {
	f := newFeed(time.Now(), &mask{})
	first := f.newest()
	for i := range maxEvents + 10 {
		f.publish(Event{Kind: "message", MessageID: int64(i)})
	}
	e, err := f.await(t.Context(), nil, first, filter{}, func(e Event) bool { return e.MessageID >= 5 })
	require.NoError(t, err)
	require.Equal(t, int64(10), e.MessageID)
	e, err = f.await(t.Context(), nil, first, filter{}, func(e Event) bool { return e.MessageID == maxEvents+9 })
	require.NoError(t, err)
	require.Equal(t, f.newest(), e.Seq)
	for _, other := range []int64{first - 1, f.newest() + 1} {
		_, err = f.await(t.Context(), nil, other, filter{}, func(Event) bool { return true })
		require.ErrorIs(t, err, errGap)
	}
}

func TestFeedKeepsBoundedBytes(t *testing.T) {
	f := newFeed(time.Now(), &mask{})
	large := json.RawMessage(`"` + strings.Repeat("x", 1<<20) + `"`)
	for range 200 {
		f.publish(Event{Kind: "message", Object: large})
	}
	require.LessOrEqual(t, f.bytes, maxEventBytes)
	kept := 0
	for _, k := range f.ring {
		kept += len(k.json)
	}
	require.Equal(t, f.bytes, kept)
	f.publish(Event{Kind: "message", Object: json.RawMessage(`"` + strings.Repeat("x", maxEventBytes) + `"`)})
	require.Len(t, f.ring, 1, "an event that is too large alone is told nevertheless")
}

func TestFeedTellsOneThatIsNotJSON(t *testing.T) {
	f := newFeed(time.Now(), &mask{})
	f.publish(Event{Kind: "message", Object: json.RawMessage("{")})
	require.Contains(t, string(f.ring[0].json), `"kind":"message"`)
}

func TestFeedNumbersGrowOverRestarts(t *testing.T) {
	start := time.Now()
	f := newFeed(start, &mask{})
	for range 900 {
		f.publish(Event{})
	}
	later := newFeed(start.Add(time.Millisecond), &mask{})
	require.Greater(t, later.newest(), f.newest())
	require.Less(t, later.newest(), int64(1)<<53)
	require.True(t, gone(later, f.newest()))
}

// recorder is a client of a stream.
type recorder struct {
	mu     sync.Mutex
	header http.Header
	body   bytes.Buffer
	stuck  bool
}

func (r *recorder) Header() http.Header { return r.header }
func (r *recorder) WriteHeader(int)     {}
func (r *recorder) Flush()              {}

func (r *recorder) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stuck {
		return 0, context.DeadlineExceeded // as at the write deadline
	}
	return r.body.Write(b)
}

func (r *recorder) text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.body.String()
}

func TestStreamBeatsWhileNothingHappens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFeed(time.Now(), &mask{})
		ctx, stop := context.WithCancel(t.Context())
		w := &recorder{header: http.Header{}}
		done := make(chan struct{})
		go func() {
			defer close(done)
			stream{feed: f, after: f.newest()}.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/api/events", nil))
		}()
		time.Sleep(31 * time.Second)
		synctest.Wait()
		require.Equal(t, 2, strings.Count(w.text(), ": still here\n\n"))
		f.publish(Event{Kind: "message"})
		synctest.Wait()
		require.Contains(t, w.text(), "event: message\n")
		stop()
		<-done
	})
}

func TestStreamCutsOffAClientThatTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFeed(time.Now(), &mask{})
		w := &recorder{header: http.Header{}, stuck: true}
		stream{feed: f, after: f.newest()}.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/events", nil)) // returns
	})
}

func TestStreamTellsAClientThatFallsBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFeed(time.Now(), &mask{})
		after := f.newest()
		for range maxEvents + 1 {
			f.publish(Event{Kind: "message"})
		}
		ctx, stop := context.WithCancel(t.Context())
		w := &recorder{header: http.Header{}}
		done := make(chan struct{})
		go func() {
			defer close(done)
			stream{feed: f, after: after}.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/api/events", nil))
		}()
		synctest.Wait()
		require.Equal(t, 1, strings.Count(w.text(), "event: "))
		require.Contains(t, w.text(), fmt.Sprintf("id: %d\nevent: reset\n", f.newest()))
		stop()
		<-done
	})
}

// gone reports whether events after a number are no longer kept.
func gone(f *feed, after int64) bool {
	_, _, _, gap := f.next(after, filter{}) //nolint:dogsled // the gap is what this is about
	return gap
}
