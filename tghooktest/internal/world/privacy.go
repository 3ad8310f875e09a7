package world

import (
	"slices"
	"strings"
	"unicode/utf16"
)

// hear makes the update of a user's message, unless privacy mode keeps it from the bot.
// w.mu is held.
//
// A bot that is not an administrator, and whose privacy mode is on, gets only service
// messages and messages that are meant for it:
// https://core.telegram.org/bots/features#privacy-mode.
func (w *World) hear(c *Chat, kind string, m *Message) {
	bot := c.members[w.bot.ID]
	if c.private() || c.Type == "channel" || w.cfg.ReadsAll || bot.manages() || m.happened() || m.forBot {
		w.tell(c, kind, m)
		return
	}
	if bot.present() {
		w.hidden++
	}
}

// Hidden returns how many messages and edits privacy mode kept from the bot.
func (w *World) Hidden() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.hidden
}

// meant reports whether a message is meant for the bot: it was sent by way of the bot, has
// a command that no other bot is named for, mentions the bot, or replies to a message that
// the bot sent or that was meant for it.
func (w *World) meant(m *Message) bool {
	if m.ViaBot == w.bot || m.ReplyTo != nil && (m.ReplyTo.From == w.bot || m.ReplyTo.forBot) {
		return true
	}
	text, entities := m.Text, m.Entities
	if text == "" {
		text, entities = m.Caption, m.CaptionEnts
	}
	coded := utf16.Encode([]rune(text))
	return slices.ContainsFunc(entities, func(e Entity) bool {
		return w.named(e, string(utf16.Decode(coded[e.Offset:e.Offset+e.Length])))
	})
}

// named reports whether an entity with the text names the bot, or is a command that names
// no bot and begins the message.
func (w *World) named(e Entity, text string) bool {
	_, name, named := strings.Cut(text, "@")
	switch e.Type {
	case "bot_command":
		return e.Offset == 0 && !named || strings.EqualFold(name, w.bot.Username)
	case "mention":
		return strings.EqualFold(name, w.bot.Username)
	case "text_mention":
		return e.User == w.bot
	}
	return false
}
