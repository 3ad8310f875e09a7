package gateway_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
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

// With max_attempts 1, neither a reload nor the end makes a dead letter of an update that waits.
func TestNoEndMakesADeadLetter(t *testing.T) {
	hang := make(chan struct{})
	bot := newWitness(t, func(http.ResponseWriter, string) { <-hang })
	defer close(hang)
	r := newRig(t, func(f *config.Config, r *rig) {
		r.end = 10 * patience
		b := r.bot(bot.URL)
		b.MaxAttempts, b.To.MaxConnections = 1, 1
		f.Bots = []*config.Bot{b}
	})
	for i := range 20 {
		r.tg.User(fmt.Sprint("User", i)).Chat().Send("hello")
	}
	r.tg.WaitDelivered(t)
	changed := *r.file
	b := r.bot(bot.URL)
	b.MaxAttempts, b.To.MaxConnections, b.MaxPending = 1, 1, 999
	changed.Bots = []*config.Bot{b}
	r.gateway.Apply(&changed)
	r.stop()
	<-r.ended
	state, err := r.storage.Queue().State(t.Context(), r.tg.Bot(t).Bot())
	require.NoError(t, err)
	require.Equal(t, 20, state.Pending)
	require.Zero(t, state.Dead)
	if r.gaveBack() {
		require.Zero(t, state.Leased)
	}
}

// A bot that takes longer than the end of the gateway is not posted to twice for a reload, and
// other chats go on.
func TestAReloadWaitsForABotThatIsSlow(t *testing.T) {
	slow := make(chan struct{})
	var begun atomic.Int32
	bot := newWitness(t, func(_ http.ResponseWriter, body string) {
		if strings.Contains(body, "slow") {
			begun.Add(1)
			<-slow
		}
	})
	r := newRig(t, func(f *config.Config, r *rig) { f.Bots = []*config.Bot{r.bot(bot.URL)} })
	r.tg.User("Ann").Chat().Send("slow")
	r.eventually(func() bool { return begun.Load() == 1 }, "the bot works")
	changed := *r.file
	b := r.bot(bot.URL)
	b.MaxPending = 999
	changed.Bots = []*config.Bot{b}
	r.gateway.Apply(&changed)
	for i := range 20 {
		r.tg.User(fmt.Sprint("User", i)).Chat().Send("hello")
	}
	bot.await(t, 20)            // nothing waits for the end of the old configuration, which waits for the bot
	time.Sleep(5 * time.Second) // longer than the end of the gateway gives a bot
	close(slow)
	bot.await(t, 1)
	r.eventually(func() bool { return r.pending() == 0 }, "all is handled")
	require.Equal(t, int32(1), begun.Load())
}

// A bot that gets another name keeps its webhook, and one that is removed and added too.
func TestTheWebhookOfABotWithAnotherNameStays(t *testing.T) {
	bot := newWitness(t, nil)
	r := newRig(t, func(f *config.Config, r *rig) { f.Bots = []*config.Bot{r.bot(bot.URL)} })
	client := r.tg.Bot(t)
	isSet := func() bool {
		info, err := client.GetWebhookInfo(t.Context())
		return err == nil && info.URL != ""
	}
	r.eventually(isSet, "the webhook is set")
	for i := range 6 {
		changed := *r.file
		if i != 3 { // once the bot is taken out
			b := r.bot(bot.URL)
			b.Name = fmt.Sprint("name-", i)
			changed.Bots = []*config.Bot{b}
		} else {
			changed.Bots = nil
		}
		r.gateway.Apply(&changed)
	}
	r.tg.User("Ann").Chat().Send("hello")
	bot.await(t, 1)
	r.eventually(func() bool {
		s, err := r.gateway.Bot("name-5")
		return err == nil && s.Webhook.URL != ""
	}, "Telegram has it")
	for range 20 { // no deletion comes late
		require.True(t, isSet())
		time.Sleep(20 * time.Millisecond)
	}
	require.LessOrEqual(t, len(r.tg.Calls("deleteWebhook")), 1, "only for the bot that was taken out")
}

