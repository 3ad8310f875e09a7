package export

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tghook/tghook"
)

// An update is an Update of which the parts that tell acts apart are read.
type update struct {
	id   int64
	kind string
	chat int64
	at   time.Time
	body []byte
	part
}

// part is the content of an update of any kind. The fields of the kinds do not contradict
// one another.
type part struct {
	message

	Query     string       `json:"query"`
	Data      string       `json:"data"`
	On        *message     `json:"message"`
	ResultID  string       `json:"result_id"`
	User      *user        `json:"user"`
	OptionIDs []int        `json:"option_ids"`
	PollID    string       `json:"poll_id"`
	New       reactions    `json:"new_reaction"`
	Status    member       `json:"new_chat_member"`
	Payload   string       `json:"invoice_payload"`
	Shipping  string       `json:"shipping_option_id"`
	Order     *order       `json:"order_info"`
	Address   *address     `json:"shipping_address"`
	Options   []pollOption `json:"options"`
	DraftID   int64        `json:"draft_id"`

	// ID is the id of the query or poll, which is text.
	ID flexible `json:"id"`
}

// flexible is text or a number in JSON, as text.
type flexible string

func (f *flexible) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) != nil {
		text = string(data)
	}
	*f = flexible(text)
	return nil
}

type user struct {
	ID        int64  `json:"id"`
	IsBot     bool   `json:"is_bot"`
	FirstName string `json:"first_name"`
	LastName  string `json:"last_name"`
	Username  string `json:"username"`
	Language  string `json:"language_code"`
	Premium   bool   `json:"is_premium"`

	Variable string `json:"-"` // in the source
}

// Name is the user's full name.
func (u *user) Name() string { return strings.TrimSpace(u.FirstName + " " + u.LastName) }

type chat struct {
	ID      int64  `json:"id"`
	Type    string `json:"type"`
	Title   string `json:"title"`
	IsForum bool   `json:"is_forum"`
}

type message struct {
	MessageID int64  `json:"message_id"`
	From      *user  `json:"from"`
	Chat      chat   `json:"chat"`
	Thread    int64  `json:"message_thread_id"`
	InTopic   bool   `json:"is_topic_message"`
	Text      string `json:"text"`
	Caption   string `json:"caption"`
	Album     string `json:"media_group_id"`

	ReplyTo *message  `json:"reply_to_message"`
	ViaBot  *user     `json:"via_bot"`
	Origin  *struct{} `json:"forward_origin"`

	Photo     []file `json:"photo"`
	Document  *file  `json:"document"`
	Animation *file  `json:"animation"`
	Audio     *file  `json:"audio"`
	Video     *file  `json:"video"`
	VideoNote *file  `json:"video_note"`
	Voice     *file  `json:"voice"`
	Sticker   *file  `json:"sticker"`

	Contact  *contact  `json:"contact"`
	Location *location `json:"location"`
	Venue    *venue    `json:"venue"`
	Poll     *poll     `json:"poll"`
	Dice     *dice     `json:"dice"`

	Joined  []*user   `json:"new_chat_members"`
	Left    *user     `json:"left_chat_member"`
	Topic   *topic    `json:"forum_topic_created"`
	Closed  *struct{} `json:"forum_topic_closed"`
	Opened  *struct{} `json:"forum_topic_reopened"`
	Paid    *payment  `json:"successful_payment"`
	WebApp  *webApp   `json:"web_app_data"`
	Invoice *struct{} `json:"invoice"`
	Rich    *struct{} `json:"rich_message"`

	Markup *markup `json:"reply_markup"`
}

// words returns the text that users read.
func (m *message) words() string {
	if m.Poll != nil {
		return m.Poll.Question
	}
	return m.Text + m.Caption
}

type file struct {
	ID       string  `json:"file_id"`
	Name     string  `json:"file_name"`
	Duration float64 `json:"duration"`
	Emoji    string  `json:"emoji"`
}

type contact struct {
	Phone string `json:"phone_number"`
}

type location struct {
	Latitude  float64 `json:"latitude"`
	Longitude float64 `json:"longitude"`
}

