package tghooktest_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/tghooktest"
)

// events records events.
type events struct {
	mu  sync.Mutex
	all []tghooktest.Event
}

func (e *events) add(one tghooktest.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, one)
}

// take returns the events since the last take, without those of the kinds.
func (e *events) take(except ...tghooktest.EventKind) []tghooktest.Event {
	synctest.Wait()
	e.mu.Lock()
	defer e.mu.Unlock()
	all := slices.DeleteFunc(e.all, func(one tghooktest.Event) bool { return slices.Contains(except, one.Kind) })
	e.all = nil
	return all
}

// brief describes events by their kinds and what is set.
func brief(all []tghooktest.Event) []string {
	short := make([]string, 0, len(all))
	for _, e := range all {
		text := string(e.Kind)
		if e.MessageID != 0 {
			text += " m" + strconv.FormatInt(e.MessageID, 10)
		}
		if e.CallID != 0 {
			text += " by call"
		}
		if e.Text != "" {
			text += " " + e.Text
		}
		short = append(short, text)
	}
	return short
}

var traffic = []tghooktest.EventKind{
	tghooktest.EventCallStarted, tghooktest.EventCall, tghooktest.EventQueued, tghooktest.EventDelivery, tghooktest.EventDeliveryStarted,
	tghooktest.EventConfirmed, tghooktest.EventDropped, tghooktest.EventWarning, tghooktest.EventPayment,
}

// watchedChat is a chat on a Server whose events are recorded.
func watchedChat(t *testing.T, cfg tghooktest.ServerConfig, test func(t *testing.T, s *tghooktest.Server, zoe *tghooktest.Chat, seen *events)) {
	t.Helper()
	bubble(t, cfg, func(t *testing.T, s *tghooktest.Server) {
		var seen events
		t.Cleanup(s.Watch(seen.add))
		zoe := s.User("Zoë").Chat()
		zoe.Send("/start")
		seen.take()
		test(t, s, zoe, &seen)
	})
}

