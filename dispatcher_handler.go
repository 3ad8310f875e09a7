package tghook

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/tghook/tghook/internal/botapi"
	"github.com/tghook/tghook/internal/dispatch"
	"github.com/tghook/tghook/internal/guard"
	"github.com/tghook/tghook/internal/lane"
	"github.com/tghook/tghook/internal/retry"
	"github.com/tghook/tghook/internal/spelling"
)

// owner is a Dispatcher as its engine knows it.
type owner struct{ *Dispatcher }

func updateOf(it *dispatch.Item) *Update { return it.Value.(*Update) }

// Value answers FromContext, AttemptFromContext and runOf.
func (o owner) Value(ctx *dispatch.Context, key any) (any, bool) {
	switch key := key.(type) {
	case updateKey:
		return updateOf(ctx.Item), true
	case attemptKey:
		return Attempt{Bot: o.cfg.Bot, Number: ctx.Attempt()}, true
	case albumKey:
		return o.Dispatcher, true
	case queuedKey:
		l, ok := ctx.Claimed().(*leased)
		if !ok || ctx.Returned() {
			return nil, false
		}
		return l.snapshot(), true
	case runKey:
		if key.bot == o.cfg.Bot {
			return newRun(ctx, o.Dispatcher), true
		}
	}
	return nil, false
}

// Label names the kind of an update.
func (o owner) Label(it *dispatch.Item) string {
	if u := updateOf(it); u.album() == nil {
		return string(u.Kind)
	}
	return "an album"
}

// Refuse says why no handler may run for an update.
func (o owner) Refuse(it *dispatch.Item) error {
	u := updateOf(it)
	if u.Kind == "" {
		return &DecodeError{UpdateID: u.ID, Err: ErrNoKind}
	}
	if age := o.cfg.MaxAge; age > 0 && u.Date > 0 && time.Since(time.Unix(u.Date, 0)) > age {
		return errTooOld
	}
	return nil
}

func itemOf(u *Update) dispatch.Item {
	return dispatch.Item{ID: u.ID, Value: u, Life: u.Kind.memory(), MaxRetry: retry.Longest(string(u.Kind))}
}

// laneOf is the lane of u.
func (c *DispatchConfig) laneOf(u *Update) (key lane.Key, err error) {
	if c.Lane != nil {
		name := make(chan string, 1)
		err = guard.Within(callbackTime, func() error { name <- c.Lane(u); return nil })
		if err != nil {
			return key, fmt.Errorf("tghook: DispatchConfig.Lane: %w", err)
		}
		key.Name = <-name
		return key, nil
	}
	switch u.Kind {
	case KindInlineQuery, KindShippingQuery, KindPreCheckoutQuery:
		if u.UserID != 0 {
			return lane.Key{Class: lane.Query, ID: u.UserID}, nil
		}
	case KindPoll, KindPollAnswer:
		if u.more != nil && u.more.pollID != "" {
			return lane.Key{Name: u.more.pollID}, nil
		}
	}
	switch {
	case u.ChatID != 0:
		return lane.Key{Class: lane.Chat, ID: u.ChatID}, nil
	case u.UserID != 0:
		return lane.Key{Class: lane.User, ID: u.UserID}, nil
	}
	return lane.Key{}, nil
}

// Handle runs the handler, encodes its reply, and looks at its error. All of it is the
// user's code.
func (o owner) Handle(ctx *dispatch.Context) (res dispatch.Result) {
	u, err := updateOf(ctx.Item), guard.ErrGoexit
	defer func() {
		attached, inTime := ctx.Return() // what follows has its own time
		if r, ok := attached.(*handlerRun); ok && inTime {
			r.close(&res, err)
		}
		if o.consumer != nil {
			o.consumer.settle(ctx, u, &res, err == nil && ctx.InTime())
		}
	}()
	err = guard.Call(func() (err error) {
		res, err = o.answer(ctx, u)
		return err
	})
	if err != nil {
		res.Failure = failed(err, u.Kind)
	}
	return res
}

// answer is what the handler has for u.
func (d *Dispatcher) answer(ctx context.Context, u *Update) (res dispatch.Result, err error) {
	if p := replyOf(ctx); p != nil { // the handler has succeeded, and a process has ended since
		res.Reply, res.CallOnly = dispatch.Reply{Body: p, Sender: d.sender}, true
		return res, nil
	}
	reply, err := d.handler.HandleUpdate(ctx, u)
	if err != nil || reply.Method == "" && reply.Params == nil {
		return res, err
	}
	p, err := reply.encode()
	if err != nil {
		return res, err
	}
	d.methods.check(ctx, &d.cfg, reply.Method)
	carried := botapi.Rides(reply.Method)
	if !carried && d.cfg.Caller == nil {
		return res, &ReplyError{reply.Method, fmt.Errorf("it is ignored in an answer, and there is %w", dispatch.ErrNoSender)}
	}
	res.Reply, res.CallOnly = dispatch.Reply{Body: p, Sender: d.sender, Heavy: botapi.HasFiles(p)}, !carried || d.cfg.AlwaysCall
	return res, nil
}

