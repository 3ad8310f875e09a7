package world

import (
	"encoding/json"
	"maps"
	"math"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
	"github.com/tghook/tghook/tghooktest/internal/spec"
)

// hostile are values that a parameter may have by a mistake of the bot.
var hostile = []string{
	"", "null", "0", "-1", "-9223372036854775808", "9223372036854775807", "1152921504606846976", "99999999999999999999", "NaN", "-Inf", "1e999", "true", "@", "\xff\x00",
	"{", "[", "{}", "[]", "[null]", "[[null]]", "[{}]", `{"type":null}`, `[{"type":"photo","media":{}}]`, `"x"`, "attach://", "attach://upload", "https://example.org/a.png",
	`[{"offset":-1,"length":99999,"type":"bold"},{"offset":3,"length":99999,"type":"bold"}]`, strings.Repeat("x", 40_000),
}

// usual are values with which a call gets past the first checks.
var usual = map[string]string{
	"text": "hi", "photo": "https://example.org/a.png", "document": "attach://upload", "latitude": "1", "longitude": "2", "title": "t", "name": "set_by_sample_bot", "question": "q",
	"options": `["a","b"]`, "emoji": "🎲", "media": `[{"type":"photo","media":"https://example.org/a.png"},{"type":"photo","media":"https://example.org/b.png"}]`,
	"prices": `[{"label":"x","amount":5}]`, "currency": "XTR", "payload": "x", "phone_number": "1", "first_name": "A", "game_short_name": "pong", "action": "typing",
	"checklist": `{"title":"x","tasks":[{"id":1,"text":"t"}]}`, "png_sticker": "attach://upload", "emojis": "😀", "contains_masks": "true", "user_id": "ZOE", "from_chat_id": "TEAM",
	"permissions": `{}`, "score": "3", "commands": `[{"command":"a","description":"b"}]`, "reaction": `[{"type":"emoji","emoji":"👍"}]`, "until_date": "1", "custom_title": "x",
	"results": "[]", "result": `{"type":"article","id":"1","title":"x","message_text":"y"}`, "errors": "[]", "emoji_list": `["😀"]`, "star_count": "1",
}

// town is a stage with a chat of each kind. In each of them Zoë is a member and has sent
// message 3, if its ids allow that.
func town(t *testing.T) (s *stage, places map[string]map[string]string) {
	t.Helper()
	s = set(t)
	s.cfg.After = func(time.Duration, func()) {}
	zoe := s.zoe.ID
	id := func(n int64) string { return strconv.FormatInt(n, 10) }
	forum, channel, basic := s.Forum("Support"), s.Channel("News"), s.BasicGroup("Old")
	for _, c := range []*Chat{forum, basic} {
		require.NoError(t, s.Join(zoe, c.ID))
	}
	require.NoError(t, s.Manage(zoe, channel.ID))
	require.NoError(t, s.Discuss(channel.ID, s.team.ID))
	topic, err := s.OpenTopic(zoe, forum.ID, "One")
	require.NoError(t, err)
	business, err := s.Connect(s.ben.ID)
	require.NoError(t, err)
	customer, err := s.Customer(business, zoe)
	require.NoError(t, err)
	for _, chat := range []int64{zoe, s.team.ID, topic, channel.ID, basic.ID, customer} {
		_, err := s.Send(zoe, chat, 0, "hello")
		require.NoError(t, err)
	}
	gone := s.BasicGroup("Gone")
	require.NoError(t, s.Join(zoe, gone.ID))
	_, err = s.Upgrade(zoe, gone.ID)
	require.NoError(t, err)
	newest := func(chat int64) string {
		all := s.Messages(chat)
		return id(all[len(all)-1].ID)
	}
	return s, map[string]map[string]string{
		"private":  {"chat_id": id(zoe), "message_id": newest(zoe)},
		"stranger": {"chat_id": id(s.User("Max").ID), "message_id": "1"},
		"group":    {"chat_id": id(s.team.ID), "message_id": newest(s.team.ID)},
		"basic":    {"chat_id": id(basic.ID), "message_id": newest(basic.ID)},
		"upgraded": {"chat_id": id(gone.ID), "message_id": "1"},
		"topic":    {"chat_id": id(forum.ID), "message_thread_id": id(s.parts[topic].thread), "message_id": newest(topic)},
		"channel":  {"chat_id": id(channel.ID), "message_id": newest(channel.ID)},
		"business": {"chat_id": id(zoe), "business_connection_id": business, "message_id": newest(customer)},
		"nowhere":  {"chat_id": "1152921504606846976", "message_id": "1"},
	}
}

