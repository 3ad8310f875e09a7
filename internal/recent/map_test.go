package recent

import (
	"testing"
	"time"
)

const hour = time.Hour

func (m *Map) has(id int64, now time.Duration) bool {
	_, ok := m.Get(id, now)
	return ok
}

func TestAValueIsForgottenWhenItsTimeIsOver(t *testing.T) {
	t.Parallel()
	m := NewMap(100, hour)
	m.Put(1, []byte("a"), 0)
	if v, ok := m.Get(1, hour-1); !ok || string(v) != "a" {
		t.Fatalf("got %q, %v", v, ok)
	}
	if m.has(1, hour) || m.has(2, 0) {
		t.Fatal("a value lives as long as it was put for")
	}
	m.Put(3, []byte("c"), hour)
	if len(m.entries) != 1 || m.size != 1 {
		t.Fatalf("%d held: what is over is swept out", len(m.entries))
	}
}

func TestPastTheBoundTheOldestValuesGoFirst(t *testing.T) {
	t.Parallel()
	m := NewMap(10, hour)
	m.Put(1, make([]byte, 6), 1)
	m.Put(2, make([]byte, 4), 2)
	m.Put(3, make([]byte, 5), 3)
	if m.has(1, 3) || !m.has(2, 3) || !m.has(3, 3) {
		t.Fatal("want 2 and 3 left")
	}
	if m.Put(4, make([]byte, 11), 4); m.has(4, 4) || !m.has(2, 4) || !m.has(3, 4) {
		t.Fatal("a value over the bound was kept, or made others go")
	}
}

func TestAValuePutAgainKeepsItsNewTime(t *testing.T) {
	t.Parallel()
	m := NewMap(100, time.Minute)
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
			if got := q.pop().id; got != i-10 {
				t.Fatalf("got %d, want %d", got, i-10)
			}
		}
	}
	if cap(q.items) > 100 {
		t.Fatalf("%d places for 10 items", cap(q.items))
	}
}