// Telegram goes on sending the old secret until it has the new one.
func TestANewSecret(t *testing.T) {
	bot := newWitness(t, nil)
	r := newRig(t, func(f *config.Config, r *rig) { f.Bots = []*config.Bot{r.bot(bot.URL)} })
	ann := r.tg.User("Ann").Chat()
	ann.Send("one")
	bot.await(t, 1)
	r.tg.FailCalls(2, tghooktest.CallError{Code: 500, Description: "Internal Server Error"}, "setWebhook")
	changed := *r.file
	b := r.bot(bot.URL)
	b.Secret = "another"
	changed.Bots = []*config.Bot{b}
	r.gateway.Apply(&changed)
	ann.Send("two")
	bot.await(t, 1)
	require.Zero(t, r.meter.count(tghook.OutcomeRejected))
}

// So it is also if the configuration changes again meanwhile. When Telegram has the new secret, the old
// one is not taken for longer than the configuration stays as it is.
func TestTheOldSecretIsTakenUntilTelegramHasTheNewOne(t *testing.T) {
	bot := newWitness(t, nil)
	r := newRig(t, func(f *config.Config, r *rig) { f.Bots = []*config.Bot{r.bot(bot.URL)} })
	ann := r.tg.User("Ann").Chat()
	ann.Send("one")
	bot.await(t, 1)
	var away atomic.Bool
	away.Store(true)
	r.tg.OnCall(func(c tghooktest.Call) tghooktest.CallFault {
		if c.Method == "setWebhook" && away.Load() {
			return tghooktest.CallFault{Err: &tghooktest.CallError{Code: 502, Description: "Bad Gateway"}}
		}
		return tghooktest.CallFault{}
	})
	for i, secret := range []string{"another", "another", "a-third", "a-third"} {
		r.gateway.Apply(r.with(bot.URL, secret, i))
		ann.Send(fmt.Sprint("text ", i))
		bot.await(t, 1)
	}
	require.Zero(t, r.meter.count(tghook.OutcomeRejected))
	require.Equal(t, http.StatusOK, r.post(r.gateway, "s3cret", 1))

	away.Store(false)
	r.gateway.Apply(r.with(bot.URL, "a-third", 5))
	r.eventually(func() bool { s, err := r.gateway.Bot("shop"); return err == nil && s.Webhook.URL != "" }, "Telegram has it")
	r.gateway.Apply(r.with(bot.URL, "a-third", 6))
	require.Equal(t, http.StatusUnauthorized, r.post(r.gateway, "s3cret", 2))
	require.Equal(t, http.StatusOK, r.post(r.gateway, "a-third", 3))
}

// A gateway that is not the keeper sees by a webhook that Telegram has the new secret.
func TestTheOldSecretIsForgottenWhenTheNewOneComes(t *testing.T) {
	bot := newWitness(t, nil)
	r := newRig(t, func(f *config.Config, r *rig) { f.Bots = []*config.Bot{r.bot(bot.URL)} })
	r.eventually(func() bool { s, err := r.gateway.Bot("shop"); return err == nil && s.Webhook.Here }, "the first one is the keeper")
	second := r.beside()
	r.eventually(func() bool { return second.Ready(t.Context()) == nil }, "the second one runs")
	second.Apply(r.with(bot.URL, "another", 1))
	second.Apply(r.with(bot.URL, "s3cret", 2))
	require.Equal(t, http.StatusOK, r.post(second, "another", 1), "the first one may have set it")
	second.Apply(r.with(bot.URL, "another", 3))
	require.Equal(t, http.StatusOK, r.post(second, "s3cret", 2))
	require.Equal(t, http.StatusOK, r.post(second, "another", 3))
	second.Apply(r.with(bot.URL, "a-third", 4))
	require.Equal(t, http.StatusOK, r.post(second, "another", 4))
	require.Equal(t, http.StatusUnauthorized, r.post(second, "s3cret", 5))
}

