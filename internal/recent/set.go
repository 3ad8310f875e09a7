package recent

import (
	"math/bits"
	"slices"
	"time"
)

// Set has ids. Each id has a lifetime. There are at most a given number of ids. If there are
// more, the oldest are removed.
//
// It is made for ids that are mostly consecutive. It keeps 64 of them in a page. All ids of a
// page with the same lifetime end together, in whole seconds, when the last one ends. So an
// id may stay longer than its lifetime, and never shorter.
//
// Times are durations since a fixed moment. A Set is not safe for concurrent use.
type Set struct {
	limit   int
	held    int
	evicted uint64
	lives   []time.Duration
	pages   map[int64]*page
	queues  [maxLives]queue // of pages; one for each lifetime, so that each is in order of the ends
}

const (
	maxLives = 4
	pageBits = 6
)

// page is 64 consecutive ids.
type page struct {
	ids    [maxLives]uint64 // a bit for each id, by its lifetime
	until  [maxLives]uint32 // the second when their life ends, by lifetime
	marked uint64
}

func (p *page) over(l int) time.Duration { return time.Duration(p.until[l]) * time.Second }

// NewSet returns an empty Set of at most limit ids. lives are the lifetimes that Put may be
// given, at most four.
func NewSet(limit int, lives ...time.Duration) *Set {
	return &Set{limit: limit, lives: lives, pages: make(map[int64]*page)}
}

// Put remembers id, with a mark, for life from now on. It forgets ids whose time is over
// and, past the limit, the oldest.
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

// Len returns the number of ids. It includes ids whose time is over and that no Put has
// removed yet.
func (s *Set) Len() int { return s.held }

// Evicted returns the number of ids that were removed because of the limit before their time
// was over.
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

// pop forgets the ids of the first page in a queue, and returns how many they were. If ids
// were put into the page since it was queued, pop forgets none, and queues it again.
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
