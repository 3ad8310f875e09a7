package recent

import (
	"math/bits"
	"slices"
	"time"
)

// Set holds ids for a while each, at most so many of them: past the bound the
// oldest go first. It is made for ids that are mostly consecutive, of which it
// keeps 64 in a page: their times are those of the last one put beside them, in
// whole seconds, so that they may stay a little longer than asked, never shorter.
// It is not safe for concurrent use. Times are durations since any fixed moment.
type Set struct {
	limit   int
	held    int
	evicted uint64
	lives   []time.Duration
	pages   map[int64]*page
	queues  [maxLives]queue // of pages, one for each lifetime, so that each is in order of its end
}

const (
	maxLives = 4
	pageBits = 6
)

// page is 64 consecutive ids.
type page struct {
	ids    [maxLives]uint64 // those put with each lifetime
	until  [maxLives]uint32 // the second when the last of them is over
	marked uint64
}

func (p *page) over(l int) time.Duration { return time.Duration(p.until[l]) * time.Second }

// NewSet returns an empty Set of at most limit ids, whose lifetimes, at most
// four, are among lives.
func NewSet(limit int, lives ...time.Duration) *Set {
	return &Set{limit: limit, lives: lives, pages: make(map[int64]*page)}
}

// Put remembers id, with a mark, for life from now on. It forgets what is over
// and, past the bound, the oldest.
func (s *Set) Put(id int64, mark bool, now, life time.Duration) {
	s.expire(now)
	number, bit := id>>pageBits, uint64(1)<<(id&(1<<pageBits-1))
	p := s.pages[number]
	if p == nil {
		p = new(page)
		s.pages[number] = p
	}
	l := slices.Index(s.lives, life)
	p.until[l] = uint32((now + life + time.Second - 1) / time.Second) //nolint:gosec // enough for 136 years
	if p.ids[l] == 0 {
		s.queues[l].push(item{number, p.over(l)})
	}
	if p.ids[l]&bit == 0 {
		p.ids[l] |= bit
		s.held++
	}
	p.marked &^= bit
	if mark {
		p.marked |= bit
	}
	for s.held > s.limit {
		s.evictOldest()
	}
}

// Get reports whether id is remembered, and its mark.
func (s *Set) Get(id int64, now time.Duration) (mark, ok bool) {
	p := s.pages[id>>pageBits]
	if p == nil {
		return false, false
	}
	bit := uint64(1) << (id & (1<<pageBits - 1))
	for l := range p.ids {
		if p.ids[l]&bit != 0 && p.over(l) > now {
			return p.marked&bit != 0, true
		}
	}
	return false, false
}

// Len is the number of ids held, those included whose time is over but that
// nothing has swept out yet.
func (s *Set) Len() int { return s.held }

// Evicted counts the ids that the bound, not time, has removed.
func (s *Set) Evicted() uint64 { return s.evicted }

func (s *Set) expire(now time.Duration) {
	for l := range s.lives {
		for q := &s.queues[l]; !q.empty() && q.first().until <= now; {
			s.pop(l)
		}
	}
}

func (s *Set) evictOldest() {
	oldest := -1
	for l, life := range s.lives {
		q := &s.queues[l]
		if !q.empty() && (oldest < 0 || q.first().until-life < s.queues[oldest].first().until-s.lives[oldest]) {
			oldest = l
		}
	}
	s.evicted += s.pop(oldest)
}

// pop forgets the ids of the first page in a queue and returns how many they
// were; none if some were put since it came there: it goes to the end then.
func (s *Set) pop(l int) uint64 {
	i := s.queues[l].pop()
	p := s.pages[i.id]
	if p.over(l) > i.until {
		s.queues[l].push(item{i.id, p.over(l)})
		return 0
	}
	n := bits.OnesCount64(p.ids[l])
	s.held -= n
	p.ids[l] = 0
	if p.ids == [maxLives]uint64{} {
		delete(s.pages, i.id)
	}
	return uint64(n) //nolint:gosec // at most 64
}
