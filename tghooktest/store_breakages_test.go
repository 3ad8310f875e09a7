package tghooktest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/memstore"
)

// claimBreakages are faults of Claim and Renew, and of what the Store is told by keys.
var claimBreakages = []storeBreakage{
	{"SETNX without a fence", withoutFence, []string{
		"a claim that is not granted changes nothing for the one that holds",
		"a lease runs out while the server is away, and counts",
		"an update that has succeeded is granted to nobody",
		"a late Done of an old holder is refused and changes nothing",
	}, true},
	{"no call is atomic", notAtomic, []string{
		"Done and a takeover at once: the update has succeeded or is taken over",
		"Fail and a takeover at once: the attempt counts once",
		"Release and a takeover at once: the attempt counts if the lease was taken over",
		"Renew and a takeover at once: one of them has the update",
		"a Store whose server is away returns an error soon, and works again by itself",
		"of a crowd that claims one update at once, exactly one is granted",
		"of many processes that claim an update at once, exactly one is granted",
		"of many processes that take over an update at once, exactly one is granted",
	}, false},
	{"calls that meet are refused by an error", meeting, []string{
		"Done and a takeover at once: the update has succeeded or is taken over",
		"a Claim that is repeated at once is granted each time as the same attempt",
		"a Done that is repeated at once succeeds each time",
		"of a crowd that claims one update at once, exactly one is granted",
		"of many processes that claim an update at once, exactly one is granted",
		"of many processes that take over an update at once, exactly one is granted",
	}, false},
	{"the lease never ends", func(s *bentStore) {
		s.claim = func(ctx context.Context, c tghook.Claim, _, ttl time.Duration) (tghook.ClaimResult, error) {
			return s.Claim(ctx, c, time.Hour, ttl)
		}
		s.renew = func(ctx context.Context, c tghook.Claim, _ time.Duration) error {
			return s.Renew(ctx, c, time.Hour)
		}
	}, []string{
		"Renew may make the lease shorter",
		"RetryIn is how long the lease still runs, or zero",
		"a lease that has run out is taken over as the next attempt",
		"the ttl begins anew when a claim is granted",
		"the ttl begins anew with Renew",
	}, true},
	{"the lease is ignored", func(s *bentStore) {
		s.claim = func(ctx context.Context, c tghook.Claim, _, ttl time.Duration) (tghook.ClaimResult, error) {
			return s.Claim(ctx, c, 0, ttl)
		}
	}, []string{
		"RetryIn is how long the lease still runs, or zero",
		"an update is kept while its lease runs, also after its ttl",
		"an update that was released is granted at once, as the same attempt",
		"of a crowd that claims one update at once, exactly one is granted",
		"of two processes that claim an update, the second is told that it is elsewhere",
		"a lease runs for its whole time, whoever asks",
	}, true},
	{"the lease has a wrong unit", func(s *bentStore) {
		s.claim = func(ctx context.Context, c tghook.Claim, lease, ttl time.Duration) (tghook.ClaimResult, error) {
			return s.Claim(ctx, c, lease/1000, ttl)
		}
	}, []string{
		"RetryIn is how long the lease still runs, or zero",
		"a lease runs for its whole time, whoever asks",
		"a repeated Claim lets the lease begin anew",
		"an update is kept while its lease runs, also after its ttl",
	}, false},
	{"RetryIn has a wrong unit", func(s *bentStore) {
		s.claim = func(ctx context.Context, c tghook.Claim, lease, ttl time.Duration) (tghook.ClaimResult, error) {
			res, err := s.Claim(ctx, c, lease, ttl)
			res.RetryIn /= time.Second
			return res, err
		}
	}, []string{"RetryIn is how long the lease still runs, or zero"}, false},
	{"a claim that is not granted takes the lease", func(s *bentStore) {
		s.claim = func(ctx context.Context, c tghook.Claim, lease, ttl time.Duration) (tghook.ClaimResult, error) {
			res, err := s.Claim(ctx, c, lease, ttl)
			if res.State == tghook.ClaimElsewhere {
				_ = s.Release(ctx, s.lastOf(c.Key).claim)
				_, _ = s.Claim(ctx, c, lease, ttl)
			}
			return res, err
		}
	}, []string{
		"a claim that is not granted does not change the ttl",
		"a lease runs for its whole time, whoever asks",
		"an update is kept while its lease runs, also after its ttl",
		"an update is kept while its renewed lease runs, also after its ttl",
	}, true},
	{"a claim that is not granted makes the lease longer", func(s *bentStore) {
		s.claim = func(ctx context.Context, c tghook.Claim, lease, ttl time.Duration) (tghook.ClaimResult, error) {
			res, err := s.Claim(ctx, c, lease, ttl)
			if res.State == tghook.ClaimElsewhere {
				_ = s.Renew(ctx, s.lastOf(c.Key).claim, lease)
			}
			return res, err
		}
	}, []string{
		"Renew may make the lease shorter",
		"a late Claim of an old holder is another claim, which is not granted",
		"a late Done of an old holder is refused and changes nothing",
		"a lease runs for its whole time, whoever asks",
		"a lease that has run out is taken over as the next attempt",
	}, true},
	{"a claim that is not granted makes the lease shorter", func(s *bentStore) {
		s.claim = func(ctx context.Context, c tghook.Claim, lease, ttl time.Duration) (tghook.ClaimResult, error) {
			res, err := s.Claim(ctx, c, lease, ttl)
			if res.State == tghook.ClaimElsewhere && lease < longLease {
				_ = s.Renew(ctx, s.lastOf(c.Key).claim, lease)
			}
			return res, err
		}
	}, []string{"a lease runs for its whole time, whoever asks"}, false},
	{"fences are compared without regard to case", func(s *bentStore) {
		s.claim = func(ctx context.Context, c tghook.Claim, lease, ttl time.Duration) (tghook.ClaimResult, error) {
			c.Fence = strings.ToLower(c.Fence)
			return s.Claim(ctx, c, lease, ttl)
		}
		s.renew = func(ctx context.Context, c tghook.Claim, lease time.Duration) error {
			c.Fence = strings.ToLower(c.Fence)
			return s.Renew(ctx, c, lease)
		}
		lower := func(next endFunc) endFunc {
			return func(ctx context.Context, c tghook.Claim, text []byte) error {
				c.Fence = strings.ToLower(c.Fence)
				return next(ctx, c, text)
			}
		}
		s.done, s.fail, s.release = lower(s.done), lower(s.fail), lower(s.release)
	}, []string{"fences that differ in the case of a letter are different"}, false},
	{"a repeated Claim is a new attempt", func(s *bentStore) {
		s.claim = func(ctx context.Context, c tghook.Claim, lease, ttl time.Duration) (tghook.ClaimResult, error) {
			if last := s.lastOf(c.Key); last.claim == c {
				_ = s.Fail(ctx, c, last.note)
			}
			return s.Claim(ctx, c, lease, ttl)
		}
	}, []string{
		"a Claim that is repeated at once is granted each time as the same attempt",
		"a note is kept byte for byte",
		"a repeated Claim lets the lease begin anew",
		"a repeated Claim whose lease has run out is granted again as the same attempt",
		"the ttl of the last granted claim applies",
		"a repeated Claim is granted again as the same attempt",
	}, true},
	{"a repeated Claim is told that the update is elsewhere", func(s *bentStore) {
		s.claim = func(ctx context.Context, c tghook.Claim, lease, ttl time.Duration) (tghook.ClaimResult, error) {
			if _, own := s.ranOut(c); own {
				return tghook.ClaimResult{State: tghook.ClaimElsewhere}, nil
			}
			return s.Claim(ctx, c, lease, ttl)
		}
	}, []string{
		"a Claim that is repeated at once is granted each time as the same attempt",
		"a repeated Claim lets the lease begin anew",
		"a repeated Claim of an update that has succeeded returns its reply",
		"a repeated Claim whose lease has run out is granted again as the same attempt",
		"the ttl of the last granted claim applies",
		"a repeated Claim is granted again as the same attempt",
	}, true},
	{"a repeated Claim keeps its lease", func(s *bentStore) {
		s.claim = func(ctx context.Context, c tghook.Claim, lease, ttl time.Duration) (tghook.ClaimResult, error) {
			if last := s.lastOf(c.Key); last.claim == c {
				lease = max(0, time.Until(last.until))
			}
			return s.Claim(ctx, c, lease, ttl)
		}
	}, []string{
		"a repeated Claim lets the lease begin anew",
		"a repeated Claim whose lease has run out is granted again as the same attempt",
	}, false},
	{"a repeated Claim counts its own lease if that has run out", func(s *bentStore) {
		s.claim = func(ctx context.Context, c tghook.Claim, lease, ttl time.Duration) (tghook.ClaimResult, error) {
			if out, own := s.ranOut(c); out && own {
				_ = s.Fail(ctx, c, nil)
			}
			return s.Claim(ctx, c, lease, ttl)
		}
	}, []string{"a repeated Claim whose lease has run out is granted again as the same attempt"}, false},
	{"a repeated Claim of a success is granted again", func(s *bentStore) {
		s.claim = func(ctx context.Context, c tghook.Claim, lease, ttl time.Duration) (tghook.ClaimResult, error) {
			res, err := s.Claim(ctx, c, lease, ttl)
			if res.State == tghook.ClaimDone && s.lastOf(c.Key).claim == c {
				res = tghook.ClaimResult{State: tghook.ClaimGranted, Attempt: 1}
			}
			return res, err
		}
	}, []string{
		"a repeated Claim of an update that has succeeded returns its reply",
		"of many processes that claim an update at once, exactly one is granted",
	}, false},
	{"attempts are forgotten", func(s *bentStore) {
		s.claim = func(ctx context.Context, c tghook.Claim, lease, ttl time.Duration) (tghook.ClaimResult, error) {
			res, err := s.Claim(ctx, c, lease, ttl)
			res.Attempt = min(res.Attempt, 1)
			return res, err
		}
	}, []string{
		"Fail after the lease has run out counts as one attempt",
		"Fail replaces the note, also by an empty one",
		"a failure is kept for the ttl, also after the lease",
		"an update that has failed is granted at once, as the next attempt and with the note",
		"the ttl begins anew when a claim is granted",
		"attempts count failures and leases that ran out, and not releases",
	}, true},
	{"attempts count from 0", func(s *bentStore) {
		s.claim = func(ctx context.Context, c tghook.Claim, lease, ttl time.Duration) (tghook.ClaimResult, error) {
			res, err := s.Claim(ctx, c, lease, ttl)
			res.Attempt--
			return res, err
		}
	}, []string{
		"Renew lets the lease begin anew",
		"a new update is granted as attempt 1 without a note",
		"an update is kept while its renewed lease runs, also after its ttl",
		"no reply may be nil or empty",
		"of two processes that claim an update, the second is told that it is elsewhere",
	}, true},
	{"a lease that runs out does not count", func(s *bentStore) {
		s.claim = func(ctx context.Context, c tghook.Claim, lease, ttl time.Duration) (tghook.ClaimResult, error) {
			if out, own := s.ranOut(c); out && !own {
				_ = s.Release(ctx, s.lastOf(c.Key).claim)
			}
			return s.Claim(ctx, c, lease, ttl)
		}
	}, []string{
		"Renew may make the lease shorter",
		"a lease that has run out is taken over as the next attempt",
		"of many processes that take over an update at once, exactly one is granted",
		"the ttl begins anew when a claim is granted",
		"the ttl begins anew with Renew",
		"attempts count failures and leases that ran out, and not releases",
	}, true},
	{"the next claim is granted by the old fence", func(s *bentStore) {
		s.claim = func(ctx context.Context, c tghook.Claim, lease, ttl time.Duration) (tghook.ClaimResult, error) {
			if out, own := s.ranOut(c); out && !own {
				c.Fence = s.lastOf(c.Key).claim.Fence
			}
			return s.Claim(ctx, c, lease, ttl)
		}
	}, []string{
		"Renew may make the lease shorter",
		"a lease that has run out is taken over as the next attempt",
		"of many processes that take over an update at once, exactly one is granted",
		"the ttl begins anew when a claim is granted",
		"the ttl begins anew with Renew",
		"a late Done of an old holder is refused and changes nothing",
	}, true},
	{"Renew does nothing", func(s *bentStore) {
		s.renew = func(context.Context, tghook.Claim, time.Duration) error { return nil }
	}, []string{
		"Renew lets the lease begin anew",
		"Renew succeeds after the lease has run out, while no other claim was granted",
		"a claim that has succeeded is refused by Renew, Fail and Release",
		"a claim that the Store does not know is refused and leaves nothing",
		"a claim that was released is refused",
	}, true},
	{"Renew never makes the lease shorter", func(s *bentStore) {
		s.renew = func(ctx context.Context, c tghook.Claim, lease time.Duration) error {
			return s.Renew(ctx, c, max(lease, time.Until(s.lastOf(c.Key).until)))
		}
	}, []string{"Renew may make the lease shorter"}, false},
	{"bots are mixed up", rekeyed(func(k tghook.Key) tghook.Key { return tghook.Key{ID: k.ID} }), []string{
		"calls that the end of the server cuts off may be repeated, and nothing that was answered is lost",
		"ids that differ by little or by much are different",
		"updates of many bots with the same id do not meet",
	}, false},
	{"ids have 32 bits", rekeyed(func(k tghook.Key) tghook.Key { k.ID = int64(int32(k.ID)); return k }), []string{
		"ids may be negative, zero and the largest",
		"ids that differ by little or by much are different",
	}, false},
	{"ids are floating-point numbers", rekeyed(func(k tghook.Key) tghook.Key { k.ID = int64(float64(k.ID)); return k }), []string{
		"ids may be negative, zero and the largest",
		"ids that differ by little or by much are different",
	}, false},
	{"ids lose their sign", rekeyed(func(k tghook.Key) tghook.Key { k.ID = max(k.ID, -k.ID); return k }), []string{"ids may be negative, zero and the largest"}, false},
	{"keys are written together", rekeyed(func(k tghook.Key) tghook.Key {
		var bot int64
		if _, err := fmt.Sscan(fmt.Sprint(k.Bot, k.ID)[:1], &bot); err != nil {
			return k
		}
		joined := strings.ReplaceAll(fmt.Sprint(k.Bot, " ", k.ID), " ", "")
		return tghook.Key{Bot: int64(len(joined)), ID: hash(joined)}
	}), []string{"ids that are equal when written together are different"}, false},
}

