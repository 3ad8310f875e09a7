package world

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// told records the updates that a World has emitted: the kind, a space, and the object.
type told struct {
	mu  sync.Mutex
	all []string
}

// take returns the updates since the last take.
func (o *told) take() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := o.all
	o.all = nil
	return all
}

// peopled returns a World at a fixed time, and the record of its updates.
func peopled() (*World, *told) {
	o := &told{}
	return New(Config{
		Now:  func() time.Time { return time.Unix(1795000000, 0) },
		Seed: 7, BotID: 6100200300, Username: "sample_bot",
		Emit: func(kind string, object []byte) bool {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.all = append(o.all, kind+" "+string(object))
			return true
		},
		After: func(time.Duration, func()) {},
	}), o
}

// with replaces the names of users and chats in text by their objects.
func with(u *User, c *Chat, text string) string {
	r := strings.NewReplacer(
		"BOT", `{"id":6100200300,"is_bot":true,"first_name":"Stand-in Bot","username":"sample_bot"}`,
		"ZOE", fmt.Sprintf(`{"id":%d,"is_bot":false,"first_name":"Zoë","last_name":"Núñez","language_code":"en"}`, u.ID),
		"PRIVATE", fmt.Sprintf(`{"id":%d,"first_name":"Zoë","last_name":"Núñez","type":"private"}`, u.ID),
		"GROUP", fmt.Sprintf(`{"id":%d,"title":"Team","type":"supergroup"}`, c.ID),
	)
	return r.Replace(text)
}

func TestUpdatesOfUsersReadAsTelegramsDo(t *testing.T) {
	t.Parallel()
	w, o := peopled()
	zoe, team := w.User("Zoë Núñez"), w.Group("Team")
	expect := func(want ...string) {
		t.Helper()
		for i := range want {
			want[i] = with(zoe, team, want[i])
		}
		assert.Equal(t, want, o.take())
	}

	hi, err := w.Send(zoe.ID, zoe.ID, 0, " /start hi ")
	require.NoError(t, err)
	expect(`message {"message_id":1,"from":ZOE,"chat":PRIVATE,"date":1795000000,"text":"/start hi","entities":[{"offset":0,"length":6,"type":"bot_command"}]}`)

	_, err = w.Send(zoe.ID, zoe.ID, hi.ID, "and <more>")
	require.NoError(t, err)
	expect(`message {"message_id":2,"from":ZOE,"chat":PRIVATE,"date":1795000000,"reply_to_message":{"message_id":1,"from":ZOE,"chat":PRIVATE,"date":1795000000,` +
		`"text":"/start hi","entities":[{"offset":0,"length":6,"type":"bot_command"}]},"text":"and <more>"}`)

	_, err = w.Edit(zoe.ID, zoe.ID, hi.ID, "hi")
	require.NoError(t, err)
	expect(`edited_message {"message_id":1,"from":ZOE,"chat":PRIVATE,"date":1795000000,"edit_date":1795000000,"text":"hi"}`)

	require.NoError(t, w.React(zoe.ID, zoe.ID, hi.ID, "🔥"))
	require.NoError(t, w.React(zoe.ID, zoe.ID, hi.ID, "🔥"), "which makes nothing")
	require.NoError(t, w.React(zoe.ID, zoe.ID, hi.ID))
	expect(
		`message_reaction {"chat":PRIVATE,"message_id":1,"user":ZOE,"date":1795000000,"old_reaction":[],"new_reaction":[{"type":"emoji","emoji":"🔥"}]}`,
		`message_reaction {"chat":PRIVATE,"message_id":1,"user":ZOE,"date":1795000000,"old_reaction":[{"type":"emoji","emoji":"🔥"}],"new_reaction":[]}`)

	_, err = w.SendLocation(zoe.ID, zoe.ID, 38.57, -7.9)
	require.NoError(t, err)
	expect(`message {"message_id":3,"from":ZOE,"chat":PRIVATE,"date":1795000000,"location":{"latitude":38.57,"longitude":-7.9}}`)

	_, err = w.SendContact(zoe.ID, zoe.ID, "+351000")
	require.NoError(t, err)
	expect(fmt.Sprintf(`message {"message_id":4,"from":ZOE,"chat":PRIVATE,"date":1795000000,`+
		`"contact":{"phone_number":"+351000","first_name":"Zoë","last_name":"Núñez","user_id":%d}}`, zoe.ID))

	w.Block(zoe.ID, true)
	w.Block(zoe.ID, true)
	w.Block(zoe.ID, false)
	expect(
		`my_chat_member {"chat":PRIVATE,"from":ZOE,"date":1795000000,"old_chat_member":{"user":BOT,"status":"member"},"new_chat_member":{"user":BOT,"status":"kicked","until_date":0}}`,
		`my_chat_member {"chat":PRIVATE,"from":ZOE,"date":1795000000,"old_chat_member":{"user":BOT,"status":"kicked","until_date":0},"new_chat_member":{"user":BOT,"status":"member"}}`)

	id := w.Inline(zoe.ID, "weather")
	expect(`inline_query {"id":"` + id + `","from":ZOE,"chat_type":"sender","query":"weather","offset":""}`)

	require.NoError(t, w.Join(zoe.ID, team.ID))
	require.NoError(t, w.Join(zoe.ID, team.ID), "which makes nothing")
	expect(
		`chat_member {"chat":GROUP,"from":ZOE,"date":1795000000,"old_chat_member":{"user":ZOE,"status":"left"},"new_chat_member":{"user":ZOE,"status":"member"}}`,
		`message {"message_id":1,"from":ZOE,"chat":GROUP,"date":1795000000,"new_chat_participant":ZOE,"new_chat_member":ZOE,"new_chat_members":[ZOE]}`)

	require.NoError(t, w.Leave(zoe.ID, team.ID))
	expect(
		`chat_member {"chat":GROUP,"from":ZOE,"date":1795000000,"old_chat_member":{"user":ZOE,"status":"member"},"new_chat_member":{"user":ZOE,"status":"left"}}`,
		`message {"message_id":2,"from":ZOE,"chat":GROUP,"date":1795000000,"left_chat_participant":ZOE,"left_chat_member":ZOE}`)
}

