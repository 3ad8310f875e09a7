package world

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

func TestAMenuButtonIsThatOfTheChatOrOfAll(t *testing.T) {
	t.Parallel()
	s := set(t)
	const app = `{"type":"web_app","text":"Shop","web_app":{"url":"https://example.org"}}`
	s.play([]act{
		{"getChatMenuButton", nil, `{"type":"commands"}`},
		{"getChatMenuButton", []string{"chat_id", "zoe"}, `{"type":"default"}`},
		{"setChatMenuButton", []string{"chat_id", "zoe", "menu_button", app}, `true`},
		{"getChatMenuButton", []string{"chat_id", "zoe"}, app},
		{"getChatMenuButton", []string{"chat_id", "ben"}, `{"type":"default"}`},
		{"setChatMenuButton", []string{"menu_button", app}, `true`},
		{"getChatMenuButton", nil, app},
		{"setChatMenuButton", []string{"chat_id", "zoe", "menu_button", `{"type":"commands"}`}, `true`},
		{"getChatMenuButton", []string{"chat_id", "zoe"}, `{"type":"commands"}`},
		{"setChatMenuButton", []string{"chat_id", "zoe"}, `true`},
		{"getChatMenuButton", []string{"chat_id", "zoe"}, `{"type":"default"}`},
		{"setChatMenuButton", nil, `true`},
		{"getChatMenuButton", nil, `{"type":"commands"}`},
		{"setChatMenuButton", []string{"chat_id", "team"}, `400 Bad Request: invalid chat_id specified`},
		{"setChatMenuButton", []string{"menu_button", "{"}, `400 Bad Request: can't parse menu button JSON object`},
		{"setChatMenuButton", []string{"menu_button", "[]"}, `400 Bad Request: menuButton must be an Object`},
		{"setChatMenuButton", []string{"menu_button", `{"type":"x"}`}, `400 Bad Request: menuButton has unsupported type`},
		{"setChatMenuButton", []string{"menu_button", `{"type":"web_app"}`}, `400 Bad Request: can't find field "text"`},
		{"setChatMenuButton", []string{"menu_button", `{"type":"web_app","text":"x"}`}, `400 Bad Request: can't find field "web_app"`},
	})
}

func TestTheRightsThatTheBotAsksForAreThoseOfGroupsOrChannels(t *testing.T) {
	t.Parallel()
	s := set(t)
	only := func(all, right string) string {
		return strings.ReplaceAll(strings.ReplaceAll(all, "true", "false"), `"`+right+`":false`, `"`+right+`":true`)
	}
	s.play([]act{
		{"getMyDefaultAdministratorRights", nil, only(groupRights, "")},
		{"setMyDefaultAdministratorRights", []string{"rights", `{"can_pin_messages":true}`}, `true`},
		{"setMyDefaultAdministratorRights", []string{"rights", `{"can_post_messages":true}`, "for_channels", "true"}, `true`},
		{"getMyDefaultAdministratorRights", nil, only(groupRights, "can_pin_messages")},
		{"getMyDefaultAdministratorRights", []string{"for_channels", "true"}, only(channelRights, "can_post_messages")},
		{"setMyDefaultAdministratorRights", nil, `true`},
		{"getMyDefaultAdministratorRights", nil, only(groupRights, "")},
		{"setMyDefaultAdministratorRights", []string{"rights", "x"}, `400 Bad Request: can't parse administrator rights JSON object`},
	})
}

func TestTheBotsNameIsSeenByGetMe(t *testing.T) {
	t.Parallel()
	s := set(t)
	s.call("setMyName", "name", "Butler")
	s.call("setMyName", "name", "Mordomo", "language_code", "pt")
	assert.Contains(t, s.call("getMe"), `"first_name":"Butler"`)
	s.play([]act{
		{"getMyName", []string{"language_code", "pt"}, `{"name":"Mordomo"}`},
		{"getMyName", []string{"language_code", "es"}, `{"name":"Butler"}`},
		{"setMyName", nil, `true`},
		{"getMyName", nil, `{"name":"Stand-in Bot"}`},
	})
}

