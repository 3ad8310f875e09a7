package dev

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/tghook/tghook"
)

// control calls the control API, as the page does.
func (s *Session) control(ctx context.Context, method, path string, body, answer any) error {
	content, err := json.Marshal(body)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, method, s.URL()+path, bytes.NewReader(content))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	response, err := s.client.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode/100 != 2 {
		text, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10)) // it is for a person
		return fmt.Errorf("%s %s: %s: %s", method, path, response.Status, text)
	}
	if answer == nil {
		return nil
	}
	return json.NewDecoder(response.Body).Decode(answer)
}

// anyBotAsked is whether a bot polls or has a webhook.
func (s *Session) anyBotAsked(ctx context.Context) (bool, error) {
	var bots []struct {
		Polling bool
		Webhook struct{ URL string }
	}
	if err := s.control(ctx, http.MethodGet, "/api/bots", nil, &bots); err != nil {
		return false, err
	}
	for _, b := range bots {
		if b.Polling || b.Webhook.URL != "" {
			return true, nil
		}
	}
	return false, nil
}

// pressStart makes the first user start a chat with the bot, unless there is one.
func (s *Session) pressStart(ctx context.Context, bot *tghook.Client) error {
	if _, err := bot.GetMe(ctx); err != nil { // the first call makes the bot
		return err
	}
	var users []struct{ ID int64 }
	if err := s.control(ctx, http.MethodGet, "/api/users", nil, &users); err != nil {
		return err
	}
	if len(users) == 0 {
		return nil
	}
	user := users[0].ID
	var chat struct{ Messages []json.RawMessage }
	messages := fmt.Sprintf("/api/bots/%d/chats/%d/messages?as=%d", bot.Bot(), user, user)
	if err := s.control(ctx, http.MethodGet, messages, nil, &chat); err == nil && len(chat.Messages) > 0 {
		return nil // --state has kept it
	}
	return s.control(ctx, http.MethodPost, fmt.Sprintf("/api/bots/%d/users/%d/start", bot.Bot(), user), struct{}{}, nil)
}
