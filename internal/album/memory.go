package album

import (
	"context"
	"sync"
	"time"
)

// maxPastLanes is how many lanes a Memory remembers that only have past albums.
const maxPastLanes = 10_000

// Memory is a Store within this process.
type Memory struct {
	mu    sync.Mutex
	lanes map[string]cell
	past  []fading // lanes that only had past albums when they were saved, the oldest first
}

type cell struct {
	value   []byte
	version string
}

type fading struct {
	lane, version string
	until         time.Time
}

// NewMemory returns an empty Memory.
func NewMemory() *Memory { return &Memory{lanes: make(map[string]cell)} }

// Load implements [Store].
func (m *Memory) Load(_ context.Context, lane string) (value []byte, version string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.lanes[lane]
	return c.value, c.version, nil
}

// Save implements [Store].
func (m *Memory) Save(_ context.Context, lane string, value []byte, old, version string, keep time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fade()
	if m.lanes[lane].version != old {
		return ErrChanged
	}
	m.lanes[lane] = cell{value, version}
	if keep == PastTime {
		m.past = append(m.past, fading{lane, version, time.Now().Add(keep)})
	}
	return nil
}

// fade forgets the lanes whose past albums are too old, or too many.
func (m *Memory) fade() {
	for len(m.past) > 0 && (len(m.past) > maxPastLanes || !time.Now().Before(m.past[0].until)) {
		if oldest := m.past[0]; m.lanes[oldest.lane].version == oldest.version {
			delete(m.lanes, oldest.lane)
		}
		m.past = m.past[1:]
	}
}

// Lanes implements [Store].
func (m *Memory) Lanes(context.Context) ([]string, error) { return nil, nil } // there is nothing to recover
