package desk

import (
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tghook/tghook/tghooktest"

	"github.com/tghook/tghook/cmd/tghook/internal/jsonhttp"
)

// Bot is a bot on the desk.
type Bot struct {
	ID              int64           `json:"id"`
	Username        string          `json:"username"`
	Name            string          `json:"name"`
	Polling         bool            `json:"polling"`
	Webhook         json.RawMessage `json:"webhook"`
	Pending         int             `json:"pending"`
	OldestPendingAt *time.Time      `json:"oldest_pending_at"`
	Calls           int             `json:"calls"`
	Commands        []Command       `json:"commands"`
}

// bot is a bot that has called, or was added.
type bot struct {
	desk   *Desk
	id     int64
	server *tghooktest.Server
	token  atomic.Pointer[string] // empty while a bot of Config.State has not called
	faults faults

	mu    sync.Mutex
	calls int       // without getUpdates
	poll  time.Time // when it began to poll last
	polls int       // polls that have no answer yet
}

// bots are the bots of the desk, in the order in which they came.
type bots struct {
	mu  sync.Mutex
	all []*bot
}

// meet adds a bot that the desk does not know yet, and makes the people known to it.
func (bs *bots) meet(d *Desk, s *tghooktest.Server) {
	d.mask.add(s.Token)
	b := &bot{desk: d, id: idOf(s), server: s}
	b.token.Store(&s.Token)
	bs.mu.Lock()
	known := slices.IndexFunc(bs.all, func(o *bot) bool { return o.id == b.id })
	if known < 0 {
		bs.all = append(bs.all, b)
	} else {
		b = bs.all[known]
	}
	bs.mu.Unlock()
	if known < 0 {
		b.begin()
		return
	}
	b.token.Store(&s.Token) // it is known only now
}

// begin lets the bot have faults, and makes the people known to it.
func (b *bot) begin() {
	b.server.OnCall(b.pickCall)
	b.server.OnDelivery(b.pickDelivery)
	for _, u := range b.server.Users() { // of a state that was kept
		b.desk.people.meet(userOf(u.Config()))
	}
	for _, u := range b.desk.people.list() {
		_ = b.knows(u) // a user who cannot be made there cannot act there, which the act tells
	}
}

// leave forgets a bot.
func (bs *bots) leave(id int64) {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	bs.all = slices.DeleteFunc(bs.all, func(b *bot) bool { return b.id == id })
}

// idOf returns the id of a bot.
func idOf(s *tghooktest.Server) int64 { return s.Info().ID }

func (bs *bots) list() []*bot {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	return slices.Clone(bs.all)
}

// find returns the bot with the id; nil if there is none.
func (bs *bots) find(id int64) *bot {
	for _, b := range bs.list() {
		if b.id == id {
			return b
		}
	}
	return nil
}

// tokens returns the tokens of all bots that have called.
func (bs *bots) tokens() []string {
	var all []string
	for _, b := range bs.list() {
		if token := *b.token.Load(); token != "" {
			all = append(all, token)
		}
	}
	return all
}

// bot returns the bot with the id or username.
func (d *Desk) bot(name ref) (*bot, error) {
	id, isID := name.id()
	for _, b := range d.bots.list() {
		if isID && b.id == id || !isID && strings.EqualFold(b.server.Info().Username, name.name()) {
			return b, nil
		}
	}
	return nil, jsonhttp.NotFound("bot", "there is no bot %s; a bot is there after its first call, or by POST /api/bots", name.shown())
}

// botOf returns the bot that the path of a request names.
func (d *Desk) botOf(r *http.Request) (*bot, error) { return d.bot(ref(r.PathValue("bot"))) }

// knows makes a user known to the bot's world, or changes who they are there.
func (b *bot) knows(u User) error {
	return failure(b.server.Try(func(tb testing.TB, s *tghooktest.Server) {
		if _, err := s.PutUser(u.config()); err != nil {
			tb.Fatal(err)
		}
	}))
}

