package tghook

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/tghook/tghook/internal/envelope"
	"github.com/tghook/tghook/internal/guard"
	"github.com/tghook/tghook/internal/spelling"
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

type updateKey struct{}

// FromContext returns the envelope of the update that the handler with this ctx
// is handling.
func FromContext(ctx context.Context) (*Update, bool) {
	u, ok := ctx.Value(updateKey{}).(*Update)
	return u, ok
}

// Kinds is a [Handler] that picks one by the update's kind. An update of another
// kind succeeds without being handled. It must not change while it is in use.
//
// [Run] and [Poll] tell Telegram which kinds are wanted, if they can see it: a
// handler that wraps a Kinds hides that unless [Chain] made it, or it has the
// method AllowedUpdates too.
type Kinds map[Kind]Handler

// HandleUpdate gives u to the handler of its kind.
func (k Kinds) HandleUpdate(ctx context.Context, u *Update) (Reply, error) {
	h, ok := k[u.Kind]
	if !ok {
		return NoReply, nil
	}
	return h.HandleUpdate(ctx, u)
}

// AllowedUpdates are the kinds that k has a handler for, sorted: what setWebhook
// and getUpdates are to be told, [KindChatMember] and the others included that
// Telegram leaves out unless it is asked. Without any it is Telegram's default.
func (k Kinds) AllowedUpdates() []string {
	kinds := make([]string, 0, len(k))
	for _, kind := range slices.Sorted(maps.Keys(k)) {
		kinds = append(kinds, string(kind))
	}
	return kinds
}

// mistakesInKinds are those of a Kinds in h.
func mistakesInKinds(h Handler) (errs []error) {
	kinds, ok := kindsIn(h)
	if ok && len(kinds) == 0 {
		return []error{&ConfigError{"Kinds", "is empty, so that no update would be handled: give a handler for a kind"}}
	}
	for _, kind := range kinds.AllowedUpdates() {
		field := "Kinds[" + kind + "]"
		if isNil(kinds[Kind(kind)]) {
			errs = append(errs, &ConfigError{field, "is nil: give a handler, or leave the kind out"})
		}
		if problem := unfitKind(kind, strings.ToLower(kind) == kind); problem != "" {
			errs = append(errs, &ConfigError{field, problem})
		}
	}
	return errs
}

// kindsIn is the Kinds that h is, or that it was before [Chain] wrapped it.
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

// unfitKind says why kind can be none of Telegram's; "" if it may be. An unknown one
// may be newer than this package, so that it is no mistake: warnOfKind warns of it.
func unfitKind(kind string, rightCase bool) string {
	letters := func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_'
	}
	switch {
	case kind == "":
		return "is empty: give the name of a kind, such as message"
	case strings.ContainsFunc(kind, letters):
		return "is no kind, which has letters and underscores alone: give each kind by itself, such as message"
	case !rightCase:
		return "never comes, since Telegram writes kinds in lower case: give " + strings.ToLower(kind)
	}
	return ""
}

// mistakesInAllowed are those in a list of kinds for Telegram, which does not look at
// the case of their letters.
func mistakesInAllowed(field string, kinds []string) (errs []error) {
	for i, kind := range kinds {
		if problem := unfitKind(kind, true); problem != "" {
			errs = append(errs, &ConfigError{fmt.Sprintf("%s[%d]", field, i), problem})
		}
	}
	return errs
}

// warnOfKinds tells which kinds of h this package does not know.
func (c *DispatchConfig) warnOfKinds(h Handler) {
	kinds, _ := kindsIn(h)
	c.warnOfUnknown("Kinds", kinds.AllowedUpdates())
}

// warnOfUnknown tells which kinds this package does not know: they may be newer than
// it, or misspelt, and Telegram says nothing of those.
func (c *DispatchConfig) warnOfUnknown(where string, kinds []string) {
	known := envelope.Kinds()
	for _, kind := range kinds {
		if !slices.Contains(known, strings.ToLower(kind)) {
			c.log(context.Background(), slog.LevelWarn, "tghook: an unknown kind of update: it is misspelt, or newer than Bot API 10.3",
				slog.String("field", where), slog.String("kind", kind), slog.String("nearest", spelling.Nearest(kind, known)))
		}
	}
}

func isNil(h Handler) bool {
	f, ok := h.(HandlerFunc)
	return h == nil || ok && f == nil
}

// selective is a handler that knows which kinds it wants.
type selective interface{ AllowedUpdates() []string }

// optIn are the kinds that Telegram's default leaves out.
var optIn = []Kind{KindChatMember, KindMessageReaction, KindMessageReactionCount}

// allowedUpdates is what Telegram is told: what is configured, else what h wants,
// else nothing. It logs what is wrong with that.
func (c *DispatchConfig) allowedUpdates(h Handler, configured []string) []string {
	c.warnOfUnknown("AllowedUpdates", configured)
	if configured == nil {
		return c.wantedBy(h)
	}
	if missing := missingIn(configured, c.wantedBy(h)); len(missing) > 0 {
		c.log(context.Background(), slog.LevelWarn, "tghook: the handler wants kinds that AllowedUpdates does not have", slog.Any("kinds", missing))
	}
	return configured
}

// wantedBy are the kinds that h says it wants; nil if it says nothing.
func (c *DispatchConfig) wantedBy(h Handler) (kinds []string) {
	s, ok := h.(selective)
	if !ok {
		return nil
	}
	if err := guard.Call(func() error { kinds = s.AllowedUpdates(); return nil }); err != nil {
		c.log(context.Background(), slog.LevelError, "tghook: the handler's AllowedUpdates panicked", slog.Any("error", err))
	}
	return kinds
}

// missingIn are the wanted kinds that Telegram does not send by allowed.
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

// tellFilter says in one line what Telegram filters, where nobody has told it now
// which kinds are wanted: an earlier setWebhook or getUpdates did.
func (c *DispatchConfig) tellFilter(ctx context.Context, h Handler, sent []string) {
	wanted := c.wantedBy(h)
	missing := missingIn(sent, wanted)
	switch {
	case len(missing) > 0:
		c.log(ctx, slog.LevelWarn, "tghook: Telegram does not send kinds that the handler wants: name them where the webhook is set",
			slog.Any("missing", missing), slog.Any("sent", sent))
	case wanted == nil && len(sent) > 0:
		c.log(ctx, slog.LevelInfo, "tghook: Telegram sends these kinds alone, as it was told earlier: set AllowedUpdates to change that",
			slog.Any("sent", sent))
	}
}
