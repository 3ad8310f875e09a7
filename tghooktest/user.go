package tghooktest

import (
	"fmt"
	"strings"
)

// User is a person who uses the bot. Several goroutines may act for one user.
type User struct {
	ID   int64
	Name string

	server *Server
}

// User returns the user with that name. The first call makes the user; later calls return
// the same one. If the name has several words, the first is the first name. The user has no
// username, and the language_code en; NewUser makes other users.
//
//	zoe := srv.User("Zoë").Chat()
//	zoe.Send("/start")
//	zoe.Expect(t, "Hello, Zoë!")
func (s *Server) User(name string) *User {
	tb := s.test()
	tb.Helper()
	if strings.TrimSpace(name) == "" {
		tb.Fatalf("tghooktest: User: the name is empty; pass one, such as Zoë")
	}
	return &User{ID: s.world.User(name).ID, Name: name, server: s}
}

// Chat returns the private chat of the user with the bot. The bot can write there only
// after the user has written.
func (u *User) Chat() *Chat {
	return &Chat{ID: u.ID, user: u, place: fmt.Sprintf("the chat of %q with the bot", u.Name)}
}

// Join makes the user a member of the group, and returns the group's chat for that user.
// The bot gets a message with new_chat_members, and chat_member if its allowed_updates name
// it. If the user is a member already, nothing happens.
func (u *User) Join(g *Group) *Chat {
	tb := u.server.test()
	tb.Helper()
	if err := u.server.world.Join(u.ID, g.ID); err != nil {
		tb.Fatalf("tghooktest: %v", err)
	}
	return &Chat{ID: g.ID, user: u, place: fmt.Sprintf("the group %q", g.Title)}
}

// Leave ends the user's membership. The bot gets a message with left_chat_member, and
// chat_member if its allowed_updates name it.
func (u *User) Leave(g *Group) {
	tb := u.server.test()
	tb.Helper()
	if err := u.server.world.Leave(u.ID, g.ID); err != nil {
		tb.Fatalf("tghooktest: %v", err)
	}
}

// Block makes the user block the bot. The bot gets my_chat_member, and its calls for their
// chat fail with 403.
func (u *User) Block() { u.server.world.Block(u.ID, true) }

// Unblock ends a Block. The bot gets my_chat_member.
func (u *User) Unblock() { u.server.world.Block(u.ID, false) }
