package tghooktest

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tghook/tghook"
)

// publishCases are about stored updates and duplicates.
var publishCases = []queueCase{
	{"an update that was published is taken, as a new one", anyQueue, func(c *queueTrial) {
		u := c.update("chat:7")
		c.publishes(u)
		l := c.takes(longLease, u)
		if off := time.Since(l.got.Published); !l.got.Published.IsZero() && (off > time.Hour || off < -time.Hour) {
			c.Errorf("Published: got %v, want about %v or the zero time", l.got.Published, time.Now())
		}
	}},
	{"no updates may be published", anyQueue, func(c *queueTrial) {
		c.publishes()
		c.nothing()
	}},
	{"an update that is published again is kept once, as it first was", unless(GapOnce), func(c *queueTrial) {
		u, again := c.update("chat:7"), c.update("chat:8")
		again.Key, again.Raw = u.Key, []byte(`{"update_id":1,"message":{}}`)
		c.publishes(u)
		c.publishes(again)
		c.takes(longLease, u)
		c.nothing()
	}},
	{"an update that is twice in a call is kept once", unless(GapOnce), func(c *queueTrial) {
		u, next := c.update("chat:7"), c.update("chat:7")
		c.publishes(u, u, next, u)
		c.handles(u, next)
		c.nothing()
	}},
	{"an update that is published at once by many is kept once", unless(GapOnce), func(c *queueTrial) {
		updates := c.inLane("", 20)
		texts := make([]string, c.crowd*len(updates))
		atOnce(len(texts), func(i int) {
			q := []tghook.Queue{c.Queue, c.Other}[i%2]
			texts[i] = outcome(do(c.Context(), c.patience, func(ctx context.Context) error { return q.Publish(ctx, updates[i/c.crowd]) }))
		})
		c.same("how many calls of Publish succeed", strconv.Itoa(count(texts, success)), strconv.Itoa(len(texts)))
		c.takesAll(updates...)
		c.nothing()
	}},
	{"batches that share updates may be published at once, in any order", unless(GapOnce), func(c *queueTrial) {
		updates := c.inLane("", 40)
		backwards := slices.Clone(updates)
		slices.Reverse(backwards)
		texts := make([]string, c.crowd)
		atOnce(len(texts), func(i int) {
			q, batch := []tghook.Queue{c.Queue, c.Other}[i%2], [][]tghook.QueuedUpdate{updates, backwards}[i%2]
			texts[i] = outcome(do(c.Context(), c.patience, func(ctx context.Context) error { return q.Publish(ctx, batch...) }))
		})
		c.same("how many calls of Publish succeed", strconv.Itoa(count(texts, success)), strconv.Itoa(len(texts)))
		c.takesAll(updates...)
		c.nothing()
	}},
	{"an update that is leased is not kept again", unless(GapOnce), func(c *queueTrial) {
		u := c.update("")
		c.publishes(u)
		l := c.takes(longLease, u)
		c.publishes(u)
		c.nothing()
		l.dones(success)
		c.nothing()
	}},
	{"an update that has been handled is not kept again", unless(GapOnce), func(c *queueTrial) {
		u, next := c.update("chat:7"), c.update("chat:7")
		c.publishes(u)
		c.handles(u)
		c.publishes(u)
		c.nothing()
		c.publishes(u, next)
		c.handles(next)
		c.nothing()
	}},
	{"an update that is a dead letter is not kept again", unless(GapOnce), func(c *queueTrial) {
		u := c.update("chat:7")
		c.publishes(u)
		c.takes(longLease, u).buries("a reason", success)
		c.publishes(u)
		c.nothing()
	}},
	{"bytes of JSON are kept as they are", anyQueue, func(c *queueTrial) {
		c.keeps(`{"update_id":1}`, "{ \"update_id\" :\n\t1.0e0 }\r\n", `{"a":1,"a":2,"b":12345678901234567890.0,"c":-0}`,
			`{"text":"\u0000\ud83d\ude00\/\" 'Zoë' %s $1 <>&\u2028"}`, "{\"text\":\"\u2028\U0001F600e\u0301\u00e9\u007f\"}", `{"__proto__":null,"":[]}`)
	}},
	{"bytes that are not text are kept as they are", unless(GapBytes), func(c *queueTrial) {
		c.keeps(everyByte, "\x00", " ", "\xff\xfe", "\\x41\\000", "null")
	}},
	{"an update of 512 KiB is kept", anyQueue, func(c *queueTrial) {
		u := c.update("chat:7")
		const frame = `{"text":""}`
		u.Raw = fmt.Appendf(nil, `{"text":"%s"}`, bytes.Repeat([]byte("ë"), (512<<10-len(frame))/2))
		c.publishes(u)
		c.takes(longLease, u)
	}},
	{"updates of many bots with the same id do not meet", anyQueue, func(c *queueTrial) {
		keys := make([]tghook.Key, 8)
		for i := range keys {
			keys[i] = tghook.Key{Bot: c.bot + int64(i), ID: 7}
		}
		c.apart(keys)
	}},
	{"ids that differ by little or by much are different", anyQueue, func(c *queueTrial) {
		const exact = 1 << 53 // a float64 has all integers up to here
		c.apart([]tghook.Key{
			{Bot: c.bot, ID: 0},
			{Bot: c.bot, ID: 5},
			{Bot: c.bot, ID: 5 + 1<<32},
			{Bot: c.bot, ID: exact},
			{Bot: c.bot, ID: exact + 1},
			{Bot: c.bot, ID: math.MaxInt64},
			{Bot: c.bot, ID: -5},
			{Bot: c.bot, ID: math.MinInt64},
		})
	}},
	{"ids that are equal when written together are different", anyQueue, func(c *queueTrial) {
		c.apart([]tghook.Key{
			{Bot: c.bot, ID: 123},
			{Bot: 10*c.bot + 1, ID: 23},
			{Bot: 100*c.bot + 12, ID: 3},
		})
	}},
	{"a batch of 1000 updates is kept whole and in order", anyQueue, func(c *queueTrial) {
		const lanes = 10
		updates := make([]tghook.QueuedUpdate, 1000)
		for i := range updates {
			updates[i] = c.update(fmt.Sprint("chat:", i%lanes))
			updates[i].Raw = fmt.Appendf(nil, `{"update_id":%d,"text":"%s"}`, i+1, strings.Repeat("x", 200))
		}
		c.publishes(updates...)
		c.drains(updates)
	}},
}

