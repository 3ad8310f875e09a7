package world

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sold sends an invoice with more parameters, and returns its message.
func (s *stage) sold(more ...string) int64 {
	s.t.Helper()
	params := append([]string{"chat_id", "zoe", "title", "Tea", "description", "Green", "payload", "order-1"}, more...)
	return got(s.t, s.call("sendInvoice", params...)).ID
}

// fiat are parameters of an invoice in a currency.
func fiat(more ...string) []string {
	return append([]string{"currency", "EUR", "provider_token", "1:TEST:x", "prices", `[{"label":"Tea","amount":300}]`}, more...)
}

// inStars are parameters of an invoice in Telegram Stars.
func inStars(more ...string) []string {
	return append([]string{"currency", "XTR", "prices", `[{"label":"Tea","amount":10}]`}, more...)
}

// asked returns the id of the query in the newest update, which must be of the kind, and its
// object.
func (s *stage) asked(kind string) (id, object string) {
	s.t.Helper()
	all := s.o.take()
	require.NotEmpty(s.t, all)
	name, text, _ := strings.Cut(all[len(all)-1], " ")
	require.Equal(s.t, kind, name)
	var q struct {
		ID string `json:"id"`
	}
	require.NoError(s.t, json.Unmarshal([]byte(text), &q))
	return q.ID, text
}

func TestAPaymentInStarsIsMadeAndGivenBack(t *testing.T) {
	t.Parallel()
	s := set(t)
	id, err := s.Pay(s.zoe.ID, s.zoe.ID, s.sold(inStars()...), Order{})
	require.NoError(t, err)
	query, object := s.asked("pre_checkout_query")
	s.expect(`{"id":"`+query+`","from":ZOE,"currency":"XTR","total_amount":10,"invoice_payload":"order-1"}`, object)
	assert.Equal(t, PaymentCheckout, s.Payment(id).State)

	s.expect("true", s.call("answerPreCheckoutQuery", "pre_checkout_query_id", query, "ok", "true"))
	paid := s.Payment(id)
	assert.Equal(t, PaymentMade, paid.State)
	var m struct {
		Payment receipt `json:"successful_payment"`
	}
	require.NoError(t, json.Unmarshal(paid.Receipt.JSON, &m))
	assert.Equal(t, receipt{
		Currency: "XTR", Total: 10, Payload: "order-1", ChargeID: m.Payment.ChargeID, ProviderID: string(marshal(s.zoe.ID)) + "_0",
	}, m.Payment)
	assert.Equal(t, []string{"message " + string(paid.Receipt.JSON)}, s.o.take())
	s.expect(`{"amount":10}`, s.call("getMyStarBalance"))

	charge := `"id":"` + m.Payment.ChargeID + `","amount":10,"date":1795000000,`
	partner := `{"type":"user","transaction_type":"invoice_payment","user":ZOE,"invoice_payload":"order-1"}`
	s.expect(`{"transactions":[{`+charge+`"source":`+partner+`}]}`, s.call("getStarTransactions"))

	refund := []string{"user_id", "zoe", "telegram_payment_charge_id", m.Payment.ChargeID}
	s.expect("400 Bad Request: CHARGE_NOT_FOUND", s.call("refundStarPayment", "user_id", "ben", "telegram_payment_charge_id", m.Payment.ChargeID))
	s.expect("true", s.call("refundStarPayment", refund...))
	s.expect("400 Bad Request: CHARGE_ALREADY_REFUNDED", s.call("refundStarPayment", refund...))
	all := s.o.take()
	require.Len(t, all, 1)
	assert.Contains(t, all[0], s.full(`"from":ZOE,"chat":PRIVATE,"date":1795000000,"refunded_payment":{"currency":"XTR","total_amount":10,`+
		`"invoice_payload":"order-1","telegram_payment_charge_id":"`+m.Payment.ChargeID+`"}}`))
	s.expect(`{"amount":0}`, s.call("getMyStarBalance"))
	s.expect(`{"transactions":[{`+charge+`"receiver":`+partner+`}]}`, s.call("getStarTransactions", "offset", "1"))
	s.expect(`{"transactions":[{`+charge+`"source":`+partner+`}]}`, s.call("getStarTransactions", "limit", "1"))
}

