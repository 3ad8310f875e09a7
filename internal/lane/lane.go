// Package lane has first-in, first-out queues by key. A lane is one such queue. The updates
// of one lane are handled in order, one at a time.
package lane

// Key names a lane: by Name or, if that is empty, by Class and ID. The zero Key stands for
// no lane: a place that enters it is at the head at once.
type Key struct {
	Class Class
	ID    int64 // of at most 62 bits; a larger one may share a lane with another
	Name  string
}

// Class is a kind of ID.
type Class uint64

// The classes. They must fit into two bits.
const (
	Chat Class = iota + 1
	User
	Query
)

// number returns a Key without a name as one word, because a map hashes that fastest.
func (k Key) number() uint64 { return uint64(k.ID)<<2 | uint64(k.Class) } //nolint:gosec // a sign may go

// Place is the place of a value in a lane. The zero Place is in no lane.
type Place[T any] struct {
	Value      T
	queue      *queue[T]
	prev, next *Place[T]
}

// Lanes is a set of lanes. It is not safe for concurrent use: the lock of its owner guards
// it, together with the values.
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

// New returns an empty set of lanes. Each lane has room for limit values, its head included.
func New[T any](limit int) *Lanes[T] {
	return &Lanes[T]{max: limit, numbered: make(map[uint64]*queue[T]), named: make(map[string]*queue[T])}
}

// Enter puts p at the tail of the lane of k. It returns false if the lane is full.
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

// EnterBehind puts p behind the values at the head of the lane of k that ahead is true for,
// and before all others. The lane may have more values than its limit then. k must not be the
// zero Key.
func (l *Lanes[T]) EnterBehind(k Key, p *Place[T], ahead func(T) bool) {
	q := l.of(k)
	q.length++
	p.queue, p.prev, p.next = q, nil, q.head
	for p.next != nil && ahead(p.next.Value) {
		p.prev, p.next = p.next, p.next.next
	}
	if p.prev == nil {
		q.head = p
	} else {
		p.prev.next = p
	}
	if p.next == nil {
		q.tail = p
	} else {
		p.next.prev = p
	}
}

// Has reports whether the lane of k has a value.
func (l *Lanes[T]) Has(k Key) bool {
	if k.Name != "" {
		return l.named[k.Name] != nil
	}
	return l.numbered[k.number()] != nil
}

// Key returns the key of the lane that p is in. If p is in no lane, that is the zero Key.
func (p *Place[T]) Key() Key {
	if p.queue == nil {
		return Key{}
	}
	return p.queue.key
}

// AtHead reports whether p is the first of its lane.
func (p *Place[T]) AtHead() bool { return p.prev == nil }

// Head returns the first place in the lane of p. If p is in no lane, that is p.
func (p *Place[T]) Head() *Place[T] {
	if p.queue == nil {
		return p
	}
	return p.queue.head
}

// Behind returns the place behind p in its lane, or nil.
func (p *Place[T]) Behind() *Place[T] { return p.next }

// Leave takes p out of its lane. If p was at the head, Leave returns the new head, or nil
// if the lane is empty now. Otherwise it returns nil.
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

// Len returns the number of lanes that are not empty.
func (l *Lanes[T]) Len() int { return len(l.numbered) + len(l.named) }

const maxSpare = 64

// of returns the queue of k's lane. It makes one if the lane is empty.
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

// drop removes a lane that is empty.
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
