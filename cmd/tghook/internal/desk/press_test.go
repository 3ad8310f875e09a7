package desk_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// keyboard sends a message with a keyboard of every kind of button.
func keyboard(r *rig) string {
	r.tb.Helper()
	m := id(r.call("sendMessage", object{"chat_id": r.you, "text": "Pick", "reply_markup": object{"inline_keyboard": [][]object{
		{{"text": "Go", "callback_data": "go"}, {"text": "Stop", "callback_data": "stop"}},
		{{"text": "Site", "url": "https://example.org/"}, {"text": "Copy", "copy_text": object{"text": "me"}}},
		{{"text": "Search", "switch_inline_query_current_chat": "cats"}, {"text": "App", "web_app": object{"url": "https://example.org/app"}}},
	}}}))
	return fmt.Sprintf("%s/messages/%d", r.chat(), m)
}

func TestButtonIsPressedByTextPlaceAndData(t *testing.T) {
	r := start(t)
	r.webhook(func(update object) any {
		q, ok := update["callback_query"].(object)
		if !ok {
			return nil
		}
		return object{"method": "answerCallbackQuery", "callback_query_id": q["id"], "text": "You pressed " + q["data"].(string), "show_alert": q["data"] == "stop"}
	})
	r.say("hi")
	m := keyboard(r)
	for _, test := range []struct {
		body  object
		text  string
		alert bool
	}{
		{object{"button": "Go", "wait": "1m"}, "You pressed go", false},
		{object{"row": 0, "column": 1, "wait": "1m"}, "You pressed stop", true},
		{object{"data": "stop", "wait": "1m"}, "You pressed stop", true},
	} {
		answer := r.post(m+"/press", test.body)
		require.Equal(t, true, answer["answered"], test.body)
		require.Equal(t, test.text, answer["text"])
		require.Equal(t, test.alert, answer["show_alert"])
		require.Equal(t, "callback", answer["kind"])
	}
	answer := r.post(r.chat()+"/press", object{"button": "Go", "wait": "1m"})
	require.Equal(t, "You pressed go", answer["text"])
	require.Equal(t, false, r.post(m+"/press", object{"button": "Go"})["answered"])
}

func TestButtonThatMakesNoUpdateSaysWhatItIs(t *testing.T) {
	r := start(t)
	r.webhook(func(object) any { return nil })
	r.say("hi")
	m := keyboard(r)
	for button, want := range map[string]object{
		"Site":   {"kind": "url", "url": "https://example.org/"},
		"Copy":   {"kind": "copy_text", "copy": "me"},
		"Search": {"kind": "switch_inline_query_current_chat", "query": "cats"},
		"App":    {"kind": "web_app", "url": "https://example.org/app"},
	} {
		answer := r.post(m+"/press", object{"button": button, "wait": "5s"})
		require.Equal(t, false, answer["answered"])
		require.Subset(t, answer, want, button)
	}
}

func TestPressSaysWhatIsWrong(t *testing.T) {
	r := start(t)
	r.webhook(func(object) any { return nil })
	r.say("hi")
	m := keyboard(r)
	require.Contains(t, r.refused(http.MethodPost, m+"/press", object{"button": "Nope"}, http.StatusNotFound, "button_not_found"), `"Go", "Stop"`)
	r.refused(http.MethodPost, m+"/press", object{"row": 9, "column": 0}, http.StatusNotFound, "button_not_found")
	r.refused(http.MethodPost, r.chat()+"/press", object{"button": "Nope"}, http.StatusNotFound, "button_not_found")
	r.refused(http.MethodPost, r.chat()+"/messages/99/press", object{"button": "Go"}, http.StatusNotFound, "message_not_found")
	for _, wrong := range []object{{}, {"button": "Go", "data": "go"}, {"row": 1}, {"button": "Go", "wait": "1h"}} {
		r.refused(http.MethodPost, m+"/press", wrong, http.StatusBadRequest, "invalid_request")
	}
	answer := r.post(m+"/press", object{"button": "Go", "wait": "50ms"})
	require.Equal(t, false, answer["answered"])
	require.Contains(t, answer["error"], "has not answered the press within 50ms")
}

func TestKeyOfTheReplyKeyboardSendsItsText(t *testing.T) {
	r := start(t)
	got := make(chan object, 10)
	r.webhook(func(update object) any { got <- update["message"].(object); return nil })
	r.say("hi")
	<-got
	r.call("sendMessage", object{"chat_id": r.you, "text": "Pick", "reply_markup": object{"keyboard": [][]object{
		{{"text": "Yes"}, {"text": "Me", "request_contact": true}},
		{{"text": "Friends", "request_users": object{"request_id": 1}}, {"text": "App", "web_app": object{"url": "https://example.org/"}}},
	}}})
	answer := r.post(r.chat()+"/press", object{"button": "Yes"})
	require.Equal(t, "key", answer["kind"])
	require.Equal(t, "Yes", answer["messages"].([]any)[0].(object)["text"])
	require.Equal(t, "Yes", (<-got)["text"])
	r.post(r.chat()+"/press", object{"button": "Me"})
	require.Contains(t, <-got, "contact")
	ana := r.post("/api/users", object{"name": "Ana"})["id"]
	r.post(r.chat()+"/messages", object{"kind": "users_shared", "button": "Friends", "users": []any{ana}})
	require.Equal(t, ana, (<-got)["users_shared"].(object)["users"].([]any)[0].(object)["user_id"])
	r.post(r.chat()+"/messages", object{"kind": "web_app_data", "button": "App", "data": "42"})
	require.Equal(t, "42", (<-got)["web_app_data"].(object)["data"])
}

