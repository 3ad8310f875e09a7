package queue

import "math/bits"

// levels are enough for maxUpdates, of which a quarter reaches each next level.
const levels = 9

// order holds what waits by ascending id. It is a skip list, because ids come in order
// and go in any.
type order struct {
	first, last [levels]*waiting
}

// push appends w, whose id is above all others'.
func (o *order) push(w *waiting) {
	// Multiplied by the golden ratio, ids in a row have leading zeros like random ones.
	zeros := bits.LeadingZeros64(uint64(w.ID) * 0x9e3779b97f4a7c15) //nolint:gosec // ids are positive
	w.after = make([]*waiting, min(zeros/2, levels-1)+1)
	for level := range w.after {
		if last := o.last[level]; last != nil {
			last.after[level] = w
		} else {
			o.first[level] = w
		}
		o.last[level] = w
	}
}

// from is the oldest with this id or one above it, nil if there is none.
func (o *order) from(id int64) *waiting {
	return o.behind(o.before(id)[0], 0)
}

func (o *order) remove(w *waiting) {
	before := o.before(w.ID)
	for level, after := range w.after {
		if p := before[level]; p != nil {
			p.after[level] = after
		} else {
			o.first[level] = after
		}
		if after == nil {
			o.last[level] = before[level]
		}
	}
}

// before has the newest of each level with an id below this, nil where there is none.
func (o *order) before(id int64) (path [levels]*waiting) {
	var w *waiting
	for level := levels - 1; level >= 0; level-- {
		for next := o.behind(w, level); next != nil && next.ID < id; next = o.behind(w, level) {
			w = next
		}
		path[level] = w
	}
	return path
}

// behind is what follows w, and for nil the first.
func (o *order) behind(w *waiting, level int) *waiting {
	if w == nil {
		return o.first[level]
	}
	return w.after[level]
}