func TestAWatcherSeesWhatUsersAndTheBotDoInAChat(t *testing.T) {
	t.Parallel()
	watchedChat(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server, chat *tghooktest.Chat, seen *events) {
		id := strconv.FormatInt(chat.ID, 10)
		step := func(what string, act func(), want ...string) []tghooktest.Event {
			t.Helper()
			act()
			all := seen.take(traffic...)
			assert.Equal(t, want, brief(all), what)
			for _, e := range all {
				assert.Equal(t, chat.ID, e.ChatID, what)
			}
			return all
		}
		ok := func(method string, params ...string) func() {
			return func() {
				t.Helper()
				require.Contains(t, ask(t, s, method, append([]string{"chat_id", id}, params...)...), `"ok":true`)
			}
		}
		var m *tghooktest.Message
		all := step("user sends", func() { m = chat.Send("hi") }, "message m2 hi")
		assert.JSONEq(t, string(m.Raw), string(all[0].Object))
		assert.Equal(t, chat.ID, all[0].UserID)
		all = step("user edits", func() { m = chat.Edit(m, "ho") }, "edit m2 ho")
		assert.JSONEq(t, string(m.Raw), string(all[0].Object))
		all = step("user reacts", func() { chat.React(m, "👍") }, "reaction m2")
		assert.JSONEq(t, `[{"type":"emoji","emoji":"👍"}]`, string(all[0].Object))
		step("user deletes", func() { chat.Delete(m) }, "delete m2")
		all = step("bot sends with keys", ok("sendMessage", "text", "a", "reply_markup", `{"keyboard":[["Tea"]],"one_time_keyboard":true}`), "message m3 by call a", "keyboard by call")
		assert.JSONEq(t, `{"keyboard":[["Tea"]],"one_time_keyboard":true}`, string(all[1].Object))
		all = step("user presses a key", func() { chat.PressKey("Tea") }, "message m4 Tea", "keyboard")
		assert.Equal(t, "null", string(all[1].Object))
		step("bot sends buttons", ok("sendMessage", "text", "b", "reply_markup", `{"inline_keyboard":[[{"text":"Yes","callback_data":"y"}]]}`), "message m5 by call b")
		step("bot edits", ok("editMessageText", "message_id", "5", "text", "c", "reply_markup", `{"inline_keyboard":[[{"text":"Yes","callback_data":"y"}]]}`), "edit m5 by call c")
		step("bot reacts", ok("setMessageReaction", "message_id", "4", "reaction", `[{"type":"emoji","emoji":"🔥"}]`), "reaction m4 by call")
		step("bot pins", ok("pinChatMessage", "message_id", "5"), "pin by call", "message m6 by call")
		step("bot unpins", ok("unpinAllChatMessages"), "pin by call")
		step("bot types", ok("sendChatAction", "action", "typing"), "action by call typing")
		step("bot stops typing", ok("sendMessage", "text", "d"), "message m7 by call d", "action by call cancel")
		step("bot drafts", ok("sendMessageDraft", "draft_id", "9", "text", "Once", "can_stop", "true"), "draft by call Once")
		all = step("user stops the draft", func() { chat.StopDraft(9) }, "draft")
		assert.Equal(t, "null", string(all[0].Object))
		step("bot polls", ok("sendPoll", "question", "q", "options", `["x","y"]`, "is_anonymous", "false"), "message m8 by call q")
		step("user votes", func() { chat.Vote(chat.Messages()[6], "x") }, "poll m8")
		step("bot deletes", ok("deleteMessage", "message_id", "7"), "delete m7 by call")
		step("bot sets the menu", ok("setChatMenuButton", "menu_button", `{"type":"commands"}`), "chat by call")
		press := chat.Press("Yes")
		answer, err := press.Answer(deadline(t, 0))
		require.ErrorContains(t, err, "has not answered the press")
		assert.Zero(t, answer)
		_, object := newest(t, s)
		id = text(t, object, "id")
		seen.take()
		require.Contains(t, ask(t, s, "answerCallbackQuery", "callback_query_id", id, "text", "Done", "show_alert", "true"), "true")
		all = seen.take(traffic...)
		assert.Equal(t, []string{"answer m5 by call Done"}, brief(all))
		assert.JSONEq(t, `{"id":"`+id+`","text":"Done","show_alert":true}`, string(all[0].Object))
		answer, err = press.Answer(t.Context())
		require.NoError(t, err)
		assert.Equal(t, tghooktest.CallbackAnswer{Text: "Done", ShowAlert: true}, answer)
	})
}

// newest returns the kind and the object of the newest pending update.
func newest(t *testing.T, s *tghooktest.Server) (kind string, object json.RawMessage) {
	t.Helper()
	var answer struct {
		Result []map[string]json.RawMessage `json:"result"`
	}
	require.NoError(t, json.Unmarshal([]byte(strings.TrimPrefix(ask(t, s, "getUpdates", "offset", "-1"), "200 ")), &answer))
	require.Len(t, answer.Result, 1)
	for kind, object = range answer.Result[0] {
		if kind != "update_id" {
			return kind, object
		}
	}
	return "", nil
}