// with returns the configuration with a bot that has a secret, and something else that differs.
func (r *rig) with(to, secret string, i int) *config.Config {
	changed := *r.file
	b := r.bot(to)
	b.Secret, b.MaxPending = secret, 100+i
	changed.Bots = []*config.Bot{b}
	return &changed
}

// post makes a webhook's request to a gateway, and returns the status of the answer.
func (r *rig) post(g *gateway.Gateway, secret string, id int) int {
	body := fmt.Sprintf(`{"update_id":%d,"message":{"message_id":1,"date":1,"chat":{"id":5,"type":"private"},"text":"hello"}}`, id)
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, fmt.Sprint("/bots/", r.tg.Bot(r.t).Bot()), strings.NewReader(body))
	require.NoError(r.t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Telegram-Bot-Api-Secret-Token", secret)
	req.RemoteAddr = "127.0.0.1:1234"
	w := httptest.NewRecorder()
	g.ServeHTTP(w, req)
	return w.Code
}

// The webhook of a bot that was taken out is deleted though Telegram fails at first.
func TestAWebhookThatCannotBeDeletedIsTriedAgain(t *testing.T) {
	r := newRig(t, func(f *config.Config, _ *rig) { f.Admin.Allow = loopback })
	r.addAndRemove(tghooktest.CallError{Code: 502, Description: "Bad Gateway"}, 1)
	r.eventually(func() bool {
		info, err := r.tg.Bot(t).GetWebhookInfo(t.Context())
		return err == nil && info.URL == ""
	}, "its webhook is deleted")
	require.Len(t, r.tg.Calls("deleteWebhook"), 2)
	require.NotContains(t, r.log.String(), "level=ERROR")
}

// No gateway is the keeper when a bot is taken out. The next keeper deletes the bot's webhook.
func TestTheNextKeeperDeletesAWebhook(t *testing.T) {
	r := newRig(t, func(f *config.Config, r *rig) { f.Bots = []*config.Bot{r.bot("http://127.0.0.1:1/")} })
	r.eventually(func() bool { s, err := r.gateway.Bot("shop"); return err == nil && s.Webhook.URL != "" }, "Telegram has the webhook")
	second := r.beside()
	r.eventually(func() bool { _, err := second.Bot("shop"); return err == nil }, "the second one runs")
	removed := *r.file
	removed.Bots = nil
	second.Apply(&removed)
	require.Never(t, func() bool { return len(r.tg.Calls("deleteWebhook")) > 0 }, time.Second, 50*time.Millisecond, "the first one is the keeper")
	r.stop()
	<-r.ended
	r.eventually(func() bool {
		info, err := r.tg.Bot(t).GetWebhookInfo(t.Context())
		return err == nil && info.URL == ""
	}, "its webhook is deleted")
}

// The gateway that took the bot out ends before it is the keeper. The log says that nothing was done.
func TestAWebhookThatNobodyDeletesIsLogged(t *testing.T) {
	r := newRig(t, func(f *config.Config, r *rig) { f.Bots = []*config.Bot{r.bot("http://127.0.0.1:1/")} })
	r.eventually(func() bool { s, err := r.gateway.Bot("shop"); return err == nil && s.Webhook.URL != "" }, "Telegram has the webhook")
	second := *r
	second.storage = r.open()
	second.end = 10 * patience // the line comes at the end, on a slow machine late
	g := second.start()
	r.eventually(func() bool { _, err := g.Bot("shop"); return err == nil }, "the second one runs")
	removed := *r.file
	removed.Bots = nil
	g.Apply(&removed)
	second.stop()
	<-second.ended
	require.Contains(t, r.log.String(), `level=WARN msg="the webhook of a bot that was taken out may still be set`)
	require.Empty(t, r.tg.Calls("deleteWebhook"))
}