func TestTheEmojiStatusOfAUserWhoAllowsItIsSet(t *testing.T) {
	t.Parallel()
	s := set(t)
	s.play([]act{{"setUserEmojiStatus", []string{"user_id", "zoe", "emoji_status_custom_emoji_id", "5"}, `403 Forbidden: USER_PERMISSION_DENIED`}})
	s.AllowStatus(s.zoe.ID, true)
	s.play([]act{{"setUserEmojiStatus", []string{"user_id", "zoe", "emoji_status_custom_emoji_id", "5", "emoji_status_expiration_date", "1795000060"}, `true`}})
	assert.Contains(t, s.call("getChat", "chat_id", "zoe"), `"emoji_status_custom_emoji_id":"5","emoji_status_expiration_date":1795000060`)
	s.mu.Lock()
	s.cfg.Now = func() time.Time { return time.Unix(1795000060, 0) }
	s.mu.Unlock()
	assert.NotContains(t, s.call("getChat", "chat_id", "zoe"), "emoji_status")
}

func TestAChatsPhotoIsSetAndDeleted(t *testing.T) {
	t.Parallel()
	s := set(t)
	picture := map[string]botapi.File{"photo": {Content: []byte("\x89PNG\r\n\x1a\n")}}
	s.expect(`true`, s.callWith(picture, "setChatPhoto", "chat_id", "team"))
	assert.Contains(t, s.o.take()[0], `"new_chat_photo":[{"file_id":`)
	assert.Regexp(t, `"photo":\{"small_file_id":"[^"]+","small_file_unique_id":"[^"]+","big_file_id":"[^"]+","big_file_unique_id":"[^"]+"\}`, s.call("getChat", "chat_id", "team"))
	s.play([]act{
		{"deleteChatPhoto", []string{"chat_id", "team"}, `true`},
		{"deleteChatPhoto", []string{"chat_id", "team"}, `400 Bad Request: CHAT_NOT_MODIFIED`},
		{"setChatPhoto", []string{"chat_id", "team"}, `400 Bad Request: there is no photo in the request`},
		{"setChatPhoto", []string{"chat_id", "team", "photo", "x"}, `400 Bad Request: photo must be uploaded as an InputFile`},
	})
	assert.Contains(t, s.o.take()[0], `"delete_chat_photo":true`)
	assert.NotContains(t, s.call("getChat", "chat_id", "team"), `"photo"`)
	s.expect(`400 Bad Request: can't change private chat photo`, s.callWith(picture, "setChatPhoto", "chat_id", "zoe"))
}

func TestCommandsAreThoseOfTheNearestScope(t *testing.T) {
	t.Parallel()
	s := set(t)
	require.NoError(t, s.SetBot(s.ben.ID, s.team.ID, "administrator", "can_invite_users")) // Ben is the owner
	team := func(scope string) string { return strings.ReplaceAll(scope, "TEAM", s.ids("TEAM")) }
	offered := func(user, chat int64) string {
		commands := s.CommandsOf(user, chat)
		if len(commands) == 0 {
			return ""
		}
		return commands[0].Command
	}
	assert.Empty(t, offered(s.zoe.ID, s.zoe.ID))
	for i, step := range []struct{ scope, language, zoe, zoeInTeam, benInTeam string }{
		{`{"type":"default"}`, "", "c0", "c0", "c0"},
		{`{"type":"default"}`, "en", "c1", "c1", "c1"},
		{`{"type":"default"}`, "pt", "c1", "c1", "c1"},
		{`{"type":"all_private_chats"}`, "", "c3", "c1", "c1"},
		{`{"type":"all_group_chats"}`, "", "c3", "c4", "c4"},
		{`{"type":"all_chat_administrators"}`, "", "c3", "c4", "c5"},
		{team(`{"type":"chat","chat_id":TEAM}`), "", "c3", "c6", "c6"},
		{team(`{"type":"chat_administrators","chat_id":TEAM}`), "", "c3", "c6", "c7"},
		{team(`{"type":"chat_member","chat_id":TEAM,"user_id":ZOE}`), "", "c3", "c8", "c7"},
	} {
		scope := strings.ReplaceAll(step.scope, "ZOE", string(marshal(s.zoe.ID)))
		s.expect("true", s.call("setMyCommands", "scope", scope, "language_code", step.language, "commands", `[{"command":"c`+string(rune('0'+i))+`","description":"x"}]`))
		assert.Equal(t, []string{step.zoe, step.zoeInTeam, step.benInTeam},
			[]string{offered(s.zoe.ID, s.zoe.ID), offered(s.zoe.ID, s.team.ID), offered(s.ben.ID, s.team.ID)}, step.scope)
	}
	s.expect(`[]`, s.call("getMyCommands", "language_code", "es"))
}

