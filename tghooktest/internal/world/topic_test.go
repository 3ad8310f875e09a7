package world

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// forum is a stage whose team has topics, and where Zoë has made the topic News, message 3,
// with the key news.
func forum(t *testing.T) (s *stage, news int64) {
	t.Helper()
	s = set(t)
	s.mu.Lock()
	s.team.IsForum = true
	s.mu.Unlock()
	news, err := s.OpenTopic(s.zoe.ID, s.team.ID, "News")
	require.NoError(t, err)
	return s, news
}

// inForum is the team with topics, and root the message that began News.
const (
	inForum = `{"id":TEAM,"title":"Team","type":"supergroup","is_forum":true}`
	root    = `{"message_id":3,"from":ZOE,"chat":` + inForum + `,"date":1795000000,"message_thread_id":3,` +
		`"forum_topic_created":{"name":"News","icon_color":7322096},"is_topic_message":true}`
)

func (s *stage) told(want ...string) {
	s.t.Helper()
	for i := range want {
		want[i] = s.full(s.ids(want[i]))
	}
	assert.Equal(s.t, want, s.o.take())
}

// ids replaces TEAM by the group's id.
func (s *stage) ids(text string) string {
	return strings.ReplaceAll(text, "TEAM", strconv.FormatInt(s.team.ID, 10))
}

func TestUsersWriteInTopics(t *testing.T) {
	t.Parallel()
	s, news := forum(t)
	s.told(`message ` + root)

	_, err := s.Send(s.zoe.ID, news, 0, "hi")
	require.NoError(t, err)
	s.told(`message {"message_id":4,"from":ZOE,"chat":` + inForum + `,"date":1795000000,"message_thread_id":3,"reply_to_message":` + root + `,"text":"hi","is_topic_message":true}`)

	m, err := s.Send(s.ben.ID, s.team.ID, 0, "in General")
	require.NoError(t, err)
	s.told(`message {"message_id":5,"from":BEN,"chat":` + inForum + `,"date":1795000000,"text":"in General"}`)
	_, err = s.Send(s.ben.ID, s.team.ID, m.ID, "there too")
	require.NoError(t, err)
	assert.NotContains(t, s.o.take()[0], "message_thread_id", "a reply in General is in General")

	_, err = s.Send(s.ben.ID, s.team.ID, 4, "in News")
	require.NoError(t, err)
	assert.Contains(t, s.o.take()[0], `"message_thread_id":3,"reply_to_message":{"message_id":4`, "a reply is in the topic of the message")

	assert.Len(t, s.Messages(news), 3, "the topic has its messages alone")
	assert.Len(t, s.Messages(s.team.ID), 7, "the forum has all")
	assert.Equal(t, news, s.Topic(s.team.ID, "News"))
	assert.Zero(t, s.Topic(s.team.ID, "Olds"))
}

