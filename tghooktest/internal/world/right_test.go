package world

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// later makes d pass.
func (s *stage) later(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.cfg.Now().Add(d)
	s.cfg.Now = func() time.Time { return now }
}

// at returns the date in d, as a parameter.
func (s *stage) at(d time.Duration) string {
	return strconv.FormatInt(s.cfg.Now().Add(d).Unix(), 10)
}

func TestARestrictionEndsAtItsDate(t *testing.T) {
	t.Parallel()
	s := set(t)
	ben := slices.Clip([]string{"chat_id", "team", "user_id", "ben"})
	s.expect("true", s.call("restrictChatMember", append(ben, "permissions", "{}", "until_date", s.at(time.Hour))...))
	assert.Contains(t, s.call("getChatMember", ben...), `"status":"restricted","until_date":1795003600,"is_member":true`)
	_, err := s.Send(s.ben.ID, s.team.ID, 0, "hi")
	require.Error(t, err)

	require.NoError(t, s.Leave(s.ben.ID, s.team.ID))
	assert.Contains(t, s.call("getChatMember", ben...), `"status":"restricted","until_date":1795003600,"is_member":false`, "it outlasts the membership")
	require.NoError(t, s.Join(s.ben.ID, s.team.ID))
	_, err = s.Send(s.ben.ID, s.team.ID, 0, "hi")
	require.Error(t, err)

	s.later(time.Hour)
	s.o.take()
	s.expect(`{"user":BEN,"status":"member"}`, s.call("getChatMember", ben...))
	assert.Empty(t, s.o.take(), "Telegram tells nobody")
	_, err = s.Send(s.ben.ID, s.team.ID, 0, "hi")
	require.NoError(t, err)
}

func TestABanEndsAtItsDate(t *testing.T) {
	t.Parallel()
	s := set(t)
	ben := slices.Clip([]string{"chat_id", "team", "user_id", "ben"})
	s.expect("true", s.call("banChatMember", append(ben, "until_date", s.at(31*time.Second))...))
	s.expect(`{"user":BEN,"status":"kicked","until_date":1795000031}`, s.call("getChatMember", ben...))
	require.ErrorContains(t, s.Join(s.ben.ID, s.team.ID), "banned")
	s.later(31 * time.Second)
	s.expect(`{"user":BEN,"status":"left"}`, s.call("getChatMember", ben...))
	s.o.take()
	require.NoError(t, s.Join(s.ben.ID, s.team.ID))
	assert.Contains(t, s.o.take()[0], `"old_chat_member":{"user":`+string(marshal(s.ben))+`,"status":"left"}`)
}

func TestATermThatIsTooShortOrTooLongNeverEnds(t *testing.T) {
	t.Parallel()
	for _, term := range []time.Duration{-time.Hour, 0, 29 * time.Second, 366*24*time.Hour + time.Second} {
		s := set(t)
		s.expect("true", s.call("banChatMember", "chat_id", "team", "user_id", "ben", "until_date", s.at(term)))
		s.later(400 * 24 * time.Hour)
		s.expect(`{"user":BEN,"status":"kicked","until_date":0}`, s.call("getChatMember", "chat_id", "team", "user_id", "ben"))
	}
	for _, term := range []time.Duration{30 * time.Second, 366 * 24 * time.Hour} {
		s := set(t)
		s.expect("true", s.call("banChatMember", "chat_id", "team", "user_id", "ben", "until_date", s.at(term)))
		s.later(term)
		s.expect(`{"user":BEN,"status":"left"}`, s.call("getChatMember", "chat_id", "team", "user_id", "ben"))
	}
}

