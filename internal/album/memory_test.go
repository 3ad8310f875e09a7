package album

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAMemoryForgetsPastAlbums(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, ctx := NewMemory(), context.Background()
		save := func(lane int, keep time.Duration) {
			require.NoError(t, m.Save(ctx, strconv.Itoa(lane), []byte("x"), "", strconv.Itoa(lane), keep))
		}
		save(-1, KeepTime)
		for lane := range maxPastLanes + 100 {
			save(lane, PastTime)
		}
		assert.Len(t, m.lanes, maxPastLanes+2, "too many are remembered")
		time.Sleep(PastTime)
		save(-2, KeepTime)
		assert.Len(t, m.lanes, 2, "albums that wait stay")
		require.ErrorIs(t, m.Save(ctx, "-2", nil, "another", "v", PastTime), ErrChanged)
	})
}

func TestALaneForgetsPastAlbums(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_000_000, 0)
	var v value
	for id := range int64(100) {
		g, changed := v.keep("a", Item{ID: id + 1})
		require.True(t, changed)
		assert.Equal(t, id > 0, g.Straggler)
		require.True(t, v.end(-id-1, now))
	}
	assert.Len(t, v.Past, maxPast)
	g, changed := v.keep("a", Item{ID: 100})
	assert.Nil(t, g, "an item that was handled")
	assert.False(t, changed)
	g, _ = v.keep("b", Item{ID: 200})
	assert.False(t, g.Straggler)
	require.True(t, v.end(-200, now.Add(PastTime+time.Second)))
	assert.Len(t, v.Past, 1)
	assert.False(t, v.end(-200, now), "it has ended")
}

// Otherwise a lane whose albums have just fitted would be stuck.
func TestAFullValueDoesNotGrowWhenAnAlbumIsCompletedAndEnds(t *testing.T) {
	t.Parallel()
	var v value
	v.keep("", Item{ID: 1, Raw: make([]byte, 60_000)})
	for id := int64(2); ; id++ {
		text, _, err := v.encode()
		require.NoError(t, err)
		if room := maxValue - len(text); room < 90_000 {
			v.Groups[0].Name = strings.Repeat("a", room)
			break
		}
		v.keep(strconv.FormatInt(id, 10), Item{ID: id, Raw: make([]byte, 60_000)})
	}
	text, _, err := v.encode()
	require.NoError(t, err)
	require.Len(t, text, maxValue)
	for len(v.Groups) > 0 {
		v.Groups[0].Sealed = true
		_, _, err := v.encode()
		require.NoError(t, err)
		require.True(t, v.end(v.Groups[0].ID(), time.Unix(1_000_000, 0)))
		_, _, err = v.encode()
		require.NoError(t, err)
	}
}
