package desk

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/tghook/tghook/tghooktest"

	"github.com/tghook/tghook/cmd/tghook/internal/jsonhttp"
)

// ChatSummary is a chat in a list, as one user sees it.
type ChatSummary struct {
	ID       int64    `json:"id"`
	Type     string   `json:"type"`
	IsForum  bool     `json:"is_forum"`
	Title    string   `json:"title"` // of a private chat the bot's name
	Username string   `json:"username"`
	Last     *Message `json:"last_message"`
	LastSeq  int64    `json:"last_seq"`
	Member   bool     `json:"member"`
	Blocked  bool     `json:"blocked"`
}

// Chat is a chat as one user sees it.
type Chat struct {
	ChatSummary
	Status     string          `json:"status"`
	BotStatus  string          `json:"bot_status"`
	Members    []Member        `json:"members"`
	Topics     []Topic         `json:"topics"`
	Commands   []Command       `json:"commands"`
	MenuButton json.RawMessage `json:"menu_button"`
	Keyboard   json.RawMessage `json:"keyboard"`
	Pinned     []int64         `json:"pinned"`
	Drafts     []Draft         `json:"drafts"`
	Action     *string         `json:"action"`
	CanSend    bool            `json:"can_send"`
	Asked      bool            `json:"asked,omitempty"` // the user waits to be let in
	Linked     int64           `json:"linked,omitempty"`
	MovedTo    int64           `json:"moved_to,omitempty"`
}

// Member is a member of a chat.
type Member struct {
	User   int64  `json:"user"`
	Name   string `json:"name"`
	Status string `json:"status"`
}

// Topic is a topic of a forum.
type Topic struct {
	ThreadID int64  `json:"thread_id"`
	Name     string `json:"name"`
	Closed   bool   `json:"closed"`
	Hidden   bool   `json:"hidden,omitempty"`
}

// Command is a command that a bot suggests.
type Command struct {
	Command     string `json:"command"`
	Description string `json:"description"`
}

func commandsOf(all []tghooktest.Command) []Command {
	out := make([]Command, 0, len(all))
	for _, c := range all {
		out = append(out, Command{c.Name, c.Description})
	}
	return out
}

// Draft is a message that the bot is still writing.
type Draft struct {
	DraftID int64  `json:"draft_id"`
	Text    string `json:"text"`
	CanStop bool   `json:"can_stop"`
	Thread  int64  `json:"thread,omitempty"`
}

// scene is a user in a chat of a bot.
type scene struct {
	desk *Desk
	bot  *bot
	user User
	chat int64
}

// scene returns the scene of a request. as names the user; if it is empty, that is the one
// whose private chat it is, and elsewhere the first user.
func (d *Desk) scene(r *http.Request, as ref) (s scene, err error) {
	s.desk = d
	if s.bot, err = d.botOf(r); err != nil {
		return s, err
	}
	id, ok := ref(r.PathValue("chat")).id()
	if !ok {
		return s, jsonhttp.Invalid("the chat %q is not an id; GET /api/bots/{bot}/chats lists the chats", r.PathValue("chat"))
	}
	if s.chat = id; as == "" && id > 0 {
		as = ref(r.PathValue("chat"))
	}
	if s.user, err = d.people.find(as); err != nil {
		return s, err
	}
	if id > 0 && id != s.user.ID {
		return s, jsonhttp.NotFound("chat", "the chat %d is another user's private chat with the bot; act as that user", id)
	}
	return s, nil
}

// as returns the query parameter that names a user.
func as(r *http.Request) ref { return ref(r.URL.Query().Get("as")) }

// look returns the chat, to look at.
func (s scene) look() (*tghooktest.Chat, error) {
	u, err := s.bot.server.FindUser(itoa(s.user.ID))
	if err != nil {
		return nil, failure(err)
	}
	c, err := u.In(s.chat)
	if err != nil {
		return nil, failure(err)
	}
	return c, nil
}

// act lets the user act in the chat.
func (s scene) act(do func(tb testing.TB, c *tghooktest.Chat)) error {
	return s.bot.act(s.user, s.chat, func(tb testing.TB, u *tghooktest.User) {
		c, err := u.In(s.chat)
		if err != nil {
			fail(tb, err)
		}
		do(tb, c)
	})
}

// act lets a user act. chat is where, for those who wait; 0 if it is nowhere.
func (b *bot) act(u User, chat int64, do func(tb testing.TB, u *tghooktest.User)) error {
	b.desk.acts.begin(b.id, chat, b.desk.feed.newest())
	return failure(b.server.Try(func(tb testing.TB, s *tghooktest.Server) {
		user, err := s.FindUser(itoa(u.ID))
		if err != nil {
			fail(tb, err)
		}
		do(tb, user)
	}))
}

