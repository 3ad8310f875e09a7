package tghook

import (
	"context"
	"encoding/json"
	"slices"
)

// Handler handles one update at a time for each lane, and many at once across
// lanes. A nil error acknowledges the update, together with at most one Bot API
// method to answer with. An error has Telegram deliver it again; see [Drop] and
// [RetryAfter]. A Reply beside an error is discarded.
//
// ctx is not the request's: it carries the values of the ctx that the update
// arrived with, goes on when the sender is gone, and ends at
// DispatchConfig.HandlerTimeout or for one of the other causes named at
// [ErrLate]. A handler must return then. One that ignores the end keeps its lane, and is
// abandoned 10 seconds after HandlerTimeout: see DispatchConfig.HandlerTimeout.
//
// ctx ends when the handler returns. A goroutine that the handler has started and
// does not wait for finds it ended then, and what it calls with it fails with
// [context.Canceled]. Give such a goroutine [context.WithoutCancel] of ctx, and a time
// limit of its own. Nobody waits for it: an error or a panic there is not the
// update's, and Shutdown does not see it.
//
// Goroutines are used again for other updates: what a handler does to its own, as
// runtime.LockOSThread, it must undo.
type Handler interface {
	HandleUpdate(ctx context.Context, u *Update) (Reply, error)
}

// HandlerFunc is a function as a [Handler].
type HandlerFunc func(ctx context.Context, u *Update) (Reply, error)

// HandleUpdate calls f.
func (f HandlerFunc) HandleUpdate(ctx context.Context, u *Update) (Reply, error) { return f(ctx, u) }

// Middleware wraps a handler.
type Middleware func(next Handler) Handler

// Chain wraps h so that the first middleware is outermost. If h has the method
// AllowedUpdates, as [Kinds] has, the chain has it too.
func Chain(h Handler, mw ...Middleware) Handler {
	chain := h
	for _, m := range slices.Backward(mw) {
		chain = m(chain)
	}
	if s, ok := h.(selective); ok {
		return selectiveChain{chain, s}
	}
	return chain
}

type selectiveChain struct {
	Handler
	selective
}

// Typed is a handler that decodes each update into a T with encoding/json, T
// being the update type of any bot library or one of your own. An update that T
// cannot hold becomes a dead letter with the raw update: no redelivery would
// help it. The envelope is at hand through [FromContext].
func Typed[T any](f func(ctx context.Context, u *T) (Reply, error)) Handler {
	return TypedWith(json.Unmarshal, f)
}

// TypedWith is [Typed] with a decoder of your choice. unmarshal must copy what
// it keeps of the data, or never write to it, and be safe for concurrent use.
// A nil function panics.
func TypedWith[T any](unmarshal func([]byte, any) error, f func(ctx context.Context, u *T) (Reply, error)) Handler {
	if unmarshal == nil || f == nil {
		panic("tghook: Typed: nil function")
	}
	return HandlerFunc(func(ctx context.Context, u *Update) (Reply, error) {
		grow(false)
		typed := new(T)
		if err := u.decode(unmarshal, typed); err != nil {
			return NoReply, err
		}
		if known, ok := FromContext(ctx); !ok || known != u {
			ctx = context.WithValue(ctx, updateKey{}, u) // called without a dispatcher, as in a test
		}
		return f(ctx, typed)
	})
}

// FromContext returns the envelope of the update that the handler with this ctx
// is handling.
func FromContext(ctx context.Context) (*Update, bool) {
	u, ok := ctx.Value(updateKey{}).(*Update)
	return u, ok
}
