package tghooktest_test

import (
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
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

// doomed is a test that is expected to fail.
type doomed struct {
	testing.TB

	mu       sync.Mutex
	failures []string
}

func (d *doomed) Fatalf(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failures = append(d.failures, fmt.Sprintf(format, args...))
	runtime.Goexit()
}

// failure returns the message with which f fails its test; empty if it does not fail.
func failure(t *testing.T, f func(tb testing.TB)) string {
	t.Helper()
	d := &doomed{TB: t}
	var run sync.WaitGroup
	run.Go(func() { f(d) })
	run.Wait()
	return strings.Join(d.failures, "\n")
}

// inMemory starts a Server in the bubble, and returns it with a client of its bot.
func inMemory(t *testing.T, tb testing.TB) (*tghooktest.Server, *tghook.Client) {
	t.Helper()
	srv := tghooktest.NewServer(tb, tghooktest.ServerConfig{InMemory: true})
	return srv, srv.Bot(t)
}

type params = map[string]any

// call makes the bot call a method.
func call(t *testing.T, bot *tghook.Client, method string, p params) json.RawMessage {
	t.Helper()
	var result json.RawMessage
	assert.NoError(t, bot.Call(t.Context(), method, p, &result))
	return result
}

// updates returns the kinds and objects of the updates that wait for the bot.
func updates(t *testing.T, bot *tghook.Client) (kinds []string, objects []json.RawMessage) {
	t.Helper()
	time.Sleep(time.Second) // before that, a repeated offset gets one update only
	var all []map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(call(t, bot, "getUpdates", params{"offset": -100}), &all))
	for _, u := range all {
		for kind, object := range u {
			if kind != "update_id" {
				kinds, objects = append(kinds, kind), append(objects, object)
			}
		}
	}
	return kinds, objects
}

func TestTheBotMayWriteToAUserWhoHasWritten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, bot := inMemory(t, t)
		zoe := srv.User("Zoë")
		hello := params{"chat_id": zoe.ID, "text": "hello"}

		require.ErrorContains(t, bot.Call(t.Context(), "sendMessage", hello, nil), "Forbidden: bot can't initiate conversation with a user")
		m := zoe.Chat().Send("/start")
		assert.Equal(t, "/start", m.Text)
		assert.False(t, m.FromBot)
		call(t, bot, "sendMessage", hello)
		said := zoe.Chat().Expect(t, "hello")
		assert.True(t, said.FromBot)
		assert.Equal(t, m.ID+1, said.ID)

		zoe.Block()
		require.ErrorContains(t, bot.Call(t.Context(), "sendMessage", hello, nil), "Forbidden: bot was blocked by the user")
		zoe.Unblock()
		call(t, bot, "sendMessage", hello)
		zoe.Chat().Expect(t, "hello")

		kinds, _ := updates(t, bot)
		assert.Equal(t, []string{"message", "my_chat_member", "my_chat_member"}, kinds)
		assert.Len(t, zoe.Chat().Messages(), 3)
	})
}

func TestExpectWaitsForWhatTheBotSays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, bot := inMemory(t, t)
		chat := srv.User("Zoë").Chat()
		chat.Send("hi")
		start := time.Now()
		var calls sync.WaitGroup
		defer calls.Wait()
		calls.Go(func() {
			time.Sleep(9 * time.Second)
			call(t, bot, "sendMessage", params{"chat_id": chat.ID, "text": "Working"})
			call(t, bot, "editMessageText", params{"chat_id": chat.ID, "message_id": 2, "text": "Done"})
			call(t, bot, "deleteMessage", params{"chat_id": chat.ID, "message_id": 2})
		})
		assert.Equal(t, "Working", chat.Expect(t, "Working").Text)
		assert.Equal(t, 9*time.Second, time.Since(start).Truncate(time.Second))
		synctest.Wait()
		done := chat.Expect(t, "Done")
		assert.EqualValues(t, 2, done.ID, "which is as it was, though it is deleted")
		assert.Len(t, chat.Messages(), 1)
	})
}

