package world

import (
	"encoding/json"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// permissions are those of a group's members, unless the bot has set others.
const permissions = `{"can_send_messages":true,"can_send_audios":true,"can_send_documents":true,"can_send_photos":true,"can_send_videos":true,` +
	`"can_send_video_notes":true,"can_send_voice_notes":true,"can_send_polls":true,"can_send_other_messages":true,` +
	`"can_add_web_page_previews":true,"can_react_to_messages":true,"can_edit_tag":true,"can_change_info":true,"can_invite_users":true,"can_pin_messages":true,"can_manage_topics":true}`

func (w *World) getChat(p botapi.Params) (any, error) {
	c, err := w.chat(p.String("chat_id"), toRead)
	if err != nil {
		return nil, err
	}
	full := struct {
		*Chat
		Usernames []string   `json:"active_usernames,omitempty"`
		Photo     *ChatPhoto `json:"photo,omitempty"`
		emojiStatus
		Bio         string          `json:"bio,omitempty"`
		Description string          `json:"description,omitempty"`
		InviteLink  string          `json:"invite_link,omitempty"`
		Permissions json.RawMessage `json:"permissions,omitempty"`
		Gifts       json.RawMessage `json:"accepted_gift_types"`
		StickerSet  string          `json:"sticker_set_name,omitempty"`
		Linked      int64           `json:"linked_chat_id,omitempty"`
		Pinned      *Message        `json:"pinned_message,omitempty"`
		Reactions   int             `json:"max_reaction_count"`
		Color       int             `json:"accent_color_id"`
	}{
		Chat: c, Photo: c.photo, StickerSet: c.stickerSet, emojiStatus: w.emojiStatus(w.users[c.ID]), Bio: c.bio, Description: c.description, Permissions: c.permissions, Reactions: 11,
		Gifts: json.RawMessage(`{"unlimited_gifts":false,"limited_gifts":false,"unique_gifts":false,"premium_subscription":false,"gifts_from_channels":false}`),
	}
	if link := c.primary(); link != nil && w.may(c, "can_invite_users") {
		full.InviteLink = link.Link
	}
	if c.Username != "" {
		full.Usernames = []string{c.Username}
	}
	if full.Permissions == nil && (c.Type == "group" || c.Type == "supergroup") {
		full.Permissions = json.RawMessage(permissions)
	}
	if c.linked != nil {
		full.Linked = c.linked.ID
	}
	if len(c.pinned) > 0 {
		full.Pinned = c.message(c.pinned[len(c.pinned)-1]).told()
	}
	return full, nil
}

func (w *World) getChatMemberCount(p botapi.Params) (any, error) {
	c, err := w.chat(p.String("chat_id"), toRead)
	switch {
	case err != nil:
		return nil, err
	case c.private():
		return 2, nil
	}
	n := 0
	for _, m := range c.members {
		if m.present() {
			n++
		}
	}
	return n, nil
}

func (w *World) setChatTitle(p botapi.Params) (any, error) {
	title := p.String("title")
	c, err := w.managed(p, toSetTitle)
	switch {
	case err != nil:
		return nil, err
	case title == "":
		return nil, refusal("Title must be non-empty")
	case title != c.Title:
		c.Title = title
		w.noteChat(c)
		w.notice(c, Content{NewTitle: title})
	}
	return true, nil
}

func (w *World) setChatDescription(p botapi.Params) (any, error) {
	c, err := w.managed(p, toSetDescription)
	switch {
	case err != nil:
		return nil, err
	case c.description == p.String("description"):
		return nil, refusal("chat description is not modified")
	}
	c.description = p.String("description")
	w.noteChat(c)
	w.change()
	return true, nil
}

// notice appends a service message about an act of the bot to the chat, and makes the
// update.
func (w *World) notice(c *Chat, happened Content) {
	m := &Message{From: w.bot, Content: happened}
	switch {
	case c.business != nil: // the bot is not told what it does itself there
		m.From, m.BusinessBot = c.business.User, w.bot
		w.add(c, m)
		return
	case c.Type == "channel":
		m.From, m.SenderChat = nil, c
	}
	w.emit("message", w.add(c, m))
}

func (w *World) leaveChat(p botapi.Params) (any, error) {
	c, err := w.chat(p.String("chat_id"), toEdit)
	switch {
	case err != nil:
		return nil, err
	case c.private():
		return nil, refusal("chat member status can't be changed in private chats")
	}
	w.become(c, w.bot, &Member{User: w.bot, Status: "left"})
	return true, nil
}
