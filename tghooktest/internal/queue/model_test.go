package queue_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/tghook/tghook/tghooktest/internal/queue"
)

// The model applies the same random calls to a Queue and to a plain slice, and compares the
// results.
//
//	TGHOOK_QUEUE_SEED=7 go test -run TestModel$ .
//	TGHOOK_QUEUE_COUNT=100000 go test -run TestModel$ -timeout 0 .
func TestModel(t *testing.T) {
	t.Parallel()
	first, count := uint64(1), uint64(40)
	if n, err := strconv.ParseUint(os.Getenv("TGHOOK_QUEUE_COUNT"), 10, 64); err == nil {
		count = n
	}
	if n, err := strconv.ParseUint(os.Getenv("TGHOOK_QUEUE_SEED"), 10, 64); err == nil {
		first, count = n, 1
	}
	for seed := first; seed < first+count && !t.Failed(); seed++ {
		m := &model{t: t, rng: rand.New(rand.NewPCG(seed, 0)), clock: &timer{now: start}}
		m.q = queue.New(m.clock.Now, seed)
		m.start()
		for range 400 {
			m.step()
			m.expect("Len", m.q.Len(), len(m.waits()))
			if t.Failed() {
				t.Errorf("TGHOOK_QUEUE_SEED=%d\n%s", seed, strings.Join(m.log, "\n"))
				break
			}
		}
	}
}

type model struct {
	t     *testing.T
	rng   *rand.Rand
	clock *timer
	q     *queue.Queue
	log   []string

	updates []queue.Update
	next    int64
	allowed []string // nil: the default
}

// start sometimes begins with ids near their end.
func (m *model) start() {
	m.next = 1_999_999_999 - m.rng.Int64N(60)
	if m.rng.IntN(2) == 0 {
		m.next = 5_000_000
	}
	m.q.SetNext(m.next)
}

// expect logs a result and checks it.
func (m *model) expect(what string, got, want any) {
	m.t.Helper()
	m.log = append(m.log, fmt.Sprintf("%s: %v", what, got))
	assert.Equal(m.t, want, got, what)
}

// waits returns the updates that have not expired.
func (m *model) waits() []queue.Update {
	m.updates = slices.DeleteFunc(m.updates, func(u queue.Update) bool { return m.clock.Now().Truncate(time.Second).After(u.Expires) })
	return m.updates
}

// id returns the id of an update that waits, or one close to it.
func (m *model) id() int64 {
	first := m.next
	if waits := m.waits(); len(waits) > 0 {
		first = waits[0].ID
	}
	return first - 3 + m.rng.Int64N(m.next-first+20)
}

func (m *model) step() {
	switch n := m.rng.IntN(100); {
	case n < 45:
		m.add()
	case n < 60:
		m.get()
	case n < 75:
		id := m.id()
		m.q.Forget(id)
		m.log = append(m.log, fmt.Sprintf("Forget %d", id))
		m.updates = slices.DeleteFunc(m.updates, func(u queue.Update) bool { return u.ID == id })
	case n < 90:
		after := m.id()
		got, ok := m.q.Next(after)
		var want queue.Update
		i := slices.IndexFunc(m.waits(), func(u queue.Update) bool { return u.ID > after || after >= m.next })
		if i >= 0 {
			want = m.updates[i]
		}
		m.expect(fmt.Sprintf("Next %d", after), ok, i >= 0)
		m.equal([]queue.Update{got}, []queue.Update{want})
	case n < 96:
		d := time.Duration(m.rng.Int64N(int64([]time.Duration{time.Second, time.Minute, 12 * time.Hour}[m.rng.IntN(3)])))
		m.clock.pass(d)
		m.log = append(m.log, fmt.Sprintf("%v pass", d))
	case n < 99:
		m.allowed = [][]string{nil, {"message", "callback_query"}, {"inline_query"}}[m.rng.IntN(3)]
		m.q.Allow(m.allowed)
		m.expect("Allowed", m.q.Allowed(), m.allowed)
	default:
		m.q.Clear()
		m.log = append(m.log, "Clear")
		m.updates = nil
	}
}

