package tghooktest

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/memqueue"
)

// letterBreakages are faults of State and of dead letters.
var letterBreakages = []queueBreakage{
	{"the reason is cut", func(q *bentQueue) {
		q.bury = func(ctx context.Context, u tghook.QueuedUpdate, why string) error {
			return q.Bury(ctx, u, why[:min(len(why), 1000)])
		}
	}, []string{"a dead letter is the update with the reason"}, false},
	{"a dead letter has no bytes", bentLetter(func(l *tghook.DeadLetter) { l.Raw = nil }), []string{"a dead letter is the update with the reason"}, false},
	{"a dead letter has no attempts", bentLetter(func(l *tghook.DeadLetter) { l.Attempts = 0 }), []string{"a dead letter is the update with the reason"}, false},
	{"a dead letter has no time", bentLetter(func(l *tghook.DeadLetter) { l.Buried = time.Time{} }), []string{"a dead letter is the update with the reason"}, false},
	{"dead letters come in the order of their ends", func(q *bentQueue) {
		q.list = func(ctx context.Context, bot, after int64, limit int) ([]tghook.DeadLetter, error) {
			all, err := q.DeadLetters(ctx, bot, after, math.MaxInt)
			slices.SortFunc(all, func(a, b tghook.DeadLetter) int { return a.Buried.Compare(b.Buried) })
			slices.Reverse(all)
			return all[:min(len(all), limit)], err
		}
	}, []string{"dead letters are listed in pages, by ascending id, and by bot"}, false},
	{"dead letters come from the one on that was last", func(q *bentQueue) {
		q.list = func(ctx context.Context, bot, after int64, limit int) ([]tghook.DeadLetter, error) {
			return q.DeadLetters(ctx, bot, max(after, math.MinInt64+1)-1, limit)
		}
	}, []string{"dead letters are listed in pages, by ascending id, and by bot"}, false},
	{"ids of dead letters are positive", func(q *bentQueue) {
		q.list = func(ctx context.Context, bot, after int64, limit int) ([]tghook.DeadLetter, error) {
			return q.DeadLetters(ctx, bot, max(after, 0), limit)
		}
	}, []string{"dead letters are listed in pages, by ascending id, and by bot"}, false},
	{"dead letters come without a limit", func(q *bentQueue) {
		q.list = func(ctx context.Context, bot, after int64, _ int) ([]tghook.DeadLetter, error) {
			return q.DeadLetters(ctx, bot, after, math.MaxInt)
		}
	}, []string{"dead letters are listed in pages, by ascending id, and by bot"}, false},
	{"dead letters of all bots are listed", func(q *bentQueue) {
		q.list = func(ctx context.Context, bot, after int64, limit int) ([]tghook.DeadLetter, error) {
			mine, err := q.DeadLetters(ctx, bot, after, limit)
			theirs, _ := q.DeadLetters(ctx, bot+1, after, limit)
			return append(mine, theirs...), err
		}
	}, []string{"dead letters are listed in pages, by ascending id, and by bot"}, false},
	{"PutBack puts the update where it was", func(q *bentQueue) {
		q.putBack = func(ctx context.Context, k tghook.Key) error {
			err := q.PutBack(ctx, k)
			q.Set(func(q *memqueue.Queue) {
				for name, l := range q.Rows.Lanes {
					if last := l[len(l)-1]; last.Key == k && err == nil {
						q.Rows.Lanes[name] = append([]*memqueue.Item{last}, l[:len(l)-1]...)
					}
				}
			})
			return err
		}
	}, []string{"PutBack publishes a dead letter as a new update, at the end of its lane"}, false},
	{"PutBack keeps the attempts", func(q *bentQueue) {
		q.revived(func(it *memqueue.Item, l *memqueue.Letter) { it.Attempts = l.Attempts })
	}, []string{"PutBack publishes a dead letter as a new update, at the end of its lane"}, false},
	{"PutBack keeps the note", func(q *bentQueue) {
		q.revived(func(it *memqueue.Item, l *memqueue.Letter) { it.Note = l.Note })
	}, []string{"PutBack publishes a dead letter as a new update, at the end of its lane"}, false},
	{"PutBack keeps the dead letter", func(q *bentQueue) {
		q.putBack = func(ctx context.Context, k tghook.Key) error {
			var old *memqueue.Letter
			q.Set(func(q *memqueue.Queue) { old = q.Rows.Dead[k] })
			err := q.PutBack(ctx, k)
			q.Set(func(q *memqueue.Queue) {
				if old != nil {
					q.Rows.Dead[k] = old
				}
			})
			return err
		}
	}, []string{
		"PutBack and Discard say that there is no such dead letter",
		"PutBack publishes a dead letter as a new update, at the end of its lane",
		"dead letters are known after the server was killed",
		"of many that put back or discard a dead letter at once, exactly one does",
	}, false},
	{"PutBack does nothing", func(q *bentQueue) {
		q.putBack = func(ctx context.Context, k tghook.Key) error { return q.Discard(ctx, k) }
	}, []string{
		"PutBack and Discard say that there is no such dead letter",
		"PutBack publishes a dead letter as a new update, at the end of its lane",
		"a Take that waits gets what PutBack publishes",
		"an update that is given up is a dead letter, and comes again when it is put back",
		"an update that was put back may fail and be buried again",
		"dead letters are known after the server was killed",
		"of many that put back or discard a dead letter at once, exactly one does",
	}, false},
	{"Discard forgets the key", func(q *bentQueue) {
		q.discard = func(ctx context.Context, k tghook.Key) error {
			err := q.Discard(ctx, k)
			q.Set(func(q *memqueue.Queue) {
				if err == nil {
					delete(q.Rows.Known, k)
				}
			})
			return err
		}
	}, []string{"Discard removes a dead letter, and its key stays known"}, false},
	{"Discard does nothing", func(q *bentQueue) {
		q.discard = func(context.Context, tghook.Key) error { return nil }
	}, []string{
		"Discard removes a dead letter, and its key stays known",
		"PutBack and Discard say that there is no such dead letter",
		"dead letters are known after the server was killed",
		"of many that put back or discard a dead letter at once, exactly one does",
	}, false},
	{"Discard succeeds without a dead letter", func(q *bentQueue) {
		q.discard = func(ctx context.Context, k tghook.Key) error {
			_ = q.Discard(ctx, k)
			return nil
		}
	}, []string{
		"PutBack and Discard say that there is no such dead letter",
		"of many that put back or discard a dead letter at once, exactly one does",
	}, false},
	{"PutBack without a dead letter is another error", func(q *bentQueue) {
		q.putBack = func(ctx context.Context, k tghook.Key) error {
			if q.PutBack(ctx, k) != nil {
				return errRefused
			}
			return nil
		}
	}, []string{
		"PutBack and Discard say that there is no such dead letter",
		"of many that put back or discard a dead letter at once, exactly one does",
	}, false},
	{"Discard looks, and removes a moment later", func(q *bentQueue) {
		q.discard = func(ctx context.Context, k tghook.Key) error {
			var found bool
			q.Set(func(q *memqueue.Queue) { found = q.Rows.Dead[k] != nil })
			if !found {
				return q.Discard(ctx, k)
			}
			time.Sleep(time.Millisecond)
			_ = q.Discard(ctx, k)
			return nil
		}
	}, []string{"of many that put back or discard a dead letter at once, exactly one does"}, false},
	{"State counts what is leased apart", stated(func(s *tghook.QueueState) { s.Pending -= s.Leased }), []string{"State counts what waits, what is leased and what is dead"}, false},
	{"State counts nothing as leased", stated(func(s *tghook.QueueState) { s.Leased = 0 }), []string{"State counts what waits, what is leased and what is dead"}, false},
	{"State does not know the oldest", stated(func(s *tghook.QueueState) { s.Oldest = time.Time{} }), []string{"State counts what waits, what is leased and what is dead"}, false},
	{"State says that the oldest of nothing is now", stated(func(s *tghook.QueueState) {
		if s.Pending == 0 {
			s.Oldest = time.Now()
		}
	}), []string{"State of a bot without updates is zero"}, false},
	{"State lists lanes from the last on", stated(func(s *tghook.QueueState) { slices.Reverse(s.Lanes) }), []string{
		"State counts what waits, what is leased and what is dead",
		"State has the 100 lanes whose oldest updates wait longest",
	}, false},
	{"State lists ten lanes", stated(func(s *tghook.QueueState) { s.Lanes = s.Lanes[:min(len(s.Lanes), 10)] }), []string{"State has the 100 lanes whose oldest updates wait longest"}, false},
	{"State counts all bots", func(q *bentQueue) {
		q.state = func(ctx context.Context, bot int64) (tghook.QueueState, error) {
			s, err := q.State(ctx, bot)
			theirs, _ := q.State(ctx, bot+1)
			s.Pending += theirs.Pending
			return s, err
		}
	}, []string{"State counts what waits, what is leased and what is dead"}, false},
	{"State of a bot without updates is an error", func(q *bentQueue) {
		q.state = func(ctx context.Context, bot int64) (tghook.QueueState, error) {
			s, err := q.State(ctx, bot)
			if err == nil && s.Pending == 0 {
				err = errRefused
			}
			return s, err
		}
	}, []string{"State of a bot without updates is zero"}, false},
}