func TestAWatcherSeesUsersChatsAndMembers(t *testing.T) {
	t.Parallel()
	watchedChat(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server, _ *tghooktest.Chat, seen *events) {
		kinds := func() string {
			var all strings.Builder
			for _, e := range seen.take(traffic...) {
				all.WriteString(" " + string(e.Kind))
			}
			return strings.TrimPrefix(all.String(), " ")
		}
		ana, team := s.User("Ana"), s.Group("Team")
		assert.Equal(t, "user chat", kinds())
		ana.Join(team)
		assert.Equal(t, "member message", kinds())
		ana.Block()
		e := seen.take(traffic...)
		require.Equal(t, []string{"user", "member"}, brief(e))
		assert.Contains(t, string(e[0].Object), `"blocked":true`)
		assert.Equal(t, ana.ID, e[0].UserID)
		ana.Unblock()
		_ = kinds()
		crew := ana.Join(team)
		m := crew.Send("hi")
		crew.React(m, "👍")
		_ = kinds()
		require.Contains(t, ask(t, s, "deleteMessageReaction", "chat_id", strconv.FormatInt(team.ID, 10), "message_id", strconv.FormatInt(m.ID, 10), "user_id", strconv.FormatInt(ana.ID, 10)), "true")
		e = seen.take(traffic...)
		require.Len(t, e, 1)
		assert.Equal(t, tghooktest.EventReaction, e[0].Kind)
		assert.Equal(t, "[]", string(e[0].Object))
		require.Contains(t, ask(t, s, "banChatMember", "chat_id", strconv.FormatInt(team.ID, 10), "user_id", strconv.FormatInt(ana.ID, 10)), "true")
		assert.Equal(t, "member message", kinds())
		require.Contains(t, ask(t, s, "setChatTitle", "chat_id", strconv.FormatInt(team.ID, 10), "title", "Crew"), "true")
		assert.Equal(t, "chat message", kinds())
		require.Contains(t, ask(t, s, "setMyCommands", "commands", `[{"command":"go","description":"Go"}]`), "true")
		e = seen.take(traffic...)
		require.Equal(t, []string{"commands by call"}, brief(e))
		assert.JSONEq(t, `[{"command":"go","description":"Go"}]`, string(e[0].Object))
		require.Contains(t, ask(t, s, "setMyName", "name", "Robo"), "true")
		assert.Equal(t, "bot", kinds())
		topics := s.User("Ben").Join(s.Forum("Support"))
		_ = kinds()
		topics.OpenTopic("One").CloseTopic()
		assert.Equal(t, "message chat message chat", kinds())
		other, err := s.AddBot(tghooktest.BotConfig{Token: "77:stand_in_token_x"})
		require.NoError(t, err)
		e = seen.take()
		require.Equal(t, []string{"bot"}, brief(e))
		assert.Equal(t, int64(77), e[0].Bot)
		other.Close()
		assert.Equal(t, "bot_gone", kinds())
	})
}

func TestAWatcherSeesEachStepOfAnUpdate(t *testing.T) {
	t.Parallel()
	watchedChat(t, tghooktest.ServerConfig{AllowRefusedReplies: true}, func(t *testing.T, s *tghooktest.Server, chat *tghooktest.Chat, seen *events) {
		ask(t, s, "getUpdates", "offset", "2000000000")
		ask(t, s, "deleteWebhook", "drop_pending_updates", "true")
		seen.take()
		chat.Send("1")
		p := poll(t, s, "timeout", "10")
		<-p.done
		all := seen.take(tghooktest.EventMessage, tghooktest.EventWebhook)
		assert.Equal(t, []string{"queued message", "call_started by call", "call by call"}, brief(all))
		assert.Equal(t, []int64{all[0].UpdateID}, all[2].Call.Updates)
		assert.Equal(t, "getUpdates", all[1].Call.Method)
		assert.Contains(t, string(all[0].Object), fmt.Sprintf(`{"update_id":%d,`, all[0].UpdateID))
		ask(t, s, "getUpdates", "offset", strconv.FormatInt(all[0].UpdateID+1, 10))
		assert.Equal(t, []string{"call_started by call", "confirmed", "call by call"}, brief(seen.take()))

		s.Webhook(t, answers(asJSON, `{"method":"sendMessage","chat_id":1,"text":"x"}`), tghook.WebhookRequest{})
		set := seen.take()
		require.Equal(t, []string{"webhook http://bot.example.org/telegram"}, brief(set))
		chat.Send("2")
		s.WaitDelivered(t)
		all = seen.take(tghooktest.EventMessage)
		require.Equal(t, []tghooktest.EventKind{
			"queued", "delivery_started", "call_started", "call", "refused_reply", "delivery", "confirmed",
		}, kindsOf(all))
		d, c := all[5].Delivery, all[3].Call
		assert.Equal(t, "400 Bad Request: chat not found", d.Refused)
		assert.Equal(t, c.ID, d.CallID)
		assert.Equal(t, d.UpdateID, c.UpdateID)
		assert.True(t, c.Reply)
		assert.False(t, d.Queued.IsZero())
		assert.False(t, d.Queued.After(d.At))

		require.Contains(t, ask(t, s, "deleteWebhook"), "true")
		seen.take()
		chat.Send("3")
		require.Contains(t, ask(t, s, "deleteWebhook", "drop_pending_updates", "true"), "true")
		assert.Contains(t, brief(seen.take()), "dropped")
		chat.Send("4")
		time.Sleep(25 * time.Hour)
		s.Pending()
		assert.Contains(t, brief(seen.take()), "dropped", "an update that was too old")
		ask(t, s, "getMe", "nonsense", "1")
		all = seen.take()
		require.Contains(t, kindsOf(all), tghooktest.EventWarning)
		assert.Equal(t, []string{"nonsense"}, all[len(all)-1].Call.Unknown)
	})
}

