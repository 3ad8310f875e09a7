// Package recent remembers ids, and values by id, for some time and within limits.
package recent

import "time"

// Map has values by id. Each value stays for the same time. All values, and the memory of the
// Map itself, take at most a given number of bytes. If there is no room, the oldest values
// are removed.
//
// Times are durations since a fixed moment. A Map is not safe for concurrent use.
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

// entryCost is the number of bytes that an entry takes besides its value: its places in the
// map and in the queue, of which half may be free. TestSmallValuesTakeNoMoreThanTheBound
// measures it.
const entryCost = 176

// cost is the number of bytes that value takes under its id. The allocator rounds it up, by
// an eighth at most.
func cost(value []byte) int { return cap(value) + entryCost }

// NewMap returns an empty Map. Its values live for life, and take at most limit bytes
// together.
func NewMap(limit int, life time.Duration) *Map {
	return &Map{life: life, limit: limit, entries: make(map[int64]entry)}
}

// Put remembers value under id from now on. It forgets values whose time is over and, if
// there is no room, the oldest. It does not keep a value that exceeds the limit alone.
func (m *Map) Put(id int64, value []byte, now time.Duration) {
	m.remove(id)
	if cost(value) > m.limit {
		return
	}
	for !m.queue.empty() && (m.queue.first().until <= now || m.size+cost(value) > m.limit) {
		if i := m.queue.pop(); m.entries[i.id].until == i.until { // otherwise it was put again since
			m.remove(i.id)
		}
	}
	m.entries[id] = entry{now + m.life, value}
	m.size += cost(value)
	m.queue.push(item{id, now + m.life})
}

// Get returns the value under id.
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
