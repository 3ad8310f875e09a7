package tghooktest

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tghook/tghook"
)

// A queueTrial is one case run on one QueueBackend.
type queueTrial struct {
	judge
	QueueBackend

	bot     int64 // the case's own
	crowd   int   // processes that act at once
	shaky   bool  // the server has been away, and a client may still have connections to it
	updates int64 // that the case has made
	calls   int
}

const (
	// moment is how long a case waits before it believes that nothing can be taken.
	moment = 100 * time.Millisecond
	// soon is how long a waiting Take may need to notice an update.
	soon = 10 * time.Second
)

// update returns an update that the Queue does not know.
func (c *queueTrial) update(lane string) tghook.QueuedUpdate {
	c.updates++
	return c.numbered(c.updates, lane)
}

func (c *queueTrial) numbered(id int64, lane string) tghook.QueuedUpdate {
	return tghook.QueuedUpdate{Key: tghook.Key{Bot: c.bot, ID: id}, Lane: lane, Raw: fmt.Appendf(nil, `{"update_id":%d}`, id)}
}

// inLane returns n updates of a lane.
func (c *queueTrial) inLane(lane string, n int) []tghook.QueuedUpdate {
	updates := make([]tghook.QueuedUpdate, n)
	for i := range updates {
		updates[i] = c.update(lane)
	}
	return updates
}

// process returns the Queues of the two processes in turn.
func (c *queueTrial) process() tghook.Queue {
	c.calls++
	if c.calls%2 == 0 {
		return c.Other
	}
	return c.Queue
}

// failed returns an update as Take returns it after attempts, with the note of the last Fail.
func failed(u tghook.QueuedUpdate, attempts int, note string) tghook.QueuedUpdate {
	u.Attempts, u.Note = attempts, []byte(note)
	return u
}

// described describes an update of Take, without the fields that the engine cannot know.
func (c *queueTrial) described(u tghook.QueuedUpdate) string {
	text := fmt.Sprintf("update %d of bot %d in lane %q", u.Key.ID, u.Key.Bot, u.Lane)
	if unless(GapAttempts)(c.QueueBackend) {
		text += fmt.Sprintf(" after %d attempts", u.Attempts)
	}
	if unless(GapNotes)(c.QueueBackend) {
		text += fmt.Sprintf(" with note %q", u.Note)
	}
	if len(u.Reply) > 0 {
		text += fmt.Sprintf(" with reply %q", u.Reply)
	}
	return text
}

// asked calls a method of a Queue, and again if its outcome is unknown and the Queue is shaky.
func asked(c *queueTrial, method func(ctx context.Context) error) error {
	if c.shaky {
		return surely(c, method)
	}
	return do(c.Context(), c.patience, method)
}

// surely calls a method of a Queue until its outcome is known.
func surely(c *queueTrial, method func(ctx context.Context) error) error {
	_, err := retry(c.judge, c.patience, func(ctx context.Context) (struct{}, error) { return struct{}{}, method(ctx) })
	return err
}

// publishes has one process publish updates, in one call.
func (c *queueTrial) publishes(updates ...tghook.QueuedUpdate) {
	c.Helper()
	q := c.process()
	err := asked(c, func(ctx context.Context) error { return q.Publish(ctx, updates...) })
	c.same("Publish", outcome(err), success)
}

// tryTake takes the updates that can be taken within a time. There may be none.
func (c *queueTrial) tryTake(q tghook.Queue, within time.Duration, limit int, lease time.Duration) []leased {
	c.Helper()
	return c.tryTakeOf(q, c.bot, within, limit, lease)
}

func (c *queueTrial) tryTakeOf(q tghook.Queue, bot int64, within time.Duration, limit int, lease time.Duration) []leased {
	c.Helper()
	began := time.Now()
	taken, err := call(c.Context(), within, func(ctx context.Context) ([]tghook.QueuedUpdate, error) {
		return q.Take(ctx, bot, limit, lease)
	})
	switch over := time.Since(began) >= within; {
	case err == nil && len(taken) == 0 && !over:
		c.Errorf("Take: got nothing after %v, and its context ends after %v", time.Since(began), within)
	case len(taken) > limit:
		c.Errorf("Take: got %d updates, want at most %d", len(taken), limit)
	case bad(err), err != nil && !over && !c.shaky:
		c.same("Take", outcome(err), success)
	}
	return c.leases(q, taken)
}

