package sender

import "sync"

// inbox carries events from the connections to the goroutine of run. put never waits, so a
// connection can always end.
type inbox struct {
	filled chan struct{} // has a value if there may be events

	mu     sync.Mutex
	events []event
	taken  []event // returned by the last take; the next take uses its memory again
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

// take returns the events since the last take. The slice is valid until the next call.
func (in *inbox) take() []event {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.events, in.taken = in.taken[:0], in.events
	return in.taken
}