// bentLetter changes dead letters that are listed.
func bentLetter(f func(l *tghook.DeadLetter)) func(*bentQueue) {
	return func(q *bentQueue) {
		q.list = func(ctx context.Context, bot, after int64, limit int) ([]tghook.DeadLetter, error) {
			all, err := q.DeadLetters(ctx, bot, after, limit)
			for i := range all {
				f(&all[i])
			}
			return all, err
		}
	}
}

// stated changes what State returns.
func stated(f func(s *tghook.QueueState)) func(*bentQueue) {
	return func(q *bentQueue) {
		q.state = func(ctx context.Context, bot int64) (tghook.QueueState, error) {
			s, err := q.State(ctx, bot)
			f(&s)
			return s, err
		}
	}
}

// revived changes an update that PutBack has put back.
func (q *bentQueue) revived(f func(it *memqueue.Item, l *memqueue.Letter)) {
	q.putBack = func(ctx context.Context, k tghook.Key) error {
		var old *memqueue.Letter
		q.Set(func(q *memqueue.Queue) { old = q.Rows.Dead[k] })
		if err := q.PutBack(ctx, k); err != nil {
			return err
		}
		q.items(func(it *memqueue.Item, _ bool) {
			if it.Key == k {
				f(it, old)
			}
		})
		return nil
	}
}