func TestBoostsComeAndGo(t *testing.T) {
	t.Parallel()
	s := set(t)
	require.NoError(t, s.Boost(s.zoe.ID, s.team.ID))
	told := s.o.take()
	assert.Regexp(t, s.full(`^chat_boost \{"chat":GROUP,"boost":\{"boost_id":"[0-9a-f]+","add_date":1795000000,"expiration_date":1797592000,"source":\{"source":"premium","user":ZOE\}\}\}$`), told[0])
	assert.Contains(t, told[1], `"boost_added":{"boost_count":1}`)
	assert.Contains(t, s.call("getUserChatBoosts", "chat_id", "team", "user_id", "zoe"), `{"boosts":[{"boost_id":`)
	s.expect(`{"boosts":[]}`, s.call("getUserChatBoosts", "chat_id", "team", "user_id", "ben"))
	s.Unboost(s.zoe.ID, s.team.ID)
	assert.Contains(t, s.o.take()[0], `removed_chat_boost {"chat":`)
	s.expect(`{"boosts":[]}`, s.call("getUserChatBoosts", "chat_id", "team", "user_id", "zoe"))
	require.EqualError(t, s.Boost(s.zoe.ID, s.zoe.ID), "only supergroups and channels can be boosted")
}

func TestABasicGroupBecomesASupergroup(t *testing.T) {
	t.Parallel()
	s := set(t)
	old := s.BasicGroup("Old")
	require.NoError(t, s.Join(s.zoe.ID, old.ID))
	require.NoError(t, s.Join(s.ben.ID, old.ID))
	id := string(marshal(old.ID))
	assert.Contains(t, s.call("sendMessage", "chat_id", id, "text", "hi"), `"type":"group"`)
	s.o.take()
	super, err := s.Upgrade(s.zoe.ID, old.ID)
	require.NoError(t, err)
	told := s.o.take()
	assert.Contains(t, told[0], `"migrate_to_chat_id":`+string(marshal(super.ID)))
	assert.Contains(t, told[1], `"migrate_from_chat_id":`+id)

	_, refused := s.Call(botapi.Params{Method: "sendMessage", Values: map[string]string{"chat_id": id, "text": "hi"}}, 0)
	assert.Equal(t, &botapi.Error{Code: 400, Description: "Bad Request: group chat was upgraded to a supergroup chat", MigrateTo: super.ID}, refused)
	assert.Contains(t, s.call("sendMessage", "chat_id", string(marshal(super.ID)), "text", "hi"), `"message_id":2,`)
	_, err = s.Send(s.ben.ID, super.ID, 0, "hi")
	require.NoError(t, err)
	_, err = s.Send(s.ben.ID, old.ID, 0, "hi")
	require.EqualError(t, err, `the group "Old" has become a supergroup; act there`)
	_, err = s.Upgrade(s.zoe.ID, super.ID)
	require.EqualError(t, err, `"Old" is a supergroup already`)
	again := s.BasicGroup("New")
	require.NoError(t, s.Join(s.zoe.ID, again.ID))
	require.NoError(t, s.Join(s.ben.ID, again.ID))
	require.NoError(t, s.SetBot(s.zoe.ID, again.ID, "administrator"))
	_, err = s.Upgrade(s.ben.ID, again.ID)
	require.EqualError(t, err, `Ben does not own the group "New"; have the owner do it`)
}

