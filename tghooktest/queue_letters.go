package tghooktest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tghook/tghook"
)

const noDeadLetter = "ErrNoDeadLetter"

// letterOutcome is what a method of Letters returns, as text.
func letterOutcome(err error) string {
	if errors.Is(err, tghook.ErrNoDeadLetter) {
		return noDeadLetter
	}
	return outcome(err)
}

// letterCases are about the state of a Queue and its dead letters.
var letterCases = []queueCase{
	{"a dead letter is the update with the reason", withLetters, func(c *queueTrial) {
		u := c.update("chat:7")
		c.publishes(u)
		l := c.takes(longLease, u)
		l.fails("note", success)
		why := "the handler: Zoë said \"no\"\n" + strings.Repeat("why? ", 800)
		l.buries(why, success)
		letters := c.dead(c.letters(), failed(u, 1, "note"))
		c.same("Why", letters[0].Why, why)
		if !bytes.Equal(letters[0].Raw, u.Raw) {
			c.Errorf("Raw: got %s, want %s", short(string(letters[0].Raw)), short(string(u.Raw)))
		}
		if off := time.Since(letters[0].Buried); off > time.Hour || off < -time.Hour {
			c.Errorf("Buried: got %v, want about %v", letters[0].Buried, time.Now())
		}
	}},
	{"dead letters are listed in pages, by ascending id, and by bot", withLetters, func(c *queueTrial) {
		ids := []int64{30, 7, 500, -4, 1 << 40}
		want := make([]string, 0, len(ids))
		for _, id := range ids {
			c.buriesNew(c.numbered(id, "chat:7"))
			theirs := c.numbered(id+1, "chat:7")
			theirs.Key.Bot++
			c.buriesNew(theirs)
		}
		c.publishes(c.numbered(8, "chat:7"))
		slices.Sort(ids)
		for _, id := range ids {
			want = append(want, strconv.FormatInt(id, 10))
		}
		for _, limit := range []int{1, 2, 5, 100} {
			var listed []string
			after, letters := int64(math.MinInt64), c.letters()
			for range len(ids) + 1 {
				page := c.page(letters, after, limit)
				for _, l := range page {
					listed = append(listed, strconv.FormatInt(l.Key.ID, 10))
					after = l.Key.ID
				}
				if len(page) > limit {
					c.Errorf("DeadLetters: got %d, want at most %d", len(page), limit)
				}
				if len(page) < limit {
					break
				}
			}
			c.same(fmt.Sprintf("DeadLetters in pages of %d", limit), strings.Join(listed, " "), strings.Join(want, " "))
		}
		if n := len(c.page(c.letters(), 1<<40, 10)); n != 0 {
			c.Errorf("DeadLetters after the last one: got %d, want none", n)
		}
	}},
	{"PutBack publishes a dead letter as a new update, at the end of its lane", withLetters, func(c *queueTrial) {
		updates := c.inLane("chat:7", 3)
		c.publishes(updates[:2]...)
		l := c.takes(longLease, updates[0])
		l.fails("note", success)
		l.buries("a reason", success)
		c.publishes(updates[2])
		c.putsBack(updates[0].Key, success)
		c.dead(c.letters())
		c.handles(updates[1], updates[2])
		c.takes(longLease, updates[0]).stillHeld()
	}},
	{"an update that was put back may fail and be buried again", withLetters, func(c *queueTrial) {
		u := c.update("chat:7")
		c.buriesNew(u)
		for range 2 {
			c.putsBack(u.Key, success)
			c.publishes(u)
			c.takes(longLease, u).buries("another reason", success)
			c.nothing()
			c.same("Why", c.dead(c.letters(), u)[0].Why, "another reason")
		}
	}},
	{"a Take that waits gets what PutBack publishes", withLetters, func(c *queueTrial) {
		u := c.update("chat:7")
		c.buriesNew(u)
		c.wakesFor(c.Other, u, func() { c.putsBack(u.Key, success) })
	}},
	{"Discard removes a dead letter, and its key stays known", withLetters, func(c *queueTrial) {
		updates := c.inLane("chat:7", 2)
		c.buriesNew(updates[0])
		c.buriesNew(updates[1])
		c.discards(updates[0].Key, success)
		c.dead(c.letters(), updates[1])
		if unless(GapOnce)(c.QueueBackend) {
			c.publishes(updates[0])
		}
		c.nothing()
	}},
	{"PutBack and Discard say that there is no such dead letter", withLetters, func(c *queueTrial) {
		waits, held, handled, putBack, discarded := c.update("chat:1"), c.update("chat:2"), c.update("chat:3"), c.update("chat:4"), c.update("chat:5")
		for _, u := range []tghook.QueuedUpdate{putBack, discarded} {
			c.buriesNew(u)
		}
		c.discards(discarded.Key, success)
		c.publishes(handled)
		c.handles(handled)
		c.publishes(held)
		l := c.takes(longLease, held)
		c.publishes(waits)
		c.putsBack(putBack.Key, success)
		theirs := discarded.Key
		theirs.Bot++
		for _, k := range []tghook.Key{waits.Key, held.Key, handled.Key, putBack.Key, discarded.Key, theirs, c.update("").Key} {
			c.discards(k, noDeadLetter)
			c.putsBack(k, noDeadLetter)
		}
		l.dones(success)
		c.takesAll(waits, putBack)
		c.nothing()
	}},
	{"of many that put back or discard a dead letter at once, exactly one does", withLetters, func(c *queueTrial) {
		u := c.update("chat:7")
		began := time.Now()
		for i := 0; i < 6 && time.Since(began) < soon/2; i++ {
			if u.Key.ID++; i%2 == 0 {
				u.Lane = ""
			}
			c.buriesNew(u)
			texts := make([]string, c.crowd)
			atOnce(len(texts), func(n int) {
				letters := []tghook.Queue{c.Queue, c.Other}[n%2].(tghook.Letters)
				act := letters.PutBack
				if n%4 > 1 {
					act = letters.Discard
				}
				texts[n] = letterOutcome(do(c.Context(), c.patience, func(ctx context.Context) error { return act(ctx, u.Key) }))
			})
			if count(texts, success) != 1 || count(texts, noDeadLetter) != len(texts)-1 {
				c.Errorf("PutBack and Discard of one dead letter at once: got %q, want one %s, the others %s", texts, success, noDeadLetter)
			}
			if n := slices.Index(texts, success); n >= 0 && n%4 <= 1 { // it was put back
				c.handles(u)
			}
			c.nothing()
		}
	}},
	{"State of a bot without updates is zero", withLetters, func(c *queueTrial) {
		c.stateIs("0 pending, 0 leased, 0 dead")
		if s := c.state(); !s.Oldest.IsZero() {
			c.Errorf("Oldest: got %v, want the zero time", s.Oldest)
		}
	}},
	{"State counts what waits, what is leased and what is dead", withLetters, func(c *queueTrial) {
		began := time.Now()
		a, b, alone := c.inLane("chat:7", 3), c.inLane("chat:8", 1), c.inLane("", 2)
		theirs := c.update("chat:7")
		theirs.Key.Bot++
		c.publishes(theirs)
		c.buriesNew(c.update("chat:9"))
		c.publishes(a...)
		c.publishes(b...)
		c.publishes(alone...)
		c.stateIs("6 pending, 0 leased, 1 dead, chat:7: 3, chat:8: 1")
		first := c.takes(longLease, a[0])
		c.stateIs("6 pending, 1 leased, 1 dead, chat:7: 3, chat:8: 1")
		c.takes(longLease, b[0])
		first.dones(success)
		c.stateIs("5 pending, 1 leased, 1 dead, chat:7: 2, chat:8: 1")
		if !unless(GapLanes)(c.QueueBackend) {
			return
		}
		s := c.state()
		for _, at := range []time.Time{s.Oldest, s.Lanes[0].Oldest, s.Lanes[1].Oldest} {
			if off := at.Sub(began); off < -time.Hour || off > time.Hour {
				c.Errorf("Oldest: got %v, want about %v", at, began)
			}
		}
		if s.Oldest.After(s.Lanes[0].Oldest) || s.Lanes[0].Oldest.After(s.Lanes[1].Oldest) {
			c.Errorf("Oldest: got %v for all, %v and %v for the lanes, want an ascending order", s.Oldest, s.Lanes[0].Oldest, s.Lanes[1].Oldest)
		}
	}},
	{"State has the 100 lanes whose oldest updates wait longest", both(withLetters, unless(GapLanes)), func(c *queueTrial) {
		const lanes = 110
		want := []string{"111 pending", "0 leased", "0 dead"}
		updates := make([]tghook.QueuedUpdate, lanes)
		for i := range updates {
			updates[i] = c.update(laneOf(i * 7 % lanes))
			if i < 100 {
				want = append(want, updates[i].Lane+": 1")
			}
		}
		want[3] = updates[0].Lane + ": 2"
		c.publishes(updates...)
		c.publishes(c.update(updates[0].Lane))
		c.stateIs(strings.Join(want, ", "))
	}},
}

