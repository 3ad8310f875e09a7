package tghook_test

import (
	"bytes"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/tghooktest"
)

func TestParseUpdateFindsTheEnvelopeOfEveryFixture(t *testing.T) {
	t.Parallel()
	const (
		zoe     = 7244100913    // a user, and the private chat with her
		arsen   = 5012345678901 // a user
		group   = -1002147483649
		channel = -1001999888777
	)
	want := map[string]tghook.Update{
		"business_connection":        {ID: 731450004, Kind: tghook.KindBusinessConnection, ChatID: zoe, UserID: zoe},
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
		if undecodable.UpdateID != 0 {
			t.Errorf("%s: UpdateID %d", c.name, undecodable.UpdateID)
		}
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
	if !bytes.Equal(data, tghooktest.Update("callback_query")) {
		t.Error("the data was written to")
	}
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
	if err := u.Decode(nil); !errors.As(err, &undecodable) {
		t.Errorf("Decode(nil): got %v, want a *DecodeError", err)
	}
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
