package tghooktest

import (
	"context"
	"errors"
	"time"

	"github.com/tghook/tghook"
)

// callCases are about calls whose context ends. Such a call may have had its effect or not.
var callCases = []storeCase{
	{"a call whose context has ended returns, and says nothing that is not so", anyStore, endedContexts},
	{"a call whose context ends on the way may be repeated", anyStore, endingContexts},
}

// bad reports whether a call that says nothing of its outcome must not return an error.
func bad(err error) bool {
	return errors.Is(err, errHung) || errors.Is(err, tghook.ErrClaimLost) || errors.Is(err, tghook.ErrAlbumChanged)
}

func endedContexts(c *storeTrial) {
	ended, cancel := context.WithCancel(c.Context())
	cancel()
	a, b := c.two()
	// whole checks that an error is that of the context, and repeats the call.
	whole := func(method string, f func(ctx context.Context) error) {
		c.Helper()
		if err := do(ended, c.patience, f); err == nil || bad(err) {
			c.same(method+" whose context has ended", outcome(err), success)
			return
		}
		c.same(method+", repeated", outcome(do(c.Context(), c.patience, f)), success)
	}
	whole("Claim", func(ctx context.Context) error {
		res, err := a.store.Claim(ctx, a.claim, longLease, longTTL)
		if err == nil {
			c.same("Claim", told(res, nil), granted(1, ""))
		}
		return err
	})
	b.claims(longLease, elsewhere)
	whole("Renew", func(ctx context.Context) error { return a.store.Renew(ctx, a.claim, longLease) })
	whole("Done", func(ctx context.Context) error { return a.store.Done(ctx, a.claim, []byte("reply")) })
	b.claims(longLease, done("reply"))

	for _, end := range []struct {
		method string
		f      func(ctx context.Context, r *replica) error
		want   string
	}{
		{"Fail", func(ctx context.Context, r *replica) error { return r.store.Fail(ctx, r.claim, []byte("note")) }, granted(2, "note")},
		{"Release", func(ctx context.Context, r *replica) error { return r.store.Release(ctx, r.claim) }, granted(1, "")},
	} {
		a, b := c.two()
		a.claims(longLease, granted(1, ""))
		err := do(ended, c.patience, func(ctx context.Context) error { return end.f(ctx, a) })
		if bad(err) {
			c.same(end.method+" whose context has ended", outcome(err), success)
		}
		if got := told(b.tryClaim(longLease, longTTL)); err == nil || got != elsewhere {
			c.same("Claim after "+end.method, got, end.want)
		}
	}
}

// endingContexts repeats each call until it succeeds. Each time its context lasts longer.
func endingContexts(c *storeTrial) {
	rows := make([]*replica, 40)
	for i := range rows {
		rows[i] = c.replica(c.update())
	}
	got := make([]string, len(rows))
	atOnce(len(rows), func(i int) {
		limit := time.Duration(i+1) * 20 * time.Microsecond
		if got[i] = rows[i].surelyClaims(limit); got[i] == granted(1, "") {
			got[i] = outcome(rows[i].surelyDone(limit, []byte("reply")))
		}
	})
	for i, r := range rows {
		c.same(r.name+": Claim and Done", got[i], success)
		r.rival().claims(longLease, done("reply"))
	}
}

// retry calls a method until its outcome is known. The context of the first call
// ends after a limit, and that of each further one later. It waits between the calls: a client
// may have to make its connections anew.
func retry[T any](j judge, limit time.Duration, method func(ctx context.Context) (T, error)) (T, error) {
	began := time.Now()
	for {
		v, err := call(j.Context(), limit, method)
		if err == nil || outcome(err) == claimLost || errors.Is(err, errHung) || time.Since(began) > j.patience {
			return v, err
		}
		time.Sleep(min(limit, pollStore))
		limit = min(2*limit, j.patience)
	}
}

// surelyClaims calls Claim until its outcome is known, and returns that.
func (r *replica) surelyClaims(limit time.Duration) string {
	return told(retry(r.judge, limit, func(ctx context.Context) (tghook.ClaimResult, error) {
		return r.store.Claim(ctx, r.claim, longLease, longTTL)
	}))
}

// surelyDone calls Done until its outcome is known.
func (r *replica) surelyDone(limit time.Duration, reply []byte) error {
	_, err := retry(r.judge, limit, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, r.store.Done(ctx, r.claim, reply)
	})
	return err
}
