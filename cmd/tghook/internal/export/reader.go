package export

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// A reader makes a script of a session.
type reader struct {
	script   *script
	username string
	users    map[int64]*user
	rooms    map[int64]*room
	seats    map[seatKey]*seat
	topics   map[topicKey]string
	messages map[messageKey]*step // the newest step that made or showed the message
	presses  map[string]*step     // by the query's id
	queries  map[string]*step     // inline queries, by id
	pays     map[string]*step     // by the query's id
	paying   map[payKey]*step     // those without an end
	invoices map[string]*step     // by payload
	polls    map[string]*step     // by the poll's id
	voters   map[string][]pollOption
	inside   map[seatKey]bool // who is in a group
	albums   map[string]*step
	last     map[int64]*seat // in which somebody acted last, by the chat
	act      *step           // the newest act
	drafts   map[int64]*step // the newest draft of a chat
	said     map[string]bool // methods of which one call is enough, since the newest act
}

type seatKey struct{ user, chat, thread int64 }

type topicKey struct{ chat, thread int64 }

type messageKey struct{ chat, message int64 }

type payKey struct {
	user    int64
	payload string
}

// read makes the script of a session.
func read(s Session, snake bool) (*script, error) {
	r := &reader{
		script: &script{Session: s, names: newNames(snake)}, username: s.Username, users: map[int64]*user{}, rooms: map[int64]*room{}, seats: map[seatKey]*seat{},
		topics: map[topicKey]string{}, messages: map[messageKey]*step{}, presses: map[string]*step{}, queries: map[string]*step{}, pays: map[string]*step{},
		paying: map[payKey]*step{}, invoices: map[string]*step{}, polls: map[string]*step{}, voters: map[string][]pollOption{}, albums: map[string]*step{},
		inside: map[seatKey]bool{}, last: map[int64]*seat{}, drafts: map[int64]*step{}, said: map[string]bool{},
	}
	updates, err := parseAll(s.Updates)
	if err != nil {
		return nil, err
	}
	calls := s.Calls
	for _, u := range updates {
		earlier := before(calls, u.at)
		for _, c := range earlier {
			r.call(c)
		}
		calls = calls[len(earlier):]
		r.update(u)
	}
	for _, c := range calls {
		r.call(c)
	}
	r.settle()
	r.script.paragraphs()
	return r.script, nil
}

// settle names the seats.
func (r *reader) settle() {
	s := r.script
	for _, st := range s.Steps {
		if st.Seat != nil {
			st.Seat.Used = true
		}
	}
	private := 0
	for _, e := range s.Seats {
		if e.Used && e.Room == nil {
			private++
		}
	}
	for _, e := range s.Seats {
		switch {
		case e.Room == nil && private == 1 && e.Used:
			e.Variable = s.names.unique("chat", "")
		case e.Room == nil:
			e.Variable = s.names.unique(e.User.Variable+" chat", "")
		default:
			e.Variable = s.names.unique(e.User.Variable+" "+e.Room.Variable+" "+e.Topic, "")
		}
	}
}

// paragraphs divides the steps into paragraphs. An act begins one, together with what
// prepares it.
func (s *script) paragraphs() {
	for i, st := range s.Steps {
		prepared := i > 0 && (s.Steps[i-1].Verb == "fail" || s.Steps[i-1].Verb == "topic")
		st.Opens = st.IsAct() && !prepared
	}
}

// step adds a step.
func (r *reader) step(st step) *step {
	st.names = &r.script.names
	added := &st
	if st.Seat != nil {
		r.last[st.Seat.chat] = st.Seat
	}
	if st.Makes != nil {
		r.last[st.Makes.chat] = st.Makes
	}
	if st.IsAct() {
		r.act = added
		r.said = map[string]bool{}
	}
	r.script.Steps = append(r.script.Steps, added)
	return added
}

// before adds a step in front of the newest act.
func (r *reader) before(st step) {
	at := len(r.script.Steps)
	if r.act != nil {
		at = slices.Index(r.script.Steps, r.act)
	}
	st.names = &r.script.names
	r.script.Steps = slices.Insert(r.script.Steps, at, &st)
}

