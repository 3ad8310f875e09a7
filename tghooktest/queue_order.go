package tghooktest

import (
	"strings"

	"github.com/tghook/tghook"
)

// orderCases are about lanes.
var orderCases = []queueCase{
	{"the updates of a lane are taken in the order in which they were published", anyQueue, func(c *queueTrial) {
		updates := c.inLane("chat:7", 6)
		for _, u := range updates {
			c.publishes(u)
		}
		c.handles(updates...)
	}},
	{"the order of a lane is not that of its ids", anyQueue, func(c *queueTrial) {
		updates := []tghook.QueuedUpdate{c.numbered(9, "chat:7"), c.numbered(100, "chat:7"), c.numbered(8, "chat:7"), c.numbered(-1, "chat:7")}
		c.publishes(updates[:3]...)
		c.publishes(updates[3])
		c.handles(updates...)
	}},
	{"no update of a lane is taken while another one is leased", anyQueue, func(c *queueTrial) {
		updates := c.inLane("chat:7", 3)
		c.publishes(updates[:2]...)
		first := c.takes(longLease, updates[0])
		c.nothing()
		c.publishes(updates[2])
		c.nothing()
		first.dones(success)
		second := c.takes(longLease, updates[1])
		c.nothing()
		second.dones(success)
		c.takes(longLease, updates[2])
	}},
	{"no update of a lane is taken while several are leased", anyQueue, func(c *queueTrial) {
		updates := c.inLane("chat:7", 3)
		c.publishes(updates...)
		taken := c.takesSome(longLease, updates...)
		last := c.update("chat:7")
		c.publishes(last)
		c.nothing()
		for i, l := range taken {
			l.dones(success)
			if i < len(taken)-1 {
				c.nothing()
			}
		}
		c.handles(append(updates[len(taken):], last)...)
		c.nothing()
	}},
	{"lanes do not wait for each other", anyQueue, func(c *queueTrial) {
		a, b := c.inLane("chat:7", 2), c.inLane("chat:8", 2)
		c.publishes(a[0], a[1])
		held := c.takes(longLease, a[0])
		c.publishes(b...)
		c.handles(b...)
		held.dones(success)
		c.handles(a[1])
	}},
	{"updates without a lane do not wait for each other", anyQueue, func(c *queueTrial) {
		updates := c.inLane("", 5)
		c.publishes(updates[:3]...)
		taken := c.takesAll(updates[:3]...)
		c.publishes(updates[3:]...)
		rest := c.takesAll(updates[3:]...)
		c.nothing()
		rest[1].dones(success)
		taken[1].dones(success)
		taken[0].dones(success)
	}},
	{"lanes of two bots with the same name are different", anyQueue, func(c *queueTrial) {
		mine, theirs := c.update("chat:7"), c.update("chat:7")
		theirs.Key.Bot++
		c.publishes(mine)
		c.publishes(theirs)
		first := c.takes(longLease, mine)
		second := c.takes(longLease, theirs)
		first.dones(success)
		c.nothing()
		second.dones(success)
	}},
	{"names of lanes that look alike are different", anyQueue, func(c *queueTrial) {
		long := strings.Repeat("a long name ", 30)
		c.distinct("chat:7", "Chat:7", "chat:7 ", " chat:7", "chat:07", "chat:7%", "chat_7", "chat:7'", `chat:7\`, `chat:7"`, "chat:7/", "chat:7*",
			"name:Zo\u00eb", "name:Zoe\u0308", "name:\U0001F600", "name:\U0001F601", long+"a", long+"b", ":", "0", "null", "name:", "name:$1", "name:--")
	}},
	{"names of lanes may have any bytes", unless(GapBytes), func(c *queueTrial) {
		c.distinct("name:", "name:\x00", "name:\x00\x00", "\x00", "name:\xff", "name:\xfe", "name:\ufffd", "name:\n", "name:\r\n", everyByte)
	}},
	{"the lanes whose oldest updates wait longest come first", unless(GapOldest), func(c *queueTrial) {
		a, b, d := c.inLane("chat:9", 3), c.inLane("chat:8", 1), c.inLane("chat:7", 1)
		for _, u := range []tghook.QueuedUpdate{a[0], b[0], a[1], d[0], a[2]} {
			c.publishes(u)
		}
		c.handles(a[0], b[0], a[1], d[0], a[2])
	}},
	{"Take returns at most as many updates as it may", anyQueue, func(c *queueTrial) {
		for i := range 6 {
			c.publishes(c.inLane(laneOf(i), 2)...)
		}
		c.publishes(c.inLane("", 8)...)
		for range 2 {
			for _, limit := range []int{1, 2, 3} {
				c.tryTake(c.process(), c.patience, limit, longLease) // it checks that
			}
		}
	}},
}

// distinct checks that lanes with these names are different lanes.
func (c *queueTrial) distinct(names ...string) {
	c.Helper()
	held, rest := make([]leased, len(names)), make([]tghook.QueuedUpdate, len(names))
	for i, name := range names {
		u := c.update(name)
		c.publishes(u)
		held[i] = c.takesOneOf(c.process(), longLease, soon, u)
	}
	for i, name := range names {
		rest[i] = c.update(name)
	}
	c.publishes(rest...)
	c.nothing()
	for _, l := range held {
		l.dones(success)
	}
	c.takesAll(rest...)
}
