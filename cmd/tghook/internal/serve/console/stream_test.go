package console_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/cmd/tghook/internal/serve/storage"
)

// reader is a client of a stream. It keeps the bytes that it gets.
type reader struct {
	tb     testing.TB
	header http.Header
	cancel context.CancelFunc
	ended  chan struct{}

	mu     sync.Mutex
	status int
	bytes  []byte
	broken bool      // it takes no more
	reads  time.Time // deadlines
	writes time.Time
}

func (c *reader) Header() http.Header { return c.header }
func (c *reader) Flush()              {}

func (c *reader) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reads = t
	return nil
}

func (c *reader) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writes = t
	return nil
}

func (c *reader) WriteHeader(status int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.status = status
}

func (c *reader) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken {
		return 0, errors.New("the client has gone")
	}
	c.bytes = append(c.bytes, p...)
	return len(p), nil
}

// follow opens a stream in a bubble.
func (r *rig) follow(query string) *reader {
	ctx, cancel := context.WithCancel(r.tb.Context())
	c := &reader{tb: r.tb, header: http.Header{}, cancel: cancel, ended: make(chan struct{})}
	req := httptest.NewRequestWithContext(ctx, http.MethodGet, "/api/stream?"+query, http.NoBody)
	req.SetBasicAuth("me", password)
	go func() {
		defer close(c.ended)
		r.console.ServeHTTP(c, req)
	}()
	return c
}

// next returns what has come within d, event by event.
func (c *reader) next(d time.Duration) []string {
	time.Sleep(d)
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	var events []string
	for event := range strings.SplitSeq(string(c.bytes), "\n\n") {
		if event != "" {
			events = append(events, event)
		}
	}
	c.bytes = nil
	return events
}

// names returns the names of events, each with its id.
func names(events []string) []string {
	out := []string{}
	for _, event := range events {
		name := ""
		for line := range strings.SplitSeq(event, "\n") {
			if field, value, _ := strings.Cut(line, ": "); field == "event" || field == "id" {
				name = strings.TrimSpace(name + " " + value)
			}
		}
		if name != "" {
			out = append(out, name)
		}
	}
	return out
}

func (c *reader) hasEnded() bool {
	synctest.Wait()
	select {
	case <-c.ended:
		return true
	default:
		return false
	}
}

func TestStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t)
		r.storage.add(storage.Row{Bot: shopID}, storage.Row{Bot: shopID})
		c := r.follow("bot=shop")
		defer c.cancel()
		events := c.next(time.Second)
		require.Equal(t, "text/event-stream", c.header.Get("Content-Type"))
		require.Equal(t, "no-store", c.header.Get("Cache-Control"))
		require.Equal(t, ": tghook", events[0])
		require.Equal(t, []string{"state"}, names(events), "old rows are not news")
		require.Contains(t, events[1], `"lanes":[{"lane":"chat:7"`)

		r.storage.add(storage.Row{Bot: shopID, UpdateID: big, Summary: "two\nlines"}, storage.Row{Bot: 222})
		events = c.next(time.Second)
		require.Equal(t, []string{"3 row"}, names(events), "rows of other bots are not asked for, and the state is as before")
		data := strings.Split(events[0], "\n")[2]
		var row object
		require.NoError(t, json.Unmarshal([]byte(strings.TrimPrefix(data, "data: ")), &row))
		require.InDelta(t, shopID, row["bot"], 0)
		require.Equal(t, bigText, row["row"].(object)["update_id"])

		r.gateway.mu.Lock()
		r.gateway.bots[1].Paused = true
		r.gateway.mu.Unlock()
		require.Equal(t, []string{"state"}, names(c.next(3*time.Second)))
		require.Equal(t, []string{": still here", ": still here"}, c.next(40*time.Second))
	})
}

func TestStreamGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t)
		for range 50 {
			r.storage.add(storage.Row{Bot: shopID})
		}
		c := r.follow("bot=shop&after=12")
		got := names(c.next(time.Second))
		c.cancel()
		require.Len(t, got, 38+1)
		require.Equal(t, "13 row", got[0])
		require.Equal(t, "50 row", got[37])

		c = r.follow("bot=shop&after=50")
		require.Equal(t, []string{"state"}, names(c.next(time.Second)))
		r.storage.add(slices.Repeat([]storage.Row{{Bot: shopID}}, 2000)...)
		require.Equal(t, []string{"2050 reset"}, names(c.next(time.Second)), "it has missed some")
		r.storage.add(storage.Row{Bot: shopID})
		require.Equal(t, []string{"2051 row"}, names(c.next(time.Second)))
		c.cancel()

		c = r.follow("bot=shop&after=5000")
		require.Equal(t, []string{"2051 reset", "state"}, names(c.next(time.Second)), "it is of another history")
		c.cancel()
		require.True(t, c.hasEnded())
	})
}

