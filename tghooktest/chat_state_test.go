package tghooktest_test

import (
	"encoding/json"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook/tghooktest"
)

func TestUsersAreFoundByIDAndUsername(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		ana, err := s.PutUser(tghooktest.UserConfig{Name: "Ana Sá", Username: "@ana_sa", Language: "pt"})
		require.NoError(t, err)
		assert.Equal(t, s.User("Ana Sá").ID, ana.ID, "the id that User gives to the name")
		want := tghooktest.UserConfig{Name: "Ana Sá", Username: "ana_sa", Language: "pt", ID: ana.ID}
		for _, by := range []string{strconv.FormatInt(ana.ID, 10), "ana_sa", "@ANA_SA"} {
			found, err := s.FindUser(by)
			require.NoError(t, err, by)
			assert.Equal(t, want, found.Config(), by)
		}
		me, _ := s.Bot(t).GetMe(t.Context())
		for _, by := range []string{"", "@", "0", "nobody", strconv.FormatInt(me.ID, 10), "stand_in_bot"} {
			_, err := s.FindUser(by)
			require.ErrorIs(t, err, tghooktest.ErrNoUser, by)
		}

		other := add(t, s, tghooktest.BotConfig{})
		same, err := other.PutUser(ana.Config())
		require.NoError(t, err)
		assert.Equal(t, ana.ID, same.ID)
		assert.Equal(t, want, same.Config())

		again, err := s.PutUser(tghooktest.UserConfig{Name: "Ana Sá"})
		require.NoError(t, err)
		assert.NotEqual(t, ana.ID, again.ID, "another user of that name")
		_, err = s.PutUser(tghooktest.UserConfig{Name: "Ben", Username: "ana_sa"})
		require.ErrorContains(t, err, `the username "ana_sa" is taken`)
		_, err = s.PutUser(tghooktest.UserConfig{Name: "Ben", ID: me.ID})
		require.ErrorContains(t, err, "is the id of the bot")
		_, err = s.PutUser(tghooktest.UserConfig{Name: "Ana Lima", Username: "ana_sa", Premium: true, ID: ana.ID})
		require.NoError(t, err, "her own username")
		m := ana.Chat().Send("hi")
		assert.Contains(t, string(m.Raw), `"first_name":"Ana","last_name":"Lima","username":"ana_sa","language_code":"en","is_premium":true`)
		assert.Contains(t, string(m.Raw), `"chat":{"id":`+strconv.FormatInt(ana.ID, 10)+`,"first_name":"Ana","last_name":"Lima"`)
		assert.False(t, ana.Blocked())
		ana.Block()
		assert.True(t, ana.Blocked())
		assert.Len(t, s.Users(), 2)
	})
}

func TestTheStateOfAPrivateChat(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		zoe := s.User("Zoë")
		chat, err := zoe.In(zoe.ID)
		require.NoError(t, err)
		id := strconv.FormatInt(chat.ID, 10)
		ok := func(method string, params ...string) {
			t.Helper()
			require.Contains(t, ask(t, s, method, append([]string{"chat_id", id}, params...)...), `"ok":true`)
		}
		assert.Equal(t, tghooktest.ChatState{
			Type: "private", Title: "Zoë", Status: "member", BotStatus: "member", CanSend: true, MenuButton: []byte(`{"type":"commands"}`), Commands: []tghooktest.Command{},
		}, chat.State())
		chat.Send("/start")
		ok("sendMessage", "text", "Choose", "reply_markup", `{"keyboard":[["Tea"]]}`)
		ok("pinChatMessage", "message_id", "2")
		ok("setChatMenuButton", "menu_button", `{"type":"web_app","text":"Open","web_app":{"url":"https://example.org"}}`)
		ok("setMyCommands", "commands", `[{"command":"go","description":"Go"}]`)
		ok("sendMessageDraft", "draft_id", "9", "text", "Once", "can_stop", "true")
		ok("sendChatAction", "action", "upload_photo")
		now := s.Now()
		state := chat.State()
		assert.JSONEq(t, `{"keyboard":[["Tea"]]}`, string(state.Keyboard))
		assert.Equal(t, []int64{2}, state.Pinned)
		assert.Contains(t, string(state.MenuButton), "https://example.org")
		assert.Equal(t, []tghooktest.Command{{Name: "go", Description: "Go"}}, state.Commands)
		require.Len(t, state.Drafts, 1)
		assert.Equal(t, int64(9), state.Drafts[0].ID)
		assert.Equal(t, "Once", state.Drafts[0].Text)
		assert.True(t, state.Drafts[0].CanStop)
		assert.Equal(t, 30*time.Second, state.Drafts[0].Until.Sub(now))
		assert.Equal(t, "upload_photo", state.Action)
		assert.Equal(t, 5*time.Second, state.ActionUntil.Sub(now))
		assert.Equal(t, int64(3), state.Last.ID)
		time.Sleep(5 * time.Second)
		assert.Empty(t, chat.State().Action)
		ok("sendChatAction", "action", "typing")
		ok("sendMessage", "text", "Done")
		assert.Empty(t, chat.State().Action, "the message ends it")
		assert.Empty(t, chat.State().Drafts)
		zoe.Block()
		state = chat.State()
		assert.True(t, state.Blocked)
		assert.False(t, state.CanSend)
	})
}