// summary returns the chat in a list.
func (s scene) summary(c *tghooktest.Chat, state tghooktest.ChatState) ChatSummary {
	out := ChatSummary{
		ID: c.ID, Type: state.Type, IsForum: state.IsForum, Title: state.Title, Username: state.Username,
		LastSeq: s.desk.feed.newestIn(s.bot.id, c.ID), Member: isMember(state.Status), Blocked: state.Blocked,
	}
	if state.Type == "private" {
		info := s.bot.server.Info()
		out.Title, out.Username, out.Member = info.Name, info.Username, true
	}
	if state.Last != nil {
		if p, err := c.Post(state.Last.ID); err == nil {
			out.Last = s.desk.message(p)
		}
	}
	return out
}

func isMember(status string) bool {
	return slices.Contains([]string{"creator", "administrator", "member", "restricted"}, status)
}

// show returns the chat in full.
func (s scene) show() (any, error) {
	c, err := s.look()
	if err != nil {
		return nil, err
	}
	state := c.State()
	out := Chat{
		ChatSummary: s.summary(c, state), Status: state.Status, BotStatus: state.BotStatus, Members: []Member{}, Topics: []Topic{}, Commands: commandsOf(state.Commands),
		MenuButton: state.MenuButton, Keyboard: state.Keyboard, Pinned: append([]int64{}, state.Pinned...), Drafts: []Draft{},
		CanSend: state.CanSend, Asked: state.Asked, Linked: state.LinkedID, MovedTo: state.MovedTo,
	}
	for _, m := range state.Members {
		out.Members = append(out.Members, Member{m.UserID, m.Name, m.Status})
	}
	for _, t := range state.Topics {
		out.Topics = append(out.Topics, Topic{t.ID, t.Name, t.Closed, t.Hidden})
	}
	for _, draft := range state.Drafts {
		out.Drafts = append(out.Drafts, Draft{draft.ID, draft.Text, draft.CanStop, draft.ThreadID})
	}
	if state.Action != "" {
		out.Action = &state.Action
	}
	return out, nil
}

func (d *Desk) listChats(r *http.Request) (any, error) {
	b, err := d.botOf(r)
	if err != nil {
		return nil, err
	}
	u, err := d.people.find(as(r))
	if err != nil {
		return nil, err
	}
	user, err := b.server.FindUser(itoa(u.ID))
	if err != nil {
		return nil, failure(err)
	}
	out := []ChatSummary{}
	for _, c := range user.Chats() {
		out = append(out, scene{d, b, u, c.ID}.summary(c, c.State()))
	}
	slices.SortStableFunc(out, func(a, b ChatSummary) int { return int(dateOf(b.Last) - dateOf(a.Last)) })
	return out, nil
}

// dateOf returns the date of a message; 0 of none.
func dateOf(m *Message) int64 {
	if m == nil {
		return 0
	}
	var raw struct {
		Date int64 `json:"date"`
	}
	_ = json.Unmarshal(m.raw, &raw) // of the Server's own making
	return raw.Date
}

func (d *Desk) showChat(r *http.Request) (any, error) {
	s, err := d.scene(r, as(r))
	if err != nil {
		return nil, err
	}
	return s.show()
}

// newChat is a chat that a request asks for.
type newChat struct {
	Type    string `json:"type"`
	Title   string `json:"title"`
	As      ref    `json:"as"`
	Members []ref  `json:"members"`
	Bot     string `json:"bot"`
}

func (d *Desk) addChat(r *http.Request) (any, error) {
	var in newChat
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	b, err := d.botOf(r)
	if err != nil {
		return nil, err
	}
	owner, err := d.people.find(in.As)
	if err != nil {
		return nil, err
	}
	switch {
	case strings.TrimSpace(in.Title) == "":
		return nil, jsonhttp.Invalid("title is empty; send a title, such as Team")
	case !slices.Contains([]string{"group", "basic_group", "forum", "channel"}, in.Type):
		return nil, jsonhttp.Invalid("type is %q; send group, basic_group, forum or channel", in.Type)
	case !slices.Contains([]string{"", "administrator", "member"}, in.Bot):
		return nil, jsonhttp.Invalid("bot is %q; send administrator or member", in.Bot)
	}
	members := []User{}
	for _, name := range in.Members {
		u, err := d.people.find(name)
		if err != nil {
			return nil, err
		}
		members = append(members, u)
	}
	s := scene{d, b, owner, 0}
	if err := b.act(owner, 0, func(_ testing.TB, u *tghooktest.User) { s.chat = u.NewChat(in.config(members)).ID }); err != nil {
		return nil, err
	}
	return s.show()
}

// config returns the chat as tghooktest makes it.
func (in newChat) config(members []User) tghooktest.ChatConfig {
	kinds := map[string]string{"group": "supergroup", "basic_group": "group"}
	cfg := tghooktest.ChatConfig{Type: cmp.Or(kinds[in.Type], in.Type), Title: in.Title, Bot: tghooktest.BotStatus(in.Bot)}
	for _, m := range members {
		cfg.Members = append(cfg.Members, &tghooktest.User{ID: m.ID, Name: m.Name})
	}
	return cfg
}