func TestAChargeThatIsNotThereIsRefused(t *testing.T) {
	t.Parallel()
	s := set(t)
	s.play([]act{
		{"refundStarPayment", []string{"user_id", "zoe", "telegram_payment_charge_id", "stx1"}, `400 Bad Request: CHARGE_NOT_FOUND`},
		{"refundStarPayment", []string{"user_id", "zoe"}, `400 Bad Request: CHARGE_ID_EMPTY`},
		{"refundStarPayment", []string{"telegram_payment_charge_id", "stx1"}, `400 Bad Request: invalid user_id specified`},
		{"editUserStarSubscription", []string{"user_id", "zoe", "telegram_payment_charge_id", "stx1", "is_canceled", "true"}, `400 Bad Request: CHARGE_NOT_FOUND`},
	})
}

func TestAnOrderIsShippedAsTheUserChooses(t *testing.T) {
	t.Parallel()
	s := set(t)
	invoice := s.sold(fiat("is_flexible", "true", "need_shipping_address", "true", "need_name", "true", "need_email", "true", "need_phone_number", "true", "max_tip_amount", "50")...)
	at := Address{CountryCode: "DE", City: "Ulm", StreetLine1: "Weg 1", PostCode: "89073"}
	id, err := s.Pay(s.zoe.ID, s.zoe.ID, invoice, Order{Name: "Z", Phone: "+1", Email: "z@example.org", Address: at, Shipping: "Courier", Tip: 50})
	require.NoError(t, err)
	query, object := s.asked("shipping_query")
	address := `{"country_code":"DE","state":"","city":"Ulm","street_line1":"Weg 1","street_line2":"","post_code":"89073"}`
	s.expect(`{"id":"`+query+`","from":ZOE,"invoice_payload":"order-1","shipping_address":`+address+`}`, object)

	options := `[{"id":"p","title":"Post","prices":[{"label":"a","amount":5}]},{"id":"c","title":"Courier","prices":[{"label":"a","amount":20},{"label":"b","amount":1}]}]`
	s.expect("true", s.call("answerShippingQuery", "shipping_query_id", query, "ok", "true", "shipping_options", options))
	assert.Len(t, s.Payment(id).Options, 2)
	query, object = s.asked("pre_checkout_query")
	info := `"shipping_option_id":"c","order_info":{"name":"Z","phone_number":"+1","email":"z@example.org","shipping_address":` + address + `}`
	s.expect(`{"id":"`+query+`","from":ZOE,"currency":"EUR","total_amount":371,"invoice_payload":"order-1",`+info+`}`, object)

	s.expect("true", s.call("answerPreCheckoutQuery", "pre_checkout_query_id", query, "ok", "true"))
	assert.Contains(t, string(s.Payment(id).Receipt.JSON), `"successful_payment":{"currency":"EUR","total_amount":371,"invoice_payload":"order-1",`+info)
	s.expect(`{"transactions":[]}`, s.call("getStarTransactions"))
}

func TestAnOrderThatTheBotRefusesIsNotPaid(t *testing.T) {
	t.Parallel()
	s := set(t)
	id, err := s.Pay(s.zoe.ID, s.zoe.ID, s.sold(fiat("is_flexible", "true")...), Order{})
	require.NoError(t, err)
	query, _ := s.asked("shipping_query")
	s.expect("true", s.call("answerShippingQuery", "shipping_query_id", query, "ok", "false", "error_message", "Too far"))
	assert.Equal(t, Payment{State: PaymentRefused, Reason: "Too far"}, s.Payment(id))

	id, err = s.Pay(s.zoe.ID, s.zoe.ID, s.sold(inStars()...), Order{})
	require.NoError(t, err)
	query, _ = s.asked("pre_checkout_query")
	s.expect("true", s.call("answerPreCheckoutQuery", "pre_checkout_query_id", query, "ok", "false", "error_message", "Sold out"))
	s.expect("true", s.call("answerPreCheckoutQuery", "pre_checkout_query_id", query, "ok", "true"))
	assert.Equal(t, Payment{State: PaymentRefused, Reason: "Sold out"}, s.Payment(id), "the first answer counts")
	s.expect(`{"amount":0}`, s.call("getMyStarBalance"))

	id, err = s.Pay(s.zoe.ID, s.zoe.ID, s.sold(fiat("is_flexible", "true")...), Order{Shipping: "Drone"})
	require.NoError(t, err)
	query, _ = s.asked("shipping_query")
	s.expect("true", s.call("answerShippingQuery", "shipping_query_id", query, "ok", "true", "shipping_options", post))
	assert.Equal(t, `the bot does not offer the shipping option "Drone"`, s.Payment(id).Reason)
	assert.Empty(t, s.o.take())
}