// A poll has failed for a while. If no update comes afterwards, the bot is well all the same.
func TestAPollThatWorksAgainHasNoProblem(t *testing.T) {
	var away atomic.Bool
	away.Store(true)
	r := newRig(t, func(f *config.Config, r *rig) {
		r.askEach = time.Second
		r.tg.OnCall(func(c tghooktest.Call) tghooktest.CallFault {
			if c.Method == "getUpdates" && away.Load() {
				return tghooktest.CallFault{Err: &tghooktest.CallError{Code: 502, Description: "Bad Gateway"}}
			}
			return tghooktest.CallFault{}
		})
		b := r.bot("http://127.0.0.1:1/")
		b.Receive = config.Poll
		f.Bots = []*config.Bot{b}
	})
	problem := func() string { s, err := r.gateway.Bot("shop"); require.NoError(t, err); return s.Webhook.Problem }
	r.eventually(func() bool { return r.gateway.Ready(t.Context()) == nil && len(r.gateway.Bots()) == 1 }, "the bot runs")
	r.eventually(func() bool { return strings.Contains(problem(), "Bad Gateway") }, "the poll fails")
	away.Store(false)
	r.eventually(func() bool { return problem() == "" }, "the poll works")
}

// Telegram lets a poll wait. The bot has a problem all the time.
func TestAPollThatMustWaitHasAProblem(t *testing.T) {
	r := newRig(t, func(f *config.Config, r *rig) {
		r.askEach = 100 * time.Millisecond
		r.tg.OnCall(func(c tghooktest.Call) tghooktest.CallFault {
			if c.Method == "getUpdates" {
				return tghooktest.CallFault{Err: &tghooktest.CallError{Code: 429, Description: "Too Many Requests: retry after 3600", RetryAfter: time.Hour}}
			}
			return tghooktest.CallFault{}
		})
		b := r.bot("http://127.0.0.1:1/")
		b.Receive = config.Poll
		f.Bots = []*config.Bot{b}
	})
	status := func() gateway.WebhookStatus {
		s, err := r.gateway.Bot("shop")
		require.NoError(t, err)
		return s.Webhook
	}
	r.eventually(func() bool {
		return len(r.gateway.Bots()) == 1 && strings.Contains(status().Problem, "Too Many Requests")
	}, "the poll fails")
	for begun, asked := time.Now(), 0; asked < 10; {
		asked = len(r.tg.Calls("getWebhookInfo"))
		require.NotEmpty(t, status().Problem, "after %v", time.Since(begun))
	}
	require.Len(t, r.tg.Calls("getUpdates"), 1)
}

// It is not tried for ever. Then the log says so, and has no token.
func TestAWebhookThatStaysIsLogged(t *testing.T) {
	for name, end := range map[string]func(*rig){
		"the time is over":                   func(*rig) {},
		"the time is over before a call may": func(r *rig) { r.gateway.StopHooks() },
		"the gateway stops":                  func(r *rig) { r.stop() },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(f *config.Config, r *rig) {
				f.Admin.Allow = loopback
				if name != "the gateway stops" {
					r.erase, r.pause = 3*time.Second, 200*time.Millisecond
				}
			})
			r.addAndRemove(tghooktest.CallError{Code: 502, Description: "Bad Gateway"}, 1000)
			r.eventually(func() bool { return len(r.tg.Calls("deleteWebhook")) > 0 }, "it is tried")
			end(r)
			r.eventually(func() bool { return strings.Contains(r.log.String(), "level=ERROR") }, "it is given up")
			require.Regexp(t, `level=ERROR msg="the webhook of a bot that was taken out may still be set; delete it by hand, with tghook delete" name=shop error="[^\n]*Bad Gateway`, r.log.String())
			require.NotContains(t, r.log.String(), r.tg.Token)
		})
	}
}

