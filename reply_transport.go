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
)

// ReplyTransport lets the calls of another bot library ride the response, as a
// [Reply] does. Give it to the [http.Client] of the library; what is called with
// the ctx of a handler, or one derived from it, is seen to belong to its update:
//
//	client, err := tghook.NewClient(token, tghook.ClientConfig{})
//	...
//	http.Client{Transport: &tghook.ReplyTransport{Client: client}}
//	tghook.Config{Dispatch: tghook.DispatchConfig{Bot: client.Bot(), ...}, ...}
//
// A call of one of Methods is held back, and the library told at once that it
// succeeded. When the handler returns, the call that is held then is its reply:
// it rides the response, is given again to a redelivery, and is called once
// where nothing carries it; Caller is not needed for that. Before any later call
// to the bot the held one is called, so that the order is kept: of several calls
// the last may ride. What Telegram says to a call that was held nobody sees. It is
// called again as [Caller] says; if it failed after all, Observe is told
// [OutcomeCallLost], or [OutcomeReplyLost] for the last.
//
// A handler's error or panic discards what is held; a failure that a middleware of
// yours deals with does not. If the handler returns a Reply too, the held call is
// called before it. If the delivery is answered late while a call is held, that is
// called at once, save under LateCancel.
//
// Everything else goes to Base as it is: calls outside of a handler's ctx, or
// when the handler has returned; calls of other bots, of other methods, and those
// that a response cannot carry (more than 1 MiB of parameters or 50 MiB of files,
// a GET, a URL with a query); those of a [Client], in whose place a Reply is
// returned; and all calls where no response waits to carry one, which is so when
// [IsLate] is true, after LateAck, in a poll and in [Webhook.Deliver]. From
// [Dispatcher.Do] the held call is the Reply that it returns.
//
// The handler must not return before its calls have: where a library runs its own
// handlers in goroutines, tell it not to. The handler's ctx ends when it returns, and
// a call with it fails then with [context.Canceled], of which few libraries tell. What
// is to go on in a goroutine gets [context.WithoutCancel] of the ctx: its calls go to
// Base as they are. A library built on fasthttp has to be switched to net/http. The body of a call that may be held is read into memory once, and
// held as it came if it is multipart, else as JSON; all others stream.
//
// A ReplyTransport is safe for concurrent use. Its fields must not change, nor it
// be copied, after the first call. A mistake in them is a *[ConfigError] from
// every call.
type ReplyTransport struct {
	// Base makes the calls. Default: that of [ClientConfig].HTTP.
	Base http.RoundTripper
	// Client says which bot's calls may be held: those to its server, by its token,
	// in a handler of a dispatcher with its id in DispatchConfig.Bot. It is
	// required, and is not used to call.
	Client *Client
	// Methods are those that may be held, in any case. Default: all that answer
	// True and may ride, as of Bot API 10.1, save sendChatAction, sendMessageDraft
	// and sendRichMessageDraft, which tell what the handler is about to do. With
	// AllowNoResult the default has the methods that answer with a message too.
	//
	// Leave out the methods whose failure the handler has to see, and those that
	// must not wait until it returns, or for LateAfter.
	Methods []string
	// AllowNoResult lets methods be held that answer with one message, or with its
	// id. The library gets a message with the id 0, which in the Bot API is one that
	// is not sent yet, in a chat with the id 0: it can be neither edited nor deleted
	// nor answered.
	AllowNoResult bool

	once    sync.Once
	warned  atomic.Bool // that DispatchConfig.Bot is not set
	err     error
	answers map[string]string // to the methods that may be held, in lower case
	through *Client           // Client, by Base
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
	run := runFor(req.Context(), t.Client.bot)
	if run == nil {
		if unnamed := runFor(req.Context(), 0); unnamed != nil {
			return refuse(req, t.nameless(req.Context(), unnamed))
		}
		return t.base().RoundTrip(req)
	}
	if err := tooLate(req.Context(), run); err != nil {
		return refuse(req, err)
	}
	out := req
	var call *held
	answer, ok := t.answers[strings.ToLower(method)]
	if ok && run.mayRide() {
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

// tooLate says why a call fails that is made with the ctx of a handler that has
// returned; nil if it is not.
func tooLate(ctx context.Context, run *handlerContext) error {
	why := ctx.Err()
	if why == nil || run == nil || run.opened() != nil {
		return nil
	}
	return fmt.Errorf("tghook: the handler has returned, and its ctx has ended with it: "+
		"give context.WithoutCancel(ctx) to what goes on: %w", why)
}

// nameless is the mistake that run has no bot. It is logged once: most programs ignore
// the error of a call that answers a user.
func (t *ReplyTransport) nameless(ctx context.Context, run *handlerContext) error {
	err := &ConfigError{"DispatchConfig.Bot", "is needed with ReplyTransport: give Client.Bot()"}
	if t.warned.CompareAndSwap(false, true) {
		run.dispatcher.cfg.log(ctx, slog.LevelError, "tghook: no call of the bot library is made", slog.String("error", err.Error()))
	}
	return err
}

// With returns a client for a library that takes no ctx with each call: make a copy
// of its bot with that client for each update. Every request counts as made with
// ctx, that of the handler, and with no other.
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

// prepare checks the fields, and works out what follows from them.
func (t *ReplyTransport) prepare() {
	var errs []error
	if t.Client == nil {
		errs = append(errs, &ConfigError{"ReplyTransport.Client", "is nil: make one with NewClient"})
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
			problem = "never rides a response: leave it out"
		case answer == "":
			problem = "answers with what only Telegram knows, or is not known here: leave it out"
		case answer != botapi.AnswerTrue && !t.AllowNoResult:
			problem = "answers with a message, which the library would not get: leave it out, or set AllowNoResult"
		}
		if problem != "" {
			errs = append(errs, &ConfigError{fmt.Sprintf("ReplyTransport.Methods[%d]", i), method + " " + problem})
		}
		t.answers[strings.ToLower(method)] = answer
	}
	t.err = errors.Join(errs...)
}

// methodOf is the method that is called at u, and empty if it is none of the
// bot's.
func (t *ReplyTransport) methodOf(u *url.URL) string {
	plain := url.URL{Scheme: u.Scheme, User: u.User, Host: u.Host, Path: u.Path}
	method, ours := strings.CutPrefix(plain.String(), t.Client.endpoint(""))
	if !ours || botapi.CheckMethod(method) != nil {
		return ""
	}
	return method
}

// read reads the call that req is. It is nil if it cannot ride. Either way the
// request that is returned has the body again.
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
	if err != nil { // Telegram will say what is wrong
		return nil, again, nil //nolint:nilerr // it goes to Base then
	}
	return &held{t.through, method, p}, again, nil
}

// rest is a body of which the beginning had been read.
type rest struct {
	io.Reader
	io.Closer
}