func TestAnOrderThatTheBotDoesNotAnswerFails(t *testing.T) {
	t.Parallel()
	s := set(t)
	var late []func()
	s.cfg.After = func(d time.Duration, f func()) {
		assert.Equal(t, 10*time.Second+time.Millisecond, d)
		late = append(late, f)
	}
	id, err := s.Pay(s.zoe.ID, s.zoe.ID, s.sold(inStars()...), Order{})
	require.NoError(t, err)
	require.Len(t, late, 1)
	late[0]()
	assert.Equal(t, Payment{State: PaymentFailed, Reason: "the bot did not answer pre_checkout_query within 10s"}, s.Payment(id))
}

func TestShippingOptionsAreRefusedAsTelegramRefusesThem(t *testing.T) {
	t.Parallel()
	s := set(t)
	_, err := s.Pay(s.zoe.ID, s.zoe.ID, s.sold(fiat("is_flexible", "true")...), Order{})
	require.NoError(t, err)
	query, _ := s.asked("shipping_query")
	for options, want := range map[string]string{
		`{`:                                    `can't parse shipping options JSON object`,
		`{}`:                                   `expected an Array of shipping options`,
		`[]`:                                   `there must be at least one shipping option`,
		`[1]`:                                  `can't parse shipping option: ShippingOption must be an Object`,
		`[{}]`:                                 `can't parse shipping option: Can't find field "id"`,
		`[{"id":""}]`:                          `can't parse shipping option: ShippingOption identifier must be non-empty`,
		`[{"id":"1"}]`:                         `can't parse shipping option: Can't find field "title"`,
		`[{"id":"1","title":""}]`:              `can't parse shipping option: ShippingOption title must be non-empty`,
		`[{"id":"1","title":"T"}]`:             `can't parse shipping option: Can't find field "prices"`,
		`[{"id":"1","title":"T","prices":[]}]`: `can't parse shipping option: There must be at least one price`,
		`[{"id":"1","title":"T","prices":[{"label":"a"}]}]`: `can't parse shipping option: Can't parse labeled price: Can't find field "amount"`,
	} {
		assert.Equal(t, "400 Bad Request: "+want, s.call("answerShippingQuery", "shipping_query_id", query, "ok", "true", "shipping_options", options), options)
	}
}

func TestInvoicesAreRefusedAsTelegramRefusesThem(t *testing.T) {
	t.Parallel()
	s := set(t)
	for _, c := range []struct {
		params []string
		want   string
	}{
		{[]string{"currency", "XTR", "prices", `[{"label":"a","amount":1},{"label":"b","amount":1}]`}, `STARS_INVOICE_INVALID`},
		{inStars("max_tip_amount", "5"), `STARS_INVOICE_INVALID`},
		{inStars("is_flexible", "true"), `STARS_INVOICE_INVALID`},
		{[]string{"currency", "USD", "prices", `[{"label":"a","amount":100}]`}, `PAYMENT_PROVIDER_INVALID`},
		{[]string{"currency", "XTS", "prices", `[{"label":"a","amount":100}]`}, `PAYMENT_PROVIDER_INVALID`},
		{[]string{"currency", "ABC", "provider_token", "1:TEST:x", "prices", `[{"label":"a","amount":100}]`}, `CURRENCY_INVALID`},
		{[]string{"currency", "E", "provider_token", "1:TEST:x", "prices", `[{"label":"a","amount":100}]`}, `CURRENCY_INVALID`},
		{[]string{"currency", "EUR", "provider_token", "1:TEST:x", "prices", `[{"label":"a","amount":0}]`}, `CURRENCY_TOTAL_AMOUNT_INVALID`},
		{[]string{"currency", "EUR", "prices", `{`}, `can't parse prices JSON object`},
		{[]string{"currency", "EUR", "prices", `{}`}, `expected an Array of labeled prices`},
		{[]string{"currency", "EUR", "prices", `[]`}, `there must be at least one price`},
		{[]string{"currency", "EUR", "prices", `[1]`}, `can't parse labeled price: LabeledPrice must be an Object`},
		{[]string{"currency", "EUR", "prices", `[{"amount":1}]`}, `can't parse labeled price: Can't find field "label"`},
		{[]string{"currency", "EUR", "prices", `[{"label":"","amount":1}]`}, `can't parse labeled price: LabeledPrice label must be non-empty`},
		{[]string{"currency", "EUR", "prices", `[{"label":"a","amount":1.5}]`}, `can't parse labeled price: Can't parse "amount" as Number`},
		{fiat("max_tip_amount", "x"), `can't parse "max_tip_amount" as Number`},
		{fiat("payload", strings.Repeat("x", 129)), `INVOICE_PAYLOAD_INVALID`},
	} {
		for _, method := range []string{"sendInvoice", "createInvoiceLink"} {
			params := append([]string{"chat_id", "zoe", "title", "T", "description", "D", "payload", "P"}, c.params...)
			assert.Equal(t, "400 Bad Request: "+c.want, s.call(method, params...), "%s %q", method, c.params)
		}
	}
}

