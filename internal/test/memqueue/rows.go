package memqueue

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/tghook/tghook"
)

// Rows are the data of a Queue. Their methods are the steps of [tghook.Queue], without a clock.
type Rows struct {
	Known map[tghook.Key]*Known
	Lanes map[Lane][]*Item // in order, and none of them empty
	Dead  map[tghook.Key]*Letter

	// Free, if not nil, replaces the rule that says whether a lane may be taken.
	Free func(now time.Time, l []*Item) bool
	// Order, if not nil, replaces the order of lanes.
	Order func(a, b []*Item) int

	places, leases int64 // that were given out
}

// Lane identifies a lane. Each update without a lane has another Lane.
type Lane struct {
	Bot   int64
	Name  string
	Alone int64 // the place of an update without a lane
}

// Known is a Queue's memory of an update.
type Known struct {
	Published time.Time
	Item      *Item // nil if it was handled or is a dead letter
	DoneBy    any   // the lease that was ended by Done
}

// Item is an update that is not handled.
type Item struct {
	tghook.QueuedUpdate // with the Receipt of its last lease, or nil

	Place  int64     // its place in the order of publication
	Until  time.Time // the end of the lease
	Behind bool      // its lease ran out behind another update's, so its handler had not started
}

// Letter is a dead letter.
type Letter struct {
	tghook.QueuedUpdate // with the Receipt of the lease that was ended by Bury

	Why    string
	Buried time.Time
}

func newRows() Rows {
	return Rows{Known: map[tghook.Key]*Known{}, Lanes: map[Lane][]*Item{}, Dead: map[tghook.Key]*Letter{}}
}

// Runs reports whether it is leased, and the lease has not run out.
func (it *Item) Runs(now time.Time) bool { return it.Receipt != nil && now.Before(it.Until) }

func (it *Item) lane() Lane {
	if it.Lane == "" {
		return Lane{Bot: it.Key.Bot, Alone: it.Place}
	}
	return Lane{Bot: it.Key.Bot, Name: it.Lane}
}

// has reports whether a key is known.
func (r *Rows) has(now time.Time, k tghook.Key) bool {
	known := r.Known[k]
	return known != nil && (known.Item != nil || r.Dead[k] != nil || now.Sub(known.Published) <= Remembered)
}

// Publish keeps an update if its key is not known.
func (r *Rows) Publish(now time.Time, u tghook.QueuedUpdate) {
	if !r.has(now, u.Key) {
		r.add(now, tghook.QueuedUpdate{Key: u.Key, Lane: u.Lane, Raw: slices.Clone(u.Raw)})
	}
}

// add puts an update at the end of its lane, as a new one.
func (r *Rows) add(now time.Time, u tghook.QueuedUpdate) {
	r.places++
	it := &Item{QueuedUpdate: tghook.QueuedUpdate{Key: u.Key, Lane: u.Lane, Raw: u.Raw, Published: now}, Place: r.places}
	r.Known[u.Key] = &Known{Published: now, Item: it}
	r.Lanes[it.lane()] = append(r.Lanes[it.lane()], it)
}

// lanesOf returns the lanes of a bot, from the one on whose oldest update has the lowest
// place.
func (r *Rows) lanesOf(bot int64) (lanes [][]*Item) {
	for name, l := range r.Lanes {
		if name.Bot == bot {
			lanes = append(lanes, l)
		}
	}
	order := r.Order
	if order == nil {
		order = func(a, b []*Item) int { return cmp.Compare(a[0].Place, b[0].Place) }
	}
	slices.SortFunc(lanes, order)
	return lanes
}

