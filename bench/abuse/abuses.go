package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// abuse is one way to treat a receiver badly.
type abuse struct {
	name string
	bot  behaviour
	do   func(ctx context.Context, t *telegram, c *child) error
}

var abuses = []abuse{
	{"body_of_64_MiB", quick, func(ctx context.Context, t *telegram, c *child) error {
		body, length := large()
		t.send(ctx, c, 1, body, length, nil)
		return nil
	}},
	{"gzip_bomb_of_64_MiB", quick, func(ctx context.Context, t *telegram, c *child) error {
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		body, _ := large()
		if _, err := io.Copy(w, body); err != nil {
			return err
		}
		if err := w.Close(); err != nil {
			return err
		}
		t.send(ctx, c, 1, &packed, int64(packed.Len()), func(h http.Header) { h.Set("Content-Encoding", "gzip") })
		return nil
	}},
	{"malformed_JSON", quick, func(ctx context.Context, t *telegram, c *child) error {
		body := strings.TrimSuffix(update(1, "hello"), "}}")
		t.send(ctx, c, 1, strings.NewReader(body), int64(len(body)), nil)
		return nil
	}},
	{"wrong_secret", quick, func(ctx context.Context, t *telegram, c *child) error {
		body := update(1, "hello")
		t.send(ctx, c, 1, strings.NewReader(body), int64(len(body)), func(h http.Header) {
			h.Set("X-Telegram-Bot-Api-Secret-Token", "guessed")
		})
		return nil
	}},
	{"panic_beside_19", panicked, func(ctx context.Context, t *telegram, c *child) error {
		answered := t.begin(ctx, c, ids(2, 20)...)
		t.offer(ctx, c, 1)
		t.settle(ctx) // the panic may come after the answer
		c.order("open")
		answered()
		return t.redeliver(ctx, c)
	}},
	{"update_three_times", gated, func(ctx context.Context, t *telegram, c *child) error {
		answered := t.begin(ctx, c, 1, 1)
		c.order("open")
		answered()
		t.offer(ctx, c, 1)
		return t.redeliver(ctx, c)
	}},
	{"kill_-9_with_20", gated, func(ctx context.Context, t *telegram, c *child) error {
		answered := t.begin(ctx, c, ids(1, 20)...)
		t.peak = c.peak()
		c.kill()
		answered()
		return t.redeliver(ctx, c)
	}},
	{"3000_slow_handlers", gated, func(ctx context.Context, t *telegram, c *child) error {
		answered := t.begin(ctx, c, ids(1, 3000)...)
		c.order("open")
		answered()
		return t.redeliver(ctx, c)
	}},
	{"stop_with_60", gated, func(ctx context.Context, t *telegram, c *child) error {
		answered := t.begin(ctx, c, ids(1, 60)...)
		t.peak = c.peak()
		c.order("stop")
		select {
		case <-c.gone:
		case <-time.After(2 * time.Second): // the handlers still run then
		}
		c.order("open")
		answered()
		select {
		case <-c.gone:
		case <-ctx.Done():
		}
		return t.redeliver(ctx, c)
	}},
}

// treat treats a receiver in this way.
func (a abuse) treat(ctx context.Context, r receiver) (line string, err error) {
	t := newTelegram(r)
	c, err := bear(ctx, t.ledger, r, a.bot)
	if err != nil {
		return "", err
	}
	defer c.kill()
	if err := a.do(ctx, t, c); err != nil {
		return "", err
	}
	t.settle(ctx)
	if t.peak == 0 {
		t.peak = c.peak()
	}
	return t.result(c.fate()), ctx.Err()
}

// begin offers updates, and waits until the receiver has begun all that it will begin.
// answered waits for the other updates.
func (t *telegram) begin(ctx context.Context, c *child, ids ...int64) (answered func()) {
	var offers sync.WaitGroup
	offers.Go(func() { t.offer(ctx, c, ids...) })
	t.settle(ctx)
	t.mu.Lock()
	for _, acknowledged := range t.offered {
		if acknowledged {
			t.early++
		}
	}
	t.mu.Unlock()
	return func() {
		offers.Wait()
		t.settle(ctx)
	}
}

func ids(from, to int64) []int64 {
	all := make([]int64, 0, to-from+1)
	for id := from; id <= to; id++ {
		all = append(all, id)
	}
	return all
}

// large is an update with a text of 64 MiB.
func large() (body io.Reader, length int64) {
	const size = 64 << 20
	before, after, _ := strings.Cut(update(1, "|"), "|")
	return io.MultiReader(strings.NewReader(before), io.LimitReader(letters{}, size), strings.NewReader(after)),
		int64(len(before)+size) + int64(len(after))
}

type letters struct{}

func (letters) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'a'
	}
	return len(p), nil
}
