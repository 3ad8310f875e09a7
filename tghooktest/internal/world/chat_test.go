package world

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestTheBotReacts(t *testing.T) {
	t.Parallel()
	s := set(t)
	react := func(reaction string) []string {
		return []string{"chat_id", "zoe", "message_id", "1", "reaction", reaction}
	}
	mine := func() string {
		s.mu.Lock()
		defer s.mu.Unlock()
		return fmt.Sprint(s.chats[s.zoe.ID].message(1).reactions[s.bot.ID])
	}
	s.play([]act{
		{"setMessageReaction", react(`[{"type":"emoji","emoji":"❤️"}]`), `true`},
	})
	assert.Equal(t, "[{emoji ❤ }]", mine())
	s.play([]act{
		{"setMessageReaction", react(`[{"type":"emoji","emoji":"🙂"}]`), `400 Bad Request: REACTION_INVALID`},
		{"setMessageReaction", react(`[{"type":"emoji","emoji":"🔥"},{"type":"emoji","emoji":"👍"}]`), `400 Bad Request: REACTIONS_TOO_MANY`},
		{"setMessageReaction", react(`[`), `400 Bad Request: can't parse reaction types JSON object`},
		{"setMessageReaction", react(`{}`), `400 Bad Request: expected an Array of ReactionType`},
		{"setMessageReaction", react(`[1]`), `400 Bad Request: can't parse ReactionType: expected an Object`},
		{"setMessageReaction", react(`[{"type":"emoji"}]`), `400 Bad Request: can't parse ReactionType: Can't find field "emoji"`},
		{"setMessageReaction", react(`[{"type":"paid"}]`), `400 Bad Request: can't parse ReactionType: invalid reaction type specified`},
		{"setMessageReaction", []string{"chat_id", "zoe", "message_id", "9"}, `400 Bad Request: message to react not found`},
	})
	assert.Equal(t, "[{emoji ❤ }]", mine())
	s.expect("true", s.call("setMessageReaction", react("")...))
	assert.Equal(t, "[]", mine())
	assert.Empty(t, s.o.take(), "the bot is not told of its own")
}

func TestCommandsAreKeptByScopeAndLanguage(t *testing.T) {
	t.Parallel()
	s := set(t)
	const start = `[{"command":"start","description":"Begin"}]`
	set := func(commands string) []string { return []string{"commands", commands} }
	s.play([]act{
		{"getMyCommands", nil, `[]`},
		{"setMyCommands", set(`[{"command":"/start","description":" Begin "}]`), `true`},
		{"getMyCommands", nil, start},
		{"getMyCommands", []string{"scope", `{"type":"default"}`}, start},
		{"getMyCommands", []string{"language_code", "de"}, `[]`},
		{"setMyCommands", []string{"commands", start, "scope", `{"type":"chat","chat_id":TEAM}`}, `true`},
		{"getMyCommands", []string{"scope", `{"type":"chat","chat_id":"TEAM"}`}, start},
		{"getMyCommands", []string{"scope", `{"type":"chat_administrators","chat_id":TEAM}`}, `[]`},
		{"deleteMyCommands", nil, `true`},
		{"getMyCommands", nil, `[]`},
		{"getMyCommands", []string{"scope", `{"type":"chat","chat_id":TEAM}`}, start},
		{"getMyCommands", []string{"scope", `{`}, `400 Bad Request: can't parse BotCommandScope JSON object`},
		{"getMyCommands", []string{"scope", `1`}, `400 Bad Request: can't parse BotCommandScope: BotCommandScope must be an Object`},
		{"getMyCommands", []string{"scope", `{}`}, `400 Bad Request: can't parse BotCommandScope: Can't find field "type"`},
		{"getMyCommands", []string{"scope", `{"type":"x"}`}, `400 Bad Request: can't parse BotCommandScope: Unsupported type specified`},
		{"getMyCommands", []string{"scope", `{"type":"chat"}`}, `400 Bad Request: can't parse BotCommandScope: Can't find field "chat_id"`},
		{"getMyCommands", []string{"scope", `{"type":"chat","chat_id":1}`}, `400 Bad Request: chat not found`},
		{"deleteMyCommands", []string{"scope", `{"type":"chat_member","chat_id":TEAM}`}, `400 Bad Request: can't parse BotCommandScope: Invalid user_id specified`},
		{"setMyCommands", set(`[`), `400 Bad Request: can't parse commands JSON object`},
		{"setMyCommands", set(`{}`), `400 Bad Request: expected an Array of BotCommand`},
		{"setMyCommands", set(`[1]`), `400 Bad Request: can't parse BotCommand: expected an Object`},
		{"setMyCommands", set(`[{"command":"a"}]`), `400 Bad Request: can't parse BotCommand: Can't find field "description"`},
		{"setMyCommands", set(`[{"command":"/","description":"x"}]`), `400 Bad Request: command must be non-empty`},
		{"setMyCommands", set(`[{"command":"a","description":" "}]`), `400 Bad Request: command description must be non-empty`},
		{"setMyCommands", set(`[{"command":"A","description":"x"}]`), `400 Bad Request: BOT_COMMAND_INVALID`},
		{"setMyCommands", set(`[{"command":"` + strings.Repeat("a", 33) + `","description":"x"}]`), `400 Bad Request: command length must not exceed 32`},
		{"setMyCommands", set(`[{"command":"a","description":"` + strings.Repeat("a", 257) + `"}]`), `400 Bad Request: command description length must not exceed 256`},
		{"setMyCommands", set(`[` + strings.Repeat(`{"command":"a","description":"x"},`, 100) + `{"command":"a","description":"x"}]`), `400 Bad Request: BOT_COMMANDS_TOO_MUCH`},
	})
}

