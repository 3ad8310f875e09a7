// Package recent remembers ids, and values by id, for a while and within bounds.
package recent

import "time"

// Map holds values by id for the same time each, at most so many bytes of them:
// past the bound the oldest goes first. It is not safe for concurrent use. Times
// are durations since any fixed moment.
type Map struct {
	life    time.Duration
	limit   int
	size    int
	entries map[int64]entry
	queue   queue
}

type entry struct {
	until time.Duration
	value []byte
}

// NewMap returns an empty Map of values that live for life and have at most limit
// bytes together.
func NewMap(limit int, life time.Duration) *Map {
	return &Map{life: life, limit: limit, entries: make(map[int64]entry)}
}

// Put remembers value under id from now on, and forgets what is over or, past the
// bound, the oldest. A value over the bound is not kept.
func (m *Map) Put(id int64, value []byte, now time.Duration) {
	m.remove(id)
	if len(value) > m.limit {
		return
	}
	for !m.queue.empty() && (m.queue.first().until <= now || m.size+len(value) > m.limit) {
		if i := m.queue.pop(); m.entries[i.id].until == i.until { // else it was put anew since
			m.remove(i.id)
		}
	}
	m.entries[id] = entry{now + m.life, value}
	m.size += len(value)
	m.queue.push(item{id, now + m.life})
}

// Get returns what is remembered under id.
func (m *Map) Get(id int64, now time.Duration) (value []byte, ok bool) {
	e, ok := m.entries[id]
	if !ok || e.until <= now {
		return nil, false
	}
	return e.value, true
}

func (m *Map) remove(id int64) {
	m.size -= len(m.entries[id].value)
	delete(m.entries, id)
}
