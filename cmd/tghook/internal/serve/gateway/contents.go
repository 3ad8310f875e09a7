package gateway

import (
	"context"
	"errors"
	"log/slog"
	"regexp"
)

// discreet leaves what users write out of log lines: of the gateway, and of the library.
type discreet struct{ slog.Handler }

// errHidden is for the library, which logs an update whole when nothing else has kept it.
var errHidden = errors.New("the update is not logged, because log.contents is false")

// Handle implements [slog.Handler]. If it leaves out an update, the line is written, and the error
// is errHidden.
func (d discreet) Handle(ctx context.Context, r slog.Record) error {
	var hidden error
	line := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "update" {
			hidden = errHidden
			return true
		}
		line.AddAttrs(slog.Attr{Key: a.Key, Value: discreetly(a.Value)})
		return true
	})
	if err := d.Handler.Handle(ctx, line); err != nil {
		return err
	}
	return hidden
}

func discreetly(v slog.Value) slog.Value {
	switch v = v.Resolve(); v.Kind() {
	case slog.KindString:
		return slog.StringValue(withoutContents(v.String()))
	case slog.KindAny:
		if err, ok := v.Any().(error); ok {
			return slog.StringValue(withoutContents(err.Error()))
		}
	default:
	}
	return v
}

// WithAttrs implements [slog.Handler]. The attributes are the gateway's own.
func (d discreet) WithAttrs(attrs []slog.Attr) slog.Handler {
	return discreet{d.Handler.WithAttrs(attrs)}
}

// WithGroup implements [slog.Handler].
func (d discreet) WithGroup(name string) slog.Handler { return discreet{d.Handler.WithGroup(name)} }

// excerpt finds the excerpt of an update in the text of a [tghook.DecodeError]. The text may have
// been cut in the middle of it.
var excerpt = regexp.MustCompile(`(decode update(?: -?\d+)?: [^\n]*?) in "(?:[^"\\]|\\.)*(?:"|\\?$)`)

// withoutContents returns the text of an error. If an update cannot be read, its excerpt is left out.
func withoutContents(text string) string { return excerpt.ReplaceAllString(text, "$1") }
