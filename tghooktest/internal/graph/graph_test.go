package graph

import (
	"bytes"
	"encoding/hex"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type person struct {
	name    string
	friends []*person
	likes   map[*person]int
	photo   []byte
	since   time.Time
	home    address
	tags    []string
	ratio   float64
	bits    [3]uint8
}

type address struct {
	street string
	number int8
}

type town struct {
	people map[string]*person
	shared map[string]int
	again  map[string]int
	empty  []string
	start  int
}

func sample() *town {
	zoe := &person{name: "Zoë\xff", photo: bytes.Repeat([]byte("x"), 3000), since: time.Unix(5, 7), home: address{"Main", -5}, ratio: 0.5, bits: [3]uint8{1, 0, 255}}
	ben := &person{name: "Ben", friends: []*person{zoe, nil, zoe}, photo: zoe.photo, tags: []string{}}
	zoe.friends = []*person{ben, zoe}
	zoe.likes = map[*person]int{zoe: 1, ben: -2}
	both := map[string]int{"a": 1}
	return &town{people: map[string]*person{"z": zoe, "b": ben}, shared: both, again: both, empty: []string{}, start: 0}
}

// written returns all records of a graph.
func written(t *testing.T, g *Graph) map[string][]byte {
	t.Helper()
	c, err := g.Changes()
	require.NoError(t, err)
	c.Kept()
	return c.Records
}

func TestWhatRefersToTheSameDoesSoInTheCopy(t *testing.T) {
	g, err := New(sample())
	require.NoError(t, err)
	records := written(t, g)
	assert.Len(t, slices.Collect(g.Keys()), len(records))

	copied := &town{start: 7}
	_, err = Load(records, copied)
	require.NoError(t, err)
	zoe, ben := copied.people["z"], copied.people["b"]
	require.Equal(t, "Zoë\xff", zoe.name)
	assert.Equal(t, "Ben", ben.name)
	assert.Same(t, ben, zoe.friends[0])
	assert.Same(t, zoe, zoe.friends[1])
	assert.Equal(t, []*person{zoe, nil, zoe}, ben.friends)
	assert.Equal(t, map[*person]int{zoe: 1, ben: -2}, zoe.likes)
	assert.Equal(t, sample().people["z"].photo, zoe.photo)
	assert.Same(t, &zoe.photo[0], &ben.photo[0], "long bytes are there once")
	assert.True(t, time.Unix(5, 7).Equal(zoe.since))
	assert.Equal(t, address{"Main", -5}, zoe.home)
	assert.InDelta(t, 0.5, zoe.ratio, 0)
	assert.Equal(t, [3]uint8{1, 0, 255}, zoe.bits)
	assert.Nil(t, zoe.tags)
	assert.Equal(t, []string{}, ben.tags)
	copied.shared["b"] = 2
	assert.Equal(t, 2, copied.again["b"])
	assert.Zero(t, copied.start, "a zero of the root is kept")
}

func TestOnlyChangesAreWritten(t *testing.T) {
	all := sample()
	g, err := New(all)
	require.NoError(t, err)
	records := written(t, g)
	assert.Empty(t, written(t, g))

	all.people["b"].name = "Benjamin"
	assert.Len(t, written(t, g), 1)
	all.people["c"] = &person{name: "Cleo"}
	assert.Len(t, written(t, g), 2)
	delete(all.people, "c")
	changed := written(t, g)
	assert.Len(t, changed, 2)
	assert.Contains(t, slices.Collect(maps.Values(changed)), []byte(nil), "a record is deleted")

	again, err := Load(records, &town{})
	require.NoError(t, err)
	assert.Empty(t, written(t, again), "what was read is written already")
}

// A change in a long value writes the pieces around it alone, wherever it is.
func TestALongValueIsWrittenInPieces(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	all := &town{}
	for range 20_000 {
		all.empty = append(all.empty, strconv.Itoa(random.IntN(1e9)))
	}
	g, err := New(all)
	require.NoError(t, err)
	records := written(t, g)
	require.Greater(t, len(records), 50)
	size := func(changes map[string][]byte) (n int) {
		for key, value := range changes {
			n += len(value)
			if records[key] = value; value == nil {
				delete(records, key)
			}
		}
		return n
	}
	for _, at := range []int{20_000, 10_000, 0} {
		all.empty = slices.Insert(all.empty, at, "more")
		assert.Less(t, size(written(t, g)), 12_000)
	}
	all.empty = slices.Delete(all.empty, 5, 6)
	assert.Less(t, size(written(t, g)), 12_000)

	var copied town
	again, err := Load(records, &copied)
	require.NoError(t, err)
	assert.Equal(t, all.empty, copied.empty)
	assert.Empty(t, written(t, again))
	all.empty = nil
	size(written(t, g))
	assert.Len(t, records, 1, "old pieces are deleted")
}

func TestFieldsComeAndGo(t *testing.T) {
	type inner struct{ kept, gone int }
	type before struct {
		kept  string
		gone  map[string]*inner
		inner *inner
	}
	type after struct {
		added map[string]int
		kept  string
		inner *struct{ kept, added int }
	}
	g, err := New(&before{"a", map[string]*inner{"x": {1, 2}}, &inner{3, 4}})
	require.NoError(t, err)
	newer := &after{added: map[string]int{"stays": 1}}
	again, err := Load(written(t, g), newer)
	require.NoError(t, err)
	assert.Equal(t, "a", newer.kept)
	assert.Equal(t, 3, newer.inner.kept)
	assert.Equal(t, map[string]int{"stays": 1}, newer.added)
	deleted := 0
	for _, value := range written(t, again) {
		if value == nil {
			deleted++
		}
	}
	assert.Equal(t, 2, deleted, "the records of the field that is gone are deleted")

	_, err = Load(written(t, must(New(&struct{ kept int }{5}))), &after{})
	require.EqualError(t, err, "tghooktest: the state is damaged: record 000000000001: after.kept: it has a value of another type than this version")
}

func must(g *Graph, _ error) *Graph { return g }

func TestWhatCannotBeKeptIsRefused(t *testing.T) {
	_, err := New(&struct{ change func() }{})
	require.EqualError(t, err, "tghooktest: .change: values of the type func() cannot be kept; keep what it can be made from")
	_, err = New(&struct {
		all []map[string]*struct{ value any }
	}{})
	require.ErrorContains(t, err, ".value: values of the type interface {} cannot be kept")
}

// Whatever is wrong in the records, Load returns, and does not panic.
func TestDamagedRecordsAreAnError(t *testing.T) {
	g, err := New(sample())
	require.NoError(t, err)
	records := written(t, g)
	keys := slices.Sorted(maps.Keys(records))
	random := rand.New(rand.NewPCG(3, 4))
	refused := 0
	for range 20_000 {
		damaged := maps.Clone(records)
		key := keys[random.IntN(len(keys))]
		value := bytes.Clone(damaged[key])
		switch at := random.IntN(len(value)); random.IntN(4) {
		case 0:
			delete(damaged, key)
		case 1:
			damaged[key] = value[:at]
		default:
			value[at] = byte(random.IntN(256))
			damaged[key] = value
		}
		if _, err := Load(damaged, &town{}); err != nil {
			refused++
			require.True(t, strings.HasPrefix(err.Error(), "tghooktest: the state is damaged: record "), err)
		}
	}
	assert.Greater(t, refused, 5000)
}

// The heads of items are those of RFC 8949, appendix A.
func TestRecordsAreCBOR(t *testing.T) {
	for want, value := range map[string]any{
		"a1616e00": &struct{ n int }{0}, "a1616e17": &struct{ n int }{23}, "a1616e1818": &struct{ n int }{24}, "a1616e1903e8": &struct{ n int }{1000},
		"a1616e1a000f4240": &struct{ n int }{1_000_000}, "a1616e1b000000e8d4a51000": &struct{ n int }{1_000_000_000_000}, "a1616e20": &struct{ n int }{-1}, "a1616e3903e7": &struct{ n int }{-1000},
		"a1616ef5": &struct{ n bool }{true}, "a1616e62c3bc": &struct{ n string }{"ü"}, "a1616e83010203": &struct{ n []int }{[]int{1, 2, 3}}, "a1616efb3ff199999999999a": &struct{ n float64 }{1.1},
		"a1616e4401020304": &struct{ n []byte }{[]byte{1, 2, 3, 4}}, "a1616ef6": &struct{ n *int }{},
	} {
		if want == "a1616e62c3bc" {
			want = "a1616e62" + hex.EncodeToString([]byte("ü"))
		}
		g, err := New(value)
		require.NoError(t, err)
		assert.Equal(t, want, hex.EncodeToString(written(t, g)[recordKey(rootID)][1:]))
	}
}