func hash(s string) (h int64) {
	for _, b := range []byte(s) {
		h = h*31 + int64(b)
	}
	return h
}

// withoutFence has Renew, Done, Fail and Release act for whoever holds the update.
func withoutFence(s *bentStore) {
	s.renew = func(ctx context.Context, c tghook.Claim, lease time.Duration) error {
		c.Fence = s.lastOf(c.Key).claim.Fence
		return s.Renew(ctx, c, lease)
	}
	holder := func(next endFunc) endFunc {
		return func(ctx context.Context, c tghook.Claim, text []byte) error {
			c.Fence = s.lastOf(c.Key).claim.Fence
			return next(ctx, c, text)
		}
	}
	s.done, s.fail, s.release = holder(s.done), holder(s.fail), holder(s.release)
}

// rekeyed changes the keys of updates.
func rekeyed(f func(tghook.Key) tghook.Key) func(*bentStore) {
	return func(s *bentStore) {
		s.claim = func(ctx context.Context, c tghook.Claim, lease, ttl time.Duration) (tghook.ClaimResult, error) {
			c.Key = f(c.Key)
			return s.Claim(ctx, c, lease, ttl)
		}
		s.renew = func(ctx context.Context, c tghook.Claim, lease time.Duration) error {
			c.Key = f(c.Key)
			return s.Renew(ctx, c, lease)
		}
		other := func(next endFunc) endFunc {
			return func(ctx context.Context, c tghook.Claim, text []byte) error {
				c.Key = f(c.Key)
				return next(ctx, c, text)
			}
		}
		s.done, s.fail, s.release = other(s.done), other(s.fail), other(s.release)
	}
}

