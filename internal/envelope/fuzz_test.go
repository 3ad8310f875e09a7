package envelope

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// shapes repeats the table of kinds, so that a mistake in one of them shows.
var shapes = map[string]struct{ chat, user, orUser, poll, date, orDate, thread string }{
	"message":                    {chat: "chat.id", user: "from.id", date: "date", thread: "message_thread_id"},
	"edited_message":             {chat: "chat.id", user: "from.id", date: "edit_date", orDate: "date", thread: "message_thread_id"},
	"channel_post":               {chat: "chat.id", user: "from.id", date: "date", thread: "message_thread_id"},
	"edited_channel_post":        {chat: "chat.id", user: "from.id", date: "edit_date", orDate: "date", thread: "message_thread_id"},
	"business_message":           {chat: "chat.id", user: "from.id", date: "date", thread: "message_thread_id"},
	"edited_business_message":    {chat: "chat.id", user: "from.id", date: "edit_date", orDate: "date", thread: "message_thread_id"},
	"guest_message":              {chat: "chat.id", user: "from.id", date: "date", thread: "message_thread_id"},
	"business_connection":        {chat: "user_chat_id", user: "user.id"},
	"deleted_business_messages":  {chat: "chat.id"},
	"message_reaction":           {chat: "chat.id", user: "user.id", orUser: "actor_chat.id", date: "date"},
	"message_reaction_count":     {chat: "chat.id", date: "date"},
	"inline_query":               {user: "from.id"},
	"chosen_inline_result":       {user: "from.id"},
	"shipping_query":             {user: "from.id"},
	"pre_checkout_query":         {user: "from.id"},
	"purchased_paid_media":       {user: "from.id"},
	"callback_query":             {chat: "message.chat.id", user: "from.id", thread: "message.message_thread_id"},
	"poll":                       {poll: "id"},
	"poll_answer":                {chat: "voter_chat.id", user: "user.id", poll: "poll_id"},
	"my_chat_member":             {chat: "chat.id", user: "from.id", date: "date"},
	"chat_member":                {chat: "chat.id", user: "from.id", date: "date"},
	"chat_join_request":          {chat: "chat.id", user: "from.id", date: "date"},
	"chat_boost":                 {chat: "chat.id", user: "boost.source.user.id", date: "boost.add_date"},
	"removed_chat_boost":         {chat: "chat.id", user: "source.user.id", date: "remove_date"},
	"managed_bot":                {user: "user.id"},
	"subscription":               {user: "user.id"},
	"stopped_message_generation": {chat: "chat.id", thread: "message_thread_id"},
}

