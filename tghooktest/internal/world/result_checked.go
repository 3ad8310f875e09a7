package world

import (
	"encoding/json"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// setPassportDataErrors checks the errors, which no user sees.
func (w *World) setPassportDataErrors(p botapi.Params) (any, error) {
	if p.Int("user_id") <= 0 {
		return nil, refusal("Invalid user_id specified")
	}
	text := p.String("errors")
	list, ok := parseArray([]byte(text))
	switch {
	case !json.Valid([]byte(text)):
		return nil, refusal("Can't parse errors JSON object")
	case !ok:
		return nil, refusal("Expected an Array of PassportElementError")
	}
	for _, raw := range list {
		o, ok := parseObject(raw)
		if !ok {
			return nil, refusal("Can't parse PassportElementError: expected an Object")
		}
		for _, field := range []string{"type", "message"} {
			if _, err := o.need(field); err != nil {
				return nil, refusef("Can't parse PassportElementError: %v", err)
			}
		}
	}
	_, err := w.user(p, "user_id")
	return true, err
}

// changesSender makes the methods that ban and unban a channel in whose name users write.
// They check who it is. Nobody writes in the name of a channel.
func changesSender(need power) func(*World, botapi.Params) (any, error) {
	return func(w *World, p botapi.Params) (any, error) {
		if _, err := w.managed(p, need); err != nil {
			return nil, err
		}
		switch sender := w.find(p.String("sender_chat_id")); {
		case sender == nil:
			return nil, refusal("Member not found")
		case sender.private():
			return nil, refusal("Can't restrict the chat")
		}
		return true, nil
	}
}
