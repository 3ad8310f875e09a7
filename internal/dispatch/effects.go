package dispatch

// effects are workers and calls that wait for the mutex to be free. They are noted while
// it is held, and unlock starts them.
type effects struct {
	turns []*flight // they need a worker
	calls []func()  // each in a goroutine of its own
}

// afterwardsLocked has f called when the mutex is free.
func (e *Engine) afterwardsLocked(f func()) { e.effects.calls = append(e.effects.calls, f) }

// unlock frees the mutex, and starts what was noted under it.
func (e *Engine) unlock() {
	todo := e.effects
	e.effects = effects{}
	e.mu.Unlock()
	for _, f := range todo.turns {
		go e.work(f)
	}
	for _, call := range todo.calls {
		go call()
	}
}
