package spec_test

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/tghooktest/internal/spec"
)

func TestAMethodHasItsParametersAndItsResult(t *testing.T) {
	t.Parallel()
	assert.Len(t, spec.Methods(), 185)
	for name, want := range map[string]spec.Method{
		"getMe":       {Result: "User"},
		"getChat":     {Result: "ChatFullInfo", Params: []spec.Member{{Name: "chat_id", Type: "Integer|String"}}},
		"deleteStory": {Result: "True", Params: []spec.Member{{Name: "business_connection_id", Type: "String"}, {Name: "story_id", Type: "Integer"}}},
		"deleteEphemeralMessage": {Result: "True", Params: []spec.Member{
			{Name: "chat_id", Type: "Integer|String"}, {Name: "receiver_user_id", Type: "Integer"}, {Name: "ephemeral_message_id", Type: "Integer"},
		}},
	} {
		got, ok := spec.Lookup(name)
		require.True(t, ok, name)
		assert.Equal(t, want.Result, got.Result, name)
		assert.ElementsMatch(t, want.Params, got.Params, name)
	}
	for _, name := range []string{"", "getme", "zoom"} {
		_, ok := spec.Lookup(name)
		assert.False(t, ok, name)
	}
}

// A name that the table does not explain would let everything pass, or nothing.
func TestEveryTypeIsKnown(t *testing.T) {
	t.Parallel()
	checked := func(kind string) {
		for name := range strings.FieldsFuncSeq(kind, func(r rune) bool { return strings.ContainsRune("|[]", r) }) {
			_, object := spec.Members(name)
			basic := slices.Contains([]string{"Integer", "Float", "String", "Boolean", "True", "False", "InputFile"}, name)
			constant := regexp.MustCompile(`^("[^"]+"|\d+)$`).MatchString(name)
			assert.True(t, object || basic || constant || spec.Union(name), "%s in %s", name, kind)
		}
	}
	for _, method := range spec.Methods() {
		checked(method.Result)
		for _, p := range method.Params {
			checked(p.Type)
		}
	}
	for _, kind := range spec.Types() {
		members, _ := spec.Members(kind)
		for _, m := range members {
			checked(m.Type)
		}
	}
}

func TestADifferenceHasItsPath(t *testing.T) {
	t.Parallel()
	const chat = `"chat":{"id":1,"type":"private"}`
	for name, c := range map[string]struct {
		kind, text string
		want       []string
	}{
		"nothing":                       {"Chat", `{"id":1,"type":"private","title":"T"}`, nil},
		"a missing and an unknown":      {"Chat", `{"id":1,"colour":2}`, []string{"Chat has no type", "Chat.colour is unknown"}},
		"a string for a number":         {"Chat", `{"id":"1","type":"private"}`, []string{`Chat.id is "1", not Integer`}},
		"a fraction for an integer":     {"Chat", `{"id":1.5,"type":"private"}`, []string{`Chat.id is 1.5, not Integer`}},
		"an integer for a float":        {"Location", `{"latitude":1,"longitude":-2.5}`, nil},
		"null":                          {"Chat", `{"id":1,"type":"private","title":null}`, []string{`Chat.title is null, not String`}},
		"another word":                  {"Chat", `{"id":1,"type":"secret"}`, []string{`Chat.type is "secret", not "private"|"group"|"supergroup"|"channel"`}},
		"false where True is meant":     {"Message|True", `false`, []string{`Message|True is false, not Message|True`}},
		"True":                          {"Message|True", `true`, nil},
		"an element":                    {"[MessageId]", `[{"message_id":1},{},5]`, []string{`[MessageId][1] has no message_id`, `[MessageId][2] is 5, not MessageId`}},
		"an element of an element":      {"UserProfilePhotos", `{"total_count":1,"photos":[[{"width":1,"height":1,"file_id":"a"}]]}`, []string{`UserProfilePhotos.photos[0][0] has no file_unique_id`}},
		"a member of the one meant":     {"ChatMember", `{"status":"kicked","user":{"id":1,"is_bot":false,"first_name":"A"}}`, []string{`ChatMember has no until_date`}},
		"none of a union":               {"ChatMember", `{"status":"gone"}`, []string{`ChatMember is {"status":"gone"}, not ChatMember`}},
		"a message":                     {"MaybeInaccessibleMessage", `{"message_id":1,"date":5,` + chat + `,"text":"hi"}`, nil},
		"an inaccessible message":       {"MaybeInaccessibleMessage", `{"message_id":1,"date":0,` + chat + `}`, nil},
		"more of an inaccessible":       {"MaybeInaccessibleMessage", `{"message_id":1,"date":0,` + chat + `,"colour":1}`, []string{`MaybeInaccessibleMessage.colour is unknown`}},
		"rich text in rich text":        {"RichText", `["a",{"type":"bold","text":["b",{"type":"code","text":5}]}]`, []string{`RichText[1].text[1].text is 5, not RichText`}},
		"an array for an object":        {"User", `[]`, []string{`User is [], not User`}},
		"text that is not JSON":         {"User", `{`, []string{`User is not JSON: unexpected EOF`}},
		"what old clients get":          {"Message", `{"message_id":1,"date":5,` + chat + `,"forward_date":5}`, nil},
		"a long value is cut":           {"True", `"` + strings.Repeat("a", 100) + `"`, []string{`True is "` + strings.Repeat("a", 79) + `..., not True`}},
		"a union in an array of arrays": {"RichBlock", `{"type":"divider","blocks":[]}`, []string{`RichBlock.blocks is unknown`}},
	} {
		assert.Equal(t, c.want, spec.Check(c.kind, []byte(c.text)), name)
	}
}

func TestAWatcherKeepsAnExampleOfEachDifference(t *testing.T) {
	t.Parallel()
	var w spec.Watcher
	var b bytes.Buffer
	w.Watch("getMe", []byte(`{"id":1,"is_bot":true,"first_name":"A"}`))
	w.Watch("deleteMessages", []byte(`true`))
	assert.Equal(t, 0, w.Report(&b, 0))
	assert.Equal(t, 2, w.Report(&b, 2))
	assert.Empty(t, b.String())

	w.Watch("forwardMessages", []byte(`[{"message_id":1},{"message_id":"2"}]`))
	w.Watch("forwardMessages", []byte(`[{"message_id":"2"}]`))
	w.Watch("chat_boost", []byte(`{}`))
	w.Watch("massage", []byte(`5`))
	assert.Equal(t, 1, w.Report(&b, 0))
	assert.Equal(t, `not as in Bot API 10.3: chat_boost: ChatBoostUpdated has no boost
	{}
not as in Bot API 10.3: chat_boost: ChatBoostUpdated has no chat
	{}
not as in Bot API 10.3: forwardMessages: [MessageId][].message_id is "2", not Integer
	[{"message_id":1},{"message_id":"2"}]
not as in Bot API 10.3: massage is unknown
	5
`, b.String())
}
