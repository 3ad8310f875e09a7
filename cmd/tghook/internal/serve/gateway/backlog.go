package gateway

import (
	"context"
	"sync"
	"time"

	"github.com/tghook/tghook"
)

// backlog counts the updates that wait in a queue, so that no more come in than a bot may have. Each
// gateway knows what another one has published when it counts the next time.
type backlog struct {
	letters tghook.Letters
	id      int64 // of the queue

	counting chan struct{} // has a value while the storage counts

	mu      sync.Mutex
	state   tghook.QueueState
	counted time.Time // when state was
	tried   time.Time // when it was tried to count, whether or not the storage answered
	came    int       // updates that were published since state was counted
	coming  int       // updates that are being published
}

func newBacklog(l tghook.Letters, id int64) *backlog {
	return &backlog{letters: l, id: id, counting: make(chan struct{}, 1)}
}

// counts returns the last count, and when it was made.
func (b *backlog) counts() (tghook.QueueState, time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state, b.counted
}

// count counts what waits, unless that was just done. If the storage does not answer, the last count
// stands.
func (b *backlog) count(ctx context.Context) {
	select {
	case b.counting <- struct{}{}:
		defer func() { <-b.counting }()
	case <-ctx.Done():
		return
	}
	b.mu.Lock()
	before, due := b.came, b.due()
	b.mu.Unlock()
	if !due { // it was done while this call waited for its turn
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), countTime) // others wait for the count too
	defer cancel()
	state, err := b.letters.State(ctx, b.id)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tried = time.Now()
	if err != nil {
		return // Ready tells of it
	}
	b.state, b.counted = state, b.tried
	b.came -= before
}

// due reports whether it is time to count anew. b.mu is held.
func (b *backlog) due() bool { return time.Since(b.tried) > countPause }

// reserve reports whether one more update may wait. It counts the update until release. All updates
// that were published since the last count are assumed to wait. If these are too many, or nothing was
// counted yet, reserve counts anew, but at most once in half a second.
func (b *backlog) reserve(ctx context.Context, most int) bool {
	ok, due := b.tryReserve(most)
	if !ok && due {
		b.count(ctx)
		ok, _ = b.tryReserve(most)
	}
	return ok
}

func (b *backlog) tryReserve(most int) (ok, due bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	due = b.due()
	if b.counted.IsZero() && due || b.state.Pending+b.came+b.coming >= most {
		return false, due
	}
	b.coming++
	return true, false
}

// release ends a reservation. published says whether its update waits now.
func (b *backlog) release(published bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.coming--
	if published {
		b.came++
	}
}
