package config

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/tghook/tghook/internal/redact"
)

const (
	maxFile   = 4 << 20
	maxSecret = 64 << 10
	maxPEM    = 1 << 20
	// maxMistakes is how many mistakes are kept. Nobody corrects more at once.
	maxMistakes = 1000
)

// Load reads a file, its secrets and certificates, and checks everything. If something is wrong,
// the error is a *Mistakes, or that of the file.
func Load(path string) (*Config, error) {
	whole, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	data, err := readFile(whole, maxFile)
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: path, Err: err}
	}
	r := &reader{origin: fromFile, folder: filepath.Dir(whole), files: []string{whole}, sources: map[string]source{}}
	var c *Config
	if root := r.readYAML(data); root != nil {
		fileSchema().check(root, r)
		c = r.config(root)
	}
	if err := r.failed(path); err != nil {
		return nil, err
	}
	slices.Sort(r.files)
	c.files, c.sources = slices.Compact(r.files), r.sources
	return c, nil
}

// ParseBot reads the JSON of a bot that the admin API got. It has the form of a bot in the file,
// but its secrets are strings, and its certificates are PEM, because a caller must not read files
// or the environment of the gateway. base has the settings that all bots share, and the bots
// whose tokens are in use. A bot in base with the same name does not count, because the new one
// takes its place. If something is wrong, the error is a *Mistakes.
func ParseBot(name string, spec []byte, base *Config) (*Bot, error) {
	r := &reader{origin: fromRequest}
	var b *Bot
	if root := r.readJSON(spec); root != nil {
		botSchema().check(root, r)
		if !botName.MatchString(name) {
			r.wrongf(&value{field: "name"}, "%s", botNameRule)
		}
		b = r.bot(root, name, base)
		for _, other := range base.Bots {
			if other.Name != name && other.ID == b.ID && b.ID != 0 {
				r.wrongf(root.at("token"), "is the token of the same bot as %s has; a bot may be in the gateway once", other.Name)
			}
		}
	}
	if err := r.failed(""); err != nil {
		return nil, err
	}
	b.Added = true
	return b, nil
}

// origin says where a configuration comes from.
type origin int

const (
	fromFile    origin = iota // the configuration file
	fromRequest               // a request of the admin API
)

// A reader reads a configuration, and collects its mistakes.
type reader struct {
	origin   origin
	folder   string            // where relative paths begin
	files    []string          // that were read
	sources  map[string]source // where secrets and certificates come from, by field
	mistakes []Mistake
	told     map[place]bool // where mistakes are
}

type place struct {
	field string
	line  int
}

// wrongf adds a mistake. There is one for each value: the first one.
func (r *reader) wrongf(v *value, format string, args ...any) {
	at := place{v.field, v.line}
	if r.told[at] || r.full() {
		return
	}
	if r.told == nil {
		r.told = map[place]bool{}
	}
	r.told[at] = true
	r.mistakes = append(r.mistakes, Mistake{Line: v.line, Field: v.field, What: fmt.Sprintf(format, args...)})
}

// full reports whether there are so many mistakes that no other one is kept.
func (r *reader) full() bool { return len(r.mistakes) >= maxMistakes }

// failed returns the mistakes as an error; nil if there are none.
func (r *reader) failed(file string) error {
	if len(r.mistakes) == 0 {
		return nil
	}
	slices.SortStableFunc(r.mistakes, func(a, b Mistake) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Field, b.Field))
	})
	if r.full() {
		r.mistakes = append(r.mistakes, Mistake{What: "there may be more mistakes; correct these first"})
	}
	return &Mistakes{File: file, All: r.mistakes}
}

// path returns the absolute path that a value names.
func (r *reader) path(name string) string {
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(r.folder, name)
}

// read reads a file that a value names. If it cannot be read, that is a mistake.
func (r *reader) read(v *value, limit int64) (data []byte, path string, ok bool) {
	path = r.path(v.text())
	r.files = append(r.files, path)
	data, err := readFile(path, limit)
	if err != nil {
		r.wrongf(v, "the file %s cannot be read: %s", redact.Tokens(path), redact.Tokens(err.Error()))
	}
	return data, path, err == nil
}

var (
	errIrregular = errors.New("it is not a regular file")
	errTooLarge  = errors.New("it is too large")
)

// readFile reads a file of a bounded size. A pipe or a device is an error, because a read of it
// may never return. The error does not name the file.
func readFile(path string, limit int64) ([]byte, error) {
	about, err := os.Stat(path)
	if err != nil {
		return nil, withoutName(err)
	}
	if !about.Mode().IsRegular() {
		return nil, errIrregular
	}
	f, err := os.Open(path) //nolint:gosec // whoever writes the configuration may name any file
	if err != nil {
		return nil, withoutName(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	switch {
	case err != nil:
		return nil, withoutName(err)
	case int64(len(data)) > limit:
		return nil, errTooLarge
	}
	return data, nil
}

// withoutName returns the error of an operation on a file without the name of the file.
func withoutName(err error) error {
	var failed *fs.PathError
	if errors.As(err, &failed) {
		return failed.Err
	}
	return err
}
