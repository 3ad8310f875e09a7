package gateway_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/config"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/gateway"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/storage"
	"github.com/tghook/tghook/tghooktest"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

func TestAnUpdateReachesTheBotAndItsReplyIsCalled(t *testing.T) {
	bot := newWitness(t, nil)
	r := newRig(t, func(f *config.Config, r *rig) {
		b := r.bot(bot.URL + "/telegram")
		b.To.Secret = "for-the-bot"
		f.Bots = []*config.Bot{b}
	})
	ann := r.tg.User("Ann").Chat()
	bot.reply(func(w http.ResponseWriter, body string) {
		answerJSON(fmt.Sprintf(`{"method":"sendMessage","chat_id":%d,"text":"Hello!"}`, gjson.Get(body, "message.chat.id").Int()))(w, "")
	})
	ann.Send("/start")
	ann.Expect(t, "Hello!")
	require.Len(t, bot.bodies(), 1)
	require.True(t, strings.HasPrefix(bot.bodies()[0], `{"update_id":`), "the very bytes of Telegram")
	require.Contains(t, bot.bodies()[0], ",\n\"message\":{")
	require.Equal(t, "for-the-bot", bot.header[0].Get("X-Telegram-Bot-Api-Secret-Token"))

	delivery := r.rows("delivery", 1)[0]
	require.True(t, delivery.OK)
	require.Equal(t, "sendMessage", delivery.Reply.Method)
	call := r.rows("reply", 1)[0]
	require.True(t, call.OK)
	require.Equal(t, delivery.ID, call.Cause)
	_, x, err := r.storage.Row(t.Context(), delivery.ID)
	require.NoError(t, err)
	require.Equal(t, bot.bodies()[0], string(x.Body))
	require.NotContains(t, fmt.Sprint(x.Header), "for-the-bot")
}

func TestARefusedReplyIsSeen(t *testing.T) {
	bot := newWitness(t, answerJSON(`{"method":"sendMessage","chat_id":999,"text":"Hello!"}`))
	r := newRig(t, func(f *config.Config, r *rig) { f.Bots = []*config.Bot{r.bot(bot.URL)} })
	r.tg.User("Ann").Chat().Send("hello")
	row := r.rows("reply", 1)[0]
	require.False(t, row.OK)
	require.Equal(t, 400, row.Status)
	require.Contains(t, row.Error, "chat not found")
	require.NotContains(t, row.Error, r.tg.Token)
	require.Len(t, bot.bodies(), 1, "the bot has taken the update")
}

func TestAReplyIsCalledAgain(t *testing.T) {
	for name, fault := range map[string]tghooktest.CallFault{
		"429":               {Err: &tghooktest.CallError{Code: 429, Description: "Too Many Requests: retry after 1", RetryAfter: time.Second}},
		"500":               {Err: &tghooktest.CallError{Code: 500, Description: "Internal Server Error"}},
		"a lost connection": {Cut: true},
	} {
		t.Run(name, func(t *testing.T) {
			bot := newWitness(t, func(w http.ResponseWriter, body string) {
				answerJSON(fmt.Sprintf(`{"method":"sendMessage","chat_id":%d,"text":"Hello!"}`, gjson.Get(body, "message.chat.id").Int()))(w, "")
			})
			r := newRig(t, func(f *config.Config, r *rig) { f.Bots = []*config.Bot{r.bot(bot.URL)} })
			failed := false // OnCall is called one at a time
			r.tg.OnCall(func(c tghooktest.Call) tghooktest.CallFault {
				if c.Method != "sendMessage" || failed {
					return tghooktest.CallFault{}
				}
				failed = true
				return fault
			})
			ann := r.tg.User("Ann").Chat()
			ann.Send("hello")
			ann.Expect(t, "Hello!")
			require.Len(t, r.rows("reply", 2), 2)
			require.Len(t, bot.bodies(), 1)
		})
	}
}

