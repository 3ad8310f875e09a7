package tghook

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"time"
)

// What a configuration or a request shows of itself when it is printed, logged or
// encoded as JSON: the fields that are set, without what is secret. Each type that holds
// a secret has Format for fmt, LogValue for log/slog and MarshalJSON for encoding/json.
// They have value receivers, so that they count in a field, a slice and a map too.

const (
	hidden   = "[hidden]"
	hasToken = "<token>"
)

// shower collects what a value shows. Texts that hold one of its secrets are shown
// without it: a URL may have the token in its path.
type shower struct{ secrets []string }

// show is what v shows; v is a struct of this package.
func show(v any) []slog.Attr {
	s := shower{}
	value := reflect.ValueOf(v)
	s.gather(value)
	return s.fields(value)
}

// isSecret goes by the name, so that a field to come is hidden too.
func isSecret(name string) bool {
	return strings.Contains(name, "Secret") || strings.Contains(name, "Token")
}

// gather notes the secrets in v.
func (s *shower) gather(v reflect.Value) {
	for i := range v.NumField() {
		name, field := v.Type().Field(i).Name, v.Field(i)
		switch {
		case isOurs(field.Type()):
			s.gather(field)
		case isSecret(name) && field.Kind() == reflect.String && field.Len() > 0:
			s.secrets = append(s.secrets, field.String(), url.PathEscape(field.String()))
			if _, half, ok := strings.Cut(field.String(), ":"); ok && half != "" { // a token's
				s.secrets = append(s.secrets, half)
			}
		}
	}
}

func isOurs(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t.PkgPath() == reflect.TypeFor[shower]().PkgPath()
}

// fields are those of v that are set.
func (s *shower) fields(v reflect.Value) (attrs []slog.Attr) {
	for i := range v.NumField() {
		name, field := v.Type().Field(i).Name, v.Field(i)
		if v.Type().Field(i).IsExported() && !field.IsZero() {
			attrs = append(attrs, slog.Any(name, s.value(field, isSecret(name))))
		}
	}
	return attrs
}

// value is what v shows: code, and what is not this package's, its type alone.
func (s *shower) value(v reflect.Value, secret bool) any {
	switch v.Kind() {
	case reflect.Bool:
		return v.Bool()
	case reflect.Int, reflect.Int64:
		if v.Type() == reflect.TypeFor[time.Duration]() {
			return time.Duration(v.Int()).String()
		}
		return v.Int()
	case reflect.String:
		if secret {
			return hidden
		}
		return s.mask(v.String())
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return fmt.Sprintf("%d bytes", v.Len())
		}
		list := make([]any, v.Len())
		for i := range list {
			list[i] = s.value(v.Index(i), secret)
		}
		return list
	case reflect.Interface:
		return s.value(v.Elem(), secret)
	case reflect.Struct:
		if isOurs(v.Type()) {
			return slog.GroupValue(s.fields(v)...)
		}
		if text, ok := reflect.TypeAssert[fmt.Stringer](v); ok && strings.HasPrefix(v.Type().PkgPath(), "net/") { // an address
			return text.String()
		}
	}
	return v.Type().String()
}

func (s *shower) mask(text string) string {
	for _, secret := range s.secrets {
		text = strings.ReplaceAll(text, secret, hidden)
	}
	return maskTokens(text)
}

// aToken is what looks like the token of a bot, whosever it is.
var aToken = regexp.MustCompile(`[0-9]{3,}(:|%3[Aa])[A-Za-z0-9_-]{10,}`)

func maskTokens(text string) string { return aToken.ReplaceAllLiteralString(text, hasToken) }

// writeShown writes {Name:value Name:value}.
func writeShown(w io.Writer, attrs []slog.Attr) {
	_, _ = io.WriteString(w, "{")
	for i, a := range attrs {
		if i > 0 {
			_, _ = io.WriteString(w, " ")
		}
		_, _ = fmt.Fprintf(w, "%s:", a.Key)
		if a.Value.Kind() == slog.KindGroup {
			writeShown(w, a.Value.Group())
		} else {
			_, _ = fmt.Fprint(w, a.Value.Any())
		}
	}
	_, _ = io.WriteString(w, "}")
}

