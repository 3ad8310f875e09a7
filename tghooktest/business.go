package tghooktest

import "fmt"

// Business is the business account of a user who has connected the bot to it. The bot gets
// the account's private chats with customers, and answers in the name of the owner.
type Business struct {
	ID string // business_connection_id

	owner *User
}

// ConnectBusiness connects the bot to the user's account, with the rights of the Bot API's
// BusinessBotRights, or with all if there are none. The bot gets business_connection.
// Another call gives the bot other rights, and ends a Disconnect.
//
//	shop := srv.User("Ana").ConnectBusiness("can_reply")
//	zoe := shop.Chat(srv.User("Zoë"))
//	zoe.Send("Are you open?")
//	zoe.Expect(t, "Until six.") // by the bot, in Ana's name
func (u *User) ConnectBusiness(rights ...string) *Business {
	tb := u.server.test()
	tb.Helper()
	id, err := u.server.world.Connect(u.ID, rights...)
	if err != nil {
		tb.Fatalf("tghooktest: ConnectBusiness: %v", err)
	}
	return &Business{ID: id, owner: u}
}

// Disconnect ends the connection. The bot gets business_connection with is_enabled false,
// and gets no more messages of the account.
func (b *Business) Disconnect() { b.owner.server.world.Disconnect(b.ID) }

// Chat returns the chat of a customer with the account, in which the customer acts. The bot
// gets what is sent as business_message, changed as edited_business_message, and deleted as
// deleted_business_messages. It may answer for 24 hours after the customer's last message.
func (b *Business) Chat(customer *User) *Chat {
	b.owner.server.test().Helper()
	return b.chat(customer, customer)
}

// OwnerChat returns the same chat as Chat, in which the owner of the account acts.
func (b *Business) OwnerChat(customer *User) *Chat {
	b.owner.server.test().Helper()
	return b.chat(customer, b.owner)
}

func (b *Business) chat(customer, actor *User) *Chat {
	tb := b.owner.server.test()
	tb.Helper()
	key, err := b.owner.server.world.Customer(b.ID, customer.ID)
	if err != nil {
		tb.Fatalf("tghooktest: Business: %v", err)
	}
	return &Chat{ID: customer.ID, user: actor, key: key, place: fmt.Sprintf("the chat of %q with the business account of %q", customer.Name, b.owner.Name)}
}

// Delete deletes messages of the chat: the user's own, in private chats any, and as an
// administrator any. The bot is told only of the chats of a business account.
func (c *Chat) Delete(messages ...*Message) {
	tb := c.test()
	tb.Helper()
	ids := make([]int64, 0, len(messages))
	for _, m := range messages {
		ids = append(ids, c.of(m))
	}
	c.done(c.world().Delete(c.user.ID, c.at(), ids...))
}
