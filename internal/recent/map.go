// Package recent remembers ids, and values by id, for a while and within bounds.
package recent

import "time"

// Map holds values by id for the same time each, in at most so many bytes, its own
// included: past the bound the oldest goes first. It is not safe for concurrent use. Times
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

// entryCost is what an entry takes besides its value: its places in the map and in the
// queue, of which as many may be free as are taken. TestSmallValuesTakeNoMoreThanTheBound
// measures it.
const entryCost = 176

// cost is the bytes that value takes under its id. An allocator rounds them up, by an
// eighth at most.
func cost(value []byte) int { return cap(value) + entryCost }

// NewMap returns an empty Map of values that live for life and take at most limit
// bytes together.
func NewMap(limit int, life time.Duration) *Map {
	return &Map{life: life, limit: limit, entries: make(map[int64]entry)}
}

// Put remembers value under id from now on, and forgets what is over or, past the
// bound, the oldest. A value over the bound is not kept.
func (m *Map) Put(id int64, value []byte, now time.Duration) {
	m.remove(id)
	if cost(value) > m.limit {
		return
	}
	for !m.queue.empty() && (m.queue.first().until <= now || m.size+cost(value) > m.limit) {
		if i := m.queue.pop(); m.entries[i.id].until == i.until { // else it was put anew since
			m.remove(i.id)
		}
	}
	m.entries[id] = entry{now + m.life, value}
	m.size += cost(value)
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
	if e, ok := m.entries[id]; ok {
		m.size -= cost(e.value)
		delete(m.entries, id)
	}
}
