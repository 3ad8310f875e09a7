package world

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// shop is a stage whose Ben has connected the bot to his account, and is written to by Zoë.
type shop struct {
	*stage
	id   string // of the connection
	chat int64  // key of their chat
}

func openShop(t *testing.T, rights ...string) *shop {
	t.Helper()
	s := &shop{stage: set(t)}
	var err error
	s.id, err = s.Connect(s.ben.ID, rights...)
	require.NoError(t, err)
	s.chat, err = s.Customer(s.id, s.zoe.ID)
	require.NoError(t, err)
	return s
}

// call makes a call in the name of the account.
func (s *shop) call(method string, params ...string) string {
	return s.stage.call(method, append([]string{"business_connection_id", s.id}, params...)...)
}

func (s *shop) told(want ...string) {
	s.t.Helper()
	for i := range want {
		want[i] = s.full(strings.ReplaceAll(want[i], "ID", strconv.Quote(s.id)))
	}
	assert.Equal(s.t, want, s.o.take())
}

func TestAUserConnectsTheBotToTheirAccount(t *testing.T) {
	t.Parallel()
	s := openShop(t, "can_read_messages", "can_reply")
	connection := func(rights, enabled string) string {
		return `{"id":ID,"user":BEN,"user_chat_id":` + strconv.FormatInt(s.ben.ID, 10) + `,"date":1795000000,"rights":` + rights + `,"is_enabled":` + enabled + `}`
	}
	s.told(`business_connection ` + connection(`{"can_reply":true,"can_read_messages":true},"can_reply":true`, "true"))
	assert.Contains(t, s.stage.call("getMe"), `"can_connect_to_business":true`)
	assert.Contains(t, s.stage.call("sendMessage", "chat_id", "ben", "text", "welcome"), `"text":"welcome"`, "the bot may write to the owner")

	again, err := s.Connect(s.ben.ID, "can_edit_bio")
	require.NoError(t, err)
	assert.Equal(t, s.id, again)
	s.told(`business_connection ` + connection(`{"can_edit_bio":true}`, "true"))

	s.Disconnect(s.id)
	s.Disconnect(s.id)
	s.told(`business_connection ` + connection(`{"can_edit_bio":true}`, "false"))
	assert.Contains(t, s.call("getBusinessConnection"), `"is_enabled":false`)
	assert.Equal(t, "400 Bad Request: business connection not found", s.stage.call("getBusinessConnection", "business_connection_id", "x"))

	_, err = s.Send(s.zoe.ID, s.chat, 0, "is anybody there?")
	require.NoError(t, err)
	assert.Empty(t, s.o.take(), "the bot does not get messages of an account that has disconnected it")
	assert.Equal(t, "400 Bad Request: BUSINESS_CONNECTION_INVALID", s.call("sendMessage", "chat_id", "zoe", "text", "hi"))

	_, err = s.Connect(s.ben.ID, "can_sing")
	require.ErrorContains(t, err, `"can_sing" is not a right in a business account; the rights are can_reply, `)
	_, err = s.Customer(s.id, s.ben.ID)
	require.EqualError(t, err, "Ben cannot be the customer of their own account")
}

