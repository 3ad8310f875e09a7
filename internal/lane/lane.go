// Package lane keeps first-in, first-out queues by key.
package lane

// Key names a lane: by Name, or where that is empty by Class and ID. The zero Key is
// no lane at all: what enters it is at the head at once.
type Key struct {
	Class Class
	ID    int64 // of at most 62 bits, else it may share a lane
	Name  string
}

// Class is a kind of ID.
type Class uint64

// The classes: two bits in a number.
const (
	Chat Class = iota + 1
	User
	Query
)

// number is all of a Key without a name, in one word: that is hashed the fastest.
func (k Key) number() uint64 { return uint64(k.ID)<<2 | uint64(k.Class) } //nolint:gosec // a sign may go

// Place is one value's place in a lane. Its zero value stands in none.
type Place[T any] struct {
	Value      T
	queue      *queue[T]
	prev, next *Place[T]
}

// Lanes is a set of lanes. It is not safe for concurrent use: the owner's lock
// guards it together with what it orders.
type Lanes[T any] struct {
	max      int
	numbered map[uint64]*queue[T]
	named    map[string]*queue[T]
	spare    []*queue[T] // emptied queues, so that a quiet chat costs no allocation
}

type queue[T any] struct {
	key        Key
	head, tail *Place[T]
	length     int
}

// New returns lanes that hold at most limit values each, the head included.
func New[T any](limit int) *Lanes[T] {
	return &Lanes[T]{max: limit, numbered: make(map[uint64]*queue[T]), named: make(map[string]*queue[T])}
}

// Enter puts p at the tail of the lane of k. It is false when the lane is full.
func (l *Lanes[T]) Enter(k Key, p *Place[T]) bool {
	p.queue, p.prev, p.next = nil, nil, nil
	if k == (Key{}) {
		return true
	}
	q := l.of(k)
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

// Head is who stands first in the lane of p: p itself where it is in none.
func (p *Place[T]) Head() *Place[T] {
	if p.queue == nil {
		return p
	}
	return p.queue.head
}

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
		l.drop(q)
	}
	return q.head
}

// Len is the number of lanes that hold something.
func (l *Lanes[T]) Len() int { return len(l.numbered) + len(l.named) }

const maxSpare = 64

// of is the queue of k's lane, a new one if that holds nothing.
func (l *Lanes[T]) of(k Key) *queue[T] {
	var q *queue[T]
	if k.Name != "" {
		q = l.named[k.Name]
	} else {
		q = l.numbered[k.number()]
	}
	if q != nil {
		return q
	}
	if n := len(l.spare); n > 0 {
		q, l.spare = l.spare[n-1], l.spare[:n-1]
	} else {
		q = new(queue[T])
	}
	q.key = k
	if k.Name != "" {
		l.named[k.Name] = q
	} else {
		l.numbered[k.number()] = q
	}
	return q
}

// drop ends a lane that holds nothing.
func (l *Lanes[T]) drop(q *queue[T]) {
	if q.key.Name != "" {
		delete(l.named, q.key.Name)
	} else {
		delete(l.numbered, q.key.number())
	}
	if len(l.spare) < maxSpare {
		l.spare = append(l.spare, q)
	}
}
