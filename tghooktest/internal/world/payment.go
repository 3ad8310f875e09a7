package world

import (
	"cmp"
	"fmt"
	"strconv"
	"time"
)

// PaymentState says how far a payment has come.
type PaymentState int

// The states of a payment. The last three are final.
const (
	PaymentShipping PaymentState = iota // the bot must answer shipping_query
	PaymentChoice                       // the user must choose a shipping option
	PaymentCheckout                     // the bot must answer pre_checkout_query
	PaymentMade
	PaymentRefused // the bot has refused it
	PaymentFailed  // the user could not pay for another reason
)

// String returns the state in a word.
func (s PaymentState) String() string {
	return [...]string{"shipping", "choice", "checkout", "paid", "refused", "failed"}[s]
}

// Payment is the state of a payment at one time.
type Payment struct {
	State   PaymentState
	Reason  string           // with PaymentRefused the bot's error_message; with PaymentFailed the reason
	Options []ShippingOption // what the bot offers; nil until it has answered shipping_query
	Receipt Seen             // the message with successful_payment
}

// Order is what a user enters when they pay. An invoice asks for some of it only.
type Order struct {
	Name, Phone, Email string  // if empty, made up
	Address            Address // if it is the zero value, made up
	Shipping           string  // id or title of a shipping option; if empty, the first
	Tip                int64   // in the smallest units of the currency
	Choose             bool    // the user chooses by Ship, and not at once
}

// Address is a ShippingAddress.
type Address struct {
	CountryCode string `json:"country_code"`
	State       string `json:"state"`
	City        string `json:"city"`
	StreetLine1 string `json:"street_line1"`
	StreetLine2 string `json:"street_line2"`
	PostCode    string `json:"post_code"`
}

// home is where users live who enter no address.
var home = Address{CountryCode: "PT", City: "Évora", StreetLine1: "Rua 5 de Outubro 1", PostCode: "7000-854"}

// payment is a user's payment of a bill.
type payment struct {
	Payment
	id      string
	user    *User
	message *Message // nil for a link
	bill    *bill
	order   Order
	chosen  *ShippingOption
	query   *Query // the one that the bot must answer
}

// orderInfo is an OrderInfo.
type orderInfo struct {
	Name    string   `json:"name,omitempty"`
	Phone   string   `json:"phone_number,omitempty"`
	Email   string   `json:"email,omitempty"`
	Address *Address `json:"shipping_address,omitempty"`
}

// Pay makes the user press the Pay button of an invoice. The bot gets shipping_query if the
// price is flexible, and pre_checkout_query. Pay returns the id of the payment.
func (w *World) Pay(user, chat, message int64, order Order) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	u, c, err := w.party(user, chat)
	if err != nil {
		return "", err
	}
	return w.pay(u, c.message(message), order)
}

// pay pays the invoice of a message. w.mu is held.
func (w *World) pay(u *User, m *Message, order Order) (string, error) {
	switch {
	case m == nil:
		return "", missingf(ErrNoMessage, "there is no such message to pay")
	case m.bill == nil:
		return "", fmt.Errorf("message %d has no invoice to pay", m.ID)
	case m.paid[u.ID]:
		return "", fmt.Errorf("%s has paid the invoice of message %d already; Telegram shows them the receipt", u.name(), m.ID)
	}
	return w.order(&payment{user: u, message: m, bill: m.bill, order: order})
}

// PayLink makes the user open a link of createInvoiceLink and press Pay there. It makes the
// same updates as Pay.
func (w *World) PayLink(user int64, link string, order Order) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	u, _, err := w.party(user, user)
	if err != nil {
		return "", err
	}
	b := w.bills[link]
	if b == nil {
		return "", fmt.Errorf("there is no invoice at the link %q; the links are the results of createInvoiceLink", link)
	}
	return w.order(&payment{user: u, bill: b, order: order})
}

// Payment returns the current state of a payment. A payment that does not exist has failed.
func (w *World) Payment(id string) Payment {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.payments[id]
	if p == nil {
		return Payment{State: PaymentFailed, Reason: "the payment did not begin"}
	}
	return p.Payment
}

// order starts a payment. w.mu is held.
func (w *World) order(p *payment) (string, error) {
	if p.order.Tip < 0 || p.order.Tip > p.bill.maxTip {
		return "", fmt.Errorf("the tip of %d is not between 0 and %d, the invoice's max_tip_amount", p.order.Tip, p.bill.maxTip)
	}
	p.order = p.order.complete(p.user)
	p.id = w.next("payment")
	w.payments[p.id] = p
	if p.bill.flexible {
		w.askShipping(p)
	} else {
		w.checkOut(p)
	}
	return p.id, nil
}

// complete fills the empty fields with what users enter who are asked nothing special.
func (o Order) complete(u *User) Order {
	o.Name, o.Phone = cmp.Or(o.Name, u.name()), cmp.Or(o.Phone, u.phone())
	o.Email, o.Address = cmp.Or(o.Email, fmt.Sprintf("user%d@example.org", u.ID)), cmp.Or(o.Address, home)
	return o
}

// phone returns the user's phone number. No real number begins with 999.
func (u *User) phone() string { return "999" + strconv.FormatInt(u.ID%1e9+1e9, 10)[1:] }

