package sender

import "sync"

// inbox brings what happened on connections to the goroutine that decides. To put never
// waits, so that a connection can always end.
type inbox struct {
	filled chan struct{} // has one where something may have come

	mu     sync.Mutex
	events []event
	taken  []event // of the last take, used again by the next
}

func (in *inbox) put(e event) {
	in.mu.Lock()
	in.events = append(in.events, e)
	in.mu.Unlock()
	select {
	case in.filled <- struct{}{}:
	default:
	}
}

// take returns what came since it was called last. It is valid until the next call.
func (in *inbox) take() []event {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.events, in.taken = in.taken[:0], in.events
	return in.taken
}