func (m *model) add() {
	anyDate := m.rng.IntN(3) == 0
	want := queue.Update{ID: m.next}
	own := int64(0)
	if anyDate && m.rng.IntN(2) == 0 {
		if own = m.next - 5 + m.rng.Int64N(20); own < 1_999_999_999 {
			want.ID = max(m.next, own)
		}
	}
	object, drop := m.object(&want, anyDate)
	kind := want.Kind
	added := m.q.Added()
	var got queue.Update
	var ok bool
	if anyDate {
		var err error
		got, err = m.q.Deliver(own, kind, []byte(object))
		ok = err == nil
	} else {
		got, ok = m.q.Add(kind, []byte(object))
	}
	closed := false
	select {
	case <-added:
		closed = true
	default:
	}
	m.expect(fmt.Sprintf("Add %d %s %s", m.next, kind, object), ok, !drop)
	m.expect("Added", closed, !drop)
	if drop {
		m.equal([]queue.Update{got}, []queue.Update{{}})
		return
	}
	if want.ID >= 1_999_999_999 {
		m.updates = nil
		m.expect("new id in range", got.ID >= 2_000_001 && got.ID <= 1_000_000_000, true)
		want.ID = got.ID
	}
	want.Body = fmt.Appendf(nil, "{\"update_id\":%d,\n\"%s\":%s}", want.ID, kind, object)
	m.equal([]queue.Update{got}, []queue.Update{want})
	m.updates = append(m.updates, want)
	m.next = want.ID + 1
}

// object draws the object of an update and fills in want. drop reports whether the Queue must
// not add it.
func (m *model) object(want *queue.Update, anyDate bool) (object string, drop bool) {
	now := m.clock.Now().Truncate(time.Second)
	want.Key, want.Expires = 1+m.rng.Int64N(9), now
	var life time.Duration
	switch m.rng.IntN(3) {
	case 0:
		want.Kind, life = "message", 24*time.Hour
		date := now.Add(time.Duration(m.rng.IntN(40)-30) * time.Hour).Unix()
		object = fmt.Sprintf(`{"chat":{"id":%d},"date":%d}`, want.Key, date)
		want.Expires = time.Unix(date, 0)
		if drop = !now.Before(want.Expires.Add(life)); anyDate && (drop || want.Expires.After(now)) {
			drop, want.Expires = false, now
		}
	case 1:
		want.Kind, life = "callback_query", 150*time.Second
		object = fmt.Sprintf(`{"from":{"id":%d},"x":"%s"}`, want.Key, strings.Repeat("x", m.rng.IntN(50)))
		want.Key += 3 * shard
	case 2:
		want.Kind, life = "inline_query", 30*time.Second
		object = fmt.Sprintf(`{"from":{"id":%d}}`, want.Key)
		want.Key += shard
	}
	want.Expires = want.Expires.Add(life)
	return object, drop || m.allowed != nil && !slices.Contains(m.allowed, want.Kind)
}

func (m *model) get() {
	offset := []int64{0, m.id(), -m.rng.Int64N(12)}[m.rng.IntN(3)]
	limit := m.rng.IntN(25)
	got := m.q.Get(offset, limit)
	m.log = append(m.log, fmt.Sprintf("Get %d %d: %v", offset, limit, ids(got)))
	waits := m.waits()
	switch {
	case offset < 0:
		waits = waits[max(0, len(waits)+int(offset)):]
	case offset <= m.next+10 && offset < 2_000_000_000:
		waits = slices.DeleteFunc(waits, func(u queue.Update) bool { return u.ID < offset })
	}
	m.updates = waits
	m.equal(got, waits[:min(len(waits), max(limit, 1))])
}

func (m *model) equal(got, want []queue.Update) {
	m.t.Helper()
	m.expect("ids", ids(got), ids(want))
	for i := range min(len(got), len(want)) {
		g, w := got[i], want[i]
		assert.Equal(m.t, string(w.Body), string(g.Body))
		assert.Equal(m.t, w.Kind, g.Kind)
		assert.Equal(m.t, w.Key, g.Key)
		assert.True(m.t, g.Expires.Equal(w.Expires))
	}
}