func TestTheStateOfGroupsAndChannels(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		zoe, ben := s.User("Zoë"), s.User("Ben")
		team := zoe.NewChat(tghooktest.ChatConfig{Type: "forum", Title: "Team", Username: "the_team", Members: []*tghooktest.User{ben}})
		kind, object := newest(t, s)
		assert.Equal(t, "message", kind)
		assert.Contains(t, string(object), `"new_chat_members":[{"id":`)
		state := team.State()
		assert.Equal(t, "supergroup", state.Type)
		assert.True(t, state.IsForum)
		assert.Equal(t, "the_team", state.Username)
		assert.Equal(t, "creator", state.Status)
		assert.Equal(t, "administrator", state.BotStatus)
		assert.Len(t, state.Members, 3)
		assert.Contains(t, state.Members, tghooktest.ChatMember{UserID: ben.ID, Name: "Ben", Status: "member"})

		topic := team.OpenTopic("One")
		topic.Send("in the topic")
		team.Send("in General")
		state = team.State()
		require.Len(t, state.Topics, 1)
		assert.Equal(t, "One", state.Topics[0].Name)
		again, err := team.Thread(state.Topics[0].ID)
		require.NoError(t, err)
		assert.Equal(t, "in the topic", again.State().Last.Text)
		assert.Equal(t, "in General", state.Last.Text)
		again.CloseTopic()
		assert.True(t, team.State().Topics[0].Closed)
		bens, err := ben.In(team.ID)
		require.NoError(t, err)
		benTopic, err := bens.Thread(state.Topics[0].ID)
		require.NoError(t, err)
		assert.False(t, benTopic.State().CanSend, "the topic is closed")
		assert.True(t, again.State().CanSend, "of its owner")
		assert.True(t, bens.State().CanSend)
		bens.Leave()
		assert.Equal(t, "left", bens.State().Status)
		assert.False(t, bens.State().CanSend)
		bens.AskToJoin()
		assert.True(t, bens.State().Asked)
		bens.Join()
		assert.Equal(t, "member", bens.State().Status)

		news := zoe.NewChat(tghooktest.ChatConfig{Type: "channel", Title: "News", Bot: tghooktest.BotMember})
		assert.Equal(t, "member", news.State().BotStatus)
		news.SetBot(tghooktest.BotAdministrator)
		reader, err := ben.In(news.ID)
		require.NoError(t, err)
		reader.Join()
		assert.False(t, reader.State().CanSend)
		assert.True(t, news.State().CanSend)
		assert.Empty(t, news.Messages(), "nobody writes about members of a channel")
		reader.Leave()
		assert.Empty(t, news.Messages())

		old := zoe.NewChat(tghooktest.ChatConfig{Type: "group", Title: "Team", Bot: tghooktest.BotRemoved})
		assert.Equal(t, "left", old.State().BotStatus)
		assert.NotEqual(t, old.ID, zoe.NewChat(tghooktest.ChatConfig{Type: "group", Title: "Team"}).ID, "titles may be the same")
		super := old.Upgrade()
		assert.Equal(t, super.ID, old.State().MovedTo)
		assert.Equal(t, "supergroup", super.State().Type)

		ids := make([]int64, 0, 6)
		for _, c := range ben.Chats() {
			ids = append(ids, c.ID)
		}
		assert.Equal(t, ben.ID, ids[0])
		assert.Len(t, ids, 6)
		for what, cfg := range map[string]tghooktest.ChatConfig{
			`"room" is not a kind of chat`:  {Type: "room", Title: "x"},
			"the title is empty":            {Type: "group", Title: " "},
			`the username "the_team"`:       {Type: "channel", Title: "x", Username: "the_team"},
			"a basic group has no username": {Type: "group", Title: "x", Username: "some_name"},
			"is not a username":             {Type: "channel", Title: "x", Username: "a b"},
		} {
			err := s.Try(func(_ testing.TB, s *tghooktest.Server) { s.User("Zoë").NewChat(cfg) })
			require.ErrorContains(t, err, what)
		}
	})
}

