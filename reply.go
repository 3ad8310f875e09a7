package tghook

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tghook/tghook/internal/botapi"
	"github.com/tghook/tghook/internal/dispatch"
	"github.com/tghook/tghook/internal/guard"
	"github.com/tghook/tghook/internal/retry"
)

// Reply is the Bot API method with which a handler answers. It is sent in the HTTP
// response where that is possible (a webhook reply), else by DispatchConfig.Caller. The
// handler does not get its result. The zero Reply sends nothing. A Reply that is returned
// beside an error is discarded.
type Reply struct {
	// Method is the method's name, such as "sendMessage".
	Method string
	// Params must encode to a JSON object of at most 1 MiB, the method included.
	// nil is an empty object. A [File] anywhere in it makes the reply multipart.
	// Members that are null are left out, because Telegram would take them for the text
	// "null".
	//
	// A value that Telegram would misunderstand or ignore is a *[ReplyError], which names
	// the field: an [io.Reader], or an upload of another library, in place of a File; a
	// [time.Duration] or [time.Time], where the Bot API has whole seconds; a member with a
	// capital letter, as a struct without tags has them.
	Params any
}

// NoReply is the zero Reply.
var NoReply Reply

// Caller calls a method of the Bot API. params encodes to a JSON object, and may
// hold a [File]. The result of the method is decoded into result unless that is nil. A
// Caller must be safe for concurrent use.
//
// A reply is sent again after an error that wraps an *[APIError] of code 429 or 5xx, an
// error of a connection ([net.Error], [io.EOF]), or [context.DeadlineExceeded]. This goes on
// for 15 seconds for the methods that begin with answer, for 5 seconds for sendChatAction,
// and for 2 minutes for all others. The next attempt waits as long as APIError.RetryAfter
// says. If that is too long, the reply is given up at once. If APIError.MigrateToChatID
// names a supergroup and the chat_id of the reply is that of a group, the reply is sent to
// the supergroup once. The next updates of its lane wait meanwhile. If the answer to a call
// is lost, Telegram may have executed it, and then executes it twice.
//
// Each call has 30 seconds, or all of the time if there are files. If the Caller is a
// [Client], its Patience does not apply. If a Caller has not returned 10 seconds after the
// end of its context, its call is left alone, and the reply is given up.
type Caller interface {
	Call(ctx context.Context, method string, params, result any) error
}

// File is a file to upload. It stands in the Params of a [Reply], or in the parameters of
// a call by a [Client], and is sent with it. A zero File is left out if its field says
// omitempty or omitzero. Otherwise it is an error.
//
// Body is read from its current position to its end, and is not closed. The Body of a
// Reply is read after the handler has returned. If Body is an [io.Seeker] that can seek, it
// is set back afterwards. So a call that is repeated, or a handler that runs again, can use
// the File again. A Body that stands at its end is read from its start. A Body that cannot
// seek can be used once, and a second use is an error. Two calls must not use the same Body
// at once.
//
// One call may have 50 files. Together they may have 50 MB, and 2000 MB in a call with
// [ClientConfig].Local (https://core.telegram.org/bots/api#sending-files). A Client streams
// them. The files of a Reply are read into memory, and may have 50 MB.
//
// A Reply with a File is not sent in a response that a middleware has set a Content-Encoding
// for, but by Caller: Telegram cannot read a large file that is compressed.
type File struct {
	// Name is the file's name, as the chat shows it. If empty, a random name. Control
	// characters become underscores.
	Name string
	// Body is the content of the file.
	Body io.Reader
}

// MarshalJSON returns the reference by which Telegram finds the file among the
// parts of a multipart request.
func (f File) MarshalJSON() ([]byte, error) { return botapi.File(f).MarshalJSON() }

// encoder finds each [File] in Params.
var encoder = botapi.NewEncoder[File]()

// encode makes the payload of r. Its error is a *ReplyError if no repetition
// could help, and another if reading a file failed.
func (r Reply) encode() (payload, error) {
	body, err := encoder.Encode(r.Method, r.Params)
	switch err.(type) { //nolint:errorlint // it is made there, and others wrap what is the user's
	case nil, *botapi.ReadError:
		return body, err
	}
	return nil, &ReplyError{r.Method, err}
}

// message is r as it is to be sent, with its files unread. Its error is a
// *ReplyError.
func (r Reply) message() (*botapi.Message, error) {
	m, err := encoder.Message(r.Method, r.Params)
	if err != nil {
		return nil, &ReplyError{r.Method, err}
	}
	return m, nil
}

// unsendable is err as a *ReplyError, if it is the problem of a file.
func unsendable(method string, err error) error {
	if problem, ok := err.(botapi.FileError); ok { //nolint:errorlint // it is made there, and others wrap what is the user's
		return &ReplyError{method, problem}
	}
	return err
}

// payload is a reply in the form that it is sent, kept and stored in: the body
// of a response. nil is the payload without a reply. A payload is never changed.
type payload []byte

// reply returns p as a Reply again: Params encode to what p was made of.
func (p payload) reply() (Reply, error) {
	method, params, err := botapi.Decode(p, func(f botapi.File) any { return File(f) })
	return Reply{method, params}, err
}

// maxUnknownMethods bounds the names that are remembered, and so the warnings.
const maxUnknownMethods = 100

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
	err, stopped := f.wrap(words), f.shutdown
	if ctx.Err() != nil {
		why := inspect(context.Cause(ctx))
		stopped = stopped || why.shutdown
		if !strings.Contains(f.text, why.text) {
			err = fmt.Errorf("%w; %w", err, why.wrap("its time was over"))
		}
	}
	if stopped {
		return &dispatch.StoppedError{Err: err}
	}
	return err
}
