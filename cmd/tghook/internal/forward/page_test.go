package forward_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tidwall/gjson"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/forward"
	"github.com/tghook/tghook/tghooktest"
)

// Any program on the machine can make a bot on the page. Its webhook replies must not be
// executed with the token of the bot in service.
func TestThePageExecutesTheRepliesOfTheBotInServiceAlone(t *testing.T) {
	tg := tghooktest.NewServer(t, tghooktest.ServerConfig{Patience: time.Minute})
	replies := func(text string) *receiver {
		return newReceiver(t, func(w http.ResponseWriter, _ int, body string) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprintf(w, `{"method":"sendMessage","chat_id":%s,"text":%q}`, gjson.Get(body, "message.chat.id").Raw, text)
		})
	}
	to, stranger := replies("of the bot"), replies("of a stranger")

	address := make(chan string, 1)
	page := &forward.Page{Listen: "127.0.0.1:0", Username: "served_bot", Tell: func(text string) { address <- text }}
	t.Cleanup(page.Close)
	r := begin(t, tg, to.URL, func(c *forward.Config) { c.Server = page.Start })
	var base string
	_, err := fmt.Sscanf(<-address, "the page is at %s", &base)
	require.NoError(t, err)
	base = base[:len(base)-1]

	zoe := tg.User("Zoë").Chat()
	zoe.Send("hello")
	zoe.Expect(t, "of the bot")

	other, err := tghook.NewClient("555:another-token", tghook.ClientConfig{BaseURL: base, Local: true})
	require.NoError(t, err)
	require.NoError(t, other.SetWebhook(t.Context(), tghook.WebhookRequest{URL: stranger.URL, InsecureNoSecret: true}))
	update := fmt.Sprintf(`{"update":{"update_id":1,"message":{"message_id":1,"date":1,"chat":{"id":%d,"type":"private","first_name":"Z"},"text":"x"}}}`, zoe.ID)
	post(t, base+"/api/bots/555/updates", update)
	eventually(t, "the stranger's webhook has answered", func() bool { return len(stranger.texts()) == 1 })
	post(t, base+"/api/bots/555/wait", `{"method":"sendMessage"}`)
	require.NoError(t, r.stop(t))
	require.Len(t, tg.Calls("sendMessage"), 1)
}

func post(t *testing.T, url, body string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	require.Equal(t, http.StatusOK, res.StatusCode)
}
