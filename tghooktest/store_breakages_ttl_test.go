package tghooktest

import (
	"context"
	"sync"
	"time"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/memstore"
)

func (s *bentStore) forget(k tghook.Key) {
	s.Set(func(s *memstore.Store) { delete(s.Rows, k) })
}

// A keeping is how a Store decides when to forget an update.
type keeping struct {
	mu    sync.Mutex
	until map[tghook.Key]time.Time
	ttl   map[tghook.Key]time.Duration
	runs  map[tghook.Key]time.Time // how long the lease runs
}

// A keepRule runs after each call that succeeds.
type keepRule func(k *keeping, key tghook.Key, method string, granted bool, lease, ttl time.Duration)

// anew lets the ttl of an update begin.
func (k *keeping) anew(key tghook.Key, ttl time.Duration) { k.until[key] = time.Now().Add(ttl) }

// forgetting has a Store forget updates by a rule. If it is strict, also those whose lease runs.
func forgetting(rule keepRule, strict bool) func(*bentStore) {
	return func(s *bentStore) {
		k := &keeping{until: map[tghook.Key]time.Time{}, ttl: map[tghook.Key]time.Duration{}, runs: map[tghook.Key]time.Time{}}
		begin := func(c tghook.Claim) {
			k.mu.Lock()
			defer k.mu.Unlock()
			until, known := k.until[c.Key]
			if known && !time.Now().Before(until) && (strict || !time.Now().Before(k.runs[c.Key])) {
				s.forget(c.Key)
				delete(k.until, c.Key)
				delete(k.ttl, c.Key)
			}
		}
		end := func(c tghook.Claim, method string, granted bool, lease, ttl time.Duration) {
			k.mu.Lock()
			defer k.mu.Unlock()
			switch {
			case granted, method == "Renew":
				k.runs[c.Key] = time.Now().Add(lease)
			case method != "Claim":
				delete(k.runs, c.Key)
			}
			rule(k, c.Key, method, granted, lease, ttl)
		}
		s.claim = func(ctx context.Context, c tghook.Claim, lease, ttl time.Duration) (tghook.ClaimResult, error) {
			begin(c)
			res, err := s.Claim(ctx, c, lease, 24*time.Hour)
			if err == nil {
				end(c, "Claim", res.State == tghook.ClaimGranted, lease, ttl)
			}
			return res, err
		}
		s.renew = func(ctx context.Context, c tghook.Claim, lease time.Duration) error {
			begin(c)
			err := s.Renew(ctx, c, lease)
			if err == nil {
				end(c, "Renew", false, lease, 0)
			}
			return err
		}
		ending := func(method string, next endFunc) endFunc {
			return func(ctx context.Context, c tghook.Claim, text []byte) error {
				begin(c)
				err := next(ctx, c, text)
				if err == nil {
					end(c, method, false, 0, 0)
				}
				return err
			}
		}
		s.done, s.fail, s.release = ending("Done", s.done), ending("Fail", s.fail), ending("Release", s.release)
	}
}

// keepRight is the rule of the contract, but for some methods.
func keepRight(without string) keepRule {
	return func(k *keeping, key tghook.Key, method string, granted bool, _, ttl time.Duration) {
		_, known := k.until[key]
		switch {
		case method == without && known:
		case method == "Claim" && granted:
			k.ttl[key] = ttl
			k.anew(key, ttl)
		case method == "Renew", method == "Done":
			k.anew(key, k.ttl[key])
		}
	}
}

// ttlBreakages are Stores that forget too early.
var ttlBreakages = []storeBreakage{
	{"an update is forgotten with its lease", forgetting(func(k *keeping, key tghook.Key, method string, granted bool, lease, _ time.Duration) {
		if granted || method == "Renew" {
			k.anew(key, lease)
		}
	}, true), []string{
		"Done succeeds after the lease has run out, while no other claim was granted",
		"Release after the lease has run out does not count",
		"Renew succeeds after the lease has run out, while no other claim was granted",
		"a failure is kept for the ttl, also after the lease",
		"a success is kept for the ttl, also after the lease",
	}, true},
	{"an update is forgotten after its ttl though its lease runs", forgetting(keepRight(""), true), []string{
		"an update is kept while its lease runs, also after its ttl",
		"an update is kept while its renewed lease runs, also after its ttl",
	}, false},
	{"the ttl does not begin anew with Claim", forgetting(keepRight("Claim"), false), []string{
		"the ttl begins anew when a claim is granted",
		"the ttl of the last granted claim applies",
	}, false},
	{"the ttl does not begin anew with Renew", forgetting(keepRight("Renew"), false), []string{"the ttl begins anew with Renew"}, false},
	{"the ttl does not begin anew with Done", forgetting(keepRight("Done"), false), []string{"the ttl begins anew with Done"}, false},
	{"the ttl of the first claim applies", forgetting(func(k *keeping, key tghook.Key, method string, granted bool, _, ttl time.Duration) {
		if first, known := k.ttl[key]; known {
			ttl = first
		}
		if granted {
			k.ttl[key] = ttl
		}
		if granted || method == "Renew" || method == "Done" {
			k.anew(key, ttl)
		}
	}, false), []string{"the ttl of the last granted claim applies"}, false},
	{"the ttl of a claim that is not granted applies", forgetting(func(k *keeping, key tghook.Key, method string, granted bool, lease, ttl time.Duration) {
		keepRight("")(k, key, method, granted || method == "Claim", lease, ttl)
	}, false), []string{"a claim that is not granted does not change the ttl"}, false},
	{"all updates have one ttl", forgetting(func(k *keeping, key tghook.Key, method string, granted bool, lease, ttl time.Duration) {
		keepRight("")(k, key, method, granted, lease, ttl)
		for other := range k.ttl {
			if granted {
				k.ttl[other] = ttl
			}
		}
	}, false), []string{"each update has a ttl of its own"}, false},
}
