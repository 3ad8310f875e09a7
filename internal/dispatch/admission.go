package dispatch

import "github.com/tghook/tghook/internal/lane"

// maxJoins is how many deliveries may wait for one item.
const maxJoins = 64

// Admit lets a delivery of an item into a lane. The delivery is told at once, or waits for a
// flight.
func (e *Engine) Admit(d Delivery, k lane.Key, it Item) *Delivery {
	e.mu.Lock()
	defer e.unlock()
	if f := e.flights[it.ID]; f != nil {
		if len(f.waiters) >= maxJoins {
			return d.with(turnedAway(&it, errTooManyJoins))
		}
		return f.join(d)
	}
	if v, known := e.memory.duplicate(it.ID, d.at); known {
		return d.with(v)
	}
	if u := e.memory.untold[it.ID]; u != nil {
		return d.with(e.revisitLocked(u, d))
	}
	admitted, err := e.enterLocked(d, k, it)
	if err != nil {
		return d.with(turnedAway(&it, err))
	}
	return admitted
}

// revisitLocked is what a delivery is told of an item that has succeeded without anybody
// knowing.
func (e *Engine) revisitLocked(u *untold, d Delivery) Verdict {
	u.offers.count++
	if !d.alive() { // Deliver adds the cause
		u.offers.missed(d.at, 0)
		return Verdict{Outcome: Late, Retry: lateRetry}
	}
	v := Verdict{Outcome: Duplicate, Acked: true, Reply: u.reply, Attempt: u.attempt, Late: u.late}
	if u.state == awaitsCarrier {
		v.Outcome, v.Took = Replied, u.took
	}
	e.memory.acknowledge(u, u.reply.Body, d.at)
	e.checkIdleLocked()
	return v
}

// enterLocked begins a flight for an item, or refuses to.
func (e *Engine) enterLocked(d Delivery, k lane.Key, it Item) (*Delivery, error) {
	switch {
	case e.shutdown.phase != open:
		return nil, ErrShutdown
	case len(e.flights) >= e.MaxInFlight:
		return nil, errOverloaded
	}
	f := &flight{item: it, values: d.ctx, engine: e}
	f.place.Value = f
	f.waiters = f.backing[:0]
	if !e.lanes.Enter(k, &f.place) {
		return nil, errLaneFull
	}
	f.history.came = e.successes
	if it.Unfit != nil {
		f.letter = &letter{why: it.Unfit, outcome: DeadLettered}
	}
	if past := e.memory.failures[it.ID]; past != nil {
		e.memory.forgetFailure(past)
		f.resume(past)
	}
	f.first = d
	e.flights[it.ID] = f
	admitted := f.joinFirst()
	if f.place.AtHead() {
		e.turnLocked(f)
	}
	return admitted, nil
}
