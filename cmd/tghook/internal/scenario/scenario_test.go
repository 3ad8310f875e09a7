package scenario_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/cmd/tghook/internal/scenario"
	"github.com/tghook/tghook/tghooktest"
)

// answers are the answers of all scenarios, as a bot gets them: the body, with the status
// before it where the body does not tell it. An answer that is empty means that the connection
// is closed.
var answers = map[string]string{
	"blocked":                 refusal(403, "Forbidden: bot was blocked by the user"),
	"deactivated":             refusal(403, "Forbidden: user is deactivated"),
	"not_started":             refusal(403, "Forbidden: bot can't initiate conversation with a user"),
	"to_bot":                  refusal(403, "Forbidden: bots can't send messages to bots"),
	"peer_id_invalid":         refusal(400, "Bad Request: PEER_ID_INVALID"),
	"user_not_found":          refusal(400, "Bad Request: user not found"),
	"user_is_bot":             refusal(400, "Bad Request: USER_IS_BOT"),
	"voice_forbidden":         refusal(400, "Bad Request: VOICE_MESSAGES_FORBIDDEN"),
	"chat_not_found":          refusal(400, "Bad Request: chat not found"),
	"kicked":                  refusal(403, "Forbidden: bot was kicked from the supergroup chat"),
	"kicked_from_group":       refusal(403, "Forbidden: bot was kicked from the group chat"),
	"kicked_from_channel":     refusal(403, "Forbidden: bot was kicked from the channel chat"),
	"not_member":              refusal(403, "Forbidden: bot is not a member of the supergroup chat"),
	"not_channel_member":      refusal(403, "Forbidden: bot is not a member of the channel chat"),
	"group_deleted":           refusal(403, "Forbidden: the group chat was deleted"),
	"migrated":                `{"ok":false,"error_code":400,"description":"Bad Request: group chat was upgraded to a supergroup chat","parameters":{"migrate_to_chat_id":-1001234567890}}`,
	"topic_closed":            refusal(400, "Bad Request: TOPIC_CLOSED"),
	"thread_not_found":        refusal(400, "Bad Request: message thread not found"),
	"supergroups_only":        refusal(400, "Bad Request: method is available only for supergroups"),
	"join_request_missing":    refusal(400, "Bad Request: HIDE_REQUESTER_MISSING"),
	"not_modified":            refusal(400, "Bad Request: message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message"),
	"edit_not_found":          refusal(400, "Bad Request: message to edit not found"),
	"delete_not_found":        refusal(400, "Bad Request: message to delete not found"),
	"reply_not_found":         refusal(400, "Bad Request: message to be replied not found"),
	"forward_not_found":       refusal(400, "Bad Request: message to forward not found"),
	"copy_not_found":          refusal(400, "Bad Request: message to copy not found"),
	"cannot_edit":             refusal(400, "Bad Request: message can't be edited"),
	"cannot_delete":           refusal(400, "Bad Request: message can't be deleted"),
	"parse_entities":          refusal(400, "Bad Request: can't parse entities: Can't find end of the entity starting at byte offset 7"),
	"text_empty":              refusal(400, "Bad Request: message text is empty"),
	"text_too_long":           refusal(400, "Bad Request: message is too long"),
	"edit_too_long":           refusal(400, "Bad Request: MESSAGE_TOO_LONG"),
	"caption_too_long":        refusal(400, "Bad Request: message caption is too long"),
	"button_data_invalid":     refusal(400, "Bad Request: BUTTON_DATA_INVALID"),
	"button_url_invalid":      refusal(400, "Bad Request: inline keyboard button URL 'x' is invalid: Wrong HTTP URL"),
	"reaction_invalid":        refusal(400, "Bad Request: REACTION_INVALID"),
	"poll_closed":             refusal(400, "Bad Request: poll has already been closed"),
	"poll_cannot_stop":        refusal(400, "Bad Request: poll can't be stopped"),
	"query_too_old":           refusal(400, "Bad Request: query is too old and response timeout expired or query ID is invalid"),
	"wrong_file_id":           refusal(400, "Bad Request: wrong file identifier/HTTP URL specified"),
	"file_too_big":            refusal(400, "Bad Request: file is too big"),
	"upload_too_large":        refusal(413, "Request Entity Too Large"),
	"url_failed":              refusal(400, "Bad Request: failed to get HTTP URL content"),
	"url_wrong_type":          refusal(400, "Bad Request: wrong type of the web page content"),
	"photo_dimensions":        refusal(400, "Bad Request: PHOTO_INVALID_DIMENSIONS"),
	"image_failed":            refusal(400, "Bad Request: IMAGE_PROCESS_FAILED"),
	"write_forbidden":         refusal(400, "Bad Request: CHAT_WRITE_FORBIDDEN"),
	"no_right_to_send":        refusal(400, "Bad Request: not enough rights to send text messages to the chat"),
	"no_right_to_send_photos": refusal(400, "Bad Request: not enough rights to send photos to the chat"),
	"no_right_to_pin":         refusal(400, "Bad Request: not enough rights to manage pinned messages in the chat"),
	"no_right_to_restrict":    refusal(400, "Bad Request: not enough rights to restrict/unrestrict chat member"),
	"admin_required":          refusal(400, "Bad Request: CHAT_ADMIN_REQUIRED"),
	"no_channel_admin":        refusal(400, "Bad Request: need administrator rights in the channel chat"),
	"user_is_admin":           refusal(400, "Bad Request: user is an administrator of the chat"),
	"owner":                   refusal(400, "Bad Request: can't remove chat owner"),
	"flood":                   `{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 5","parameters":{"retry_after":5}}`,
	"flood_global":            `{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 30","parameters":{"retry_after":30}}`,
	"conflict_webhook":        refusal(409, "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"),
	"conflict_poll":           refusal(409, "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"),
	"unauthorized":            refusal(401, "Unauthorized"),
	"method_not_found":        refusal(404, "Not Found: method not found"),
	"internal_error":          refusal(500, "Internal Server Error"),
	"restart":                 refusal(500, "Internal Server Error: restart"),
	"bad_gateway":             refusal(502, "Bad Gateway"),
	"bad_gateway_page":        "502 text/html <html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n",
	"timeout":                 "",
	"cut":                     "",
	"cut_before":              "",
}

