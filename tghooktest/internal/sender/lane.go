package sender

import (
	"container/heap"
	"slices"
	"time"

	"github.com/tghook/tghook/tghooktest/internal/queue"
)

// lane holds the updates of one key, which are delivered one after the other. It is in
// Sender.lanes while it has updates. While its head is on its way, the lane is in neither
// schedule.
type lane struct {
	key     int64
	waiting []loaded
	rank    time.Duration // its place in a schedule

	// About the head:
	attempts int
	fails    int
	delay    int // seconds
	begun    bool
	attempt  Attempt // begun, but not yet sent
	fault    Fault   // of that attempt
}

type loaded struct {
	queue.Update
	since time.Duration
}

func (l *lane) head() queue.Update { return l.waiting[0].Update }

// next drops the head. It returns false if no update is left.
func (l *lane) next() bool {
	l.waiting[0] = loaded{}
	l.waiting = l.waiting[1:]
	l.attempts, l.fails, l.delay = 0, 0, 1
	return len(l.waiting) > 0
}

func (l *lane) has(id int64) bool {
	return slices.ContainsFunc(l.waiting, func(u loaded) bool { return u.ID == id })
}

// maxLoad is how many updates Telegram loads at once.
const maxLoad = 1000

// load takes updates from the Queue, in their order: as many as the window has room for
// lanes. Most of them may be for the same lane. Those behind them then wait for the next
// event, though the window has room.
func (s *Sender) load(now time.Duration) {
	for left := min(2*s.cfg.MaxConnections-len(s.lanes), maxLoad); left > 0 && s.last != s.pushes.seen; left-- {
		u, ok := s.cfg.Queue.Next(s.last)
		if !ok || s.last < s.pushes.seen && u.ID > s.pushes.seen {
			s.last = s.pushes.seen
			return
		}
		anew := u.ID <= s.last // ids have begun anew, maybe between the last load and what pushes has seen
		s.last = u.ID
		l := s.lanes[u.Key]
		if l != nil && anew && l.has(u.ID) {
			continue
		}
		if l == nil {
			l = &lane{key: u.Key, delay: 1}
			s.lanes[u.Key] = l
			s.wake(l, now)
		}
		l.waiting = append(l.waiting, loaded{u, now})
	}
}

// wake makes the head of l ready at that time.
func (s *Sender) wake(l *lane, at time.Duration) {
	l.rank = at
	heap.Push(&s.asleep, l)
}

// leave removes the head of l from the Queue.
func (s *Sender) leave(l *lane) {
	s.cfg.Queue.Forget(l.head().ID)
	if l.next() {
		s.wake(l, l.waiting[0].since)
	} else {
		delete(s.lanes, l.key)
	}
}

// schedule is a heap of lanes. The lane with the lowest rank, and of several the one with
// the lowest key, is the first.
type schedule []*lane

func (w *schedule) Len() int { return len(*w) }

func (w *schedule) Less(i, j int) bool {
	a, b := (*w)[i], (*w)[j]
	return a.rank < b.rank || a.rank == b.rank && a.key < b.key
}

func (w *schedule) Swap(i, j int) { (*w)[i], (*w)[j] = (*w)[j], (*w)[i] }
func (w *schedule) Push(l any)    { *w = append(*w, l.(*lane)) }

func (w *schedule) Pop() any {
	last := len(*w) - 1
	l := (*w)[last]
	(*w)[last] = nil
	*w = (*w)[:last]
	return l
}
