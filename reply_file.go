package tghook

import (
	"io"

	"github.com/tghook/tghook/internal/botapi"
)

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
