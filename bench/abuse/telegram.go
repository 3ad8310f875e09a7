package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tghook/tghook/bench/rivals"
)

// telegram offers updates to one receiver after the other, and keeps count.
type telegram struct {
	receiver receiver
	*ledger

	first   map[int]int    // answers to the first offer of each update, by status; 0: none
	offered map[int64]bool // whether it was acknowledged
	pause   time.Duration  // before the next offer
	early   int            // acknowledged while the bot was at work on it
	peak    int64
}

func newTelegram(r receiver) *telegram {
	return &telegram{
		receiver: r,
		ledger:   newLedger(),
		first:    map[int]int{},
		offered:  map[int64]bool{},
		pause:    time.Second,
	}
}

// offer sends each update once, all at the same time.
func (t *telegram) offer(ctx context.Context, c *child, ids ...int64) {
	var all sync.WaitGroup
	for _, id := range ids {
		all.Go(func() {
			body := update(id, "hello")
			t.send(ctx, c, id, strings.NewReader(body), int64(len(body)), nil)
		})
	}
	all.Wait()
}

func update(id int64, text string) string {
	return fmt.Sprintf(`{"update_id":%d,"message":{"message_id":%d,"date":1795000000,"chat":{"id":%d,"type":"private"},"from":{"id":%d,"is_bot":false,"first_name":"A"},"text":"%s"}}`,
		id, id, 5_000_000_000+id, 5_000_000_000+id, text)
}

// send offers one update in a request that may differ from Telegram's.
func (t *telegram) send(ctx context.Context, c *child, id int64, body io.Reader, length int64, differ func(http.Header)) {
	status, pause := post(ctx, c, body, length, differ)
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, again := t.offered[id]; !again {
		t.first[status]++
	}
	t.offered[id] = t.offered[id] || status/100 == 2
	t.pause = max(t.pause, pause)
}

func post(ctx context.Context, c *child, body io.Reader, length int64, differ func(http.Header)) (status int, pause time.Duration) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+c.address+rivals.Path, body)
	if err != nil {
		return 0, 0
	}
	request.ContentLength = length
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Telegram-Bot-Api-Secret-Token", rivals.Secret)
	if differ != nil {
		differ(request.Header)
	}
	// A client for all requests would have unused connections, and a server that stops
	// waits for those.
	transport := new(http.Transport)
	defer transport.CloseIdleConnections()
	answer, err := transport.RoundTrip(request)
	if err != nil {
		return 0, 0
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	seconds, _ := strconv.Atoi(answer.Header.Get("Retry-After"))
	return answer.StatusCode, time.Duration(seconds) * time.Second
}

// settle waits until nothing has happened for a second.
func (t *telegram) settle(ctx context.Context) {
	for before := -1; ctx.Err() == nil; {
		t.mu.Lock()
		now := 0
		for _, counts := range []map[int64]int{t.begun, t.ended} {
			for _, n := range counts {
				now += n
			}
		}
		for _, n := range t.first {
			now += n
		}
		t.mu.Unlock()
		if now == before {
			return
		}
		before = now
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// redeliver offers the updates that are not acknowledged again until all are, to a new
// process if c has ended.
func (t *telegram) redeliver(ctx context.Context, c *child) error {
	var err error
	if !c.alive() {
		if c, err = bear(ctx, t.ledger, t.receiver, quick); err != nil {
			return err
		}
		defer c.kill()
	}
	for ctx.Err() == nil {
		t.mu.Lock()
		var left []int64
		for id, acknowledged := range t.offered {
			if !acknowledged {
				left = append(left, id)
			}
		}
		pause := t.pause
		t.mu.Unlock()
		if len(left) == 0 {
			break
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		t.offer(ctx, c, left...)
	}
	t.settle(ctx)
	return ctx.Err()
}

// result returns the figures of a benchmark line, with the fate of the process.
func (t *telegram) result(fate string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lost, repeated := 0, 0
	for id, acknowledged := range t.offered {
		if acknowledged && t.ended[id] == 0 {
			lost++
		}
		repeated += max(0, t.ended[id]-1)
	}
	line := strings.Builder{}
	fmt.Fprint(&line, len(t.offered))
	for _, status := range slices.Sorted(maps.Keys(t.first)) {
		fmt.Fprintf(&line, " %d status-%d", t.first[status], status)
	}
	fmt.Fprintf(&line, " %d early %d handled %d lost %d repeated %d MiB 1 %s", t.early, len(t.ended), lost, repeated, t.peak, fate)
	return line.String()
}
