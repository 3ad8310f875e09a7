package world

import (
	"cmp"
	"slices"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// highScore is a GameHighScore.
type highScore struct {
	Position int   `json:"position"`
	User     *User `json:"user"`
	Score    int64 `json:"score"`
}

// played returns the message with a game that a call names, and the user.
func (w *World) played(p botapi.Params, want access, what string) (*Message, *User, error) {
	if p.Int("user_id") <= 0 {
		return nil, nil, refusal("Invalid user_id specified")
	}
	var m *Message
	var err error
	if p.String("chat_id") == "" && p.Int("message_id") == 0 {
		m, err = w.toChange(p, what)
	} else {
		m, err = w.messageOf(p.String("chat_id"), p.Int("message_id"), want, what)
	}
	if err != nil {
		return nil, nil, err
	}
	u, err := w.user(p, "user_id")
	switch {
	case err != nil:
		return nil, nil, err
	case m.Game == nil && m.inlineID != "":
		return nil, nil, refusal("MESSAGE_ID_INVALID")
	case m.Game == nil:
		return nil, nil, refusal("Game score can't be set")
	}
	return m, u, nil
}

// setGameScore refuses a score that is not higher than the user's, unless the call forces
// it. The message does not show the scores, so disable_edit_message and edit_message, its
// older form, change nothing.
func (w *World) setGameScore(p botapi.Params) (any, error) {
	m, u, err := w.played(p, toEdit, "message to set game score")
	if err != nil {
		return nil, err
	}
	score := p.Int("score")
	before, scored := m.scores[u.ID]
	switch {
	case score < 0:
		return nil, refusal("SCORE_INVALID")
	case scored && (score == before || score < before && !p.Bool("force")):
		return nil, refusal("BOT_SCORE_NOT_MODIFIED")
	case m.scores == nil:
		m.scores = map[int64]int64{}
	}
	m.scores[u.ID] = score
	w.change()
	return w.edited(p, m), nil
}

// getGameHighScores returns the three best and the user with both neighbours, as Telegram
// does.
func (w *World) getGameHighScores(p botapi.Params) (any, error) {
	m, u, err := w.played(p, toRead, "message to get game high scores")
	if err != nil {
		return nil, err
	}
	all := make([]highScore, 0, len(m.scores))
	for id, score := range m.scores {
		all = append(all, highScore{0, w.users[id], score})
	}
	slices.SortFunc(all, func(a, b highScore) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.User.ID, b.User.ID))
	})
	own := slices.IndexFunc(all, func(h highScore) bool { return h.User == u })
	table := []highScore{}
	for i, h := range all {
		h.Position = i + 1
		if i < 3 || own >= 0 && own-1 <= i && i <= own+1 {
			table = append(table, h)
		}
	}
	return table, nil
}