// letters returns the Letters of the two processes in turn.
func (c *queueTrial) letters() tghook.Letters { return c.process().(tghook.Letters) }

// buriesNew publishes an update and makes it a dead letter.
func (c *queueTrial) buriesNew(u tghook.QueuedUpdate) {
	c.Helper()
	c.publishes(u)
	c.takes(longLease, u).buries("a reason", success)
}

func (c *queueTrial) page(letters tghook.Letters, after int64, limit int) (page []tghook.DeadLetter) {
	c.Helper()
	err := asked(c, func(ctx context.Context) (err error) {
		page, err = letters.DeadLetters(ctx, c.bot, after, limit)
		return err
	})
	c.same("DeadLetters", letterOutcome(err), success)
	return page
}

// dead checks which dead letters there are, and returns them.
func (c *queueTrial) dead(letters tghook.Letters, want ...tghook.QueuedUpdate) []tghook.DeadLetter {
	c.Helper()
	page := c.page(letters, math.MinInt64, 100)
	updates := make([]tghook.QueuedUpdate, len(page))
	for i, l := range page {
		updates[i] = l.QueuedUpdate
	}
	if c.list(updates) != c.list(want) {
		c.Fatalf("DeadLetters: got %s, want %s", c.list(updates), c.list(want))
	}
	return page
}