func TestABotThatIsDownLosesNothing(t *testing.T) {
	bot := newWitness(t, nil)
	target := bot.URL
	r := newRig(t, func(f *config.Config, r *rig) { f.Bots = []*config.Bot{r.bot(target)} })
	bot.reply(status(http.StatusInternalServerError))
	ann, ben := r.tg.User("Ann").Chat(), r.tg.User("Ben").Chat()
	for i := range 5 {
		ann.Send(fmt.Sprint("ann ", i))
		ben.Send(fmt.Sprint("ben ", i))
	}
	bot.await(t, 2)
	r.tg.WaitDelivered(t) // Telegram was answered 200
	bot.reply(nil)
	r.eventually(func() bool { return r.pending() == 0 }, "all updates are handled")
	require.Equal(t, []string{"ann 0", "ann 1", "ann 2", "ann 3", "ann 4"}, last(bot.bodies(), "ann"))
	require.Equal(t, []string{"ben 0", "ben 1", "ben 2", "ben 3", "ben 4"}, last(bot.bodies(), "ben"))
}

// pending counts what waits for the bot.
func (r *rig) pending() int {
	state, err := r.storage.Queue().State(r.t.Context(), r.tg.Bot(r.t).Bot())
	require.NoError(r.t, err)
	return state.Pending
}

// last returns the texts of someone, each where it came last, in this order.
func last(bodies []string, who string) (texts []string) {
	for _, body := range bodies {
		text := gjson.Get(body, "message.text").String()
		if !strings.HasPrefix(text, who) {
			continue
		}
		if len(texts) > 0 && texts[len(texts)-1] == text {
			continue
		}
		texts = append(texts, text)
	}
	return texts
}

func TestAPausedBotGetsNothing(t *testing.T) {
	bot := newWitness(t, nil)
	r := newRig(t, func(f *config.Config, r *rig) { f.Bots = []*config.Bot{r.bot(bot.URL)} })
	r.eventually(func() bool { return len(r.gateway.Bots()) == 1 }, "the bot runs")
	require.NoError(t, r.gateway.SetPaused(t.Context(), "shop", true))
	ann := r.tg.User("Ann").Chat()
	ann.Send("one")
	r.tg.WaitDelivered(t)
	s, err := r.gateway.Bot("shop")
	require.NoError(t, err)
	require.True(t, s.Paused)
	require.Equal(t, 1, r.pending())
	require.Never(t, func() bool { return len(bot.bodies()) > 0 }, time.Second, 50*time.Millisecond)
	require.NoError(t, r.gateway.SetPaused(t.Context(), "shop", false))
	bot.await(t, 1)
	require.ErrorIs(t, r.gateway.SetPaused(t.Context(), "nobody", true), gateway.ErrNoBot)
}

func TestADeadLetterIsEditedAndReplayed(t *testing.T) {
	bot := newWitness(t, func(w http.ResponseWriter, body string) {
		if strings.Contains(body, "poison") {
			w.WriteHeader(http.StatusBadRequest)
		}
	})
	r := newRig(t, func(f *config.Config, r *rig) {
		b := r.bot(bot.URL)
		b.MaxAttempts = 1
		f.Bots = []*config.Bot{b}
	})
	ann := r.tg.User("Ann").Chat()
	ann.Send("poison")
	ann.Send("poison 2")
	ann.Send("poison 3")
	ann.Send("fine")
	bot.await(t, 4)
	var letters []tghook.DeadLetter
	r.eventually(func() bool {
		var err error
		letters, err = r.gateway.DeadLetters(t.Context(), "shop", "", 0, 100)
		return err == nil && len(letters) == 3
	}, "three dead letters")
	require.Contains(t, letters[0].Why, "Wrong response from the webhook: 400 Bad Request")
	require.Contains(t, letters[0].Why, "by max_attempts")
	require.NotContains(t, letters[0].Why, "tghook: ")
	require.Equal(t, "fine", gjson.Get(bot.bodies()[3], "message.text").String())

	edited := strings.Replace(string(letters[0].Raw), "poison", "cured", 1)
	require.NoError(t, r.gateway.Replay(t.Context(), "shop", "", letters[0].Key.ID, indented(t, edited)))
	bot.await(t, 1)
	require.Equal(t, edited, bot.bodies()[4])
	require.NoError(t, r.gateway.Discard(t.Context(), "shop", "", letters[1].Key.ID))
	require.NoError(t, r.gateway.Replay(t.Context(), "shop", "", letters[2].Key.ID, nil))
	bot.await(t, 1)
	require.Equal(t, string(letters[2].Raw), bot.bodies()[5])
	require.ErrorIs(t, r.gateway.Replay(t.Context(), "shop", "", letters[0].Key.ID, []byte(edited)), tghook.ErrNoDeadLetter)
	require.ErrorIs(t, r.gateway.Replay(t.Context(), "shop", "", letters[1].Key.ID, nil), tghook.ErrNoDeadLetter)
	require.ErrorIs(t, r.gateway.Send(t.Context(), "shop", "", []byte(`{"no":"update"}`)), gateway.ErrNoUpdate)
	require.ErrorIs(t, r.gateway.Send(t.Context(), "shop", "nobody", letters[0].Raw), gateway.ErrNoBot)

	require.NoError(t, r.gateway.Send(t.Context(), "shop", "", []byte(edited)))
	require.NoError(t, r.gateway.Send(t.Context(), "shop", "", []byte(edited)))
	bot.await(t, 2)
	require.Len(t, bot.bodies(), 8, "the same update twice more, though its id is known")
}

