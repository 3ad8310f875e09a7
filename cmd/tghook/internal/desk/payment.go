package desk

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/tghook/tghook/tghooktest"

	"github.com/tghook/tghook/cmd/tghook/internal/jsonhttp"
)

// paying is what a user enters to pay.
type paying struct {
	As       ref      `json:"as"`
	Name     string   `json:"name"`
	Phone    string   `json:"phone"`
	Email    string   `json:"email"`
	Address  address  `json:"address"`
	Shipping string   `json:"shipping"`
	Tip      int64    `json:"tip"`
	Wait     duration `json:"wait"`
}

type address struct {
	CountryCode string `json:"country_code"`
	State       string `json:"state"`
	City        string `json:"city"`
	StreetLine1 string `json:"street_line1"`
	StreetLine2 string `json:"street_line2"`
	PostCode    string `json:"post_code"`
}

// order returns the order of a user, who chooses a shipping option later unless one is named.
func (p paying) order() tghooktest.Order {
	return tghooktest.Order{
		Name: p.Name, Phone: p.Phone, Email: p.Email, Address: tghooktest.Address(p.Address), Shipping: p.Shipping, Tip: p.Tip, Choose: p.Shipping == "",
	}
}

// Payment is how far a payment has come.
type Payment struct {
	Step     string           `json:"step"` // shipping, paid or refused
	Shipping []ShippingOption `json:"shipping_options"`
	Message  *Message         `json:"message,omitempty"` // with successful_payment
	Error    string           `json:"error,omitempty"`
	Seq      int64            `json:"seq"`
}

// ShippingOption is a way in which the bot can ship an order.
type ShippingOption struct {
	ID     string `json:"id"`
	Title  string `json:"title"`
	Amount int64  `json:"amount"`
}

// checkouts are the payments in which a user has yet to choose a shipping option.
type checkouts struct {
	mu  sync.Mutex
	all map[checkout]*tghooktest.Payment
}

type checkout struct{ bot, chat, message, user int64 }

const maxCheckouts = 1000

// take returns the payment, and forgets it.
func (c *checkouts) take(of checkout) *tghooktest.Payment {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.all[of]
	delete(c.all, of)
	return p
}

func (c *checkouts) keep(of checkout, p *tghooktest.Payment) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all == nil || len(c.all) >= maxCheckouts {
		c.all = map[checkout]*tghooktest.Payment{}
	}
	c.all[of] = p
}

// pay answers that a user pays an invoice. If the bot offers shipping options, and the user
// has named none, the next pay of the same invoice chooses one.
func (d *Desk) pay(r *http.Request) (any, error) {
	var in paying
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	s, id, err := d.messageScene(r, in.As)
	if err != nil {
		return nil, err
	}
	if in.Wait == 0 {
		in.Wait = duration(usualWait)
	}
	if time.Duration(in.Wait) > longestWait {
		return nil, jsonhttp.Invalid("wait is %v; send at most %v", time.Duration(in.Wait), longestWait)
	}
	out := Payment{Shipping: []ShippingOption{}, Seq: d.feed.newest()}
	of := checkout{s.bot.id, s.chat, id, s.user.ID}
	var p *tghooktest.Payment
	if in.Shipping != "" {
		p = d.checkouts.take(of)
	}
	err = s.act(func(tb testing.TB, c *tghooktest.Chat) {
		if p == nil {
			p = find(tb, c, id).Pay(in.order())
		} else if err := p.Ship(in.Shipping); err != nil {
			d.checkouts.keep(of, p) // another option may be chosen
			fail(tb, err)
		}
	})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), time.Duration(in.Wait))
	defer cancel()
	state, err := p.Wait(ctx)
	if err != nil {
		return nil, d.instead(s.bot, waiting{Chat: s.chat, After: out.Seq, Timeout: in.Wait}, "the bot did not answer the payment")
	}
	if state.Step == tghooktest.PaymentChoice {
		d.checkouts.keep(of, p)
	}
	return out.reached(s, state), nil
}

// reached returns the payment in a state.
func (p Payment) reached(s scene, state tghooktest.PaymentState) Payment {
	for _, o := range state.Options {
		p.Shipping = append(p.Shipping, ShippingOption{o.ID, o.Title, o.Amount})
	}
	switch state.Step {
	case tghooktest.PaymentChoice:
		p.Step = "shipping"
	case tghooktest.PaymentPaid:
		p.Step = "paid"
		home := scene{s.desk, s.bot, s.user, s.user.ID} // the receipt is in the private chat
		if c, err := home.look(); err == nil && state.Receipt != nil {
			if post, err := c.Post(state.Receipt.ID); err == nil {
				p.Message = s.desk.message(post)
			}
		}
	default:
		p.Step, p.Error = "refused", state.Error
	}
	return p
}

// buy answers that a user pays for paid media.
func (d *Desk) buy(r *http.Request) (any, error) {
	s, err := d.actor(r)
	if err != nil {
		return nil, err
	}
	id, err := messageID(r)
	if err != nil {
		return nil, err
	}
	return done{}, s.act(func(tb testing.TB, c *tghooktest.Chat) { find(tb, c, id).Buy() })
}