func TestTheBotAnswersCustomersInTheNameOfTheOwner(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	s.o.take()
	asked, err := s.Send(s.zoe.ID, s.chat, 0, "is the shop open?")
	require.NoError(t, err)
	assert.Equal(t, int64(1), asked.ID, "the account counts its own messages")
	s.told(`business_message {"business_connection_id":ID,"message_id":1,"from":ZOE,"chat":PRIVATE,"date":1795000000,"text":"is the shop open?"}`)

	want := `{"business_connection_id":ID,"sender_business_bot":BOT,"message_id":2,"from":BEN,"chat":PRIVATE,"date":1795000000,"reply_to_message":` +
		`{"business_connection_id":ID,"message_id":1,"from":ZOE,"chat":PRIVATE,"date":1795000000,"text":"is the shop open?"},"text":"until six",` +
		`"reply_markup":{"inline_keyboard":[[{"text":"Map","callback_data":"m"}]]}}`
	s.expect(strings.ReplaceAll(want, "ID", strconv.Quote(s.id)), s.call("sendMessage", "chat_id", "zoe", "text", "until six",
		"reply_parameters", `{"message_id":1}`, "reply_markup", `{"inline_keyboard":[[{"text":"Map","callback_data":"m"}]]}`))
	assert.Empty(t, s.o.take(), "the bot does not get what it sends itself")
	m, said := s.Take(s.chat, "until six")
	assert.True(t, said)
	assert.True(t, m.Bot)
	_, said = s.Take(s.zoe.ID, "until six")
	assert.False(t, said, "it is not in the customer's chat with the bot")

	_, err = s.Press(s.zoe.ID, s.chat, 0, "Map")
	require.NoError(t, err)
	assert.Contains(t, s.o.take()[0], `"message":{"business_connection_id":"`+s.id+`","sender_business_bot":`)

	_, err = s.Send(s.ben.ID, s.chat, 2, "I will be there")
	require.NoError(t, err)
	assert.Contains(t, s.o.take()[0], s.full(strings.ReplaceAll(`business_message {"business_connection_id":ID,"message_id":3,"from":BEN,"chat":PRIVATE`, "ID", strconv.Quote(s.id))), "what the owner writes")
	_, err = s.Edit(s.zoe.ID, s.chat, 1, "is the shop open today?")
	require.NoError(t, err)
	assert.Contains(t, s.o.take()[0], `edited_business_message {"business_connection_id":"`+s.id+`","message_id":1,`)
	require.NoError(t, s.React(s.zoe.ID, s.chat, 2, "👍"))
	assert.Empty(t, s.o.take(), "the bot does not get reactions there")

	assert.Contains(t, s.call("editMessageText", "chat_id", "zoe", "message_id", "2", "text", "until seven"), `"edit_date":1795000000,`)
	assert.Contains(t, s.call("editMessageText", "chat_id", "zoe", "message_id", "3", "text", "he will be there"), `"text":"he will be there"`, "the owner's too")
	assert.Equal(t, "400 Bad Request: message can't be edited", s.call("editMessageText", "chat_id", "zoe", "message_id", "1", "text", "x"))
	assert.Equal(t, "400 Bad Request: MESSAGE_ID_INVALID", s.call("editMessageText", "chat_id", "zoe", "message_id", "9", "text", "x"))
	assert.Equal(t, "true", s.call("pinChatMessage", "chat_id", "zoe", "message_id", "2"))
	assert.Equal(t, "true", s.call("sendChatAction", "chat_id", "zoe", "action", "typing"))
	assert.Empty(t, s.o.take())
}

func TestABusinessAccountsChatsAreRefusedAsTelegramRefusesThem(t *testing.T) {
	t.Parallel()
	s := openShop(t)
	send := func(chat string, more ...string) string {
		return s.call("sendMessage", append([]string{"chat_id", chat, "text", "hi"}, more...)...)
	}
	assert.Equal(t, "400 Bad Request: BUSINESS_PEER_USAGE_MISSING", send("zoe"), "the customer has not written")
	_, err := s.Send(s.zoe.ID, s.chat, 0, "hi")
	require.NoError(t, err)
	assert.Contains(t, send("zoe"), `"message_id":2,`)
	assert.Equal(t, "400 Bad Request: message to be replied not found", send("zoe", "reply_to_message_id", "9", "allow_sending_without_reply", "true"))
	assert.Equal(t, "400 Bad Request: messages must not be sent to self", send("ben"))
	assert.Equal(t, "400 Bad Request: chat must be a private chat", send("team"))
	assert.Equal(t, "400 Bad Request: chat_id must be a valid Integer", send("@zoe"))
	assert.Equal(t, "400 Bad Request: chat_id is empty", send(""))
	assert.Equal(t, "400 Bad Request: BUSINESS_PEER_INVALID", send("77"))
	assert.Equal(t, "400 Bad Request: business connection not found", s.stage.call("sendMessage", "business_connection_id", "x", "chat_id", "zoe", "text", "hi"))
	assert.Equal(t, "400 Bad Request: chat not found", s.stage.call("sendMessage", "chat_id", strconv.FormatInt(s.chat, 10), "text", "hi"), "a key is not the id of a chat")

	s.mu.Lock()
	s.cfg.Now = func() time.Time { return time.Unix(1795000000, 0).Add(25 * time.Hour) }
	s.mu.Unlock()
	assert.Equal(t, "400 Bad Request: BUSINESS_PEER_USAGE_MISSING", send("zoe"), "the customer wrote more than a day ago")
}

