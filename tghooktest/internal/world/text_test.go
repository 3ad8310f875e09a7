package world

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// cut returns the part of a text that an entity marks.
func cut(text string, e Entity) string {
	all := utf16.Encode([]rune(text))
	return string(utf16.Decode(all[e.Offset : e.Offset+e.Length]))
}

// listed returns a text and its entities: their kind, the text that they mark, and their
// other fields.
func listed(text string, entities []Entity) string {
	all := append(make([]string, 0, 1+len(entities)), text)
	for _, e := range entities {
		more := e.URL + e.Language + e.CustomEmojiID
		if e.User != nil {
			more = e.User.FirstName
		}
		all = append(all, strings.TrimSpace(fmt.Sprintf("%s(%s) %s", e.Type, cut(text, e), more)))
	}
	return strings.Join(all, " | ")
}

func TestMarksBecomeEntities(t *testing.T) {
	t.Parallel()
	s := set(t)
	mention := fmt.Sprintf("tg://user?id=%d", s.zoe.ID)
	for _, c := range []struct{ mode, text, want string }{
		{"", "*no* <b>marks</b>", "*no* <b>marks</b>"},
		{"none", "*no*", "*no*"},

		{"Markdown", "*b* _i_ `c` \\*x\\* \\.", "b i c *x* \\. | bold(b) | italic(i) | code(c)"},
		{"Markdown", "👍🏽 *жир*", "👍🏽 жир | bold(жир)"},
		{"Markdown", "```go\nx := 1\n``` end", "x := 1\n end | pre(x := 1\n) go"},
		{"Markdown", "```plain```", "plain | pre(plain)"},
		{"Markdown", "[a link](example.org/x) [me](" + mention + ")", "a link me | text_link(a link) http://example.org/x | text_mention(me) Zoë"},
		{"Markdown", "[example.org] **", "example.org | text_link(example.org) http://example.org/"},
		{"Markdown", "*/start*", "/start | bold(/start) | bot_command(/start)"},

		{"MarkdownV2", "*b* _i_ __u__ ~s~ ||p|| `c`", "b i u s p c | bold(b) | italic(i) | underline(u) | strikethrough(s) | spoiler(p) | code(c)"},
		{"MarkdownV2", "*b _i __u ~s~___ x*", "b i u s x | bold(b i u s x) | italic(i u s) | underline(u s) | strikethrough(s)"},
		{"MarkdownV2", `1\+1\=2\. \\ \*`, `1+1=2. \ *`},
		{"MarkdownV2", "`a*b_\\`` ok", "a*b_` ok | code(a*b_`)"},
		{"MarkdownV2", "```go\na*b\n```", "a*b | pre(a*b) go"},
		{"MarkdownV2", "[in *bold*](https://example.org/a\\)b) x", "in bold x | text_link(in bold) https://example.org/a)b | bold(bold)"},
		{"MarkdownV2", "[no dot](http://localhost:8080/) x", "no dot x"},
		{"MarkdownV2", "![👍](tg://emoji?id=5368324170671202286)", "👍 | custom_emoji(👍) 5368324170671202286"},
		{"MarkdownV2", ">a\n>*b*\nc", "a\nb\nc | blockquote(a\nb\n) | bold(b)"},
		{"MarkdownV2", ">a\n**>c\n>d||", "a\nc\nd | blockquote(a\n) | expandable_blockquote(c\nd)"},
		{"MarkdownV2", ">only", "only | blockquote(only)"},

		{"HTML", "<b>b</b> <STRONG>s</strong> <i>i</i> <em>e</em> <u>u</u> <ins>n</ins> <s>s</s> <strike>k</strike> <del>d</del>", "b s i e u n s k d | bold(b) | bold(s) | " +
			"italic(i) | italic(e) | underline(u) | underline(n) | strikethrough(s) | strikethrough(k) | strikethrough(d)"},
		{"HTML", `<tg-spoiler>a</tg-spoiler> <span class="tg-spoiler">b</span>`, "a b | spoiler(a) | spoiler(b)"},
		{"HTML", `<a href="https://example.org/?a=1&amp;b=2">x</a> <a href='tg://user?id=1'>nobody</a> <a>example.org</a>`, "x nobody example.org | " +
			"text_link(x) https://example.org/?a=1&b=2 | text_link(example.org) http://example.org/"},
		{"HTML", `<pre>a</pre> <pre><code class="language-go">b</code></pre> <code class="language-go">c</code>`, "a b c | pre(a) | pre(b) go | code(c)"},
		{"HTML", "<blockquote>a</blockquote> <blockquote expandable>b</blockquote>", "a b | blockquote(a) | expandable_blockquote(b)"},
		{"HTML", `<tg-emoji emoji-id="77">👍</tg-emoji>`, "👍 | custom_emoji(👍) 77"},
		{"HTML", "1 &lt; 2 &amp;&#38; &quot;&#x1F44D;&quot; &nbsp; &", `1 < 2 && "👍" &nbsp; &`},
		{"HTML", "<b>bold <i>both</b></i>", `ERROR Can't parse entities: Unmatched end tag at byte offset 15, expected "</i>", found "</b>"`},
		{"HTML", "👍 <b>x</b> #tag", "👍 x #tag | bold(x) | hashtag(#tag)"},
		{"HTML", " <code> x</code> ", " x | code( x)"},

		{"Markdown", "x_y", "ERROR Can't parse entities: Can't find end of the entity starting at byte offset 1"},
		{"Markdown", "é ```x", "ERROR Can't parse entities: Can't find end of the entity starting at byte offset 3"},
		{"MarkdownV2", "a.", `ERROR Can't parse entities: Character '.' is reserved and must be escaped with the preceding '\'`},
		{"MarkdownV2", "a > b", `ERROR Can't parse entities: Character '>' is reserved and must be escaped with the preceding '\'`},
		{"MarkdownV2", "a | b", `ERROR Can't parse entities: Character '|' is reserved and must be escaped with the preceding '\'`},
		{"MarkdownV2", "x *b", "ERROR Can't parse entities: Can't find end of Bold entity at byte offset 2"},
		{"MarkdownV2", "```go x", "ERROR Can't parse entities: Can't find end of PreCode entity at byte offset 0"},
		{"MarkdownV2", ">*a\nb*", "ERROR Can't parse entities: Can't find end of Bold entity at byte offset 1"},
		{"MarkdownV2", "[a](b", "ERROR Can't parse entities: Can't find end of a URL at byte offset 4"},
		{"MarkdownV2", "![a]", "ERROR Can't parse entities: Custom emoji entity must contain a tg://emoji URL"},
		{"HTML", "<b>x", `ERROR Can't parse entities: Can't find end tag corresponding to start tag "b"`},
		{"HTML", "x</b>", "ERROR Can't parse entities: Unexpected end tag at byte offset 1"},
		{"HTML", "<div>x</div>", `ERROR Can't parse entities: Unsupported start tag "div" at byte offset 0`},
		{"HTML", "1 <2", "ERROR Can't parse entities: Unclosed start tag at byte offset 2"},
		{"HTML", "<b>x</b", "ERROR Can't parse entities: Unclosed end tag at byte offset 4"},
		{"HTML", "<a href", `ERROR Can't parse entities: Unclosed start tag "a" at byte offset 0`},
		{"HTML", "<a =x>", `ERROR Can't parse entities: Empty attribute name in the tag "a" at byte offset 0`},
		{"HTML", "<span>x</span>", `ERROR Can't parse entities: Tag "span" must have class "tg-spoiler" at byte offset 0`},
	} {
		text, entities, err := s.format(c.text, c.mode, nil)
		got := listed(text, entities)
		if err != nil {
			got = "ERROR " + err.Error()
		}
		assert.Equal(t, c.want, got, "%s %s", c.mode, c.text)
	}
}

