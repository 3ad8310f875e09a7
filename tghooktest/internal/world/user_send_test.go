package world

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAUserSendsEveryKindOfFile(t *testing.T) {
	t.Parallel()
	s := set(t)
	for _, c := range []struct {
		media Media
		want  []string
	}{
		{Media{Kind: "voice", MIME: "audio/ogg", Duration: 3 * time.Second}, []string{`"voice":{"duration":3,"mime_type":"audio/ogg","file_id":`}},
		{Media{Kind: "audio", Name: "a.mp3", Duration: time.Minute}, []string{`"audio":{"duration":60,"file_name":"a.mp3","mime_type":"audio/mpeg","file_id":`}},
		{
			Media{Kind: "video", MIME: "video/mp4", Caption: "see #this", Duration: time.Second},
			[]string{`"video":{"duration":1,"width":640,"height":480,"mime_type":"video/mp4","file_id":`, `"caption":"see #this","caption_entities":[{"offset":4,"length":5,"type":"hashtag"}]`},
		},
		{Media{Kind: "video_note", MIME: "video/mp4", Duration: time.Second}, []string{`"video_note":{"duration":1,"length":384,"file_id":`}},
		{Media{Kind: "animation", MIME: "video/mp4", Duration: time.Second}, []string{`"animation":{"mime_type":"video/mp4","duration":1,`, `"document":{"mime_type":"video/mp4",`}},
		{Media{Kind: "sticker", MIME: "image/webp", Emoji: "👍"}, []string{`"sticker":{"width":512,"height":512,"emoji":"👍","is_animated":false,"is_video":false,"type":"regular","file_id":`}},
	} {
		c.media.Content = []byte("content")
		m, err := s.SendMedia(s.zoe.ID, s.zoe.ID, c.media)
		require.NoError(t, err)
		all := s.o.take()
		require.Len(t, all, 1, c.media.Kind)
		assert.Equal(t, "message "+string(m.JSON), all[0])
		for _, want := range append(c.want, s.full(`"from":ZOE,"chat":PRIVATE,"date":1795000000,`)) {
			assert.Contains(t, all[0], want, c.media.Kind)
		}
	}
	_, err := s.SendMedia(s.zoe.ID, s.zoe.ID, Media{Kind: "voice"})
	require.ErrorIs(t, err, errNoContent)
}

func TestAUserSendsWhatIsNoFile(t *testing.T) {
	t.Parallel()
	s := set(t)
	poll, err := s.SendPoll(s.zoe.ID, s.zoe.ID, "Lunch?", "Pho", "Bacalhau")
	require.NoError(t, err)
	assert.Equal(t, "Lunch?", poll.Text)
	assert.Contains(t, string(poll.JSON), `"is_anonymous":false,"type":"regular"`)
	assert.Len(t, s.o.take(), 1)
	require.NoError(t, s.Vote(s.zoe.ID, s.zoe.ID, poll.ID, "Pho"))
	assert.Empty(t, s.o.take(), "the bot has not sent the poll")
	_, err = s.SendPoll(s.zoe.ID, s.zoe.ID, "Lunch?")
	require.EqualError(t, err, "this cannot be sent: Poll must have at least one answer option")

	dice, err := s.SendDice(s.zoe.ID, s.zoe.ID, "🎯")
	require.NoError(t, err)
	assert.Contains(t, string(dice.JSON), `"dice":{"emoji":"🎯","value":`)
	_, err = s.SendDice(s.zoe.ID, s.zoe.ID, "x")
	require.EqualError(t, err, "this cannot be sent: EMOTICON_STICKER_NOT_FOUND")

	venue, err := s.SendVenue(s.zoe.ID, s.zoe.ID, "Home", "Here 1", 1.5, -2)
	require.NoError(t, err)
	place := `"location":{"latitude":1.5,"longitude":-2}`
	assert.Contains(t, string(venue.JSON), place+`,"venue":{`+place+`,"title":"Home","address":"Here 1"}}`)
}

