package world

import (
	"fmt"
	"strconv"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// sendAs sends what a method of the Bot API would make of the parameters, as a message of a
// user. w.mu is not held.
func (w *World) sendAs(user, chat int64, content func(*World, botapi.Params) (Content, error), values map[string]string) (Seen, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, _, err := w.party(user, chat); err != nil {
		return Seen{}, err
	}
	c, err := content(w, botapi.Params{Values: values})
	if err != nil {
		return Seen{}, fmt.Errorf("this cannot be sent: %w", err)
	}
	return w.post(user, chat, &Message{Content: c})
}

// SendPoll sends a user's poll. Its voters are known.
func (w *World) SendPoll(user, chat int64, question string, options ...string) (Seen, error) {
	if len(options) == 0 {
		options = []string{}
	}
	return w.sendAs(user, chat, (*World).poll, map[string]string{
		"question": question, "options": string(marshal(options)), "is_anonymous": "false",
	})
}

// SendDice sends a dice, or another emoji with a random value.
func (w *World) SendDice(user, chat int64, emoji string) (Seen, error) {
	return w.sendAs(user, chat, (*World).dice, map[string]string{"emoji": emoji})
}

// SendVenue sends a place with its name and address.
func (w *World) SendVenue(user, chat int64, title, address string, latitude, longitude float64) (Seen, error) {
	degrees := func(d float64) string { return strconv.FormatFloat(d, 'f', -1, 64) }
	return w.sendAs(user, chat, (*World).venue, map[string]string{
		"title": title, "address": address, "latitude": degrees(latitude), "longitude": degrees(longitude),
	})
}

// Forward sends a message of one of the user's chats to another.
func (w *World) Forward(user, chat, from, message int64) (Seen, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, source, err := w.party(user, from)
	if err != nil {
		return Seen{}, err
	}
	m := source.message(message)
	switch {
	case m == nil:
		return Seen{}, missingf(ErrNoMessage, "there is no message %d to forward", message)
	case m.Protected:
		return Seen{}, fmt.Errorf("message %d has protected content and cannot be forwarded", message)
	case m.happened():
		return Seen{}, fmt.Errorf("message %d is about an event in the chat and cannot be forwarded", message)
	}
	forwarded := &Message{Content: m.Content}
	forwarded.cite(m)
	return w.post(user, chat, forwarded)
}
