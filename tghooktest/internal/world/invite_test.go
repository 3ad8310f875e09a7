package world

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// link makes an invite link with the parameters.
func (s *stage) link(params ...string) string {
	s.t.Helper()
	var l struct {
		Link string `json:"invite_link"`
	}
	require.NoError(s.t, json.Unmarshal([]byte(s.call("createChatInviteLink", append(params, "chat_id", "team")...)), &l))
	require.NotEmpty(s.t, l.Link)
	return l.Link
}

func TestUsersJoinByAnInviteLink(t *testing.T) {
	t.Parallel()
	s := set(t)
	eve := s.User("Eve")
	link := s.link("name", "Fair", "member_limit", "1", "expire_date", s.at(time.Hour))
	chat, title, err := s.Follow(eve.ID, link)
	require.NoError(t, err)
	assert.Equal(t, s.team.ID, chat)
	assert.Equal(t, "Team", title)
	updates := s.o.take()
	require.Len(t, updates, 2)
	assert.True(t, strings.HasSuffix(updates[0], s.full(`"status":"member"},"invite_link":{"invite_link":"`+link+
		`","name":"Fair","creator":BOT,"expire_date":1795003600,"member_limit":1,"creates_join_request":false,"is_primary":false,"is_revoked":false}}`)), updates[0])
	assert.Contains(t, updates[1], `"new_chat_members"`)
	_, _, err = s.Follow(eve.ID, link)
	require.ErrorContains(t, err, "member_limit of 1")

	s.expect("true", s.call("banChatMember", "chat_id", "team", "user_id", "ben"))
	_, _, err = s.Follow(s.ben.ID, s.link())
	require.ErrorContains(t, err, "banned")
	_, _, err = s.Follow(s.ben.ID, "https://t.me/+none")
	require.ErrorContains(t, err, "there is no invite link")
}

func TestInviteLinksKeepTheirState(t *testing.T) {
	t.Parallel()
	s := set(t)
	team := func(params ...string) []string { return append([]string{"chat_id", "team"}, params...) }
	link := s.link("name", strings.Repeat("é", 33))
	edited := s.call("editChatInviteLink", team("invite_link", link, "expire_date", s.at(time.Minute), "creates_join_request", "true")...)
	assert.Contains(t, edited, `"expire_date":1795000060,"creates_join_request":true`)
	assert.NotContains(t, edited, `"name"`, "an edit without a name removes it")
	s.later(time.Minute)
	_, _, err := s.Follow(s.User("Eve").ID, link)
	require.ErrorContains(t, err, "expire_date has passed")
	assert.Contains(t, s.call("revokeChatInviteLink", team("invite_link", link)...), `"is_revoked":true`)
	_, _, err = s.Follow(s.User("Eve").ID, link)
	require.ErrorContains(t, err, "revoked")

	first := strings.Trim(s.call("exportChatInviteLink", "chat_id", "team"), `"`)
	assert.Contains(t, s.call("getChat", "chat_id", "team"), `"invite_link":"`+first+`"`)
	second := strings.Trim(s.call("exportChatInviteLink", "chat_id", "team"), `"`)
	assert.Contains(t, s.call("getChat", "chat_id", "team"), `"invite_link":"`+second+`"`)
	_, _, err = s.Follow(s.User("Eve").ID, first)
	require.ErrorContains(t, err, "revoked")
	assert.Contains(t, s.call("revokeChatInviteLink", team("invite_link", second)...), `"is_primary":true,"is_revoked":true`)
	assert.Contains(t, s.call("getChat", "chat_id", "team"), `"invite_link":"https://t.me/+`, "the primary link is replaced")

	s.play([]act{
		{"editChatInviteLink", team("invite_link", second), `400 Bad Request: CHAT_INVITE_PERMANENT`},
		{"editChatInviteLink", team("invite_link", link), `400 Bad Request: INVITE_HASH_EXPIRED`},
		{"editChatInviteLink", team("invite_link", "x"), `400 Bad Request: INVITE_HASH_EXPIRED`},
		{"revokeChatInviteLink", team(), `400 Bad Request: invite link must be non-empty`},
		{"createChatInviteLink", team("expire_date", "5"), `400 Bad Request: EXPIRE_DATE_INVALID`},
		{
			"createChatInviteLink", team("member_limit", "5", "creates_join_request", "true"),
			`400 Bad Request: member limit can't be specified for links requiring administrator approval`,
		},
		{"createChatSubscriptionInviteLink", team("subscription_period", "2592000", "subscription_price", "5"), `400 Bad Request: PRICING_CHAT_INVALID`},
		{"createChatSubscriptionInviteLink", team(), `400 Bad Request: invalid subscription pricing specified`},
	})
	assert.Contains(t, s.call("createChatInviteLink", team("member_limit", "1000000")...), `"member_limit":100000`)
	assert.Contains(t, s.call("createChatInviteLink", team("name", strings.Repeat("é", 33))...), `"name":"`+strings.Repeat("é", 32)+`"`)
}

