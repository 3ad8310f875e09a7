package tghook

import (
	"context"
	"io"
	"log/slog"
	"sync"

	"github.com/tghook/tghook/internal/botapi"
	"github.com/tghook/tghook/internal/spelling"
)

// Reply is at most one Bot API method with which a handler answers. It rides
// the HTTP response where that is possible, else it goes by
// DispatchConfig.Caller; either way its result is not seen. The zero Reply says
// nothing. A Reply that is returned beside an error is discarded.
type Reply struct {
	// Method is the method's name, such as "sendMessage".
	Method string
	// Params must encode to a JSON object of at most 1 MiB, the method included;
	// nil is an empty one. A [File] anywhere in it makes the reply multipart.
	// Members that are null are left out: Telegram would take them for the text
	// "null".
	//
	// What Telegram would take for something else, or for nothing, is a *[ReplyError]
	// that names the field: an [io.Reader], or an upload of another library, in place
	// of a File; a [time.Duration] or [time.Time], where the Bot API has whole seconds;
	// a member with a capital letter, as of a struct without tags.
	Params any
}

// NoReply is the zero Reply.
var NoReply Reply

// Caller calls a method of the Bot API. params encodes to a JSON object, and may
// hold a [File]; result is decoded into unless it is nil. A Caller must be safe
// for concurrent use.
//
// A reply is sent again after an error that has an *[APIError] of code 429 or 5xx in it,
// or an error of a connection ([net.Error], [io.EOF]), or [context.DeadlineExceeded], while
// that makes sense: 15 seconds for the methods that begin with answer, 5 for sendChatAction,
// else 2 minutes. It waits as long as APIError.RetryAfter says, and is given up at once if
// that is too long. It goes once to the supergroup of APIError.MigrateToChatID, where its
// chat_id is that of a group. The next updates of its lane wait meanwhile. Telegram may
// have executed a call whose answer was lost, so that it executes such a reply twice.
//
// Each call has 30 seconds, or all of the time where there are files. Where the Caller is
// a [Client], its Patience does not count. A Caller that has not returned 10 seconds after
// the end of its ctx is left alone, and the reply is given up.
type Caller interface {
	Call(ctx context.Context, method string, params, result any) error
}

// File in the Params of a [Reply], or of a call by a [Client], is uploaded with it.
// A zero File is left out where its field says omitempty or omitzero, else it is an
// error.
//
// Body is not closed. That of a Reply is read when the handler has returned. It is
// read from where it stands, to its end. If it is an [io.Seeker] that can seek it
// is set back then, so that the File can be used again: by a call that is repeated,
// or a handler that runs again. One that stands at its end is read from its start.
// A Body that cannot seek serves once: a second use is an error. Two calls must not
// use the same Body at once.
//
// The files of one call may be 50 in number. Together they may have 50 MB, and 2000
// MB in a call with [ClientConfig].Local
// (https://core.telegram.org/bots/api#sending-files). A Client streams them. Those
// of a Reply are read into memory, and may have 50 MB.
type File struct {
	// Name is the file's name, as the chat shows it. Default: one of no meaning.
	Name string
	// Body is what the file has in it.
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
// of a response. nil is no reply. A payload is never changed.
type payload []byte

// reply returns p as a Reply again: Params encode to what p was made of.
func (p payload) reply() (Reply, error) {
	method, params, err := botapi.Decode(p, func(f botapi.File) any { return File(f) })
	return Reply{method, params}, err
}

// maxUnknownMethods bounds the names that are remembered, and so the warnings.
const maxUnknownMethods = 100

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
	cfg.log(ctx, slog.LevelWarn, "tghook: a reply has a method that is not in Bot API 10.1: Telegram ignores a method that it does not know",
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
