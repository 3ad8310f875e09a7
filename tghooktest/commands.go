package tghooktest

// Command is a command that a bot suggests.
type Command struct {
	Name        string // without the slash
	Description string
}

// Commands returns the commands that Telegram suggests to the user in the chat: of the lists
// that the bot has set, the one with the nearest scope, in the user's language if there is
// one. As in Telegram, getMyCommands returns only the list of exactly the scope and language
// that it names.
func (c *Chat) Commands() []Command {
	list := c.world().CommandsOf(c.user.ID, c.at())
	commands := make([]Command, 0, len(list))
	for _, one := range list {
		commands = append(commands, Command{Name: one.Command, Description: one.Description})
	}
	return commands
}

// AllowEmojiStatus lets the bot change the user's emoji status by setUserEmojiStatus. Before
// that, the call fails with 403.
func (u *User) AllowEmojiStatus() { u.server.world.AllowStatus(u.ID, true) }
