package world

import "encoding/json"

// Message is a message in a chat. The order of fields is Telegram's.
//
// A value that a field refers to is never changed, only replaced, so copies of a Message
// stay as they were. The exceptions are User and Chat, which are those of the World.
type Message struct {
	BusinessID      string          `json:"business_connection_id,omitempty"`
	BusinessBot     *User           `json:"sender_business_bot,omitempty"`
	ID              int64           `json:"message_id"`
	From            *User           `json:"from,omitempty"`
	Signature       string          `json:"author_signature,omitempty"`
	SenderChat      *Chat           `json:"sender_chat,omitempty"`
	Tag             string          `json:"sender_tag,omitempty"`
	Chat            *Chat           `json:"chat"`
	Date            int64           `json:"date"`
	EditDate        int64           `json:"edit_date,omitempty"`
	ThreadID        int64           `json:"message_thread_id,omitempty"`
	ForwardOrigin   json.RawMessage `json:"forward_origin,omitempty"`
	Automatic       bool            `json:"is_automatic_forward,omitempty"`
	ForwardFrom     *User           `json:"forward_from,omitempty"`
	ForwardFromChat *Chat           `json:"forward_from_chat,omitempty"`
	ForwardFromID   int64           `json:"forward_from_message_id,omitempty"`
	ForwardDate     int64           `json:"forward_date,omitempty"`
	ReplyTo         *Message        `json:"reply_to_message,omitempty"` // without its own reply_to_message
	ExternalReply   json.RawMessage `json:"external_reply,omitempty"`
	Quote           json.RawMessage `json:"quote,omitempty"`
	AlbumID         string          `json:"media_group_id,omitempty"`
	Content
	ReplyMarkup *InlineKeyboard `json:"reply_markup,omitempty"`
	ViaBot      *User           `json:"via_bot,omitempty"`
	Protected   bool            `json:"has_protected_content,omitempty"`
	InTopic     bool            `json:"is_topic_message,omitempty"`
	EffectID    string          `json:"effect_id,omitempty"`

	deleted   bool
	call      int64                // number of the call that sent it; 0 if a user did
	author    *User                // who wrote a post of a channel
	scores    map[int64]int64      // in the message's game, by user
	copy      *Message             // the automatic forward of a post in the discussion group
	forBot    bool                 // meant for the bot: see meant
	inlineID  string               // inline_message_id, of a message that an inline result sent
	reactions map[int64][]Reaction // by user
	paid      map[int64]bool       // users who have paid for the invoice or the paid media
}

// Content is the part of a message that its copies have too.
type Content struct {
	Text        string          `json:"text,omitempty"`
	Entities    []Entity        `json:"entities,omitempty"`
	LinkPreview json.RawMessage `json:"link_preview_options,omitempty"`
	Animation   *Animation      `json:"animation,omitempty"`
	Document    *Document       `json:"document,omitempty"`
	Audio       *Audio          `json:"audio,omitempty"`
	Photo       []PhotoSize     `json:"photo,omitempty"`
	Sticker     *Sticker        `json:"sticker,omitempty"`
	Video       *Video          `json:"video,omitempty"`
	VideoNote   *VideoNote      `json:"video_note,omitempty"`
	Voice       *Voice          `json:"voice,omitempty"`
	Caption     string          `json:"caption,omitempty"`
	CaptionEnts []Entity        `json:"caption_entities,omitempty"`
	CaptionTop  bool            `json:"show_caption_above_media,omitempty"`
	Spoiler     bool            `json:"has_media_spoiler,omitempty"`
	Contact     json.RawMessage `json:"contact,omitempty"`
	Dice        json.RawMessage `json:"dice,omitempty"`
	Game        json.RawMessage `json:"game,omitempty"`
	Invoice     json.RawMessage `json:"invoice,omitempty"`
	Location    json.RawMessage `json:"location,omitempty"`
	Venue       json.RawMessage `json:"venue,omitempty"`
	Poll        *Poll           `json:"poll,omitempty"`
	Checklist   json.RawMessage `json:"checklist,omitempty"`
	PaidMedia   json.RawMessage `json:"paid_media,omitempty"`
	RichMessage json.RawMessage `json:"rich_message,omitempty"`

	// Service messages. For old clients, Joined has two other names, and Left has one.
	JoinedOne   *User           `json:"new_chat_participant,omitempty"`
	JoinedFirst *User           `json:"new_chat_member,omitempty"`
	Joined      []*User         `json:"new_chat_members,omitempty"`
	LeftOne     *User           `json:"left_chat_participant,omitempty"`
	Left        *User           `json:"left_chat_member,omitempty"`
	NewTitle    string          `json:"new_chat_title,omitempty"`
	NewPhoto    []PhotoSize     `json:"new_chat_photo,omitempty"`
	NoPhoto     bool            `json:"delete_chat_photo,omitempty"`
	MovedTo     int64           `json:"migrate_to_chat_id,omitempty"`
	MovedFrom   int64           `json:"migrate_from_chat_id,omitempty"`
	Topic       json.RawMessage `json:"forum_topic_created,omitempty"`
	TopicEdited json.RawMessage `json:"forum_topic_edited,omitempty"`
	TopicClosed json.RawMessage `json:"forum_topic_closed,omitempty"`

	TopicReopened json.RawMessage `json:"forum_topic_reopened,omitempty"`
	GeneralHidden json.RawMessage `json:"general_forum_topic_hidden,omitempty"`
	GeneralShown  json.RawMessage `json:"general_forum_topic_unhidden,omitempty"`
	BoostAdded    json.RawMessage `json:"boost_added,omitempty"`

	Pinned      *Message        `json:"pinned_message,omitempty"`
	ChatShared  json.RawMessage `json:"chat_shared,omitempty"`
	UsersShared json.RawMessage `json:"users_shared,omitempty"`
	WebAppData  json.RawMessage `json:"web_app_data,omitempty"`
	UserShared  json.RawMessage `json:"user_shared,omitempty"` // older name for one user
	Payment     json.RawMessage `json:"successful_payment,omitempty"`
	Refund      json.RawMessage `json:"refunded_payment,omitempty"`

	bill *bill  // what the invoice asks for
	sale *sale  // what the paid media cost
	read string // the rich message as users read it
}

