package desk

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tghook/tghook/tghooktest"
)

// Bounds of what the journal keeps.
const (
	maxRows        = 10_000
	maxRowBytes    = 128 << 20
	maxUpdates     = 10_000
	maxUpdateBytes = 64 << 20
	maxPlaces      = 10_000 // chats and users whose newest delivery is known
)

// journal keeps the rows of the inspector, and the updates that they are about.
type journal struct {
	tag string // begins the ids of rows, so that those of two runs differ

	mu      sync.Mutex
	rows    []*record
	byID    map[string]*record
	bytes   int
	updates updates
	newest  map[place]string // the row of the newest delivery to a chat or user
	blamed  map[string]string
	active  map[int64]activeCall // calls that have no answer yet, without getUpdates
	fetched map[updateKey]int    // how often a poll has got an update that is not confirmed
	open    map[updateKey]bool   // updates that are not at their end
	secrets map[string]string
	pulse   map[int64]int64 // of a bot, grows with all that it does
}

// activeCall is a call that has no answer yet.
type activeCall struct {
	bot   int64
	reply bool
}

type place struct{ bot, chat, user int64 }

type updateKey struct{ bot, id int64 }

// updates are the newest updates.
type updates struct {
	order []updateKey
	of    map[updateKey]update
	bytes int
}

// update is an update as the bot gets it.
type update struct {
	body  []byte
	about about
	at    time.Time
}

// size is about how many bytes an update takes.
func (u update) size() int {
	const fixed = 300
	return fixed + len(u.body) + len(u.about.text)
}

func newJournal(tag string) *journal {
	j := &journal{tag: tag}
	j.clear()
	j.secrets = map[string]string{}
	return j
}

// clear forgets all rows.
func (j *journal) clear() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.rows, j.bytes = nil, 0
	j.byID = map[string]*record{}
	j.updates = updates{of: map[updateKey]update{}}
	j.newest = map[place]string{}
	j.blamed = map[string]string{}
	j.active = map[int64]activeCall{}
	j.fetched = map[updateKey]int{}
	j.open = map[updateKey]bool{}
	j.pulse = map[int64]int64{}
}

// ids of rows.
func (j *journal) callID(call int64) string { return fmt.Sprintf("%s-c%d", j.tag, call) }

func (j *journal) deliveryID(bot int64, d *tghooktest.Delivery) string {
	id := fmt.Sprintf("%s-u%d-%d-%d", j.tag, bot, d.UpdateID, d.Attempt)
	if d.Copy {
		id += "-copy"
	}
	return id
}

func (j *journal) fetchID(key updateKey, times int) string {
	return fmt.Sprintf("%s-p%d-%d-%d", j.tag, key.bot, key.id, times)
}

// queued keeps a new update.
func (j *journal) queued(e tghooktest.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	key := updateKey{e.Bot, e.UpdateID}
	u := update{e.Object, readUpdate(e.Object), e.At}
	j.open[key] = true
	j.pulse[e.Bot]++
	all := &j.updates
	if _, known := all.of[key]; !known {
		all.order = append(all.order, key)
	} else {
		all.bytes -= all.of[key].size()
	}
	all.of[key] = u
	all.bytes += u.size()
	for len(all.order) > maxUpdates || all.bytes > maxUpdateBytes && len(all.order) > 1 {
		oldest := all.order[0]
		all.order = all.order[1:]
		all.bytes -= all.of[oldest].size()
		delete(all.of, oldest)
	}
}

// blame says that a fault was picked for the call or delivery of a row.
func (j *journal) blame(id, fault string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.blamed) > maxRows { // of rows that never came
		clear(j.blamed)
	}
	j.blamed[id] = fault
}

