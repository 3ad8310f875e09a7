package world

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sendRich sends a rich message from the source of the kind, and returns its blocks and its
// text as users read it.
func (s *stage) sendRich(kind, source string) (blocks, read string) {
	s.t.Helper()
	answer := s.call("sendRichMessage", "chat_id", "zoe", "rich_message", string(marshal(map[string]string{kind: source})))
	var m struct {
		Rich struct {
			Blocks json.RawMessage `json:"blocks"`
		} `json:"rich_message"`
	}
	require.NoError(s.t, json.Unmarshal([]byte(answer), &m), answer)
	seen := s.Messages(s.zoe.ID)
	return string(m.Rich.Blocks), seen[len(seen)-1].Text
}

func TestMarkdownIsReadAsUsersSeeIt(t *testing.T) {
	t.Parallel()
	for markdown, want := range map[string]string{
		"# Title\nText in **bold**, _italic_ and `code`.":     "Title\nText in bold, italic and code.",
		"one\ntwo  \nthree\\\nfour\n\nfive":                   "one two\nthree\nfour\nfive",
		"- Tea\n- Coffee\n  - black\n  - white\n\n1. a\n2. b": "• Tea\n• Coffee\n• black\n• white\n1. a\n2. b",
		"3. c\n4. d":                                                         "3. c\n4. d",
		"- a\n\n  b\n- c\n\nd":                                               "• a\nb\n• c\nd",
		"- [ ] open\n- [x] done":                                             "☐ open\n☑ done",
		"> quoted\n> **text**\n\nafter":                                      "quoted text\nafter",
		"```go\nfunc main() {\n\tx := 1 < 2\n}\n```":                         "func main() {\n x := 1 < 2\n}",
		"```\nnever closed **x**":                                            "never closed **x**",
		"| A | B |\n|:--|--:|\n| 1 | **2** |\n| `x` | y\\|z |":               "A | B\n1 | 2\nx | y|z",
		"[a link](https://example.org/a_(b)) and <b>tags</b>":                "a link and tags",
		"$x^2$ costs $5 or $6\n\n$$\nE = mc^2\n$$":                           "x^2 costs $5 or $6\nE = mc^2",
		"~~old~~ ==new== ||secret|| snake_case_name 2 * 3 * 4":               "old new secret snake_case_name 2 * 3 * 4",
		"**not closed and *neither":                                          "**not closed and *neither",
		"**bold _both ~~all~~_ bold**":                                       "bold both all bold",
		"\\*stars\\* \\# \\_":                                                "*stars* # _",
		"#tag at the start":                                                  "tag at the start",
		"a < b & c > d":                                                      "a < b & c > d",
		"<details open><summary>More **now**</summary>\n\n- x\n\n</details>": "More now\n• x",
		"Noted[^1].\n\n[^1]: The *note*.":                                    "Noted1.\nThe note.",
		"![👍](tg://emoji?id=5) ![soon](tg://time?unix=16&format=wDT)":        "👍 soon",
		"above\n\n---\n\nbelow":                                              "above\nbelow",
		"![](https://example.org/a.jpg \"A picture\")":                       "A picture",
		"Tom &amp; Jerry":                                                    "Tom & Jerry",
	} {
		s := set(t)
		_, read := s.sendRich("markdown", markdown)
		assert.Equal(t, want, read, markdown)
	}
}

func TestHTMLIsReadAsUsersSeeIt(t *testing.T) {
	t.Parallel()
	for html, want := range map[string]string{
		"<p>one</p>\n<p>two <b>bold\n  text</b></p>":                                             "one\ntwo bold text",
		"<h2>T</h2>bare <i>text</i><br>next":                                                     "T\nbare text\nnext",
		`<ol start="3" type="a"><li>x<li>y</ol><ol reversed start="2"><li>x</li><li>y</li></ol>`: "c. x\nd. y\n2. x\n1. y",
		`<ol type="i"><li value="9">x</li></ol>`:                                                 "ix. x",
		`<ul><li><input type="checkbox" checked>done</li></ul>`:                                  "☑ done",
		"<blockquote>q<br>r<cite>Me</cite></blockquote><aside>p<cite>You</cite></aside>":         "q\nr\nMe\np\nYou",
		"<table><caption>C</caption><tr><th>A</th><td>B</td></tr></table>":                       "A | B\nC",
		"<pre><code class=\"language-go\">a\n  b</code></pre><footer>f</footer><hr/>":            "a\n  b\nf",
		"<photo>dropped tags</photo> &lt;b&gt; &hellip;":                                         "dropped tags <b> …",
		"<b>never closed": "never closed",
		`<figure><img src="https://example.org/a.jpg"/><figcaption>C<cite>D</cite></figcaption></figure>`: "C\nD",
		"<details><summary>S</summary>In</details><tg-math-block>x</tg-math-block>":                       "S\nIn\nx",
	} {
		s := set(t)
		_, read := s.sendRich("html", html)
		assert.Equal(t, want, read, html)
	}
}