// info returns what the user has entered of the bill's questions; nil if it has none.
func (p *payment) info() *orderInfo {
	var info orderInfo
	if p.bill.name {
		info.Name = p.order.Name
	}
	if p.bill.phone {
		info.Phone = p.order.Phone
	}
	if p.bill.email {
		info.Email = p.order.Email
	}
	if p.bill.address || p.bill.flexible {
		info.Address = &p.order.Address
	}
	if info == (orderInfo{}) {
		return nil
	}
	return &info
}

// total returns the price with shipping and tip.
func (p *payment) total() int64 {
	sum := total(p.bill.prices) + p.order.Tip
	if p.chosen != nil {
		sum += p.chosen.Amount()
	}
	return sum
}

// shippingID returns the id of the chosen shipping option; empty if there is none.
func (p *payment) shippingID() string {
	if p.chosen == nil {
		return ""
	}
	return p.chosen.ID
}

// askShipping asks the bot how the order can be shipped. w.mu is held.
func (w *World) askShipping(p *payment) {
	w.await(p, PaymentShipping, "shipping_query")
	w.emit("shipping_query", struct {
		ID      string  `json:"id"`
		From    *User   `json:"from"`
		Payload string  `json:"invoice_payload"`
		Address Address `json:"shipping_address"`
	}{p.query.ID, p.user, p.bill.payload, p.order.Address})
	w.change()
}

// checkOut asks the bot whether it accepts the order. w.mu is held.
func (w *World) checkOut(p *payment) {
	w.await(p, PaymentCheckout, "pre_checkout_query")
	w.emit("pre_checkout_query", struct {
		ID       string     `json:"id"`
		From     *User      `json:"from"`
		Currency string     `json:"currency"`
		Total    int64      `json:"total_amount"`
		Payload  string     `json:"invoice_payload"`
		Shipping string     `json:"shipping_option_id,omitempty"`
		Info     *orderInfo `json:"order_info,omitempty"`
	}{p.query.ID, p.user, p.bill.currency, p.total(), p.bill.payload, p.shippingID(), p.info()})
	w.change()
}

// await registers the query that the bot must answer next, and lets the payment fail if no
// answer comes in time. w.mu is held.
func (w *World) await(p *payment, state PaymentState, kind string) {
	q := w.ask(&Query{Kind: kind, From: p.user, payment: p})
	p.State, p.query = state, q
	w.notePayment(p)
	w.failAfter(queryLife[kind], p, q)
}

// failAfter lets the payment fail if the bot has not answered the query when left has passed.
func (w *World) failAfter(left time.Duration, p *payment, q *Query) {
	w.cfg.After(left+time.Millisecond, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if p.query == q && !q.Answered {
			w.fail(p, fmt.Sprintf("the bot did not answer %s within %v", q.Kind, queryLife[q.Kind]))
		}
	})
}

// fail ends a payment that the user could not make. w.mu is held.
func (w *World) fail(p *payment, reason string) {
	p.State, p.Reason = PaymentFailed, reason
	w.notePayment(p)
	w.change()
}

// refuse ends a payment that the bot does not want. w.mu is held.
func (w *World) refuse(p *payment, reason string) {
	p.State, p.Reason = PaymentRefused, reason
	w.notePayment(p)
	w.change()
}

// receipt is a SuccessfulPayment.
type receipt struct {
	Currency   string     `json:"currency"`
	Total      int64      `json:"total_amount"`
	Payload    string     `json:"invoice_payload"`
	Expires    int64      `json:"subscription_expiration_date,omitempty"`
	Recurring  bool       `json:"is_recurring,omitempty"`
	First      bool       `json:"is_first_recurring,omitempty"`
	Shipping   string     `json:"shipping_option_id,omitempty"`
	Info       *orderInfo `json:"order_info,omitempty"`
	ChargeID   string     `json:"telegram_payment_charge_id"`
	ProviderID string     `json:"provider_payment_charge_id"`
}

// settle makes the payment: the user's money is gone, and the bot gets a message with
// successful_payment in its chat with the user. w.mu is held.
func (w *World) settle(p *payment) {
	r := receipt{
		Currency: p.bill.currency, Total: p.total(), Payload: p.bill.payload, Shipping: p.shippingID(), Info: p.info(),
		ChargeID: "charge" + w.next("charge"), ProviderID: w.next("provider"),
	}
	if p.bill.period > 0 {
		r.Expires, r.Recurring, r.First = w.now()+p.bill.period, true, true
	}
	if r.Currency == stars {
		r.ChargeID, r.ProviderID = "stx"+w.next("charge"), strconv.FormatInt(p.user.ID, 10)+"_0"
		w.earn(charge{id: r.ChargeID, user: p.user, amount: r.Total, payload: r.Payload, period: p.bill.period})
	}
	if m := p.message; m != nil {
		if m.paid == nil {
			m.paid = map[int64]bool{}
		}
		m.paid[p.user.ID] = true
	}
	p.user.started = true
	m := &Message{From: p.user, Content: Content{Payment: marshal(r)}}
	w.write(w.chats[p.user.ID], m)
	p.State, p.Receipt = PaymentMade, w.see(m)
	w.notePayment(p)
	w.change()
}
