package tghooktest

import (
	"context"
	"fmt"
	"strings"

	"github.com/tghook/tghook"
)

func laneOf(i int) string { return fmt.Sprint("chat:", i) }

// queueEndCases are about how a lease ends.
var queueEndCases = []queueCase{
	{"a repeated Done succeeds and changes nothing", anyQueue, func(c *queueTrial) {
		updates := c.inLane("chat:7", 2)
		c.publishes(updates...)
		l := c.takes(longLease, updates[0])
		l.dones(success)
		l.dones(success)
		next := c.takes(longLease, updates[1])
		l.dones(success)
		c.nothing()
		next.dones(success)
		c.nothing()
	}},
	{"a lease that Done has ended is refused", anyQueue, func(c *queueTrial) {
		u := c.update("chat:7")
		c.publishes(u)
		l := c.takes(longLease, u)
		l.dones(success)
		l.renews(longLease, claimLost)
		l.fails("note", claimLost)
		l.buries("a reason", claimLost)
		c.returns(l)
		c.nothing()
		if letters, ok := c.Queue.(tghook.Letters); ok {
			c.dead(letters)
		}
	}},
	{"a lease that is unknown is refused and leaves nothing", unless(GapLost), func(c *queueTrial) {
		u := c.update("chat:7")
		c.publishes(u)
		l := c.takes(longLease, u)
		l.dones(success)
		stranger := l
		stranger.got.Key = c.update("").Key
		stranger.refused()
		c.nothing()
	}},
	{"Fail counts, keeps the note, and the lease goes on", unless(GapReturn), func(c *queueTrial) {
		u := c.update("chat:7")
		c.publishes(u)
		l := c.takes(longLease, u)
		l.fails("note", success)
		c.nothing()
		l.renews(longLease, success)
		l = l.gone(failed(u, 1, "note"))
		l.fails("a note that is longer", success)
		l.fails("third", success)
		l = l.gone(failed(u, 3, "third"))
		l.fails("", success)
		l = l.gone(failed(u, 4, ""))
		l.dones(success)
		c.nothing()
	}},
	{"an update that has failed may still be handled", anyQueue, func(c *queueTrial) {
		updates := c.inLane("chat:7", 2)
		c.publishes(updates...)
		l := c.takes(longLease, updates[0])
		l.fails("note", success)
		l.dones(success)
		c.handles(updates[1])
		c.nothing()
	}},
	{"a note is kept byte for byte", unless(GapNotes, GapReturn), func(c *queueTrial) {
		u := c.update("chat:7")
		c.publishes(u)
		l := c.takes(longLease, u)
		for i, note := range []string{everyByte[:128], everyByte[128:], strings.Repeat("\x00", 199), "\r\n' \"\\{}%s$1?", `{"n":1}`} {
			l.fails(note, success)
			l = l.gone(failed(u, i+1, note))
		}
	}},
	{"Return keeps the attempts and the note, and does not count", unless(GapReturn), func(c *queueTrial) {
		u := c.update("chat:7")
		c.publishes(u)
		l := c.takes(longLease, u).gone(u)
		l.fails("note", success)
		l.gone(failed(u, 1, "note")).gone(failed(u, 1, "note"))
	}},
	{"updates that Return gives back keep their places", unless(GapReturn), func(c *queueTrial) {
		updates := c.inLane("chat:7", 4)
		c.publishes(updates[:3]...)
		taken := c.takesSome(longLease, updates[:3]...)
		c.publishes(updates[3])
		c.returns(taken...)
		c.handles(updates...)
		c.nothing()
	}},
	{"updates that Return gives back wait for the one before them that is leased", unless(GapReturn), func(c *queueTrial) {
		updates := c.inLane("chat:7", 3)
		c.publishes(updates...)
		taken := c.takesSome(longLease, updates...)
		if len(taken) > 1 {
			c.returns(taken[1:]...)
		}
		c.nothing()
		taken[0].dones(success)
		c.handles(updates[1:]...)
	}},
	{"a lease that Return has ended is refused", unless(GapReturn, GapLost), func(c *queueTrial) {
		u := c.update("chat:7")
		c.publishes(u)
		l := c.takes(longLease, u)
		c.returns(l)
		l.refused()
		c.takes(longLease, u).stillHeld()
	}},
	{"a repeated Return changes nothing for the next holder", unless(GapReturn), func(c *queueTrial) {
		u := c.update("chat:7")
		c.publishes(u)
		l := c.takes(longLease, u)
		c.returns(l, l)
		next := c.takes(longLease, u)
		c.returns(l)
		next.stillHeld()
	}},
	{"Bury frees the lane, and its update is not taken again", anyQueue, func(c *queueTrial) {
		updates := c.inLane("chat:7", 3)
		c.publishes(updates...)
		taken := c.takesSome(longLease, updates...)
		taken[0].buries("a reason", success)
		for _, l := range taken[1:] {
			l.dones(success)
		}
		c.handles(updates[len(taken):]...)
		c.nothing()
	}},
	{"a repeated Bury succeeds and changes nothing", anyQueue, func(c *queueTrial) {
		updates := c.inLane("chat:7", 2)
		c.publishes(updates...)
		l := c.takes(longLease, updates[0])
		l.buries("a reason", success)
		l.buries("a reason", success)
		c.handles(updates[1])
		c.nothing()
		if letters, ok := c.Queue.(tghook.Letters); ok {
			c.dead(letters, updates[0])
		}
	}},
	{"a lease that Bury has ended is refused", unless(GapLost), func(c *queueTrial) {
		u := c.update("chat:7")
		c.publishes(u)
		l := c.takes(longLease, u)
		l.buries("a reason", success)
		l.renews(longLease, claimLost)
		l.dones(claimLost)
		l.fails("note", claimLost)
		c.returns(l)
		c.nothing()
	}},
	{"a reason may be empty, of 4 KiB, and of any bytes", anyQueue, func(c *queueTrial) {
		for _, why := range []string{"", strings.Repeat("why? ", 819), "invalid \xff\xfe", "with a \x00 in it", "\r\n' \"\\{}%s$1?"} {
			u := c.update("chat:7")
			c.publishes(u)
			c.takes(longLease, u).buries(why, success)
		}
		c.nothing()
	}},
}

// txQueueCases are about transactions that no handler has begun.
var txQueueCases = []queueCase{
	{"Commit does nothing if the handler has begun no transaction", withTx, func(c *queueTrial) {
		u := c.update("chat:7")
		c.publishes(u)
		l := c.takes(longLease, u)
		err := do(c.Context(), c.patience, func(ctx context.Context) error {
			return l.queue.(tghook.TxQueue).Commit(ctx, l.got, []byte(`{"method":"sendMessage"}`))
		})
		c.same("Commit", outcome(err), success)
		l.stillHeld()
	}},
	{"Rollback does nothing if the handler has begun no transaction", withTx, func(c *queueTrial) {
		u := c.update("chat:7")
		c.publishes(u)
		l := c.takes(longLease, u)
		err := do(c.Context(), c.patience, func(ctx context.Context) error {
			l.queue.(tghook.TxQueue).Rollback(ctx, l.got)
			return nil
		})
		c.same("Rollback", outcome(err), success)
		l.stillHeld()
	}},
}