// person returns the user of the script.
func (r *reader) person(u *user) *user {
	if known, ok := r.users[u.ID]; ok {
		return known
	}
	added := *u
	added.FirstName = cmp.Or(strings.TrimSpace(u.FirstName), "User")
	added.Variable = r.script.names.unique(added.FirstName, "user")
	r.users[u.ID] = &added
	r.script.Users = append(r.script.Users, &added)
	return &added
}

// room returns the group or channel of the script.
func (r *reader) room(c chat) *room {
	if known, ok := r.rooms[c.ID]; ok {
		return known
	}
	added := &room{Kind: "group", Title: cmp.Or(strings.TrimSpace(c.Title), "Group")}
	switch {
	case c.Type == "channel":
		added.Kind = "channel"
	case c.Type == "group":
		added.Kind = "basic_group"
	case c.IsForum:
		added.Kind = "forum"
	}
	for n := 2; slices.ContainsFunc(r.script.Rooms, func(o *room) bool { return o.Title == added.Title }); n++ {
		added.Title = cmp.Or(strings.TrimSpace(c.Title), "Group") + " " + strconv.Itoa(n)
	}
	added.Variable = r.script.names.unique(added.Title, "room")
	r.rooms[c.ID] = added
	r.script.Rooms = append(r.script.Rooms, added)
	return added
}

// seat returns the chat as the user sees it. A user who is not known to have joined the group
// joins it first.
func (r *reader) seat(u *user, c chat, thread int64) *seat {
	key := seatKey{u.ID, c.ID, thread}
	if known, ok := r.seats[key]; ok {
		return known
	}
	switch topic := r.topics[topicKey{c.ID, thread}]; {
	case thread != 0 && topic != "":
		whole := r.seat(u, c, 0)
		return r.step(step{Verb: "topic", Seat: whole, Makes: r.sit(key, u, c), Text: topic}).Makes
	case thread != 0: // a topic that was there before the session
		return r.seat(u, c, 0)
	case c.ID == u.ID:
		return r.sit(key, u, c)
	}
	return r.join(u, c).Makes
}

// sit adds a seat.
func (r *reader) sit(key seatKey, u *user, c chat) *seat {
	added := &seat{User: r.person(u), Topic: r.topics[topicKey{c.ID, key.thread}], chat: c.ID}
	if c.ID != u.ID {
		added.Room = r.room(c)
		if added.Room.First == nil {
			added.Room.First = added
		}
	}
	r.seats[key] = added
	r.script.Seats = append(r.script.Seats, added)
	return added
}

// join adds the step in which a user joins a group, or becomes an editor of a channel.
func (r *reader) join(u *user, c chat) *step {
	r.inside[seatKey{u.ID, c.ID, 0}] = true
	st := step{Verb: "join", User: r.person(u), Room: r.room(c)}
	if st.Room.Kind == "channel" {
		st.Verb = "manage"
	}
	if key := (seatKey{u.ID, c.ID, 0}); r.seats[key] == nil {
		st.Makes = r.sit(key, u, c)
	}
	return r.step(st)
}

// seatOf is the seat of the one who sent the message.
func (r *reader) seatOf(m *message) *seat {
	from := m.From
	if from == nil {
		from = &user{ID: m.Chat.ID + 1<<50, FirstName: "Editor"} // of a channel's posts, who has no name
	}
	thread := int64(0)
	if m.InTopic {
		thread = m.Thread
	}
	return r.seat(from, m.Chat, thread)
}

// remember keeps the step that made a message, or showed it anew.
func (r *reader) remember(chat, message int64, st *step) {
	st.message = message
	r.messages[messageKey{chat, message}] = st
}

// deliver adds an update that no act of a user makes here.
func (r *reader) deliver(u *update) { r.step(step{Verb: "deliver", Update: compact(u.body)}) }

func compact(body []byte) []byte {
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil {
		return body
	}
	delete(fields, "update_id") // the test's Server gives it one
	short, err := json.Marshal(fields)
	if err != nil {
		return body
	}
	return short
}
