package forward

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/tghook/tghook"
)

// Ledger keeps the webhooks that were taken over in files of Dir, one for each bot, until they
// are put back. A URL stands there without the token.
type Ledger struct {
	Dir   string
	Token string
}

// entry is a webhook that was taken over. It lacks what Telegram does not tell.
type entry struct {
	At             time.Time `json:"at"`
	URL            string    `json:"url"`
	Certificate    bool      `json:"has_custom_certificate,omitempty"`
	MaxConnections int       `json:"max_connections,omitempty"`
	token          string
}

const hidden = "<token>"

// Hide returns a text without the token.
func (l Ledger) Hide(text string) string {
	if l.Token == "" {
		return text
	}
	return strings.ReplaceAll(text, l.Token, hidden)
}

func (l Ledger) file(bot int64) string {
	return filepath.Join(l.Dir, "forward-"+strconv.FormatInt(bot, 10)+".json")
}

// read returns the webhook that a run has left behind; nil if there is none.
func (l Ledger) read(bot int64) (*entry, error) {
	content, err := os.ReadFile(l.file(bot))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	e := &entry{token: l.Token}
	if err := json.Unmarshal(content, e); err != nil || e.URL == "" {
		return nil, fmt.Errorf("%s does not say which webhook was taken over: %w; set the webhook again, and remove the file", l.file(bot), errors.Join(err, errors.New("it has no url")))
	}
	return e, nil
}

func (l Ledger) write(bot int64, info tghook.WebhookInfo) error {
	content, err := json.Marshal(entry{At: time.Now().Round(time.Second), URL: l.Hide(info.URL), Certificate: info.HasCustomCertificate, MaxConnections: info.MaxConnections})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(l.Dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(l.file(bot), append(content, '\n'), 0o600)
}

func (l Ledger) clear(bot int64) error {
	if err := os.Remove(l.file(bot)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// info returns the entry as Telegram told it.
func (e *entry) info() tghook.WebhookInfo {
	return tghook.WebhookInfo{
		URL: strings.ReplaceAll(e.URL, hidden, e.token), HasCustomCertificate: e.Certificate, MaxConnections: e.MaxConnections,
	}
}