func TestInvoiceIsPaidInSteps(t *testing.T) {
	r := start(t)
	r.webhook(func(update object) any {
		if q, ok := update["shipping_query"].(object); ok {
			return object{"method": "answerShippingQuery", "shipping_query_id": q["id"], "ok": true, "shipping_options": []object{
				{"id": "slow", "title": "Slow", "prices": []object{{"label": "Post", "amount": 100}}},
				{"id": "fast", "title": "Fast", "prices": []object{{"label": "Post", "amount": 500}}},
			}}
		}
		if q, ok := update["pre_checkout_query"].(object); ok {
			if q["shipping_option_id"] == "slow" {
				return object{"method": "answerPreCheckoutQuery", "pre_checkout_query_id": q["id"], "ok": false, "error_message": "Too slow for us"}
			}
			return object{"method": "answerPreCheckoutQuery", "pre_checkout_query_id": q["id"], "ok": true}
		}
		return nil
	})
	r.say("buy")
	invoice := func(flexible bool) string {
		m := id(r.call("sendInvoice", object{
			"chat_id": r.you, "title": "Cake", "description": "A cake", "payload": "cake", "currency": "EUR", "provider_token": "x",
			"prices": []object{{"label": "Cake", "amount": 1000}}, "is_flexible": flexible, "need_shipping_address": flexible,
		}))
		return fmt.Sprintf("%s/messages/%d/pay", r.chat(), m)
	}
	paid := r.post(invoice(false), nil)
	require.Equal(t, "paid", paid["step"])
	require.Contains(t, paid["message"], "successful_payment")

	path := invoice(true)
	step := r.post(path, object{"address": object{"city": "Berlin", "country_code": "DE"}})
	require.Equal(t, "shipping", step["step"])
	require.Equal(t, []any{object{"id": "slow", "title": "Slow", "amount": 100.0}, object{"id": "fast", "title": "Fast", "amount": 500.0}}, step["shipping_options"])
	r.refused(http.MethodPost, path, object{"shipping": "never"}, http.StatusUnprocessableEntity, "impossible")
	require.Equal(t, "paid", r.post(path, object{"shipping": "fast"})["step"])

	refused := r.post(invoice(true), object{"shipping": "slow"})
	require.Equal(t, "refused", refused["step"])
	require.Equal(t, "Too slow for us", refused["error"])
	r.refused(http.MethodPost, r.chat()+"/messages/1/pay", nil, http.StatusUnprocessableEntity, "impossible")
}

func TestPaymentThatTheBotDoesNotAnswerSaysSo(t *testing.T) {
	r := start(t)
	r.webhook(func(object) any { return nil })
	r.say("buy")
	m := id(r.call("sendInvoice", object{
		"chat_id": r.you, "title": "Cake", "description": "A cake", "payload": "cake", "currency": "XTR", "prices": []object{{"label": "Cake", "amount": 10}},
	}))
	text := r.refused(http.MethodPost, fmt.Sprintf("%s/messages/%d/pay", r.chat(), m), object{"wait": "100ms"}, http.StatusGatewayTimeout, "timeout")
	require.Contains(t, text, "the bot did not answer the payment within 100ms")
}

func TestInlineQueryHasResultsToChoose(t *testing.T) {
	r := start(t)
	r.webhook(func(update object) any {
		q, ok := update["inline_query"].(object)
		if !ok {
			return nil
		}
		if q["query"] == "silence" {
			return nil
		}
		return object{"method": "answerInlineQuery", "inline_query_id": q["id"], "next_offset": "1", "results": []object{
			{"type": "article", "id": "a", "title": "A", "input_message_content": object{"message_text": "A for " + q["query"].(string)}},
		}}
	})
	r.say("hi")
	answer := r.post("/api/bots/123456/inline", object{"query": "cats"})
	require.Equal(t, true, answer["answered"])
	require.Equal(t, "1", answer["next_offset"])
	require.Equal(t, "A", answer["results"].([]any)[0].(object)["title"])
	path := "/api/bots/123456/inline/" + answer["id"].(string) + "/choose"
	chosen := r.post(path, object{"index": 0})["messages"].([]any)[0].(object)
	require.Equal(t, "A for cats", chosen["text"])
	require.Contains(t, chosen, "via_bot")
	r.refused(http.MethodPost, path, object{"index": 1}, http.StatusNotFound, "result_not_found")
	r.refused(http.MethodPost, path, object{"index": 0, "chat": -5}, http.StatusBadRequest, "invalid_request")
	r.refused(http.MethodPost, "/api/bots/123456/inline/99/choose", object{"index": 0}, http.StatusNotFound, "query_not_found")
	require.Contains(t, r.refused(http.MethodPost, "/api/bots/123456/inline", object{"query": "silence", "wait": "50ms"}, http.StatusGatewayTimeout, "timeout"), "did not answer the inline query")
}