// try makes a call, and looks at everything that it may have changed.
func (s *stage) try(method string, params map[string]string) {
	s.t.Helper()
	defer func() {
		if wrong := recover(); wrong != nil {
			s.t.Errorf("%s %.2000q: %v\n%s", method, params, wrong, debug.Stack())
			s.t.FailNow()
		}
	}()
	p := botapi.Params{Method: method, Values: params, Files: map[string]botapi.File{"upload": {Name: "a.png", Content: []byte("\x89PNG\r\n\x1a\n")}}}
	result, err := s.Call(p, 0)
	if err != nil {
		assert.True(s.t, err.Code >= 400 && err.Description != "", "%s %q: %+v", method, params, err)
		return
	}
	assert.True(s.t, json.Valid(result), "%s %q: %s", method, params, result)
}

// look reads the state of the town.
func (s *stage) look(places map[string]map[string]string) {
	s.t.Helper()
	for _, name := range slices.Sorted(maps.Keys(places)) {
		place := places[name]
		for _, method := range []string{"getChat", "getChatAdministrators", "getChatMemberCount", "getUserChatBoosts", "getGameHighScores"} {
			s.try(method, withValues(place, "user_id", strconv.FormatInt(s.zoe.ID, 10)))
		}
		chat := botapi.Integer(place["chat_id"])
		s.Messages(chat)
		s.Said(chat)
		_, _ = s.Send(s.zoe.ID, chat, 0, "on")
		_ = s.React(s.zoe.ID, chat, botapi.Integer(place["message_id"]), "👍")
		_, _ = s.Press(s.zoe.ID, chat, 0, "x")
	}
	s.try("getStickerSet", map[string]string{"name": "set_by_sample_bot"})
	s.try("getMyCommands", map[string]string{})
	s.try("getChatMenuButton", map[string]string{})
}

func withValues(values map[string]string, more ...string) map[string]string {
	all := maps.Clone(values)
	for i := 0; i < len(more); i += 2 {
		all[more[i]] = more[i+1]
	}
	return all
}

// perPlace is how many of the hostile values a parameter gets in each chat. All of them come
// in turn.
const perPlace = 8

// No call may break the simulation, whatever its parameters are.
func TestHostileCallsAreAnswered(t *testing.T) {
	t.Parallel()
	for _, method := range spec.Methods() {
		if slices.Contains([]string{"getWebhookInfo", "setWebhook", "deleteWebhook", "getUpdates", "close", "logOut"}, method.Name) {
			continue // not of the World
		}
		names := []string{"png_sticker", "emojis", "mask_position", "thumb", "correct_option_id"}
		for _, m := range method.Params {
			names = append(names, m.Name)
		}
		t.Run(method.Name, func(t *testing.T) {
			t.Parallel()
			s, places := town(t)
			ids := strings.NewReplacer("ZOE", strconv.FormatInt(s.zoe.ID, 10), "TEAM", strconv.FormatInt(s.team.ID, 10))
			next := 0
			for _, kind := range slices.Sorted(maps.Keys(places)) {
				place := maps.Clone(places[kind])
				for _, name := range names {
					if value, ok := usual[name]; ok {
						place[name] = ids.Replace(value)
					}
				}
				s.try(method.Name, place)
				for _, name := range names {
					for range perPlace {
						s.try(method.Name, withValues(place, name, hostile[next%len(hostile)]))
						next++
					}
				}
			}
			s.look(places)
		})
	}
}

// broken are values that a member of an update may have by a mistake of a test.
var broken = []any{nil, 0, -1, 6100200300, 1 << 60, "", "private", []any{nil}, map[string]any{}}