func TestExpectReturnsEachOnceAndTheOldestFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, bot := inMemory(t, t)
		chat, other := srv.User("Zoë").Chat(), srv.User("Max").Chat()
		chat.Send("hi")
		other.Send("hi")
		for i := range 3 {
			call(t, bot, "sendMessage", params{"chat_id": chat.ID, "text": "same"})
			call(t, bot, "sendMessage", params{"chat_id": other.ID, "text": "same"})
			call(t, bot, "sendMessage", params{"chat_id": chat.ID, "text": fmt.Sprint("other ", i)})
		}
		chat.Expect(t, "other 2")
		var last int64
		for range 3 {
			m := srv.User("Zoë").Chat().Expect(t, "same")
			assert.Greater(t, m.ID, last)
			last = m.ID
		}
		assert.NotEmpty(t, failure(t, func(tb testing.TB) { chat.Expect(tb, "same") }))
		other.Expect(t, "same")
	})
}

func TestExpectFailsWithWhatTheBotDidInstead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, bot := inMemory(t, t)
		chat := srv.User("Zoë").Chat()
		start := time.Now()
		assert.Equal(t, "tghooktest: in the chat of \"Zoë\" with the bot: the bot did not say \"hello\" within 10s\n\tin this chat it said nothing",
			failure(t, func(tb testing.TB) { chat.Expect(tb, "hello") }))
		assert.Equal(t, 10*time.Second, time.Since(start))

		chat.Send("hi")
		call(t, bot, "sendMessage", params{"chat_id": chat.ID, "text": "hello"})
		call(t, bot, "editMessageText", params{"chat_id": chat.ID, "message_id": 2, "text": "goodbye"})
		require.Error(t, bot.Call(t.Context(), "sendMessage", params{"chat_id": 7, "text": "hello"}, nil))
		require.Error(t, bot.Call(t.Context(), "answerCallbackQuery", params{"callback_query_id": "1"}, nil))
		chat.Expect(t, " hello\n")
		assert.Equal(t, `tghooktest: in the chat of "Zoë" with the bot: the bot did not say "hello" within 10s
	in this chat it said:
		"hello" (returned by an earlier Expect)
		"goodbye" (an edit)
	its calls that failed:
		sendMessage to chat 7: 400 Bad Request: chat not found
		answerCallbackQuery: 400 Bad Request: query is too old and response timeout expired or query ID is invalid
	1 update waits: 224210903 (message); no webhook is set, and getUpdates has not confirmed them`,
			failure(t, func(tb testing.TB) { chat.Expect(tb, "hello") }))
	})
}

func TestAPressIsAnswered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, bot := inMemory(t, t)
		chat := srv.User("Zoë").Chat()
		chat.Send("/order")
		buttons := params{"inline_keyboard": [][]params{{{"text": "Pay", "callback_data": "pay"}}}}
		var calls sync.WaitGroup
		defer calls.Wait()
		calls.Go(func() {
			time.Sleep(time.Second)
			call(t, bot, "sendMessage", params{"chat_id": chat.ID, "text": "Pizza", "reply_markup": buttons})
		})
		pressed := chat.Press("Pay") // waits for it
		m := chat.Expect(t, "Pizza")

		_, objects := updates(t, bot)
		var query struct {
			ID      string `json:"id"`
			Data    string `json:"data"`
			Message struct {
				ID int64 `json:"message_id"`
			} `json:"message"`
		}
		require.NoError(t, json.Unmarshal(objects[1], &query))
		assert.Equal(t, "pay", query.Data)
		assert.Equal(t, m.ID, query.Message.ID)
		call(t, bot, "answerCallbackQuery", params{"callback_query_id": query.ID, "text": "Paid"})
		pressed.Expect(t, "Paid")
		assert.Equal(t, `tghooktest: in the chat of "Zoë" with the bot: the bot answered the press of "Pay" with "Paid", want "Free"`,
			failure(t, func(tb testing.TB) { pressed.Expect(tb, "Free") }))
		assert.Equal(t, `tghooktest: in the chat of "Zoë" with the bot: the bot did not answer the press of "Pay" within 10s
	3 updates wait: 224210903 (message), 224210904 (callback_query), 224210905 (callback_query); no webhook is set, and getUpdates has not confirmed them`,
			failure(t, func(tb testing.TB) { m.Press("Pay").Expect(tb, "Paid") }))

		call(t, bot, "sendMessage", params{"chat_id": chat.ID, "text": "Where to?", "reply_markup": params{"keyboard": [][]string{{"Home"}}}})
		typed := chat.Press("Home")
		assert.Equal(t, "Home", chat.Messages()[3].Text)
		assert.Contains(t, failure(t, func(tb testing.TB) { typed.Expect(tb, "") }), `the press of "Home" made no callback_query, so no answerCallbackQuery can come; use Chat.Expect`)
	})
}

