package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
)

// The answer to an update whose handler is quick waits for two round trips: Claim and Done.
func TestAQuickUpdateCostsTwoRoundTrips(t *testing.T) {
	onEach(t, serverNames, func(t *testing.T, mode string) {
		s := openSite(t, mode)
		w := newWire(t, s.server.Addr)
		store, end, err := modes[mode].open(t.Context(), strings.Replace(s.Store, s.server.Addr, w.Addr().String(), 1))
		require.NoError(t, err)
		t.Cleanup(end)
		d, err := tghook.NewDispatcher(
			tghook.HandlerFunc(func(context.Context, *tghook.Update) (tghook.Reply, error) { return tghook.NoReply, nil }),
			tghook.DispatchConfig{Bot: int64(seeds.Add(1)), Store: store})
		require.NoError(t, err)
		const updates = 50
		do := func(from int) int64 {
			before := w.trips.Load()
			for id := from; id < from+updates; id++ {
				u, err := tghook.ParseUpdate(message(id, id))
				require.NoError(t, err)
				_, err = d.Do(t.Context(), u)
				require.NoError(t, err)
			}
			return w.trips.Load() - before
		}
		do(1) // the client greets the server, and prepares its statements
		least := do(1 + updates)
		for n := 2; n < 6; n++ { // beside the updates the pool may look after its connections, and the Store remove expired rows
			least = min(least, do(1+n*updates))
		}
		assert.Equal(t, int64(2*updates), least, "round trips")
	})
}

// message is an update with a message.
func message(id, chat int) []byte {
	return fmt.Appendf(nil, `{"update_id":%d,"message":{"message_id":1,"date":1,"chat":{"id":%d,"type":"private","first_name":"Zoë"},"text":"0s"}}`, id, chat)
}

// wire is a connection to a server that counts its round trips.
type wire struct {
	net.Listener

	trips atomic.Int64
}

func newWire(t *testing.T, address string) *wire {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	w := &wire{Listener: l}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() { w.relay(t.Context(), conn, address) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		running.Wait()
	})
	return w
}

// relay connects conn with the server. A round trip begins when the client speaks after the
// server has, or first.
func (w *wire) relay(ctx context.Context, conn net.Conn, address string) {
	defer conn.Close()
	server, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return
	}
	defer server.Close()
	var asked atomic.Bool
	go func() {
		defer conn.Close()
		_, _ = io.Copy(conn, readerFunc(func(p []byte) (int, error) {
			n, err := server.Read(p)
			asked.Store(false)
			return n, err
		}))
	}()
	_, _ = io.Copy(server, readerFunc(func(p []byte) (int, error) {
		n, err := conn.Read(p)
		if n > 0 && !asked.Swap(true) {
			w.trips.Add(1)
		}
		return n, err
	}))
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// BenchmarkReplicas sends updates to two receivers in turn, on 32 connections. It reports
// the updates per second, and their ratio to those without a Store.
func BenchmarkReplicas(b *testing.B) {
	const connections = 32
	var without float64
	for _, mode := range append([]string{byWebhook}, storeNames...) {
		b.Run(mode, func(b *testing.B) {
			s := openSite(b, mode)
			s.Silent, s.LateAfter = true, time.Minute
			urls := []string{"http://" + begin(b, s, 0).Address, "http://" + begin(b, s, 1).Address}
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections}}
			defer client.CloseIdleConnections()
			var sent atomic.Int64
			var failed atomic.Value
			b.SetParallelism(max(1, connections/runtime.GOMAXPROCS(0)))
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					id := int(sent.Add(1))
					if err := postTo(b.Context(), client, urls[id%len(urls)], message(id, id%1000)); err != nil {
						failed.Store(err)
					}
				}
			})
			if err := failed.Load(); err != nil {
				b.Fatal(err)
			}
			rate := float64(b.N) / b.Elapsed().Seconds()
			b.ReportMetric(rate, "updates/s")
			if mode == byWebhook {
				without = rate
			} else if without > 0 {
				b.ReportMetric(rate/without, "of_none")
			}
		})
	}
}

// postTo sends an update to a receiver. It returns an error unless the answer is 200.
func postTo(ctx context.Context, client *http.Client, url string, body []byte) error {
	status, _, err := post(ctx, client, url, body)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("answered %d", status)
	}
	return err
}

// post sends an update to a receiver as Telegram does.
func post(ctx context.Context, client *http.Client, url string, body []byte) (status int, retryAfter string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Telegram-Bot-Api-Secret-Token", secret)
	res, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, res.Header.Get("Retry-After"), err
}
