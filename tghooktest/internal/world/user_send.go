package world

import (
	"errors"
	"fmt"
	"math"
	"strings"
)

// Send sends a user's text to the chat. If reply is not 0, the text replies to that
// message.
func (w *World) Send(user, chat, reply int64, text string) (Seen, error) {
	text, err := written(text)
	if err != nil {
		return Seen{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	m := &Message{Content: Content{Text: text, Entities: findEntities(text)}}
	if reply != 0 {
		to := w.chatOrEmpty(chat).message(reply)
		if to == nil {
			return Seen{}, missingf(ErrNoMessage, "there is no message %d to reply to", reply)
		}
		m.ReplyTo = to.told()
	}
	return w.post(user, chat, m)
}

// SendPhoto sends a user's picture.
func (w *World) SendPhoto(user, chat int64, caption string, jpeg []byte) (Seen, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	content := w.upload("photo", "", "image/jpeg", jpeg).content()
	content.Caption, content.CaptionEnts = caption, findEntities(caption)
	return w.post(user, chat, &Message{Content: content})
}

// SendDocument sends a user's file.
func (w *World) SendDocument(user, chat int64, name string, content []byte) (Seen, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.post(user, chat, &Message{Content: w.upload("document", name, "", content).content()})
}

// SendAlbum sends a user's pictures as an album.
func (w *World) SendAlbum(user, chat int64, jpegs ...[]byte) ([]Seen, error) {
	if len(jpegs) < 2 || len(jpegs) > 10 {
		return nil, fmt.Errorf("an album has 2 to 10 pictures, not %d", len(jpegs))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	id := w.next("album")
	var album []Seen
	for _, jpeg := range jpegs {
		m, err := w.post(user, chat, &Message{AlbumID: id, Content: w.upload("photo", "", "image/jpeg", jpeg).content()})
		if err != nil {
			return nil, err
		}
		album = append(album, m)
	}
	return album, nil
}

// SendLocation sends a location.
func (w *World) SendLocation(user, chat int64, latitude, longitude float64) (Seen, error) {
	if !(math.Abs(latitude) <= 90) || !(math.Abs(longitude) <= 180) {
		return Seen{}, fmt.Errorf("%v, %v is not a location; the latitude is at most 90 degrees, and the longitude at most 180", latitude, longitude)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.post(user, chat, &Message{Content: at(latitude, longitude)})
}

// at is the content of a message with a location.
func at(latitude, longitude float64) Content {
	return Content{Location: marshal(struct {
		Latitude  float64 `json:"latitude"`
		Longitude float64 `json:"longitude"`
	}{latitude, longitude})}
}

// SendContact sends the user's own phone number.
func (w *World) SendContact(user, chat int64, phone string) (Seen, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	u := w.users[user]
	if u == nil {
		return Seen{}, noUser(user)
	}
	return w.post(user, chat, &Message{Content: own(u, phone)})
}

// own is the content of a message with a user's own phone number.
func own(u *User, phone string) Content {
	return Content{Contact: marshal(struct {
		Phone     string `json:"phone_number"`
		FirstName string `json:"first_name"`
		LastName  string `json:"last_name,omitempty"`
		ID        int64  `json:"user_id"`
	}{phone, u.FirstName, u.LastName, u.ID})}
}

// written returns a user's text as Telegram stores it.
func written(text string) (string, error) {
	text = strings.TrimSpace(text)
	switch n := units(text); {
	case n == 0:
		return "", errors.New("the text is empty; Telegram does not send an empty message")
	case n > 4096:
		return "", fmt.Errorf("the text has %d characters; a message has at most 4096", n)
	}
	return text, nil
}

// post sends a user's message. In a private chat the bot may write to the user from then
// on. w.mu is held.
func (w *World) post(user, chat int64, m *Message) (Seen, error) {
	u, c, err := w.party(user, chat)
	if err != nil {
		return Seen{}, err
	}
	if c.Type == "channel" && !c.allows(c.members[user], "can_post_messages") {
		return Seen{}, fmt.Errorf("%s may not post in the channel %q, because they are no administrator of it; call User.Manage", u.name(), c.Title)
	}
	if name := c.forbids(c.members[user], m.Content); name != "" {
		return Seen{}, fmt.Errorf("%s may not send %s to the group %q, because the bot has forbidden it; have the bot call restrictChatMember or setChatPermissions first", u.name(), name, c.Title)
	}
	if err := w.enterPart(u, chat, m); err != nil {
		return Seen{}, err
	}
	u.started = u.started || c.private() && c.business == nil
	m.From = u
	if member := c.members[user]; member != nil {
		m.Tag = member.Tag
	}
	if c.Type == "channel" {
		m.From, m.SenderChat, m.author = nil, c, u
	}
	w.write(c, m)
	w.mirror(m)
	return w.see(m), nil
}
