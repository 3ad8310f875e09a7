package desk

import (
	"bytes"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/tghook/tghook/cmd/tghook/internal/export"
	"github.com/tghook/tghook/tghooktest"

	"github.com/tghook/tghook/cmd/tghook/internal/jsonhttp"
)

// saved is a file that the user saves.
type saved struct {
	name, kind string
	content    []byte
}

// export answers GET /api/bots/{bot}/export.
func (d *Desk) export(r *http.Request) (any, error) {
	b, err := d.botOf(r)
	if err != nil {
		return nil, err
	}
	format, err := export.ParseFormat(r.URL.Query().Get("format"))
	if err != nil {
		return nil, jsonhttp.Invalid("%v", err)
	}
	s := d.session(b)
	if s.Chat, err = jsonhttp.Number(r, "chat", 0); err != nil {
		return nil, err
	}
	var content bytes.Buffer
	if err := export.Write(&content, format, s); err != nil {
		return nil, fmt.Errorf("export as %s: %w", format, err)
	}
	return saved{format.FileName(s.Username), format.ContentType(), content.Bytes()}, nil
}

func (s saved) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Content-Type", s.kind)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": s.name}))
	_, _ = w.Write(s.content) // a client that has gone needs no answer
}

// session returns what the users of a bot and the bot have done, as far as it is kept.
func (d *Desk) session(b *bot) export.Session {
	s := d.journal.session(b.id)
	hide := d.journal.hider(d.bots.tokens())
	for i := range s.Updates {
		s.Updates[i].Body = []byte(hide.Replace(string(s.Updates[i].Body)))
	}
	faulty := d.journal.faulty()
	for _, c := range b.server.Calls() {
		s.Calls = append(s.Calls, export.Call{Call: hiddenCall(c, hide), Fault: faulty[d.journal.callID(c.ID)]})
	}
	s.Username, s.RefusedReplies = b.server.Info().Username, len(b.server.RefusedReplies()) > 0
	s.Command, s.Webhook = shellLine(d.cfg.Command, hide), hide.Replace(d.cfg.Webhook)
	s.File = func(id string) (tghooktest.File, bool) {
		f, err := b.server.File(id)
		return f, err == nil
	}
	return s
}

// session returns the updates of a bot that are kept, in the order in which they came.
func (j *journal) session(bot int64) (s export.Session) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, key := range j.updates.order {
		if u := j.updates.of[key]; key.bot == bot {
			s.Updates = append(s.Updates, export.Update{Body: slices.Clone(u.body), At: u.at})
		}
	}
	return s
}

// faulty returns the rows for which a fault was picked.
func (j *journal) faulty() map[string]bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	rows := map[string]bool{}
	for _, r := range j.rows {
		if r.row.Fault != "" {
			rows[r.row.ID] = true
		}
	}
	return rows
}

// hiddenCall returns a call without secrets.
func hiddenCall(c tghooktest.Call, hide *strings.Replacer) tghooktest.Call {
	params := make(map[string]string, len(c.Params))
	for name, value := range c.Params {
		params[name] = hide.Replace(value)
	}
	c.Params, c.Result, c.HTTP, c.Header = params, []byte(hide.Replace(string(c.Result))), nil, nil
	return c
}

// shellLine is a command as one writes it in a shell. The variables of the exported tests
// stand for secrets.
func shellLine(command []string, hide *strings.Replacer) string {
	words := make([]string, 0, len(command))
	for _, word := range command {
		word = hide.Replace(word)
		if word == "" || strings.ContainsFunc(word, needsQuotes) {
			word = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		}
		word = strings.NewReplacer("<token>", `'"$BOT_TOKEN"'`, "<secret>", `'"$TELEGRAM_SECRET"'`).Replace(word)
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

func needsQuotes(r rune) bool {
	letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	return !letter && !strings.ContainsRune("-_./:=@%+,", r)
}
