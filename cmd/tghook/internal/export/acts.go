package export

import (
	"cmp"
	"slices"
	"strconv"
)

// update adds the act that made the update.
func (r *reader) update(u *update) {
	read, known := acts[u.kind]
	if !known || !read(r, u) {
		r.deliver(u)
	}
}

// acts add the act behind an update of a kind. They return false if no act of a user here
// makes such an update.
var acts = map[string]func(*reader, *update) bool{
	"message":                    (*reader).message,
	"channel_post":               (*reader).message,
	"edited_message":             (*reader).edit,
	"edited_channel_post":        (*reader).edit,
	"callback_query":             (*reader).press,
	"message_reaction":           (*reader).react,
	"poll_answer":                (*reader).answerPoll,
	"poll":                       (*reader).votePoll,
	"inline_query":               (*reader).inline,
	"chosen_inline_result":       (*reader).choose,
	"shipping_query":             (*reader).pay,
	"pre_checkout_query":         (*reader).pay,
	"my_chat_member":             (*reader).myMember,
	"chat_member":                (*reader).member,
	"stopped_message_generation": (*reader).stop,
}

// message adds the act behind a message.
func (r *reader) message(u *update) bool {
	m := &u.message
	switch {
	case m.ViaBot != nil && m.ViaBot.Username == r.username:
		return true // chosen_inline_result is the act
	case m.Paid != nil:
		return r.receipt(m)
	case m.Origin != nil:
		return false
	case len(m.Joined) > 0 || m.Left != nil:
		return r.membership(m)
	case m.Topic != nil || m.Closed != nil || m.Opened != nil:
		return r.topic(m)
	}
	return r.sent(m)
}

// sent adds that a user sends a message.
func (r *reader) sent(m *message) bool {
	st := step{Seat: r.seatOf(m), Text: m.words(), kind: "message"}
	if !r.content(&st, m) {
		return false
	}
	if st.Verb == "" { // a later picture of an album
		return true
	}
	if m.ReplyTo != nil && st.Verb == "send" {
		if to := r.messages[messageKey{m.Chat.ID, m.ReplyTo.MessageID}]; to != nil && m.ReplyTo.Topic == nil {
			st.Verb, st.On = "reply", to.refer()
		}
	}
	sent := r.step(st)
	r.remember(m.Chat.ID, m.MessageID, sent)
	if m.Album != "" {
		r.albums[m.Album] = sent
	}
	return true
}

// content sets the verb and what the user has sent.
func (r *reader) content(st *step, m *message) bool {
	switch {
	case m.Album != "" && len(m.Photo) > 0:
		return r.album(st, m)
	case m.WebApp != nil:
		st.Verb, st.Name, st.Text = "webAppData", m.WebApp.Button, m.WebApp.Data
	case m.Contact != nil && m.Contact.Phone != "":
		st.Verb, st.Text = "contact", m.Contact.Phone
	case m.Venue != nil:
		st.Verb, st.Name, st.Text, st.Location = "venue", m.Venue.Title, m.Venue.Address, m.Venue.Location
	case m.Location != nil:
		st.Verb, st.Location = "location", *m.Location
	case m.Poll != nil:
		st.Verb = "poll"
		for _, o := range m.Poll.Options {
			st.Options = append(st.Options, o.Text)
		}
	case m.Dice != nil:
		st.Verb, st.Text = "dice", m.Dice.Emoji
	case m.Text != "":
		st.Verb = "send"
	default:
		return r.media(st, m)
	}
	return true
}

// media is content for a message with one file.
func (r *reader) media(st *step, m *message) bool {
	var f *file
	switch {
	case len(m.Photo) > 0:
		st.Verb, f = "photo", &m.Photo[len(m.Photo)-1]
	case m.Animation != nil: // it has a document, too
		st.Verb, f = "animation", m.Animation
	case m.Document != nil:
		st.Verb, f = "document", m.Document
	case m.Audio != nil:
		st.Verb, f = "audio", m.Audio
	case m.Video != nil:
		st.Verb, f = "video", m.Video
	case m.VideoNote != nil:
		st.Verb, f = "videoNote", m.VideoNote
	case m.Voice != nil:
		st.Verb, f = "voice", m.Voice
	case m.Sticker != nil:
		st.Verb, f, st.Text = "sticker", m.Sticker, m.Sticker.Emoji
	default:
		return false
	}
	st.Name, st.Seconds = cmp.Or(f.Name, "file"), f.Duration
	st.Files = []*content{r.file(st.Verb, f)}
	return true
}

// album adds a picture to the album, which is one act.
func (r *reader) album(st *step, m *message) bool {
	picture := r.file("photo", &m.Photo[len(m.Photo)-1])
	if first := r.albums[m.Album]; first != nil {
		first.Files = append(first.Files, picture)
		return true
	}
	st.Verb, st.Files = "album", []*content{picture}
	return true
}

