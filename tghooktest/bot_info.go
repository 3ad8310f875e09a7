package tghooktest

import "encoding/json"

// BotInfo is what a bot is now.
type BotInfo struct {
	ID             int64
	Username, Name string
	Commands       []Command // of the default scope, in no language
	// Webhook is what getWebhookInfo would answer.
	Webhook json.RawMessage
}

// Info returns what the bot is now, without a call of the bot.
func (s *Server) Info() BotInfo {
	var me struct {
		ID       int64  `json:"id"`
		Username string `json:"username"`
		Name     string `json:"first_name"`
	}
	_ = json.Unmarshal(s.world.Me(), &me) // of the world's own making
	info := BotInfo{ID: me.ID, Username: me.Username, Name: me.Name, Webhook: s.getWebhookInfo().result}
	for _, c := range s.world.DefaultCommands() {
		info.Commands = append(info.Commands, Command{c.Command, c.Description})
	}
	return info
}
