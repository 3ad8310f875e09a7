package botapi_test

import (
	_ "embed"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook/tghooktest/internal/botapi"
	"github.com/tghook/tghook/tghooktest/internal/spec"
)

//go:embed methods.tsv
var table string

func TestAll185MethodsAreKnown(t *testing.T) {
	t.Parallel()
	lines := strings.Split(strings.TrimSuffix(table, "\n"), "\n")
	assert.True(t, slices.IsSorted(lines[1:]), "the methods are sorted")
	count := map[string]int{}
	for _, line := range lines[1:] {
		name, _, _ := strings.Cut(line, "\t")
		m, ok := botapi.Lookup(strings.ToUpper(name))
		require.True(t, ok, name)
		assert.Equal(t, name, m.Name)
		assert.NotEmpty(t, m.Result, name)
		count["methods"]++
		count[m.Result]++
		count["or True"] += one(m.OrTrue)
		count["arrays"] += one(m.Array)
		count["with files"] += one(m.Files != nil)
		for _, parameter := range append(m.Required, m.Files...) {
			assert.Regexp(t, "^[a-z_]+$", parameter, name)
		}
	}
	for what, want := range map[string]int{
		"methods": 185, "True": 102, "Message": 31, "String": 4, "Integer": 1, "or True": 7, "arrays": 10, "with files": 13,
	} {
		assert.Equal(t, want, count[what], what)
	}
}

func TestTheMethodsAreThoseOfTheSpecification(t *testing.T) {
	t.Parallel()
	for _, want := range spec.Methods() {
		m, ok := botapi.Lookup(want.Name)
		require.True(t, ok, want.Name)
		result := m.Result
		if m.Array {
			result = "[" + result + "]"
		}
		if m.OrTrue {
			result += "|True"
		}
		assert.Equal(t, want.Result, result, want.Name)
		var required, files []string
		for _, p := range want.Params {
			if !p.Optional {
				required = append(required, p.Name)
			}
			if strings.HasPrefix(p.Type, "InputFile") {
				files = append(files, p.Name)
			}
		}
		assert.ElementsMatch(t, required, m.Required, want.Name)
		assert.ElementsMatch(t, files, m.Files, want.Name)
	}
}

func one(is bool) int {
	if is {
		return 1
	}
	return 0
}

func TestAMethodIsFoundByItsOldName(t *testing.T) {
	t.Parallel()
	for old, name := range map[string]string{
		"kickChatMember": "banChatMember", "getChatMembersCount": "getChatMemberCount", "SETSTICKERSETTHUMB": "setStickerSetThumbnail",
	} {
		m, ok := botapi.Lookup(old)
		assert.True(t, ok, old)
		assert.Equal(t, name, m.Name)
	}
}

func TestAMethodIsFoundInAnyCase(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]botapi.Method{
		"sendPhoto":             {Name: "sendPhoto", Result: "Message", Required: []string{"chat_id", "photo"}, Files: []string{"photo"}},
		"SENDMEDIAGROUP":        {Name: "sendMediaGroup", Result: "Message", Array: true, Required: []string{"chat_id", "media"}},
		"editmessagetext":       {Name: "editMessageText", Result: "Message", OrTrue: true},
		"getMe":                 {Name: "getMe", Result: "User"},
		"SetWebHook":            {Name: "setWebhook", Result: "True", Required: []string{"url"}, Files: []string{"certificate"}},
		"getUpdates":            {Name: "getUpdates", Result: "Update", Array: true},
		"getChatMemberCount":    {Name: "getChatMemberCount", Result: "Integer", Required: []string{"chat_id"}},
		"exportChatInviteLink":  {Name: "exportChatInviteLink", Result: "String", Required: []string{"chat_id"}},
		"sendLivePhoto":         {Name: "sendLivePhoto", Result: "Message", Required: []string{"chat_id", "live_photo", "photo"}, Files: []string{"live_photo", "photo"}},
		"answerCallbackQuery":   {Name: "answerCallbackQuery", Result: "True", Required: []string{"callback_query_id"}},
		"stopMessageGeneration": {},
		"method":                {},
		"":                      {},
	} {
		got, ok := botapi.Lookup(name)
		if ok != (want.Name != "") || !reflect.DeepEqual(got, want) {
			t.Errorf("%q is %+v, %t, want %+v", name, got, ok, want)
		}
	}
}
