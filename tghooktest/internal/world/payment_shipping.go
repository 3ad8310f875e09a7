package world

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// ShippingOption is a way in which the bot can ship an order.
type ShippingOption struct {
	ID     string
	Title  string
	Prices []Price
}

// Amount returns the sum of the prices.
func (o ShippingOption) Amount() int64 { return total(o.Prices) }

// choose takes the option that the user wants. It returns false if the bot does not offer
// it.
func (p *payment) choose() bool {
	for i, o := range p.Options {
		if want := p.order.Shipping; want == "" || want == o.ID || want == o.Title {
			p.chosen = &p.Options[i]
			return true
		}
	}
	return false
}

// Ship makes the user choose a shipping option, by its id or title, after which the bot is
// asked for the order as a whole.
func (w *World) Ship(id, option string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.payments[id]
	if p == nil || p.State != PaymentChoice {
		return errors.New("no shipping option can be chosen now; wait until the bot has offered some, and choose once")
	}
	p.order.Shipping = option
	if !p.choose() {
		names := make([]string, 0, len(p.Options))
		for _, o := range p.Options {
			names = append(names, o.ID)
		}
		return fmt.Errorf("the bot does not offer the shipping option %q; it offers: %s", option, list(names))
	}
	w.checkOut(p)
	return nil
}

// shippingOptions reads the parameter shipping_options.
func shippingOptions(text string) ([]ShippingOption, error) {
	list, ok := parseArray([]byte(text))
	switch {
	case text == "":
		return nil, refusal(`Parameter "shipping_options" is required`)
	case !json.Valid([]byte(text)):
		return nil, refusal("Can't parse shipping options JSON object")
	case !ok:
		return nil, refusal("Expected an Array of shipping options")
	case len(list) == 0:
		return nil, refusal("There must be at least one shipping option")
	}
	options := make([]ShippingOption, 0, len(list))
	for _, raw := range list {
		option, err := shippingOption(raw)
		if err != nil {
			return nil, refusef("Can't parse shipping option: %v", err)
		}
		options = append(options, option)
	}
	return options, nil
}

func shippingOption(raw json.RawMessage) (ShippingOption, error) {
	o, ok := parseObject(raw)
	if !ok {
		return ShippingOption{}, refusal("ShippingOption must be an Object")
	}
	id, err := o.need("id")
	switch {
	case err != nil:
		return ShippingOption{}, err
	case id == "":
		return ShippingOption{}, refusal("ShippingOption identifier must be non-empty")
	}
	title, err := o.need("title")
	switch {
	case err != nil:
		return ShippingOption{}, err
	case title == "":
		return ShippingOption{}, refusal("ShippingOption title must be non-empty")
	case !o.has("prices"):
		return ShippingOption{}, refusal(`Can't find field "prices"`)
	}
	prices, err := pricesOf(o["prices"], "prices")
	return ShippingOption{id, title, prices}, err
}

// answerShippingQuery tells the user how the order can be shipped. When the user has chosen
// an option, the bot is asked for the order as a whole. A second answer has no effect,
// because the user has chosen by then.
func (w *World) answerShippingQuery(p botapi.Params) (any, error) {
	var options []ShippingOption
	var err error
	if p.Bool("ok") {
		options, err = shippingOptions(p.String("shipping_options"))
	} else {
		_, err = required(p, "error_message")
	}
	if err != nil {
		return nil, err
	}
	q, err := w.question(p.String("shipping_query_id"), "shipping_query")
	if err != nil || q.Answered {
		return true, err
	}
	q.Answered, q.Text = true, p.String("error_message")
	switch paid := q.payment; {
	case paid == nil: // a query that Meet has learnt
		w.change()
	case !p.Bool("ok"):
		w.refuse(paid, q.Text)
	default:
		paid.Options = options
		if paid.order.Choose {
			paid.State = PaymentChoice
			w.notePayment(paid)
			w.change()
			break
		}
		if !paid.choose() {
			w.fail(paid, fmt.Sprintf("the bot does not offer the shipping option %q", paid.order.Shipping))
			break
		}
		w.checkOut(paid)
	}
	return true, nil
}

// answerPreCheckoutQuery accepts or refuses an order. A second answer has no effect.
func (w *World) answerPreCheckoutQuery(p botapi.Params) (any, error) {
	if !p.Bool("ok") {
		if _, err := required(p, "error_message"); err != nil {
			return nil, err
		}
	}
	q, err := w.question(p.String("pre_checkout_query_id"), "pre_checkout_query")
	if err != nil || q.Answered {
		return true, err
	}
	q.Answered, q.Text = true, p.String("error_message")
	switch paid := q.payment; {
	case paid == nil:
		w.change()
	case p.Bool("ok"):
		w.settle(paid)
	default:
		w.refuse(paid, q.Text)
	}
	return true, nil
}
