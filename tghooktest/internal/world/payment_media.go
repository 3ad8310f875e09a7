package world

import (
	"encoding/json"
	"fmt"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// sale is what users pay for the paid media of a message. It is never changed.
type sale struct {
	stars   int64
	payload string
	media   json.RawMessage // array of PaidMedia
}

// paidMedia makes the content of a message with photos and videos that cost stars.
func (w *World) paidMedia(p botapi.Params) (Content, error) {
	contents, err := w.inputMedias(p)
	switch {
	case err != nil:
		return Content{}, err
	case len(p.String("payload")) > maxPayload:
		return Content{}, refusal("INVOICE_PAYLOAD_INVALID")
	}
	type paid struct {
		Type  string      `json:"type"`
		Photo []PhotoSize `json:"photo,omitempty"`
		Video *Video      `json:"video,omitempty"`
	}
	all := make([]paid, 0, len(contents))
	for _, c := range contents {
		kind := "photo"
		if c.Video != nil {
			kind = "video"
		}
		all = append(all, paid{kind, c.Photo, c.Video})
	}
	s := &sale{stars: p.Int("star_count"), payload: p.String("payload"), media: marshal(all)}
	c := Content{sale: s, PaidMedia: marshal(struct {
		Stars int64           `json:"star_count"`
		Media json.RawMessage `json:"paid_media"`
	}{s.stars, s.media})}
	err = w.caption(&c, p.String("caption"), p.String("parse_mode"), json.RawMessage(p.String("caption_entities")), p.Bool("show_caption_above_media"))
	return c, err
}

// Buy makes the user pay for the paid media of a message. The bot gets purchased_paid_media
// if it gave the media a payload and the chat is no channel. The stars of a channel's posts
// belong to the channel.
func (w *World) Buy(user, chat, message int64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	u, c, err := w.party(user, chat)
	if err != nil {
		return err
	}
	m := c.message(message)
	switch {
	case m == nil:
		return missingf(ErrNoMessage, "there is no such message to buy media of")
	case m.sale == nil:
		return fmt.Errorf("message %d has no paid media", message)
	case m.paid[user]:
		return fmt.Errorf("%s has bought the media of message %d already", u.name(), message)
	}
	if m.paid == nil {
		m.paid = map[int64]bool{}
	}
	m.paid[user] = true
	if c.Type != "channel" {
		w.earn(charge{id: "stx" + w.next("charge"), user: u, amount: m.sale.stars, payload: m.sale.payload, media: m.sale.media})
		if m.sale.payload != "" {
			w.emit("purchased_paid_media", struct {
				From    *User  `json:"from"`
				Payload string `json:"paid_media_payload"`
			}{u, m.sale.payload})
		}
	}
	w.change()
	return nil
}
