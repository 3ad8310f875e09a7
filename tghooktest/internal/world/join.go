package world

import (
	"errors"
	"fmt"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// joinRequest is a user's request to join a chat. It waits for an administrator.
type joinRequest struct {
	chat *Chat
	user *User
	link *InviteLink // nil if the user did not ask by a link
}

// requestTerm is how long the bot may write to a user who asks to join a chat, in seconds.
const requestTerm = 5 * 60

// Follow makes the user join the chat of an invite link, or ask to join it if the link
// makes join requests. It returns the chat's id and title. If the user is a member already,
// it does nothing.
func (w *World) Follow(user int64, link string) (chat int64, title string, _ error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	u, l := w.users[user], w.linkBy(link)
	switch {
	case u == nil:
		return 0, "", noUser(user)
	case l == nil:
		return 0, "", fmt.Errorf("there is no invite link %q; use one that createChatInviteLink or exportChatInviteLink returned", link)
	case l.Revoked:
		return 0, "", fmt.Errorf("%s cannot follow the invite link %q, because the bot has revoked it", u.name(), link)
	case l.Expires != 0 && l.Expires <= w.now():
		return 0, "", fmt.Errorf("%s cannot follow the invite link %q, because its expire_date has passed", u.name(), link)
	case l.Limit != 0 && l.joined >= l.Limit:
		return 0, "", fmt.Errorf("%s cannot follow the invite link %q, because it has its member_limit of %d", u.name(), link, l.Limit)
	case l.Period != 0:
		return 0, "", errors.New("a subscription by an invite link cannot be simulated, because users have no stars")
	}
	out, err := w.outsider(user, l.chat)
	switch {
	case err != nil || !out:
	case l.Request:
		w.request(l.chat, u, l)
	default:
		l.joined++
		w.enter(l.chat, u, u, entry{Link: l})
	}
	return l.chat.ID, l.chat.Title, err
}

// AskToJoin makes the user ask to join a group without an invite link.
func (w *World) AskToJoin(user, group int64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	u, c := w.users[user], w.chats[group]
	out, err := w.outsider(user, c)
	if out {
		w.request(c, u, nil)
	}
	return err
}

// linkBy returns the link with the address; nil if there is none. w.mu is held.
func (w *World) linkBy(text string) *InviteLink {
	for _, c := range w.chats {
		for _, l := range c.links {
			if l.Link == text {
				return l
			}
		}
	}
	return nil
}

// request makes chat_join_request, unless the user has asked already. w.mu is held.
func (w *World) request(c *Chat, u *User, l *InviteLink) {
	if _, asked := c.requests[u.ID]; asked {
		return
	}
	if c.requests == nil {
		c.requests = map[int64]joinRequest{}
	}
	c.requests[u.ID] = joinRequest{c, u, l}
	if l != nil {
		l.Pending++
	}
	if w.may(c, "can_invite_users") {
		u.open = w.now() + requestTerm
	}
	w.noteChat(c)
	w.tell(c, "chat_join_request", struct {
		Chat     *Chat       `json:"chat"`
		From     *User       `json:"from"`
		UserChat int64       `json:"user_chat_id"`
		Date     int64       `json:"date"`
		Link     *InviteLink `json:"invite_link,omitempty"`
	}{c, u, u.ID, w.now(), l})
	w.change()
}

// meetRequest learns of a join request from an update. The user is not in the chat. w.mu is
// held.
func (w *World) meetRequest(c *Chat, u *User, l *InviteLink) {
	if c == nil || c.private() || u == nil || u == w.bot {
		return
	}
	if c.requests == nil {
		c.requests = map[int64]joinRequest{}
	}
	delete(c.members, u.ID)
	c.requests[u.ID] = joinRequest{c, u, l}
}

// decided ends the join request that a call names, and returns it.
func (w *World) decided(p botapi.Params) (joinRequest, error) {
	u, err := w.user(p, "user_id")
	if err != nil {
		return joinRequest{}, err
	}
	c, err := w.managed(p, toAdmit)
	if err != nil {
		return joinRequest{}, err
	}
	r, asked := c.requests[u.ID]
	switch {
	case w.memberOf(c, u).present():
		return joinRequest{}, refusal("USER_ALREADY_PARTICIPANT")
	case !asked:
		return joinRequest{}, refusal("HIDE_REQUESTER_MISSING")
	}
	delete(c.requests, u.ID)
	w.noteChat(c)
	if r.link != nil {
		r.link.Pending = max(0, r.link.Pending-1)
	}
	return r, nil
}

func (w *World) approveChatJoinRequest(p botapi.Params) (any, error) {
	r, err := w.decided(p)
	if err != nil {
		return nil, err
	}
	if r.link != nil {
		r.link.joined++
	}
	w.enter(r.chat, r.user, w.bot, entry{Link: r.link, ByRequest: r.link == nil})
	return true, nil
}

func (w *World) declineChatJoinRequest(p botapi.Params) (any, error) {
	_, err := w.decided(p)
	if err == nil {
		w.change()
	}
	return true, err
}
