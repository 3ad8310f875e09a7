package tgpostgres

import "time"

// PruneOneIn makes a Claim remove expired rows one time in n, on average.
func PruneOneIn(s *Store, n int) { s.passing = n }

// LookEvery sets how often a waiting Take looks without a notification.
func LookEvery(q *Queue, often time.Duration) { q.listener.often = often }

// Wait sets how long a transaction that calls share may take, and how long a transaction waits for
// the lock of a lane.
func Wait(q *Queue, call, lock time.Duration) {
	q.callTime, q.sql.lock = call, lockLanes(lock)
}

// Listens reports whether LISTEN works and a Take waits.
func Listens(q *Queue) bool {
	q.listener.mu.Lock()
	defer q.listener.mu.Unlock()
	return q.listener.hears && len(q.listener.waits) > 0
}

// LaneLock is the advisory lock of a lane.
func LaneLock(bot int64, lane string) int64 { return laneKey(bot, lane) }
