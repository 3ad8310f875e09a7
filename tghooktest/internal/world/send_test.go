package world

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

func TestMessagesOfTheBotReadAsTelegramsDo(t *testing.T) {
	t.Parallel()
	s := set(t)
	s.play([]act{
		{
			"sendMessage",
			[]string{"chat_id", "zoe", "text", " hi /start ", "protect_content", "true", "disable_notification", "true"},
			`{"message_id":2,"from":BOT,"chat":PRIVATE,"date":1795000000,"text":"hi /start",` +
				`"entities":[{"offset":3,"length":6,"type":"bot_command"}],"has_protected_content":true}`,
		},
		{
			"sendMessage",
			[]string{"chat_id", "team", "text", "hi", "reply_parameters", `{"message_id":2,"quote":"hi","quote_position":1}`},
			`{"message_id":3,"from":BOT,"chat":GROUP,"date":1795000000,"message_thread_id":2,"reply_to_message":{"message_id":2,"from":BEN,"chat":GROUP,` +
				`"date":1795000000,"new_chat_participant":BEN,"new_chat_member":BEN,"new_chat_members":[BEN]},` +
				`"quote":{"text":"hi","position":1,"is_manual":true},"text":"hi"}`,
		},
		{
			"sendMessage",
			[]string{"chat_id", "team", "text", "hi", "reply_to_message_id", "3", "disable_web_page_preview", "True"},
			`{"message_id":4,"from":BOT,"chat":GROUP,"date":1795000000,"message_thread_id":2,"reply_to_message":{"message_id":3,"from":BOT,"chat":GROUP,"date":1795000000,"message_thread_id":2,` +
				`"quote":{"text":"hi","position":1,"is_manual":true},"text":"hi"},"text":"hi","link_preview_options":{"is_disabled":true}}`,
		},
		{
			"sendMessage",
			[]string{"chat_id", "team", "text", "hi", "reply_markup", `{"inline_keyboard":[[{"text":"Go","callback_data":"go"},{"url":"example.org","text":"See"}],[]]}`},
			`{"message_id":5,"from":BOT,"chat":GROUP,"date":1795000000,"text":"hi","reply_markup":{"inline_keyboard":[[{"text":"Go",` +
				`"callback_data":"go"},{"text":"See","url":"http://example.org/"}]]}}`,
		},
		{
			"sendMessage",
			[]string{"chat_id", "zoe", "text", "hi", "reply_parameters", `{"message_id":3,"chat_id":TEAM}`},
			`{"message_id":3,"from":BOT,"chat":PRIVATE,"date":1795000000,"external_reply":{"origin":{"type":"user","sender_user":BOT,"date":1795000000},` +
				`"chat":GROUP,"message_id":3},"text":"hi"}`,
		},
		{
			"sendLocation",
			[]string{"chat_id", "zoe", "latitude", "1.5", "longitude", "-2", "live_period", "60"},
			`{"message_id":4,"from":BOT,"chat":PRIVATE,"date":1795000000,"location":{"latitude":1.5,"longitude":-2,"live_period":60}}`,
		},
		{
			"sendVenue",
			[]string{"chat_id", "zoe", "latitude", "1.5", "longitude", "-2", "live_period", "60", "title", "Home", "address", "Here 1"},
			`{"message_id":5,"from":BOT,"chat":PRIVATE,"date":1795000000,"location":{"latitude":1.5,"longitude":-2},` +
				`"venue":{"location":{"latitude":1.5,"longitude":-2},"title":"Home","address":"Here 1"}}`,
		},
		{
			"sendContact",
			[]string{"chat_id", "zoe", "phone_number", "+1", "first_name", "Ada"},
			`{"message_id":6,"from":BOT,"chat":PRIVATE,"date":1795000000,"contact":{"phone_number":"+1","first_name":"Ada"}}`,
		},
		{
			"sendInvoice",
			[]string{"chat_id", "zoe", "title", "T", "description", "D", "payload", "P", "provider_token", "1:TEST:x", "currency", "EUR", "prices", `[{"label":"a","amount":1},{"label":"b","amount":2}]`},
			`{"message_id":7,"from":BOT,"chat":PRIVATE,"date":1795000000,"invoice":{"title":"T","description":"D","start_parameter":"","currency":"EUR","total_amount":3}}`,
		},
		{
			"sendDice",
			[]string{"chat_id", "zoe", "emoji", "⚽️"},
			`{"message_id":8,"from":BOT,"chat":PRIVATE,"date":1795000000,"dice":{"emoji":"⚽","value":1}}`,
		},
		{"sendGame", []string{"chat_id", "zoe", "game_short_name", "pong"}, `{"message_id":9,"from":BOT,"chat":PRIVATE,"date":1795000000,"game":{"title":"pong","description":"","photo":[]}}`},
		{"sendRichMessage", []string{"chat_id", "zoe", "rich_message", `{"html":"<b>x</b>"}`}, `{"message_id":10,"from":BOT,"chat":PRIVATE,"date":1795000000,"rich_message":{"blocks":[{"type":"paragraph","text":{"type":"bold","text":"x"}}]}}`},
		{"sendRichMessage", []string{"chat_id", "zoe", "rich_message", `{"blocks":[{"type":"divider"}],"is_rtl":true}`}, `{"message_id":11,"from":BOT,"chat":PRIVATE,"date":1795000000,"rich_message":{"blocks":[{"type":"divider"}],"is_rtl":true}}`},
		{
			"sendChecklist",
			[]string{"chat_id", "zoe", "checklist", `{"title":"*T*","parse_mode":"Markdown","tasks":[{"id":1,"text":"Tea"}],"others_can_add_tasks":true}`},
			`{"message_id":12,"from":BOT,"chat":PRIVATE,"date":1795000000,"checklist":{"title":"T","title_entities":[{"offset":0,"length":1,"type":"bold"}],"tasks":[{"id":1,"text":"Tea"}],"others_can_add_tasks":true}}`,
		},
	})
}

