package botapi_test

import (
	_ "embed"
	"reflect"
	"strings"
	"testing"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

//go:embed methods.tsv
var table string

func TestAll180MethodsAreKnown(t *testing.T) {
	t.Parallel()
	lines := strings.Split(strings.TrimSuffix(table, "\n"), "\n")
	results, orTrue, arrays, withFiles := map[string]int{}, 0, 0, 0
	for i, line := range lines[1:] {
		name, _, _ := strings.Cut(line, "\t")
		if i > 0 && lines[i] >= line {
			t.Errorf("%s does not stand in its place, or twice", name)
		}
		m, ok := botapi.Lookup(strings.ToUpper(name))
		if !ok || m.Name != name || m.Result == "" {
			t.Errorf("%s is %+v, %t", name, m, ok)
		}
		results[m.Result]++
		for _, x := range []struct {
			is bool
			n  *int
		}{{m.OrTrue, &orTrue}, {m.Array, &arrays}, {m.Files != nil, &withFiles}} {
			if x.is {
				*x.n++
			}
		}
		for _, parameter := range append(m.Required, m.Files...) {
			if parameter == "" || strings.Trim(parameter, "abcdefghijklmnopqrstuvwxyz_") != "" {
				t.Errorf("%s has a parameter %q", name, parameter)
			}
		}
	}
	if len(lines)-1 != 180 || results["True"] != 97 || results["Message"] != 31 || results["String"] != 4 || results["Integer"] != 1 ||
		orTrue != 7 || arrays != 10 || withFiles != 13 {
		t.Errorf("%d methods, %d or True, %d arrays, %d with files, results %v", len(lines)-1, orTrue, arrays, withFiles, results)
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
