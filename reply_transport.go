package tghook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/tghook/tghook/internal/botapi"
	"github.com/tghook/tghook/internal/dispatch"
	"github.com/tghook/tghook/internal/guard"
)

// ReplyTransport sends a call of another bot library in the HTTP response to Telegram, as a
// [Reply] is sent. Give it to the [http.Client] of the library. A call belongs to the update
// of a handler if it is made with the context of that handler, or one derived from it:
//
//	client, err := tghook.NewClient(token, tghook.ClientConfig{})
//	...
//	http.Client{Transport: &tghook.ReplyTransport{Client: client}}
//	tghook.Config{Dispatch: tghook.DispatchConfig{Bot: client.Bot(), ...}, ...}
//
// A call of one of Methods is held back: it is not made yet, and the library is told at once
// that it succeeded. When the handler returns, the held call becomes its reply:
//
//   - It is sent in the response, and once more in the response to a redelivery.
//   - If there is no response, it is called once. This does not need Caller.
//
// Before any later call to the bot the held call is made, which keeps the order. So of
// several calls only the last can be sent in the response. Nobody sees what Telegram answers
// to a held call. If it fails, it is repeated as [Caller] says. If it still fails, Observe
// gets [OutcomeCallLost], or [OutcomeReplyLost] for the last call.
//
// If the handler returns an error or panics, the held call is discarded. If a middleware of
// yours handles that failure, it is not discarded. If the handler returns a Reply too, the
// held call is made before it. If the delivery is answered late while a call is held, the
// call is made at once, except under LateCancel.
//
// Base makes all other calls at once and unchanged:
//
//   - calls without a handler's context, and calls of another bot or of another method;
//   - calls that a response cannot have: more than 1 MiB of parameters or 50 MiB of files,
//     a GET, a URL with a query;
//   - calls by a [Client]: return a Reply instead;
//   - all calls while no response waits for the handler: when [IsLate] is true, after
//     LateAck, in a poll and in [Webhook.Deliver]. [Dispatcher.Do] returns the held call
//     as its Reply.
//
// The handler must not return before its calls have returned. If a library runs its own
// handlers in goroutines, configure it not to. The handler's context ends when the handler
// returns. A later call with it fails with [context.Canceled]. Because few programs look at
// that error, it is logged too. Give [context.WithoutCancel] of the context to a goroutine that goes on: Base makes
// its calls. If a library uses fasthttp, switch it to net/http.
//
// The body of a call that may be held is read into memory. A multipart body is held as it
// is, and any other is held as JSON. Bodies of other calls are streamed.
//
// A ReplyTransport is safe for concurrent use. After the first call its fields must not
// change, and it must not be copied. If a field is wrong, every call returns a
// *[ConfigError].
type ReplyTransport struct {
	// Base makes the calls. If nil, the default transport of a [Client]: see
	// [ClientConfig].HTTP.
	Base http.RoundTripper
	// Client says which calls may be held: those to the server of the Client, with its
	// token, in a handler of a dispatcher that has the same bot in DispatchConfig.Bot. It is
	// required. Its own transport is not used.
	Client *Client
	// Methods are the methods that may be held, in upper or lower case. If empty, all
	// methods of Bot API 10.3 that answer True and that Telegram accepts in a response,
	// except sendChatAction, sendMessageDraft and sendRichMessageDraft, because these show
	// what the handler is doing. With AllowNoResult also the methods that answer with a
	// message.
	//
	// Leave out a method if the handler has to see its failure, or if its calls must not
	// wait until the handler returns or LateAfter is over.
	Methods []string
	// AllowNoResult allows Methods that answer with one message, or with the id of one.
	// The library gets a message with the id 0 in a chat with the id 0. In the Bot API the
	// id 0 is that of a message that is not sent yet. Such a message cannot be edited,
	// deleted or answered. For the calls whose message you need, see [WithResult].
	AllowNoResult bool

	once    sync.Once
	warned  atomic.Bool // the log has said that DispatchConfig.Bot is not set
	err     error
	answers map[string]string // what the library is told, by method in lower case
	through *Client           // Client, with Base as its transport
}

