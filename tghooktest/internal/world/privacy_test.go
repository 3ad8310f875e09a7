package world

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPrivacyModeKeepsMessagesFromABotThatIsNoAdministrator(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text string
		reply      func(s *stage) int64
		heard      bool
	}{
		{name: "a text", text: "hi"},
		{name: "a command", text: "/start", heard: true},
		{name: "a command for the bot", text: "/start@sample_bot now", heard: true},
		{name: "a command for the bot in the middle", text: "do /start@SAMPLE_bot", heard: true},
		{name: "a command for another bot", text: "/start@other_bot"},
		{name: "a command in the middle", text: "do /start"},
		{name: "a mention", text: "🙂 hello @Sample_Bot", heard: true},
		{name: "a mention of another", text: "hello @other_bot"},
		{name: "a reply to a user", text: "hi", reply: func(s *stage) int64 {
			m, err := s.Send(s.ben.ID, s.team.ID, 0, "anyone?")
			require.NoError(s.t, err)
			return m.ID
		}},
		{name: "a reply to the bot", text: "hi", heard: true, reply: func(s *stage) int64 {
			return speak(s.World, s.team.ID, &Message{Content: Content{Text: "yes?"}}).ID
		}},
		{name: "a reply to a message for the bot", text: "hi", heard: true, reply: func(s *stage) int64 {
			m, err := s.Send(s.ben.ID, s.team.ID, 0, "/order")
			require.NoError(s.t, err)
			return m.ID
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := set(t)
			require.NoError(t, s.SetBot(s.zoe.ID, s.team.ID, "member"))
			var reply int64
			if c.reply != nil {
				reply = c.reply(s)
			}
			hidden := s.Hidden()
			s.o.take()
			_, err := s.Send(s.zoe.ID, s.team.ID, reply, c.text)
			require.NoError(t, err)
			assert.Equal(t, c.heard, len(s.o.take()) == 1)
			assert.Equal(t, c.heard, s.Hidden() == hidden)
		})
	}
}

func TestPrivacyModeIsOffForAdministratorsAndWhereItIsSwitchedOff(t *testing.T) {
	t.Parallel()
	s := set(t)
	_, err := s.Send(s.zoe.ID, s.team.ID, 0, "hi")
	require.NoError(t, err)
	assert.Len(t, s.o.take(), 1, "the bot is an administrator")

	require.NoError(t, s.SetBot(s.zoe.ID, s.team.ID, "member"))
	s.o.take()
	seen, err := s.Send(s.zoe.ID, s.team.ID, 0, "hi")
	require.NoError(t, err)
	assert.Empty(t, s.o.take())
	_, err = s.Edit(s.zoe.ID, s.team.ID, seen.ID, "hi @sample_bot")
	require.NoError(t, err)
	assert.Len(t, s.o.take(), 1, "the edit is meant for the bot")
	require.NoError(t, s.Leave(s.ben.ID, s.team.ID))
	assert.Len(t, s.o.take(), 1, "service messages are for all")
	_, err = s.Send(s.ben.ID, s.ben.ID, 0, "hi")
	require.NoError(t, err)
	assert.Len(t, s.o.take(), 1, "it is about groups")

	s.mu.Lock()
	s.cfg.ReadsAll = true
	s.mu.Unlock()
	_, err = s.Send(s.zoe.ID, s.team.ID, 0, "hi")
	require.NoError(t, err)
	assert.Len(t, s.o.take(), 1)
	assert.Contains(t, s.call("getMe"), `"can_read_all_group_messages":true`)
}
