package tghooktest_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"image"
	"image/png"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook/tghooktest"
	"github.com/tghook/tghook/tghooktest/internal/spec"
)

// plausible are values of parameters, by name. The ids are those of Updates, which the
// Server delivers first.
var plausible = map[string]string{
	"accepted_gift_types":        `{"unlimited_gifts":true,"limited_gifts":true,"unique_gifts":true,"premium_subscription":true,"gifts_from_channels":true}`,
	"action":                     "typing",
	"active_period":              "86400",
	"address":                    "Rua 5 de Outubro 1",
	"business_connection_id":     "Gx8AAABhY29ubg",
	"button":                     `{"text":"Share","request_chat":{"request_id":1,"chat_is_channel":false}}`,
	"callback_query_id":          "31113170099183247",
	"chat_id":                    "-1002147483649",
	"chat_join_request_query_id": "31113170099183250",
	"checklist":                  `{"title":"Today","tasks":[{"id":1,"text":"Tea"}]}`,
	"commands":                   `[{"command":"start","description":"Begin"}]`,
	"content":                    `{"type":"photo","photo":"attach://upload"}`,
	"currency":                   "XTR",
	"custom_emoji_ids":           `["5368324170671202286"]`,
	"custom_title":               "boss",
	"description":                "Tea",
	"draft_id":                   "5",
	"emoji_list":                 `["😀"]`,
	"ephemeral_message_id":       "5",
	"errors":                     `[]`,
	"first_name":                 "Ada",
	"format":                     "static",
	"from_chat_id":               "-1002147483649",
	"from_story_id":              "5",
	"game_short_name":            "pong",
	"guest_query_id":             "31113170099183251",
	"inline_query_id":            "31113170099183246",
	"invite_link":                "https://t.me/+abcdefg",
	"is_access_restricted":       "true",
	"is_canceled":                "true",
	"latitude":                   "38.57",
	"limit":                      "5",
	"longitude":                  "-7.91",
	"message_thread_id":          "5",
	"month_count":                "3",
	"name":                       "cats_by_stand_in_bot",
	"new_owner_chat_id":          "5012345678901",
	"ok":                         "true",
	"options":                    `["Pho","Bacalhau"]`,
	"owned_gift_id":              "5",
	"payload":                    "order-4711",
	"permissions":                `{"can_send_messages":true}`,
	"phone_number":               "+351123",
	"position":                   "0",
	"pre_checkout_query_id":      "31113170099183249",
	"prices":                     `[{"label":"Tea","amount":100}]`,
	"question":                   "Lunch?",
	"receiver_user_id":           "5012345678901",
	"results":                    `[{"type":"article","id":"1","title":"A","input_message_content":{"message_text":"a"}}]`,
	"rich_message":               `{"html":"<b>Tea</b>"}`,
	"score":                      "100",
	"sender_chat_id":             "-1001999888777",
	"shipping_query_id":          "31113170099183248",
	"show_gift_button":           "true",
	"star_count":                 "1000",
	"sticker_format":             "static",
	"sticker_set_name":           "cats_by_stand_in_bot",
	"stickers":                   `[{"sticker":"attach://upload","format":"static","emoji_list":["😀"]}]`,
	"story_id":                   "5",
	"subscription_period":        "2592000",
	"subscription_price":         "100",
	"telegram_payment_charge_id": "5",
	"text":                       "Tea is ready",
	"title":                      "Tea",
	"url":                        "http://1.2.3.4/hook",
	"user_id":                    "5012345678901",
	"web_app_url":                "https://bot.example.org/app",
}

