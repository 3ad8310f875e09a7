package tghooktest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook/tghooktest"
	"github.com/tghook/tghook/tghooktest/internal/spec"
)

// kinds are the update kinds of Bot API 10.3.
var kinds = []string{
	"business_connection", "business_message", "callback_query", "channel_post", "chat_boost", "chat_join_request",
	"chat_member", "chosen_inline_result", "deleted_business_messages", "edited_business_message", "edited_channel_post",
	"edited_message", "guest_message", "inline_query", "managed_bot", "message", "message_reaction", "message_reaction_count",
	"my_chat_member", "poll", "poll_answer", "pre_checkout_query", "purchased_paid_media", "removed_chat_boost",
	"shipping_query", "stopped_message_generation", "subscription",
}

// A parser that is tested and measured with these bodies must meet Telegram's own form: one
// line break, no other white space, ASCII only.
func TestUpdatesAreInWireForm(t *testing.T) {
	var last int64
	var seen []string
	for name, body := range tghooktest.Updates() {
		kind := name
		if name == "message_large" {
			kind = "message"
		} else {
			seen = append(seen, name)
		}

		var u struct {
			ID int64 `json:"update_id"`
		}
		var fields map[string]json.RawMessage
		var compact bytes.Buffer
		if err := errors.Join(json.Unmarshal(body, &u), json.Unmarshal(body, &fields), json.Compact(&compact, body)); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}

		assert.Greater(t, u.ID, last, name)
		last = u.ID
		assert.Len(t, fields, 2, name)
		head := fmt.Sprintf("{\"update_id\":%d,\n\"%s\":{", u.ID, kind)
		assert.True(t, bytes.HasPrefix(body, []byte(head)), name)
		assert.Equal(t, compact.Bytes(), bytes.Replace(body, []byte("\n"), nil, 1), name)
		assert.Negative(t, bytes.IndexFunc(body, func(r rune) bool { return r >= utf8.RuneSelf }), name)
		assert.Nil(t, regexp.MustCompile(`\\u[0-9a-f]{0,3}[A-F]`).Find(body), name)
	}

	slices.Sort(seen)
	assert.Equal(t, kinds, seen)
}

func TestUpdateIsACopy(t *testing.T) {
	tghooktest.Update("message")[0] = 'x'
	for _, body := range tghooktest.Updates() {
		body[0] = 'x'
		break
	}
	assert.Equal(t, byte('{'), tghooktest.Update("message")[0])
}

func TestUnknownUpdatePanicsWithTheNames(t *testing.T) {
	defer func() {
		message, _ := recover().(string)
		assert.Contains(t, message, `"massage"`)
		assert.Contains(t, message, "callback_query")
	}()

	tghooktest.Update("massage")
	t.Error("no panic")
}

func ExampleUpdate() {
	fmt.Printf("%s\n", tghooktest.Update("subscription"))
	// Output:
	// {"update_id":731450026,
	// "subscription":{"user":{"id":7244100913,"is_bot":false,"first_name":"Zo\u00eb","last_name":"N\u00fa\u00f1ez","username":"zoe_n","language_code":"es","is_premium":true},"invoice_payload":"plan-monthly-3","state":"active"}}
}

func TestUpdatesAreAsTheBotAPIHasThem(t *testing.T) {
	for name, body := range tghooktest.Updates() {
		assert.Empty(t, spec.Check("Update", body), name)
	}
}

// A bot that polls comes back with the offset of the run before.
func TestTheFirstUpdateHasTheIDThatIsSet(t *testing.T) {
	t.Parallel()
	bubble(t, tghooktest.ServerConfig{FirstUpdateID: 700}, func(t *testing.T, s *tghooktest.Server) {
		other := add(t, s, tghooktest.BotConfig{})
		for _, of := range []*tghooktest.Server{s, other} {
			of.User("Zoë").Chat().Send("hi")
			of.User("Zoë").Chat().Send("ho")
			assert.Equal(t, []int64{700, 701}, of.PendingIDs())
		}
	})
	for _, bad := range []int64{-1, 1_000_000_001} {
		_, err := tghooktest.Start(tghooktest.ServerConfig{FirstUpdateID: bad})
		require.ErrorContains(t, err, "ServerConfig.FirstUpdateID")
	}
}