// A bot that is put back while its webhook cannot be deleted need not wait for that, and keeps it.
func TestABotThatIsPutBackKeepsItsWebhook(t *testing.T) {
	for name, pause := range map[string]time.Duration{
		"it does not wait for the next attempt": 10 * patience,
		"no attempt comes later":                2 * time.Second,
	} {
		t.Run(name, func(t *testing.T) {
			bot := newWitness(t, nil)
			r := newRig(t, func(f *config.Config, r *rig) {
				r.pause = pause
				f.Admin.Allow = loopback
			})
			r.addAndRemove(tghooktest.CallError{Code: 502, Description: "Bad Gateway"}, 1000)
			r.eventually(func() bool { return len(r.tg.Calls("deleteWebhook")) > 0 }, "it is tried")
			r.gateway.Apply(r.with(bot.URL, "another", 1))
			r.eventually(func() bool { s, err := r.gateway.Bot("shop"); return err == nil && s.Webhook.URL != "" }, "Telegram has it")
			tried := len(r.tg.Calls("deleteWebhook"))
			require.Never(t, func() bool { return len(r.tg.Calls("deleteWebhook")) > tried }, 3*time.Second, 50*time.Millisecond)
			require.NotContains(t, r.log.String(), "level=ERROR")
		})
	}
}

// addAndRemove adds a bot over the admin API, and removes it when deleteWebhook fails n times.
func (r *rig) addAndRemove(failure tghooktest.CallError, n int) {
	r.t.Helper()
	r.eventually(func() bool { return r.gateway.Ready(r.t.Context()) == nil }, "the gateway runs")
	require.NoError(r.t, r.gateway.Add(r.t.Context(), "shop", fmt.Appendf(nil, `{"token":%q,"to":"http://127.0.0.1:1/"}`, r.tg.Token)))
	r.eventually(func() bool { s, err := r.gateway.Bot("shop"); return err == nil && s.Webhook.URL != "" }, "Telegram has its webhook")
	r.tg.FailCalls(n, failure, "deleteWebhook")
	require.NoError(r.t, r.gateway.Remove(r.t.Context(), "shop"))
}

func TestAnotherProgramTakesTheWebhook(t *testing.T) {
	bot, thief := newWitness(t, nil), newWitness(t, nil)
	r := newRig(t, func(f *config.Config, r *rig) {
		b := r.bot(bot.URL)
		b.Receive = config.Poll
		f.Bots = []*config.Bot{b}
	})
	r.tg.User("Ann").Chat().Send("one")
	bot.await(t, 1)
	require.NoError(t, r.tg.Bot(t).SetWebhook(t.Context(), tghook.WebhookRequest{URL: thief.URL, SecretToken: "x"}))
	r.eventually(func() bool {
		info, err := r.tg.Bot(t).GetWebhookInfo(t.Context())
		return err == nil && info.URL == ""
	}, "the poll takes it over")
	r.tg.User("Ann").Chat().Send("two")
	bot.await(t, 1)
}

func TestAWebhookThatIsTakenAwayIsSetAgain(t *testing.T) {
	bot, thief := newWitness(t, nil), newWitness(t, nil)
	r := newRig(t, func(f *config.Config, r *rig) {
		r.askEach = 50 * time.Millisecond
		f.Bots = []*config.Bot{r.bot(bot.URL)}
	})
	r.tg.User("Ann").Chat().Send("one")
	bot.await(t, 1)
	require.NoError(t, r.tg.Bot(t).SetWebhook(t.Context(), tghook.WebhookRequest{URL: thief.URL, SecretToken: "x"}))
	r.eventually(func() bool {
		info, err := r.tg.Bot(t).GetWebhookInfo(t.Context())
		return err == nil && info.URL != thief.URL && info.URL != ""
	}, "it is set again")
	r.tg.User("Ann").Chat().Send("two")
	bot.await(t, 1)
}

// The door refuses what does not come from Telegram.
func TestSources(t *testing.T) {
	bot := newWitness(t, nil)
	r := newRig(t, func(f *config.Config, r *rig) {
		f.Sources = tghook.TelegramSources()
		f.Bots = []*config.Bot{r.bot(bot.URL)}
	})
	r.tg.User("Ann").Chat().Send("one")
	r.eventually(func() bool { return r.meter.count(tghook.OutcomeRejected) > 0 }, "it is refused")
	require.Empty(t, bot.bodies())
	changed := *r.file
	changed.Sources, changed.TrustedProxies = loopback, nil
	r.gateway.Apply(&changed)
	bot.await(t, 1)
}