func TestARestrictedUserMaySendWhatIsPermitted(t *testing.T) {
	t.Parallel()
	s := set(t)
	s.expect("true", s.call("restrictChatMember", "chat_id", "team", "user_id", "ben", "permissions", `{"can_send_messages":true,"can_send_documents":true}`))
	_, err := s.Send(s.ben.ID, s.team.ID, 0, "hi")
	require.NoError(t, err)
	_, err = s.SendDocument(s.ben.ID, s.team.ID, "a.txt", []byte("a"))
	require.NoError(t, err)
	_, err = s.SendPhoto(s.ben.ID, s.team.ID, "", []byte("a"))
	require.EqualError(t, err, `Ben may not send photos to the group "Team", because the bot has forbidden it; have the bot call restrictChatMember or setChatPermissions first`)
	_, err = s.SendPhoto(s.ben.ID, s.ben.ID, "", []byte("a"))
	require.NoError(t, err, "in the private chat all is permitted")

	s.expect("true", s.call("setChatPermissions", "chat_id", "team", "permissions", `{"can_send_photos":true}`))
	_, err = s.Send(s.zoe.ID, s.team.ID, 0, "hi")
	require.ErrorContains(t, err, "Zoë Núñez may not send text messages", "the group's permissions hold for all members")
	_, err = s.SendPhoto(s.zoe.ID, s.team.ID, "", []byte("a"))
	require.NoError(t, err)
	_, err = s.SendDocument(s.ben.ID, s.team.ID, "a.txt", []byte("a"))
	require.ErrorContains(t, err, "may not send documents", "both must permit it")
	s.expect("true", s.call("promoteChatMember", "chat_id", "team", "user_id", "zoe", "can_pin_messages", "true"))
	_, err = s.Send(s.zoe.ID, s.team.ID, 0, "hi")
	require.NoError(t, err, "an administrator may send all")
}

// rightsOfMethods has the calls that need a right, and how Telegram refuses them without it.
var rightsOfMethods = []struct {
	right, method string
	params        []string
	want          string
}{
	{"can_change_info", "setChatTitle", []string{"title", "x"}, `not enough rights to change chat title`},
	{"can_change_info", "setChatDescription", []string{"description", "x"}, `not enough rights to set chat description`},
	{"can_change_info", "deleteChatPhoto", nil, `not enough rights to change chat photo`},
	{"can_restrict_members", "setChatPermissions", []string{"permissions", "{}"}, `not enough rights to change chat permissions`},
	{"can_restrict_members", "banChatMember", []string{"user_id", "ben"}, `not enough rights to restrict/unrestrict chat member`},
	{"can_restrict_members", "unbanChatMember", []string{"user_id", "ben"}, `not enough rights to restrict/unrestrict chat member`},
	{"can_restrict_members", "restrictChatMember", []string{"user_id", "ben"}, `not enough rights to restrict/unrestrict chat member`},
	{"can_promote_members", "promoteChatMember", []string{"user_id", "ben"}, `not enough rights`},
	{"can_promote_members", "setChatAdministratorCustomTitle", []string{"user_id", "ben"}, `not enough rights to change custom title of the user`},
	{"can_invite_users", "exportChatInviteLink", nil, `not enough rights to manage chat invite link`},
	{"can_invite_users", "createChatInviteLink", nil, `not enough rights to manage chat invite link`},
	{"can_invite_users", "editChatInviteLink", []string{"invite_link", "x"}, `not enough rights to manage chat invite link`},
	{"can_invite_users", "revokeChatInviteLink", []string{"invite_link", "x"}, `not enough rights to manage chat invite link`},
	{"can_invite_users", "approveChatJoinRequest", []string{"user_id", "ben"}, `not enough rights to manage chat join requests`},
	{"can_invite_users", "declineChatJoinRequest", []string{"user_id", "ben"}, `not enough rights to manage chat join requests`},
	{"can_pin_messages", "pinChatMessage", []string{"message_id", "1"}, `not enough rights to manage pinned messages in the chat`},
	{"can_pin_messages", "unpinAllChatMessages", nil, `not enough rights to manage pinned messages in the chat`},
	{"can_delete_messages", "deleteMessage", []string{"message_id", "1"}, `message can't be deleted`},
}

