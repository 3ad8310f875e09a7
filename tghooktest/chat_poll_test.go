package tghooktest_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook/tghooktest"
)

// polls returns the pending updates about polls, and drops them.
func polls(t *testing.T, s *tghooktest.Server) string {
	t.Helper()
	_, body, _ := strings.Cut(ask(t, s, "getUpdates", "allowed_updates", `["poll"]`), " ")
	var answer struct {
		Result []struct {
			ID   int64 `json:"update_id"`
			Poll *struct {
				Question string `json:"question"`
				IsClosed bool   `json:"is_closed"`
			} `json:"poll"`
		} `json:"result"`
	}
	require.NoError(t, json.Unmarshal([]byte(body), &answer))
	var all []string
	for _, u := range answer.Result {
		ask(t, s, "getUpdates", "offset", strconv.FormatInt(u.ID+1, 10))
		if u.Poll != nil {
			all = append(all, fmt.Sprint(u.Poll.Question, " ", u.Poll.IsClosed))
		}
	}
	return strings.Join(all, ", ")
}

func TestAPollIsOpenForItsTime(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		zoe := s.User("Zoë")
		zoe.Chat().Send("hi")
		poll := func(question string, more ...string) {
			t.Helper()
			params := append([]string{"chat_id", strconv.FormatInt(zoe.ID, 10), "question", question, "options", `["yes","no"]`}, more...)
			require.True(t, strings.HasPrefix(ask(t, s, "sendPoll", params...), "200 "))
		}
		poll("a minute", "open_period", "60")
		poll("until then", "close_date", strconv.FormatInt(s.Now().Add(2*time.Minute).Unix(), 10))
		poll("stopped", "open_period", "60")
		poll("deleted", "open_period", "60")
		poll("for ever")
		message := func(id string) []string {
			return []string{"chat_id", strconv.FormatInt(zoe.ID, 10), "message_id", id}
		}
		ask(t, s, "stopPoll", message("4")...)
		ask(t, s, "deleteMessage", message("5")...)
		assert.Equal(t, refused(400, "Bad Request: chat_id is empty"), ask(t, s, "sendPoll", "question", "nowhere", "options", `["yes"]`, "open_period", "60"), "sent to nobody")
		assert.Equal(t, "stopped true", polls(t, s), "by now")
		time.Sleep(time.Minute - time.Millisecond)
		assert.Empty(t, polls(t, s), "before the minute")
		time.Sleep(time.Second)
		assert.Equal(t, "a minute true", polls(t, s), "after it")
		assert.Equal(t, refused(400, "Bad Request: poll has already been closed"), ask(t, s, "stopPoll", message("2")...), "to stop it")
		time.Sleep(time.Minute)
		assert.Equal(t, "until then true", polls(t, s), "after the second")
		time.Sleep(24 * time.Hour)
		assert.Empty(t, polls(t, s), "after a day")

		poll("cut short", "open_period", "600")
		begin := s.Now()
		s.Close()
		assert.Zero(t, s.Now().Sub(begin), "Close took")
		assert.Zero(t, s.Pending(), "what waits")
	})
}