// The page may be without contents.
func TestAHistoryWithoutBodies(t *testing.T) {
	const secret = "a text that nobody else may read"
	bot := newWitness(t, func(w http.ResponseWriter, body string) {
		answerJSON(fmt.Sprintf(`{"method":"sendMessage","chat_id":%d,"text":%q}`, gjson.Get(body, "message.chat.id").Int(), secret))(w, "")
	})
	r := newRig(t, func(f *config.Config, r *rig) {
		f.History.Bodies = false
		f.Bots = []*config.Bot{r.bot(bot.URL)}
	})
	r.tg.User("Ann").Chat().Send(secret)
	r.rows("reply", 1)
	for _, row := range r.rows("", 2) {
		row, x, err := r.storage.Row(t.Context(), row.ID)
		require.NoError(t, err)
		require.NotContains(t, fmt.Sprintf("%+v %+v", row, x), secret)
		require.Empty(t, x.Body)
		require.Empty(t, x.Answer)
	}
}

func TestNoTokenIsInTheHistory(t *testing.T) {
	bot := newWitness(t, nil)
	r := newRig(t, func(f *config.Config, r *rig) {
		bot.reply(answerJSON(`{"method":"sendInvoice","chat_id":1,"title":"x","description":"x","payload":"x","provider_token":"284685063:TEST:abc","currency":"EUR","prices":[],` +
			`"photo_url":"https://api.telegram.org/file/bot` + r.tg.Token + `/photos/1.jpg"}`))
		b := r.bot(bot.URL + "/" + r.tg.Token + "?key=hidden")
		f.Bots = []*config.Bot{b}
	})
	r.tg.User("Ann").Chat().Send("one")
	r.rows("reply", 1)
	for _, row := range r.rows("", 2) {
		row, x, err := r.storage.Row(t.Context(), row.ID)
		require.NoError(t, err)
		text := fmt.Sprintf("%+v %s %s %+v", row, x.Body, x.Answer, x)
		for _, secret := range []string{r.tg.Token, "284685063:TEST:abc", "hidden"} {
			require.NotContains(t, text, secret)
		}
	}
	require.NotContains(t, fmt.Sprint(r.gateway.Bots()), r.tg.Token)
}

// The door keeps what is no update of a known form, so that it can be seen.
func TestAnUpdateWithoutAKindIsADeadLetter(t *testing.T) {
	bot := newWitness(t, nil)
	r := newRig(t, func(f *config.Config, r *rig) { f.Bots = []*config.Bot{r.bot(bot.URL)} })
	r.eventually(func() bool { return r.gateway.Ready(t.Context()) == nil }, "the gateway runs")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.file.URL.String()+fmt.Sprint("/bots/", r.tg.Bot(t).Bot()), strings.NewReader(`{"update_id":7}`))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Telegram-Bot-Api-Secret-Token", "s3cret")
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, 200, res.StatusCode)
	r.eventually(func() bool {
		letters, err := r.gateway.DeadLetters(t.Context(), "shop", "", 0, 10)
		return err == nil && len(letters) == 1 && string(letters[0].Raw) == `{"update_id":7}`
	}, "it is a dead letter")
}

