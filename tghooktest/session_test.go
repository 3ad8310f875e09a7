package tghooktest_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tghook/tghook/tghooktest"
)

func TestLogOutKeepsTheBotOutForTenMinutes(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		p := poll(t, s, "timeout", "50", "allowed_updates", `["message"]`)
		same(t, "logOut", ask(t, s, "logOut"), `200 {"ok":true,"result":true}`)
		out := refused(400, "Logged out")
		p.answered(t, out, 0)
		for range 600 {
			same(t, "getMe", ask(t, s, "getMe"), out)
			same(t, "none", ask(t, s, "none"), out)
			same(t, "logOut", ask(t, s, "logout"), out)
			time.Sleep(time.Second)
		}
		same(t, "info", info(t, s), noWebhook)
	})
}

func TestLogOutForgetsTheWebhookAndItsUpdates(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		silent(t, s, "bot.example.org:80")
		same(t, "set", ask(t, s, "setWebhook", "url", hookURL), wasSet)
		deliver(t, s, message("hi"))
		synctest.Wait()
		same(t, "logOut", ask(t, s, "logOut"), `200 {"ok":true,"result":true}`)
		same(t, "pending", s.Pending(), 0)
		time.Sleep(10 * time.Minute)
		same(t, "info", info(t, s), noWebhook)
	})
}

func TestCloseKeepsTheWebhookUntilTheNextCall(t *testing.T) {
	t.Parallel()
	var attempts atomic.Int64
	cfg := tghooktest.ServerConfig{Observe: func(tghooktest.Delivery) { attempts.Add(1) }}
	bubble(t, cfg, func(t *testing.T, s *tghooktest.Server) {
		same(t, "set", ask(t, s, "setWebhook", "url", "http://1.1.1.1/"), wasSet)
		time.Sleep(time.Minute)
		same(t, "close", ask(t, s, "close"), `429 {"ok":false,"error_code":429,"description":"Too Many Requests: retry after 540","parameters":{"retry_after":540}}`)
		time.Sleep(9 * time.Minute)
		same(t, "close", ask(t, s, "close"), `200 {"ok":true,"result":true}`)
		same(t, "close", ask(t, s, "close"), refused(400, "Bad Request: the bot has already been closed"))
		deliver(t, s, message("hi"))
		time.Sleep(time.Hour)
		same(t, "attempts", attempts.Load(), int64(0))
		info(t, s)
		time.Sleep(time.Minute)
		if attempts.Load() == 0 {
			t.Error("the bot was called, and yet nothing is delivered")
		}
		same(t, "close", ask(t, s, "close")[:3], "429")
	})
}

func TestCloseEndsAPoll(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
		time.Sleep(10 * time.Minute)
		p := poll(t, s, "timeout", "50")
		same(t, "close", ask(t, s, "close"), `200 {"ok":true,"result":true}`)
		p.answered(t, refused(500, "Internal Server Error: restart"), 0)
		poll(t, s, "offset", "1").answered(t, noUpdates, 0)
	})
}