// spoilt calls f for an object with each of its members replaced by each broken value, and
// without it.
func spoilt(members map[string]any, f func()) {
	for _, name := range slices.Sorted(maps.Keys(members)) {
		whole := members[name]
		if _, entity := members["offset"]; entity && name == "type" {
			continue // an entity stays in its message as it is
		}
		for _, value := range broken {
			members[name] = value
			f()
		}
		delete(members, name)
		f()
		members[name] = whole
		switch v := whole.(type) {
		case map[string]any:
			spoilt(v, f)
		case []any:
			for _, element := range v {
				if inner, ok := element.(map[string]any); ok {
					spoilt(inner, f)
				}
			}
		}
	}
}

// No update of SendUpdate may break the simulation, whatever it says.
func TestBrokenUpdatesAreMet(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("..", "..", "updates", "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		if name == "message_large" {
			continue // message has its members
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kind, object := recorded(t, name)
			var members map[string]any
			require.NoError(t, json.Unmarshal(object, &members))
			spoilt(members, func() {
				s := set(t)
				s.cfg.After = func(time.Duration, func()) {}
				text := marshal(members)
				defer func() {
					if wrong := recover(); wrong != nil {
						t.Errorf("%s: %v\n%s", text, wrong, debug.Stack())
						t.FailNow()
					}
				}()
				s.Meet(kind, text)
				s.Meet(kind, text)
				for _, id := range slices.Sorted(maps.Keys(s.chats)) {
					if id != s.zoe.ID && id != s.ben.ID && id != s.team.ID {
						s.visit(id)
					}
				}
				for _, id := range slices.Sorted(maps.Keys(s.accounts)) {
					for _, method := range []string{"setBusinessAccountName", "setBusinessAccountUsername", "setBusinessAccountBio", "sendMessage", "deleteBusinessMessages"} {
						s.call(method, "business_connection_id", id, "first_name", "A", "username", "a", "bio", "b", "chat_id", "7244100913", "text", "hi", "message_ids", "[1]")
					}
				}
				for _, id := range slices.Sorted(maps.Keys(s.inline)) {
					s.call("editMessageText", "inline_message_id", id, "text", "hi")
				}
				for _, id := range slices.Sorted(maps.Keys(s.files)) {
					s.call("sendDocument", "chat_id", "zoe", "document", id)
				}
			})
		})
	}
}

// visit lets the bot and Zoë do what they can in a chat, and with its last message.
func (s *stage) visit(chat int64) {
	id := strconv.FormatInt(chat, 10)
	for _, method := range []string{"getChat", "getChatAdministrators", "getChatMemberCount", "sendMessage"} {
		s.call(method, "chat_id", id, "text", "hi")
	}
	s.call("getChatMember", "chat_id", id, "user_id", "zoe")
	if all := s.chats[chat].messages; len(all) > 0 {
		m := strconv.FormatInt(all[0].ID, 10)
		s.call("forwardMessage", "chat_id", "team", "from_chat_id", id, "message_id", m)
		s.call("copyMessage", "chat_id", "zoe", "from_chat_id", id, "message_id", m)
		for _, method := range []string{"pinChatMessage", "editMessageText", "stopPoll", "editMessageReplyMarkup", "deleteMessage"} {
			s.call(method, "chat_id", id, "message_id", m, "text", "other")
		}
		_ = s.Vote(s.zoe.ID, chat, all[0].ID, "x")
		_ = s.React(s.zoe.ID, chat, all[0].ID, "👍")
	}
	_ = s.Join(s.zoe.ID, chat)
	_ = s.SetBot(s.zoe.ID, chat, "member")
	_, _ = s.Send(s.zoe.ID, chat, 0, "hello")
	_ = s.Leave(s.zoe.ID, chat)
	s.call("leaveChat", "chat_id", id)
}

func TestActsInChatsThatAreNoGroupsAreErrors(t *testing.T) {
	t.Parallel()
	s := set(t)
	zoe := s.zoe.ID
	for _, chat := range []int64{zoe, s.ben.ID} {
		require.ErrorIs(t, s.Join(zoe, chat), errOthersGroup)
		require.ErrorIs(t, s.AskToJoin(zoe, chat), errOthersGroup)
		require.ErrorIs(t, s.Leave(zoe, chat), errOthersGroup)
		require.ErrorIs(t, s.SetBot(zoe, chat, "member"), errOthersGroup)
		require.ErrorIs(t, s.Manage(zoe, chat), errOthersGroup)
	}
	const nowhere = 77
	_, err := s.Send(zoe, nowhere, 1, "hi")
	require.EqualError(t, err, "there is no message 1 to reply to")
	assert.Empty(t, s.CommandsOf(zoe, nowhere))
	assert.Zero(t, s.Topic(nowhere, "One"))
	s.Unboost(zoe, nowhere)
	_, err = s.SendLocation(zoe, zoe, math.NaN(), 0)
	assert.EqualError(t, err, "NaN, 0 is not a location; the latitude is at most 90 degrees, and the longitude at most 180")
}

