package recent

import "time"

// A queue is first in, first out. Its items are in the order in which their time ends.
type queue struct {
	items []item
	head  int
}

type item struct {
	id    int64
	until time.Duration
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
