package desk

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tghook/tghook/tghooktest"

	"github.com/tghook/tghook/cmd/tghook/internal/jsonhttp"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// fail ends an act that failed.
func fail(tb testing.TB, err error) { tb.Fatalf("%v", err) }

// message returns a message of a chat.
func (d *Desk) message(p tghooktest.Post) *Message {
	m := &Message{raw: p.Raw, text: p.Text, extra: Extra{FromBot: p.FromBot, Deleted: p.Deleted, Edited: p.Edited, Reactions: reactionsOf(p.Reactions), Via: "user", Form: formOf(p.Form), PaidBy: p.PaidBy}}
	if p.CallID != 0 {
		m.extra.Via, m.extra.Row = d.journal.via(p.CallID)
	}
	for _, v := range p.Votes {
		m.extra.Voters = append(m.extra.Voters, Voter{v.UserID, append([]int{}, v.Options...)})
	}
	return m
}

// reactionsOf counts reactions.
func reactionsOf(all []tghooktest.Reaction) []Reaction {
	out := []Reaction{}
	for _, r := range all {
		emoji := cmp.Or(r.Emoji, r.CustomEmojiID, r.Type)
		i := slices.IndexFunc(out, func(o Reaction) bool { return o.Emoji == emoji })
		if i < 0 {
			i = len(out)
			out = append(out, Reaction{Emoji: emoji})
		}
		out[i].Count++
		out[i].Users = append(out[i].Users, r.UserID)
	}
	return out
}

func formOf(f *tghooktest.Form) *Form {
	if f == nil {
		return nil
	}
	return &Form{f.Name, f.Phone, f.Email, f.Address, f.Shipping, f.MaxTip}
}

// MessagePage is a part of a chat's messages.
type MessagePage struct {
	Messages []*Message `json:"messages"`
	More     bool       `json:"more"`
}

const (
	usualPage = 50
	maxPage   = 200
)

func (d *Desk) listMessages(r *http.Request) (any, error) {
	s, err := d.scene(r, as(r))
	if err != nil {
		return nil, err
	}
	numbers := map[string]int64{"before": 0, "after": 0, "limit": usualPage, "thread": 0}
	for name, usual := range numbers {
		if numbers[name], err = jsonhttp.Number(r, name, usual); err != nil {
			return nil, err
		}
	}
	if numbers["limit"] < 1 || numbers["limit"] > maxPage {
		return nil, jsonhttp.Invalid("limit=%d is not between 1 and %d", numbers["limit"], maxPage)
	}
	c, err := s.look()
	if err == nil && numbers["thread"] != 0 {
		c, err = c.Thread(numbers["thread"])
		err = failure(err)
	}
	if err != nil {
		return nil, err
	}
	posts, more := c.History(numbers["before"], numbers["after"], int(numbers["limit"]))
	out := MessagePage{Messages: []*Message{}, More: more}
	for _, p := range posts {
		out.Messages = append(out.Messages, d.message(p))
	}
	return out, nil
}

// Messages are the messages that an act made.
type Messages struct {
	Messages []*Message `json:"messages"`
	Seq      int64      `json:"seq"` // of the newest event before the act
}

// sending is what a user sends.
type sending struct {
	As        ref      `json:"as"`
	Kind      string   `json:"kind"`
	Text      string   `json:"text"`
	Caption   string   `json:"caption"`
	ReplyTo   int64    `json:"reply_to"`
	Thread    int64    `json:"thread"`
	Name      string   `json:"name"`
	Address   string   `json:"address"`
	Duration  duration `json:"duration"`
	Latitude  float64  `json:"latitude"`
	Longitude float64  `json:"longitude"`
	Phone     string   `json:"phone"`
	Question  string   `json:"question"`
	Options   []string `json:"options"`
	Emoji     string   `json:"emoji"`
	Button    string   `json:"button"`
	Data      string   `json:"data"`
	Users     []ref    `json:"users"`
	Chat      int64    `json:"chat"`

	files  []upload
	people []User // of Users
}

func (d *Desk) sendMessage(r *http.Request) (any, error) {
	var in sending
	var err error
	if in.files, err = decodeFiles(r, &in); err != nil {
		return nil, err
	}
	s, err := d.scene(r, in.As)
	if err != nil {
		return nil, err
	}
	for _, name := range in.Users {
		u, err := d.people.find(name)
		if err != nil {
			return nil, err
		}
		in.people = append(in.people, u)
	}
	return s.send(in)
}