// special are values that only one method takes.
var special = map[string]map[string]string{
	"addStickerToSet":                  {"sticker": `{"sticker":"attach://upload","format":"static","emoji_list":["😀"]}`},
	"answerChatJoinRequestQuery":       {"result": "approve"},
	"answerGuestQuery":                 {"result": article},
	"answerShippingQuery":              {"shipping_options": `[{"id":"a","title":"A","prices":[{"label":"Tea","amount":100}]}]`},
	"answerWebAppQuery":                {"result": article},
	"approveChatJoinRequest":           {"user_id": applicant},
	"createChatSubscriptionInviteLink": {"chat_id": channel},
	"declineChatJoinRequest":           {"user_id": applicant},
	"deleteAllMessageReactions":        {"user_id": customer},
	"deleteMessageReaction":            {"user_id": customer},
	"editChatSubscriptionInviteLink":   {"chat_id": channel},
	"editEphemeralMessageMedia":        {"media": `{"type":"photo","media":"attach://upload"}`},
	"editMessageCaption":               {"caption": "Tea"},
	"editMessageChecklist":             {"chat_id": customer, "checklist": `{"title":"Tomorrow","tasks":[{"id":1,"text":"Tea"}]}`},
	"editMessageLiveLocation":          {"latitude": "38.58"},
	"editMessageMedia":                 {"media": `{"type":"photo","media":"attach://upload"}`},
	"editMessageReplyMarkup":           {"reply_markup": `{"inline_keyboard":[[{"text":"Tea","callback_data":"tea"}]]}`},
	"editMessageText":                  {"text": "Tea is cold"},
	"promoteChatMember":                {"can_pin_messages": "true"},
	"readBusinessMessage":              {"chat_id": customer, "message_id": "501"},
	"replaceStickerInSet":              {"sticker": `{"sticker":"attach://upload","format":"static","emoji_list":["😀"]}`},
	"savePreparedInlineMessage":        {"result": article},
	"sendChecklist":                    {"chat_id": customer},
	"sendGift":                         {"user_id": "5012345678901"},
	"sendLocation":                     {"live_period": "3600"},
	"sendMediaGroup":                   {"media": `[{"type":"photo","media":"attach://upload"},{"type":"photo","media":"attach://upload"}]`},
	"sendMessageDraft":                 {"chat_id": customer, "text": "Tea"},
	"sendPaidMedia":                    {"media": `[{"type":"photo","media":"attach://upload"}]`},
	"sendRichMessageDraft":             {"chat_id": customer},
	"setBusinessAccountProfilePhoto":   {"photo": `{"type":"static","photo":"attach://upload"}`},
	"setChatDescription":               {"description": "Tea for all"},
	"setChatMemberTag":                 {"user_id": applicant},
	"setMessageReaction":               {"reaction": `[{"type":"emoji","emoji":"👍"}]`},
	"setMyProfilePhoto":                {"photo": `{"type":"static","photo":"attach://upload"}`},
}

const (
	applicant = "7244100914" // who asks to join
	customer  = "7244100913" // who writes to the business account
	channel   = "-1001999888777"
	article   = `{"type":"article","id":"1","title":"A","input_message_content":{"message_text":"a"}}`
)

