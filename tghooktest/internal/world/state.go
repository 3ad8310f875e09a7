package world

import (
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/tghook/tghook/tghooktest/internal/graph"
)

// lock is the lock of a World. It counts how often it was locked, so that nobody looks for
// changes in a World that nobody has used.
type lock struct {
	sync.Mutex

	count uint64
}

// Lock locks the World.
func (l *lock) Lock() {
	l.Mutex.Lock()
	l.count++
}

// State is what was written of a World.
type State struct {
	world *World
	graph *graph.Graph
	next  uint64 // count of the World's lock if nobody has used it since the last Changes that was kept
}

// Changes are the records of a World that must be written, and deleted if they are nil.
type Changes struct {
	Records map[string][]byte

	state *State
	graph *graph.Changes // nil if nobody has used the World
	next  uint64
}

// Kept tells the State that the Changes were written. Without it, the next Changes has them
// again.
func (c *Changes) Kept() {
	if c.state.next = c.next; c.graph != nil {
		c.graph.Kept()
	}
}

// State returns the State of a World of which nothing was written.
func (w *World) State() *State {
	g, err := graph.New(&w.contents)
	if err != nil {
		panic(err) // a test finds the field
	}
	return &State{world: w, graph: g}
}

// Restore returns the World that was written in the records. Its bot has the username of cfg.
func Restore(cfg Config, records map[string][]byte) (*World, *State, error) {
	w := New(cfg)
	g, err := graph.Load(records, &w.contents)
	if err != nil {
		return nil, nil, err
	}
	if w.bot == nil || w.bot.ID != cfg.BotID || w.users[w.bot.ID] != w.bot {
		return nil, nil, fmt.Errorf("tghooktest: the state is damaged: it has no world of the bot %d", cfg.BotID)
	}
	w.bot.Username = cfg.Username
	return w, &State{world: w, graph: g}, nil
}

// Keys yields the keys of all records that were written.
func (s *State) Keys() iter.Seq[string] { return s.graph.Keys() }

// Resume schedules again what the World does later. Call it once after Restore.
func (w *World) Resume() {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.cfg.Now()
	for id, end := range w.ends() {
		w.closeAfter(time.Unix(end, 0).Sub(now), id)
	}
	for _, q := range w.queries {
		if p := q.payment; p != nil && p.query == q && !q.Answered && (p.State == PaymentShipping || p.State == PaymentCheckout) {
			w.failAfter(q.Until.Sub(now), p, q)
		}
	}
}

// ends returns when the polls end that are open for a limited time, by their ids. w.mu is
// held.
func (w *World) ends() map[string]int64 {
	ends := map[string]int64{}
	for _, c := range w.chats {
		for _, m := range c.messages {
			p := m.Poll
			if p == nil || p.IsClosed || p.OpenPeriod == 0 && p.CloseDate == 0 {
				continue
			}
			end := p.CloseDate
			if p.OpenPeriod != 0 {
				end = m.Date + p.OpenPeriod
			}
			if known, ok := ends[p.ID]; !ok || end < known { // a forward is later
				ends[p.ID] = end
			}
		}
	}
	return ends
}

// Changes returns what has changed since the last Changes that was kept. While the World is
// still locked, it calls also, so that it can read what must fit the World.
func (s *State) Changes(also func() error) (*Changes, error) {
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	c := &Changes{state: s, next: s.world.mu.count + 1}
	if s.world.mu.count != s.next {
		var err error
		if c.graph, err = s.graph.Changes(); err != nil {
			return nil, err
		}
		c.Records = c.graph.Records
	}
	return c, also()
}