func kindsOf(all []tghooktest.Event) (kinds []tghooktest.EventKind) {
	for _, e := range all {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

// What is done at once on several goroutines comes with one number after the other, and for
// each chat in the order of its messages.
func TestEventsOfAllBotsComeInOrder(t *testing.T) {
	t.Parallel()
	s := tghooktest.NewServer(t)
	other, err := s.AddBot(tghooktest.BotConfig{})
	require.NoError(t, err)
	var seen events
	stop := s.Watch(seen.add)
	var run sync.WaitGroup
	for i := range 8 {
		of := s
		if i%2 == 1 {
			of = other
		}
		chat := of.User(fmt.Sprint("User ", i)).Chat()
		run.Go(func() {
			for n := range 50 {
				chat.Send(strconv.Itoa(n))
			}
		})
	}
	run.Wait()
	s.Close()
	stop()
	assert.Len(t, seen.all, 8*2*50+8, "events: 8 users, and of each message the message and its update")
	last := map[int64]int64{}
	for i, e := range seen.all {
		require.Equal(t, int64(i+1), e.Seq)
		if e.Kind == tghooktest.EventMessage {
			require.Greater(t, e.MessageID, last[e.ChatID+e.Bot])
			last[e.ChatID+e.Bot] = e.MessageID
		}
	}
}

func TestASlowWatcherLosesTheOldestEvents(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		release := make(chan struct{})
		var seen events
		stop := s.Watch(func(e tghooktest.Event) {
			seen.add(e)
			if e.Seq == 1 {
				<-release
			}
		})
		chat := s.User("Zoë").Chat()
		synctest.Wait()
		const sent = 6000 // two events each
		for range sent {
			chat.Send("hi")
		}
		close(release)
		all := seen.take()
		stop()
		require.Equal(t, tghooktest.EventLost, all[1].Kind)
		assert.Equal(t, 1+2*sent-10_000, all[1].Lost+1)
		assert.Len(t, all, 2+10_000)
		for i, e := range all[1:] {
			require.Equal(t, all[1].Seq+int64(i), e.Seq)
		}
	})
}

func TestAWatcherMayActAndStopsWhenItIsTold(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		chat := s.User("Zoë").Chat()
		var texts []string
		stop := s.Watch(func(e tghooktest.Event) {
			if e.Kind == tghooktest.EventMessage && e.UserID == chat.ID {
				texts = append(texts, strconv.Itoa(len(chat.Messages())))
				if len(texts) < 3 {
					chat.Send("again")
				}
			}
		})
		chat.Send("first")
		synctest.Wait()
		assert.Equal(t, []string{"1", "2", "3"}, texts)
		stop()
		stop()
		chat.Send("unheard")
		synctest.Wait()
		assert.Len(t, texts, 3)

		var seen events
		s.Watch(seen.add)
		chat.Send("heard")
		s.Close()
		assert.Equal(t, []string{"message m5 heard", "queued message"}, brief(seen.all), "Close came before the events")
		s.Watch(seen.add)() // after Close it does nothing
	})
}
