package world

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/tghooktest/internal/spec"
)

// keep stores what has changed.
func keep(t *testing.T, records map[string][]byte, s *State) (written int) {
	t.Helper()
	c, err := s.Changes(func() error { return nil })
	require.NoError(t, err)
	for key, value := range c.Records {
		if records[key] = bytes.Clone(value); value == nil {
			require.Contains(t, records, key)
			delete(records, key)
		}
		written += len(key) + len(value)
	}
	c.Kept()
	return written
}

// twins compares a value with its copy. The same values must refer to each other.
type twins struct {
	t      *testing.T
	copies map[spot]unsafe.Pointer
	values map[spot]unsafe.Pointer
	seen   map[string]bool // fields that had a value
	inside map[spot]string // values that are parts of others
	held   map[spot]string // values that pointers refer to
}

type spot struct {
	at  unsafe.Pointer
	typ reflect.Type
}

func newTwins(t *testing.T) *twins {
	return &twins{t, map[spot]unsafe.Pointer{}, map[spot]unsafe.Pointer{}, map[string]bool{}, map[spot]string{}, map[spot]string{}}
}

// visited reports whether the pair was compared before.
func (p *twins) visited(a, b reflect.Value, path string) bool {
	one, other := spot{a.UnsafePointer(), a.Type()}, spot{b.UnsafePointer(), b.Type()}
	known, visited := p.copies[one]
	if !visited {
		_, twice := p.values[other]
		require.False(p.t, twice, "%s: two values have one copy", path)
		p.copies[one], p.values[other] = other.at, one.at
		return false
	}
	require.Equal(p.t, known, other.at, "%s: one value has two copies", path)
	return true
}

func (p *twins) compare(a, b reflect.Value, path string) {
	if a.CanAddr() {
		p.inside[spot{unsafe.Pointer(a.UnsafeAddr()), a.Type()}] = path
	}
	switch a.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice:
		require.Equal(p.t, a.IsNil(), b.IsNil(), path)
		if a.IsNil() {
			return
		}
	}
	switch a.Kind() {
	case reflect.Pointer:
		p.held[spot{a.UnsafePointer(), a.Type().Elem()}] = path
		if !p.visited(a, b, path) {
			p.compare(a.Elem(), b.Elem(), path)
			delete(p.inside, spot{a.UnsafePointer(), a.Type().Elem()})
		}
	case reflect.Map:
		if !p.visited(a, b, path) {
			p.entries(a, b, path)
		}
	case reflect.Slice, reflect.Array:
		require.Equal(p.t, a.Len(), b.Len(), path)
		if a.Type().Elem().Kind() == reflect.Uint8 {
			require.True(p.t, bytes.Equal(a.Bytes(), b.Bytes()), path)
			return
		}
		for i := range a.Len() {
			p.compare(a.Index(i), b.Index(i), path+"[]")
		}
	case reflect.Struct:
		p.fields(a, b)
	default:
		require.True(p.t, a.Equal(b), "%s: %v is not %v", path, a, b)
	}
}

// worlds compares a World with its copy.
func (p *twins) worlds(a, b *World) {
	p.compare(reflect.ValueOf(&a.contents), reflect.ValueOf(&b.contents), "contents")
	for of, key := range a.keys {
		if c, known := p.copies[spot{unsafe.Pointer(of.chat), reflect.TypeOf(of.chat)}]; known || of.chat == nil {
			of.chat = (*Chat)(c)
			require.Equal(p.t, key, b.keys[of])
		}
	}
}

func (p *twins) entries(a, b reflect.Value, path string) {
	require.Equal(p.t, a.Len(), b.Len(), path)
	if a.Type().Key() == reflect.TypeFor[part]() { // see worlds
		return
	}
	for all := a.MapRange(); all.Next(); {
		key := all.Key()
		other := b.MapIndex(key)
		require.True(p.t, other.IsValid(), "%s: %v is missing", path, key)
		p.compare(addressable(all.Value()), addressable(other), path)
	}
}

// opened returns a field without reflect's guard of unexported ones.
func opened(field reflect.Value) reflect.Value {
	return reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem()
}

func addressable(v reflect.Value) reflect.Value {
	made := reflect.New(v.Type()).Elem()
	made.Set(v)
	return made
}

