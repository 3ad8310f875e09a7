package tghooktest

import (
	"fmt"
	"strings"
	"testing"
)

// User is somebody who uses the bot. Several goroutines may act for one.
type User struct {
	ID   int64
	Name string

	server *Server
}

// User is the one of that name; the same name is the same user. Of several words the
// first is the first name. They have no username, and en for a language_code.
//
//	zoe := srv.User("Zoë").Chat()
//	zoe.Send("/start")
//	zoe.Expect(t, "Hello, Zoë!")
func (s *Server) User(name string) *User {
	tb := s.test()
	tb.Helper()
	if strings.TrimSpace(name) == "" {
		tb.Fatalf("tghooktest: a user needs a name, such as Zoë")
	}
	return &User{ID: s.world.User(name).ID, Name: name, server: s}
}

// Chat is the private chat of the user with the bot, who may write there once the user
// has.
func (u *User) Chat() *Chat {
	return &Chat{ID: u.ID, user: u, place: fmt.Sprintf("the chat of %q with the bot", u.Name)}
}

// Join has the user become a member of the group, and returns it as they see it. Like
// Telegram it makes chat_member, which a bot has to ask for by allowed_updates, and a
// message with new_chat_members. Of a member it makes nothing.
func (u *User) Join(g *Group) *Chat {
	tb := u.server.test()
	tb.Helper()
	if err := u.server.world.Join(u.ID, g.ID); err != nil {
		tb.Fatalf("tghooktest: %v", err)
	}
	return &Chat{ID: g.ID, user: u, place: fmt.Sprintf("the group %q", g.Title)}
}

// Leave is the opposite of Join, with left_chat_member.
func (u *User) Leave(g *Group) {
	tb := u.server.test()
	tb.Helper()
	if err := u.server.world.Leave(u.ID, g.ID); err != nil {
		tb.Fatalf("tghooktest: %v", err)
	}
}

// Block has the user block the bot: my_chat_member, and from then on the bot's calls for
// their chat fail with 403.
func (u *User) Block() { u.server.world.Block(u.ID, true) }

// Unblock is the opposite of Block.
func (u *User) Unblock() { u.server.world.Block(u.ID, false) }

// test is what acts that cannot be fail: the test, or where there is none, by panic.
func (s *Server) test() testing.TB {
	if s.tb == nil {
		return alarm{}
	}
	return s.tb
}

// alarm is a test that panics.
type alarm struct{ testing.TB }

// Helper does nothing.
func (alarm) Helper() {}

// Fatalf panics.
func (alarm) Fatalf(format string, args ...any) { panic(fmt.Errorf(format, args...)) }