func TestUpdatesAboutTheBotItselfAreMet(t *testing.T) {
	t.Parallel()
	s := set(t)
	bot := `{"id":6100200300,"is_bot":true,"first_name":"Bot"}`
	s.Meet("chat_join_request", []byte(`{"chat":{"id":-1009,"title":"Nine","type":"supergroup"},"from":`+bot+`}`))
	assert.Contains(t, s.call("sendMessage", "chat_id", "-1009", "text", "hi"), `"text":"hi"`)
	s.Meet("business_connection", []byte(`{"id":"b","user":`+bot+`,"user_chat_id":6100200300,"date":1,"is_enabled":true,"rights":{"can_edit_bio":true}}`))
	s.expect("400 Bad Request: business connection not found", s.call("setBusinessAccountBio", "business_connection_id", "b", "bio", "x"))
	s.Meet("chosen_inline_result", []byte(`{"result_id":"1","query":"","inline_message_id":"i","from":`+bot+`}`))
	s.expect("400 Bad Request: MESSAGE_ID_INVALID", s.call("editMessageText", "inline_message_id", "i", "text", "x"))

	news := s.Channel("News")
	require.NoError(t, s.Discuss(news.ID, s.team.ID))
	s.call("sendMessage", "chat_id", strconv.FormatInt(news.ID, 10), "text", "post")
	s.Meet("message", []byte(`{"message_id":9,"date":1795000000,"chat":{"id":777000,"first_name":"Telegram","type":"private"},"from":{"id":777000,"first_name":"Telegram"},"text":"code"}`))
	assert.Contains(t, s.call("getChat", "chat_id", "777000"), `"first_name":"Telegram"`)
}

func TestACallThatFailsLeavesNoFile(t *testing.T) {
	t.Parallel()
	s := set(t)
	photo := `{"type":"photo","id":"1","photo_url":"https://example.org/a.jpg","thumbnail_url":"https://example.org/b.jpg"}`
	s.Inline(s.zoe.ID, "a")
	s.call("sendGift", "user_id", "zoe", "gift_id", "none") // makes the gifts, and their files
	before := len(s.files)
	require.NotZero(t, before)
	for _, c := range [][]string{
		{"sendPhoto", "chat_id", "77", "photo", "https://example.org/a.jpg"},
		{"sendMediaGroup", "chat_id", "77", "media", usual["media"]},
		{"answerInlineQuery", "inline_query_id", "77", "results", "[" + photo + "]"},
		{"savePreparedInlineMessage", "user_id", "zoe", "result", photo},
		{"sendGift", "user_id", "zoe", "gift_id", "none"},
	} {
		s.call(c[0], c[1:]...)
		assert.Len(t, s.files, before, c[0])
	}
	s.call("sendPhoto", "chat_id", "zoe", "photo", "https://example.org/a.jpg")
	assert.Greater(t, len(s.files), before)
}

func TestAMaskPositionMustBeJSON(t *testing.T) {
	t.Parallel()
	s := set(t)
	sticker := map[string]botapi.File{"png_sticker": {Name: "a.webp", Content: webp}}
	create := func(position string) string {
		return s.callWith(sticker, "createNewStickerSet", "user_id", "zoe", "name", "m_by_sample_bot", "title", "M", "emojis", "😀", "contains_masks", "true", "mask_position", position)
	}
	s.expect("400 Bad Request: can't parse mask position JSON object", create("{"))
	s.expect("true", create(`{"point":"eyes","x_shift":0,"y_shift":0,"scale":1}`))
	assert.Contains(t, s.call("getStickerSet", "name", "m_by_sample_bot"), `"mask_position":{"point":"eyes"`)
}