func TestReactionsAreDeletedByTheBot(t *testing.T) {
	t.Parallel()
	s := set(t)
	for range 2 {
		_, err := s.Send(s.zoe.ID, s.team.ID, 0, "hi") // 3, 4
		require.NoError(t, err)
	}
	reacted := func() []int {
		s.mu.Lock()
		defer s.mu.Unlock()
		return []int{len(s.team.message(3).reactions), len(s.team.message(4).reactions)}
	}
	for _, user := range []int64{s.zoe.ID, s.ben.ID} {
		require.NoError(t, s.React(user, s.team.ID, 3, "👍"))
		require.NoError(t, s.React(user, s.team.ID, 4, "👍"))
	}
	s.play([]act{
		{"deleteMessageReaction", []string{"chat_id", "team", "message_id", "3", "user_id", "ben"}, `true`},
		{"deleteMessageReaction", []string{"chat_id", "team", "message_id", "9", "user_id", "ben"}, `400 Bad Request: message to react not found`},
	})
	assert.Equal(t, []int{1, 2}, reacted())
	s.play([]act{{"deleteAllMessageReactions", []string{"chat_id", "team", "user_id", "zoe"}, `true`}})
	assert.Equal(t, []int{0, 1}, reacted())
	s.play([]act{{"deleteAllMessageReactions", []string{"chat_id", "zoe", "user_id", "zoe"}, `400 Bad Request: method is available only for groups and supergroups`}})
}

func TestAMembersMessagesHaveTheirTag(t *testing.T) {
	t.Parallel()
	s := set(t)
	s.play([]act{
		{"setChatMemberTag", []string{"chat_id", "team", "user_id", "zoe", "tag", "Helper"}, `true`},
		{"getChatMember", []string{"chat_id", "team", "user_id", "zoe"}, `{"user":ZOE,"status":"member","tag":"Helper"}`},
		{"setChatMemberTag", []string{"chat_id", "team", "user_id", "zoe", "tag", "a tag that is too long"}, `400 Bad Request: RANK_INVALID`},
	})
	_, err := s.Send(s.zoe.ID, s.team.ID, 0, "hi")
	require.NoError(t, err)
	assert.Contains(t, s.o.take()[0], `"sender_tag":"Helper"`)
}

func TestAPreparedMessageIsSentByItsUser(t *testing.T) {
	t.Parallel()
	s := set(t)
	var saved struct {
		ID    string `json:"id"`
		Until int64  `json:"expiration_date"`
	}
	require.NoError(t, json.Unmarshal([]byte(s.call("savePreparedInlineMessage", "user_id", "zoe", "allow_group_chats", "true",
		"result", `{"type":"article","id":"1","title":"T","input_message_content":{"message_text":"shared"}}`)), &saved))
	assert.Equal(t, int64(1795086400), saved.Until)
	_, err := s.SendPrepared(s.ben.ID, s.team.ID, saved.ID)
	require.ErrorContains(t, err, "has prepared no message")
	m, err := s.SendPrepared(s.zoe.ID, s.team.ID, saved.ID)
	require.NoError(t, err)
	assert.Equal(t, "shared", m.Text)
	assert.Contains(t, s.o.take()[0], s.full(`"text":"shared","via_bot":BOT`))
	s.play([]act{
		{"savePreparedInlineMessage", []string{"user_id", "zoe"}, `400 Bad Request: result isn't specified`},
		{"savePreparedInlineMessage", []string{"user_id", "zoe", "result", "{"}, `400 Bad Request: can't parse JSON encoded web view query results`},
		{"savePreparedInlineMessage", []string{"user_id", "zoe", "result", "{}"}, `400 Bad Request: can't parse inline query result: Can't find field "type"`},
	})
}