func TestMethodsAreRefusedToABotWithoutTheRight(t *testing.T) {
	t.Parallel()
	for _, c := range rightsOfMethods {
		t.Run(c.method, func(t *testing.T) {
			t.Parallel()
			s := set(t)
			params := append([]string{"chat_id", "team"}, c.params...)
			require.NoError(t, s.SetBot(s.zoe.ID, s.team.ID, "member"))
			s.expect("400 Bad Request: "+c.want, s.call(c.method, params...))
			require.NoError(t, s.SetBot(s.zoe.ID, s.team.ID, "administrator", "can_manage_topics"))
			s.expect("400 Bad Request: "+c.want, s.call(c.method, params...))
			require.NoError(t, s.SetBot(s.zoe.ID, s.team.ID, "administrator", c.right))
			assert.NotContains(t, s.call(c.method, params...), c.want)
		})
	}
}

func TestPrivateChatsHaveNoRights(t *testing.T) {
	t.Parallel()
	s := set(t)
	ben := []string{"chat_id", "zoe", "user_id", "ben"}
	s.play([]act{
		{"setChatTitle", []string{"chat_id", "zoe", "title", "x"}, `400 Bad Request: can't change private chat title`},
		{"setChatDescription", []string{"chat_id", "zoe"}, `400 Bad Request: can't change private chat description`},
		{"setChatPermissions", []string{"chat_id", "zoe", "permissions", "{}"}, `400 Bad Request: can't change private chat permissions`},
		{"banChatMember", ben, `400 Bad Request: can't ban members in private chats`},
		{"unbanChatMember", ben, `400 Bad Request: method is available for supergroup and channel chats only`},
		{"promoteChatMember", ben, `400 Bad Request: method is available for supergroup and channel chats only`},
		{"restrictChatMember", ben, `400 Bad Request: method is available only for supergroups`},
		{"setChatAdministratorCustomTitle", ben, `400 Bad Request: method is available only for supergroups`},
		{"createChatInviteLink", []string{"chat_id", "zoe"}, `400 Bad Request: can't invite members to a private chat`},
		{"approveChatJoinRequest", ben, `400 Bad Request: the chat can't have join requests`},
	})
}

func TestAMemberSendsWhatTheGroupPermits(t *testing.T) {
	t.Parallel()
	s := set(t)
	photo := map[string]botapi.File{"photo": {Name: "a.png", Content: picture(t, 10, 10)}}
	file := map[string]botapi.File{"document": {Name: "a.txt", Content: []byte("a")}}
	s.expect("true", s.call("setChatPermissions", "chat_id", "team", "permissions", `{"can_send_documents":true,"can_send_polls":false}`))
	assert.Contains(t, s.callWith(photo, "sendPhoto", "chat_id", "team"), `"photo":`, "an administrator may send all")
	require.NoError(t, s.SetBot(s.zoe.ID, s.team.ID, "member"))
	assert.Contains(t, s.callWith(file, "sendDocument", "chat_id", "team"), `"document":`)
	s.expect(`400 Bad Request: not enough rights to send photos to the chat`, s.callWith(photo, "sendPhoto", "chat_id", "team"))
	s.play([]act{
		{"sendMessage", []string{"chat_id", "team", "text", "x"}, `400 Bad Request: not enough rights to send text messages to the chat`},
		{"sendPoll", []string{"chat_id", "team", "question", "x", "options", `["a"]`}, `400 Bad Request: not enough rights to send polls to the chat`},
		{"sendDice", []string{"chat_id", "team"}, `400 Bad Request: not enough rights to send dice to the chat`},
		{"sendVenue", []string{"chat_id", "team", "latitude", "1", "longitude", "1"}, `400 Bad Request: not enough rights to send venues to the chat`},
		{"forwardMessage", []string{"chat_id", "team", "from_chat_id", "zoe", "message_id", "1"}, `400 Bad Request: not enough rights to send text messages to the chat`},
		{"copyMessages", []string{"chat_id", "team", "from_chat_id", "zoe", "message_ids", "[1]"}, `400 Bad Request: not enough rights to send text messages to the chat`},
	})
	s.expect(`400 Bad Request: not enough rights to send photos to the chat`,
		s.callWith(photo, "sendMediaGroup", "chat_id", "team", "media", `[{"type":"photo","media":"attach://photo"}]`))
}

