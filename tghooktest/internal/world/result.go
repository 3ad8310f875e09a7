package world

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// shapes has the results of the methods that do nothing, by type. Each has the fields that
// the type always has. Answer replaces a result.
var shapes = map[string]string{
	"BotAccessSettings":      `{"is_access_restricted":false}`,
	"OwnedGifts":             `{"total_count":0,"gifts":[]}`,
	"PreparedKeyboardButton": `{"id":""}`,
	"SentGuestMessage":       `{"inline_message_id":""}`,
	"StarAmount":             `{"amount":0}`,
	"Story":                  `{"chat":{"id":0,"type":"private"},"id":0}`,
	"UserProfileAudios":      `{"total_count":0,"audios":[]}`,
}

// accept answers a method that is not simulated. It checks the required parameters, and
// returns a result of the method's type.
func (w *World) accept(p botapi.Params) (any, error) {
	method, ok := botapi.Lookup(p.Method)
	if !ok {
		return nil, &botapi.Error{Code: 404, Description: "Not Found: method not found"}
	}
	if err := w.needs(p, method); err != nil {
		return nil, err
	}
	switch {
	case method.OrTrue:
		m, err := w.toChange(p, "message to edit")
		if err != nil {
			return nil, err
		}
		return w.edited(p, m), nil
	case method.Array:
		return []string{}, nil
	}
	switch method.Result {
	case "True":
		return true, nil
	case "String":
		return "", nil
	}
	return json.RawMessage(shapes[method.Result]), nil
}

// needs refuses a call without a required parameter, or for an unknown chat or user.
func (w *World) needs(p botapi.Params, method botapi.Method) error {
	for _, name := range method.Required {
		_, uploaded := p.File(name)
		var err error
		switch {
		case name == "business_connection_id":
			_, err = w.account(p)
		case name == "chat_id" && !business(p):
			_, err = w.chat(p.String(name), toEdit)
		case name == "user_id":
			_, err = w.user(p, name)
		case !slices.Contains(method.Files, name) || !uploaded:
			_, err = required(p, name)
		}
		if err != nil {
			return err
		}
	}
	if need, ok := powers[method.Name]; ok {
		_, err := w.managed(p, need)
		return err
	}
	return nil
}

// link returns a new t.me link.
func (w *World) link(what string) string {
	w.count[what]++
	return fmt.Sprintf("https://t.me/%s%016x", what, w.draw(what, w.count[what]))
}