// indented returns an update as an editor writes it.
func indented(t *testing.T, update string) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, json.Indent(&b, []byte(update), "", "  "))
	return b.Bytes()
}

func TestCopies(t *testing.T) {
	main, audit := newWitness(t, nil), newWitness(t, answerJSON(`{"method":"sendMessage","chat_id":1,"text":"never"}`))
	r := newRig(t, func(f *config.Config, r *rig) {
		b := r.bot(main.URL)
		b.To.Kinds = []string{"message"}
		u, _ := url.Parse(audit.URL)
		b.Copies = []config.Target{{Name: "audit", URL: u, Kinds: []string{"message", "edited_message"}, Timeout: patience, MaxConnections: 5}}
		b.Kinds = []string{"message", "edited_message"}
		f.Bots = []*config.Bot{b}
	})
	ann := r.tg.User("Ann").Chat()
	ann.Edit(ann.Send("one"), "two")
	main.await(t, 1)
	audit.await(t, 2)
	r.tg.WaitDelivered(t)
	r.eventually(func() bool { return r.pending() == 0 }, "all is handled")
	require.Len(t, main.bodies(), 1)
	require.Len(t, audit.bodies(), 2)
	require.Empty(t, r.tg.Calls("sendMessage"), "what a copy answers is not executed")

	main.reply(status(http.StatusInternalServerError)) // does not hold up the copy
	ann.Send("three")
	ann.Send("four")
	audit.await(t, 2)
}

func TestAFullQueueIsRefusedUntilThereIsRoom(t *testing.T) {
	bot := newWitness(t, nil)
	r := newRig(t, func(f *config.Config, r *rig) {
		b := r.bot(bot.URL)
		b.MaxPending = 2
		f.Bots = []*config.Bot{b}
	})
	r.eventually(func() bool { return len(r.gateway.Bots()) == 1 }, "the bot runs")
	require.NoError(t, r.gateway.SetPaused(t.Context(), "shop", true))
	for i := range 4 {
		r.tg.User(fmt.Sprint("User", i)).Chat().Send("hello")
	}
	r.eventually(func() bool { return r.tg.Pending() == 2 }, "two updates wait at Telegram")
	require.Equal(t, 2, r.pending())
	require.NotZero(t, r.meter.count(gateway.Full))
	for i := range 3 {
		changed := *r.file
		b := *r.file.Bots[0]
		b.To.MaxConnections += i + 1
		changed.Bots = []*config.Bot{&b}
		r.gateway.Apply(&changed)
		require.Equal(t, http.StatusServiceUnavailable, r.post(r.gateway, "s3cret", 1000+i), "it is full after a reload too")
	}
	second := r.beside()
	r.eventually(func() bool { return second.Ready(t.Context()) == nil && len(second.Bots()) == 1 }, "the second one runs")
	require.Equal(t, http.StatusServiceUnavailable, r.post(second, "s3cret", 1000), "and for a gateway that starts")
	require.Equal(t, 2, r.pending())
	require.NoError(t, r.gateway.SetPaused(t.Context(), "shop", false))
	bot.await(t, 4)
	r.tg.WaitDelivered(t)
}

func TestABotPolls(t *testing.T) {
	bot := newWitness(t, nil)
	r := newRig(t, func(f *config.Config, r *rig) {
		b := r.bot(bot.URL)
		b.Receive = config.Poll
		f.Bots = []*config.Bot{b}
	})
	r.tg.User("Ann").Chat().Send("hello")
	bot.await(t, 1)
	r.eventually(func() bool { return r.tg.Pending() == 0 }, "Telegram is told")
}

