package outlet

import (
	"bytes"
	"encoding/base64"
	"maps"
	"net/http"
	"slices"
	"strings"
	"unicode"

	"github.com/tghook/tghook/cmd/tghook/internal/serve/config"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/storage"
	"github.com/tghook/tghook/cmd/tghook/internal/wire"
)

// hidden stands for a secret.
const hidden = "<secret>"

// mask replaces the secrets of a target.
type mask struct{ *strings.Replacer }

func newMask(t config.Target) mask {
	var pairs []string
	hide := func(secret string) {
		if secret != "" {
			pairs = append(pairs, secret, hidden)
		}
	}
	if t.URL.User != nil {
		hide(base64.StdEncoding.EncodeToString([]byte(t.URL.User.String())))
		password, _ := t.URL.User.Password()
		hide(password)
		_, encoded, _ := strings.Cut(t.URL.User.String(), ":")
		hide(encoded)
	}
	hide(t.Secret)
	hide(t.Signature)
	return mask{strings.NewReplacer(pairs...)}
}

// isSecret reports whether a header of a request has a secret.
func isSecret(name string) bool {
	switch http.CanonicalHeaderKey(name) {
	case wire.SecretHeader, "Authorization", "Webhook-Signature":
		return true
	}
	return false
}

// sent returns the exchange of a request that has no answer yet, without secrets.
func (o *Outlet) sent(request, body []byte) *storage.Exchange {
	x := &storage.Exchange{URL: o.target.String(), Body: body}
	head, _, _ := bytes.Cut(request, []byte("\r\n\r\n"))
	first, lines, _ := strings.Cut(string(head), "\r\n")
	x.Method, _, _ = strings.Cut(first, " ")
	for line := range strings.SplitSeq(lines, "\r\n") {
		name, value, _ := strings.Cut(line, ": ")
		if isSecret(name) {
			value = hidden
		}
		x.Header = append(x.Header, [2]string{name, value})
	}
	return x
}

// answered adds the head of an answer to an exchange. A bot that fails may show the request, with
// its secrets.
func (m mask) answered(x *storage.Exchange, a *wire.Answer) {
	x.Status = a.Status
	for _, name := range slices.Sorted(maps.Keys(a.Header)) {
		for _, value := range a.Header[name] {
			x.AnswerHeader = append(x.AnswerHeader, [2]string{name, m.Replace(value)})
		}
	}
}

// excerpt returns the beginning of an answer without secrets.
func (m mask) excerpt(content []byte) []byte { return []byte(m.Replace(string(content))) }

// longestReason is how many bytes of text from the bot an error has.
const longestReason = 300

// plain returns text from the bot in a form that an error may have: one short line without
// secrets.
func (m mask) plain(text string) string {
	text = strings.ToValidUTF8(m.Replace(text), "?")
	if len(text) > longestReason {
		text = strings.ToValidUTF8(text[:longestReason], "") + "..."
	}
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
}
