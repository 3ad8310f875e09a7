package tghook

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Handler handles the updates of a lane one at a time, and those of different lanes at
// once. A nil error acknowledges the update. The Reply is at most one Bot API method to
// answer with. After an error the update is delivered again; see [Drop] and [RetryAfter].
// A Reply beside an error is discarded.
//
// ctx is not the request's context. It has the values of the context that the update
// arrived with. It does not end when the sender hangs up. It ends at
// DispatchConfig.HandlerTimeout, or for one of the other causes named at
// [ErrLate]. The handler must return then. A handler that does not return keeps its lane,
// and is abandoned 10 seconds after HandlerTimeout: see DispatchConfig.HandlerTimeout.
//
// ctx also ends when the handler returns. If the handler has started a goroutine and does
// not wait for it, the calls that this goroutine makes with ctx fail with
// [context.Canceled] then. Give such a goroutine [context.WithoutCancel] of ctx, and a time
// limit of its own. Nobody waits for it: its error or panic does not make the update fail,
// and Shutdown returns without it.
//
// After a handler has returned, its goroutine may run the handler of another update. If a
// handler changes the state of its goroutine, as [runtime.LockOSThread] does, it must undo
// that before it returns.
type Handler interface {
	HandleUpdate(ctx context.Context, u *Update) (Reply, error)
}

// HandlerFunc is a function as a [Handler].
type HandlerFunc func(ctx context.Context, u *Update) (Reply, error)

// HandleUpdate calls f.
func (f HandlerFunc) HandleUpdate(ctx context.Context, u *Update) (Reply, error) { return f(ctx, u) }

// Middleware wraps a handler.
type Middleware func(next Handler) Handler

