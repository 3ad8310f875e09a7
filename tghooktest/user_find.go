package tghooktest

import (
	"fmt"

	"github.com/tghook/tghook/tghooktest/internal/world"
)

// FindUser returns the user with the id in decimal, or with the username, with or without @.
// Without one, the error is ErrNoUser.
func (s *Server) FindUser(idOrUsername string) (*User, error) {
	id, name, err := s.world.FindUser(idOrUsername)
	if err != nil {
		return nil, fmt.Errorf("tghooktest: FindUser: %w", err)
	}
	return &User{ID: id, Name: name, server: s}, nil
}

// Users returns the users that the bot can meet, in the order of their ids.
func (s *Server) Users() []*User {
	ids := s.world.Users()
	users := make([]*User, 0, len(ids))
	for _, id := range ids {
		if p, ok := s.world.Person(id); ok {
			users = append(users, &User{ID: id, Name: p.Name, server: s})
		}
	}
	return users
}

// PutUser makes the user with cfg.ID, or changes who they are if there is one. With it, a user
// is the same for several bots of a Server. Without an ID, it makes a user, who may have the
// name of another one.
func (s *Server) PutUser(cfg UserConfig) (*User, error) {
	u, err := s.world.PutUser(world.UserConfig(cfg))
	if err != nil {
		return nil, fmt.Errorf("tghooktest: PutUser: %w", err)
	}
	return &User{ID: u.ID, Name: cfg.Name, server: s}, nil
}

// Config says who the user is now.
func (u *User) Config() UserConfig {
	p, _ := u.server.world.Person(u.ID)
	return UserConfig(p.UserConfig)
}

// Blocked reports whether the user has blocked the bot.
func (u *User) Blocked() bool {
	p, _ := u.server.world.Person(u.ID)
	return p.Blocked
}

// In returns the chat with the id, for the user: their own with the bot, whose id is theirs,
// or a group or channel. The user need not be in it, but most acts need that. Without such a
// chat, the error is ErrNoChat.
func (u *User) In(chatID int64) (*Chat, error) {
	title, err := u.server.world.Place(u.ID, chatID)
	if err != nil {
		return nil, fmt.Errorf("tghooktest: In: %w", err)
	}
	return u.chat(chatID, title), nil
}

// chat returns a chat that Place knows.
func (u *User) chat(id int64, title string) *Chat {
	if id == u.ID {
		return u.Chat()
	}
	return &Chat{ID: id, user: u, place: fmt.Sprintf("the chat %q", title)}
}

// Chats returns all chats of the bot that In returns: the user's own first, then groups and
// channels in the order of their ids, also those in which the user is not.
func (u *User) Chats() []*Chat {
	ids := u.server.world.Chats(u.ID)
	chats := make([]*Chat, 0, len(ids))
	for _, id := range ids {
		if title, err := u.server.world.Place(u.ID, id); err == nil {
			chats = append(chats, u.chat(id, title))
		}
	}
	return chats
}
