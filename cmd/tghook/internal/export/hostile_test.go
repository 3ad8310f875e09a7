package export_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/cmd/tghook/internal/export"
	"github.com/tghook/tghook/tghooktest"
)

// pieces are what breaks out of a literal, a comment or a template of some language.
var pieces = []string{
	`"`, `'`, "`", `\`, `\\`, "\n", "\r", "\t", "\x00", "\x1b", "\u0085", "\u2028", "\u2029", "\ufeff", "\u200d", "\ufffd", "*/", "/*", "//", "#", "${x}", "{{.}}", "%s", "%!d",
	`"""`, "'''", "</script>", "{", "}", "$(id)", `\u0022`, `\x22`, `\N{DASH}`, "é", "\u65e5\u672c", "🫖", "👩‍🚀", "\U0010ffff", "x", " ", "0", "def", "package main",
}

func hostileText(r *rand.Rand) string {
	var b strings.Builder
	for range 1 + r.IntN(8) {
		b.WriteString(pieces[r.IntN(len(pieces))])
	}
	return "t" + b.String() + "t" // so that it has no spaces at its ends
}

// hostileSession is a session with texts and names that want to break the source.
func hostileSession(r *rand.Rand) (s export.Session, texts []string) {
	text := func() string {
		t := hostileText(r)
		texts = append(texts, t)
		return t
	}
	at := time.Unix(1_795_000_000, 0)
	s = export.Session{Username: "sample_bot\n*/ `\"", Command: text()}
	user := map[string]any{"id": 7, "is_bot": false, "first_name": text(), "last_name": text(), "username": "zoe_n", "language_code": text()}
	chat := map[string]any{"id": 7, "type": "private"}
	group := map[string]any{"id": -1001, "type": "supergroup", "title": text()}
	id := 0
	add := func(kind string, fields map[string]any) {
		id++
		at = at.Add(time.Second)
		fields["from"] = user
		s.Updates = append(s.Updates, export.Update{Body: encode(map[string]any{"update_id": id, kind: fields}), At: at})
	}
	call := func(c tghooktest.Call) {
		at = at.Add(time.Millisecond)
		c.At = at
		s.Calls = append(s.Calls, export.Call{Call: c})
	}
	for n := range 3 {
		add("message", map[string]any{"message_id": 10 * (n + 1), "chat": chat, "text": text()})
		data := hostileText(r) // a user presses the text of the button
		keyboard := map[string]any{"inline_keyboard": [][]any{{map[string]any{"text": text(), "callback_data": data}}}}
		sent := map[string]any{"message_id": 10*(n+1) + 1, "chat": chat, "text": text(), "reply_markup": keyboard}
		call(tghooktest.Call{Method: "sendMessage", Params: map[string]string{"chat_id": "7"}, Result: encode(sent)})
		add("callback_query", map[string]any{"id": strconv.Itoa(n), "message": sent, "data": data})
		call(tghooktest.Call{Method: "answerCallbackQuery", Params: map[string]string{"callback_query_id": strconv.Itoa(n), "text": text()}})
		call(tghooktest.Call{Method: "sendMessage", Err: &tghooktest.CallError{Code: 400, Description: text()}})
	}
	add("message", map[string]any{"message_id": 1, "chat": group, "new_chat_members": []any{user}})
	add("message", map[string]any{"message_id": 2, "chat": group, "text": text()})
	add("edited_message", map[string]any{"message_id": 2, "chat": group, "text": text()})
	add("message", map[string]any{"message_id": 3, "chat": chat, "document": map[string]any{"file_id": "f", "file_name": text()}})
	add("message", map[string]any{"message_id": 4, "chat": chat, "venue": map[string]any{"title": text(), "address": text(), "location": map[string]any{"latitude": 1.5, "longitude": -2.5}}})
	add("message", map[string]any{"message_id": 5, "chat": chat, "poll": map[string]any{"question": text(), "options": []any{map[string]any{"text": text()}, map[string]any{"text": text()}}}})
	add("inline_query", map[string]any{"id": "q", "query": text()})
	add("business_message", map[string]any{"message_id": 6, "chat": chat, "text": text()})
	return s, texts
}

func TestNoTextBreaksTheGoSource(t *testing.T) {
	for seed := range uint64(300) {
		s, texts := hostileSession(rand.New(rand.NewPCG(seed, 1)))
		source := write(t, export.Go, s)
		file, err := parser.ParseFile(token.NewFileSet(), "session_test.go", source, parser.ParseComments)
		require.NoError(t, err, "seed %d:\n%s", seed, source)
		var values []string
		ast.Inspect(file, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				value, err := strconv.Unquote(lit.Value)
				require.NoError(t, err)
				values = append(values, value)
			}
			return true
		})
		requireTexts(t, fmt.Sprint("seed ", seed), texts, values)
	}
}

// requireTexts requires that each text is a value, or a part of one.
func requireTexts(t *testing.T, what string, texts, values []string) {
	t.Helper()
	all := strings.Join(values, "\x01")
	for _, text := range texts {
		encoded := strings.Trim(string(encode(text)), `"`)
		require.True(t, strings.Contains(all, text) || strings.Contains(all, encoded), "%s: %q is lost", what, text)
	}
}
