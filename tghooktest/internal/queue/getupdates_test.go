package queue_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook/tghooktest/internal/queue"
)

func ids(updates []queue.Update) []int64 {
	ids := make([]int64, 0, len(updates))
	for _, u := range updates {
		ids = append(ids, u.ID)
	}
	return ids
}

// Ids from 100 to 104 wait; the next is 105.
func TestAnOffsetConfirms(t *testing.T) {
	t.Parallel()
	all := []int64{2_000_100, 2_000_101, 2_000_102, 2_000_103, 2_000_104}
	for name, c := range map[string]struct {
		offset int64
		got    []int64 // the same updates stay in the Queue
	}{
		"none at all":                        {0, all},
		"nothing, where the first is next":   {2_000_100, all},
		"what is smaller":                    {2_000_102, all[2:]},
		"all":                                {2_000_105, nil},
		"all, ten ahead":                     {2_000_115, nil},
		"nothing, eleven ahead":              {2_000_116, all},
		"nothing, far ahead":                 {1 << 31, all},
		"nothing, just below":                {2_000_099, all},
		"nothing, far below":                 {1, all},
		"all but the last":                   {-1, all[4:]},
		"all but the last three":             {-3, all[2:]},
		"nothing, where all are to be kept":  {-5, all},
		"nothing, where more are to be kept": {-1 << 31, all},
		"nothing at the lowest integer":      {-1 << 63, all},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q, _ := open()
			q.SetNext(all[0])
			fill(t, q, len(all))
			if got := ids(q.Get(c.offset, 100)); !slices.Equal(got, c.got) {
				t.Errorf("got %v, want %v", got, c.got)
			}
			if left := ids(q.Get(0, 100)); !slices.Equal(left, c.got) || q.Len() != len(c.got) {
				t.Errorf("left %v, want %v", left, c.got)
			}
		})
	}
}

func TestUpdatesBelowAnOffsetAheadAreForgottenUnseen(t *testing.T) {
	t.Parallel()
	q, _ := open()
	next := fill(t, q, 1)[0] + 1
	require.Empty(t, q.Get(next+2, 100))
	fill(t, q, 2)
	if got := q.Get(next+2, 100); len(got) != 0 || q.Len() != 0 {
		t.Errorf("got %v, and %d are left", ids(got), q.Len())
	}
	assert.Equal(t, fill(t, q, 1), ids(q.Get(next+2, 100)), "the update of the offset does not come")
}

func TestALimitIsFromOneToAHundred(t *testing.T) {
	t.Parallel()
	q, _ := open()
	all := fill(t, q, 120)
	for limit, n := range map[int]int{-5: 1, 0: 1, 1: 1, 7: 7, 100: 100, 101: 100} {
		assert.Equal(t, all[:n], ids(q.Get(0, limit)))
	}
	assert.Equal(t, 120, q.Len())
	if got := q.Get(all[119]+1, 100); got == nil || len(got) != 0 {
		t.Errorf("of an empty queue there is %v, which in JSON is no empty array", got)
	}
}

// An answer ends before 4 MiB. Each update counts 50 bytes more than its size.
func TestAnAnswerStaysBelow4MiB(t *testing.T) {
	t.Parallel()
	const size = 4<<20/8 - 50
	q, _ := open()
	object := func(size int) []byte {
		return []byte(`{"text":"` + strings.Repeat("x", size-len(`"message":{"text":""}`)) + `"}`)
	}
	for range 8 {
		add(t, q, "message", object(size))
	}
	all := q.Get(0, 100)
	require.Len(t, all, 7, q.Len())
	assert.Equal(t, 8, q.Len())
	q.Forget(all[0].ID)
	add(t, q, "message", object(size-1))
	assert.Len(t, q.Get(0, 100), 8)
}
