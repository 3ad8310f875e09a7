package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/tghooktest"
)

// speed is how much faster time passes for Telegram than for the receivers. A retry after
// a minute comes after two seconds, and a message is kept for 48 minutes.
const speed = 30

// patience is how long a trial waits for the rest of the updates after the last kill.
const patience = 2 * time.Minute

// trial is one trial of a mode.
type trial struct {
	mode   string
	length time.Duration
	chats  int
	rate   int // updates each second
	seed   uint64
}

// run delivers updates while receivers are killed, waits for the rest of them, and audits.
func (t trial) run(ctx context.Context) (f found, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	tg, err := tghooktest.Start(tghooktest.ServerConfig{Speed: speed, Seed: t.seed})
	if err != nil {
		return f, err
	}
	defer tg.Close()
	client, err := tghook.NewClient(tg.Token, tghook.ClientConfig{BaseURL: tg.URL, Local: true})
	if err != nil {
		return f, err
	}
	receivers := 1
	if t.mode == byStore {
		receivers = 2
	}
	at, err := newFront(ctx, receivers)
	if err != nil {
		return f, err
	}
	store, err := newShelf(ctx, t.seed)
	if err != nil {
		return f, err
	}
	defer store.server.Close()
	defer func() {
		_ = at.Close()
		tg.Close() // it ends the connections
		cancel()
		at.running.Wait()
	}()
	if t.mode != byPoll {
		url := "http://" + at.Addr().String() + "/telegram"
		if err := client.SetWebhook(ctx, tghook.WebhookRequest{URL: url, SecretToken: secret}); err != nil {
			return f, err
		}
	}

	books := newLedger()
	sent := make(chan []int64, 1)
	calm := make(chan struct{}) // closed when the killing is over
	over := make(chan struct{}) // closed when no update is left
	failed := make(chan error, len(at.receivers)+1)
	var working sync.WaitGroup
	for i := range at.receivers {
		working.Go(func() { failed <- t.keepKilling(ctx, i, at, tg, store, books, calm, over) })
	}
	working.Go(func() {
		defer close(calm)
		ids, err := t.feed(ctx, tg)
		sent <- ids
		failed <- err
	})
	err = t.drain(ctx, tg, calm, failed)
	close(over)
	if err != nil {
		cancel()
	}
	working.Wait()
	close(failed)
	for failure := range failed {
		err = errors.Join(err, failure)
	}
	return books.audit(<-sent), err
}

// drain waits until all updates are delivered, or until something has failed.
func (t trial) drain(ctx context.Context, tg *tghooktest.Server, calm <-chan struct{}, failed <-chan error) error {
	select {
	case <-calm:
	case err := <-failed:
		if err != nil {
			return err
		}
		<-calm
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return tg.Delivered(ctx)
}

// feed sends messages, in bursts, and returns their ids. Those of a chat ascend.
func (t trial) feed(ctx context.Context, tg *tghooktest.Server) (ids []int64, err error) {
	draw := rand.New(rand.NewPCG(t.seed, 0)) //nolint:gosec // its numbers are not secret
	for end := time.Now().Add(t.length); time.Now().Before(end); {
		burst := 1 + draw.IntN(20)
		for range burst {
			id, err := tg.Deliver(fmt.Appendf(nil,
				`{"message":{"message_id":%d,"date":1,"chat":{"id":%d,"type":"private","first_name":"Zoë"},"text":"hello"}}`,
				len(ids)+1, 1+draw.IntN(t.chats)))
			if err != nil {
				return ids, err
			}
			ids = append(ids, id)
		}
		select {
		case <-time.After(time.Duration(burst) * time.Second / time.Duration(t.rate)):
		case <-ctx.Done():
			return ids, ctx.Err()
		}
	}
	return ids, nil
}

// keepKilling starts a receiver and ends it, again and again, until calm is closed. It keeps
// the last one until over is closed.
func (t trial) keepKilling(ctx context.Context, n int, at *front, tg *tghooktest.Server, store *shelf, books *ledger, calm, over <-chan struct{}) error {
	draw := rand.New(rand.NewPCG(t.seed, uint64(n)+1)) //nolint:gosec // see above
	for {
		l := books.newLife()
		p, err := start(ctx, t.mode, []string{
			tokenEnv + "=" + tg.Token, apiEnv + "=" + tg.URL, fmt.Sprintf("%s=%s/%d", storeEnv, store.url, l.number),
		}, l)
		if err != nil {
			return err
		}
		at.receivers[n].Store(p.address)
		select {
		case err := <-p.ended:
			return fmt.Errorf("a receiver has ended on its own: %w\n%s", err, p.complaint.Bytes())
		case <-time.After(time.Duration(draw.Int64N(int64(time.Second)))):
			if draw.IntN(4) == 0 {
				err = p.stop()
			} else {
				p.kill()
				books.kill()
			}
			at.receivers[n].Store("")
			l.end()
			store.bury(l.number)
			if err != nil {
				return err
			}
		case <-calm:
			<-over
			return p.stop()
		}
	}
}
