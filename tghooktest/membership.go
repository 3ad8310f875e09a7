package tghooktest

import "fmt"

// BotStatus is what the bot is in a group.
type BotStatus string

// The values of BotStatus are those of ChatMember's status.
const (
	BotAdministrator BotStatus = "administrator"
	BotMember        BotStatus = "member"
	BotRemoved       BotStatus = "kicked"
)

// SetBot makes the user change what the bot is in a group. For BotAdministrator, rights are
// its rights, in the words of the Bot API's ChatAdministratorRights, such as
// can_pin_messages; without rights it has all. The bot gets my_chat_member. If it was not in
// the group, it also gets a message with new_chat_members. If nothing changes, nothing
// happens.
//
// A bot that is not an administrator gets no chat_member and message_reaction, and in
// privacy mode only service messages, commands, mentions and replies to what is meant for
// it: see [ServerConfig].ReadsAllMessages. Telegram refuses its calls that need a right.
//
// The user must be in the group. The first user who calls SetBot owns the group from then
// on, without an update. Other users must be administrators with the right to do it.
func (u *User) SetBot(g *Group, status BotStatus, rights ...string) {
	tb := u.server.test()
	tb.Helper()
	switch status {
	case BotAdministrator, BotMember, BotRemoved:
	default:
		tb.Fatalf("tghooktest: SetBot: %q is not a BotStatus; use BotAdministrator, BotMember or BotRemoved", status)
		return
	}
	if err := u.server.world.SetBot(u.ID, g.ID, string(status), rights...); err != nil {
		tb.Fatalf("tghooktest: %v", err)
	}
}

// Follow makes the user open an invite link that the bot made: the user joins the group, or
// asks to join it if the link makes join requests. Follow returns the group's chat for that
// user. The bot gets what it gets for Join, with the link in chat_member, or else
// chat_join_request. A user who waits for the bot's approval cannot act in the group yet.
func (u *User) Follow(link string) *Chat {
	tb := u.server.test()
	tb.Helper()
	id, title, err := u.server.world.Follow(u.ID, link)
	if err != nil {
		tb.Fatalf("tghooktest: %v", err)
	}
	return &Chat{ID: id, user: u, place: fmt.Sprintf("the group %q", title)}
}

// AskToJoin makes the user ask to join a group without an invite link. The bot gets
// chat_join_request if it may invite users. AskToJoin returns the group's chat for the user,
// who cannot act there until the bot calls approveChatJoinRequest. If the user is a member
// already, nothing happens.
func (u *User) AskToJoin(g *Group) *Chat {
	tb := u.server.test()
	tb.Helper()
	if err := u.server.world.AskToJoin(u.ID, g.ID); err != nil {
		tb.Fatalf("tghooktest: %v", err)
	}
	return &Chat{ID: g.ID, user: u, place: fmt.Sprintf("the group %q", g.Title)}
}

// WebAppQuery makes the user open a web app by an inline button or the menu button, and
// returns the query_id that the app finds in its init data. The bot can
// answer it once, by answerWebAppQuery, which sends a message as if the user had sent it.
func (u *User) WebAppQuery() string { return u.server.world.WebAppQuery(u.ID) }