func TestTheHistoryOfAChatComesInPages(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		zoe := s.User("Zoë").Join(s.Group("Team"))
		ana := s.User("Ana").Join(s.Group("Team"))
		for n := range 10 {
			zoe.Send(strconv.Itoa(n)) // ids 3 to 12
		}
		page := func(before, after int64, limit int) (ids []int64, more bool) {
			posts, more := zoe.History(before, after, limit)
			for _, p := range posts {
				ids = append(ids, p.ID)
			}
			return ids, more
		}
		for _, one := range []struct {
			before, after int64
			limit         int
			want          []int64
			more          bool
		}{
			{0, 0, 3, []int64{10, 11, 12}, true},
			{10, 0, 3, []int64{7, 8, 9}, true},
			{3, 0, 5, []int64{1, 2}, false},
			{1, 0, 5, nil, false},
			{0, 4, 3, []int64{5, 6, 7}, true},
			{0, 9, 3, []int64{10, 11, 12}, false},
			{0, 12, 3, nil, false},
			{9, 6, 5, []int64{7, 8}, false},
			{6, 9, 5, nil, false},
			{0, 0, 0, nil, true},
			{0, 0, -1, nil, true},
			{99, 0, 2, []int64{11, 12}, true},
		} {
			ids, more := page(one.before, one.after, one.limit)
			assert.Equal(t, one.want, ids, one)
			assert.Equal(t, one.more, more, one)
		}

		m, err := zoe.Message(5)
		require.NoError(t, err)
		zoe.Edit(m, "edited")
		ana.React(m, "👍", "🔥")
		poll := zoe.SendPoll("Lunch?", "yes", "no")
		ana.Vote(poll, "no")
		id := strconv.FormatInt(zoe.ID, 10)
		require.Contains(t, ask(t, s, "sendMessage", "chat_id", id, "text", "bot"), "ok")
		require.Contains(t, ask(t, s, "deleteMessage", "chat_id", id, "message_id", "6"), "true")
		posts, _ := zoe.History(0, 4, 100)
		assert.True(t, posts[0].Edited)
		assert.Equal(t, "edited", posts[0].Text)
		by := s.User("Ana").ID
		assert.Equal(t, []tghooktest.Reaction{{UserID: by, Type: "emoji", Emoji: "👍"}, {UserID: by, Type: "emoji", Emoji: "🔥"}}, posts[0].Reactions)
		assert.True(t, posts[1].Deleted)
		assert.Equal(t, "3", posts[1].Text)
		assert.False(t, posts[1].Edited)
		last := posts[len(posts)-1]
		assert.True(t, last.FromBot)
		assert.Equal(t, s.Calls("sendMessage")[0].ID, last.CallID)
		assert.Zero(t, posts[0].CallID)
		voted := posts[len(posts)-2]
		assert.Equal(t, []tghooktest.Vote{{UserID: s.User("Ana").ID, Options: []int{1}}}, voted.Votes)
		assert.Equal(t, s.User("Zoë").ID, voted.AuthorID)
		_, err = zoe.Message(6)
		require.ErrorIs(t, err, tghooktest.ErrNoMessage)

		topic := s.User("Zoë").Join(s.Forum("Support")).OpenTopic("One")
		topic.Send("a")
		topic.Send("b")
		s.User("Zoë").Join(s.Forum("Support")).Send("elsewhere")
		posts, more := topic.History(0, 0, 2)
		assert.Equal(t, []string{"a", "b"}, []string{posts[0].Text, posts[1].Text})
		assert.True(t, more, "the message that began the topic")
	})
}

