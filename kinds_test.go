package tghook_test

import (
	"context"
	"errors"
	"log"
	"slices"
	"strings"
	"testing"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/tghooktest"
)

// noting is a handler that replies with its name.
func noting(name string) tghook.HandlerFunc {
	return replying(tghook.Reply{Method: name}, nil)
}

func TestKindsPicksAHandlerByKind(t *testing.T) {
	t.Parallel()
	h := tghook.Kinds{
		tghook.KindMessage:       noting("forMessage"),
		tghook.KindCallbackQuery: noting("forCallback"),
		"a_kind_to_come":         noting("forTheFuture"),
	}
	r := newRig(t, tghook.Config{}, h.HandleUpdate)
	for body, want := range map[string]string{
		messageIn(7, 1):                        `200 application/json {"method":"forMessage"}`,
		callbackIn(7, 7, 2):                    `200 application/json {"method":"forCallback"}`,
		kindBy("a_kind_to_come", 7, 3):         `200 application/json {"method":"forTheFuture"}`,
		kindBy(tghook.KindInlineQuery, 7, 4):   "200",
		kindBy("another_kind_to_come", 7, 5):   "200",
		kindBy(tghook.KindEditedMessage, 7, 6): "200",
	} {
		same(t, body, r.post(body), want)
	}
	same(t, "dead letters", len(r.letters), 0)

	failing := tghook.Kinds{tghook.KindMessage: replying(tghook.NoReply, errBroken)}
	u := parsed(t, messageIn(7, 1))
	if _, err := failing.HandleUpdate(t.Context(), u); !errors.Is(err, errBroken) {
		t.Error(err)
	}
}

func TestKindsGivesItsContextOn(t *testing.T) {
	t.Parallel()
	u := parsed(t, messageIn(7, 1))
	ctx := context.WithValue(t.Context(), ctxKey{}, "value")
	got := 0
	h := tghook.Kinds{tghook.KindMessage: tghook.HandlerFunc(func(ctx context.Context, its *tghook.Update) (tghook.Reply, error) {
		if ctx.Value(ctxKey{}) == "value" && its == u {
			got++
		}
		return tghook.NoReply, nil
	})}
	if _, err := h.HandleUpdate(ctx, u); err != nil || got != 1 {
		t.Error(got, err)
	}
}

func TestANilHandlerInKindsFailsItsUpdatesAndNotTheProcess(t *testing.T) {
	t.Parallel()
	h := tghook.Kinds{tghook.KindMessage: nil, tghook.KindPoll: tghook.HandlerFunc(nil), tghook.KindCallbackQuery: noting("forCallback")}
	r := newRig(t, tghook.Config{}, h.HandleUpdate)
	for _, body := range []string{messageIn(7, 1), kindBy(tghook.KindPoll, 7, 2)} {
		same(t, body, r.post(body), "500") // loud, and Telegram keeps it until the handler is there
		var panicked *tghook.PanicError
		if !errors.As(r.last().Err, &panicked) {
			t.Error(r.last().Err)
		}
	}
	same(t, "another kind", r.post(callbackIn(7, 7, 3)), `200 application/json {"method":"forCallback"}`)
}

func TestANilHandlerInKindsIsAMistake(t *testing.T) {
	t.Parallel()
	h := tghook.Kinds{tghook.KindMessage: nil, tghook.KindPoll: tghook.HandlerFunc(nil), tghook.KindCallbackQuery: noting("forCallback")}
	_, err := tghook.New(h, tghook.Config{Secret: hookSecret})
	same(t, "mistakes", mistaken(t, err), []string{"Kinds[message]", "Kinds[poll]"})
	delete(h, tghook.KindMessage)
	_, err = tghook.NewDispatcher(h, tghook.DispatchConfig{})
	same(t, "mistakes", mistaken(t, err), []string{"Kinds[poll]"})
}

