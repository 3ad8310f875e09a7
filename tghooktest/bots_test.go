package tghooktest_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/tghooktest"
)

// add adds a bot to a Server.
func add(tb testing.TB, s *tghooktest.Server, cfg tghooktest.BotConfig) *tghooktest.Server {
	tb.Helper()
	added, err := s.AddBot(cfg)
	require.NoError(tb, err)
	return added
}

func TestEachBotOfAServerHasItsOwnUpdatesWebhookAndCalls(t *testing.T) {
	t.Parallel()
	everywhere(t, tghooktest.ServerConfig{Seed: 7}, func(t *testing.T, s *tghooktest.Server) {
		other := add(t, s, tghooktest.BotConfig{Username: "other_bot"})
		assert.Equal(t, s.URL, other.URL, "URL")
		s.Webhook(t, webhook(t, echo), tghook.WebhookRequest{SecretToken: secret})

		s.User("Zoë").Chat().Send("to the first")
		other.User("Zoë").Chat().Send("to the other")
		s.User("Zoë").Chat().Expect(t, "you said to the first")
		s.WaitDelivered(t)
		assert.Equal(t, 1, other.Pending(), "the other bot has no webhook")
		assert.Contains(t, ask(t, other, "getUpdates"), `"text":"to the other"`)
		assert.Contains(t, ask(t, s, "getUpdates"), "Conflict")
		assert.Empty(t, other.Calls("sendMessage"))
		assert.Contains(t, ask(t, other, "getMe"), `"username":"other_bot"`)
		assert.Contains(t, ask(t, s, "getMe"), `"username":"stand_in_bot"`)

		other.FailCalls(1, tghooktest.CallError{}, "getMe")
		assert.True(t, strings.HasPrefix(ask(t, s, "getMe"), "200 "), "a fault of the other bot is not this one's")
		assert.True(t, strings.HasPrefix(ask(t, other, "getMe"), "500 "))
	})
}

func TestADeliveryNamesItsBot(t *testing.T) {
	t.Parallel()
	var seen deliveries
	bubble(t, tghooktest.ServerConfig{Observe: seen.observe}, func(t *testing.T, s *tghooktest.Server) {
		other := add(t, s, tghooktest.BotConfig{Token: "12345:stand_in_token_x"})
		other.OnDelivery(func(d tghooktest.Delivery) tghooktest.DeliveryFault {
			assert.Equal(t, int64(12345), d.Bot)
			return tghooktest.DeliveryFault{}
		})
		other.Webhook(t, webhook(t, echo), tghook.WebhookRequest{SecretToken: secret})
		other.User("Zoë").Chat().Send("hi")
		other.WaitDelivered(t)
		assert.Equal(t, int64(12345), seen.list()[0].Bot)
	})
}

func TestUsersAndGroupsHaveTheSameIDsForAllBotsAndFilesDoNot(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		other := add(t, s, tghooktest.BotConfig{})
		assert.Equal(t, s.User("Zoë").ID, other.User("Zoë").ID)
		assert.Equal(t, s.Group("Team").ID, other.Group("Team").ID)

		s.User("Zoë").Chat().SendDocument("a.txt", []byte("a"))
		other.User("Zoë").Chat().SendDocument("b.txt", []byte("b"))
		err := s.Try(func(_ testing.TB, s *tghooktest.Server) {
			s.User("Ben").Join(add(t, other, tghooktest.BotConfig{}).Group("Their own"))
		})
		require.EqualError(t, err, "tghooktest: the group is not one of this bot; get it from the bot's own Server")
		_, file, _ := strings.Cut(ask(t, s, "getUpdates"), `"file_id":"`)
		file, _, _ = strings.Cut(file, `"`)
		assert.Contains(t, ask(t, s, "getFile", "file_id", file), `"file_path":"`)
		assert.Contains(t, ask(t, other, "getFile", "file_id", file), "400 ", "a file_id is good for one bot alone")
	})
}

func TestABotIsRefusedIfItsTokenOrUsernameIsAnothers(t *testing.T) {
	t.Parallel()
	s := tghooktest.NewServer(t, tghooktest.ServerConfig{Token: "12345:stand_in_token_x"})
	for want, cfg := range map[string]tghooktest.BotConfig{
		"tghooktest: BotConfig.Token: not a bot token; set the bot's id, a colon and a secret (or leave it empty)": {Token: "stand_in_token_y"},
		"tghooktest: BotConfig.Token: the Server has the bot 12345 already; use another token":                     {Token: "12345:stand_in_token_y"},
		`tghooktest: BotConfig.Username: the bot 12345 has the username "Stand_in_bot" already; use another one`:   {Username: "Stand_in_bot"},
	} {
		_, err := s.AddBot(cfg)
		require.EqualError(t, err, want)
	}
	assert.Len(t, s.Bots(), 1)
}

