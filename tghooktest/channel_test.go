package tghooktest_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
)

func TestAChannelHasPostsReactionsAndComments(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, bot := inMemory(t, t)
		call(t, bot, "getUpdates", params{"allowed_updates": []string{"message", "channel_post", "edited_channel_post", "message_reaction_count"}})
		news, talk := srv.Channel("News"), srv.Group("Talk")
		news.Discuss(talk)
		editor := srv.User("Ana").Manage(news)
		reader := srv.User("Zoë").Subscribe(news)
		post := editor.Send("We have moved.")
		editor.Edit(post, "We move.")
		reader.React(post, "🔥")
		comments := reader.Comments(post)
		comments.Send("Where to?")
		kinds, _ := updates(t, bot)
		assert.Equal(t, []string{"channel_post", "message", "edited_channel_post", "message_reaction_count", "message"}, kinds)

		call(t, bot, "sendMessage", params{"chat_id": talk.ID, "text": "Across the road.", "reply_parameters": params{"message_id": comments.Messages()[1].ID}})
		comments.Expect(t, "Across the road.")
		call(t, bot, "sendMessage", params{"chat_id": news.ID, "text": "We are there."})
		assert.True(t, reader.Expect(t, "We are there.").FromBot)

		assert.Contains(t, failure(t, func(tb testing.TB) {
			srv, _ := inMemory(t, tb)
			srv.User("Zoë").Subscribe(srv.Channel("News")).Send("hi")
		}), `tghooktest: in the channel "News": Zoë may not post in the channel "News"`)
		assert.Contains(t, failure(t, func(tb testing.TB) {
			srv, _ := inMemory(t, tb)
			editor := srv.User("Zoë").Manage(srv.Channel("News"))
			editor.Comments(editor.Send("hi"))
		}), "the post 1 has no comments, because the channel had no discussion group when it was sent; call Channel.Discuss first")
	})
}