// notAtomic reads, and writes a moment later.
func notAtomic(s *bentStore) {
	var mu sync.Mutex
	rows := map[tghook.Key]memstore.Row{}
	step := func(k tghook.Key, change func(row *memstore.Row) error) error {
		mu.Lock()
		row := rows[k]
		row.Age(time.Now())
		mu.Unlock()
		time.Sleep(time.Millisecond)
		if err := change(&row); err != nil {
			return err
		}
		mu.Lock()
		rows[k] = row
		mu.Unlock()
		return nil
	}
	s.claim = func(_ context.Context, c tghook.Claim, lease, ttl time.Duration) (res tghook.ClaimResult, err error) {
		err = step(c.Key, func(row *memstore.Row) error {
			res = row.Claim(time.Now(), c.Fence, lease, ttl)
			return nil
		})
		return res, err
	}
	s.renew = func(_ context.Context, c tghook.Claim, lease time.Duration) error {
		return step(c.Key, func(row *memstore.Row) error { return row.Renew(time.Now(), c.Fence, lease) })
	}
	s.done = func(_ context.Context, c tghook.Claim, reply []byte) error {
		return step(c.Key, func(row *memstore.Row) error { return row.Succeed(time.Now(), c.Fence, reply) })
	}
	s.fail = func(_ context.Context, c tghook.Claim, note []byte) error {
		return step(c.Key, func(row *memstore.Row) error { return row.Fail(c.Fence, note) })
	}
	s.release = func(_ context.Context, c tghook.Claim, _ []byte) error {
		return step(c.Key, func(row *memstore.Row) error { return row.Release(c.Fence) })
	}
}

// meeting returns an error for a call during another one for the same update, as a database
// does for transactions that it cannot serialize.
func meeting(s *bentStore) {
	var mu sync.Mutex
	busy := map[tghook.Key]bool{}
	enter := func(k tghook.Key) error {
		mu.Lock()
		defer mu.Unlock()
		if busy[k] {
			return errRefused
		}
		busy[k] = true
		return nil
	}
	leave := func(k tghook.Key) {
		time.Sleep(time.Millisecond)
		mu.Lock()
		defer mu.Unlock()
		delete(busy, k)
	}
	s.claim = func(ctx context.Context, c tghook.Claim, lease, ttl time.Duration) (tghook.ClaimResult, error) {
		if err := enter(c.Key); err != nil {
			return tghook.ClaimResult{}, err
		}
		defer leave(c.Key)
		return s.Claim(ctx, c, lease, ttl)
	}
	done := s.done
	s.done = func(ctx context.Context, c tghook.Claim, reply []byte) error {
		if err := enter(c.Key); err != nil {
			return err
		}
		defer leave(c.Key)
		return done(ctx, c, reply)
	}
}
