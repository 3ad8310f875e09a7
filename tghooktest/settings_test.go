package tghooktest_test

import (
	"encoding/json"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/tghooktest"
)

func TestABasicGroupIsUpgraded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, bot := inMemory(t, t)
		ana, old := srv.User("Ana"), srv.BasicGroup("Team")
		ana.Join(old)
		team := ana.Upgrade(old)
		err := bot.Call(t.Context(), "sendMessage", params{"chat_id": old.ID, "text": "hi"}, nil)
		var refused *tghook.APIError
		require.ErrorAs(t, err, &refused)
		assert.Equal(t, team.ID, refused.MigrateToChatID)
		call(t, bot, "sendMessage", params{"chat_id": team.ID, "text": "hi"})
		ana.Join(team).Expect(t, "hi")
		kinds, objects := updates(t, bot)
		assert.Equal(t, []string{"message", "message", "message"}, kinds)
		assert.Contains(t, string(objects[1]), `"migrate_to_chat_id"`)
		assert.Contains(t, failure(t, func(tb testing.TB) {
			srv, _ := inMemory(t, tb)
			srv.User("Ana").Upgrade(srv.BasicGroup("Team"))
		}), `tghooktest: Upgrade: Ana is not in the group "Team"`)
	})
}

func TestUsersSeeWhatTheBotHasSet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, bot := inMemory(t, t)
		zoe := srv.User("Zoë")
		assert.Empty(t, zoe.Chat().Commands())
		call(t, bot, "setMyCommands", params{"commands": []params{{"command": "start", "description": "Begin"}}})
		call(t, bot, "setMyCommands", params{"commands": []params{{"command": "stop", "description": "End"}}, "scope": params{"type": "all_group_chats"}})
		assert.Equal(t, []tghooktest.Command{{Name: "start", Description: "Begin"}}, zoe.Chat().Commands())
		assert.Equal(t, []tghooktest.Command{{Name: "stop", Description: "End"}}, zoe.Join(srv.Group("Team")).Commands())

		var saved struct {
			ID string `json:"id"`
		}
		require.NoError(t, json.Unmarshal(call(t, bot, "savePreparedInlineMessage", params{"user_id": zoe.ID, "allow_group_chats": true, "result": params{
			"type": "article", "id": "1", "title": "T", "input_message_content": params{"message_text": "shared"},
		}}), &saved))
		assert.Equal(t, "shared", zoe.Join(srv.Group("Team")).SendPrepared(saved.ID).Text)

		require.ErrorContains(t, bot.Call(t.Context(), "setUserEmojiStatus", params{"user_id": zoe.ID, "emoji_status_custom_emoji_id": "5"}, nil), "403 Forbidden: USER_PERMISSION_DENIED")
		zoe.AllowEmojiStatus()
		call(t, bot, "setUserEmojiStatus", params{"user_id": zoe.ID, "emoji_status_custom_emoji_id": "5"})
		assert.Contains(t, string(call(t, bot, "getChat", params{"chat_id": zoe.ID})), `"emoji_status_custom_emoji_id":"5"`)
	})
}

func TestAChannelIsBoosted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, bot := inMemory(t, t)
		reader := srv.User("Zoë").Subscribe(srv.Channel("News"))
		reader.Boost()
		reader.Unboost()
		kinds, _ := updates(t, bot)
		assert.Equal(t, []string{"chat_boost", "removed_chat_boost"}, kinds)
	})
}