func TestDeadLettersOfAllBotsHaveOneBound(t *testing.T) {
	bot := newWitness(t, status(http.StatusBadRequest))
	r := newRig(t, func(f *config.Config, r *rig) {
		b := r.bot(bot.URL)
		b.MaxAttempts = 1
		u, _ := url.Parse(bot.URL)
		b.Copies = []config.Target{{Name: "audit", URL: u, Timeout: patience, MaxConnections: 1}}
		f.Bots, f.DeadLetters = []*config.Bot{b}, config.Retention{Age: time.Hour}
	})
	r.eventually(func() bool { return len(r.gateway.Bots()) == 1 }, "the bot runs")
	ann := r.tg.User("Ann").Chat()
	for i := range 3 {
		ann.Send(strconv.Itoa(i))
	}
	count := func() (all []tghook.DeadLetter) {
		for _, target := range []string{"", "audit"} {
			letters, err := r.gateway.DeadLetters(t.Context(), "shop", target, 0, 100)
			require.NoError(t, err)
			all = append(all, letters...)
		}
		return all
	}
	r.eventually(func() bool { return len(count()) == 6 }, "six dead letters")
	require.NoError(t, r.gateway.TidyLetters(t.Context()))
	require.Len(t, count(), 6, "they are young, and nothing bounds their size")

	changed := *r.file
	changed.DeadLetters.MaxSize = int64(3 * len(count()[0].Raw))
	r.gateway.Apply(&changed)
	require.NoError(t, r.gateway.TidyLetters(t.Context()))
	left := count()
	require.NotEmpty(t, left)
	require.LessOrEqual(t, len(left), 3)
	newest := gjson.GetBytes(left[len(left)-1].Raw, "message.text").String()
	require.Equal(t, "2", newest, "the oldest go first")

	changed.DeadLetters = config.Retention{Age: time.Nanosecond}
	r.gateway.Apply(&changed)
	require.NoError(t, r.gateway.TidyLetters(t.Context()))
	require.Empty(t, count())
}

// The same edit that is asked for several times at once is posted once.
func TestTheSameEditIsPostedOnce(t *testing.T) {
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
	r.tg.User("Ann").Chat().Send("poison")
	var letters []tghook.DeadLetter
	r.eventually(func() bool {
		letters, _ = r.gateway.DeadLetters(t.Context(), "shop", "", 0, 100)
		return len(letters) == 1
	}, "a dead letter")
	edited := []byte(strings.Replace(string(letters[0].Raw), "poison", "cured", 1))
	done := make(chan error, 8)
	for range cap(done) {
		go func() { done <- r.gateway.Replay(t.Context(), "shop", "", letters[0].Key.ID, edited) }()
	}
	for range cap(done) {
		if err := <-done; err != nil {
			require.ErrorIs(t, err, tghook.ErrNoDeadLetter)
		}
	}
	bot.await(t, 2)
	r.eventually(func() bool { return r.pending() == 0 }, "all is handled")
	require.Len(t, bot.bodies(), 2, "the poison, and the cure once")
}

// A full copy holds up the update for all URLs, and nothing is counted for the others.
func TestAnUpdateGoesToAllURLsOrToNone(t *testing.T) {
	bot := newWitness(t, nil)
	r := newRig(t, func(f *config.Config, r *rig) {
		b := r.bot(bot.URL)
		b.MaxPending = 1
		u, _ := url.Parse("http://127.0.0.1:1/")
		b.Copies = []config.Target{{Name: "audit", URL: u, Timeout: patience, MaxConnections: 1}}
		f.Bots = []*config.Bot{b}
	})
	for i := range 3 {
		r.tg.User(fmt.Sprint("User", i)).Chat().Send("hello")
	}
	bot.await(t, 1)
	r.eventually(func() bool { return r.meter.count(gateway.Full) > 0 }, "the copy is full")
	require.Len(t, bot.bodies(), 1)
	rows, err := r.storage.Rows(t.Context(), storage.Filter{Kind: "delivery", Failed: true})
	require.NoError(t, err)
	for _, row := range rows {
		require.Equal(t, "audit", row.Target)
	}
}

