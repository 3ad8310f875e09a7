package world

import (
	"encoding/json"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// income has the Telegram Stars of the bot.
type income struct {
	balance      int64
	transactions []transaction // oldest first
	charges      map[string]*charge
}

// charge is a payment that the bot has received in Stars.
type charge struct {
	id       string
	user     *User
	amount   int64
	payload  string
	period   int64 // of a subscription, in seconds; 0 if it is none
	media    json.RawMessage
	refunded bool
	canceled bool // the bot has canceled the subscription
}

// transaction is a StarTransaction.
type transaction struct {
	ID       string   `json:"id"`
	Amount   int64    `json:"amount"`
	Date     int64    `json:"date"`
	Source   *partner `json:"source,omitempty"`
	Receiver *partner `json:"receiver,omitempty"`
}

// partner is a TransactionPartnerUser.
type partner struct {
	Type         string          `json:"type"`
	Kind         string          `json:"transaction_type"`
	User         *User           `json:"user"`
	Payload      string          `json:"invoice_payload,omitempty"`
	Period       int64           `json:"subscription_period,omitempty"`
	Media        json.RawMessage `json:"paid_media,omitempty"`
	MediaPayload string          `json:"paid_media_payload,omitempty"`
}

// partner returns the other side of the charge.
func (c *charge) partner() *partner {
	if c.media != nil {
		return &partner{Type: "user", Kind: "paid_media_payment", User: c.user, Media: c.media, MediaPayload: c.payload}
	}
	return &partner{Type: "user", Kind: "invoice_payment", User: c.user, Payload: c.payload, Period: c.period}
}

// earn records a payment in Stars. w.mu is held.
func (w *World) earn(c charge) {
	in := &w.income
	if in.charges == nil {
		in.charges = map[string]*charge{}
	}
	in.charges[c.id] = &c
	in.balance += c.amount
	in.transactions = append(in.transactions, transaction{ID: c.id, Amount: c.amount, Date: w.now(), Source: c.partner()})
}

// chargeOf returns the charge that a call names.
func (w *World) chargeOf(p botapi.Params) (*charge, error) {
	u, err := w.user(p, "user_id")
	if err != nil {
		return nil, err
	}
	id := p.String("telegram_payment_charge_id")
	c := w.income.charges[id]
	switch {
	case id == "":
		return nil, refusal("CHARGE_ID_EMPTY")
	case c == nil || c.user != u:
		return nil, refusal("CHARGE_NOT_FOUND")
	}
	return c, nil
}

// refundStarPayment gives a user's Stars back. The transaction has the id of the payment.
func (w *World) refundStarPayment(p botapi.Params) (any, error) {
	c, err := w.chargeOf(p)
	switch {
	case err != nil:
		return nil, err
	case c.refunded:
		return nil, refusal("CHARGE_ALREADY_REFUNDED")
	}
	c.refunded = true
	w.income.balance -= c.amount
	w.income.transactions = append(w.income.transactions, transaction{ID: c.id, Amount: c.amount, Date: w.now(), Receiver: c.partner()})
	w.write(w.chats[c.user.ID], &Message{From: c.user, Content: Content{Refund: marshal(struct {
		Currency string `json:"currency"`
		Total    int64  `json:"total_amount"`
		Payload  string `json:"invoice_payload"`
		ChargeID string `json:"telegram_payment_charge_id"`
	}{stars, c.amount, c.payload, c.id})}})
	return true, nil
}

// editUserStarSubscription cancels a subscription, or takes that back.
func (w *World) editUserStarSubscription(p botapi.Params) (any, error) {
	c, err := w.chargeOf(p)
	switch {
	case err != nil:
		return nil, err
	case c.period == 0:
		return nil, refusal("CHARGE_NOT_FOUND")
	}
	c.canceled = p.Bool("is_canceled")
	w.change()
	return true, nil
}

// getStarTransactions returns the transactions in the order of time.
func (w *World) getStarTransactions(p botapi.Params) (any, error) {
	all := w.income.transactions
	all = all[min(max(int(p.Int("offset")), 0), len(all)):]
	limit := 100
	if p.Has("limit") {
		limit = min(max(int(p.Int("limit")), 1), limit)
	}
	return struct {
		All []transaction `json:"transactions"`
	}{append([]transaction{}, all[:min(limit, len(all))]...)}, nil
}

func (w *World) getMyStarBalance(botapi.Params) (any, error) {
	return struct {
		Amount int64 `json:"amount"`
	}{w.income.balance}, nil
}