func TestMessagesAreRefusedAsTelegramRefusesThem(t *testing.T) {
	t.Parallel()
	s := set(t)
	say := func(params ...string) []string { return append([]string{"chat_id", "zoe"}, params...) }
	s.play([]act{
		{"sendMessage", say("text", ""), `400 Bad Request: message text is empty`},
		{"sendMessage", say("text", " \n"), `400 Bad Request: text must be non-empty`},
		{"sendMessage", say("text", "<b></b>", "parse_mode", "HTML"), `400 Bad Request: text must be non-empty`},
		{"sendMessage", say("text", strings.Repeat("é", 4097)), `400 Bad Request: message is too long`},
		{"sendMessage", say("text", strings.Repeat("e", 1<<15+1)), `400 Bad Request: text is too long`},
		{"sendMessage", say("text", "hi", "parse_mode", "Word"), `400 Bad Request: unsupported parse_mode`},
		{"sendMessage", say("text", "*hi", "parse_mode", "Markdown"), `400 Bad Request: can't parse entities: Can't find end of the entity starting at byte offset 0`},
		{"sendMessage", say("text", "hi", "reply_to_message_id", "99"), `400 Bad Request: message to be replied not found`},
		{"sendMessage", say("text", "hi", "reply_parameters", `{"message_id":99}`), `400 Bad Request: message to be replied not found`},
		{"sendMessage", say("text", "hi", "reply_parameters", `{"chat_id":1,"message_id":99}`), `400 Bad Request: chat not found`},
		{"sendMessage", say("text", "hi", "reply_parameters", `{"quote":"x"}`), `400 Bad Request: can't find field "message_id"`},
		{"sendMessage", say("text", "hi", "reply_parameters", `[]`), `400 Bad Request: object expected as reply parameters`},
		{"sendMessage", say("text", "hi", "reply_parameters", `{`), `400 Bad Request: can't parse reply parameters JSON object`},
		{"sendMessage", say("text", "hi", "link_preview_options", `{`), `400 Bad Request: can't parse link preview options JSON object`},
		{"sendMessage", say("text", "hi", "link_preview_options", `1`), `400 Bad Request: object expected as link preview options`},
		{"sendLocation", say("longitude", "1"), `400 Bad Request: latitude is empty`},
		{"sendLocation", say("latitude", "1"), `400 Bad Request: longitude is empty`},
		{"sendContact", say("phone_number", "1"), `400 Bad Request: parameter "first_name" is required`},
		{"sendDice", say("emoji", "🙂"), `400 Bad Request: EMOTICON_STICKER_NOT_FOUND`},
		{"sendInvoice", say("title", "T"), `400 Bad Request: parameter "description" is required`},
		{"sendChecklist", say("checklist", "{"), `400 Bad Request: can't parse checklist JSON object`},
		{"sendChecklist", say("checklist", `{"tasks":[]}`), `400 Bad Request: can't parse InputChecklist: Can't find field "title"`},
		{"sendChecklist", say("checklist", `{"title":"T"}`), `400 Bad Request: can't parse InputChecklist: Can't find field "tasks"`},
		{"sendChecklist", say("checklist", `{"title":"T","tasks":[5]}`), `400 Bad Request: can't parse InputChecklistTask: Expected InputChecklistTask to be an Object`},
		{"sendChecklist", say("checklist", `{"title":"T","tasks":[{"id":1,"text":""}]}`), `400 Bad Request: text must be non-empty`},
		{"sendRichMessage", say("rich_message", "1"), `400 Bad Request: object expected as rich message`},
	})
	assert.Len(t, s.Messages(s.zoe.ID), 1, "what was refused is not there")
	s.expect(`{"message_id":2,"from":BOT,"chat":PRIVATE,"date":1795000000,"text":"hi"}`,
		s.call("sendMessage", "chat_id", "zoe", "text", "hi", "reply_to_message_id", "99", "allow_sending_without_reply", "1"))
	s.expect(`{"message_id":3,"from":BOT,"chat":PRIVATE,"date":1795000000,"text":"`+strings.Repeat("é", 4096)+`"}`,
		s.call("sendMessage", "chat_id", "zoe", "text", strings.Repeat("é", 4096)))
}

