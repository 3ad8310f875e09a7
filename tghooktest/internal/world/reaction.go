package world

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// reactions are the emoji that Telegram accepts as reactions.
var reactions = strings.Fields(`❤ 👍 👎 🔥 🥰 👏 😁 🤔 🤯 😱 🤬 😢 🎉 🤩 🤮 💩 🙏 👌 🕊 🤡 🥱 🥴 😍 🐳 ❤‍🔥 🌚 🌭 💯 🤣 ⚡ 🍌 🏆 💔
	🤨 😐 🍓 🍾 💋 🖕 😈 😴 😭 🤓 👻 👨‍💻 👀 🎃 🙈 😇 😨 🤝 ✍ 🤗 🫡 🎅 🎄 ☃ 💅 🤪 🗿 🆒 💘 🙉 🦄 😘 💊 🙊 😎 👾 🤷‍♂ 🤷 🤷‍♀ 😡`)

// plainEmoji removes the variation selector that asks for a coloured emoji.
func plainEmoji(emoji string) string { return strings.ReplaceAll(emoji, "\ufe0f", "") }

func (w *World) setMessageReaction(p botapi.Params) (any, error) {
	chosen, err := parseReactions(p.String("reaction"))
	if err != nil {
		return nil, err
	}
	m, err := w.messageOf(p.String("chat_id"), p.Int("message_id"), toRead, "message to react")
	switch {
	case err != nil:
		return nil, err
	case len(chosen) > 1: // only Premium users may send more
		return nil, refusal("REACTIONS_TOO_MANY")
	}
	for _, r := range chosen {
		if r.Type == "emoji" && !slices.Contains(reactions, r.Emoji) {
			return nil, refusal("REACTION_INVALID")
		}
	}
	if m.reactions == nil {
		m.reactions = map[int64][]Reaction{}
	}
	m.reactions[w.bot.ID] = chosen
	w.noteReaction(m, w.bot.ID)
	w.change()
	return true, nil
}

func parseReactions(text string) ([]Reaction, error) {
	if text == "" {
		return nil, nil
	}
	if !json.Valid([]byte(text)) {
		return nil, refusal("Can't parse reaction types JSON object")
	}
	list, ok := parseArray([]byte(text))
	if !ok {
		return nil, refusal("Expected an Array of ReactionType")
	}
	var chosen []Reaction
	for _, raw := range list {
		o, ok := parseObject(raw)
		if !ok {
			return nil, refusal("Can't parse ReactionType: expected an Object")
		}
		kind, err := o.need("type")
		switch {
		case err != nil:
		case kind == "emoji":
			_, err = o.need("emoji")
		case kind == "custom_emoji":
			_, err = o.need("custom_emoji_id")
		default:
			err = refusal("invalid reaction type specified")
		}
		if err != nil {
			return nil, refusef("Can't parse ReactionType: %v", err)
		}
		chosen = append(chosen, Reaction{kind, plainEmoji(o.text("emoji")), o.text("custom_emoji_id")})
	}
	return chosen, nil
}
