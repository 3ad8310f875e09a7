package world

import (
	"cmp"
	"encoding/json"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// The menu buttons that users see unless the bot has set others: for a chat, and for all.
var (
	menuDefault  = json.RawMessage(`{"type":"default"}`)
	menuCommands = json.RawMessage(`{"type":"commands"}`)
)

// menuChat returns the id of the user in whose chat a call sets or gets the menu button; 0
// for the button of all chats.
func (w *World) menuChat(p botapi.Params) (int64, error) {
	if !p.Has("chat_id") {
		return 0, nil
	}
	u, err := w.user(p, "chat_id")
	if err != nil {
		return 0, err
	}
	return u.ID, nil
}

func (w *World) setChatMenuButton(p botapi.Params) (any, error) {
	button, err := menuButton(p)
	if err != nil {
		return nil, err
	}
	chat, err := w.menuChat(p)
	if err != nil {
		return nil, err
	}
	w.menus[chat] = button
	if c := w.chats[chat]; c != nil {
		w.noteChat(c)
	} else if w.watched() {
		w.note(Event{Kind: "bot", Object: marshal(w.bot)})
	}
	w.change()
	return true, nil
}

// menuButton reads the parameter menu_button.
func menuButton(p botapi.Params) (json.RawMessage, error) {
	text := p.String("menu_button")
	if text == "" {
		return menuDefault, nil
	}
	if !json.Valid([]byte(text)) {
		return nil, refusal("Can't parse menu button JSON object")
	}
	o, ok := parseObject([]byte(text))
	if !ok {
		return nil, refusal("MenuButton must be an Object")
	}
	kind, err := o.need("type")
	switch {
	case err != nil:
		return nil, err
	case kind == "default":
		return menuDefault, nil
	case kind == "commands":
		return menuCommands, nil
	case kind != "web_app":
		return nil, refusal("MenuButton has unsupported type")
	}
	name, err := o.need("text")
	if err != nil {
		return nil, err
	}
	app, ok := parseObject(o["web_app"])
	if !ok {
		return nil, refusal(`Can't find field "web_app"`)
	}
	url, err := app.need("url")
	if err != nil {
		return nil, err
	}
	type webApp struct {
		URL string `json:"url"`
	}
	return marshal(struct {
		Type string `json:"type"`
		Text string `json:"text"`
		App  webApp `json:"web_app"`
	}{kind, name, webApp{url}}), nil
}

func (w *World) getChatMenuButton(p botapi.Params) (any, error) {
	chat, err := w.menuChat(p)
	if err != nil {
		return nil, err
	}
	switch set := w.menus[chat]; {
	case set != nil && (chat != 0 || string(set) != string(menuDefault)):
		return set, nil
	case chat == 0:
		return menuCommands, nil
	}
	return menuDefault, nil
}

// setMyDefaultAdministratorRights sets the rights that the bot asks for when it is added to
// groups or channels. Without the parameter rights it asks for none.
func (w *World) setMyDefaultAdministratorRights(p botapi.Params) (any, error) {
	text := cmp.Or(p.String("rights"), "{}")
	if !json.Valid([]byte(text)) {
		return nil, refusal("Can't parse administrator rights JSON object")
	}
	o, ok := parseObject([]byte(text))
	if !ok {
		return nil, refusal("Object expected as administrator rights")
	}
	w.asks[p.Bool("for_channels")] = o
	w.change()
	return true, nil
}

func (w *World) getMyDefaultAdministratorRights(p botapi.Params) (any, error) {
	all := groupRights
	if p.Bool("for_channels") {
		all = channelRights
	}
	return chosenOf(all, w.asks[p.Bool("for_channels")].flag), nil
}

// setUserEmojiStatus changes the emoji status of a user who has allowed it.
func (w *World) setUserEmojiStatus(p botapi.Params) (any, error) {
	u, err := w.user(p, "user_id")
	if err != nil {
		return nil, err
	}
	if !u.allowsStatus {
		return nil, forbidden("USER_PERMISSION_DENIED")
	}
	u.status, u.statusUntil = p.String("emoji_status_custom_emoji_id"), p.Int("emoji_status_expiration_date")
	if u.status == "" {
		u.statusUntil = 0
	}
	w.change()
	return true, nil
}

// AllowStatus makes the user allow the bot to change their emoji status, or forbid it.
func (w *World) AllowStatus(user int64, allowed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if u := w.users[user]; u != nil {
		u.allowsStatus = allowed
	}
}

// emojiStatus is the part of a ChatFullInfo about a user's emoji status.
type emojiStatus struct {
	ID    string `json:"emoji_status_custom_emoji_id,omitempty"`
	Until int64  `json:"emoji_status_expiration_date,omitempty"`
}

// emojiStatus returns the user's emoji status, unless it has ended. w.mu is held.
func (w *World) emojiStatus(u *User) emojiStatus {
	if u == nil || u.statusUntil != 0 && u.statusUntil <= w.now() {
		return emojiStatus{}
	}
	return emojiStatus{u.status, u.statusUntil}
}
