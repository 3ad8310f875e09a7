package tghooktest

import (
	"fmt"
	"math"

	"github.com/tghook/tghook"
)

// keyCases are about which updates are the same.
var keyCases = []storeCase{
	{"updates of many bots with the same id do not meet", anyStore, func(c *storeTrial) {
		keys := make([]tghook.Key, 20)
		for i := range keys {
			keys[i] = tghook.Key{Bot: c.bot + int64(i), ID: 7}
		}
		c.apart(keys)
	}},
	{"ids may be negative, zero and the largest", anyStore, func(c *storeTrial) {
		c.apart([]tghook.Key{
			{Bot: c.bot, ID: 0},
			{Bot: c.bot, ID: 1},
			{Bot: c.bot, ID: -1},
			{Bot: c.bot, ID: math.MaxInt32},
			{Bot: c.bot, ID: math.MinInt32},
			{Bot: c.bot, ID: math.MaxInt64},
			{Bot: c.bot, ID: math.MinInt64},
			{Bot: math.MaxInt64, ID: c.bot},
		})
	}},
	{"ids that differ by little or by much are different", anyStore, func(c *storeTrial) {
		const exact = 1 << 53 // a float64 has all integers up to here
		c.apart([]tghook.Key{
			{Bot: c.bot, ID: exact},
			{Bot: c.bot, ID: exact + 1},
			{Bot: c.bot, ID: 5},
			{Bot: c.bot, ID: 5 + 1<<32},
			{Bot: exact + c.bot/2*2, ID: 5},
			{Bot: exact + c.bot/2*2 + 1, ID: 5},
		})
	}},
	{"ids that are equal when written together are different", anyStore, func(c *storeTrial) {
		c.apart([]tghook.Key{
			{Bot: c.bot, ID: 123},
			{Bot: 10*c.bot + 1, ID: 23},
			{Bot: 100*c.bot + 12, ID: 3},
		})
	}},
}

// apart checks that updates with these keys have nothing in common.
func (c *storeTrial) apart(keys []tghook.Key) {
	c.Helper()
	holders := make([]*replica, len(keys))
	for i, k := range keys {
		holders[i] = c.replica(k)
		holders[i].name = fmt.Sprintf("update %d of bot %d", k.ID, k.Bot)
		holders[i].claims(longLease, granted(1, ""))
	}
	for i, r := range holders {
		if i%2 == 0 {
			r.dones(r.name, success)
		} else {
			r.fails(r.name, success)
		}
	}
	for i, r := range holders {
		want := done(r.name)
		if i%2 == 1 {
			want = granted(2, r.name)
		}
		r.rival().claims(longLease, want)
	}
}
