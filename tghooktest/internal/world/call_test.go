package world

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// stage is a World in which Zoë has written message 1 to the bot, and Ben has never
// written. Both are in the group Team, where messages 1 and 2 are about their joining.
type stage struct {
	*World
	o        *told
	t        *testing.T
	zoe, ben *User
	team     *Chat
}

func set(t *testing.T) *stage {
	t.Helper()
	w, o := peopled()
	s := &stage{World: w, o: o, t: t, zoe: w.User("Zoë Núñez"), ben: w.User("Ben"), team: w.Group("Team")}
	require.NoError(t, w.Join(s.zoe.ID, s.team.ID))
	require.NoError(t, w.Join(s.ben.ID, s.team.ID))
	_, err := w.Send(s.zoe.ID, s.zoe.ID, 0, "hello bot")
	require.NoError(t, err)
	o.take()
	return s
}

// call runs a method with parameters, as names and values in turn, and returns the result,
// or the code and description of the error. The values zoe, ben and team, and TEAM inside a
// value, stand for their ids.
func (s *stage) call(method string, params ...string) string {
	return s.callWith(nil, method, params...)
}

func (s *stage) callWith(files map[string]botapi.File, method string, params ...string) string {
	s.t.Helper()
	p := botapi.Params{Method: method, Values: map[string]string{}, Files: files}
	ids := map[string]int64{"zoe": s.zoe.ID, "ben": s.ben.ID, "team": s.team.ID}
	for i := 0; i < len(params); i += 2 {
		p.Values[params[i]] = strings.ReplaceAll(params[i+1], "TEAM", strconv.FormatInt(s.team.ID, 10))
		if id, ok := ids[params[i+1]]; ok {
			p.Values[params[i]] = strconv.FormatInt(id, 10)
		}
	}
	result, err := s.Call(p, 0)
	if err != nil {
		assert.Nil(s.t, result)
		return fmt.Sprintf("%d %s", err.Code, err.Description)
	}
	return string(result)
}

// full replaces BOT, ZOE, BEN, PRIVATE and GROUP in text by their objects, unless text is
// an error.
func (s *stage) full(text string) string {
	if strings.HasPrefix(text, "40") {
		return text
	}
	return with(s.zoe, s.team, strings.ReplaceAll(text, "BEN", string(marshal(s.ben))))
}

// expect checks the answer of a call.
func (s *stage) expect(want, got string) {
	s.t.Helper()
	assert.Equal(s.t, s.full(want), got)
}

// act is a call and its answer.
type act struct {
	method string
	params []string
	want   string
}

// play runs calls one after the other.
func (s *stage) play(acts []act) {
	s.t.Helper()
	for _, a := range acts {
		assert.Equal(s.t, s.full(a.want), s.call(a.method, a.params...), "%s %q", a.method, a.params)
	}
}

func TestTheBotIsWhomItWasMadeAs(t *testing.T) {
	t.Parallel()
	s := set(t)
	s.expect(`{"id":6100200300,"is_bot":true,"first_name":"Stand-in Bot","username":"sample_bot","can_join_groups":true,`+
		`"can_read_all_group_messages":false,"supports_guest_queries":false,"supports_inline_queries":true,"can_connect_to_business":false,"has_main_web_app":false,`+
		`"has_topics_enabled":false,"allows_users_to_create_topics":false,"can_manage_bots":false,"supports_join_request_queries":false}`, s.call("getMe"))
}