// format is a Format: every verb prints the same, and %#v the type before it.
func format(f fmt.State, v any) {
	if f.Flag('#') {
		_, _ = fmt.Fprintf(f, "%T", v)
	}
	writeShown(f, show(v))
}

func logValue(v any) slog.Value { return slog.GroupValue(show(v)...) }

func marshalShown(v any) ([]byte, error) { return json.Marshal(shownObject(show(v))) }

// shownObject is attrs as a JSON object.
func shownObject(attrs []slog.Attr) map[string]any {
	object := make(map[string]any, len(attrs))
	for _, a := range attrs {
		object[a.Key] = a.Value.Any()
		if a.Value.Kind() == slog.KindGroup {
			object[a.Key] = shownObject(a.Value.Group())
		}
	}
	return object
}

// Format implements [fmt.Formatter]: the fields that are set, without the secrets.
func (c Config) Format(f fmt.State, _ rune) { format(f, c) }

// LogValue implements [slog.LogValuer]: the fields that are set, without the secrets.
func (c Config) LogValue() slog.Value { return logValue(c) }

// MarshalJSON implements [json.Marshaler]: the fields that are set, without the secrets.
// Config cannot be read back from it.
func (c Config) MarshalJSON() ([]byte, error) { return marshalShown(c) }

// Format implements [fmt.Formatter]: the fields that are set, without the secret and the
// body.
func (r Request) Format(f fmt.State, _ rune) { format(f, r) }

// LogValue implements [slog.LogValuer]: the fields that are set, without the secret and
// the body.
func (r Request) LogValue() slog.Value { return logValue(r) }

// MarshalJSON implements [json.Marshaler]: the fields that are set, without the secret
// and the body.
func (r Request) MarshalJSON() ([]byte, error) { return marshalShown(r) }

// Format implements [fmt.Formatter]: the fields that are set, without the secrets.
func (c PollConfig) Format(f fmt.State, _ rune) { format(f, c) }

// LogValue implements [slog.LogValuer]: the fields that are set, without the secrets.
func (c PollConfig) LogValue() slog.Value { return logValue(c) }

// MarshalJSON implements [json.Marshaler]: the fields that are set, without the secrets.
func (c PollConfig) MarshalJSON() ([]byte, error) { return marshalShown(c) }

// Format implements [fmt.Formatter]: String, or with %+v and %#v the fields that are
// set, without the token and the secrets.
func (c RunConfig) Format(f fmt.State, verb rune) {
	if verb == 'v' && (f.Flag('+') || f.Flag('#')) {
		format(f, c)
		return
	}
	_, _ = io.WriteString(f, c.String())
}

// LogValue implements [slog.LogValuer]: the fields that are set, without the token and
// the secrets.
func (c RunConfig) LogValue() slog.Value { return logValue(c) }

// MarshalJSON implements [json.Marshaler]: the fields that are set, without the token
// and the secrets.
func (c RunConfig) MarshalJSON() ([]byte, error) { return marshalShown(c) }

// Format implements [fmt.Formatter]: its [Config], without the secrets.
func (w *Webhook) Format(f fmt.State, verb rune) { w.shown().Format(f, verb) }

// LogValue implements [slog.LogValuer]: its [Config], without the secrets.
func (w *Webhook) LogValue() slog.Value { return w.shown().LogValue() }

// MarshalJSON implements [json.Marshaler]: its [Config], without the secrets.
func (w *Webhook) MarshalJSON() ([]byte, error) { return w.shown().MarshalJSON() }

// shown is the Config of w, with something in the place of each secret.
func (w *Webhook) shown() Config {
	if w == nil {
		return Config{}
	}
	cfg := w.cfg
	for i, place := range []*string{&cfg.Secret, &cfg.PreviousSecret} {
		if i < len(w.secrets()) {
			*place = hidden
		}
	}
	return cfg
}