// keeps checks that the bytes of updates are taken as they were published.
func (c *queueTrial) keeps(raws ...string) {
	c.Helper()
	for i, raw := range raws {
		u := c.update("chat:7")
		u.Raw = []byte(raw)
		if i%2 == 0 {
			u.Lane = ""
		}
		c.publishes(u)
		c.handles(u)
	}
}

// apart checks that updates with these keys do not affect each other.
func (c *queueTrial) apart(keys []tghook.Key) {
	c.Helper()
	updates := make(map[int64][]tghook.QueuedUpdate) // by bot
	for _, k := range keys {
		u := tghook.QueuedUpdate{Key: k, Raw: fmt.Appendf(nil, `{"update_id":%d,"bot":%d}`, k.ID, k.Bot)}
		updates[k.Bot] = append(updates[k.Bot], u)
		c.publishes(u)
	}
	other := *c
	for other.bot = range updates {
		for _, l := range other.takesAll(updates[other.bot]...) {
			if !bytes.Equal(l.got.Raw, fmt.Appendf(nil, `{"update_id":%d,"bot":%d}`, l.got.Key.ID, l.got.Key.Bot)) {
				c.Errorf("Take: update %d of bot %d has the bytes %s", l.got.Key.ID, l.got.Key.Bot, short(string(l.got.Raw)))
			}
			l.dones(success)
		}
	}
}

// drains handles updates of several lanes until no more is left. It checks that each comes
// once, and in the order of its lane.
func (c *queueTrial) drains(updates []tghook.QueuedUpdate) {
	c.Helper()
	want, came := map[string][]tghook.QueuedUpdate{}, map[string][]tghook.QueuedUpdate{}
	for _, u := range updates {
		want[u.Lane] = append(want[u.Lane], u)
	}
	for n := 0; n < len(updates); {
		taken := c.tryTake(c.process(), c.patience, 64, longLease)
		if len(taken) == 0 {
			break // nothing comes any more
		}
		n += len(taken)
		for _, l := range taken {
			came[l.got.Lane] = append(came[l.got.Lane], l.got)
		}
		c.ends(taken)
	}
	for lane, all := range want {
		c.same(fmt.Sprintf("updates of lane %q", lane), c.list(came[lane]), c.list(all))
	}
	if len(came) > len(want) {
		c.Errorf("Take: got updates of %d lanes, want %d", len(came), len(want))
	}
}

// ends handles updates with success: those of a lane one after the other, lanes concurrently.
func (c *queueTrial) ends(taken []leased) {
	c.Helper()
	lanes := map[string][]leased{}
	for _, l := range taken {
		lanes[l.got.Lane] = append(lanes[l.got.Lane], l)
	}
	rows := make([][]leased, 0, len(lanes))
	for _, row := range lanes {
		rows = append(rows, row)
	}
	atOnce(len(rows), func(i int) {
		for _, l := range rows[i] {
			l.dones(success)
		}
	})
}
