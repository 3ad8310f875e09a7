package queue

// SetNext sets the id of the next update.
func (q *Queue) SetNext(id int64) { q.next, q.given = id, true }

// SetSize sets the size of all updates that wait to n bytes.
func (q *Queue) SetSize(n int) { q.size = n }

// Locked reports whether the Queue is locked.
func (q *Queue) Locked() bool {
	if q.mu.TryLock() {
		q.mu.Unlock()
		return false
	}
	return true
}
