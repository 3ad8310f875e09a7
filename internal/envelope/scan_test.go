package envelope

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func fixture(tb testing.TB, name string) []byte {
	tb.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "tghooktest", "updates", name+".json"))
	require.NoError(tb, err)
	return data
}

// want is an Envelope that can be compared.
type want struct {
	id         int64
	kind       string
	chat, user int64
	poll       string
}

func found(e Envelope) want {
	return want{e.ID, e.Kind, e.ChatID, e.UserID, string(e.PollID)}
}

// when is the rest of an Envelope.
type when struct{ date, thread int64 }

func foundWhen(e Envelope) when { return when{e.Date, e.ThreadID} }

// whens has the date and thread of each fixture that has one.
var whens = map[string]when{
	"business_message":           {date: 1795000501},
	"callback_query":             {thread: 5},
	"channel_post":               {date: 1795000088},
	"chat_boost":                 {date: 1795000000},
	"chat_join_request":          {date: 1795000000},
	"chat_member":                {date: 1795000000},
	"edited_business_message":    {date: 1795000600},
	"edited_channel_post":        {date: 1795000200},
	"edited_message":             {date: 1795001500},
	"guest_message":              {date: 1795000012},
	"message":                    {date: 1795001401},
	"message_large":              {date: 1795001777, thread: 5},
	"message_reaction":           {date: 1795000009},
	"message_reaction_count":     {date: 1795000099},
	"my_chat_member":             {date: 1795000000},
	"removed_chat_boost":         {date: 1795000005},
	"stopped_message_generation": {thread: 9},
}

var fixtures = []struct {
	name string
	want want
}{
	{"business_connection", want{731450004, "business_connection", 6655443322, 6655443322, ""}},
	{"business_message", want{731450005, "business_message", 7244100913, 7244100913, ""}},
	{"callback_query", want{731450013, "callback_query", -1002147483649, 5012345678901, ""}},
	{"channel_post", want{731450002, "channel_post", -1001999888777, 0, ""}},
	{"chat_boost", want{731450022, "chat_boost", -1001999888777, 7244100913, ""}},
	{"chat_join_request", want{731450021, "chat_join_request", -1002147483649, 5012345678901, ""}},
	{"chat_member", want{731450020, "chat_member", -1002147483649, 7244100913, ""}},
	{"chosen_inline_result", want{731450012, "chosen_inline_result", 0, 7244100913, ""}},
	{"deleted_business_messages", want{731450007, "deleted_business_messages", 7244100913, 0, ""}},
	{"edited_business_message", want{731450006, "edited_business_message", 7244100913, 7244100913, ""}},
	{"edited_channel_post", want{731450003, "edited_channel_post", -1001999888777, 0, ""}},
	{"edited_message", want{731450001, "edited_message", 7244100913, 7244100913, ""}},
	{"guest_message", want{731450008, "guest_message", -1002147483649, 5012345678901, ""}},
	{"inline_query", want{731450011, "inline_query", 0, 7244100913, ""}},
	{"managed_bot", want{731450024, "managed_bot", 0, 7244100913, ""}},
	{"message", want{731450000, "message", 7244100913, 7244100913, ""}},
	{"message_large", want{731450025, "message", -1002147483649, 5012345678901, ""}},
	{"message_reaction", want{731450009, "message_reaction", -1002147483649, 5012345678901, ""}},
	{"message_reaction_count", want{731450010, "message_reaction_count", -1001999888777, 0, ""}},
	{"my_chat_member", want{731450019, "my_chat_member", 7244100913, 7244100913, ""}},
	{"poll", want{731450017, "poll", 0, 0, "5402391187456721920"}},
	{"poll_answer", want{731450018, "poll_answer", 0, 5012345678901, "5402391187456721920"}},
	{"pre_checkout_query", want{731450015, "pre_checkout_query", 0, 7244100913, ""}},
	{"purchased_paid_media", want{731450016, "purchased_paid_media", 0, 7244100913, ""}},
	{"removed_chat_boost", want{731450023, "removed_chat_boost", -1001999888777, 7244100913, ""}},
	{"shipping_query", want{731450014, "shipping_query", 0, 7244100913, ""}},
	{"stopped_message_generation", want{731450027, "stopped_message_generation", 7244100913, 0, ""}},
	{"subscription", want{731450026, "subscription", 0, 7244100913, ""}},
}

