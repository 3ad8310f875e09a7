package world

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAUserSeesDraftsAndStopsThem(t *testing.T) {
	t.Parallel()
	s := set(t)
	now := time.Unix(1795000000, 0)
	s.cfg.Now = func() time.Time { return now }
	s.expect("true", s.call("sendMessageDraft", "chat_id", "zoe", "draft_id", "5", "text", ""))
	s.expect("true", s.call("sendMessageDraft", "chat_id", "zoe", "draft_id", "5", "text", "<b>Once</b>", "parse_mode", "HTML"))
	s.expect("true", s.call("sendRichMessageDraft", "chat_id", "zoe", "draft_id", "5", "rich_message", `{"markdown":"# Once\n<tg-thinking>more</tg-thinking>"}`, "can_stop", "true"))
	assert.Equal(t, []Draft{{5, "Thinking…", false}, {5, "Once", false}, {5, "Once\nmore", true}}, s.Drafts(s.zoe.ID))
	shown, ok := s.Draft(s.zoe.ID)
	assert.True(t, ok)
	assert.Equal(t, Draft{5, "Once\nmore", true}, shown)
	_, ok = s.TakeDraft(s.zoe.ID, "Once")
	assert.True(t, ok)
	_, ok = s.TakeDraft(s.zoe.ID, "Once")
	assert.False(t, ok, "each of them once")
	assert.Empty(t, s.o.take())

	require.NoError(t, s.Stop(s.zoe.ID, s.zoe.ID, 5))
	assert.Equal(t, []string{s.full(`stopped_message_generation {"chat":PRIVATE,"draft_id":5}`)}, s.o.take())
	_, ok = s.Draft(s.zoe.ID)
	assert.False(t, ok)
	require.ErrorContains(t, s.Stop(s.zoe.ID, s.zoe.ID, 5), "the draft is gone")

	stoppable := []string{"chat_id", "zoe", "draft_id", "6", "text", "x", "message_thread_id", "9", "can_stop", "true", "keep_on_stop", "true"}
	s.expect("true", s.call("sendMessageDraft", stoppable...))
	require.NoError(t, s.Stop(s.zoe.ID, s.zoe.ID, 6))
	assert.Equal(t, []string{s.full(`stopped_message_generation {"chat":PRIVATE,"message_thread_id":9,"draft_id":6}`)}, s.o.take())
	require.EqualError(t, s.Stop(s.zoe.ID, s.zoe.ID, 6), "the draft 6 has no Stop button; the bot must send it with can_stop")

	now = now.Add(31 * time.Second)
	require.ErrorContains(t, s.Stop(s.zoe.ID, s.zoe.ID, 6), "the draft is gone")
	s.expect("true", s.call("sendMessageDraft", "chat_id", "zoe", "draft_id", "7", "text", "x"))
	now = now.Add(31 * time.Second)
	_, ok = s.Draft(s.zoe.ID)
	assert.False(t, ok, "it was there for 30 seconds")
	s.expect("true", s.call("sendMessageDraft", "chat_id", "zoe", "draft_id", "7", "text", "x"))
	s.call("sendMessage", "chat_id", "zoe", "text", "x")
	_, ok = s.Draft(s.zoe.ID)
	assert.False(t, ok, "the message is there")
}

func TestDraftsAreRefusedAsTelegramRefusesThem(t *testing.T) {
	t.Parallel()
	s := set(t)
	s.play([]act{
		{"sendMessageDraft", []string{"chat_id", "team", "draft_id", "5", "text", "x"}, `400 Bad Request: TEXTDRAFT_PEER_INVALID`},
		{"sendMessageDraft", []string{"chat_id", "zoe", "draft_id", "0", "text", "x"}, `400 Bad Request: invalid draft_id specified`},
		{"sendMessageDraft", []string{"chat_id", "zoe", "draft_id", "1", "text", strings.Repeat("x", 4097)}, `400 Bad Request: message is too long`},
		{"sendMessageDraft", []string{"chat_id", "ben", "draft_id", "1", "text", "x"}, `403 Forbidden: bot can't initiate conversation with a user`},
		{"sendRichMessageDraft", []string{"chat_id", "zoe", "draft_id", "1", "rich_message", "{}"}, `400 Bad Request: rich message must be non-empty`},
		{"sendRichMessage", []string{"chat_id", "zoe", "rich_message", `{"html":"<tg-thinking>x</tg-thinking>"}`}, `400 Bad Request: RICH_MESSAGE_THINKING_INVALID`},
	})
}

func TestAChatKeepsTheNewestDrafts(t *testing.T) {
	t.Parallel()
	s := set(t)
	for i := range manyDrafts + 5 {
		s.expect("true", s.call("sendMessageDraft", "chat_id", "zoe", "draft_id", "5", "text", fmt.Sprint("x", i)))
	}
	all := s.Drafts(s.zoe.ID)
	assert.Len(t, all, manyDrafts)
	assert.Equal(t, "x5", all[0].Text)
}