// speak makes the bot send a message, as its methods do.
func speak(w *World, chat int64, m *Message) *Message {
	w.mu.Lock()
	defer w.mu.Unlock()
	m.From = w.bot
	w.add(w.chats[chat], m)
	w.say(m)
	return m
}

func TestAPressMakesACallbackQueryThatHasTheMessage(t *testing.T) {
	t.Parallel()
	w, o := peopled()
	zoe, team := w.User("Zoë Núñez"), w.Group("Team")
	require.NoError(t, w.Join(zoe.ID, team.ID))
	o.take()
	old := speak(w, team.ID, &Message{Content: Content{Text: "Old?"}, ReplyMarkup: &InlineKeyboard{Rows: [][]Button{{{Text: "Yes", CallbackData: "old"}}}}})
	speak(w, team.ID, &Message{Content: Content{Text: "Ship it?"}, ReplyMarkup: &InlineKeyboard{Rows: [][]Button{
		{{Text: "Docs", URL: "https://example.org"}}, {{Text: "Yes", CallbackData: "ship:yes"}, {Text: "No", CallbackData: "ship:no"}},
	}}})

	id, err := w.Press(zoe.ID, team.ID, 0, "Yes")
	require.NoError(t, err)
	instance := strconv.FormatInt(int64(w.draw("chat_instance", team.ID)), 10)
	assert.Equal(t, []string{with(zoe, team, `callback_query {"id":"`+id+`","from":ZOE,"message":{"message_id":3,"from":BOT,"chat":GROUP,"date":1795000000,"text":"Ship it?",`+
		`"reply_markup":{"inline_keyboard":[[{"text":"Docs","url":"https://example.org"}],[{"text":"Yes","callback_data":"ship:yes"},{"text":"No","callback_data":"ship:no"}]]}},`+
		`"chat_instance":"`+instance+`","data":"ship:yes"}`)}, o.take())
	assert.Equal(t, "ship:yes", w.Query(id).Data)

	second, err := w.Press(zoe.ID, team.ID, old.ID, "Yes")
	require.NoError(t, err)
	assert.NotEqual(t, id, second)
	assert.Equal(t, "old", w.Query(second).Data)

	_, err = w.Press(zoe.ID, team.ID, 0, "Maybe")
	require.ErrorIs(t, err, ErrNoButton)
	require.EqualError(t, err, `there is no button "Maybe" to press; the buttons are: "Docs", "Yes", "No", "Yes"`)
	_, err = w.Press(zoe.ID, team.ID, old.ID, "No")
	require.EqualError(t, err, `there is no button "No" to press; the buttons are: "Yes"`)
	old.deleted = true
	_, err = w.Press(zoe.ID, team.ID, 0, "Maybe")
	require.EqualError(t, err, `there is no button "Maybe" to press; the buttons are: "Docs", "Yes", "No"`)
	_, err = w.Press(zoe.ID, team.ID, 0, "Docs")
	require.EqualError(t, err, `the button "Docs" makes no update when it is pressed; see what it does in the message's Raw`)
	o.take()

	speak(w, team.ID, &Message{
		Content:     Content{Game: []byte(`{"title":"pong","description":"","photo":[]}`)},
		ReplyMarkup: &InlineKeyboard{Rows: [][]Button{{{Text: "Play", CallbackGame: []byte("{}")}}}},
	})
	_, err = w.Press(zoe.ID, team.ID, 0, "Play")
	require.NoError(t, err)
	assert.Contains(t, o.take()[0], `"chat_instance":"`+instance+`","game_short_name":"pong"}`)
}