func TestReload(t *testing.T) {
	first, second := newWitness(t, nil), newWitness(t, nil)
	r := newRig(t, func(f *config.Config, r *rig) { f.Bots = []*config.Bot{r.bot(first.URL)} })
	ann := r.tg.User("Ann").Chat()
	ann.Send("one")
	first.await(t, 1)

	changed := *r.file
	changed.Listen = "127.0.0.1:1"
	changed.Bots = []*config.Bot{r.bot(second.URL)}
	require.Equal(t, []string{"listen"}, r.gateway.Apply(&changed))
	ann.Send("two")
	second.await(t, 1)

	removed := *r.file
	removed.Bots = nil
	require.Empty(t, r.gateway.Apply(&removed))
	require.Empty(t, r.gateway.Bots())
	client := r.tg.Bot(t)
	r.eventually(func() bool {
		info, err := client.GetWebhookInfo(t.Context())
		return err == nil && info.URL == ""
	}, "the webhook of a removed bot is deleted")
}

// Whether anything listens for webhooks is decided at the start. Until the restart, a url that is new
// sets no webhook, and one that is taken out deletes none. All else is taken over.
func TestAURLThatIsNewOrTakenOutNeedsARestart(t *testing.T) {
	for name, test := range map[string]struct{ before, after config.Receive }{
		"new":       {config.Poll, config.Webhook},
		"taken out": {config.Webhook, config.Poll},
	} {
		t.Run(name, func(t *testing.T) {
			first, second, third := newWitness(t, nil), newWitness(t, nil), newWitness(t, nil)
			var address *url.URL
			r := newRig(t, func(f *config.Config, r *rig) {
				address = f.URL
				if test.before == config.Poll {
					f.URL = nil
				}
				b := r.bot(first.URL)
				b.Receive = test.before
				f.Bots = []*config.Bot{b}
			})
			ann := r.tg.User("Ann").Chat()
			ann.Send("one")
			first.await(t, 1)

			next := func(to string) *config.Config {
				changed := *r.file
				if changed.URL = nil; test.after == config.Webhook {
					changed.URL = address
				}
				b := r.bot(to)
				b.Receive = test.after
				changed.Bots = []*config.Bot{b}
				return &changed
			}
			for i, to := range []*witness{second, third} { // the second time nothing changes but to
				require.Equal(t, []string{"url"}, r.gateway.Apply(next(to.URL)))
				ann.Send(fmt.Sprint("text ", i))
				to.await(t, 1)
				s, err := r.gateway.Bot("shop")
				require.NoError(t, err)
				require.Equal(t, test.before, s.Receive)
			}
			if test.before == config.Poll {
				require.Empty(t, r.tg.Calls("setWebhook"))
			} else {
				require.Empty(t, r.tg.Calls("deleteWebhook"))
				require.Empty(t, r.tg.Calls("getUpdates"))
			}
			require.Empty(t, r.gateway.Apply(r.file), "it is as it was at the start")
		})
	}
}

// A url that comes with another listen may have its port, where nothing listens until the restart.
func TestAURLThatComesWithAnotherAddressNeedsARestart(t *testing.T) {
	bot := newWitness(t, nil)
	r := newRig(t, func(f *config.Config, r *rig) { f.Bots = []*config.Bot{r.bot(bot.URL)} })
	webhook := func() string {
		info, err := r.tg.Bot(t).GetWebhookInfo(t.Context())
		require.NoError(t, err)
		return info.URL
	}
	r.eventually(func() bool { return webhook() != "" }, "the webhook is set")
	before := webhook()
	changed := *r.file
	changed.URL, changed.Listen = r.file.URL.JoinPath("elsewhere"), "127.0.0.1:1"
	require.Equal(t, []string{"url", "listen"}, r.gateway.Apply(&changed))
	r.tg.User("Ann").Chat().Send("one")
	bot.await(t, 1)
	require.Equal(t, before, webhook())

	changed.Listen = r.file.Listen
	require.Empty(t, r.gateway.Apply(&changed), "alone it is taken over at once")
	r.eventually(func() bool { return strings.Contains(webhook(), "/elsewhere/bots/") }, "the webhook is set anew")
}

