package world

import (
	"encoding/json"
	"slices"
	"strconv"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// gift is a Gift that the bot can buy.
type gift struct {
	ID      string   `json:"id"`
	Sticker *Sticker `json:"sticker"`
	Stars   int64    `json:"star_count"`
}

// giftStickers are the gifts that there are, with their price.
var giftStickers = []struct {
	emoji string
	stars int64
}{{"🧸", 15}, {"🌹", 25}, {"💎", 100}}

// gifts returns the gifts that the bot can buy.
func (w *World) gifts() []gift {
	if w.shop == nil {
		defer func(before int) { w.made = w.made[:before] }(len(w.made)) // their files outlast a call that fails
		for i, g := range giftStickers {
			f := w.fetch("sticker", "gift.tgs")
			f.MIME, f.emoji, f.described, f.width, f.height = "application/x-tgsticker", g.emoji, true, 512, 512
			id := strconv.FormatUint(w.draw("gift", int64(i))>>1|1<<60, 10)
			w.shop = append(w.shop, gift{id, f.content().Sticker, g.stars})
		}
	}
	return w.shop
}

func (w *World) getAvailableGifts(botapi.Params) (any, error) {
	return struct {
		Gifts []gift `json:"gifts"`
	}{w.gifts()}, nil
}

// sendGift checks the gift and who gets it. The receiver does not see it, and the bot pays
// no stars.
func (w *World) sendGift(p botapi.Params) (any, error) {
	id, err := required(p, "gift_id")
	if err != nil {
		return nil, err
	}
	if p.Has("user_id") {
		_, err = w.user(p, "user_id")
	} else {
		_, err = w.chat(p.String("chat_id"), toRead)
	}
	if err == nil {
		_, _, err = w.format(p.String("text"), p.String("text_parse_mode"), json.RawMessage(p.String("text_entities")))
	}
	if err == nil && !slices.ContainsFunc(w.gifts(), func(g gift) bool { return g.ID == id }) {
		err = refusal("STARGIFT_INVALID")
	}
	return true, err
}
