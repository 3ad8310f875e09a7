package memqueue

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tghook/tghook"
)

// State implements [tghook.Letters].
func (q *Queue) State(ctx context.Context, bot int64) (state tghook.QueueState, err error) {
	err = q.call(ctx, "State", bot, func(now time.Time) error {
		state = q.Rows.state(now, bot)
		return nil
	})
	return state, err
}

func (r *Rows) state(now time.Time, bot int64) (state tghook.QueueState) {
	for _, l := range r.lanesOf(bot) {
		for _, it := range l {
			if it.Runs(now) {
				state.Leased++
			}
		}
		state.Pending += len(l)
		oldest := l[0].Published
		if state.Oldest.IsZero() || oldest.Before(state.Oldest) {
			state.Oldest = oldest
		}
		if l[0].Lane != "" {
			state.Lanes = append(state.Lanes, tghook.LaneState{Lane: l[0].Lane, Pending: len(l), Oldest: oldest})
		}
	}
	for k := range r.Dead {
		if k.Bot == bot {
			state.Dead++
		}
	}
	state.Lanes = state.Lanes[:min(len(state.Lanes), 100)]
	return state
}

// DeadLetters implements [tghook.Letters].
func (q *Queue) DeadLetters(ctx context.Context, bot, after int64, limit int) (letters []tghook.DeadLetter, err error) {
	err = q.call(ctx, "DeadLetters", bot, func(time.Time) error {
		for k, l := range q.Rows.Dead {
			if k.Bot == bot && k.ID > after {
				letters = append(letters, l.letter())
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(letters, func(a, b tghook.DeadLetter) int { return cmp.Compare(a.Key.ID, b.Key.ID) })
	return letters[:min(len(letters), limit)], nil
}

func (l *Letter) letter() tghook.DeadLetter {
	u := l.QueuedUpdate
	u.Raw, u.Note = slices.Clone(u.Raw), slices.Clone(u.Note)
	return tghook.DeadLetter{QueuedUpdate: u, Why: l.Why, Buried: l.Buried}
}

// PutBack implements [tghook.Letters].
func (q *Queue) PutBack(ctx context.Context, k tghook.Key) error {
	return q.call(ctx, "PutBack", k.ID, func(now time.Time) error {
		l, err := q.Rows.remove(k)
		if err != nil {
			return err
		}
		q.Rows.add(now, l.QueuedUpdate)
		return nil
	})
}

// Discard implements [tghook.Letters].
func (q *Queue) Discard(ctx context.Context, k tghook.Key) error {
	return q.call(ctx, "Discard", k.ID, func(time.Time) error {
		_, err := q.Rows.remove(k)
		return err
	})
}

// remove removes a dead letter and returns it.
func (r *Rows) remove(k tghook.Key) (*Letter, error) {
	l, ok := r.Dead[k]
	if !ok {
		return nil, fmt.Errorf("queue: update %d: %w", k.ID, tghook.ErrNoDeadLetter)
	}
	delete(r.Dead, k)
	return l, nil
}