func TestRichTextHasItsMarks(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		`<b>a <i>b</i></b> c`:                                        `[{"type":"paragraph","text":[{"type":"bold","text":["a ",{"type":"italic","text":"b"}]}," c"]}]`,
		`<a href="https://t.me/">x</a>`:                              `[{"type":"paragraph","text":{"type":"url","text":"x","url":"https://t.me/"}}]`,
		`<a href="mailto:a@b.cc">x</a>`:                              `[{"type":"paragraph","text":{"type":"email_address","text":"x","email_address":"a@b.cc"}}]`,
		`<a href="tel:+1">x</a>`:                                     `[{"type":"paragraph","text":{"type":"phone_number","text":"x","phone_number":"+1"}}]`,
		`<a href="#n">x</a>`:                                         `[{"type":"paragraph","text":{"type":"anchor_link","text":"x","anchor_name":"n"}}]`,
		`<a name="n"></a>`:                                           `[{"type":"anchor","name":"n"}]`,
		`<tg-emoji emoji-id="5">👍</tg-emoji>`:                        `[{"type":"paragraph","text":{"type":"custom_emoji","alternative_text":"👍","custom_emoji_id":"5"}}]`,
		`<tg-time unix="16" format="t">x</tg-time>`:                  `[{"type":"paragraph","text":{"type":"date_time","text":"x","date_time_format":"t","unix_time":16}}]`,
		`<tg-math>x</tg-math>`:                                       `[{"type":"paragraph","text":{"type":"mathematical_expression","expression":"x"}}]`,
		`<h3>T</h3>`:                                                 `[{"type":"heading","text":"T","size":3}]`,
		`<pre><code class="language-go">x</code></pre>`:              `[{"type":"pre","text":"x","language":"go"}]`,
		`<ul><li>x</li></ul>`:                                        `[{"type":"list","items":[{"label":"•","blocks":[{"type":"paragraph","text":"x"}]}]}]`,
		`<ol><li>x</li></ol>`:                                        `[{"type":"list","items":[{"label":"1.","blocks":[{"type":"paragraph","text":"x"}],"value":1,"type":"1"}]}]`,
		`<table><tr><th>x</th><td>y</td></tr></table>`:               `[{"type":"table","cells":[[{"text":"x","is_header":true,"align":"center","valign":"top"},{"text":"y","align":"left","valign":"top"}]]}]`,
		`<details open><summary>S</summary>x</details>`:              `[{"type":"details","summary":"S","blocks":[{"type":"paragraph","text":"x"}],"is_open":true}]`,
		`<tg-map lat="1.5" long="2" zoom="14"/>`:                     `[{"type":"map","location":{"latitude":1.5,"longitude":2},"zoom":14,"width":800,"height":400}]`,
		`x<a href="#f">1</a><tg-reference name="f">n</tg-reference>`: `[{"type":"paragraph","text":["x",{"type":"reference_link","text":"1","reference_name":"f"},{"type":"reference","text":"n","name":"f"}]}]`,
	} {
		s := set(t)
		blocks, _ := s.sendRich("html", source)
		assert.Equal(t, want, blocks, source)
	}
	s := set(t)
	blocks, read := s.sendRich("html", `<a href="tg://user?id=`+string(marshal(s.zoe.ID))+`">Zoë</a>`)
	assert.Contains(t, blocks, s.full(`"text":{"type":"text_mention","text":"Zoë","user":ZOE}`))
	assert.Equal(t, "Zoë", read)
	blocks, _ = s.sendRich("markdown", "![](https://example.org/a.mp4)")
	assert.Contains(t, blocks, `[{"type":"video","video":{"duration":0,`)
}

func TestABlockIsAnsweredWithWhatItLacks(t *testing.T) {
	t.Parallel()
	s := set(t)
	answer := s.call("sendRichMessage", "chat_id", "zoe", "rich_message", `{"blocks":[
		{"type":"heading","size":1,"text":["a",{"type":"bold","text":"b"},"c"]},
		{"type":"list","items":[{"blocks":[{"type":"paragraph","text":"x"}]},{"value":2,"type":"A","blocks":[{"type":"paragraph","text":"y"}]}]},
		{"type":"table","cells":[[{"text":"h","is_header":true},{}]],"caption":"C"},
		{"type":"photo","photo":{"type":"photo","media":"https://example.org/a.jpg"},"caption":{"text":"P","credit":"Me"}}]}`)
	for _, want := range []string{
		`{"type":"heading","text":["a",{"type":"bold","text":"b"},"c"],"size":1}`, `{"label":"•","blocks":[{"type":"paragraph","text":"x"}]}`,
		`"label":"B."`, `{"text":"h","is_header":true,"align":"center","valign":"top"},{"align":"left","valign":"top"}`, `"caption":"C"`,
		`"photo":[{"file_id":`, `"caption":{"text":"P","credit":"Me"}`,
	} {
		assert.Contains(t, answer, want)
	}
	seen := s.Messages(s.zoe.ID)
	assert.Equal(t, "abc\n• x\nB. y\nh | \nC\nP\nMe", seen[len(seen)-1].Text)
}

