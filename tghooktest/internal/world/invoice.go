package world

import (
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// stars is the currency of payments in Telegram Stars.
const stars = "XTR"

// currencies are those of
// https://core.telegram.org/bots/payments#supported-currencies.
const currencies = "AED AFN ALL AMD ARS AUD AZN BAM BDT BGN BHD BND BOB BRL BYN CAD CHF CLP CNY COP CRC CZK DKK DOP DZD EGP ETB " +
	"EUR GBP GEL GHS GTQ HKD HNL HRK HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KRW KZT LBP LKR MAD MDL MMK MNT MOP MUR MVR " +
	"MXN MYR MZN NGN NIO NOK NPR NZD PAB PEN PHP PKR PLN PYG QAR RON RSD RUB SAR SEK SGD SYP THB TJS TRY TTD TWD TZS UAH UGX USD " +
	"UYU UZS VEF VND YER ZAR"

// maxPayload is the size of the largest payload of an invoice, in bytes.
const maxPayload = 128

// Price is a part of the price of an order.
type Price struct {
	Label  string
	Amount int64 // in the smallest units of the currency
}

// bill is an order that users can pay, of a message or a link. It is never changed.
type bill struct {
	payload, currency           string
	prices                      []Price
	maxTip                      int64
	period                      int64 // of a subscription, in seconds; 0 if it is none
	name, phone, email, address bool  // what the user must enter
	flexible                    bool  // the bot is asked for the ways of shipping
}

// total returns the sum of prices.
func total(prices []Price) int64 {
	sum := int64(0)
	for _, p := range prices {
		sum += p.Amount
	}
	return sum
}

// invoice makes the content of an invoice from the parameters that sendInvoice and
// createInvoiceLink share.
func (w *World) invoice(p botapi.Params) (Content, error) {
	for _, name := range []string{"title", "description", "payload", "currency", "prices"} {
		if _, err := required(p, name); err != nil {
			return Content{}, err
		}
	}
	if !utf8.ValidString(p.String("payload")) {
		return Content{}, refusal("The payload must be encoded in UTF-8")
	}
	prices, err := pricesOf([]byte(p.String("prices")), "prices")
	if err != nil {
		return Content{}, err
	}
	b := &bill{
		payload: p.String("payload"), currency: strings.ToUpper(p.String("currency")), prices: prices, period: p.Int("subscription_period"),
		name: p.Bool("need_name"), phone: p.Bool("need_phone_number"), email: p.Bool("need_email"),
		address: p.Bool("need_shipping_address"), flexible: p.Bool("is_flexible"),
	}
	if text := p.String("max_tip_amount"); text != "" {
		if b.maxTip, err = strconv.ParseInt(text, 10, 64); err != nil {
			return Content{}, refusal(`Can't parse "max_tip_amount" as Number`)
		}
	}
	if err := b.check(p.String("provider_token")); err != nil {
		return Content{}, err
	}
	return Content{bill: b, Invoice: marshal(struct {
		Title       string `json:"title"`
		Description string `json:"description"`
		Start       string `json:"start_parameter"`
		Currency    string `json:"currency"`
		Total       int64  `json:"total_amount"`
	}{p.String("title"), p.String("description"), p.String("start_parameter"), b.currency, total(prices)})}, nil
}

// check refuses what only Telegram's own servers refuse. They look for the provider before
// they look at the currency, so a misspelt XTR without a token is an invalid provider. With
// XTR they ignore the token.
func (b *bill) check(provider string) error {
	isStars := b.currency == stars
	switch {
	case len(b.payload) > maxPayload:
		return refusal("INVOICE_PAYLOAD_INVALID")
	case isStars && (len(b.prices) != 1 || b.maxTip != 0 || b.flexible):
		return refusal("STARS_INVOICE_INVALID")
	case !isStars && provider == "":
		return refusal("PAYMENT_PROVIDER_INVALID")
	case !isStars && (len(b.currency) != len(stars) || !strings.Contains(currencies, b.currency)):
		return refusal("CURRENCY_INVALID")
	case total(b.prices) <= 0:
		return refusal("CURRENCY_TOTAL_AMOUNT_INVALID")
	}
	return nil
}

// pricesOf reads an array of LabeledPrice. what names it in the error for text that is not
// JSON.
func pricesOf(text json.RawMessage, what string) ([]Price, error) {
	list, ok := parseArray(text)
	switch {
	case !json.Valid(text):
		return nil, refusef("Can't parse %s JSON object", what)
	case !ok:
		return nil, refusal("Expected an Array of labeled prices")
	case len(list) == 0:
		return nil, refusal("There must be at least one price")
	}
	prices := make([]Price, 0, len(list))
	for _, raw := range list {
		price, err := priceOf(raw)
		if err != nil {
			return nil, refusef("Can't parse labeled price: %v", err)
		}
		prices = append(prices, price)
	}
	return prices, nil
}

func priceOf(raw json.RawMessage) (Price, error) {
	o, ok := parseObject(raw)
	if !ok {
		return Price{}, refusal("LabeledPrice must be an Object")
	}
	label, err := o.need("label")
	switch {
	case err != nil:
		return Price{}, err
	case label == "":
		return Price{}, refusal("LabeledPrice label must be non-empty")
	case !o.has("amount"):
		return Price{}, refusal(`Can't find field "amount"`)
	case o.text("amount") == "":
		return Price{}, refusal(`Field "amount" must be of type Number or String`)
	}
	amount, err := strconv.ParseInt(o.text("amount"), 10, 64)
	if err != nil {
		return Price{}, refusal(`Can't parse "amount" as Number`)
	}
	return Price{label, amount}, nil
}

// createInvoiceLink makes a link by which any number of users can pay.
func (w *World) createInvoiceLink(p botapi.Params) (any, error) {
	c, err := w.invoice(p)
	if err != nil {
		return nil, err
	}
	link := w.link("$")
	w.bills[link] = c.bill
	return link, nil
}
