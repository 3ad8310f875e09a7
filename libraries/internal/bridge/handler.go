package bridge

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/guard"
	"github.com/tghook/tghook/internal/redact"
)

// Handler returns a handler that decodes each update, and calls dispatch. A panic of dispatch
// is a *tghook.PanicError. The token is taken out of the errors, and out of the errors that
// they wrap.
func Handler[T any](token string, dispatch func(ctx context.Context, u *T) error) tghook.Handler {
	hide := redact.New(token)
	return tghook.Typed(func(ctx context.Context, u *T) (tghook.Reply, error) {
		f := &failures{hide: hide}
		err := guard.Call(func() error { return dispatch(context.WithValue(ctx, failuresKey{}, f), u) })
		return tghook.NoReply, f.end(err)
	})
}

// failures are the errors of one update that a library reports by a function.
type failures struct {
	hide func(string) string

	mu    sync.Mutex
	errs  []error
	ended bool // the update's handler has returned
}

type failuresKey struct{}

// Fail fails the update of ctx with err. If err is nil, it does nothing. If the handler of
// the update has returned, or ctx belongs to no update, it logs err.
func Fail(ctx context.Context, err error) {
	if err == nil {
		return
	}
	f, ok := ctx.Value(failuresKey{}).(*failures)
	switch {
	case !ok:
		slog.ErrorContext(ctx, "tghook: an error belongs to no update", slog.Any("error", redact.Error(err, redact.Tokens)))
	case !f.add(err):
		slog.ErrorContext(ctx, "tghook: an error came after the handler of its update had returned", slog.Any("error", hidden(err, f.hide)))
	}
}

// add reports whether err is one of the update's.
func (f *failures) add(err error) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.ended {
		f.errs = append(f.errs, err)
	}
	return !f.ended
}

// end returns the error of the update. err is what the dispatcher has returned.
func (f *failures) end(err error) error {
	f.mu.Lock()
	errs := f.errs
	f.ended = true
	f.mu.Unlock()
	if err != nil {
		errs = append(errs, err)
	}
	for i := range errs {
		errs[i] = hidden(errs[i], f.hide)
	}
	if len(errs) == 1 {
		return errs[0]
	}
	return errors.Join(errs...)
}

// hidden returns err without the token. A panic stays a *tghook.PanicError.
func hidden(err error, hide func(string) string) error {
	p, ok := err.(*tghook.PanicError) //nolint:errorlint // one that is wrapped is found by errors.As as before
	if !ok {
		return redact.Error(err, hide)
	}
	switch value := p.Value.(type) {
	case error:
		return &tghook.PanicError{Value: redact.Error(value, hide), Stack: p.Stack}
	case string:
		return &tghook.PanicError{Value: hide(value), Stack: p.Stack}
	}
	return p
}
