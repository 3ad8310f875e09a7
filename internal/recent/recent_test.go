package recent

import (
	"runtime"
	"testing"
	"time"
)

const hour = time.Hour

func newBytes(entries, bytes int) *Map[[]byte] {
	return New(entries, bytes, func(v []byte) int { return len(v) })
}

func has(m *Map[[]byte], id int64, now time.Duration) bool {
	_, ok := m.Get(id, now)
	return ok
}

func TestAValueIsForgottenWhenItsTimeIsOver(t *testing.T) {
	t.Parallel()
	m := newBytes(10, 100)
	m.Put(1, []byte("a"), 0, hour)
	m.Put(2, nil, 0, time.Second)
	if v, ok := m.Get(1, hour-1); !ok || string(v) != "a" {
		t.Fatalf("got %q, %v", v, ok)
	}
	if !has(m, 2, time.Second-1) || has(m, 2, time.Second) || has(m, 1, hour) {
		t.Fatal("a value lives as long as it was put for")
	}
	m.Put(3, nil, time.Second, hour)
	if m.Len() != 2 || m.Evicted() != 0 {
		t.Fatalf("%d held, %d evicted: what is over is swept out, and is no eviction", m.Len(), m.Evicted())
	}
}

func TestPastTheBoundTheOldestGoesFirstWhateverItsLifetime(t *testing.T) {
	t.Parallel()
	m := newBytes(3, 100)
	m.Put(1, nil, 1, hour)
	m.Put(2, nil, 2, 10*hour)
	m.Put(3, nil, 3, time.Minute)
	m.Put(4, nil, 4, hour)
	m.Put(5, nil, 5, hour)
	if has(m, 1, 5) || has(m, 2, 5) || !has(m, 3, 5) || !has(m, 4, 5) || !has(m, 5, 5) {
		t.Fatal("want 3, 4 and 5 left")
	}
	if m.Evicted() != 2 {
		t.Fatalf("evicted %d, want 2", m.Evicted())
	}
}

func TestBytesAreBounded(t *testing.T) {
	t.Parallel()
	m := newBytes(100, 10)
	m.Put(1, make([]byte, 6), 1, hour)
	m.Put(2, make([]byte, 4), 2, hour)
	m.Put(3, make([]byte, 5), 3, hour)
	if has(m, 1, 3) || !has(m, 2, 3) || !has(m, 3, 3) {
		t.Fatal("want 2 and 3 left")
	}
	m.Put(4, make([]byte, 11), 4, hour)
	if has(m, 4, 4) || !has(m, 3, 4) || m.Evicted() != 2 {
		t.Fatalf("a value over the bound was kept, or not counted: %d", m.Evicted())
	}
}

func TestAnIdPutAgainKeepsItsNewTime(t *testing.T) {
	t.Parallel()
	m := newBytes(10, 100)
	m.Put(1, []byte("old"), 0, time.Minute)
	m.Put(1, []byte("new"), time.Second, time.Minute)
	m.Put(2, nil, time.Minute, time.Minute) // sweeps out the first
	if v, _ := m.Get(1, time.Minute); string(v) != "new" {
		t.Fatalf("got %q", v)
	}
}

// 100,000 remembered updates are promised to fit 16 MiB.
func TestAHundredThousandFitSixteenMiB(t *testing.T) {
	before := heap()
	m := New(100_000, 0, func(bool) int { return 0 })
	for id := range int64(300_000) {
		m.Put(id*7, true, time.Duration(id), [...]time.Duration{hour, 24 * hour, time.Minute}[id%3])
	}
	used := heap() - before
	t.Logf("%d remembered: %.1f MiB", m.Len(), float64(used)/(1<<20))
	if m.Len() != 100_000 || m.Evicted() != 200_000 {
		t.Fatalf("%d held, %d evicted", m.Len(), m.Evicted())
	}
	if used > 16<<20 {
		t.Fatalf("%d bytes", used)
	}
	runtime.KeepAlive(m)
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc)
}
