package tghooktest

import "github.com/tghook/tghook/tghooktest/internal/world"

// UserConfig says who a new user is. The zero value of each field is its default, except
// for Name.
type UserConfig struct {
	// Name is the user's name. The first word is the first name, the rest the last name.
	Name string
	// Username is the user's username, with or without @. If empty, the user has none.
	Username string
	// Language is the language_code. If empty, en.
	Language string
	// Premium says that the user has Telegram Premium.
	Premium bool
	// ID is the user's id. If zero, the Server makes one up from its seed and the name.
	ID int64
}

// NewUser makes a user. The test fails if the username or the id is taken. Without an ID,
// it fails also if a user has the name, and User returns this user for the name from then
// on.
//
//	zoe := srv.NewUser(tghooktest.UserConfig{Name: "Zoë Núñez", Username: "zoe_n", Language: "es", Premium: true})
func (s *Server) NewUser(cfg UserConfig) *User {
	tb := s.test()
	tb.Helper()
	u, err := s.world.NewUser(world.UserConfig(cfg))
	if err != nil {
		tb.Fatalf("tghooktest: NewUser: %v", err)
		u = s.world.User(cfg.Name)
	}
	return &User{ID: u.ID, Name: cfg.Name, server: s}
}

// SetPhoto adds a picture to the user's profile, where it is the newest. The bot gets no
// update. It sees the pictures with getUserProfilePhotos.
func (u *User) SetPhoto(jpeg []byte) {
	tb := u.server.test()
	tb.Helper()
	if err := u.server.world.SetPhoto(u.ID, jpeg); err != nil {
		tb.Fatalf("tghooktest: SetPhoto of %q: %v", u.Name, err)
	}
}