// send sends a message of the user.
func (s scene) send(in sending) (any, error) {
	in.Kind = cmp.Or(in.Kind, in.guess())
	if err := in.check(); err != nil {
		return nil, err
	}
	return s.made(func(tb testing.TB, c *tghooktest.Chat) []*tghooktest.Message {
		c = thread(tb, c, in.Thread)
		if in.ReplyTo != 0 {
			c = c.ReplyingTo(find(tb, c, in.ReplyTo))
		}
		return in.do(tb, c)
	})
}

// made lets the user act, and returns the messages that the act made.
func (s scene) made(do func(tb testing.TB, c *tghooktest.Chat) []*tghooktest.Message) (any, error) {
	out := Messages{Messages: []*Message{}, Seq: s.desk.feed.newest()}
	err := s.act(func(tb testing.TB, c *tghooktest.Chat) {
		out.Messages = s.posts(c, do(tb, c)...)
	})
	return out, err
}

// posts returns messages of a chat as they are now.
func (s scene) posts(c *tghooktest.Chat, all ...*tghooktest.Message) []*Message {
	out := []*Message{}
	for _, m := range all {
		if p, err := c.Post(m.ID); err == nil {
			out = append(out, s.desk.message(p))
		}
	}
	return out
}

// guess returns the kind of a message that does not say it.
func (in *sending) guess() string {
	switch {
	case len(in.files) > 1:
		return "album"
	case len(in.files) == 1 && isPhoto(in.files[0].content):
		return "photo"
	case len(in.files) == 1:
		return "document"
	case in.Question != "":
		return "poll"
	case in.Phone != "":
		return "contact"
	case in.Latitude != 0 || in.Longitude != 0:
		return "location"
	}
	return "text"
}

// isPhoto reports whether a file is an image that Telegram takes as a photo.
func isPhoto(content []byte) bool {
	return slices.Contains([]string{"image/jpeg", "image/png", "image/webp", "image/bmp"}, http.DetectContentType(content))
}

// fileKinds are the kinds of messages that have a file.
var fileKinds = []string{"photo", "album", "document", "video", "animation", "audio", "voice", "video_note", "sticker"}

// check checks what a message needs.
func (in *sending) check() error {
	needsFile := slices.Contains(fileKinds, in.Kind)
	switch {
	case needsFile && len(in.files) == 0:
		return jsonhttp.Invalid("a message of the kind %s needs a file; send the form's part file", in.Kind)
	case needsFile && len(in.files) > 1 && in.Kind != "album":
		return jsonhttp.Invalid("a message of the kind %s has one file, and there are %d; send kind album", in.Kind, len(in.files))
	case !needsFile && len(in.files) > 0:
		return jsonhttp.Invalid("a message of the kind %s has no file; leave kind out", in.Kind)
	case in.Kind == "text" && strings.TrimSpace(in.Text) == "":
		return jsonhttp.Invalid("text is empty; send a text")
	case in.Duration < 0:
		return jsonhttp.Invalid("duration is negative")
	}
	return nil
}

// do sends the message in a chat.
func (in *sending) do(tb testing.TB, c *tghooktest.Chat) []*tghooktest.Message {
	switch in.Kind {
	case "text":
		return one(c.Send(in.Text))
	case "album":
		return c.SendMediaGroup(in.media()...)
	case "location":
		return one(c.SendLocation(in.Latitude, in.Longitude))
	case "venue":
		return one(c.SendVenue(in.Name, in.Address, in.Latitude, in.Longitude))
	case "contact":
		return one(c.SendContact(in.Phone))
	case "poll":
		return one(c.SendPoll(in.Question, in.Options...))
	case "dice":
		return one(c.SendDice(in.Emoji))
	case "web_app_data":
		return one(c.SendWebAppData(in.Button, in.Data))
	case "users_shared":
		return one(in.shareUsers(c))
	case "chat_shared":
		return one(c.ShareChat(in.Button, &tghooktest.Group{ID: in.Chat}))
	}
	if !slices.Contains(fileKinds, in.Kind) {
		tb.Fatalf("kind is %q; it must be one of text, %s, location, venue, contact, poll, dice, web_app_data, users_shared, chat_shared", in.Kind, strings.Join(fileKinds, ", "))
	}
	return one(c.SendMedia(in.media()[0]))
}

func one(m *tghooktest.Message) []*tghooktest.Message { return []*tghooktest.Message{m} }

