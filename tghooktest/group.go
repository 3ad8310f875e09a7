package tghooktest

import "strings"

// Group is a supergroup that the bot is an administrator of, so that it hears all that is
// said there, and of members and reactions where it asks for them by allowed_updates.
type Group struct {
	ID    int64
	Title string // that it was made with
}

// Group is the supergroup that was made with that title; the same title is the same
// group. Nobody is in it but the bot, until they join:
//
//	team := srv.Group("Team")
//	zoe := srv.User("Zoë").Join(team)
//	zoe.Send("/ping@stand_in_bot")
func (s *Server) Group(title string) *Group {
	tb := s.test()
	tb.Helper()
	if strings.TrimSpace(title) == "" {
		tb.Fatalf("tghooktest: a group needs a title, such as Team")
	}
	return &Group{ID: s.world.Group(title).ID, Title: title}
}
