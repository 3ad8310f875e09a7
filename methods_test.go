package tghook_test

import (
	"encoding/json"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/rig"
)

func TestGetMeTellsWhoTheBotIs(t *testing.T) {
	t.Parallel()
	me, err := rig.NewTelegram(t).Client(t, tghook.ClientConfig{}).GetMe(t.Context())
	assert.NoError(t, err, "error")
	assert.Equal(t, tghook.Me{ID: 7244100913, FirstName: "Stand-in Bot", Username: "stand_in_bot"}, me, "bot")
}

func TestGetWebhookInfoTellsAllThatTelegramDoes(t *testing.T) {
	t.Parallel()
	c := rig.Answers(200, `{"ok":true,"result":{"url":"https://bot.example.org/telegram","has_custom_certificate":true,"pending_update_count":3,`+
		`"last_error_date":1700000000,"last_error_message":"Connection refused","max_connections":40,"ip_address":"149.154.167.220",`+
		`"allowed_updates":["message","chat_member"],"last_synchronization_error_date":1700000001}}`).Client(t, tghook.ClientConfig{})
	info, err := c.GetWebhookInfo(t.Context())
	assert.NoError(t, err, "error")
	assert.Equal(t, tghook.WebhookInfo{
		URL: "https://bot.example.org/telegram", HasCustomCertificate: true, PendingUpdateCount: 3, IPAddress: "149.154.167.220",
		LastErrorDate: 1700000000, LastErrorMessage: "Connection refused", LastSynchronizationErrorDate: 1700000001,
		MaxConnections: 40, AllowedUpdates: []string{"message", "chat_member"},
	}, info, "info")

	none := rig.Answers(200, `{"ok":true,"result":{"url":"","has_custom_certificate":false,"pending_update_count":0}}`).Client(t, tghook.ClientConfig{})
	info, err = none.GetWebhookInfo(t.Context())
	assert.NoError(t, err, "error")
	assert.Equal(t, tghook.WebhookInfo{}, info, "none")
}

func TestDeleteWebhookDropsPendingUpdatesOnlyIfAsked(t *testing.T) {
	t.Parallel()
	for drop, want := range map[bool]map[string]string{
		false: {},
		true:  {"drop_pending_updates": "true"},
	} {
		tg := rig.NewTelegram(t)
		tg.Set(t, rig.ToURL(rig.HookURL))
		tg.Send(t, rig.MessageIn(7, 1))
		c := tg.Client(t, tghook.ClientConfig{})
		assert.NoError(t, c.DeleteWebhook(t.Context(), drop))
		info, err := c.GetWebhookInfo(t.Context())
		assert.NoError(t, err, "error")
		assert.Equal(t, want, tg.Calls("deleteWebhook")[0].Params, "call")
		assert.Empty(t, info.URL, "webhook")
		assert.Equal(t, drop, tg.Pending() == 0, "dropped")
	}
}

func TestGetUpdatesAsksForWhatIsGiven(t *testing.T) {
	t.Parallel()
	for want, req := range map[string]tghook.UpdatesRequest{
		`{"method":"getUpdates"}`: {},
		`{"method":"getUpdates","allowed_updates":[],"limit":1,"offset":-1}`:                                       {Offset: -1, Limit: 1, AllowedUpdates: []string{}},
		`{"method":"getUpdates","allowed_updates":["message","chat_member"],"limit":100,"offset":12,"timeout":50}`: {Offset: 12, Limit: 100, Wait: 50 * time.Second, AllowedUpdates: []string{"message", "chat_member"}},
		`{"method":"getUpdates","timeout":1}`:                                                                      {Wait: 1999 * time.Millisecond},
	} {
		c := rig.Transport(func(r *http.Request) (*http.Response, error) {
			var asked json.RawMessage
			err := json.NewDecoder(r.Body).Decode(&asked)
			assert.Equal(t, want, string(asked), "asked")
			return rig.APIAnswer(200, `{"ok":true,"result":[{"update_id":12,`+"\n"+`"message":{}},{"update_id":"no update"}]}`), err
		}).Client(t, tghook.ClientConfig{})
		updates, err := c.GetUpdates(t.Context(), req)
		assert.NoError(t, err, "error")
		assert.Equal(t, []json.RawMessage{[]byte("{\"update_id\":12,\n\"message\":{}}"), []byte(`{"update_id":"no update"}`)}, updates, "updates")
	}
}

func TestGetUpdatesReturnsWhatIsNestedTooDeepForAnUpdate(t *testing.T) {
	t.Parallel()
	deep := `{"update_id":1,"message":{"x":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + `}}`
	c := rig.Transport(func(*http.Request) (*http.Response, error) {
		return rig.APIAnswer(200, `{"ok":true,"result":[`+deep+`,{"update_id":2,"message":{}}]}`), nil
	}).Client(t, tghook.ClientConfig{})
	updates, err := c.GetUpdates(t.Context(), tghook.UpdatesRequest{})
	assert.NoError(t, err, "error")
	assert.Equal(t, []json.RawMessage{[]byte(deep), []byte(`{"update_id":2,"message":{}}`)}, updates, "updates")
}

// Not parallel: what others allocate would count.
func TestAnUpdateThatIsKeptDoesNotKeepTheAnswer(t *testing.T) {
	const size = 4 << 20
	c := rig.Transport(func(*http.Request) (*http.Response, error) {
		return rig.APIAnswer(200, `{"ok":true,"result":[{"update_id":1,"message":{}},{"update_id":2,"message":{"text":"`+strings.Repeat("x", size)+`"}}]}`), nil
	}).Client(t, tghook.ClientConfig{})
	before := rig.Heap()
	kept := func() json.RawMessage {
		updates, err := c.GetUpdates(t.Context(), tghook.UpdatesRequest{})
		assert.NoError(t, err, "error")
		return updates[0]
	}()
	if more := rig.Heap() - before; more > size/4 {
		t.Errorf("it keeps %d bytes", more)
	}
	runtime.KeepAlive(kept)
}