func TestAKeyOfTheBotsKeyboardSendsItsText(t *testing.T) {
	t.Parallel()
	w, o := peopled()
	zoe, team := w.User("Zoë Núñez"), w.Group("Team")
	w.chats[zoe.ID].keyboards[zoe.ID] = []byte(`{"keyboard":[["/help",{"text":"Later"}],["Phone"]],"one_time_keyboard":true}`)

	_, err := w.Press(zoe.ID, zoe.ID, 0, "Never")
	require.EqualError(t, err, `there is no button "Never" to press; the buttons are: "/help", "Later", "Phone"`)

	id, err := w.Press(zoe.ID, zoe.ID, 0, "/help")
	require.NoError(t, err)
	assert.Empty(t, id)
	assert.Equal(t, []string{with(zoe, team,
		`message {"message_id":1,"from":ZOE,"chat":PRIVATE,"date":1795000000,"text":"/help","entities":[{"offset":0,"length":5,"type":"bot_command"}]}`)}, o.take())

	_, err = w.Press(zoe.ID, zoe.ID, 0, "Later")
	assert.EqualError(t, err, `there is no button "Later" to press; the buttons are: none`, "it was for one time")
}

func TestAVoteMovesTheCounts(t *testing.T) {
	t.Parallel()
	w, o := peopled()
	zoe, team := w.User("Zoë Núñez"), w.Group("Team")
	poll := func(id string, anonymous bool) *Message {
		return speak(w, zoe.ID, &Message{Content: Content{Poll: &Poll{
			ID: id, Question: "Lunch?", Options: []PollOption{{ID: "a", Text: "Pho"}, {ID: "b", Text: "Bacalhau"}}, IsAnonymous: anonymous, Type: "regular", Revoting: true,
		}}})
	}
	open := poll("540", false)
	before := open.Poll
	require.NoError(t, w.Vote(zoe.ID, zoe.ID, open.ID, "Bacalhau"))
	assert.Equal(t, 0, before.Options[1].Voters, "a copy stays as it was")
	require.NoError(t, w.Vote(zoe.ID, zoe.ID, open.ID, "Bacalhau", "Bacalhau"), "which makes nothing")
	require.NoError(t, w.Vote(zoe.ID, zoe.ID, open.ID))
	assert.Equal(t, []string{
		`poll {"id":"540","question":"Lunch?","options":[{"persistent_id":"a","text":"Pho","voter_count":0},{"persistent_id":"b","text":"Bacalhau","voter_count":1}],` +
			`"total_voter_count":1,"is_closed":false,"is_anonymous":false,"type":"regular","allows_multiple_answers":false,"allows_revoting":true,"members_only":false}`,
		with(zoe, team, `poll_answer {"poll_id":"540","user":ZOE,"option_ids":[1],"option_persistent_ids":["b"]}`),
		`poll {"id":"540","question":"Lunch?","options":[{"persistent_id":"a","text":"Pho","voter_count":0},{"persistent_id":"b","text":"Bacalhau","voter_count":0}],` +
			`"total_voter_count":0,"is_closed":false,"is_anonymous":false,"type":"regular","allows_multiple_answers":false,"allows_revoting":true,"members_only":false}`,
		with(zoe, team, `poll_answer {"poll_id":"540","user":ZOE,"option_ids":[],"option_persistent_ids":[]}`),
	}, o.take())

	secret := poll("541", true)
	require.NoError(t, w.Vote(zoe.ID, zoe.ID, secret.ID, "Pho"))
	assert.Len(t, o.take(), 1, "of an anonymous poll nobody is told who voted")

	require.EqualError(t, w.Vote(zoe.ID, zoe.ID, open.ID, "Tofu"), `the poll "Lunch?" has no option "Tofu"; the options are: "Pho", "Bacalhau"`)
	require.EqualError(t, w.Vote(zoe.ID, zoe.ID, open.ID, "Pho", "Bacalhau"), `the poll "Lunch?" takes one answer, not 2`)
	require.EqualError(t, w.Vote(zoe.ID, zoe.ID, 77, "Pho"), "message 77 has no poll to vote in")
	w.setPoll(&Poll{ID: "541", Question: "Lunch?", IsClosed: true})
	require.EqualError(t, w.Vote(zoe.ID, zoe.ID, secret.ID, "Pho"), `the poll "Lunch?" is closed; vote before the bot stops it`)
}