// RoundTrip implements [http.RoundTripper].
func (t *ReplyTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	t.once.Do(t.prepare)
	if t.err != nil {
		return refuse(req, t.err)
	}
	method := t.methodOf(req.URL)
	if method == "" {
		return t.base().RoundTrip(req)
	}
	run := runOf(req.Context(), t.Client.bot)
	if run == nil {
		if unnamed := runOf(req.Context(), 0); unnamed != nil {
			return refuse(req, t.nameless(req.Context(), unnamed))
		}
		return t.base().RoundTrip(req)
	}
	if err := tooLate(req.Context(), run); err != nil {
		run.dispatcher.cfg.log(req.Context(), slog.LevelError, "tghook: a call of the bot library is lost, because its handler has returned",
			slog.String("method", method), slog.Int64("update_id", updateOf(run.Item).ID), slog.String("error", err.Error()))
		return refuse(req, err)
	}
	out := req
	var call *held
	answer, ok := t.answers[strings.ToLower(method)]
	if ok && req.Context().Value(resultKey{}) == nil && run.mayBeCarried() {
		var err error
		if call, out, err = t.read(method, req); err != nil {
			return nil, err
		}
	}
	if !run.pass(req.Context(), call) {
		return t.base().RoundTrip(out)
	}
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {botapi.TypeJSON}},
		Body:   io.NopCloser(strings.NewReader(answer)), ContentLength: int64(len(answer)),
		Request: req,
	}, nil
}

// nameless returns the error that DispatchConfig.Bot is not set. It is also logged, once,
// because most programs ignore the error of a call that answers a user.
func (t *ReplyTransport) nameless(ctx context.Context, run *handlerRun) error {
	err := &ConfigError{"DispatchConfig.Bot", "not set, and ReplyTransport needs it; give Client.Bot()"}
	if t.warned.CompareAndSwap(false, true) {
		run.dispatcher.cfg.log(ctx, slog.LevelError, "tghook: ReplyTransport refuses the calls of the bot library", slog.String("error", err.Error()))
	}
	return err
}

// WithResult returns a context for calls that a [ReplyTransport] must not hold back, because
// the handler needs what Telegram answers: the id of a message, or the error. ctx is the
// context of the handler, or one derived from it. The order of the calls is kept.
//
//	sent, err := b.SendMessage(tghook.WithResult(ctx), ...)
func WithResult(ctx context.Context) context.Context {
	return context.WithValue(ctx, resultKey{}, true)
}

type resultKey struct{}

// With returns a client for a library whose calls take no context. ctx is the context of
// the handler. For each update make a copy of the library's bot with such a client. Every
// request of the client is made with ctx, and the context of the request is ignored.
func (t *ReplyTransport) With(ctx context.Context) *http.Client {
	return &http.Client{Transport: transportWith{t, ctx}}
}

type transportWith struct {
	*ReplyTransport

	ctx context.Context
}

func (t transportWith) RoundTrip(req *http.Request) (*http.Response, error) {
	return t.ReplyTransport.RoundTrip(req.WithContext(t.ctx))
}

func (t *ReplyTransport) base() http.RoundTripper {
	if t.Base == nil {
		return &pinging
	}
	return t.Base
}

// refuse answers a request that is not made.
func refuse(req *http.Request, err error) (*http.Response, error) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
	return nil, err
}

// prepare checks the fields, and sets the fields that follow from them.
func (t *ReplyTransport) prepare() {
	var errs []error
	if t.Client == nil {
		errs = append(errs, &ConfigError{"ReplyTransport.Client", "nil; make one with NewClient"})
	} else {
		through := *t.Client
		through.http.Transport = t.base()
		t.through = &through
	}
	t.answers = map[string]string{}
	for name, m := range botapi.Methods() {
		if len(t.Methods) == 0 && !m.Progress && (m.Answer == botapi.AnswerTrue || m.Answer != "" && t.AllowNoResult) {
			t.answers[name] = m.Answer
		}
	}
	for i, method := range t.Methods {
		known, _ := botapi.Lookup(method)
		answer := known.Answer
		problem := ""
		switch {
		case !botapi.Rides(method):
			problem = "cannot be sent in a response; leave it out"
		case answer == "":
			problem = "has an answer that only Telegram knows, or is unknown; leave it out"
		case answer != botapi.AnswerTrue && !t.AllowNoResult:
			problem = "answers with a message, which the library would not get; leave it out, or set AllowNoResult"
		}
		if problem != "" {
			errs = append(errs, &ConfigError{fmt.Sprintf("ReplyTransport.Methods[%d]", i), method + " " + problem})
		}
		t.answers[strings.ToLower(method)] = answer
	}
	t.err = errors.Join(errs...)
}

// methodOf returns the method that a request to u calls. It returns "" if u is not a URL of
// the bot.
func (t *ReplyTransport) methodOf(u *url.URL) string {
	plain := url.URL{Scheme: u.Scheme, User: u.User, Host: u.Host, Path: u.Path}
	method, ours := strings.CutPrefix(plain.String(), t.Client.endpoint(""))
	if !ours || botapi.CheckMethod(method) != nil {
		return ""
	}
	return method
}

