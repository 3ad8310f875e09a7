package tghooktest_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/tghook/tghook/tghooktest"
)

func TestLogOutKeepsTheBotOutForTenMinutes(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		p := poll(t, s, "timeout", "50", "allowed_updates", `["message"]`)
		assert.Equal(t, `200 {"ok":true,"result":true}`, ask(t, s, "logOut"), "logOut")
		out := refused(400, "Logged out")
		p.answered(t, out, 0)
		for range 600 {
			assert.Equal(t, out, ask(t, s, "getMe"), "getMe")
			assert.Equal(t, out, ask(t, s, "none"), "none")
			assert.Equal(t, out, ask(t, s, "logout"), "logOut")
			time.Sleep(time.Second)
		}
		assert.Equal(t, noWebhook, info(t, s), "info")
	})
}

func TestLogOutForgetsTheWebhookAndItsUpdates(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		silent(t, s, "bot.example.org:80")
		assert.Equal(t, wasSet, ask(t, s, "setWebhook", "url", hookURL), "set")
		deliver(t, s, message("hi"))
		synctest.Wait()
		assert.Equal(t, `200 {"ok":true,"result":true}`, ask(t, s, "logOut"), "logOut")
		assert.Zero(t, s.Pending(), "pending")
		time.Sleep(10 * time.Minute)
		assert.Equal(t, noWebhook, info(t, s), "info")
	})
}

func TestCloseKeepsTheWebhookUntilTheNextCall(t *testing.T) {
	t.Parallel()
	var attempts atomic.Int64
	cfg := tghooktest.ServerConfig{Observe: func(tghooktest.Delivery) { attempts.Add(1) }}
	bubble(t, cfg, func(t *testing.T, s *tghooktest.Server) {
		assert.Equal(t, wasSet, ask(t, s, "setWebhook", "url", "http://1.1.1.1/"), "set")
		time.Sleep(time.Minute)
		assert.Equal(t, `429 {"ok":false,"error_code":429,"description":"Too Many Requests: retry after 540","parameters":{"retry_after":540}}`, ask(t, s, "close"), "close")
		time.Sleep(9 * time.Minute)
		assert.Equal(t, `200 {"ok":true,"result":true}`, ask(t, s, "close"), "close")
		assert.Equal(t, refused(400, "Bad Request: the bot has already been closed"), ask(t, s, "close"), "close")
		deliver(t, s, message("hi"))
		time.Sleep(time.Hour)
		assert.Zero(t, attempts.Load(), "attempts")
		info(t, s)
		time.Sleep(time.Minute)
		assert.NotZero(t, attempts.Load(), "the bot was called, and yet nothing is delivered")
		assert.Equal(t, "429", ask(t, s, "close")[:3], "close")
	})
}

func TestCloseEndsAPoll(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		time.Sleep(10 * time.Minute)
		p := poll(t, s, "timeout", "50")
		assert.Equal(t, `200 {"ok":true,"result":true}`, ask(t, s, "close"), "close")
		p.answered(t, refused(500, "Internal Server Error: restart"), 0)
		poll(t, s, "offset", "1").answered(t, noUpdates, 0)
	})
}