func TestAChosenResultIsSentByWayOfTheBot(t *testing.T) {
	t.Parallel()
	w, o := peopled()
	zoe, team := w.User("Zoë Núñez"), w.Group("Team")
	id := w.Inline(zoe.ID, "weather")
	o.take()
	_, err := w.Choose(zoe.ID, id, 0)
	require.EqualError(t, err, `the inline query "weather" has 0 results, so there is no result at index 0`)
	w.queries[id].Results = []byte(`[{"type":"article","id":"sp-1","title":"Évora","input_message_content":{"message_text":"Sunny"}},` +
		`{"type":"article","id":"sp-2","title":"Évora","input_message_content":{"message_text":"Sunny"},"reply_markup":{"inline_keyboard":[[{"text":"More","callback_data":"m"}]]}}]`)

	m, err := w.Choose(zoe.ID, id, 0)
	require.NoError(t, err)
	assert.Equal(t, "Sunny", m.Text)
	assert.Equal(t, []string{
		with(zoe, team, `chosen_inline_result {"from":ZOE,"query":"weather","result_id":"sp-1"}`),
		with(zoe, team, `message {"message_id":1,"from":ZOE,"chat":PRIVATE,"date":1795000000,"text":"Sunny","via_bot":BOT}`),
	}, o.take())

	_, err = w.Choose(zoe.ID, id, 1)
	require.NoError(t, err)
	inline := w.chats[zoe.ID].message(2).inlineID
	require.NotEmpty(t, inline)
	assert.Equal(t, with(zoe, team, `chosen_inline_result {"from":ZOE,"inline_message_id":"`+inline+`","query":"weather","result_id":"sp-2"}`), o.take()[0])

	query, err := w.Press(zoe.ID, zoe.ID, 2, "More")
	require.NoError(t, err)
	instance := strconv.FormatInt(int64(w.draw("chat_instance", zoe.ID)), 10)
	assert.Equal(t, []string{with(zoe, team,
		`callback_query {"id":"`+query+`","from":ZOE,"inline_message_id":"`+inline+`","chat_instance":"`+instance+`","data":"m"}`)}, o.take())
	assert.Equal(t, inline, w.Query(query).InlineID)
	_, err = w.Edit(zoe.ID, zoe.ID, 2, "Rain")
	assert.EqualError(t, err, "message 2 was not written by Zoë Núñez; users can edit their own messages only")
}