// before are the methods that make what a method acts on, if that is not a text.
var before = map[string]string{
	"addStickerToSet":                   "createNewStickerSet getStickerSet",
	"closeForumTopic":                   "createForumTopic",
	"copyMessage":                       "sendPoll",
	"deleteChatPhoto":                   "setChatPhoto",
	"deleteForumTopic":                  "createForumTopic",
	"deleteStickerFromSet":              "createNewStickerSet getStickerSet",
	"deleteStickerSet":                  "createNewStickerSet getStickerSet",
	"editChatInviteLink":                "createChatInviteLink",
	"editChatSubscriptionInviteLink":    "createChatSubscriptionInviteLink",
	"editForumTopic":                    "createForumTopic",
	"editMessageCaption":                "sendDocument",
	"editMessageChecklist":              "sendChecklist",
	"editMessageLiveLocation":           "sendLocation",
	"editMessageMedia":                  "sendDocument",
	"forwardMessage":                    "sendPoll",
	"getFile":                           "sendDocument",
	"getGameHighScores":                 "sendGame",
	"getStickerSet":                     "createNewStickerSet getStickerSet",
	"reopenForumTopic":                  "createForumTopic closeForumTopic",
	"reopenGeneralForumTopic":           "closeGeneralForumTopic",
	"replaceStickerInSet":               "createNewStickerSet getStickerSet",
	"revokeChatInviteLink":              "createChatInviteLink",
	"sendGift":                          "getAvailableGifts",
	"setChatAdministratorCustomTitle":   "promoteChatMember",
	"setChatMemberTag":                  "approveChatJoinRequest",
	"setChatStickerSet":                 "createNewStickerSet getStickerSet",
	"setCustomEmojiStickerSetThumbnail": "createNewStickerSet getStickerSet",
	"setGameScore":                      "sendGame",
	"setStickerEmojiList":               "createNewStickerSet getStickerSet",
	"setStickerKeywords":                "createNewStickerSet getStickerSet",
	"setStickerMaskPosition":            "createNewStickerSet getStickerSet",
	"setStickerPositionInSet":           "createNewStickerSet getStickerSet",
	"setStickerSetThumbnail":            "createNewStickerSet getStickerSet",
	"setStickerSetTitle":                "createNewStickerSet getStickerSet",
	"stopMessageLiveLocation":           "sendLocation",
	"stopPoll":                          "sendPoll",
	"unhideGeneralForumTopic":           "hideGeneralForumTopic",
	"unpinAllForumTopicMessages":        "createForumTopic",
	"unpinChatMessage":                  "pinChatMessage",
}

// made are the members of a result that a later call names.
type made struct {
	MessageID json.Number `json:"message_id"`
	ThreadID  json.Number `json:"message_thread_id"`
	Link      string      `json:"invite_link"`
	Document  struct {
		FileID string `json:"file_id"`
	} `json:"document"`
	Stickers []struct {
		FileID string `json:"file_id"`
	} `json:"stickers"`
	Gifts []struct {
		ID string `json:"id"`
	} `json:"gifts"`

	webApp string // web_app_query_id
	ada    string // id of a user who lets the bot change their emoji status
	charge string // telegram_payment_charge_id of a subscription that the user has paid
}

// subscribed makes the user pay for a subscription, and returns the id of the charge.
func subscribed(t *testing.T, s *tghooktest.Server, u *tghooktest.User) string {
	t.Helper()
	bot := s.Bot(t)
	var link string
	require.NoError(t, json.Unmarshal(call(t, bot, "createInvoiceLink", params{
		"title": "Tea", "description": "Green", "payload": "tea", "currency": "XTR", "subscription_period": 2592000,
		"prices": []params{{"label": "Tea", "amount": 5}},
	}), &link))
	payment := u.PayLink(link)
	var newest []struct {
		Query struct {
			ID string `json:"id"`
		} `json:"pre_checkout_query"`
	}
	require.NoError(t, json.Unmarshal(call(t, bot, "getUpdates", params{"offset": -1}), &newest))
	require.Len(t, newest, 1)
	call(t, bot, "answerPreCheckoutQuery", params{"pre_checkout_query_id": newest[0].Query.ID, "ok": true})
	var receipt struct {
		Payment struct {
			Charge string `json:"telegram_payment_charge_id"`
		} `json:"successful_payment"`
	}
	require.NoError(t, json.Unmarshal(payment.Expect(t).Raw, &receipt))
	return receipt.Payment.Charge
}

