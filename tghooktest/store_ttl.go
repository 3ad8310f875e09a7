package tghooktest

import (
	"time"
)

// ttlCases are about what must be kept. What may be forgotten need not be.
var ttlCases = []storeCase{
	{"an update is kept while its lease runs, also after its ttl", anyStore, func(c *storeTrial) {
		a, b := c.two()
		a.claimsFor(longLease, shortTTL, granted(1, ""))
		time.Sleep(aWhile)
		b.claims(longLease, elsewhere)
		a.dones("reply", success)
	}},
	{"an update is kept while its renewed lease runs, also after its ttl", anyStore, func(c *storeTrial) {
		a, b := c.two()
		a.claimsFor(longLease, shortTTL, granted(1, ""))
		a.renews(longLease, success)
		time.Sleep(aWhile)
		b.claims(longLease, elsewhere)
		a.dones("reply", success)
	}},
	{"a success is kept for the ttl, also after the lease", anyStore, func(c *storeTrial) {
		a, b := c.two()
		a.claims(shortLease, granted(1, ""))
		a.dones("reply", success)
		time.Sleep(aWhile)
		b.claims(longLease, done("reply"))
	}},
	{"a failure is kept for the ttl, also after the lease", anyStore, func(c *storeTrial) {
		a, b := c.two()
		a.claims(shortLease, granted(1, ""))
		a.fails("note", success)
		time.Sleep(aWhile)
		b.claims(longLease, granted(2, "note"))
	}},
	{"the ttl begins anew when a claim is granted", anyStore, func(c *storeTrial) {
		c.keepsAnew(func(old *replica, ttl time.Duration) string {
			return told(old.rival().tryClaim(shortLease, ttl))
		}, granted(2, ""), granted(3, ""))
	}},
	{"the ttl begins anew with Renew", anyStore, func(c *storeTrial) {
		c.keepsAnew(func(old *replica, _ time.Duration) string {
			return outcome(old.tryRenew(shortLease))
		}, success, granted(2, ""))
	}},
	{"the ttl begins anew with Done", anyStore, func(c *storeTrial) {
		c.keepsAnew(func(old *replica, _ time.Duration) string {
			return outcome(old.tryDone("reply"))
		}, success, done("reply"))
	}},
	{"the ttl of the last granted claim applies", anyStore, func(c *storeTrial) {
		a, b := c.two()
		a.claimsFor(longLease, shortTTL, granted(1, ""))
		a.claimsFor(longLease, longTTL, granted(1, ""))
		a.dones("reply", success)
		time.Sleep(aWhile)
		b.claims(longLease, done("reply"))
	}},
	{"a claim that is not granted does not change the ttl", anyStore, func(c *storeTrial) {
		a, b := c.two()
		a.claims(longLease, granted(1, ""))
		b.claimsFor(shortLease, shortTTL, elsewhere)
		a.dones("reply", success)
		b.claimsFor(shortLease, shortTTL, done("reply"))
		time.Sleep(aWhile)
		b.claims(longLease, done("reply"))
	}},
	{"each update has a ttl of its own", anyStore, func(c *storeTrial) {
		kept, other := c.replica(c.update()), c.replica(c.update())
		kept.claims(longLease, granted(1, ""))
		other.claimsFor(longLease, shortTTL, granted(1, ""))
		kept.dones("reply", success)
		other.dones("other", success)
		time.Sleep(aWhile)
		kept.rival().claims(longLease, done("reply"))
	}},
}

// keepsAnew has act let the ttl of an update begin anew, and checks that the update is still
// known when its first ttl is over. It does so again with a longer ttl if the machine is so
// slow that the second ttl is over too.
func (c *storeTrial) keepsAnew(act func(old *replica, ttl time.Duration) string, wantAct, want string) {
	c.Helper()
	for ttl := time.Second; ttl < c.patience; ttl *= 2 {
		old, next := c.two()
		began := time.Now()
		old.claimsFor(shortLease, ttl, granted(1, ""))
		time.Sleep(ttl * 6 / 10)
		again := time.Now()
		acted := act(old, ttl)
		late := time.Since(began) >= ttl
		time.Sleep(ttl * 6 / 10)
		known := told(next.tryClaim(longLease, longTTL))
		if !late && time.Since(again) < ttl {
			c.same("the call that lets the ttl begin anew", acted, wantAct)
			c.same("Claim after the first ttl", known, want)
			return
		}
	}
	c.Log("the machine is too slow to tell whether the update is kept for long enough")
}