func TestAnAlbumIsMessagesOfOneGroup(t *testing.T) {
	t.Parallel()
	w, o := peopled()
	zoe := w.User("Zoë")
	album, err := w.SendAlbum(zoe.ID, zoe.ID, []byte("one"), []byte("two"), []byte("three"))
	require.NoError(t, err)
	require.Len(t, album, 3)
	groups, files := map[string]bool{}, map[string]bool{}
	for i, told := range o.take() {
		object, message := strings.CutPrefix(told, "message ")
		require.True(t, message)
		assert.JSONEq(t, object, string(album[i].JSON))
		var m Message
		require.NoError(t, json.Unmarshal([]byte(object), &m))
		assert.EqualValues(t, i+1, m.ID)
		groups[m.AlbumID], files[m.Photo[0].ID] = true, true
	}
	assert.Len(t, groups, 1)
	assert.NotContains(t, groups, "")
	assert.Len(t, files, 3)
	_, err = w.SendAlbum(zoe.ID, zoe.ID, []byte("one"))
	assert.EqualError(t, err, "an album has 2 to 10 pictures, not 1")
}

func TestPhotosAndDocumentsAreSent(t *testing.T) {
	t.Parallel()
	w, _ := peopled()
	zoe := w.User("Zoë")
	photo, err := w.SendPhoto(zoe.ID, zoe.ID, "see #évora", []byte("\xff\xd8"))
	require.NoError(t, err)
	assert.Equal(t, "see #évora", photo.Text)
	assert.Contains(t, string(photo.JSON), `"caption":"see #évora","caption_entities":[{"offset":4,"length":6,"type":"hashtag"}]`)
	edited, err := w.Edit(zoe.ID, zoe.ID, photo.ID, "see it")
	require.NoError(t, err)
	assert.Equal(t, "see it", edited.Text)
	assert.NotContains(t, string(edited.JSON), "caption_entities")

	document, err := w.SendDocument(zoe.ID, zoe.ID, "notes.html", []byte("<p>"))
	require.NoError(t, err)
	assert.Contains(t, string(document.JSON), `"document":{"file_name":"notes.html","mime_type":"text/html"`)
}

func TestWhatTheBotSaidIsTakenOnceAndAsItWas(t *testing.T) {
	t.Parallel()
	w, _ := peopled()
	zoe := w.User("Zoë")
	m := speak(w, zoe.ID, &Message{Content: Content{Text: "Working"}})
	w.mu.Lock()
	m.Text, m.EditDate = "Done", 1795000001
	w.say(m)
	m.deleted = true
	w.mu.Unlock()
	speak(w, zoe.ID, &Message{Content: Content{Text: "Done"}})

	first, ok := w.Take(zoe.ID, "Done")
	require.True(t, ok)
	assert.EqualValues(t, 1, first.ID)
	working, ok := w.Take(zoe.ID, "Working")
	require.True(t, ok)
	assert.Contains(t, string(working.JSON), `"text":"Working"`)
	second, ok := w.Take(zoe.ID, "Done")
	require.True(t, ok)
	assert.EqualValues(t, 2, second.ID)
	_, ok = w.Take(zoe.ID, "Done")
	assert.False(t, ok)
	assert.Equal(t, []Said{{"Working", false, true}, {"Done", true, true}, {"Done", false, true}}, w.Said(zoe.ID))

	seen := w.Messages(zoe.ID)
	require.Len(t, seen, 1, "the deleted one is not to be seen")
	assert.True(t, seen[0].Bot)
}

