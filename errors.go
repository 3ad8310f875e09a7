package tghook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tghook/tghook/internal/dispatch"
	"github.com/tghook/tghook/internal/guard"
	"github.com/tghook/tghook/internal/retry"
)

// The causes ([context.Cause]) for which a handler's context ends while the handler runs.
var (
	// ErrLate says that the delivery was answered, and its policy is LateCancel.
	// Delivery.Err of an [OutcomeLate] wraps it too, unless LateAck has acknowledged the
	// update or the sender has gone. The text of that error says what the delivery waited
	// for, how long, and by which setting.
	ErrLate = dispatch.ErrLate
	// ErrHandlerTimeout says that the handler has run for DispatchConfig.HandlerTimeout. It
	// wraps [context.DeadlineExceeded]. It is also the error of the dead letter if the
	// handler has not returned 10 seconds later.
	ErrHandlerTimeout = dispatch.ErrTimeout
	// ErrShutdown says that the context given to Shutdown ended before the handler. It is
	// also the error of an update that arrives after Shutdown was called.
	ErrShutdown = dispatch.ErrShutdown
	// ErrClaimLost says that the Store has given the update to another process, or may have
	// done so because the lease could not be renewed. A [Store] returns it, wrapped or not,
	// for a claim that it no longer has.
	ErrClaimLost = dispatch.ErrClaimLost
)

// ErrFileTooLarge says that a file is larger than ClientConfig.MaxDownload.
var ErrFileTooLarge = errors.New("tghook: the file is too large")

// ErrAlbumChanged says that the albums of a lane have another version than the one that
// SaveAlbums of an [AlbumStore] was given.
var ErrAlbumChanged = errors.New("tghook: the albums of the lane have changed")

// ErrNotRun says that no attempt was made for an update. The error of [Dispatcher.Do]
// wraps it. Offer the update again.
var ErrNotRun = dispatch.ErrNotRun

var errTooOld = errors.New("tghook: the update is older than DispatchConfig.MaxAge")

// ConfigError is one mistake in a configuration.
type ConfigError struct {
	Field   string // such as "Config.Secret"
	Problem string // what is wrong, and what is accepted
}

func (e *ConfigError) Error() string { return "tghook: " + e.Field + ": " + e.Problem }

// APIError says that the Bot API refused a call, or that the answer did not come from the
// Bot API, but from a proxy, for example.
type APIError struct {
	Method          string
	Code            int           // error_code, or the HTTP status where there is none
	Description     string        // Telegram's words, or an excerpt of the other answer
	RetryAfter      time.Duration // after 429; else 0
	MigrateToChatID int64         // the supergroup that a group has become; else 0
	own             bool          // it is Telegram's word, not a proxy's
}

func (e *APIError) Error() string {
	return fmt.Sprintf("tghook: %s: %d %s", e.Method, e.Code, e.Description)
}

// unknownToken reports whether Telegram itself says that it does not know the token. A
// 404 of a proxy does not say that. A Bot API server that serves other bots only answers
// 421. Source: telegram-bot-api, ClientManager::send.
func (e *APIError) unknownToken() bool {
	return e.own && slices.Contains([]int{http.StatusUnauthorized, http.StatusNotFound, http.StatusMisdirectedRequest}, e.Code)
}

// RequestError says why a request was refused before it became an update.
type RequestError struct {
	Status  int    // the HTTP status that was answered; 503 if there was no room for the body
	Problem string // what is wrong, without the secret
	Path    string // of the request, at most 200 bytes, without what looks like a token
	Peer    string // the address of the sender, as Config.TrustedProxies tell it
	Err     error  // the cause, or nil
}

func (e *RequestError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("tghook: request refused with %d: %s", e.Status, e.Problem)
	}
	return fmt.Sprintf("tghook: request refused with %d: %s: %v", e.Status, e.Problem, e.Err)
}

func (e *RequestError) Unwrap() error { return e.Err }

// DecodeError says that data is not an update, or that an update does not fit the
// type that it was decoded into. If the error of a handler wraps it, the update becomes a
// dead letter.
type DecodeError struct {
	UpdateID int64  // 0 if unknown
	Excerpt  string // at most 64 bytes around the fault, for data that is not an update
	Err      error  // what is wrong, and where
}

func (e *DecodeError) Error() string {
	text := "tghook: decode update"
	if e.UpdateID != 0 {
		text = fmt.Sprintf("%s %d", text, e.UpdateID)
	}
	text = fmt.Sprintf("%s: %v", text, e.Err)
	if e.Excerpt != "" {
		text = fmt.Sprintf("%s in %q", text, e.Excerpt)
	}
	return text
}

func (e *DecodeError) Unwrap() error { return e.Err }

// ReplyError says why a reply can never be sent. The update becomes a dead letter.
type ReplyError struct {
	Method string // Reply.Method
	Err    error  // what is wrong with the reply
}

func (e *ReplyError) Error() string {
	return fmt.Sprintf("tghook: reply %q cannot be sent: %v", e.Method, e.Err)
}

func (e *ReplyError) Unwrap() error { return e.Err }

// PanicError is a panic of a handler or of another function of the user.
//
// Its field Value, of type any, is the value that was given to panic. Unwrap returns it if
// it is an error. Its field Stack, of type []byte, is the stack of the goroutine, as
// [runtime/debug.Stack] formats it.
type PanicError = guard.PanicError

// Drop marks the error of a handler as final: the update goes to
// DispatchConfig.DeadLetter, is acknowledged, and is not delivered again. If the error
// wraps a [RetryAfter] too, Drop applies. Drop(nil) is an error too.
func Drop(err error) error { return &dropError{err} }

