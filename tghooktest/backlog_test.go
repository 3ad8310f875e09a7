package tghooktest_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/tghooktest"
)

// Zoë's first message gets no answer. In a backlog, Ben's message is behind her others, and
// waits until Telegram loads it: at most twice MaxConnections updates for each event. A
// message that comes while the webhook is set does not wait.
func TestAChatThatIsStuckHidesOthersInABacklogOnly(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		backlog bool
		waited  time.Duration
	}{
		"Ben wrote before the webhook was set": {true, 4 * time.Second},
		"Ben wrote while it was set":           {false, 0},
	} {
		bubble(t, tghooktest.ServerConfig{}, func(t *testing.T, s *tghooktest.Server) {
			came := make(chan time.Time, 1)
			set := func() {
				s.Webhook(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					body, err := io.ReadAll(r.Body)
					assert.NoError(t, err)
					switch {
					case strings.Contains(string(body), `"text":"from Ben"`):
						came <- time.Now()
					case strings.Contains(string(body), `"text":"from Zo\u00eb"`):
						<-r.Context().Done()
					}
				}), tghook.WebhookRequest{SecretToken: secret, MaxConnections: 2})
			}
			if !x.backlog {
				set()
			}
			s.User("Ann").Chat().Send("hello")
			for range 11 {
				s.User("Zoë").Chat().Send("from Zoë")
			}
			time.Sleep(time.Second)
			s.User("Ben").Chat().Send("from Ben")
			if x.backlog {
				set()
			}
			wrote := time.Now()
			for _, other := range []string{"Eve", "Dan"} {
				time.Sleep(2 * time.Second)
				s.User(other).Chat().Send("hello")
			}
			got := <-came
			assert.Equal(t, x.waited, got.Sub(wrote).Truncate(100*time.Millisecond), name)
		})
	}
}