func TestScanReadsEveryKind(t *testing.T) {
	t.Parallel()
	met := make(map[string]bool)
	for _, f := range fixtures {
		met[f.want.kind] = true
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			e, err := Scan(fixture(t, f.name))
			if got := found(e); err != nil || got != f.want {
				t.Errorf("got %+v, %v, want %+v", got, err, f.want)
			}
			if got := foundWhen(e); got != whens[f.name] {
				t.Errorf("got %+v, want %+v", got, whens[f.name])
			}
		})
	}
	if len(met) != len(kinds) || len(kinds) != kindCount {
		t.Errorf("%d kinds have a fixture, %d are known, %d have room", len(met), len(kinds), kindCount)
	}
}

func TestScan(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, body string
		want       want
	}{
		// The kinds' odd variants.
		{
			"a reaction by a chat has the chat for a user",
			`{"update_id":1,"message_reaction":{"chat":{"id":2},"actor_chat":{"id":-3}}}`,
			want{1, "message_reaction", 2, -3, ""},
		},
		{
			"a reaction by a user passes over the actor chat",
			`{"update_id":1,"message_reaction":{"actor_chat":{"id":-3},"chat":{"id":2},"user":{"id":4}}}`,
			want{1, "message_reaction", 2, 4, ""},
		},
		{
			"a button below an inline message has no chat",
			`{"update_id":1,"callback_query":{"id":"9","from":{"id":4},"inline_message_id":"x"}}`,
			want{1, "callback_query", 0, 4, ""},
		},
		{
			"a button below an inaccessible message has its chat",
			`{"update_id":1,"callback_query":{"from":{"id":4},"message":{"chat":{"id":2},"message_id":7,"date":0}}}`,
			want{1, "callback_query", 2, 4, ""},
		},
		{
			"a poll answer as a chat has both",
			`{"update_id":1,"poll_answer":{"poll_id":"7","voter_chat":{"id":-2},"user":{"id":4}}}`,
			want{1, "poll_answer", -2, 4, "7"},
		},
		{
			"a giveaway's boost has no user",
			`{"update_id":1,"chat_boost":{"chat":{"id":-2},"boost":{"source":{"source":"giveaway"}}}}`,
			want{1, "chat_boost", -2, 0, ""},
		},
		{
			"a post of a channel may be signed",
			`{"update_id":1,"channel_post":{"sender_chat":{"id":-2},"chat":{"id":-2},"from":{"id":4}}}`,
			want{1, "channel_post", -2, 4, ""},
		},
		{
			"a kind without a user has none even if there is one",
			`{"update_id":1,"deleted_business_messages":{"chat":{"id":2},"from":{"id":3},"user":{"id":4}}}`,
			want{1, "deleted_business_messages", 2, 0, ""},
		},
		{
			"a stopped generation in a topic",
			`{"update_id":1,"stopped_message_generation":{"chat":{"id":2},"message_thread_id":3,"draft_id":4,"user":{"id":5}}}`,
			want{1, "stopped_message_generation", 2, 0, ""},
		},
		{
			"a subscription with a chat has none",
			`{"update_id":1,"subscription":{"chat":{"id":2},"user":{"id":5}}}`,
			want{1, "subscription", 0, 5, ""},
		},
		{
			"a poll's id stays as it stands",
			`{"update_id":1,"poll":{"id":"a\u0062\"c"}}`,
			want{1, "poll", 0, 0, `a\u0062\"c`},
		},
		{"a poll's id must be a string", `{"update_id":1,"poll":{"id":7}}`, want{1, "poll", 0, 0, ""}},

		// Which member is the kind.
		{
			"an unknown kind is guessed at",
			`{"update_id":1,"telepathy":{"chat":{"id":2},"from":{"id":3},"user":{"id":4}}}`,
			want{1, "telepathy", 2, 3, ""},
		},
		{
			"an unknown kind may have a user rather than a sender",
			`{"update_id":1,"telepathy":{"user":{"id":4}}}`,
			want{1, "telepathy", 0, 4, ""},
		},
		{
			"a known kind goes before an earlier unknown one",
			`{"update_id":1,"telepathy":{"chat":{"id":2}},"message":{"chat":{"id":3}}}`,
			want{1, "message", 3, 0, ""},
		},
		{
			"a known kind goes before a later unknown one",
			`{"update_id":1,"message":{"chat":{"id":3}},"telepathy":{"chat":{"id":2}}}`,
			want{1, "message", 3, 0, ""},
		},
		{
			"the first known kind counts",
			`{"update_id":1,"poll":{"id":"7"},"message":{"chat":{"id":3},"from":{"id":4}}}`,
			want{1, "poll", 0, 0, "7"},
		},
		{
			"the first unknown kind counts",
			`{"update_id":1,"a":5,"":{},"b":{"chat":{"id":3}},"c":{"chat":{"id":4}}}`,
			want{1, "b", 3, 0, ""},
		},
		{
			"a known name whose value is no object is no kind",
			`{"message":[{}],"poll":null,"update_id":1,"callback_query":{"from":{"id":4}}}`,
			want{1, "callback_query", 0, 4, ""},
		},
		{
			"a known name whose value is no object gives way to an unknown kind",
			`{"update_id":1,"message":"x","telepathy":{"chat":{"id":2}}}`,
			want{1, "telepathy", 2, 0, ""},
		},
		{
			"kinds are case-sensitive",
			`{"update_id":1,"Message":{"chat":{"id":2}}}`,
			want{1, "Message", 2, 0, ""},
		},
		{
			"an unknown kind is decoded",
			"{\"update_id\":1,\"\\ud83d\\udc4b\\n\\ud800\\u0041\xff\xfe\":{}}",
			want{1, "👋\n\ufffdA\ufffd\ufffd", 0, 0, ""},
		},

		// Duplicates: the last counts, at every level.
		{"of two update_ids", `{"update_id":"x","message":{},"update_id":2}`, want{2, "message", 0, 0, ""}},
		{
			"of two messages",
			`{"update_id":1,"message":{"chat":{"id":2},"from":{"id":3}},"message":{"chat":{"id":4}}}`,
			want{1, "message", 4, 0, ""},
		},
		{
			"of a message and a scalar",
			`{"update_id":1,"message":{"chat":{"id":2}},"poll":{"id":"7"},"message":5}`,
			want{1, "poll", 0, 0, "7"},
		},
		{
			"of a scalar and a message, in the place of the first",
			`{"update_id":1,"message":5,"poll":{"id":"7"},"message":{"chat":{"id":2}}}`,
			want{1, "message", 2, 0, ""},
		},
		{
			"of two messages around another kind",
			`{"update_id":1,"message":{"chat":{"id":2}},"message":{"chat":{"id":3}},"poll":{"id":"7"}}`,
			want{1, "message", 3, 0, ""},
		},
		{
			"of an unknown kind and a scalar",
			`{"update_id":1,"a":{},"b":{"chat":{"id":2}},"a":5}`,
			want{1, "b", 2, 0, ""},
		},
		{
			"of a scalar and an unknown kind, in the place of the first",
			`{"update_id":1,"a":5,"b":{},"\u0061":{"chat":{"id":2}}}`,
			want{1, "a", 2, 0, ""},
		},
		{
			"of unknown kinds that differ in what is not UTF-8",
			"{\"update_id\":1,\"\xff\":{},\"b\":{},\"\xfe\":5}",
			want{1, "b", 0, 0, ""},
		},
		{
			"of two chats",
			`{"update_id":1,"message":{"chat":{"id":2},"from":{"id":3},"chat":{}}}`,
			want{1, "message", 0, 3, ""},
		},
		{
			"of a chat and a scalar",
			`{"update_id":1,"message":{"chat":{"id":2},"chat":null}}`,
			want{1, "message", 0, 0, ""},
		},
		{
			"of two ids",
			`{"update_id":1,"message":{"chat":{"id":2,"id":3},"from":{"id":4,"id":"x"}}}`,
			want{1, "message", 3, 0, ""},
		},
		{
			"of two polls",
			`{"update_id":1,"poll":{"id":"7"},"poll":{}}`,
			want{1, "poll", 0, 0, ""},
		},
		{
			"of two messages below a button",
			`{"update_id":1,"callback_query":{"message":{"chat":{"id":2}},"from":{"id":4},"message":{"date":0}}}`,
			want{1, "callback_query", 0, 4, ""},
		},

		// Order, escapes, white space.
		{
			"the members may stand in any order",
			`{"message":{"from":{"first_name":"}","id":3},"text":"{","chat":{"type":"private","id":2,"x":[{}]}},"update_id":1}`,
			want{1, "message", 2, 3, ""},
		},
		{
			"keys may be escaped",
			`{"\u0075pdate_id":1,"m\u0065ssage":{"\u0063hat":{"i\u0064":2},"f\u0072om":{"\u0069\u0064":3}}}`,
			want{1, "message", 2, 3, ""},
		},
		{
			"white space may stand everywhere",
			" {\n\"update_id\"\t:\r1 , \"message\" : { \"chat\" : { \"id\" : 2 } , \"x\" : [ 1 , { } , [ ] ] } } \n",
			want{1, "message", 2, 0, ""},
		},
		{
			"what looks like an id elsewhere is none",
			`{"update_id":1,"message":{"reply_to_message":{"chat":{"id":8},"from":{"id":9}},"text":"\"chat\":{\"id\":7}","chat":{"x":{"id":6},"id":2}}}`,
			want{1, "message", 2, 0, ""},
		},
		{
			"strings may hold what is no text",
			"{\"update_id\":1,\"message\":{\"text\":\"\xff\xc3\x7f\\ud800\\u0000\\/\\b\",\"chat\":{\"id\":2}}}",
			want{1, "message", 2, 0, ""},
		},

		// Integers.
		{
			"ids are exact beyond 2^53",
			`{"update_id":9007199254740993,"message":{"chat":{"id":-9223372036854775808},"from":{"id":9223372036854775807}}}`,
			want{9007199254740993, "message", -9223372036854775808, 9223372036854775807, ""},
		},
		{
			"ids beyond 64 bits are none",
			`{"update_id":1,"message":{"chat":{"id":-9223372036854775809},"from":{"id":9223372036854775808}}}`,
			want{1, "message", 0, 0, ""},
		},
		{
			"ids far beyond 64 bits are none",
			`{"update_id":1,"message":{"chat":{"id":18446744073709551617},"from":{"id":100000000000000000000}}}`,
			want{1, "message", 0, 0, ""},
		},
		{
			"ids that are no integers are none",
			`{"update_id":1,"message":{"chat":{"id":2.0},"from":{"id":2e3}}}`,
			want{1, "message", 0, 0, ""},
		},
		{
			"ids that are no numbers are none",
			`{"update_id":1,"message":{"chat":{"id":"2"},"from":{"id":{"id":2}}}}`,
			want{1, "message", 0, 0, ""},
		},
		{
			"a scalar has no id",
			`{"update_id":1,"callback_query":{"message":"chat","from":[{"id":2}]}}`,
			want{1, "callback_query", 0, 0, ""},
		},
		{"minus zero is zero", `{"update_id":-0,"message":{}}`, want{0, "message", 0, 0, ""}},
		{"an id may be negative", `{"update_id":-7,"message":{}}`, want{-7, "message", 0, 0, ""}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e, err := Scan([]byte(tt.body))
			if got := found(e); err != nil || got != tt.want {
				t.Errorf("got %+v, %v, want %+v", got, err, tt.want)
			}
		})
	}
}

