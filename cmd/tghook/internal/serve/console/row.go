package console

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"unicode/utf8"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/storage"

	"github.com/tghook/tghook/cmd/tghook/internal/jsonhttp"
)

// row is a row of the history. Its update_id is a string: it may have more digits than a number
// in a browser.
type row struct {
	storage.Row

	UpdateID string `json:"update_id,omitempty"`
}

func rowOf(r storage.Row) row {
	if r.UpdateID == 0 {
		return row{Row: r}
	}
	return row{r, strconv.FormatInt(r.UpdateID, 10)}
}

func rowsOf(some []storage.Row) []row {
	all := make([]row, 0, len(some))
	for _, r := range some {
		all = append(all, rowOf(r))
	}
	return all
}

// rowDetail is a row with all that was on the wire, as far as it was kept.
type rowDetail struct {
	row

	Attempts []row           `json:"attempts"`
	Request  *request        `json:"request"`
	Response *response       `json:"response"`
	Update   json.RawMessage `json:"update"`
	Text     string          `json:"update_text,omitempty"` // Update in several lines
}

type request struct {
	Method  string      `json:"method"`
	URL     string      `json:"url"`
	Headers [][2]string `json:"headers"`
	body
}

type response struct {
	Status  int         `json:"status"`
	Headers [][2]string `json:"headers"`
	body
}

// body is the body of a request or an answer.
type body struct {
	Text      string `json:"body"`
	Base64    bool   `json:"base64,omitempty"`
	Truncated bool   `json:"truncated,omitempty"`
	Size      int    `json:"size"`
}

func bodyOf(content []byte, size int) body {
	b := body{Size: max(size, len(content)), Truncated: size > len(content)}
	if b.Truncated { // it may end in the middle of a character
		for n := 0; n < utf8.UTFMax && !utf8.Valid(content) && len(content) > 0; n++ {
			content = content[:len(content)-1]
		}
	}
	if utf8.Valid(content) {
		b.Text = string(content)
	} else {
		b.Text, b.Base64 = base64.StdEncoding.EncodeToString(content), true
	}
	return b
}

// listRows answers GET /api/bots/{name}/rows: the newest rows that the query asks for, in
// ascending order. before is what asks for those before them.
func (c *Console) listRows(r *http.Request) (any, error) {
	const usual, most = 200, 500
	status, err := c.cfg.Gateway.Bot(r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	q := r.URL.Query()
	f := storage.Filter{Bot: status.ID, Chat: q.Get("chat"), Kind: q.Get("kind"), Text: q.Get("text"), Failed: isTrue(q.Get("failed"))}
	if _, err := jsonhttp.Number(r, "chat", 0); err != nil {
		return nil, err
	}
	if f.Before, err = jsonhttp.Number(r, "before", 0); err != nil {
		return nil, err
	}
	n, err := limit(r, usual, most)
	if err != nil {
		return nil, err
	}
	f.Limit = n + 1
	rows, err := c.cfg.Storage.Rows(r.Context(), f)
	if err != nil {
		return nil, err
	}
	var out struct {
		Rows   []row  `json:"rows"`
		More   bool   `json:"more"`
		Before string `json:"before,omitempty"`
	}
	if out.More = len(rows) > n; out.More {
		rows = rows[len(rows)-n:]
	}
	out.Rows = rowsOf(rows)
	if len(rows) > 0 {
		out.Before = strconv.FormatInt(rows[0].Seq, 10)
	}
	return out, nil
}

func isTrue(text string) bool {
	yes, err := strconv.ParseBool(text)
	return yes && err == nil
}

// showRow answers GET /api/rows/{id}.
func (c *Console) showRow(r *http.Request) (any, error) {
	found, x, err := c.cfg.Storage.Row(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	out := rowDetail{row: rowOf(found)}
	if out.Attempts, err = c.attempts(r.Context(), found); err != nil || x == nil {
		return out, err
	}
	out.Request = &request{x.Method, x.URL, headers(x.Header), bodyOf(x.Body, len(x.Body))}
	if x.Status != 0 {
		out.Response = &response{x.Status, headers(x.AnswerHeader), bodyOf(x.Answer, x.AnswerSize)}
	}
	if update := updateOf(found, x); update != nil {
		out.Update, out.Text = update, indented(update)
	}
	return out, nil
}

// headers returns a list that is not nil, because the page expects one.
func headers(h [][2]string) [][2]string {
	if h == nil {
		return [][2]string{}
	}
	return h
}

const typeDelivery = "delivery"

// updateOf returns the update of a delivery; nil if it was not kept.
func updateOf(found storage.Row, x *storage.Exchange) json.RawMessage {
	if found.Type != typeDelivery || x == nil || !json.Valid(x.Body) {
		return nil
	}
	return x.Body
}

// indented returns JSON in several lines. Numbers keep all their digits.
func indented(text json.RawMessage) string {
	var b bytes.Buffer
	if json.Indent(&b, text, "", "  ") != nil {
		return string(text)
	}
	return b.String()
}

// attempts returns the newest attempts to deliver the update of a row to the same target, the
// oldest first.
func (c *Console) attempts(ctx context.Context, of storage.Row) ([]row, error) {
	const most = 100
	all := []row{}
	if of.UpdateID == 0 || of.Type != typeDelivery {
		return all, nil
	}
	rows, err := c.cfg.Storage.Rows(ctx, storage.Filter{Bot: of.Bot, Kind: typeDelivery, Update: of.UpdateID, Limit: most})
	for _, r := range rows {
		if r.Target == of.Target {
			all = append(all, rowOf(r))
		}
	}
	return all, err
}

// replayRow answers POST /api/rows/{id}/replay: the update of the delivery is posted once more,
// or the edited one in its place.
func (c *Console) replayRow(r *http.Request) error {
	e, err := readEdit(r)
	if err != nil {
		return err
	}
	found, x, err := c.cfg.Storage.Row(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	if found.Type != typeDelivery {
		return jsonhttp.Invalid("the row is no delivery of an update; replay one that is")
	}
	name, err := c.nameOf(found.Bot)
	if err != nil {
		return err
	}
	if e.Update == nil {
		if e.Update = updateOf(found, x); e.Update == nil {
			return &jsonhttp.Error{Status: http.StatusConflict, Code: "no_body", Message: "the body of this update was not kept, so it cannot be replayed; " +
				"history.bodies of the configuration says whether bodies are kept"}
		}
	}
	if err := checkUpdate(e.Update); err != nil {
		return err
	}
	return c.cfg.Gateway.Send(r.Context(), name, found.Target, e.Update)
}

// nameOf returns the name of a bot.
func (c *Console) nameOf(id int64) (string, error) {
	for _, s := range c.cfg.Gateway.Bots() {
		if s.ID == id {
			return s.Name, nil
		}
	}
	return "", jsonhttp.NotFound("bot", "the bot of this row is not in the configuration any more")
}

// checkUpdate returns what is wrong with an update that a user has written.
func checkUpdate(update json.RawMessage) error {
	if _, err := tghook.ParseUpdate(update); err != nil {
		return jsonhttp.Invalid("this is not an update: %v", err)
	}
	return nil
}
