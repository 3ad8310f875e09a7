package world

import (
	"errors"
	"slices"
	"strconv"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// boostLife is how long a boost lasts, in seconds.
const boostLife = 30 * 24 * 60 * 60

// Boost is a ChatBoost.
type Boost struct {
	ID      string      `json:"boost_id"`
	Added   int64       `json:"add_date"`
	Expires int64       `json:"expiration_date"`
	Source  boostSource `json:"source"`
}

// boostSource is a ChatBoostSourcePremium.
type boostSource struct {
	Kind string `json:"source"`
	User *User  `json:"user"`
}

// Boost makes the user boost the chat. It makes chat_boost, and in a group a message with
// boost_added.
func (w *World) Boost(user, chat int64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	u, c, err := w.party(user, chat)
	switch {
	case err != nil:
		return err
	case c.Type != "supergroup" && c.Type != "channel":
		return errors.New("only supergroups and channels can be boosted")
	}
	w.count["boost"]++
	b := Boost{
		ID: strconv.FormatUint(w.draw("boost", w.count["boost"]), 16), Added: w.now(), Expires: w.now() + boostLife, Source: boostSource{"premium", u},
	}
	c.boosts = append(c.boosts, b)
	w.tell(c, "chat_boost", struct {
		Chat  *Chat `json:"chat"`
		Boost Boost `json:"boost"`
	}{c, b})
	if c.Type == "supergroup" {
		w.write(c, &Message{From: u, Content: Content{BoostAdded: marshal(struct {
			Count int `json:"boost_count"`
		}{1})}})
	}
	w.change()
	return nil
}

// Unboost makes the user take back their boosts of the chat. It makes removed_chat_boost for
// each.
func (w *World) Unboost(user, chat int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.chatOrEmpty(chat)
	for _, b := range c.boosts {
		if b.Source.User.ID == user {
			w.tell(c, "removed_chat_boost", struct {
				Chat   *Chat       `json:"chat"`
				ID     string      `json:"boost_id"`
				Date   int64       `json:"remove_date"`
				Source boostSource `json:"source"`
			}{c, b.ID, w.now(), b.Source})
		}
	}
	c.boosts = slices.DeleteFunc(c.boosts, func(b Boost) bool { return b.Source.User.ID == user })
	w.change()
}

func (w *World) getUserChatBoosts(p botapi.Params) (any, error) {
	u, err := w.user(p, "user_id")
	if err != nil {
		return nil, err
	}
	c, err := w.chat(p.String("chat_id"), toWrite)
	if err != nil {
		return nil, err
	}
	if !c.members[w.bot.ID].manages() {
		return nil, refusal("CHAT_ADMIN_REQUIRED")
	}
	boosts := []Boost{}
	for _, b := range c.boosts {
		if b.Source.User == u && b.Expires > w.now() {
			boosts = append(boosts, b)
		}
	}
	return struct {
		Boosts []Boost `json:"boosts"`
	}{boosts}, nil
}