func TestUsersAreToldWhatTheyCannotDo(t *testing.T) {
	t.Parallel()
	w, o := peopled()
	zoe, other, team := w.User("Zoë"), w.User("Max"), w.Group("Team")
	require.NoError(t, w.Join(other.ID, team.ID))
	hi, err := w.Send(other.ID, team.ID, 0, "hi")
	require.NoError(t, err)
	bot := speak(w, zoe.ID, &Message{Content: Content{Text: "hello"}})
	o.take()

	for _, c := range []struct {
		want string
		act  func() error
	}{
		{"the text is empty; Telegram does not send an empty message", func() error { _, err := w.Send(zoe.ID, zoe.ID, 0, " "); return err }},
		{"the text has 4098 characters; a message has at most 4096", func() error {
			_, err := w.Send(zoe.ID, zoe.ID, 0, strings.Repeat("🚀", 2049))
			return err
		}},
		{"there is no message 7 to reply to", func() error { _, err := w.Send(zoe.ID, zoe.ID, 7, "hi"); return err }},
		{"there is no message 7 to edit", func() error { _, err := w.Edit(zoe.ID, zoe.ID, 7, "hi"); return err }},
		{"there is no message 7 to react to", func() error { return w.React(zoe.ID, zoe.ID, 7, "👍") }},
		{`"🪩" is not a reaction; the reactions are ` + strings.Join(reactions, " "), func() error { return w.React(zoe.ID, zoe.ID, bot.ID, "🪩") }},
		{"message 1 was not written by Zoë; users can edit their own messages only", func() error { _, err := w.Edit(zoe.ID, zoe.ID, bot.ID, "hi"); return err }},
		{"message 1 has neither text nor caption to edit", func() error { _, err := w.Edit(other.ID, team.ID, 1, "hi"); return err }},
		{`message 2 already reads "hi"; edit it to another text`, func() error { _, err := w.Edit(other.ID, team.ID, hi.ID, "hi"); return err }},
		{`Zoë is not in the group "Team"; call Join first`, func() error { _, err := w.Send(zoe.ID, team.ID, 0, "hi"); return err }},
		{`Zoë is not in the group "Team"; call Join first`, func() error { return w.Leave(zoe.ID, team.ID) }},
		{`Zoë is not in the group "Team"; call Join first`, func() error { return w.React(zoe.ID, team.ID, hi.ID, "👍") }},
		{"Zoë has blocked the bot and cannot act in their chat with it; call Unblock first", func() error {
			w.Block(zoe.ID, true)
			o.take()
			_, err := w.Send(zoe.ID, zoe.ID, 0, "hi")
			return err
		}},
		{`Max may not send text messages to the group "Team", because the bot has forbidden it; have the bot call restrictChatMember or setChatPermissions first`, func() error {
			*w.chats[team.ID].members[other.ID] = Member{User: other, Status: "restricted", rights: []byte(`{"can_send_messages":false}`)}
			_, err := w.Send(other.ID, team.ID, 0, "hi")
			return err
		}},
		{`Max cannot join the group "Team", because the bot has banned them; have the bot call unbanChatMember first`, func() error {
			w.chats[team.ID].members[other.ID].Status = "kicked"
			return w.Join(other.ID, team.ID)
		}},
		{`Max is not in the group "Team", because the bot has banned them`, func() error { _, err := w.Send(other.ID, team.ID, 0, "hi"); return err }},
	} {
		require.EqualError(t, c.act(), c.want)
	}
	assert.Empty(t, o.take(), "the bot hears of none of it")
}

