package tghooktest_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestACallThatIsOnlyAcceptedSaysSo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, bot := inMemory(t, t)
		zoe := srv.User("Zoë").Chat()
		zoe.Send("hi")
		call(t, bot, "verifyUser", params{"user_id": zoe.ID})
		call(t, bot, "sendMessage", params{"chat_id": zoe.ID, "text": "hi"})
		call(t, bot, "getWebhookInfo", nil)
		require.Error(t, bot.Call(t.Context(), "verifyUser", params{"user_id": 1}, nil))
		notes := make([]string, 0, 4)
		for _, c := range srv.Calls() {
			notes = append(notes, c.Method+": "+c.Note)
		}
		assert.Equal(t, []string{"verifyUser: accepted, nothing simulated", "sendMessage: ", "getWebhookInfo: ", "verifyUser: "}, notes)
		assert.Contains(t, failure(t, func(tb testing.TB) { zoe.Expect(tb, "verified") }), "\n\tmethods that it called, of which nothing is simulated: verifyUser")
	})
}