func TestScanFindsDateAndThread(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, body string
		want       when
	}{
		{"of a message", `{"update_id":1,"message":{"message_thread_id":5,"date":7}}`, when{7, 5}},
		{"of an edited message", `{"update_id":1,"edited_message":{"edit_date":8,"message_thread_id":5,"date":7}}`, when{8, 5}},
		{"of an edited message that does not say when", `{"update_id":1,"edited_message":{"date":7}}`, when{7, 0}},
		{"of an edited post whose edit has no date", `{"update_id":1,"edited_channel_post":{"edit_date":0,"date":7}}`, when{7, 0}},
		{"a message is as old as it is, edited or not", `{"update_id":1,"message":{"edit_date":8,"date":7}}`, when{7, 0}},
		{"a button's message tells the thread and no date", `{"update_id":1,"callback_query":{"date":6,"message":{"date":7,"message_thread_id":5}}}`, when{0, 5}},
		{"a connection's date is not that of its end", `{"update_id":1,"business_connection":{"date":7,"is_enabled":false}}`, when{}},
		{"of a boost", `{"update_id":1,"chat_boost":{"boost":{"add_date":7,"expiration_date":9}}}`, when{7, 0}},
		{"of a removed boost", `{"update_id":1,"removed_chat_boost":{"remove_date":7}}`, when{7, 0}},
		{"a poll's closing is to come", `{"update_id":1,"poll":{"id":"1","close_date":9}}`, when{}},
		{"an unknown kind has a thread and no date", `{"update_id":1,"telepathy":{"date":7,"message_thread_id":5}}`, when{0, 5}},
		{"the last counts", `{"update_id":1,"message":{"date":7,"message_thread_id":5,"date":8,"message_thread_id":{}}}`, when{8, 0}},
		{"the last message below a button", `{"update_id":1,"callback_query":{"message":{"message_thread_id":5},"message":{}}}`, when{}},
		{"what looks like a date elsewhere is none", `{"update_id":1,"message":{"reply_to_message":{"date":6,"message_thread_id":4},"chat":{"date":7}}}`, when{}},
		{"no integers", `{"update_id":1,"message":{"date":1e9,"message_thread_id":"5"}}`, when{}},
		{"beyond 64 bits", `{"update_id":1,"message":{"date":9223372036854775808,"message_thread_id":-9223372036854775808}}`, when{0, -1 << 63}},
		{"escaped", `{"update_id":1,"message":{"d\u0061te":7,"message\u005fthread_id":5}}`, when{7, 5}},
	} {
		e, err := Scan([]byte(tt.body))
		if got := foundWhen(e); err != nil || got != tt.want {
			t.Errorf("%s: got %+v, %v, want %+v", tt.name, got, err, tt.want)
		}
	}
}