func TestWithAnyTokenTheFirstCallMakesABot(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{AnyToken: true}, func(t *testing.T, s *tghooktest.Server) {
		get := func(path string) string { return do(t, s, request(t, s, path)) }
		assert.Contains(t, get("/bot123:stand_in_token/getMe"), `"id":123,"is_bot":true,"first_name":"Stand-in Bot","username":"stand_in_123_bot"`)
		assert.Equal(t, refused(401, "Unauthorized"), get("/bot123:another_token/getMe"), "a known bot has one token")
		assert.Equal(t, refused(401, "Unauthorized: invalid token specified"), get("/botstand_in_token/getMe"))
		assert.Equal(t, refused(404, "Not Found"), get("/file/bot124:stand_in_token/x"), "a download makes no bot")

		bots := s.Bots()
		require.Len(t, bots, 2)
		assert.Equal(t, []string{s.Token, "123:stand_in_token"}, []string{bots[0].Token, bots[1].Token})
		bots[1].User("Zoë").Chat().Send("hi")
		assert.Contains(t, get("/bot123:stand_in_token/getUpdates"), `"text":"hi"`)
	})
}

func TestWithoutAnyTokenOtherTokensAreRefused(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		assert.Equal(t, refused(401, "Unauthorized"), do(t, s, request(t, s, "/bot123:stand_in_token/getMe")))
		assert.Len(t, s.Bots(), 1)
	})
}

func TestAServerHasAHundredBots(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := tghooktest.NewServer(t, tghooktest.ServerConfig{InMemory: true, AnyToken: true})
		var all sync.WaitGroup
		for range 2 { // each token twice at once
			for id := range 99 {
				all.Go(func() {
					assert.Contains(t, do(t, s, request(t, s, fmt.Sprintf("/bot%d:stand_in_token/getMe", id+1))), "200 ")
				})
			}
		}
		all.Wait()
		const full = "tghooktest: the Server has 100 bots, and there is room for no more; close one of them"
		assert.Equal(t, refused(http.StatusUnauthorized, "Unauthorized: "+full), do(t, s, request(t, s, "/bot100:stand_in_token/getMe")))
		_, err := s.AddBot(tghooktest.BotConfig{})
		require.EqualError(t, err, full)

		s.Bots()[1].Close()
		add(t, s, tghooktest.BotConfig{})
	})
}

func TestCloseOfABotEndsThatBot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, err := tghooktest.Start(tghooktest.ServerConfig{InMemory: true})
		require.NoError(t, err)
		one, two := add(t, s, tghooktest.BotConfig{}), add(t, s, tghooktest.BotConfig{})
		asked := make(chan string, 2)
		for _, b := range []*tghooktest.Server{one, two} {
			go func() { asked <- ask(t, b, "getUpdates", "timeout", "50") }()
		}
		synctest.Wait()
		one.Close()
		assert.Equal(t, refused(500, "Internal Server Error: restart"), <-asked)
		assert.Equal(t, refused(401, "Unauthorized"), ask(t, one, "getMe"))
		assert.Contains(t, ask(t, s, "getMe"), "200 ")

		s.Close() // the bubble would not end if a goroutine of a bot still ran
		<-asked
		one.Close()
		two.Close()
		_, err = s.AddBot(tghooktest.BotConfig{})
		require.EqualError(t, err, "tghooktest: the Server is closed")
	})
}

// A run can be repeated.
func TestTheBotsOfAServerHaveTheSameTokensAgain(t *testing.T) {
	t.Parallel()
	run := func() (tokens []string) {
		s := tghooktest.NewServer(t, tghooktest.ServerConfig{Seed: 7})
		defer s.Close()
		add(t, s, tghooktest.BotConfig{})
		add(t, s, tghooktest.BotConfig{})
		for _, b := range s.Bots() {
			tokens = append(tokens, b.Token)
		}
		return tokens
	}
	first := run()
	assert.Equal(t, first, run())
	assert.NotEqual(t, first[1], first[2])
}
