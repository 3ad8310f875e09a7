package tghooktest

// Boost boosts the channel or supergroup. The bot gets chat_boost, and in a supergroup a
// message with boost_added.
func (c *Chat) Boost() {
	c.test().Helper()
	c.done(c.world().Boost(c.user.ID, c.at()))
}

// Unboost takes the user's boosts back. The bot gets removed_chat_boost for each.
func (c *Chat) Unboost() { c.world().Unboost(c.user.ID, c.at()) }
