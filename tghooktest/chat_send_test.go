package tghooktest_test

import (
	"encoding/json"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/tghooktest"
)

// fields returns the fields of a message.
func fields(t *testing.T, m json.RawMessage) map[string]json.RawMessage {
	t.Helper()
	var all map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(m, &all))
	return all
}

func TestTheBotGetsWhatAUserSends(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, bot := inMemory(t, t)
		chat, content := srv.User("Zoë").Chat(), []byte("content")
		for kind, send := range map[string]func() *tghooktest.Message{
			"voice":          func() *tghooktest.Message { return chat.SendVoice(2*time.Second, content) },
			"audio":          func() *tghooktest.Message { return chat.SendAudio("a.mp3", time.Minute, content) },
			"video":          func() *tghooktest.Message { return chat.SendVideo("look", time.Second, content) },
			"video_note":     func() *tghooktest.Message { return chat.SendVideoNote(time.Second, content) },
			"animation":      func() *tghooktest.Message { return chat.SendAnimation("", content) },
			"sticker":        func() *tghooktest.Message { return chat.SendSticker("👍", content) },
			"poll":           func() *tghooktest.Message { return chat.SendPoll("Lunch?", "Pho", "Soup") },
			"dice":           func() *tghooktest.Message { return chat.SendDice("") },
			"venue":          func() *tghooktest.Message { return chat.SendVenue("Home", "Here 1", 1, 2) },
			"forward_origin": func() *tghooktest.Message { return chat.Forward(chat.Send("hi")) },
		} {
			m := send()
			_, objects := updates(t, bot)
			assert.Contains(t, fields(t, objects[len(objects)-1]), kind)
			assert.Contains(t, fields(t, m.Raw), kind)
			assert.False(t, m.FromBot)
		}
		assert.Equal(t, `tghooktest: in the chat of "Zoë" with the bot: the file is empty; Telegram does not send an empty file`, failure(t, func(tb testing.TB) {
			srv, _ := inMemory(t, tb)
			srv.User("Zoë").Chat().SendVoice(0, nil)
		}))
	})
}

func TestTheBotGetsWhatItsKeysAskFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, bot := inMemory(t, t)
		zoe := srv.User("Zoë")
		team := srv.Group("Team")
		zoe.Join(team)
		chat := zoe.Chat()
		chat.Send("/start")
		var working sync.WaitGroup
		defer working.Wait()
		working.Go(func() { // the user waits for the keyboard
			time.Sleep(time.Second)
			call(t, bot, "sendMessage", params{"chat_id": zoe.ID, "text": "?", "reply_markup": params{"keyboard": [][]params{{
				{"text": "Who", "request_users": params{"request_id": 1}},
				{"text": "Where", "request_chat": params{"request_id": 2, "chat_is_channel": false}},
				{"text": "App", "web_app": params{"url": "https://example.org"}},
				{"text": "Phone", "request_contact": true},
			}}}})
		})
		assert.Contains(t, fields(t, chat.ShareUsers("Who", srv.User("Ben")).Raw), "users_shared")
		assert.Contains(t, fields(t, chat.ShareChat("Where", team).Raw), "chat_shared")
		assert.Contains(t, fields(t, chat.SendWebAppData("App", "data").Raw), "web_app_data")
		chat.Press("Phone")
		seen := chat.Messages()
		assert.Contains(t, fields(t, seen[len(seen)-1].Raw), "contact")
	})
}

func TestAUserIsMadeToOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, bot := inMemory(t, t)
		zoe := srv.NewUser(tghooktest.UserConfig{Name: "Zoë Núñez", Username: "zoe_n", Language: "es", Premium: true, ID: 77})
		assert.Equal(t, "Zoë Núñez", zoe.Name)
		m := zoe.Chat().Send("hi")
		assert.Contains(t, string(m.Raw), `"from":{"id":77,"is_bot":false,"first_name":"Zoë","last_name":"Núñez","username":"zoe_n","language_code":"es","is_premium":true}`)
		zoe.SetPhoto([]byte("jpeg"))
		assert.Contains(t, string(call(t, bot, "getUserProfilePhotos", params{"user_id": 77})), `"total_count":1`)
	})
}

func TestAUserReadsRichMessagesAndDrafts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, bot := inMemory(t, t)
		chat := srv.User("Zoë").Chat()
		chat.Send("/start")
		assert.Nil(t, chat.Draft())
		stream := func(text string) {
			call(t, bot, "sendRichMessageDraft", params{"chat_id": chat.ID, "draft_id": 5, "can_stop": true, "rich_message": params{"markdown": text}})
		}
		stream("# Tea")
		stream("# Tea\n- **green**")
		draft := chat.ExpectDraft(t, "Tea\n• green")
		assert.True(t, draft.CanStop)
		assert.Equal(t, "Tea\n• green", chat.Draft().Text)
		draft.Stop()
		assert.Nil(t, chat.Draft())
		kinds, objects := updates(t, bot)
		assert.Equal(t, "stopped_message_generation", kinds[len(kinds)-1])
		assert.Contains(t, string(objects[len(objects)-1]), `"draft_id":5`)

		call(t, bot, "sendRichMessage", params{"chat_id": chat.ID, "rich_message": params{"markdown": "# Tea\n- **green**"}})
		m := chat.Expect(t, "Tea\n• green")
		assert.Equal(t, "Tea\n• green", m.Text)
		assert.Contains(t, failure(t, func(tb testing.TB) { chat.ExpectDraft(tb, "Coffee") }),
			`tghooktest: in the chat of "Zoë" with the bot: the bot did not show the draft "Coffee" within 10s`+
				"\n\tin this chat it showed the drafts:\n\t\t\"Tea\"\n\t\t\"Tea\\n• green\"")
		call(t, bot, "sendMessageDraft", params{"chat_id": chat.ID, "draft_id": 6, "text": ""})
		chat.ExpectDraft(t, "Thinking…")
		time.Sleep(31 * time.Second)
		assert.Nil(t, chat.Draft())
	})
}
