package world

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// Command is a command that the bot suggests.
type Command struct {
	Command     string `json:"command"`
	Description string `json:"description"`
}

var commandName = regexp.MustCompile(`^[a-z0-9_]{1,32}$`)

// commandsKey returns the key of the list of commands for a scope and a language.
func (w *World) commandsKey(p botapi.Params) (string, error) {
	text := p.String("scope")
	if text == "" {
		text = `{"type":"default"}`
	}
	if !json.Valid([]byte(text)) {
		return "", refusal("Can't parse BotCommandScope JSON object")
	}
	o, ok := parseObject([]byte(text))
	if !ok {
		return "", refusal("Can't parse BotCommandScope: BotCommandScope must be an Object")
	}
	kind, err := o.need("type")
	if err != nil {
		return "", refusef("Can't parse BotCommandScope: %v", err)
	}
	chat := ""
	switch kind {
	case "default", "all_private_chats", "all_group_chats", "all_chat_administrators":
	case "chat", "chat_administrators", "chat_member":
		if _, err := o.need("chat_id"); err != nil {
			return "", refusef("Can't parse BotCommandScope: %v", err)
		}
		if kind == "chat_member" && o.integer("user_id") <= 0 {
			return "", refusal("Can't parse BotCommandScope: Invalid user_id specified")
		}
		c, err := w.chat(o.text("chat_id"), toRead)
		if err != nil {
			return "", err
		}
		chat = strconv.FormatInt(c.ID, 10)
	default:
		return "", refusal("Can't parse BotCommandScope: Unsupported type specified")
	}
	return strings.Join([]string{kind, chat, o.text("user_id"), p.String("language_code")}, " "), nil
}

func (w *World) setMyCommands(p botapi.Params) (any, error) {
	commands, err := parseCommands(p.String("commands"))
	if err != nil {
		return nil, err
	}
	key, err := w.commandsKey(p)
	if err != nil {
		return nil, err
	}
	w.commands[key] = commands
	w.noteCommands()
	w.change()
	return true, nil
}

func parseCommands(text string) ([]Command, error) {
	if text == "" {
		return nil, nil
	}
	if !json.Valid([]byte(text)) {
		return nil, refusal("Can't parse commands JSON object")
	}
	list, ok := parseArray([]byte(text))
	switch {
	case !ok:
		return nil, refusal("Expected an Array of BotCommand")
	case len(list) > 100:
		return nil, refusal("BOT_COMMANDS_TOO_MUCH")
	}
	var commands []Command
	for _, raw := range list {
		o, ok := parseObject(raw)
		if !ok {
			return nil, refusal("Can't parse BotCommand: expected an Object")
		}
		name, err := o.need("command")
		if err == nil {
			_, err = o.need("description")
		}
		if err != nil {
			return nil, refusef("Can't parse BotCommand: %v", err)
		}
		c := Command{strings.TrimPrefix(strings.TrimSpace(name), "/"), strings.TrimSpace(o.text("description"))}
		switch {
		case c.Command == "":
			return nil, refusal("Command must be non-empty")
		case utf8.RuneCountInString(c.Command) > 32:
			return nil, refusal("Command length must not exceed 32")
		case c.Description == "":
			return nil, refusal("Command description must be non-empty")
		case utf8.RuneCountInString(c.Description) > 256:
			return nil, refusal("Command description length must not exceed 256")
		case !commandName.MatchString(c.Command):
			return nil, refusal("BOT_COMMAND_INVALID")
		}
		commands = append(commands, c)
	}
	return commands, nil
}

func (w *World) getMyCommands(p botapi.Params) (any, error) {
	key, err := w.commandsKey(p)
	return append([]Command{}, w.commands[key]...), err
}

func (w *World) deleteMyCommands(p botapi.Params) (any, error) {
	key, err := w.commandsKey(p)
	if err != nil {
		return nil, err
	}
	delete(w.commands, key)
	w.noteCommands()
	w.change()
	return true, nil
}
