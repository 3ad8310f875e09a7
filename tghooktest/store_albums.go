package tghooktest

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tghook/tghook"
)

// albumChanged is an outcome of SaveAlbums.
const albumChanged = "ErrAlbumChanged"

// A shelf is a lane with its albums, as one process after another sees it.
type shelf struct {
	*storeTrial

	key     tghook.AlbumKey
	calls   int
	version string // that was saved last; empty if there is no value
}

func (c *storeTrial) shelf(lane string) *shelf {
	return &shelf{storeTrial: c, key: tghook.AlbumKey{Bot: c.bot, Lane: lane}}
}

// store returns one of the two Stores in turn.
func (s *shelf) store() tghook.AlbumStore {
	if s.calls++; s.calls%2 == 0 {
		return s.Other.(tghook.AlbumStore)
	}
	return s.Store.(tghook.AlbumStore)
}

// An albumSave is one call of SaveAlbums.
type albumSave struct {
	key          tghook.AlbumKey
	value        []byte
	old, version string
	ttl          time.Duration
}

func (s *shelf) newSave(value, old string) albumSave {
	return albumSave{s.key, []byte(value), old, rand.Text(), longTTL}
}

func (a albumSave) call(c *storeTrial, store tghook.AlbumStore) error {
	return c.tell(func(ctx context.Context) error { return a.in(ctx, store) })
}

func (a albumSave) in(ctx context.Context, store tghook.AlbumStore) error {
	return store.SaveAlbums(ctx, a.key, a.value, a.old, a.version, a.ttl)
}

// saves replaces the value by another, and checks that it may.
func (s *shelf) saves(value string) {
	s.Helper()
	s.savesFor(value, longTTL)
}

func (s *shelf) savesFor(value string, ttl time.Duration) {
	s.Helper()
	save := s.newSave(value, s.version)
	save.ttl = ttl
	s.same("SaveAlbums", outcome(save.call(s.storeTrial, s.store())), success)
	s.version = save.version
	if value == "" {
		s.version = ""
	}
}

// refuses checks that a version that is not the lane's is refused.
func (s *shelf) refuses(old string) {
	s.Helper()
	s.same("SaveAlbums of a version that is not old", outcome(s.newSave("refused", old).call(s.storeTrial, s.store())), albumChanged)
}

// An albumValue is what LoadAlbums returns.
type albumValue struct {
	value   []byte
	version string
}

func (s *shelf) load(store tghook.AlbumStore) (albumValue, error) {
	return ask(s.storeTrial, func(ctx context.Context) (albumValue, error) {
		value, version, err := store.LoadAlbums(ctx, s.key)
		return albumValue{value, version}, err
	})
}

// loads checks the value of the lane, and that its version is the one saved last.
func (s *shelf) loads(want string) {
	s.Helper()
	v, err := s.load(s.store())
	if err != nil || string(v.value) != want {
		s.Errorf("LoadAlbums of lane %s: got %s, %s; want %s", short(s.key.Lane), short(string(v.value)), outcome(err), short(want))
		return
	}
	s.same("the version of lane "+s.key.Lane, v.version, s.version)
}

// lists checks the lanes of a bot.
func (c *storeTrial) lists(bot int64, want ...string) {
	c.Helper()
	for _, store := range []tghook.Store{c.Store, c.Other} {
		got, err := ask(c, func(ctx context.Context) ([]string, error) {
			return store.(tghook.AlbumStore).AlbumLanes(ctx, bot)
		})
		if err != nil {
			c.Errorf("AlbumLanes: %v", err)
			continue
		}
		slices.Sort(got)
		slices.Sort(want)
		c.same("AlbumLanes", fmt.Sprintf("%q", got), fmt.Sprintf("%q", want))
	}
}

