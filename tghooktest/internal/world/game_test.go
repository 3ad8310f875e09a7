package world

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestAGameKeepsItsHighScores(t *testing.T) {
	t.Parallel()
	s := set(t)
	s.call("sendGame", "chat_id", "zoe", "game_short_name", "chess")
	s.call("sendMessage", "chat_id", "zoe", "text", "x")
	score := func(user, score string, more ...string) []string {
		return append([]string{"chat_id", "zoe", "message_id", "2", "user_id", user, "score", score}, more...)
	}
	assert.Contains(t, s.call("setGameScore", score("zoe", "5", "edit_message", "false")...), `"game":{"title":"chess"`)
	s.play([]act{
		{"setGameScore", score("zoe", "5"), `400 Bad Request: BOT_SCORE_NOT_MODIFIED`},
		{"setGameScore", score("zoe", "4"), `400 Bad Request: BOT_SCORE_NOT_MODIFIED`},
		{"setGameScore", score("zoe", "-1"), `400 Bad Request: SCORE_INVALID`},
		{"setGameScore", score("none", "1"), `400 Bad Request: invalid user_id specified`},
		{"setGameScore", score("77", "1"), `400 Bad Request: user not found`},
		{"setGameScore", score("zoe", "6", "message_id", "3"), `400 Bad Request: game score can't be set`},
		{"setGameScore", score("zoe", "6", "message_id", "9"), `400 Bad Request: message to set game score not found`},
	})
	assert.Contains(t, s.call("setGameScore", score("ben", "9")...), `"game"`)
	assert.Contains(t, s.call("setGameScore", score("zoe", "3", "force", "true")...), `"game"`)
	s.expect(`[{"position":1,"user":BEN,"score":9},{"position":2,"user":ZOE,"score":3}]`,
		s.call("getGameHighScores", "chat_id", "zoe", "message_id", "2", "user_id", "zoe"))
	s.expect(`400 Bad Request: game score can't be set`, s.call("getGameHighScores", "chat_id", "zoe", "message_id", "3", "user_id", "zoe"))
}
