package tghook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tghook/tghook/internal/dispatch"
	"github.com/tghook/tghook/internal/guard"
	"github.com/tghook/tghook/internal/retry"
)

const (
	// answerTime is how long Telegram waits for the answer to a query or a button press:
	// 10 s for a pre_checkout_query (https://core.telegram.org/bots/api#answerprecheckoutquery),
	// a little more for the others.
	answerTime = 15 * time.Second
	actionTime = 5 * time.Second // sendChatAction says what happens for so long
	replyTime  = 2 * time.Minute // a lane waits for a reply so long at most
	callGrace  = 10 * time.Second
	// callTimeout is of one call without files.
	callTimeout = 30 * time.Second
)

var errStillCalling = fmt.Errorf("%w within %v of the end of its ctx", guard.ErrNoReturn, callGrace)

// replyCall sends one reply, or one call that a ReplyTransport held back, to the Bot API,
// where no response carries it. It is sent at least once: a call whose answer got lost is
// repeated, though Telegram may have executed it.
type replyCall struct {
	what   string  // names the call in errors
	caller Caller  // nil if client is set
	client *Client // makes single requests: its Patience does not count
	method string
	body   payload
}

// replySender sends replies that no delivery carries.
type replySender struct {
	caller Caller
	held   *held // what the reply was; nil if the handler returned it
}

// Send implements [dispatch.Sender].
func (s *replySender) Send(ctx context.Context, body []byte) error {
	if s.held != nil {
		return s.held.call().send(ctx)
	}
	c, err := newReplyCall(s.caller, body)
	if err != nil {
		return err
	}
	return c.send(ctx)
}

// newReplyCall is for a Reply that a handler has returned.
func newReplyCall(caller Caller, body payload) (*replyCall, error) {
	reply, err := body.reply()
	if err != nil {
		return nil, err
	}
	c := &replyCall{what: "reply " + reply.Method + " by Caller", caller: caller, method: reply.Method, body: body}
	if client, ok := caller.(*Client); ok && client != nil {
		c.client = client
	}
	return c, nil
}

// call is h on its way.
func (h *held) call() *replyCall {
	return &replyCall{what: "call of " + h.method + " held back", client: h.client, method: h.method, body: h.body}
}

// send makes the call until it succeeds, and repeats it while that makes sense. It
// returns when ctx ends, 10 seconds later if the Caller does not heed that.
func (c *replyCall) send(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, sensible(c.method))
	defer cancel()
	var backoff retry.Backoff
	moved := false
	for calls := 1; ; calls++ {
		err := c.attempt(ctx)
		if err == nil {
			return nil
		}
		f := inspect(err)
		if !moved && ctx.Err() == nil && c.follow(&f) {
			moved = true
			continue
		}
		if !c.repeatable(&f) || !pauseWithin(ctx, f.pause(&backoff)) {
			return c.lost(ctx, &f, calls)
		}
	}
}

// sensible is how long a call may take in all.
func sensible(method string) time.Duration {
	switch method = strings.ToLower(method); {
	case strings.HasPrefix(method, "answer"):
		return answerTime
	case method == "sendchataction":
		return actionTime
	default:
		return replyTime
	}
}

// attempt makes the call once. A Caller that does not return is left alone.
func (c *replyCall) attempt(ctx context.Context) error {
	if c.body[0] == '{' { // files may take all of the time
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, callTimeout)
		defer cancel()
	}
	result := guard.Start(c.once(ctx))
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
	}
	timer := time.NewTimer(callGrace)
	defer timer.Stop()
	select {
	case err := <-result:
		return err
	case <-timer.C:
		return errStillCalling
	}
}

// once is one request. It shares nothing with c, which may go on before it.
func (c *replyCall) once(ctx context.Context) func() error {
	caller, client, method, body := c.caller, c.client, c.method, c.body
	return func() error {
		if client != nil {
			_, err := client.post(ctx, method, body)
			return err
		}
		reply, err := body.reply()
		if err != nil {
			return err
		}
		return caller.Call(ctx, reply.Method, reply.Params, nil)
	}
}