var albumCases = []storeCase{
	{"albums: a lane without a value has no version", withAlbums, func(c *storeTrial) {
		c.shelf("chat:7").loads("")
		c.lists(c.bot)
	}},
	{"albums: a value is saved, replaced and loaded with its version", withAlbums, func(c *storeTrial) {
		s := c.shelf("chat:7")
		for _, value := range []string{"a first value", "second", "a third value, which is longer"} {
			s.saves(value)
			s.loads(value)
			s.loads(value)
		}
	}},
	{"albums: a version that is not the lane's is refused, and changes nothing", withAlbums, func(c *storeTrial) {
		s := c.shelf("chat:7")
		s.saves("first")
		first := s.version
		s.saves("second")
		s.refuses(first)
		s.refuses("")
		s.refuses(rand.Text())
		s.loads("second")
	}},
	{"albums: a version is refused if the lane has no value", withAlbums, func(c *storeTrial) {
		s := c.shelf("chat:7")
		s.refuses(rand.Text())
		s.loads("")
	}},
	{"albums: an empty value removes the lane's", withAlbums, func(c *storeTrial) {
		s := c.shelf("chat:7")
		s.saves("first")
		first := s.version
		s.saves("")
		s.loads("")
		c.lists(c.bot)
		s.refuses(first)
		s.saves("second")
		s.loads("second")
		c.lists(c.bot, "chat:7")
	}},
	{"albums: a removal needs the version too", withAlbums, func(c *storeTrial) {
		s := c.shelf("chat:7")
		s.saves("first")
		first := s.version
		s.saves("second")
		for _, old := range []string{first, ""} {
			s.same("SaveAlbums of an empty value", outcome(s.newSave("", old).call(c, s.store())), albumChanged)
		}
		s.loads("second")
	}},
	{"albums: what is not there may be removed", withAlbums, func(c *storeTrial) {
		s := c.shelf("chat:7")
		s.saves("")
		s.loads("")
		s.saves("first")
		s.loads("first")
	}},
	{"albums: a value is kept byte for byte, up to 1 MiB", withAlbums, func(c *storeTrial) {
		s := c.shelf("chat:7")
		for _, value := range []string{everyByte, "\x00", " ", "null", "\r\n' \"\\{}%s$1?", string(noText(1 << 20))} {
			s.saves(value)
			s.loads(value)
		}
	}},
	{"albums: the name of a lane may be any text", withAlbums, oddLanes},
	{"albums: lanes of many bots do not meet", withAlbums, func(c *storeTrial) {
		shelves := make([]*shelf, 10)
		for i := range shelves {
			s := c.shelf("chat:7")
			s.key.Bot += int64(i)
			s.saves(strconv.FormatInt(s.key.Bot, 10))
			shelves[i] = s
		}
		shelves[3].saves("")
		c.lists(shelves[3].key.Bot)
		for i, s := range shelves {
			if i != 3 {
				s.loads(strconv.FormatInt(s.key.Bot, 10))
				c.lists(s.key.Bot, "chat:7")
			}
		}
	}},
	{"albums: all of many lanes are listed once", withAlbums, func(c *storeTrial) {
		lanes := make([]string, 300)
		errs := make([]error, len(lanes))
		for i := range lanes {
			lanes[i] = fmt.Sprint("chat:", i)
		}
		atOnce(len(lanes), func(i int) {
			errs[i] = c.shelf(lanes[i]).newSave("value", "").call(c, c.Store.(tghook.AlbumStore))
		})
		for _, err := range errs {
			c.same("SaveAlbums", outcome(err), success)
		}
		c.lists(c.bot, lanes...)
	}},
	{"albums: of many who save at once, exactly one succeeds with each version", withAlbums, manySavers},
	{"albums: many who save what they have loaded lose nothing", withAlbums, manyCounters},
	{"albums: a call whose context has ended returns, and says nothing that is not so", withAlbums, endedSaves},
	{"albums: albums and claims of a bot do not meet", withAlbums, func(c *storeTrial) {
		r := c.replica(c.update())
		s := c.shelf(strconv.FormatInt(r.claim.Key.ID, 10))
		r.claims(longLease, granted(1, ""))
		s.saves("value")
		r.dones("reply", success)
		s.loads("value")
		s.saves("")
		r.rival().claims(longLease, done("reply"))
	}},
}

func oddLanes(c *storeTrial) {
	lanes := []string{
		"", " ", "a", "A", "a ", " a", "a\x00", "a\x00b", "\xff", "\xfe", "é", "e\u0301", "Zoë:😀", "a:b", "a/b", "{a}", "*", "?", "%", "_", `\`,
		"'", `"`, "a\nb", "0", "00", "null", strings.Repeat("n", 200), strings.Repeat("n", 199) + "m",
	}
	shelves := make([]*shelf, len(lanes))
	for i, lane := range lanes {
		s := c.shelf(lane)
		s.loads("")
		s.saves(fmt.Sprint("value ", i))
		shelves[i] = s
	}
	c.lists(c.bot, slices.Clone(lanes)...)
	for i, s := range shelves {
		s.loads(fmt.Sprint("value ", i))
	}
	for _, s := range shelves[:len(shelves)/2] {
		s.saves("")
	}
	c.lists(c.bot, slices.Clone(lanes[len(lanes)/2:])...)
}

func manySavers(c *storeTrial) {
	s := c.shelf("chat:7")
	for round := range 5 {
		saves, got := make([]albumSave, 16), make([]string, 16)
		stores := make([]tghook.AlbumStore, len(saves))
		for i := range saves {
			value := fmt.Sprintf("value %d of round %d", i, round)
			if round == 3 {
				value = "" // they remove it
			}
			saves[i], stores[i] = s.newSave(value, s.version), s.store()
		}
		atOnce(len(saves), func(i int) { got[i] = outcome(saves[i].call(c, stores[i])) })
		if count(got, success) != 1 || count(got, albumChanged) != len(got)-1 {
			c.Fatalf("%d at once save with one version, and get %q; want one %s, the others %s", len(got), got, success, albumChanged)
		}
		won := saves[slices.Index(got, success)]
		if s.version = won.version; len(won.value) == 0 {
			s.version = ""
		}
		s.loads(string(won.value))
	}
}