// called counts a call.
func (b *bot) called(method string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if method == pollMethod {
		b.polls = max(b.polls-1, 0)
	} else {
		b.calls++
	}
}

// polled keeps that a poll begins.
func (b *bot) polled(at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.poll = at
	b.polls++
}

// resume goes on after events were lost. The ends of the polls are not known.
func (b *bot) resume() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.polls = 0
}

// pause is how long a bot that polls may be silent between two polls.
const pause = time.Minute

// show returns the bot as the API shows it.
func (b *bot) show() Bot {
	info := b.server.Info()
	out := Bot{ID: b.id, Username: info.Username, Name: info.Name, Webhook: info.Webhook, Commands: commandsOf(info.Commands)}
	b.mu.Lock()
	out.Calls = b.calls
	out.Polling = b.polls > 0 || !b.poll.IsZero() && b.server.Now().Sub(b.poll) < pause
	b.mu.Unlock()
	ids := b.server.PendingIDs()
	if out.Pending = len(ids); len(ids) > 0 {
		if u, ok := b.desk.journal.update(b.id, ids[0]); ok {
			out.OldestPendingAt = &u.at
		}
	}
	return out
}

// notDelivered returns why updates wait for the bot; empty if nothing is wrong.
func (b *bot) notDelivered() string {
	var info struct {
		URL       string `json:"url"`
		LastError string `json:"last_error_message"`
	}
	_ = json.Unmarshal(b.server.Info().Webhook, &info) // of the Server's own making
	b.mu.Lock()
	polling := !b.poll.IsZero()
	b.mu.Unlock()
	switch {
	case info.URL == "" && !polling:
		return "it has set no webhook and has not polled"
	case info.URL != "" && info.LastError != "":
		return "the webhook's last error is: " + info.LastError
	}
	return ""
}

// rename gives the bot a name, as the bot itself does by setMyName.
func (b *bot) rename(name string) error {
	return failure(b.server.Try(func(tb testing.TB, s *tghooktest.Server) {
		if err := s.Bot(tb).Call(tb.Context(), "setMyName", map[string]string{"name": name}, nil); err != nil {
			fail(tb, err)
		}
	}))
}

func (d *Desk) listBots(*http.Request) (any, error) { return d.showBots(), nil }

func (d *Desk) showBots() []Bot {
	bots := d.bots.list()
	out := make([]Bot, 0, len(bots))
	for _, b := range bots {
		out = append(out, b.show())
	}
	return out
}

func (d *Desk) showBot(r *http.Request) (any, error) {
	b, err := d.botOf(r)
	if err != nil {
		return nil, err
	}
	return b.show(), nil
}

// usernameForm is the form of a bot's username, which stands in exported sources too.
var usernameForm = regexp.MustCompile(`^[A-Za-z0-9_]{0,32}$`)

func (d *Desk) addBot(r *http.Request) (any, error) {
	var in struct {
		Token            string `json:"token"`
		Username         string `json:"username"`
		Name             string `json:"name"`
		ReadsAllMessages bool   `json:"reads_all_messages"`
	}
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	if in.Token == "" {
		return nil, jsonhttp.Invalid("token is empty; send any token, such as 123456:any-secret")
	}
	username := strings.TrimPrefix(in.Username, "@")
	if !usernameForm.MatchString(username) {
		return nil, jsonhttp.Invalid("username is %q; send at most 32 letters, digits and _", short(username))
	}
	s, err := d.tg.AddBot(tghooktest.BotConfig{Token: in.Token, Username: username, ReadsAllMessages: in.ReadsAllMessages})
	if err != nil {
		return nil, failure(err)
	}
	b := d.bots.find(idOf(s))
	if b == nil {
		return nil, errors.New("the bot is gone already")
	}
	if in.Name != "" {
		if err := b.rename(in.Name); err != nil {
			return nil, err
		}
	}
	return b.show(), nil
}
