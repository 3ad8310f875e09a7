package desk_test

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/cmd/tghook/internal/desk"
)

func TestUsersAreTheSameForAllBots(t *testing.T) {
	r := start(t)
	r.call("getMe", nil)
	ana := r.post("/api/users", object{"name": "Ana Núñez", "username": "@ana_n", "language": "es", "premium": true})
	require.Equal(t, object{"id": ana["id"], "name": "Ana Núñez", "first_name": "Ana", "last_name": "Núñez", "username": "ana_n", "language": "es", "premium": true}, ana)
	other := r.post("/api/bots", object{"token": "777:other", "username": "other_bot", "name": "Other"})
	require.Equal(t, "other_bot", other["username"])
	require.Equal(t, "Other", other["name"])
	for _, bot := range []string{"123456", "other_bot", "@other_bot"} {
		path := fmt.Sprintf("/api/bots/%s/chats/%.0f/messages", bot, ana["id"])
		from := r.post(path, object{"text": "hi", "as": "ana_n"})["messages"].([]any)[0].(object)["from"].(object)
		require.Equal(t, object{"id": ana["id"], "is_bot": false, "first_name": "Ana", "last_name": "Núñez", "username": "ana_n", "language_code": "es", "is_premium": true}, from)
	}
	r.ask(http.MethodPatch, "/api/users/ana_n", object{"name": "Anna"})
	path := fmt.Sprintf("/api/bots/777/chats/%.0f/messages", ana["id"])
	from := r.post(path, object{"text": "hi"})["messages"].([]any)[0].(object)["from"].(object)
	require.Equal(t, "Anna", from["first_name"])
	require.Equal(t, "ana_n", from["username"])
	require.Len(t, r.get("/api/users").([]any), 2)

	r.refused(http.MethodPost, "/api/users", object{"name": "Other", "username": "ANA_N"}, http.StatusConflict, "user_taken")
	r.refused(http.MethodPost, "/api/users", object{"name": "Other", "id": ana["id"]}, http.StatusConflict, "user_taken")
	r.refused(http.MethodPost, "/api/users", object{"name": " "}, http.StatusBadRequest, "invalid_request")
	r.refused(http.MethodPost, "/api/users", object{"name": "X", "id": -1}, http.StatusBadRequest, "invalid_request")
	r.refused(http.MethodPost, "/api/bots", object{"token": "nonsense"}, http.StatusUnprocessableEntity, "impossible")
	r.refused(http.MethodPost, "/api/bots", object{"token": ""}, http.StatusBadRequest, "invalid_request")
}

func TestSeedDecidesTheIDs(t *testing.T) {
	a, b := start(t), start(t)
	require.Equal(t, a.you, b.you)
	ana := object{"name": "Ana"}
	require.Equal(t, a.post("/api/users", ana)["id"], b.post("/api/users", ana)["id"])
}

func TestGroupHasMembersAndTopics(t *testing.T) {
	r := start(t)
	r.call("getMe", nil)
	ana := r.post("/api/users", object{"name": "Ana", "username": "ana_n"})["id"].(float64)
	r.post("/api/users", object{"name": "Ben", "username": "ben_b"})
	group := r.post("/api/bots/123456/chats", object{"type": "forum", "title": "Team", "members": []any{"ana_n"}, "bot": "member"})
	require.Equal(t, true, group["is_forum"])
	require.Equal(t, "creator", group["status"])
	require.Equal(t, "member", group["bot_status"])
	path := fmt.Sprintf("/api/bots/123456/chats/%.0f", group["id"])

	topic := r.post(path+"/topics", object{"name": "Cake"})
	thread := topic["thread_id"].(float64)
	r.post(path+"/messages", object{"text": "yes", "thread": thread, "as": "ana_n"})
	r.post(path+"/messages", object{"text": "elsewhere"})
	in := r.get(fmt.Sprintf("%s/messages?thread=%.0f", path, thread)).(object)["messages"].([]any)
	require.Equal(t, "yes", in[len(in)-1].(object)["text"])
	r.post(fmt.Sprintf("%s/topics/%.0f/close", path, thread), nil)
	topics := r.get(path).(object)["topics"].([]any)
	require.Contains(t, topics, object{"thread_id": thread, "name": "Cake", "closed": true})
	require.Contains(t, r.refused(http.MethodPost, path+"/messages", object{"text": "no", "thread": thread, "as": "ana_n"}, http.StatusUnprocessableEntity, "impossible"), "closed")
	r.post(fmt.Sprintf("%s/topics/%.0f/reopen", path, thread), nil)
	r.post(fmt.Sprintf("%s/topics/%.0f/delete", path, thread), nil)
	r.refused(http.MethodPost, path+"/messages", object{"text": "no", "thread": thread}, http.StatusNotFound, "chat_not_found")

	require.Equal(t, false, r.get(path + "?as=ben_b").(object)["member"])
	r.refused(http.MethodPost, path+"/messages", object{"text": "no", "as": "ben_b"}, http.StatusUnprocessableEntity, "impossible")
	r.post(path+"/join", object{"as": "ben_b"})
	r.post(path+"/messages", object{"text": "here I am", "as": "ben_b"})
	r.post(path+"/leave", object{"as": "ben_b"})
	require.Equal(t, false, r.get(path + "?as=ben_b").(object)["member"])
	r.ask(http.MethodPut, path+"/bot", object{"status": "administrator"})
	require.Equal(t, "administrator", r.get(path).(object)["bot_status"])
	r.refused(http.MethodPut, path+"/bot", object{"status": "king"}, http.StatusUnprocessableEntity, "impossible")
	require.InDelta(t, ana, r.get(path).(object)["members"].([]any)[0].(object)["user"], 1e18)

	for _, wrong := range []object{{"type": "club", "title": "X"}, {"type": "group"}, {"type": "group", "title": "X", "bot": "owner"}} {
		r.refused(http.MethodPost, "/api/bots/123456/chats", wrong, http.StatusBadRequest, "invalid_request")
	}
	r.refused(http.MethodGet, "/api/bots/123456/chats/here", nil, http.StatusBadRequest, "invalid_request")
	r.refused(http.MethodGet, fmt.Sprintf("/api/bots/123456/chats/%.0f?as=ben_b", ana), nil, http.StatusNotFound, "chat_not_found")
}

