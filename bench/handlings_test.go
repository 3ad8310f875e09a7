package bench

import (
	"cmp"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
)

// handling is one run of the handler. Its times are microseconds since 1970.
type handling struct {
	ID    int64 `json:"id"`
	Begun int64 `json:"begun"`
	Ended int64 `json:"ended"`
}

type handlings []handling

// perUpdate returns the first handling of each update, by id.
func (h handlings) perUpdate() handlings {
	sorted := slices.SortedFunc(slices.Values(h), func(x, y handling) int {
		return cmp.Or(cmp.Compare(x.ID, y.ID), cmp.Compare(x.Ended, y.Ended))
	})
	return slices.CompactFunc(sorted, func(x, y handling) bool { return x.ID == y.ID })
}

// disorder counts the updates that began before an earlier one of their chat had ended, and
// those that ended before it. h has one handling of each update, chats has their chats.
func (h handlings) disorder(chats []int) (overlapping, overtaking int) {
	ended := map[int]int64{}
	for i, u := range h {
		before := ended[chats[i]]
		if u.Begun < before {
			overlapping++
		}
		if u.Ended < before {
			overtaking++
		}
		ended[chats[i]] = max(before, u.Ended)
	}
	return overlapping, overtaking
}

// atOnce returns the largest number of handlings that ran at once.
func (h handlings) atOnce() (most int) {
	begun, ended := make([]int64, 0, len(h)), make([]int64, 0, len(h))
	for _, u := range h {
		begun, ended = append(begun, u.Begun), append(ended, u.Ended)
	}
	slices.Sort(begun)
	slices.Sort(ended)
	over := 0
	for i, t := range begun {
		for over < len(ended) && ended[over] <= t {
			over++
		}
		most = max(most, i+1-over)
	}
	return most
}

// atRisk returns the largest number of updates that were confirmed to Telegram and not yet
// handled to their end. A crash at that moment would have lost them.
func (h handlings) atRisk(asked []getUpdates) (most int) {
	for _, a := range asked {
		risked := 0
		for _, u := range h {
			if u.ID < a.Offset && u.Ended > a.At {
				risked++
			}
		}
		most = max(most, risked)
	}
	return most
}

func (h handlings) end() (last int64) {
	for _, u := range h {
		last = max(last, u.Ended)
	}
	return last
}

func TestHandlingsAreCounted(t *testing.T) {
	t.Parallel()
	// All are of chat 1 except 2. 3 begins when 1 has ended, 4 before 3 has ended, 5 overtakes
	// 4, and 6 ends together with 4.
	h := handlings{
		{ID: 2, Begun: 10, Ended: 60},
		{ID: 1, Begun: 10, Ended: 20},
		{ID: 3, Begun: 20, Ended: 50},
		{ID: 4, Begun: 30, Ended: 55},
		{ID: 5, Begun: 50, Ended: 53},
		{ID: 6, Begun: 53, Ended: 55},
		{ID: 2, Begun: 70, Ended: 80},
	}
	first := h.perUpdate()
	if len(first) != 6 || first[1].Ended != 60 {
		t.Fatalf("the first handlings are %v", first)
	}
	if overlapping, overtaking := first.disorder([]int{1, 2, 1, 1, 1, 1}); overlapping != 3 || overtaking != 1 {
		t.Errorf("%d overlap and %d overtake, want 3 and 1", overlapping, overtaking)
	}
	assert.Equal(t, 3, first.atOnce())
	for _, a := range []struct {
		asked getUpdates
		want  int
	}{
		{getUpdates{Offset: 0, At: 5}, 0},
		{getUpdates{Offset: 2, At: 20}, 0},
		{getUpdates{Offset: 2, At: 19}, 1},
		{getUpdates{Offset: 5, At: 45}, 3},
		{getUpdates{Offset: 7, At: 60}, 0},
	} {
		assert.Equal(t, a.want, first.atRisk([]getUpdates{a.asked, {}}), a.asked)
	}
	assert.Equal(t, int64(60), first.end(), "the last ended at")
}
