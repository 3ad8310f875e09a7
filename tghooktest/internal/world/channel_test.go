package world

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// newsroom is a stage with the channel News, which Zoë owns and to which Ben subscribes.
func newsroom(t *testing.T) (*stage, *Chat) {
	t.Helper()
	s := set(t)
	news := s.Channel("News")
	require.NoError(t, s.Manage(s.zoe.ID, news.ID))
	require.NoError(t, s.Subscribe(s.ben.ID, news.ID))
	s.o.take()
	return s, news
}

// news replaces NEWS in text by the channel.
func (s *stage) news(c *Chat, text string) string {
	return s.full(strings.ReplaceAll(text, "NEWS", `{"id":`+strconv.FormatInt(c.ID, 10)+`,"title":"News","type":"channel"}`))
}

func TestAnAdministratorPostsInAChannel(t *testing.T) {
	t.Parallel()
	s, news := newsroom(t)
	m, err := s.Send(s.zoe.ID, news.ID, 0, "extra")
	require.NoError(t, err)
	assert.False(t, m.Bot)
	assert.Equal(t, s.news(news, `channel_post {"message_id":1,"sender_chat":NEWS,"chat":NEWS,"date":1795000000,"text":"extra"}`), s.o.take()[0])
	_, err = s.Edit(s.zoe.ID, news.ID, m.ID, "extra!")
	require.NoError(t, err)
	assert.Equal(t, s.news(news, `edited_channel_post {"message_id":1,"sender_chat":NEWS,"chat":NEWS,"date":1795000000,"edit_date":1795000000,"text":"extra!"}`), s.o.take()[0])

	_, err = s.Send(s.ben.ID, news.ID, 0, "me too")
	require.EqualError(t, err, `Ben may not post in the channel "News", because they are no administrator of it; call User.Manage`)
	_, err = s.Edit(s.ben.ID, news.ID, m.ID, "x")
	require.ErrorContains(t, err, "message 1 was not written by Ben")
	require.NoError(t, s.Manage(s.ben.ID, news.ID))
	assert.Contains(t, s.o.take()[0], `"new_chat_member":{"user":`+string(marshal(s.ben))+`,"status":"administrator"`)
	_, err = s.Edit(s.ben.ID, news.ID, m.ID, "corrected")
	require.NoError(t, err, "an administrator edits the posts of others")

	s.call("sendMessage", "chat_id", strconv.FormatInt(news.ID, 10), "text", "by the bot")
	seen := s.Messages(news.ID)
	assert.Equal(t, []bool{false, true}, []bool{seen[0].Bot, seen[1].Bot})
}

func TestSubscribersComeAndGo(t *testing.T) {
	t.Parallel()
	s, news := newsroom(t)
	require.NoError(t, s.Subscribe(s.ben.ID, news.ID))
	assert.Empty(t, s.o.take(), "he is one already")
	s.call("banChatMember", "chat_id", strconv.FormatInt(news.ID, 10), "user_id", "ben")
	require.ErrorContains(t, s.Subscribe(s.ben.ID, news.ID), "the bot has banned them")
	require.ErrorContains(t, s.Manage(s.ben.ID, news.ID), "the bot has banned them")
}

func TestReactionsInAChannelAreCounted(t *testing.T) {
	t.Parallel()
	s, news := newsroom(t)
	_, err := s.Send(s.zoe.ID, news.ID, 0, "extra")
	require.NoError(t, err)
	require.NoError(t, s.React(s.zoe.ID, news.ID, 1, "🔥"))
	require.NoError(t, s.React(s.ben.ID, news.ID, 1, "👍", "🔥"))
	require.NoError(t, s.React(s.zoe.ID, news.ID, 1))
	told := s.o.take()[1:]
	for i, want := range []string{
		`[{"type":{"type":"emoji","emoji":"🔥"},"total_count":1}]`,
		`[{"type":{"type":"emoji","emoji":"🔥"},"total_count":2},{"type":{"type":"emoji","emoji":"👍"},"total_count":1}]`,
		`[{"type":{"type":"emoji","emoji":"👍"},"total_count":1},{"type":{"type":"emoji","emoji":"🔥"},"total_count":1}]`,
	} {
		assert.Equal(t, s.news(news, `message_reaction_count {"chat":NEWS,"message_id":1,"date":1795000000,"reactions":`+want+`}`), told[i])
	}
	require.NoError(t, s.React(s.ben.ID, news.ID, 1))
	assert.Contains(t, s.o.take()[0], `"reactions":[]`)
}

