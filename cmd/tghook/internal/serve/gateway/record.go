package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tidwall/gjson"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/config"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/outlet"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/storage"
	"github.com/tghook/tghook/internal/redact"
)

// Types of rows, as tghook dev has them.
const (
	rowDelivery = "delivery"
	rowReply    = "reply"
	rowWarning  = "warning"
)

// recorder writes the history of the page.
type recorder struct {
	storage *storage.Storage
	history config.History
	begin   string // of the ids of this gateway's rows
	last    atomic.Int64

	mu     sync.Mutex
	causes map[tghook.Key]string // the row of the delivery whose reply is being called
}

const mostCauses = 10_000

func newRecorder(s *storage.Storage, history config.History) *recorder {
	return &recorder{storage: s, history: history, begin: strconv.FormatUint(rand.Uint64(), 36), causes: map[tghook.Key]string{}} //nolint:gosec // two must differ, nobody guesses it
}

func (r *recorder) id() string { return fmt.Sprintf("%s-%d", r.begin, r.last.Add(1)) }

// attempt records a request to a bot.
func (r *recorder) attempt(t *target, a outlet.Attempt, waited time.Duration) {
	if !r.history.On {
		return
	}
	row := r.row(t, a.Update)
	row.Type, row.At, row.TookMS, row.WaitedMS = rowDelivery, a.At, ms(a.Took), ms(waited)
	row.Attempt, row.Status, row.OK = a.Number, a.Status, a.Err == nil
	if a.Err != nil {
		row.Error = a.Err.Error()
	}
	if a.Reply != "" || a.Refused != "" {
		row.Reply = &storage.RowReply{Method: a.Reply, Rode: a.Refused == "", Refused: a.Refused}
	}
	if a.Reply != "" && a.Refused == "" {
		r.mu.Lock()
		if len(r.causes) >= mostCauses {
			clear(r.causes)
		}
		r.causes[tghook.Key{Bot: t.id, ID: a.Update.ID}] = row.ID
		r.mu.Unlock()
	}
	x := r.bodies(a.Exchange)
	if x != nil {
		shown := *x
		shown.URL = t.url
		x = &shown
	}
	r.storage.Record(row, x)
}

// row begins a row about an update.
func (r *recorder) row(t *target, u *tghook.Update) storage.Row {
	row := storage.Row{ID: r.id(), Bot: t.bot.cfg.ID, Target: t.cfg.Name, Chat: u.ChatID, User: u.UserID, UpdateID: gjson.GetBytes(u.Raw, "update_id").Int(), Kind: string(u.Kind)}
	row.Summary = row.Kind
	if r.history.Bodies {
		if text := textOf(u); text != "" {
			row.Summary += " “" + text + "”"
		}
	}
	return row
}

// textOf returns the beginning of the text of an update.
func textOf(u *tghook.Update) string {
	const most = 80
	object := gjson.GetBytes(u.Raw, string(u.Kind))
	for _, name := range []string{"text", "caption", "data", "query"} {
		if text := object.Get(name).String(); text != "" {
			runes := []rune(text)
			if len(runes) > most {
				return string(runes[:most]) + "…"
			}
			return text
		}
	}
	return ""
}

// bodies leaves the bodies out of an exchange if the history has none.
func (r *recorder) bodies(x *storage.Exchange) *storage.Exchange {
	if x == nil {
		return nil
	}
	kept := *x
	if !r.history.Bodies {
		kept.Body, kept.Answer = nil, nil
	} else {
		kept.Body, kept.Answer = withoutProvider(x.Body), withoutProvider(x.Answer)
	}
	return &kept
}

var providerToken = regexp.MustCompile(`("?provider_token"?\s*[:=]\s*"?)[^"&,}\s]+`)

// withoutProvider hides the token of a payment provider, which an invoice has.
func withoutProvider(body []byte) []byte {
	return providerToken.ReplaceAll(body, []byte("${1}<token>"))
}

// call records a call of the Bot API for a webhook reply.
func (r *recorder) call(ctx context.Context, b *bot, method string, params any, err error, at time.Time, took time.Duration) {
	if !r.history.On {
		return
	}
	row := storage.Row{ID: r.id(), Bot: b.cfg.ID, Type: rowReply, At: at, TookMS: ms(took), Method: method, OK: err == nil, Summary: method, Status: http.StatusOK}
	if err != nil {
		row.Error, row.Status = err.Error(), 0
		if refused := (*tghook.APIError)(nil); errors.As(err, &refused) {
			row.Status = refused.Code
		}
	}
	if q, ok := tghook.QueuedFromContext(ctx); ok {
		row.Cause = r.cause(q.Key, err == nil)
		if u, err := tghook.ParseUpdate(q.Raw); err == nil {
			row.Chat, row.User, row.UpdateID = u.ChatID, u.UserID, u.ID
		}
	}
	x := &storage.Exchange{Method: http.MethodPost, URL: "/bot<token>/" + method, Status: row.Status}
	if body, err := json.Marshal(params); err == nil { // files are references in it
		x.Body = []byte(redact.Tokens(redact.New(b.cfg.Token)(string(body)))) // in the address of a file, for example
	}
	r.storage.Record(row, r.bodies(x))
}

// cause returns the row of the delivery that made the bot reply.
func (r *recorder) cause(key tghook.Key, over bool) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	id := r.causes[key]
	if over {
		delete(r.causes, key)
	}
	return id
}

// letter records that an update has become a dead letter.
func (r *recorder) letter(t *target, d tghook.Delivery) {
	if !r.history.On || d.Update == nil {
		return
	}
	row := r.row(t, d.Update)
	row.Type, row.At, row.Attempt, row.Dropped = rowWarning, time.Now(), d.Attempt, true
	row.Summary = "dead letter: " + row.Summary
	if d.Err != nil {
		row.Error = fieldNames.Replace(d.Err.Error())
	}
	if !r.history.Bodies {
		row.Error = withoutContents(row.Error)
	}
	r.storage.Record(row, nil)
}

func ms(d time.Duration) float64 { return float64(max(d, 0).Microseconds()) / 1000 }
