package world

import (
	"strconv"
	"strings"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// access is what a call wants to do in a chat.
type access int

const (
	toRead access = iota
	toEdit
	toWrite
)

// chat returns the chat with the id or @username, if the bot may do there what it wants to.
func (w *World) chat(id string, want access) (*Chat, error) {
	if id == "" {
		return nil, refusal("chat_id is empty")
	}
	c := w.find(id)
	if c == nil {
		return nil, refusal("chat not found")
	}
	if c.private() {
		if err := w.users[c.ID].admits(want, w.now()); err != nil {
			return nil, err
		}
		return c, nil
	}
	if err := c.migrated(want); err != nil {
		return nil, err
	}
	bot := c.members[w.bot.ID]
	switch {
	case want == toRead && (c.Type == "group" || c.Username != "" && bot.Status != "kicked"):
		return c, nil
	case bot.Status == "kicked":
		return nil, forbidden("bot was kicked from the " + c.Type + " chat")
	case !bot.present():
		return nil, forbidden("bot is not a member of the " + c.Type + " chat")
	case c.Type == "channel" && want != toRead && !bot.manages():
		return nil, refusal("need administrator rights in the channel chat")
	}
	return c, nil
}

// admits returns why the bot may not do what it wants to in a user's private chat; nil if it
// may.
func (u *User) admits(want access, now int64) error {
	switch {
	case want != toWrite:
		return nil
	case u.blocked:
		return forbidden("bot was blocked by the user")
	case !u.started && u.open < now:
		return forbidden("bot can't initiate conversation with a user")
	}
	return nil
}

// find returns the chat with the id or @username; nil if there is none.
func (w *World) find(id string) *Chat {
	name, isName := strings.CutPrefix(id, "@")
	if !isName {
		if n := leading(id); n < firstPart {
			return w.chats[n]
		}
		return nil
	}
	for _, c := range w.chats {
		if !c.private() && c.Username != "" && strings.EqualFold(c.Username, name) {
			return c
		}
	}
	return nil
}

// leading returns the number at the beginning of a text, because Telegram reads ids in this
// way.
func leading(text string) int64 {
	end := 0
	for end < len(text) && (text[end] == '-' && end == 0 || '0' <= text[end] && text[end] <= '9') {
		end++
	}
	n, err := strconv.ParseInt(text[:end], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// manages reports whether the member is an administrator.
func (m *Member) manages() bool {
	return m != nil && (m.Status == "administrator" || m.Status == "creator")
}

// messageOf returns the message that a call names. what begins Telegram's error if there is
// none.
func (w *World) messageOf(chatID string, messageID int64, want access, what string) (*Message, error) {
	c, err := w.chat(chatID, want)
	if err != nil {
		return nil, err
	}
	m := c.message(messageID)
	if m == nil {
		return nil, refusal(what + " not found")
	}
	return m, nil
}

// user returns the user whose id the parameter has.
func (w *World) user(p botapi.Params, name string) (*User, error) {
	id := p.Int(name)
	if id <= 0 {
		return nil, refusef("Invalid %s specified", name)
	}
	u := w.users[id]
	if u == nil {
		return nil, refusal("user not found")
	}
	return u, nil
}

// required returns a parameter that must not be empty.
func required(p botapi.Params, name string) (string, error) {
	if p.String(name) == "" {
		return "", refusef("Parameter %q is required", name)
	}
	return p.String(name), nil
}