// A bot of the admin API receives as the bots of the file do: by webhook if anything listens for it.
func TestAURLThatIsTakenOutIsStillThatOfAddedBots(t *testing.T) {
	bot := newWitness(t, nil)
	r := newRig(t, func(f *config.Config, _ *rig) { f.Admin.Allow = loopback })
	r.eventually(func() bool { return r.gateway.Ready(t.Context()) == nil }, "the gateway runs")
	changed := *r.file
	changed.URL = nil
	require.Equal(t, []string{"url"}, r.gateway.Apply(&changed))
	require.NoError(t, r.gateway.Add(t.Context(), "shop", fmt.Appendf(nil, `{"token":%q,"to":%q}`, r.tg.Token, bot.URL)))
	r.tg.User("Ann").Chat().Send("one")
	bot.await(t, 1)
	s, err := r.gateway.Bot("shop")
	require.NoError(t, err)
	require.Equal(t, config.Webhook, s.Receive)
}

// Updates come while the configuration changes again and again.
func TestAReloadLosesNothing(t *testing.T) {
	bot := newWitness(t, nil)
	r := newRig(t, func(f *config.Config, r *rig) { f.Bots = []*config.Bot{r.bot(bot.URL)} })
	const n = 200
	go func() {
		for i := range 20 {
			changed := *r.file
			b := r.bot(bot.URL)
			b.MaxPending += i
			changed.Bots = []*config.Bot{b}
			r.gateway.Apply(&changed)
			time.Sleep(20 * time.Millisecond) // so that updates come between two changes
		}
	}()
	for i := range n {
		r.tg.User(fmt.Sprint("User", i%7)).Chat().Send(strconv.Itoa(i))
	}
	bot.await(t, n)
	seen := map[string]int{}
	for _, body := range bot.bodies() {
		seen[gjson.Get(body, "update_id").String()]++
	}
	require.Len(t, seen, n)
	require.Len(t, bot.bodies(), n, "and nothing twice")
}

func TestABotOfTheAdminAPI(t *testing.T) {
	bot := newWitness(t, nil)
	r := newRig(t, func(f *config.Config, _ *rig) { f.Admin.Allow = loopback })
	r.eventually(func() bool { return r.gateway.Ready(t.Context()) == nil }, "the gateway runs")
	spec := fmt.Sprintf(`{"token":%q,"to":%q}`, r.tg.Token, bot.URL)
	require.NoError(t, r.gateway.Add(t.Context(), "shop", []byte(spec)))
	r.tg.User("Ann").Chat().Send("one")
	bot.await(t, 1)

	added, err := r.storage.Bots(t.Context())
	require.NoError(t, err)
	require.NotContains(t, string(added[0].Sealed), r.tg.Token)

	var mistakes *config.Mistakes
	require.ErrorAs(t, r.gateway.Add(t.Context(), "other", []byte(`{"token":"x"}`)), &mistakes)

	r.stop()
	<-r.ended
	other := r.start() // after a restart
	r.eventually(func() bool { _, err := other.Bot("shop"); return err == nil }, "the bot is still there")
	require.NoError(t, other.Remove(t.Context(), "shop"))
	require.ErrorIs(t, other.Remove(t.Context(), "shop"), gateway.ErrNoBot)
	r.eventually(func() bool {
		info, err := r.tg.Bot(t).GetWebhookInfo(t.Context())
		return err == nil && info.URL == ""
	}, "its webhook is deleted")
}

func TestTheFileHasTheLastWord(t *testing.T) {
	bot, other := newWitness(t, nil), newWitness(t, nil)
	r := newRig(t, func(f *config.Config, r *rig) { f.Admin.Allow = loopback })
	r.eventually(func() bool { return r.gateway.Ready(t.Context()) == nil }, "the gateway runs")
	spec := fmt.Appendf(nil, `{"token":%q,"to":%q}`, r.tg.Token, other.URL)
	require.NoError(t, r.gateway.Add(t.Context(), "shop", spec))
	withFile := *r.file
	withFile.Bots = []*config.Bot{r.bot(bot.URL)}
	r.gateway.Apply(&withFile)
	r.tg.User("Ann").Chat().Send("one")
	bot.await(t, 1)
	require.ErrorIs(t, r.gateway.Add(t.Context(), "shop", spec), gateway.ErrInFile)
	require.NoError(t, r.gateway.Remove(t.Context(), "shop"), "what was added before can go")
	require.ErrorIs(t, r.gateway.Remove(t.Context(), "shop"), gateway.ErrInFile)
	_, err := r.gateway.Bot("shop")
	require.NoError(t, err, "the bot of the file stays")
	require.Empty(t, other.bodies())
}