// manyCounters adds to a number in a lane, in the way in which processes add items to albums.
func manyCounters(c *storeTrial) {
	const adders, times = 4, 5
	s := c.shelf("chat:7")
	stores := make([]tghook.AlbumStore, adders)
	for i := range stores {
		stores[i] = s.store()
	}
	errs := make([]error, adders)
	atOnce(adders, func(i int) {
		for done := 0; done < times && errs[i] == nil; {
			v, err := s.load(stores[i])
			if err != nil {
				errs[i] = err
				return
			}
			time.Sleep(time.Millisecond) // others load it too
			n, _ := strconv.Atoi(string(v.value))
			switch err := s.newSave(strconv.Itoa(n+1), v.version).call(c, stores[i]); outcome(err) {
			case success:
				done++
			case albumChanged:
			default:
				errs[i] = err
			}
		}
	})
	for _, err := range errs {
		c.same("LoadAlbums and SaveAlbums", outcome(err), success)
	}
	v, err := s.load(s.store())
	c.same("the number in the lane: "+outcome(err), string(v.value), strconv.Itoa(adders*times))
}

func endedSaves(c *storeTrial) {
	ended, cancel := context.WithCancel(c.Context())
	cancel()
	s := c.shelf("chat:7")
	s.saves("first")
	for _, value := range []string{"second", ""} {
		before, err := s.load(s.store())
		c.same("LoadAlbums", outcome(err), success)
		save, store := s.newSave(value, before.version), s.store()
		err = do(ended, c.patience, func(ctx context.Context) error { return save.in(ctx, store) })
		if bad(err) {
			c.same("SaveAlbums whose context has ended", outcome(err), success)
		}
		after, failed := s.load(s.store())
		c.same("LoadAlbums", outcome(failed), success)
		saved := bytes.Equal(after.value, save.value) && (after.version == save.version || value == "" && after.version == "")
		unchanged := bytes.Equal(after.value, before.value) && after.version == before.version
		if !saved && (err == nil || !unchanged) {
			c.Errorf("after a SaveAlbums whose context has ended, and which returned %s, LoadAlbums returns %s of version %s", outcome(err), short(string(after.value)), after.version)
		}
	}
	store := s.store()
	if _, err := call(ended, c.patience, func(ctx context.Context) ([]string, error) { return store.AlbumLanes(ctx, c.bot) }); bad(err) {
		c.same("AlbumLanes whose context has ended", outcome(err), success)
	}
	v, err := s.load(s.store())
	c.same("LoadAlbums", outcome(err), success)
	s.version = v.version
	s.saves("last")
	s.loads("last")
	c.lists(c.bot, "chat:7")
}

var albumTTLCases = []storeCase{
	{"albums: a value is kept for its ttl", withAlbums, func(c *storeTrial) {
		kept, other := c.shelf("kept"), c.shelf("other")
		kept.saves("value")
		other.savesFor("value", shortTTL)
		time.Sleep(aWhile)
		kept.loads("value")
		kept.saves("second")
		kept.loads("second")
	}},
	{"albums: the ttl of the last SaveAlbums applies", withAlbums, func(c *storeTrial) {
		for ttl := time.Second; ; ttl *= 2 {
			s := c.shelf(rand.Text())
			began := time.Now()
			s.savesFor("first", ttl)
			second := s.newSave("second", s.version)
			err := second.call(c, s.store())
			if outcome(err) == albumChanged && time.Since(began) >= ttl {
				continue // the machine is slow, and the Store has forgotten the first value
			}
			c.same("SaveAlbums", outcome(err), success)
			s.version = second.version
			time.Sleep(ttl + aWhile)
			s.loads("second")
			return
		}
	}},
	{"albums: a value that was forgotten is as one that is not there", withAlbums, func(c *storeTrial) {
		s := c.shelf("chat:7")
		s.savesFor("first", shortTTL)
		time.Sleep(aWhile)
		for began := time.Now(); ; {
			v, err := s.load(s.store())
			c.same("LoadAlbums", outcome(err), success)
			if (len(v.value) == 0) != (v.version == "") {
				c.Errorf("LoadAlbums: got the value %s and the version %q, want both or none", short(string(v.value)), v.version)
			}
			save := s.newSave("second", v.version)
			err = save.call(c, s.store())
			if outcome(err) == albumChanged && v.version != "" && time.Since(began) < c.patience {
				time.Sleep(pollStore) // it has been forgotten since
				continue
			}
			c.same("SaveAlbums", outcome(err), success)
			s.version = save.version
			break
		}
		s.loads("second")
		c.lists(c.bot, "chat:7")
	}},
}