func TestTheBotDoesInABusinessAccountWhatItsRightsAllow(t *testing.T) {
	t.Parallel()
	s := openShop(t, "can_edit_name")
	_, err := s.Send(s.zoe.ID, s.chat, 0, "hi")
	require.NoError(t, err)
	for method, params := range map[string][]string{
		"sendMessage":                {"chat_id", "zoe", "text", "hi"},
		"editMessageText":            {"chat_id", "zoe", "text", "hi", "message_id", "1"},
		"readBusinessMessage":        {"chat_id", "zoe", "message_id", "1"},
		"deleteBusinessMessages":     {"message_ids", "[1]"},
		"setBusinessAccountBio":      {"bio", "b"},
		"setBusinessAccountUsername": {"username", "u"},
	} {
		assert.Equal(t, "403 Forbidden: BOT_ACCESS_FORBIDDEN", s.call(method, params...), method)
	}
	assert.Equal(t, "true", s.call("setBusinessAccountName", "first_name", "Benjamin", "last_name", "B"))
	assert.Contains(t, s.stage.call("getChat", "chat_id", "ben"), `"first_name":"Benjamin","last_name":"B"`)

	_, err = s.Connect(s.ben.ID)
	require.NoError(t, err)
	s.o.take()
	assert.Equal(t, "true", s.call("readBusinessMessage", "chat_id", "zoe", "message_id", "1"))
	assert.Equal(t, "400 Bad Request: MESSAGE_ID_INVALID", s.call("readBusinessMessage", "chat_id", "zoe", "message_id", "9"))
	assert.Equal(t, "true", s.call("setBusinessAccountBio", "bio", "Baker"))
	assert.Equal(t, "true", s.call("setBusinessAccountUsername", "username", "ben_bakes"))
	assert.Contains(t, s.stage.call("getChat", "chat_id", "ben"), `"bio":"Baker"`)
	assert.Contains(t, s.stage.call("getChat", "chat_id", "ben"), `"username":"ben_bakes"`)
}

func TestBusinessMessagesAreDeleted(t *testing.T) {
	t.Parallel()
	s := openShop(t, "can_reply", "can_delete_sent_messages")
	for range 2 {
		_, err := s.Send(s.zoe.ID, s.chat, 0, "hi")
		require.NoError(t, err)
		s.call("sendMessage", "chat_id", "zoe", "text", "hi")
	}
	s.o.take()
	assert.Equal(t, "403 Forbidden: BOT_ACCESS_FORBIDDEN", s.call("deleteBusinessMessages", "message_ids", "[1,2]"), "1 is the customer's")
	assert.Len(t, s.Messages(s.chat), 4)
	assert.Equal(t, "true", s.call("deleteBusinessMessages", "message_ids", "[2]"))
	assert.Len(t, s.Messages(s.chat), 3)
	assert.Empty(t, s.o.take())

	require.NoError(t, s.Delete(s.zoe.ID, s.chat, 1, 4))
	s.told(`deleted_business_messages {"business_connection_id":ID,"chat":PRIVATE,"message_ids":[1,4]}`)
	require.EqualError(t, s.Delete(s.zoe.ID, s.chat, 1), "there is no message 1 to delete")
	assert.Len(t, s.Messages(s.chat), 1)
}

func TestUsersDeleteWhatTheyMay(t *testing.T) {
	t.Parallel()
	s := set(t)
	m, err := s.Send(s.zoe.ID, s.team.ID, 0, "hi")
	require.NoError(t, err)
	s.o.take()
	require.EqualError(t, s.Delete(s.ben.ID, s.team.ID, m.ID), "message 3 was not written by Ben, who is no administrator with can_delete_messages")
	require.NoError(t, s.Delete(s.zoe.ID, s.team.ID, m.ID))
	assert.Empty(t, s.o.take(), "the bot is not told")
	s.play([]act{{"sendMessage", []string{"chat_id", "team", "text", "hi", "reply_to_message_id", "3"}, `400 Bad Request: message to be replied not found`}})
}

func TestDeliveredBusinessUpdatesCanBeAnswered(t *testing.T) {
	t.Parallel()
	const zoe = "7244100913"
	for _, known := range []bool{true, false} {
		s := set(t)
		if known {
			s.Meet(recorded(t, "business_connection"))
			assert.Contains(t, s.call("getBusinessConnection", "business_connection_id", "Gx8AAABhY29ubg"), `"rights":{"can_reply":true,"can_read_messages":true},"can_reply":true,"is_enabled":true}`)
		}
		s.Meet(recorded(t, "business_message"))
		s.Meet(recorded(t, "edited_business_message"))
		assert.Contains(t, s.call("sendMessage", "chat_id", zoe, "text", "hi"), "403 Forbidden: bot can't initiate conversation", "the customer is a stranger")
		got := s.call("sendMessage", "business_connection_id", "Gx8AAABhY29ubg", "chat_id", zoe, "text", "hi", "reply_to_message_id", "501")
		assert.Contains(t, got, `"message_id":502,`)
		assert.Contains(t, got, `"reply_to_message":{"business_connection_id":"Gx8AAABhY29ubg","message_id":501,"from":{"id":7244100913,`)
		assert.NotContains(t, got, `"message_id":502,"from":{"id":7244100913,`, "the owner is someone else")
	}
}
