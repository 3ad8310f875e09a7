package world

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// TestOlderParametersAreRead names each parameter and field that Telegram's server reads
// although the documentation has it no more. The old forms of permissions and of stickers
// have tests of their own: see TestPermissionsIncludeOthersAsTelegramReadsThem and
// TestStickersAreTakenInTheirOldForm.
func TestOlderParametersAreRead(t *testing.T) {
	t.Parallel()
	small := func(t *testing.T) map[string]botapi.File {
		t.Helper()
		return map[string]botapi.File{"document": {Name: "a.txt", Content: []byte("a")}, "thumb": {Content: picture(t, 20, 10)}, "p": {Content: picture(t, 30, 10)}}
	}
	for _, c := range []struct {
		name, method string
		params       []string
		want         string
	}{
		{"reply_to_message_id", "sendMessage", []string{"text", "x", "reply_to_message_id", "1"}, `"reply_to_message":{"message_id":1,`},
		{"reply_to_message_id of no message", "sendMessage", []string{"text", "x", "reply_to_message_id", "99"}, `message to be replied not found`},
		{"allow_sending_without_reply", "sendMessage", []string{"text", "x", "reply_to_message_id", "99", "allow_sending_without_reply", "true"}, `"text":"x"`},
		{"disable_web_page_preview", "sendMessage", []string{"text", "x", "disable_web_page_preview", "true"}, `"link_preview_options":{"is_disabled":true}`},
		{"parse_mode in capitals", "sendMessage", []string{"text", "<b>x</b>", "parse_mode", "HTML"}, `"type":"bold"`},
		{"parse_mode none", "sendMessage", []string{"text", "<b>x</b>", "parse_mode", "None"}, `"text":"<b>x</b>"`},
		{"thumb", "sendDocument", nil, `"thumbnail":{"file_id"`},
		{"thumb of InputMedia", "sendMediaGroup", []string{"media", `[{"type":"document","media":"attach://document","thumb":"attach://p"}]`}, `"width":30,"height":10`},
		{"thumb beside InputMedia", "sendMediaGroup", []string{"media", `[{"type":"document","media":"attach://document"}]`}, `"width":20,"height":10`},
		{"options of a poll as texts, and correct_option_id", "sendPoll", []string{"question", "q", "options", `["a","b"]`, "type", "quiz", "correct_option_id", "1"}, `"correct_option_id":1`},
		{"action record_audio", "sendChatAction", []string{"action", "record_audio"}, `true`},
		{"action upload_audio", "sendChatAction", []string{"action", "upload_audio"}, `true`},
		{"action pick_up_location", "sendChatAction", []string{"action", "pick_up_location"}, `true`},
		{"action in capitals", "sendChatAction", []string{"action", "TYPING"}, `true`},
		{"can_manage_voice_chats", "promoteChatMember", []string{"chat_id", "team", "user_id", "ben", "can_manage_voice_chats", "true"}, `true`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := set(t)
			assert.Contains(t, s.callWith(small(t), c.method, append([]string{"chat_id", "zoe"}, c.params...)...), c.want)
			if c.method == "promoteChatMember" {
				assert.Contains(t, s.call("getChatMember", "chat_id", "team", "user_id", "ben"), `"can_manage_video_chats":true`)
			}
		})
	}
}

func TestOlderKeyboardsAreRead(t *testing.T) {
	t.Parallel()
	s := set(t)
	send := func(markup string, more ...string) {
		assert.Contains(t, s.call("sendMessage", append(more, "chat_id", "team", "text", "x", "reply_markup", markup)...), `"text":"x"`)
	}
	keyboards := func() int {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.team.keyboards)
	}
	hi, err := s.Send(s.zoe.ID, s.team.ID, 0, "hi")
	require.NoError(t, err)
	send(`{"keyboard":[["a"]],"personal_keyboard":true}`, "reply_to_message_id", string(marshal(hi.ID)))
	assert.Equal(t, 1, keyboards(), "personal_keyboard is selective")
	send(`{"hide_keyboard":true}`)
	assert.Zero(t, keyboards(), "hide_keyboard is remove_keyboard")
	send(`{"force_reply_keyboard":true}`)
	assert.Positive(t, keyboards(), "force_reply_keyboard is force_reply")
}

func TestOlderInlineResultsAreRead(t *testing.T) {
	t.Parallel()
	for name, result := range map[string]string{
		"message_text of an article":                      `{"type":"article","id":"1","title":"T","message_text":"<b>one</b>","parse_mode":"HTML","disable_web_page_preview":true}`,
		"message_text of another result":                  `{"type":"Photo","id":"1","photo_url":"https://example.org/a.jpg","message_text":"one","disable_web_page_preview":true}`,
		"disable_web_page_preview of a message's content": `{"type":"article","id":"1","title":"T","input_message_content":{"message_text":"one","disable_web_page_preview":true}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := set(t)
			query := s.Inline(s.zoe.ID, "q")
			s.expect("true", s.call("answerInlineQuery", "inline_query_id", query, "results", "["+result+"]", "switch_pm_text", "Log in", "switch_pm_parameter", "login"))
			m, err := s.Choose(s.zoe.ID, query, 0)
			require.NoError(t, err)
			assert.Equal(t, "one", m.Text)
			assert.Contains(t, string(m.JSON), `"link_preview_options":{"is_disabled":true}`)
		})
	}
}
