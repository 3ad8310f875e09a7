package queue

import "math/bits"

// levels is enough for maxUpdates, because a quarter of the updates reaches each next
// level.
const levels = 9

// order holds the updates that wait, in ascending order of id. It is a skip list, because
// updates come in order of id and go in any order.
type order struct {
	first, last [levels]*waiting
}

// push appends w, whose id must be above all others.
func (o *order) push(w *waiting) {
	// Multiplied by the golden ratio, consecutive ids have as many leading zeros as random
	// numbers.
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

// from returns the update with the lowest id that is not below id; nil if there is none.
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

// before returns, for each level, the last update with an id below id; nil if there is
// none.
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

// behind returns the update after w, or the first one if w is nil.
func (o *order) behind(w *waiting, level int) *waiting {
	if w == nil {
		return o.first[level]
	}
	return w.after[level]
}
