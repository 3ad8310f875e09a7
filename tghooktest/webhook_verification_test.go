package tghooktest_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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
		require.Errorf(t, err, "%v %v", req.URL, req.IPAddress)
		assert.Containsf(t, err.Error(), "tghooktest delivers to loopback only, not to 192.0.2.1", "%v %v", req.URL, req.IPAddress)
	}
	s.Webhook(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), tghook.WebhookRequest{})
	s.User("Zoë").Chat().Send("hi")
	s.WaitDelivered(t)
}