func TestRichMessagesAreRefusedAsTelegramRefusesThem(t *testing.T) {
	t.Parallel()
	s := set(t)
	long := strings.Repeat("x", maxRichText)
	for source, want := range map[string]string{
		``:                                  `rich message must be non-empty`,
		`{`:                                 `can't parse rich message JSON object`,
		`[]`:                                `object expected as rich message`,
		`{}`:                                `rich message must be non-empty`,
		`{"blocks":[],"html":"x"}`:          `rich message must be non-empty`,
		`{"html":"<b></b>"}`:                `RICH_MESSAGE_EMPTY`,
		`{"markdown":" \n"}`:                `RICH_MESSAGE_EMPTY`,
		`{"html":"` + long + `y"}`:          `RICH_MESSAGE_TEXT_TOO_LONG`,
		`{"blocks":["x"]}`:                  `object expected as InputRichMessageBlock`,
		`{"blocks":[{"text":"x"}]}`:         `can't parse InputRichBlock: Can't find field "type"`,
		`{"blocks":[{"type":"h1"}]}`:        `can't parse InputRichBlock: type "h1" is unsupported`,
		`{"blocks":[{"type":"paragraph"}]}`: `RICH_MESSAGE_CONTENT_REQUIRED`,
		`{"blocks":[{"type":"paragraph","text":{"type":"plain","text":"x"}}]}`:                        `unsupported rich text type`,
		`{"blocks":[{"type":"table","cells":[[{"text":{"type":"plain"}}]]}]}`:                         `can't parse PageBlockTableCell: Unsupported rich text type`,
		`{"html":"<details><summary>x</summary></details>"}`:                                          `RICH_MESSAGE_CONTENT_REQUIRED`,
		`{"blocks":[` + strings.Repeat(`{"type":"divider"},`, maxRichBlocks) + `{"type":"divider"}]}`: `RICH_MESSAGE_BLOCKS_TOO_MANY`,
		`{"html":"` + strings.Repeat(`<img src='https://a.b/c.jpg'>`, maxRichMedia+1) + `"}`:          `RICH_MESSAGE_MEDIA_TOO_MANY`,
	} {
		assert.Equal(t, "400 Bad Request: "+want, s.call("sendRichMessage", "chat_id", "zoe", "rich_message", source), source[:min(len(source), 80)])
	}
	assert.NotContains(t, s.call("sendRichMessage", "chat_id", "zoe", "rich_message", `{"html":"`+long+`"}`), "400")
}

func TestMarkdownCountsBeforeHTMLAndBlocksBeforeBoth(t *testing.T) {
	t.Parallel()
	s := set(t)
	s.call("sendRichMessage", "chat_id", "zoe", "rich_message", `{"markdown":"m","html":"h"}`)
	s.call("sendRichMessage", "chat_id", "zoe", "rich_message", `{"markdown":"m","html":"h","blocks":[{"type":"paragraph","text":"b"}]}`)
	seen := s.Messages(s.zoe.ID)
	assert.Equal(t, "m", seen[len(seen)-2].Text)
	assert.Equal(t, "b", seen[len(seen)-1].Text)
}

func TestARichMessageIsEditedAndChosen(t *testing.T) {
	t.Parallel()
	s := set(t)
	m := got(t, s.call("sendRichMessage", "chat_id", "zoe", "rich_message", `{"markdown":"# One"}`))
	assert.Contains(t, s.call("editMessageText", "chat_id", "zoe", "message_id", string(marshal(m.ID)), "rich_message", `{"markdown":"# Two"}`), `"text":"Two"`)
	_, said := s.Take(s.zoe.ID, "Two")
	assert.True(t, said)
	assert.Contains(t, s.call("editMessageText", "chat_id", "zoe", "message_id", string(marshal(m.ID)), "text", "plain"), `"text":"plain"`)

	id := s.Inline(s.zoe.ID, "q")
	s.expect("true", s.call("answerInlineQuery", "inline_query_id", id, "results",
		`[{"type":"article","id":"1","title":"T","input_message_content":{"rich_message":{"html":"<h1>Chosen</h1>"}}}]`))
	chosen, err := s.Choose(s.zoe.ID, id, 0)
	require.NoError(t, err)
	assert.Equal(t, "Chosen", chosen.Text)
}

func FuzzRichMarkdown(f *testing.F) {
	for _, seed := range []string{"# a\n- b\n  - **c\n> d\n\n```\ne", "<details><summary>x", "| a |\n|-|\n|", "[a](b)![c](d)$e$<f>", "**_~~==||`\\"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := &richReader{w: New(Config{BotID: 1, Username: "b"}), media: map[string]Content{}}
		blocks, err := r.html(htmlOfMarkdown(text))
		if err == nil && !json.Valid(marshal(blocks)) {
			t.Error("the blocks are no JSON")
		}
		_ = plainBlocks(blocks)
	})
}
