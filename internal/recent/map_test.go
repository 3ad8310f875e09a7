package recent

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const hour = time.Hour

func (m *Map) has(id int64, now time.Duration) bool {
	_, ok := m.Get(id, now)
	return ok
}

func TestAValueIsForgottenWhenItsTimeIsOver(t *testing.T) {
	t.Parallel()
	m := NewMap(1000, hour)
	m.Put(1, []byte("a"), 0)
	if v, ok := m.Get(1, hour-1); !ok || string(v) != "a" {
		t.Fatalf("got %q, %v", v, ok)
	}
	if m.has(1, hour) || m.has(2, 0) {
		t.Fatal("a value lives as long as it was put for")
	}
	m.Put(3, []byte("c"), hour)
	if len(m.entries) != 1 || m.size != cost([]byte("c")) {
		t.Fatalf("%d held: what is over is swept out", len(m.entries))
	}
}

func TestPastTheBoundTheOldestValuesGoFirst(t *testing.T) {
	t.Parallel()
	m := NewMap(2*entryCost+10, hour)
	m.Put(1, make([]byte, 6), 1)
	m.Put(2, make([]byte, 4), 2)
	m.Put(3, make([]byte, 5), 3)
	if m.has(1, 3) || !m.has(2, 3) || !m.has(3, 3) {
		t.Fatal("want 2 and 3 left")
	}
	if m.Put(4, make([]byte, entryCost+11), 4); m.has(4, 4) || !m.has(2, 4) || !m.has(3, 4) {
		t.Fatal("a value over the bound was kept, or made others go")
	}
}

// An entry of a few bytes takes ten times as much memory.
func TestSmallValuesTakeNoMoreThanTheBound(t *testing.T) {
	const bound = 8 << 20
	const rounded = bound / 8 // by the allocator
	for _, size := range []int{0, 1, 14, 100, 1000, 100_000} {
		before := heap()
		m := NewMap(bound, hour)
		most := int64(0)
		for id := range int64(700_000 / (1 + size/100)) {
			m.Put(id*997, make([]byte, size), time.Duration(id))
			if id%50_000 == 49_999 {
				most = max(most, heap()-before)
			}
		}
		most = max(most, heap()-before)
		t.Logf("%d values of %d bytes take %.1f MiB", len(m.entries), size, float64(most)/(1<<20))
		assert.LessOrEqualf(t, most, int64(bound+rounded), "%d bytes are used, and the bound is %d", most, bound)
		assert.GreaterOrEqualf(t, most, int64(bound/3), "%d bytes are used of %d", most, bound)
		runtime.KeepAlive(m)
	}
}

func TestAValuePutAgainKeepsItsNewTime(t *testing.T) {
	t.Parallel()
	m := NewMap(1000, time.Minute)
	m.Put(1, []byte("old"), 0)
	m.Put(1, []byte("new"), time.Second)
	m.Put(2, nil, time.Minute) // sweeps out the first
	if v, _ := m.Get(1, time.Minute); string(v) != "new" {
		t.Fatalf("got %q", v)
	}
}

func TestAQueueDoesNotKeepWhatItHasGivenOut(t *testing.T) {
	t.Parallel()
	var q queue
	for i := range int64(100_000) {
		q.push(item{id: i})
		if i >= 10 {
			require.Equal(t, i-10, q.pop().id)
		}
	}
	require.LessOrEqualf(t, cap(q.items), 100, "%d places for 10 items", cap(q.items))
}
