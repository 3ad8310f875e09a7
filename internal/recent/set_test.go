package recent

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func (s *Set) has(id int64, now time.Duration) bool {
	_, ok := s.Get(id, now)
	return ok
}

func TestAnIdIsForgottenWhenItsTimeIsOver(t *testing.T) {
	t.Parallel()
	s := NewSet(10, time.Second, hour)
	s.Put(1, true, 0, hour)
	s.Put(2, false, 0, time.Second)
	if mark, ok := s.Get(1, hour-1); !ok || !mark {
		t.Fatalf("got %v, %v", mark, ok)
	}
	if mark, ok := s.Get(2, time.Second-1); !ok || mark {
		t.Fatalf("got %v, %v", mark, ok)
	}
	if s.has(2, time.Second) || s.has(1, hour) || s.has(3, 0) || s.has(1+64, 0) || s.has(-1, 0) {
		t.Fatal("an id lives as long as it was put for")
	}
	s.Put(3, false, time.Second, hour)
	if s.Len() != 2 || s.Evicted() != 0 {
		t.Fatalf("%d held, %d evicted: what is over is swept out, and is no eviction", s.Len(), s.Evicted())
	}
	s.Put(9999, false, 2*hour, hour)
	if s.Len() != 1 || len(s.pages) != 1 {
		t.Fatalf("%d held in %d pages", s.Len(), len(s.pages))
	}
}

func TestIdsPutLaterKeepTheirPageAlive(t *testing.T) {
	t.Parallel()
	s := NewSet(10, hour)
	s.Put(1, false, 0, hour)
	s.Put(2, false, hour/2, hour)
	s.Put(1000, false, hour, hour) // sweeps, were it not for 2
	if !s.has(2, hour+hour/2-1) || s.has(2, hour+hour/2) {
		t.Fatal("an id put later lives as long as it was put for")
	}
	s.Put(1001, false, 2*hour, hour)
	if s.has(2, 2*hour) || s.Len() != 1 {
		t.Fatalf("%d held", s.Len())
	}
}

func TestPastTheBoundTheOldestIdsGoFirstWhateverTheirLifetime(t *testing.T) {
	t.Parallel()
	s := NewSet(3, time.Minute, hour, 10*hour)
	for i, life := range []time.Duration{hour, 10 * hour, time.Minute, hour, hour} {
		s.Put(int64(i)*100, false, time.Duration(i)*time.Second, life)
	}
	if s.has(0, 5) || s.has(100, 5) || !s.has(200, 5) || !s.has(300, 5) || !s.has(400, 5) {
		t.Fatal("want the last three left")
	}
	if s.Len() != 3 || s.Evicted() != 2 {
		t.Fatalf("%d held, %d evicted", s.Len(), s.Evicted())
	}
}

func TestAnIdPutTwiceIsOne(t *testing.T) {
	t.Parallel()
	s := NewSet(10, hour)
	s.Put(7, true, 0, hour)
	s.Put(7, false, 1, hour)
	if mark, ok := s.Get(7, 1); !ok || mark || s.Len() != 1 {
		t.Fatalf("got %v, %v, %d held", mark, ok, s.Len())
	}
}

// 100,000 remembered updates must fit into 16 MiB, even if no two of them are neighbours.
func TestAHundredThousandIdsFitSixteenMiB(t *testing.T) {
	for name, step := range map[string]int64{"consecutive": 1, "far apart": 997} {
		before := heap()
		s := NewSet(100_000, hour, 10*hour, 20*hour, 24*hour)
		for id := range int64(300_000) {
			s.Put(id*step, true, time.Duration(id)*time.Millisecond, s.lives[id%4])
		}
		used := heap() - before
		t.Logf("%s: %d held in %.1f MiB", name, s.Len(), float64(used)/(1<<20))
		if s.Len() > 100_000 || s.Len() < 99_900 || s.Evicted() != 300_000-uint64(s.Len()) {
			t.Errorf("%s: %d held, %d evicted", name, s.Len(), s.Evicted())
		}
		assert.LessOrEqual(t, used, int64(16<<20), name)
		runtime.KeepAlive(s)
	}
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc)
}
