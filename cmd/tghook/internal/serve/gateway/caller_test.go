package gateway_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/tghook/tghook/cmd/tghook/internal/serve/config"
	"github.com/tghook/tghook/tghooktest"
)

// The meter is told which call was the last one of a reply that was given up.
func TestTheLastCallOfALostReplyIsCountedAsLost(t *testing.T) {
	const busy, lost = "sendChatAction: tghook: sendChatAction: 500 Internal Server Error", "sendChatAction: given up: tghook: sendChatAction: "
	for name, c := range map[string]struct {
		method string // of the reply; a chat action is given up after seconds, a message after minutes
		fails  int    // how many calls fail; the next one succeeds
		with   tghooktest.CallError
		want   func(called []string) bool
	}{
		"500 until its time is over": {
			"sendChatAction", 1000, tghooktest.CallError{Code: 500, Description: "Internal Server Error"}, func(called []string) bool {
				last := len(called) - 1
				return last >= 0 && strings.HasPrefix(called[last], lost+"500") && !slices.ContainsFunc(called[:last], func(call string) bool { return call != busy })
			},
		},
		"429 for too long": {
			"sendChatAction", 1, tghooktest.CallError{Code: 429, Description: "Too Many Requests: retry after 3600", RetryAfter: time.Hour}, func(called []string) bool {
				return len(called) == 1 && strings.HasPrefix(called[0], lost+"429")
			},
		},
		"400": {
			"sendChatAction", 1, tghooktest.CallError{Code: 400, Description: "Bad Request"}, func(called []string) bool {
				return len(called) == 1 && strings.HasPrefix(called[0], lost+"400")
			},
		},
		"500 once": {
			"sendMessage", 1, tghooktest.CallError{Code: 500, Description: "Internal Server Error"}, func(called []string) bool {
				return slices.Equal(called, []string{"sendMessage: tghook: sendMessage: 500 Internal Server Error", "sendMessage"})
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bot := newWitness(t, func(w http.ResponseWriter, body string) {
				answerJSON(fmt.Sprintf(`{"method":%q,"chat_id":%d,"action":"typing","text":"Hello!"}`, c.method, gjson.Get(body, "message.chat.id").Int()))(w, "")
			})
			r := newRig(t, func(f *config.Config, r *rig) { f.Bots = []*config.Bot{r.bot(bot.URL)} })
			r.tg.FailCalls(c.fails, c.with, c.method)
			r.tg.User("Ann").Chat().Send("hello")
			called := func() []string {
				r.meter.mu.Lock()
				defer r.meter.mu.Unlock()
				return slices.Clone(r.meter.called)
			}
			r.eventually(func() bool { return r.pending() == 0 && c.want(called()) }, "the calls are counted")
			time.Sleep(100 * time.Millisecond)
			require.True(t, c.want(called()), "%q", called())
		})
	}
}