func TestAChannelsMessagesAreItsOwn(t *testing.T) {
	t.Parallel()
	s := set(t)
	s.mu.Lock()
	s.addChat(&Chat{ID: -1009, Title: "News", Type: "channel"}, &Member{User: s.bot, Status: "administrator"})
	s.mu.Unlock()
	const news = `{"id":-1009,"title":"News","type":"channel"}`
	s.play([]act{
		{"sendMessage", []string{"chat_id", "-1009", "text", "hi"}, `{"message_id":1,"sender_chat":` + news + `,"chat":` + news + `,"date":1795000000,"text":"hi"}`},
		{"sendMessage", []string{"chat_id", "-1009", "text", "hi", "reply_markup", `{"force_reply":true}`}, `400 Bad Request: inline keyboard expected`},
		{"editMessageText", []string{"chat_id", "-1009", "message_id", "1", "text", "ho"}, `{"message_id":1,"sender_chat":` + news + `,"chat":` + news + `,"date":1795000000,"edit_date":1795000000,"text":"ho"}`},
		{"forwardMessage", []string{"chat_id", "zoe", "from_chat_id", "-1009", "message_id", "1"}, `{"message_id":2,"from":BOT,"chat":PRIVATE,"date":1795000000,` +
			`"forward_origin":{"type":"channel","chat":` + news + `,"message_id":1,"date":1795000000},"forward_from_chat":` + news + `,"forward_from_message_id":1,"forward_date":1795000000,"text":"ho"}`},
	})
}

func TestWhatTheBotSaidWithoutATextIsNamed(t *testing.T) {
	t.Parallel()
	s := set(t)
	s.call("sendDice", "chat_id", "zoe")
	s.call("sendVenue", "chat_id", "zoe", "latitude", "1", "longitude", "2", "title", "T", "address", "A")
	s.callWith(map[string]botapi.File{"animation": {Content: []byte("x")}}, "sendAnimation", "chat_id", "zoe")
	s.callWith(map[string]botapi.File{"photo": {Content: picture(t, 10, 10)}}, "sendPhoto", "chat_id", "zoe", "caption", "C")
	assert.Equal(t, []Said{{Text: "<dice>"}, {Text: "<venue>"}, {Text: "<animation>"}, {Text: "C"}}, s.Said(s.zoe.ID))
}