// enter returns a chat for a user, who need not be in it.
func enter(tb testing.TB, u *tghooktest.User, id int64) *tghooktest.Chat {
	c, err := u.In(id)
	if err != nil {
		fail(tb, err)
	}
	return c
}

// chatAct answers a request of a user to act in a chat.
func (d *Desk) chatAct(do func(c *tghooktest.Chat)) func(*http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		s, err := d.actor(r)
		if err != nil {
			return nil, err
		}
		return done{}, s.act(func(_ testing.TB, c *tghooktest.Chat) { do(c) })
	}
}

// actor returns the scene of a request whose body names the user.
func (d *Desk) actor(r *http.Request) (scene, error) {
	var in struct {
		As ref `json:"as"`
	}
	if err := decode(r, &in); err != nil {
		return scene{}, err
	}
	if in.As == "" {
		in.As = as(r)
	}
	return d.scene(r, in.As)
}

// read answers that a user has read a chat, of which Telegram tells a bot nothing.
func (d *Desk) read(r *http.Request) (any, error) {
	_, err := d.actor(r)
	return done{}, err
}

func (d *Desk) stopDraft(r *http.Request) (any, error) {
	s, err := d.actor(r)
	if err != nil {
		return nil, err
	}
	id, ok := ref(r.PathValue("draft")).id()
	if !ok {
		return nil, jsonhttp.Invalid("the draft %q is not a number", r.PathValue("draft"))
	}
	return done{}, s.act(func(_ testing.TB, c *tghooktest.Chat) { c.StopDraft(id) })
}

func (d *Desk) setBot(r *http.Request) (any, error) {
	var in struct {
		As     ref      `json:"as"`
		Status string   `json:"status"`
		Rights []string `json:"rights"`
	}
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	s, err := d.scene(r, in.As)
	if err != nil {
		return nil, err
	}
	return done{}, s.act(func(_ testing.TB, c *tghooktest.Chat) { c.SetBot(tghooktest.BotStatus(in.Status), in.Rights...) })
}

func (d *Desk) upgrade(r *http.Request) (any, error) {
	s, err := d.actor(r)
	if err != nil {
		return nil, err
	}
	if err = s.act(func(_ testing.TB, c *tghooktest.Chat) { s.chat = c.Upgrade().ID }); err != nil {
		return nil, err
	}
	return s.show()
}

func (d *Desk) addTopic(r *http.Request) (any, error) {
	var in struct {
		As   ref    `json:"as"`
		Name string `json:"name"`
	}
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	s, err := d.scene(r, in.As)
	if err != nil {
		return nil, err
	}
	out := Topic{Name: in.Name}
	err = s.act(func(_ testing.TB, c *tghooktest.Chat) { c.OpenTopic(in.Name) })
	if err != nil {
		return nil, err
	}
	c, err := s.look()
	if err != nil {
		return nil, err
	}
	for _, t := range c.State().Topics {
		if t.Name == in.Name && t.ID > out.ThreadID {
			out.ThreadID = t.ID
		}
	}
	return out, nil
}

// topicAct answers a request of a user to act on a topic.
func (d *Desk) topicAct(do func(c *tghooktest.Chat)) func(*http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		s, err := d.actor(r)
		if err != nil {
			return nil, err
		}
		id, ok := ref(r.PathValue("thread")).id()
		if !ok {
			return nil, jsonhttp.Invalid("the topic %q is not a number", r.PathValue("thread"))
		}
		return done{}, s.act(func(tb testing.TB, c *tghooktest.Chat) { do(thread(tb, c, id)) })
	}
}

// thread returns the chat of a topic; the chat itself if id is 0.
func thread(tb testing.TB, c *tghooktest.Chat, id int64) *tghooktest.Chat {
	if id == 0 {
		return c
	}
	topic, err := c.Thread(id)
	if err != nil {
		fail(tb, err)
	}
	return topic
}

// userAct answers a request of a user to act on the bot.
func (d *Desk) userAct(do func(u *tghooktest.User)) func(*http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		b, err := d.botOf(r)
		if err != nil {
			return nil, err
		}
		u, err := d.people.find(ref(r.PathValue("user")))
		if err != nil {
			return nil, err
		}
		return done{}, b.act(u, u.ID, func(_ testing.TB, user *tghooktest.User) { do(user) })
	}
}

// startBot answers that a user presses Start, also by a deep link.
func (d *Desk) startBot(r *http.Request) (any, error) {
	var in struct {
		Payload string `json:"payload"`
	}
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	b, err := d.botOf(r)
	if err != nil {
		return nil, err
	}
	u, err := d.people.find(ref(r.PathValue("user")))
	if err != nil {
		return nil, err
	}
	s := scene{d, b, u, u.ID}
	return s.send(sending{Kind: "text", Text: strings.TrimSpace("/start " + in.Payload)})
}