func TestTheBotWritesInTopicsThatThereAre(t *testing.T) {
	t.Parallel()
	s, news := forum(t)
	s.call("sendMessage", "chat_id", "team", "text", "before") // 4
	s.o.take()
	s.play([]act{
		{"sendMessage", []string{"chat_id", "team", "text", "hi", "message_thread_id", "9"}, `400 Bad Request: message thread not found`},
		{"sendMessage", []string{"chat_id", "team", "text", "hi", "message_thread_id", "4"}, `400 Bad Request: message thread not found`},
		{"sendMessage", []string{"chat_id", "team", "text", "hi", "message_thread_id", "1"}, `400 Bad Request: message thread not found`},
		{"sendMessage", []string{"chat_id", "zoe", "text", "hi", "message_thread_id", "1"}, `400 Bad Request: message thread not found`},
		{"sendMediaGroup", []string{"chat_id", "team", "media", `[{"type":"photo","media":"https://example.org/a.jpg"}]`, "message_thread_id", "9"}, `400 Bad Request: message thread not found`},
		{"copyMessage", []string{"chat_id", "team", "from_chat_id", "zoe", "message_id", "1", "message_thread_id", "9"}, `400 Bad Request: message thread not found`},
		{
			"sendMessage",
			[]string{"chat_id", "team", "text", "hi", "message_thread_id", "3"},
			s.ids(`{"message_id":5,"from":BOT,"chat":` + inForum + `,"date":1795000000,"message_thread_id":3,"reply_to_message":` + root + `,"text":"hi","is_topic_message":true}`),
		},
	})
	assert.Contains(t, s.call("sendMessage", "chat_id", "team", "text", "yes", "reply_to_message_id", "5"), `"message_thread_id":3,"reply_to_message":{"message_id":5`)

	_, there := s.Take(news, "before")
	assert.False(t, there, "the topic does not have what the bot said in General")
	_, there = s.Take(news, "hi")
	assert.True(t, there)
	assert.Len(t, s.Said(news), 2)

	require.NoError(t, s.SetBot(s.zoe.ID, s.team.ID, "member"))
	require.NoError(t, s.CloseTopic(s.zoe.ID, news, true))
	s.play([]act{
		{"sendMessage", []string{"chat_id", "team", "text", "hi", "message_thread_id", "3"}, `400 Bad Request: TOPIC_CLOSED`},
		{"sendMessage", []string{"chat_id", "team", "text", "hi", "reply_to_message_id", "5"}, `400 Bad Request: TOPIC_CLOSED`},
	})
	require.NoError(t, s.DeleteTopic(s.zoe.ID, news))
	s.play([]act{{"sendMessage", []string{"chat_id", "team", "text", "hi", "message_thread_id", "3"}, `400 Bad Request: message thread not found`}})
	_, err := s.Send(s.zoe.ID, news, 0, "still here?")
	require.EqualError(t, err, "the topic was deleted; make another one")
}

func TestARepliesThreadInAGroupIsNoTopic(t *testing.T) {
	t.Parallel()
	s := set(t)
	first, err := s.Send(s.zoe.ID, s.team.ID, 0, "who is in?")
	require.NoError(t, err)
	second, err := s.Send(s.ben.ID, s.team.ID, first.ID, "me")
	require.NoError(t, err)
	_, err = s.Send(s.zoe.ID, s.team.ID, second.ID, "fine")
	require.NoError(t, err)
	told := s.o.take()
	assert.NotContains(t, told[0], "message_thread_id")
	assert.Contains(t, told[1], `"message_id":4,`)
	assert.Contains(t, told[1], `"message_thread_id":3,`)
	assert.Contains(t, told[2], `"message_thread_id":3,"reply_to_message":{"message_id":4,`)
	assert.NotContains(t, told[2], "is_topic_message")
	s.play([]act{
		{"sendMessage", []string{"chat_id", "team", "text", "hi", "message_thread_id", "3"}, `400 Bad Request: message thread not found`},
	})
}