// joined and left are the service messages about a user.
func joined(u *User) Content { return Content{JoinedOne: u, JoinedFirst: u, Joined: []*User{u}} }
func left(u *User) Content   { return Content{LeftOne: u, Left: u} }

// happened reports whether this is a service message, about an event in the chat.
func (c *Content) happened() bool {
	return c.Joined != nil || c.Left != nil || c.NewTitle != "" || c.Pinned != nil || c.ChatShared != nil ||
		c.UsersShared != nil || c.WebAppData != nil || c.Payment != nil || c.Refund != nil || c.topical() ||
		c.NewPhoto != nil || c.NoPhoto || c.MovedTo != 0 || c.MovedFrom != 0 || c.BoostAdded != nil
}

// topical reports whether this is a service message about a topic.
func (c *Content) topical() bool {
	return c.Topic != nil || c.TopicEdited != nil || c.TopicClosed != nil || c.TopicReopened != nil || c.GeneralHidden != nil || c.GeneralShown != nil
}

// Entity is a MessageEntity. Offset and Length count UTF-16 code units.
type Entity struct {
	Offset        int    `json:"offset"`
	Length        int    `json:"length"`
	Type          string `json:"type"`
	URL           string `json:"url,omitempty"`
	User          *User  `json:"user,omitempty"`
	Language      string `json:"language,omitempty"`
	CustomEmojiID string `json:"custom_emoji_id,omitempty"`
}

// InlineKeyboard is the keyboard below a message.
type InlineKeyboard struct {
	Rows [][]Button `json:"inline_keyboard"`
}

// Button is a button of an inline keyboard. Exactly one of the fields after Style is set.
type Button struct {
	Text              string          `json:"text"`
	IconID            string          `json:"icon_custom_emoji_id,omitempty"`
	Style             string          `json:"style,omitempty"`
	URL               string          `json:"url,omitempty"`
	CallbackData      string          `json:"callback_data,omitempty"`
	CallbackGame      json.RawMessage `json:"callback_game,omitempty"`
	SwitchInline      *string         `json:"switch_inline_query,omitempty"`
	SwitchInlineHere  *string         `json:"switch_inline_query_current_chat,omitempty"`
	SwitchInlineOther json.RawMessage `json:"switch_inline_query_chosen_chat,omitempty"`
	Pay               bool            `json:"pay,omitempty"`
	WebApp            json.RawMessage `json:"web_app,omitempty"`
	LoginURL          json.RawMessage `json:"login_url,omitempty"`
	CopyText          json.RawMessage `json:"copy_text,omitempty"`
}

// Reaction is a user's reaction to a message.
type Reaction struct {
	Type          string `json:"type"` // emoji, custom_emoji, paid
	Emoji         string `json:"emoji,omitempty"`
	CustomEmojiID string `json:"custom_emoji_id,omitempty"`
}

// add appends m to the chat, with its id and date. w.mu is held. It makes no update.
func (w *World) add(c *Chat, m *Message) *Message {
	last := w.counter(c)
	*last++
	m.ID, m.Chat, m.Date, m.call = *last, c, w.now(), w.call
	if c.business != nil {
		m.BusinessID = c.business.ID
	}
	if m.ThreadID == 0 && m.Topic != nil { // it begins the topic
		m.ThreadID = m.ID
	}
	c.messages = append(c.messages, m)
	w.noteMessage("message", m)
	w.change()
	return m
}

// counter returns the counter of message ids for the chat. Private chats and groups of one
// account share one.
func (w *World) counter(c *Chat) *int64 {
	if c.business != nil {
		return &c.business.lastID
	}
	if c.Type == "supergroup" || c.Type == "channel" {
		return &c.lastID
	}
	return &w.lastID
}