// A leased is an update with the process that has taken it.
type leased struct {
	*queueTrial

	queue tghook.Queue
	got   tghook.QueuedUpdate
}

// leases returns updates that a process has taken.
func (c *queueTrial) leases(q tghook.Queue, taken []tghook.QueuedUpdate) []leased {
	all := make([]leased, len(taken))
	for i, u := range taken {
		all[i] = leased{c, q, u}
	}
	return all
}

func got(all []leased) []tghook.QueuedUpdate {
	updates := make([]tghook.QueuedUpdate, len(all))
	for i, l := range all {
		updates[i] = l.got
	}
	return updates
}

// takes has one process take one update, and checks which it is.
func (c *queueTrial) takes(lease time.Duration, want tghook.QueuedUpdate) leased {
	c.Helper()
	return c.takesBy(c.process(), lease, want)
}

func (c *queueTrial) takesBy(q tghook.Queue, lease time.Duration, want tghook.QueuedUpdate) leased {
	c.Helper()
	return c.takesOneOf(q, lease, c.patience, want)
}

func (c *queueTrial) takesOneOf(q tghook.Queue, lease, within time.Duration, want tghook.QueuedUpdate) leased {
	c.Helper()
	taken := c.collect(q, want.Key.Bot, within, 1, lease)
	if len(taken) == 0 {
		c.Fatalf("Take: got nothing within %v, want %s", within, c.described(want))
	}
	taken[0].is(want)
	return taken[0]
}

// is checks the fields of an update that Take has returned.
func (l leased) is(want tghook.QueuedUpdate) {
	l.Helper()
	l.same("Take", l.described(l.got), l.described(want))
	if !bytes.Equal(l.got.Raw, want.Raw) {
		l.Errorf("Take: the bytes of update %d: got %s, want %s", l.got.Key.ID, short(string(l.got.Raw)), short(string(want.Raw)))
	}
}

// collect calls Take until it has n updates, or until a time is over. The updates must not
// be of one lane: an engine may hand out one update of a lane at a time.
func (c *queueTrial) collect(q tghook.Queue, bot int64, within time.Duration, n int, lease time.Duration) (taken []leased) {
	c.Helper()
	began := time.Now()
	for len(taken) < n && time.Since(began) < within {
		some := c.tryTakeOf(q, bot, within-time.Since(began), n-len(taken), lease)
		if len(some) == 0 {
			time.Sleep(pollStore) // if there was an error
		}
		taken = append(taken, some...)
	}
	return taken
}

// takesAll takes updates of different lanes in any order, for a long lease. It returns them in the
// order of want.
func (c *queueTrial) takesAll(want ...tghook.QueuedUpdate) []leased {
	c.Helper()
	return c.takesAllBy(c.process(), want...)
}

func (c *queueTrial) takesAllBy(q tghook.Queue, want ...tghook.QueuedUpdate) []leased {
	c.Helper()
	taken := c.collect(q, c.bot, c.patience, len(want), longLease)
	place := func(k tghook.Key) int {
		return slices.IndexFunc(want, func(u tghook.QueuedUpdate) bool { return u.Key == k })
	}
	slices.SortStableFunc(taken, func(a, b leased) int { return cmp.Compare(place(a.got.Key), place(b.got.Key)) })
	if c.list(got(taken)) != c.list(want) {
		c.Fatalf("Take: got %s, want %s", c.list(got(taken)), c.list(want))
	}
	return taken
}

func (c *queueTrial) list(updates []tghook.QueuedUpdate) string {
	texts := make([]string, len(updates))
	for i, u := range updates {
		texts[i] = c.described(u)
	}
	return strings.Join(texts, ", ")
}

