package tghooktest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/tghooktest"
)

// inviteLink makes an invite link to the group that makes join requests, or does not.
func inviteLink(t *testing.T, bot *tghook.Client, g *tghooktest.Group, requests bool) string {
	t.Helper()
	var link struct {
		Link string `json:"invite_link"`
	}
	require.NoError(t, bot.Call(t.Context(), "createChatInviteLink", map[string]any{"chat_id": g.ID, "creates_join_request": requests}, &link))
	return link.Link
}

func TestUsersJoinByInviteLinksAndByRequest(t *testing.T) {
	t.Parallel()
	srv := tghooktest.NewServer(t)
	bot, team, zoe := srv.Bot(t), srv.Group("Team"), srv.User("Zoë")
	chat := zoe.Follow(inviteLink(t, bot, team, false))
	assert.Equal(t, team.ID, chat.ID)
	chat.Send("hi")

	waiting := srv.User("Ben").Follow(inviteLink(t, bot, team, true))
	err := bot.Call(t.Context(), "approveChatJoinRequest", map[string]any{"chat_id": team.ID, "user_id": srv.User("Ben").ID}, nil)
	require.NoError(t, err)
	waiting.Send("hi")

	asking := srv.User("Eve").AskToJoin(team)
	err = bot.Call(t.Context(), "approveChatJoinRequest", map[string]any{"chat_id": team.ID, "user_id": srv.User("Eve").ID}, nil)
	require.NoError(t, err)
	asking.Send("hi")
}

func TestAUserChangesWhatTheBotIs(t *testing.T) {
	t.Parallel()
	srv := tghooktest.NewServer(t)
	bot, team := srv.Bot(t), srv.Group("Team")
	zoe := srv.User("Zoë")
	chat := zoe.Join(team)
	pin := func() error {
		return bot.Call(t.Context(), "unpinAllChatMessages", map[string]any{"chat_id": team.ID}, nil)
	}
	require.NoError(t, pin())
	zoe.SetBot(team, tghooktest.BotMember)
	require.ErrorContains(t, pin(), "not enough rights to manage pinned messages in the chat")
	waiting := srv.Pending()
	chat.Send("hi")
	assert.Equal(t, waiting, srv.Pending(), "privacy mode keeps it from the bot")
	chat.Send("/hi")
	assert.Equal(t, waiting+1, srv.Pending())
	zoe.SetBot(team, tghooktest.BotAdministrator, "can_pin_messages")
	require.NoError(t, pin())
	zoe.SetBot(team, tghooktest.BotRemoved)
	require.ErrorContains(t, pin(), "bot was kicked from the supergroup chat")
}

func TestABotMayReadAllMessages(t *testing.T) {
	t.Parallel()
	srv := tghooktest.NewServer(t, tghooktest.ServerConfig{ReadsAllMessages: true})
	team, zoe := srv.Group("Team"), srv.User("Zoë")
	chat := zoe.Join(team)
	zoe.SetBot(team, tghooktest.BotMember)
	waiting := srv.Pending()
	chat.Send("hi")
	assert.Equal(t, waiting+1, srv.Pending())
}

func TestMistakesInChangingMembershipsAreExplained(t *testing.T) {
	t.Parallel()
	for want, act := range map[string]func(*tghooktest.Server){
		`tghooktest: SetBot: "creator" is not a BotStatus; use BotAdministrator, BotMember or BotRemoved`: func(srv *tghooktest.Server) {
			srv.User("Zoë").SetBot(srv.Group("Team"), "creator")
		},
		`tghooktest: Zoë is not in the group "Team"; call Join first`: func(srv *tghooktest.Server) {
			srv.User("Zoë").SetBot(srv.Group("Team"), tghooktest.BotMember)
		},
		`tghooktest: there is no invite link "x"; use one that createChatInviteLink or exportChatInviteLink returned`: func(srv *tghooktest.Server) {
			srv.User("Zoë").Follow("x")
		},
	} {
		srv, err := tghooktest.Start(tghooktest.ServerConfig{})
		require.NoError(t, err)
		require.EqualError(t, srv.Try(func(_ testing.TB, srv *tghooktest.Server) { act(srv) }), want)
		srv.Close()
	}
}

func TestABotAnswersAWebApp(t *testing.T) {
	t.Parallel()
	srv := tghooktest.NewServer(t)
	zoe := srv.User("Zoë")
	answer := map[string]any{"web_app_query_id": zoe.WebAppQuery(), "result": map[string]any{
		"type": "article", "id": "1", "title": "Tea", "input_message_content": map[string]any{"message_text": "One tea, please."},
	}}
	require.NoError(t, srv.Bot(t).Call(t.Context(), "answerWebAppQuery", answer, nil))
	messages := zoe.Chat().Messages()
	assert.Equal(t, "One tea, please.", messages[len(messages)-1].Text)
	require.ErrorContains(t, srv.Bot(t).Call(t.Context(), "answerWebAppQuery", answer, nil), "query is too old")
}
