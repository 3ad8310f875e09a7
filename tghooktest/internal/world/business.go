package world

import (
	"encoding/json"
	"slices"
	"strconv"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// businessRights are the rights that a bot may have in a business account, in Telegram's
// order.
var businessRights = []string{
	"can_reply", "can_read_messages", "can_delete_sent_messages", "can_delete_all_messages", "can_edit_name", "can_edit_bio",
	"can_edit_profile_photo", "can_edit_username", "can_change_gift_settings", "can_view_gifts_and_stars", "can_convert_gifts_to_stars",
	"can_transfer_and_upgrade_gifts", "can_transfer_stars", "can_manage_stories",
}

// Account is a business account that has connected the bot, as a BusinessConnection.
type Account struct {
	ID       string          `json:"id"`
	User     *User           `json:"user"`
	UserChat int64           `json:"user_chat_id"`
	Date     int64           `json:"date"`
	Rights   json.RawMessage `json:"rights,omitempty"`
	CanReply bool            `json:"can_reply,omitempty"` // its name before Bot API 9.0
	Enabled  bool            `json:"is_enabled"`

	lastID int64           // last message id of the account's chats
	chats  map[int64]*Chat // with customers, by the customer's id
	rights []string
}

// grant gives the bot the rights in the account, and no others.
func (a *Account) grant(rights []string) {
	a.rights = rights
	given := map[string]bool{}
	for _, name := range rights {
		given[name] = true
	}
	a.CanReply = given["can_reply"]
	var objects []json.RawMessage
	for _, name := range businessRights {
		if given[name] {
			objects = append(objects, marshal(map[string]bool{name: true}))
		}
	}
	a.Rights = joinObjects(objects...)
}

// with returns the account's chat with the customer, and makes it if there is none. w.mu is
// held.
func (w *World) with(a *Account, customer *User) *Chat {
	c := a.chats[customer.ID]
	if c == nil {
		c = &Chat{
			ID: customer.ID, FirstName: customer.FirstName, LastName: customer.LastName, Username: customer.Username, Type: "private",
			business: a, keyboards: map[int64]json.RawMessage{},
		}
		a.chats[customer.ID] = c
	}
	return c
}

// account returns the account that a call names, if the bot has one of the rights there.
//
// Telegram documents the errors of its API, but not which of them a connection that ended or
// a right that is missing makes.
func (w *World) account(p botapi.Params, oneOf ...string) (*Account, error) {
	a := w.accounts[p.String("business_connection_id")]
	switch {
	case a == nil:
		return nil, refusal("business connection not found")
	case !a.Enabled:
		return nil, refusal("BUSINESS_CONNECTION_INVALID")
	case len(oneOf) > 0 && !slices.ContainsFunc(oneOf, func(right string) bool { return slices.Contains(a.rights, right) }):
		return nil, forbidden("BOT_ACCESS_FORBIDDEN")
	}
	return a, nil
}

// recent is how long after a customer's message the bot may act in the chat, in seconds.
const recent = 24 * 60 * 60

// customer returns the chat with a customer that a call names, for an act for which the bot
// needs the right.
func (w *World) customer(p botapi.Params, right string) (*Chat, error) {
	chatID := p.String("chat_id")
	id, err := strconv.ParseInt(chatID, 10, 64)
	switch {
	case chatID == "":
		return nil, refusal("chat_id is empty")
	case err != nil:
		return nil, refusal("chat_id must be a valid Integer")
	}
	a, err := w.account(p, right)
	switch {
	case err != nil:
		return nil, err
	case id < 0:
		return nil, refusal("Chat must be a private chat")
	case id == a.User.ID:
		return nil, refusal("Messages must not be sent to self")
	case a.chats[id] == nil:
		return nil, refusal("BUSINESS_PEER_INVALID")
	}
	for _, m := range slices.Backward(a.chats[id].messages) {
		if m.From.ID == id && w.now()-m.Date < recent {
			return a.chats[id], nil
		}
	}
	return nil, refusal("BUSINESS_PEER_USAGE_MISSING")
}

// business reports whether a call acts in the name of a business account.
func business(p botapi.Params) bool { return p.String("business_connection_id") != "" }

// destination returns the chat that a call sends to.
func (w *World) destination(p botapi.Params) (*Chat, error) {
	if business(p) {
		return w.customer(p, "can_reply")
	}
	return w.chat(p.String("chat_id"), toWrite)
}

// messageNamed returns the message that a call names by its chat and id. what begins Telegram's
// error if there is none.
func (w *World) messageNamed(p botapi.Params, want access, what string) (*Message, error) {
	if !business(p) {
		return w.messageOf(p.String("chat_id"), p.Int("message_id"), want, what)
	}
	c, err := w.customer(p, "can_reply")
	if err != nil {
		return nil, err
	}
	m := c.message(p.Int("message_id"))
	if m == nil {
		return nil, refusal("MESSAGE_ID_INVALID")
	}
	return m, nil
}

func (w *World) getBusinessConnection(p botapi.Params) (any, error) {
	if _, err := required(p, "business_connection_id"); err != nil {
		return nil, err
	}
	a := w.accounts[p.String("business_connection_id")]
	if a == nil {
		return nil, refusal("business connection not found")
	}
	return a, nil
}

// readBusinessMessage marks a message as read. Only the customer sees that.
func (w *World) readBusinessMessage(p botapi.Params) (any, error) {
	c, err := w.customer(p, "can_read_messages")
	if err != nil {
		return nil, err
	}
	if c.message(p.Int("message_id")) == nil {
		return nil, refusal("MESSAGE_ID_INVALID")
	}
	return true, nil
}

// deleteBusinessMessages deletes messages of one chat of the account. The ids of messages are
// the account's, so they name the chat.
func (w *World) deleteBusinessMessages(p botapi.Params) (any, error) {
	ids, err := messageIDs(p)
	if err != nil {
		return nil, err
	}
	a, err := w.account(p, "can_delete_sent_messages", "can_delete_all_messages")
	if err != nil {
		return nil, err
	}
	all := slices.Contains(a.rights, "can_delete_all_messages")
	var there []*Message
	for _, c := range a.chats {
		for _, id := range ids {
			switch m := c.message(id); {
			case m == nil:
			case !all && m.BusinessBot != w.bot:
				return nil, forbidden("BOT_ACCESS_FORBIDDEN")
			default:
				there = append(there, m)
			}
		}
	}
	for _, m := range there {
		m.deleted = true
		m.Chat.unpin(func(m *Message) bool { return m == nil })
	}
	w.noteDeleted(there...)
	w.change()
	return true, nil
}

func (w *World) setBusinessAccountName(p botapi.Params) (any, error) {
	first, err := required(p, "first_name")
	if err != nil {
		return nil, err
	}
	a, err := w.account(p, "can_edit_name")
	if err != nil {
		return nil, err
	}
	a.User.FirstName, a.User.LastName = first, p.String("last_name")
	own := w.chats[a.User.ID]
	own.FirstName, own.LastName = a.User.FirstName, a.User.LastName
	w.change()
	return true, nil
}

func (w *World) setBusinessAccountUsername(p botapi.Params) (any, error) {
	a, err := w.account(p, "can_edit_username")
	if err != nil {
		return nil, err
	}
	a.User.Username = p.String("username")
	w.chats[a.User.ID].Username = a.User.Username
	w.change()
	return true, nil
}

func (w *World) setBusinessAccountBio(p botapi.Params) (any, error) {
	a, err := w.account(p, "can_edit_bio")
	if err != nil {
		return nil, err
	}
	w.chats[a.User.ID].bio = p.String("bio")
	w.change()
	return true, nil
}
