package world

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/assert"
)

func TestEntitiesAreFoundAsTelegramFindsThem(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                      "",
		"hello":                                 "",
		"/start":                                "bot_command /start",
		"/start deep-link":                      "bot_command /start",
		"go /start@stand_in_bot now":            "bot_command /start@stand_in_bot",
		"a/b":                                   "",
		"</line>":                               "",
		"/a/b":                                  "",
		"👋🏽 /start":                             "bot_command /start",
		"hi @zoe_n!":                            "mention @zoe_n",
		"a@zoe_n":                               "",
		"@zo":                                   "",
		"@zoë_n":                                "",
		"#tag and #été2026":                     "hashtag #tag, hashtag #été2026",
		"#1 is no tag":                          "",
		"a#tag":                                 "",
		"#a#b":                                  "",
		"write to me+you@example.org.":          "email me+you@example.org",
		"see https://example.org/a?b=c#d.":      "url https://example.org/a?b=c#d",
		"see http://10.0.0.1:8080/x, y":         "url http://10.0.0.1:8080/x",
		"example.com is one, example.zzz is no": "url example.com",
		"Example.COM/path?":                     "url Example.COM/path",
		"http://localhost":                      "",
		"1.50 and e.g. that":                    "",
		"https://example.org/@zoe_n#x":          "url https://example.org/@zoe_n#x",
		"приклад.укр":                           "url приклад.укр",
	} {
		coded := utf16.Encode([]rune(text))
		var got []string
		for _, e := range findEntities(text) {
			got = append(got, fmt.Sprint(e.Type, " ", string(utf16.Decode(coded[e.Offset:e.Offset+e.Length]))))
		}
		assert.Equal(t, want, strings.Join(got, ", "), text)
	}
}
