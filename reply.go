package tghook

import (
	"context"
	"io"

	"github.com/tghook/tghook/internal/botapi"
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
