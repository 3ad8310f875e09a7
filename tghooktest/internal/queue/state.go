package queue

import (
	"bytes"
	"container/heap"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// State is what was written of a Queue: a record for each update that waits, and one for the
// rest.
type State struct {
	queue   *Queue
	rest    string
	updates map[int64]*waiting
}

const (
	restKey      = "rest"
	updatePrefix = "update/"
)

func updateKey(id int64) string { return fmt.Sprintf("%s%010d", updatePrefix, id) }

// rest is the record of a Queue without its updates.
type rest struct {
	Allowed []string `json:"allowed"` // nil for the default
	Counts  uint64   `json:"counts"`
	Next    int64    `json:"next"`
	Given   bool     `json:"given"`
}

// head begins the record of an update, in a line of its own. The update's body follows.
type head struct {
	Kind    string    `json:"kind"`
	Key     int64     `json:"key"`
	Queued  time.Time `json:"queued"`
	Expires time.Time `json:"expires"`
}

// State returns the State of a Queue of which nothing was written.
func (q *Queue) State() *State { return &State{queue: q, updates: map[int64]*waiting{}} }

// Changes are the records of a Queue that must be written, and deleted if they are nil.
type Changes struct {
	Records map[string][]byte

	state   *State
	rest    string
	updates map[int64]*waiting
}

// Kept tells the State that the Changes were written. Without it, the next Changes has them
// again.
func (c *Changes) Kept() { c.state.rest, c.state.updates = c.rest, c.updates }

// Changes returns what has changed since the last Changes that was kept.
func (s *State) Changes() (*Changes, error) {
	q := s.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	c := &Changes{Records: map[string][]byte{}, state: s, updates: make(map[int64]*waiting, len(q.expiry))}
	encoded, err := json.Marshal(rest{q.allowed.names(), q.counts, q.next, q.given})
	if err != nil {
		return nil, err
	}
	if c.rest = string(encoded); c.rest != s.rest {
		c.Records[restKey] = encoded
	}
	for w := q.order.first[0]; w != nil; w = w.after[0] {
		c.updates[w.ID] = w
		if s.updates[w.ID] == w {
			continue
		}
		line, err := json.Marshal(head{w.Kind, w.Key, w.Queued, w.Expires})
		if err != nil {
			return nil, err
		}
		c.Records[updateKey(w.ID)] = append(append(line, '\n'), w.Body...)
	}
	for id := range s.updates {
		if c.updates[id] == nil {
			c.Records[updateKey(id)] = nil
		}
	}
	return c, nil
}

// Keys yields the keys of all records that were written.
func (s *State) Keys() iter.Seq[string] {
	return func(yield func(string) bool) {
		for id := range s.updates {
			if !yield(updateKey(id)) {
				return
			}
		}
		if s.rest != "" {
			yield(restKey)
		}
	}
}

// Restore sets the Queue, which must be new, from the records, and returns its State.
func (q *Queue) Restore(records map[string][]byte) (*State, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	var r rest
	if err := json.Unmarshal(records[restKey], &r); err != nil {
		return nil, fmt.Errorf("tghooktest: the state is damaged: the queue: %w", err)
	}
	q.allowed, q.counts = setOf(r.Allowed), r.Counts
	if r.Given { // otherwise Begin may have set it
		q.next, q.given = r.Next, true
	}
	s := &State{queue: q, rest: string(records[restKey]), updates: map[int64]*waiting{}}
	for _, key := range slices.Sorted(maps.Keys(records)) {
		id, ok := strings.CutPrefix(key, updatePrefix)
		if !ok {
			continue
		}
		w, err := restored(id, records[key])
		if err != nil {
			return nil, fmt.Errorf("tghooktest: the state is damaged: update %s: %w", id, err)
		}
		q.size += w.size
		q.order.push(w)
		heap.Push(&q.expiry, w)
		s.updates[w.ID] = w
	}
	return s, nil
}

// restored returns the update of a record.
func restored(id string, record []byte) (*waiting, error) {
	line, body, _ := bytes.Cut(record, []byte("\n"))
	var h head
	if err := json.Unmarshal(line, &h); err != nil {
		return nil, err
	}
	_, data, ok := bytes.Cut(body, []byte("\n"))
	number, err := strconv.ParseInt(id, 10, 64)
	if err != nil || number <= 0 || !ok || !json.Valid(body) {
		return nil, errors.New("it is not an update")
	}
	return &waiting{Update: Update{ID: number, Kind: h.Kind, Key: h.Key, Queued: h.Queued, Expires: h.Expires, Body: body}, size: len(data) - 1}, nil
}