var seeds = []string{
	``, ` `, `{}`, `[]`, `null`, `1`, `"x"`, `{"update_id":1}`, `{"update_id":1}x`,
	`{"update_id":1,"message":{"chat":{"id":1},"chat":{}}}`,
	`{"update_id":1,"message":{"from":{"id":1}},"message":5}`,
	`{"update_id":1,"message":5,"poll":{"id":"7"},"message":{"chat":{"id":2}},"poll":{"id":"8"}}`,
	`{"update_id":1,"a":{},"b":{"user":{"id":1}},"a":5,"":{}}`,
	`{"update_id":"x","m\u0065ssage":{"\u0063hat":{"i\u0064":2}},"update_id":2}`,
	`{"update_id":9223372036854775807,"message":{"chat":{"id":-9223372036854775808},"from":{"id":9223372036854775808}}}`,
	`{"update_id":-0,"message":{"chat":{"id":1.0},"from":{"id":1e2}}}`,
	`{"update_id":null,"message":{}}`, `{"message":{}}`,
	"{\"update_id\":1,\"\xff\":{},\"b\":{},\"\xfe\":5}",
	`{"update_id":1,"\ud83d\udc4b\ud800\u0041\udc4b\ud83d":{"from":{"id":1}}}`,
	"{\"update_id\":1,\"message\":{\"text\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00eF\x7f\xff\"}}",
	"{\"update_id\":1,\"message\":{\"text\":\"\n\"}}",
	`{"update_id":1,"message":{"x":[true,false,null,-0,0.5,1e+9,-12E-3,"",[],{},[[{"a":[]}]]]}}`,
	`{"update_id":1,"edited_message":{"date":2,"edit_date":3,"message_thread_id":4,"edit_date":0}}`,
	`{"update_id":1,"callback_query":{"message":{"date":2,"message_thread_id":3},"from":{"id":4}}}`,
	`{"update_id":1,"callback_query":{"message":{"chat":{"id":2}},"from":{"id":4},"message":{}}}`,
	`{"update_id":1,"message_reaction":{"user":{"id":0},"actor_chat":{"id":3},"chat":{"id":2}}}`,
	`{"update_id":1,"poll_answer":{"poll_id":"a\"","voter_chat":{"id":2},"user":{"id":3}}}`,
	`{"update_id":1,"chat_boost":{"boost":{"source":{"user":{"id":3}},"add_date":4},"chat":{"id":2}}}`,
	`{"update_id":1,"removed_chat_boost":{"source":{"user":{"id":3}},"remove_date":4,"chat":{"id":2}}}`,
	`{"update_id":1,"business_connection":{"user_chat_id":2,"user":{"id":3}}}`,
	"\ufeff{\"update_id\":1}", "{\"update_id\"\v:1}", `{"update_id":01}`, `{"update_id":1,}`, `{"update_id":1,"a":[1,]}`,
	`{"update_id":1,"a":` + strings.Repeat(`[{"a":`, 70) + `1` + strings.Repeat(`}]`, 70) + `}`,
}

func seed(f *testing.F) {
	f.Helper()
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	for _, x := range fixtures {
		f.Add(fixture(f, x.name))
	}
}

func FuzzScan(f *testing.F) {
	seed(f)
	f.Fuzz(checkScan)
}

// Bodies that are made of the keys that Scan knows reach code that a fuzzer's flipped bits
// do not.
func TestScanAgreesWithTheOracle(t *testing.T) {
	t.Parallel()
	for n := range uint64(2_000) {
		w := writer{Rand: rand.New(rand.NewPCG(n, 0))}
		w.object(0)
		checkScan(t, w.Bytes())
		require.Falsef(t, t.Failed(), "seed %d", n)
	}
}

func checkScan(t *testing.T, data []byte) {
	t.Helper()
	before := bytes.Clone(data)
	e, err := Scan(data)
	require.Equal(t, before, data, "the body was written to")
	if !agreeOnSyntax(t, data, '{', MaxDepth, err) {
		return
	}
	want, moment, hasID := oracle(t, data)
	var syntax *SyntaxError
	if errors.As(err, &syntax) == hasID || errors.Is(err, ErrNoKind) != (hasID && want.kind == "") || found(e) != want || foundWhen(e) != moment {
		t.Errorf("got %+v, %+v, %v\nwant %+v, %+v, update_id %v", found(e), foundWhen(e), err, want, moment, hasID)
	}
}

func FuzzMembers(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		var keys []string
		values := make(map[string]json.RawMessage)
		err := Members(data, func(key, value []byte) error {
			keys = append(keys, string(key))
			values[string(key)] = value
			return nil
		})
		if !agreeOnSyntax(t, data, '{', maxOuterDepth+1, err) {
			return
		}
		require.NoError(t, err, "got")
		if want := orderedKeys(t, data); !slices.Equal(keys, want) {
			t.Errorf("got keys %q, want %q", keys, want)
		}
		for key, want := range object(data) {
			assert.Equal(t, want, values[key], key)
		}
	})
}

