package tghooktest

import "strings"

// Group is a supergroup. The bot is one of its administrators, so it gets every message.
// It gets chat_member and message_reaction if its allowed_updates name them. A user can
// change what the bot is: see [User.SetBot].
type Group struct {
	ID    int64
	Title string // the title that the group was made with
}

// Group returns the supergroup with that title. The first call makes it; later calls return
// the same group. The bot is its only member until users join:
//
//	team := srv.Group("Team")
//	zoe := srv.User("Zoë").Join(team)
//	zoe.Send("/ping@stand_in_bot")
func (s *Server) Group(title string) *Group {
	tb := s.test()
	tb.Helper()
	if strings.TrimSpace(title) == "" {
		tb.Fatalf("tghooktest: Group: the title is empty; pass one, such as Team")
	}
	return &Group{ID: s.world.Group(title).ID, Title: title}
}