// If a range is taken out of admin.allow, a bot of the admin API gets no more.
func TestAllowIsReadAgain(t *testing.T) {
	bot := newWitness(t, nil)
	r := newRig(t, func(f *config.Config, r *rig) { f.Admin.Allow = loopback })
	r.eventually(func() bool { return r.gateway.Ready(t.Context()) == nil }, "the gateway runs")
	require.NoError(t, r.gateway.Add(t.Context(), "shop", fmt.Appendf(nil, `{"token":%q,"to":%q}`, r.tg.Token, bot.URL)))
	ann := r.tg.User("Ann").Chat()
	ann.Send("one")
	bot.await(t, 1)
	changed := *r.file
	changed.Admin.Allow = nil
	r.gateway.Apply(&changed)
	ann.Send("two")
	rows := func() (found bool) {
		rows, err := r.storage.Rows(t.Context(), storage.Filter{Failed: true})
		require.NoError(t, err)
		for _, row := range rows {
			found = found || strings.Contains(row.Error, "not public")
		}
		return found
	}
	r.eventually(rows, "the address is refused")
	require.Len(t, bot.bodies(), 1)
}

// A bot that hangs does not hold up the end, and its update is not lost.
func TestTheEnd(t *testing.T) {
	hang := make(chan struct{})
	bot := newWitness(t, func(http.ResponseWriter, string) { <-hang })
	defer close(hang)
	r := newRig(t, func(f *config.Config, r *rig) {
		r.end = 10 * patience
		f.Bots = []*config.Bot{r.bot(bot.URL)}
	})
	r.tg.User("Ann").Chat().Send("one")
	r.eventually(func() bool { return len(bot.bodies()) == 1 }, "the bot has it")
	begun := time.Now()
	r.stop()
	<-r.ended
	require.Less(t, time.Since(begun), patience, "the request is cut off long before its timeout")
	state, err := r.storage.Queue().State(t.Context(), r.tg.Bot(t).Bot())
	require.NoError(t, err)
	require.Equal(t, 1, state.Pending)
	require.Error(t, r.gateway.Ready(context.Background()))
	if !r.gaveBack() {
		return
	}
	require.Zero(t, state.Leased, "the next gateway need not wait")
	taken, err := r.storage.Queue().Take(t.Context(), r.tg.Bot(t).Bot(), 1, time.Minute)
	require.NoError(t, err)
	require.Zero(t, taken[0].Attempts, "an end is no attempt")
}

// The storage is closed after the gateway has ended, which may take 4.5 seconds more. All together
// takes less than ten.
func TestTheEndIsBounded(t *testing.T) {
	require.LessOrEqual(t, gateway.TimeOfTheEnd, 5*time.Second)
	require.LessOrEqual(t, gateway.TimeOfReplies, gateway.TimeOfTheEnd-time.Second, "a call is cut off in time")
	hangs := tghooktest.CallFault{Delay: 10 * patience}
	tests := map[string]struct {
		fault  tghooktest.CallFault
		locked []string
	}{
		"Telegram hangs":                {fault: hangs},
		"Telegram limits the rate":      {fault: tghooktest.CallFault{Err: &tghooktest.CallError{Code: 429, Description: "Too Many Requests: retry after 90", RetryAfter: 90 * time.Second}}},
		"Telegram and the storage hang": {fault: hangs, locked: []string{"queue.db", "serve.db"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			locked := test.locked
			bot := newWitness(t, answerJSON(`{"method":"sendMessage","chat_id":1,"text":"Hello!"}`))
			r := newRig(t, func(f *config.Config, r *rig) {
				if locked == nil {
					r.end = 10 * patience // a slow machine needs some time after the call is cut off
				}
				f.Bots = []*config.Bot{r.bot(bot.URL)}
			})
			calling := make(chan struct{}, 100)
			r.tg.OnCall(func(c tghooktest.Call) tghooktest.CallFault {
				if c.Method != "sendMessage" {
					return tghooktest.CallFault{}
				}
				calling <- struct{}{}
				return test.fault
			})
			r.tg.User("Ann").Chat().Send("one")
			<-calling
			var unlocks []func()
			for _, file := range locked {
				unlocks = append(unlocks, lock(t, filepath.Join(r.folder, file)))
			}
			begun := time.Now()
			r.stop()
			<-r.ended
			took := time.Since(begun)
			for _, unlock := range unlocks {
				unlock()
			}
			if locked != nil {
				require.GreaterOrEqual(t, took, gateway.TimeOfTheEnd, "what is under way cannot end")
				require.Contains(t, r.log.String(), "the end has taken too long", "the gateway does not wait for it")
				return
			}
			require.Less(t, took, patience, "the call is cut off")
			require.NotContains(t, r.log.String(), "the end has taken too long")
			state, err := r.storage.Queue().State(t.Context(), r.tg.Bot(t).Bot())
			require.NoError(t, err)
			require.Equal(t, 1, state.Pending)
			if !r.gaveBack() {
				return
			}
			require.Zero(t, state.Leased, "the next gateway need not wait")
			taken, err := r.storage.Queue().Take(t.Context(), r.tg.Bot(t).Bot(), 1, time.Minute)
			require.NoError(t, err)
			require.Zero(t, taken[0].Attempts, "an end is no attempt")
		})
	}
}