func FuzzElements(f *testing.F) {
	seed(f)
	for _, s := range []string{`[{},[],"]",1,null]`, ` [ 1 , [ 2 ] ] `, `[1,]`, `[1 2]`, `[}`, `[1]]`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var got, want []json.RawMessage
		err := Elements(data, func(value []byte) { got = append(got, value) })
		if !agreeOnSyntax(t, data, '[', maxOuterDepth+1, err) {
			return
		}
		require.NoError(t, json.Unmarshal(data, &want))
		if err != nil || !slices.EqualFunc(got, want, func(x, y json.RawMessage) bool { return bytes.Equal(x, y) }) {
			t.Errorf("got %s, %v, want %s", got, err, want)
		}
	})
}

// agreeOnSyntax compares err with the error of encoding/json for data, to the byte. It
// reports whether data is one well-formed object or array.
func agreeOnSyntax(t *testing.T, data []byte, opening byte, limit int, err error) bool {
	t.Helper()
	got := within(t, data, err)
	trimmed := bytes.TrimLeft(data, " \t\r\n")
	switch {
	case len(trimmed) == 0 || trimmed[0] != opening:
		if got == nil || got.Offset != len(data)-len(trimmed) {
			t.Fatalf("got %v for what begins otherwise", err)
		}
		return false
	case got != nil && strings.HasPrefix(got.Msg, "nested"):
		if depth, _ := nesting(data[:got.Offset]); depth != limit || !strings.ContainsRune("[{", rune(data[got.Offset])) {
			t.Fatalf("got %v at depth %d", err, depth)
		}
		return false
	case json.Valid(data):
		if _, deepest := nesting(data); deepest > limit {
			t.Fatalf("let through at depth %d", deepest)
		}
		return true
	}
	if want, offset := syntaxError(t, data); got == nil || got.Offset != offset {
		t.Fatalf("got %v, encoding/json says %v at %d", err, want, offset)
	}
	return false
}

// within returns err as a *SyntaxError, or nil. Its offset must be in data or at its end.
func within(t *testing.T, data []byte, err error) (got *SyntaxError) {
	t.Helper()
	if errors.As(err, &got) && (got.Offset < 0 || got.Offset > len(data)) {
		t.Fatalf("got %v in %d bytes", err, len(data))
	}
	return got
}

// syntaxError returns the error of encoding/json for data, and its offset. A 0 byte behind
// data, which is an error anywhere, gives the end an offset too.
func syntaxError(t *testing.T, data []byte) (want *json.SyntaxError, offset int) {
	t.Helper()
	if err := json.Unmarshal(append(bytes.Clone(data), 0), new(any)); !errors.As(err, &want) {
		t.Fatal(err)
	}
	return want, int(want.Offset) - 1
}

// oracle finds the envelope of a well-formed object with encoding/json. hasID is false if
// update_id is missing or wrong. The kind is empty if there is none.
func oracle(t *testing.T, data []byte) (w want, moment when, hasID bool) {
	t.Helper()
	top := object(data)
	raw, ok := top["update_id"]
	if !ok || string(raw) == "null" || json.Unmarshal(raw, &w.id) != nil {
		return want{}, when{}, false
	}
	if w.kind = kindAmong(orderedKeys(t, data), top); w.kind == "" {
		return w, when{}, true
	}
	shape, known := shapes[w.kind]
	if !known {
		shape.chat, shape.user, shape.orUser, shape.thread = "chat.id", "from.id", "user.id", "message_thread_id"
	}
	body := top[w.kind]
	w.chat, w.user = number(body, shape.chat), number(body, shape.user)
	if w.user == 0 {
		w.user = number(body, shape.orUser)
	}
	moment = when{number(body, shape.date), number(body, shape.thread)}
	if moment.date == 0 {
		moment.date = number(body, shape.orDate)
	}
	if id := at(body, shape.poll); len(id) > 0 && id[0] == '"' {
		w.poll = string(id[1 : len(id)-1])
	}
	return w, moment, true
}

// kindAmong returns the first known kind that is an object, else the first key that is one.
func kindAmong(keys []string, top map[string]json.RawMessage) (kind string) {
	for _, key := range keys {
		if top[key][0] != '{' || key == "update_id" {
			continue
		}
		if _, known := shapes[key]; known {
			return key
		}
		if kind == "" {
			kind = key
		}
	}
	return kind
}