// takesSome takes the oldest of some updates of a lane, and as many behind it as the engine
// hands out at once.
func (c *queueTrial) takesSome(lease time.Duration, want ...tghook.QueuedUpdate) []leased {
	c.Helper()
	taken := c.tryTake(c.process(), c.patience, len(want), lease)
	if len(taken) == 0 || len(taken) > len(want) {
		c.Fatalf("Take: got %d updates, want 1 to %d", len(taken), len(want))
	}
	for i, l := range taken {
		l.is(want[i])
	}
	return taken
}

// nothing checks that nothing can be taken.
func (c *queueTrial) nothing() {
	c.Helper()
	for _, l := range c.tryTake(c.process(), moment, 10, longLease) {
		c.Errorf("Take: got %s, want nothing", c.described(l.got))
	}
}

// handles takes updates of one lane, one after the other, and ends each with success.
func (c *queueTrial) handles(want ...tghook.QueuedUpdate) {
	c.Helper()
	for _, u := range want {
		c.takes(longLease, u).dones(success)
	}
}

func (l leased) tryDone() error {
	return asked(l.queueTrial, func(ctx context.Context) error { return l.queue.Done(ctx, l.got) })
}

func (l leased) tryBury(why string) error {
	return asked(l.queueTrial, func(ctx context.Context) error { return l.queue.Bury(ctx, l.got, why) })
}

// ended checks the error of a method for a lease. An engine with GapLost need not return
// ErrClaimLost.
func (l leased) ended(method string, err error, want string) {
	l.Helper()
	if want == claimLost && err == nil && slices.Contains(l.Gaps, GapLost) {
		return
	}
	l.same(fmt.Sprintf("%s of update %d", method, l.got.Key.ID), outcome(err), want)
}

func (l leased) dones(want string) {
	l.Helper()
	l.ended("Done", l.tryDone(), want)
}

func (l leased) fails(note, want string) {
	l.Helper()
	err := do(l.Context(), l.patience, func(ctx context.Context) error { return l.queue.Fail(ctx, l.got, []byte(note)) })
	l.ended("Fail", err, want)
}

func (l leased) buries(why, want string) {
	l.Helper()
	l.ended("Bury", l.tryBury(why), want)
}

// refused checks that each method refuses the lease.
func (l leased) refused() {
	l.Helper()
	l.renews(longLease, claimLost)
	l.dones(claimLost)
	l.fails("the note of a lease that does not hold", claimLost)
	l.buries("a lease that does not hold", claimLost)
	l.returns(l)
}

// returns calls Return for updates that one process has taken.
func (c *queueTrial) returns(all ...leased) {
	c.Helper()
	err := asked(c, func(ctx context.Context) error { return all[0].queue.Return(ctx, got(all)) })
	c.same("Return", outcome(err), success)
}

// tryRenew renews the lease, and returns its key if it is lost.
func (l leased) tryRenew(lease time.Duration) (lost []tghook.Key, err error) {
	err = asked(l.queueTrial, func(ctx context.Context) (err error) {
		lost, err = l.queue.Renew(ctx, got([]leased{l}), lease)
		return err
	})
	return lost, err
}

// renews checks whether Renew says that the lease is lost.
func (l leased) renews(lease time.Duration, want string) {
	l.Helper()
	var lost []tghook.Key
	if want == claimLost {
		lost = append(lost, l.got.Key)
	}
	l.renewsAll(lease, lost, l)
}

// renewsAll renews the leases of one process, and checks which Renew says are lost.
func (c *queueTrial) renewsAll(lease time.Duration, want []tghook.Key, all ...leased) {
	c.Helper()
	var lost []tghook.Key
	err := asked(c, func(ctx context.Context) (err error) {
		lost, err = all[0].queue.Renew(ctx, got(all), lease)
		return err
	})
	if err == nil && len(lost) == 0 && slices.Contains(c.Gaps, GapLost) {
		return
	}
	slices.SortFunc(lost, func(a, b tghook.Key) int { return cmp.Compare(a.ID, b.ID) })
	c.same("Renew", outcome(err)+", lost: "+fmt.Sprint(lost), success+", lost: "+fmt.Sprint(want))
}