func TestPostsAreForwardedToTheDiscussionGroup(t *testing.T) {
	t.Parallel()
	s, news := newsroom(t)
	early, err := s.Send(s.zoe.ID, news.ID, 0, "early")
	require.NoError(t, err)
	require.NoError(t, s.Discuss(news.ID, s.team.ID))
	require.NoError(t, s.Discuss(news.ID, s.team.ID))
	require.ErrorContains(t, s.Discuss(s.Channel("Olds").ID, s.team.ID), "a group belongs to one channel")
	assert.Contains(t, s.call("getChat", "chat_id", "team"), `"linked_chat_id":`+strconv.FormatInt(news.ID, 10))
	assert.Contains(t, s.call("getChat", "chat_id", strconv.FormatInt(news.ID, 10)), `"linked_chat_id":`+strconv.FormatInt(s.team.ID, 10))
	_, _, err = s.Comments(news.ID, early.ID)
	require.ErrorContains(t, err, "the post 1 has no comments")
	s.o.take()

	const telegram = `{"id":777000,"is_bot":false,"first_name":"Telegram"}`
	post, err := s.Send(s.zoe.ID, news.ID, 0, "extra")
	require.NoError(t, err)
	forward := `{"message_id":3,"from":` + telegram + `,"sender_chat":NEWS,"chat":GROUP,"date":1795000000,` +
		`"forward_origin":{"type":"channel","chat":NEWS,"message_id":2,"date":1795000000},"is_automatic_forward":true,` +
		`"forward_from_chat":NEWS,"forward_from_message_id":2,"forward_date":1795000000,"text":"extra"}`
	told := s.o.take()
	assert.Contains(t, told[0], "channel_post ")
	assert.Equal(t, "message "+s.news(news, forward), told[1])
	assert.Contains(t, s.call("getChat", "chat_id", "team"), `"pinned_message":{"message_id":3,`)

	comments, _, err := s.Comments(news.ID, post.ID)
	require.NoError(t, err)
	eve := s.User("Eve")
	_, err = s.Send(eve.ID, comments, 0, "really?")
	require.NoError(t, err, "who is not in the group may comment")
	comment := s.o.take()[0]
	assert.Contains(t, comment, s.news(news, `"message_thread_id":3,"reply_to_message":`+forward+`,"text":"really?"`))
	assert.NotContains(t, comment, "is_topic_message")
	assert.Contains(t, s.call("sendMessage", "chat_id", "team", "text", "yes", "reply_to_message_id", "4"), `"message_thread_id":3,`)
	_, said := s.Take(comments, "yes")
	assert.True(t, said)
	assert.Len(t, s.Messages(comments), 3)

	_, err = s.Edit(s.zoe.ID, news.ID, post.ID, "no")
	require.NoError(t, err)
	told = s.o.take()
	assert.Contains(t, told[1], `edited_message {"message_id":3,`)
	assert.Contains(t, told[1], `"text":"no"`)

	s.call("sendMessage", "chat_id", strconv.FormatInt(news.ID, 10), "text", "by the bot")
	assert.Contains(t, s.o.take()[0], `"is_automatic_forward":true,`)
	s.call("editMessageText", "chat_id", strconv.FormatInt(news.ID, 10), "message_id", "3", "text", "by it again")
	assert.Contains(t, s.o.take()[0], `"text":"by it again"`)
}
