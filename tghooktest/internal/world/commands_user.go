package world

import (
	"slices"
	"strconv"
)

// CommandsOf returns the commands that Telegram suggests to the user in the chat: those of
// the first scope that has some, first in the user's language, then in none. See
// https://core.telegram.org/bots/api#determining-list-of-commands.
func (w *World) CommandsOf(user, chat int64) []Command {
	w.mu.Lock()
	defer w.mu.Unlock()
	c, u := w.chatOrEmpty(chat), w.users[user]
	if u == nil {
		return nil
	}
	here := strconv.FormatInt(c.ID, 10)
	scopes := []string{"chat " + here + " ", "all_private_chats  ", "default  "}
	if !c.private() {
		scopes = []string{"chat_member " + here + " " + strconv.FormatInt(user, 10)}
		if c.members[user].manages() {
			scopes = append(scopes, "chat_administrators "+here+" ")
		}
		scopes = append(scopes, "chat "+here+" ")
		if c.members[user].manages() {
			scopes = append(scopes, "all_chat_administrators  ")
		}
		scopes = append(scopes, "all_group_chats  ", "default  ")
	}
	for _, scope := range scopes {
		for _, language := range []string{u.LanguageCode, ""} {
			if list := w.commands[scope+" "+language]; len(list) > 0 {
				return slices.Clone(list)
			}
		}
	}
	return nil
}

// DefaultCommands returns the commands for all chats and languages.
func (w *World) DefaultCommands() []Command {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.commands[defaultCommands])
}
