// Package queue keeps the updates that a bot has not confirmed, as Telegram's server
// does.
package queue

import (
	"container/heap"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

const (
	maxUpdates = 100_000
	maxBytes   = 128 << 20 // of all updates that wait
	maxSize    = 512 << 10 // of one update
	maxAnswer  = 4 << 20   // of all updates that Get returns, with perUpdate for each
	perUpdate  = 50

	minFirstID = 2_000_001
	maxFirstID = 1_000_000_000
	endOfIDs   = 2_000_000_000 // ids and offsets are below
	lookahead  = 10            // how far an offset may be beyond the next id

	bodyFrame = len("{\"update_id\":1234567890,\n}")
)

// Update is an update that waits to be delivered.
type Update struct {
	ID      int64
	Kind    string
	Key     int64           // updates with the same key are delivered one after the other
	Queued  time.Time       // when it was added
	Expires time.Time       // the last second in which Telegram keeps it
	Body    json.RawMessage // body of a webhook's request, and an element of getUpdates' result; must not be changed
}

// waiting is an Update with its places in order and expiry.
type waiting struct {
	Update
	size  int        // bytes of the body without its id and braces, which Telegram's bounds count
	after []*waiting // its successor in order, by level
	at    int        // its index in expiry
}

// Queue holds updates in ascending order of id. Several goroutines may use it at once.
type Queue struct {
	// Came, unless nil, gets each new update before anybody else can get it. The Queue is
	// locked during the call. Set it before the first update.
	Came func(u Update)
	// Gone, unless nil, gets each update that leaves the Queue other than by Forget, and
	// whether an offset has confirmed it. The Queue is locked during the call. Set it before
	// the first update.
	Gone func(u Update, confirmed bool)

	now  func() time.Time
	seed uint64

	mu      sync.Mutex
	allowed kindSet
	counts  uint64 // how often ids started again
	next    int64  // id of the next update
	given   bool   // an update has had an id
	order   order
	expiry  expiry
	size    int
	added   chan struct{} // nil if none waits
}

// New returns an empty Queue. now returns the time. seed decides the first id.
func New(now func() time.Time, seed uint64) *Queue {
	q := &Queue{now: now, seed: seed, allowed: defaultKinds}
	q.count()
	return q
}

// Begin makes id that of the next update, unless an update has had an id.
func (q *Queue) Begin(id int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.given {
		q.next = id
	}
}

// Add appends an update of the kind with the object. It returns false if Telegram would
// make no update: the kind is not allowed, the object is too old or too large, or the queue
// is full.
func (q *Queue) Add(kind string, object []byte) (Update, bool) {
	u, err := q.add(0, kind, object, false)
	return u, err == nil
}

// Deliver is Add for an update that a test made up, with a date that may be far from now. A
// date in the future, or beyond the kind's life, counts as now. The update keeps its id if
// no id was given out yet, or if the id is above all others; otherwise it gets the next
// one. The error says why there is no update.
func (q *Queue) Deliver(id int64, kind string, object []byte) (Update, error) {
	return q.add(id, kind, object, true)
}

func (q *Queue) add(id int64, name string, object []byte, anyDate bool) (Update, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.allowed.has(name) {
		return Update{}, fmt.Errorf("%s is not in allowed_updates, which has %s", name, q.allowed)
	}
	f, err := read(object)
	if err != nil {
		return Update{}, fmt.Errorf("%s is not a JSON object: %w", name, err)
	}
	k, now := kindOf(name), q.now()
	expires := k.expires(f, now, anyDate)
	if !expires.After(second(now)) {
		return Update{}, errors.New("the update is too old to be delivered")
	}

	quoted, err := json.Marshal(name)
	if err != nil {
		return Update{}, err
	}
	data := botapi.AppendJSON(make([]byte, 0, len(name)+len(object)+3), quoted)
	data = botapi.AppendJSON(append(data, ':'), object)
	if len(data) > maxSize {
		return Update{}, fmt.Errorf("%s has %d bytes; Telegram drops an update of more than %d bytes", name, len(data), maxSize)
	}
	q.expire(now)
	if n := len(q.expiry); n >= maxUpdates || q.size > maxBytes-len(data) {
		return Update{}, fmt.Errorf("the queue is full: %d updates of %d bytes wait", n, q.size)
	}
	q.advance(id)
	w := &waiting{Update: Update{ID: q.next, Kind: name, Key: k.key(f, q.next), Queued: now, Expires: expires}, size: len(data)}
	w.Body = fmt.Appendf(make([]byte, 0, len(data)+bodyFrame), "{\"update_id\":%d,\n%s}", w.ID, data)
	q.next++
	q.size += w.size
	q.order.push(w)
	heap.Push(&q.expiry, w)
	if q.Came != nil {
		q.Came(w.Update)
	}
	if q.added != nil {
		close(q.added)
		q.added = nil
	}
	return w.Update, nil
}

// advance makes next the id of an update that asks for the id, 0 for any.
func (q *Queue) advance(id int64) {
	switch {
	case (id >= q.next || !q.given) && id > 0 && id+1 < endOfIDs:
		q.next = id
	case q.next+1 >= endOfIDs:
		q.clear()
		q.count()
	}
	q.given = true
}

// Get answers getUpdates, without waiting. It forgets the updates that offset confirms, and
// returns at most limit updates (1 to 100), up to 4 MiB.
//
// A negative offset keeps that many of the last updates and forgets the others; a caller
// that then waits for more passes 0. An offset up to ten above the next id confirms updates
// that have not come yet: the next Get forgets them. An offset farther above confirms
// nothing.
func (q *Queue) Get(offset int64, limit int) []Update {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.expire(q.now())
	for keep := -max(offset, -maxUpdates); offset < 0 && int64(len(q.expiry)) > keep; {
		q.lose(q.order.first[0], false)
	}
	if offset > min(q.next+lookahead, endOfIDs-1) {
		offset = 0
	}
	w := q.order.first[0]
	for ; w != nil && w.ID < offset; w = q.order.first[0] {
		q.lose(w, true)
	}
	updates := []Update{}
	left := maxAnswer
	for limit = min(max(limit, 1), 100); w != nil && len(updates) < limit; w = w.after[0] {
		left -= w.size + perUpdate
		if left <= 0 {
			break
		}
		updates = append(updates, w.Update)
	}
	return updates
}

// Next returns the oldest update with an id above after that has not expired. If no update
// has had the id after yet, because ids have started again, it returns the oldest of all.
func (q *Queue) Next(after int64) (Update, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.expire(q.now())
	if after >= q.next {
		after = 0
	}
	w := q.order.from(after + 1)
	if w == nil {
		return Update{}, false
	}
	return w.Update, true
}

// Last returns the id of the newest update. Before the first one, it returns the id before
// that update's.
func (q *Queue) Last() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.next - 1
}

