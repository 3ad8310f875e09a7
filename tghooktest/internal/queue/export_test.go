package queue

// SetNext makes id that of the next update.
func (q *Queue) SetNext(id int64) { q.next, q.given = id, true }

// SetSize has the updates that wait count as n bytes.
func (q *Queue) SetSize(n int) { q.size = n }
