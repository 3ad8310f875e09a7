package tghooktest_test

import (
	"context"
	"encoding/json"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/tghooktest"
)

// shop is a bot that answers the queries of payments by the payload of the invoice.
func shop(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
	switch u.Kind {
	case tghook.KindShippingQuery, tghook.KindPreCheckoutQuery:
	default:
		return tghook.NoReply, nil
	}
	type query struct {
		ID      string `json:"id"`
		Payload string `json:"invoice_payload"`
	}
	var asked struct {
		Shipping query `json:"shipping_query"`
		Checkout query `json:"pre_checkout_query"`
	}
	if err := u.Decode(&asked); err != nil {
		return tghook.NoReply, err
	}
	q := asked.Checkout
	if u.Kind == tghook.KindShippingQuery {
		q = asked.Shipping
	}
	switch {
	case q.Payload == "slow":
		return tghook.NoReply, nil
	case u.Kind == tghook.KindShippingQuery && q.Payload == "far":
		return tghook.Reply{Method: "answerShippingQuery", Params: params{"shipping_query_id": q.ID, "ok": false, "error_message": "Too far"}}, nil
	case u.Kind == tghook.KindShippingQuery:
		return tghook.Reply{Method: "answerShippingQuery", Params: params{"shipping_query_id": q.ID, "ok": true, "shipping_options": []params{
			{"id": "p", "title": "Post", "prices": []params{{"label": "Stamps", "amount": 5}}},
			{"id": "c", "title": "Courier", "prices": []params{{"label": "Fee", "amount": 20}, {"label": "Fuel", "amount": 1}}},
		}}}, nil
	case q.Payload == "gone":
		return tghook.Reply{Method: "answerPreCheckoutQuery", Params: params{"pre_checkout_query_id": q.ID, "ok": false, "error_message": "Sold out"}}, nil
	}
	return tghook.Reply{Method: "answerPreCheckoutQuery", Params: params{"pre_checkout_query_id": q.ID, "ok": true}}, nil
}

// market is a Server with the shop as its bot, and a user's chat with it.
type market struct {
	t    *testing.T
	srv  *tghooktest.Server
	bot  *tghook.Client
	chat *tghooktest.Chat
}

// offer sends an invoice with the payload, and more parameters.
func (m market) offer(payload string, more params) *tghooktest.Message {
	m.t.Helper()
	p := params{
		"chat_id": m.chat.ID, "title": "Tea", "description": "Green", "payload": payload, "currency": "XTR",
		"prices": []params{{"label": "Tea", "amount": 10}},
	}
	maps.Copy(p, more)
	call(m.t, m.bot, "sendInvoice", p)
	return m.chat.Expect(m.t, "")
}

// inShop runs f in a bubble.
func inShop(t *testing.T, f func(t *testing.T, m market)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		srv, bot := inMemory(t, t)
		hook, err := tghook.New(tghook.HandlerFunc(shop), tghook.Config{Secret: "s", Dispatch: tghook.DispatchConfig{Caller: bot}})
		require.NoError(t, err)
		srv.Webhook(t, hook, tghook.WebhookRequest{SecretToken: "s"})
		chat := srv.User("Zoë").Chat()
		chat.Send("/start")
		f(t, market{t, srv, bot, chat})
	})
}

func TestAUserPaysAnInvoice(t *testing.T) {
	t.Parallel()
	inShop(t, func(t *testing.T, m market) {
		receipt := m.offer("tea", nil).Pay().Expect(t)
		assert.Contains(t, string(receipt.Raw), `"successful_payment":{"currency":"XTR","total_amount":10,"invoice_payload":"tea","telegram_payment_charge_id":"stx`)
		assert.False(t, receipt.FromBot)

		m.offer("gone", nil).Pay().ExpectRefusal(t, "Sold out")
		var link string
		require.NoError(t, json.Unmarshal(call(t, m.bot, "createInvoiceLink", params{
			"title": "Tea", "description": "Green", "payload": "tea", "currency": "XTR", "prices": []params{{"label": "Tea", "amount": 7}},
		}), &link))
		m.srv.User("Ben").PayLink(link).Expect(t)
		assert.JSONEq(t, `{"amount":17}`, string(call(t, m.bot, "getMyStarBalance", nil)))
	})
}