func TestAChannelTakesPostsOfThoseWhoMayPost(t *testing.T) {
	t.Parallel()
	s := set(t)
	s.mu.Lock()
	bot := &Member{User: s.bot, Status: "administrator", rights: chosenOf(channelRights, func(right string) bool { return right == "can_invite_users" })}
	s.addChat(&Chat{ID: -1001, Title: "News", Type: "channel"}, bot)
	s.mu.Unlock()
	s.expect(`400 Bad Request: need administrator rights in the channel chat`, s.call("sendMessage", "chat_id", "-1001", "text", "x"))
	s.expect(`400 Bad Request: can't change channel chat permissions`, func() string {
		bot.rights = nil
		return s.call("setChatPermissions", "chat_id", "-1001", "permissions", "{}")
	}())
	assert.Contains(t, s.call("sendMessage", "chat_id", "-1001", "text", "x"), `"text":"x"`)
}

func TestUsersChangeWhatTheBotIs(t *testing.T) {
	t.Parallel()
	s := set(t)
	require.NoError(t, s.SetBot(s.zoe.ID, s.team.ID, "member"))
	require.NoError(t, s.SetBot(s.zoe.ID, s.team.ID, "member"), "which makes nothing")
	updates := s.o.take()
	require.Len(t, updates, 1)
	assert.Contains(t, updates[0], s.full(`my_chat_member {"chat":GROUP,"from":ZOE,"date":1795000000,"old_chat_member":{"user":BOT,"status":"administrator",`))
	assert.Contains(t, updates[0], s.full(`"new_chat_member":{"user":BOT,"status":"member"}}`))
	s.expect(`{"user":ZOE,"status":"creator","is_anonymous":false}`, s.call("getChatMember", "chat_id", "team", "user_id", "zoe"))

	require.EqualError(t, s.SetBot(s.ben.ID, s.team.ID, "administrator"),
		`Ben may not make the bot administrator of the group "Team", because they are not an administrator with can_promote_members; have the owner do it`)
	require.ErrorContains(t, s.SetBot(s.zoe.ID, s.team.ID, "administrator", "can_fly"), "can_fly are not rights")
	require.NoError(t, s.SetBot(s.zoe.ID, s.team.ID, "administrator", "can_pin_messages"))
	assert.Equal(t, "manage_chat pin_messages", truths(s.call("getChatMember", "chat_id", "team", "user_id", "6100200300")))

	require.NoError(t, s.SetBot(s.zoe.ID, s.team.ID, "kicked"))
	s.o.take()
	s.expect(`403 Forbidden: bot was kicked from the supergroup chat`, s.call("sendMessage", "chat_id", "team", "text", "x"))
	_, err := s.Send(s.zoe.ID, s.team.ID, 0, "hi")
	require.NoError(t, err)
	assert.Empty(t, s.o.take(), "a bot that is not there hears nothing")
	require.NoError(t, s.SetBot(s.zoe.ID, s.team.ID, "member"))
	updates = s.o.take()
	require.Len(t, updates, 2)
	assert.Contains(t, updates[1], s.full(`"new_chat_members":[BOT]`))
}

func TestAMemberIsNotToldOfMembersAndReactions(t *testing.T) {
	t.Parallel()
	s := set(t)
	require.NoError(t, s.SetBot(s.zoe.ID, s.team.ID, "member"))
	s.o.take()
	require.NoError(t, s.React(s.zoe.ID, s.team.ID, 1, "👍"))
	require.NoError(t, s.Leave(s.ben.ID, s.team.ID))
	updates := s.o.take()
	require.Len(t, updates, 1)
	assert.Contains(t, updates[0], `"left_chat_member"`)
}