func TestTheBotManagesTopics(t *testing.T) {
	t.Parallel()
	s, _ := forum(t)
	s.o.take()
	happened := func(id int64, by, what string) string {
		return `message {"message_id":` + strconv.FormatInt(id, 10) + `,"from":` + by + `,"chat":` + inForum + `,"date":1795000000,` + what + `}`
	}
	inNews := func(what string) string {
		return `"message_thread_id":3,"reply_to_message":` + root + `,` + what + `,"is_topic_message":true`
	}
	s.play([]act{
		{"createForumTopic", []string{"chat_id", "team", "name", " "}, `400 Bad Request: title must be non-empty`},
		{"createForumTopic", []string{"chat_id", "team", "name", "x", "icon_color", "16777216"}, `400 Bad Request: invalid icon color specified`},
		{"createForumTopic", []string{"chat_id", "zoe", "name", "x"}, `400 Bad Request: the chat is not a forum`},
		{"createForumTopic", []string{"chat_id", "team", "name", " Bot ", "icon_color", "16766590", "icon_custom_emoji_id", "5"}, `{"message_thread_id":4,"name":"Bot","icon_color":16766590,"icon_custom_emoji_id":"5"}`},
		{"editForumTopic", []string{"chat_id", "team", "message_thread_id", "3", "name", "News"}, `400 Bad Request: TOPIC_NOT_MODIFIED`},
		{"editForumTopic", []string{"chat_id", "team", "message_thread_id", "3"}, `true`},
		{"editForumTopic", []string{"chat_id", "team", "message_thread_id", "3", "name", "Olds", "icon_custom_emoji_id", "7"}, `true`},
		{"editForumTopic", []string{"chat_id", "team", "message_thread_id", "3", "icon_custom_emoji_id", ""}, `true`},
		{"editForumTopic", []string{"chat_id", "team", "message_thread_id", "9", "name", "x"}, `400 Bad Request: TOPIC_ID_INVALID`},
		{"editForumTopic", []string{"chat_id", "team", "name", "x"}, `400 Bad Request: invalid message thread identifier specified`},
		{"closeForumTopic", []string{"chat_id", "team", "message_thread_id", "3"}, `true`},
		{"closeForumTopic", []string{"chat_id", "team", "message_thread_id", "3"}, `400 Bad Request: TOPIC_NOT_MODIFIED`},
		{"reopenForumTopic", []string{"chat_id", "team", "message_thread_id", "3"}, `true`},
	})
	s.told(
		happened(4, "BOT", `"message_thread_id":4,"forum_topic_created":{"name":"Bot","icon_color":16766590,"icon_custom_emoji_id":"5"},"is_topic_message":true`),
		happened(5, "BOT", inNews(`"forum_topic_edited":{"name":"Olds","icon_custom_emoji_id":"7"}`)),
		happened(6, "BOT", inNews(`"forum_topic_edited":{"icon_custom_emoji_id":""}`)),
		happened(7, "BOT", inNews(`"forum_topic_closed":{}`)),
		happened(8, "BOT", inNews(`"forum_topic_reopened":{}`)),
	)
	s.play([]act{
		{"hideGeneralForumTopic", []string{"chat_id", "team"}, `true`},
		{"hideGeneralForumTopic", []string{"chat_id", "team"}, `400 Bad Request: TOPIC_NOT_MODIFIED`},
		{"closeGeneralForumTopic", []string{"chat_id", "team"}, `400 Bad Request: TOPIC_NOT_MODIFIED`},
		{"reopenGeneralForumTopic", []string{"chat_id", "team"}, `true`},
		{"unhideGeneralForumTopic", []string{"chat_id", "team"}, `400 Bad Request: TOPIC_NOT_MODIFIED`},
		{"editGeneralForumTopic", []string{"chat_id", "team", "name", "Lobby"}, `true`},
		{"closeGeneralForumTopic", []string{"chat_id", "team"}, `true`},
	})
	s.told(
		happened(9, "BOT", `"forum_topic_closed":{}`), happened(10, "BOT", `"general_forum_topic_hidden":{}`),
		happened(11, "BOT", `"forum_topic_reopened":{}`), happened(12, "BOT", `"general_forum_topic_unhidden":{}`),
		happened(13, "BOT", `"forum_topic_edited":{"name":"Lobby"}`), happened(14, "BOT", `"forum_topic_closed":{}`),
	)
	_, err := s.Send(s.ben.ID, s.team.ID, 0, "hi")
	require.EqualError(t, err, `Ben may not write in the topic "Lobby", because it is closed`)

	s.call("pinChatMessage", "chat_id", "team", "message_id", "7")
	s.call("pinChatMessage", "chat_id", "team", "message_id", "9")
	s.play([]act{{"unpinAllForumTopicMessages", []string{"chat_id", "team", "message_thread_id", "3"}, `true`}})
	assert.Contains(t, s.call("getChat", "chat_id", "team"), `"pinned_message":{"message_id":9,`)
	s.play([]act{
		{"unpinAllGeneralForumTopicMessages", []string{"chat_id", "team"}, `true`},
		{"unpinChatMessage", []string{"chat_id", "team"}, `400 Bad Request: message to unpin not found`},
		{"deleteForumTopic", []string{"chat_id", "team", "message_thread_id", "1"}, `400 Bad Request: TOPIC_ID_INVALID`},
		{"deleteForumTopic", []string{"chat_id", "team", "message_thread_id", "3"}, `true`},
		{"deleteForumTopic", []string{"chat_id", "team", "message_thread_id", "3"}, `400 Bad Request: TOPIC_ID_INVALID`},
		{"sendMessage", []string{"chat_id", "team", "text", "hi", "message_thread_id", "3"}, `400 Bad Request: message thread not found`},
	})
}

