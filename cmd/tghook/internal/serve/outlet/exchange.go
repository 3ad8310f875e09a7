package outlet

import (
	"bytes"
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/tghook/tghook/cmd/tghook/internal/serve/config"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/storage"
	"github.com/tghook/tghook/cmd/tghook/internal/wire"
	"github.com/tghook/tghook/internal/redact"
)

// hidden stands for a secret.
const hidden = "<secret>"

// mask replaces the secrets of a target, and the token of its bot.
type mask struct {
	secrets *strings.Replacer
	token   func(string) string
}

// newMask returns the mask of a target. The token may be empty.
func newMask(t config.Target, token string) mask {
	secrets := append(secretsOf(t.URL), t.Secret, t.Signature)
	secrets = slices.DeleteFunc(secrets, func(secret string) bool { return secret == "" })
	// Of two that begin alike, the longer one is replaced whole.
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) })
	pairs := make([]string, 0, 2*len(secrets))
	for _, secret := range secrets {
		pairs = append(pairs, secret, hidden)
	}
	return mask{strings.NewReplacer(pairs...), redact.New(token)}
}

// shortestQuery is the length from which a query, or a value in it, is replaced. A shorter text may be
// a word of any answer.
const shortestQuery = 8

// secretsOf returns the password and the query of a URL, and the parts of its path that look like
// secrets.
func secretsOf(u *url.URL) (secrets []string) {
	if u.User != nil {
		password, _ := u.User.Password()
		_, encoded, _ := strings.Cut(u.User.String(), ":")
		secrets = append(secrets, base64.StdEncoding.EncodeToString([]byte(u.User.String())), password, encoded)
	}
	for part := range strings.SplitSeq(u.EscapedPath(), "/") {
		if redact.URL(part) != part {
			secrets = append(secrets, part)
		}
	}
	parts := []string{u.RawQuery}
	for pair := range strings.SplitSeq(u.RawQuery, "&") {
		_, value, _ := strings.Cut(pair, "=")
		parts = append(parts, value)
	}
	for _, part := range parts {
		if len(part) >= shortestQuery {
			secrets = append(secrets, part, unescape(part))
		}
	}
	return secrets
}

// hide returns text without the secrets, and without what looks like the token of any bot.
func (m mask) hide(text string) string { return redact.Tokens(m.token(m.secrets.Replace(text))) }

// isSecret reports whether the whole value of a header is secret.
func isSecret(name string) bool {
	switch http.CanonicalHeaderKey(name) {
	case wire.SecretHeader, "Authorization", "Webhook-Signature", "Set-Cookie":
		return true
	}
	return false
}

// shown returns the value of a header of an answer without secrets. The query of an address may be
// one, such as the key of a login.
func (m mask) shown(name, value string) string {
	switch {
	case isSecret(name):
		return hidden
	case name == "Location", name == "Content-Location", name == "Refresh":
		if at := strings.IndexAny(value, "?#"); at >= 0 {
			value = value[:at+1] + "..."
		}
		value = redact.URL(value)
	}
	return m.hide(value)
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
			x.AnswerHeader = append(x.AnswerHeader, [2]string{name, m.shown(name, value)})
		}
	}
}

// excerpt returns the beginning of an answer without secrets.
func (m mask) excerpt(content []byte) []byte { return []byte(m.hide(string(content))) }

// longestReason is how many bytes of text from the bot an error has.
const longestReason = 300

// plain returns text from the bot in a form that an error may have: one short line without
// secrets.
func (m mask) plain(text string) string {
	text = strings.ToValidUTF8(m.hide(text), "?")
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
