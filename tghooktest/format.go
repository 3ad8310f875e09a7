package tghooktest

import (
	"fmt"
	"log/slog"
)

// String names the bot and leaves out the token, which may be that of a bot in service.
func (c ServerConfig) String() string {
	id, _ := botOf(c.Token)
	return fmt.Sprintf("tghooktest.ServerConfig of bot %d", id)
}

// Format writes String for every verb.
func (c ServerConfig) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, c.String()) }

// LogValue returns String.
func (c ServerConfig) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalJSON writes String.
func (c ServerConfig) MarshalJSON() ([]byte, error) { return fmt.Appendf(nil, "%q", c.String()), nil }

// String names the bot and leaves out the token, which may be that of a bot in service.
func (c BotConfig) String() string {
	id, _ := botOf(c.Token)
	return fmt.Sprintf("tghooktest.BotConfig of bot %d", id)
}

// Format writes String for every verb.
func (c BotConfig) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, c.String()) }

// LogValue returns String.
func (c BotConfig) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalJSON writes String.
func (c BotConfig) MarshalJSON() ([]byte, error) { return fmt.Appendf(nil, "%q", c.String()), nil }

// String names the bot and the URL and leaves out the token, which may be that of a bot in
// service.
func (s *Server) String() string {
	return fmt.Sprintf("tghooktest.Server of bot %d at %s", s.id, s.URL)
}

// Format writes String for every verb.
func (s *Server) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, s.String()) }

// LogValue returns String.
func (s *Server) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalJSON writes String.
func (s *Server) MarshalJSON() ([]byte, error) { return fmt.Appendf(nil, "%q", s.String()), nil }