// refusal returns the body of an error.
func refusal(code int, description string) string {
	return `{"ok":false,"error_code":` + strconv.Itoa(code) + `,"description":"` + description + `"}`
}

func TestEachScenarioHasAnAnswerHere(t *testing.T) {
	names := map[string]bool{}
	for _, s := range scenario.All() {
		require.Contains(t, answers, s.Name)
		require.False(t, names[s.Name], "%s comes twice", s.Name)
		require.Regexp(t, `^[a-z][a-z_]*$`, s.Name)
		require.NotEmpty(t, s.Title, s.Name)
		require.Regexp(t, `\.$`, s.Advice, s.Name)
		names[s.Name] = true
	}
	require.Len(t, names, len(answers))
	require.GreaterOrEqual(t, len(names), 40)
	_, known := scenario.Find("nothing")
	require.False(t, known)
}

// bot calls the Bot API of a Server.
type bot struct {
	tb  testing.TB
	srv *tghooktest.Server
}

// call makes a call, and returns the answer as the table above has it.
func (b bot) call(method string, params map[string]any) string {
	b.tb.Helper()
	body, err := json.Marshal(params)
	require.NoError(b.tb, err)
	res, err := b.srv.Client().Post(b.srv.URL+"/bot"+b.srv.Token+"/"+method, "application/json", bytes.NewReader(body))
	if errors.Is(err, io.EOF) {
		return ""
	}
	require.NoError(b.tb, err)
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	require.NoError(b.tb, err)
	if kind := res.Header.Get("Content-Type"); kind != "application/json" {
		return strconv.Itoa(res.StatusCode) + " " + kind + " " + string(answer)
	}
	var failure struct {
		Code       int `json:"error_code"`
		Parameters struct {
			RetryAfter string `json:"-"`
		} `json:"parameters"`
	}
	require.NoError(b.tb, json.Unmarshal(answer, &failure))
	if failure.Code != 0 {
		require.Equal(b.tb, failure.Code, res.StatusCode)
	}
	if wait := regexp.MustCompile(`"retry_after":(\d+)`).FindSubmatch(answer); wait != nil {
		require.Equal(b.tb, string(wait[1]), res.Header.Get("Retry-After"))
	}
	return string(answer)
}

// TestScenarioContract makes the matching and the other calls of each scenario.
func TestScenarioContract(t *testing.T) {
	for _, s := range scenario.All() {
		t.Run(s.Name, func(t *testing.T) {
			srv := tghooktest.NewServer(t, tghooktest.ServerConfig{Speed: 10_000})
			b := bot{t, srv}
			method, other := "getMe", "getUpdates"
			if s.Methods != nil {
				method, other = s.Methods[0], "getMe"
			}
			usual := b.call(method, nil)
			used := 0
			srv.OnCall(func(c tghooktest.Call) tghooktest.CallFault {
				if !s.Fits(c.Method) || used == 2 {
					return tghooktest.CallFault{}
				}
				used++
				return s.Fault
			})
			require.True(t, s.Fits(method))
			require.False(t, s.Fits(other))
			require.Contains(t, b.call(other, nil), `"ok":true`, "a call that does not match")
			require.Equal(t, answers[s.Name], b.call(method, nil), "the first call")
			require.Equal(t, answers[s.Name], b.call(method, nil), "the second call")
			require.Equal(t, usual, b.call(method, nil), "the call after two times")
			srv.Calls(s.Methods...) // fails for a method that the Bot API does not have
		})
	}
}