func TestEachActIsAChange(t *testing.T) {
	t.Parallel()
	w, _ := peopled()
	zoe, team := w.User("Zoë"), w.Group("Team")
	require.NoError(t, w.Join(zoe.ID, team.ID))
	hi, err := w.Send(zoe.ID, team.ID, 0, "hi")
	require.NoError(t, err)
	asked := speak(w, team.ID, &Message{
		Content:     Content{Poll: &Poll{ID: "540", Options: []PollOption{{Text: "Pho"}}, Type: "regular"}},
		ReplyMarkup: &InlineKeyboard{Rows: [][]Button{{{Text: "Yes", CallbackData: "y"}}}},
	})
	for name, act := range map[string]func() error{
		"send":  func() error { _, err := w.Send(zoe.ID, team.ID, 0, "hi"); return err },
		"edit":  func() error { _, err := w.Edit(zoe.ID, team.ID, hi.ID, "hello"); return err },
		"react": func() error { return w.React(zoe.ID, team.ID, hi.ID, "👍") },
		"vote":  func() error { return w.Vote(zoe.ID, team.ID, asked.ID, "Pho") },
		"press": func() error { _, err := w.Press(zoe.ID, team.ID, 0, "Yes"); return err },
		"ask":   func() error { w.Inline(zoe.ID, "weather"); return nil },
		"block": func() error { w.Block(zoe.ID, true); return nil },
		"say": func() error {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.say(asked)
			return nil
		},
	} {
		changed := w.Changed()
		require.NoError(t, act(), name)
		select {
		case <-changed:
		default:
			assert.Fail(t, "nobody is told of it", name)
		}
	}
}

func TestABotThatLeftTheGroupHearsNothing(t *testing.T) {
	t.Parallel()
	w, o := peopled()
	zoe, team := w.User("Zoë"), w.Group("Team")
	require.NoError(t, w.Join(zoe.ID, team.ID))
	o.take()
	w.chats[team.ID].members[w.bot.ID].Status = "left"
	_, err := w.Send(zoe.ID, team.ID, 0, "anyone?")
	require.NoError(t, err)
	assert.Empty(t, o.take())
}

func TestTheSameNameIsTheSameUserInEachRun(t *testing.T) {
	t.Parallel()
	w, _ := peopled()
	again, _ := peopled()
	ids := map[int64]string{}
	for i := range 300 {
		name := fmt.Sprint("User ", i)
		u := w.User(name)
		assert.Same(t, u, w.User(" "+name+" "))
		assert.Equal(t, u.ID, again.User(name).ID)
		assert.Greater(t, u.ID, int64(1)<<32, "more than fits 32 bits")
		assert.Empty(t, ids[u.ID])
		ids[u.ID] = name
	}
	team := w.Group("Team")
	assert.Same(t, team, w.Group("Team"))
	assert.NotEqual(t, team.ID, w.Group("Other").ID)
	assert.True(t, strings.HasPrefix(strconv.FormatInt(team.ID, 10), "-100"))
	w.chats[team.ID].Title = "Renamed"
	assert.Same(t, team, w.Group("Team"))
}

func TestUsersActAtOnce(t *testing.T) {
	t.Parallel()
	w, o := peopled()
	team := w.Group("Team")
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			u := w.User(fmt.Sprint("User ", i))
			err := w.Join(u.ID, team.ID)
			for range 20 {
				m, sent := w.Send(u.ID, team.ID, 0, "hi")
				err = errors.Join(err, sent, w.React(u.ID, team.ID, m.ID, "👍"))
				speak(w, team.ID, &Message{Content: Content{Text: "hello"}})
				_, said := w.Take(team.ID, "hello")
				assert.True(t, said)
			}
			assert.NoError(t, err)
		})
	}
	all.Wait()
	assert.Len(t, o.take(), 20*2+20*20*2)
	last := int64(0)
	for _, m := range w.Messages(team.ID) {
		assert.Equal(t, last+1, m.ID)
		last = m.ID
	}
	assert.EqualValues(t, 20+20*20*2, last)
}