func TestScanWithoutKind(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"update_id":7}`,
		`{"update_id":7,"message":5,"poll":[{}],"x":null,"y":"{}"}`,
		`{"update_id":7,"message":{},"message":5}`,
		`{"update_id":7,"x":{},"x":true}`,
		`{"update_id":{},"":{},"update_id":7}`,
	} {
		e, err := Scan([]byte(body))
		if got := found(e); !errors.Is(err, ErrNoKind) || got != (want{id: 7}) {
			t.Errorf("%s: got %+v, %v", body, got, err)
		}
	}
}

func TestScanNamesTheOffendingByte(t *testing.T) {
	t.Parallel()
	tests := []struct{ body, want string }{
		{"", "offset 0: expected an object, got the end"},
		{" \n", "offset 2: expected an object, got the end"},
		{" []", "offset 1: expected an object, got '['"},
		{"null", "offset 0: expected an object, got 'n'"},
		{"\xef\xbb\xbf{}", "offset 0: expected an object, got byte 0xef"},
		{"{", "offset 1: expected a key, got the end"},
		{"{,", "offset 1: expected a key, got ','"},
		{"{x:1}", "offset 1: expected a key, got 'x'"},
		{`{"a":1,}`, "offset 7: expected a key, got '}'"},
		{`{"a"}`, "offset 4: expected ':' after a key, got '}'"},
		{`{"a" 1}`, "offset 5: expected ':' after a key, got '1'"},
		{`{"a":1 "b":2}`, `offset 7: expected ',' or '}' after a member, got '"'`},
		{`{"update_id":1,x`, "offset 15: expected a key, got 'x'"},
		{`{"update_id":1]`, "offset 14: expected ',' or '}' after a member, got ']'"},
		{`{"a":[1}`, "offset 7: expected ',' or ']' after an element, got '}'"},
		{`{"a":[1 2]}`, "offset 8: expected ',' or ']' after an element, got '2'"},
		{`{"a":[1,]}`, "offset 8: expected a value, got ']'"},
		{`{"a":[{"b":1],`, "offset 12: expected ',' or '}' after a member, got ']'"},
		{`{"a":[{"b"`, "offset 10: expected ':' after a key, got the end"},
		{`{"a":[{"b":1,}`, "offset 13: expected a key, got '}'"},
		{`{"a":[{]`, "offset 7: expected a key, got ']'"},
		{`{"message":{"chat":{"id":}}}`, "offset 25: expected a value, got '}'"},
		{`{"message":{"chat":{"id" 1}}}`, "offset 25: expected ':' after a key, got '1'"},
		{`{"a":`, "offset 5: expected a value, got the end"},
		{`{"a":x}`, "offset 5: expected a value, got 'x'"},
		{`{"a":+1}`, "offset 5: expected a value, got '+'"},
		{`{"a":-}`, "offset 6: expected a digit, got '}'"},
		{`{"a":01}`, "offset 6: expected ',' or '}' after a member, got '1'"},
		{`{"a":1.}`, "offset 7: expected a digit, got '}'"},
		{`{"a":1.5e+}`, "offset 10: expected a digit, got '}'"},
		{`{"a":1E`, "offset 7: expected a digit, got the end"},
		{`{"a":tru}`, "offset 8: expected true, got '}'"},
		{`{"a":fals`, "offset 9: expected false, got the end"},
		{`{"a":nul`, "offset 8: expected null, got the end"},
		{`{"a":"b`, "offset 7: expected a character of a string, got the end"},
		{"{\"a\":\"long enough for a word\n\"}", `offset 28: expected a character of a string, got '\n'`},
		{"{\"a\":\"\x00\"}", `offset 6: expected a character of a string, got '\x00'`},
		{`{"a":"\`, "offset 7: expected an escape, got the end"},
		{`{"a":"\x"}`, "offset 7: expected an escape, got 'x'"},
		{`{"a":"\u00e"}`, `offset 11: expected a hex digit, got '"'`},
		{`{"a":"\u0041\u00g0"}`, "offset 16: expected a hex digit, got 'g'"},
		{`{"a":"\u00`, "offset 10: expected a hex digit, got the end"},
		{`{"a":"\u00410\u`, "offset 15: expected a hex digit, got the end"},
		{`{"update_id":1}{`, "offset 15: expected nothing more, got '{'"},
		{"{\"update_id\":1} \x00", `offset 16: expected nothing more, got '\x00'`},

		{` {"message":{}} `, "offset 14: update_id is missing"},
		{`{}`, "offset 1: update_id is missing"},
		{`{"update_id":null,"message":{}}`, "offset 13: update_id is not an integer of 64 bits"},
		{`{"update_id": "7","message":{}}`, "offset 14: update_id is not an integer of 64 bits"},
		{`{"update_id":7.0,"message":{}}`, "offset 13: update_id is not an integer of 64 bits"},
		{`{"update_id":7e0,"message":{}}`, "offset 13: update_id is not an integer of 64 bits"},
		{`{"update_id":{},"message":{}}`, "offset 13: update_id is not an integer of 64 bits"},
		{`{"update_id":9223372036854775808}`, "offset 13: update_id is not an integer of 64 bits"},
		{`{"update_id":-9223372036854775809}`, "offset 13: update_id is not an integer of 64 bits"},
		{`{"update_id":7,"message":{},"update_id":true}`, "offset 40: update_id is not an integer of 64 bits"},
		{`{"update_id":true,"message":{}`, "offset 30: expected ',' or '}' after a member, got the end"},
	}
	for _, tt := range tests {
		e, err := Scan([]byte(tt.body))
		var syntax *SyntaxError
		if !errors.As(err, &syntax) || err.Error() != tt.want {
			t.Errorf("%q: got error %q, want %q", tt.body, err, tt.want)
		}
		if got := found(e); got != (want{}) {
			t.Errorf("%q: got %+v beside the error", tt.body, got)
		}
	}
}

// The error is at the place where the body is cut off.
func TestScanOfATruncatedBody(t *testing.T) {
	t.Parallel()
	for _, f := range fixtures {
		data := fixture(t, f.name)
		for n := range len(data) - 1 {
			_, err := Scan(data[:n])
			var syntax *SyntaxError
			if !errors.As(err, &syntax) || syntax.Offset != n {
				t.Fatalf("%s: got %v for the first %d bytes", f.name, err, n)
			}
		}
	}
}

func TestScanBoundsDepth(t *testing.T) {
	t.Parallel()
	for _, open := range []string{"[", `{"a":`, `[{"a":`, `[[{"a":[`} {
		closed := strings.NewReplacer("{", "}", "[", "]", `"a":`, "").Replace(reversed(open))
		for _, where := range []struct {
			name, before, after string
			depth               int
		}{
			{"beside the kind", `{"update_id":1,"message":{"chat":{"id":2}},"x":`, `}`, 1},
			{"on the way to an id", `{"update_id":1,"message":{"chat":{"id":2,"x":`, `}}}`, 3},
			{"in place of an id", `{"update_id":1,"message":{"chat":{"id":2},"from":{"id":`, `}}}`, 3},
		} {
			t.Run(fmt.Sprintf("%s %s", open, where.name), func(t *testing.T) {
				t.Parallel()
				perUnit := strings.Count(open, "[") + strings.Count(open, "{")
				for depth := MaxDepth - 70; depth < MaxDepth+70; depth++ {
					n := (depth - where.depth) / perUnit
					rest := (depth - where.depth) % perUnit
					body := where.before + strings.Repeat(open, n) + strings.Repeat("[", rest) +
						strings.Repeat("]", rest) + strings.Repeat(closed, n) + where.after
					if rest == 0 {
						body = strings.Replace(body, ":"+closed[:1], ":1"+closed[:1], 1) // an object's innermost value
					}
					e, err := Scan([]byte(body))
					if depth <= MaxDepth {
						if err != nil || e.ChatID != 2 {
							t.Fatalf("depth %d: got %+v, %v", depth, found(e), err)
						}
						continue
					}
					var syntax *SyntaxError
					if !errors.As(err, &syntax) || syntax.Msg != "nested too deep" {
						t.Fatalf("depth %d: got %v", depth, err)
					}
					if d, _ := nesting([]byte(body[:syntax.Offset])); d != MaxDepth {
						t.Fatalf("depth %d: refused at offset %d, %d deep", depth, syntax.Offset, d)
					}
				}
			})
		}
	}
}

func reversed(s string) string {
	if s == "" {
		return ""
	}
	if rest, ok := strings.CutPrefix(s, `{"a":`); ok {
		return reversed(rest) + "{"
	}
	return reversed(s[1:]) + s[:1]
}

func TestScanDoesNotAllocate(t *testing.T) {
	bodies := map[string][]byte{
		"duplicates": []byte(`{"update_id":1,"message":5,"poll":{"id":"7"},"message":{"chat":{"id":2}},"poll":{"id":"8"}}`),
		"escapes":    []byte(`{"\u0075pdate_id":1,"m\u0065ssage":{"\u0063hat":{"i\u0064":2},"f\u0072om":{"\u0069\u0064":3}}}`),
		"strangers":  []byte(`{"telepathy":{},"x":1,"update_id":1,"message":{"chat":{"id":2}}}`),
		"depth":      []byte(`{"update_id":1,"message":{"x":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}}`),
	}
	for _, f := range fixtures {
		bodies[f.name] = fixture(t, f.name)
	}
	for name, body := range bodies {
		allocs := testing.AllocsPerRun(100, func() {
			if _, err := Scan(body); err != nil {
				t.Fatal(name, err)
			}
		})
		assert.Zero(t, allocs, name)
	}
}

func TestScanPollIDAliasesTheBody(t *testing.T) {
	t.Parallel()
	body := []byte(`{"update_id":1,"poll":{"id":"77"}}`)
	e, err := Scan(body)
	require.NoError(t, err)
	assert.Same(t, &body[strings.Index(string(body), "77")], &e.PollID[0], "PollID is a copy")
	if _ = append(e.PollID, 'x'); string(body[len(body)-3:]) != `"}}` {
		t.Errorf("an append to PollID wrote to the body: %s", body)
	}
}