// try calls a method with plausible parameters, and checks its result.
func try(t *testing.T, s *tghooktest.Server, name string, last made) made {
	t.Helper()
	method, ok := spec.Lookup(name)
	require.True(t, ok, name)
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	upload := func(name string) {
		part, err := form.CreateFormFile(name, "picture.png")
		require.NoError(t, err)
		require.NoError(t, png.Encode(part, image.NewGray(image.Rect(0, 0, 8, 8))))
	}
	upload("upload")
	own := map[string]string{
		"message_id": last.MessageID.String(), "message_ids": "[" + last.MessageID.String() + "]", "message_thread_id": last.ThreadID.String(),
		"invite_link": last.Link, "file_id": last.Document.FileID, "web_app_query_id": last.webApp,
	}
	switch name {
	case "setUserEmojiStatus":
		own["user_id"] = last.ada
	case "refundStarPayment", "editUserStarSubscription":
		own["user_id"], own["telegram_payment_charge_id"] = last.ada, last.charge
	}
	if len(last.Stickers) > 0 {
		own["sticker"], own["old_sticker"] = last.Stickers[0].FileID, last.Stickers[0].FileID
	}
	if len(last.Gifts) > 0 {
		own["gift_id"] = last.Gifts[0].ID
	}
	for _, p := range method.Params {
		only, isSpecial := special[name][p.Name]
		identifies := strings.HasSuffix(method.Result, "|True") || name == "getGameHighScores"
		switch {
		case !isSpecial && p.Optional && (!identifies || p.Name != "chat_id" && p.Name != "message_id"):
		case strings.HasPrefix(p.Type, "InputFile"):
			upload(p.Name)
		default:
			value := cmp.Or(only, own[p.Name], plausible[p.Name])
			require.NotEmpty(t, value, "%s needs a value of %s", name, p.Name)
			require.NoError(t, form.WriteField(p.Name, value))
		}
	}
	require.NoError(t, form.Close())
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/bot"+s.Token+"/"+name, &body)
	require.NoError(t, err)
	r.Header.Set("Content-Type", form.FormDataContentType())
	answer := do(t, s, r)
	var result struct {
		Result json.RawMessage `json:"result"`
	}
	_, text, _ := strings.Cut(answer, " ")
	require.NoError(t, json.Unmarshal([]byte(text), &result), answer)
	require.NotEmpty(t, result.Result, answer)
	assert.Empty(t, spec.Check(method.Result, result.Result), "%s: %s", name, result.Result)
	_ = json.Unmarshal(result.Result, &last) // some results are not objects
	return last
}

func TestEveryMethodAnswersAsTheBotAPIHasIt(t *testing.T) {
	for _, method := range spec.Methods() {
		t.Run(method.Name, func(t *testing.T) {
			t.Parallel()
			bubble(t, tghooktest.ServerConfig{Username: "stand_in_bot"}, func(t *testing.T, s *tghooktest.Server) {
				all, err := json.Marshal(kinds)
				require.NoError(t, err)
				ask(t, s, "getUpdates", "allowed_updates", string(all))
				for name, update := range tghooktest.Updates() {
					if name != "my_chat_member" { // in which the user blocks the bot
						deliver(t, s, update)
					}
				}
				deliver(t, s, bytes.ReplaceAll(tghooktest.Update("chat_join_request"), []byte("5012345678901"), []byte(applicant)))
				deliver(t, s, bytes.Replace(tghooktest.Update("chat_join_request"), []byte(`"bio"`), []byte(`"query_id":"31113170099183250","bio"`), 1))
				deliver(t, s, bytes.Replace(tghooktest.Update("business_connection"), []byte(`"can_reply":true,`), []byte(`"can_reply":true,`+
					`"can_delete_all_messages":true,"can_edit_name":true,"can_edit_bio":true,"can_edit_username":true,`), 1))
				if method.Name == "close" {
					time.Sleep(time.Hour) // it is refused at first
				}
				ada := s.User("Ada")
				ada.AllowEmojiStatus()
				last := try(t, s, "sendMessage", made{webApp: ada.WebAppQuery(), ada: strconv.FormatInt(ada.ID, 10)})
				if method.Name == "refundStarPayment" || method.Name == "editUserStarSubscription" {
					last.charge = subscribed(t, s, ada)
				}
				for first := range strings.FieldsSeq(before[method.Name]) {
					last = try(t, s, first, last)
				}
				try(t, s, method.Name, last)
			})
		})
	}
}
