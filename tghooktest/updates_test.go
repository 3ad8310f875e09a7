package tghooktest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tghook/tghook/tghooktest"
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

		if u.ID <= last {
			t.Errorf("%s: update_id %d follows %d", name, u.ID, last)
		}
		last = u.ID
		if len(fields) != 2 {
			t.Errorf("%s: %d fields besides update_id, want one", name, len(fields)-1)
		}
		head := fmt.Sprintf("{\"update_id\":%d,\n\"%s\":{", u.ID, kind)
		if !bytes.HasPrefix(body, []byte(head)) {
			t.Errorf("%s: starts with %.60q, want %q", name, body, head)
		}
		if got := bytes.Replace(body, []byte("\n"), nil, 1); !bytes.Equal(got, compact.Bytes()) {
			t.Errorf("%s: white space besides the line break after update_id", name)
		}
		if i := bytes.IndexFunc(body, func(r rune) bool { return r >= utf8.RuneSelf }); i >= 0 {
			t.Errorf("%s: byte %d is not ASCII", name, i)
		}
		if upper := regexp.MustCompile(`\\u[0-9a-f]{0,3}[A-F]`).Find(body); upper != nil {
			t.Errorf("%s: escape %s... is not in lower case", name, upper)
		}
	}

	slices.Sort(seen)
	if !slices.Equal(seen, kinds) {
		t.Errorf("kinds\n%v\nwant\n%v", seen, kinds)
	}
}

func TestUpdateIsACopy(t *testing.T) {
	tghooktest.Update("message")[0] = 'x'
	for _, body := range tghooktest.Updates() {
		body[0] = 'x'
		break
	}
	if body := tghooktest.Update("message"); body[0] != '{' {
		t.Errorf("a change by one caller is seen by the next: %.20s", body)
	}
}

func TestUnknownUpdatePanicsWithTheNames(t *testing.T) {
	defer func() {
		message, _ := recover().(string)
		if !strings.Contains(message, `"massage"`) || !strings.Contains(message, "callback_query") {
			t.Errorf("panic %q names neither the mistake nor the choice", message)
		}
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