func TestGivenEntitiesAreTakenButThoseThatTelegramFinds(t *testing.T) {
	t.Parallel()
	s := set(t)
	for _, c := range []struct{ text, entities, want string }{
		{"bold", `[{"type":"bold","offset":0,"length":4}]`, "bold | bold(bold)"},
		{"👍 bold", `[{"type":"bold","offset":3,"length":40}]`, "👍 bold | bold(bold)"},
		{"  x y  ", `[{"type":"italic","offset":2,"length":5}]`, "x y | italic(x y)"},
		{"x", `[{"type":"italic","offset":5,"length":5}]`, "x"},
		{"@nobody", `[{"type":"mention","offset":0,"length":3}]`, "@nobody | mention(@nobody)"},
		{"/go example.org", `[{"type":"code","offset":0,"length":3},{"type":"bold","offset":0,"length":15}]`, "/go example.org | bold(/go example.org) | code(/go) | url(example.org)"},
		{"x", `[{"type":"pre","offset":0,"length":1,"language":"go"}]`, "x | pre(x) go"},
		{"x", `[{"type":"text_link","offset":0,"length":1,"url":"example.org"}]`, "x | text_link(x) http://example.org/"},
		{"x", fmt.Sprintf(`[{"type":"text_mention","offset":0,"length":1,"user":{"id":%d}}]`, s.zoe.ID), "x | text_mention(x) Zoë"},
		{"x", `[{"type":"text_mention","offset":0,"length":1,"user":{"id":1}}]`, "x"},
		{"x", `{`, "x"},
		{"x", `[1]`, "ERROR Can't parse MessageEntity: expected an Object"},
		{"x", `[{"type":"bold"}]`, `ERROR Can't parse MessageEntity: Can't find field "offset"`},
		{"x", `[{"type":"loud","offset":0,"length":1}]`, "ERROR Can't parse MessageEntity: Unsupported type specified"},
		{"x", `[{"type":"bold","offset":-1,"length":1}]`, "ERROR Receive an entity with incorrect offset -1"},
		{"x", `[{"type":"bold","offset":0,"length":-1}]`, "ERROR Receive an entity with incorrect length -1"},
		{"x", `[{"type":"text_link","offset":0,"length":1,"url":"::"}]`, "ERROR Entity URL '::' is invalid: Wrong HTTP URL"},
	} {
		text, entities, err := s.format(c.text, "", json.RawMessage(c.entities))
		got := listed(text, entities)
		if err != nil {
			got = "ERROR " + err.Error()
		}
		assert.Equal(t, c.want, got, "%s %s", c.text, c.entities)
	}
}

func FuzzMarksNeverReachBeyondTheText(f *testing.F) {
	for _, text := range []string{"*a* _b_", "<b>a</b>&amp;", ">a\n>b||", "![x](tg://emoji?id=1)", "```go\nx```", "[a](b.c)", "__a_", "👍*👍*"} {
		f.Add(text)
	}
	s := New(Config{})
	f.Fuzz(func(t *testing.T, text string) {
		for _, mode := range []string{"markdown", "markdownv2", "html"} {
			plain, entities, err := s.format(text, mode, nil)
			if err != nil {
				continue
			}
			for _, e := range entities {
				require.GreaterOrEqual(t, e.Offset, 0)
				require.Positive(t, e.Length)
				require.LessOrEqual(t, e.Offset+e.Length, units(plain), "%s %q", mode, text)
			}
		}
	})
}