func (p *twins) fields(a, b reflect.Value) {
	for i := range a.NumField() {
		path := a.Type().Name() + "." + a.Type().Field(i).Name
		switch {
		case a.Field(i).Type() == reflect.TypeFor[time.Time]():
			one, other := opened(a.Field(i)).Interface().(time.Time), opened(b.Field(i)).Interface().(time.Time)
			require.True(p.t, one.Equal(other), "%s: %v is not %v", path, one, other)
			p.seen[path] = true
		default:
			p.compare(opened(a.Field(i)), opened(b.Field(i)), path)
			p.seen[path] = p.seen[path] || !a.Field(i).IsZero()
		}
	}
}

// live makes calls and acts in the town, some of them at random. It calls pause now and then.
func live(t *testing.T, seed uint64, pause func(s *stage)) *stage {
	t.Helper()
	s, places := town(t)
	random := rand.New(rand.NewPCG(seed, 0))
	names := slices.Sorted(maps.Keys(places))
	for range 3 {
		for _, m := range spec.Methods() {
			if slices.Contains([]string{"getWebhookInfo", "setWebhook", "deleteWebhook", "getUpdates", "close", "logOut", "leaveChat"}, m.Name) {
				continue
			}
			place := places[names[random.IntN(len(names))]]
			values := withValues(place, "user_id", strconv.FormatInt(s.zoe.ID, 10), "from_chat_id", place["chat_id"])
			for _, p := range m.Params {
				if value, ok := usual[p.Name]; ok && values[p.Name] == "" {
					values[p.Name] = value
				}
			}
			s.try(m.Name, values)
			if random.IntN(20) == 0 {
				pause(s)
			}
		}
		s.look(places)
	}
	return s
}

func TestAWorldIsTheSameAfterRestore(t *testing.T) {
	t.Parallel()
	for seed := range uint64(5) {
		records := map[string][]byte{}
		var state *State
		pause := func(s *stage) {
			if state == nil {
				state = s.State()
			}
			keep(t, records, state)
		}
		s := live(t, seed, pause)
		pause(s)
		again, restored, err := Restore(s.cfg, records)
		require.NoError(t, err)
		p := newTwins(t)
		p.worlds(s.World, again)
		for at, path := range p.held {
			assert.Empty(t, p.inside[at], "%s refers to a part of another value, so its copy is not the same", path)
		}
		c, err := restored.Changes(func() error { return nil })
		require.NoError(t, err)
		assert.Empty(t, c.Records, "nothing has changed")
	}
}

// filler fills values at random.
type filler struct {
	*rand.Rand

	made map[reflect.Type][]reflect.Value // pointers
}

func (f *filler) fill(v reflect.Value, depth int) {
	few := max(3-depth/4, 0)
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(f.IntN(2) == 0)
	case reflect.String:
		v.SetString([]string{"", "a", "Zoë", "\xff", strings.Repeat("long ", 300)}[f.IntN(5)])
	case reflect.Int, reflect.Int64:
		v.SetInt(f.Int64() >> f.IntN(64) * int64(1-2*f.IntN(2)))
	case reflect.Uint64, reflect.Uint8:
		v.SetUint(uint64(f.IntN(256)))
	case reflect.Slice:
		if isEmpty := f.IntN(4); isEmpty == 0 {
			v.SetZero()
			return
		}
		n := f.IntN(few + 1)
		if v.Type().Elem().Kind() == reflect.Uint8 {
			n = f.IntN(2000)
		}
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			f.fill(v.Index(i), depth+1)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range f.IntN(few + 1) {
			key, element := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			f.fill(key, depth+1)
			f.fill(element, depth+1)
			v.SetMapIndex(key, element)
		}
	case reflect.Pointer:
		f.point(v, depth)
	case reflect.Struct:
		f.fields(v, depth)
	default:
		panic("the test cannot fill a " + v.Type().String())
	}
}

func (f *filler) point(v reflect.Value, depth int) {
	if made := f.made[v.Type()]; len(made) > 0 && (f.IntN(3) > 0 || depth > 20) {
		v.Set(made[f.IntN(len(made))])
		return
	}
	if f.IntN(3) == 0 || depth > 20 {
		return
	}
	v.Set(reflect.New(v.Type().Elem()))
	f.made[v.Type()] = append(f.made[v.Type()], reflect.ValueOf(v.Interface()))
	f.fill(v.Elem(), depth+1)
}

func (f *filler) fields(v reflect.Value, depth int) {
	if at, ok := reflect.TypeAssert[*time.Time](v.Addr()); ok {
		*at = time.Unix(f.Int64N(1<<32), f.Int64N(1e9))
		return
	}
	for i := range v.NumField() {
		if field := v.Field(i); f.IntN(8) > 0 {
			f.fill(opened(field), depth+1)
		}
	}
}

