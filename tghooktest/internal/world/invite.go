package world

import (
	"strings"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// InviteLink is a ChatInviteLink that the bot made.
type InviteLink struct {
	Link    string `json:"invite_link"`
	Name    string `json:"name,omitempty"`
	Creator *User  `json:"creator"`
	Expires int64  `json:"expire_date,omitempty"`
	Limit   int64  `json:"member_limit,omitempty"`
	Pending int    `json:"pending_join_request_count,omitempty"`
	Period  int64  `json:"subscription_period,omitempty"`
	Price   int64  `json:"subscription_price,omitempty"`
	Request bool   `json:"creates_join_request"`
	Primary bool   `json:"is_primary"`
	Revoked bool   `json:"is_revoked"`

	chat   *Chat
	joined int64 // how many users joined by it
}

const (
	maxLinkName     = 32
	maxMembers      = 100_000
	linkSubscribers = 30 * 24 * 60 * 60 // the only period of a subscription, in seconds
	maxLinkPrice    = 10_000
)

// primary returns the chat's primary link; nil if there is none.
func (c *Chat) primary() *InviteLink {
	for _, l := range c.links {
		if l.Primary && !l.Revoked {
			return l
		}
	}
	return nil
}

// linked adds a link to the chat and returns it as the bot sees it.
func (w *World) linked(c *Chat, l InviteLink) InviteLink {
	l.Link, l.Creator, l.chat = w.link("+"), w.bot, c
	c.links = append(c.links, &l)
	w.change()
	return l
}

// exportChatInviteLink revokes the primary link and makes a new one.
func (w *World) exportChatInviteLink(p botapi.Params) (any, error) {
	c, err := w.managed(p, toLink)
	if err != nil {
		return nil, err
	}
	if old := c.primary(); old != nil {
		old.Revoked = true
	}
	return w.linked(c, InviteLink{Primary: true}).Link, nil
}

// linkTerms reads the terms of a link.
func (w *World) linkTerms(p botapi.Params) (InviteLink, error) {
	l := InviteLink{
		Name: linkName(p), Expires: max(p.Int("expire_date"), 0), Limit: min(max(p.Int("member_limit"), 0), maxMembers),
		Request: p.Bool("creates_join_request"),
	}
	switch {
	case l.Request && l.Limit > 0:
		return l, refusal("Member limit can't be specified for links requiring administrator approval")
	case l.Expires != 0 && l.Expires <= w.now():
		return l, refusal("EXPIRE_DATE_INVALID")
	}
	return l, nil
}

// linkName reads the name of a link. Telegram keeps its first 32 characters.
func linkName(p botapi.Params) string {
	name := []rune(strings.Join(strings.Fields(p.String("name")), " "))
	return string(name[:min(len(name), maxLinkName)])
}

func (w *World) createChatInviteLink(p botapi.Params) (any, error) {
	l, wrong := w.linkTerms(p)
	c, err := w.managed(p, toLink)
	switch {
	case err != nil:
		return nil, err
	case wrong != nil:
		return nil, wrong
	}
	return w.linked(c, l), nil
}

func (w *World) createSubscriptionLink(p botapi.Params) (any, error) {
	c, err := w.managed(p, toLink)
	l := InviteLink{Name: linkName(p), Period: p.Int("subscription_period"), Price: p.Int("subscription_price")}
	switch {
	case err != nil:
		return nil, err
	case l.Period <= 0 || l.Price <= 0:
		return nil, refusal("Invalid subscription pricing specified")
	case c.Type != "channel":
		return nil, refusal("PRICING_CHAT_INVALID")
	case l.Period != linkSubscribers:
		return nil, refusal("SUBSCRIPTION_PERIOD_INVALID")
	case l.Price > maxLinkPrice:
		return nil, refusal("STARS_AMOUNT_INVALID")
	}
	return w.linked(c, l), nil
}

// linkOf returns the link that a call names, and which the bot made.
func (w *World) linkOf(p botapi.Params) (*InviteLink, error) {
	c, err := w.managed(p, toLink)
	if err != nil {
		return nil, err
	}
	text := p.String("invite_link")
	if text == "" {
		return nil, refusal("Invite link must be non-empty")
	}
	for _, l := range c.links {
		if l.Link == text {
			return l, nil
		}
	}
	return nil, refusal("INVITE_HASH_EXPIRED")
}

func (w *World) editChatInviteLink(p botapi.Params) (any, error) {
	terms, wrong := w.linkTerms(p)
	l, err := w.linkOf(p)
	switch {
	case err != nil:
		return nil, err
	case wrong != nil:
		return nil, wrong
	case l.Primary:
		return nil, refusal("CHAT_INVITE_PERMANENT")
	case l.Revoked:
		return nil, refusal("INVITE_HASH_EXPIRED")
	}
	l.Name, l.Expires, l.Limit, l.Request = terms.Name, terms.Expires, terms.Limit, terms.Request
	w.change()
	return *l, nil
}

func (w *World) editSubscriptionLink(p botapi.Params) (any, error) {
	l, err := w.linkOf(p)
	switch {
	case err != nil:
		return nil, err
	case l.Revoked || l.Period == 0:
		return nil, refusal("INVITE_HASH_EXPIRED")
	}
	l.Name = linkName(p)
	w.change()
	return *l, nil
}

// revokeChatInviteLink makes a new primary link if it revokes the primary one.
func (w *World) revokeChatInviteLink(p botapi.Params) (any, error) {
	l, err := w.linkOf(p)
	if err != nil {
		return nil, err
	}
	if l.Primary && !l.Revoked {
		w.linked(l.chat, InviteLink{Primary: true})
	}
	l.Revoked = true
	w.change()
	return *l, nil
}