// standIn is the content of a file that the session no longer has: a grey PNG of one pixel,
// which is a picture too.
var standIn = []byte("\x89PNG\x0d\x0a\x1a\x0a\x00\x00\x00\x0dIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x02\x00\x00\x00\x90wS\xde\x00\x00\x00\x0cIDATx\xdachhh\x00\x00\x03\x04\x01\x81u.\x01\xbc\x00\x00\x00\x00IEND\xaeB`\x82")

// maxContent bounds the content of a file in a source. Larger ones have a stand-in.
const maxContent = 64 << 10

// file returns the content of a file that a user has sent.
func (r *reader) file(kind string, f *file) *content {
	c := &content{Name: cmp.Or(f.Name, kind), Data: standIn, StandIn: true}
	if r.script.File != nil {
		if known, ok := r.script.File(f.ID); ok && len(known.Content) > 0 && len(known.Content) <= maxContent {
			c.Data, c.StandIn = known.Content, false
		}
	}
	for _, other := range r.script.Files {
		if slices.Equal(other.Data, c.Data) {
			return other
		}
	}
	c.Variable = r.script.names.unique(kind+" content", "")
	r.script.Files = append(r.script.Files, c)
	return c
}

// membership adds that users join or leave.
func (r *reader) membership(m *message) bool {
	if m.Left != nil {
		if m.Left.IsBot {
			return true // my_chat_member is the act
		}
		r.step(step{Verb: "leave", User: r.person(m.Left), Room: r.room(m.Chat), Place: r.seat(m.Left, m.Chat, 0)})
		delete(r.inside, seatKey{m.Left.ID, m.Chat.ID, 0})
		return true
	}
	for _, u := range m.Joined {
		if !u.IsBot && !r.inside[seatKey{u.ID, m.Chat.ID, 0}] {
			r.join(u, m.Chat)
		}
	}
	return true
}

// topic adds that a user opens or closes a topic.
func (r *reader) topic(m *message) bool {
	if m.From == nil || m.From.IsBot {
		return false
	}
	switch {
	case m.Topic != nil:
		whole := r.seat(m.From, m.Chat, 0)
		r.topics[topicKey{m.Chat.ID, m.Thread}] = m.Topic.Name
		r.step(step{Verb: "openTopic", Seat: whole, Text: m.Topic.Name, Makes: r.sit(seatKey{m.From.ID, m.Chat.ID, m.Thread}, m.From, m.Chat)})
	case m.Closed != nil:
		r.step(step{Verb: "closeTopic", Seat: r.seatOf(m)})
	default:
		r.step(step{Verb: "reopenTopic", Seat: r.seatOf(m)})
	}
	return true
}

func (r *reader) edit(u *update) bool {
	m := &u.message
	before := r.messages[messageKey{m.Chat.ID, m.MessageID}]
	if before == nil || m.words() == "" {
		return false
	}
	edited := r.step(step{Verb: "edit", Seat: r.seatOf(m), On: before.refer(), Text: m.words(), kind: "message"})
	r.remember(m.Chat.ID, m.MessageID, edited)
	return true
}

// press adds the press of an inline button.
func (r *reader) press(u *update) bool {
	if u.On == nil || u.From == nil || u.Data == "" {
		return false
	}
	text := u.On.textOf(u.Data)
	shown := r.messages[messageKey{u.On.Chat.ID, u.On.MessageID}]
	if text == "" || shown == nil {
		return false
	}
	st := step{Verb: "press", Seat: r.seat(u.From, u.On.Chat, threadOf(u.On)), On: shown.refer(), Text: text, kind: "press"}
	r.presses[string(u.ID)] = r.step(st)
	return true
}

func threadOf(m *message) int64 {
	if m.InTopic {
		return m.Thread
	}
	return 0
}

// textOf returns the text of the message's button that sends the data. It is empty if there
// is none, or if an earlier button has the same text.
func (m *message) textOf(data string) string {
	if m.Markup == nil {
		return ""
	}
	seen := map[string]bool{}
	for _, b := range slices.Concat(m.Markup.Inline...) {
		switch {
		case b.Data == data && !seen[b.Text]:
			return b.Text
		case b.Data == data:
			return ""
		}
		seen[b.Text] = true
	}
	return ""
}

func (r *reader) react(u *update) bool {
	shown := r.messages[messageKey{u.Chat.ID, u.MessageID}]
	if shown == nil || u.User == nil {
		return false
	}
	st := step{Verb: "react", Seat: r.seat(u.User, u.Chat, 0), On: shown}
	for _, reaction := range u.New {
		if reaction.Emoji == "" {
			return false // a custom emoji, or a paid reaction
		}
		st.Options = append(st.Options, reaction.Emoji)
	}
	shown.refer()
	r.step(st)
	return true
}

