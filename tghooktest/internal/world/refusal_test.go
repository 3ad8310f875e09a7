package world

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWhatDoesNotExistIsRefused(t *testing.T) {
	t.Parallel()
	s := set(t)
	const old = `400 Bad Request: query is too old and response timeout expired or query ID is invalid`
	const article = `{"type":"article","id":"1","title":"T","input_message_content":{"message_text":"one"}}`
	s.play([]act{
		{"setMyName", []string{"name", strings.Repeat("é", 64)}, `true`},
		{"setMyName", []string{"name", strings.Repeat("é", 65)}, `400 Bad Request: FIRSTNAME_INVALID`},
		{"setMyDescription", []string{"description", strings.Repeat("é", 513)}, `400 Bad Request: DESCRIPTION_TOO_LONG`},
		{"setMyShortDescription", []string{"short_description", strings.Repeat("é", 121)}, `400 Bad Request: ABOUT_TOO_LONG`},
		{"answerWebAppQuery", []string{"web_app_query_id", "5", "result", article}, old},
		{"answerWebAppQuery", []string{"web_app_query_id", "5"}, `400 Bad Request: result isn't specified`},
		{"answerWebAppQuery", []string{"web_app_query_id", "5", "result", `{}`}, `400 Bad Request: can't parse inline query result: Can't find field "type"`},
		{"answerGuestQuery", []string{"guest_query_id", "5", "result", article}, old},
		{"answerChatJoinRequestQuery", []string{"chat_join_request_query_id", "5", "result", "approve"}, old},
		{"sendChatJoinRequestWebApp", []string{"chat_join_request_query_id", "5", "web_app_url", "https://example.org"}, old},
		{"sendGift", []string{"user_id", "zoe", "gift_id", "5"}, `400 Bad Request: STARGIFT_INVALID`},
		{"sendGift", []string{"user_id", "77", "gift_id", "5"}, `400 Bad Request: user not found`},
		{"sendGift", []string{"user_id", "zoe"}, `400 Bad Request: parameter "gift_id" is required`},
	})
}

func TestAGiftOfTheShopCanBeSent(t *testing.T) {
	t.Parallel()
	s := set(t)
	var shop struct {
		Gifts []gift `json:"gifts"`
	}
	require.NoError(t, json.Unmarshal([]byte(s.call("getAvailableGifts")), &shop))
	require.Len(t, shop.Gifts, 3)
	assert.Equal(t, int64(15), shop.Gifts[0].Stars)
	assert.NotEmpty(t, s.content(shop.Gifts[0].Sticker.ID))
	s.expect("true", s.call("sendGift", "user_id", "zoe", "gift_id", shop.Gifts[2].ID))
	s.expect("true", s.call("sendGift", "chat_id", "team", "gift_id", shop.Gifts[2].ID))
}

func TestAQueryOfADeliveredUpdateIsAnsweredOnce(t *testing.T) {
	t.Parallel()
	s := set(t)
	s.Meet("guest_message", []byte(`{"message_id":5,"guest_query_id":"g1"}`))
	answer := []string{"guest_query_id", "g1", "result", "{}"}
	s.expect(`{"inline_message_id":""}`, s.call("answerGuestQuery", answer...))
	s.expect(`400 Bad Request: query is too old and response timeout expired or query ID is invalid`, s.call("answerGuestQuery", answer...))
	s.Meet("chat_join_request", []byte(`{"chat":{"id":-1005,"type":"supergroup","title":"New"},"from":{"id":88,"is_bot":false,"first_name":"Ida"},"user_chat_id":88,"date":1,
		"query_id":"j1","invite_link":{"invite_link":"https://t.me/+abc","creator":{"id":9,"is_bot":false,"first_name":"Owner"},"creates_join_request":true,"is_primary":false,"is_revoked":false}}`))
	s.expect("true", s.call("sendChatJoinRequestWebApp", "chat_join_request_query_id", "j1", "web_app_url", "https://example.org"))
	s.expect("true", s.call("answerChatJoinRequestQuery", "chat_join_request_query_id", "j1", "result", "queue"))
	s.expect("true", s.call("approveChatJoinRequest", "chat_id", "-1005", "user_id", "88"))
	assert.Contains(t, s.o.take()[0], `"invite_link":{"invite_link":"https://t.me/+abc"`)
}

func TestAWebAppSendsAMessageByTheBot(t *testing.T) {
	t.Parallel()
	s := set(t)
	id := s.WebAppQuery(s.zoe.ID)
	answer := []string{"web_app_query_id", id, "result", `{"type":"article","id":"1","title":"T","input_message_content":{"message_text":"one"},"reply_markup":{"inline_keyboard":[[{"text":"x","callback_data":"y"}]]}}`}
	assert.Regexp(t, `^\{"inline_message_id":"[^"]+"\}$`, s.call("answerWebAppQuery", answer...))
	messages := s.Messages(s.zoe.ID)
	assert.Equal(t, "one", messages[len(messages)-1].Text)
	assert.Contains(t, s.o.take()[0], `"via_bot":`)
	s.expect(`400 Bad Request: query is too old and response timeout expired or query ID is invalid`, s.call("answerWebAppQuery", answer...))
}