func TestFilesAreFoundByTheirIDs(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		chat := s.User("Zoë").Chat()
		m := chat.SendMedia(tghooktest.Media{Kind: "document", Name: "a.txt", Caption: "see @stand_in_bot", Content: []byte("hello")})
		f, err := s.File(text(t, fields(t, m.Raw)["document"], "file_id"))
		require.NoError(t, err)
		assert.Equal(t, tghooktest.File{Name: "a.txt", ContentType: "text/plain", Content: []byte("hello")}, f)
		assert.Contains(t, string(m.Raw), `"caption":"see @stand_in_bot","caption_entities":[{`)
		edited := chat.Edit(m, "seen")
		assert.Equal(t, "seen", edited.Text)
		require.NoError(t, s.Bot(t).Call(t.Context(), "sendPhoto", params{"chat_id": chat.ID, "photo": "https://example.org/a.jpg"}, nil))
		var sizes []json.RawMessage
		require.NoError(t, json.Unmarshal(fields(t, s.Calls("sendPhoto")[0].Result)["photo"], &sizes))
		f, err = s.File(text(t, sizes[0], "file_id"))
		require.NoError(t, err)
		assert.Equal(t, "image/jpeg", f.ContentType)
		assert.NotEmpty(t, f.Content)
	})
}

func TestWhatIsSentReplyingToAMessageReplies(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		chat := s.User("Zoë").Chat()
		first := chat.Send("first")
		there := chat.ReplyingTo(first)
		album := there.SendMediaGroup(
			tghooktest.Media{Kind: "photo", Caption: "one", Content: []byte("1")}, tghooktest.Media{Kind: "video", Duration: 3 * time.Second, Content: []byte("2")},
		)
		assert.Contains(t, string(album[1].Raw), `"duration":3`)
		assert.Equal(t, "one", album[0].Text)
		assert.Equal(t, text(t, album[0].Raw, "media_group_id"), text(t, album[1].Raw, "media_group_id"))
		for _, m := range append(album, there.SendDice(""), there.SendMedia(tghooktest.Media{Kind: "voice", Caption: "v", Content: []byte("ogg")})) {
			assert.Contains(t, string(fields(t, m.Raw)["reply_to_message"]), `"text":"first"`)
		}
		assert.NotContains(t, string(chat.Send("last").Raw), "reply_to_message")
		chat.Delete(first)
		for what, act := range map[string]func(c *tghooktest.Chat){
			"there is no message":        func(c *tghooktest.Chat) { c.ReplyingTo(first) },
			"is not a kind of file":      func(c *tghooktest.Chat) { c.SendMedia(tghooktest.Media{Kind: "thumbnail", Content: []byte("x")}) },
			"the file is empty":          func(c *tghooktest.Chat) { c.SendMedia(tghooktest.Media{Kind: "photo"}) },
			"an album has 2 to 10 files": func(c *tghooktest.Chat) { c.SendMediaGroup(tghooktest.Media{Kind: "photo", Content: []byte("x")}) },
			"together with document": func(c *tghooktest.Chat) {
				c.SendMediaGroup(tghooktest.Media{Kind: "photo", Content: []byte("x")}, tghooktest.Media{Kind: "document", Content: []byte("x")})
			},
		} {
			err := s.Try(func(_ testing.TB, s *tghooktest.Server) { act(s.User("Zoë").Chat()) })
			require.ErrorContains(t, err, what)
		}
		topic := s.User("Zoë").Join(s.Forum("Support")).OpenTopic("One")
		asked := topic.Send("asked")
		answer := topic.ReplyingTo(asked).Send("answered")
		assert.Contains(t, string(answer.Raw), `"text":"asked"`)
		assert.Equal(t, "answered", topic.Messages()[2].Text, "the reply is in the topic")
	})
}

