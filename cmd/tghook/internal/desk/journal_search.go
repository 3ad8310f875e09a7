package desk

import (
	"slices"
	"strings"

	"github.com/tghook/tghook/cmd/tghook/internal/jsonhttp"
)

// want says which rows a request asks for.
type want struct {
	bot, chat  int64
	kind, text string
	failed     bool
	before     string
	limit      int
}

func (w want) takes(r Row) bool {
	text := strings.ToLower(r.Summary + " " + r.Error + " " + r.Method + " " + r.ID)
	return r.Bot == w.bot && (w.chat == 0 || r.Chat == w.chat) && (!w.failed || !r.OK) &&
		(w.kind == "" || w.kind == r.Type || w.kind == r.Kind || w.kind == r.Method) &&
		(w.text == "" || strings.Contains(text, strings.ToLower(w.text)))
}

// list returns the newest rows that are wanted, the newest last.
func (j *journal) list(w want) (rows []Row, more bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	rows = []Row{}
	passed := w.before == "" || j.byID[w.before] == nil
	for _, r := range slices.Backward(j.rows) {
		if !passed {
			passed = r.row.ID == w.before
			continue
		}
		if !w.takes(r.row) {
			continue
		}
		if len(rows) == w.limit {
			more = true
			break
		}
		rows = append(rows, r.row)
	}
	slices.Reverse(rows)
	return rows, more
}

// find returns a copy of a row's record.
func (j *journal) find(id string) (record, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	r := j.byID[id]
	if r == nil {
		return record{}, jsonhttp.NotFound("row", "there is no row %s; it is too old, or from before tghook was started", id)
	}
	return *r, nil
}

// update returns an update.
func (j *journal) update(bot, id int64) (update, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	u, ok := j.updates.of[updateKey{bot, id}]
	return u, ok
}

// attempts returns the rows of all attempts to deliver an update, oldest first.
func (j *journal) attempts(bot, update int64) []Row {
	j.mu.Lock()
	defer j.mu.Unlock()
	all := []Row{}
	for _, r := range j.rows {
		if r.row.Type == rowDelivery && r.row.Bot == bot && r.row.UpdateID == update {
			all = append(all, r.row)
		}
	}
	return all
}