// failed says what an error means for an update of kind k.
func failed(err error, k Kind) dispatch.Failure {
	f := inspect(err)
	return dispatch.Failure{Err: err, Retry: f.retryAfter(k), Final: f.final(), Dropped: f.dropped != nil, Hopeless: f.hopeless(), Spared: f.unpublished, Shutdown: f.shutdown}
}

// DeadLetter gives an update to the user's DeadLetter.
func (o owner) DeadLetter(ctx *dispatch.Context, l dispatch.Letter) error {
	u := updateOf(ctx.Item)
	if a := u.album(); a != nil {
		return o.albumLetters(ctx, a, l)
	}
	return o.deadLetter(ctx, u, l)
}

func (o owner) deadLetter(ctx context.Context, u *Update, l dispatch.Letter) error {
	err := o.cfg.deadLetter(ctx, u, l.Why)
	if err != nil && l.Acknowledged && o.cfg.DeadLetter != nil { // nobody delivers it again
		_ = guard.Within(dispatch.ReturnTime, func() error { return o.cfg.logDeadLetter(ctx, u, errors.Join(err, l.Why)) })
	}
	return err
}

// deadLetter gives u to DeadLetter, or writes it to the log. DeadLetter has as much time
// as a handler.
func (c *DispatchConfig) deadLetter(ctx context.Context, u *Update, why error) error {
	letter, name := c.DeadLetter, "DeadLetter"
	if letter == nil {
		letter, name = c.logDeadLetter, "the dead letter was not logged"
	}
	limit := c.HandlerTimeout + dispatch.ReturnTime
	if c.HandlerTimeout < 0 {
		limit = 1<<63 - 1
	}
	err := guard.Within(limit, func() error { return letter(ctx, u, why) })
	if err == nil {
		return nil
	}
	found := inspect(err)
	return found.wrap("tghook: " + name)
}

// logDeadLetter writes what may be the only copy of u.
func (c *DispatchConfig) logDeadLetter(ctx context.Context, u *Update, why error) error {
	return c.write(ctx, slog.LevelError, "tghook: dead letter", slog.Int64("update_id", u.ID), slog.String("kind", string(u.Kind)),
		slog.Any("error", why), slog.String("update", string(u.Raw)))
}

// Observe passes on the report of a run whose result no delivery carries.
func (o owner) Observe(values context.Context, r dispatch.Report) {
	o.observe(values, Delivery{
		Update: updateOf(&r.Item), Outcome: outcomes[r.Outcome], Attempt: r.Attempt, Late: r.Late, Took: r.Took, Err: r.Err,
	})
}

// Untold logs the updates that have succeeded, and that Telegram did not deliver again.
func (o owner) Untold(ids []int64) {
	_ = guard.Within(dispatch.LastWords, func() error {
		o.cfg.log(context.Background(), slog.LevelWarn, "tghook: updates have succeeded, and Telegram did not ask again: it may deliver them to another process",
			slog.String("update_ids", dispatch.FirstOf(ids)))
		return nil
	})
}

// spellcheck warns of replies whose method this package does not know. That is no
// error: Telegram may know it. It is safe for concurrent use.
type spellcheck struct {
	mu     sync.Mutex
	warned map[string]bool // by method; made when it is needed
}

// check warns once of a method.
func (s *spellcheck) check(ctx context.Context, cfg *DispatchConfig, method string) {
	if _, known := botapi.Lookup(method); known || !s.first(method) {
		return
	}
	cfg.log(ctx, slog.LevelWarn, "tghook: a reply has a method that is not in Bot API 10.3: correct it if it is misspelt, because Telegram ignores a method that it does not know",
		slog.String("method", method), slog.String("nearest", spelling.Nearest(method, botapi.Names())))
}

// first reports whether method is one to warn of, and was not seen before.
func (s *spellcheck) first(method string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.warned[method] || len(s.warned) >= maxUnknownMethods {
		return false
	}
	if s.warned == nil {
		s.warned = map[string]bool{}
	}
	s.warned[method] = true
	return true
}
