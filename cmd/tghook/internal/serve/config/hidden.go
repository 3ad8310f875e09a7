package config

import (
	"encoding/json"
	"fmt"
	"log/slog"

	"github.com/tghook/tghook/internal/redact"
)

// The types that have secrets print, log and encode only what they are.

func (s Storage) String() string { return "storage" }
func (a Admin) String() string   { return "admin API" }
func (p Page) String() string    { return "page" }
func (b Bot) String() string     { return "bot " + b.Name }
func (t Target) String() string  { return "target " + t.Name }

// Format writes String for every verb.
func (s Storage) Format(f fmt.State, verb rune) { redact.Text(f, verb, s.String()) }

// Format writes String for every verb.
func (a Admin) Format(f fmt.State, verb rune) { redact.Text(f, verb, a.String()) }

// Format writes String for every verb.
func (p Page) Format(f fmt.State, verb rune) { redact.Text(f, verb, p.String()) }

// Format writes String for every verb.
func (b Bot) Format(f fmt.State, verb rune) { redact.Text(f, verb, b.String()) }

// Format writes String for every verb.
func (t Target) Format(f fmt.State, verb rune) { redact.Text(f, verb, t.String()) }

// LogValue is String.
func (s Storage) LogValue() slog.Value { return slog.StringValue(s.String()) }

// LogValue is String.
func (a Admin) LogValue() slog.Value { return slog.StringValue(a.String()) }

// LogValue is String.
func (p Page) LogValue() slog.Value { return slog.StringValue(p.String()) }

// LogValue is String.
func (b Bot) LogValue() slog.Value { return slog.StringValue(b.String()) }

// LogValue is String.
func (t Target) LogValue() slog.Value { return slog.StringValue(t.String()) }

// MarshalJSON encodes String.
func (s Storage) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

// MarshalJSON encodes String.
func (a Admin) MarshalJSON() ([]byte, error) { return json.Marshal(a.String()) }

// MarshalJSON encodes String.
func (p Page) MarshalJSON() ([]byte, error) { return json.Marshal(p.String()) }

// MarshalJSON encodes String.
func (b Bot) MarshalJSON() ([]byte, error) { return json.Marshal(b.String()) }

// MarshalJSON encodes String.
func (t Target) MarshalJSON() ([]byte, error) { return json.Marshal(t.String()) }