func TestBasicGroupIsUpgraded(t *testing.T) {
	r := start(t)
	r.call("getMe", nil)
	group := r.post("/api/bots/123456/chats", object{"type": "basic_group", "title": "Old"})
	require.Equal(t, "group", group["type"])
	super := r.post(fmt.Sprintf("/api/bots/123456/chats/%.0f/upgrade", group["id"]), nil)
	require.Equal(t, "supergroup", super["type"])
	require.NotEqual(t, group["id"], super["id"])
	old := r.get(fmt.Sprintf("/api/bots/123456/chats/%.0f", group["id"])).(object)
	require.Equal(t, super["id"], old["moved_to"])
}

func TestChannelHasPostsAndBoosts(t *testing.T) {
	r := start(t)
	r.call("getMe", nil)
	r.post("/api/users", object{"name": "Ana", "username": "ana_n"})
	news := r.post("/api/bots/123456/chats", object{"type": "channel", "title": "News"})
	path := fmt.Sprintf("/api/bots/123456/chats/%.0f", news["id"])
	r.post(path+"/messages", object{"text": "We have moved."})
	r.post(path+"/join", object{"as": "ana_n"})
	require.Equal(t, false, r.get(path + "?as=ana_n").(object)["can_send"])
	r.refused(http.MethodPost, path+"/messages", object{"text": "me too", "as": "ana_n"}, http.StatusUnprocessableEntity, "impossible")
	r.post(path+"/boost", object{"as": "ana_n"})
	r.post(path+"/unboost", object{"as": "ana_n"})
}

func TestBlockedBotCannotWrite(t *testing.T) {
	r := start(t)
	r.call("getMe", nil)
	started := r.post(fmt.Sprintf("/api/bots/123456/users/%d/start", r.you), object{"payload": "ref7"})
	require.Equal(t, "/start ref7", started["messages"].([]any)[0].(object)["text"])
	user := fmt.Sprintf("/api/bots/123456/users/%d", r.you)
	r.post(user+"/block", nil)
	require.Equal(t, true, r.get(r.chat()).(object)["blocked"])
	require.Equal(t, "Forbidden: bot was blocked by the user", r.tryCall("sendMessage", object{"chat_id": r.you, "text": "hi"})["description"])
	r.post(user+"/unblock", nil)
	r.call("sendMessage", object{"chat_id": r.you, "text": "hi"})
}

func TestChatShowsWhatTheBotDoes(t *testing.T) {
	r := start(t, desk.Config{Speed: 0.01}) // typing lasts for 5 seconds, and a draft for 30
	r.webhook(func(object) any { return nil })
	r.say("hi")
	r.call("sendChatAction", object{"chat_id": r.you, "action": "typing"})
	require.Equal(t, "typing", r.get(r.chat()).(object)["action"])
	r.call("sendMessage", object{"chat_id": r.you, "text": "Pick", "reply_markup": object{"keyboard": [][]string{{"Yes", "No"}}}})
	chat := r.get(r.chat()).(object)
	require.Nil(t, chat["action"])
	require.Contains(t, chat["keyboard"], "keyboard")
	r.call("setMyCommands", object{"commands": []object{{"command": "start", "description": "Begin"}}})
	require.Equal(t, []any{object{"command": "start", "description": "Begin"}}, r.get(r.chat()).(object)["commands"])
	require.Equal(t, []any{object{"command": "start", "description": "Begin"}}, r.get("/api/bots/123456").(object)["commands"])
	m := r.say("pin me")
	r.call("pinChatMessage", object{"chat_id": r.you, "message_id": m})
	require.Equal(t, []any{float64(m)}, r.get(r.chat()).(object)["pinned"])
	r.call("sendMessageDraft", object{"chat_id": r.you, "draft_id": 7, "text": "Once upon", "can_stop": true})
	drafts := r.get(r.chat()).(object)["drafts"].([]any)
	require.Len(t, drafts, 1)
	require.Equal(t, "Once upon", drafts[0].(object)["text"])
	r.post(r.chat()+"/read?as="+strconv.FormatInt(r.you, 10), nil)
	if drafts[0].(object)["can_stop"] == true {
		r.post(r.chat()+"/drafts/7/stop", nil)
		require.Empty(t, r.get(r.chat()).(object)["drafts"])
	}
	r.refused(http.MethodPost, r.chat()+"/drafts/8/stop", nil, http.StatusUnprocessableEntity, "impossible")
}
