package dispatch

// effects are calls and goroutines that wait for the mutex to be free. They are noted
// while it is held, and unlock starts them.
type effects struct {
	turns    []*flight // they need a worker
	reports  []*report
	releases []*lease
	late     []Attached // to contexts whose delivery was answered late
}

// unlock frees the mutex, and starts what was noted under it.
func (e *Engine) unlock() {
	todo := e.effects
	e.effects = effects{}
	e.mu.Unlock()
	for _, f := range todo.turns {
		go e.work(f)
	}
	for _, r := range todo.reports {
		e.tell(r)
	}
	for _, c := range todo.releases {
		go e.release(c)
	}
	for _, v := range todo.late {
		go v.AnsweredLate()
	}
}
