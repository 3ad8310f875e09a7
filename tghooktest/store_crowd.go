package tghooktest

import (
	"fmt"
	"strconv"
)

var crowdCases = []storeCase{
	{"of many processes that claim an update at once, exactly one is granted", anyStore, func(c *storeTrial) {
		rows := make([][]*replica, c.crowd)
		for i := range rows {
			k := c.update()
			rows[i] = []*replica{c.replica(k), c.replica(k), c.replica(k)}
		}
		winners := c.race(rows, granted(1, ""))
		got := make([]string, len(winners))
		atOnce(len(winners), func(i int) {
			reply := fmt.Sprint("reply ", winners[i].claim.Key.ID)
			if got[i] = outcome(winners[i].tryDone(reply)); got[i] == success {
				got[i] = told(rows[i][0].tryClaim(longLease, longTTL))
			}
		})
		for i, r := range winners {
			c.same(r.name+": Done, and Claim after it", got[i], done(fmt.Sprint("reply ", r.claim.Key.ID)))
		}
	}},
	{"of a crowd that claims one update at once, exactly one is granted", anyStore, func(c *storeTrial) {
		k := c.update()
		row := make([]*replica, 64)
		for i := range row {
			row[i] = c.replica(k)
		}
		for _, r := range c.race([][]*replica{row}, granted(1, "")) {
			r.dones("reply", success)
		}
	}},
	{"a Claim that is repeated at once is granted each time as the same attempt", anyStore, func(c *storeTrial) {
		r := c.replica(c.update())
		got := make([]string, 16)
		atOnce(len(got), func(i int) { got[i] = told(r.tryClaim(longLease, longTTL)) })
		c.same("how many are granted as attempt 1", strconv.Itoa(count(got, granted(1, ""))), strconv.Itoa(len(got)))
	}},
	{"a Done that is repeated at once succeeds each time", anyStore, func(c *storeTrial) {
		r := c.replica(c.update())
		r.claims(longLease, granted(1, ""))
		got := make([]string, 16)
		atOnce(len(got), func(i int) { got[i] = outcome(r.tryDone("reply")) })
		c.same("how many succeed", strconv.Itoa(count(got, success)), strconv.Itoa(len(got)))
		r.rival().claims(longLease, done("reply"))
	}},
}

// race has all replicas claim at once. It checks that of each row exactly one gets want and
// the others are told that the update is elsewhere, and returns those that got it.
func (c *storeTrial) race(rows [][]*replica, want string) (winners []*replica) {
	c.Helper()
	width := len(rows[0])
	got := make([]string, len(rows)*width)
	atOnce(len(got), func(i int) { got[i] = told(rows[i/width][i%width].tryClaim(longLease, longTTL)) })
	for i, row := range rows {
		texts := got[i*width : (i+1)*width]
		if count(texts, want) != 1 || count(texts, elsewhere) != width-1 {
			c.Fatalf("%d claims of update %d at once got %q; want one %s, the others %s", width, row[0].claim.Key.ID, texts, want, elsewhere)
		}
		for j, text := range texts {
			if text == want {
				winners = append(winners, row[j])
			}
		}
	}
	return winners
}
