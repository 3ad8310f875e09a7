package tghooktest

import (
	"context"
	"fmt"
	"testing"

	"github.com/tghook/tghook/tghooktest/internal/world"
)

// Order is what a user enters when they pay. An invoice asks for some of it only. The zero
// value of each field is its default.
type Order struct {
	// Name, Phone and Email are what the user enters where the invoice asks for it. If
	// empty, the Server makes them up.
	Name, Phone, Email string
	// Address is where the user wants the order to be shipped. If it is the zero value, a
	// made-up address.
	Address Address
	// Shipping is the title or the id of the shipping option that the user chooses, when the
	// price is flexible. If empty, the first that the bot offers.
	Shipping string
	// Tip is the tip, in the smallest units of the currency.
	Tip int64
	// Choose lets the user choose the shipping option by Payment.Ship, when the bot has
	// offered some. If false, the user chooses at once.
	Choose bool
}

// Address is an address to which an order is shipped.
type Address struct {
	CountryCode string // two letters of ISO 3166-1
	State       string
	City        string
	StreetLine1 string
	StreetLine2 string
	PostCode    string
}

// ShippingOption is a way in which the bot can ship an order.
type ShippingOption struct {
	ID     string
	Title  string
	Amount int64 // the sum of its prices, in the smallest units of the currency
}

// Payment is one payment of an invoice by a user.
type Payment struct {
	chat *Chat // the private chat, where the receipt comes
	id   string
}

// Pay presses the Pay button of the message's invoice. It takes at most one Order.
//
// The bot gets pre_checkout_query, and must answer it within 10 seconds. If the price is
// flexible, the bot gets shipping_query before, and the user chooses one of the options that
// the bot offers. When the bot has accepted the order, it gets a message with
// successful_payment in its chat with the user.
//
//	invoice := chat.Expect(t, "")
//	invoice.Pay().Expect(t)
func (m *Message) Pay(order ...Order) *Payment {
	tb := m.chat.test()
	tb.Helper()
	id, err := m.chat.world().Pay(m.chat.user.ID, m.chat.at(), m.ID, theOrder(tb, order))
	return m.chat.user.payment(id, err)
}

// PayLink opens a link that createInvoiceLink has returned, and presses Pay there. It takes
// at most one Order. The bot gets the same updates as after Message.Pay.
func (u *User) PayLink(link string, order ...Order) *Payment {
	tb := u.server.test()
	tb.Helper()
	id, err := u.server.world.PayLink(u.ID, link, theOrder(tb, order))
	return u.payment(id, err)
}

// theOrder returns the order of a call that takes at most one.
func theOrder(tb testing.TB, order []Order) world.Order {
	tb.Helper()
	if len(order) > 1 {
		tb.Fatalf("tghooktest: Pay: got %d values of Order; pass at most one", len(order))
	}
	o := append(order, Order{})[0]
	return world.Order{
		Name: o.Name, Phone: o.Phone, Email: o.Email, Address: world.Address(o.Address), Shipping: o.Shipping, Tip: o.Tip, Choose: o.Choose,
	}
}

// payment returns a payment that has begun. If it could not begin, it fails the test.
func (u *User) payment(id string, err error) *Payment {
	tb := u.server.test()
	tb.Helper()
	c := u.Chat()
	if err != nil {
		tb.Fatalf("tghooktest: in %s: %v", c.place, err)
	}
	return &Payment{c, id}
}

// Expect waits until the bot has accepted the order, and returns the message with
// successful_payment. The test fails if the bot refuses the order, or does not answer within
// ServerConfig.Patience or within the 10 seconds that Telegram gives it.
func (p *Payment) Expect(tb testing.TB) *Message {
	tb.Helper()
	now := p.await(func(now world.Payment) bool { return now.State >= world.PaymentMade })
	if now.State != world.PaymentMade {
		tb.Fatalf("tghooktest: in %s: the payment was not made: %s", p.chat.place, p.how(now))
	}
	return p.chat.message(now.Receipt)
}

// ExpectRefusal waits until the bot has refused the order, by answerShippingQuery or
// answerPreCheckoutQuery. The test fails if the user sees another text than this one, if
// the payment is made, or if no answer comes in time.
func (p *Payment) ExpectRefusal(tb testing.TB, text string) {
	tb.Helper()
	now := p.await(func(now world.Payment) bool { return now.State >= world.PaymentMade })
	if now.State != world.PaymentRefused || now.Reason != text {
		tb.Fatalf("tghooktest: in %s: the bot did not refuse the payment with %q: %s", p.chat.place, text, p.how(now))
	}
}