func TestAnInlineQueryIsAnsweredAndAResultSent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, bot := inMemory(t, t)
		zoe := srv.User("Zoë")
		query := zoe.Inline("weather")
		_, objects := updates(t, bot)
		var asked struct {
			ID    string `json:"id"`
			Query string `json:"query"`
		}
		require.NoError(t, json.Unmarshal(objects[0], &asked))
		assert.Equal(t, "weather", asked.Query)
		assert.Contains(t, failure(t, func(tb testing.TB) { query.Expect(tb) }), `the bot did not answer the inline query "weather" of "Zoë" within 10s`)
		call(t, bot, "answerInlineQuery", params{"inline_query_id": asked.ID, "results": []params{
			{"type": "article", "id": "1", "title": "Évora", "input_message_content": params{"message_text": "Sunny"}},
		}})
		results := query.Expect(t)
		require.Len(t, results, 1)
		assert.Equal(t, "1", results[0].ID)
		assert.Equal(t, "Évora", results[0].Title)
		assert.Contains(t, string(results[0].Raw), `"Sunny"`)

		m := query.Choose(0)
		assert.Equal(t, "Sunny", m.Text)
		assert.Contains(t, string(m.Raw), `"via_bot"`)
		kinds, _ := updates(t, bot)
		assert.Equal(t, []string{"inline_query", "chosen_inline_result", "message"}, kinds)

		again := zoe.Inline("again")
		_, objects = updates(t, bot)
		require.NoError(t, json.Unmarshal(objects[3], &asked))
		var calls sync.WaitGroup
		defer calls.Wait()
		calls.Go(func() {
			time.Sleep(time.Second)
			call(t, bot, "answerInlineQuery", params{"inline_query_id": asked.ID, "results": []params{
				{"type": "article", "id": "1", "title": "Évora", "input_message_content": params{"message_text": "Rain"}},
			}})
		})
		assert.Equal(t, "Rain", again.Choose(0).Text, "which waits for the answer")
	})
}

func TestAPollIsExpectedByItsQuestionAndVotedOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, bot := inMemory(t, t)
		chat := srv.User("Zoë").Join(srv.Group("Team"))
		call(t, bot, "sendPoll", params{"chat_id": chat.ID, "question": "Lunch?", "options": []string{"Pho", "Bacalhau"}, "is_anonymous": false})
		poll := chat.Expect(t, "Lunch?")
		chat.Vote(poll, "Pho")
		kinds, objects := updates(t, bot)
		assert.Equal(t, []string{"message", "poll", "poll_answer"}, kinds)
		assert.Contains(t, string(objects[2]), `"option_ids":[0]`)
	})
}

func TestReactionsAndMembersAreToldToBotsThatAsk(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, bot := inMemory(t, t)
		team, zoe := srv.Group("Team"), srv.User("Zoë")
		chat := zoe.Join(team)
		m := chat.Send("hi")
		chat.React(m, "👍")
		kinds, _ := updates(t, bot)
		assert.Equal(t, []string{"message", "message"}, kinds)
		assert.Contains(t, failure(t, func(tb testing.TB) { chat.Expect(tb, "hello") }),
			"\n\tupdates it did not get, because its allowed_updates do not name them: chat_member, message_reaction")

		call(t, bot, "getUpdates", params{"allowed_updates": []string{"chat_member", "message_reaction"}})
		chat.React(m)
		zoe.Leave(team)
		kinds, _ = updates(t, bot)
		assert.Equal(t, []string{"message", "message", "message_reaction", "chat_member"}, kinds)

		assert.Equal(t, team.ID, srv.Group("Team").ID)
		assert.Equal(t, zoe.ID, srv.User("Zoë").ID)
	})
}