func TestAUserChoosesHowAnOrderIsShipped(t *testing.T) {
	t.Parallel()
	inShop(t, func(t *testing.T, m market) {
		flexible := params{"currency": "EUR", "provider_token": "1:TEST:x", "is_flexible": true, "need_shipping_address": true, "need_name": true, "max_tip_amount": 9}
		pay := m.offer("tea", flexible).Pay(tghooktest.Order{
			Name: "Ada", Address: tghooktest.Address{CountryCode: "DE", City: "Ulm"}, Shipping: "Courier", Tip: 9,
		})
		assert.Equal(t, []tghooktest.ShippingOption{{ID: "p", Title: "Post", Amount: 5}, {ID: "c", Title: "Courier", Amount: 21}}, pay.ShippingOptions(t))
		assert.Contains(t, string(pay.Expect(t).Raw), `"total_amount":40,"invoice_payload":"tea","shipping_option_id":"c","order_info":{"name":"Ada",`+
			`"shipping_address":{"country_code":"DE","state":"","city":"Ulm","street_line1":"","street_line2":"","post_code":""}}`)
		assert.Contains(t, string(m.offer("tea", flexible).Pay().Expect(t).Raw), `"shipping_option_id":"p","order_info":{"name":"Zoë","shipping_address":{"country_code":"PT"`)
		m.offer("far", flexible).Pay().ExpectRefusal(t, "Too far")
	})
}

func TestAPaymentThatGoesWrongFailsTheTest(t *testing.T) {
	t.Parallel()
	inShop(t, func(t *testing.T, m market) {
		const where = `tghooktest: in the chat of "Zoë" with the bot: `
		assert.Equal(t, where+`the payment was not made: the bot refused it with "Sold out"`,
			failure(t, func(tb testing.TB) { m.offer("gone", nil).Pay().Expect(tb) }))
		assert.Equal(t, where+`the bot did not refuse the payment with "No": the bot refused it with "Sold out"`,
			failure(t, func(tb testing.TB) { m.offer("gone", nil).Pay().ExpectRefusal(tb, "No") }))
		assert.Equal(t, where+`the bot did not refuse the payment with "No": the payment was made`,
			failure(t, func(tb testing.TB) { m.offer("tea", nil).Pay().ExpectRefusal(tb, "No") }))
		assert.Equal(t, where+`the bot offered no way of shipping: the payment was made`,
			failure(t, func(tb testing.TB) { m.offer("tea", nil).Pay().ShippingOptions(tb) }))
		slow := m.offer("slow", nil).Pay()
		assert.Equal(t, where+`the payment was not made: the bot has not answered pre_checkout_query`, failure(t, func(tb testing.TB) { slow.Expect(tb) }))
		time.Sleep(time.Second)
		assert.Equal(t, where+`the payment was not made: the bot did not answer pre_checkout_query within 10s`, failure(t, func(tb testing.TB) { slow.Expect(tb) }))
	})
}

func TestAUserBuysPaidMedia(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, bot := inMemory(t, t)
		chat := srv.User("Zoë").Chat()
		chat.Send("/start")
		call(t, bot, "sendPaidMedia", params{
			"chat_id": chat.ID, "star_count": 7, "payload": "clip", "media": []params{{"type": "photo", "media": "https://example.org/a.jpg"}},
		})
		chat.Expect(t, "").Buy()
		kinds, objects := updates(t, bot)
		assert.Equal(t, []string{"message", "purchased_paid_media"}, kinds)
		assert.Contains(t, string(objects[1]), `"paid_media_payload":"clip"`)
	})
}