// keep adds a row, or replaces the one with its id. j.mu is held.
func (j *journal) keep(r *record) Row {
	if fault := j.blamed[r.row.ID]; fault != "" {
		r.row.Fault = fault
		if !r.row.Running {
			delete(j.blamed, r.row.ID)
		}
	}
	r.measure()
	if before := j.byID[r.row.ID]; before != nil {
		j.bytes += r.size - before.size
		*before = *r
	} else {
		j.byID[r.row.ID] = r
		j.rows = append(j.rows, r)
		j.bytes += r.size
	}
	for len(j.rows) > maxRows || j.bytes > maxRowBytes && len(j.rows) > 1 {
		oldest := j.rows[0]
		j.bytes -= oldest.size
		delete(j.byID, oldest.row.ID)
		j.rows[0] = nil // the array lives on
		j.rows = j.rows[1:]
	}
	j.pulse[r.row.Bot]++
	return r.row
}

// number sets the number of the event that told of a row.
func (j *journal) number(id string, seq int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if r := j.byID[id]; r != nil {
		r.row.Seq = seq
	}
}

// delivery keeps the row of an attempt to deliver. The attempt has ended if ended is true.
func (j *journal) delivery(e tghooktest.Event, ended bool) Row {
	j.mu.Lock()
	defer j.mu.Unlock()
	d := e.Delivery
	u := j.updates.of[updateKey{e.Bot, d.UpdateID}]
	u.about.kind = d.Kind
	row := Row{
		ID: j.deliveryID(e.Bot, d), Bot: e.Bot, Type: rowDelivery, At: d.At, WaitedMS: ms(d.At.Sub(d.Queued)), Running: !ended,
		Chat: u.about.chat, User: u.about.user, UpdateID: d.UpdateID, Kind: d.Kind, Attempt: d.Attempt, Attempts: d.Attempt,
		Status: d.Status, OK: d.Done || !ended, Error: d.Err, Dropped: d.Dropped, Summary: u.about.summary(),
	}
	if ended {
		row.TookMS = ms(d.Took)
		if !d.Done && d.Err == "" {
			row.Error = "the connection was closed without an answer" // Telegram does not record it
		}
		if d.Reply != "" || d.Refused != "" {
			row.Reply = &RowReply{Method: d.Reply, Rode: d.CallID != 0 && d.Refused == "", Refused: d.Refused}
		}
		if d.CallID != 0 && row.Reply != nil {
			row.Reply.Row = j.callID(d.CallID)
		}
	}
	j.meet(e.Bot, u.about, row.ID)
	j.hideHeader(d.HTTP)
	return j.keep(&record{row: row, exchange: d.HTTP, update: d.UpdateID})
}

// hideHeader keeps the secret of a webhook, so that no answer has it. j.mu is held.
func (j *journal) hideHeader(x *tghooktest.Exchange) {
	if x == nil {
		return
	}
	for _, h := range x.Header {
		if strings.EqualFold(h[0], secretHeader) {
			j.hide(h[1])
		}
	}
}

const secretParameter = "secret_token" // of setWebhook

const secretHeader = "X-Telegram-Bot-Api-Secret-Token" //nolint:gosec // the name of a header

// hide keeps the secret of a webhook. One that is so short that it is found in other text too
// is hidden in its header alone. j.mu is held.
func (j *journal) hide(secret string) {
	const short = 6
	if len(secret) >= short && len(j.secrets) < maxPlaces {
		j.secrets[secret] = "<secret>"
	}
}

// meet keeps which delivery was the newest to a chat and to a user. j.mu is held.
func (j *journal) meet(bot int64, a about, id string) {
	if len(j.newest) > maxPlaces {
		clear(j.newest)
	}
	if a.chat != 0 {
		j.newest[place{bot: bot, chat: a.chat}] = id
	}
	if a.user != 0 {
		j.newest[place{bot: bot, user: a.user}] = id
	}
}

// began keeps a call that has no answer yet.
func (j *journal) began(e tghooktest.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if e.Call.Method == pollMethod {
		return
	}
	j.pulse[e.Bot]++
	if len(j.active) < maxRows {
		j.active[e.CallID] = activeCall{e.Bot, e.Call.Reply}
	}
}