func (c *queueTrial) putsBack(k tghook.Key, want string) {
	c.Helper()
	letters := c.letters()
	err := do(c.Context(), c.patience, func(ctx context.Context) error { return letters.PutBack(ctx, k) })
	c.same(fmt.Sprintf("PutBack of update %d", k.ID), letterOutcome(err), want)
}

func (c *queueTrial) discards(k tghook.Key, want string) {
	c.Helper()
	letters := c.letters()
	err := do(c.Context(), c.patience, func(ctx context.Context) error { return letters.Discard(ctx, k) })
	c.same(fmt.Sprintf("Discard of update %d", k.ID), letterOutcome(err), want)
}

func (c *queueTrial) state() (s tghook.QueueState) {
	c.Helper()
	letters := c.letters()
	err := asked(c, func(ctx context.Context) (err error) {
		s, err = letters.State(ctx, c.bot)
		return err
	})
	c.same("State", letterOutcome(err), success)
	return s
}

// stateIs checks the numbers of State.
func (c *queueTrial) stateIs(want string) {
	c.Helper()
	s := c.state()
	texts := []string{fmt.Sprint(s.Pending, " pending"), fmt.Sprint(s.Leased, " leased"), fmt.Sprint(s.Dead, " dead")}
	for _, l := range s.Lanes {
		if l.Lane != "" { // a Queue may count those without a lane
			texts = append(texts, fmt.Sprint(l.Lane, ": ", l.Pending))
		}
	}
	if !unless(GapLanes)(c.QueueBackend) {
		want = strings.Join(strings.Split(want, ", ")[:3], ", ")
	}
	if text := strings.Join(texts, ", "); text != want {
		c.Fatalf("State: got %s, want %s", text, want)
	}
}