func TestABotWithoutTheRightManagesItsOwnTopicsAlone(t *testing.T) {
	t.Parallel()
	s, _ := forum(t)
	s.call("createForumTopic", "chat_id", "team", "name", "Bot") // 4
	require.NoError(t, s.SetBot(s.zoe.ID, s.team.ID, "administrator", "can_invite_users"))
	s.play([]act{
		{"createForumTopic", []string{"chat_id", "team", "name", "x"}, `400 Bad Request: not enough rights to create a topic`},
		{"closeForumTopic", []string{"chat_id", "team", "message_thread_id", "4"}, `true`},
		{"closeForumTopic", []string{"chat_id", "team", "message_thread_id", "3"}, `400 Bad Request: not enough rights to close or open the topic`},
		{"editForumTopic", []string{"chat_id", "team", "message_thread_id", "3", "name", "x"}, `400 Bad Request: not enough rights to edit the topic`},
		{"deleteForumTopic", []string{"chat_id", "team", "message_thread_id", "3"}, `400 Bad Request: not enough rights to delete the topic`},
		{"hideGeneralForumTopic", []string{"chat_id", "team"}, `400 Bad Request: not enough rights to close or open the topic`},
	})
}

func TestAUserWhoMayNotManageATopicIsTold(t *testing.T) {
	t.Parallel()
	s, news := forum(t)
	require.EqualError(t, s.CloseTopic(s.ben.ID, news, true), `Ben did not make the topic "News", and is no administrator with can_manage_topics`)
	require.EqualError(t, s.DeleteTopic(s.ben.ID, news), `Ben did not make the topic "News", and is no administrator with can_delete_messages`)
	require.NoError(t, s.CloseTopic(s.zoe.ID, news, true))
	require.EqualError(t, s.CloseTopic(s.zoe.ID, news, true), `the topic "News" is closed already`)
	_, err := s.Send(s.ben.ID, news, 0, "hi")
	require.EqualError(t, err, `Ben may not write in the topic "News", because it is closed`)
	_, err = s.OpenTopic(s.zoe.ID, s.team.ID, " ")
	require.EqualError(t, err, "the topic's name is empty; pass one")
	s.call("setChatPermissions", "chat_id", "team", "permissions", `{"can_send_messages":true}`)
	_, err = s.OpenTopic(s.ben.ID, s.team.ID, "x")
	require.EqualError(t, err, `Ben may not make topics in "Team", because the bot has forbidden it`)
}

func TestTheTopicOfADeliveredMessageCanBeAnswered(t *testing.T) {
	t.Parallel()
	s := set(t)
	s.Meet("message", []byte(`{"message_id":50,"from":{"id":77,"is_bot":false,"first_name":"Eve"},"chat":{"id":-1009,"title":"F","type":"supergroup","is_forum":true},`+
		`"date":1795000000,"message_thread_id":40,"is_topic_message":true,"reply_to_message":{"message_id":40,"chat":{"id":-1009,"title":"F","type":"supergroup"},"date":1794000000,`+
		`"message_thread_id":40,"is_topic_message":true,"forum_topic_created":{"name":"Tea","icon_color":1}},"text":"hi"}`))
	assert.Contains(t, s.call("sendMessage", "chat_id", "-1009", "message_thread_id", "40", "text", "hi"), `"message_id":51,`)
	assert.NotZero(t, s.Topic(-1009, "Tea"))
}
