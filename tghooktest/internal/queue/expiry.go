package queue

import "time"

// second returns the second of t. Telegram keeps and compares times in whole seconds.
// Source: tdlib/td, TQueue.
func second(t time.Time) time.Time { return t.Truncate(time.Second) }

// Expired reports whether Telegram has given u up by then.
func (u Update) Expired(then time.Time) bool { return second(then).After(u.Expires) }

// expiry is a heap of the updates that wait, for container/heap. The update that expires
// first is at 0.
type expiry []*waiting

func (e *expiry) Len() int           { return len(*e) }
func (e *expiry) Less(i, j int) bool { return (*e)[i].Expires.Before((*e)[j].Expires) }

func (e *expiry) Swap(i, j int) {
	h := *e
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = i, j
}

func (e *expiry) Push(x any) {
	w := x.(*waiting)
	w.at = len(*e)
	*e = append(*e, w)
}

func (e *expiry) Pop() any {
	last := len(*e) - 1
	w := (*e)[last]
	(*e)[last] = nil
	*e = (*e)[:last]
	return w
}
