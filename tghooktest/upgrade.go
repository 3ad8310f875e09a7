package tghooktest

import "strings"

// BasicGroup returns the basic group with that title, which a user can make a supergroup of:
// see [User.Upgrade]. The first call makes it; later calls return the same group. The bot is
// one of its administrators.
func (s *Server) BasicGroup(title string) *Group {
	tb := s.test()
	tb.Helper()
	if strings.TrimSpace(title) == "" {
		tb.Fatalf("tghooktest: BasicGroup: the title is empty; pass one, such as Team")
	}
	return &Group{ID: s.world.BasicGroup(title).ID, Title: title}
}

// Upgrade makes a supergroup of a basic group, with another id, and returns it. The bot gets
// a message with migrate_to_chat_id in the old group, and one with migrate_from_chat_id in
// the new one. Its calls for the old group fail with [CallError].MigrateTo from then on. The
// user must be the group's owner; if it has none, they become that.
func (u *User) Upgrade(g *Group) *Group {
	tb := u.server.test()
	tb.Helper()
	super, err := u.server.world.Upgrade(u.ID, g.ID)
	if err != nil {
		tb.Fatalf("tghooktest: Upgrade: %v", err)
		return &Group{Title: g.Title}
	}
	return &Group{ID: super.ID, Title: g.Title}
}