func TestKindsTellsWhatItWants(t *testing.T) {
	t.Parallel()
	h := tghook.Kinds{
		tghook.KindPoll: tghook.HandlerFunc(nothing), tghook.KindMessageReactionCount: tghook.HandlerFunc(nothing),
		tghook.KindMessage: tghook.HandlerFunc(nothing), tghook.KindMessageReaction: tghook.HandlerFunc(nothing),
		tghook.KindChatMember: tghook.HandlerFunc(nothing), "a_kind_to_come": tghook.HandlerFunc(nothing),
	}
	want := []string{"a_kind_to_come", "chat_member", "message", "message_reaction", "message_reaction_count", "poll"}
	same(t, "of Kinds", h.AllowedUpdates(), want)
	if none := (tghook.Kinds{}).AllowedUpdates(); none == nil || len(none) > 0 {
		t.Errorf("of an empty one: %#v", none)
	}

	type selective interface{ AllowedUpdates() []string }
	pass := func(next tghook.Handler) tghook.Handler {
		return tghook.HandlerFunc(func(ctx context.Context, u *tghook.Update) (tghook.Reply, error) { return next.HandleUpdate(ctx, u) })
	}
	for what, chain := range map[string]tghook.Handler{
		"no middleware":  tghook.Chain(h),
		"one":            tghook.Chain(h, pass),
		"two":            tghook.Chain(h, pass, pass),
		"chains":         tghook.Chain(tghook.Chain(h, pass), pass),
		"a user's own":   tghook.Chain(wanting{pass(h), h.AllowedUpdates()}, pass),
		"chained, again": tghook.Chain(tghook.Chain(tghook.Chain(h))),
	} {
		s, ok := chain.(selective)
		if !ok || !slices.Equal(s.AllowedUpdates(), want) {
			t.Errorf("%s: not kept by Chain", what)
		}
		r := newRig(t, tghook.Config{}, chain.HandleUpdate)
		same(t, what, r.post(messageIn(7, 1)), "200")
	}
	if _, ok := tghook.Chain(tghook.HandlerFunc(nothing), pass).(selective); ok {
		t.Error("a function is said to want certain kinds")
	}
	if _, ok := tghook.Typed(func(context.Context, *botUpdate) (tghook.Reply, error) { return tghook.NoReply, nil }).(selective); ok {
		t.Error("a Typed is said to want certain kinds")
	}
	if _, ok := pass(h).(selective); ok {
		t.Error("a wrapper by hand is expected to hide it: say so no longer in the doc of Kinds")
	}
}

// wanting is a handler of a user's that wants certain kinds.
type wanting struct {
	tghook.Handler
	kinds []string
}

func (w wanting) AllowedUpdates() []string { return w.kinds }

// TestTelegramIsToldTheKindsThatAreWanted logs to a buffer, so that it is not
// parallel.
func TestTelegramIsToldTheKindsThatAreWanted(t *testing.T) {
	h := tghook.Kinds{tghook.KindMessage: tghook.HandlerFunc(nothing), tghook.KindChatMember: tghook.HandlerFunc(nothing)}
	all := []string{"chat_member", "message"}
	for what, test := range map[string]struct {
		h          tghook.Handler
		configured []string
		told       string // "" if nothing
		missing    string
	}{
		"by the handler":              {h, nil, `["chat_member","message"]`, ""},
		"by a chain":                  {tghook.Chain(h), nil, `["chat_member","message"]`, ""},
		"by nobody":                   {tghook.HandlerFunc(nothing), nil, "", ""},
		"as configured":               {h, []string{"message", "poll"}, `["message","poll"]`, "[chat_member]"},
		"with all of them":            {h, []string{"message", "chat_member", "poll"}, `["message","chat_member","poll"]`, ""},
		"in other letters":            {h, []string{"Message", "CHAT_MEMBER"}, `["Message","CHAT_MEMBER"]`, ""},
		"Telegram's default":          {h, []string{}, `[]`, "[chat_member]"},
		"configured for a function":   {tghook.HandlerFunc(nothing), []string{"poll"}, `["poll"]`, ""},
		"by a handler of a user's":    {wanting{tghook.HandlerFunc(nothing), all}, nil, `["chat_member","message"]`, ""},
		"by one that leaves it alone": {wanting{tghook.HandlerFunc(nothing), nil}, nil, "", ""},
	} {
		var logged lockedBuffer
		original := log.Writer()
		log.SetOutput(&logged)
		tg := newTelegram(t)
		asked := make(chan tghooktest.Call, 2)
		tg.OnCall(func(c tghooktest.Call) (fault tghooktest.CallFault) {
			if c.Method == "getUpdates" {
				asked <- c
			}
			return fault
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			done <- tghook.Poll(ctx, tg.client(t, tghook.ClientConfig{}), test.h, tghook.PollConfig{AllowedUpdates: test.configured})
		}()
		first := receive(t, "getUpdates", asked)
		cancel()
		same(t, what+": error", receive(t, "the end of Poll", done), nil)
		log.SetOutput(original)
		same(t, what, first.Params["allowed_updates"], test.told)
		warning := ""
		if _, after, ok := strings.Cut(logged.String(), "kinds="); ok {
			warning, _, _ = strings.Cut(after, " bot=")
		}
		same(t, what+": missing", warning, test.missing)
	}
}