func TestAUserCannotPayWhatIsNoInvoice(t *testing.T) {
	t.Parallel()
	s := set(t)
	text := got(t, s.call("sendMessage", "chat_id", "zoe", "text", "hi")).ID
	_, err := s.Pay(s.zoe.ID, s.zoe.ID, text, Order{})
	require.EqualError(t, err, "message "+string(marshal(text))+" has no invoice to pay")
	_, err = s.Pay(s.zoe.ID, s.zoe.ID, 99, Order{})
	require.EqualError(t, err, "there is no such message to pay")
	_, err = s.PayLink(s.zoe.ID, "https://t.me/$x", Order{})
	require.ErrorContains(t, err, `there is no invoice at the link "https://t.me/$x"`)
	_, err = s.Pay(s.zoe.ID, s.zoe.ID, s.sold(fiat()...), Order{Tip: 1})
	require.EqualError(t, err, "the tip of 1 is not between 0 and 0, the invoice's max_tip_amount")

	invoice := s.sold(inStars("reply_markup", `{"inline_keyboard":[[{"text":"Pay now","pay":true}]]}`)...)
	query, err := s.Press(s.zoe.ID, s.zoe.ID, 0, "Pay now")
	require.NoError(t, err)
	assert.Empty(t, query)
	query, _ = s.asked("pre_checkout_query")
	s.expect("true", s.call("answerPreCheckoutQuery", "pre_checkout_query_id", query, "ok", "true"))
	_, err = s.Pay(s.zoe.ID, s.zoe.ID, invoice, Order{})
	require.ErrorContains(t, err, "has paid the invoice of message")
}

func TestASubscriptionIsPaidByLink(t *testing.T) {
	t.Parallel()
	s := set(t)
	var link string
	answer := s.call("createInvoiceLink", append([]string{"title", "T", "description", "D", "payload", "P", "subscription_period", "2592000"}, inStars()...)...)
	require.NoError(t, json.Unmarshal([]byte(answer), &link))
	for range 2 { // any number of times
		id, err := s.PayLink(s.zoe.ID, link, Order{})
		require.NoError(t, err)
		query, _ := s.asked("pre_checkout_query")
		s.expect("true", s.call("answerPreCheckoutQuery", "pre_checkout_query_id", query, "ok", "true"))
		assert.Contains(t, string(s.Payment(id).Receipt.JSON), `"subscription_expiration_date":1797592000,"is_recurring":true,"is_first_recurring":true,`)
	}
	charge := s.income.transactions[0].ID
	s.expect("true", s.call("editUserStarSubscription", "user_id", "zoe", "telegram_payment_charge_id", charge, "is_canceled", "true"))
	assert.True(t, s.income.charges[charge].canceled)
}

func TestPaidMediaIsBought(t *testing.T) {
	t.Parallel()
	s := set(t)
	sell := func(more ...string) int64 {
		return got(t, s.call("sendPaidMedia", append([]string{"chat_id", "zoe", "star_count", "7", "media", `[{"type":"photo","media":"https://a.b/c.jpg"}]`}, more...)...)).ID
	}
	first, second := sell("payload", "clip"), sell()
	require.NoError(t, s.Buy(s.zoe.ID, s.zoe.ID, first))
	assert.Equal(t, []string{s.full(`purchased_paid_media {"from":ZOE,"paid_media_payload":"clip"}`)}, s.o.take())
	require.ErrorContains(t, s.Buy(s.zoe.ID, s.zoe.ID, first), "has bought the media of message")
	require.NoError(t, s.Buy(s.zoe.ID, s.zoe.ID, second))
	assert.Empty(t, s.o.take(), "the bot gave it no payload")
	require.EqualError(t, s.Buy(s.zoe.ID, s.zoe.ID, 99), "there is no such message to buy media of")

	s.expect(`{"amount":14}`, s.call("getMyStarBalance"))
	assert.Contains(t, s.call("getStarTransactions"), s.full(`"transaction_type":"paid_media_payment","user":ZOE,"paid_media":[{"type":"photo",`))
	assert.Contains(t, s.call("getStarTransactions"), `"paid_media_payload":"clip"`)
}
