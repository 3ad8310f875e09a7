package dev

import (
	"bytes"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

var screenshots = flag.String("screenshots", "", "write the pictures of the docs into this folder")

// maxPicture is how large a picture of the docs may be.
const maxPicture = 240 << 10

// landscape draws hills and a sun.
func landscape(t *testing.T, width, height int, turn float64) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			fx, fy := float64(x)/float64(width), float64(y)/float64(height)
			hill := 0.62 + 0.12*math.Sin(6*fx+turn) + 0.05*math.Sin(17*fx+2*turn)
			sun := math.Max(0, 1-5*math.Hypot(fx-0.2-0.15*turn, fy-0.3))
			// In bands, so that the picture packs well.
			fy, sun = math.Floor(fy*24)/24, math.Floor(sun*8)/8
			c := color.RGBA{uint8(math.Min(255, 120+110*fy+120*sun)), uint8(math.Min(255, 150+60*fy+90*sun)), uint8(230 - 50*fy), 255}
			if float64(y)/float64(height) > hill {
				c = color.RGBA{uint8(40 + 30*turn), uint8(90 + 60*(1-fy)), uint8(90 + 20*turn), 255}
			}
			img.SetRGBA(x, y, c)
		}
	}
	var out bytes.Buffer
	require.NoError(t, png.Encode(&out, img))
	return out.Bytes()
}

// small packs a picture better than the browser does.
func small(t *testing.T, picture []byte) []byte {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(picture))
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, img))
	t.Logf("%d bytes, packed %d", len(picture), out.Len())
	return out.Bytes()
}

// pizzeria is the bot of the pictures.
func pizzeria(t *testing.T, c *command) *bot {
	t.Helper()
	menu := object{"inline_keyboard": [][]object{
		{{"text": "Small", "callback_data": "s"}, {"text": "Medium", "callback_data": "m"}, {"text": "Large", "callback_data": "l"}},
		{{"text": "Our menu", "url": "https://example.org/menu"}, {"text": "Copy code", "copy_text": object{"text": "PIZZA10"}}},
	}}
	b := c.poll(t, func(b *bot, u update) {
		if m := u.Message; m != nil {
			switch m.Text {
			case "/start":
				b.must("sendMessage", object{"chat_id": m.Chat.ID, "text": "Welcome to Pizza Bot! I take orders at any hour.", "reply_markup": object{
					"keyboard": [][]object{{{"text": "🍕 Order"}, {"text": "📷 Today's photo"}}, {{"text": "Share my number", "request_contact": true}, {"text": "Share location", "request_location": true}}}, "resize_keyboard": true, "input_field_placeholder": "Choose or write",
				}})
			case "A margherita, please":
				b.must("sendMessage", object{"chat_id": m.Chat.ID, "text": "Which size?", "reply_parameters": object{"message_id": m.ID}, "reply_markup": menu})
			case "Who is in tonight?":
				b.must("sendPoll", object{"chat_id": m.Chat.ID, "question": "Pizza at eight?", "options": []string{"I am in 🍕", "Next time"}, "is_anonymous": false})
			}
		}
		if u.Press != nil {
			b.must("answerCallbackQuery", object{"callback_query_id": u.Press.ID, "text": "Medium it is"})
			b.must("editMessageText", object{"chat_id": u.Press.Message.Chat.ID, "message_id": u.Press.Message.ID, "text": "A medium margherita.", "reply_markup": menu})
		}
		if u.Shipping != nil {
			b.must("answerShippingQuery", object{"shipping_query_id": u.Shipping.ID, "ok": true, "shipping_options": []object{
				{"id": "bike", "title": "By bike, 30 minutes", "prices": []object{{"label": "Bike", "amount": 250}}}, {"id": "walk", "title": "Collect it", "prices": []object{{"label": "Free", "amount": 0}}},
			}})
		}
		if u.PreCheckout != nil {
			b.must("answerPreCheckoutQuery", object{"pre_checkout_query_id": u.PreCheckout.ID, "ok": true})
		}
	})
	b.must("setMyName", object{"name": "Pizza Bot"})
	b.must("setMyCommands", object{"commands": []object{{"command": "start", "description": "Begin"}, {"command": "order", "description": "Order a pizza"}, {"command": "photo", "description": "Today's photo"}}})
	return b
}

