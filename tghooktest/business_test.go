package tghooktest_test

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
)

func TestTheBotAnswersForABusinessAccount(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, bot := inMemory(t, t)
		ana, zoe := srv.User("Ana"), srv.User("Zoë")
		shop := ana.ConnectBusiness("can_reply", "can_read_messages")
		chat := shop.Chat(zoe)
		question := chat.Send("Are you open?")
		kinds, objects := updates(t, bot)
		assert.Equal(t, []string{"business_connection", "business_message"}, kinds)
		assert.Contains(t, string(objects[1]), `"business_connection_id":"`+shop.ID+`"`)

		call(t, bot, "sendMessage", params{"business_connection_id": shop.ID, "chat_id": zoe.ID, "text": "Until six.", "reply_parameters": params{"message_id": question.ID}})
		answer := chat.Expect(t, "Until six.")
		assert.True(t, answer.FromBot)
		assert.Contains(t, string(answer.Raw), fmt.Sprintf(`"from":{"id":%d,`, ana.ID))
		assert.Contains(t, string(answer.Raw), fmt.Sprintf(`"sender_business_bot":{"id":%d,`, bot.Bot()))
		assert.Empty(t, zoe.Chat().Messages(), "their own chat with the bot is another one")

		mine := shop.OwnerChat(zoe).Send("See you there.")
		chat.Edit(question, "Are you open today?")
		chat.Delete(question, mine)
		shop.Disconnect()
		chat.Send("Hello?")
		kinds, _ = updates(t, bot)
		assert.Equal(t, []string{"business_message", "edited_business_message", "deleted_business_messages", "business_connection"}, kinds[2:])
	})
}

func TestWhatCannotBeInABusinessAccountFailsTheTest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		assert.Contains(t, failure(t, func(tb testing.TB) {
			srv, _ := inMemory(t, tb)
			srv.User("Ana").ConnectBusiness("can_sing")
		}), `tghooktest: ConnectBusiness: "can_sing" is not a right in a business account`)
		assert.Equal(t, "tghooktest: Business: Ana cannot be the customer of their own account", failure(t, func(tb testing.TB) {
			srv, _ := inMemory(t, tb)
			ana := srv.User("Ana")
			ana.ConnectBusiness().Chat(ana)
		}))
		assert.Contains(t, failure(t, func(tb testing.TB) {
			srv, _ := inMemory(t, tb)
			zoe := srv.User("Zoë")
			srv.User("Ana").ConnectBusiness().Chat(zoe).Delete(zoe.Chat().Send("hi"))
		}), "message 1 belongs to another chat")
	})
}