func TestWhatTheBotSaysOfItselfIsKeptByLanguage(t *testing.T) {
	t.Parallel()
	s := set(t)
	s.play([]act{
		{"getMyName", nil, `{"name":"Stand-in Bot"}`},
		{"setMyName", []string{"name", "Bote", "language_code", "de"}, `true`},
		{"getMyName", nil, `{"name":"Stand-in Bot"}`},
		{"getMyName", []string{"language_code", "de"}, `{"name":"Bote"}`},
		{"setMyDescription", []string{"description", "D"}, `true`},
		{"getMyDescription", []string{"language_code", "de"}, `{"description":"D"}`},
		{"getMyShortDescription", nil, `{"short_description":""}`},
	})
}

func TestChatsAndMembersAreTold(t *testing.T) {
	t.Parallel()
	s := set(t)
	const gifts = `"accepted_gift_types":{"unlimited_gifts":false,"limited_gifts":false,"unique_gifts":false,"premium_subscription":false,"gifts_from_channels":false}`
	const all = `"can_manage_chat":true,"can_change_info":true,"can_delete_messages":true,"can_invite_users":true,"can_restrict_members":true,` +
		`"can_pin_messages":true,"can_manage_topics":true,"can_promote_members":true,"can_manage_video_chats":true,"can_post_stories":true,` +
		`"can_edit_stories":true,"can_delete_stories":true,"can_manage_tags":true,"can_send_welcome_messages":true,"is_anonymous":false}`
	id := strconv.FormatInt(s.zoe.ID, 10)
	s.play([]act{
		{"getChat", []string{"chat_id", "zoe"}, `{"id":` + id + `,"first_name":"Zoë","last_name":"Núñez","type":"private",` + gifts + `,"max_reaction_count":11,"accent_color_id":0}`},
		{"getChat", []string{"chat_id", "team"}, fmt.Sprintf(`{"id":%d,"title":"Team","type":"supergroup","permissions":%s,%s,"max_reaction_count":11,"accent_color_id":0}`, s.team.ID, permissions, gifts)},
		{"getChatMember", []string{"chat_id", "team", "user_id", "zoe"}, `{"user":ZOE,"status":"member"}`},
		{"getChatMember", []string{"chat_id", "team", "user_id", "6100200300"}, `{"user":BOT,"status":"administrator","can_be_edited":false,` + all},
		{"getChatMember", []string{"chat_id", "zoe", "user_id", "zoe"}, `{"user":ZOE,"status":"member"}`},
		{"getChatMember", []string{"chat_id", "zoe", "user_id", "ben"}, `{"user":BEN,"status":"left"}`},
		{"getChatMember", []string{"chat_id", "team", "user_id", "77"}, `400 Bad Request: user not found`},
		{"getChatMember", []string{"chat_id", "team"}, `400 Bad Request: invalid user_id specified`},
		{"getChatAdministrators", []string{"chat_id", "team"}, `[{"user":BOT,"status":"administrator","can_be_edited":false,` + all + `]`},
		{"getChatAdministrators", []string{"chat_id", "zoe"}, `400 Bad Request: there are no administrators in the private chat`},
		{"getChatMemberCount", []string{"chat_id", "team"}, `3`},
	})
}