// repeatable reports whether the call that failed with f may succeed later.
func (c *replyCall) repeatable(f *findings) bool {
	switch {
	case f.exited, f.err == errStillCalling: //nolint:errorlint // as attempt returns it
		return false
	case f.panicked != nil, f.unsendable != nil, f.undecodable != nil:
		return false
	case f.api != nil:
		return f.api.Code == http.StatusTooManyRequests || f.api.Code >= http.StatusInternalServerError
	default: // whatever else a Client fails with is the connection's
		return f.network || f.unconnected || f.timedOut || c.client != nil
	}
}

// pause is how long to wait before the call is repeated.
func (f *findings) pause(backoff *retry.Backoff) time.Duration {
	wait := backoff.Next()
	if f.api != nil && f.api.RetryAfter > 0 {
		return f.api.RetryAfter
	}
	return wait
}

// pauseWithin waits for d. It is false, and soon, if ctx ends before that.
func pauseWithin(ctx context.Context, d time.Duration) bool {
	if end, ok := ctx.Deadline(); ok && time.Until(end) <= d {
		return false
	}
	return retry.Sleep(ctx, d) == nil
}

// follow has the call go to the supergroup that the group has become for which it is.
func (c *replyCall) follow(f *findings) bool {
	if f.api == nil || f.api.MigrateToChatID == 0 {
		return false
	}
	body, ok := c.body.movedTo(f.api.MigrateToChatID)
	if ok {
		c.body = body
	}
	return ok
}

// movedTo is p with another chat_id. It is false where that is none of a group, or where
// the error may have been about from_chat_id.
func (p payload) movedTo(chat int64) (payload, bool) {
	reply, err := p.reply()
	if err != nil {
		return nil, false
	}
	params := map[string]any{}
	switch given := reply.Params.(type) {
	case json.RawMessage:
		members := map[string]json.RawMessage{}
		if json.Unmarshal(given, &members) != nil {
			return nil, false
		}
		for name, value := range members {
			params[name] = value
		}
	case map[string]any:
		params = given
	}
	from, copied := params["from_chat_id"]
	if !isGroup(params["chat_id"]) || copied && isGroup(from) {
		return nil, false
	}
	params["chat_id"] = chat
	moved, err := Reply{reply.Method, params}.encode()
	return moved, err == nil
}

// isGroup reports whether a parameter is the id of a basic group: of the chats, only
// such one can become another.
func isGroup(param any) bool {
	text := fmt.Sprint(param)
	if raw, ok := param.(json.RawMessage); ok {
		text = strings.Trim(string(raw), `"`)
	}
	const lastGroup = -1_000_000_000_000 // supergroups and channels are below
	id, err := strconv.ParseInt(text, 10, 64)
	return err == nil && id < 0 && id > lastGroup
}

// lost is the error of a call that is given up.
func (c *replyCall) lost(ctx context.Context, f *findings, calls int) error {
	words := "tghook: " + c.what
	if calls > 1 {
		words += fmt.Sprintf(", given up after %d calls", calls)
	}
	err := f.wrap(words)
	if ctx.Err() == nil {
		return err
	}
	why := inspect(context.Cause(ctx))
	if strings.Contains(f.text, why.text) {
		return err
	}
	return fmt.Errorf("%w; %w", err, why.wrap("its time was over"))
}

// held is a call that a ReplyTransport has answered and not made yet.
type held struct {
	client *Client // by which it is made where nothing carries it
	method string
	body   payload
}

// run is a handler that runs, as a ReplyTransport knows it. The calls that the handler
// makes by the transport pass it one after the other.
type run struct {
	*dispatch.Context

	dispatcher *Dispatcher
	turn       chan struct{} // of the call that passes; it guards the rest
	last       *held         // it may be carried
	closed     bool          // the handler has returned
}