// read reads the call that req makes. It returns nil if a response cannot have the call. The
// request that it returns has the whole body in either case.
func (t *ReplyTransport) read(method string, req *http.Request) (*held, *http.Request, error) {
	limit := int64(botapi.MaxParams)
	mediaType, params, _ := mime.ParseMediaType(req.Header.Get("Content-Type"))
	start := ""
	if mediaType == botapi.TypeMultipart {
		limit += botapi.MaxFileBytes
		start = botapi.MethodPart(method, params["boundary"])
	}
	if req.Method != http.MethodPost || req.URL.RawQuery != "" || req.Header.Get("Content-Encoding") != "" || req.ContentLength > limit {
		return nil, req, nil
	}
	source := req.Body
	if source == nil {
		source = http.NoBody
	}
	buffer := bytes.NewBuffer(make([]byte, 0, int64(len(start))+max(req.ContentLength, 0)+bytes.MinRead))
	buffer.WriteString(start)
	if _, err := buffer.ReadFrom(io.LimitReader(source, limit+1)); err != nil {
		_ = source.Close()
		return nil, nil, err
	}
	body := buffer.Bytes()[len(start):]
	again := req.WithContext(req.Context()) // a copy
	if int64(len(body)) > limit {
		again.Body = rest{io.MultiReader(bytes.NewReader(body), source), source}
		return nil, again, nil
	}
	_ = source.Close()
	again.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	again.Body, _ = again.GetBody()
	again.ContentLength = int64(len(body))

	var p []byte
	var err error
	switch {
	case len(body) == 0:
		p, err = botapi.JSON(method, []byte("{}"))
	case mediaType == botapi.TypeJSON:
		p, err = botapi.JSON(method, body)
	case mediaType == "application/x-www-form-urlencoded":
		p, err = botapi.Form(method, body)
	case start != "":
		p, err = botapi.Multipart(buffer.Bytes(), start, params["boundary"])
	default:
		return nil, again, nil
	}
	if err != nil { // Base makes the call, and Telegram says what is wrong
		return nil, again, nil //nolint:nilerr // as above
	}
	return &held{t.through, method, p}, again, nil
}

// rest is a body whose beginning was read, with that beginning put back.
type rest struct {
	io.Reader
	io.Closer
}

// held is a call that a ReplyTransport has answered and not made yet.
type held struct {
	client *Client // by which it is made where nothing carries it
	method string
	body   payload
}

// call is h on its way.
func (h *held) call() *replyCall {
	return &replyCall{what: "call of " + h.method + " held back", client: h.client, method: h.method, body: h.body}
}

// handlerRun is a handler that runs, as a ReplyTransport knows it. The calls that the handler
// makes by the transport pass it one after the other.
type handlerRun struct {
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
func runOf(ctx context.Context, bot int64) *handlerRun {
	r, _ := ctx.Value(runKey{bot}).(*handlerRun)
	return r
}

// newRun is the run of ctx: the one that there is, or a new one.
func newRun(ctx *dispatch.Context, d *Dispatcher) *handlerRun {
	r := &handlerRun{Context: ctx, dispatcher: d, turn: make(chan struct{}, 1), closed: !ctx.Running()}
	return ctx.Attach(r).(*handlerRun)
}

func (r *handlerRun) done() { <-r.turn }

// mayBeCarried reports whether a delivery waits whose answer can carry a reply.
func (r *handlerRun) mayBeCarried() bool { return !r.dispatcher.cfg.AlwaysCall && r.Carried() }

// pass is called when a call is about to leave: the call that was held goes before it.
// It reports whether call, if there is one, is held instead. A call whose ctx has
// ended, maybe while it waited here, is the transport's to refuse.
func (r *handlerRun) pass(ctx context.Context, call *held) (kept bool) {
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
func (r *handlerRun) sendLast() {
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
func (r *handlerRun) AnsweredLate() {
	r.turn <- struct{}{}
	defer r.done()
	if r.IsLate() { // else a redelivery has come that can carry it
		r.sendLast()
	}
}

// close makes the call that is held the reply of a handler that has returned err. A failure
// discards it, as a lost claim does, and a Reply of the handler's own follows it.
func (r *handlerRun) close(res *dispatch.Result, err error) {
	r.turn <- struct{}{}
	defer r.done()
	r.closed = true
	switch {
	case r.last == nil || err != nil || errors.Is(context.Cause(r.Context), ErrClaimLost):
	case len(res.Reply.Body) == 0:
		res.Reply = dispatch.Reply{Body: r.last.body, Sender: &replySender{held: r.last}, Heavy: botapi.HasFiles(r.last.body)}
	default:
		r.sendLast()
	}
	r.last = nil
}

// tooLate returns the error of a call that is made with the context of a handler that has
// returned. It returns nil for any other call.
func tooLate(ctx context.Context, run *handlerRun) error {
	why := ctx.Err()
	if why == nil || run == nil || run.Running() {
		return nil
	}
	return fmt.Errorf("tghook: the handler has returned, and its context has ended: "+
		"give context.WithoutCancel(ctx) to a goroutine that goes on: %w", why)
}
