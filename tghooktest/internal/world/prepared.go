package world

import (
	"encoding/json"
	"fmt"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// preparedLife is how long a user can send a prepared message, in seconds.
const preparedLife = 24 * 60 * 60

// prepared is an inline result that a Mini App lets one user send.
type prepared struct {
	user   int64
	result json.RawMessage
	until  int64
}

func (w *World) savePreparedInlineMessage(p botapi.Params) (any, error) {
	result := p.String("result")
	switch {
	case result == "":
		return nil, refusal("Result isn't specified")
	case !json.Valid([]byte(result)):
		return nil, refusal("Can't parse JSON encoded web view query results")
	}
	if err := w.checkResult(json.RawMessage(result)); err != nil {
		return nil, err
	}
	u, err := w.user(p, "user_id")
	if err != nil {
		return nil, err
	}
	id := w.next("prepared_message")
	w.prepared[id] = prepared{u.ID, json.RawMessage(result), w.now() + preparedLife}
	return struct {
		ID      string `json:"id"`
		Expires int64  `json:"expiration_date"`
	}{id, w.prepared[id].until}, nil
}

// SendPrepared makes the user send a message that the bot has prepared for them.
func (w *World) SendPrepared(user, chat int64, id string) (Seen, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	u := w.users[user]
	if u == nil {
		return Seen{}, noUser(user)
	}
	saved, ok := w.prepared[id]
	if !ok || saved.user != user || saved.until <= w.now() {
		return Seen{}, fmt.Errorf("the bot has prepared no message %q for %s, or more than a day ago; have it call savePreparedInlineMessage first", id, u.name())
	}
	content, markup, err := w.resultContent(saved.result)
	if err != nil {
		return Seen{}, fmt.Errorf("the prepared message cannot be sent: %w", err)
	}
	return w.post(user, chat, w.byInline(content, markup))
}
