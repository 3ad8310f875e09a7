package world

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestADeliveredMembershipHasItsRights(t *testing.T) {
	t.Parallel()
	s := set(t)
	member := func(kind, member string) {
		s.Meet(kind, []byte(s.full(`{"chat":GROUP,"from":ZOE,"date":1,"new_chat_member":`+member+`}`)))
	}
	pin := func() string { return s.call("unpinAllChatMessages", "chat_id", "team") }
	member("my_chat_member", `{"user":BOT,"status":"administrator","can_pin_messages":false,"can_invite_users":true}`)
	assert.Contains(t, pin(), "not enough rights")
	member("my_chat_member", `{"user":BOT,"status":"administrator","can_pin_messages":true}`)
	assert.Equal(t, "true", pin())
	member("my_chat_member", `{"user":BOT,"status":"administrator"}`)
	assert.Equal(t, "true", pin(), "an update that names no rights gives all")

	member("chat_member", `{"user":ZOE,"status":"restricted","is_member":true,"until_date":1795000100,"can_send_messages":false,"can_send_photos":true}`)
	_, err := s.Send(s.zoe.ID, s.team.ID, 0, "hi")
	require.ErrorContains(t, err, "may not send text messages")
	_, err = s.SendPhoto(s.zoe.ID, s.team.ID, "", []byte("x"))
	require.NoError(t, err)
	assert.Contains(t, s.call("getChatMember", "chat_id", "team", "user_id", "zoe"), `"until_date":1795000100,"is_member":true`)
}
