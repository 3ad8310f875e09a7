package tghooktest

import "time"

// superseded returns a claim whose lease has run out, and the one that holds the update now.
func (c *storeTrial) superseded() (old, holder *replica) {
	c.Helper()
	old, holder = c.two()
	old.claims(shortLease, granted(1, ""))
	holder.takesOver(granted(2, ""))
	return old, holder
}

// stillHeld checks that a claim, which is attempt 2, holds and that nobody else has changed
// its update.
func (r *replica) stillHeld() {
	r.Helper()
	r.rival().claims(longLease, elsewhere)
	r.claims(longLease, granted(2, ""))
	r.dones("reply", success)
	r.rival().claims(longLease, done("reply"))
}

var lateHolderCases = []storeCase{
	{"a late Renew of an old holder is refused and changes nothing", anyStore, func(c *storeTrial) {
		old, holder := c.superseded()
		old.renews(longLease, claimLost)
		holder.stillHeld()
	}},
	{"a late Done of an old holder is refused and changes nothing", anyStore, func(c *storeTrial) {
		old, holder := c.superseded()
		old.dones("late", claimLost)
		holder.stillHeld()
	}},
	{"a late Fail of an old holder is refused and changes nothing", anyStore, func(c *storeTrial) {
		old, holder := c.superseded()
		old.fails("late", claimLost)
		holder.stillHeld()
	}},
	{"a late Release of an old holder is refused and changes nothing", anyStore, func(c *storeTrial) {
		old, holder := c.superseded()
		old.releases(claimLost)
		holder.stillHeld()
	}},
	{"a late Claim of an old holder is another claim, which is not granted", anyStore, func(c *storeTrial) {
		old, holder := c.superseded()
		old.claims(longLease, elsewhere)
		holder.stillHeld()
	}},
	{"an old holder is refused after the next one has succeeded", anyStore, func(c *storeTrial) {
		old, holder := c.superseded()
		holder.dones("reply", success)
		old.refused()
		old.claims(longLease, done("reply"))
	}},
	{"an old holder is refused after the next one has failed", anyStore, func(c *storeTrial) {
		old, holder := c.superseded()
		holder.fails("note", success)
		old.refused()
		old.rival().claims(longLease, granted(3, "note"))
	}},
	{"of many processes that take over an update at once, exactly one is granted", anyStore, func(c *storeTrial) {
		const updates, claimants = 20, 4
		rows := make([][]*replica, updates)
		for i := range rows {
			old := c.replica(c.update())
			old.claims(shortLease, granted(1, ""))
			for range claimants {
				rows[i] = append(rows[i], old.rival())
			}
		}
		time.Sleep(aWhile)
		for _, r := range c.race(rows, granted(2, "")) {
			r.dones("reply", success)
		}
	}},
	{"Renew and a takeover at once: one of them has the update", anyStore, func(c *storeTrial) {
		c.againstTakeover(func(old *replica) string { return outcome(old.tryRenew(longLease)) },
			success+", "+elsewhere, claimLost+", "+granted(2, ""))
	}},
	{"Done and a takeover at once: the update has succeeded or is taken over", anyStore, func(c *storeTrial) {
		c.againstTakeover(func(old *replica) string { return outcome(old.tryDone("reply")) },
			success+", "+done("reply"), claimLost+", "+granted(2, ""))
	}},
	{"Fail and a takeover at once: the attempt counts once", anyStore, func(c *storeTrial) {
		c.againstTakeover(func(old *replica) string { return outcome(old.tryFail("note")) },
			success+", "+granted(2, "note"), claimLost+", "+granted(2, ""))
	}},
	{"Release and a takeover at once: the attempt counts if the lease was taken over", anyStore, func(c *storeTrial) {
		c.againstTakeover(func(old *replica) string { return outcome(old.tryRelease()) },
			success+", "+granted(1, ""), claimLost+", "+granted(2, ""))
	}},
}

// againstTakeover lets the holder of a lease that has run out do something while another
// claims the update, and checks that what they get is one of two.
func (c *storeTrial) againstTakeover(act func(old *replica) string, first, second string) {
	c.Helper()
	const updates = 20
	olds, claimants := make([]*replica, updates), make([]*replica, updates)
	for i := range olds {
		olds[i], claimants[i] = c.two()
		olds[i].claims(shortLease, granted(1, ""))
	}
	time.Sleep(aWhile)
	acted, claimed := make([]string, updates), make([]string, updates)
	atOnce(2*updates, func(i int) {
		if i%2 == 0 {
			acted[i/2] = act(olds[i/2])
		} else {
			claimed[i/2] = told(claimants[i/2].tryClaim(longLease, longTTL))
		}
	})
	for i := range olds {
		if got := acted[i] + ", " + claimed[i]; got != first && got != second {
			c.Errorf("the holder and the claimant got %s; want %s or %s", short(got), short(first), short(second))
		}
	}
}