// take leases the oldest updates of all free lanes, then the second ones, and so on.
func (r *Rows) take(now time.Time, bot int64, limit int, lease time.Duration) (taken []tghook.QueuedUpdate) {
	isFree := r.Free
	if isFree == nil {
		isFree = func(now time.Time, l []*Item) bool {
			return !slices.ContainsFunc(l, func(it *Item) bool { return it.Runs(now) })
		}
	}
	var free [][]*Item
	for _, l := range r.lanesOf(bot) {
		if isFree(now, l) {
			free = append(free, l)
		}
	}
	counts := make([]int, len(free)) // how many of each
	for n, depth := 0, 0; n < limit; depth++ {
		before := n
		for i, l := range free {
			if n < limit && depth < len(l) {
				counts[i]++
				n++
			}
		}
		if n == before {
			break
		}
	}
	for i, l := range free {
		if counts[i] > 0 {
			taken = append(taken, r.lease(l, counts[i], now.Add(lease))...)
		}
	}
	return taken
}

// lease leases the first n updates of a lane.
func (r *Rows) lease(l []*Item, n int, until time.Time) (taken []tghook.QueuedUpdate) {
	first := true // no update before it was leased
	for i, it := range l {
		if it.Receipt != nil && !first {
			it.Behind = true
		}
		first = first && it.Receipt == nil
		if i >= n {
			continue
		}
		if it.Receipt != nil && !it.Behind {
			it.Attempts++
		}
		r.leases++
		it.Receipt, it.Until, it.Behind = r.leases, until, false
		u := it.QueuedUpdate
		u.Raw, u.Note = slices.Clone(u.Raw), slices.Clone(u.Note)
		taken = append(taken, u)
	}
	return taken
}

// next returns when the next lease of a bot runs out, or the zero time if none runs.
func (r *Rows) next(now time.Time, bot int64) (next time.Time) {
	for name, l := range r.Lanes {
		for _, it := range l {
			if name.Bot == bot && it.Runs(now) && (next.IsZero() || it.Until.Before(next)) {
				next = it.Until
			}
		}
	}
	return next
}

// held returns the Item of a lease that holds.
func (r *Rows) held(u tghook.QueuedUpdate) (*Item, error) {
	known := r.Known[u.Key]
	if known == nil || known.Item == nil || u.Receipt == nil || known.Item.Receipt != u.Receipt {
		return nil, fmt.Errorf("queue: update %d: %w", u.Key.ID, tghook.ErrClaimLost)
	}
	return known.Item, nil
}

func (r *Rows) renew(now time.Time, u tghook.QueuedUpdate, lease time.Duration) bool {
	it, err := r.held(u)
	if err != nil {
		return false
	}
	it.Until, it.Behind = now.Add(lease), false
	return true
}

// end removes an update from its lane.
func (r *Rows) end(it *Item) {
	lane := it.lane()
	rest := slices.DeleteFunc(r.Lanes[lane], func(other *Item) bool { return other == it })
	if r.Lanes[lane] = rest; len(rest) == 0 {
		delete(r.Lanes, lane)
	}
	r.Known[it.Key].Item = nil
}

func (r *Rows) done(u tghook.QueuedUpdate) error {
	if known := r.Known[u.Key]; known != nil && known.DoneBy != nil && known.DoneBy == u.Receipt {
		return nil
	}
	it, err := r.held(u)
	if err != nil {
		return err
	}
	r.end(it)
	r.Known[u.Key].DoneBy = u.Receipt
	return nil
}

func (r *Rows) fail(u tghook.QueuedUpdate, note []byte) error {
	it, err := r.held(u)
	if err != nil {
		return err
	}
	it.Attempts++
	it.Note = slices.Clone(note)
	return nil
}

func (r *Rows) bury(now time.Time, u tghook.QueuedUpdate, why string) error {
	if l := r.Dead[u.Key]; l != nil && l.Receipt == u.Receipt {
		return nil
	}
	it, err := r.held(u)
	if err != nil {
		return err
	}
	r.end(it)
	r.Dead[u.Key] = &Letter{it.QueuedUpdate, why, now}
	return nil
}

func (r *Rows) giveBack(u tghook.QueuedUpdate) {
	if it, err := r.held(u); err == nil {
		it.Receipt, it.Behind = nil, false
	}
}
