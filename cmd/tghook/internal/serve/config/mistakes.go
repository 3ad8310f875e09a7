package config

import "strings"

// Mistake is one mistake in a configuration.
type Mistake struct {
	Line  int    // where it stands, from 1; 0 if it has no place
	Field string // such as bots.shop.to.url
	What  string // what is wrong, and what to do
}

// Mistakes are all mistakes of a configuration, in the order of their lines. It is an error.
type Mistakes struct {
	File string // empty for JSON of the admin API
	All  []Mistake
}

// Error has a line for each mistake: file:line: field: what.
func (m *Mistakes) Error() string { return strings.TrimSpace(m.File) }

// Load reads a file, its secrets and certificates, and checks everything. If something is wrong,
// the error is a *Mistakes, or that of the file.
func Load(path string) (*Config, error) { return nil, nil }

// ParseBot reads the JSON of a bot that the admin API got. It has the form of a bot in the file,
// but its secrets are strings, because a caller must not read files or the environment of the
// gateway. If something is wrong, the error is a *Mistakes.
func ParseBot(name string, spec []byte, base *Config) (*Bot, error) { return nil, nil }

// Files returns the files that the configuration was read from: the file itself, and those of
// secrets and certificates. If one changes, the configuration may have changed.
func (c *Config) Files() []string { return nil }

// Dump returns the configuration with all defaults, as YAML, without secrets.
func (c *Config) Dump() ([]byte, error) { return nil, nil }

// Schema returns the JSON Schema of the file.
func Schema() []byte { return nil }
