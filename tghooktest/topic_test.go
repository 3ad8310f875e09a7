package tghooktest_test

import (
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestATopicIsAChatOfItsOwn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, bot := inMemory(t, t)
		support := srv.Forum("Support")
		zoe := srv.User("Zoë").Join(support)
		ticket := zoe.OpenTopic("Ticket 7")
		ticket.Send("It does not start.")
		kinds, objects := updates(t, bot)
		assert.Equal(t, []string{"message", "message", "message"}, kinds)
		assert.Contains(t, string(objects[1]), `"forum_topic_created"`)
		assert.Contains(t, string(objects[2]), `"is_topic_message":true`)

		thread := ticket.Messages()[0].ID
		call(t, bot, "sendMessage", params{"chat_id": support.ID, "text": "To all", "reply_markup": params{"inline_keyboard": [][]params{{{"text": "Ok", "callback_data": "a"}}}}})
		call(t, bot, "sendMessage", params{"chat_id": support.ID, "message_thread_id": thread, "text": "Try again"})
		ticket.Expect(t, "Try again")
		zoe.Expect(t, "To all").Press("Ok")
		ticket.Reply(zoe.Messages()[2], "It works")

		var working sync.WaitGroup
		defer working.Wait()
		working.Go(func() { call(t, bot, "createForumTopic", params{"chat_id": support.ID, "name": "From the bot"}) })
		zoe.Topic("From the bot").Send("hi")

		ticket.CloseTopic()
		ticket.ReopenTopic()
		ticket.DeleteTopic()
		err := bot.Call(t.Context(), "sendMessage", params{"chat_id": support.ID, "message_thread_id": thread, "text": "Try again"}, nil)
		require.ErrorContains(t, err, "400 Bad Request: message thread not found")
	})
}

func TestWhatCannotBeDoneInATopicFailsTheTest(t *testing.T) {
	t.Parallel()
	for want, act := range map[string]func(tb testing.TB, t *testing.T){
		`tghooktest: in the group "Team": "Team" has no topics; make it with Server.Forum`: func(tb testing.TB, t *testing.T) {
			srv, _ := inMemory(t, tb)
			srv.User("Zoë").Join(srv.Group("Team")).OpenTopic("x")
		},
		`tghooktest: in the group "Support": there was no topic "Sales" within 10s`: func(tb testing.TB, t *testing.T) {
			srv, _ := inMemory(t, tb)
			srv.User("Zoë").Join(srv.Forum("Support")).Topic("Sales")
		},
		`tghooktest: in the topic "Sales" of the group "Support": Ben did not make the topic "Sales", and is no administrator with can_manage_topics`: func(tb testing.TB, t *testing.T) {
			srv, _ := inMemory(t, tb)
			srv.User("Zoë").Join(srv.Forum("Support")).OpenTopic("Sales")
			srv.User("Ben").Join(srv.Forum("Support")).Topic("Sales").CloseTopic()
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			assert.Contains(t, failure(t, func(tb testing.TB) { act(tb, t) }), want)
		})
	}
}