func TestButtonsSayWhatTheyDo(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		chat := s.User("Zoë").Chat()
		chat.Send("/start")
		id := strconv.FormatInt(chat.ID, 10)
		const markup = `{"inline_keyboard":[[{"text":"A","callback_data":"a"},{"text":"A","callback_data":"b"}],[{"text":"U","url":"https://example.org/"},
			{"text":"W","web_app":{"url":"https://example.org/app"}},{"text":"C","copy_text":{"text":"code"}},{"text":"L","login_url":{"url":"https://example.org/login"}},
			{"text":"S","switch_inline_query":"q"},{"text":"H","switch_inline_query_current_chat":"h"},{"text":"O","switch_inline_query_chosen_chat":{"query":"o"}}]]}`
		require.Contains(t, ask(t, s, "sendMessage", "chat_id", id, "text", "a", "reply_markup", markup), `"ok":true`)
		m := chat.Expect(t, "a")
		rows := m.Buttons()
		all := make([]string, 0, len(rows[1]))
		for _, b := range rows[1] {
			all = append(all, b.Text+" "+string(b.Action)+" "+b.Value)
			if _, err := b.Press(); err == nil {
				t.Errorf("%s made an update", b.Text)
			}
		}
		assert.Equal(t, []string{
			"U url https://example.org/", "W web_app https://example.org/app", "C copy_text code", "L login_url https://example.org/login",
			"S switch_inline_query q", "H switch_inline_query_current_chat h", "O switch_inline_query_chosen_chat o",
		}, all)
		press, err := rows[0][1].Press()
		require.NoError(t, err)
		_, object := newest(t, s)
		assert.Equal(t, "b", text(t, object, "data"), "the second of two buttons with one text")
		require.Contains(t, ask(t, s, "answerCallbackQuery", "callback_query_id", text(t, object, "id"), "url", "https://t.me/x"), "true")
		answer, err := press.Answer(t.Context())
		require.NoError(t, err)
		assert.Equal(t, tghooktest.CallbackAnswer{URL: "https://t.me/x"}, answer)

		require.Contains(t, ask(t, s, "editMessageReplyMarkup", "chat_id", id, "message_id", strconv.FormatInt(m.ID, 10), "reply_markup", `{"inline_keyboard":[[{"text":"A","callback_data":"c"}]]}`), `"ok":true`)
		_, err = rows[0][0].Press()
		require.ErrorIs(t, err, tghooktest.ErrNoButton, "another button is there now")
		_, err = rows[0][1].Press()
		require.ErrorIs(t, err, tghooktest.ErrNoButton)
		_, err = tghooktest.Button{}.Press()
		require.ErrorIs(t, err, tghooktest.ErrNoButton)
		require.Contains(t, ask(t, s, "deleteMessage", "chat_id", id, "message_id", strconv.FormatInt(m.ID, 10)), "true")
		_, err = rows[0][0].Press()
		require.ErrorIs(t, err, tghooktest.ErrNoMessage)
		assert.Empty(t, m.Buttons())
	})
}

// A recorded update can be played again, also with changes.
func TestAnUpdateCanBeDeliveredAgain(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		chat := s.User("Zoë").Chat()
		chat.Send("/start")
		require.Contains(t, ask(t, s, "sendMessage", "chat_id", strconv.FormatInt(chat.ID, 10), "text", "a", "reply_markup", `{"inline_keyboard":[[{"text":"A","callback_data":"a"}]]}`), `"ok":true`)
		chat.Press("A")
		kind, object := newest(t, s)
		query := text(t, object, "id")
		answer := func() string { return ask(t, s, "answerCallbackQuery", "callback_query_id", query) }
		require.Contains(t, answer(), "true")
		time.Sleep(time.Hour)
		require.Contains(t, answer(), "query is too old")
		body := []byte(`{"update_id":5,"` + kind + `":` + string(object) + `}`)
		first := deliver(t, s, body)
		assert.NotEqual(t, int64(5), first, "an id that was given out")
		assert.Greater(t, deliver(t, s, body), first)
		_, again := newest(t, s)
		assert.JSONEq(t, string(object), string(again))
		require.Contains(t, answer(), "true", "the query can be answered again")
		deliver(t, s, []byte(`{"message":{"message_id":1,"date":1,"from":{"id":`+strconv.FormatInt(chat.ID, 10)+`,"is_bot":false,"first_name":"Zoë"},"chat":{"id":`+strconv.FormatInt(chat.ID, 10)+`,"type":"private"},"text":"changed"}}`))
		_, object = newest(t, s)
		assert.Equal(t, "changed", text(t, object, "text"))
		assert.Equal(t, "/start", chat.Messages()[0].Text, "what the user wrote stays")
	})
}