type venue struct {
	Title    string   `json:"title"`
	Address  string   `json:"address"`
	Location location `json:"location"`
}

type poll struct {
	ID        string       `json:"id"`
	Question  string       `json:"question"`
	Options   []pollOption `json:"options"`
	Anonymous *bool        `json:"is_anonymous"`
}

type pollOption struct {
	Text   string `json:"text"`
	Voters int    `json:"voter_count"`
}

type dice struct {
	Emoji string `json:"emoji"`
}

type topic struct {
	Name string `json:"name"`
}

type payment struct {
	Payload string `json:"invoice_payload"`
}

type webApp struct {
	Data   string `json:"data"`
	Button string `json:"button_text"`
}

type markup struct {
	Inline [][]button `json:"inline_keyboard"`
}

type button struct {
	Text string `json:"text"`
	Data string `json:"callback_data"`
}

type reactions []struct {
	Emoji string `json:"emoji"`
}

// member is a ChatMember, which Telegram has under new_chat_member.
type member struct {
	Status string `json:"status"`
	User   user   `json:"user"`
}

type order struct {
	Name    string   `json:"name"`
	Phone   string   `json:"phone_number"`
	Email   string   `json:"email"`
	Address *address `json:"shipping_address"`
}

type address struct {
	CountryCode string `json:"country_code"`
	State       string `json:"state"`
	City        string `json:"city"`
	StreetLine1 string `json:"street_line1"`
	StreetLine2 string `json:"street_line2"`
	PostCode    string `json:"post_code"`
}

// parse reads an update. What it does not know of a kind it leaves out.
func parse(u Update) (*update, error) {
	about, err := tghook.ParseUpdate(u.Body)
	if err != nil {
		return nil, fmt.Errorf("read an update of the session: %w", err)
	}
	parsed := &update{id: about.ID, kind: string(about.Kind), chat: about.ChatID, at: u.At, body: u.Body}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(u.Body, &fields); err != nil {
		return nil, fmt.Errorf("read an update of the session: %w", err)
	}
	// A recorded update may hold what this version of the Bot API does not. Then the parts
	// that were read count.
	_ = json.Unmarshal(fields[parsed.kind], &parsed.part)
	return parsed, nil
}

// parseAll reads the updates of a session, in the order of their ids.
func parseAll(updates []Update) ([]*update, error) {
	all := make([]*update, 0, len(updates))
	for _, u := range updates {
		parsed, err := parse(u)
		if err != nil {
			return nil, err
		}
		all = append(all, parsed)
	}
	slices.SortStableFunc(all, func(a, b *update) int { return cmp.Compare(a.id, b.id) })
	for i := len(all) - 2; i >= 0; i-- { // clocks may jump; the ids do not
		if all[i].at.After(all[i+1].at) {
			all[i].at = all[i+1].at
		}
	}
	return all, nil
}

// only returns the session with the chat to export alone.
func (s Session) only() Session {
	if s.Chat == 0 {
		return s
	}
	queries := map[string]bool{} // of the chat
	s.Updates = slices.DeleteFunc(slices.Clone(s.Updates), func(u Update) bool {
		parsed, err := parse(u)
		if err != nil || parsed.place() != s.Chat {
			return true
		}
		queries[string(parsed.ID)] = true
		return false
	})
	s.Calls = slices.DeleteFunc(slices.Clone(s.Calls), func(c Call) bool {
		if id := queryOf(c); id != "" {
			return !queries[id]
		}
		return c.Params["chat_id"] != strconv.FormatInt(s.Chat, 10)
	})
	return s
}

// place is the chat that the update is about; the private one for an inline query, or a
// payment.
func (u *update) place() int64 {
	switch {
	case u.chat != 0:
		return u.chat
	case u.From != nil:
		return u.From.ID
	case u.User != nil:
		return u.User.ID
	}
	return 0
}

// queryOf returns the id of the query that the call answers.
func queryOf(c Call) string {
	for _, name := range []string{"callback_query_id", "inline_query_id", "shipping_query_id", "pre_checkout_query_id"} {
		if id := c.Params[name]; id != "" {
			return id
		}
	}
	return ""
}
