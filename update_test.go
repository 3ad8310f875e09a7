package tghook_test

import (
	"bytes"
	"context"
	"errors"
	"log"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/rig"
	"github.com/tghook/tghook/tghooktest"
)

func TestParseUpdateFindsTheEnvelopeOfEveryFixture(t *testing.T) {
	t.Parallel()
	const (
		zoe     = 7244100913    // a user, and the private chat with her
		arsen   = 5012345678901 // a user
		ana     = 6655443322    // a user with a business account
		group   = -1002147483649
		channel = -1001999888777
	)
	want := map[string]tghook.Update{
		"business_connection":        {ID: 731450004, Kind: tghook.KindBusinessConnection, ChatID: ana, UserID: ana},
		"business_message":           {ID: 731450005, Kind: tghook.KindBusinessMessage, ChatID: zoe, UserID: zoe, Date: 1795000501},
		"callback_query":             {ID: 731450013, Kind: tghook.KindCallbackQuery, ChatID: group, UserID: arsen, ThreadID: 5},
		"channel_post":               {ID: 731450002, Kind: tghook.KindChannelPost, ChatID: channel, Date: 1795000088},
		"chat_boost":                 {ID: 731450022, Kind: tghook.KindChatBoost, ChatID: channel, UserID: zoe, Date: 1795000000},
		"chat_join_request":          {ID: 731450021, Kind: tghook.KindChatJoinRequest, ChatID: group, UserID: arsen, Date: 1795000000},
		"chat_member":                {ID: 731450020, Kind: tghook.KindChatMember, ChatID: group, UserID: zoe, Date: 1795000000},
		"chosen_inline_result":       {ID: 731450012, Kind: tghook.KindChosenInlineResult, UserID: zoe},
		"deleted_business_messages":  {ID: 731450007, Kind: tghook.KindDeletedBusinessMessages, ChatID: zoe},
		"edited_business_message":    {ID: 731450006, Kind: tghook.KindEditedBusinessMessage, ChatID: zoe, UserID: zoe, Date: 1795000600},
		"edited_channel_post":        {ID: 731450003, Kind: tghook.KindEditedChannelPost, ChatID: channel, Date: 1795000200},
		"edited_message":             {ID: 731450001, Kind: tghook.KindEditedMessage, ChatID: zoe, UserID: zoe, Date: 1795001500},
		"guest_message":              {ID: 731450008, Kind: tghook.KindGuestMessage, ChatID: group, UserID: arsen, Date: 1795000012},
		"inline_query":               {ID: 731450011, Kind: tghook.KindInlineQuery, UserID: zoe},
		"managed_bot":                {ID: 731450024, Kind: tghook.KindManagedBot, UserID: zoe},
		"message":                    {ID: 731450000, Kind: tghook.KindMessage, ChatID: zoe, UserID: zoe, Date: 1795001401},
		"message_large":              {ID: 731450025, Kind: tghook.KindMessage, ChatID: group, UserID: arsen, Date: 1795001777, ThreadID: 5},
		"message_reaction":           {ID: 731450009, Kind: tghook.KindMessageReaction, ChatID: group, UserID: arsen, Date: 1795000009},
		"message_reaction_count":     {ID: 731450010, Kind: tghook.KindMessageReactionCount, ChatID: channel, Date: 1795000099},
		"my_chat_member":             {ID: 731450019, Kind: tghook.KindMyChatMember, ChatID: zoe, UserID: zoe, Date: 1795000000},
		"poll":                       {ID: 731450017, Kind: tghook.KindPoll},
		"poll_answer":                {ID: 731450018, Kind: tghook.KindPollAnswer, UserID: arsen},
		"pre_checkout_query":         {ID: 731450015, Kind: tghook.KindPreCheckoutQuery, UserID: zoe},
		"purchased_paid_media":       {ID: 731450016, Kind: tghook.KindPurchasedPaidMedia, UserID: zoe},
		"removed_chat_boost":         {ID: 731450023, Kind: tghook.KindRemovedChatBoost, ChatID: channel, UserID: zoe, Date: 1795000005},
		"shipping_query":             {ID: 731450014, Kind: tghook.KindShippingQuery, UserID: zoe},
		"stopped_message_generation": {ID: 731450027, Kind: tghook.KindStoppedMessageGeneration, ChatID: zoe, ThreadID: 9},
		"subscription":               {ID: 731450026, Kind: tghook.KindSubscription, UserID: zoe},
	}
	names := slices.Collect(maps.Keys(maps.Collect(tghooktest.Updates())))
	slices.Sort(names)
	if known := slices.Sorted(maps.Keys(want)); !slices.Equal(names, known) {
		t.Errorf("fixtures %q, expectations for %q", names, known)
	}
	for name, body := range tghooktest.Updates() {
		u, err := tghook.ParseUpdate(body)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if w := want[name]; u.ID != w.ID || u.Kind != w.Kind || u.ChatID != w.ChatID || u.UserID != w.UserID {
			t.Errorf("%s: got id %d, kind %s, chat %d, user %d, want %d, %s, %d, %d", name, u.ID, u.Kind, u.ChatID, u.UserID, w.ID, w.Kind, w.ChatID, w.UserID)
		}
		if w := want[name]; u.Date != w.Date || u.ThreadID != w.ThreadID {
			t.Errorf("%s: got date %d, thread %d, want %d, %d", name, u.Date, u.ThreadID, w.Date, w.ThreadID)
		}
		if !bytes.Equal(u.Raw, body) || &u.Raw[0] != &body[0] {
			t.Errorf("%s: Raw is not the data that was given", name)
		}
	}
}