// media returns the files as tghooktest sends them. The caption is that of the first.
func (in *sending) media() []tghooktest.Media {
	all := make([]tghooktest.Media, 0, len(in.files))
	for i, f := range in.files {
		m := tghooktest.Media{Kind: in.Kind, Name: f.name, Content: f.content, Emoji: in.Emoji, Duration: time.Duration(in.Duration)}
		if in.Kind == "album" {
			m.Kind = kindInAlbum(f.content)
		}
		if i == 0 {
			m.Caption, m.Name = cmp.Or(in.Caption, in.Text), cmp.Or(in.Name, f.name)
		}
		all = append(all, m)
	}
	return all
}

// kindInAlbum returns the kind of a file in an album.
func kindInAlbum(content []byte) string {
	kind := http.DetectContentType(content)
	switch {
	case isPhoto(content):
		return "photo"
	case strings.HasPrefix(kind, "video/"):
		return "video"
	case strings.HasPrefix(kind, "audio/"):
		return "audio"
	}
	return "document"
}

func (in *sending) shareUsers(c *tghooktest.Chat) *tghooktest.Message {
	users := make([]*tghooktest.User, 0, len(in.people))
	for _, u := range in.people {
		users = append(users, &tghooktest.User{ID: u.ID, Name: u.Name})
	}
	return c.ShareUsers(in.Button, users...)
}

// find returns the message with the id.
func find(tb testing.TB, c *tghooktest.Chat, id int64) *tghooktest.Message {
	m, err := c.Message(id)
	if err != nil {
		fail(tb, err)
	}
	return m
}

// messageID returns the message that the path of a request names.
func messageID(r *http.Request) (int64, error) {
	id, ok := ref(r.PathValue("id")).id()
	if !ok {
		return 0, jsonhttp.Invalid("the message %q is not a number", r.PathValue("id"))
	}
	return id, nil
}

// messageScene returns the scene and the message of a request.
func (d *Desk) messageScene(r *http.Request, as ref) (scene, int64, error) {
	s, err := d.scene(r, as)
	if err != nil {
		return s, 0, err
	}
	id, err := messageID(r)
	return s, id, err
}

func (d *Desk) editMessage(r *http.Request) (any, error) {
	var in struct {
		As   ref    `json:"as"`
		Text string `json:"text"`
	}
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	s, id, err := d.messageScene(r, in.As)
	if err != nil {
		return nil, err
	}
	var out *Message
	err = s.act(func(tb testing.TB, c *tghooktest.Chat) {
		m := c.Edit(find(tb, c, id), in.Text)
		if p, err := c.Post(m.ID); err == nil {
			out = d.message(p)
		}
	})
	return out, err
}

func (d *Desk) deleteMessage(r *http.Request) (any, error) {
	s, id, err := d.messageScene(r, as(r))
	if err != nil {
		return nil, err
	}
	return done{}, s.act(func(tb testing.TB, c *tghooktest.Chat) { c.Delete(find(tb, c, id)) })
}

func (d *Desk) forward(r *http.Request) (any, error) {
	var in struct {
		As     ref   `json:"as"`
		ToChat int64 `json:"to_chat"`
		Thread int64 `json:"thread"`
	}
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	s, id, err := d.messageScene(r, in.As)
	if err != nil {
		return nil, err
	}
	out := Messages{Messages: []*Message{}, Seq: d.feed.newest()}
	err = s.bot.act(s.user, in.ToChat, func(tb testing.TB, u *tghooktest.User) {
		to := thread(tb, enter(tb, u, in.ToChat), in.Thread)
		out.Messages = s.posts(to, to.Forward(find(tb, enter(tb, u, s.chat), id)))
	})
	return out, err
}

func (d *Desk) react(r *http.Request) (any, error) {
	var in struct {
		As    ref      `json:"as"`
		Emoji []string `json:"emoji"`
	}
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	s, id, err := d.messageScene(r, in.As)
	if err != nil {
		return nil, err
	}
	return done{}, s.act(func(tb testing.TB, c *tghooktest.Chat) { c.React(find(tb, c, id), in.Emoji...) })
}

func (d *Desk) vote(r *http.Request) (any, error) {
	var in struct {
		As      ref   `json:"as"`
		Options []any `json:"options"`
	}
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	s, id, err := d.messageScene(r, in.As)
	if err != nil {
		return nil, err
	}
	return done{}, s.act(func(tb testing.TB, c *tghooktest.Chat) {
		m := find(tb, c, id)
		c.Vote(m, optionsOf(tb, m, in.Options)...)
	})
}