func TestAUserForwardsAMessage(t *testing.T) {
	t.Parallel()
	s := set(t)
	ben, err := s.Send(s.ben.ID, s.team.ID, 0, "news")
	require.NoError(t, err)
	s.o.take()
	m, err := s.Forward(s.zoe.ID, s.zoe.ID, s.team.ID, ben.ID)
	require.NoError(t, err)
	assert.Equal(t, []string{"message " + string(m.JSON)}, s.o.take())
	assert.Contains(t, string(m.JSON), s.full(`"forward_origin":{"type":"user","sender_user":BEN,"date":1795000000},"forward_from":BEN,"forward_date":1795000000,"text":"news"`))

	_, err = s.Forward(s.zoe.ID, s.zoe.ID, s.team.ID, 99)
	require.EqualError(t, err, "there is no message 99 to forward")
	secret := got(t, s.call("sendMessage", "chat_id", "zoe", "text", "secret", "protect_content", "true")).ID
	_, err = s.Forward(s.zoe.ID, s.team.ID, s.zoe.ID, secret)
	require.ErrorContains(t, err, "has protected content and cannot be forwarded")
	_, err = s.Forward(s.zoe.ID, s.zoe.ID, s.team.ID, 1)
	require.EqualError(t, err, "message 1 is about an event in the chat and cannot be forwarded")
}

// keyboardOf makes the bot show a reply keyboard with the keys.
func (s *stage) keyboardOf(keys string) {
	s.t.Helper()
	s.call("sendMessage", "chat_id", "zoe", "text", "?", "reply_markup", `{"one_time_keyboard":true,"keyboard":[[`+keys+`]]}`)
}

func TestAKeyAsksForAContactOrALocation(t *testing.T) {
	t.Parallel()
	s := set(t)
	for keys, want := range map[string]string{
		`{"text":"Go","request_contact":true}`:  `"contact":{"phone_number":"` + s.zoe.phone() + `","first_name":"Zoë","last_name":"Núñez","user_id":` + string(marshal(s.zoe.ID)) + `}`,
		`{"text":"Go","request_location":true}`: `"location":{"latitude":51.4779,"longitude":-0.0015}`,
		`{"text":"Go","request_contact":false}`: `"text":"Go"`,
	} {
		s.keyboardOf(keys)
		_, err := s.Press(s.zoe.ID, s.zoe.ID, 0, "Go")
		require.NoError(t, err)
		all := s.o.take()
		require.Len(t, all, 1)
		assert.Contains(t, all[0], want, keys)
		assert.Empty(t, s.zoeChat().keys(s.zoe.ID), "it was for one time")
	}
	for asks, act := range map[string]string{"request_users": "call ShareUsers", "request_chat": "call ShareChat", "request_poll": "call SendPoll", "web_app": "call SendWebAppData"} {
		s.keyboardOf(`{"text":"Go","` + asks + `":{"request_id":1}}`)
		_, err := s.Press(s.zoe.ID, s.zoe.ID, 0, "Go")
		require.EqualError(t, err, `the button "Go" does not send its text; it asks for `+asks+`, so `+act)
	}
}

func (s *stage) zoeChat() *Chat { return s.chats[s.zoe.ID] }

func TestAKeyAsksForUsers(t *testing.T) {
	t.Parallel()
	s := set(t)
	ada, err := s.NewUser(UserConfig{Name: "Ada", Username: "ada_l", Premium: true, ID: 77})
	require.NoError(t, err)
	require.NoError(t, s.SetPhoto(ada.ID, []byte("jpeg")))

	s.keyboardOf(`{"text":"Who","request_users":{"request_id":5,"max_quantity":2}}`)
	_, err = s.ShareUsers(s.zoe.ID, s.zoe.ID, "Who", s.ben.ID, ada.ID)
	require.NoError(t, err)
	all := s.o.take()
	require.Len(t, all, 1)
	ben := string(marshal(s.ben.ID))
	assert.Contains(t, all[0], `"users_shared":{"user_ids":[`+ben+`,77],"users":[{"user_id":`+ben+`},{"user_id":77}],"request_id":5}}`)

	s.keyboardOf(`{"text":"Who","request_users":{"request_id":6,"user_is_premium":true,"request_name":true,"request_username":true,"request_photo":true}}`)
	_, err = s.ShareUsers(s.zoe.ID, s.zoe.ID, "Who", s.ben.ID)
	require.EqualError(t, err, `the button "Who": Ben cannot be chosen, because user_is_premium is true`)
	_, err = s.ShareUsers(s.zoe.ID, s.zoe.ID, "Who", s.ben.ID, ada.ID)
	require.EqualError(t, err, `the button "Who": 2 users are chosen, and max_quantity is 1`)
	_, err = s.ShareUsers(s.zoe.ID, s.zoe.ID, "Who")
	require.EqualError(t, err, `the button "Who": no users are chosen`)
	_, err = s.ShareUsers(s.zoe.ID, s.zoe.ID, "Whom")
	require.ErrorIs(t, err, ErrNoButton)
	_, err = s.ShareUsers(s.zoe.ID, s.zoe.ID, "Who", ada.ID)
	require.NoError(t, err)
	assert.Contains(t, s.o.take()[0], `"users":[{"user_id":77,"first_name":"Ada","username":"ada_l","photo":[{"file_id":`)
}

