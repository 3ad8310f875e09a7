// Package trial has the common code of the programs' tests. Only tests import it.
package trial

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
)

const (
	// Bot is the bot of all updates.
	Bot = 7
	// Chats is how many chats the updates are of.
	Chats = 10
	// Each is how many updates a chat has.
	Each = 20
)

// Journal has the updates whose handlers have succeeded, by chat.
type Journal struct {
	mu     sync.Mutex
	chats  map[int64][]int64
	failed map[int64]bool
	total  int
}

// HandleUpdate implements [tghook.Handler]. It fails the first time for some updates.
func (j *Journal) HandleUpdate(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
	time.Sleep(2 * time.Millisecond) // it is at work
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.chats == nil {
		j.chats, j.failed = map[int64][]int64{}, map[int64]bool{}
	}
	if u.ID%50 == 0 && !j.failed[u.ID] {
		j.failed[u.ID] = true
		return tghook.NoReply, errors.New("not yet")
	}
	j.chats[u.ChatID] = append(j.chats[u.ChatID], u.ID)
	j.total++
	return tghook.NoReply, nil
}

// Wait waits until n updates were handled.
func (j *Journal) Wait(t *testing.T, n int) {
	t.Helper()
	require.Eventually(t, func() bool {
		j.mu.Lock()
		defer j.mu.Unlock()
		return j.total >= n
	}, 2*time.Minute, 10*time.Millisecond, "%d updates are handled", n)
}

// Check checks that each update was handled once, and in the order of its chat.
func (j *Journal) Check(t *testing.T) {
	t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	assert.Len(t, j.chats, Chats)
	for chat, ids := range j.chats {
		assert.Len(t, ids, Each, "updates of chat %d", chat)
		assert.True(t, slices.IsSorted(ids), "the order of chat %d: %v", chat, ids)
	}
}

// Update returns an update of a chat.
func Update(t *testing.T, id, chat int64) *tghook.Update {
	t.Helper()
	u, err := tghook.ParseUpdate(fmt.Appendf(nil, `{"update_id":%d,"message":{"message_id":1,"date":1,"chat":{"id":%d,"type":"private"},"text":"%d"}}`, id, chat, id))
	require.NoError(t, err)
	return u
}

// Deliver delivers the updates of all chats to a receiver, as Telegram does: chats at once, the
// updates of one chat one after the other, and each one until it is acknowledged.
func Deliver(t *testing.T, receiver tghook.Handler) (wait func()) {
	t.Helper()
	updates := make([][]*tghook.Update, Chats)
	for i := range Chats * Each {
		chat := i % Chats
		updates[chat] = append(updates[chat], Update(t, int64(i+1), int64(chat+1)))
	}
	var all sync.WaitGroup
	for _, chat := range updates {
		all.Go(func() {
			for _, u := range chat {
				for {
					if _, err := receiver.HandleUpdate(t.Context(), u); err == nil || t.Context().Err() != nil {
						break
					}
					time.Sleep(50 * time.Millisecond) // Telegram waits too
				}
			}
		})
	}
	return all.Wait
}

// Start runs a worker until the test ends, or until stop is called. A worker that ends before,
// because the broker is away, is started again, as a supervisor does.
func Start(t *testing.T, work func(ctx context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		for {
			err := work(ctx)
			if ctx.Err() != nil {
				ended <- err
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		assert.NoError(t, <-ended)
	})
	t.Cleanup(stop)
	return stop
}