func TestParseUpdateSettlesWhatIsThereTwiceOrNotAsItShouldBe(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, body string
		want       tghook.Update
	}{
		{"the last update_id", `{"update_id":1,"update_id":2,"message":{}}`, tghook.Update{ID: 2, Kind: "message"}},
		{"the last of a key", `{"update_id":1,"message":{"chat":{"id":1}},"message":{"chat":{"id":2}}}`, tghook.Update{ID: 1, Kind: "message", ChatID: 2}},
		{"the first known kind", `{"update_id":1,"telepathy":{},"poll":{},"message":{}}`, tghook.Update{ID: 1, Kind: "poll"}},
		{"the first unknown kind", `{"update_id":1,"n":3,"telepathy":{"chat":{"id":4}},"aura":{}}`, tghook.Update{ID: 1, Kind: "telepathy", ChatID: 4}},
		{"update_id behind the kind", `{"message":{"from":{"id":9}},"update_id":1}`, tghook.Update{ID: 1, Kind: "message", UserID: 9}},
		{"a kind that is null", `{"update_id":1,"message":null,"poll":{"id":"5"}}`, tghook.Update{ID: 1, Kind: "poll"}},
		{"ids over 64 bits", `{"update_id":1,"message":{"chat":{"id":9223372036854775808},"from":{"id":1e3}}}`, tghook.Update{ID: 1, Kind: "message"}},
		{"ids at 64 bits", `{"update_id":9223372036854775807,"message":{"chat":{"id":-9223372036854775808}}}`, tghook.Update{ID: 1<<63 - 1, Kind: "message", ChatID: -1 << 63}},
		{"an id in quotes", `{"update_id":1,"message":{"chat":{"id":"7"}}}`, tghook.Update{ID: 1, Kind: "message"}},
		{"an anonymous reaction", `{"update_id":1,"message_reaction":{"chat":{"id":-5},"actor_chat":{"id":-6}}}`, tghook.Update{ID: 1, Kind: "message_reaction", ChatID: -5, UserID: -6}},
		{"an escaped key", "{\"update_id\":1,\"\\u006dessage\":{\"chat\":{\"id\":3}}}", tghook.Update{ID: 1, Kind: "message", ChatID: 3}},
		{"a negative update_id", `{"update_id":-1,"message":{}}`, tghook.Update{ID: -1, Kind: "message"}},
		{"update_id 0", `{"update_id":0,"message":{}}`, tghook.Update{Kind: "message"}},
	} {
		u, err := tghook.ParseUpdate([]byte(c.body))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if u.ID != c.want.ID || u.Kind != c.want.Kind || u.ChatID != c.want.ChatID || u.UserID != c.want.UserID {
			t.Errorf("%s: got %+v, want %+v", c.name, u, c.want)
		}
	}
}

