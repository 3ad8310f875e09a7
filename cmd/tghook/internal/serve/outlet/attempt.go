package outlet

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/wire"
	"github.com/tghook/tghook/internal/retry"
)

// attempt is one request to the bot, and what came of it.
type attempt struct {
	Attempt

	health health
	after  time.Duration // what Retry-After asks for; 0 if it does not
	reply  tghook.Reply
}

// problem is why the attempt has failed.
func (a *attempt) problem() string {
	if a.Err == nil {
		return ""
	}
	return a.Err.Error()
}

func (a *attempt) fail(h health, problem string) {
	a.health, a.Err, a.Unreachable = h, errors.New(problem), h == unreachable
}

// attempt posts an update once.
func (o *Outlet) attempt(ctx context.Context, u *tghook.Update) *attempt {
	a := &attempt{Attempt: Attempt{Update: u, Number: 1, At: time.Now()}}
	if queued, ok := tghook.QueuedFromContext(ctx); ok {
		a.Number = queued.Attempts + 1
	}
	request := o.target.Bytes(wire.Request{Body: string(u.Raw), Extra: o.extra(u, a.At)})
	a.Exchange = o.sent(request, u.Raw)
	o.post(ctx, a, request)
	if a.Err != nil && ctx.Err() != nil {
		a.health, a.Err, a.Unreachable = unknown, context.Cause(ctx), false
	}
	a.Took = time.Since(a.At)
	return a
}

// post sends the request. If a connection from the pool is closed before it has taken the
// request, post sends it on a new one.
func (o *Outlet) post(ctx context.Context, a *attempt, request []byte) {
	deadline := a.At.Add(o.cfg.Target.Timeout)
	if conn := o.pool.take(); conn != nil {
		err := o.exchange(ctx, a, conn, request, deadline)
		if err == nil {
			return
		}
		if err.Sent || err.Began || errors.Is(err, os.ErrDeadlineExceeded) || ctx.Err() != nil {
			o.lost(a, err)
			return
		}
	}
	conn, err := o.dial(ctx, deadline)
	if err != nil {
		a.fail(unreachable, "the bot cannot be reached: "+o.mask.plain(noConnection(err)))
		return
	}
	if err := o.exchange(ctx, a, conn, request, deadline); err != nil {
		o.lost(a, err)
	}
}

func (o *Outlet) dial(ctx context.Context, deadline time.Time) (*wire.Conn, error) {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	return o.target.Dial(ctx)
}

// noConnection says why there is no connection.
func noConnection(err error) string {
	var private *privateError
	if errors.As(err, &private) {
		return private.Error()
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "no connection in time (getWebhookInfo: Write timeout expired)"
	}
	return wire.Why(err)
}

// lost says what is known if there is no answer.
func (o *Outlet) lost(a *attempt, err *wire.AskError) {
	h := away
	if err.Began || errors.Is(err, os.ErrDeadlineExceeded) {
		h = troubled
	}
	a.fail(h, o.mask.plain(wire.Why(err)))
}

// exchange sends the request on a connection, and reads the answer. It keeps or closes the
// connection. It returns an error if there is no answer.
func (o *Outlet) exchange(ctx context.Context, a *attempt, conn *wire.Conn, request []byte, deadline time.Time) *wire.AskError {
	ended := context.AfterFunc(ctx, func() { _ = conn.Close() })
	in, err := conn.Ask(request, deadline)
	if err != nil {
		ended()
		return err
	}
	o.receive(ctx, a, in, deadline)
	if ended() && in.Reusable() {
		o.pool.put(conn)
	} else {
		_ = conn.Close()
	}
	return nil
}

// receive reads the answer and judges it.
func (o *Outlet) receive(ctx context.Context, a *attempt, in *wire.Incoming, deadline time.Time) {
	a.Status = in.Status
	o.mask.answered(a.Exchange, &in.Answer)
	r := &reading{in: in, outlet: o, wanted: in.Delivered() && o.cfg.Target.Name == ""}
	defer r.memory.release()
	err := r.read(ctx, deadline)
	a.Exchange.Answer, a.Exchange.AnswerSize = o.mask.excerpt(r.excerpt()), r.size
	if !in.Delivered() {
		a.after = retryAfter(in.Header.Get("Retry-After"), a.Update.Kind)
		a.fail(healthOf(in.Status), "Wrong response from the webhook: "+o.mask.plain(in.String()))
		return
	}
	if err != nil {
		a.fail(troubled, o.mask.plain(wire.Why(err)))
		return
	}
	a.health = well
	c := r.call()
	a.Reply, a.Refused = o.mask.plain(c.method), o.mask.plain(c.refused)
	if c.method == "" || c.refused != "" {
		return
	}
	switch err := r.keep(ctx, deadline, c.size); {
	case err == nil:
		a.reply = tghook.Reply{Method: c.method, Params: c.params}
	case ctx.Err() != nil:
		a.Reply = "" // it is not called
		a.fail(unknown, err.Error())
	default:
		a.Refused = err.Error()
	}
}

// healthOf is what a status tells that is no success.
func healthOf(status int) health {
	switch {
	case status == http.StatusBadGateway, status == http.StatusServiceUnavailable, status == http.StatusGatewayTimeout:
		return away
	case status == http.StatusTooManyRequests, status >= http.StatusInternalServerError:
		return troubled
	}
	return unwilling
}

// retryAfter reads a whole number of seconds. It returns 0 for anything else, as Telegram does. An
// update waits no longer than Telegram would let one of its kind wait.
func retryAfter(value string, kind tghook.Kind) time.Duration {
	n, err := strconv.ParseUint(value, 10, 31)
	if err != nil {
		return 0
	}
	return min(time.Duration(n)*time.Second, retry.Longest(string(kind)))
}