// order goes through an order of a pizza up to the invoice.
func order(t *testing.T, c *command, b *bot, p *tab) {
	t.Helper()
	you := c.you()
	p.click(".foot-button", "START")
	p.waitText(".message.other .text", "Welcome")
	p.say("A margherita, please")
	p.click(".inline-button", "Medium")
	p.waitText(".message.other .text", "A medium margherita.")
	b.upload("sendPhoto", map[string]string{"chat_id": strconv.FormatInt(you, 10), "caption": "The view from our terrace"}, map[string]part{"photo": {"terrace.png", landscape(t, 420, 200, 0.3)}})
	p.say("Lovely! 😍")
	b.got("the praise", func(u update) bool { return u.Message != nil && u.Message.Text == "Lovely! 😍" })
	b.must("sendInvoice", object{
		"chat_id": you, "title": "Margherita, medium", "description": "With basil and extra cheese", "payload": "m", "provider_token": "1:TEST:x", "currency": "EUR",
		"prices": []object{{"label": "Pizza", "amount": 1250}}, "need_shipping_address": true, "is_flexible": true, "need_name": true,
	})
	p.waitText(".invoice", "Margherita, medium")
}

// TestScreenshots makes the pictures of the docs. make screenshots keeps them; else it is a test of an order from end to end.
func TestScreenshots(t *testing.T) {
	t.Parallel()
	dir := *screenshots
	if dir == "" {
		dir = t.TempDir()
	}
	c := start(t)
	b := pizzeria(t, c)
	ada, grace := c.user("Ada Lovelace", "ada_l"), c.user("Grace Hopper", "grace_h")
	p := c.page(t)
	shoot := func(name string) {
		t.Helper()
		p.wait("document.getAnimations().every(a => a.playState !== 'running' || a.effect.getTiming().iterations === Infinity) && [...document.images].every(i => i.complete)")
		p.run(chromedp.MouseEvent("mouseMoved", 700, 8), evaluate("document.activeElement?.blur()"))
		content := small(t, p.picture())
		require.LessOrEqual(t, len(content), maxPicture, name)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+".png"), content, 0o644))
	}
	p.size(1080, 700)
	order(t, c, b, p)
	p.press(kb.Escape)
	p.wait("document.querySelectorAll('.toast').length === 0")
	p.size(1360, 720)
	p.press("i")
	p.wait("document.querySelector('aside.inspector')")
	p.openRow("callback_query", "")
	shoot("chat")
	p.press(kb.Escape) // closes the row
	p.wait("!document.querySelector('.inspector-facts')")
	p.press("i")
	p.wait("!document.querySelector('aside.inspector')")
	p.size(1080, 700)

	p.click(".invoice .button", "Pay")
	p.click(".checkout .button.primary", "Pay")
	p.waitText(".shipping-option", "By bike")
	shoot("payment")
	p.click(".checkout .button.primary", "Pay")
	p.waitText(".pay-end", "Paid")
	p.click(".checkout .button.primary", "Done")

	var group struct{ ID int64 }
	c.api("POST", c.bot()+"/chats", object{"type": "group", "title": "Pizza Friends", "members": []int64{ada, grace}, "bot": "administrator"}, &group)
	say := func(as int64, text string) {
		c.api("POST", c.chat(group.ID)+"/messages", object{"as": as, "text": text}, nil)
	}
	say(ada, "Hi all! I can bring drinks 🥤")
	say(grace, "And I bring the good mood.")
	say(c.you(), "Who is in tonight?")
	p.click(".chat-row", "Pizza Friends")
	p.waitText(".poll-question", "Pizza at eight?")
	var messages struct{ Messages []message }
	c.api("GET", c.chat(group.ID)+"/messages", nil, &messages)
	vote := messages.Messages[len(messages.Messages)-1].ID
	for _, as := range []int64{ada, grace, c.you()} {
		c.api("POST", fmt.Sprintf("%s/messages/%d/vote", c.chat(group.ID), vote), object{"as": as, "options": []int{0}}, nil)
	}
	p.waitText(".poll-foot", "3 votes")
	say(grace, "See you at eight!")
	p.waitText(".message .text", "See you at eight!")
	c.api("POST", fmt.Sprintf("%s/messages/%d/reactions", c.chat(group.ID), vote), object{"as": ada, "emoji": []string{"🔥"}}, nil)
	p.waitText(".reaction", "🔥")
	p.dark()
	p.press(kb.Escape)
	p.press("i")
	p.wait("document.querySelector('aside.inspector')")
	shoot("inspector")
	p.press("i")
	p.wait("!document.querySelector('aside.inspector')")
	shoot("group")
	p.size(390, 700)
	shoot("phone")
}
