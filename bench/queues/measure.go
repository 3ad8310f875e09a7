//go:build unix

package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	connections = 40  // Telegram's own default
	pace        = 100 // updates a second
	waits       = 20 * time.Millisecond
	patience    = 3 * time.Minute // for one measurement
)

// full measures how fast updates are answered and handled when the sender never waits.
func (w way) full(ctx context.Context, s *site, length time.Duration) (line string, err error) {
	ctx, cancel := context.WithTimeout(ctx, length+patience)
	defer cancel()
	return line, w.with(ctx, s, newWork(0), connections, 0, func(b *running) error {
		close(b.work.gate)
		before, err := b.weigh(ctx)
		if err != nil {
			return err
		}
		used := cpuTime()
		begun := time.Now()
		end := begun.Add(length)
		sent, err := b.sender.flood(ctx, connections, func(int64) bool { return time.Now().Before(end) })
		if err != nil {
			return err
		}
		answered := time.Since(begun)
		last, err := b.work.wait(ctx, int(sent))
		if err != nil {
			return err
		}
		used = cpuTime() - used
		after, err := b.weigh(ctx)
		line = fmt.Sprintf("%d %.0f answers/s %.0f updates/s %.1f cpu-us/update", sent,
			float64(sent)/answered.Seconds(), float64(sent)/last.Sub(begun).Seconds(),
			float64((used+after.cpu-before.cpu).Microseconds())/float64(sent))
		if after.kept > 0 {
			line += fmt.Sprintf(" %d kept-B/update", (after.kept-before.kept)/sent)
		}
		if after.logged > 0 {
			line += fmt.Sprintf(" %d logged-B/update", (after.logged-before.logged)/sent)
		}
		return err
	})
}

// paced measures how long it takes until an update is answered, and until its handler starts.
// Both are counted from the moment at which the update was due. So an update that must wait for
// the sender counts too.
func (w way) paced(ctx context.Context, s *site, length time.Duration) (line string, err error) {
	ctx, cancel := context.WithTimeout(ctx, length+patience)
	defer cancel()
	return line, w.with(ctx, s, newWork(0), connections, 0, func(b *running) error {
		close(b.work.gate)
		if _, err := b.sender.flood(ctx, connections, func(sent int64) bool { return sent <= connections }); err != nil { // connections and statements
			return err
		}
		var (
			n        = max(1, int(length.Seconds()*pace))
			answered = make([]time.Duration, n)
			started  = make([]time.Duration, n)
			due      = make(map[int64]time.Time, n)
			sending  sync.WaitGroup
			failed   atomic.Pointer[error]
			begun    = time.Now()
		)
		for i := range n {
			at := begun.Add(time.Duration(i) * time.Second / pace)
			time.Sleep(time.Until(at))
			id, body := b.sender.next()
			due[id] = at
			sending.Go(func() {
				if b.sender.sent(ctx, body, &failed) {
					answered[i] = time.Since(at)
				}
			})
		}
		sending.Wait()
		if err := failed.Load(); err != nil {
			return *err
		}
		if _, err := b.work.wait(ctx, connections+n); err != nil {
			return err
		}
		started = started[:0]
		for id, at := range due {
			started = append(started, b.work.start(id).Sub(at))
		}
		line = fmt.Sprintf("%d %s %s", n, quantiles(answered, "answer"), quantiles(started, "start"))
		return nil
	})
}

// parallel returns a measurement of the updates per second of n handlers that each wait for 20 ms.
func (w way) parallel(n int) func(ctx context.Context, s *site, length time.Duration) (line string, err error) {
	return func(ctx context.Context, s *site, length time.Duration) (line string, err error) {
		ctx, cancel := context.WithTimeout(ctx, length+patience)
		defer cancel()
		updates := int64(n) * max(2, int64(length/waits))
		return line, w.with(ctx, s, newWork(waits), max(n, connections), n, func(b *running) error {
			enough := func(sent int64) bool { return sent <= updates }
			begun := time.Now()
			if w.queued { // first the backlog
				if _, err := b.sender.flood(ctx, connections, enough); err != nil {
					return err
				}
				begun = time.Now()
				close(b.work.gate)
			} else {
				close(b.work.gate)
				if _, err := b.sender.flood(ctx, n, enough); err != nil {
					return err
				}
			}
			last, err := b.work.wait(ctx, int(updates))
			line = fmt.Sprintf("%d %.1f updates/s", updates, float64(updates)/last.Sub(begun).Seconds())
			return err
		})
	}
}

// flushes measures how long the disk takes to flush a write of 4 KiB.
func flushes(ctx context.Context, s *site, length time.Duration) (line string, err error) {
	f, err := os.CreateTemp(s.dir, "flush-*")
	if err != nil {
		return "", err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	var (
		page = make([]byte, 4<<10)
		took []time.Duration
	)
	for end := time.Now().Add(length); time.Now().Before(end) && ctx.Err() == nil; {
		if _, err := f.Write(page); err != nil {
			return "", err
		}
		begun := time.Now()
		if err := f.Sync(); err != nil {
			return "", err
		}
		took = append(took, time.Since(begun))
	}
	return fmt.Sprintf("%d %s", len(took), quantiles(took, "flush")), ctx.Err()
}

// quantiles sorts the measured times, and returns the median and the 99th percentile.
func quantiles(all []time.Duration, what string) string {
	slices.Sort(all)
	at := func(percent int) float64 {
		return float64(all[(len(all)-1)*percent/100].Microseconds()) / 1e3
	}
	return fmt.Sprintf("%.3f %s-p50-ms %.3f %s-p99-ms", at(50), what, at(99), what)
}