func TestScenariosSayWhetherTheCallWasExecuted(t *testing.T) {
	for name, executed := range map[string]bool{"cut": true, "cut_before": false, "timeout": true, "blocked": false} {
		srv := tghooktest.NewServer(t, tghooktest.ServerConfig{Speed: 10_000})
		zoe := srv.User("Zoë").Chat()
		zoe.Send("hi")
		s, ok := scenario.Find(name)
		require.True(t, ok)
		srv.OnCall(func(tghooktest.Call) tghooktest.CallFault { return s.Fault })
		bot{t, srv}.call("sendMessage", map[string]any{"chat_id": zoe.ID, "text": "done"})
		require.Len(t, zoe.Messages(), map[bool]int{true: 2, false: 1}[executed], name)
	}
}

// TestWorldRefusesInTheSameWords makes the errors that the simulated Telegram knows itself.
func TestWorldRefusesInTheSameWords(t *testing.T) {
	srv := tghooktest.NewServer(t)
	b := bot{t, srv}
	zoe, ben := srv.User("Zoë"), srv.User("Ben")
	chat := zoe.Chat()
	own := chat.Send("hi").ID
	say := func(method string, params map[string]any) string { t.Helper(); return b.call(method, params) }
	to := func(more map[string]any) map[string]any {
		params := map[string]any{"chat_id": zoe.ID}
		maps.Copy(params, more)
		return params
	}
	say("sendMessage", to(map[string]any{"text": "one"}))
	messages := chat.Messages()
	sent := messages[len(messages)-1].ID
	button := func(b map[string]any) map[string]any {
		return map[string]any{"inline_keyboard": []any{[]any{b}}}
	}
	poll := func() int64 {
		say("sendPoll", to(map[string]any{"question": "Well?", "options": []any{map[string]any{"text": "Yes"}, map[string]any{"text": "No"}}}))
		messages := chat.Messages()
		return messages[len(messages)-1].ID
	}
	closed := poll()
	say("stopPoll", to(map[string]any{"message_id": closed}))

	var photo struct {
		Photo []struct {
			ID string `json:"file_id"`
		} `json:"photo"`
	}
	require.NoError(t, json.Unmarshal(chat.SendPhoto("", []byte("jpeg")).Raw, &photo))

	group := srv.Group("Team")
	zoe.Join(group)
	boss := srv.User("Boss")
	boss.Join(group)
	zoe.SetBot(group, tghooktest.BotAdministrator, "can_restrict_members", "can_promote_members", "can_pin_messages", "can_invite_users")
	require.Contains(t, say("promoteChatMember", map[string]any{"chat_id": group.ID, "user_id": boss.ID, "can_pin_messages": true}), `"ok":true`)
	basic := srv.BasicGroup("Old")
	zoe.Join(basic)
	forum := srv.Forum("Forum")
	owner := zoe.Join(forum)
	topic := owner.OpenTopic("Cake")
	topic.Send("hi")
	var inTopic struct {
		Thread int64 `json:"message_thread_id"`
	}
	topics := topic.Messages()
	require.NoError(t, json.Unmarshal(topics[len(topics)-1].Raw, &inTopic))

	for _, test := range []struct {
		name   string
		answer func() string
	}{
		{"chat_not_found", func() string { return say("sendMessage", map[string]any{"chat_id": 5, "text": "x"}) }},
		{"not_started", func() string { return say("sendMessage", map[string]any{"chat_id": ben.ID, "text": "x"}) }},
		{"not_modified", func() string { return say("editMessageText", to(map[string]any{"message_id": sent, "text": "one"})) }},
		{"edit_not_found", func() string { return say("editMessageText", to(map[string]any{"message_id": 999, "text": "x"})) }},
		{"delete_not_found", func() string { return say("deleteMessage", to(map[string]any{"message_id": 999})) }},
		{"reply_not_found", func() string {
			return say("sendMessage", to(map[string]any{"text": "x", "reply_parameters": map[string]any{"message_id": 999}}))
		}},
		{"forward_not_found", func() string {
			return say("forwardMessage", to(map[string]any{"from_chat_id": zoe.ID, "message_id": 999}))
		}},
		{"copy_not_found", func() string {
			return say("copyMessage", to(map[string]any{"from_chat_id": zoe.ID, "message_id": 999}))
		}},
		{"cannot_edit", func() string { return say("editMessageText", to(map[string]any{"message_id": own, "text": "x"})) }},
		{"parse_entities", func() string {
			return say("sendMessage", to(map[string]any{"text": "a text *x", "parse_mode": "Markdown"}))
		}},
		{"text_empty", func() string { return say("sendMessage", to(map[string]any{"text": ""})) }},
		{"text_too_long", func() string { return say("sendMessage", to(map[string]any{"text": strings.Repeat("x", 4097)})) }},
		{"edit_too_long", func() string {
			return say("editMessageText", to(map[string]any{"message_id": sent, "text": strings.Repeat("x", 4097)}))
		}},
		{"caption_too_long", func() string {
			return say("sendPhoto", to(map[string]any{"photo": photo.Photo[0].ID, "caption": strings.Repeat("x", 1025)}))
		}},
		{"button_data_invalid", func() string {
			return say("sendMessage", to(map[string]any{"text": "x", "reply_markup": button(map[string]any{"text": "x", "callback_data": strings.Repeat("x", 65)})}))
		}},
		{"button_url_invalid", func() string {
			return say("sendMessage", to(map[string]any{"text": "x", "reply_markup": button(map[string]any{"text": "x", "url": "x"})}))
		}},
		{"reaction_invalid", func() string {
			return say("setMessageReaction", to(map[string]any{"message_id": sent, "reaction": []any{map[string]any{"type": "emoji", "emoji": "🦊🦊"}}}))
		}},
		{"poll_closed", func() string { return say("stopPoll", to(map[string]any{"message_id": closed})) }},
		{"query_too_old", func() string { return say("answerCallbackQuery", map[string]any{"callback_query_id": "1"}) }},
		{"wrong_file_id", func() string {
			return say("sendPhoto", to(map[string]any{"photo": strings.Replace(photo.Photo[0].ID, "AgACAgIAAxkB", "AgACAgIAAxkC", 1)}))
		}},
		{"blocked", func() string {
			ben.Chat().Send("x")
			ben.Block()
			return say("sendMessage", map[string]any{"chat_id": ben.ID, "text": "x"})
		}},
		{"user_is_admin", func() string { return say("banChatMember", map[string]any{"chat_id": group.ID, "user_id": boss.ID}) }},
		{"owner", func() string { return say("banChatMember", map[string]any{"chat_id": group.ID, "user_id": zoe.ID}) }},
		{"supergroups_only", func() string {
			return say("restrictChatMember", map[string]any{"chat_id": basic.ID, "user_id": zoe.ID, "permissions": map[string]any{}})
		}},
		{"thread_not_found", func() string {
			return say("sendMessage", map[string]any{"chat_id": forum.ID, "message_thread_id": 9999, "text": "x"})
		}},
		{"topic_closed", func() string {
			say("closeForumTopic", map[string]any{"chat_id": forum.ID, "message_thread_id": inTopic.Thread})
			zoe.SetBot(forum, tghooktest.BotMember)
			return say("sendMessage", map[string]any{"chat_id": forum.ID, "message_thread_id": inTopic.Thread, "text": "x"})
		}},
		{"join_request_missing", func() string {
			return say("approveChatJoinRequest", map[string]any{"chat_id": group.ID, "user_id": ben.ID})
		}},
		{"no_right_to_pin", func() string {
			zoe.SetBot(group, tghooktest.BotMember)
			m := boss.Join(group).Send("pin").ID
			return say("pinChatMessage", map[string]any{"chat_id": group.ID, "message_id": m})
		}},
		{"no_right_to_restrict", func() string {
			return say("restrictChatMember", map[string]any{"chat_id": group.ID, "user_id": zoe.ID, "permissions": map[string]any{}})
		}},
		{"kicked", func() string {
			zoe.SetBot(group, tghooktest.BotRemoved)
			return say("sendMessage", map[string]any{"chat_id": group.ID, "text": "x"})
		}},
		{"conflict_webhook", func() string {
			say("setWebhook", map[string]any{"url": "http://127.0.0.1:9/"})
			defer say("deleteWebhook", nil)
			return say("getUpdates", nil)
		}},
		{"method_not_found", func() string { return say("sendTelepathy", nil) }},
		{"unauthorized", func() string {
			other := *srv
			other.Token = srv.Token + "x"
			return bot{t, &other}.call("getMe", nil)
		}},
	} {
		number := regexp.MustCompile(`offset \d+`)
		assert.Equal(t, number.ReplaceAllString(answers[test.name], "offset N"), number.ReplaceAllString(test.answer(), "offset N"), test.name)
	}
}
