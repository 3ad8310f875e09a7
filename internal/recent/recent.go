// Package recent remembers values by id for a while, within bounds.
package recent

import "time"

// Map holds values until their time is over, at most so many of them and so
// many bytes: past a bound the oldest goes first. It is not safe for concurrent
// use. Times are given by the caller as durations since any fixed moment.
type Map[V any] struct {
	maxEntries, maxBytes int
	size                 func(V) int
	bytes                int
	evicted              uint64
	entries              map[int64]entry[V]
	queues               []queue // one for each lifetime, so that each is in order of its end
}

type entry[V any] struct {
	until time.Duration
	value V
}

type queue struct {
	life  time.Duration
	items []item
	head  int
}

type item struct {
	id    int64
	until time.Duration
}

// New returns an empty Map of at most maxEntries values, which together have at
// most maxBytes by the measure of size.
func New[V any](maxEntries, maxBytes int, size func(V) int) *Map[V] {
	return &Map[V]{maxEntries: maxEntries, maxBytes: maxBytes, size: size, entries: make(map[int64]entry[V])}
}

// Put remembers value under id for life from now on, and forgets what is over
// or, past a bound, the oldest.
func (m *Map[V]) Put(id int64, value V, now, life time.Duration) {
	m.expire(now)
	m.remove(id)
	size := m.size(value)
	if size > m.maxBytes {
		m.evicted++
		return
	}
	for len(m.entries) >= m.maxEntries || m.bytes+size > m.maxBytes {
		m.evictOldest()
	}
	until := now + life
	m.entries[id] = entry[V]{until, value}
	m.bytes += size
	m.queue(life).push(item{id, until})
}

// Get returns what is remembered under id.
func (m *Map[V]) Get(id int64, now time.Duration) (value V, ok bool) {
	e, ok := m.entries[id]
	if !ok || e.until <= now {
		return value, false
	}
	return e.value, true
}

// Len is the number of values held, those included whose time is over but that
// nothing has swept out yet.
func (m *Map[V]) Len() int { return len(m.entries) }

// Evicted counts the values that a bound, not time, has removed.
func (m *Map[V]) Evicted() uint64 { return m.evicted }

func (m *Map[V]) remove(id int64) {
	if e, ok := m.entries[id]; ok {
		m.bytes -= m.size(e.value)
		delete(m.entries, id)
	}
}

func (m *Map[V]) expire(now time.Duration) {
	for i := range m.queues {
		q := &m.queues[i]
		for !q.empty() && q.first().until <= now {
			m.drop(q.pop())
		}
	}
}

func (m *Map[V]) evictOldest() {
	var oldest *queue
	for i := range m.queues {
		q := &m.queues[i]
		if !q.empty() && (oldest == nil || q.first().until-q.life < oldest.first().until-oldest.life) {
			oldest = q
		}
	}
	if m.drop(oldest.pop()) {
		m.evicted++
	}
}

// drop forgets what i stands for, unless the id was put anew since.
func (m *Map[V]) drop(i item) bool {
	if m.entries[i.id].until != i.until {
		return false
	}
	m.remove(i.id)
	return true
}

func (m *Map[V]) queue(life time.Duration) *queue {
	for i := range m.queues {
		if m.queues[i].life == life {
			return &m.queues[i]
		}
	}
	m.queues = append(m.queues, queue{life: life})
	return &m.queues[len(m.queues)-1]
}

func (q *queue) empty() bool { return q.head == len(q.items) }
func (q *queue) first() item { return q.items[q.head] }

func (q *queue) push(i item) {
	if q.head > 0 && q.head >= len(q.items)/2 && len(q.items) == cap(q.items) {
		q.items = q.items[:copy(q.items, q.items[q.head:])]
		q.head = 0
	}
	q.items = append(q.items, i)
}

func (q *queue) pop() item {
	i := q.items[q.head]
	q.head++
	return i
}
