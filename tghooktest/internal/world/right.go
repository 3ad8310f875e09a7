package world

import (
	"slices"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// power is something that only an administrator with a right may do in a chat.
type power struct {
	right   string // field of ChatAdministratorRights
	lacking string // Telegram's error if the bot does not have the right
	private string // Telegram's error in a private chat
}

var (
	toSetTitle       = power{"can_change_info", "not enough rights to change chat title", "can't change private chat title"}
	toSetPhoto       = power{"can_change_info", "not enough rights to change chat photo", "can't change private chat photo"}
	toSetDescription = power{"can_change_info", "not enough rights to set chat description", "can't change private chat description"}
	toSetStickers    = power{"can_change_info", "not enough rights to change supergroup sticker set", "method is available only for supergroups"}
	toSetPermissions = power{"can_restrict_members", "not enough rights to change chat permissions", "can't change private chat permissions"}
	toBan            = power{"can_restrict_members", errRestrict, "can't ban members in private chats"}
	toUnban          = power{"can_restrict_members", errRestrict, errNoMembers}
	toRestrict       = power{"can_restrict_members", errRestrict, "method is available only for supergroups"}
	toPromote        = power{"can_promote_members", "not enough rights", errNoMembers}
	toEntitle        = power{"can_promote_members", "not enough rights to change custom title of the user", "method is available only for supergroups"}
	toLink           = power{"can_invite_users", "not enough rights to manage chat invite link", "can't invite members to a private chat"}
	toAdmit          = power{"can_invite_users", "not enough rights to manage chat join requests", "the chat can't have join requests"}
)

const (
	errRestrict  = "not enough rights to restrict/unrestrict chat member"
	errNoMembers = "method is available for supergroup and channel chats only"
)

// powers are those that the methods need that are not simulated otherwise.
var powers = map[string]power{"banChatSenderChat": toBan, "unbanChatSenderChat": toUnban}

// managed returns the group or channel that a call names, if the bot has the power there.
func (w *World) managed(p botapi.Params, need power) (*Chat, error) {
	c, err := w.chat(p.String("chat_id"), toWrite)
	switch {
	case err != nil:
		return nil, err
	case c.private():
		return nil, refusal(need.private)
	case !w.may(c, need.right):
		return nil, refusal(need.lacking)
	}
	return c, nil
}

// may reports whether the bot is an administrator of the chat with the right. w.mu is held.
func (w *World) may(c *Chat, right string) bool { return c.allows(c.members[w.bot.ID], right) }

// allows reports whether the member is an administrator with the right.
func (c *Chat) allows(m *Member, right string) bool {
	if !m.manages() {
		return false
	}
	rights := m.rights
	if rights == nil {
		rights = []byte(c.rights())
	}
	o, _ := parseObject(rights)
	return m.Status == "creator" || o.flag(right)
}

// permits reports whether someone who is in the chat has the permission there. Permissions
// that the chat does not know are not forbidden.
func (c *Chat) permits(m *Member, permission string) bool {
	if c.private() || m.manages() {
		return true
	}
	whole := c.permissions
	if whole == nil {
		whole = []byte(permissions)
	}
	for _, given := range [][]byte{whole, m.restrictions()} {
		if o, _ := parseObject(given); o[permission] != nil && !o.flag(permission) {
			return false
		}
	}
	return true
}

// restrictions returns the permissions of a restricted member; nil for others.
func (m *Member) restrictions() []byte {
	if m == nil || m.Status != "restricted" {
		return nil
	}
	return m.rights
}

// kindOfContent is the permission that a content needs, and its name in Telegram's errors.
type kindOfContent struct {
	permission, name string
	matches          func(*Content) bool
}

// kindsOfContent are all kinds. The first that matches counts, because a venue has a
// location too, and an animation a document.
var kindsOfContent = []kindOfContent{
	{"can_send_other_messages", "animations", func(c *Content) bool { return c.Animation != nil }},
	{"can_send_audios", "music", func(c *Content) bool { return c.Audio != nil }},
	{"can_send_documents", "documents", func(c *Content) bool { return c.Document != nil }},
	{"can_send_photos", "photos", func(c *Content) bool { return c.Photo != nil }},
	{"can_send_other_messages", "stickers", func(c *Content) bool { return c.Sticker != nil }},
	{"can_send_videos", "videos", func(c *Content) bool { return c.Video != nil }},
	{"can_send_video_notes", "video notes", func(c *Content) bool { return c.VideoNote != nil }},
	{"can_send_voice_notes", "voice notes", func(c *Content) bool { return c.Voice != nil }},
	{"can_send_messages", "contacts", func(c *Content) bool { return c.Contact != nil }},
	{"can_send_other_messages", "dice", func(c *Content) bool { return c.Dice != nil }},
	{"can_send_other_messages", "games", func(c *Content) bool { return c.Game != nil }},
	{"can_send_messages", "invoices", func(c *Content) bool { return c.Invoice != nil }},
	{"can_send_messages", "venues", func(c *Content) bool { return c.Venue != nil }},
	{"can_send_messages", "locations", func(c *Content) bool { return c.Location != nil }},
	{"can_send_polls", "polls", func(c *Content) bool { return c.Poll != nil }},
	{"can_send_polls", "checklists", func(c *Content) bool { return c.Checklist != nil }},
	{"can_send_photos", "paid media", func(c *Content) bool { return c.PaidMedia != nil }},
	{"can_send_messages", "text messages", func(*Content) bool { return true }},
}

// forbids returns the name of the first of the contents that someone in the chat may not
// send there; empty if they may send all.
func (c *Chat) forbids(m *Member, all ...Content) string {
	for i := range all {
		first := slices.IndexFunc(kindsOfContent, func(kind kindOfContent) bool { return kind.matches(&all[i]) }) // the last matches all
		if kind := kindsOfContent[first]; !c.permits(m, kind.permission) {
			return kind.name
		}
	}
	return ""
}

// sendable returns why the bot may not send the contents to the chat; nil if it may.
func (w *World) sendable(c *Chat, all ...Content) error {
	bot := c.members[w.bot.ID]
	if c.Type == "channel" && !w.may(c, "can_post_messages") {
		return refusal("need administrator rights in the channel chat")
	}
	if name := c.forbids(bot, all...); name != "" {
		return refusef("not enough rights to send %s to the chat", name)
	}
	return nil
}

// unknownRights returns the names that are not rights in the chat.
func (c *Chat) unknownRights(names []string) []string {
	o, _ := parseObject([]byte(c.rights()))
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return o[name] != nil })
}