// via returns how the call with the number came, and its row.
func (j *journal) via(call int64) (way, row string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	row = j.callID(call)
	if r := j.byID[row]; j.active[call].reply || r != nil && r.row.Type == rowReply {
		return rowReply, row
	}
	return rowCall, row
}

const pollMethod = "getUpdates"

// call keeps the rows of a call that was answered. A poll without an update has none.
func (j *journal) call(e tghooktest.Event) []Row {
	j.mu.Lock()
	defer j.mu.Unlock()
	c := e.Call
	delete(j.active, e.CallID)
	if c.Method == pollMethod {
		return j.poll(e)
	}
	row := Row{
		ID: j.callID(e.CallID), Bot: e.Bot, Type: rowCall, At: c.At, TookMS: ms(c.Took), UpdateID: c.UpdateID, Method: c.Method,
		Status: 200, OK: c.Err == nil, Note: c.Note, Unknown: c.Unknown, Summary: summaryOf(c),
	}
	if c.Reply {
		row.Type = rowReply
	}
	j.hide(c.Params[secretParameter])
	if c.Err != nil {
		row.Status, row.Error = c.Err.Code, c.Err.Description
	}
	row.Chat, _ = strconv.ParseInt(c.Params["chat_id"], 10, 64) // or an @username
	row.User, _ = strconv.ParseInt(c.Params["user_id"], 10, 64)
	row.Cause = j.cause(e.Bot, c, row)
	return []Row{j.keep(&record{row: row, exchange: c.HTTP, params: paramsOf(c)})}
}

// paramsOf returns the parameters of a call that are short enough to keep.
func paramsOf(c *tghooktest.Call) map[string]string {
	const enough = 64 << 10
	params := map[string]string{}
	for name, value := range c.Params {
		params[name] = value[:min(len(value), enough)]
		if name == secretParameter {
			params[name] = "<secret>"
		}
	}
	for name, f := range c.Files {
		params[name] = fmt.Sprintf("file %q of %d bytes", f.Name, len(f.Content))
	}
	return params
}

// cause returns the row of the delivery that made the bot call, as far as one can tell. j.mu
// is held.
func (j *journal) cause(bot int64, c *tghooktest.Call, row Row) string {
	if c.UpdateID != 0 {
		for _, r := range slices.Backward(j.rows) {
			if r.row.Type == rowDelivery && r.row.Bot == bot && r.row.UpdateID == c.UpdateID {
				return r.row.ID
			}
		}
		return ""
	}
	if query := queryOf(c.Params); query != "" {
		for _, r := range slices.Backward(j.rows) {
			if r.row.Type == rowDelivery && r.row.Bot == bot && j.updates.of[updateKey{bot, r.row.UpdateID}].about.query == query {
				return r.row.ID
			}
		}
		return ""
	}
	if row.Chat != 0 {
		return j.newest[place{bot: bot, chat: row.Chat}]
	}
	return j.newest[place{bot: bot, user: row.User}]
}

// queryOf returns the id of the query that a call answers.
func queryOf(params map[string]string) string {
	for _, name := range []string{"callback_query_id", "inline_query_id", "shipping_query_id", "pre_checkout_query_id", "web_app_query_id"} {
		if params[name] != "" {
			return params[name]
		}
	}
	return ""
}

// poll keeps the rows of a poll, and of each update that it got. j.mu is held.
func (j *journal) poll(e tghooktest.Event) []Row {
	c := e.Call
	if len(c.Updates) == 0 && c.Err == nil {
		return nil
	}
	row := Row{
		ID: j.callID(e.CallID), Bot: e.Bot, Type: rowPoll, At: c.At, TookMS: ms(c.Took), UpdateIDs: c.Updates, Method: c.Method,
		Status: 200, OK: c.Err == nil, Unknown: c.Unknown, Summary: fmt.Sprintf("getUpdates: %d", len(c.Updates)),
	}
	if c.Err != nil {
		row.Status, row.Error, row.Summary = c.Err.Code, c.Err.Description, "getUpdates"
	}
	rows := []Row{j.keep(&record{row: row, exchange: c.HTTP, params: paramsOf(c)})}
	for _, id := range c.Updates {
		rows = append(rows, j.fetch(e, updateKey{e.Bot, id})...)
	}
	return rows
}