// The bot refuses the updates of 400 chats. These updates wait for their next attempts. The update
// of another chat is posted meanwhile.
func TestManyChatsThatFailLeaveRoomForOthers(t *testing.T) {
	bot := newWitness(t, func(w http.ResponseWriter, body string) {
		if strings.Contains(body, "refuse me") {
			w.WriteHeader(http.StatusBadRequest)
		}
	})
	r := newRig(t, func(f *config.Config, r *rig) { f.Bots = []*config.Bot{r.bot(bot.URL)} })
	const failing = 400
	for i := range failing {
		r.tg.User(fmt.Sprint("User", i)).Chat().Send("refuse me")
	}
	bot.await(t, failing)
	r.tg.User("Other").Chat().Send("welcome")
	r.eventually(func() bool {
		return slices.ContainsFunc(bot.bodies(), func(body string) bool { return strings.Contains(body, "welcome") })
	}, "the other chat is handled")
	r.eventually(func() bool { return r.pending() == failing }, "the update of the other chat is done")
}

// A poll could not publish a query for so long that it gives it up. It is published by the rules of
// every other update: to the URLs that take its kind, and not if they are full.
func TestAQueryThatAPollGivesUpIsPublished(t *testing.T) {
	bot, audit := newWitness(t, nil), newWitness(t, nil)
	r := newRig(t, func(f *config.Config, r *rig) {
		b := r.bot(bot.URL)
		b.To.Kinds, b.MaxPending = []string{"message"}, 1
		u, _ := url.Parse(audit.URL)
		b.Copies = []config.Target{{Name: "audit", URL: u, Timeout: patience, MaxConnections: 1}}
		f.Bots = []*config.Bot{b}
	})
	r.eventually(func() bool { return len(r.gateway.Bots()) == 1 }, "the bot runs")
	require.NoError(t, r.gateway.SetPaused(t.Context(), "shop", true))
	press := func(id int) *tghook.Update {
		u, err := tghook.ParseUpdate(fmt.Appendf(nil, `{"update_id":%d,"callback_query":{"id":"1","from":{"id":5},"chat_instance":"7"}}`, id))
		require.NoError(t, err)
		return u
	}
	require.NoError(t, r.gateway.GiveUp(t.Context(), "shop", press(1)))
	require.Error(t, r.gateway.GiveUp(t.Context(), "shop", press(2)), "the copy is full")
	require.NoError(t, r.gateway.SetPaused(t.Context(), "shop", false))
	audit.await(t, 1)
	r.eventually(func() bool { return r.pending() == 0 }, "all is handled")
	require.Empty(t, bot.bodies())
}

// The rate of setWebhook is bounded for all bots together.
func TestWebhooksAreSetAtABoundedRate(t *testing.T) {
	const n = 24
	var first, last, calls atomic.Int64
	begun := time.Now()
	newRig(t, func(f *config.Config, r *rig) {
		for i := range n {
			added, err := r.tg.AddBot(tghooktest.BotConfig{})
			require.NoError(t, err)
			added.OnCall(func(c tghooktest.Call) tghooktest.CallFault {
				if c.Method == "setWebhook" {
					at := int64(time.Since(begun))
					first.CompareAndSwap(0, at)
					last.Store(at)
					calls.Add(1)
				}
				return tghooktest.CallFault{}
			})
			b := r.bot("http://127.0.0.1:1/")
			b.Name, b.Token, b.ID = fmt.Sprint("bot-", i), added.Token, added.Bot(t).Bot()
			f.Bots = append(f.Bots, b)
		}
	}).eventually(func() bool { return calls.Load() == n }, "all are set")
	require.GreaterOrEqual(t, time.Duration(last.Load()), (n-1)*90*time.Millisecond)
	require.GreaterOrEqual(t, time.Duration(last.Load()-first.Load()), (n-1)*45*time.Millisecond, "the first call may come late")
}

// While the storage is away at the start, Telegram is told to come again.
func TestAGatewayThatStartsAnswers503(t *testing.T) {
	r := newRig(t, func(f *config.Config, r *rig) { f.Bots = []*config.Bot{r.bot("http://127.0.0.1:1/")} })
	g := r.idle()
	w := httptest.NewRecorder()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/bots/1", http.NoBody)
	require.NoError(t, err)
	g.ServeHTTP(w, req)
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.Equal(t, "2", w.Header().Get("Retry-After"))
	require.ErrorContains(t, g.Ready(t.Context()), "starting")
}