func TestStreamOfNoBot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t)
		c := r.follow("bot=later")
		defer c.cancel()
		require.Equal(t, []string{"state"}, names(c.next(time.Second)))
		r.storage.add(storage.Row{Bot: 333})
		require.Empty(t, names(c.next(time.Second)))
		added := r.gateway.bots[0]
		added.Name, added.ID = "later", 333
		r.gateway.mu.Lock()
		r.gateway.bots = append(r.gateway.bots, added)
		r.gateway.mu.Unlock()
		r.storage.add(storage.Row{Bot: 333})
		require.Equal(t, []string{"1 row", "2 row", "state"}, names(c.next(3*time.Second)))
	})
}

func TestStreamWhileTheHistoryCannotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t)
		c := r.follow("bot=shop")
		defer c.cancel()
		c.next(time.Second)
		r.storage.setError(errors.New("the disk is gone"))
		require.Contains(t, c.next(5 * time.Second)[0], `"problem":"the gateway could not do this; its log says why"`)
		require.Equal(t, 1, strings.Count(r.log.String(), `error="the disk is gone"`), "the log is not filled")
		r.storage.setError(nil)
		r.storage.add(storage.Row{Bot: shopID})
		events := c.next(5 * time.Second)
		require.Equal(t, []string{"1 row", "state"}, names(events), "nothing is missed")
		require.NotContains(t, events[1], "could not do this")
	})
}

func TestStreamsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t)
		gone, staying := r.follow("bot=shop"), r.follow("bot=shop")
		staying.next(time.Second)
		gone.mu.Lock()
		gone.broken = true
		gone.mu.Unlock()
		r.storage.add(storage.Row{Bot: shopID})
		staying.next(time.Second)
		require.True(t, gone.hasEnded())
		require.False(t, staying.hasEnded())
		r.console.Close()
		require.True(t, staying.hasEnded())
		late := r.follow("bot=shop")
		require.True(t, late.hasEnded())
	})
}

func TestStreamsAreFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t)
		all := make([]*reader, 32)
		for i := range all {
			all[i] = r.follow("bot=shop")
		}
		synctest.Wait()
		r.refused(http.MethodGet, "/api/stream", "", http.StatusServiceUnavailable, "too_many_streams")
		all[7].cancel()
		require.True(t, all[7].hasEnded())
		again := r.follow("bot=shop")
		require.Equal(t, []string{"state"}, names(again.next(time.Second)))
		r.console.Close()
	})
}

// A stream lasts, but each of its writes must end soon. Other requests end soon as a whole.
func TestDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t)
		c := r.follow("bot=shop")
		c.next(time.Minute)
		last := time.Now()
		for range 20 { // until it has just written
			r.storage.add(storage.Row{Bot: shopID})
			c.next(time.Second)
		}
		c.mu.Lock()
		reads, writes := c.reads, c.writes
		c.mu.Unlock()
		require.True(t, reads.IsZero())
		require.True(t, writes.After(last))
		require.LessOrEqual(t, time.Until(writes), 10*time.Second)
		c.cancel()

		c = &reader{header: http.Header{}}
		r.console.ServeHTTP(c, r.request(http.MethodGet, "/api/state", ""))
		require.Equal(t, time.Now().Add(time.Minute), c.reads)
		require.Equal(t, time.Now().Add(time.Minute), c.writes)
	})
}

// The timeouts of the server do not end a stream, and Close does.
func TestStreamOutlivesTheTimeoutsOfItsServer(t *testing.T) {
	r := open(t)
	server := httptest.NewUnstartedServer(r.console)
	server.Config.ReadTimeout, server.Config.WriteTimeout = 3*time.Second, 3*time.Second
	server.Start()
	t.Cleanup(server.Close)
	req := r.request(http.MethodGet, server.URL+"/api/stream?bot=shop", "")
	req.RequestURI = ""
	resp, err := server.Client().Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	require.Equal(t, http.StatusOK, resp.StatusCode)
	buf := make([]byte, 64<<10)
	var seen strings.Builder
	deadline := time.Now().Add(4 * time.Second) // longer than the server's own timeouts
	for n := 0; time.Now().Before(deadline); n++ {
		r.storage.add(storage.Row{Bot: shopID, Summary: fmt.Sprint("row ", n)})
		k, err := resp.Body.Read(buf)
		require.NoError(t, err, "the stream outlives the timeouts of its server")
		seen.Write(buf[:k])
	}
	require.Contains(t, seen.String(), "row 0")
	r.console.Close()
	for err == nil {
		_, err = resp.Body.Read(buf)
	}
}