func TestAKeyAsksForAChat(t *testing.T) {
	t.Parallel()
	s := set(t)
	s.keyboardOf(`{"text":"Where","request_chat":{"request_id":5,"chat_is_channel":false,"bot_is_member":true,"request_title":true}}`)
	_, err := s.ShareChat(s.ben.ID, s.ben.ID, "Where", s.team.ID)
	require.ErrorIs(t, err, ErrNoButton)
	_, err = s.ShareChat(s.zoe.ID, s.zoe.ID, "Where", s.team.ID)
	require.NoError(t, err)
	assert.Contains(t, s.o.take()[0], `"chat_shared":{"chat_id":`+string(marshal(s.team.ID))+`,"title":"Team","request_id":5}}`)

	for asks, want := range map[string]string{
		`"chat_is_channel":true`:                           `chat_is_channel is true`,
		`"chat_is_channel":false,"chat_is_forum":true`:     `chat_is_forum is true`,
		`"chat_is_channel":false,"chat_has_username":true`: `chat_has_username is true`,
	} {
		s.keyboardOf(`{"text":"Where","request_chat":{"request_id":5,` + asks + `}}`)
		_, err = s.ShareChat(s.zoe.ID, s.zoe.ID, "Where", s.team.ID)
		require.EqualError(t, err, `the button "Where": "Team" cannot be chosen, because `+want)
	}
	require.NoError(t, s.Leave(s.zoe.ID, s.team.ID))
	_, err = s.ShareChat(s.zoe.ID, s.zoe.ID, "Where", s.team.ID)
	require.ErrorContains(t, err, `is not in the group "Team"`)
}

func TestAMiniAppSendsData(t *testing.T) {
	t.Parallel()
	s := set(t)
	s.keyboardOf(`{"text":"Open","web_app":{"url":"https://example.org"}},"Help"`)
	_, err := s.SendWebAppData(s.zoe.ID, s.zoe.ID, "Help", "x")
	require.EqualError(t, err, `the button "Help" does not ask for web_app`)
	_, err = s.SendWebAppData(s.zoe.ID, s.zoe.ID, "Open", "")
	require.ErrorContains(t, err, "the data has 0 bytes")
	_, err = s.SendWebAppData(s.zoe.ID, s.zoe.ID, "Open", `{"a":1}`)
	require.NoError(t, err)
	assert.Contains(t, s.o.take()[0], `"web_app_data":{"button_text":"Open","data":"{\"a\":1}"}}`)
}

func TestAKeyThatAsksIsForPrivateChats(t *testing.T) {
	t.Parallel()
	s := set(t)
	for asks, want := range map[string]string{
		`"request_contact":true`:  `phone number can be requested in private chats only`,
		`"request_location":true`: `location can be requested in private chats only`,
		`"request_poll":{}`:       `poll can be requested in private chats only`,
		`"request_users":{}`:      `users can be requested in private chats only`,
		`"request_chat":{}`:       `chats can be requested in private chats only`,
		`"web_app":{}`:            `web App buttons can be used in private chats only`,
	} {
		assert.Equal(t, "400 Bad Request: "+want, s.call("sendMessage", "chat_id", "team", "text", "?", "reply_markup", `{"keyboard":[[{"text":"Go",`+asks+`}]]}`))
	}
}
