package tghooktest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/tghooktest"
)

// A production configuration names the production bot.
func TestOverSocketsNobodyIsReachedButOnLoopback(t *testing.T) {
	t.Parallel()
	s := tghooktest.NewServer(t)
	for _, req := range []tghook.WebhookRequest{
		{URL: "http://192.0.2.1/telegram", InsecureNoSecret: true},
		{URL: "http://127.0.0.1/telegram", IPAddress: "192.0.2.1", InsecureNoSecret: true},
	} {
		err := s.Bot(t).SetWebhook(t.Context(), req)
		if err == nil || !strings.Contains(err.Error(), "tghooktest delivers to loopback only, not to 192.0.2.1") {
			t.Errorf("%s %s: %v", req.URL, req.IPAddress, err)
		}
	}
	s.Webhook(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), tghook.WebhookRequest{})
	s.User("Zoë").Chat().Send("hi")
	s.WaitDelivered(t)
}
