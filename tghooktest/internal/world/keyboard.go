package world

import (
	"encoding/json"
	"strings"
)

// markup is a reply_markup: an inline keyboard, or something that replaces the user's
// keyboard.
type markup struct {
	inline *InlineKeyboard
	reply  json.RawMessage
	remove bool
}

// parseMarkup reads a reply_markup. The result is empty if the text is empty or asks for
// nothing.
func parseMarkup(text string) (markup, error) {
	if text == "" {
		return markup{}, nil
	}
	if !json.Valid([]byte(text)) {
		return markup{}, refusal("Can't parse reply keyboard markup JSON object")
	}
	o, ok := parseObject([]byte(text))
	if !ok {
		return markup{}, refusal("Object expected as reply markup")
	}
	if err := checkKeyboard(o); err != nil {
		return markup{}, err
	}
	inline, err := parseInline(o)
	if err != nil {
		return markup{}, err
	}
	keyboard, _ := parseArray(o["keyboard"])
	switch {
	case len(keyboard) > 0:
		return markup{reply: json.RawMessage(text)}, nil
	case inline != nil:
		return markup{inline: inline}, nil
	case o.flag("remove_keyboard") || o.flag("hide_keyboard"): // the second is older
		return markup{reply: json.RawMessage(text), remove: true}, nil
	case o.flag("force_reply") || o.flag("force_reply_keyboard"): // likewise
		return markup{reply: json.RawMessage(text)}, nil
	}
	return markup{}, nil
}

// inlineMarkup reads a reply_markup that can only be an inline keyboard.
func inlineMarkup(text string) (*InlineKeyboard, error) {
	m, err := parseMarkup(text)
	if err == nil && m.reply != nil {
		err = refusal("Inline keyboard expected")
	}
	return m.inline, err
}

// rowsOf returns the rows of buttons of a keyboard.
func rowsOf(o object, field, whole string) ([][]json.RawMessage, error) {
	if !o.has(field) {
		return nil, nil
	}
	list, ok := parseArray(o[field])
	if !ok {
		return nil, refusef("Field %q must be of type Array", field)
	}
	rows := make([][]json.RawMessage, 0, len(list))
	for _, raw := range list {
		row, ok := parseArray(raw)
		if !ok {
			return nil, refusef("Field %q%s must be an Array of Arrays", field, whole)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func checkKeyboard(o object) error {
	rows, err := rowsOf(o, "keyboard", "")
	if err != nil {
		return err
	}
	for _, row := range rows {
		for _, raw := range row {
			var text string
			if json.Unmarshal(raw, &text) == nil {
				continue
			}
			button, ok := parseObject(raw)
			if !ok {
				return refusal("Can't parse keyboard button: KeyboardButton must be a String or an Object")
			}
			if _, err := button.need("text"); err != nil {
				return refusef("Can't parse keyboard button: %v", err)
			}
		}
	}
	return nil
}

// parseInline reads an inline keyboard. It returns nil if there are no buttons.
func parseInline(o object) (*InlineKeyboard, error) {
	rows, err := rowsOf(o, "inline_keyboard", " of the InlineKeyboardMarkup")
	if err != nil {
		return nil, err
	}
	var keyboard InlineKeyboard
	for _, row := range rows {
		var buttons []Button
		for _, raw := range row {
			b, err := parseButton(raw)
			if err != nil {
				return nil, refusef("Can't parse inline keyboard button: %v", err)
			}
			buttons = append(buttons, b)
		}
		if len(buttons) > 0 {
			keyboard.Rows = append(keyboard.Rows, buttons)
		}
	}
	if len(keyboard.Rows) == 0 {
		return nil, nil
	}
	return &keyboard, keyboard.check()
}

// parseButton reads a button. Its action is the first action field that is set, in
// Telegram's order.
func parseButton(raw json.RawMessage) (Button, error) {
	o, ok := parseObject(raw)
	if !ok {
		return Button{}, refusal("InlineKeyboardButton must be an Object")
	}
	text, err := o.need("text")
	if err != nil {
		return Button{}, err
	}
	b := Button{Text: text, Style: o.text("style"), IconID: o.text("icon_custom_emoji_id")}
	query := func(field string) *string {
		s := o.text(field)
		return &s
	}
	switch {
	case o.text("url") != "":
		b.URL = o.text("url")
	case o.text("callback_data") != "":
		b.CallbackData = o.text("callback_data")
	case o.has("callback_game"):
		b.CallbackGame = json.RawMessage("{}")
	case o.has("pay"):
		b.Pay = true
	case o.has("switch_inline_query"):
		b.SwitchInline = query("switch_inline_query")
	case o.has("switch_inline_query_chosen_chat"):
		b.SwitchInlineOther = o["switch_inline_query_chosen_chat"]
	case o.has("switch_inline_query_current_chat"):
		b.SwitchInlineHere = query("switch_inline_query_current_chat")
	case o.has("login_url"):
		b.LoginURL = o["login_url"]
	case o.has("web_app"):
		b.WebApp = o["web_app"]
	case o.has("copy_text"):
		b.CopyText = o["copy_text"]
	default:
		return Button{}, refusal("Text buttons are unallowed in the inline keyboard")
	}
	return b, nil
}

// check refuses the buttons that Telegram refuses only after it has checked everything
// else.
func (k *InlineKeyboard) check() error {
	for _, row := range k.Rows {
		for i := range row {
			b := &row[i]
			app, _ := parseObject(b.WebApp)
			switch link, ok := checkedLink(b.URL); {
			case len(b.CallbackData) > 64:
				return refusal("BUTTON_DATA_INVALID")
			case b.URL != "" && !ok:
				return refusef("Inline keyboard button URL '%s' is invalid: Wrong HTTP URL", b.URL)
			case b.WebApp != nil && !strings.HasPrefix(strings.ToLower(app.text("url")), "https://"):
				return refusef("Inline keyboard button Web App URL '%s' is invalid: Only HTTPS links are allowed", app.text("url"))
			case b.URL != "":
				b.URL = link
			}
		}
	}
	return nil
}

// show replaces the keyboards of the users who see the message. These are the user of a
// private chat, all members of a group, or with selective the user who is replied to. w.mu
// is held.
func (w *World) show(m *Message, k markup) {
	o, _ := parseObject(k.reply)
	var to []int64
	switch {
	case k.reply == nil:
	case m.Chat.private():
		to = []int64{m.Chat.ID}
	case o.flag("selective") || o.flag("personal_keyboard"): // the second is older
		if m.ReplyTo != nil && m.ReplyTo.From != nil {
			to = []int64{m.ReplyTo.From.ID}
		}
	default:
		for id, member := range m.Chat.members {
			if member.present() {
				to = append(to, id)
			}
		}
	}
	for _, id := range to {
		if m.Chat.keyboards[id] = k.reply; k.remove {
			delete(m.Chat.keyboards, id)
		}
		w.noteKeyboard(m.Chat, id)
	}
}