// answerPoll adds a vote in a poll whose voters are known.
func (r *reader) answerPoll(u *update) bool {
	shown := r.polls[u.PollID]
	if shown == nil || u.User == nil {
		return false
	}
	var chosen []string
	for _, i := range u.OptionIDs {
		if i < 0 || i >= len(shown.Options) {
			return false
		}
		chosen = append(chosen, shown.Options[i])
	}
	for _, e := range r.script.Seats {
		if e.User.ID == u.User.ID && e.chat == shown.Seat.chat {
			r.step(step{Verb: "vote", Seat: e, On: shown.refer(), Options: chosen})
			return true
		}
	}
	return false
}

// votePoll adds a vote in a poll that does not tell its voters: the one who acted last in
// the chat has voted for what has more votes now. A poll whose voters are known has a
// poll_answer for that.
func (r *reader) votePoll(u *update) bool {
	shown := r.polls[string(u.ID)]
	if shown == nil {
		return false
	}
	before := r.voters[string(u.ID)]
	r.voters[string(u.ID)] = u.Options
	if shown.named {
		return true
	}
	var chosen []string
	for i, o := range u.Options {
		if i >= len(before) || o.Voters > before[i].Voters {
			chosen = append(chosen, o.Text)
		}
	}
	r.step(step{Verb: "vote", Seat: r.last[shown.Seat.chat], On: shown.refer(), Options: chosen})
	return true
}

func (r *reader) inline(u *update) bool {
	if u.From == nil {
		return false
	}
	r.queries[string(u.ID)] = r.step(step{Verb: "inline", User: r.person(u.From), Text: u.Query, kind: "query"})
	return true
}

// choose adds that a user sends a result of their newest inline query.
func (r *reader) choose(u *update) bool {
	if u.From == nil {
		return false
	}
	for _, st := range slices.Backward(r.script.Steps) {
		if st.Verb != "inline" || st.User.ID != u.From.ID || st.Text != u.Query {
			continue
		}
		index := slices.Index(st.resultIDs, u.ResultID)
		if index < 0 {
			return false
		}
		r.step(step{Verb: "choose", On: st.refer(), Index: index})
		return true
	}
	return false
}

// pay adds the payment of an invoice. The bot gets one query or two about it.
func (r *reader) pay(u *update) bool {
	if u.From == nil {
		return false
	}
	key := payKey{u.From.ID, u.Payload}
	st := r.paying[key]
	if st == nil {
		invoice := r.invoices[u.Payload]
		if invoice == nil {
			return false
		}
		st = r.step(step{Verb: "pay", On: invoice.refer(), kind: "payment", Order: &payOrder{}})
		r.paying[key] = st
	}
	r.pays[string(u.ID)] = st
	st.Order.Shipping = cmp.Or(u.Shipping, st.Order.Shipping)
	if u.Address != nil {
		st.Order.Address = u.Address
	}
	if o := u.Order; o != nil {
		st.Order.Name, st.Order.Phone, st.Order.Email = o.Name, o.Phone, o.Email
		if o.Address != nil {
			st.Order.Address = o.Address
		}
	}
	return true
}

// receipt ends a payment that was made.
func (r *reader) receipt(m *message) bool {
	if m.From == nil {
		return false
	}
	key := payKey{m.From.ID, m.Paid.Payload}
	st := r.paying[key]
	if st == nil {
		return false
	}
	delete(r.paying, key)
	st.Paid = true
	return true
}

// myMember adds that a user blocks the bot, or changes what it is in a group.
func (r *reader) myMember(u *update) bool {
	if u.From == nil {
		return false
	}
	if u.Chat.Type == "private" {
		verb := "unblock"
		if u.Status.Status == "kicked" {
			verb = "block"
		}
		r.step(step{Verb: verb, User: r.person(u.From)})
		return true
	}
	if u.Chat.Type == "channel" {
		return false
	}
	status := u.Status.Status
	if status == "left" {
		status = "kicked"
	}
	e := r.seat(u.From, u.Chat, 0)
	r.step(step{Verb: "setBot", User: e.User, Room: e.Room, Place: e, Name: status})
	return true
}

// member adds that a user joins or leaves, which a message tells, too.
func (r *reader) member(u *update) bool {
	if u.From == nil || u.Status.User.ID != u.From.ID {
		return u.Status.Status == "left"
	}
	key := seatKey{u.From.ID, u.Chat.ID, 0}
	switch {
	case u.Status.Status == "left":
		return true
	case u.Status.Status != "member":
		return false
	case !r.inside[key]:
		r.join(u.From, u.Chat)
	}
	return true
}

func (r *reader) stop(u *update) bool {
	shown := r.drafts[u.Chat.ID]
	if shown == nil {
		return false
	}
	delete(r.drafts, u.Chat.ID)
	r.step(step{Verb: "stop", On: r.step(*shown).refer()})
	return true
}

// chatID reads a chat's id out of the parameter of a call.
func chatID(text string) int64 {
	id, _ := strconv.ParseInt(text, 10, 64) // a channel's @name is no id
	return id
}
