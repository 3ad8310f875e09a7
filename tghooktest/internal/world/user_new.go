package world

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// UserConfig says who a new user is.
type UserConfig struct {
	Name     string // the first word is the first name, the rest the last name
	Username string // may begin with @; if empty, none
	Language string // language_code; if empty, en
	Premium  bool
	ID       int64 // if zero, made up
}

// endOfUsers is above all ids of users. They have at most 52 significant bits.
const endOfUsers = 1 << 52

var username = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{3,31}$`)

// NewUser makes a user. Without an ID, User returns the same user for the same name from
// then on, and the name must be new.
func (w *World) NewUser(cfg UserConfig) (*User, error) {
	first, last, err := cfg.check()
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if cfg.ID == 0 {
		id, known := w.idOf(first, last)
		if known {
			return nil, fmt.Errorf("there is a user named %q already; set another name (or an ID)", w.users[id].name())
		}
		cfg.ID = id
	}
	switch {
	case w.users[cfg.ID] != nil:
		return nil, fmt.Errorf("there is a user with the id %d already", cfg.ID)
	case cfg.Username != "" && w.taken(cfg.Username):
		return nil, fmt.Errorf("the username %q is taken", cfg.Username)
	}
	return w.addUser(&User{
		ID: cfg.ID, FirstName: first, LastName: last, Username: cfg.Username, LanguageCode: cmp.Or(cfg.Language, "en"), IsPremium: cfg.Premium,
	}), nil
}

// check checks the fields, and returns the user's first and last name.
func (cfg *UserConfig) check() (first, last string, err error) {
	first, last = nameOf(cfg.Name)
	cfg.Username = strings.TrimPrefix(cfg.Username, "@")
	switch {
	case first == "":
		err = errors.New("the name is empty")
	case cfg.Username != "" && !username.MatchString(cfg.Username):
		err = fmt.Errorf("%q is not a username; it has 4 to 32 letters, digits and underscores, and begins with a letter", cfg.Username)
	case cfg.ID < 0 || cfg.ID >= endOfUsers:
		err = fmt.Errorf("%d is not the id of a user; set one from 1 to %d (or leave it 0)", cfg.ID, int64(endOfUsers)-1)
	}
	return first, last, err
}

// PutUser makes the user with the id, or changes who they are. Without an ID it makes a user,
// who may have the name of another one.
func (w *World) PutUser(cfg UserConfig) (*User, error) {
	first, last, err := cfg.check()
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if cfg.ID == w.bot.ID {
		return nil, fmt.Errorf("%d is the id of the bot; set another one", cfg.ID)
	}
	for n := int64(0); cfg.ID == 0; n++ {
		if id := w.personID("user", digest(fullName(first, last)), n); w.users[id] == nil {
			cfg.ID = id
		}
	}
	u := w.users[cfg.ID]
	if cfg.Username != "" && (u == nil || !strings.EqualFold(u.Username, cfg.Username)) && w.taken(cfg.Username) {
		return nil, fmt.Errorf("the username %q is taken", cfg.Username)
	}
	language := cmp.Or(cfg.Language, "en")
	if u == nil {
		return w.addUser(&User{ID: cfg.ID, FirstName: first, LastName: last, Username: cfg.Username, LanguageCode: language, IsPremium: cfg.Premium}), nil
	}
	u.FirstName, u.LastName, u.Username, u.LanguageCode, u.IsPremium = first, last, cfg.Username, language, cfg.Premium
	c := w.chats[u.ID]
	c.FirstName, c.LastName, c.Username = first, last, u.Username
	w.noteUser(u)
	w.change()
	return u, nil
}

// taken reports whether a user, a bot or a chat has the username. w.mu is held.
func (w *World) taken(name string) bool {
	for _, u := range w.users {
		if strings.EqualFold(u.Username, name) {
			return true
		}
	}
	return w.find("@"+name) != nil
}

// SetPhoto adds a picture to the user's profile, where it is the newest. It makes no
// update.
func (w *World) SetPhoto(user int64, jpeg []byte) error {
	if len(jpeg) == 0 {
		return errNoContent
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	u := w.users[user]
	if u == nil {
		return noUser(user)
	}
	u.photos = append(u.photos, w.upload("photo", "", "image/jpeg", jpeg))
	w.change()
	return nil
}

// getUserProfilePhotos returns the newest picture first.
func (w *World) getUserProfilePhotos(p botapi.Params) (any, error) {
	u, err := w.user(p, "user_id")
	if err != nil {
		return nil, err
	}
	limit := 100
	if p.Has("limit") {
		limit = min(max(int(p.Int("limit")), 1), limit)
	}
	photos := [][]PhotoSize{}
	for i := len(u.photos) - 1 - max(int(p.Int("offset")), 0); i >= 0 && len(photos) < limit; i-- {
		photos = append(photos, u.photos[i].sizes)
	}
	return struct {
		Total  int           `json:"total_count"`
		Photos [][]PhotoSize `json:"photos"`
	}{len(u.photos), photos}, nil
}
