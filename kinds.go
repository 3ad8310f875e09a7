package tghook

import (
	"context"
	"maps"
	"slices"
	"strings"
)

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

// mistakes are the kinds that have a nil handler.
func (k Kinds) mistakes() (errs []error) {
	for _, kind := range k.AllowedUpdates() {
		if isNil(k[Kind(kind)]) {
			errs = append(errs, &ConfigError{"Kinds[" + kind + "]", "is nil: give a handler, or leave the kind out"})
		}
	}
	return errs
}

func isNil(h Handler) bool {
	f, ok := h.(HandlerFunc)
	return h == nil || ok && f == nil
}

// selective is a handler that knows which kinds it wants.
type selective interface{ AllowedUpdates() []string }

// optIn are the kinds that Telegram's default leaves out.
var optIn = []Kind{KindChatMember, KindMessageReaction, KindMessageReactionCount}

// allowedUpdates is what Telegram is told: what is configured, else what h
// wants, else nothing. missing are the kinds that h wants and will not get.
func allowedUpdates(h Handler, configured []string) (allowed, missing []string) {
	s, ok := h.(selective)
	if !ok {
		return configured, nil
	}
	wanted := s.AllowedUpdates()
	if configured == nil {
		return wanted, nil
	}
	for _, kind := range wanted {
		given := slices.ContainsFunc(configured, func(c string) bool { return strings.EqualFold(c, kind) })
		byDefault := len(configured) == 0 && !slices.Contains(optIn, Kind(kind))
		if !given && !byDefault {
			missing = append(missing, kind)
		}
	}
	return configured, missing
}
