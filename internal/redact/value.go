package redact

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"reflect"
	"strings"
	"time"
)

// Hidden is shown in place of a secret in a value.
const Hidden = "[hidden]"

// shower collects the fields that a value shows. Texts that contain one of its secrets are
// shown without it, because a URL may have the token in its path.
type shower struct {
	ours    string // the path of the package that defines the type of the value
	secrets []string
}

// show returns the fields that v shows. v is a struct.
func show(v any) []slog.Attr {
	value := reflect.ValueOf(v)
	s := shower{ours: value.Type().PkgPath()}
	s.gather(value)
	return s.fields(value)
}

// isSecret decides by the name of a field, so that fields of later versions are hidden too.
func isSecret(name string) bool {
	return strings.Contains(name, "Secret") || strings.Contains(name, "Token")
}

// gather notes the secrets in v.
func (s *shower) gather(v reflect.Value) {
	for i := range v.NumField() {
		name, field := v.Type().Field(i).Name, v.Field(i)
		switch {
		case s.isOurs(field.Type()):
			s.gather(field)
		case isSecret(name) && field.Kind() == reflect.String && field.Len() > 0:
			s.secrets = append(s.secrets, field.String(), url.PathEscape(field.String()))
			if _, half, ok := strings.Cut(field.String(), ":"); ok && half != "" { // the secret half of a token
				s.secrets = append(s.secrets, half)
			}
		}
	}
}

func (s *shower) isOurs(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t.PkgPath() == s.ours
}

// fields returns the exported fields of v that are set.
func (s *shower) fields(v reflect.Value) (attrs []slog.Attr) {
	for i := range v.NumField() {
		name, field := v.Type().Field(i).Name, v.Field(i)
		if v.Type().Field(i).IsExported() && !field.IsZero() {
			attrs = append(attrs, slog.Any(name, s.value(field, isSecret(name))))
		}
	}
	return attrs
}

// value returns the form in which v is shown. A function, and a value of another package's
// type, show only their type.
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
			return Hidden
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
		if s.isOurs(v.Type()) {
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
		text = strings.ReplaceAll(text, secret, Hidden)
	}
	return Tokens(text)
}

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

// Format is the Format method of v. Every verb prints the same. %#v prints the type before it.
func Format(f fmt.State, v any) {
	if f.Flag('#') {
		_, _ = fmt.Fprintf(f, "%T", v)
	}
	writeShown(f, show(v))
}

// LogValue is the LogValue method of v.
func LogValue(v any) slog.Value { return slog.GroupValue(show(v)...) }

// MarshalJSON is the MarshalJSON method of v. v cannot be read back from it.
func MarshalJSON(v any) ([]byte, error) { return json.Marshal(shownObject(show(v))) }

// shownObject returns attrs as a JSON object.
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
