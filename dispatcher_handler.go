package tghook

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/tghook/tghook/internal/dispatch"
	"github.com/tghook/tghook/internal/guard"
	"github.com/tghook/tghook/internal/lane"
)

// handlerContext is what the user's code gets that runs for an update.
type handlerContext struct {
	*dispatch.Context

	dispatcher *Dispatcher

	mu     sync.Mutex
	outbox *outbox // nil until the handler makes a call by a ReplyTransport
	closed bool    // the handler has returned
}

type lateKey struct{}

// handlerContext is the context of the user's code that runs for an update.
func (d *Dispatcher) handlerContext(c *dispatch.Context) *handlerContext {
	return &handlerContext{Context: c, dispatcher: d}
}

func (c *handlerContext) update() *Update { return c.Item.Value.(*Update) }

// Value implements [context.Context]. It answers FromContext, IsLate and runFor.
func (c *handlerContext) Value(key any) any {
	switch key := key.(type) {
	case updateKey:
		return c.update()
	case lateKey:
		return c.Context
	case runKey:
		if key.bot == c.dispatcher.cfg.Bot {
			return c
		}
	}
	return c.Context.Value(key)
}

// itemOf is u as the engine knows it.
func (d *Dispatcher) itemOf(u *Update) (dispatch.Item, error) {
	it := dispatch.Item{
		ID: u.ID, Label: string(u.Kind), Value: u,
		Life: u.Kind.memory(), LastAttempt: attemptTime, MaxRetry: u.Kind.maxRetryAfter(),
	}
	if u.Kind == "" {
		it.Unfit = &DecodeError{UpdateID: u.ID, Err: ErrNoKind}
	}
	if d.cfg.MaxAge > 0 && u.Date > 0 {
		it.StartBy = time.Unix(u.Date, 0).Add(d.cfg.MaxAge)
	}
	key, err := d.laneOf(u)
	if err != nil {
		return it, fmt.Errorf("tghook: DispatchConfig.Lane: %w", err)
	}
	it.Lane = key
	return it, nil
}

// laneOf is the lane of u.
func (d *Dispatcher) laneOf(u *Update) (key lane.Key, err error) {
	if d.cfg.Lane != nil {
		name := make(chan string, 1)
		err = guard.Within(callbackTime, func() error { name <- d.cfg.Lane(u); return nil })
		if err == nil {
			key.Name = <-name
		}
		return key, err
	}
	switch u.Kind {
	case KindInlineQuery, KindShippingQuery, KindPreCheckoutQuery:
		if u.UserID != 0 {
			return lane.Key{Class: lane.Query, ID: u.UserID}, nil
		}
	case KindPoll, KindPollAnswer:
		if u.pollID != "" {
			return lane.Key{Name: u.pollID}, nil
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

// owner is a Dispatcher as its engine knows it.
type owner struct{ *Dispatcher }

// Handle runs the handler, encodes its reply, and looks at its error. All of it is the
// user's code.
func (o owner) Handle(ctx *dispatch.Context) (res dispatch.Result) {
	c := o.handlerContext(ctx)
	err := guard.ErrGoexit
	defer func() {
		ctx.Return() // what follows has its own time
		c.close(&res.Reply, err)
	}()
	err = guard.Call(func() (err error) {
		res.Reply, err = o.answer(c)
		return err
	})
	if err != nil {
		res.Failure = failed(err, c.update().Kind)
	}
	return res
}

// answer is what the handler has for the update of c.
func (d *Dispatcher) answer(c *handlerContext) (dispatch.Reply, error) {
	reply, err := d.handler.HandleUpdate(c, c.update())
	if err != nil || reply.Method == "" && reply.Params == nil {
		return dispatch.Reply{}, err
	}
	p, err := reply.encode()
	if err != nil {
		return dispatch.Reply{}, err
	}
	d.methods.check(c, &d.cfg, reply.Method)
	carried := ridesResponse(reply.Method)
	if !carried && d.cfg.Caller == nil {
		return dispatch.Reply{}, &ReplyError{reply.Method, fmt.Errorf("it is ignored in an answer, and there is %w", dispatch.ErrNoSender)}
	}
	return dispatch.Reply{Body: p, Sender: d.sender, CallOnly: !carried || d.cfg.AlwaysCall}, nil
}

// failed says what an error means for an update of kind k.
func failed(err error, k Kind) dispatch.Failure {
	f := inspect(err)
	return dispatch.Failure{Err: err, Retry: f.retryAfter(k), Final: f.final(), Dropped: f.dropped != nil, Hopeless: f.hopeless()}
}

// hopeless reports whether an attempt that failed so says more of the update, or of the
// handler, than of the world: it panicked, or the Bot API refuses what is asked.
func (f *findings) hopeless() bool {
	if f.panicked != nil || f.exited {
		return true
	}
	if f.api == nil {
		return false
	}
	switch f.api.Code {
	case http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound:
		return true
	}
	return false
}

// final reports whether no repetition can help.
func (f *findings) final() bool {
	return f.dropped != nil || f.undecodable != nil || f.unsendable != nil
}

// retryAfter is what the error asks for, within the bounds of k; 0 if it does not.
func (f *findings) retryAfter(k Kind) time.Duration {
	if f.retry == nil {
		return 0
	}
	return min(max(f.retry.after, time.Second), k.maxRetryAfter())
}

// DeadLetter gives an update to the user's DeadLetter.
func (o owner) DeadLetter(ctx *dispatch.Context, l dispatch.Letter) error {
	c := o.handlerContext(ctx)
	err := o.cfg.deadLetter(c, c.update(), l.Why)
	if err != nil && l.Acknowledged && o.cfg.DeadLetter != nil { // nobody delivers it again
		_ = guard.Within(dispatch.ReturnTime, func() error { return o.cfg.logDeadLetter(c, c.update(), errors.Join(err, l.Why)) })
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

// Observe is told of a run whose result no delivery carries.
func (o owner) Observe(values context.Context, r dispatch.Report) {
	o.observe(values, Delivery{
		Update: r.Item.Value.(*Update), Outcome: outcomes[r.Outcome], Attempt: r.Attempt, Late: r.Late, Took: r.Took, Err: r.Err,
	})
}

// Untold is told of updates that have succeeded, and for which Telegram did not ask again.
func (o owner) Untold(ids []int64) {
	_ = guard.Within(dispatch.LastWords, func() error {
		o.cfg.log(context.Background(), slog.LevelWarn, "tghook: updates have succeeded, and Telegram did not ask again: it may deliver them to another process",
			slog.String("update_ids", dispatch.FirstOf(ids)))
		return nil
	})
}
