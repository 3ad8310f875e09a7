package oteltghook

import (
	"context"
	"slices"
	"strconv"

	"github.com/tghook/tghook"
	"go.opentelemetry.io/otel"
)

const (
	unnamed = "_OTHER" // what the semantic conventions call an error that has no name
	notRun  = "not_run"
)

// maxWrapped bounds how many errors are looked at, because the error of a handler may wrap
// itself.
const maxWrapped = 100

// causes are the errors that have a name of their own.
var causes = []struct {
	err  error
	name string
}{
	{tghook.ErrHandlerTimeout, "handler_timeout"},
	{tghook.ErrLate, "late"},
	{tghook.ErrShutdown, "shutdown"},
	{tghook.ErrClaimLost, "claim_lost"},
	{tghook.ErrAlbumChanged, "album_changed"},
	{tghook.ErrNoKind, "no_kind"},
	{tghook.ErrNotRun, notRun},
	{context.DeadlineExceeded, "timeout"},
	{context.Canceled, "canceled"},
}

// errorType returns the name of the first error in err that has one. There are few names,
// and none has words from outside.
func errorType(err error) (name string) {
	if err == nil {
		return ""
	}
	name = unnamed
	defer func() { _ = recover() }() // err is of the user's own type
	left := maxWrapped
	var visit func(error) bool
	visit = func(err error) bool {
		left--
		if err == nil || left < 0 {
			return false
		}
		if found := nameOf(err); found != "" {
			name = found
			return found != notRun // which may wrap the reason
		}
		switch outer := err.(type) { //nolint:errorlint // this is the walk
		case interface{ Unwrap() error }:
			return visit(outer.Unwrap())
		case interface{ Unwrap() []error }:
			return slices.ContainsFunc(outer.Unwrap(), visit)
		}
		return false
	}
	visit(err)
	return name
}

// nameOf returns the name of err itself, and "" if it has none.
func nameOf(err error) string {
	switch err := err.(type) { //nolint:errorlint // its caller is the walk
	case *tghook.PanicError:
		return "panic"
	case *tghook.APIError:
		return "telegram_" + statusOf(err.Code)
	case *tghook.RequestError:
		return statusOf(err.Status)
	case *tghook.ReplyError:
		return "reply"
	case *tghook.DecodeError:
		if err.Err != tghook.ErrNoKind { //nolint:errorlint // it is that itself
			return "decode"
		}
		return "no_kind"
	}
	for _, cause := range causes {
		if err == cause.err { //nolint:errorlint // its caller is the walk
			return cause.name
		}
	}
	return ""
}

// statusOf returns a status as a label. A proxy may answer with any number.
func statusOf(code int) string {
	switch code {
	case 400, 401, 403, 404, 405, 408, 409, 413, 415, 429, 500, 502, 503, 504:
		return strconv.Itoa(code)
	}
	if code < 100 || code > 599 {
		return other
	}
	return strconv.Itoa(code/100) + "xx"
}

// report gives an error of OpenTelemetry to the user's handler, which may panic.
func report(err error) {
	defer func() { _ = recover() }()
	otel.Handle(err)
}