func TestParseErrorsSayWhereAndShowIt(t *testing.T) {
	t.Parallel()
	a, b := strings.Repeat("a", 200), strings.Repeat("b", 200)
	for _, c := range []struct{ name, body, text, excerpt string }{
		{"empty", "", "tghook: decode update: offset 0: expected an object, got the end", ""},
		{"an array", "[1]", "tghook: decode update: offset 0: expected an object, got '[' in \"[1]\"", "[1]"},
		{"broken off", `{"update_id":1,`, "", `{"update_id":1,`},
		{"no update_id", `{"message":{}}`, "tghook: decode update: offset 13: update_id is missing in \"{\\\"message\\\":{}}\"", `{"message":{}}`},
		{"update_id a string", `{"update_id":"7","message":{}}`, "", `{"update_id":"7","message":{}}`},
		{"in the middle", `{"x":"` + a + `" ; "` + b + `"}`, "", a[:30] + `" ; "` + b[:29]},
		{"at the end", `{"x":"` + a, "", a[:64]},
		{"at the beginning", `;` + b, "", ";" + b[:63]},
	} {
		u, err := tghook.ParseUpdate([]byte(c.body))
		var undecodable *tghook.DecodeError
		if u != nil || !errors.As(err, &undecodable) {
			t.Errorf("%s: got %v and %v, want no update and a *DecodeError", c.name, u, err)
			continue
		}
		if c.text != "" && err.Error() != c.text {
			t.Errorf("%s: got %s\nwant %s", c.name, err, c.text)
		}
		if !strings.Contains(err.Error(), "offset ") || !strings.HasPrefix(err.Error(), "tghook: decode update: ") {
			t.Errorf("%s: %q says not where", c.name, err)
		}
		if undecodable.Excerpt != c.excerpt || len(c.excerpt) > 64 {
			t.Errorf("%s: excerpt %q, want %q", c.name, undecodable.Excerpt, c.excerpt)
		}
		assert.Equalf(t, int64(0), undecodable.UpdateID, "%s: UpdateID %d", c.name, undecodable.UpdateID)
	}
}