func TestMembersAreChangedByTheBot(t *testing.T) {
	t.Parallel()
	s := set(t)
	polls := strings.NewReplacer(`"can_send_messages":true`, `"can_send_messages":true`, `"can_send_polls":true`, `"can_send_polls":true`,
		`"can_react_to_messages":true`, `"can_react_to_messages":true`, "true", "false")
	some := polls.Replace(permissions)
	member := func(params ...string) []string {
		return append([]string{"chat_id", "team", "user_id", "ben"}, params...)
	}
	s.play([]act{
		{"restrictChatMember", member("permissions", `{"can_send_polls":true}`, "until_date", "1795009999"), `true`},
		{"getChatMember", member(), `{"user":BEN,"status":"restricted","until_date":1795009999,"is_member":true,` + some[1:]},
		{"restrictChatMember", member("permissions", permissions), `true`},
		{"getChatMember", member(), `{"user":BEN,"status":"member"}`},
		{"promoteChatMember", member("can_pin_messages", "true"), `true`},
		{"setChatAdministratorCustomTitle", member("custom_title", "boss"), `true`},
		{"getChatMember", member(), `{"user":BEN,"status":"administrator","can_be_edited":false,` +
			strings.Trim(string(chosenOf(groupRights, func(right string) bool { return right == "can_pin_messages" || right == "can_manage_chat" })), "{}") + `,"custom_title":"boss"}`},
		{"banChatMember", member(), `400 Bad Request: user is an administrator of the chat`},
		{"promoteChatMember", member(), `true`},
		{"unbanChatMember", member("only_if_banned", "true"), `true`},
		{"getChatMember", member(), `{"user":BEN,"status":"member"}`},
	})
	s.o.take()
	s.expect("true", s.call("banChatMember", member()...))
	assert.Equal(t, []string{
		s.full(`chat_member {"chat":GROUP,"from":BOT,"date":1795000000,"old_chat_member":{"user":BEN,"status":"member"},"new_chat_member":{"user":BEN,"status":"kicked","until_date":0}}`),
		s.full(`message {"message_id":3,"from":BOT,"chat":GROUP,"date":1795000000,"left_chat_participant":BEN,"left_chat_member":BEN}`),
	}, s.o.take())
	s.play([]act{
		{"getChatMember", member(), `{"user":BEN,"status":"kicked","until_date":0}`},
		{"getChatMemberCount", []string{"chat_id", "team"}, `2`},
		{"unbanChatMember", member(), `true`},
		{"getChatMember", member(), `{"user":BEN,"status":"left"}`},
		{"banChatMember", member("until_date", "5"), `true`},
		{"banChatMember", []string{"chat_id", "zoe", "user_id", "ben"}, `400 Bad Request: can't ban members in private chats`},
		{"banChatMember", []string{"chat_id", "team", "user_id", "6100200300"}, `400 Bad Request: can't restrict self`},
		{"restrictChatMember", member("permissions", "["), `400 Bad Request: can't parse permissions JSON object`},
		{"restrictChatMember", member("permissions", "1"), `400 Bad Request: object expected as permissions`},
	})
	assert.Len(t, s.o.take(), 2, "who was not there does not leave")
	s.expect("true", s.call("leaveChat", "chat_id", "team"))
	assert.Contains(t, s.o.take()[0], s.full(`my_chat_member {"chat":GROUP,"from":BOT,"date":1795000000,"old_chat_member":{"user":BOT,"status":"administrator"`))
	s.expect(`403 Forbidden: bot is not a member of the supergroup chat`, s.call("sendMessage", "chat_id", "team", "text", "hi"))
	s.expect(`400 Bad Request: chat member status can't be changed in private chats`, s.call("leaveChat", "chat_id", "zoe"))
}

