package world

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const tooOld = `400 Bad Request: query is too old and response timeout expired or query ID is invalid`

// pressed is a stage where Zoë has pressed a button.
func pressed(t *testing.T) (*stage, string) {
	t.Helper()
	s := set(t)
	s.call("sendMessage", "chat_id", "zoe", "text", "hi", "reply_markup", `{"inline_keyboard":[[{"text":"x","callback_data":"y"}]]}`)
	id, err := s.Press(s.zoe.ID, s.zoe.ID, 0, "x")
	require.NoError(t, err)
	return s, id
}

func TestACallbackQueryIsAnsweredOnce(t *testing.T) {
	t.Parallel()
	s, id := pressed(t)
	assert.False(t, s.Query(id).Answered)
	s.play([]act{
		{"answerCallbackQuery", []string{"callback_query_id", id, "text", strings.Repeat("x", 201)}, `400 Bad Request: MESSAGE_TOO_LONG`},
		{"answerCallbackQuery", []string{"callback_query_id", id, "text", "ok", "show_alert", "true", "url", "t.me/x"}, `true`},
		{"answerCallbackQuery", []string{"callback_query_id", id, "text", "late"}, `true`},
		{"answerCallbackQuery", nil, tooOld},
		{"answerCallbackQuery", []string{"callback_query_id", "1"}, tooOld},
		{"answerInlineQuery", []string{"inline_query_id", id, "results", "[]"}, tooOld},
	})
	q := s.Query(id)
	assert.True(t, q.Answered)
	assert.Equal(t, "ok true t.me/x", fmt.Sprintln(q.Text, q.Alert, q.URL)[:14])
}

func TestQueriesGetTooOld(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := New(Config{Now: time.Now, BotID: 1, Emit: func(string, []byte) bool { return true }})
		s := &stage{World: w, t: t, zoe: w.User("Zoë"), ben: w.User("Ben"), team: w.Group("Team")}
		_, err := w.Send(s.zoe.ID, s.zoe.ID, 0, "hi")
		require.NoError(t, err)
		s.call("sendMessage", "chat_id", "zoe", "text", "hi", "reply_markup", `{"inline_keyboard":[[{"text":"x","callback_data":"y"}]]}`)
		callback, err := w.Press(s.zoe.ID, s.zoe.ID, 0, "x")
		require.NoError(t, err)
		inline := w.Inline(s.zoe.ID, "q")
		time.Sleep(30 * time.Second)
		s.expect("true", s.call("answerInlineQuery", "inline_query_id", inline, "results", "[]"))
		inline = w.Inline(s.zoe.ID, "q")
		time.Sleep(30*time.Second + 1)
		s.expect(tooOld, s.call("answerInlineQuery", "inline_query_id", inline, "results", "[]"))
		time.Sleep(90*time.Second - 1)
		s.expect("true", s.call("answerCallbackQuery", "callback_query_id", callback))
		time.Sleep(time.Nanosecond)
		s.expect(tooOld, s.call("answerCallbackQuery", "callback_query_id", callback))
	})
}

func TestInlineResultsAreRefusedAsTelegramRefusesThem(t *testing.T) {
	t.Parallel()
	s := set(t)
	id := s.Inline(s.zoe.ID, "q")
	for results, want := range map[string]string{
		`{`:                                   `can't parse JSON encoded inline query results: Expected string end`,
		`{}`:                                  `expected an Array of inline query results`,
		`[1]`:                                 `can't parse inline query result: Inline query result must be an object`,
		`[` + strings.Repeat(`1,`, 50) + `1]`: `too many inline query results specified`,
		`[{"type":"article"}]`:                `can't parse inline query result: Can't find field "id"`,
		`[{"id":"1"}]`:                        `can't parse inline query result: Can't find field "type"`,
		`[{"type":"article","id":"1"}]`:       `can't parse inline query result: Can't find field "title"`,
		`[{"type":"article","id":"1","title":"T"}]`:                                                                   `can't parse inline query result: Can't find field "message_text"`,
		`[{"type":"article","id":"1","title":"T","input_message_content":{}}]`:                                        `can't parse inline query result: Input message content is not specified`,
		`[{"type":"article","id":"1","title":"T","input_message_content":1}]`:                                         `can't parse inline query result: Field "input_message_content" must be of type Object`,
		`[{"type":"poem","id":"1"}]`:                                                                                  `can't parse inline query result: type "poem" is unsupported for the inline query result`,
		`[{"type":"photo","id":"1"}]`:                                                                                 `can't parse inline query result: Can't find field "photo_file_id"`,
		`[{"type":"photo","id":"1","photo_file_id":"AAAA"}]`:                                                          `wrong remote file identifier specified: can't unserialize it. Wrong last symbol`,
		`[{"type":"photo","id":"1","photo_url":"http://a.b/c","reply_markup":{"force_reply":true}}]`:                  `can't parse inline query result: Inline keyboard expected`,
		`[{"type":"photo","id":"","photo_url":"http://a.b/c"}]`:                                                       `RESULT_ID_INVALID`,
		`[{"type":"photo","id":"1","photo_url":"http://a.b/c"},{"type":"photo","id":"1","photo_url":"http://a.b/c"}]`: `RESULT_ID_DUPLICATE`,
		`[{"type":"contact","id":"1","phone_number":"1"}]`:                                                            `can't parse inline query result: Parameter "first_name" is required`,
	} {
		assert.Equal(t, "400 Bad Request: "+want, s.call("answerInlineQuery", "inline_query_id", id, "results", results), results)
	}
	assert.False(t, s.Query(id).Answered)
	s.expect("true", s.call("answerInlineQuery", "inline_query_id", id))
	assert.Equal(t, "[]", string(s.Query(id).Results))
}