func TestChatsAreRefusedAsTelegramRefusesThem(t *testing.T) {
	t.Parallel()
	s := set(t)
	s.mu.Lock()
	s.addChat(&Chat{ID: -1001, Title: "News", Type: "channel", Username: "news"}, &Member{User: s.bot, Status: "left"})
	s.addChat(&Chat{ID: -1002, Title: "Out", Type: "supergroup"}, &Member{User: s.bot, Status: "kicked"})
	s.addChat(&Chat{ID: -1003, Title: "Left", Type: "supergroup"}, &Member{User: s.bot, Status: "left"})
	s.addChat(&Chat{ID: -1004, Title: "Mute", Type: "channel"}, &Member{User: s.bot, Status: "member"})
	s.mu.Unlock()
	s.Block(s.zoe.ID, true)
	s.play([]act{
		{"sendMessage", []string{"text", "hi"}, `400 Bad Request: chat_id is empty`},
		{"sendMessage", []string{"text", "hi", "chat_id", "1"}, `400 Bad Request: chat not found`},
		{"sendMessage", []string{"text", "hi", "chat_id", "nobody"}, `400 Bad Request: chat not found`},
		{"sendMessage", []string{"text", "hi", "chat_id", "@nobody"}, `400 Bad Request: chat not found`},
		{"sendMessage", []string{"text", "hi", "chat_id", "6100200300"}, `400 Bad Request: chat not found`},
		{"sendMessage", []string{"text", "hi", "chat_id", "zoe"}, `403 Forbidden: bot was blocked by the user`},
		{"sendMessage", []string{"text", "hi", "chat_id", "ben"}, `403 Forbidden: bot can't initiate conversation with a user`},
		{"sendMessage", []string{"text", "hi", "chat_id", "@news"}, `403 Forbidden: bot is not a member of the channel chat`},
		{"sendMessage", []string{"text", "hi", "chat_id", "-1002"}, `403 Forbidden: bot was kicked from the supergroup chat`},
		{"sendMessage", []string{"text", "hi", "chat_id", "-1004"}, `400 Bad Request: need administrator rights in the channel chat`},
		{"getChatMemberCount", []string{"chat_id", "@NEWS"}, `0`},
		{"getChatMemberCount", []string{"chat_id", "-1002"}, `403 Forbidden: bot was kicked from the supergroup chat`},
		{"getChatMemberCount", []string{"chat_id", "-1003"}, `403 Forbidden: bot is not a member of the supergroup chat`},
		{"getChatMemberCount", []string{"chat_id", "-1004"}, `1`},
		{"getChatMemberCount", []string{"chat_id", "ben"}, `2`},
		{"sendChatAction", []string{"chat_id", "team", "action", "typing"}, `true`},
		{"sendChatAction", []string{"chat_id", "team", "action", "sleeping"}, `400 Bad Request: wrong parameter action in request`},
	})
}

func TestEveryMethodIsAcceptedInTheShapeOfItsResult(t *testing.T) {
	t.Parallel()
	s := set(t)
	s.play([]act{
		{"verifyChat", nil, `400 Bad Request: chat_id is empty`},
		{"verifyChat", []string{"chat_id", "1"}, `400 Bad Request: chat not found`},
		{"verifyChat", []string{"chat_id", "team"}, `true`},
		{"getUserChatBoosts", []string{"chat_id", "team"}, `400 Bad Request: invalid user_id specified`},
		{"setPassportDataErrors", []string{"errors", "[]"}, `400 Bad Request: invalid user_id specified`},
		{"setPassportDataErrors", []string{"user_id", "77", "errors", "[]"}, `400 Bad Request: user not found`},
		{"getUserProfilePhotos", []string{"user_id", "zoe"}, `{"total_count":0,"photos":[]}`},
		{"getForumTopicIconStickers", nil, `[]`},
		{"getBusinessAccountGifts", []string{"business_connection_id", "b"}, `400 Bad Request: business connection not found`},
		{"getChatMenuButton", nil, `{"type":"commands"}`},
		{"getManagedBotToken", []string{"user_id", "zoe"}, `""`},
		{"getMyDefaultAdministratorRights", nil, `{"can_manage_chat":false,"can_change_info":false,"can_delete_messages":false,` +
			`"can_invite_users":false,"can_restrict_members":false,"can_pin_messages":false,"can_manage_topics":false,"can_promote_members":false,` +
			`"can_manage_video_chats":false,"can_post_stories":false,"can_edit_stories":false,"can_delete_stories":false,"can_manage_tags":false,"can_send_welcome_messages":false,"is_anonymous":false}`},
		{"setGameScore", []string{"user_id", "zoe", "score", "1"}, `400 Bad Request: message identifier is not specified`},
		{"sing", nil, `404 Not Found: method not found`},
	})
}

