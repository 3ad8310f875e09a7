package tghooktest

// SendPrepared sends a message that the bot has prepared for the user by
// savePreparedInlineMessage, as a Mini App asks its user to. id is that of the
// PreparedInlineMessage. The message has via_bot.
func (c *Chat) SendPrepared(id string) *Message {
	c.test().Helper()
	return c.sent(c.world().SendPrepared(c.user.ID, c.at(), id))
}