func TestWhatCannotBeFailsTheTestOfTheServer(t *testing.T) {
	t.Parallel()
	for want, act := range map[string]func(*tghooktest.Server){
		`tghooktest: in the chat of "Zoë" with the bot: the text is empty; Telegram does not send an empty message`:                                               func(srv *tghooktest.Server) { srv.User("Zoë").Chat().Send("") },
		"tghooktest: in the chat of \"Zoë\" with the bot: waited 10s: there is no button \"Yes\" to press; the buttons are: none\n\tin this chat it said nothing": func(srv *tghooktest.Server) { srv.User("Zoë").Chat().Press("Yes") },
		`tghooktest: in the chat of "Zoë" with the bot: an album has 2 to 10 pictures, not 0`:                                                                     func(srv *tghooktest.Server) { srv.User("Zoë").Chat().SendAlbum() },
		`tghooktest: Group: the title is empty; pass one, such as Team`:                                                                                           func(srv *tghooktest.Server) { srv.Group("") },
		`tghooktest: User: the name is empty; pass one, such as Zoë`:                                                                                              func(srv *tghooktest.Server) { srv.User(" ") },
		`tghooktest: Zoë is not in the group "Team"; call Join first`:                                                                                             func(srv *tghooktest.Server) { srv.User("Zoë").Leave(srv.Group("Team")) },
		`tghooktest: in the group "Team": message 1 has no poll to vote in`: func(srv *tghooktest.Server) {
			c := srv.User("Zoë").Join(srv.Group("Team"))
			c.Vote(c.Messages()[0], "Pho")
		},
		`tghooktest: in the chat of "Zoë" with the bot: the message is empty; pass one that an act, Expect or Messages has returned`: func(srv *tghooktest.Server) {
			srv.User("Zoë").Chat().Reply(nil, "hi")
		},
		`tghooktest: in the chat of "Zoë" with the bot: message 1 belongs to another bot's chat; use the chat of that bot's Server`: func(srv *tghooktest.Server) {
			other, err := srv.AddBot(tghooktest.BotConfig{})
			if err == nil {
				srv.User("Zoë").Chat().Edit(other.User("Zoë").Chat().Send("hi"), "hello")
			}
		},
		`tghooktest: in the chat of "Zoë" with the bot: message 1 belongs to another chat, the group "Team"; use that Chat`: func(srv *tghooktest.Server) {
			zoe := srv.User("Zoë")
			zoe.Chat().React(zoe.Join(srv.Group("Team")).Messages()[0], "👍")
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			assert.Equal(t, want, failure(t, func(tb testing.TB) {
				srv, _ := inMemory(t, tb)
				act(srv)
			}))

			srv, warned := started(t)
			require.EqualError(t, srv.Try(func(_ testing.TB, srv *tghooktest.Server) { act(srv) }), want)
			assert.NotContains(t, warned.list(), want, "warnings for what Try returns")
			act(srv)
			assert.Contains(t, warned.list(), want, "outside of Try")
		})
	}
}

func TestUsersMaySendAllKinds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, bot := inMemory(t, t)
		chat := srv.User("Zoë").Chat()
		photo := chat.SendPhoto("look", []byte("\xff\xd8\xff"))
		chat.SendDocument("notes.txt", []byte("notes"))
		album := chat.SendAlbum([]byte("one"), []byte("two"))
		chat.SendLocation(38.57, -7.9)
		chat.SendContact("+351000")
		chat.Reply(photo, "nice?")
		edited := chat.Edit(photo, "look here")
		assert.Equal(t, "look here", edited.Text)
		assert.Len(t, album, 2)

		kinds, objects := updates(t, bot)
		assert.Equal(t, []string{"message", "message", "message", "message", "message", "message", "message", "edited_message"}, kinds)
		for i, field := range []string{"photo", "document", "media_group_id", "media_group_id", "location", "contact", "reply_to_message", "edit_date"} {
			assert.Contains(t, string(objects[i]), `"`+field+`":`)
		}
		assert.Equal(t, []string{"look here", "", "", "", "", "", "nice?"}, texts(chat.Messages()))
	})
}

func texts(all []*tghooktest.Message) []string {
	texts := make([]string, 0, len(all))
	for _, m := range all {
		texts = append(texts, m.Text)
	}
	return texts
}

// In real time, over sockets: one of many goroutines expects each message.
func TestManyUsersAndExpectsAtOnce(t *testing.T) {
	t.Parallel()
	srv := tghooktest.NewServer(t, tghooktest.ServerConfig{Patience: time.Minute})
	bot := srv.Bot(t)
	team := srv.Group("Team")
	var (
		all  sync.WaitGroup
		mu   sync.Mutex
		seen []int64
	)
	for i := range 8 {
		all.Go(func() {
			chat := srv.User(fmt.Sprint("User ", i)).Join(team)
			for range 5 {
				m := chat.Send("hi")
				chat.React(m, "👍")
				call(t, bot, "sendMessage", params{"chat_id": team.ID, "text": "hello"})
				id := chat.Expect(t, "hello").ID
				mu.Lock()
				seen = append(seen, id)
				mu.Unlock()
				_ = chat.Messages()
			}
		})
	}
	all.Wait()
	slices.Sort(seen)
	assert.Len(t, slices.Compact(seen), 40)
}