func TestGroupsAreChangedByTheBot(t *testing.T) {
	t.Parallel()
	s := set(t)
	s.play([]act{
		{"setChatTitle", []string{"chat_id", "team", "title", "Crew"}, `true`},
		{"setChatTitle", []string{"chat_id", "team", "title", "Crew"}, `true`},
		{"setChatDescription", []string{"chat_id", "team", "description", "D"}, `true`},
		{"setChatDescription", []string{"chat_id", "team", "description", "D"}, `400 Bad Request: chat description is not modified`},
		{"setChatTitle", []string{"chat_id", "team"}, `400 Bad Request: title must be non-empty`},
		{"setChatTitle", []string{"chat_id", "zoe", "title", "x"}, `400 Bad Request: can't change private chat title`},
		{"setChatPermissions", []string{"chat_id", "team", "permissions", `{}`}, `true`},
		{"createForumTopic", []string{"chat_id", "team", "name", "T"}, `400 Bad Request: the chat is not a forum`},
	})
	assert.Contains(t, s.call("getChat", "chat_id", "team"), `"title":"Crew","type":"supergroup","description":"D","permissions":`+strings.ReplaceAll(permissions, "true", "false"))
	assert.Len(t, s.o.take(), 1)
	assert.Contains(t, string(s.Messages(s.team.ID)[2].JSON), `"new_chat_title":"Crew"`)

	s.mu.Lock()
	s.team.IsForum = true
	s.mu.Unlock()
	s.expect(`{"message_thread_id":4,"name":"T","icon_color":7322096}`, s.call("createForumTopic", "chat_id", "team", "name", "T"))

	link := s.call("createChatInviteLink", "chat_id", "team", "name", "N")
	assert.Regexp(t, s.full(`^\{"invite_link":"https://t.me/\+[0-9a-f]{16}","name":"N","creator":BOT,"creates_join_request":false,"is_primary":false,"is_revoked":false\}$`), link)
	assert.NotEqual(t, link, s.call("createChatInviteLink", "chat_id", "team", "name", "N"))
	assert.Regexp(t, `^"https://t.me/\+[0-9a-f]{16}"$`, s.call("exportChatInviteLink", "chat_id", "team"))

	s.mu.Lock()
	s.team.members[s.bot.ID].Status = "member"
	s.mu.Unlock()
	s.expect(`400 Bad Request: not enough rights to change chat title`, s.call("setChatTitle", "chat_id", "team", "title", "x"))
	s.expect(`400 Bad Request: not enough rights to manage pinned messages in the chat`, s.call("pinChatMessage", "chat_id", "team", "message_id", "1"))
}

func TestMessagesArePinned(t *testing.T) {
	t.Parallel()
	s := set(t)
	pin := func(params ...string) []string { return append([]string{"chat_id", "zoe"}, params...) }
	s.call("sendMessage", "chat_id", "zoe", "text", "hi")
	s.play([]act{
		{"pinChatMessage", pin("message_id", "9"), `400 Bad Request: message to pin not found`},
		{"pinChatMessage", pin("message_id", "1"), `true`},
		{"pinChatMessage", pin("message_id", "2"), `true`},
	})
	assert.Equal(t, s.full(`message {"message_id":3,"from":BOT,"chat":PRIVATE,"date":1795000000,"pinned_message":{"message_id":1,"from":ZOE,"chat":PRIVATE,"date":1795000000,"text":"hello bot"}}`), s.o.take()[0])
	pinned := func() string {
		chat := s.call("getChat", "chat_id", "zoe")
		_, after, _ := strings.Cut(chat, `"pinned_message":{"message_id":`)
		return after[:min(1, len(after))]
	}
	assert.Equal(t, "2", pinned())
	s.expect("true", s.call("unpinChatMessage", "chat_id", "zoe"))
	assert.Equal(t, "1", pinned())
	s.expect("true", s.call("deleteMessage", "chat_id", "zoe", "message_id", "1"))
	assert.Empty(t, pinned())
	s.expect(`400 Bad Request: message to unpin not found`, s.call("unpinChatMessage", "chat_id", "zoe"))
	s.expect("true", s.call("unpinAllChatMessages", "chat_id", "zoe"))
}

func TestAnyRightImpliesThatTheChatIsManaged(t *testing.T) {
	t.Parallel()
	s := set(t)
	s.mu.Lock()
	s.addChat(&Chat{ID: -1001, Title: "News", Type: "channel"}, &Member{User: s.bot, Status: "administrator"})
	s.mu.Unlock()
	s.expect("true", s.call("promoteChatMember", "chat_id", "team", "user_id", "ben", "is_anonymous", "true"))
	assert.Equal(t, "manage_chat", truths(s.call("getChatMember", "chat_id", "team", "user_id", "ben")))
	s.expect("true", s.call("promoteChatMember", "chat_id", "-1001", "user_id", "ben", "can_post_messages", "true"))
	assert.Equal(t, "manage_chat post_messages restrict_members", truths(s.call("getChatMember", "chat_id", "-1001", "user_id", "ben")))
	s.expect("true", s.call("promoteChatMember", "chat_id", "-1001", "user_id", "ben"))
	s.expect(`{"user":BEN,"status":"member"}`, s.call("getChatMember", "chat_id", "-1001", "user_id", "ben"))
}