// ShippingOptions waits until the bot has answered shipping_query, and returns the options
// that it offers. The test fails if the bot refuses the order, or does not answer in time.
func (p *Payment) ShippingOptions(tb testing.TB) []ShippingOption {
	tb.Helper()
	now := p.await(func(now world.Payment) bool { return now.Options != nil || now.State >= world.PaymentMade })
	if now.Options == nil {
		tb.Fatalf("tghooktest: in %s: the bot offered no way of shipping: %s", p.chat.place, p.how(now))
	}
	return optionsOf(now)
}

// PaymentStep is how far a payment has come.
type PaymentStep string

// The steps at which Payment.Wait returns.
const (
	PaymentChoice  PaymentStep = "choice" // the user must choose a shipping option by Ship
	PaymentPaid    PaymentStep = "paid"
	PaymentRefused PaymentStep = "refused" // by the bot
	PaymentFailed  PaymentStep = "failed"  // for another reason, such as no answer in time
)

// PaymentState is the state of a payment.
type PaymentState struct {
	Step    PaymentStep
	Error   string           // with PaymentRefused the bot's error_message; with PaymentFailed the reason
	Options []ShippingOption // what the bot offers
	Receipt *Message         // with PaymentPaid, the message with successful_payment
}

// Wait waits until the user must choose a shipping option, because of Order.Choose, or until
// the payment is at its end. It returns an error if ctx ends before.
func (p *Payment) Wait(ctx context.Context) (PaymentState, error) {
	var now world.Payment
	if err := p.chat.user.server.wait(ctx, func() bool {
		now = p.chat.world().Payment(p.id)
		return now.State != world.PaymentShipping && now.State != world.PaymentCheckout
	}); err != nil {
		return PaymentState{}, fmt.Errorf("tghooktest: in %s: %s: %w", p.chat.place, p.how(now), err)
	}
	state := PaymentState{Step: PaymentStep(now.State.String()), Error: now.Reason, Options: optionsOf(now)}
	if now.State == world.PaymentMade {
		state.Receipt = p.chat.message(now.Receipt)
	}
	return state, nil
}

// Ship chooses a shipping option by its id or title, after which the bot gets
// pre_checkout_query. It is an error if the bot has not offered the option, or if Order.Choose
// was not set.
func (p *Payment) Ship(option string) error {
	if err := p.chat.world().Ship(p.id, option); err != nil {
		return fmt.Errorf("tghooktest: in %s: %w", p.chat.place, err)
	}
	return nil
}

// optionsOf returns what the bot offers.
func optionsOf(now world.Payment) []ShippingOption {
	options := make([]ShippingOption, 0, len(now.Options))
	for _, o := range now.Options {
		options = append(options, ShippingOption{o.ID, o.Title, o.Amount()})
	}
	return options
}

// await waits until the payment is as wanted, and returns its state.
func (p *Payment) await(wanted func(world.Payment) bool) (now world.Payment) {
	s := p.chat.user.server
	s.await(func() bool {
		now = s.world.Payment(p.id)
		return wanted(now)
	})
	return now
}

// how says how far a payment has come. If the bot has not answered, it says what may be the
// reason.
func (p *Payment) how(now world.Payment) string {
	text := now.Reason
	switch now.State {
	case world.PaymentMade:
		return "the payment was made"
	case world.PaymentRefused:
		return fmt.Sprintf("the bot refused it with %q", now.Reason)
	case world.PaymentShipping:
		text = "the bot has not answered shipping_query"
	case world.PaymentChoice:
		text = "the user has not chosen a shipping option; call Ship"
	case world.PaymentCheckout:
		text = "the bot has not answered pre_checkout_query"
	case world.PaymentFailed:
	}
	return text + p.chat.user.server.troubles()
}

// Buy pays for the photos and videos of a message that cost Telegram Stars. The bot gets
// purchased_paid_media if it gave them a payload.
func (m *Message) Buy() {
	tb := m.chat.test()
	tb.Helper()
	if err := m.chat.world().Buy(m.chat.user.ID, m.chat.at(), m.ID); err != nil {
		tb.Fatalf("tghooktest: in %s: %v", m.chat.place, err)
	}
}
