package tghook

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tghook/tghook/internal/botapi"
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

var errStillCalling = fmt.Errorf("%w within %v after its context had ended", guard.ErrNoReturn, callGrace)

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

// send makes the call until it succeeds, and repeats it while that makes sense. It
// returns when ctx ends, 10 seconds later if the Caller ignores that.
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
	if !botapi.HasFiles(c.body) { // files may take all of the time
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

// once returns a function that makes one request. It copies the fields of c, because c may
// go on meanwhile.
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
	default: // all other errors of a Client are errors of the connection
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

// follow sends the call to the supergroup that has replaced its group.
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

// movedTo returns p with another chat_id. It returns false if chat_id is not a group's, or if
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

// isGroup reports whether a parameter is the id of a basic group. Only a basic group becomes
// another chat.
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
