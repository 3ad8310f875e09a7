package tghooktest

import (
	"fmt"
	"strings"
	"time"
)

var claimCases = []storeCase{
	{"a new update is granted as attempt 1 without a note", anyStore, func(c *storeTrial) {
		a, _ := c.two()
		a.claims(longLease, granted(1, ""))
	}},
	{"of two processes that claim an update, the second is told that it is elsewhere", anyStore, func(c *storeTrial) {
		a, b := c.two()
		a.claims(longLease, granted(1, ""))
		b.claims(longLease, elsewhere)
		a.rival().claims(longLease, elsewhere)
	}},
	{"a claim that is not granted changes nothing for the one that holds", anyStore, func(c *storeTrial) {
		a, b := c.two()
		a.claims(longLease, granted(1, ""))
		b.claims(longLease, elsewhere)
		b.refused()
		a.renews(longLease, success)
		a.dones("reply", success)
	}},
	{"RetryIn is how long the lease still runs, or zero", anyStore, retryIn},
	{"a repeated Claim is granted again as the same attempt", anyStore, func(c *storeTrial) {
		a, b := c.two()
		a.claims(longLease, granted(1, ""))
		a.fails("note", success)
		b.claims(longLease, granted(2, "note"))
		b.claims(longLease, granted(2, "note"))
		a.rival().claims(longLease, elsewhere)
		b.dones("reply", success)
	}},
	{"fences that differ in the case of a letter are different", anyStore, func(c *storeTrial) {
		a, b := c.two()
		b.claim.Fence = strings.ToLower(a.claim.Fence)
		a.claims(longLease, granted(1, ""))
		b.claims(longLease, elsewhere)
		b.refused()
	}},
	{"a repeated Claim of an update that has succeeded returns its reply", anyStore, func(c *storeTrial) {
		a, _ := c.two()
		a.claims(longLease, granted(1, ""))
		a.dones("reply", success)
		a.claims(longLease, done("reply"))
	}},
}

func retryIn(c *storeTrial) {
	const rounding = time.Second
	a, b := c.two()
	began := time.Now()
	a.claims(longLease, granted(1, ""))
	res, err := b.tryClaim(longLease, longTTL)
	least := longLease - time.Since(began) - rounding
	c.same("Claim of the second", told(res, err), elsewhere)
	if in := res.RetryIn; in != 0 && (in < least || in > longLease+rounding) {
		c.Errorf("RetryIn: got %v, want 0 or about %v", in, longLease)
	}
}

// ranOut returns a claim whose lease has run out. No other claim has been granted.
func (c *storeTrial) ranOut() *replica {
	c.Helper()
	r := c.replica(c.update())
	r.claims(shortLease, granted(1, ""))
	time.Sleep(aWhile)
	return r
}

var leaseCases = []storeCase{
	{"a lease that has run out is taken over as the next attempt", anyStore, func(c *storeTrial) {
		a, b := c.two()
		a.claims(shortLease, granted(1, ""))
		b.takesOver(granted(2, ""))
		a.rival().claims(longLease, elsewhere)
	}},
	{"a lease runs for its whole time, whoever asks", anyStore, func(c *storeTrial) {
		a, b := c.two()
		a.claims(longLease, granted(1, ""))
		for range 3 {
			time.Sleep(aWhile)
			b.claims(shortLease, elsewhere)
		}
		a.dones("reply", success)
	}},
	{"a repeated Claim lets the lease begin anew", anyStore, func(c *storeTrial) {
		a, b := c.two()
		a.claims(shortLease, granted(1, ""))
		a.claims(longLease, granted(1, ""))
		time.Sleep(aWhile)
		b.claims(longLease, elsewhere)
	}},
	{"a repeated Claim whose lease has run out is granted again as the same attempt", anyStore, func(c *storeTrial) {
		a := c.ranOut()
		a.claims(longLease, granted(1, ""))
		a.rival().claims(longLease, elsewhere)
	}},
	{"Renew lets the lease begin anew", anyStore, func(c *storeTrial) {
		a, b := c.two()
		a.claims(shortLease, granted(1, ""))
		a.renews(longLease, success)
		time.Sleep(aWhile)
		b.claims(longLease, elsewhere)
	}},
	{"Renew may make the lease shorter", anyStore, func(c *storeTrial) {
		a, b := c.two()
		a.claims(longLease, granted(1, ""))
		a.renews(shortLease, success)
		b.takesOver(granted(2, ""))
	}},
	{"Renew succeeds after the lease has run out, while no other claim was granted", anyStore, func(c *storeTrial) {
		a := c.ranOut()
		a.renews(longLease, success)
		a.rival().claims(longLease, elsewhere)
	}},
	{"Done succeeds after the lease has run out, while no other claim was granted", anyStore, func(c *storeTrial) {
		a := c.ranOut()
		a.dones("reply", success)
		a.rival().claims(longLease, done("reply"))
	}},
	{"Fail after the lease has run out counts as one attempt", anyStore, func(c *storeTrial) {
		a := c.ranOut()
		a.fails("note", success)
		a.rival().claims(longLease, granted(2, "note"))
	}},
	{"Release after the lease has run out does not count", anyStore, func(c *storeTrial) {
		a := c.ranOut()
		a.releases(success)
		a.rival().claims(longLease, granted(1, ""))
	}},
	{"attempts count failures and leases that ran out, and not releases", anyStore, func(c *storeTrial) {
		k := c.update()
		want := 1
		for range 2 {
			r := c.replica(k)
			r.takesOver(granted(want, note(want)))
			r.releases(success)

			r = c.replica(k)
			r.claims(longLease, granted(want, note(want)))
			want++
			r.fails(note(want), success)

			r = c.replica(k)
			r.claims(shortLease, granted(want, note(want)))
			time.Sleep(aWhile)
			want++
			r = c.replica(k)
			r.takesOver(granted(want, note(want-1)))
			want++
			r.fails(note(want), success)
		}
	}},
}

// note is what Fail got before an attempt.
func note(attempt int) string {
	if attempt == 1 {
		return ""
	}
	return fmt.Sprintf(`{"failed before attempt":%d}`, attempt)
}