// Forget drops an update that was delivered, or that Telegram has given up.
func (q *Queue) Forget(id int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if w := q.order.from(id); w != nil && w.ID == id {
		q.drop(w)
	}
}

// Has reports whether the update waits.
func (q *Queue) Has(id int64) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	w := q.order.from(id)
	return w != nil && w.ID == id
}

// Clear drops all updates, as drop_pending_updates does.
func (q *Queue) Clear() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.clear()
}

// Len returns the number of updates that wait and have not expired.
func (q *Queue) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.expire(q.now())
	return len(q.expiry)
}

// Added returns a channel that the next added update closes.
func (q *Queue) Added() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.added == nil {
		q.added = make(chan struct{})
	}
	return q.added
}

// count starts ids again.
func (q *Queue) count() {
	draw := rand.New(rand.NewPCG(q.seed, q.counts)) //nolint:gosec // a seed is to give the same ids
	q.counts++
	q.next = minFirstID + draw.Int64N(maxFirstID-minFirstID+1)
}

func (q *Queue) clear() {
	for w := q.order.first[0]; w != nil && q.Gone != nil; w = w.after[0] {
		q.Gone(w.Update, false)
	}
	q.order, q.expiry, q.size = order{}, nil, 0
}

// expire drops the updates that have expired.
func (q *Queue) expire(now time.Time) {
	for len(q.expiry) > 0 && q.expiry[0].Expired(now) {
		q.lose(q.expiry[0], false)
	}
}

// lose drops an update and tells Gone.
func (q *Queue) lose(w *waiting, confirmed bool) {
	q.drop(w)
	if q.Gone != nil {
		q.Gone(w.Update, confirmed)
	}
}

func (q *Queue) drop(w *waiting) {
	q.order.remove(w)
	heap.Remove(&q.expiry, w.at)
	q.size -= w.size
}
