package tghooktest

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"time"

	"github.com/tghook/tghook"
)

// late has a method act for the holder if the claim is lost.
func late(s *bentStore, next endFunc) endFunc {
	return func(ctx context.Context, c tghook.Claim, text []byte) error {
		err := next(ctx, c, text)
		if last := s.lastOf(c.Key); lost(err) && last.count > 0 && last.claim != c {
			_ = next(ctx, last.claim, text)
			return nil
		}
		return err
	}
}

// punctual has a method refuse a claim whose lease has run out.
func punctual(s *bentStore, next endFunc) endFunc {
	return func(ctx context.Context, c tghook.Claim, text []byte) error {
		if out, _ := s.ranOut(c); out {
			return tghook.ErrClaimLost
		}
		return next(ctx, c, text)
	}
}

// errors gives the errors of Renew, Done, Fail and Release to f.
func onErrors(f func(error) error) func(*bentStore) {
	return func(s *bentStore) {
		s.renew = func(ctx context.Context, c tghook.Claim, lease time.Duration) error {
			return f(s.Renew(ctx, c, lease))
		}
		change := func(next endFunc) endFunc {
			return func(ctx context.Context, c tghook.Claim, text []byte) error { return f(next(ctx, c, text)) }
		}
		s.done, s.fail, s.release = change(s.done), change(s.fail), change(s.release)
	}
}

// results gives what Claim returns to f.
func results(f func(c tghook.Claim, res *tghook.ClaimResult)) func(*bentStore) {
	return func(s *bentStore) {
		s.claim = func(ctx context.Context, c tghook.Claim, lease, ttl time.Duration) (tghook.ClaimResult, error) {
			res, err := s.Claim(ctx, c, lease, ttl)
			f(c, &res)
			return res, err
		}
	}
}