func TestEachInlineResultSendsWhatItIs(t *testing.T) {
	t.Parallel()
	s := set(t)
	for result, want := range map[string]string{
		`"type":"article","title":"T","input_message_content":{"message_text":"*b*","parse_mode":"Markdown"}`: `"text":"b","entities":[{"offset":0,"length":1,"type":"bold"}]`,
		`"type":"photo","photo_url":"http://a.b/c","caption":"C"`:                                             `"caption":"C"`,
		`"type":"gif","gif_url":"http://a.b/c.gif"`:                                                           `"animation":{"file_name":"c.gif"`,
		`"type":"document","title":"T","document_url":"http://a.b/c.pdf"`:                                     `"document":{"file_name":"c.pdf"`,
		`"type":"article","title":"T","message_text":"*b*","parse_mode":"Markdown"`:                           `"text":"b","entities":[{"offset":0,"length":1,"type":"bold"}]`,
		`"type":"photo","photo_url":"http://a.b/c","input_message_content":{"message_text":"instead"}`:        `"text":"instead"`,
		`"type":"location","latitude":1.5,"longitude":2,"title":"T"`:                                          `"location":{"latitude":1.5,"longitude":2}`,
		`"type":"venue","latitude":1.5,"longitude":2,"title":"T","address":"A"`:                               `"title":"T","address":"A"}`,
		`"type":"contact","phone_number":"1","first_name":"A"`:                                                `"contact":{"phone_number":"1","first_name":"A"}`,
		`"type":"article","title":"T","input_message_content":{"latitude":1,"longitude":2}`:                   `"location":{"latitude":1,"longitude":2}`,
		`"type":"game","game_short_name":"pong"`:                                                              `"game":{"title":"pong"`,
	} {
		id := s.Inline(s.zoe.ID, "q")
		s.expect("true", s.call("answerInlineQuery", "inline_query_id", id, "results", `[{"id":"1",`+result+`}]`))
		m, err := s.Choose(s.zoe.ID, id, 0)
		require.NoError(t, err, result)
		assert.Contains(t, string(m.JSON), want, result)
		assert.Contains(t, string(m.JSON), s.full(`"via_bot":BOT`), result)
	}
}

// post is a shipping option.
const post = `[{"id":"post","title":"Post","prices":[{"label":"Stamps","amount":5}]}]`

func TestOrdersAreDecided(t *testing.T) {
	t.Parallel()
	s := set(t)
	s.Meet("shipping_query", []byte(`{"id":"5","from":{"id":9,"first_name":"Ada"}}`))
	s.Meet("pre_checkout_query", []byte(`{"id":"6","from":{"id":9,"first_name":"Ada"}}`))
	s.play([]act{
		{"answerShippingQuery", []string{"shipping_query_id", "5", "ok", "false"}, `400 Bad Request: parameter "error_message" is required`},
		{"answerShippingQuery", []string{"shipping_query_id", "5", "ok", "true"}, `400 Bad Request: parameter "shipping_options" is required`},
		{"answerShippingQuery", []string{"shipping_query_id", "6", "ok", "true", "shipping_options", post}, tooOld},
		{"answerShippingQuery", []string{"shipping_query_id", "5", "ok", "true", "shipping_options", post}, `true`},
		{"answerPreCheckoutQuery", []string{"pre_checkout_query_id", "6", "ok", "false", "error_message", "sold out"}, `true`},
	})
	assert.True(t, s.Query("5").Answered)
	assert.Equal(t, "sold out", s.Query("6").Text)
}
