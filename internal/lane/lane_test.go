package lane

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func enter(t *testing.T, l *Lanes[int], k Key, v int) *Place[int] {
	t.Helper()
	p := &Place[int]{Value: v}
	require.Truef(t, l.Enter(k, p), "%d was refused", v)
	return p
}

func TestLanesAreFirstInFirstOut(t *testing.T) {
	t.Parallel()
	l := New[int](3)
	a := Key{Class: Chat, ID: 1}
	one, two, three := enter(t, l, a, 1), enter(t, l, a, 2), enter(t, l, a, 3)
	other := enter(t, l, Key{Class: Chat, ID: 2}, 9)

	if !one.AtHead() || two.AtHead() || !other.AtHead() {
		t.Fatal("only the first of each lane is at its head")
	}
	require.False(t, l.Enter(a, &Place[int]{Value: 4}), "a fourth entered a lane of three")
	if next := l.Leave(two); next != nil {
		t.Fatalf("leaving from the middle made %d the head", next.Value)
	}
	if next := l.Leave(one); next != three || !three.AtHead() {
		t.Fatal("three did not follow one")
	}
	require.Nil(t, l.Leave(three), "an empty lane has a head")
	if l.Leave(other); l.Len() != 0 {
		t.Fatalf("%d lanes left of none", l.Len())
	}
}

func TestTheTailCanLeaveAndAnotherEnter(t *testing.T) {
	t.Parallel()
	l := New[int](10)
	k := Key{Name: "x"}
	one, two := enter(t, l, k, 1), enter(t, l, k, 2)
	l.Leave(two)
	three := enter(t, l, k, 3)
	require.Same(t, three, l.Leave(one), "three did not follow one")
}

func TestTheZeroKeyIsNoLane(t *testing.T) {
	t.Parallel()
	l := New[int](1)
	one, two := enter(t, l, Key{}, 1), enter(t, l, Key{}, 2)
	if !one.AtHead() || !two.AtHead() || l.Len() != 0 {
		t.Fatal("values without a lane wait for each other")
	}
	if l.Leave(one) != nil || l.Leave(two) != nil {
		t.Fatal("leaving no lane gave a next")
	}
}

func TestEmptiedQueuesAreUsedAgain(t *testing.T) {
	l := New[int](4)
	var places [200]Place[int]
	for i := range places {
		l.Enter(Key{ID: int64(i + 1)}, &places[i])
	}
	for i := range places {
		l.Leave(&places[i])
	}
	require.Lenf(t, l.spare, maxSpare, "kept %d spare queues, want %d", len(l.spare), maxSpare)
	p := &Place[int]{}
	if n := testing.AllocsPerRun(100, func() { l.Enter(Key{ID: 7}, p); l.Leave(p) }); n != 0 {
		t.Fatalf("%v allocations to enter and leave", n)
	}
}

func TestLanesOfDifferentKeysAreApart(t *testing.T) {
	t.Parallel()
	l := New[int](1)
	keys := []Key{
		{Class: Chat, ID: 1},
		{Class: User, ID: 1},
		{Class: Query, ID: 1},
		{Class: Chat, ID: -1},
		{Class: Chat, ID: 4},
		{Name: "1"},
		{Name: "2"},
		{Class: Chat, ID: 1<<52 - 1},
		{Class: Chat, ID: -(1<<52 - 1)},
	}
	places := make([]*Place[int], len(keys))
	for i, k := range keys {
		places[i] = enter(t, l, k, i)
	}
	if n := l.Len(); n != len(keys) {
		t.Errorf("%d lanes for %d keys", n, len(keys))
	}
	for _, p := range places {
		l.Leave(p)
	}
	if n := l.Len(); n > 0 {
		t.Errorf("%d lanes are left", n)
	}
}

func TestAValueEntersBehindThoseThatGoAhead(t *testing.T) {
	t.Parallel()
	l := New[int](2)
	k := Key{Class: Chat, ID: 1}
	odd := func(v int) bool { return v%2 == 1 }
	behind := func(v int) *Place[int] {
		p := &Place[int]{Value: v}
		l.EnterBehind(k, p, odd)
		return p
	}
	require.False(t, l.Has(k))
	two, four := enter(t, l, k, 2), enter(t, l, k, 4)
	one, three := behind(1), behind(3)
	require.True(t, one.AtHead())
	require.Equal(t, k, three.Key())
	for _, want := range []*Place[int]{three, two, four} {
		require.Same(t, want, l.Leave(one))
		one = want
	}
	five := behind(5)
	require.Same(t, four, l.Leave(five))
	require.Nil(t, l.Leave(four))
	require.False(t, l.Has(k))
	nine := behind(9) // into an empty lane
	require.Same(t, nine, nine.Head())
	require.True(t, l.Has(k))
}