func object(data []byte) map[string]json.RawMessage {
	var members map[string]json.RawMessage
	if json.Unmarshal(data, &members) != nil {
		return nil
	}
	return members
}

func at(data json.RawMessage, path string) json.RawMessage {
	if path == "" {
		return nil
	}
	for key := range strings.SplitSeq(path, ".") {
		data = object(data)[key]
	}
	return data
}

func number(data json.RawMessage, path string) int64 {
	var n int64
	if json.Unmarshal(at(data, path), &n) != nil {
		return 0
	}
	return n
}

// orderedKeys returns the keys of a well-formed object in their order, duplicates too.
func orderedKeys(t *testing.T, data []byte) []string {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(data))
	if _, err := d.Token(); err != nil {
		t.Fatal(err)
	}
	var keys []string
	for d.More() {
		key, err := d.Token()
		require.NoError(t, err)
		keys = append(keys, key.(string))
		var value json.RawMessage
		require.NoError(t, d.Decode(&value))
	}
	return keys
}

// nesting returns how many containers are open at the end of data, which may be cut off,
// and how many are open at most.
func nesting(data []byte) (depth, deepest int) {
	inString := false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case c == '"':
			inString = !inString
		case !inString && (c == '{' || c == '['):
			depth++
			deepest = max(deepest, depth)
		case !inString && (c == '}' || c == ']'):
			depth--
		case inString && c == '\\':
			i++
		}
	}
	return depth, deepest
}

// writer writes random bodies that look like updates.
type writer struct {
	bytes.Buffer
	*rand.Rand
}

// words are the keys by depth. A key that stands twice is twice as likely.
var words = [][]string{
	{
		"update_id", "update_id", "update_id", "update_id", "update_id", "message", "message", "poll", "poll_answer", "callback_query",
		"edited_message", "message_reaction", "chat_boost", "removed_chat_boost", "business_connection", "subscription", "telepathy", "x", "",
	},
	{"chat", "chat", "chat", "from", "from", "from", "user", "user", "actor_chat", "voter_chat", "user_chat_id", "message", "boost", "source", "id", "poll_id", "date", "date", "edit_date", "remove_date", "message_thread_id"},
	{"id", "id", "id", "id", "id", "chat", "source", "user", "x", "add_date", "message_thread_id"},
	{"id", "id", "user", "x"},
	{"id", "id", "x"},
}

var scalars = []string{
	"1", "2", "-3", "0", "-0", "9007199254740993", "9223372036854775808", "-9223372036854775808", "99999999999999999999",
	"1.5", "1e2", `"7"`, `""`, `"a\u0062\"}"`, "null", "true", "[]", `[{"id":4}]`, "01", "nul", `"\x"`,
}

func (w *writer) object(depth int) {
	w.WriteByte('{')
	for n := range w.IntN(9) {
		if n > 0 {
			w.WriteByte(',')
		}
		word := words[depth][w.IntN(len(words[depth]))]
		w.key(word)
		w.WriteByte(':')
		switch {
		case (strings.HasSuffix(word, "id") || strings.HasSuffix(word, "date")) && w.IntN(4) > 0:
			w.WriteString(scalars[w.IntN(8)])
		case depth+1 < len(words) && w.IntN(4) > 0:
			w.object(depth + 1)
		case w.IntN(200) > 0:
			w.WriteString(scalars[w.IntN(len(scalars)-3)])
		default:
			w.WriteString(scalars[w.IntN(len(scalars))])
		}
	}
	w.WriteByte('}')
}

// key escapes one letter of some.
func (w *writer) key(word string) {
	at := -1
	if len(word) > 0 && w.IntN(10) == 0 {
		at = w.IntN(len(word))
	}
	w.WriteByte('"')
	for i := range len(word) {
		if i == at {
			fmt.Fprintf(w, `\u%04x`, word[i])
		} else {
			w.WriteByte(word[i])
		}
	}
	w.WriteByte('"')
}