// runKey finds the run of a handler that runs for a bot. The bot is in the key so that
// the run for another is looked through.
type runKey struct{ bot int64 }

// runOf is the run that ctx belongs to; nil if there is none for bot.
func runOf(ctx context.Context, bot int64) *run {
	r, _ := ctx.Value(runKey{bot}).(*run)
	return r
}

// newRun is the run of ctx: the one that there is, or a new one.
func newRun(ctx *dispatch.Context, d *Dispatcher) *run {
	r := &run{Context: ctx, dispatcher: d, turn: make(chan struct{}, 1), closed: !ctx.Running()}
	return ctx.Attach(r).(*run)
}

func (r *run) done() { <-r.turn }

// mayBeCarried reports whether a delivery waits whose answer can carry a reply.
func (r *run) mayBeCarried() bool { return !r.dispatcher.cfg.AlwaysCall && r.Carried() }

// pass is called when a call is about to leave: the call that was held goes before it.
// It reports whether call, if there is one, is held instead. A call whose ctx has
// ended, maybe while it waited here, is the transport's to refuse.
func (r *run) pass(ctx context.Context, call *held) (kept bool) {
	if !r.Running() || ctx.Err() != nil {
		return false
	}
	for {
		select {
		case r.turn <- struct{}{}:
		case <-ctx.Done():
			return false
		}
		if r.last == nil {
			break
		}
		go func() { // it ends before the run does, and may outlast ctx
			defer r.done()
			r.sendLast()
		}()
	}
	defer r.done()
	if call == nil || r.closed || !r.mayBeCarried() {
		return false
	}
	r.last = call
	return true
}

// sendLast makes the call that is held, if any. It is the turn of the caller.
func (r *run) sendLast() {
	call := r.last
	if call == nil {
		return
	}
	r.last = nil
	d := r.dispatcher
	released := context.WithValue(r.Context, runKey{d.cfg.Bot}, nil) // for a Base that would hold it again
	ctx, cancel := context.WithCancel(context.WithoutCancel(released))
	defer cancel()
	defer context.AfterFunc(d.engine.Calls(), cancel)()
	err := guard.ErrGoexit // Base may end the goroutine
	defer func() {
		if err != nil { // Observe may end the goroutine, which is the worker's
			lost := Delivery{Update: updateOf(r.Item), Outcome: OutcomeCallLost, Attempt: r.Attempt(), Err: err}
			told := make(chan struct{})
			go func() {
				defer close(told)
				d.observe(r.Context, lost)
			}()
			<-told
		}
	}()
	err = call.call().send(ctx)
}

// AnsweredLate makes the call that is held, because the delivery of its update has been
// answered without it.
func (r *run) AnsweredLate() {
	r.turn <- struct{}{}
	defer r.done()
	if r.IsLate() { // else a redelivery has come that can carry it
		r.sendLast()
	}
}

// close makes the call that is held the reply of a handler that has returned err. A failure
// discards it, as a lost claim does, and a Reply of the handler's own follows it.
func (r *run) close(res *dispatch.Result, err error) {
	r.turn <- struct{}{}
	defer r.done()
	r.closed = true
	switch {
	case r.last == nil || err != nil || errors.Is(context.Cause(r.Context), ErrClaimLost):
	case len(res.Reply.Body) == 0:
		res.Reply = dispatch.Reply{Body: r.last.body, Sender: &replySender{held: r.last}}
	default:
		r.sendLast()
	}
	r.last = nil
}

// tooLate returns the error of a call that is made with the context of a handler that has
// returned. It returns nil for any other call.
func tooLate(ctx context.Context, run *run) error {
	why := ctx.Err()
	if why == nil || run == nil || run.Running() {
		return nil
	}
	return fmt.Errorf("tghook: the handler has returned, and its context has ended: "+
		"give context.WithoutCancel(ctx) to a goroutine that goes on: %w", why)
}