// lock locks a file of SQLite, as a disk that hangs would.
func lock(t *testing.T, file string) (unlock func()) {
	t.Helper()
	db, err := sql.Open("sqlite", file)
	require.NoError(t, err)
	db.SetMaxOpenConns(1)
	_, err = db.ExecContext(t.Context(), "PRAGMA busy_timeout = 10000; BEGIN IMMEDIATE")
	require.NoError(t, err)
	return func() {
		_, err := db.ExecContext(t.Context(), "ROLLBACK")
		require.NoError(t, err)
		require.NoError(t, db.Close())
	}
}

// Of two gateways one sets the webhook. When it ends, the other one does.
func TestTheKeeper(t *testing.T) {
	bot := newWitness(t, nil)
	r := newRig(t, func(f *config.Config, r *rig) {
		b := r.bot(bot.URL)
		b.Receive = config.Poll
		f.Bots = []*config.Bot{b}
	})
	first, stop, ended := r.gateway, r.stop, r.ended
	r.eventually(func() bool { s, err := first.Bot("shop"); return err == nil && s.Webhook.Here }, "the first one polls")
	second := r.beside()
	r.eventually(func() bool { _, err := second.Bot("shop"); return err == nil }, "the second one runs")
	r.tg.User("Ann").Chat().Send("one")
	bot.await(t, 1)
	s, err := second.Bot("shop")
	require.NoError(t, err)
	require.False(t, s.Webhook.Here)
	stop()
	<-ended
	r.eventually(func() bool { s, err := second.Bot("shop"); return err == nil && s.Webhook.Here }, "the second one polls")
	r.tg.User("Ann").Chat().Send("two")
	bot.await(t, 1)
}

// Two gateways share a storage. A bot that is added, paused or removed at one of them is so at the
// other one.
func TestAnActAtOneGatewayHoldsForAll(t *testing.T) {
	bot := newWitness(t, nil)
	r := newRig(t, func(f *config.Config, _ *rig) { f.Admin.Allow = loopback })
	first, second := r.gateway, r.beside()
	require.NoError(t, second.Add(t.Context(), "shop", fmt.Appendf(nil, `{"token":%q,"to":%q}`, r.tg.Token, bot.URL)))
	webhook := func() string {
		info, err := r.tg.Bot(t).GetWebhookInfo(t.Context())
		require.NoError(t, err)
		return info.URL
	}
	r.eventually(func() bool { return webhook() != "" }, "one of the two sets the webhook")
	r.eventually(func() bool { _, err := first.Bot("shop"); return err == nil }, "the first one has the bot")
	ann := r.tg.User("Ann").Chat()
	ann.Send("one")
	bot.await(t, 1)

	require.NoError(t, second.SetPaused(t.Context(), "shop", true))
	r.eventually(func() bool { s, err := first.Bot("shop"); return err == nil && s.Paused }, "the first one pauses")
	ann.Send("two")
	r.tg.WaitDelivered(t)
	require.Equal(t, 1, r.pending())
	require.Never(t, func() bool { return len(bot.bodies()) > 1 }, time.Second, 50*time.Millisecond)
	require.NoError(t, second.SetPaused(t.Context(), "shop", false))
	bot.await(t, 1)

	require.NoError(t, second.Remove(t.Context(), "shop"))
	r.eventually(func() bool { _, err := first.Bot("shop"); return errors.Is(err, gateway.ErrNoBot) }, "the first one forgets it")
	r.eventually(func() bool { return webhook() == "" }, "its webhook is deleted")
}
