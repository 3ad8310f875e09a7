// Package scrub removes personal data from updates.
//
// It replaces, everywhere in an update:
//
//   - the names and usernames of people and chats, and signatures;
//   - phone numbers, e-mail addresses, bios, descriptions, vCards, addresses and locations;
//   - the ids of people, chats, files, inline messages, payments and business connections;
//   - invite links, and the names of files, of which it keeps the extension;
//   - in texts, the mentions, phone numbers and e-mail addresses that Telegram has marked.
//
// It removes passport_data. With Texts it also replaces what people write: each letter
// becomes x, and each digit 0, so that entities still fit. Commands stay, and so do the texts
// of the bot's own buttons.
//
// Equal values are replaced by equal ones, also over several updates of one Scrubber. It does
// not replace update_id, message_id, dates, languages, bots, callback data, start parameters,
// payloads and stickers. Without Texts, a name that someone has written into a text
// stays there.
package scrub

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"path"
	"slices"
	"strconv"
	"unicode"
	"unicode/utf16"

	"github.com/tidwall/gjson"
)

// Scrubber scrubs updates. Several goroutines may use it at once.
type Scrubber struct {
	// Texts replaces what people write.
	Texts bool

	key []byte
}

// New returns a Scrubber that draws its replacements by a key of its own, which nobody learns.
func New() *Scrubber {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // it cannot fail
	return &Scrubber{key: key}
}

// Update returns the update without personal data, in one line.
func (s *Scrubber) Update(update []byte) ([]byte, error) {
	if !gjson.ValidBytes(update) {
		return nil, errors.New("the update is not JSON")
	}
	v := gjson.ParseBytes(update)
	if !v.IsObject() {
		return nil, errors.New("the update is not a JSON object")
	}
	return s.object(nil, place{}, v), nil
}

// place is where a value stands.
type place struct {
	key    string
	parent gjson.Result // the object that has it
	inside string       // the key of the object
}

func (s *Scrubber) value(b []byte, at place, v gjson.Result) []byte {
	switch {
	case v.IsObject():
		return s.object(b, at, v)
	case v.IsArray():
		b = append(b, '[')
		for i, item := range v.Array() {
			if i > 0 {
				b = append(b, ',')
			}
			b = s.value(b, at, item)
		}
		return append(b, ']')
	case v.Type == gjson.String:
		if text, replaced := s.text(at, v.String()); replaced {
			return appendString(b, text)
		}
	case v.Type == gjson.Number:
		if number, replaced := s.number(at, v); replaced {
			return append(b, number...)
		}
	}
	return append(b, v.Raw...)
}

