// Package lane keeps first-in, first-out queues by key.
package lane

// Key names a lane. The zero Key is no lane at all: what enters it is at the
// head at once.
type Key struct {
	Class uint64 // as wide as ID, so that both are hashed at once
	ID    int64
	Name  string
}

// Place is one value's place in a lane. Its zero value stands in none.
type Place[T any] struct {
	Value      T
	queue      *queue[T]
	prev, next *Place[T]
}

// Lanes is a set of lanes. It is not safe for concurrent use: the owner's lock
// guards it together with what it orders.
type Lanes[T any] struct {
	max   int
	lanes map[Key]*queue[T]
	spare []*queue[T] // emptied queues, so that a quiet chat costs no allocation
}

type queue[T any] struct {
	key        Key
	head, tail *Place[T]
	length     int
}

// New returns lanes that hold at most limit values each, the head included.
func New[T any](limit int) *Lanes[T] {
	return &Lanes[T]{max: limit, lanes: make(map[Key]*queue[T])}
}

// Enter puts p at the tail of the lane of k. It is false when the lane is full.
func (l *Lanes[T]) Enter(k Key, p *Place[T]) bool {
	p.queue, p.prev, p.next = nil, nil, nil
	if k == (Key{}) {
		return true
	}
	q := l.lanes[k]
	if q == nil {
		q = l.newQueue()
		q.key = k
		l.lanes[k] = q
	}
	if q.length >= l.max {
		return false
	}
	q.length++
	p.queue = q
	p.prev = q.tail
	if q.tail == nil {
		q.head = p
	} else {
		q.tail.next = p
	}
	q.tail = p
	return true
}

// AtHead reports whether nothing stands before p.
func (p *Place[T]) AtHead() bool { return p.prev == nil }

// Behind is who stands next behind p in its lane, or nil.
func (p *Place[T]) Behind() *Place[T] { return p.next }

// Leave takes p out of its lane. When p was at the head and another stands
// behind it, that one is the new head and is returned.
func (l *Lanes[T]) Leave(p *Place[T]) *Place[T] {
	q := p.queue
	if q == nil {
		return nil
	}
	q.length--
	if p.next == nil {
		q.tail = p.prev
	} else {
		p.next.prev = p.prev
	}
	if p.prev != nil {
		p.prev.next = p.next
		return nil
	}
	q.head = p.next
	if q.head == nil {
		delete(l.lanes, q.key)
		l.keep(q)
	}
	return q.head
}

// Len is the number of lanes that hold something.
func (l *Lanes[T]) Len() int { return len(l.lanes) }

const maxSpare = 64

func (l *Lanes[T]) newQueue() *queue[T] {
	if n := len(l.spare); n > 0 {
		q := l.spare[n-1]
		l.spare = l.spare[:n-1]
		return q
	}
	return new(queue[T])
}

func (l *Lanes[T]) keep(q *queue[T]) {
	if len(l.spare) < maxSpare {
		l.spare = append(l.spare, q)
	}
}