// fetch keeps the row of an update that a poll got, and ends the row of an earlier poll that
// got it. j.mu is held.
func (j *journal) fetch(e tghooktest.Event, key updateKey) (again []Row) {
	u := j.updates.of[key]
	if r := j.byID[j.fetchID(key, j.fetched[key])]; r != nil { // the bot fetches it once more
		before := *r
		before.row.Running, before.row.TookMS = false, ms(e.At.Sub(r.row.At))
		again = append(again, j.keep(&before))
	}
	j.fetched[key]++
	times := j.fetched[key]
	row := Row{
		ID: j.fetchID(key, times), Bot: key.bot, Type: rowDelivery, At: e.At, WaitedMS: ms(e.At.Sub(u.at)), Running: true, Via: rowPoll,
		Chat: u.about.chat, User: u.about.user, UpdateID: key.id, Kind: u.about.kind, Cause: j.callID(e.CallID), Attempt: times, Attempts: times,
		OK: true, Summary: u.about.summary(),
	}
	j.meet(key.bot, u.about, row.ID)
	return append(again, j.keep(&record{row: row, update: key.id}))
}

// done ends the row of an update that a poll got, because getUpdates has confirmed the update
// or because it is lost.
func (j *journal) done(e tghooktest.Event, dropped bool) (Row, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.pulse[e.Bot]++
	key := updateKey{e.Bot, e.UpdateID}
	delete(j.open, key)
	r := j.byID[j.fetchID(key, j.fetched[key])]
	delete(j.fetched, key)
	if r == nil {
		return Row{}, false
	}
	ended := *r
	ended.row.Running, ended.row.TookMS = false, ms(e.At.Sub(r.row.At))
	ended.row.Dropped, ended.row.OK = dropped, !dropped
	return j.keep(&ended), true
}

// warning keeps the row of a warning.
func (j *journal) warning(e tghooktest.Event) Row {
	j.mu.Lock()
	defer j.mu.Unlock()
	text := strings.TrimPrefix(e.Text, "tghooktest: ")
	return j.keep(&record{row: Row{ID: fmt.Sprintf("%s-w%d", j.tag, e.Seq), Bot: e.Bot, Type: rowWarning, At: e.At, OK: false, Error: text, Summary: short(text)}})
}

// resume goes on after events of a bot were lost: the updates that wait are those that are not
// at their end, and what has become of the calls is not known.
func (j *journal) resume(bot int64, waiting []int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	maps.DeleteFunc(j.open, func(key updateKey, _ bool) bool { return key.bot == bot })
	maps.DeleteFunc(j.active, func(_ int64, c activeCall) bool { return c.bot == bot })
	for _, id := range waiting {
		j.open[updateKey{bot, id}] = true
	}
}

// hider hides the secrets that the journal knows, and the tokens.
func (j *journal) hider(tokens []string) *strings.Replacer {
	j.mu.Lock()
	defer j.mu.Unlock()
	var pairs []string
	for _, token := range tokens {
		pairs = append(pairs, token, "<token>", strings.Replace(token, ":", "%3A", 1), "<token>")
	}
	for secret, name := range j.secrets {
		if secret != "" {
			pairs = append(pairs, secret, name)
		}
	}
	return strings.NewReplacer(pairs...)
}

// state returns a number that grows with all that a bot does, and whether one of its calls or
// updates is not at its end.
func (j *journal) state(bot int64) (pulse int64, busy bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, c := range j.active {
		busy = busy || c.bot == bot
	}
	for key := range j.open {
		busy = busy || key.bot == bot
	}
	return j.pulse[bot], busy
}