func (s *Scrubber) object(b []byte, at place, v gjson.Result) []byte {
	if v.Get("is_bot").Bool() || at.key == "reply_markup" {
		return compact(b, v)
	}
	b = append(b, '{')
	first := true
	v.ForEach(func(name, member gjson.Result) bool {
		if name.String() == "passport_data" {
			return true
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(append(b, name.Raw...), ':')
		b = s.value(b, place{name.String(), v, at.key}, member)
		return true
	})
	return append(b, '}')
}

// compact appends v without blanks.
func compact(b []byte, v gjson.Result) []byte {
	return append(b, v.Get("@ugly").Raw...)
}

// names are the members that hold a name of someone.
var names = []string{
	"first_name", "last_name", "author_signature", "sender_user_name", "forward_sender_name", "forward_signature",
	"custom_title", "sender_tag", "tag",
}

// opaque are members that Telegram has made, and that lead to people.
var opaque = []string{
	"file_id", "file_unique_id", "small_file_id", "small_file_unique_id", "big_file_id", "big_file_unique_id",
	"inline_message_id", "business_connection_id", "telegram_payment_charge_id", "provider_payment_charge_id", "chat_instance",
}

// written are members that hold what people write.
var written = []string{
	"text", "caption", "query", "question", "explanation", "title", "name", "data", "performer", "result_id", "button_text", "description",
}

// text returns what a text is replaced by.
func (s *Scrubber) text(at place, text string) (string, bool) {
	if text == "" {
		return "", false
	}
	if name, replaced := s.name(at, text); replaced {
		return name, true
	}
	switch {
	case at.key == "phone_number":
		return "10000000000", true
	case at.key == "email":
		return "someone@example.org", true
	case at.key == "bio", at.key == "vcard", at.key == "description" && isChat(at.parent):
		return "", true
	case at.key == "address", at.inside == "shipping_address" && at.key != "country_code":
		return "Street 1", true
	case at.key == "invite_link":
		return "https://t.me/+" + s.hash(at.key, text)[:16], true
	case at.key == "file_name":
		return "file" + path.Ext(text), true
	case slices.Contains(opaque, at.key), at.key == "id" && at.inside == "business_connection":
		return s.hash(at.key, text)[:24], true
	}
	return s.words(at, text)
}

// name returns the replacement for the name of a person or a chat.
func (s *Scrubber) name(at place, text string) (string, bool) {
	switch {
	case slices.Contains(names, at.key), at.key == "name" && at.inside == "order_info":
		return "Name" + s.hash("name", text)[:6], true
	case at.key == "username":
		return "user_" + s.hash("username", text)[:8], true
	case at.key == "title" && isChat(at.parent):
		return "Chat " + s.hash("title", text)[:6], true
	}
	return "", false
}

// words replaces what people write, or the marked parts of it.
func (s *Scrubber) words(at place, text string) (string, bool) {
	if !slices.Contains(written, at.key) || at.key == "data" && at.inside != "web_app_data" {
		return "", false
	}
	marks := at.parent.Get(at.key + "_entities")
	if at.key == "text" && !marks.Exists() {
		marks = at.parent.Get("entities")
	}
	var hide, keep []span
	for _, m := range marks.Array() {
		part := span{int(m.Get("offset").Int()), int(m.Get("offset").Int() + m.Get("length").Int())}
		switch m.Get("type").String() {
		case "bot_command":
			keep = append(keep, part)
		case "mention", "text_mention", "phone_number", "email":
			hide = append(hide, part)
		}
	}
	if s.Texts {
		hide = []span{{0, len(utf16.Encode([]rune(text)))}}
	}
	masked := mask(text, hide, keep)
	return masked, masked != text
}

// span is a part of a text, in units of UTF-16.
type span struct{ from, to int }

func within(spans []span, at int) bool {
	return slices.ContainsFunc(spans, func(p span) bool { return p.from <= at && at < p.to })
}

// mask replaces the letters and digits that are in hide and not in keep. The length in UTF-16
// stays.
func mask(text string, hide, keep []span) string {
	var masked []rune
	at := 0
	for _, r := range text {
		width := utf16.RuneLen(r)
		if width < 0 {
			width = 1
		}
		replacement := r
		if within(hide, at) && !within(keep, at) {
			switch {
			case unicode.IsUpper(r):
				replacement = 'X'
			case unicode.IsLetter(r):
				replacement = 'x'
			case unicode.IsDigit(r):
				replacement = '0'
			}
		}
		masked = append(masked, replacement)
		if replacement != r && width == 2 {
			masked = append(masked, replacement)
		}
		at += width
	}
	return string(masked)
}

// number returns what a number is replaced by.
func (s *Scrubber) number(at place, v gjson.Result) (string, bool) {
	switch at.key {
	case "latitude", "longitude":
		return "0.0", true
	case "user_id", "chat_id", "user_chat_id", "migrate_to_chat_id", "migrate_from_chat_id", "user_ids":
		return s.id(v.Int()), true
	case "id":
		if at.parent.Get("is_bot").Exists() || isChat(at.parent) {
			return s.id(v.Int()), true
		}
	}
	return "", false
}

func isChat(v gjson.Result) bool {
	return v.Get("id").Exists() && slices.Contains([]string{"private", "group", "supergroup", "channel"}, v.Get("type").String())
}

// id returns another id of the same sort: of a user, a basic group, or a channel or supergroup.
func (s *Scrubber) id(id int64) string {
	const channels = 1_000_000_000_000
	sum := int64(binary.BigEndian.Uint64(s.sum("id", strconv.FormatInt(id, 10))) >> 1)
	switch {
	case id > 0:
		return strconv.FormatInt(1<<51+sum%(1<<51), 10)
	case id <= -channels:
		return strconv.FormatInt(-channels-1-sum%990_000_000_000, 10)
	}
	return strconv.FormatInt(-1-sum%4_000_000_000, 10)
}

func (s *Scrubber) sum(sort, text string) []byte {
	mac := hmac.New(sha256.New, s.key)
	mac.Write([]byte(sort + "\x00" + text))
	return mac.Sum(nil)
}

func (s *Scrubber) hash(sort, text string) string { return hex.EncodeToString(s.sum(sort, text)) }

func appendString(b []byte, text string) []byte {
	encoded, _ := json.Marshal(text) //nolint:errchkjson // a string can always be encoded
	return append(b, encoded...)
}