func TestAnUpdateWithoutAKindComesWithErrNoKind(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{"update_id":31}`, `{"update_id":31,"message":[1]}`, `{"update_id":31,"":{}}`} {
		u, err := tghook.ParseUpdate([]byte(body))
		var undecodable *tghook.DecodeError
		if !errors.Is(err, tghook.ErrNoKind) || !errors.As(err, &undecodable) || undecodable.UpdateID != 31 {
			t.Errorf("%s: got error %v, want a *DecodeError of update 31 that wraps ErrNoKind", body, err)
		}
		if u == nil || u.ID != 31 || u.Kind != "" || string(u.Raw) != body {
			t.Errorf("%s: got %+v, want ID and Raw", body, u)
		}
	}
}

func TestRawIsTheDataGivenAndDecodeReadsAllOfIt(t *testing.T) {
	t.Parallel()
	data := tghooktest.Update("callback_query")
	u, err := tghook.ParseUpdate(data)
	require.NoError(t, err)
	if &u.Raw[0] != &data[0] || len(u.Raw) != len(data) {
		t.Error("Raw is a copy")
	}
	var got struct {
		ID    int64 `json:"update_id"`
		Query struct {
			From struct {
				ID int64 `json:"id"`
			} `json:"from"`
		} `json:"callback_query"`
	}
	if err := u.Decode(&got); err != nil || got.ID != u.ID || got.Query.From.ID != u.UserID {
		t.Errorf("got %+v and %v", got, err)
	}
	assert.Equal(t, tghooktest.Update("callback_query"), data, "the data was written to")
}

func TestDecodeErrorsNameTheUpdate(t *testing.T) {
	t.Parallel()
	u, err := tghook.ParseUpdate(textFrom(77, 1))
	require.NoError(t, err)
	var wrong struct {
		Message string `json:"message"`
	}
	err = u.Decode(&wrong)
	var undecodable *tghook.DecodeError
	if !errors.As(err, &undecodable) || undecodable.UpdateID != 77 || undecodable.Excerpt != "" || !strings.HasPrefix(err.Error(), "tghook: decode update 77: json: ") {
		t.Errorf("got %v, want a *DecodeError of update 77 that wraps the error of encoding/json", err)
	}
	assert.ErrorAs(t, u.Decode(nil), &undecodable, "Decode(nil)")
}

// What a handler keeps of an update holds no more than the update.
func TestAnUpdateIsPlainData(t *testing.T) {
	t.Parallel()
	a, errA := tghook.ParseUpdate(tghooktest.Update("poll_answer"))
	b, errB := tghook.ParseUpdate(tghooktest.Update("poll_answer"))
	if errA != nil || errB != nil || !reflect.DeepEqual(a, b) {
		t.Errorf("two parses differ: %+v, %+v (%v, %v)", a, b, errA, errB)
	}
}

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
	r := rig.NewBot(t, tghook.Config{}, h.HandleUpdate)
	for body, want := range map[string]string{
		rig.MessageIn(7, 1):                        `200 application/json {"method":"forMessage"}`,
		rig.CallbackIn(7, 7, 2):                    `200 application/json {"method":"forCallback"}`,
		rig.KindBy("a_kind_to_come", 7, 3):         `200 application/json {"method":"forTheFuture"}`,
		rig.KindBy(tghook.KindInlineQuery, 7, 4):   "200",
		rig.KindBy("another_kind_to_come", 7, 5):   "200",
		rig.KindBy(tghook.KindEditedMessage, 7, 6): "200",
	} {
		assert.Equal(t, want, r.Post(body), body)
	}
	assert.Empty(t, r.Letters, "dead letters")

	failing := tghook.Kinds{tghook.KindMessage: replying(tghook.NoReply, rig.ErrBroken)}
	u := rig.Parsed(t, rig.MessageIn(7, 1))
	if _, err := failing.HandleUpdate(t.Context(), u); !errors.Is(err, rig.ErrBroken) {
		t.Error(err)
	}
}

func TestKindsGivesItsContextOn(t *testing.T) {
	t.Parallel()
	u := rig.Parsed(t, rig.MessageIn(7, 1))
	type key struct{}
	ctx := context.WithValue(t.Context(), key{}, "value")
	got := 0
	h := tghook.Kinds{tghook.KindMessage: tghook.HandlerFunc(func(ctx context.Context, its *tghook.Update) (tghook.Reply, error) {
		if ctx.Value(key{}) == "value" && its == u {
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
	r := rig.NewBot(t, tghook.Config{}, h.HandleUpdate)
	for _, body := range []string{rig.MessageIn(7, 1), rig.KindBy(tghook.KindPoll, 7, 2)} {
		assert.Equal(t, "500", r.Post(body), body) // loud, and Telegram keeps it until the handler is there
		var panicked *tghook.PanicError
		if !errors.As(r.Last().Err, &panicked) {
			t.Error(r.Last().Err)
		}
	}
	assert.Equal(t, `200 application/json {"method":"forCallback"}`, r.Post(rig.CallbackIn(7, 7, 3)), "another kind")
}

func TestANilHandlerInKindsIsAMistake(t *testing.T) {
	t.Parallel()
	h := tghook.Kinds{tghook.KindMessage: nil, tghook.KindPoll: tghook.HandlerFunc(nil), tghook.KindCallbackQuery: noting("forCallback")}
	_, err := tghook.New(h, tghook.Config{Secret: rig.HookSecret})
	assert.Equal(t, []string{"Kinds[message]", "Kinds[poll]"}, rig.Mistaken(t, err), "mistakes")
	delete(h, tghook.KindMessage)
	_, err = tghook.NewDispatcher(h, tghook.DispatchConfig{})
	assert.Equal(t, []string{"Kinds[poll]"}, rig.Mistaken(t, err), "mistakes")
}

func TestKindsTellsWhatItWants(t *testing.T) {
	t.Parallel()
	h := tghook.Kinds{
		tghook.KindPoll: tghook.HandlerFunc(rig.Nothing), tghook.KindMessageReactionCount: tghook.HandlerFunc(rig.Nothing),
		tghook.KindMessage: tghook.HandlerFunc(rig.Nothing), tghook.KindMessageReaction: tghook.HandlerFunc(rig.Nothing),
		tghook.KindChatMember: tghook.HandlerFunc(rig.Nothing), "a_kind_to_come": tghook.HandlerFunc(rig.Nothing),
	}
	want := []string{"a_kind_to_come", "chat_member", "message", "message_reaction", "message_reaction_count", "poll"}
	assert.Equal(t, want, h.AllowedUpdates(), "of Kinds")
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
		r := rig.NewBot(t, tghook.Config{}, chain.HandleUpdate)
		assert.Equal(t, "200", r.Post(rig.MessageIn(7, 1)), what)
	}
	if _, ok := tghook.Chain(tghook.HandlerFunc(rig.Nothing), pass).(selective); ok {
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
	h := tghook.Kinds{tghook.KindMessage: tghook.HandlerFunc(rig.Nothing), tghook.KindChatMember: tghook.HandlerFunc(rig.Nothing)}
	all := []string{"chat_member", "message"}
	for what, test := range map[string]struct {
		h          tghook.Handler
		configured []string
		told       string // "" if nothing
		missing    string
	}{
		"by the handler":              {h, nil, `["chat_member","message"]`, ""},
		"by a chain":                  {tghook.Chain(h), nil, `["chat_member","message"]`, ""},
		"by nobody":                   {tghook.HandlerFunc(rig.Nothing), nil, "", ""},
		"as configured":               {h, []string{"message", "poll"}, `["message","poll"]`, "[chat_member]"},
		"with all of them":            {h, []string{"message", "chat_member", "poll"}, `["message","chat_member","poll"]`, ""},
		"in other letters":            {h, []string{"Message", "CHAT_MEMBER"}, `["Message","CHAT_MEMBER"]`, ""},
		"Telegram's default":          {h, []string{}, `[]`, "[chat_member]"},
		"configured for a function":   {tghook.HandlerFunc(rig.Nothing), []string{"poll"}, `["poll"]`, ""},
		"by a handler of a user's":    {wanting{tghook.HandlerFunc(rig.Nothing), all}, nil, `["chat_member","message"]`, ""},
		"by one that leaves it alone": {wanting{tghook.HandlerFunc(rig.Nothing), nil}, nil, "", ""},
	} {
		var logged rig.Log
		original := log.Writer()
		log.SetOutput(&logged)
		tg := rig.NewTelegram(t)
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
			done <- tghook.Poll(ctx, tg.Client(t, tghook.ClientConfig{}), test.h, tghook.PollConfig{AllowedUpdates: test.configured})
		}()
		first := rig.Receive(t, "getUpdates", asked)
		cancel()
		require.NoError(t, rig.Receive(t, "the end of Poll", done), what+": error")
		log.SetOutput(original)
		assert.Equal(t, test.told, first.Params["allowed_updates"], what)
		warning := ""
		if _, after, ok := strings.Cut(logged.String(), "kinds="); ok {
			warning, _, _ = strings.Cut(after, " bot=")
		}
		assert.Equal(t, test.missing, warning, what+": missing")
	}
}

func TestWhatNoUpdateCanBeIsAMistakeInKinds(t *testing.T) {
	t.Parallel()
	h := tghook.HandlerFunc(rig.Nothing)
	wrap := func(next tghook.Handler) tghook.Handler { return tghook.HandlerFunc(next.HandleUpdate) }
	for name, c := range map[string]struct {
		h    tghook.Handler
		want []string
	}{
		"empty":            {tghook.Kinds{}, []string{"Kinds"}},
		"nil":              {tghook.Kinds(nil), []string{"Kinds"}},
		"empty, in chains": {tghook.Chain(tghook.Chain(tghook.Kinds{}, wrap), wrap), []string{"Kinds"}},
		"in other letters": {tghook.Kinds{"Message": h, tghook.KindPoll: h}, []string{"Kinds[Message]"}},
		"two in one":       {tghook.Kinds{"message,poll": h, "message poll": h, "": h}, []string{"Kinds[]", "Kinds[message poll]", "Kinds[message,poll]"}},
		"nil, in a chain":  {tghook.Chain(tghook.Kinds{tghook.KindPoll: nil}, wrap), []string{"Kinds[poll]"}},
	} {
		_, err := tghook.New(c.h, tghook.Config{Secret: rig.HookSecret})
		assert.Equal(t, c.want, rig.Mistaken(t, err), name+", by webhook")
		_, err = tghook.NewDispatcher(c.h, tghook.DispatchConfig{})
		assert.Equal(t, c.want, rig.Mistaken(t, err), name+", on a door of one's own")
		err = tghook.Poll(t.Context(), rig.NewClient(t, tghook.ClientConfig{}), c.h, tghook.PollConfig{})
		assert.Equal(t, c.want, rig.Mistaken(t, err), name+", by poll")
	}
	bad := []string{"message", "[\"message\"]", "", "poll-answer"}
	err := tghook.Poll(t.Context(), rig.NewClient(t, tghook.ClientConfig{}), h, tghook.PollConfig{AllowedUpdates: bad})
	assert.Equal(t, []string{"PollConfig.AllowedUpdates[1]", "PollConfig.AllowedUpdates[2]", "PollConfig.AllowedUpdates[3]"}, rig.Mistaken(t, err), "AllowedUpdates of a poll")
	err = rig.NewClient(t, tghook.ClientConfig{}).SetWebhook(t.Context(), tghook.WebhookRequest{URL: rig.HookURL, SecretToken: rig.HookToken, AllowedUpdates: bad[3:]})
	assert.Equal(t, []string{"WebhookRequest.AllowedUpdates[0]"}, rig.Mistaken(t, err), "AllowedUpdates of a webhook")
}

// They may be newer than this package.
func TestUnknownKindsAreToldOnceWithTheNearest(t *testing.T) {
	t.Parallel()
	h := tghook.HandlerFunc(rig.Nothing)
	all := tghook.Kinds{}
	for _, body := range tghooktest.Updates() {
		all[rig.Parsed(t, string(body)).Kind] = h
	}
	const text = "an unknown kind of update"
	for name, c := range map[string]struct {
		h       tghook.Handler
		allowed []string
		want    []string
	}{
		"all known":          {all, all.AllowedUpdates(), nil},
		"misspelt":           {tghook.Kinds{"mesage": h, "callbackquery": h, "poll": h}, nil, []string{"Kinds callbackquery callback_query", "Kinds mesage message"}},
		"in a chain":         {tghook.Chain(tghook.Kinds{"reaction": h}), nil, []string{"Kinds reaction message_reaction"}},
		"new":                {tghook.Kinds{"holiday": h}, nil, []string{"Kinds holiday "}},
		"in AllowedUpdates":  {h, []string{"Message", "chat_memeber"}, []string{"AllowedUpdates chat_memeber chat_member"}}, //nolint:misspell // it is to be misspelt
		"of a nil of a kind": {h, []string{}, nil},
	} {
		log, logged := rig.Logger()
		dispatch := tghook.DispatchConfig{Logger: log}
		_, err := tghook.Mount(c.h, tghook.RunConfig{
			Token: rig.APIToken, URL: rig.HookURL, AllowedUpdates: c.allowed, Webhook: tghook.Config{Dispatch: dispatch},
		})
		require.NoError(t, err, name)
		assert.Equal(t, c.want, rig.Warnings(logged, text, "field", "kind", "nearest"), name+", by webhook")
		log, logged = rig.Logger()
		dispatch.Logger = log
		_, err = tghook.Mount(c.h, tghook.RunConfig{Token: rig.APIToken, AllowedUpdates: c.allowed, Webhook: tghook.Config{Dispatch: dispatch}})
		require.NoError(t, err, name)
		assert.Equal(t, c.want, rig.Warnings(logged, text, "field", "kind", "nearest"), name+", by poll")
	}
}

func TestWhatTelegramFiltersIsToldAtTheStart(t *testing.T) {
	t.Parallel()
	const nobody, wanted = "Telegram sends only these kinds", "Telegram does not send kinds that the handler wants"
	h := tghook.HandlerFunc(rig.Nothing)
	kinds := tghook.Kinds{tghook.KindMessage: h, tghook.KindPoll: h}
	for name, c := range map[string]struct {
		h       tghook.Handler
		before  []string // at Telegram
		allowed []string
		keep    bool
		text    string
		want    []string
	}{
		"a function, and a filter":         {h, []string{"poll"}, nil, false, nobody, []string{"[poll]"}},
		"a function, and none":             {h, nil, nil, false, nobody, nil},
		"a function that is told":          {h, []string{"poll"}, []string{"message"}, false, nobody, nil},
		"Kinds, which tell":                {kinds, []string{"poll"}, nil, false, wanted, nil},
		"a kept webhook":                   {kinds, []string{"poll"}, nil, true, wanted, []string{"[poll]"}},
		"a kept webhook with all":          {kinds, []string{"poll", "message"}, nil, true, wanted, nil},
		"a kept webhook, no filter":        {kinds, nil, nil, true, wanted, nil},
		"one that wants what is filtered":  {tghook.Kinds{tghook.KindChatMember: h}, nil, nil, true, wanted, []string{"[]"}},
		"a function and a kept webhook":    {h, []string{"poll"}, nil, true, nobody, nil},
		"one that panics when it is asked": {panicking{h}, []string{"poll"}, nil, false, nobody, []string{"[poll]"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, url := range []string{"http://127.0.0.1:1/telegram", ""} {
				if c.keep && url == "" {
					continue
				}
				tg := tghooktest.NewServer(t, tghooktest.ServerConfig{Token: rig.APIToken})
				client := tg.Bot(t)
				require.NoError(t, client.SetWebhook(t.Context(), tghook.WebhookRequest{URL: "http://127.0.0.1:1/", SecretToken: rig.HookToken, AllowedUpdates: c.before}))
				if url == "" {
					require.NoError(t, client.DeleteWebhook(t.Context(), false))
				}
				log, logged := rig.Logger()
				ctx, cancel := context.WithCancel(t.Context())
				var r *tghook.Mounted
				r, err := tghook.Mount(c.h, tghook.RunConfig{
					Token: rig.APIToken, URL: url, KeepWebhook: c.keep, AllowedUpdates: c.allowed, Poll: tghook.PollConfig{Wait: time.Second},
					Webhook: tghook.Config{Dispatch: tghook.DispatchConfig{Logger: log}}, Client: tghook.ClientConfig{BaseURL: tg.URL, Local: true},
				})
				require.NoError(t, err)
				done := make(chan error, 1)
				go func() { done <- r.Receive(ctx) }()
				rig.Until(t, "it receives", func() bool {
					return strings.Contains(logged.String(), "receiving updates by webhook") || len(tg.Calls("getUpdates")) > 0
				})
				cancel()
				require.NoError(t, rig.Receive(t, "its end", done), "Receive")
				assert.Equal(t, c.want, rig.Warnings(logged, c.text, "sent"), "what is told")
			}
		})
	}
}

// panicking has a method of the user's that panics.
type panicking struct{ tghook.Handler }

func (panicking) AllowedUpdates() []string { panic("AllowedUpdates") }