// A field that is added to a World must be in its contents, unless New makes it anew.
func TestAWorldIsItsContents(t *testing.T) {
	t.Parallel()
	names := make([]string, 0, 5)
	for i := range reflect.TypeFor[World]().NumField() {
		names = append(names, reflect.TypeFor[World]().Field(i).Name)
	}
	assert.Equal(t, []string{"cfg", "mu", "call", "changed", "contents"}, names)
}

// This covers the fields that live leaves empty, also those that are added later.
func TestEachFieldOfAWorldIsRestored(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for seed := uint64(0); seed < 10 || seed < 300 && slices.Contains(slices.Collect(maps.Values(seen)), false); seed++ {
		f := &filler{rand.New(rand.NewPCG(seed, 1)), map[reflect.Type][]reflect.Value{}}
		w := New(Config{BotID: 7, Username: "sample_bot"})
		f.fields(reflect.ValueOf(&w.contents).Elem(), 0)
		w.bot = &User{ID: 7, Username: "sample_bot"}
		w.users[7] = w.bot
		records := map[string][]byte{}
		keep(t, records, w.State())
		again, _, err := Restore(w.cfg, records)
		require.NoError(t, err)
		p := newTwins(t)
		p.worlds(w, again)
		for path, had := range p.seen {
			seen[path] = seen[path] || had
		}
	}
	require.Greater(t, len(seen), 200)
	for path, had := range seen {
		assert.True(t, had, "the test has not filled %s", path)
	}
}

func TestAMessageMoreIsLittleToWrite(t *testing.T) {
	t.Parallel()
	s := set(t)
	for i := range 10_000 {
		s.call("sendMessage", "chat_id", "zoe", "text", fmt.Sprintf("Message %d, which is of a usual length", i))
	}
	_, err := s.SendMedia(s.zoe.ID, s.zoe.ID, Media{Kind: "document", Name: "a.bin", Content: make([]byte, 1<<20)})
	require.NoError(t, err)
	state, records := s.State(), map[string][]byte{}
	all := keep(t, records, state)
	for range 4 {
		s.call("sendMessage", "chat_id", "zoe", "text", "One more")
		assert.Less(t, keep(t, records, state), (all-1<<20)/100)
		assert.Zero(t, keep(t, records, state))
	}
}

// Changes that were not kept come again.
func TestChangesThatWereNotWrittenComeAgain(t *testing.T) {
	t.Parallel()
	s := set(t)
	state, records := s.State(), map[string][]byte{}
	keep(t, records, state)
	s.call("sendMessage", "chat_id", "zoe", "text", "Lost")
	lost, err := state.Changes(func() error { return nil })
	require.NoError(t, err)
	require.NotEmpty(t, lost.Records)
	keep(t, records, state)
	again, _, err := Restore(s.cfg, records)
	require.NoError(t, err)
	newTwins(t).worlds(s.World, again)
}

// What a World does later, it does also when it was restored in the meantime.
func TestARestoredWorldDoesWhatItPlanned(t *testing.T) {
	t.Parallel()
	s := set(t)
	s.call("sendPoll", "chat_id", "zoe", "question", "q", "options", `["a","b"]`, "open_period", "60")
	invoice := got(t, s.call("sendInvoice", "chat_id", "zoe", "title", "T", "description", "D", "payload", "P", "currency", "XTR", "prices", `[{"label":"x","amount":5}]`))
	id, err := s.Pay(s.zoe.ID, s.zoe.ID, invoice.ID, Order{})
	require.NoError(t, err)
	records := map[string][]byte{}
	keep(t, records, s.State())
	var planned []time.Duration
	var plans []func()
	cfg := s.cfg
	cfg.After = func(d time.Duration, f func()) { planned, plans = append(planned, d), append(plans, f) }
	again, _, err := Restore(cfg, records)
	require.NoError(t, err)
	again.Resume()
	slices.Sort(planned)
	require.Len(t, planned, 2)
	assert.InDelta(t, 10, planned[0].Seconds(), 1)
	assert.InDelta(t, 60, planned[1].Seconds(), 1)
	for _, f := range plans {
		f()
	}
	for _, m := range again.chats[s.zoe.ID].messages {
		assert.True(t, m.Poll == nil || m.Poll.IsClosed)
	}
	assert.Equal(t, PaymentFailed, again.Payment(id).State)
}