func TestAJoinRequestWaitsForTheBot(t *testing.T) {
	t.Parallel()
	s := set(t)
	eve := s.User("Eve")
	link := s.link("creates_join_request", "true")
	_, _, err := s.Follow(eve.ID, link)
	require.NoError(t, err)
	_, _, err = s.Follow(eve.ID, link)
	require.NoError(t, err, "which makes nothing")
	updates := s.o.take()
	require.Len(t, updates, 1)
	user := string(marshal(eve))
	assert.Equal(t, s.full(`chat_join_request {"chat":GROUP,"from":`+user+`,"user_chat_id":`+string(marshal(eve.ID))+`,"date":1795000000,"invite_link":{"invite_link":"`+link+
		`","creator":BOT,"pending_join_request_count":1,"creates_join_request":true,"is_primary":false,"is_revoked":false}}`), updates[0])
	_, err = s.Send(eve.ID, s.team.ID, 0, "hi")
	require.Error(t, err)

	who := []string{"chat_id", "team", "user_id", string(marshal(eve.ID))}
	assert.Contains(t, s.call("sendMessage", "chat_id", string(marshal(eve.ID)), "text", "why?"), `"text":"why?"`, "the bot may write for five minutes")
	s.expect("true", s.call("approveChatJoinRequest", who...))
	updates = s.o.take()
	require.Len(t, updates, 2)
	assert.Contains(t, updates[0], s.full(`chat_member {"chat":GROUP,"from":BOT,`))
	assert.Contains(t, updates[0], `"invite_link":{"invite_link":"`+link)
	assert.Contains(t, updates[1], `"from":`+user)
	s.expect(`400 Bad Request: USER_ALREADY_PARTICIPANT`, s.call("approveChatJoinRequest", who...))
	s.later(5*time.Minute + time.Second)
	s.expect(`403 Forbidden: bot can't initiate conversation with a user`, s.call("sendMessage", "chat_id", string(marshal(eve.ID)), "text", "hi"))
}

func TestAJoinRequestIsDeclined(t *testing.T) {
	t.Parallel()
	s := set(t)
	eve := s.User("Eve")
	who := []string{"chat_id", "team", "user_id", string(marshal(eve.ID))}
	s.expect(`400 Bad Request: HIDE_REQUESTER_MISSING`, s.call("approveChatJoinRequest", who...))
	require.NoError(t, s.AskToJoin(eve.ID, s.team.ID))
	assert.NotContains(t, s.o.take()[0], "invite_link")
	s.expect("true", s.call("declineChatJoinRequest", who...))
	assert.Empty(t, s.o.take())
	s.expect(`400 Bad Request: HIDE_REQUESTER_MISSING`, s.call("declineChatJoinRequest", who...))
	require.NoError(t, s.AskToJoin(eve.ID, s.team.ID), "who was declined may ask again")
	s.o.take()
	s.expect("true", s.call("approveChatJoinRequest", who...))
	assert.Contains(t, s.o.take()[0], `"via_join_request":true`)
}

func TestABotWithoutTheRightToInviteIsNotAsked(t *testing.T) {
	t.Parallel()
	s := set(t)
	require.NoError(t, s.SetBot(s.zoe.ID, s.team.ID, "administrator", "can_pin_messages"))
	s.o.take()
	require.NoError(t, s.AskToJoin(s.User("Eve").ID, s.team.ID))
	assert.Empty(t, s.o.take())
}