// endBreakages are faults of Done, Fail and Release, and of replies and notes.
var endBreakages = []storeBreakage{
	{"a late Done is let through", func(s *bentStore) { s.done = late(s, s.done) }, []string{
		"a claim that is not granted changes nothing for the one that holds",
		"a late Done of an old holder is refused and changes nothing",
		"a lease runs out while the server is away, and counts",
		"an old holder is refused after the next one has failed",
		"an old holder is refused after the next one has succeeded",
		"an update that has succeeded is granted to nobody",
		"fences that differ in the case of a letter are different",
	}, false},
	{"a late Fail is let through", func(s *bentStore) { s.fail = late(s, s.fail) }, []string{
		"a claim that is not granted changes nothing for the one that holds",
		"a late Fail of an old holder is refused and changes nothing",
		"an old holder is refused after the next one has failed",
		"an old holder is refused after the next one has succeeded",
		"an update that has succeeded is granted to nobody",
		"fences that differ in the case of a letter are different",
	}, false},
	{"a late Release is let through", func(s *bentStore) { s.release = late(s, s.release) }, []string{
		"a claim that is not granted changes nothing for the one that holds",
		"a late Release of an old holder is refused and changes nothing",
		"an old holder is refused after the next one has failed",
		"an old holder is refused after the next one has succeeded",
		"an update that has succeeded is granted to nobody",
		"fences that differ in the case of a letter are different",
	}, false},
	{"a late Renew is let through", func(s *bentStore) {
		s.renew = func(ctx context.Context, c tghook.Claim, lease time.Duration) error {
			err := s.Renew(ctx, c, lease)
			if last := s.lastOf(c.Key); lost(err) && last.count > 0 && last.claim != c {
				return s.Renew(ctx, last.claim, lease)
			}
			return err
		}
	}, []string{
		"a claim that is not granted changes nothing for the one that holds",
		"a late Renew of an old holder is refused and changes nothing",
		"fences that differ in the case of a letter are different",
	}, false},
	{"Done is refused when the lease has run out", func(s *bentStore) { s.done = punctual(s, s.done) }, []string{
		"Done succeeds after the lease has run out, while no other claim was granted",
		"the ttl begins anew with Done",
	}, false},
	{"Fail is refused when the lease has run out", func(s *bentStore) { s.fail = punctual(s, s.fail) }, []string{"Fail after the lease has run out counts as one attempt"}, false},
	{"Release is refused when the lease has run out", func(s *bentStore) { s.release = punctual(s, s.release) }, []string{"Release after the lease has run out does not count"}, false},
	{"Renew is refused when the lease has run out", func(s *bentStore) {
		s.renew = func(ctx context.Context, c tghook.Claim, lease time.Duration) error {
			if out, _ := s.ranOut(c); out {
				return tghook.ErrClaimLost
			}
			return s.Renew(ctx, c, lease)
		}
	}, []string{
		"Renew succeeds after the lease has run out, while no other claim was granted",
		"the ttl begins anew with Renew",
	}, false},
	{"a lost claim is no error", onErrors(func(err error) error {
		if lost(err) {
			return nil
		}
		return err
	}), []string{
		"a Release that comes before its Claim is refused, and the claim is granted",
		"a claim that has failed is refused",
		"a claim that has succeeded is refused by Renew, Fail and Release",
		"a claim that the Store does not know is refused and leaves nothing",
		"a claim that was released is refused",
		"a late Done of an old holder is refused and changes nothing",
	}, true},
	{"a lost claim is an error of another kind", onErrors(func(err error) error {
		if lost(err) {
			return errRefused
		}
		return err
	}), []string{
		"a Release that comes before its Claim is refused, and the claim is granted",
		"a claim that has failed is refused",
		"a claim that has succeeded is refused by Renew, Fail and Release",
		"a claim that the Store does not know is refused and leaves nothing",
		"a claim that was released is refused",
	}, true},
	{"Done is not idempotent", func(s *bentStore) {
		var ended sync.Map
		done := s.done
		s.done = func(ctx context.Context, c tghook.Claim, reply []byte) error {
			if _, again := ended.Load(c); again {
				return tghook.ErrClaimLost
			}
			err := done(ctx, c, reply)
			if err == nil {
				ended.Store(c, true)
			}
			return err
		}
	}, []string{
		"a Done that is repeated at once succeeds each time",
		"a repeated Done succeeds and changes nothing",
		"what the Store has answered is known after its server was killed",
	}, false},
	{"a repeated Done replaces the reply", func(s *bentStore) {
		var replies sync.Map
		done := s.done
		s.done = func(ctx context.Context, c tghook.Claim, reply []byte) error {
			err := done(ctx, c, reply)
			if err == nil {
				replies.Store(c.Key, bytes.Clone(reply))
			}
			return err
		}
		s.claim = func(ctx context.Context, c tghook.Claim, lease, ttl time.Duration) (tghook.ClaimResult, error) {
			res, err := s.Claim(ctx, c, lease, ttl)
			if reply, ok := replies.Load(c.Key); ok && res.State == tghook.ClaimDone {
				res.Reply = reply.([]byte)
			}
			return res, err
		}
	}, []string{"a repeated Done succeeds and changes nothing"}, false},
	{"Done of whatever has succeeded succeeds", func(s *bentStore) {
		var ended sync.Map
		done := s.done
		s.done = func(ctx context.Context, c tghook.Claim, reply []byte) error {
			err := done(ctx, c, reply)
			if _, succeeded := ended.Load(c.Key); lost(err) && succeeded {
				return nil
			}
			if err == nil {
				ended.Store(c.Key, true)
			}
			return err
		}
	}, []string{
		"an old holder is refused after the next one has succeeded",
		"an update that has succeeded is granted to nobody",
	}, false},
	{"a success is granted again", func(s *bentStore) {
		s.done = func(ctx context.Context, c tghook.Claim, _ []byte) error { return s.Release(ctx, c) }
	}, []string{
		"a call whose context ends on the way may be repeated",
		"a reply is kept byte for byte",
		"a success is kept for the ttl, also after the lease",
		"albums: albums and claims of a bot do not meet",
		"no reply may be nil or empty",
	}, true},
	{"the reply is forgotten", results(func(_ tghook.Claim, res *tghook.ClaimResult) { res.Reply = nil }), []string{
		"a call whose context ends on the way may be repeated",
		"a reply is kept byte for byte",
		"a success is kept for the ttl, also after the lease",
		"albums: albums and claims of a bot do not meet",
		"each update has a ttl of its own",
	}, true},
	{"the reply goes through a string of text", results(func(_ tghook.Claim, res *tghook.ClaimResult) {
		res.Reply = []byte(strings.ToValidUTF8(string(res.Reply), "\ufffd"))
	}), []string{
		"a reply is kept byte for byte",
		"a reply of 1 MiB is kept",
		"a reply of 20 MB is kept",
	}, false},
	{"the reply is cut at 64 KiB", results(func(_ tghook.Claim, res *tghook.ClaimResult) {
		res.Reply = res.Reply[:min(len(res.Reply), 64<<10)]
	}), []string{
		"a reply of 1 MiB is kept",
		"a reply of 20 MB is kept",
	}, false},
	{"a reply of more than 1 MiB is refused", func(s *bentStore) {
		done := s.done
		s.done = func(ctx context.Context, c tghook.Claim, reply []byte) error {
			if len(reply) > 1<<20 {
				return errRefused
			}
			return done(ctx, c, reply)
		}
	}, []string{"a reply of 20 MB is kept"}, false},
	{"no reply is null", func(s *bentStore) {
		done := s.done
		s.done = func(ctx context.Context, c tghook.Claim, reply []byte) error {
			if len(reply) == 0 {
				reply = []byte("null")
			}
			return done(ctx, c, reply)
		}
	}, []string{
		"no reply may be nil or empty",
		"what the Store has answered is known after its server was killed",
	}, false},
	{"Release counts", func(s *bentStore) {
		s.release = func(ctx context.Context, c tghook.Claim, _ []byte) error {
			return s.Fail(ctx, c, s.lastOf(c.Key).note)
		}
	}, []string{
		"Release after the lease has run out does not count",
		"Release keeps the note and the attempts before it",
		"a call whose context has ended returns, and says nothing that is not so",
		"a claim that was released is refused",
		"an update that was released is granted at once, as the same attempt",
		"attempts count failures and leases that ran out, and not releases",
		"what the Store has answered is known after its server was killed",
	}, false},
	{"Release removes the update", func(s *bentStore) {
		release := s.release
		s.release = func(ctx context.Context, c tghook.Claim, _ []byte) error {
			err := release(ctx, c, nil)
			if err == nil {
				s.forget(c.Key)
			}
			return err
		}
	}, []string{
		"Release keeps the note and the attempts before it",
		"attempts count failures and leases that ran out, and not releases",
	}, false},
	{"Fail does not count", func(s *bentStore) {
		s.fail = func(ctx context.Context, c tghook.Claim, _ []byte) error { return s.Release(ctx, c) }
	}, []string{
		"Fail after the lease has run out counts as one attempt",
		"Fail replaces the note, also by an empty one",
		"Release keeps the note and the attempts before it",
		"a failure is kept for the ttl, also after the lease",
		"an update that has failed is granted at once, as the next attempt and with the note",
	}, true},
	{"Fail after the lease counts twice", func(s *bentStore) {
		fail := s.fail
		s.fail = func(ctx context.Context, c tghook.Claim, note []byte) error {
			out, own := s.ranOut(c)
			err := fail(ctx, c, note)
			if err == nil && out && own {
				_, _ = s.Claim(ctx, c, longLease, longTTL)
				_ = fail(ctx, c, note)
			}
			return err
		}
	}, []string{
		"Fail after the lease has run out counts as one attempt",
	}, false},
	{"Release after the lease counts", func(s *bentStore) {
		s.release = func(ctx context.Context, c tghook.Claim, _ []byte) error {
			if out, own := s.ranOut(c); out && own {
				return s.Fail(ctx, c, s.lastOf(c.Key).note)
			}
			return s.Release(ctx, c)
		}
	}, []string{
		"Release after the lease has run out does not count",
	}, false},
	{"Fail does nothing, and the lease has to run out", func(s *bentStore) {
		s.fail = func(context.Context, tghook.Claim, []byte) error { return nil }
	}, []string{
		"Fail after the lease has run out counts as one attempt",
		"Fail replaces the note, also by an empty one",
		"a claim that was released is refused",
		"a failure is kept for the ttl, also after the lease",
		"an update that has failed is granted at once, as the next attempt and with the note",
	}, true},
	{"Release does nothing, and the lease has to run out", func(s *bentStore) {
		s.release = func(context.Context, tghook.Claim, []byte) error { return nil }
	}, []string{
		"Release after the lease has run out does not count",
		"Release keeps the note and the attempts before it",
		"a Release that comes before its Claim is refused, and the claim is granted",
		"a claim that was released is refused",
		"an update that was released is granted at once, as the same attempt",
	}, true},
	{"the note is lost", results(func(_ tghook.Claim, res *tghook.ClaimResult) { res.Note = nil }), []string{
		"Fail after the lease has run out counts as one attempt",
		"Fail replaces the note, also by an empty one",
		"Release keeps the note and the attempts before it",
		"a failure is kept for the ttl, also after the lease",
		"an update that has failed is granted at once, as the next attempt and with the note",
	}, true},
	{"the first note stays", func(s *bentStore) {
		var notes sync.Map
		fail := s.fail
		s.fail = func(ctx context.Context, c tghook.Claim, note []byte) error {
			first, _ := notes.LoadOrStore(c.Key, bytes.Clone(note))
			return fail(ctx, c, first.([]byte))
		}
	}, []string{
		"Fail replaces the note, also by an empty one",
		"a note is kept byte for byte",
		"attempts count failures and leases that ran out, and not releases",
	}, false},
	{"an empty note leaves the one before", func(s *bentStore) {
		fail := s.fail
		s.fail = func(ctx context.Context, c tghook.Claim, note []byte) error {
			if len(note) == 0 {
				note = s.lastOf(c.Key).note
			}
			return fail(ctx, c, note)
		}
	}, []string{"Fail replaces the note, also by an empty one"}, false},
	{"a note is text", func(s *bentStore) {
		fail := s.fail
		s.fail = func(ctx context.Context, c tghook.Claim, note []byte) error {
			return fail(ctx, c, []byte(strings.ToValidUTF8(string(note), "\ufffd")))
		}
	}, []string{"a note is kept byte for byte"}, false},
	{"all updates have one note", func(s *bentStore) {
		var mu sync.Mutex
		var shared []byte
		fail := s.fail
		s.fail = func(ctx context.Context, c tghook.Claim, note []byte) error {
			err := fail(ctx, c, note)
			if err == nil {
				mu.Lock()
				defer mu.Unlock()
				shared = bytes.Clone(note)
			}
			return err
		}
		s.claim = func(ctx context.Context, c tghook.Claim, lease, ttl time.Duration) (tghook.ClaimResult, error) {
			res, err := s.Claim(ctx, c, lease, ttl)
			if res.State == tghook.ClaimGranted {
				mu.Lock()
				defer mu.Unlock()
				res.Note = shared
			}
			return res, err
		}
	}, []string{
		"a call whose context has ended returns, and says nothing that is not so",
		"ids may be negative, zero and the largest",
		"ids that differ by little or by much are different",
		"updates of many bots with the same id do not meet",
		"what the Store has answered is known after its server was killed",
	}, true},
	{"Release before Claim refuses the claim", func(s *bentStore) {
		var released sync.Map
		release := s.release
		s.release = func(ctx context.Context, c tghook.Claim, _ []byte) error {
			err := release(ctx, c, nil)
			if lost(err) {
				released.Store(c, true)
			}
			return err
		}
		s.claim = func(ctx context.Context, c tghook.Claim, lease, ttl time.Duration) (tghook.ClaimResult, error) {
			if _, ok := released.Load(c); ok {
				return tghook.ClaimResult{}, tghook.ErrClaimLost
			}
			return s.Claim(ctx, c, lease, ttl)
		}
	}, []string{
		"a Release that comes before its Claim is refused, and the claim is granted",
		"an old holder is refused after the next one has succeeded",
	}, false},
	{"Fail of an unknown claim counts", func(s *bentStore) {
		fail := s.fail
		s.fail = func(ctx context.Context, c tghook.Claim, note []byte) error {
			if s.lastOf(c.Key).count == 0 {
				_, _ = s.Claim(ctx, c, longLease, longTTL)
				_ = fail(ctx, c, note)
				return tghook.ErrClaimLost
			}
			return fail(ctx, c, note)
		}
	}, []string{"a claim that the Store does not know is refused and leaves nothing"}, false},
	{"Done of an unknown claim succeeds", func(s *bentStore) {
		done := s.done
		s.done = func(ctx context.Context, c tghook.Claim, reply []byte) error {
			if s.lastOf(c.Key).count == 0 {
				_, _ = s.Claim(ctx, c, longLease, longTTL)
			}
			return done(ctx, c, reply)
		}
	}, []string{"a claim that the Store does not know is refused and leaves nothing"}, false},
}