type dropError struct{ err error }

func (e *dropError) Error() string {
	if e.err == nil {
		return "dropped"
	}
	return "dropped: " + e.err.Error()
}

func (e *dropError) Unwrap() error { return e.err }

// RetryAfter marks the error of a handler with the time after which the update should
// come again. d is rounded up to whole seconds, and is at least one second. It is at most
// 3 seconds for an inline_query, 15 seconds for a callback_query, shipping_query or
// pre_checkout_query, a minute for a chosen_inline_result, and an hour for all others, so
// that the update does not expire meanwhile. While the window of a poll is full, the update
// runs again within a second. RetryAfter(d, nil) is an error too.
func RetryAfter(d time.Duration, err error) error { return &retryError{d, err} }

type retryError struct {
	after time.Duration
	err   error
}

func (e *retryError) Error() string {
	if e.err == nil {
		return "retry after " + e.after.String()
	}
	return "retry after " + e.after.String() + ": " + e.err.Error()
}

func (e *retryError) Unwrap() error { return e.err }

// RetryDelay returns the time after which the update of err should come again. err is that
// of a [RetryAfter], or of [Dispatcher.Do]. It returns false if err has no such time.
func RetryDelay(err error) (time.Duration, bool) {
	if retry, ok := err.(*retryError); ok { //nolint:errorlint // mostly it is that itself
		return retry.after, true
	}
	found := inspect(err)
	if found.retry == nil {
		return 0, false
	}
	return found.retry.after, true
}

// findings are what inspect has learnt of an error. The zero findings are those of nil.
type findings struct {
	err  error
	text string // what Error returns, at most 4 KiB of it

	// The first of each type, in the order in which [errors.As] looks. nil: there is none.
	api         *APIError
	panicked    *PanicError
	undecodable *DecodeError
	unsendable  *ReplyError
	dropped     *dropError
	retry       *retryError

	claimLost    bool // [ErrClaimLost]
	albumChanged bool // [ErrAlbumChanged]
	tooLarge     bool // [ErrFileTooLarge]
	unpublished  bool // a Queue has not kept the update
	shutdown     bool // [ErrShutdown]
	exited       bool // a function of the user's has called [runtime.Goexit]
	canceled     bool // [context.Canceled]
	timedOut     bool // [context.DeadlineExceeded]
	unconnected  bool // no connection came about, so that nothing was sent
	network      bool // any error of a connection, unconnected included
}

// inspect looks at an error of the user's code, as [guard.Inspect] does.
func inspect(err error) findings {
	if err == nil {
		return findings{}
	}
	f := findings{err: err}
	f.text = guard.Inspect(err, f.look)
	return f
}

// look notes what err itself is, by its type and by its own As and Is.
func (f *findings) look(i *guard.Inspection, err error) {
	guard.First(i, err, &f.api)
	guard.First(i, err, &f.panicked)
	guard.First(i, err, &f.undecodable)
	guard.First(i, err, &f.unsendable)
	guard.First(i, err, &f.dropped)
	guard.First(i, err, &f.retry)
	i.Match(err, ErrClaimLost, &f.claimLost)
	i.Match(err, ErrAlbumChanged, &f.albumChanged)
	i.Match(err, ErrFileTooLarge, &f.tooLarge)
	i.Match(err, errUnpublished, &f.unpublished)
	i.Match(err, ErrShutdown, &f.shutdown)
	i.Match(err, guard.ErrGoexit, &f.exited)
	i.Match(err, context.Canceled, &f.canceled)
	i.Match(err, context.DeadlineExceeded, &f.timedOut)
	i.Match(err, io.EOF, &f.network)
	i.Match(err, io.ErrUnexpectedEOF, &f.network)
	_, network := err.(net.Error)      //nolint:errorlint // this is the walk
	operation, _ := err.(*net.OpError) //nolint:errorlint // this is the walk
	i.Note(func() {
		f.network = f.network || network && err != context.DeadlineExceeded //nolint:errorlint // which is a net.Error
		f.unconnected = f.unconnected || operation != nil && (operation.Op == "dial" || operation.Op == "proxyconnect")
	})
}

// wrap is the error with words of the library's before it.
func (f *findings) wrap(before string) error { return guard.Wrap(before+": "+f.text, f.err) }

// unwelcome reports whether somebody wants no more of the bot: nothing is broken.
func (f *findings) unwelcome() bool {
	if f.api == nil || f.api.Code != http.StatusForbidden {
		return false
	}
	for _, words := range []string{"bot was blocked by the user", "user is deactivated", "bot was kicked"} {
		if strings.Contains(f.api.Description, words) {
			return true
		}
	}
	return false
}

// hopeless reports whether an attempt that failed so says more of the update, or of the
// handler, than of the world: it panicked, or the Bot API refuses what is asked.
func (f *findings) hopeless() bool {
	if f.panicked != nil || f.exited {
		return true
	}
	if f.api == nil {
		return false
	}
	switch f.api.Code {
	case http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound:
		return true
	}
	return false
}

// final reports whether no repetition can help.
func (f *findings) final() bool {
	return f.dropped != nil || f.undecodable != nil || f.unsendable != nil
}

// retryAfter is what the error asks for, within the bounds of k; 0 if it does not.
func (f *findings) retryAfter(k Kind) time.Duration {
	if f.retry == nil {
		return 0
	}
	return min(max(f.retry.after, time.Second), retry.Longest(string(k)))
}
