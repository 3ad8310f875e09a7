package queue_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
)

var byDefault = []string{
	"message", "edited_message", "channel_post", "edited_channel_post", "inline_query", "chosen_inline_result",
	"callback_query", "shipping_query", "pre_checkout_query", "poll", "poll_answer", "my_chat_member",
	"chat_join_request", "chat_boost", "removed_chat_boost", "business_connection", "business_message",
	"edited_business_message", "deleted_business_messages", "purchased_paid_media", "managed_bot", "guest_message",
	"subscription", "stopped_message_generation",
}

var onDemand = []string{"chat_member", "message_reaction", "message_reaction_count"}

func TestTheDefaultIsAllButThreeKinds(t *testing.T) {
	t.Parallel()
	q, _ := open()
	for _, kind := range append(slices.Clone(byDefault), "telepathy") {
		add(t, q, kind, []byte(`{}`))
	}
	for _, kind := range onDemand {
		refuse(t, q, kind, []byte(`{}`))
	}
	assert.Nil(t, q.Allowed())
	q.Allow(byDefault) // means the same as nil
	assert.Nil(t, q.Allowed())
}

func TestOnlyAllowedKindsAreAdded(t *testing.T) {
	t.Parallel()
	q, _ := open()
	waits := fill(t, q, 1)[0]
	q.Allow([]string{"POLL", "chat_Member", "telepathy", "message", "poll"})
	if got, want := q.Allowed(), []string{"message", "poll", "chat_member"}; !slices.Equal(got, want) {
		t.Errorf("allowed are %v, want %v in Telegram's order", got, want)
	}
	for _, kind := range append(slices.Concat(byDefault, onDemand), "telepathy") {
		if kind == "message" || kind == "poll" || kind == "chat_member" {
			add(t, q, kind, []byte(`{}`))
		} else {
			refuse(t, q, kind, []byte(`{}`))
		}
	}
	if u, _ := q.Next(0); u.ID != waits || q.Len() != 4 {
		t.Errorf("an update that waited was lost: %d are left", q.Len())
	}
}

func TestAllowedUpdatesAreReadAsTelegramReadsThem(t *testing.T) {
	t.Parallel()
	before := []string{"poll"}
	for text, want := range map[string][]string{
		"":                        before,
		"null":                    before,
		`"message"`:               before,
		`{"message":true}`:        before,
		`7`:                       before,
		`message`:                 before,
		`["message"`:              before,
		`["message"] x`:           before,
		`["message",null]`:        before,
		`["message",["poll"]]`:    before,
		`["message",7]`:           before,
		`[]`:                      nil,
		` [ ] `:                   nil,
		`["telepathy"]`:           nil,
		`["message"]`:             {"message"},
		`["Message","telepathy"]`: {"message"},
	} {
		q, _ := open()
		q.Allow(before)
		q.AllowText(text)
		if got := q.Allowed(); !slices.Equal(got, want) || (got == nil) != (want == nil) {
			t.Errorf("%q allows %v, want %v", text, got, want)
		}
	}
}