func TestAnswerSetsWhatAMethodResultsIn(t *testing.T) {
	t.Parallel()
	s := set(t)
	s.Answer("getstickerset", []byte(`{"name":"cats"}`))
	s.Answer("getChat", []byte(`{"id":1}`))
	s.play([]act{
		{"getStickerSet", []string{"name", "cats"}, `{"name":"cats"}`},
		{"getStickerSet", nil, `400 Bad Request: parameter "name" is required`},
		{"getChat", []string{"chat_id", "zoe"}, `{"id":1}`},
		{"getChat", []string{"chat_id", "1"}, `400 Bad Request: chat not found`},
	})
}

func TestTextsBecomeDescriptionsAsTelegramMakesThem(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Message text is empty": "Bad Request: message text is empty",
		"chat not found":        "Bad Request: chat not found",
		"QUERY_ID_INVALID":      "Bad Request: QUERY_ID_INVALID",
		"Q_ID":                  "Bad Request: Q_ID",
		"X":                     "Bad Request: x",
	} {
		assert.Equal(t, &botapi.Error{Code: 400, Description: want}, described(refusal(text)))
	}
}

func TestAChangeWakesThoseWhoWait(t *testing.T) {
	t.Parallel()
	s := set(t)
	changed := s.Changed()
	s.expect(`400 Bad Request: message text is empty`, s.call("sendMessage", "chat_id", "zoe"))
	select {
	case <-changed:
		t.Fatal("nothing has changed")
	default:
	}
	s.call("sendMessage", "chat_id", "zoe", "text", "hi")
	<-changed
	assert.NotEqual(t, changed, s.Changed())
}

func TestEveryOtherMethodIsAnsweredInTheFormOfItsResult(t *testing.T) {
	t.Parallel()
	table, err := os.ReadFile("../botapi/methods.tsv")
	require.NoError(t, err)
	own := []string{"setWebhook", "deleteWebhook", "getWebhookInfo", "getUpdates", "logOut", "close"} // the Server answers these
	others := 0
	for line := range strings.Lines(string(table)) {
		name, _, _ := strings.Cut(line, "\t")
		method, ok := botapi.Lookup(name)
		if _, done := methods[name]; !ok || done || slices.Contains(own, name) {
			continue
		}
		others++
		simple := method.Array || method.OrTrue || method.Result == "True" || method.Result == "String"
		assert.Equal(t, simple, shapes[method.Result] == "", "%s, with the result %s", name, method.Result)
	}
	assert.Positive(t, others)
	for result, shape := range shapes {
		assert.True(t, json.Valid([]byte(shape)) && shape[0] == '{', result)
	}
}

func TestAChecklistIsEdited(t *testing.T) {
	t.Parallel()
	s := set(t)
	id, err := s.Connect(s.ben.ID)
	require.NoError(t, err)
	chat, err := s.Customer(id, s.zoe.ID)
	require.NoError(t, err)
	_, err = s.Send(s.zoe.ID, chat, 0, "what is left to do?")
	require.NoError(t, err)
	checklist := func(method, title string) string {
		return s.call(method, "business_connection_id", id, "chat_id", "zoe", "message_id", "2",
			"checklist", `{"title":"`+title+`","tasks":[{"id":1,"text":"Tea"}]}`)
	}
	assert.Equal(t, "400 Bad Request: MESSAGE_ID_INVALID", checklist("editMessageChecklist", "New"))
	assert.Contains(t, checklist("sendChecklist", "Old"), `"title":"Old"`)
	assert.Contains(t, checklist("editMessageChecklist", "New"), `"message_id":2,`)
	assert.Contains(t, string(s.Messages(chat)[1].JSON), `"title":"New"`)
	s.call("sendMessage", "business_connection_id", id, "chat_id", "zoe", "text", "x")
	assert.Equal(t, "400 Bad Request: there is no checklist in the message to edit",
		s.call("editMessageChecklist", "business_connection_id", id, "chat_id", "zoe", "message_id", "3", "checklist", `{}`))
}
