package tghooktest

import (
	"bytes"
	"context"
	"strings"

	"github.com/tghook/tghook"
)

// endCases are about how a claim ends.
var endCases = []storeCase{
	{"an update that has succeeded is granted to nobody", anyStore, func(c *storeTrial) {
		a, b := c.two()
		a.claims(longLease, granted(1, ""))
		a.dones("reply", success)
		b.claims(longLease, done("reply"))
		b.refused()
		a.rival().claims(longLease, done("reply"))
	}},
	{"a repeated Done succeeds and changes nothing", anyStore, func(c *storeTrial) {
		a, b := c.two()
		a.claims(longLease, granted(1, ""))
		a.dones("reply", success)
		a.dones("reply", success)
		b.claims(longLease, done("reply"))
		a.dones("another", success)
		a.rival().claims(longLease, done("reply"))
	}},
	{"a claim that has succeeded is refused by Renew, Fail and Release", anyStore, func(c *storeTrial) {
		a, b := c.two()
		a.claims(longLease, granted(1, ""))
		a.dones("reply", success)
		a.renews(longLease, claimLost)
		a.fails("note", claimLost)
		a.releases(claimLost)
		b.claims(longLease, done("reply"))
	}},
	{"an update that has failed is granted at once, as the next attempt and with the note", anyStore, func(c *storeTrial) {
		a, b := c.two()
		a.claims(longLease, granted(1, ""))
		a.fails("note", success)
		b.claims(longLease, granted(2, "note"))
		a.rival().claims(longLease, elsewhere)
	}},
	{"a claim that has failed is refused", anyStore, func(c *storeTrial) {
		a, b := c.two()
		a.claims(longLease, granted(1, ""))
		a.fails("note", success)
		a.refused()
		b.claims(longLease, granted(2, "note"))
	}},
	{"an update that was released is granted at once, as the same attempt", anyStore, func(c *storeTrial) {
		a, b := c.two()
		a.claims(longLease, granted(1, ""))
		a.releases(success)
		b.claims(longLease, granted(1, ""))
		a.rival().claims(longLease, elsewhere)
	}},
	{"a claim that was released is refused", anyStore, func(c *storeTrial) {
		a, b := c.two()
		a.claims(longLease, granted(1, ""))
		a.releases(success)
		a.refused()
		b.claims(longLease, granted(1, ""))
	}},
	{"a Release that comes before its Claim is refused, and the claim is granted", anyStore, func(c *storeTrial) {
		a, b := c.two()
		a.releases(claimLost)
		a.claims(longLease, granted(1, ""))
		b.claims(longLease, elsewhere)
		a.dones("reply", success)
	}},
	{"a claim that the Store does not know is refused and leaves nothing", anyStore, func(c *storeTrial) {
		a, b := c.two()
		a.refused()
		b.claims(longLease, granted(1, ""))
	}},
	{"Release keeps the note and the attempts before it", anyStore, func(c *storeTrial) {
		a, b := c.two()
		a.claims(longLease, granted(1, ""))
		a.fails("note", success)
		b.claims(longLease, granted(2, "note"))
		b.releases(success)
		a.rival().claims(longLease, granted(2, "note"))
	}},
	{"Fail replaces the note, also by an empty one", anyStore, func(c *storeTrial) {
		a, b := c.two()
		a.claims(longLease, granted(1, ""))
		a.fails("a note that is longer", success)
		b.claims(longLease, granted(2, "a note that is longer"))
		b.fails("second", success)
		b = b.rival()
		b.claims(longLease, granted(3, "second"))
		b.fails("", success)
		b.rival().claims(longLease, granted(4, ""))
	}},
	{"a note is kept byte for byte", anyStore, func(c *storeTrial) {
		r := c.replica(c.update())
		for i, note := range []string{everyByte[:128], everyByte[128:], strings.Repeat("\x00", 199), "\r\n' \"\\{}%s$1?"} {
			if res, err := r.tryClaim(longLease, longTTL); err != nil || i > 0 && res.Attempt != i+1 {
				r.Errorf("%s: Claim: got %s, want attempt %d", r.name, told(res, err), i+1)
			}
			r.fails(note, success)
			r = r.rival()
			r.claims(longLease, granted(i+2, note))
		}
	}},
}

// everyByte has every value of a byte.
var everyByte = func() string {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	return string(all)
}()

// storedReplyCases are about what Done keeps.
var storedReplyCases = []storeCase{
	{"a reply is kept byte for byte", anyStore, func(c *storeTrial) {
		for _, reply := range []string{`{"method":"sendMessage","chat_id":7,"text":"Zoë"}`, everyByte, "\x00", " ", "null", "\r\n' \"\\{}%s$1?"} {
			c.keepsReply([]byte(reply))
		}
	}},
	{"no reply may be nil or empty", anyStore, func(c *storeTrial) {
		c.keepsReply(nil)
		c.keepsReply([]byte{})
	}},
	{"a reply of 1 MiB is kept", anyStore, func(c *storeTrial) { c.keepsReply(noText(1 << 20)) }},
	{"a reply of 20 MB is kept", anyStore, func(c *storeTrial) { c.keepsReply(noText(c.large)) }},
}

// noText returns n bytes that are not text.
func noText(n int) []byte {
	return bytes.Repeat([]byte(everyByte), n/len(everyByte)+1)[:n]
}

// keepsReply checks that another process gets the reply of an update.
func (c *storeTrial) keepsReply(reply []byte) {
	c.Helper()
	a, b := c.two()
	a.claims(longLease, granted(1, ""))
	c.same(a.name+": Done", outcome(a.surelyDone(c.patience, reply)), success) // a client may have a limit of time for a call
	res, err := retry(c.judge, c.patience, func(ctx context.Context) (tghook.ClaimResult, error) {
		return b.store.Claim(ctx, b.claim, longLease, longTTL)
	})
	if err != nil || res.State != tghook.ClaimDone || !bytes.Equal(res.Reply, reply) {
		c.Errorf("%s: Claim: got %s, want %s", b.name, short(told(res, err)), short(done(string(reply))))
	}
}