// Chain wraps h in the middleware. The first one is the outermost. If h has the method
// AllowedUpdates, as [Kinds] has, the returned handler has it too.
func Chain(h Handler, mw ...Middleware) Handler {
	chain, known, hidden := h, h, false
	for _, m := range slices.Backward(mw) {
		chain, hidden = m(chain), true
		if _, ok := chain.(*albumHandler); ok {
			known, hidden = chain, false
		}
	}
	if hidden && hasAlbum(known) {
		chain = albumChain{chain, known}
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

// Typed returns a handler that decodes each update into a T with encoding/json. T is
// the update type of any bot library, or one of your own. An update that does not fit T
// becomes a dead letter, because no redelivery would help. [FromContext] returns the
// [Update] itself.
func Typed[T any](f func(ctx context.Context, u *T) (Reply, error)) Handler {
	return TypedWith(json.Unmarshal, f)
}

// TypedWith is [Typed] with a decoder of your choice. unmarshal must be safe for
// concurrent use. It may keep parts of the data only if nobody writes to them.
// TypedWith panics if a function is nil.
func TypedWith[T any](unmarshal func([]byte, any) error, f func(ctx context.Context, u *T) (Reply, error)) Handler {
	if unmarshal == nil || f == nil {
		panic("tghook: Typed: nil; pass a function")
	}
	return HandlerFunc(func(ctx context.Context, u *Update) (Reply, error) {
		growStack(false)
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

type updateKey struct{}

// FromContext returns the update that the handler with this context handles.
func FromContext(ctx context.Context) (*Update, bool) {
	u, ok := ctx.Value(updateKey{}).(*Update)
	return u, ok
}

// Attempt is one run of a handler for an update.
type Attempt struct {
	Bot    int64 // DispatchConfig.Bot
	Number int   // from 1: see Delivery.Attempt
}

type attemptKey struct{}

// AttemptFromContext returns the attempt that the handler with this context makes.
func AttemptFromContext(ctx context.Context) (Attempt, bool) {
	a, ok := ctx.Value(attemptKey{}).(Attempt)
	return a, ok
}

// Kinds is a [Handler] that gives each update to the handler of its kind. An update of
// a kind that it does not have succeeds without being handled. It must not change while
// it is in use.
//
// [Run] and [Poll] tell Telegram which kinds the handler wants, if it has the method
// AllowedUpdates. A handler that wraps a Kinds has it if [Chain] made it, or if you give
// it that method.
type Kinds map[Kind]Handler

// HandleUpdate gives u to the handler of its kind.
func (k Kinds) HandleUpdate(ctx context.Context, u *Update) (Reply, error) {
	h, ok := k[u.Kind]
	if !ok {
		return NoReply, nil
	}
	return h.HandleUpdate(ctx, u)
}

// AllowedUpdates returns the kinds that k has a handler for, sorted, as setWebhook
// and getUpdates take them. [KindChatMember] and the other kinds that Telegram sends only
// if it is asked are among them. If k is empty, the list is empty, which is Telegram's
// default.
func (k Kinds) AllowedUpdates() []string {
	kinds := make([]string, 0, len(k))
	for _, kind := range slices.Sorted(maps.Keys(k)) {
		kinds = append(kinds, string(kind))
	}
	return kinds
}

// mistakesInKinds returns the mistakes of a Kinds in h.
func mistakesInKinds(h Handler) (errs []error) {
	kinds, ok := kindsIn(h)
	if ok && len(kinds) == 0 {
		return []error{&ConfigError{"Kinds", "is empty, so no update would be handled; give a handler for a kind"}}
	}
	for _, kind := range kinds.AllowedUpdates() {
		field := "Kinds[" + kind + "]"
		if isNil(kinds[Kind(kind)]) {
			errs = append(errs, &ConfigError{field, "is nil; give a handler, or leave the kind out"})
		}
		if problem := unfitKind(kind, strings.ToLower(kind) == kind); problem != "" {
			errs = append(errs, &ConfigError{field, problem})
		}
	}
	return errs
}

// kindsIn returns h as a Kinds, if it is one or was one before [Chain] wrapped it.
func kindsIn(h any) (Kinds, bool) {
	for {
		switch inner := h.(type) {
		case Kinds:
			return inner, true
		case selectiveChain:
			h = inner.selective
		default:
			return nil, false
		}
	}
}

// unfitKind says why Telegram cannot have such a kind. It returns "" if Telegram may have
// it. An unknown kind may be newer than this package. So it is not a mistake, and
// warnOfUnknown logs it.
func unfitKind(kind string, rightCase bool) string {
	letters := func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_'
	}
	switch {
	case kind == "":
		return "is empty; give the name of a kind, such as message"
	case strings.ContainsFunc(kind, letters):
		return "is not the name of a kind, which has only letters, digits and underscores; give one name in each item, such as message"
	case !rightCase:
		return "never comes, because Telegram writes kinds in lower case; give " + strings.ToLower(kind)
	}
	return ""
}

// mistakesInAllowed returns the mistakes in a list of kinds for Telegram. Telegram ignores
// the case of their letters.
func mistakesInAllowed(field string, kinds []string) (errs []error) {
	for i, kind := range kinds {
		if problem := unfitKind(kind, true); problem != "" {
			errs = append(errs, &ConfigError{fmt.Sprintf("%s[%d]", field, i), problem})
		}
	}
	return errs
}

func isNil(h Handler) bool {
	f, ok := h.(HandlerFunc)
	return h == nil || ok && f == nil
}

// selective is implemented by a handler that knows which kinds it wants.
type selective interface{ AllowedUpdates() []string }

// optIn are the kinds that Telegram's default leaves out.
var optIn = []Kind{KindChatMember, KindMessageReaction, KindMessageReactionCount}

// missingIn returns the wanted kinds that Telegram does not send if it is told allowed.
func missingIn(allowed, wanted []string) (missing []string) {
	for _, kind := range wanted {
		given := slices.ContainsFunc(allowed, func(a string) bool { return strings.EqualFold(a, kind) })
		byDefault := len(allowed) == 0 && !slices.Contains(optIn, Kind(kind))
		if !given && !byDefault {
			missing = append(missing, kind)
		}
	}
	return missing
}

// stackNeed is how many bytes of stack encoding/json needs to decode JSON. The stack of a new
// goroutine has 2 KiB.
const stackNeed = 7 << 10

// growStack makes the stack of a new goroutine grow at once, while there is little on it to copy.
// Otherwise it would double several times. The frame needs its place even if it is not used.
// Without grow an update that comes alone, and so runs in a new goroutine, takes longer: see
// BenchmarkAlone.
//
//go:noinline
func growStack(use bool) byte {
	if !use {
		return 0
	}
	var frame [stackNeed]byte
	return touch(&frame)
}

//go:noinline
func touch(frame *[stackNeed]byte) byte { return frame[0] }
