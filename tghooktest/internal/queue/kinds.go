package queue

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
)

const day = 24 * time.Hour

// A kind has the rules by which Telegram's server treats updates of one kind.
type kind struct {
	name  string
	class int64 // a key is owner + class * 2^33
	owner func(*fields) number
	life  time.Duration
	since func(*fields) number // when its life began, in Unix seconds; 0 means now
}

// kinds has all kinds of Bot API 10.3, in Telegram's order: the oldest first.
var kinds = []kind{
	{"message", 0, chat, day, changed},
	{"edited_message", 0, chat, day, changed},
	{"channel_post", 0, chat, day, changed},
	{"edited_channel_post", 0, chat, day, changed},
	{"inline_query", 1, from, 30 * time.Second, added},
	{"chosen_inline_result", 2, from, 600 * time.Second, added},
	{"callback_query", 3, from, 150 * time.Second, added},
	{"shipping_query", 4, from, 150 * time.Second, added},
	{"pre_checkout_query", 4, from, 150 * time.Second, added},
	{"poll", 0, poll, day, added},
	{"poll_answer", 0, answered, day, added},
	{"my_chat_member", 5, chat, day, dated},
	{"chat_member", 6, member, day, dated},
	{"chat_join_request", 6, from, day, dated},
	{"chat_boost", 7, chat, day, boosted},
	{"removed_chat_boost", 7, chat, day, unboosted},
	{"message_reaction", 8, chat, day, dated},
	{"message_reaction_count", 9, chat, day, dated},
	{"business_connection", 10, user, day, added},
	{"business_message", 11, chat, day, changed},
	{"edited_business_message", 11, chat, day, changed},
	{"deleted_business_messages", 11, chat, day, added},
	{"purchased_paid_media", 12, from, day, added},
	{"managed_bot", 13, user, day, added},
	{"guest_message", 12, chat, day, dated},
	// Telegram's source for these is not public. Their classes and lives are guesses.
	{"subscription", 14, user, day, added},
	{"stopped_message_generation", 15, chat, day, added},
}

// stranger is the rule for unknown kinds. They have a key for each chat or user, if the
// update names one.
var stranger = kind{"", 16, someone, day, added}

// loner is the class of updates without an owner. Each of them has its own key.
const loner = 17

// index returns the index of a kind in kinds; -1 for an unknown kind.
func index(name string) int {
	return slices.IndexFunc(kinds, func(k kind) bool { return k.name == name })
}

func kindOf(name string) kind {
	if i := index(name); i >= 0 {
		return kinds[i]
	}
	return stranger
}

func (k kind) key(f *fields, id int64) int64 {
	owner, class := int64(k.owner(f)), k.class
	if owner == 0 {
		owner, class = id, loner
	}
	return owner + class<<33
}

// expires returns when the life of an update ends. With anyDate, a date that is in the future,
// or older than a life, counts as now.
func (k kind) expires(f *fields, now time.Time, anyDate bool) time.Time {
	now = second(now)
	since := now
	if sec := k.since(f); sec != 0 {
		since = time.Unix(int64(sec), 0)
	}
	if anyDate && (since.After(now) || !since.Add(k.life).After(now)) {
		since = now
	}
	return since.Add(k.life)
}

// fields has the fields, of all kinds, from which owner and age are read.
type fields struct {
	ID            number `json:"id"`
	PollID        number `json:"poll_id"`
	Chat          party  `json:"chat"`
	From          party  `json:"from"`
	User          party  `json:"user"`
	NewChatMember struct {
		User party `json:"user"`
	} `json:"new_chat_member"`
	Date       number `json:"date"`
	EditDate   number `json:"edit_date"`
	RemoveDate number `json:"remove_date"`
	Boost      struct {
		AddDate number `json:"add_date"`
	} `json:"boost"`
}

type party struct {
	ID number `json:"id"`
}

// number is a decimal number, with or without quotes. Any other value is read as 0.
type number int64

func (n *number) UnmarshalJSON(text []byte) error {
	v, _ := strconv.ParseInt(strings.Trim(string(text), `"`), 10, 64)
	*n = number(v)
	return nil
}

func chat(f *fields) number     { return f.Chat.ID }
func from(f *fields) number     { return f.From.ID }
func user(f *fields) number     { return f.User.ID }
func member(f *fields) number   { return f.NewChatMember.User.ID }
func poll(f *fields) number     { return f.ID }
func answered(f *fields) number { return f.PollID }
func someone(f *fields) number  { return cmp.Or(f.Chat.ID, f.From.ID, f.User.ID) }

func added(*fields) number       { return 0 } // now
func dated(f *fields) number     { return f.Date }
func changed(f *fields) number   { return cmp.Or(f.EditDate, f.Date) }
func boosted(f *fields) number   { return f.Boost.AddDate }
func unboosted(f *fields) number { return f.RemoveDate }

// read reads the fields of an object. It ignores a field whose value has the wrong type.
func read(object []byte) (*fields, error) {
	f := new(fields)
	var shape *json.UnmarshalTypeError
	if err := json.Unmarshal(object, f); err != nil && !errors.As(err, &shape) {
		return nil, err
	}
	if !bytes.HasPrefix(bytes.TrimLeft(object, " \t\r\n"), []byte("{")) {
		return nil, errors.New("it does not start with {")
	}
	return f, nil
}
